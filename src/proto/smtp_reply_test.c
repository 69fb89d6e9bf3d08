#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "proto/smtp_reply.h"
#include "base/utf8.h"

#include <stdlib.h>

static void expect(struct smtp_reply reply, const char *wire)
{
	CLEANUP(buf_done) struct buf out = BUF_INIT(65536);
	smtp_reply_format(&reply, &out);
	CLEANUP(free_pointer) char *z = str_dup_z(buf_str(&out));
	assert_string_equal(z, wire);
}

static void test_format(void **state)
{
	expect(smtp_reply(250, 2, 0, 0, STR("Ok")), "250 2.0.0 Ok\r\n");
	expect(smtp_reply(220, 0, 0, 0, STR("host ESMTP")), "220 host ESMTP\r\n");
	expect(smtp_reply(354, 0, 0, 0, STR_EMPTY), "354\r\n");
	expect(smtp_reply(250, 2, 1, 5, STR_EMPTY), "250 2.1.5\r\n");
	expect(smtp_reply(550, 5, 7, 606, STR("a\nb\r\n\nc")),
		"550-5.7.606 a\r\n550-5.7.606 b\r\n550-5.7.606\r\n550 5.7.606 c\r\n");
	expect(smtp_reply(250, 0, 0, 0, STR("a\n\nb")), "250-a\r\n250-\r\n250 b\r\n");
	expect(smtp_reply(250, 0, 0, 0, STR("a\n")), "250 a\r\n");
}

static void test_sanitised(void **state)
{
	expect(smtp_reply(500, 5, 5, 2, STR("x\r250 y\tz\x01\x7f\0.")),
		"500 5.5.2 x?250 y z?\?\?.\r\n");
	expect(smtp_reply(500, 0, 0, 0, STR("\xc3\xbc")), "500 ??\r\n");
	struct smtp_reply r = smtp_reply(500, 0, 0, 0, STR("\xc3\xbc"));
	r.utf8 = true;
	expect(r, "500 \xc3\xbc\r\n");
	r.text = STR("\xc3\xbc\xff");
	expect(r, "500 ?\?\?\r\n");
}

/* Every line is well formed and short; the words come back in their order. */
static void check_long(str text, bool utf8, bool blanks)
{
	CLEANUP(buf_done) struct buf out = BUF_INIT(1 << 20);
	CLEANUP(buf_done) struct buf back = BUF_INIT(1 << 20);
	struct smtp_reply reply = smtp_reply(451, 4, 7, 1, text);
	reply.utf8 = utf8;
	smtp_reply_format(&reply, &out);
	str rest = buf_str(&out), line;
	while (rest.n) {
		struct smtp_reply_line parsed;
		str_cut(rest, '\n', &line, &rest);
		assert_true(line.n + 1 <= SMTP_REPLY_LINE_MAX);
		assert_true(smtp_reply_line_parse(str_from(line.p, line.n + 1), &parsed));
		assert_int_equal(parsed.code, 451);
		assert_true(parsed.status.klass == 4 && parsed.status.subject == 7 &&
			    parsed.status.detail == 1);
		assert_int_equal(parsed.last, rest.n == 0);
		assert_true(!utf8 || utf8_valid(parsed.text));
		if (back.n && blanks)
			buf_add_char(&back, ' ');
		buf_add(&back, parsed.text);
	}
	assert_true(str_equal(buf_str(&back), text));
}

static void test_long(void **state)
{
	char words[4000], one[4000], umlauts[4000];
	for (size_t i = 0; i < sizeof words; i++) {
		words[i] = i % 7 == 6 ? ' ' : (char)('a' + i % 26);
		one[i] = (char)('a' + i % 26);
		umlauts[i] = i % 2 ? '\xbc' : '\xc3';
	}
	words[sizeof words - 1] = 'x';
	for (size_t n = 480; n < 530; n++) {
		if (words[n - 1] != ' ')
			check_long(str_from(words, n), false, true);
		check_long(str_from(one, n), false, false);
		check_long(str_from(umlauts, n & ~(size_t)1), true, false);
	}
	check_long(str_from(words, sizeof words), false, true);
	check_long(str_from(one, sizeof one), false, false);
	check_long(str_from(umlauts, sizeof umlauts), true, false);
}

static const struct {
	const char *in;
	int code;
	bool last;
	unsigned klass;
	const char *text;
} lines[] = {
	{ "250 ok\r\n", 250, true, 0, "ok" },
	{ "250-ok\n", 250, false, 0, "ok" },
	{ "250", 250, true, 0, "" },
	{ "250-\r\n", 250, false, 0, "" },
	{ "250 \r\n", 250, true, 0, "" },
	{ "550 5.1.1 no such user", 550, true, 5, "no such user" },
	{ "550 5.1.1", 550, true, 5, "" },
	{ "550 4.1.1 odd", 550, true, 0, "4.1.1 odd" },
	{ "550 5.1 odd", 550, true, 0, "5.1 odd" },
	{ "550 5.1.1000 odd", 550, true, 0, "5.1.1000 odd" },
	{ "550 5.1.1odd", 550, true, 0, "5.1.1odd" },
	{ "354 3.0.0 go", 354, true, 0, "3.0.0 go" },
};

static void test_parse(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		struct smtp_reply_line line;
		print_message("# case %zu\n", i);
		assert_true(smtp_reply_line_parse(str_from_z(lines[i].in), &line));
		assert_int_equal(line.code, lines[i].code);
		assert_int_equal(line.last, lines[i].last);
		assert_int_equal(line.status.klass, lines[i].klass);
		assert_true(str_equal(line.text, str_from_z(lines[i].text)));
	}
}

static void test_parse_refuses(void **state)
{
	static const char *const refused[] = { "", "2", "25", "\r\n", "2500 x", "250x", "100 x",
		"600 x", "abc", " 250", "250 a\rb", "250 a\nb", "250 a\r\r\n", "-50 x", "25\r\n" };
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		struct smtp_reply_line line;
		assert_false(smtp_reply_line_parse(str_from_z(refused[i]), &line));
	}
	struct smtp_reply_line line;
	assert_false(smtp_reply_line_parse(STR("250 a\0b"), &line));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_sanitised),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_refuses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
