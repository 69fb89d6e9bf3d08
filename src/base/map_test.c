#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/map.h"

#include <stdio.h>

enum { MANY = 5000 };

static void many_keys(void **state)
{
	static uint64_t values[MANY];
	struct map m;
	map_init(&m);
	for (uint64_t i = 0; i < MANY; i++)
		assert_null(map_put(&m, MAP_KEY(i), &values[i]));
	assert_int_equal(m.n, MANY);
	for (uint64_t i = 0; i < MANY; i++)
		assert_ptr_equal(map_get(&m, MAP_KEY(i)), &values[i]);
	for (uint64_t i = 0; i < MANY; i += 2)
		assert_ptr_equal(map_remove(&m, MAP_KEY(i)), &values[i]);
	for (uint64_t i = 0; i < MANY; i++)
		assert_ptr_equal(map_get(&m, MAP_KEY(i)), i % 2 ? &values[i] : NULL);
	uint64_t odd = 1;
	assert_ptr_equal(map_put(&m, MAP_KEY(odd), &values[0]), &values[1]);
	assert_ptr_equal(map_get(&m, MAP_KEY(odd)), &values[0]);
	assert_int_equal(m.n, MANY / 2);
	map_done(&m);
}

static void keys_are_bytes_and_are_copied(void **state)
{
	int one, two, three;
	char key[] = "a\0b";
	struct map m;
	map_init(&m);
	assert_null(map_get(&m, STR("a")));
	assert_null(map_remove(&m, STR("a")));
	map_put(&m, str_from(key, 3), &one);
	map_put(&m, STR("a"), &two);
	map_put(&m, STR_EMPTY, &three);
	key[2] = 'x';
	assert_ptr_equal(map_get(&m, STR("a\0b")), &one);
	assert_ptr_equal(map_get(&m, STR("a")), &two);
	assert_ptr_equal(map_get(&m, STR_EMPTY), &three);
	assert_null(map_get(&m, STR("a\0x")));
	map_done(&m);
}

static void what_is_visited_may_be_removed(void **state)
{
	unsigned seen[100] = { 0 };
	struct map m;
	map_init(&m);
	for (unsigned i = 0; i < 100; i++)
		map_put(&m, MAP_KEY(i), &seen[i]);
	struct map_cursor cursor = { 0 };
	str key;
	void *value;
	while (map_next(&m, &cursor, &key, &value)) {
		unsigned i;
		assert_int_equal(key.n, sizeof i);
		memcpy(&i, key.p, sizeof i);
		assert_ptr_equal(value, &seen[i]);
		seen[i]++;
		if (i % 3)
			assert_ptr_equal(map_remove(&m, key), &seen[i]);
	}
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(seen[i], 1);
	assert_int_equal(m.n, 34);
	map_done(&m);
	cursor = (struct map_cursor){ 0 };
	assert_false(map_next(&m, &cursor, &key, &value));
}

/* The reference values of SipHash-1-3 for the key 00 01 … 0f and the inputs "", 00, 00 01, … */
static void the_hash_is_siphash(void **state)
{
	static const uint64_t seed[2] = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };
	static const char input[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
	uint64_t seen[sizeof input + 1];
	assert_int_equal(map_hash(seed, STR_EMPTY), 0xabac0158050fc4dc);
	for (size_t n = 0; n <= sizeof input; n++) {
		seen[n] = map_hash(seed, str_from(input, n));
		for (size_t i = 0; i < n; i++)
			assert_int_not_equal(seen[i], seen[n]);
	}
	static const uint64_t other[2] = { 0x0706050403020101, 0x0f0e0d0c0b0a0908 };
	assert_int_not_equal(map_hash(seed, STR("x")), map_hash(other, STR("x")));
}

static void each_map_has_a_key_of_its_own(void **state)
{
	struct map a, b;
	map_init(&a);
	map_init(&b);
	assert_memory_not_equal(a.seed, b.seed, sizeof a.seed);
	map_done(&a);
	map_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_keys),
		cmocka_unit_test(keys_are_bytes_and_are_copied),
		cmocka_unit_test(what_is_visited_may_be_removed),
		cmocka_unit_test(the_hash_is_siphash),
		cmocka_unit_test(each_map_has_a_key_of_its_own),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
