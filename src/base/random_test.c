#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/random.h"

#include <string.h>

enum { SIZE = 10, TIMES = 200 };

/* Over several times the stock: none comes twice, and none stays behind. */
static void what_is_taken_is_gone(void **state)
{
	static const unsigned char zero[SIZE];
	unsigned char taken[TIMES][SIZE];
	struct random_stock stock = { .left = 0 };
	for (size_t i = 0; i < TIMES; i++) {
		random_take(&stock, taken[i], SIZE);
		assert_memory_not_equal(taken[i], zero, SIZE);
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(taken[i], taken[j], SIZE);
		size_t used = sizeof stock.bytes - stock.left;
		assert_true(used >= SIZE);
		assert_memory_equal(stock.bytes + used - SIZE, zero, SIZE);
	}
}

static void all_of_it_can_be_taken(void **state)
{
	struct random_stock stock = { .left = 0 };
	unsigned char all[sizeof stock.bytes], again[sizeof all], nothing;
	random_take(&stock, all, sizeof all);
	assert_int_equal(stock.left, 0);
	random_take(&stock, &nothing, 0);
	assert_int_equal(stock.left, 0);
	random_take(&stock, again, sizeof again);
	assert_memory_not_equal(all, again, sizeof all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_taken_is_gone),
		cmocka_unit_test(all_of_it_can_be_taken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
