#include "proto/imap_command.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "proto/imap_dump.h"

#include <stdlib.h>

enum { ARENA = 1 << 20 };

static const struct good {
	const char *in, *out;
} good[] = {
	{ "a1 CAPABILITY", "a1 CAPABILITY" },
	{ "A.]1 noop\r\n", "A.]1 NOOP" },
	{ "* x", NULL }, /* a tag cannot be a wildcard */
	{ "a LOGOUT", "a LOGOUT" },
	{ "a STARTTLS", "a STARTTLS" },
	{ "a NAMESPACE", "a NAMESPACE" },
	{ "a IDLE", "a IDLE" },
	{ "a CHECK", "a CHECK" },
	{ "a CLOSE", "a CLOSE" },
	{ "a UNSELECT", "a UNSELECT" },
	{ "a ID NIL", "a ID" },
	{ "a ID ()", "a ID" },
	{ "a ID (\"name\" \"mutt\" \"os\" NIL)", "a ID name=mutt os=NIL" },
	{ "a ID (\"name\" {4}\r\nmu)t)", "a ID name=mu)t" },
	{ "a AUTHENTICATE PLAIN", "a AUTHENTICATE <PLAIN>" },
	{ "a AUTHENTICATE PLAIN AGEAYg==", "a AUTHENTICATE <PLAIN> <AGEAYg==>" },
	{ "a authenticate SCRAM-SHA-256 =", "a AUTHENTICATE <SCRAM-SHA-256> <=>" },
	{ "a LOGIN joe secret", "a LOGIN <joe> <secret>" },
	{ "a LOGIN joe@example.test \"a \\\"b\\\\\"", "a LOGIN <joe@example.test> <a \"b\\>" },
	{ "a LOGIN {3}\r\njoe {6+}\r\n\r\nse c", "a LOGIN <joe> <\r\nse c>" },
	{ "a LOGIN \"\" \"\"", "a LOGIN <> <>" },
	{ "a LOGIN joe p\xc3\xa9", NULL },
	{ "a LOGIN joe \"p\xc3\xa9\"", "a LOGIN <joe> <p\xc3\xa9>" },
	{ "a ENABLE CONDSTORE", "a ENABLE <CONDSTORE>" },
	{ "a ENABLE A B UTF8=ACCEPT D E F", "a ENABLE <A> <B> <UTF8=ACCEPT> <D> <E> <F>" },
	{ "a SELECT inbox", "a SELECT <INBOX>" },
	{ "a SELECT \"Entw&APw-rfe\"", "a SELECT <Entw\xc3\xbcrfe>" },
	{ "a SELECT {5}\r\nInBoX (CONDSTORE)", "a SELECT <INBOX> condstore" },
	{ "a EXAMINE a/b]", "a EXAMINE <a/b]>" },
	{ "a CREATE x/", "a CREATE <x/>" },
	{ "a CREATE x (USE (\\Junk \\Sent))", "a CREATE <x> use=30" },
	{ "a CREATE x (USE ())", "a CREATE <x> use=0" },
	{ "a CREATE x (USE (\\Foo \\Drafts))", "a CREATE <x> use=4?" },
	{ "a DELETE \"a b\"", "a DELETE <a b>" },
	{ "a RENAME a {3}\r\nb&-", "a RENAME <a> <b&>" },
	{ "a SUBSCRIBE x", "a SUBSCRIBE <x>" },
	{ "a UNSUBSCRIBE \"\\\"q\"", "a UNSUBSCRIBE <\"q>" },
	{ "a LIST \"\" *", "a LIST <> <*>" },
	{ "a LIST \"\" \"\"", "a LIST <> <>" },
	{ "a LIST ~/Mail/ %", "a LIST <~/Mail/> <%>" },
	{ "a LSUB \"\" \"INBOX/%\"", "a LSUB <> <INBOX/%>" },
	{ "a LIST (SUBSCRIBED) \"\" \"*\"", "a LIST <> <*> select=1 return=0 items=0" },
	{ "a LIST () \"\" (a b% \"c\")", "a LIST <> <a> <b%> <c> select=0 return=0 items=0" },
	{ "a LIST \"\" % RETURN (SPECIAL-USE STATUS (MESSAGES SIZE) CHILDREN)",
		"a LIST <> <%> select=0 return=e items=41" },
	{ "a LIST (RECURSIVEMATCH SUBSCRIBED REMOTE SPECIAL-USE) \"\" % RETURN ()",
		"a LIST <> <%> select=f return=0 items=0" },
	{ "a LIST \"\" &AOk-*", "a LIST <> <\xc3\xa9*>" },
	{ "a STATUS x (MESSAGES UNSEEN)", "a STATUS <x> items=11" },
	{ "a STATUS x (recent uidnext uidvalidity deleted size highestmodseq)",
		"a STATUS <x> items=ee" },
	{ "a APPEND x {310}", "a APPEND <x> flags=0 size=310" },
	{ "a APPEND x (\\Seen $MDNSent) \" 7-Feb-1994 21:52:25 -0800\" {310+}\r\n",
		"a APPEND <x> flags=1,$MDNSent date=760686745/-480 size=310+" },
	{ "a APPEND {1}\r\nx () ~{9223372036854775807}",
		"a APPEND <x> flags=0 size=9223372036854775807~" },
	{ "a EXPUNGE", "a EXPUNGE" },
	{ "a UID EXPUNGE 3000:3002", "a UID EXPUNGE 3000:3002" },
	{ "a COPY 2:4 MEETING", "a COPY 2:4 <MEETING>" },
	{ "a UID MOVE 42:*,1 \"a b\"", "a UID MOVE 42:*,1 <a b>" },
	{ "a STORE 2:4 +FLAGS (\\Deleted)", "a STORE 2:4 + flags=8" },
	{ "a STORE * FLAGS ()", "a STORE * = flags=0" },
	{ "a STORE 1 flags.silent \\Seen work \\Draft WORK", "a STORE 1 = silent flags=11,work" },
	{ "a UID STORE 7 (UNCHANGEDSINCE 12) -FLAGS.SILENT (\\Answered \\Flagged)",
		"a UID STORE 7 - silent flags=6 since=12" },
	{ "a FETCH 1 ALL", "a FETCH 1 items=f" },
	{ "a FETCH 1 fast", "a FETCH 1 items=7" },
	{ "a FETCH 1 FULL", "a FETCH 1 items=1f" },
	{ "a FETCH 1 BODY", "a FETCH 1 items=10" },
	{ "a FETCH 1:* (FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY BODYSTRUCTURE UID MODSEQ)",
		"a FETCH 1:* items=ff" },
	{ "a UID FETCH 1 FLAGS", "a UID FETCH 1 items=41" },
	{ "a FETCH 1 (RFC822 RFC822.HEADER RFC822.TEXT)",
		"a FETCH 1 items=0 RFC822 RFC822.HEADER peek RFC822.TEXT" },
	{ "a FETCH 1 BODY[]", "a FETCH 1 items=0 BODY[]" },
	{ "a FETCH 1 BODY.PEEK[1.2.3]<0.2048>", "a FETCH 1 items=0 BODY[1.2.3]<0>+2048 peek" },
	{ "a FETCH 1 (body[header] body[TEXT] BODY[4.1.mime] BODY[3.HEADER] UID)",
		"a FETCH 1 items=40 BODY[HEADER] BODY[TEXT] BODY[4.1.MIME] BODY[3.HEADER]" },
	{ "a FETCH 1 BODY[HEADER.FIELDS (From {2}\r\nTo \"x y\")]",
		"a FETCH 1 items=0 BODY[HEADER.FIELDS (From To \"x y\")]" },
	{ "a FETCH 1 BODY.PEEK[2.HEADER.FIELDS.NOT (DATE)]<5.1>",
		"a FETCH 1 items=0 BODY[2.HEADER.FIELDS.NOT (DATE)]<5>+1 peek" },
	{ "a FETCH 1 (FLAGS) (CHANGEDSINCE 12345)", "a FETCH 1 items=81 since=12345" },
};

