#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "mail/mail.h"

#include "base/buf.h"

#include <stdio.h>

static const char whole[] =
	"From: =?utf-8?Q?J=C3=B6rg?= <j@a.example>\n"
	"To: b@b.example, c@c.example\n"
	"Subject: =?utf-8?B?SGVsbG8=?= http://subject.example/\n"
	"Message-ID: <1@a.example>\n"
	"Date: Fri, 21 Nov 1997 09:55:06 -0600\n"
	"Content-Type: multipart/mixed; boundary=b\n\n"
	"--b\nContent-Type: multipart/alternative; boundary=c\n\n"
	"--c\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: "
	"quoted-printable\n\ncaf=E9 http://plain.example/=\nx\n"
	"--c\nContent-Type: text/html; charset=utf-8\n\n<a href=http://link.example/>shown</a>"
	"<p hidden>http://hidden.example/</p><img src=http://image.example/>\n--c--\n"
	"--b\nContent-Type: application/PDF; name=\"a.pdf\"\nContent-Transfer-Encoding: base64\n\n"
	"JVBERg==\n--b--\n";

static const struct uri_found *find(const struct mail *m, const char *host)
{
	for (size_t i = 0; i < m->uris.n; i++)
		if (str_equal(m->uris.list[i].uri.host, str_from_z(host)))
			return &m->uris.list[i];
	fail_msg("no %s", host);
	return NULL;
}

static void test_whole(void **state)
{
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(MAIL_ARENA_MAX(sizeof whole));
	struct mail m CLEANUP(mail_done);
	mail_read(&arena, str_from_z(whole), &m);
	assert_false(m.truncated);
	assert_true(str_equal(m.subject, STR("Hello http://subject.example/")));
	assert_true(str_equal(m.message_id, STR("<1@a.example>")));
	assert_true(m.has_date && m.date.seconds == 880127706);
	assert_int_equal(m.to.n, 2);
	assert_true(str_equal(m.from.list[0].host, STR("a.example")));
	assert_true(str_equal(mail_decode_value(&m, m.from.list[0].name), STR("J\xc3\xb6rg")));
	assert_int_equal(m.texts_n, 2);
	assert_true(str_starts(m.texts[0].visible, STR("caf\xc3\xa9 http://plain.example/x")));
	assert_true(str_equal(m.texts[1].visible, STR("shown")));
	assert_true(str_equal(m.texts[1].invisible, STR("http://hidden.example/")));
	assert_int_equal(find(&m, "subject.example")->where, 1 << URI_IN_HEADER);
	assert_int_equal(find(&m, "plain.example")->where, 1 << URI_IN_TEXT);
	assert_int_equal(find(&m, "hidden.example")->where, 1 << URI_IN_HIDDEN_TEXT);
	assert_int_equal(find(&m, "image.example")->where, 1 << URI_IN_IMAGE);
	assert_int_equal(find(&m, "link.example")->where, 1 << URI_IN_LINK);
	assert_true(str_equal(find(&m, "link.example")->text, STR("shown")));
	assert_int_equal(m.attachments_n, 1);
	assert_true(str_equal(m.attachments[0].declared, STR("application/pdf")));
	assert_true(str_equal(m.attachments[0].name.name, STR("a.pdf")));
	assert_true(str_equal(mail_attachment_content(&m, &m.attachments[0]), STR("%PDF")));
	assert_ptr_equal(mail_decoded(&m, 4).p, mail_decoded(&m, 4).p);
	assert_int_equal(m.shape.parts, 5);
	assert_int_equal(m.shape.depth, 2);
	assert_int_equal(m.shape.multiparts, 2);
	assert_int_equal(m.shape.charsets_n, 2);
	assert_int_equal(m.shape.base64, 1);
	assert_int_equal(m.shape.defects, 0);
}

#define GOOD "From: a@b\nDate: 1 Jan 2020\n"

static const struct {
	const char *message;
	uint32_t defects;
} defects[] = {
	{ GOOD "\nx", 0 },
	{ "From a@b Mon\n" GOOD "\nx", 0 },
	{ "", MAIL_NO_FROM | MAIL_NO_DATE | MAIL_NO_CLOSING },
	{ GOOD, MAIL_NO_CLOSING },
	{ GOOD "no field\n\nx", MAIL_STRAY_LINE },
	{ GOOD "From: c@d\n\nx", MAIL_REPEATED_FIELD },
	{ "From: a@b\nDate: x\n\nx", MAIL_NO_DATE },
	{ GOOD "X: \xe9\n\nx", MAIL_EIGHT_BIT_HEADER },
	{ GOOD "X: a\rb\n\nx", MAIL_BARE_CR },
	{ GOOD "Content-Type: multipart/mixed\n\nx", MAIL_NO_BOUNDARY },
	{ GOOD "Content-Transfer-Encoding: 9bit\n\nx", MAIL_ODD_ENCODING },
	{ GOOD "Content-Type: text/plain; charset=us-ascii\n\n\xc3\xa9", MAIL_WRONG_CHARSET },
};

