#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "proto/smtp_path.h"

#include <stdlib.h>

#define A32 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A64 A32 A32
#define L61 "." A32 "aaaaaaaaaaaaaaaaaaaaaaaaaaaa"

enum flags {
	QUOTED = 1,
	ODD = 2,
	ROUTED = 4,
	UTF8 = 8,
	BARE = 16,
	NULL_PATH = 32,
	POSTMASTER = 64
};

static const struct {
	const char *in, *local, *domain, *rest;
	unsigned flags;
	enum smtp_host_kind kind;
} good[] = {
	{ "<>", "", "", "", NULL_PATH, SMTP_HOST_NONE },
	{ "<> SIZE=1", "", "", " SIZE=1", NULL_PATH, SMTP_HOST_NONE },
	{ "<a@b>", "a", "b", "", 0, SMTP_HOST_DOMAIN },
	{ "<a@b.>", "a", "b", "", 0, SMTP_HOST_DOMAIN },
	{ "<a.b+c@b.example> X", "a.b+c", "b.example", " X", 0, SMTP_HOST_DOMAIN },
	{ "<a@b>>", "a", "b", ">", 0, SMTP_HOST_DOMAIN },
	{ "<!#$%&'*+-/=?^_`{|}~@b>", "!#$%&'*+-/=?^_`{|}~", "b", "", ROUTED, SMTP_HOST_DOMAIN },
	{ "<user%other.example@b>", "user%other.example", "b", "", ROUTED, SMTP_HOST_DOMAIN },
	{ "<other.example!user@b>", "other.example!user", "b", "", ROUTED, SMTP_HOST_DOMAIN },
	{ "<\"user@other.example\"@b>", "user@other.example", "b", "", QUOTED | ROUTED,
		SMTP_HOST_DOMAIN },
	{ "<\"a b\"@c>", "a b", "c", "", QUOTED, SMTP_HOST_DOMAIN },
	{ "<\"a\\\"b\\\\\\c\"@d>", "a\"b\\c", "d", "", QUOTED, SMTP_HOST_DOMAIN },
	{ "<\">\"@c> x", ">", "c", " x", QUOTED, SMTP_HOST_DOMAIN },
	{ "<\"\"@c>", "", "c", "", QUOTED, SMTP_HOST_DOMAIN },
	{ "<\"ab\"@c>", "ab", "c", "", QUOTED, SMTP_HOST_DOMAIN },
	{ "<.a@b>", ".a", "b", "", ODD, SMTP_HOST_DOMAIN },
	{ "<a.@b>", "a.", "b", "", ODD, SMTP_HOST_DOMAIN },
	{ "<a..b@c>", "a..b", "c", "", ODD, SMTP_HOST_DOMAIN },
	{ "<@x,@y.z:a@b>", "a", "b", "", 0, SMTP_HOST_DOMAIN },
	{ "<a@[192.0.2.1]>", "a", "[192.0.2.1]", "", 0, SMTP_HOST_IPV4 },
	{ "<a@[IPv6:::1]>", "a", "[IPv6:::1]", "", 0, SMTP_HOST_IPV6 },
	{ "<a@[x:y]>", "a", "[x:y]", "", 0, SMTP_HOST_GENERAL },
	{ "<PostMaster>", "PostMaster", "", "", POSTMASTER, SMTP_HOST_NONE },
	{ "<\"postmaster\">", "postmaster", "", "", POSTMASTER | QUOTED, SMTP_HOST_NONE },
	{ "postmaster", "postmaster", "", "", POSTMASTER | BARE, SMTP_HOST_NONE },
	{ "a@b", "a", "b", "", BARE, SMTP_HOST_DOMAIN },
	{ "a@b SIZE=3", "a", "b", " SIZE=3", BARE, SMTP_HOST_DOMAIN },
	{ "\"a b\"@c d", "a b", "c", " d", BARE | QUOTED, SMTP_HOST_DOMAIN },
	{ "<\xc3\xbc@b>", "\xc3\xbc", "b", "", UTF8, SMTP_HOST_DOMAIN },
	{ "<\"\xc3\xbc \"@b>", "\xc3\xbc ", "b", "", UTF8 | QUOTED, SMTP_HOST_DOMAIN },
	{ "<a@\xc3\xbc.example>", "a", "\xc3\xbc.example", "", UTF8, SMTP_HOST_DOMAIN },
	{ "<" A64 "@b>", A64, "b", "", 0, SMTP_HOST_DOMAIN },
	/* 64 + 1 + 189 = 254 */
	{ "<" A64 "@aaaaaa" L61 L61 L61 ">", A64, "aaaaaa" L61 L61 L61, "", 0, SMTP_HOST_DOMAIN },
};

