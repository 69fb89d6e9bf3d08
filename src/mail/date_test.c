#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "mail/date.h"

static const struct {
	const char *value;
	int64_t seconds;
	int zone;
} tables[] = {
	{ "Fri, 21 Nov 1997 09:55:06 -0600", 880127706, -360 },
	{ "21 Nov 1997 09:55:06 -0600", 880127706, -360 },
	{ "Fri, 21 Nov 97 09:55:06 CST", 880127706, -360 },
	{ "Fri, 21 Nov 97 10:55:06 EST", 880127706, -300 },
	{ "Thu,\r\n 13\r\n  Feb\r\n    1969\r\n 23:32\r\n  -0330 (Newfoundland Time)", -27723480,
		-210 },
	{ "21 Nov 97 09(comment):  55  :  06 -0600", 880127706, -360 },
	{ "Fri, 21 Nov 1997 (a (nested) one) 09:55:06 -0600", 880127706, -360 },
	{ "Thu Aug 22 12:36:23 2002", 1030019783, 0 },
	{ "Thu Aug 22 12:36:23 BST 2002", 1030016183, 60 },
	{ "22-Aug-2002 12:36:23 +0000", 1030019783, 0 },
	{ "22-Aug-02 12:36 Z", 1030019760, 0 },
	{ "Thu, 22 Aug 102 12:36:23 GMT", 1030019783, 0 },
	{ "Thu, 22 Aug 2002 12:36:23 UT", 1030019783, 0 },
	{ "Thu, 22 Aug 2002 12:36:23 A", 1030019783, 0 },
	{ "Thu, 22 Aug 2002 12:36:23 XYZ", 1030019783, 0 },
	{ "Thu, 22 Aug 2002 12:36:23", 1030019783, 0 },
	{ "Thu, 22 August 2002 12:36:23.456 +05:30", 1029999983, 330 },
	{ "Thu, 22 Aug 2002 12:36:60 +0000", 1030019820, 0 },
	{ "Thu, 22 Aug 2002", 1029974400, 0 },
	{ "1 Jan 1970 00:00:00 +0000", 0, 0 },
	{ "1 Jan 1970 00:00:00 +0100", -3600, 60 },
	{ "29 Feb 2000 00:00:00 +0000", 951782400, 0 },
	{ "31 Dec 9999 23:59:59 +0000", 253402300799, 0 },
	{ "1 Jan 49 0:0:0 +0000", 2493072000, 0 },
	{ "1 Jan 50 0:0:0 +0000", -631152000, 0 },
	{ "1 Jan 1 0:0:0 +0000", INT64_MIN, 0 },
	{ "29 Feb 2001 00:00:00 +0000", INT64_MIN, 0 },
	{ "29 Feb 1900 00:00:00 +0000", INT64_MIN, 0 },
	{ "32 Jan 2001 00:00:00 +0000", INT64_MIN, 0 },
	{ "0 Jan 2001", INT64_MIN, 0 },
	{ "Thu, 22 Aug 2002 25:36:23 +0000", 1029974400, 0 },
	{ "Thu, 22 Aug 2002 12:60:23 +0000", 1029974400, 0 },
	{ "Thu, 22 Aug 2002 12:3x:23 +0000", 1030017780, 0 },
	{ "", INT64_MIN, 0 },
	{ "(((((", INT64_MIN, 0 },
	{ "22 Aug 0000 12:36:23 +0000", INT64_MIN, 0 },
	{ "22 Aug 002 00:00:00 +0000", -2125785600, 0 },
	{ "Fri, 21 Nov", INT64_MIN, 0 },
	{ "nonsense", INT64_MIN, 0 },
};

static void test_parse(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		struct mail_date date = { INT64_MIN, 0 };
		bool ok = date_parse(str_from_z(tables[i].value), &date);
		if (date.seconds != tables[i].seconds)
			print_message("of '%s'\n", tables[i].value);
		assert_int_equal(date.seconds, tables[i].seconds);
		assert_int_equal(ok, tables[i].seconds != INT64_MIN);
		assert_int_equal(date.zone, tables[i].zone);
	}
}

static void test_every_prefix(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		str value = str_from_z(tables[i].value);
		struct mail_date date;
		for (size_t n = 0; n <= value.n; n++)
			(void)!date_parse(str_first(value, n), &date);
	}
}

static void check_format(int64_t seconds, int zone, const char *expected)
{
	struct buf b CLEANUP(buf_done) = BUF_INIT(100);
	date_format(&b, (struct mail_date){ seconds, zone });
	buf_add_char(&b, '\0');
	assert_string_equal(b.p, expected);
	struct mail_date again;
	assert_true(date_parse(str_from_z(b.p), &again));
	assert_int_equal(again.seconds, seconds);
	assert_int_equal(again.zone, zone);
}

static void test_format(void **state)
{
	check_format(880127706, -360, "Fri, 21 Nov 1997 09:55:06 -0600");
	check_format(0, 0, "Thu, 01 Jan 1970 00:00:00 +0000");
	check_format(-1, 0, "Wed, 31 Dec 1969 23:59:59 +0000");
	check_format(951782400, 345, "Tue, 29 Feb 2000 05:45:00 +0545");
	check_format(4102444800, 0, "Fri, 01 Jan 2100 00:00:00 +0000");
}

static void test_each_day_comes_back(void **state)
{
	for (int64_t day = -25560; day < 100000; day += 13)
		for (int zone = -720; zone <= 840; zone += 195) {
			struct buf b CLEANUP(buf_done) = BUF_INIT(100);
			struct mail_date date = { day * 86400 + 12345, zone }, again;
			date_format(&b, date);
			assert_true(date_parse(buf_str(&b), &again));
			assert_int_equal(again.seconds, date.seconds);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_every_prefix),
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_each_day_comes_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
