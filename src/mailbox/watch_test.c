#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "mailbox/watch.h"

enum { WATCHERS = 6 };

/* Of which watchers news is set, as bits; clears it. */
static unsigned take_news(struct watcher *w)
{
	unsigned bits = 0;
	for (unsigned i = 0; i < WATCHERS; i++) {
		bits |= (unsigned)w[i].news.set << i;
		w[i].news.set = false;
	}
	return bits;
}

/* Watchers 0, 2 and 4 look at account 1, the others at account 2. */
static void test_changes_reach_whom_they_concern(void **state)
{
	struct account_watch *watch = account_watch_new();
	struct watcher w[WATCHERS] = { 0 };
	for (unsigned i = 0; i < WATCHERS; i++)
		account_watch_add(watch, 1 + i % 2, &w[i]);
	account_watch_changed(watch, 1, NULL);
	assert_int_equal(take_news(w), 0x15);
	account_watch_changed(watch, 1, &w[2]);
	assert_int_equal(take_news(w), 0x11);
	account_watch_changed(watch, 3, NULL);
	assert_int_equal(take_news(w), 0);
	account_watch_remove(watch, 1, &w[2]);
	account_watch_remove(watch, 1, &w[0]);
	account_watch_changed(watch, 1, NULL);
	account_watch_changed(watch, 2, &w[0]);
	assert_int_equal(take_news(w), 0x3a);
	account_watch_remove(watch, 1, &w[4]);
	account_watch_changed(watch, 1, NULL);
	assert_int_equal(take_news(w), 0);
	account_watch_add(watch, 1, &w[4]);
	account_watch_changed(watch, 1, NULL);
	assert_int_equal(take_news(w), 0x10);
	account_watch_remove(watch, 1, &w[4]);
	for (unsigned i = 1; i < WATCHERS; i += 2)
		account_watch_remove(watch, 2, &w[i]);
	account_watch_free(watch);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(
		test_changes_reach_whom_they_concern) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