static const struct {
	const char *in;
	enum smtp_syntax_kind kind;
	size_t at;
} bad[] = {
	{ "", SMTP_SYNTAX_ADDRESS, 0 },
	{ "<", SMTP_SYNTAX_ADDRESS, 1 },
	{ "< >", SMTP_SYNTAX_ADDRESS, 1 },
	{ "<a>", SMTP_SYNTAX_ADDRESS, 2 },
	{ "<a@>", SMTP_SYNTAX_ADDRESS, 3 },
	{ "<@b>", SMTP_SYNTAX_ADDRESS, 3 },
	{ "<@b:>", SMTP_SYNTAX_ADDRESS, 4 },
	{ "<@b,c:d@e>", SMTP_SYNTAX_ADDRESS, 4 },
	{ "<@[192.0.2.1]:d@e>", SMTP_SYNTAX_ADDRESS, 13 },
	{ "<a@b", SMTP_SYNTAX_ADDRESS, 4 },
	{ "<a@b c>", SMTP_SYNTAX_ADDRESS, 4 },
	{ "<a b@c>", SMTP_SYNTAX_ADDRESS, 2 },
	{ "<a@b@c>", SMTP_SYNTAX_ADDRESS, 3 },
	{ "<a,b@c>", SMTP_SYNTAX_ADDRESS, 2 },
	{ "<a:b@c>", SMTP_SYNTAX_ADDRESS, 2 },
	{ "<a(x)@c>", SMTP_SYNTAX_ADDRESS, 2 },
	{ "<<a@b>>", SMTP_SYNTAX_ADDRESS, 1 },
	{ "<\"a@b>", SMTP_SYNTAX_ADDRESS, 6 },
	{ "<\"a\\", SMTP_SYNTAX_ADDRESS, 4 },
	{ "<\"a\\\xc3\xbc\"@b>", SMTP_SYNTAX_ADDRESS, 4 },
	{ "<\"a\"b@c>", SMTP_SYNTAX_ADDRESS, 4 },
	{ "<a\"b\"@c>", SMTP_SYNTAX_ADDRESS, 2 },
	{ "<\"a\x01\"@b>", SMTP_SYNTAX_ADDRESS, 3 },
	{ "<\"a\t\"@b>", SMTP_SYNTAX_ADDRESS, 3 },
	{ "<a\x7f@b>", SMTP_SYNTAX_ADDRESS, 2 },
	{ "<a@b\x01>", SMTP_SYNTAX_ADDRESS, 3 },
	{ "<a@-b>", SMTP_SYNTAX_ADDRESS, 3 },
	{ "<a@1.2.3.4>", SMTP_SYNTAX_ADDRESS, 3 },
	{ "<a@[1.2.3.4>", SMTP_SYNTAX_ADDRESS, 3 },
	{ "<a@[::1]>", SMTP_SYNTAX_ADDRESS, 3 },
	{ "<\xff@b>", SMTP_SYNTAX_ADDRESS, 0 },
	{ "a", SMTP_SYNTAX_ADDRESS, 1 },
	{ "<" A64 "a@b>", SMTP_SYNTAX_ADDRESS_LONG, 1 },
	{ "<\"" A64 "a\"@b>", SMTP_SYNTAX_ADDRESS_LONG, 1 },
	{ "<" A64 "@aaaaaaa" L61 L61 L61 ">", SMTP_SYNTAX_ADDRESS_LONG, 1 },
};

