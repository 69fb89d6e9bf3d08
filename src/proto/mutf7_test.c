#include "proto/mutf7.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/utf8.h"

static const struct {
	const char *wire, *utf8;
} names[] = {
	{ "", "" },
	{ "INBOX", "INBOX" },
	{ "a&-b", "a&b" },
	{ "&-&-", "&&" },
	{ "~peter/mail/&U,BTFw-/&ZeVnLIqe-",
		"~peter/mail/\xe5\x8f\xb0\xe5\x8c\x97/\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e" },
	{ "Entw&APw-rfe", "Entw\xc3\xbcrfe" },
	{ "&AOk-", "\xc3\xa9" },
	{ "&2D3cqQ-", "\xf0\x9f\x92\xa9" },
	{ "&2D3cqQDp-x", "\xf0\x9f\x92\xa9\xc3\xa9x" },
	{ "&AOk-&-&AOk-", "\xc3\xa9&\xc3\xa9" },
	{ "&AA0ACg-", "\r\n" },
	{ "&AH8-", "\x7f" },
};

static const char *const bad_wire[] = {
	"&",
	"a&",
	"&AOk",
	"&A-",
	"&AO-",
	"&AOl-",
	"&AOkA-",
	"&AGE-" /* "a" */,
	"&AOkAYQ-" /* "éa" */,
	"&2D0-" /* half a pair */,
	"&3Kk-" /* the other half */,
	"&2D3YPQ-" /* two first halves */,
	"&AOk-&AOk-" /* one shift would do */,
	"&U,BTFw-&ZeVnLIqe-",
	"&AOk/-",
	"&AO=-",
	"&AO k-",
	"\xc3\xa9",
	"a\tb",
	"a\x7f",
	"&AOk\r\n-",
};

static void test_names(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct buf b CLEANUP(buf_done) = BUF_INIT(1024);
		if (!mutf7_decode(&b, str_from_z(names[i].wire)))
			fail_msg("%s", names[i].wire);
		assert_true(str_equal(buf_str(&b), str_from_z(names[i].utf8)));
		buf_clear(&b);
		assert_true(mutf7_encode(&b, str_from_z(names[i].utf8)));
		assert_true(str_equal(buf_str(&b), str_from_z(names[i].wire)));
	}
}

static void test_bad_wire(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(bad_wire); i++) {
		struct buf b CLEANUP(buf_done) = BUF_INIT(1024);
		if (mutf7_decode(&b, str_from_z(bad_wire[i])))
			fail_msg("%s", bad_wire[i]);
	}
	struct buf b CLEANUP(buf_done) = BUF_INIT(1024);
	assert_false(mutf7_decode(&b, str_from("a\0b", 3)));
	assert_false(mutf7_decode(&b, str_from("&\0\0\0-", 5)));
}

static void test_bad_utf8(void **state)
{
	struct buf b CLEANUP(buf_done) = BUF_INIT(1024);
	assert_false(mutf7_encode(&b, STR("\xff")));
	assert_false(mutf7_encode(&b, STR("a\xc3")));
	assert_false(mutf7_encode(&b, STR("\xed\xa0\x80")));
}

/* Every character alone, after and before a letter. */
static void test_every_character(void **state)
{
	for (uint32_t c = 0; c < 0x110000; c += c < 0x3000 || c > 0xd000 ? 1 : 97) {
		if (c == 0x11000)
			c = 0x10f000;
		if (c >= 0xd800 && c < 0xe000)
			continue;
		struct buf utf8 CLEANUP(buf_done) = BUF_INIT(64);
		struct buf wire CLEANUP(buf_done) = BUF_INIT(64);
		struct buf back CLEANUP(buf_done) = BUF_INIT(64);
		utf8_encode(&utf8, c);
		buf_add_char(&utf8, 'a');
		utf8_encode(&utf8, c);
		utf8_encode(&utf8, c);
		assert_true(mutf7_encode(&wire, buf_str(&utf8)));
		assert_true(mutf7_decode(&back, buf_str(&wire)));
		assert_true(str_equal(buf_str(&back), buf_str(&utf8)));
	}
}

static void test_overflow(void **state)
{
	struct buf b CLEANUP(buf_done) = BUF_INIT(4);
	assert_false(mutf7_decode(&b, STR("abcde")));
	buf_clear(&b);
	assert_false(mutf7_encode(&b, STR("\xc3\xa9")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_bad_wire),
		cmocka_unit_test(test_bad_utf8),
		cmocka_unit_test(test_every_character),
		cmocka_unit_test(test_overflow),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
