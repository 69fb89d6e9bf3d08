/* The name of the client, and what its HELO is worth. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "mailauth/dns_testing.h"
#include "mailauth/rdns.h"

#include "base/buf.h"

static const char table[] =
	"1.2.0.192.in-addr.arpa PTR Mail.Example.org\n"
	"mail.example.org A 192.0.2.1\n"
	"mail.example.org AAAA 2001:db8::1\n"
	"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa PTR "
	"mail.example.org\n"
	"2.2.0.192.in-addr.arpa PTR forged.example.org\n"
	"forged.example.org A 192.0.2.99\n"
	"4.2.0.192.in-addr.arpa * !servfail\n"
	"5.2.0.192.in-addr.arpa PTR dead.example.org\n"
	"5.2.0.192.in-addr.arpa PTR slow.example.org\n"
	"slow.example.org A !timeout\n"
	"6.2.0.192.in-addr.arpa PTR slow.example.org\n"
	"6.2.0.192.in-addr.arpa PTR one.example.org\n"
	"6.2.0.192.in-addr.arpa PTR two.example.org\n"
	"one.example.org A 192.0.2.6\n"
	"two.example.org A 192.0.2.6\n"
	"7.2.0.192.in-addr.arpa PTR bad\x01name\n"
	"8.2.0.192.in-addr.arpa CNAME 8.0-15.2.0.192.in-addr.arpa\n"
	"8.0-15.2.0.192.in-addr.arpa PTR eight.example.org\n"
	"eight.example.org CNAME alias.example.org\n"
	"alias.example.org A 192.0.2.8\n"
	"six.example.org AAAA 2001:db8::6\n"
	"empty.example.org TXT nothing else\n"
	"bogus.example.org * !bogus\n";

static const struct {
	const char *ip, *helo;
	enum rdns_result result;
	const char *name;
	enum helo_result helo_result;
	enum helo_syntax syntax;
	bool same;
	unsigned questions;
} cases[] = {
	{ "192.0.2.1", "mail.example.org", RDNS_PASS, "mail.example.org", HELO_PASS,
		HELO_SYNTAX_FQDN, true, 2 },
	{ "192.0.2.1", "MAIL.example.ORG.", RDNS_PASS, "mail.example.org", HELO_PASS,
		HELO_SYNTAX_FQDN, true, 2 },
	{ "2001:db8::1", "mail.example.org", RDNS_PASS, "mail.example.org", HELO_PASS,
		HELO_SYNTAX_FQDN, true, 2 },
	{ "::ffff:192.0.2.1", "mail.example.org", RDNS_PASS, "mail.example.org", HELO_PASS,
		HELO_SYNTAX_FQDN, true, 2 },
	{ "192.0.2.2", "forged.example.org", RDNS_FAIL, "forged.example.org", HELO_OTHER,
		HELO_SYNTAX_FQDN, false, 3 },
	{ "192.0.2.3", "nowhere.example.org", RDNS_NONE, "", HELO_UNKNOWN, HELO_SYNTAX_FQDN, false,
		3 },
	{ "192.0.2.4", "localhost", RDNS_TEMPERROR, "", HELO_NOT_ASKED, HELO_SYNTAX_SINGLE_LABEL,
		false, 1 },
	{ "192.0.2.5", "slow.example.org", RDNS_TEMPERROR, "slow.example.org", HELO_TEMPERROR,
		HELO_SYNTAX_FQDN, false, 4 },
	{ "192.0.2.6", "two.example.org", RDNS_PASS, "two.example.org", HELO_PASS, HELO_SYNTAX_FQDN,
		true, 2 },
	{ "192.0.2.6", "mail.example.org", RDNS_PASS, "one.example.org", HELO_OTHER,
		HELO_SYNTAX_FQDN, false, 4 },
	{ "192.0.2.7", "[192.0.2.7]", RDNS_FAIL, "", HELO_PASS, HELO_SYNTAX_LITERAL, false, 1 },
	{ "192.0.2.8", "alias.example.org", RDNS_PASS, "eight.example.org", HELO_PASS,
		HELO_SYNTAX_FQDN, false, 3 },
	{ "192.0.2.9", "six.example.org", RDNS_NONE, "", HELO_OTHER, HELO_SYNTAX_FQDN, false, 3 },
	{ "192.0.2.9", "empty.example.org", RDNS_NONE, "", HELO_UNKNOWN, HELO_SYNTAX_FQDN, false,
		3 },
	{ "192.0.2.9", "bogus.example.org", RDNS_NONE, "", HELO_TEMPERROR, HELO_SYNTAX_FQDN, false,
		2 },
};

static void test_check(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena a CLEANUP(arena_done) = ARENA_INIT(RDNS_ARENA_MAX);
		struct dns_table t;
		dns_table_init(&t, str_from_z(table));
		struct ip ip;
		assert_true(ip_parse(str_from_z(cases[i].ip), &ip));
		struct rdns_outcome out;
		rdns_check(&t.dns, &ip, str_from_z(cases[i].helo), &a, &out);
		if (out.result != cases[i].result || out.helo != cases[i].helo_result ||
			out.syntax != cases[i].syntax || out.helo_is_name != cases[i].same ||
			t.questions != cases[i].questions ||
			!str_equal(out.name, str_from_z(cases[i].name)))
			fail_msg("%zu: %.*s (%u questions)", i, STR_ARG(out.why), t.questions);
	}
}

static const struct {
	const char *helo;
	enum helo_syntax syntax;
} syntaxes[] = {
	{ "mail.example.org", HELO_SYNTAX_FQDN },
	{ "a.b", HELO_SYNTAX_FQDN },
	{ "xn--bcher-kva.example", HELO_SYNTAX_FQDN },
	{ "1.2.3.4.example.org", HELO_SYNTAX_FQDN },
	{ "123456789012345678901234567890123456789012345678901234567890123.example",
		HELO_SYNTAX_FQDN },
	{ "1234567890123456789012345678901234567890123456789012345678901234.example",
		HELO_SYNTAX_INVALID },
	{ "[192.0.2.1]", HELO_SYNTAX_LITERAL },
	{ "[192.0.2.2]", HELO_SYNTAX_LITERAL_WRONG },
	{ "[ipv6:2001:DB8::1]", HELO_SYNTAX_LITERAL_WRONG },
	{ "[IPv6:::ffff:192.0.2.1]", HELO_SYNTAX_LITERAL },
	{ "[2001:db8::1]", HELO_SYNTAX_INVALID },
	{ "[IPv6:192.0.2.1]", HELO_SYNTAX_INVALID },
	{ "[192.0.2.1", HELO_SYNTAX_INVALID },
	{ "[]", HELO_SYNTAX_INVALID },
	{ "[example.org]", HELO_SYNTAX_INVALID },
	{ "192.0.2.1", HELO_SYNTAX_BARE_ADDRESS },
	{ "2001:db8::1", HELO_SYNTAX_BARE_ADDRESS },
	{ "localhost", HELO_SYNTAX_SINGLE_LABEL },
	{ "WIN-2K8", HELO_SYNTAX_SINGLE_LABEL },
	{ "1234", HELO_SYNTAX_SINGLE_LABEL },
	{ "192.0.2", HELO_SYNTAX_INVALID },
	{ "192.0.2.256", HELO_SYNTAX_INVALID },
	{ "", HELO_SYNTAX_INVALID },
	{ ".", HELO_SYNTAX_INVALID },
	{ "a..b", HELO_SYNTAX_INVALID },
	{ ".a.b", HELO_SYNTAX_INVALID },
	{ "a.b..", HELO_SYNTAX_INVALID },
	{ "-a.b", HELO_SYNTAX_INVALID },
	{ "a-.b", HELO_SYNTAX_INVALID },
	{ "a_b.example", HELO_SYNTAX_INVALID },
	{ "a b.example", HELO_SYNTAX_INVALID },
	{ "b\xc3\xbc"
	  "cher.example",
		HELO_SYNTAX_INVALID },
};

static void test_syntax(void **state)
{
	struct ip ip;
	assert_true(ip_parse(STR("192.0.2.1"), &ip));
	for (size_t i = 0; i < ARRAY_LEN(syntaxes); i++) {
		enum helo_syntax got = helo_syntax(str_from_z(syntaxes[i].helo), &ip);
		if (got != syntaxes[i].syntax)
			fail_msg("%s: %s", syntaxes[i].helo, helo_syntax_name(got));
	}
}

/* A name of 254 characters; and an address with more names than are tried. */
static void test_limits(void **state)
{
	struct buf text CLEANUP(buf_done) = BUF_INIT(65536);
	for (int i = 0; i < 63; i++)
		buf_add(&text, STR("aaa."));
	buf_add(&text, STR("bb"));
	struct ip ip;
	assert_true(ip_parse(STR("192.0.2.1"), &ip));
	assert_int_equal(text.n, 254);
	assert_int_equal(helo_syntax(buf_str(&text), &ip), HELO_SYNTAX_INVALID);
	assert_int_equal(helo_syntax(str_skip(buf_str(&text), 1), &ip), HELO_SYNTAX_FQDN);

	buf_clear(&text);
	for (int i = 0; i < 300; i++)
		buf_printf(&text, "1.2.0.192.in-addr.arpa PTR n%d.example.org\n", i);
	buf_add(&text, STR("n200.example.org A 192.0.2.1\n"));
	struct arena a CLEANUP(arena_done) = ARENA_INIT(2 * RDNS_ARENA_MAX);
	struct dns_table t;
	dns_table_init(&t, buf_str(&text));
	struct rdns_outcome out;
	rdns_check(&t.dns, &ip, STR("x.example.org"), &a, &out);
	assert_int_equal(t.questions, 1 + RDNS_NAMES_MAX + 2);
	assert_int_equal(out.result, RDNS_FAIL);
	/* What HELO says is found among all of them. */
	rdns_check(&t.dns, &ip, STR("n200.example.org"), &a, &out);
	assert_true(out.helo_is_name);
}

static void test_time(void **state)
{
	struct arena a CLEANUP(arena_done) = ARENA_INIT(RDNS_ARENA_MAX);
	struct dns_table t;
	dns_table_init(&t, str_from_z(table));
	t.step = INT64_C(1000000000) * (RDNS_SECONDS_MAX + 1);
	struct ip ip;
	assert_true(ip_parse(STR("192.0.2.1"), &ip));
	struct rdns_outcome out;
	rdns_check(&t.dns, &ip, STR("mail.example.org"), &a, &out);
	assert_int_equal(out.result, RDNS_TEMPERROR);
	assert_int_equal(out.helo, HELO_TEMPERROR);
	assert_int_equal(t.questions, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_syntax),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
