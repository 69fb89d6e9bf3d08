#include "proto/imap_format.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#define CHECK(b, expected)                                                                         \
	do {                                                                                       \
		if (!str_equal(buf_str(&(b)), STR(expected)))                                      \
			fail_msg("%.*s\nnot %s", STR_ARG(buf_str(&(b))), (expected));              \
		buf_clear(&(b));                                                                   \
	} while (0)

static void test_strings(void **state)
{
	struct buf b CLEANUP(buf_done) = BUF_INIT(4096);
	imap_format_string(&b, STR(""));
	CHECK(b, "\"\"");
	imap_format_string(&b, STR("a \"b\" \\ \t"));
	CHECK(b, "\"a \\\"b\\\" \\\\ \t\"");
	imap_format_string(&b, STR("a\r\nb"));
	CHECK(b, "{4}\r\na\r\nb");
	imap_format_string(&b, STR("a\nb"));
	CHECK(b, "{3}\r\na\nb");
	imap_format_string(&b, STR("\xc3\xa9"));
	CHECK(b, "{2}\r\n\xc3\xa9");
	imap_format_string(&b, STR("\0a\0\0"));
	CHECK(b, "{4}\r\n?a??");
	imap_format_nstring(&b, (str){ 0 });
	CHECK(b, "NIL");
	imap_format_nstring(&b, STR_EMPTY);
	CHECK(b, "\"\"");
	imap_format_astring(&b, STR("From"));
	CHECK(b, "From");
	imap_format_astring(&b, STR("nil"));
	CHECK(b, "\"nil\"");
	imap_format_astring(&b, STR("a]"));
	CHECK(b, "\"a]\"");
	imap_format_astring(&b, STR(""));
	CHECK(b, "\"\"");
	imap_format_literal_head(&b, 123);
	CHECK(b, "{123}\r\n");
}

static void test_long_string(void **state)
{
	struct buf b CLEANUP(buf_done) = BUF_INIT(4096);
	char text[513];
	memset(text, 'x', sizeof text);
	imap_format_string(&b, str_from(text, 512));
	assert_int_equal(b.n, 514);
	buf_clear(&b);
	imap_format_string(&b, str_from(text, 513));
	assert_true(str_starts(buf_str(&b), STR("{513}\r\nx")));
}

static void test_mailbox(void **state)
{
	struct buf b CLEANUP(buf_done) = BUF_INIT(4096);
	imap_format_mailbox(&b, STR("INBOX"));
	CHECK(b, "\"INBOX\"");
	imap_format_mailbox(&b, STR("a\"\\&\xc3\xa9"));
	CHECK(b, "\"a\\\"\\\\&-&AOk-\"");
	imap_format_mailbox(&b, STR("x\r\n* BYE"));
	CHECK(b, "\"x&AA0ACg-* BYE\"");
	imap_format_mailbox(&b, STR("\xff\xc3\xa9\xe2"));
	CHECK(b, "\"?&AOk-?\"");
}

static void test_flags(void **state)
{
	static const str keywords[] = { { "$Forwarded", 10 }, { "a b", 3 }, { "x", 1 } };
	struct buf b CLEANUP(buf_done) = BUF_INIT(4096);
	imap_format_flags(&b, 0, NULL, 0);
	CHECK(b, "()");
	imap_format_flags(&b, IMAP_FLAG_SEEN | IMAP_FLAG_RECENT, keywords, 3);
	CHECK(b, "(\\Seen \\Recent $Forwarded x)");
	imap_format_flags_response(&b, keywords, 1);
	CHECK(b, "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Forwarded)\r\n");
	imap_code_permanentflags(&b, IMAP_FLAG_DRAFT, keywords, 1, true);
	CHECK(b, "PERMANENTFLAGS (\\Draft $Forwarded \\*)");
	imap_code_permanentflags(&b, 0, NULL, 0, true);
	CHECK(b, "PERMANENTFLAGS (\\*)");
	imap_code_permanentflags(&b, 0, NULL, 0, false);
	CHECK(b, "PERMANENTFLAGS ()");
}

