#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"

static void it_grows_to_its_maximum_and_no_further(void **state)
{
	for (size_t max = 0; max < 300; max += 7) {
		struct buf b = BUF_INIT(max);
		for (size_t i = 0; i < max; i++)
			buf_add_char(&b, (char)i);
		assert_false(b.overflowed);
		assert_int_equal(b.n, max);
		for (size_t i = 0; i < max; i++)
			assert_int_equal(b.p[i], (char)i);
		buf_add_char(&b, 'x');
		assert_true(b.overflowed);
		assert_int_equal(b.n, max);
		assert_true(b.cap <= max);
		buf_done(&b);
	}
}

static void overflow_is_sticky(void **state)
{
	struct buf b = BUF_INIT(4);
	buf_add(&b, STR("abc"));
	buf_add(&b, STR("de"));
	buf_add(&b, STR("f"));
	assert_true(b.overflowed);
	assert_true(str_equal(buf_str(&b), STR("abc")));
	assert_null(buf_reserve(&b, 1));
	buf_clear(&b);
	buf_add(&b, STR("wxyz"));
	assert_false(b.overflowed);
	assert_true(str_equal(buf_str(&b), STR("wxyz")));
	assert_null(buf_reserve(&b, SIZE_MAX));
	assert_true(b.overflowed);
	buf_done(&b);
	assert_false(b.overflowed);
	assert_int_equal(b.max, 4);
}

static void it_moves_out_of_the_callers_memory(void **state)
{
	for (size_t n = 0; n < 40; n++) {
		char room[16];
		struct buf b = BUF_OVER(room, 32);
		for (size_t i = 0; i < n; i++)
			buf_add_char(&b, (char)('a' + i % 26));
		assert_int_equal(b.n, MIN(n, (size_t)32));
		assert_int_equal(b.overflowed, n > 32);
		assert_int_equal(b.p == room, n <= sizeof room);
		for (size_t i = 0; i < b.n; i++)
			assert_int_equal(b.p[i], (char)('a' + i % 26));
		buf_done(&b);
		buf_add(&b, STR("again"));
		assert_ptr_not_equal(b.p, room);
		assert_true(str_equal(buf_str(&b), STR("again")));
		buf_done(&b);
	}
}

static void a_closing_nul_is_no_room(void **state)
{
	for (size_t max = 300; max < 310; max++) {
		struct buf b = BUF_INIT(max);
		buf_printf(&b, "%*s", (int)max, "");
		assert_false(b.overflowed);
		buf_add_char(&b, 'x');
		assert_true(b.overflowed);
		assert_int_equal(b.n, max);
		buf_done(&b);
	}
}

static void nothing_needs_no_memory(void **state)
{
	struct buf b = BUF_INIT(10);
	buf_add(&b, STR_EMPTY);
	assert_null(b.p);
	assert_int_equal(buf_str(&b).n, 0);
	assert_non_null(buf_str(&b).p);
	buf_consume(&b, 0);
	buf_done(&b);
}

static void numbers(void **state)
{
	struct buf b = BUF_INIT(100);
	buf_add_u64(&b, 0);
	buf_add_char(&b, ' ');
	buf_add_u64(&b, 1234567890);
	buf_add_char(&b, ' ');
	buf_add_u64(&b, UINT64_MAX);
	buf_add_char(&b, ' ');
	buf_add_i64(&b, INT64_MIN);
	assert_true(str_equal(
		buf_str(&b), STR("0 1234567890 18446744073709551615 -9223372036854775808")));
	buf_done(&b);
}

/* The closing NUL that printf writes takes no room. */
static void printing(void **state)
{
	struct buf b = BUF_INIT(8);
	buf_printf(&b, "%d-%s", 42, "abc");
	buf_printf(&b, "%s", "");
	buf_printf(&b, "%c%c", 'y', 'z');
	assert_false(b.overflowed);
	assert_true(str_equal(buf_str(&b), STR("42-abcyz")));
	buf_printf(&b, "%s", "");
	assert_false(b.overflowed);
	buf_printf(&b, "!");
	assert_true(b.overflowed);
	assert_int_equal(b.n, 8);
	buf_clear(&b);
	buf_printf(&b, "%0200d", 1);
	assert_true(b.overflowed);
	assert_int_equal(b.n, 0);
	buf_done(&b);
}

/* Short and long texts are formatted in different ways. */
static void printing_any_length(void **state)
{
	for (int n = 1; n < 1000; n++) {
		struct buf b = BUF_INIT((size_t)n + 1);
		buf_add_char(&b, 'x');
		buf_printf(&b, "%0*d", n, 7);
		assert_false(b.overflowed);
		assert_int_equal(b.n, n + 1);
		assert_int_equal(b.p[n], '7');
		buf_printf(&b, "%s", "");
		buf_printf(&b, n % 2 ? "%s" : "y", "y");
		assert_true(b.overflowed);
		buf_done(&b);
	}
}

static void consuming(void **state)
{
	struct buf b = BUF_INIT(100);
	buf_add(&b, STR("abcdef"));
	buf_consume(&b, 2);
	assert_true(str_equal(buf_str(&b), STR("cdef")));
	buf_add(&b, STR("gh"));
	buf_consume(&b, 6);
	assert_int_equal(b.n, 0);
	buf_add(&b, STR("i"));
	assert_true(str_equal(buf_str(&b), STR("i")));
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_grows_to_its_maximum_and_no_further),
		cmocka_unit_test(overflow_is_sticky),
		cmocka_unit_test(nothing_needs_no_memory),
		cmocka_unit_test(it_moves_out_of_the_callers_memory),
		cmocka_unit_test(a_closing_nul_is_no_room),
		cmocka_unit_test(numbers),
		cmocka_unit_test(printing),
		cmocka_unit_test(printing_any_length),
		cmocka_unit_test(consuming),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
