#include "proto/imap_set.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

static const struct {
	const char *in;
	uint32_t largest;
	const char *resolved;
	uint64_t count;
} cases[] = {
	{ "1", 10, "1", 1 },
	{ "*", 10, "10", 1 },
	{ "5:3", 10, "3:5", 3 },
	{ "12:*", 10, "10:12", 3 },
	{ "*:4", 10, "4:10", 7 },
	{ "10:*", 10, "10", 1 },
	{ "7,1,3,2", 10, "1:3,7", 4 },
	{ "1:5,3:4,5:6,8", 10, "1:6,8", 7 },
	{ "2,4,3", 10, "2:4", 3 },
	{ "1:9,3:4", 10, "1:9", 9 },
	{ "4294967295,1:4294967295", 10, "1:4294967295", 4294967295 },
	{ "4294967295,4294967294", 10, "4294967294:4294967295", 2 },
};

static void test_resolve(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena a = ARENA_INIT(4096);
		struct buf b CLEANUP(buf_done) = BUF_INIT(4096);
		struct imap_set set;
		assert_true(imap_set_parse(str_from_z(cases[i].in), &a, &set));
		imap_set_format(&b, &set);
		assert_true(str_equal(buf_str(&b), str_from_z(cases[i].in)));
		imap_set_resolve(&set, cases[i].largest);
		buf_clear(&b);
		imap_set_format(&b, &set);
		assert_true(str_equal(buf_str(&b), str_from_z(cases[i].resolved)));
		assert_int_equal(imap_set_count(&set), cases[i].count);
		arena_done(&a);
	}
}

/* In an empty mailbox "*" is nothing at all, and takes its range with it. */
static void test_resolve_empty(void **state)
{
	static const char *const empty[] = { "*", "1:*", "*:7", "*,*" };
	for (size_t i = 0; i < ARRAY_LEN(empty); i++) {
		struct arena a = ARENA_INIT(4096);
		struct imap_set set;
		assert_true(imap_set_parse(str_from_z(empty[i]), &a, &set));
		imap_set_resolve(&set, 0);
		assert_int_equal(imap_set_count(&set), 0);
		assert_int_equal(imap_set_last(&set), 0);
		arena_done(&a);
	}
}

static void test_bad(void **state)
{
	static const char *const bad[] = { "", "0", "1,", ",1", "1:", ":1", "1:0", "1::2", "1:2:3",
		"a", "1 ", "-1", "**", "1*", "*1", "4294967296", "99999999999999999999", "1,,2" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct arena a = ARENA_INIT(4096);
		struct imap_set set;
		if (imap_set_parse(str_from_z(bad[i]), &a, &set))
			fail_msg("%s", bad[i]);
		arena_done(&a);
	}
}

static void test_limit(void **state)
{
	struct arena a = ARENA_INIT(1 << 20), small = ARENA_INIT(64);
	struct buf in CLEANUP(buf_done) = BUF_INIT(1 << 20);
	struct imap_set set;
	for (int i = 1; i < IMAP_SET_MAX_RANGES; i++)
		buf_add(&in, STR("1,"));
	buf_add(&in, STR("1"));
	assert_true(imap_set_parse(buf_str(&in), &a, &set));
	assert_false(imap_set_parse(buf_str(&in), &small, &set));
	imap_set_resolve(&set, 1);
	assert_int_equal(set.n, 1);
	buf_add(&in, STR(",1"));
	assert_false(imap_set_parse(buf_str(&in), &a, &set));
	arena_done(&a);
	arena_done(&small);
}

static void test_contains(void **state)
{
	struct arena a = ARENA_INIT(4096);
	struct imap_set set;
	assert_true(imap_set_parse(STR("9:12,2,5:6"), &a, &set));
	imap_set_resolve(&set, 20);
	for (uint32_t i = 0; i < 15; i++)
		assert_int_equal(imap_set_contains(&set, i),
			i == 2 || i == 5 || i == 6 || (i >= 9 && i <= 12));
	assert_int_equal(imap_set_last(&set), 12);
	arena_done(&a);
}

static void test_writer(void **state)
{
	static const uint32_t numbers[] = { 1, 2, 3, 7, 9, 10, 4, 3, 4294967294, 4294967295, 1 };
	struct buf b CLEANUP(buf_done) = BUF_INIT(4096);
	struct imap_set_writer w = IMAP_SET_WRITER(&b);
	imap_set_writer_end(&w);
	assert_int_equal(b.n, 0);
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		imap_set_writer_add(&w, numbers[i]);
	imap_set_writer_end(&w);
	assert_true(str_equal(buf_str(&b), STR("1:3,7,9:10,4,3,4294967294:4294967295,1")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_resolve),
		cmocka_unit_test(test_resolve_empty),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_contains),
		cmocka_unit_test(test_writer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
