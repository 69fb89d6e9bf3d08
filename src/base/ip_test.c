#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/endpoint.h"
#include "base/ip.h"

#include <arpa/inet.h>
#include <errno.h>

static struct ip ip_of(const char *z)
{
	struct ip ip = { 0 };
	assert_true(ip_parse(str_from_z(z), &ip));
	return ip;
}

static void test_ip_text(void **state)
{
	static const char *const rows[][2] = {
		{ "192.0.2.1", "192.0.2.1" },
		{ "0.0.0.0", "0.0.0.0" },
		{ "255.255.255.255", "255.255.255.255" },
		{ "::", "::" },
		{ "::1", "::1" },
		{ "2001:DB8:0:0:0:0:0:1", "2001:db8::1" },
		{ "::ffff:192.0.2.1", "192.0.2.1" },
		{ "fe80::1:2:3:4", "fe80::1:2:3:4" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct ip ip = ip_of(rows[i][0]);
		char text[IP_TEXT_SIZE];
		assert_int_equal(ip_format(&ip, text), strlen(rows[i][1]));
		assert_string_equal(text, rows[i][1]);
		struct ip again = ip_of(text);
		assert_true(ip_equal(&ip, &again));
	}
}

static void test_every_byte(void **state)
{
	for (unsigned i = 0; i < 256; i++) {
		struct ip ip = { { [10] = 0xff,
			0xff,
			(unsigned char)i,
			0,
			(unsigned char)(255 - i),
			(unsigned char)i } };
		char text[IP_TEXT_SIZE], expected[IP_TEXT_SIZE];
		int n = snprintf(expected, sizeof expected, "%u.0.%u.%u", i, 255 - i, i);
		assert_int_equal(ip_format(&ip, text), n);
		assert_string_equal(text, expected);
	}
}

static void test_ip_refused(void **state)
{
	static const char *const rows[] = { "", " ", "1", "1.2.3", "1.2.3.4.5", "256.0.0.1",
		"01.2.3.4", "1.2.3.4 ", " 1.2.3.4", "[::1]", "::1%lo", "1::2::3",
		":::", "12345::", "localhost", "1:2:3:4:5:6:7:8:9", "::ffff:1.2.3.4.5",
		"0000000000000000000000000000000000000000000000000000" };
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct ip ip;
		if (ip_parse(str_from_z(rows[i]), &ip))
			fail_msg("\"%s\" was taken for an address", rows[i]);
	}
	struct ip ip;
	assert_false(ip_parse(str_from("1.2.3.4\0", 8), &ip));
}

static void test_ip_sockaddr(void **state)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(25) };
	v4.sin_addr.s_addr = htonl(0x7f000001);
	struct ip ip;
	uint16_t port = 0;
	assert_true(ip_from_sockaddr((struct sockaddr *)&v4, &ip, &port));
	assert_int_equal(port, 25);
	assert_true(ip_is_v4(&ip));
	assert_true(ip_is_loopback(&ip));
	/* A dual-stack socket reports the same client so. */
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(26) };
	inet_pton(AF_INET6, "::ffff:127.0.0.1", &v6.sin6_addr);
	struct ip other;
	assert_true(ip_from_sockaddr((struct sockaddr *)&v6, &other, NULL));
	assert_true(ip_equal(&ip, &other));
	struct sockaddr local = { .sa_family = AF_UNIX };
	assert_false(ip_from_sockaddr(&local, &ip, NULL));
}

static void test_loopback(void **state)
{
	static const struct {
		const char *text;
		bool yes;
	} rows[] = { { "127.0.0.1", true }, { "127.255.0.1", true }, { "::1", true },
		{ "128.0.0.1", false }, { "::", false }, { "::2", false }, { "7f00::", false } };
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct ip ip = ip_of(rows[i].text);
		assert_int_equal(ip_is_loopback(&ip), rows[i].yes);
	}
}

