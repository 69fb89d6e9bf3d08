#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "mail/check.h"
#include "mail/subject.h"
#include "mail/summary.h"

#include "base/buf.h"
#include "base/utf8.h"

#define assert_text(s, z) assert_true(str_equal((s), str_from_z(z)))

static void test_message(void **state)
{
	struct arena a CLEANUP(arena_done) = ARENA_INIT(SUMMARY_ARENA_MAX);
	struct mail_summary s;
	str message =
		STR("Date: Thu, 22 Aug 2002 12:36:23 +0200\r\n"
		    "Subject: Re: [list]\r\n =?utf-8?Q?=C3=BC?=  b\r\n"
		    "From: =?utf-8?Q?J=C3=BC?= <ju@example.test>, second@example.test\r\n"
		    "To: plain@example.test\r\nCc: G: in@group.test;\r\n"
		    "Message-ID: <1@x>\r\nIn-Reply-To: <0@x>\r\nReferences: <a@x>\r\n <0@x>\r\n"
		    "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
		    "--b\r\n\r\none\r\n--b\r\nContent-Type: a/b; name=x\r\n\r\n--b--\r\n");
	mail_summary(&a, message, &s);
	assert_true(s.date_valid);
	assert_int_equal(s.date.seconds, 1030012583);
	assert_int_equal(s.date.zone, 120);
	assert_text(s.subject, "Re: [list] \xc3\xbc b");
	assert_text(s.subject_base, "\xc3\xbc b");
	assert_text(s.from, "ju");
	assert_text(s.from_name, "J\xc3\xbc");
	assert_text(s.to, "plain");
	assert_text(s.to_name, "plain@example.test");
	assert_text(s.cc, "G");
	assert_text(s.message_id, "<1@x>");
	assert_text(s.in_reply_to, "<0@x>");
	assert_text(s.references, "<a@x> <0@x>");
	assert_int_equal(s.header_size + 53, message.n);
	assert_int_equal(s.body_lines, 7);
	assert_true(s.has_attachment);
	assert_null(check_envelope_text(s.envelope));
	struct mail_summary stored;
	mail_summary_stored(&a, message, &stored);
	assert_true(str_equal(stored.envelope, s.envelope));
	assert_true(str_equal(stored.body, s.body));
	assert_true(str_equal(stored.bodystructure, s.bodystructure));
	assert_true(stored.date_valid);
	assert_int_equal(stored.date.seconds, s.date.seconds);
	assert_null(check_body_text(s.body, false));
	assert_null(check_body_text(s.bodystructure, true));
	for (size_t n = 0; n < message.n; n++) {
		arena_done(&a);
		mail_summary(&a, str_first(message, n), &s);
		assert_null(check_envelope_text(s.envelope));
		assert_null(check_body_text(s.bodystructure, true));
	}
}

static void test_empty(void **state)
{
	struct arena a CLEANUP(arena_done) = ARENA_INIT(SUMMARY_ARENA_MAX);
	struct mail_summary s;
	mail_summary(&a, STR_EMPTY, &s);
	assert_false(s.date_valid);
	assert_false(s.has_attachment);
	assert_int_equal(s.subject.n + s.from.n + s.references.n, 0);
	assert_text(s.envelope, "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)");
	assert_text(s.body, "(\"text\" \"plain\" NIL NIL NIL \"7bit\" 0 0)");
}

static void check_bounded(str message)
{
	struct arena a CLEANUP(arena_done) = ARENA_INIT(SUMMARY_ARENA_MAX);
	struct mail_summary s;
	mail_summary(&a, message, &s);
	assert_null(check_envelope_text(s.envelope));
	assert_null(check_body_text(s.body, false));
	assert_null(check_body_text(s.bodystructure, true));
	assert_true(s.subject.n <= SUMMARY_TEXT_MAX && utf8_valid(s.subject));
	assert_true(s.references.n <= SUMMARY_TEXT_MAX);
}

/* Headers and structures that are far too large to be kept. */
static void test_bounds(void **state)
{
	static const char *const names[] = { "From", "To", "Cc", "Subject", "Message-ID",
		"References", "Content-Type: a/b; x", "Content-Description",
		"Content-Disposition: x;y" };
	struct buf b CLEANUP(buf_done) = BUF_INIT(64 * 1024 * 1024);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		buf_printf(&b, "%s%s", names[i], strchr(names[i], ':') ? "=" : ": ");
		for (int n = 0; n < 50000; n++)
			buf_add(&b, n % 100 ? STR("\xc3\xbc,<\"") : STR("\n "));
		buf_add_char(&b, '\n');
	}
	check_bounded(buf_str(&b));

	buf_clear(&b);
	buf_add(&b, STR("Content-Type: multipart/x; boundary=b\n\n"));
	for (int i = 0; i < 20000; i++)
		buf_add(&b,
			STR("--b\nContent-Type: a/b; c=d\nContent-ID: <"
			    "012345678901234567890123456789012345678901234567890123456789>\n\n"));
	check_bounded(buf_str(&b));
}

static const struct {
	const char *subject, *base;
} subjects[] = {
	{ "", "" },
	{ "a", "a" },
	{ "Re: a", "a" },
	{ "re: RE: Fwd: fw: a", "a" },
	{ "Re : a", "a" },
	{ "Re[2]: a", "a" },
	{ "[list] a", "a" },
	{ "Re: [list] Re: a", "a" },
	{ "[a][b] Re: c", "c" },
	{ "[only]", "[only]" },
	{ "[a] [b]", "[b]" },
	{ "a (fwd)", "a" },
	{ "a (fwd) (FWD) ", "a" },
	{ "[Fwd: a]", "a" },
	{ "[fwd: Re: [x] a (fwd)]", "a" },
	{ "Re:", "" },
	{ "Regarding: a", "Regarding: a" },
	{ "[not closed a", "[not closed a" },
	{ "Re: [a[b] c", "[a[b] c" },
};

static void test_base_subject(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(subjects); i++) {
		str base = subject_base(str_from_z(subjects[i].subject));
		if (!str_equal(base, str_from_z(subjects[i].base)))
			print_message("'%s': '%.*s'\n", subjects[i].subject, STR_ARG(base));
		assert_text(base, subjects[i].base);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_message),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_base_subject),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
