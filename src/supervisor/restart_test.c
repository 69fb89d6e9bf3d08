#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"
#include "supervisor/restart.h"

/* The delays of a process that ends this way again and again, in milliseconds; 0: enough. */
static void expect(const char *settings, bool was_ready, int64_t life, const int64_t *wanted)
{
	struct buf text CLEANUP(buf_done) = BUF_INIT(4096);
	struct err err = { "" };
	buf_printf(&text, "hostname = \"mx.here.test\";\nsupervisor: { %s };\n", settings);
	const struct config *config =
		config_parse(buf_str(&text), STR("test.conf"), STR("/"), &err);
	assert_string_equal(err.text, "");
	int64_t delay = 0;
	for (; *wanted; wanted++) {
		delay = restart_delay(config, delay, was_ready, life);
		assert_int_equal(delay, MILLISECONDS(*wanted));
	}
	config_unref(config);
}

#define DELAYS(...) ((const int64_t[]){ __VA_ARGS__, 0 })

static void one_that_cannot_start_waits_longer_each_time(void **state)
{
	expect("", false, 0,
		DELAYS(100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000));
	expect("restart_delay_max = \"500ms\";", false, 0, DELAYS(100, 200, 400, 500, 500));
}

static void one_that_was_ready_is_not_away_for_long(void **state)
{
	expect("", true, 0, DELAYS(100, 200, 400, 800, 1000, 1000));
	expect("", true, SECONDS(59), DELAYS(100, 200, 400, 800, 1000, 1000));
	expect("restart_delay_max = \"150ms\";", true, 0, DELAYS(100, 150, 150));
	expect("restart_delay = \"10s\";", true, 0, DELAYS(10000, 10000));
}

static void after_a_long_life_all_begins_anew(void **state)
{
	expect("", true, SECONDS(60), DELAYS(100, 100));
	expect("", false, SECONDS(60), DELAYS(100, 100)); /* it took long to fail */
}

static void the_last_life_decides(void **state)
{
	struct err err;
	const struct config *config = config_parse(
		STR("hostname = \"mx.here.test\";\n"), STR("test.conf"), STR("/"), &err);
	assert_non_null(config);
	assert_int_equal(restart_delay(config, SECONDS(30), true, 0), SECONDS(1));
	assert_int_equal(restart_delay(config, SECONDS(1), false, 0), SECONDS(2));
	config_unref(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_that_cannot_start_waits_longer_each_time),
		cmocka_unit_test(one_that_was_ready_is_not_away_for_long),
		cmocka_unit_test(after_a_long_life_all_begins_anew),
		cmocka_unit_test(the_last_life_decides),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