static void test_private(void **state)
{
	static const char *const private[] = { "0.1.2.3", "10.255.0.1", "100.64.0.0",
		"100.127.255.255", "127.9.9.9", "169.254.0.1", "172.16.0.0", "172.31.255.255",
		"192.168.0.1", "224.0.0.1", "255.255.255.255", "::", "::1", "fc00::1", "fdff::1",
		"fe80::1", "febf::1", "ff02::1", "::ffff:10.0.0.1" };
	static const char *const public[] = { "1.0.0.1", "9.255.255.255", "11.0.0.0", "100.63.0.1",
		"100.128.0.1", "169.253.0.1", "172.15.0.1", "172.32.0.1", "192.167.0.1",
		"192.169.0.1", "223.255.255.255", "::2", "2001:db8::1", "fbff::1",
		"::ffff:9.0.0.1" };
	struct ip ip;
	for (size_t i = 0; i < ARRAY_LEN(private); i++)
		if (!ip_parse(str_from_z(private[i]), &ip) || !ip_is_private(&ip))
			fail_msg("%s", private[i]);
	for (size_t i = 0; i < ARRAY_LEN(public); i++)
		if (!ip_parse(str_from_z(public[i]), &ip) || ip_is_private(&ip))
			fail_msg("%s", public[i]);
}

static void test_networks(void **state)
{
	static const struct {
		const char *network, *ip;
		bool inside;
	} rows[] = {
		{ "10.0.0.0/8", "10.255.255.255", true },
		{ "10.0.0.0/8", "11.0.0.0", false },
		{ "10.0.0.0/8", "::10.0.0.0", false },
		{ "192.0.2.128/25", "192.0.2.127", false },
		{ "192.0.2.128/25", "192.0.2.128", true },
		{ "192.0.2.1", "192.0.2.1", true },
		{ "192.0.2.1", "192.0.2.0", false },
		{ "0.0.0.0/0", "255.1.2.3", true },
		{ "0.0.0.0/0", "2001:db8::1", false },
		{ "::/0", "255.1.2.3", true },
		{ "2001:db8::/32", "2001:db8:ffff::", true },
		{ "2001:db8::/32", "2001:db9::", false },
		{ "2001:db8::/33", "2001:db8:8000::", false },
		{ "::ffff:10.0.0.0/104", "10.1.1.1", true },
		{ "::1/128", "::1", true },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct ip_network network;
		struct err err;
		assert_int_equal(ip_network_parse(str_from_z(rows[i].network), &network, &err), 0);
		struct ip ip = ip_of(rows[i].ip);
		if (ip_network_contains(&network, &ip) != rows[i].inside)
			fail_msg("%s and %s", rows[i].network, rows[i].ip);
	}
}

