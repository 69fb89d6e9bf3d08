#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/json.h"
#include "base/utf8.h"

#include <math.h>

static void assert_written(struct buf *b, const struct json *j, const char *expected)
{
	assert_true(json_done(j));
	assert_int_equal(b->n, strlen(expected));
	assert_memory_equal(b->p, expected, b->n);
	buf_done(b);
}

static void objects_and_arrays_nest(void **state)
{
	struct buf b = BUF_INIT(1000);
	struct json j = JSON_INIT(&b);
	json_object(&j, NULL);
	json_str(&j, "id", STR("A1"));
	json_array(&j, "none");
	json_end(&j);
	json_array(&j, "list");
	json_i64(&j, NULL, 1);
	json_object(&j, NULL);
	json_end(&j);
	json_object(&j, NULL);
	json_bool(&j, "yes", true);
	json_bool(&j, "no", false);
	json_null(&j, "what");
	json_end(&j);
	json_array(&j, NULL);
	json_end(&j);
	json_end(&j);
	json_raw(&j, "raw", STR("[1,{\"a\":2}]"));
	assert_false(json_done(&j));
	json_end(&j);
	assert_written(&b, &j,
		"{\"id\":\"A1\",\"none\":[],\"list\":[1,{},{\"yes\":true,\"no\":false,\"what\":"
		"null},"
		"[]],\"raw\":[1,{\"a\":2}]}");
}

#define BYTES(literal)                                                                             \
	{                                                                                          \
		literal, sizeof(literal) - 1                                                       \
	}

static const struct {
	str in;
	size_t max;
	const char *out;
} strings[] = {
	{ BYTES(""), 99, "\"\"" },
	{ BYTES("plain text"), 99, "\"plain text\"" },
	{ BYTES("a\"b\\c/d"), 99, "\"a\\\"b\\\\c/d\"" },
	{ BYTES("\xc2\x9b\xe2\x80\xae\xe2\x80\xa8\xc2\xa0"), 99,
		"\"\\u009b\\u202e\\u2028\xc2\xa0\"" },
	{ BYTES("\r\n\t\x01\x1f\x7f"), 99, "\"\\r\\n\\t\\u0001\\u001f\\u007f\"" },
	{ BYTES("a\0b"), 99,
		"\"a\xef\xbf\xbd"
		"b\"" },
	{ BYTES("gr\xc3\xbc\xc3\x9f"), 99, "\"gr\xc3\xbc\xc3\x9f\"" },
	{ BYTES("\xf0\x9f\x90\x99"), 99, "\"\xf0\x9f\x90\x99\"" },
	{ BYTES("\xff\xc3"), 99, "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
	{ BYTES("\xed\xa0\x80"), 99, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
	{ BYTES("\xc3"
		"a"),
		99,
		"\"\xef\xbf\xbd"
		"a\"" },
	{ BYTES("abc"), 3, "\"abc\"" },
	{ BYTES("abcd"), 3, "\"abc\xe2\x80\xa6\"" },
	{ BYTES("abcd"), 0, "\"\xe2\x80\xa6\"" },
	{ BYTES("ab\xc3\xbc"
		"d"),
		3, "\"ab\xe2\x80\xa6\"" },
	{ BYTES("\xf0\x9f\x90\x99x"), 3, "\"\xe2\x80\xa6\"" },
	{ BYTES("a\xf0\x9f\x90\x99"), 4, "\"a\xe2\x80\xa6\"" },
};

static void strings_become_valid(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(strings); i++) {
		struct buf b = BUF_INIT(1000);
		struct json j = JSON_INIT(&b);
		json_str_max(&j, NULL, strings[i].in, strings[i].max);
		assert_true(utf8_valid(buf_str(&b)));
		assert_written(&b, &j, strings[i].out);
	}
}

/* However long a run of continuation bytes is, no more than a character's worth is given up. */
static void cutting_goes_back_three_bytes_at_most(void **state)
{
	struct buf b = BUF_INIT(1000);
	struct json j = JSON_INIT(&b);
	json_str_max(&j, NULL, STR("\x80\x80\x80\x80\x80\x80\x80\x80"), 7);
	assert_int_equal(b.n, 2 + 3 + 4 * 3);
	buf_done(&b);
}

static const struct {
	double in;
	const char *out;
} decimals[] = {
	{ 0, "0.00" },
	{ -0.0, "0.00" },
	{ 0.004, "0.00" },
	{ -0.004, "0.00" },
	{ 0.005, "0.01" },
	{ 2.5, "2.50" },
	{ -1.25, "-1.25" },
	{ -0.05, "-0.05" },
	{ 99.999, "100.00" },
	{ 1e300, "1000000000000000.00" },
	{ -INFINITY, "-1000000000000000.00" },
	{ NAN, "null" },
};

static void numbers(void **state)
{
	struct buf b = BUF_INIT(1000);
	for (size_t i = 0; i < ARRAY_LEN(decimals); i++) {
		struct json j = JSON_INIT(&b);
		json_decimal(&j, NULL, decimals[i].in);
		assert_written(&b, &j, decimals[i].out);
	}
	struct json j = JSON_INIT(&b);
	json_array(&j, NULL);
	json_i64(&j, NULL, INT64_MIN);
	json_i64(&j, NULL, -1);
	json_i64(&j, NULL, INT64_MAX);
	json_end(&j);
	assert_written(&b, &j, "[-9223372036854775808,-1,9223372036854775807]");
}

static void depth_has_a_bound(void **state)
{
	struct buf b = BUF_INIT(1000);
	struct json j = JSON_INIT(&b);
	for (int i = 0; i < JSON_DEPTH_MAX; i++)
		json_array(&j, NULL);
	json_i64(&j, NULL, 1);
	for (int i = 0; i < JSON_DEPTH_MAX; i++)
		json_end(&j);
	assert_true(json_done(&j));
	assert_int_equal(b.n, 2 * JSON_DEPTH_MAX + 1);
	buf_done(&b);
}

/* Whatever the room, what did not fit is not passed off as whole. */
static void what_does_not_fit_is_not_done(void **state)
{
	for (size_t max = 0; max < 12; max++) {
		struct buf b = BUF_INIT(max);
		struct json j = JSON_INIT(&b);
		json_object(&j, NULL);
		json_str(&j, "a", STR("\x01"));
		json_end(&j);
		assert_int_equal(json_done(&j), max >= 14);
		buf_done(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_and_arrays_nest),
		cmocka_unit_test(strings_become_valid),
		cmocka_unit_test(cutting_goes_back_three_bytes_at_most),
		cmocka_unit_test(numbers),
		cmocka_unit_test(depth_has_a_bound),
		cmocka_unit_test(what_does_not_fit_is_not_done),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
