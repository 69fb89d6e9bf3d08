#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/dns_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* A copy that ends where the text ends, so that sanitizers see a step too far. */
static str exact(const char *z, char **owned)
{
	*owned = xmalloc(strlen(z) + 1);
	memcpy(*owned, z, strlen(z));
	return str_from(*owned, strlen(z));
}

static void records(void **state)
{
	static const struct {
		const char *text;
		bool right;
	} cases[] = {
		{ "mx.example.org A 192.0.2.1", true },
		{ "mx.example.org. 3600 IN A 192.0.2.1", true },
		{ "mx.example.org 3600 a 192.0.2.1", true },
		{ "mx.example.org\tIN\tA  192.0.2.1 ", true },
		{ "*.example.org A 192.0.2.1", true },
		{ "_25._tcp.mx.example.org TLSA 3 1 1 00ff", true },
		{ ". NS a.root-servers.net.", true },
		{ "mx.example.org AAAA 2001:db8::1", true },
		{ "example.org MX 10 mx.example.org", true },
		{ "example.org MX 0 .", true },
		{ "1.2.0.192.in-addr.arpa PTR mx.example.org.", true },
		{ "_imaps._tcp.example.org SRV 0 1 993 mx.example.org.", true },
		{ "example.org SOA ns.example.org. hostmaster.example.org. 1 2 3 4 5", true },
		{ "example.org TXT \"v=spf1 -all\"", true },
		{ "example.org TXT v=spf1", true },
		{ "example.org TXT \"\"", true },
		{ "example.org TXT \"one\" \"two\"", true },
		{ "example.org TXT \"a\\\"b\\000c\"", true },
		{ "", false },
		{ "mx.example.org", false },
		{ "mx.example.org 3600", false },
		{ "mx.example.org 3600 IN", false },
		{ "mx.example.org A", false },
		{ "mx..example.org A 192.0.2.1", false },
		{ ".mx.example.org A 192.0.2.1", false },
		{ "mx.*.example.org A 192.0.2.1", false },
		{ "m(x.example.org A 192.0.2.1", false },
		{ "mx.example.org A 192.0.2.1 192.0.2.2", false },
		{ "mx.example.org A 2001:db8::1", false },
		{ "mx.example.org AAAA 192.0.2.1", false },
		{ "mx.example.org A 192.0.2.256", false },
		{ "example.org MX mx.example.org", false },
		{ "example.org MX 65536 mx.example.org", false },
		{ "example.org SRV 0 1 mx.example.org.", false },
		{ "example.org TLSA 3 1 256 00ff", false },
		{ "example.org TLSA 3 1 1 00f", false },
		{ "example.org TLSA 3 1 1 zz", false },
		{ "example.org SOA a. b. 1 2 3 4", false },
		{ "example.org TXT", false },
		{ "example.org TXT \"open", false },
		{ "example.org TXT \"a\"\"b\"", false },
		{ "example.org TXT a\"b", false },
		{ "example.org TXT \"a\\", false },
		{ "example.org TXT \"a\\25\"", false },
		{ "example.org TXT \"a\\256\"", false },
		{ "example.org TXT a;b", false },
		{ "example.org DNSKEY 257 3 8 AwEAAQ==", false },
		{ "example.org CAA 0 issue x", false },
		{ "www.example.org CNAME example.org", false },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err = { "" };
		char *owned;
		int rc = dns_record_check(exact(cases[i].text, &owned), &err);
		free(owned);
		if (rc != (cases[i].right ? 0 : -EINVAL))
			fail_msg("%s: %d %s", cases[i].text, rc, err.text);
		if (!cases[i].right)
			assert_non_null(strstr(err.text, "not a record"));
	}
}