static void test_defects(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(defects); i++) {
		struct arena arena CLEANUP(arena_done) = ARENA_INIT(MAIL_ARENA_MAX(1000));
		struct mail m CLEANUP(mail_done);
		mail_read(&arena, str_from_z(defects[i].message), &m);
		if (m.shape.defects != defects[i].defects)
			fail_msg("%zu: %x", i, m.shape.defects);
	}
}

static void test_uuencoded(void **state)
{
	static const char text[] =
		GOOD "\nSee:\nbegin 644 dir/cat.txt\n#0V%T\n`\nend\nbegin the day\n";
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(MAIL_ARENA_MAX(sizeof text));
	struct mail m CLEANUP(mail_done);
	mail_read(&arena, str_from_z(text), &m);
	assert_int_equal(m.attachments_n, 1);
	assert_true(str_equal(m.attachments[0].name.name, STR("cat.txt")));
	assert_true(str_equal(mail_attachment_content(&m, &m.attachments[0]), STR("Cat")));
}

/* As a transfer encoding. */
static void test_uuencoded_part(void **state)
{
	static const char *const encodings[] = { "x-uuencode", "UUENCODE" };
	for (size_t i = 0; i < ARRAY_LEN(encodings); i++) {
		struct arena arena CLEANUP(arena_done) = ARENA_INIT(MAIL_ARENA_MAX(1000));
		struct mail m CLEANUP(mail_done);
		str text = arena_printf(&arena,
			GOOD "Content-Type: image/png; name=a.png\nContent-Transfer-Encoding: "
			     "%s\n\nbegin 644 b.png\n#0V%%T\n`\nend\n",
			encodings[i]);
		mail_read(&arena, text, &m);
		assert_int_equal(m.attachments_n, 1);
		assert_true(str_equal(m.attachments[0].name.name, STR("a.png")));
		assert_true(str_equal(mail_attachment_content(&m, &m.attachments[0]), STR("Cat")));
		assert_int_equal(m.shape.defects, MAIL_ODD_ENCODING);
	}
}

static void test_attached_html(void **state)
{
	static const char text[] =
		GOOD "Content-Type: text/html; name=x.html\n\n<form action=http://f.example/>";
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(MAIL_ARENA_MAX(sizeof text));
	struct mail m CLEANUP(mail_done);
	mail_read(&arena, str_from_z(text), &m);
	assert_true(m.texts[0].attached);
	assert_int_equal(m.attachments_n, 1);
	assert_int_equal(find(&m, "f.example")->where, 1 << URI_IN_FORM);
}

/* Every prefix, and every arena that is too small, gives a message. */
static void test_every_prefix(void **state)
{
	for (size_t n = 0; n < sizeof whole; n += 3) {
		struct arena arena CLEANUP(arena_done) = ARENA_INIT(MAIL_ARENA_MAX(sizeof whole));
		char *copy CLEANUP(free_pointer) = str_dup_z(str_from(whole, n));
		struct mail m CLEANUP(mail_done);
		mail_read(&arena, str_from(copy, n), &m);
		assert_true(m.tree.n >= 1);
	}
	for (size_t max = 0; max < 200000; max += 1009) {
		struct arena arena CLEANUP(arena_done) = ARENA_INIT(max);
		struct mail m CLEANUP(mail_done);
		mail_read(&arena, str_from_z(whole), &m);
		assert_true(m.truncated || m.uris.n >= 5);
	}
}

static void test_many_texts(void **state)
{
	struct buf b CLEANUP(buf_done) = BUF_INIT(1000000);
	buf_add(&b, STR(GOOD "Content-Type: multipart/mixed; boundary=b\n\n"));
	for (int i = 0; i < 3000; i++)
		buf_add(&b, STR("--b\n\nbegin 644 x\n#0V%T\nend\n"));
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(MAIL_ARENA_MAX(b.n));
	struct mail m CLEANUP(mail_done);
	mail_read(&arena, buf_str(&b), &m);
	assert_int_equal(m.texts_n, MAIL_TEXTS_MAX);
	assert_true(m.attachments_n <= MAIL_ATTACHMENTS_MAX && m.truncated);
}

static void test_many_attachments(void **state)
{
	struct buf b CLEANUP(buf_done) = BUF_INIT(1000000);
	buf_add(&b, STR(GOOD "Content-Type: multipart/mixed; boundary=b\n\n"));
	for (int i = 0; i < MAIL_ATTACHMENTS_MAX + 1; i++)
		buf_printf(&b, "--b\nContent-Type: a/b; name=%d\n\nx\n", i);
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(MAIL_ARENA_MAX(b.n));
	struct mail m CLEANUP(mail_done);
	mail_read(&arena, buf_str(&b), &m);
	assert_true(m.truncated);
	for (size_t i = 0; i < m.attachments_n; i++) {
		char name[24];
		snprintf(name, sizeof name, "%zu", i);
		assert_true(str_equal(m.attachments[i].name.name, str_from_z(name)));
	}
	assert_true(m.attachments_n > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_defects),
		cmocka_unit_test(test_uuencoded),
		cmocka_unit_test(test_uuencoded_part),
		cmocka_unit_test(test_attached_html),
		cmocka_unit_test(test_every_prefix),
		cmocka_unit_test(test_many_texts),
		cmocka_unit_test(test_many_attachments),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
