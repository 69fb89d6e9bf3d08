#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "mail/section.h"

/* The shape of the example in RFC 3501 §6.4.5, smaller. */
static const char complex_message[] =
	"From: root\nSubject: r\nContent-Type: multipart/mixed; boundary=a\n\npreamble\n"
	"--a\nContent-Type: text/plain\nX: 1\n\none\n"
	"--a\nContent-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n\nYQ==\n"
	"--a\nContent-Type: message/rfc822\n\nSubject: three\nContent-Type: multipart/mixed; "
	"boundary=b\n\n"
	"--b\n\nthree.one\n--b\nContent-Type: x/y\n\nthree.two\n--b--\n"
	"--a\nContent-Type: multipart/mixed; boundary=c\n\n"
	"--c\nContent-Type: image/gif\n\nfour.one\n"
	"--c\nContent-Type: message/rfc822\n\nSubject: four.two\n\nfour.two.one\n--c--\n"
	"--a--\n";

static const char simple_message[] = "Subject: s\nTo: t\n\ntext\n";
static const char wrapped_message[] = "Content-Type: message/rfc822\nX: o\n\nSubject: i\n\ninner";

struct expectation {
	const char *message;
	uint32_t path[4];
	enum mail_section_kind kind;
	const char *expected; /* NULL: no such section */
};

static const struct expectation table[] = {
	{ complex_message, { 0 }, MAIL_SECTION_ALL, complex_message },
	{ complex_message, { 0 }, MAIL_SECTION_HEADER,
		"From: root\nSubject: r\nContent-Type: multipart/mixed; boundary=a\n\n" },
	{ complex_message, { 0 }, MAIL_SECTION_MIME, NULL },
	{ complex_message, { 1 }, MAIL_SECTION_ALL, "one" },
	{ complex_message, { 1 }, MAIL_SECTION_MIME, "Content-Type: text/plain\nX: 1\n\n" },
	{ complex_message, { 1 }, MAIL_SECTION_HEADER, NULL },
	{ complex_message, { 1 }, MAIL_SECTION_TEXT, NULL },
	{ complex_message, { 1, 1 }, MAIL_SECTION_ALL, NULL },
	{ complex_message, { 2 }, MAIL_SECTION_ALL, "YQ==" },
	{ complex_message, { 3 }, MAIL_SECTION_HEADER,
		"Subject: three\nContent-Type: multipart/mixed; boundary=b\n\n" },
	{ complex_message, { 3 }, MAIL_SECTION_MIME, "Content-Type: message/rfc822\n\n" },
	{ complex_message, { 3 }, MAIL_SECTION_TEXT,
		"--b\n\nthree.one\n--b\nContent-Type: x/y\n\nthree.two\n--b--" },
	{ complex_message, { 3, 1 }, MAIL_SECTION_ALL, "three.one" },
	{ complex_message, { 3, 1 }, MAIL_SECTION_MIME, "\n" },
	{ complex_message, { 3, 2 }, MAIL_SECTION_ALL, "three.two" },
	{ complex_message, { 3, 3 }, MAIL_SECTION_ALL, NULL },
	{ complex_message, { 4, 1 }, MAIL_SECTION_ALL, "four.one" },
	{ complex_message, { 4, 1 }, MAIL_SECTION_MIME, "Content-Type: image/gif\n\n" },
	{ complex_message, { 4 }, MAIL_SECTION_HEADER, NULL },
	{ complex_message, { 4, 2 }, MAIL_SECTION_ALL, "Subject: four.two\n\nfour.two.one" },
	{ complex_message, { 4, 2 }, MAIL_SECTION_HEADER, "Subject: four.two\n\n" },
	{ complex_message, { 4, 2 }, MAIL_SECTION_TEXT, "four.two.one" },
	{ complex_message, { 4, 2, 1 }, MAIL_SECTION_ALL, "four.two.one" },
	{ complex_message, { 4, 2, 1 }, MAIL_SECTION_MIME, "Subject: four.two\n\n" },
	{ complex_message, { 4, 2, 1, 1 }, MAIL_SECTION_ALL, NULL },
	{ complex_message, { 4, 2, 2 }, MAIL_SECTION_ALL, NULL },
	{ complex_message, { 5 }, MAIL_SECTION_ALL, NULL },
	{ complex_message, { 4294967295 }, MAIL_SECTION_ALL, NULL },
	{ simple_message, { 0 }, MAIL_SECTION_TEXT, "text\n" },
	{ simple_message, { 1 }, MAIL_SECTION_ALL, "text\n" },
	{ simple_message, { 1 }, MAIL_SECTION_MIME, "Subject: s\nTo: t\n\n" },
	{ simple_message, { 1 }, MAIL_SECTION_TEXT, NULL },
	{ simple_message, { 1, 1 }, MAIL_SECTION_ALL, NULL },
	{ simple_message, { 2 }, MAIL_SECTION_ALL, NULL },
	{ wrapped_message, { 1 }, MAIL_SECTION_ALL, "Subject: i\n\ninner" },
	{ wrapped_message, { 1 }, MAIL_SECTION_HEADER, "Subject: i\n\n" },
	{ wrapped_message, { 1, 1 }, MAIL_SECTION_ALL, "inner" },
	{ wrapped_message, { 2 }, MAIL_SECTION_ALL, NULL },
	{ "", { 0 }, MAIL_SECTION_ALL, "" },
	{ "", { 0 }, MAIL_SECTION_HEADER, "" },
	{ "", { 1 }, MAIL_SECTION_ALL, "" },
	{ "Content-Type: multipart/mixed\n\nx", { 1 }, MAIL_SECTION_ALL, "x" },
	{ "Content-Type: multipart/mixed\n\nx", { 2 }, MAIL_SECTION_ALL, NULL },
};

