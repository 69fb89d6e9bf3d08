/* Findings that are counted until they are written. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "delivery/tally.h"

#include <stdio.h>

static struct finding_count of(const struct tally *t, str name)
{
	struct finding_count all[FINDING_NAMES_MAX];
	size_t n = tally_list(t, all, FINDING_NAMES_MAX);
	for (size_t i = 0; i < n; i++)
		if (str_equal(all[i].name, name))
			return all[i];
	return (struct finding_count){ 0 };
}

static void expect(const struct tally *t, str name, uint64_t spam, uint64_t ham)
{
	struct finding_count c = of(t, name);
	if (c.spam != spam || c.ham != ham)
		fail_msg("%.*s: %d, %d", STR_ARG(name), (int)c.spam, (int)c.ham);
}

static void messages_are_counted(void **state)
{
	struct tally t, other;
	tally_init(&t);
	tally_init(&other);
	const str two[] = { STR("SPF_FAIL"), STR("ZEN_SBL2") };
	tally_add(&t, two, 2, true);
	tally_add(&t, two, 1, false);
	tally_add(&t, NULL, 0, false);
	expect(&t, STR_EMPTY, 1, 2);
	expect(&t, two[0], 1, 1);
	expect(&t, two[1], 1, 0);
	tally_add(&other, two + 1, 1, false);
	tally_merge(&t, &other);
	assert_int_equal(other.counts.n, 0);
	expect(&t, STR_EMPTY, 1, 3);
	expect(&t, two[1], 1, 1);
	assert_int_equal(tally_list(&t, &(struct finding_count){ 0 }, 1), 1);
	tally_done(&t);
	tally_done(&other);
}

static void what_can_be_no_name_is_left_out(void **state)
{
	struct tally t;
	char longest[FINDING_NAME_MAX + 1];
	memset(longest, 'A', sizeof longest);
	const str names[] = { STR("spf"), STR("A B"), STR_EMPTY, STR("\xc3\x84"), STR("A\nB"),
		str_from(longest, sizeof longest), str_from(longest, FINDING_NAME_MAX) };
	tally_init(&t);
	tally_add(&t, names, ARRAY_LEN(names), true);
	assert_int_equal(t.counts.n, 2);
	expect(&t, STR_EMPTY, 1, 0);
	expect(&t, names[6], 1, 0);
	tally_done(&t);
}

static void there_is_a_bound(void **state)
{
	struct tally t;
	tally_init(&t);
	for (int i = 0; i < 2 * FINDING_NAMES_MAX; i++) {
		char text[16];
		const str name = str_from(text, (size_t)snprintf(text, sizeof text, "N%d", i));
		tally_add(&t, &name, 1, false);
	}
	assert_int_equal(t.counts.n, FINDING_NAMES_MAX);
	expect(&t, STR_EMPTY, 0, 2 * FINDING_NAMES_MAX);
	expect(&t, STR("N0"), 0, 1);
	tally_done(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_are_counted),
		cmocka_unit_test(what_can_be_no_name_is_left_out),
		cmocka_unit_test(there_is_a_bound),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
