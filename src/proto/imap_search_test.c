#include "proto/imap_search.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "proto/imap_dump.h"

#include <errno.h>
#include <stdlib.h>

enum { ARENA = 1 << 20 };

static const struct good {
	const char *in, *out;
} good[] = {
	{ "ALL", " and/2 all" },
	{ "UNSEEN SEEN NEW old", " and/5 flags=0&1 flags=1&1 flags=20&21 flags=0&20" },
	{ "ANSWERED DELETED DRAFT FLAGGED RECENT",
		" and/6 flags=2&2 flags=8&8 flags=10&10 flags=4&4 flags=20&20" },
	{ "UNANSWERED UNDELETED UNDRAFT UNFLAGGED",
		" and/5 flags=0&2 flags=0&8 flags=0&10 flags=0&4" },
	{ "KEYWORD $Junk UNKEYWORD x", " and/3 keyword=$Junk keyword=!x" },
	{ "1:5,* UID 3:*", " and/3 seq 1:5,* uid 3:*" },
	{ "*", " and/2 seq *" },
	{ "FROM joe TO \"a b\" CC x BCC y SUBJECT {3}\r\nh i",
		" and/6 header=From <joe> header=To <a b> header=Cc <x> header=Bcc <y> "
		"header=Subject <h i>" },
	{ "HEADER X-Spam \"\"", " and/2 header=X-Spam <>" },
	{ "BODY gr\xc3\xbc\xc3\x9f"
	  "e",
		NULL },
	{ "BODY \"gr\xc3\xbc\" TEXT y", " and/3 body <gr\xc3\xbc> text <y>" },
	{ "BODY \"gr\xfc\"", NULL },
	{ "BEFORE 1-Jan-1970 ON \"2-Jan-1970\" SINCE 31-Dec-1969",
		" and/4 date=<0 date==1 date=>-1" },
	{ "SENTBEFORE 1-Jan-1970 SENTON 2-Jan-1970 SENTSINCE 3-Jan-1970",
		" and/4 date=sent<0 date=sent=1 date=sent>2" },
	{ "ON 31-Feb-1994", NULL },
	{ "LARGER 100 SMALLER 9223372036854775807",
		" and/3 larger=100 smaller=9223372036854775807" },
	{ "MODSEQ 620162338", " with-modseq and/2 modseq=620162338" },
	{ "MODSEQ \"/flags/\\\\draft\" all 5", " with-modseq and/2 modseq=5" },
	{ "NOT SEEN", " and/3 not/2 flags=1&1" },
	{ "OR SEEN NOT DRAFT ALL", " and/6 or/4 flags=1&1 not/2 flags=10&10 all" },
	{ "(SEEN)", " and/3 and/2 flags=1&1" },
	{ "((SEEN DRAFT) (ALL)) ALL", " and/8 and/6 and/3 flags=1&1 flags=10&10 and/2 all all" },
	{ "OR (SEEN) (OR 1 2) NOT (NOT ALL)",
		" and/12 or/7 and/2 flags=1&1 and/4 or/3 seq 1 seq 2 not/4 and/3 not/2 all" },
	{ "CHARSET utf-8 ALL", " and/2 all" },
	{ "CHARSET \"US-ASCII\" ALL", " and/2 all" },
	{ "RETURN (MIN MAX COUNT) CHARSET UTF-8 ALL", " return=b and/2 all" },
	{ "RETURN () ALL", " return=4 and/2 all" },
	{ "RETURN (ALL) ALL", " return=4 and/2 all" },
	{ "RETURN (SAVE) ALL", NULL },
	{ "RETURN ALL", NULL },
	{ "CHARSET KOI8-R ALL", NULL },
	{ "", NULL },
	{ "()", NULL },
	{ "(ALL", NULL },
	{ "ALL)", NULL },
	{ "(ALL) )", NULL },
	{ "NOT", NULL },
	{ "NOT ", NULL },
	{ "OR ALL", NULL },
	{ "OR ALL ", NULL },
	{ "ALL  ALL", NULL },
	{ "ALL ", NULL },
	{ "(ALL )", NULL },
	{ "(NOT) ALL", NULL },
	{ "BANANA", NULL },
	{ "FROM", NULL },
	{ "UID", NULL },
	{ "UID x", NULL },
	{ "0", NULL },
	{ "LARGER x", NULL },
	{ "KEYWORD \\Seen", NULL },
};

static bool parse(
	const char *program, struct arena *a, struct imap_command *c, struct imap_error *error)
{
	str in = arena_printf(a, "a SEARCH %s", program);
	return imap_command_parse(in, a, c, error);
}

static void test_programs(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct arena a = ARENA_INIT(ARENA);
		struct buf dump CLEANUP(buf_done) = BUF_INIT(65536);
		struct imap_command c;
		struct imap_error error;
		bool ok = parse(good[i].in, &a, &c, &error);
		if (!ok && good[i].out)
			fail_msg("%s: %s at %zu", good[i].in, error.text, error.at);
		if (ok)
			dump_search(&dump, &c.search);
		buf_add_char(&dump, '\0');
		if (ok)
			assert_string_equal(dump.p, good[i].out ? good[i].out : "a failure");
		arena_done(&a);
	}
}