static size_t path_length(const uint32_t path[4])
{
	size_t n = 0;
	while (n < 4 && path[n])
		n++;
	return n;
}

static void test_sections(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		const struct expectation *e = &table[i];
		str message = str_from_z(e->message), out;
		struct mime_tree tree CLEANUP(mime_done);
		mime_parse(message, MIME_LIMITS, &tree);
		struct buf scratch CLEANUP(buf_done) = BUF_INIT(1000);
		struct mail_section s = { e->kind, e->path, path_length(e->path), NULL, 0 };
		const struct mime_tree *given = mail_section_needs_tree(&s) ? &tree : NULL;
		bool found = mail_section_get(message, given, &s, &scratch, &out);
		if (found != (e->expected != NULL) ||
			(found && !str_equal(out, str_from_z(e->expected))))
			print_message("row %zu: '%.*s'\n", i, STR_ARG(found ? out : STR("NIL")));
		assert_int_equal(found, e->expected != NULL);
		assert_true(!found || str_equal(out, str_from_z(e->expected)));
		assert_int_equal(scratch.n, 0);
	}
}

static void assert_fields(const char *message, const struct mail_section *s, const char *expected)
{
	struct mime_tree tree CLEANUP(mime_done);
	mime_parse(str_from_z(message), MIME_LIMITS, &tree);
	struct buf scratch CLEANUP(buf_done) = BUF_INIT(1000);
	buf_add(&scratch, STR("before"));
	str out;
	assert_true(mail_section_get(str_from_z(message), &tree, s, &scratch, &out));
	assert_true(str_equal(out, str_from_z(expected)));
}

static void test_header_fields(void **state)
{
	const str names[] = { STR("SUBJECT"), STR("x") };
	const char *message =
		"From x\nA: 1\nSubject: s\n t\nno field\nX: 2\r\nsubject: again\n\nbody";
	struct mail_section s = { MAIL_SECTION_HEADER_FIELDS, NULL, 0, names, 2 };
	assert_fields(message, &s, "Subject: s\n t\nX: 2\r\nsubject: again\n\r\n");
	assert_fields("X: end", &s, "X: end\r\n\r\n");
	assert_fields("", &s, "\r\n");
	s.kind = MAIL_SECTION_HEADER_FIELDS_NOT;
	assert_fields(message, &s, "A: 1\n\r\n");
	s.field_n = 0;
	assert_fields(message, &s, "A: 1\nSubject: s\n t\nX: 2\r\nsubject: again\n\r\n");
	const uint32_t path[] = { 4, 2 };
	s = (struct mail_section){ MAIL_SECTION_HEADER_FIELDS, path, 2, names, 2 };
	assert_fields(complex_message, &s, "Subject: four.two\n\r\n");
}

static void test_binary(void **state)
{
	struct mime_tree tree CLEANUP(mime_done);
	mime_parse(str_from_z(complex_message), MIME_LIMITS, &tree);
	struct buf scratch CLEANUP(buf_done) = BUF_INIT(10000);
	str out;
	const uint32_t two[] = { 2 }, one[] = { 1 }, nine[] = { 9 };
	assert_true(mail_section_binary(&tree, two, 1, &scratch, &out));
	assert_true(str_equal(out, STR("a")));
	assert_true(mail_section_binary(&tree, one, 1, &scratch, &out));
	assert_true(str_equal(out, STR("one")));
	assert_false(mail_section_binary(&tree, nine, 1, &scratch, &out));
	assert_true(mail_section_binary(&tree, NULL, 0, &scratch, &out));
	assert_int_equal(out.n, sizeof complex_message - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sections),
		cmocka_unit_test(test_header_fields),
		cmocka_unit_test(test_binary),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