/* Nothing that a reply is given can end its line or open a code. */
static void test_reply(void **state)
{
	struct buf b CLEANUP(buf_done) = BUF_INIT(4096);
	imap_format_reply(&b, STR("a1"), IMAP_OK, STR_EMPTY, STR("NOOP done"));
	CHECK(b, "a1 OK NOOP done\r\n");
	imap_format_reply(&b, STR_EMPTY, IMAP_BYE, STR("UNAVAILABLE"), STR_EMPTY);
	CHECK(b, "* BYE [UNAVAILABLE] Done\r\n");
	imap_format_reply(
		&b, STR("a"), IMAP_NO, STR("X]\r\n"), STR("[ALERT] x\r\n* OK \xc3\xa9\0"));
	CHECK(b, "a NO ?ALERT] x??* OK ???\r\n");
	imap_format_reply(&b, STR("a\r\nb"), IMAP_BAD, STR("A] b"), STR("x"));
	CHECK(b, "* BAD x\r\n");
	imap_format_reply_printf(&b, STR("a"), IMAP_OK, STR("READ-ONLY"), "%d\n", 5);
	CHECK(b, "a OK [READ-ONLY] 5?\r\n");
	imap_format_continue(&b, STR_EMPTY);
	CHECK(b, "+ \r\n");
	imap_format_continue(&b, STR("idling"));
	CHECK(b, "+ idling\r\n");
	imap_format_number(&b, 172, STR("EXISTS"));
	CHECK(b, "* 172 EXISTS\r\n");
}

static void test_error(void **state)
{
	struct buf b CLEANUP(buf_done) = BUF_INIT(4096);
	struct arena a = ARENA_INIT(4096);
	struct imap_command c;
	struct imap_error error;
	assert_false(imap_command_parse(STR("a NOOP x"), &a, &c, &error));
	imap_format_error(&b, &error);
	CHECK(b, "a BAD expected the end of the command at byte 7\r\n");
	assert_false(imap_command_parse(STR("( NOOP"), &a, &c, &error));
	imap_format_error(&b, &error);
	CHECK(b, "* BAD expected a tag at byte 1\r\n");
	assert_false(imap_command_parse(STR("a SELECT &"), &a, &c, &error));
	imap_format_error(&b, &error);
	CHECK(b, "a NO [CANNOT] mailbox name is not valid modified UTF-7\r\n");
	assert_false(imap_command_parse(STR("a SEARCH CHARSET X ALL"), &a, &c, &error));
	imap_format_error(&b, &error);
	CHECK(b, "a NO [BADCHARSET (US-ASCII UTF-8)] expected the character set UTF-8 or "
		 "US-ASCII\r\n");
	arena_done(&a);
}

static void test_mailbox_responses(void **state)
{
	struct buf b CLEANUP(buf_done) = BUF_INIT(4096);
	imap_format_list(
		&b, STR("LIST"), IMAP_MAILBOX_HASNOCHILDREN, IMAP_USE_JUNK, '/', STR("Junk"));
	CHECK(b, "* LIST (\\HasNoChildren \\Junk) \"/\" \"Junk\"\r\n");
	imap_format_list(&b, STR("LSUB"), 0, 0, 0, STR("x"));
	CHECK(b, "* LSUB () NIL \"x\"\r\n");
	imap_format_list(&b, STR("LIST"), IMAP_MAILBOX_NOSELECT, 0, '\\', STR("x"));
	CHECK(b, "* LIST (\\Noselect) \"\\\\\" \"x\"\r\n");
	struct imap_status_values v = { 1, 2, 3, 4, 5, 6, 7, 8 };
	imap_format_status(&b, STR("a b"), 0xff, &v);
	CHECK(b, "* STATUS \"a b\" (MESSAGES 1 RECENT 2 UIDNEXT 3 UIDVALIDITY 4 UNSEEN 5 DELETED 6 "
		 "SIZE 7 HIGHESTMODSEQ 8)\r\n");
	imap_format_status(&b, STR("x"), IMAP_STATUS_UNSEEN, &v);
	CHECK(b, "* STATUS \"x\" (UNSEEN 5)\r\n");
}

