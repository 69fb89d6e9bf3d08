#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "mail/check.h"
#include "mail/structure.h"

static void assert_equal_text(str got, const char *z)
{
	str expected = str_from_z(z);
	if (!str_equal(got, expected))
		print_message("'%.*s'\nis not\n'%.*s'\n", STR_ARG(got), STR_ARG(expected));
	assert_true(str_equal(got, expected));
}

static const struct {
	const char *header, *envelope;
} envelopes[] = {
	{ "", "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)" },
	{ "Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\n"
	  "Subject: IMAP4rev1 WG mtg\r\n summary and minutes\r\n"
	  "From: Terry Gray <gray@cac.washington.edu>\r\n"
	  "To: imap@cac.washington.edu\r\n"
	  "cc: minutes@CNRI.Reston.VA.US,\r\n John Klensin <KLENSIN@MIT.EDU>\r\n"
	  "Message-Id: <B27397-0100000@cac.washington.edu>\r\n\r\n",
		"(\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" "
		"\"IMAP4rev1 WG mtg summary and minutes\" "
		"((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
		"((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
		"((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
		"((NIL NIL \"imap\" \"cac.washington.edu\")) "
		"((NIL NIL \"minutes\" \"CNRI.Reston.VA.US\")"
		"(\"John Klensin\" NIL \"KLENSIN\" \"MIT.EDU\")) "
		"NIL NIL \"<B27397-0100000@cac.washington.edu>\")" },
	{ "Subject:\nIn-Reply-To: \n", "(NIL \"\" NIL NIL NIL NIL NIL NIL \"\" NIL)" },
	{ "Subject: a\nSubject: b\n", "(NIL \"a\" NIL NIL NIL NIL NIL NIL NIL NIL)" },
	{ "Subject: say \"a\\b\"\n",
		"(NIL \"say \\\"a\\\\b\\\"\" NIL NIL NIL NIL NIL NIL NIL NIL)" },
	{ "Subject: J\xc3\xbc\n", "(NIL {3}\r\nJ\xc3\xbc NIL NIL NIL NIL NIL NIL NIL NIL)" },
	{ "From: a@b\nSender:\nReply-To: c@d\n",
		"(NIL NIL ((NIL NIL \"a\" \"b\")) ((NIL NIL \"a\" \"b\")) ((NIL NIL \"c\" \"d\")) "
		"NIL NIL NIL NIL NIL)" },
	{ "To: a@b\nTo: c@d\n", "(NIL NIL NIL NIL NIL ((NIL NIL \"a\" \"b\")(NIL NIL \"c\" \"d\")) "
				"NIL NIL NIL NIL)" },
	{ "To: G: a@b;\nCc: nobody\n",
		"(NIL NIL NIL NIL NIL ((NIL NIL \"G\" NIL)(NIL NIL \"a\" \"b\")(NIL NIL NIL NIL)) "
		"((NIL NIL \"nobody\" \"\")) NIL NIL NIL)" },
	{ "Bcc: <@x:a@b>\n", "(NIL NIL NIL NIL NIL NIL NIL ((NIL \"@x\" \"a\" \"b\")) NIL NIL)" },
};

static void test_envelopes(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(envelopes); i++) {
		struct buf b CLEANUP(buf_done) = BUF_INIT(STRUCTURE_ENVELOPE_MAX);
		mail_envelope_format(&b, str_from_z(envelopes[i].header));
		assert_equal_text(buf_str(&b), envelopes[i].envelope);
		assert_null(check_envelope_text(buf_str(&b)));
	}
}

static void test_nul_is_dropped(void **state)
{
	struct buf b CLEANUP(buf_done) = BUF_INIT(STRUCTURE_ENVELOPE_MAX);
	mail_envelope_format(&b, STR("Subject: a\0b\nDate: \xff\0x\n"));
	assert_equal_text(buf_str(&b), "({2}\r\n\xffx \"ab\" NIL NIL NIL NIL NIL NIL NIL NIL)");
}

/* Every list and value far too long: cut, valid, and within the promised size. */
static void test_envelope_is_bounded(void **state)
{
	static const char *const names[] = { "From", "Sender", "Reply-To", "To", "Cc", "Bcc",
		"Date", "Subject", "In-Reply-To", "Message-ID" };
	struct buf header CLEANUP(buf_done) = BUF_INIT(64 * 1024 * 1024);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		buf_printf(&header, "%s: g: \"\\\"\\\"", names[i]);
		for (int n = 0; n < 10000; n++)
			buf_printf(&header, "\\\"%04d\" <\"\\\"%04d\"@\xc3\xbc>,\n \"", n, n);
		buf_add(&header, STR("\n"));
	}
	struct buf b CLEANUP(buf_done) = BUF_INIT(STRUCTURE_ENVELOPE_MAX);
	mail_envelope_format(&b, buf_str(&header));
	assert_false(b.overflowed);
	assert_null(check_envelope_text(buf_str(&b)));
	assert_true(b.n > 6 * STRUCTURE_LIST_MAX);
}

