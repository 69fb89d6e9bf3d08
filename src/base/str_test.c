#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/str.h"

#include <stdlib.h>

static str z(const char *text)
{
	return str_from_z(text);
}

static void slices_are_clamped(void **state)
{
	str s = STR("abc");
	assert_true(str_equal(str_skip(s, 1), STR("bc")));
	assert_int_equal(str_skip(s, 99).n, 0);
	assert_ptr_equal(str_skip(s, 99).p, s.p + 3);
	assert_true(str_equal(str_first(s, 2), STR("ab")));
	assert_true(str_equal(str_first(s, 99), s));
	assert_int_equal(str_from_z(NULL).n, 0);
	assert_true(str_equal(str_from(NULL, 0), STR_EMPTY));
}

static void comparing(void **state)
{
	static const struct {
		const char *a, *b;
		int order;
		bool nocase;
	} cases[] = { { "", "", 0, true }, { "a", "", 1, false }, { "a", "A", 1, true },
		{ "ab", "abc", -1, false }, { "[", "{", -1, false }, { "@", "`", -1, false },
		{ "\xc4", "\xe4", -1, false }, { "z\xff", "Z\xff", 1, true },
		{ "b", "ab", 1, false } };
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int order = str_compare(z(cases[i].a), z(cases[i].b));
		assert_int_equal((order > 0) - (order < 0), cases[i].order);
		assert_int_equal(str_equal(z(cases[i].a), z(cases[i].b)), order == 0);
		assert_int_equal(str_equal_nocase(z(cases[i].a), z(cases[i].b)), cases[i].nocase);
	}
	assert_false(str_equal(STR("a\0b"), STR("a\0c")));
}

static void beginnings_and_ends(void **state)
{
	str s = STR("Hello");
	assert_true(str_starts(s, STR("He")) && str_starts(s, s) && str_starts(s, STR_EMPTY));
	assert_false(str_starts(s, STR("he")) || str_starts(s, STR("Hello!")));
	assert_true(str_starts_nocase(s, STR("hE")));
	assert_false(str_starts_nocase(s, STR("hello!")));
	assert_true(str_ends(s, STR("lo")) && str_ends(s, s) && str_ends(s, STR_EMPTY));
	assert_false(str_ends(s, STR("LO")) || str_ends(s, STR("xHello")));
	assert_true(str_ends_nocase(s, STR("LO")));
	assert_false(str_ends_nocase(STR("o"), STR("LO")));
}

static void finding(void **state)
{
	str s = STR("a.b.c");
	assert_int_equal(str_find_char(s, '.'), 1);
	assert_int_equal(str_find_last_char(s, '.'), 3);
	assert_int_equal(str_find_char(s, 'x'), -1);
	assert_int_equal(str_find_last_char(STR_EMPTY, 'x'), -1);
	assert_int_equal(str_find_char(str_first(s, 1), '.'), -1);
	assert_int_equal(str_count_char(STR(".a..b."), '.'), 4);
	assert_int_equal(str_count_char(STR("ab"), '.'), 0);
	assert_int_equal(str_count_char(STR_EMPTY, '.'), 0);
	assert_int_equal(str_find_any(s, STR("cb")), 2);
	assert_int_equal(str_find_any(s, STR_EMPTY), -1);
	assert_int_equal(str_find(s, STR(".c")), 3);
	assert_int_equal(str_find(s, STR("")), 0);
	assert_int_equal(str_find(str_first(s, 4), STR(".c")), -1);
	assert_int_equal(str_find_nocase(s, STR("B.C")), 2);
	assert_int_equal(str_find_nocase(s, STR("c.")), -1);
	assert_int_equal(str_find_nocase(STR("b"), STR("bb")), -1);
	assert_int_equal(str_find_nocase(s, STR_EMPTY), 0);
	assert_int_equal(str_find_nocase(STR_EMPTY, STR("a")), -1);
}

static void any_byte_is_found(void **state)
{
	for (unsigned c = 0; c < 256; c++) {
		char text[] = { (char)(c + 1), (char)(c + 64), (char)c, (char)c };
		char set[] = { (char)(c + 128), (char)c };
		assert_int_equal(str_find_any(str_from(text, 4), str_from(set, 2)), 2);
		assert_int_equal(str_find_any(str_from(text, 2), str_from(set, 2)), -1);
	}
}