static void limits_of_lengths(void **state)
{
	struct err err;
	char text[600];
	/* A string of TXT has 255 characters, a label 63, a name 253. */
	for (int n = 254; n <= 257; n++) {
		snprintf(text, sizeof text, "a.example TXT \"%0*d\"", n, 0);
		assert_int_equal(dns_record_check(str_from_z(text), &err), n <= 255 ? 0 : -EINVAL);
	}
	for (int n = 62; n <= 65; n++) {
		snprintf(text, sizeof text, "%0*d.example", n, 0);
		assert_int_equal(dns_zone_check(str_from_z(text), &err), n <= 63 ? 0 : -EINVAL);
	}
	for (int n = 60; n <= 62; n++) {
		snprintf(text, sizeof text, "%063d.%063d.%063d.%0*d", 0, 0, 0, n, 0);
		assert_int_equal(dns_zone_check(str_from_z(text), &err), n <= 61 ? 0 : -EINVAL);
	}
}

static void servers(void **state)
{
	static const struct {
		const char *text;
		bool with_zone;
		const char *zone, *ip; /* NULL: refused */
		unsigned port;
	} cases[] = {
		{ "192.0.2.53", false, "", "192.0.2.53", 53 },
		{ "192.0.2.53:5353", false, "", "192.0.2.53", 5353 },
		{ "2001:db8::53", false, "", "2001:db8::53", 53 },
		{ "[2001:db8::53]", false, "", "2001:db8::53", 53 },
		{ "[2001:db8::53]:5353", false, "", "2001:db8::53", 5353 },
		{ "corp.example 10.0.0.53:54", true, "corp.example", "10.0.0.53", 54 },
		{ ".  10.0.0.53", true, ".", "10.0.0.53", 53 },
		{ "", false, NULL, NULL, 0 },
		{ "ns.example.org", false, NULL, NULL, 0 },
		{ "192.0.2.53:", false, NULL, NULL, 0 },
		{ "192.0.2.53:0", false, NULL, NULL, 0 },
		{ "192.0.2.53:65536", false, NULL, NULL, 0 },
		{ "192.0.2.53:53x", false, NULL, NULL, 0 },
		{ "192.0.2.53 5353", false, NULL, NULL, 0 },
		{ "[2001:db8::53", false, NULL, NULL, 0 },
		{ "[2001:db8::53]5353", false, NULL, NULL, 0 },
		{ "10.0.0.53", true, NULL, NULL, 0 },
		{ "corp.example", true, NULL, NULL, 0 },
		{ "corp..example 10.0.0.53", true, NULL, NULL, 0 },
		{ "corp.example ns.example", true, NULL, NULL, 0 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct dns_server server = { .port = 1 };
		struct err err = { "" };
		struct ip ip;
		char *owned;
		str text = exact(cases[i].text, &owned);
		int rc = dns_server_parse(text, cases[i].with_zone, &server, &err);
		if ((rc == 0) != (cases[i].ip != NULL))
			fail_msg("%s: %d %s", cases[i].text, rc, err.text);
		if (rc == 0) {
			assert_true(ip_parse(str_from_z(cases[i].ip), &ip));
			assert_true(ip_equal(&ip, &server.ip));
			assert_int_equal(server.port, cases[i].port);
			assert_true(str_equal(server.zone, str_from_z(cases[i].zone)));
		} else {
			assert_int_equal(server.port, 1);
		}
		free(owned);
	}
}

static void zones(void **state)
{
	static const char *const right[] = { "example.org", "example.org.", ".", "test",
		"_x.example", "2.0.192.in-addr.arpa", "xn--bcher-kva.example" };
	static const char *const wrong[] = { "", "..", ".org", "a..b", "a b",
		"b\303\274cher.example", "*.example", "a/b" };
	struct err err;
	for (size_t i = 0; i < ARRAY_LEN(right); i++)
		assert_int_equal(dns_zone_check(str_from_z(right[i]), &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_int_equal(dns_zone_check(str_from_z(wrong[i]), &err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records),
		cmocka_unit_test(limits_of_lengths),
		cmocka_unit_test(servers),
		cmocka_unit_test(zones),
	};
	return cmocka_run_group_tests_name("dns_text", tests, NULL, NULL);
}