static void test_prefixes(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		str whole = str_from_z(good[i].in);
		for (size_t n = 0; n <= whole.n; n++) {
			struct arena a = ARENA_INIT(ARENA);
			struct imap_command c;
			struct imap_error error = { 0 };
			char *copy = str_dup_z(str_first(whole, n));
			if (parse(copy, &a, &c, &error))
				assert_int_equal(c.search.keys[0].size, c.search.key_count);
			else
				assert_non_null(error.text);
			free(copy);
			arena_done(&a);
		}
	}
}

static void test_charset_reply(void **state)
{
	struct arena a = ARENA_INIT(ARENA);
	struct imap_command c;
	struct imap_error error;
	assert_false(parse("CHARSET KOI8-R ALL", &a, &c, &error));
	assert_int_equal(error.kind, IMAP_ERROR_CHARSET);
	arena_done(&a);
}

/* The deepest program that is allowed parses and evaluates. */
static void test_depth(void **state)
{
	struct arena a = ARENA_INIT(ARENA);
	struct buf in CLEANUP(buf_done) = BUF_INIT(65536);
	struct imap_command c;
	struct imap_error error;
	for (int depth = 1; depth < IMAP_SEARCH_MAX_DEPTH; depth++)
		buf_add(&in, STR("NOT "));
	size_t n = in.n;
	buf_add(&in, STR("ALL"));
	buf_add_char(&in, '\0');
	assert_true(parse(in.p, &a, &c, &error));
	assert_int_equal(c.search.key_count, IMAP_SEARCH_MAX_DEPTH + 1);
	in.n = n;
	buf_add(&in, STR("NOT ALL"));
	buf_add_char(&in, '\0');
	assert_false(parse(in.p, &a, &c, &error));
	arena_done(&a);
}

/* A leaf is LARGER n; n says what it answers: bit i of `true_leaves`. */
struct leaves {
	unsigned true_leaves;
	int asked;
};

static int leaf(void *context, const struct imap_search_key *key)
{
	struct leaves *l = context;
	l->asked++;
	if (key->kind == IMAP_SEARCH_ALL)
		return 1;
	return key->number > 31 ? -EIO : (int)(l->true_leaves >> key->number & 1);
}

/* Every combination of values of the leaves 0, 1, 2, 3 against a function in C. */
static void test_match(void **state)
{
	static const char *const programs[] = {
		"LARGER 0 LARGER 1",
		"OR LARGER 0 LARGER 1",
		"NOT LARGER 0",
		"OR NOT LARGER 0 (LARGER 1 LARGER 2) LARGER 3",
		"NOT (NOT LARGER 0 OR LARGER 1 NOT LARGER 2) OR LARGER 3 OR LARGER 0 LARGER 1",
		"OR OR OR LARGER 0 LARGER 1 LARGER 2 LARGER 3",
		"(((LARGER 0)) (LARGER 1 (NOT NOT LARGER 2)))",
	};
	for (unsigned v = 0; v < 16; v++) {
		bool a = v & 1, b = v & 2, c = v & 4, d = v & 8;
		const bool expected[] = {
			a && b,
			a || b,
			!a,
			(!a || (b && c)) && d,
			!(!a && (b || !c)) && (d || a || b),
			a || b || c || d,
			a && b && c,
		};
		for (size_t i = 0; i < ARRAY_LEN(programs); i++) {
			struct arena arena = ARENA_INIT(ARENA);
			struct imap_command command;
			struct imap_error error;
			struct leaves l = { .true_leaves = v };
			assert_true(parse(programs[i], &arena, &command, &error));
			if (imap_search_match(&command.search, leaf, &l) != expected[i])
				fail_msg("%s with %x", programs[i], v);
			arena_done(&arena);
		}
	}
}

static void check_asked(const char *program, unsigned true_leaves, int result, int asked)
{
	struct arena arena = ARENA_INIT(ARENA);
	struct imap_command command;
	struct imap_error error;
	struct leaves l = { .true_leaves = true_leaves };
	assert_true(parse(program, &arena, &command, &error));
	assert_int_equal(imap_search_match(&command.search, leaf, &l), result);
	assert_int_equal(l.asked, asked);
	arena_done(&arena);
}

static void test_match_stops_early(void **state)
{
	check_asked("LARGER 0 LARGER 1 LARGER 2", 0, 0, 1);
	check_asked("OR LARGER 0 (LARGER 1 LARGER 2)", 1, 1, 1);
	check_asked("OR LARGER 0 (LARGER 1 LARGER 2)", 0, 0, 2);
	check_asked("NOT (LARGER 0 LARGER 1) ALL", 0, 1, 2);
	check_asked("LARGER 0 LARGER 99", 0, 0, 1);
	check_asked("LARGER 0 LARGER 99 LARGER 0", 1, -EIO, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_programs),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_charset_reply),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_match_stops_early),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