static const struct smtp_path_options all = { true, true, true };

static unsigned flags_of(const struct smtp_path *p)
{
	return (p->quoted ? QUOTED : 0) | (p->odd_dots ? ODD : 0) | (p->routed ? ROUTED : 0) |
	       (p->utf8 ? UTF8 : 0) | (p->unbracketed ? BARE : 0) | (p->is_null ? NULL_PATH : 0) |
	       (p->is_postmaster ? POSTMASTER : 0);
}

static void test_good(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		CLEANUP(arena_done) struct arena arena = ARENA_INIT(4096);
		struct smtp_path path;
		struct smtp_syntax syntax = { 0 };
		str rest;
		print_message("# case %zu\n", i);
		assert_true(smtp_path_parse(
			str_from_z(good[i].in), &all, &arena, &path, &rest, &syntax));
		assert_true(str_equal(path.local, str_from_z(good[i].local)));
		assert_true(str_equal(path.domain, str_from_z(good[i].domain)));
		assert_true(str_equal(rest, str_from_z(good[i].rest)));
		assert_int_equal(flags_of(&path), good[i].flags);
		assert_int_equal(path.domain_kind, good[i].kind);
	}
}

static void test_bad(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CLEANUP(arena_done) struct arena arena = ARENA_INIT(4096);
		struct smtp_path path;
		struct smtp_syntax syntax = { 0 };
		str rest = STR("untouched");
		print_message("# case %zu\n", i);
		assert_false(smtp_path_parse(
			str_from_z(bad[i].in), &all, &arena, &path, &rest, &syntax));
		assert_int_equal(syntax.kind, bad[i].kind);
		assert_int_equal(syntax.at, bad[i].at);
		assert_non_null(syntax.why);
		assert_true(str_equal(rest, STR("untouched")));
	}
}

/* No prefix of a bracketed path but the whole is one; memory behind it is not read. */
static void test_prefixes(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		str in = str_from_z(good[i].in);
		for (size_t n = 0; n < in.n - strlen(good[i].rest); n++) {
			CLEANUP(arena_done) struct arena arena = ARENA_INIT(4096);
			CLEANUP(free_pointer) char *copy = xmalloc(n + 1);
			char *exact = copy + 1;
			memcpy(exact, in.p, n);
			struct smtp_path path;
			struct smtp_syntax syntax;
			str rest;
			bool fine = smtp_path_parse(
				str_from(exact, n), &all, &arena, &path, &rest, &syntax);
			if (in.p[0] == '<')
				assert_false(fine);
			if (!fine)
				assert_true(syntax.at <= n);
		}
	}
}

static void test_options(void **state)
{
	CLEANUP(arena_done) struct arena arena = ARENA_INIT(4096);
	struct smtp_path_options none = { 0 };
	struct smtp_path path;
	struct smtp_syntax syntax;
	str rest;
	assert_false(smtp_path_parse(STR("<>"), &none, &arena, &path, &rest, &syntax));
	assert_int_equal(syntax.kind, SMTP_SYNTAX_ADDRESS);
	assert_false(smtp_path_parse(STR("<postmaster>"), &none, &arena, &path, &rest, &syntax));
	assert_false(smtp_path_parse(STR("<\xc3\xbc@b>"), &none, &arena, &path, &rest, &syntax));
	assert_int_equal(syntax.kind, SMTP_SYNTAX_NEEDS_UTF8);
	assert_true(smtp_path_parse(STR("<@x,@y:a@b>"), &none, &arena, &path, &rest, &syntax));
	assert_true(str_equal(path.route, STR("@x,@y")));
	assert_true(str_equal(path.raw, STR("@x,@y:a@b")));
	struct arena full = ARENA_INIT(1);
	assert_false(smtp_path_parse(STR("<\"\\a\"@b>"), &none, &full, &path, &rest, &syntax));
	assert_int_equal(syntax.kind, SMTP_SYNTAX_NO_MEMORY);
	arena_done(&full);
}