/* What is wrong, where (counted from 0), and the kind of reply. */
static const struct bad {
	const char *in, *text;
	size_t at;
	enum imap_error_kind kind;
} bad[] = {
	{ "", "expected a tag", 0, IMAP_ERROR_SYNTAX },
	{ "+ NOOP", "expected a tag", 0, IMAP_ERROR_SYNTAX },
	{ "a", "expected a space and more arguments", 1, IMAP_ERROR_SYNTAX },
	{ "a XYZZY", "expected a command that is known here", 2, IMAP_ERROR_SYNTAX },
	{ "a NOOP x", "expected the end of the command", 6, IMAP_ERROR_SYNTAX },
	{ "a NOOP\r", "expected the end of the command", 6, IMAP_ERROR_SYNTAX },
	{ "a NOOP\r\nb NOOP", "expected the end of the command", 6, IMAP_ERROR_SYNTAX },
	{ "a UID NOOP", "expected FETCH, STORE, SEARCH, COPY, MOVE or EXPUNGE after UID", 6,
		IMAP_ERROR_SYNTAX },
	{ "a UID UID FETCH 1 FLAGS",
		"expected FETCH, STORE, SEARCH, COPY, MOVE or EXPUNGE after UID", 6,
		IMAP_ERROR_SYNTAX },
	{ "a LOGIN joe", "expected a space and more arguments", 11, IMAP_ERROR_SYNTAX },
	{ "a LOGIN joe \"x", "expected a closing quote", 14, IMAP_ERROR_SYNTAX },
	{ "a LOGIN joe \"x\\y\"", "expected \" or \\ after a backslash", 15, IMAP_ERROR_SYNTAX },
	{ "a LOGIN joe \"x\r\nb NOOP\"", "expected a closing quote", 14, IMAP_ERROR_SYNTAX },
	{ "a LOGIN joe \"x\nb NOOP\"", "expected a closing quote", 14, IMAP_ERROR_SYNTAX },
	{ "a LOGIN {3}", "expected more bytes of a literal", 11, IMAP_ERROR_LITERAL },
	{ "a LOGIN {3}\r\njo", "expected more bytes of a literal", 11, IMAP_ERROR_LITERAL },
	{ "a LOGIN {3} joe", "expected the end of the line after a literal's size", 11,
		IMAP_ERROR_SYNTAX },
	{ "a LOGIN {-1}\r\n", "expected the size of a literal", 9, IMAP_ERROR_SYNTAX },
	{ "a LOGIN {9223372036854775808}\r\n", "expected a smaller number", 9, IMAP_ERROR_SYNTAX },
	{ "a LOGIN ~{1}\r\nx y", "expected a space and more arguments", 9, IMAP_ERROR_SYNTAX },
	{ "a SELECT", "expected a space and more arguments", 8, IMAP_ERROR_SYNTAX },
	{ "a SELECT \"\"", "mailbox name is empty", 9, IMAP_ERROR_NAME },
	{ "a SELECT &AG-", "mailbox name is not valid modified UTF-7", 13, IMAP_ERROR_NAME },
	{ "a SELECT \"\xc3\xa9\"", "mailbox name is not valid modified UTF-7", 13,
		IMAP_ERROR_NAME },
	{ "a SELECT {6}\r\nx\r\ny z", "mailbox name has control characters", 20, IMAP_ERROR_NAME },
	{ "a SELECT &AA0ACg-", "mailbox name has control characters", 17, IMAP_ERROR_NAME },
	{ "a SELECT \"x\x7f\"", "mailbox name has control characters", 13, IMAP_ERROR_NAME },
	{ "a SELECT &AIU-", "mailbox name has control characters", 14, IMAP_ERROR_NAME },
	{ "a SELECT &ICg-", "mailbox name has control characters", 14, IMAP_ERROR_NAME },
	{ "a SELECT x (QRESYNC (1 2))", "expected CONDSTORE", 12, IMAP_ERROR_SYNTAX },
	{ "a SELECT x*", "expected the end of the command", 10, IMAP_ERROR_SYNTAX },
	{ "a LIST (RECURSIVEMATCH) \"\" *",
		"expected SUBSCRIBED or SPECIAL-USE beside RECURSIVEMATCH", 7, IMAP_ERROR_SYNTAX },
	{ "a STATUS x ()", "expected a STATUS item", 12, IMAP_ERROR_SYNTAX },
	{ "a STORE 1 FLAGS \\Recent",
		"expected \\Seen, \\Answered, \\Flagged, \\Deleted, \\Draft or a keyword", 16,
		IMAP_ERROR_SYNTAX },
	{ "a STORE 1 FLAGS (\\Seen", "expected ) after the flags", 22, IMAP_ERROR_SYNTAX },
	{ "a STORE 1 FLAGS a]b", "expected the end of the command", 17, IMAP_ERROR_SYNTAX },
	{ "a STORE 0 FLAGS ()", "expected a sequence set", 8, IMAP_ERROR_SYNTAX },
	{ "a STORE 4294967296 FLAGS ()", "expected a sequence set", 8, IMAP_ERROR_SYNTAX },
	{ "a STORE $ FLAGS ()", "expected a sequence set", 8, IMAP_ERROR_SYNTAX },
	{ "a FETCH 1 (ALL)", "expected a FETCH item", 11, IMAP_ERROR_SYNTAX },
	{ "a FETCH 1 ()", "expected a FETCH item", 11, IMAP_ERROR_SYNTAX },
	{ "a FETCH 1 BODY.PEEK", "expected [ and a section", 19, IMAP_ERROR_SYNTAX },
	{ "a FETCH 1 BODY[MIME]", "expected a part number before MIME", 15, IMAP_ERROR_SYNTAX },
	{ "a FETCH 1 BODY[0]", "expected a part number above 0", 15, IMAP_ERROR_SYNTAX },
	{ "a FETCH 1 BODY[]<0.0>", "expected a length above 0", 19, IMAP_ERROR_SYNTAX },
	{ "a FETCH 1 BODY[]<5>", "expected . and a length after the offset", 18,
		IMAP_ERROR_SYNTAX },
	{ "a FETCH 1 FLAGS (CHANGEDSINCE 1 VANISHED)", "expected ) after the modifiers", 31,
		IMAP_ERROR_SYNTAX },
	{ "a APPEND x \"1-Feb-1994\" {3}",
		"expected a date-time such as \" 1-Feb-1994 21:52:25 -0800\"", 11,
		IMAP_ERROR_SYNTAX },
	{ "a APPEND x", "expected a space and more arguments", 10, IMAP_ERROR_SYNTAX },
	{ "a APPEND x {3}\r\nabc", "expected the end of the command", 14, IMAP_ERROR_SYNTAX },
	{ "a APPEND {7}", "expected more bytes of a literal", 12, IMAP_ERROR_LITERAL },
	{ "a CREATE x (USE \\Junk)", "expected ( after USE", 16, IMAP_ERROR_SYNTAX },
};

