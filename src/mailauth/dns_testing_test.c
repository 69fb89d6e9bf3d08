/* The table of text that stands for the DNS in the tests of this directory. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "mailauth/dns_testing.h"

static const char table[] = "example.org A 192.0.2.1\n"
			    "example.org A 192.0.2.2\n"
			    "\n"
			    "example.org MX 10 Mail.Example.org\n"
			    "null.example.org MX 0 .\n"
			    "text.example.org TXT a  b\\x00\\\\c\n"
			    "www.example.org CNAME example.org\n"
			    "loop.example.org CNAME pool.example.org\n"
			    "pool.example.org CNAME loop.example.org\n"
			    "dangling.example.org CNAME nowhere.example.org\n"
			    "slow.example.org TXT !timeout\n"
			    "slow.example.org A 192.0.2.9\n"
			    "down.example.org * !servfail\n"
			    "forged.example.org * !bogus\n"
			    "*.any.example.org A 192.0.2.3\n"
			    "one.any.example.org AAAA 2001:db8::1";

static const struct {
	enum dns_type type;
	const char *name;
	enum dns_status status;
	size_t n;
} cases[] = {
	{ DNS_TYPE_A, "example.org", DNS_FOUND, 2 },
	{ DNS_TYPE_A, "EXAMPLE.org", DNS_FOUND, 2 },
	{ DNS_TYPE_AAAA, "example.org", DNS_NODATA, 0 },
	{ DNS_TYPE_A, "org", DNS_NODATA, 0 },
	{ DNS_TYPE_A, "nowhere.example.org", DNS_NXDOMAIN, 0 },
	{ DNS_TYPE_A, "dangling.example.org", DNS_NXDOMAIN, 0 },
	{ DNS_TYPE_A, "www.example.org", DNS_FOUND, 2 },
	{ DNS_TYPE_TXT, "www.example.org", DNS_NODATA, 0 },
	{ DNS_TYPE_CNAME, "www.example.org", DNS_FOUND, 1 },
	{ DNS_TYPE_A, "loop.example.org", DNS_TEMPORARY, 0 },
	{ DNS_TYPE_TXT, "slow.example.org", DNS_TEMPORARY, 0 },
	{ DNS_TYPE_A, "slow.example.org", DNS_FOUND, 1 },
	{ DNS_TYPE_PTR, "down.example.org", DNS_TEMPORARY, 0 },
	{ DNS_TYPE_TXT, "forged.example.org", DNS_BOGUS, 0 },
	{ DNS_TYPE_A, "two.any.example.org", DNS_FOUND, 1 },
	{ DNS_TYPE_A, "two.of.any.example.org", DNS_FOUND, 1 },
	{ DNS_TYPE_A, "one.any.example.org", DNS_NODATA, 0 },
	{ DNS_TYPE_A, "any.example.org", DNS_NODATA, 0 },
};

static void test_status(void **state)
{
	struct arena a CLEANUP(arena_done) = ARENA_INIT(65536);
	struct dns_table t;
	dns_table_init(&t, str_from_z(table));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct dns_answer answer;
		dns_lookup(&t.dns, cases[i].type, str_from_z(cases[i].name), &a, &answer);
		if (answer.status != cases[i].status || answer.n != cases[i].n)
			fail_msg("%s: %s, %zu", cases[i].name, dns_status_name(answer.status),
				answer.n);
	}
	assert_int_equal(t.questions, ARRAY_LEN(cases));
	assert_int_equal(t.address_questions, 13);
}

static void test_data(void **state)
{
	struct arena a CLEANUP(arena_done) = ARENA_INIT(65536);
	struct dns_table t;
	dns_table_init(&t, str_from_z(table));
	t.step = 5;
	struct dns_answer answer;
	dns_lookup(&t.dns, DNS_TYPE_TXT, STR("text.example.org"), &a, &answer);
	assert_true(str_equal(answer.records[0].text, STR("a  b\0\\c")));
	dns_lookup(&t.dns, DNS_TYPE_MX, STR("example.org"), &a, &answer);
	assert_true(str_equal(answer.records[0].name, STR("mail.example.org")));
	assert_int_equal(answer.records[0].priority, 10);
	dns_lookup(&t.dns, DNS_TYPE_MX, STR("null.example.org"), &a, &answer);
	assert_int_equal(answer.records[0].name.n, 0);
	assert_int_equal(t.dns.now(t.dns.context), 15);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_data),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
