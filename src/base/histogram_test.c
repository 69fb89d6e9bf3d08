/* Times in buckets. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/histogram.h"
#include "base/json.h"

/* Each bucket ends where the next one begins, and is at most a quarter of its limit wide. */
static void buckets_follow_each_other(void **state)
{
	uint64_t before = 0;
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		struct histogram h = { 0 };
		uint64_t limit = histogram_limit(i);
		assert_true(limit > before && (i < 4 || 4 * (limit - before) <= before));
		histogram_add(&h, (int64_t)before * 1000);
		histogram_add(&h, (int64_t)limit * 1000 - 1);
		assert_int_equal(h.buckets[i], 2);
		assert_true(histogram_merge(&h, limit, 3));
		assert_int_equal(h.buckets[i], 5);
		assert_int_equal(h.count, 5);
		before = limit;
	}
	assert_true(before > UINT64_C(12) * 3600 * 1000000);
}

static void what_is_out_of_range_is_at_the_ends(void **state)
{
	struct histogram h = { 0 };
	histogram_add(&h, -1);
	histogram_add(&h, INT64_MAX);
	assert_int_equal(h.buckets[0], 1);
	assert_int_equal(h.buckets[HISTOGRAM_BUCKETS - 1], 1);
	static const uint64_t none[] = { 0, 9, 11, 1001, UINT64_MAX };
	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		assert_false(histogram_merge(&h, none[i], 1));
	assert_int_equal(h.count, 2);
}

static void quantiles(void **state)
{
	struct histogram h = { 0 };
	assert_int_equal(histogram_quantile(&h, 500), 0);
	for (int i = 1; i <= 1000; i++)
		histogram_add(&h, i * INT64_C(1000000));
	assert_in_range(histogram_quantile(&h, 500), 500 * 1000, 625 * 1000);
	assert_in_range(histogram_quantile(&h, 990), 990 * 1000, 1240 * 1000);
	assert_in_range(histogram_quantile(&h, 1000), 1000 * 1000, 1250 * 1000);
	assert_int_equal(histogram_quantile(&h, 0), histogram_limit(4 * 8 + 3));
}

static void as_json(void **state)
{
	struct histogram h = { 0 };
	struct buf text CLEANUP(buf_done) = BUF_INIT(1000);
	struct json j = JSON_INIT(&text);
	histogram_add(&h, 0);
	histogram_add(&h, 9 * 1000);
	histogram_add(&h, 9 * 1000);
	json_object(&j, NULL);
	histogram_json(&j, "times", &h);
	json_end(&j);
	assert_true(json_done(&j));
	assert_true(str_equal(buf_str(&text), STR("{\"times\":[[1,1],[10,2]]}")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buckets_follow_each_other),
		cmocka_unit_test(what_is_out_of_range_is_at_the_ends),
		cmocka_unit_test(quantiles),
		cmocka_unit_test(as_json),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