/* Parses a copy of exactly these bytes, so that a read beyond them is seen. */
static bool parse(str in, size_t arena, struct buf *dump, struct imap_error *error)
{
	struct arena a = ARENA_INIT(arena);
	struct imap_command c;
	char *copy = malloc(in.n ? in.n : 1);
	memcpy(copy, in.p, in.n);
	bool ok = imap_command_parse(str_from(copy, in.n), &a, &c, error);
	if (ok) {
		dump_command(dump, &c);
	} else {
		assert_non_null(error->text);
		assert_true(error->at <= in.n);
		error->tag = str_first(in, error->tag.n);
	}
	arena_done(&a);
	free(copy);
	return ok;
}

static void check(const char *in, const char *expected)
{
	struct buf dump CLEANUP(buf_done) = BUF_INIT(65536);
	struct imap_error error = { 0 };
	bool ok = parse(str_from_z(in), ARENA, &dump, &error);
	buf_add_char(&dump, '\0');
	if (!ok && expected)
		fail_msg("%s: %s at %zu", in, error.text, error.at);
	if (ok)
		assert_string_equal(dump.p, expected ? expected : "a failure");
}

static void test_good(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		check(good[i].in, good[i].out);
}

static void test_bad(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct buf dump CLEANUP(buf_done) = BUF_INIT(65536);
		struct imap_error error = { 0 };
		if (parse(str_from_z(bad[i].in), ARENA, &dump, &error))
			fail_msg("%s was taken as %.*s", bad[i].in, STR_ARG(buf_str(&dump)));
		assert_string_equal(error.text, bad[i].text);
		if (error.at != bad[i].at)
			fail_msg("%s: at %zu, not %zu", bad[i].in, error.at, bad[i].at);
		assert_int_equal(error.kind, bad[i].kind);
	}
}