static const struct {
	const char *message, *body, *extended;
} bodies[] = {
	{ "\n", "(\"text\" \"plain\" NIL NIL NIL \"7bit\" 0 0)",
		"(\"text\" \"plain\" NIL NIL NIL \"7bit\" 0 0 NIL NIL NIL NIL)" },
	{ "Content-Type: image/png; NAME=\"a \\\"b\"; x*=utf-8''%C3\n"
	  "Content-Transfer-Encoding: base64\nContent-ID: <i>\nContent-Description: d\n"
	  "Content-MD5: m\nContent-Disposition: attachment; filename=f\n"
	  "Content-Language: de, en\nContent-Location: l\n\nYQ==\n",
		"(\"image\" \"png\" (\"NAME\" \"a \\\"b\" \"x*\" \"utf-8''%C3\") \"<i>\" \"d\" "
		"\"base64\" 5)",
		"(\"image\" \"png\" (\"NAME\" \"a \\\"b\" \"x*\" \"utf-8''%C3\") \"<i>\" \"d\" "
		"\"base64\" 5 \"m\" (\"attachment\" (\"filename\" \"f\")) (\"de\" \"en\") \"l\")" },
	{ "Content-Type: multipart/mixed; boundary=b\nContent-Language: de\n\n"
	  "--b\n\none\n--b\nContent-Type: a/b\n\ntwo\n--b--\n",
		"((\"text\" \"plain\" NIL NIL NIL \"7bit\" 3 0)(\"a\" \"b\" NIL NIL NIL \"7bit\" "
		"3) "
		"\"mixed\")",
		"((\"text\" \"plain\" NIL NIL NIL \"7bit\" 3 0 NIL NIL NIL NIL)"
		"(\"a\" \"b\" NIL NIL NIL \"7bit\" 3 NIL NIL NIL NIL) "
		"\"mixed\" (\"boundary\" \"b\") NIL (\"de\") NIL)" },
	{ "Content-Type: message/rfc822\n\nSubject: s\n\nbody\n",
		"(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 17 "
		"(NIL \"s\" NIL NIL NIL NIL NIL NIL NIL NIL) "
		"(\"text\" \"plain\" NIL NIL NIL \"7bit\" 5 1) 3)",
		"(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 17 "
		"(NIL \"s\" NIL NIL NIL NIL NIL NIL NIL NIL) "
		"(\"text\" \"plain\" NIL NIL NIL \"7bit\" 5 1 NIL NIL NIL NIL) 3 NIL NIL NIL "
		"NIL)" },
	{ "Content-Type: message/global\n\nSubject: s\n\nbody\n",
		"(\"message\" \"global\" NIL NIL NIL \"7bit\" 17)",
		"(\"message\" \"global\" NIL NIL NIL \"7bit\" 17 NIL NIL NIL NIL)" },
	{ "Content-Type: multipart/a; boundary=a\n\n--a\nContent-Type: message/global\n\n"
	  "Content-Type: multipart/b; boundary=b\n\n--b\n\n\n--b\n\n\n--b--\n--a\n\n\n--a--\n",
		"((\"message\" \"global\" NIL NIL NIL \"7bit\" 56)"
		"(\"text\" \"plain\" NIL NIL NIL \"7bit\" 0 0) \"a\")",
		NULL },
	{ "Content-Type: multipart/a; boundary=a\n\n--a\nContent-Type: multipart/b; boundary=b\n\n"
	  "--b\n\n\n--b--\n--a\n\n\n--a--\n",
		"(((\"text\" \"plain\" NIL NIL NIL \"7bit\" 0 0) \"b\")"
		"(\"text\" \"plain\" NIL NIL NIL \"7bit\" 0 0) \"a\")",
		NULL },
};

static void check_body_of(str message, bool extended, const char *expected)
{
	struct mime_tree tree CLEANUP(mime_done);
	mime_parse(message, MIME_LIMITS, &tree);
	struct buf b CLEANUP(buf_done) = BUF_INIT(1000000);
	mail_bodystructure_format(&b, &tree, extended);
	if (expected)
		assert_equal_text(buf_str(&b), expected);
	const char *wrong = check_body_text(buf_str(&b), extended);
	if (wrong)
		print_message("%s in %.*s\n", wrong, STR_ARG(buf_str(&b)));
	assert_null(wrong);
}

static void test_bodies(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		str message = str_from_z(bodies[i].message);
		check_body_of(message, false, bodies[i].body);
		check_body_of(message, true, bodies[i].extended);
		for (size_t n = 0; n < message.n; n++) {
			check_body_of(str_first(message, n), false, NULL);
			check_body_of(str_first(message, n), true, NULL);
		}
	}
}

static void test_deep_message(void **state)
{
	struct buf message CLEANUP(buf_done) = BUF_INIT(1000000);
	for (int i = 0; i < 2 * MIME_DEPTH_MAX; i++)
		buf_add(&message, STR("Content-Type: message/rfc822\n\n"));
	check_body_of(buf_str(&message), true, NULL);
}

/* The checker itself has to find what is wrong. */
static void test_checker(void **state)
{
	static const char *const wrong[] = { "", "(", "(NIL)",
		"(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL",
		"(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL) ",
		"(NIL a NIL NIL NIL NIL NIL NIL NIL NIL)",
		"(NIL \"\xff\" NIL NIL NIL NIL NIL NIL NIL NIL)",
		"(NIL {3}\r\na NIL NIL NIL NIL NIL NIL NIL NIL)",
		"(NIL NIL (NIL) NIL NIL NIL NIL NIL NIL NIL)" };
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		assert_non_null(check_envelope_text(str_from_z(wrong[i])));
		assert_non_null(check_body_text(str_from_z(wrong[i]), false));
	}
	assert_non_null(check_body_text(str_from_z(bodies[0].body), true));
	assert_non_null(check_body_text(str_from_z(bodies[2].extended), false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_envelopes),
		cmocka_unit_test(test_nul_is_dropped),
		cmocka_unit_test(test_envelope_is_bounded),
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_deep_message),
		cmocka_unit_test(test_checker),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