static void test_search(void **state)
{
	static const uint32_t found[] = { 2, 3, 4, 84, 882 };
	struct buf b CLEANUP(buf_done) = BUF_INIT(4096);
	imap_format_search(&b, found, 5, 0);
	CHECK(b, "* SEARCH 2 3 4 84 882\r\n");
	imap_format_search(&b, found, 0, 0);
	CHECK(b, "* SEARCH\r\n");
	imap_format_search(&b, found, 1, 917162500);
	CHECK(b, "* SEARCH 2 (MODSEQ 917162500)\r\n");
	imap_format_esearch(
		&b, STR("A282"), false, IMAP_RETURN_MIN | IMAP_RETURN_COUNT, found, 5, 0);
	CHECK(b, "* ESEARCH (TAG \"A282\") MIN 2 COUNT 5\r\n");
	imap_format_esearch(&b, STR("a"), true, 15, found, 5, 9);
	CHECK(b, "* ESEARCH (TAG \"a\") UID MIN 2 MAX 882 COUNT 5 ALL 2:4,84,882 MODSEQ 9\r\n");
	imap_format_esearch(&b, STR("a"), true, 15, found, 0, 0);
	CHECK(b, "* ESEARCH (TAG \"a\") UID COUNT 0\r\n");
}

static void test_codes(void **state)
{
	static const uint32_t from[] = { 304, 319, 320 }, to[] = { 3956, 3957, 3958 };
	struct buf b CLEANUP(buf_done) = BUF_INIT(4096);
	imap_code_appenduid(&b, 38505, to, 1);
	CHECK(b, "APPENDUID 38505 3956");
	imap_code_copyuid(&b, 38505, from, to, 3);
	CHECK(b, "COPYUID 38505 304,319:320 3956:3958");
	imap_code_modified(&b, from, 2);
	CHECK(b, "MODIFIED 304,319");
	imap_code_number(&b, STR("HIGHESTMODSEQ"), 715194045007);
	CHECK(b, "HIGHESTMODSEQ 715194045007");
}

/* The name of a section holds what the client chose, whatever it is. */
static void test_section(void **state)
{
	static const uint32_t parts[] = { 1, 2 };
	static const str fields[] = { { "To", 2 }, { "a\r\nb", 4 }, { ")]", 2 } };
	struct buf b CLEANUP(buf_done) = BUF_INIT(4096);
	struct imap_section s = { .text = IMAP_SECTION_HEADER_FIELDS,
		.part = parts,
		.part_count = 2,
		.fields = fields,
		.field_count = 3,
		.partial = true,
		.offset = 7,
		.length = 1 };
	imap_section_format(&b, &s);
	CHECK(b, "BODY[1.2.HEADER.FIELDS (To {4}\r\na\r\nb \")]\")]<7>");
}

/* What is formatted can be parsed again, with the same meaning. */
static void test_round_trip(void **state)
{
	static const char *const values[] = { "plain", "two words", "q\"u\\ote", "line\r\nbreak",
		"NIL", "\xc3\xa9t\xc3\xa9", "", "{3}", "\x01" };
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		struct buf b CLEANUP(buf_done) = BUF_INIT(4096);
		struct arena a = ARENA_INIT(4096);
		struct imap_command c;
		struct imap_error error;
		buf_add(&b, STR("a LOGIN "));
		imap_format_astring(&b, str_from_z(values[i]));
		buf_add_char(&b, ' ');
		imap_format_string(&b, str_from_z(values[i]));
		assert_true(imap_command_parse(buf_str(&b), &a, &c, &error));
		assert_true(str_equal(c.login.user, str_from_z(values[i])));
		assert_true(str_equal(c.login.password, str_from_z(values[i])));
		arena_done(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_long_string),
		cmocka_unit_test(test_mailbox),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_reply),
		cmocka_unit_test(test_error),
		cmocka_unit_test(test_mailbox_responses),
		cmocka_unit_test(test_search),
		cmocka_unit_test(test_codes),
		cmocka_unit_test(test_section),
		cmocka_unit_test(test_round_trip),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
