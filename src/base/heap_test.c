#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/heap.h"

#include <stdlib.h>

enum { NODES = 500 };

static void the_least_comes_first(void **state)
{
	struct heap h = { 0 };
	struct heap_node nodes[NODES] = { { 0 } };
	srand(1);
	for (int round = 0; round < 20; round++) {
		for (size_t i = 0; i < NODES; i++)
			heap_add(&h, &nodes[i], rand() % 100);
		for (size_t i = 0; i < NODES; i += 3)
			heap_remove(&h, &nodes[i]);
		size_t left = h.n;
		int64_t before = -1;
		for (struct heap_node *n; (n = heap_least(&h)); left--) {
			assert_true(n->key >= before);
			before = n->key;
			heap_remove(&h, n);
			assert_int_equal(n->index, 0);
		}
		assert_int_equal(left, 0);
	}
	heap_done(&h);
}

static void removing_what_is_not_there_does_nothing(void **state)
{
	struct heap h = { 0 };
	struct heap_node node = { 0 };
	heap_remove(&h, &node);
	assert_null(heap_least(&h));
	heap_done(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_least_comes_first),
		cmocka_unit_test(removing_what_is_not_there_does_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