/* A command cut off anywhere, with any byte changed, and in an arena of any small size, must be
 * either refused or understood, within its bytes. */
static void test_prefixes_and_junk(void **state)
{
	static const char junk[] = "\0\r\n ()[]{}<>\"\\%*+-:,.&=0~\x80\xff";
	struct imap_error error;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct buf dump CLEANUP(buf_done) = BUF_INIT(1 << 20);
		str whole = str_from_z(good[i].in);
		size_t tag = imap_command_tag(whole).n;
		for (size_t n = 0; n < whole.n; n++) {
			buf_clear(&dump);
			if (!parse(str_first(whole, n), ARENA, &dump, &error) && n > tag)
				assert_int_equal(error.tag.n, tag);
		}
		for (size_t at = 0; at < whole.n; at++) {
			char *copy = str_dup_z(whole);
			for (size_t j = 0; j < sizeof junk - 1; j++) {
				copy[at] = junk[j];
				buf_clear(&dump);
				(void)!parse(str_from(copy, whole.n), ARENA, &dump, &error);
			}
			free(copy);
		}
		for (size_t size = 0; size < 512; size += 16) {
			buf_clear(&dump);
			(void)!parse(whole, size, &dump, &error);
		}
	}
}

static void add_times(struct buf *b, str s, size_t times)
{
	while (times--)
		buf_add(b, s);
}