/* SRS0=…: the whole path counts, not its local part. */
static void test_long_senders(void **state)
{
	static const struct {
		const char *in;
		size_t n; /* 0: too long */
	} rows[] = { { "<" A64 "a@b>", 65 }, { "<\"" A64 "\\ a\"@b>", 66 },
		{ "<" A64 A64 A64 A32 "@b>", 224 }, { "<" A64 A64 A64 L61 "@b>", 0 },
		{ "<" A64 A64 A64 A64 "@b>", 0 }, { "<\"" A64 A64 A64 A64 "\"@b>", 0 } };
	const struct smtp_path_options options = { .allow_long_local = true };
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(arena_done) struct arena arena = ARENA_INIT(4096);
		struct smtp_path path;
		struct smtp_syntax syntax;
		str rest;
		bool fine = smtp_path_parse(
			str_from_z(rows[i].in), &options, &arena, &path, &rest, &syntax);
		assert_int_equal(fine, rows[i].n > 0);
		assert_int_equal(fine ? path.local.n : syntax.kind,
			fine ? rows[i].n : SMTP_SYNTAX_ADDRESS_LONG);
	}
}

static void test_mailbox(void **state)
{
	static const struct {
		const char *in, *formatted; /* NULL: refused */
	} mailboxes[] = {
		{ "a@b", "a@b" },
		{ "A.b@C.example.", "A.b@C.example" },
		{ "\"a.b\"@c", "a.b@c" },
		{ "\"a b\"@c", "\"a b\"@c" },
		{ "\"\\a\\\"\"@c", "\"a\\\"\"@c" },
		{ "\"\"@c", "\"\"@c" },
		{ "a..b@c", "\"a..b\"@c" },
		{ "a@[192.0.2.1]", "a@[192.0.2.1]" },
		{ "\xc3\xbc@b", "\xc3\xbc@b" },
		{ "", NULL },
		{ "a", NULL },
		{ "postmaster", NULL },
		{ "<a@b>", NULL },
		{ "<>", NULL },
		{ " a@b", NULL },
		{ "a@b ", NULL },
		{ "a@b c", NULL },
		{ "@x:a@b", NULL },
		{ "a@b\n", NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(mailboxes); i++) {
		CLEANUP(arena_done) struct arena arena = ARENA_INIT(4096);
		CLEANUP(buf_done) struct buf out = BUF_INIT(4096);
		struct smtp_path path;
		print_message("# case %zu\n", i);
		bool fine =
			smtp_mailbox_parse(str_from_z(mailboxes[i].in), true, &arena, &path, NULL);
		assert_int_equal(fine, mailboxes[i].formatted != NULL);
		if (!fine)
			continue;
		smtp_mailbox_format(path.local, path.domain, &out);
		assert_true(str_equal(buf_str(&out), str_from_z(mailboxes[i].formatted)));
	}
}

static void test_format_without_domain(void **state)
{
	CLEANUP(buf_done) struct buf out = BUF_INIT(4096);
	smtp_mailbox_format(STR_EMPTY, STR_EMPTY, &out);
	assert_int_equal(out.n, 0);
	smtp_mailbox_format(STR("postmaster"), STR_EMPTY, &out);
	assert_true(str_equal(buf_str(&out), STR("postmaster")));
	buf_clear(&out);
	smtp_mailbox_format(STR("a\r\nb"), STR("c"), &out);
	assert_true(str_equal(buf_str(&out), STR("\"a??b\"@c")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_long_senders),
		cmocka_unit_test(test_mailbox),
		cmocka_unit_test(test_format_without_domain),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
