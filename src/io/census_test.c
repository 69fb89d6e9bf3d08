#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "io/census.h"

#include <stdio.h>
#include <unistd.h>

enum { PROCESSES = 3, PLENTY = 100000 };

struct fixture {
	struct census *supervisor, *member[PROCESSES];
};

static void open_all(struct fixture *f)
{
	struct err err;
	int fd = -1;
	assert_int_equal(census_new(PROCESSES, &f->supervisor, &fd, &err), 0);
	for (unsigned i = 0; i < PROCESSES; i++)
		assert_int_equal(census_join(fd, i, &f->member[i], &err), 0);
	close(fd);
}

static void close_all(struct fixture *f)
{
	for (unsigned i = 0; i < PROCESSES; i++)
		census_free(f->member[i]);
	census_free(f->supervisor);
	census_free(NULL);
}

static struct ip ip(const char *text)
{
	struct ip ip;
	assert_true(ip_parse(str_from_z(text), &ip));
	return ip;
}

static void a_note_is_read_by_all(void **state)
{
	struct fixture f;
	open_all(&f);
	assert_int_equal(*census_note(f.member[0]), 0);
	*census_note(f.member[1]) = 7;
	assert_int_equal(*census_note(f.member[0]), 7);
	census_clear(f.supervisor, 1);
	assert_int_equal(*census_note(f.member[2]), 7);
	close_all(&f);
}

static void limits_hold_over_all_processes(void **state)
{
	struct fixture f;
	struct ip a = ip("192.0.2.1"), b = ip("192.0.2.2"), c = ip("192.0.2.3");
	open_all(&f);
	assert_int_equal(census_enter(f.member[0], &a, 4, 2), CENSUS_WELCOME);
	assert_int_equal(census_enter(f.member[1], &a, 4, 2), CENSUS_WELCOME);
	assert_int_equal(census_enter(f.member[2], &a, 4, 2), CENSUS_CLIENT_FULL);
	assert_int_equal(census_enter(f.member[2], &b, 4, 2), CENSUS_WELCOME);
	assert_int_equal(census_enter(f.member[2], &b, 4, 2), CENSUS_WELCOME);
	assert_int_equal(census_enter(f.member[0], &c, 4, 2), CENSUS_FULL);
	census_leave(f.member[1], &a);
	assert_int_equal(census_enter(f.member[0], &b, 4, 2), CENSUS_CLIENT_FULL);
	assert_int_equal(census_enter(f.member[0], &a, 4, 2), CENSUS_WELCOME);
	assert_int_equal(census_enter(f.member[0], &c, 4, 2), CENSUS_FULL);
	close_all(&f);
}

static void a_dead_process_is_counted_out(void **state)
{
	struct fixture f;
	struct ip a = ip("192.0.2.1");
	open_all(&f);
	for (int i = 0; i < 5; i++)
		assert_int_equal(census_enter(f.member[1], &a, 10, 10), CENSUS_WELCOME);
	assert_int_equal(census_enter(f.member[0], &a, 10, 10), CENSUS_WELCOME);
	assert_int_equal(census_enter(f.member[0], &a, 10, 6), CENSUS_CLIENT_FULL);
	census_clear(f.supervisor, 1);
	for (int i = 1; i < 6; i++)
		assert_int_equal(census_enter(f.member[1], &a, 10, 6), CENSUS_WELCOME);
	assert_int_equal(census_enter(f.member[1], &a, 10, 6), CENSUS_CLIENT_FULL);
	close_all(&f);
}

/* An IPv6 /64 is one client. */
static void clients_are_networks(void **state)
{
	struct fixture f;
	struct ip a = ip("2001:db8::1"), b = ip("2001:db8::ffff:2"), c = ip("2001:db8:0:1::1");
	open_all(&f);
	assert_int_equal(census_enter(f.member[0], &a, PLENTY, 1), CENSUS_WELCOME);
	assert_int_equal(census_enter(f.member[0], &b, PLENTY, 1), CENSUS_CLIENT_FULL);
	assert_int_equal(census_enter(f.member[0], &c, PLENTY, 1), CENSUS_WELCOME);
	census_leave(f.member[0], &b);
	assert_int_equal(census_enter(f.member[0], &a, PLENTY, 1), CENSUS_WELCOME);
	close_all(&f);
}

/* Sharing a place with others makes a client look larger: seldom, and never smaller. */
static void many_clients(void **state)
{
	struct fixture f;
	char text[32];
	unsigned wrong = 0;
	open_all(&f);
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < 5000; i++) {
			snprintf(text, sizeof text, "10.0.%u.%u", i / 250, i % 250);
			struct ip a = ip(text);
			bool welcome = census_enter(f.member[i % PROCESSES], &a, PLENTY, 1) ==
				       CENSUS_WELCOME;
			assert_false(round == 1 && welcome);
			wrong += round == 0 && !welcome;
		}
	}
	assert_true(wrong < 250);
	close_all(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits_hold_over_all_processes),
		cmocka_unit_test(a_note_is_read_by_all),
		cmocka_unit_test(a_dead_process_is_counted_out),
		cmocka_unit_test(clients_are_networks),
		cmocka_unit_test(many_clients),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
