#include "proto/imap_date.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

static void test_date(void **state)
{
	static const struct {
		const char *in;
		int32_t day;
	} cases[] = {
		{ "1-Jan-1970", 0 },
		{ "01-jan-1970", 0 },
		{ "31-Dec-1969", -1 },
		{ "1-Feb-1994", 8797 },
		{ "29-Feb-2000", 11016 },
		{ "29-Feb-2024", 19782 },
		{ "1-Mar-2024", 19783 },
		{ "31-Dec-9999", 2932896 },
		{ "1-Jan-0001", -719162 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int32_t day;
		if (!imap_date_parse(str_from_z(cases[i].in), &day))
			fail_msg("%s", cases[i].in);
		assert_int_equal(day, cases[i].day);
	}
}

static void test_bad_date(void **state)
{
	static const char *const bad[] = { "", "1", "1-", "1-Jan", "1-Jan-", "1-Jan-197",
		"1-Jan-19700", "0-Jan-1970", "32-Jan-1970", "31-Apr-1970", "29-Feb-1900",
		"29-Feb-2023", "30-Feb-2024", "1-Foo-1970", "1 Jan 1970", "001-Jan-1970",
		"1-Jan-0000", " 1-Jan-1970", "-1-Jan-1970", "1-Jan-1970 " };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		int32_t day;
		if (imap_date_parse(str_from_z(bad[i]), &day))
			fail_msg("%s", bad[i]);
	}
}

static void test_date_time(void **state)
{
	static const struct {
		const char *in;
		int64_t seconds;
		int zone, day;
	} cases[] = {
		{ "01-Jan-1970 00:00:00 +0000", 0, 0, 0 },
		{ " 1-Jan-1970 00:00:00 +0000", 0, 0, 0 },
		{ "1-Jan-1970 00:00:01 +0000", 1, 0, 0 },
		{ "01-Jan-1970 00:30:00 +0100", -1800, 60, 0 },
		{ "31-Dec-1969 23:59:59 -0001", 59, -1, -1 },
		{ "17-Jul-1996 02:44:25 -0700", 837596665, -420, 9694 },
		{ "31-Dec-2016 23:59:60 +0000", 1483228800, 0, 17167 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct imap_date_time t;
		if (!imap_date_time_parse(str_from_z(cases[i].in), &t))
			fail_msg("%s", cases[i].in);
		assert_int_equal(t.seconds, cases[i].seconds);
		assert_int_equal(t.zone_minutes, cases[i].zone);
	}
}

static void test_bad_date_time(void **state)
{
	static const char *const bad[] = { "", "01-Jan-1970", "01-Jan-1970 00:00:00",
		"01-Jan-1970 00:00:00 ", "01-Jan-1970 00:00:00 0000", "01-Jan-1970 00:00:00 +000",
		"01-Jan-1970 00:00:00 +00000", "01-Jan-1970 24:00:00 +0000",
		"01-Jan-1970 00:60:00 +0000", "01-Jan-1970 00:00:61 +0000",
		"01-Jan-1970 00:00:00 +2400", "01-Jan-1970 00:00:00 +0060",
		"01-Jan-1970 0:00:00 +0000", " 01-Jan-1970 00:00:00 +0000",
		"01-Jan-1970 00:00:00 GMT", "01-Jan-1970  00:00:00 +0000" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct imap_date_time t;
		if (imap_date_time_parse(str_from_z(bad[i]), &t))
			fail_msg("%s", bad[i]);
	}
}

/* Format, parse: the same instant and zone, also around every change of day and month. */
static void test_round_trip(void **state)
{
	for (int64_t seconds = -3000000000; seconds < 6000000000; seconds += 3456789) {
		struct buf b CLEANUP(buf_done) = BUF_INIT(64);
		struct imap_date_time t = { seconds, (int)(seconds / 3456789 % 1439) }, back;
		imap_date_time_format(&b, t);
		assert_int_equal(b.n, 28);
		assert_true(imap_date_time_parse(str_first(str_skip(buf_str(&b), 1), 26), &back));
		assert_int_equal(back.seconds, t.seconds);
		assert_int_equal(back.zone_minutes, t.zone_minutes);
		int32_t day;
		str text = str_first(str_skip(buf_str(&b), 1), 11);
		assert_true(imap_date_parse(str_trim(text), &day));
		assert_int_equal(day, imap_date_time_day(t));
	}
}

static void check_format(struct imap_date_time t, const char *expected)
{
	struct buf b CLEANUP(buf_done) = BUF_INIT(64);
	imap_date_time_format(&b, t);
	assert_true(str_equal(buf_str(&b), str_from_z(expected)));
}

static void test_format(void **state)
{
	check_format((struct imap_date_time){ 837596665, -420 }, "\"17-Jul-1996 02:44:25 -0700\"");
	check_format((struct imap_date_time){ -1, 90 }, "\" 1-Jan-1970 01:29:59 +0130\"");
	check_format((struct imap_date_time){ INT64_MAX, 1439 }, "\"31-Dec-9999 23:59:59 +2359\"");
	check_format((struct imap_date_time){ INT64_MIN, 0 }, "\" 1-Jan-0001 00:00:00 +0000\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_date),
		cmocka_unit_test(test_bad_date),
		cmocka_unit_test(test_date_time),
		cmocka_unit_test(test_bad_date_time),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_format),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