/* All texts of six letters of either case, or none, and all needles of up to two. */
static void every_place_in_either_case(void **state)
{
	static const char letters[] = "aAbB.";
	static const char *const needles[] = { "a", "B", ".", "ab", "Ba", "aa", "B.", ".A", ".." };
	for (size_t i = 0; i < 5 * 5 * 5 * 5 * 5 * 5; i++) {
		char text[6];
		for (size_t k = 0, rest = i; k < sizeof text; k++, rest /= 5)
			text[k] = letters[rest % 5];
		for (size_t k = 0; k < ARRAY_LEN(needles); k++) {
			str needle = z(needles[k]);
			ptrdiff_t at = 0;
			while (at + needle.n <= sizeof text &&
				strncasecmp(text + at, needle.p, needle.n) != 0)
				at++;
			assert_int_equal(str_find_nocase(str_from(text, sizeof text), needle),
				at + needle.n <= sizeof text ? at : -1);
		}
	}
}

static void trimming_and_cutting(void **state)
{
	str head, rest;
	assert_true(str_equal(str_trim(STR(" \t\r\n a b\r\n")), STR("a b")));
	assert_int_equal(str_trim(STR(" \t ")).n, 0);
	assert_true(str_cut(STR("a=b=c"), '=', &head, &rest));
	assert_true(str_equal(head, STR("a")) && str_equal(rest, STR("b=c")));
	assert_true(str_cut(STR("a="), '=', &head, &rest));
	assert_true(str_equal(head, STR("a")) && rest.n == 0);
	assert_false(str_cut(STR("abc"), '=', &head, &rest));
	assert_true(str_equal(head, STR("abc")) && rest.n == 0);
	rest = STR("1,2");
	assert_true(str_cut(rest, ',', &head, &rest)); /* in place */
	assert_true(str_equal(rest, STR("2")));
}

static void numbers(void **state)
{
	static const struct {
		const char *text;
		uint64_t max, value;
		bool good;
	} cases[] = { { "0", 0, 0, true }, { "1", 0, 0, false }, { "", 9, 0, false },
		{ "007", 7, 7, true }, { "8", 7, 0, false }, { "10", 9, 0, false },
		{ "18446744073709551615", UINT64_MAX, UINT64_MAX, true },
		{ "18446744073709551616", UINT64_MAX, 0, false },
		{ "99999999999999999999", UINT64_MAX, 0, false }, { "-1", 9, 0, false },
		{ "+1", 9, 0, false }, { " 1", 9, 0, false }, { "1 ", 9, 0, false },
		{ "1a", 99, 0, false }, { "65535", 65535, 65535, true },
		{ "65536", 65535, 0, false } };
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint64_t value = 77;
		assert_int_equal(str_to_u64(z(cases[i].text), cases[i].max, &value), cases[i].good);
		assert_int_equal(value, cases[i].good ? cases[i].value : 77);
	}
}

static void copies_with_a_nul(void **state)
{
	char out[4];
	assert_true(str_copy_z(STR("abc"), out, sizeof out));
	assert_string_equal(out, "abc");
	assert_false(str_copy_z(STR("abcd"), out, sizeof out));
	assert_string_equal(out, "");
	assert_false(str_copy_z(STR("a\0b"), out, sizeof out));
	assert_string_equal(out, "");
	assert_false(str_copy_z(STR_EMPTY, out, 0));
	assert_true(str_copy_z(STR_EMPTY, out, 1));
	char *copy = str_dup_z(STR("x\0y"));
	assert_memory_equal(copy, "x\0y", 4);
	free(copy);
}

static void characters(void **state)
{
	for (int c = -128; c < 128; c++) {
		bool upper = c >= 'A' && c <= 'Z', lower = c >= 'a' && c <= 'z';
		bool digit = c >= '0' && c <= '9';
		assert_int_equal(ascii_is_alpha((char)c), upper || lower);
		assert_int_equal(ascii_is_digit((char)c), digit);
		assert_int_equal(ascii_is_alnum((char)c), upper || lower || digit);
		assert_int_equal(ascii_lower((char)c), upper ? c + 32 : c);
		assert_int_equal(ascii_upper((char)c), lower ? c - 32 : c);
		assert_int_equal(ascii_is_space((char)c), c == 9 || c == 10 || c == 13 || c == 32);
		int hex = digit                  ? c - '0'
			  : c >= 'a' && c <= 'f' ? c - 'a' + 10
			  : c >= 'A' && c <= 'F' ? c - 'A' + 10
						 : -1;
		assert_int_equal(ascii_hex((char)c), hex);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slices_are_clamped),
		cmocka_unit_test(comparing),
		cmocka_unit_test(beginnings_and_ends),
		cmocka_unit_test(finding),
		cmocka_unit_test(any_byte_is_found),
		cmocka_unit_test(every_place_in_either_case),
		cmocka_unit_test(trimming_and_cutting),
		cmocka_unit_test(numbers),
		cmocka_unit_test(copies_with_a_nul),
		cmocka_unit_test(characters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
