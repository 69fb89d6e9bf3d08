#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/arena.h"

#include <stdalign.h>

static void pieces_are_zeroed_aligned_and_apart(void **state)
{
	struct arena a = ARENA_INIT(1024 * 1024);
	char *pieces[400];
	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		size_t n = 1 + i * 7 % 300;
		char *p = arena_alloc(&a, n);
		assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
		for (size_t j = 0; j < n; j++)
			assert_int_equal(p[j], 0);
		memset(p, (int)i, n);
		pieces[i] = p;
	}
	for (size_t i = 0; i < ARRAY_LEN(pieces); i++)
		for (size_t j = 0; j < 1 + i * 7 % 300; j++)
			assert_int_equal(pieces[i][j], (char)i);
	arena_done(&a);
	assert_int_equal(a.used, 0);
}

static void the_maximum_holds(void **state)
{
	struct arena a = ARENA_INIT(1000);
	size_t got = 0;
	while (arena_try(&a, 48))
		got += 48;
	assert_in_range(got, 1000 - 48, 1000);
	assert_null(arena_try(&a, 48));
	assert_null(arena_try(&a, 1001));
	assert_null(arena_try(&a, SIZE_MAX));
	arena_done(&a);
	assert_non_null(arena_try(&a, 1000));
	assert_null(arena_try(&a, 1));
	arena_done(&a);
	struct arena none = ARENA_INIT(0);
	assert_null(arena_try(&none, 1));
	arena_done(&none);
}

static void large_pieces_get_room_of_their_own(void **state)
{
	struct arena a = ARENA_INIT(10 * 1024 * 1024);
	char *small = arena_alloc(&a, 8), *large = arena_alloc(&a, 3 * 1024 * 1024);
	char *after = arena_alloc(&a, 8);
	memset(large, 1, 3 * 1024 * 1024);
	assert_int_equal(small[7], 0);
	assert_int_equal(after[0], 0);
	arena_done(&a);
}

static void strings(void **state)
{
	struct arena a = ARENA_INIT(10000);
	char text[] = "hello";
	str copy = arena_str(&a, str_from(text, 4));
	char *zcopy = arena_str_z(&a, str_from(text, 4));
	text[0] = 'x';
	assert_true(str_equal(copy, STR("hell")));
	assert_string_equal(zcopy, "hell");
	assert_int_equal(arena_str(&a, STR_EMPTY).n, 0);
	assert_non_null(arena_str(&a, STR_EMPTY).p);
	assert_string_equal(arena_str_z(&a, STR_EMPTY), "");
	assert_true(str_equal(arena_printf(&a, "%d %s", 7, "of"), STR("7 of")));
	assert_true(arena_printf(&a, "%0999d", 0).n == 999);
	assert_true(str_equal(arena_lower(&a, STR("MiXed@[Z]\xC4")), STR("mixed@[z]\xC4")));
	arena_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_zeroed_aligned_and_apart),
		cmocka_unit_test(the_maximum_holds),
		cmocka_unit_test(large_pieces_get_room_of_their_own),
		cmocka_unit_test(strings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
