#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/utf8.h"

static bool is_character(uint32_t c)
{
	return c <= 0x10ffff && !(c >= 0xd800 && c <= 0xdfff);
}

/* Every code point there and back; its prefixes are nothing. */
static void every_character(void **state)
{
	for (uint32_t c = 0; c < 0x110100; c += c < 0x11000 ? 1 : 61) {
		struct buf b = BUF_INIT(4);
		uint32_t back = 0;
		utf8_encode(&b, c);
		assert_int_equal(utf8_decode(buf_str(&b), &back), b.n);
		assert_int_equal(back, is_character(c) ? c : 0xfffd);
		for (size_t n = 0; n < b.n; n++)
			assert_int_equal(utf8_decode(str_first(buf_str(&b), n), &back), 0);
		assert_int_equal(b.n, back < 0x80 ? 1 : back < 0x800 ? 2 : back < 0x10000 ? 3 : 4);
		assert_int_equal(ascii_only(buf_str(&b)), c < 0x80);
		buf_done(&b);
	}
}

/* Every pair of bytes, alone and with continuation bytes behind, against the table of RFC 3629 §4.
 */
static size_t expected_length(const unsigned char p[4])
{
	unsigned a = p[0], b = p[1];
	bool tail1 = (b & 0xc0) == 0x80, tail2 = (p[2] & 0xc0) == 0x80;
	bool tail3 = (p[3] & 0xc0) == 0x80;
	if (a < 0x80)
		return 1;
	if (a >= 0xc2 && a <= 0xdf)
		return tail1 ? 2 : 0;
	if ((a == 0xe0 && b >= 0xa0 && tail1) || (a == 0xed && b >= 0x80 && b <= 0x9f) ||
		(((a >= 0xe1 && a <= 0xec) || a == 0xee || a == 0xef) && tail1))
		return tail2 ? 3 : 0;
	if ((a == 0xf0 && b >= 0x90 && tail1) || (a >= 0xf1 && a <= 0xf3 && tail1) ||
		(a == 0xf4 && b >= 0x80 && b <= 0x8f))
		return tail2 && tail3 ? 4 : 0;
	return 0;
}

static void only_what_the_standard_allows(void **state)
{
	static const unsigned char thirds[] = { 0x00, 0x7f, 0x80, 0xbf, 0xc0, 0xff };
	unsigned char p[4];
	uint32_t c;
	for (unsigned i = 0; i < 65536 * ARRAY_LEN(thirds) * ARRAY_LEN(thirds); i++) {
		p[0] = (unsigned char)(i >> 8);
		p[1] = (unsigned char)i;
		p[2] = thirds[(i >> 16) % ARRAY_LEN(thirds)];
		p[3] = thirds[(i >> 16) / ARRAY_LEN(thirds)];
		assert_int_equal(utf8_decode(str_from(p, 4), &c), expected_length(p));
	}
}

static void whole_strings(void **state)
{
	assert_true(utf8_valid(STR_EMPTY));
	assert_true(utf8_valid(STR("a\0\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80")));
	assert_false(utf8_valid(STR("a\xc3")));
	assert_false(utf8_valid(STR("\xff"
				    "a")));
	assert_false(utf8_valid(STR("\xc0\x80")));
	assert_false(utf8_valid(STR("\xed\xa0\x80")));
	assert_true(ascii_only(STR("a\0\x7f")));
	assert_false(ascii_only(STR("a\x80")));
}

static void where_ascii_ends(void **state)
{
	char text[77];
	for (size_t n = 0; n <= sizeof text; n++)
		for (size_t at = 0; at <= n; at++) {
			memset(text, 0x7f, sizeof text);
			if (at < n)
				text[at] = '\x80';
			assert_int_equal(ascii_length(str_from(text, n)), at);
		}
	/* A character that begins anywhere within what is looked at together. */
	for (size_t at = 0; at < 70; at++) {
		memset(text, 'a', sizeof text);
		text[at] = '\xc3';
		text[at + 1] = '\xa4';
		assert_true(utf8_valid(str_from(text, sizeof text)));
		assert_false(utf8_valid(str_from(text, at + 1)));
	}
}

static void test_unseen(void **state)
{
	static const uint32_t unseen[] = { 0xad, 0x200b, 0x200d, 0x202e, 0x2066, 0xfeff, 0xe0041 };
	static const uint32_t seen[] = { ' ', 'a', 0xa0, 0xae, 0x200a, 0x2010, 0xfe0f, 0x1f600 };
	for (size_t i = 0; i < ARRAY_LEN(unseen); i++)
		assert_true(utf8_is_unseen(unseen[i]) && !utf8_is_control(unseen[i]));
	for (size_t i = 0; i < ARRAY_LEN(seen); i++)
		assert_false(utf8_is_unseen(seen[i]) || utf8_is_control(seen[i]));
	assert_true(utf8_is_control(0) && utf8_is_control('\n') && utf8_is_control(0x7f) &&
		    utf8_is_control(0x9f));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_character),
		cmocka_unit_test(only_what_the_standard_allows),
		cmocka_unit_test(whole_strings),
		cmocka_unit_test(where_ascii_ends),
		cmocka_unit_test(test_unseen),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
