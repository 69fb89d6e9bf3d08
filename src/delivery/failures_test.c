#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "delivery/failures.h"

#include <stdio.h>

#define NOW SECONDS(INT64_C(1000000))

struct digest {
	char bytes[FAILURES_DIGEST];
};

static struct digest digest_of(unsigned n)
{
	struct digest d = { { 0 } };
	memcpy(d.bytes, &n, sizeof n);
	return d;
}

#define DIGEST(n) str_from(digest_of(n).bytes, FAILURES_DIGEST)

static void two_failures_are_enough(void **state)
{
	struct failures *f = failures_new();
	struct failure k;
	assert_false(failures_find(f, DIGEST(1), NOW, &k));
	failures_add(f, DIGEST(1), STR("FIRST"), NOW - 10, NOW, &k);
	assert_int_equal(k.count, 1);
	assert_false(failure_is_shunned(&k, NOW));
	assert_true(failures_find(f, DIGEST(1), NOW + 5, &k));
	assert_int_equal(k.count, 1);
	assert_false(failures_find(f, DIGEST(2), NOW, &k));
	failures_add(f, DIGEST(1), STR("SECOND"), NOW + 100, NOW + 110, &k);
	assert_int_equal(k.count, 2);
	assert_string_equal(k.first_id, "FIRST");
	assert_true(failure_is_shunned(&k, NOW + 110));
	assert_true(failure_is_shunned(&k, NOW + FAILURES_SHUN + 109));
	assert_false(failure_is_shunned(&k, NOW + FAILURES_SHUN + 110));
	assert_true(failures_find(f, DIGEST(1), NOW + FAILURES_KEEP + 110, &k));
	assert_false(failures_find(f, DIGEST(1), NOW + FAILURES_KEEP + 111, &k));
	failures_free(f);
}

/* Copies that were in flight when the filter died, and are noticed one after the other. */
static void what_fails_together_fails_once(void **state)
{
	struct failures *f = failures_new();
	struct failure k;
	for (int i = 0; i < 20; i++)
		failures_add(f, DIGEST(1), STR("X"), NOW - 100 + i, NOW + i, &k);
	assert_int_equal(k.count, 1);
	failures_add(f, DIGEST(1), STR("X"), NOW + 50, NOW + 60, &k);
	assert_int_equal(k.count, 2);
	failures_add(f, DIGEST(1), STR("X"), NOW + 55, NOW + 61, &k);
	assert_int_equal(k.count, 2);
	failures_free(f);
}

static void forgotten(void **state)
{
	struct failures *f = failures_new();
	struct failure k;
	failures_add(f, DIGEST(1), STR("X"), NOW, NOW, &k);
	failures_add(f, DIGEST(2), STR("X"), NOW, NOW + 1, &k);
	assert_int_equal(failures_count(f, NOW + 1), 2);
	failures_forget(f, DIGEST(1));
	failures_forget(f, DIGEST(3));
	assert_false(failures_find(f, DIGEST(1), NOW, &k));
	assert_int_equal(failures_count(f, NOW + 1), 1);
	assert_int_equal(failures_count(f, NOW + FAILURES_KEEP + 2), 0);
	failures_free(f);
}

static void bounded(void **state)
{
	struct failures *f = failures_new();
	struct failure k;
	for (unsigned i = 0; i < FAILURES_MAX + 10; i++) {
		failures_add(f, DIGEST(i), STR("X"), NOW + i, NOW + i, &k);
		/* The first one fails again and again: it is not the oldest. */
		failures_add(f, DIGEST(0), STR("X"), NOW + i, NOW + i, &k);
	}
	assert_int_equal(failures_count(f, NOW), FAILURES_MAX);
	assert_true(failures_find(f, DIGEST(0), NOW, &k));
	assert_false(failures_find(f, DIGEST(1), NOW, &k));
	assert_false(failures_find(f, DIGEST(10), NOW, &k));
	assert_true(failures_find(f, DIGEST(11), NOW, &k));
	failures_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_failures_are_enough),
		cmocka_unit_test(what_fails_together_fails_once),
		cmocka_unit_test(forgotten),
		cmocka_unit_test(bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