static void test_networks_refused(void **state)
{
	static const struct {
		const char *text, *message;
	} rows[] = {
		{ "", "not an IP address" },
		{ "/8", "not an IP address" },
		{ "10.0.0.0/", "prefix length" },
		{ "10.0.0.0/33", "from 0 to 32" },
		{ "::/129", "from 0 to 128" },
		{ "10.0.0.0/-1", "prefix length" },
		{ "10.0.0.0/8/8", "prefix length" },
		{ "10.0.0.1/8", "did you mean \"10.0.0.0/8\"" },
		{ "2001:db8::1/32", "did you mean \"2001:db8::/32\"" },
		{ "example.org", "not an IP address" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct ip_network network;
		struct err err = { "" };
		assert_int_equal(
			ip_network_parse(str_from_z(rows[i].text), &network, &err), -EINVAL);
		if (!strstr(err.text, rows[i].message))
			fail_msg("\"%s\": %s", rows[i].text, err.text);
	}
}

static void test_client(void **state)
{
	struct ip a = ip_of("2001:db8:1:2:3:4:5:6"), b = ip_of("2001:db8:1:2::"),
		  c = ip_of("10.1.2.3");
	struct ip a_client = ip_client(&a), c_client = ip_client(&c);
	assert_true(ip_equal(&a_client, &b));
	assert_true(ip_equal(&c_client, &c));
}

static void test_endpoints(void **state)
{
	static const struct {
		const char *text;
		int family;
		bool local;
	} rows[] = {
		{ "127.0.0.1:2525", AF_INET, true },
		{ "0.0.0.0:25", AF_INET, false },
		{ "*:25", AF_INET6, false },
		{ "[::]:25", AF_INET6, false },
		{ "[::1]:65535", AF_INET6, true },
		{ "[2001:db8::1]:1", AF_INET6, false },
		{ "unix:/run/postern/lmtp", AF_UNIX, true },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct endpoint e;
		assert_int_equal(endpoint_parse(str_from_z(rows[i].text), &e, NULL), 0);
		assert_int_equal(e.address.any.sa_family, rows[i].family);
		assert_int_equal(endpoint_is_local(&e), rows[i].local);
		assert_false(e.v6_only);
	}
	struct endpoint e;
	assert_int_equal(endpoint_parse(STR("127.0.0.1:2525"), &e, NULL), 0);
	assert_int_equal(ntohs(e.address.v4.sin_port), 2525);
	assert_int_equal(ntohl(e.address.v4.sin_addr.s_addr), 0x7f000001);
	assert_int_equal(e.size, sizeof(struct sockaddr_in));
}

static void test_endpoints_refused(void **state)
{
	static const struct {
		const char *text, *message;
	} rows[] = {
		{ "", "not a listen address" },
		{ "25", "not a listen address" },
		{ "127.0.0.1", "not a listen address" },
		{ "127.0.0.1:", "the port" },
		{ ":25", "not a listen address" },
		{ "127.0.0.1:0", "the port" },
		{ "127.0.0.1:65536", "the port" },
		{ "127.0.0.1:25x", "the port" },
		{ "::1:25", "not a listen address" },
		{ "[::1]25", "not a listen address" },
		{ "[::1]:", "the port" },
		{ "[127.0.0.1]:25", "not a listen address" },
		{ "[*]:25", "not a listen address" },
		{ "localhost:25", "not a listen address" },
		{ "unix:", "absolute path" },
		{ "unix:run/x", "absolute path" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct endpoint e;
		struct err err = { "" };
		assert_int_equal(endpoint_parse(str_from_z(rows[i].text), &e, &err), -EINVAL);
		if (!strstr(err.text, rows[i].message))
			fail_msg("\"%s\": %s", rows[i].text, err.text);
	}
	char path[200] = "unix:/";
	memset(path + 6, 'x', sizeof path - 7);
	path[sizeof path - 1] = '\0';
	struct endpoint e;
	struct err err;
	assert_int_equal(endpoint_parse(str_from_z(path), &e, &err), -EINVAL);
	assert_non_null(strstr(err.text, "at most 107 bytes"));
}

static void test_conflicts(void **state)
{
	static const struct {
		const char *a, *b;
		bool yes;
	} rows[] = {
		{ "127.0.0.1:25", "127.0.0.1:25", true },
		{ "127.0.0.1:25", "127.0.0.1:26", false },
		{ "127.0.0.1:25", "127.0.0.2:25", false },
		{ "0.0.0.0:25", "127.0.0.2:25", true },
		{ "[::]:25", "127.0.0.2:25", true },
		{ "[::]:25", "*:25", true },
		{ "[::]:25", "[::1]:25", true },
		{ "[::1]:25", "0.0.0.0:25", false },
		{ "unix:/a", "unix:/a", true },
		{ "unix:/a", "unix:/b", false },
		{ "unix:/a", "*:25", false },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct endpoint a, b;
		assert_int_equal(endpoint_parse(str_from_z(rows[i].a), &a, NULL), 0);
		assert_int_equal(endpoint_parse(str_from_z(rows[i].b), &b, NULL), 0);
		if (endpoint_conflicts(&a, &b) != rows[i].yes ||
			endpoint_conflicts(&b, &a) != rows[i].yes)
			fail_msg("%s and %s", rows[i].a, rows[i].b);
	}
	struct endpoint six, four;
	assert_int_equal(endpoint_parse(STR("[::]:25"), &six, NULL), 0);
	assert_int_equal(endpoint_parse(STR("0.0.0.0:25"), &four, NULL), 0);
	six.v6_only = true;
	assert_false(endpoint_conflicts(&six, &four));
	assert_false(endpoint_conflicts(&four, &six));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ip_text),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_ip_refused),
		cmocka_unit_test(test_ip_sockaddr),
		cmocka_unit_test(test_loopback),
		cmocka_unit_test(test_private),
		cmocka_unit_test(test_networks),
		cmocka_unit_test(test_networks_refused),
		cmocka_unit_test(test_client),
		cmocka_unit_test(test_endpoints),
		cmocka_unit_test(test_endpoints_refused),
		cmocka_unit_test(test_conflicts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
