#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "mail/match.h"

#include "base/base64.h"

enum where { TEXT, FIELD, HEADER, BODY };

static const char message[] =
	"From: =?utf-8?Q?J=C3=BCrgen?= <j@example.test>\r\n"
	"Subject: A folded\r\n subject with =?iso-8859-1?Q?=DC?=\r\n"
	"X-Empty:\r\n"
	"Content-Type: multipart/mixed; boundary=b\r\n\r\npreamble\r\n"
	"--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\n"
	"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
	"Stra=DFe und =\r\n\xdc"
	"bung\r\n"
	"--b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
	"PGI+w4RwZmVsPC9iPg==\r\n"
	"--b\r\nContent-Type: application/x; name=findme.bin\r\n\r\nnot searched\r\n"
	"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ninnermost\r\n"
	"--b--\r\n";

static const struct {
	enum where where;
	const char *name, *needle;
	bool expected;
} table[] = {
	{ FIELD, "from", "J\xc3\xbcrgen", true },
	{ FIELD, "From", "J\xc3\x9cRGEN", true },
	{ FIELD, "From", "EXAMPLE.test", true },
	{ FIELD, "From", "subject", false },
	{ FIELD, "Subject", "folded subject WITH \xc3\xbc", true },
	{ FIELD, "Subject", "Subject", true },
	{ FIELD, "X-Empty", "", true },
	{ FIELD, "X-Empty", "a", false },
	{ FIELD, "X-None", "", false },
	{ HEADER, "", "x-empty: ", true },
	{ HEADER, "", "content-type: multipart", true },
	{ HEADER, "", "preamble", false },
	{ HEADER, "", "", true },
	{ BODY, "",
		"stra\xc3\x9f"
		"e und \xc3\xbc"
		"bung",
		true },
	{ BODY, "", "\xc3\xa4pfel", true },
	{ BODY, "", "findme.BIN", true },
	{ BODY, "", "not searched", false },
	{ BODY, "", "subject: INNER", true },
	{ BODY, "", "innermost", true },
	{ BODY, "", "J\xc3\xbcrgen", false },
	{ BODY, "", "", true },
};

static bool search(enum where where, str in, const char *name, const char *needle)
{
	struct mime_tree tree CLEANUP(mime_done);
	mime_parse(in, MIME_LIMITS, &tree);
	struct match *m = match_new(str_from_z(needle));
	assert_non_null(m);
	bool found = where == TEXT     ? match_in_text(m, in)
		     : where == FIELD  ? match_in_field(m, in, str_from_z(name))
		     : where == HEADER ? match_in_header(m, in)
				       : match_in_body(m, &tree);
	match_free(m);
	return found;
}

static void test_message(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		bool found =
			search(table[i].where, str_from_z(message), table[i].name, table[i].needle);
		if (found != table[i].expected)
			print_message("row %zu: %s\n", i, table[i].needle);
		assert_int_equal(found, table[i].expected);
	}
}

static void test_text(void **state)
{
	assert_true(search(TEXT, STR("\xce\xa3\xce\xaf\xcf\x83\xcf\x85\xcf\x86\xce\xbf\xcf\x82"),
		"", "\xcf\x83\xce\xaf\xcf\x83")); /* capital, small and final sigma are one */
	assert_false(search(TEXT, STR("abc"), "", "abcd"));
	assert_true(search(TEXT, STR(""), "", ""));
	assert_true(search(TEXT, STR("aab"), "", "ab"));
	assert_null(match_new(STR("\xff")));
	match_free(NULL);
}

/* The needle at every place about the border of two pieces, in all encodings. */
static void test_pieces(void **state)
{
	for (size_t before = 16384 - 20; before < 16384 + 5; before++) {
		struct buf text CLEANUP(buf_done) = BUF_INIT(100000),
				mail CLEANUP(buf_done) = BUF_INIT(100000);
		for (size_t i = 0; i < before; i++)
			buf_add_char(&text, 'x');
		buf_add(&text, STR("\xc3\x9c"
				   "bung ist gut"));
		for (int i = 0; i < 30000; i++)
			buf_add_char(&text, 'y');
		assert_true(search(TEXT, buf_str(&text), "",
			"\xc3\xbc"
			"bung ist gut"));
		buf_add(&mail, STR("Content-Type: text/plain; charset=utf-8\n\n"));
		buf_add(&mail, buf_str(&text));
		assert_true(search(BODY, buf_str(&mail), "",
			"\xc3\xbc"
			"bung ist gut"));
		assert_false(search(BODY, buf_str(&mail), "", "bung ist nicht gut"));
		buf_clear(&mail);
		buf_add(&mail, STR("Content-Transfer-Encoding: base64\n\n"));
		base64_encode(&mail, buf_str(&text));
		assert_true(search(BODY, buf_str(&mail), "",
			"\xc3\xbc"
			"bung ist gut"));
	}
}

/* A match does not reach from one text into the next. */
static void test_matcher_can_be_used_again(void **state)
{
	struct match *m = match_new(STR("ab"));
	assert_false(match_in_text(m, STR("xa")));
	assert_false(match_in_text(m, STR("bx")));
	assert_true(match_in_text(m, STR("xab")));
	assert_false(match_in_text(m, STR("")));
	match_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_message),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_matcher_can_be_used_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