/* Each flood has its own bound and its own words. */
static void test_floods(void **state)
{
	static const struct {
		const char *head, *piece, *text;
	} floods[] = {
		{ "a SEARCH ", "(", "expected search keys nested less deeply" },
		{ "a SEARCH ", "NOT ", "expected search keys nested less deeply" },
		{ "a SEARCH ", "OR ALL ", "expected search keys nested less deeply" },
		{ "a SEARCH ALL", " ALL", "expected fewer search keys" },
		{ "a FETCH 1 (FLAGS", " BODY[]", "expected fewer sections" },
		{ "a FETCH 1 BODY[1", ".1", "expected fewer levels of parts" },
		{ "a FETCH 1 BODY[HEADER.FIELDS (a", " a", "expected fewer header fields" },
		{ "a FETCH 1", ",1", "expected a sequence set" },
		{ "a ENABLE a", " a", "expected fewer capabilities" },
		{ "a ID (\"a\" NIL", " \"a\" NIL", "expected fewer ID fields" },
		{ "a LIST \"\" (a", " a", "expected fewer patterns" },
		{ "a SELECT ", "aaaaaaaaaaaaaaaa", "mailbox name is too long" },
		{ "a SELECT ", "&AOk-b", "mailbox name is too long" },
		{ "a STORE 1 FLAGS x", "yyyyyyyy", "expected a shorter keyword" },
		{ "", "aaaaaaaa", "expected a tag" },
		{ "a LIST (", "(", "expected a selection option" },
		{ "a SELECT {65536}\r\n", "x", "expected more bytes of a literal" },
	};
	for (size_t i = 0; i < ARRAY_LEN(floods); i++) {
		struct buf in CLEANUP(buf_done) = BUF_INIT(1 << 20);
		struct buf dump CLEANUP(buf_done) = BUF_INIT(1 << 20);
		struct imap_error error = { 0 };
		buf_add(&in, str_from_z(floods[i].head));
		add_times(&in, str_from_z(floods[i].piece), 12000);
		assert_false(parse(buf_str(&in), ARENA, &dump, &error));
		assert_string_equal(error.text, floods[i].text);
	}
}

static void test_keyword_flood(void **state)
{
	struct buf in CLEANUP(buf_done) = BUF_INIT(1 << 20);
	struct buf dump CLEANUP(buf_done) = BUF_INIT(1 << 20);
	struct imap_error error = { 0 };
	buf_add(&in, STR("a STORE 1 FLAGS (k0"));
	for (int i = 1; i < IMAP_MAX_KEYWORDS; i++)
		buf_printf(&in, " k%d", i);
	size_t n = in.n;
	buf_add(&in, STR(" K5)"));
	assert_true(parse(buf_str(&in), ARENA, &dump, &error));
	in.n = n;
	buf_add(&in, STR(" one-more)"));
	assert_false(parse(buf_str(&in), ARENA, &dump, &error));
	assert_string_equal(error.text, "expected fewer keywords");
}

static void test_small_arena(void **state)
{
	struct buf dump CLEANUP(buf_done) = BUF_INIT(65536);
	struct imap_error error = { 0 };
	assert_false(parse(STR("a ID (\"a\" \"b\")"), 16, &dump, &error));
	assert_string_equal(error.text, "command takes too much memory");
	assert_true(str_equal(error.tag, STR("a")));
}

static void test_literal_at_end(void **state)
{
	static const struct {
		const char *line;
		enum imap_literal_kind kind;
		uint64_t size;
	} cases[] = {
		{ "", IMAP_LITERAL_NONE, 0 },
		{ "a NOOP", IMAP_LITERAL_NONE, 0 },
		{ "{0}", IMAP_LITERAL_SYNC, 0 },
		{ "a LOGIN {12}", IMAP_LITERAL_SYNC, 12 },
		{ "a LOGIN {012+}", IMAP_LITERAL_NONSYNC, 12 },
		{ "a APPEND x ~{5+}", IMAP_LITERAL_NONSYNC, 5 },
		{ "a LOGIN {12} ", IMAP_LITERAL_NONE, 0 },
		{ "a LOGIN {}", IMAP_LITERAL_NONE, 0 },
		{ "a LOGIN {+}", IMAP_LITERAL_NONE, 0 },
		{ "a LOGIN {1++}", IMAP_LITERAL_NONE, 0 },
		{ "a LOGIN {-1}", IMAP_LITERAL_NONE, 0 },
		{ "a LOGIN \"{12}\"", IMAP_LITERAL_NONE, 0 },
		{ "a LOGIN 12}", IMAP_LITERAL_NONE, 0 },
		{ "{9223372036854775807}", IMAP_LITERAL_SYNC, INT64_MAX },
		{ "{9223372036854775808}", IMAP_LITERAL_INVALID, 0 },
		{ "{99999999999999999999999+}", IMAP_LITERAL_INVALID, 0 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint64_t size = 0;
		assert_int_equal(
			imap_literal_at_end(str_from_z(cases[i].line), &size), cases[i].kind);
		assert_int_equal(size, cases[i].size);
	}
}

/* The whole dance of an APPEND whose mailbox name is a literal, and a second message. */
static void test_append(void **state)
{
	struct arena a = ARENA_INIT(ARENA);
	struct imap_command c;
	struct imap_append_message m;
	struct imap_error error;
	assert_true(imap_is_append(STR("a1 append {5}")));
	assert_false(imap_is_append(STR("a1 APPENDIX {5}")));
	assert_false(imap_is_append(STR("APPEND {5}")));
	assert_false(imap_command_parse(STR("a1 append {5}"), &a, &c, &error));
	assert_int_equal(error.kind, IMAP_ERROR_LITERAL);
	assert_true(
		imap_command_parse(STR("a1 append {5}\r\nDraft (\\Draft) {7+}"), &a, &c, &error));
	assert_true(str_equal(c.append.mailbox, STR("Draft")));
	assert_int_equal(c.append.message.size, 7);
	assert_true(c.append.message.nonsync);

	assert_int_equal(imap_append_next(STR(""), &a, &m, &error), IMAP_APPEND_DONE);
	assert_int_equal(imap_append_next(STR(" (\\Seen) \"01-Jan-1970 00:00:10 +0000\" {3}"), &a,
				 &m, &error),
		IMAP_APPEND_MESSAGE);
	assert_int_equal(m.flags.system, IMAP_FLAG_SEEN);
	assert_int_equal(m.date.seconds, 10);
	assert_int_equal(m.size, 3);
	assert_int_equal(imap_append_next(STR(" "), &a, &m, &error), IMAP_APPEND_BAD);
	assert_int_equal(imap_append_next(STR(")"), &a, &m, &error), IMAP_APPEND_BAD);
	assert_int_equal(imap_append_next(STR(" {3}x"), &a, &m, &error), IMAP_APPEND_BAD);
	arena_done(&a);
}

static void test_tag(void **state)
{
	assert_true(str_equal(imap_command_tag(STR("a1 x")), STR("a1")));
	assert_true(str_equal(imap_command_tag(STR("a1")), STR("a1")));
	assert_int_equal(imap_command_tag(STR("")).n, 0);
	assert_int_equal(imap_command_tag(STR("a+ x")).n, 0);
	assert_int_equal(imap_command_tag(STR("a(b x")).n, 0);
	assert_int_equal(imap_command_tag(STR("\x80 x")).n, 0);
}

static void test_states(void **state)
{
	assert_int_equal(imap_command_states(IMAP_COMMAND_LOGIN), IMAP_STATE_NOT_AUTHENTICATED);
	assert_int_equal(imap_command_states(IMAP_COMMAND_NOOP), 7);
	assert_int_equal(imap_command_states(IMAP_COMMAND_LIST), 6);
	assert_int_equal(imap_command_states(IMAP_COMMAND_FETCH), IMAP_STATE_SELECTED);
}

static void test_list_match(void **state)
{
	static const struct {
		const char *pattern, *name;
		bool match;
	} cases[] = {
		{ "", "", true },
		{ "", "a", false },
		{ "*", "", true },
		{ "*", "a/b/c", true },
		{ "%", "a", true },
		{ "%", "a/b", false },
		{ "%/%", "a/b", true },
		{ "%/%", "a/b/c", false },
		{ "a*c", "a/b/c", true },
		{ "a%c", "a/b/c", false },
		{ "a%c", "abbc", true },
		{ "*%", "a/b", true },
		{ "%*", "a/b", true },
		{ "%a%b", "xaayb", true },
		{ "*a%b", "xa/ya/zaqb", true },
		{ "%a*b", "xa/a/b", true },
		{ "%b*", "a/b", false },
		{ "a", "A", false },
		{ "inbox", "INBOX", true },
		{ "inBOX/%", "INBOX/x", true },
		{ "inbox/X", "INBOX/x", false },
		{ "inboxes", "INBOXES", false },
		{ "INBOX%", "INBOX", true },
		{ "a\\b", "a\\b", true },
		{ "*aaaaaaaa*aaaaaaaa*aaaaaaaa*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
			false },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (imap_list_match(str_from_z(cases[i].pattern), str_from_z(cases[i].name), '/') !=
			cases[i].match)
			fail_msg("%s and %s", cases[i].pattern, cases[i].name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_prefixes_and_junk),
		cmocka_unit_test(test_floods),
		cmocka_unit_test(test_keyword_flood),
		cmocka_unit_test(test_small_arena),
		cmocka_unit_test(test_literal_at_end),
		cmocka_unit_test(test_append),
		cmocka_unit_test(test_tag),
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_list_match),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
