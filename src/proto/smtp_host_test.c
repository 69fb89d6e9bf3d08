#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "proto/smtp_host.h"

#define L63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct {
	const char *in;
	bool allow_utf8;
	enum smtp_host_kind kind;
	const char *text; /* NULL: as in */
} cases[] = {
	{ "", false, SMTP_HOST_NONE, NULL },
	{ "example.org", false, SMTP_HOST_DOMAIN, NULL },
	{ "Example.ORG.", false, SMTP_HOST_DOMAIN, "Example.ORG" },
	{ "localhost", false, SMTP_HOST_DOMAIN, NULL },
	{ "a", false, SMTP_HOST_DOMAIN, NULL },
	{ "xn--bcher-kva.example", false, SMTP_HOST_DOMAIN, NULL },
	{ "3com.com", false, SMTP_HOST_DOMAIN, NULL },
	{ "my_host.example", false, SMTP_HOST_DOMAIN, NULL },
	{ L63 ".org", false, SMTP_HOST_DOMAIN, NULL },
	{ L63 "a.org", false, SMTP_HOST_INVALID, NULL },
	{ L63 "." L63 "." L63 "." L63, false, SMTP_HOST_DOMAIN, NULL },
	{ L63 "." L63 "." L63 "." L63 ".", false, SMTP_HOST_DOMAIN, L63 "." L63 "." L63 "." L63 },
	{ L63 "." L63 "." L63 "." L63 ".a", false, SMTP_HOST_INVALID, NULL },
	{ ".", false, SMTP_HOST_INVALID, NULL },
	{ "..", false, SMTP_HOST_INVALID, NULL },
	{ "a..", false, SMTP_HOST_INVALID, NULL },
	{ ".a", false, SMTP_HOST_INVALID, NULL },
	{ "a..b", false, SMTP_HOST_INVALID, NULL },
	{ "-a.b", false, SMTP_HOST_INVALID, NULL },
	{ "a-.b", false, SMTP_HOST_INVALID, NULL },
	{ "a b", false, SMTP_HOST_INVALID, NULL },
	{ "a@b", false, SMTP_HOST_INVALID, NULL },
	{ "a(b)", false, SMTP_HOST_INVALID, NULL },
	{ "192.0.2.1", false, SMTP_HOST_INVALID, NULL },
	{ "host.1", false, SMTP_HOST_INVALID, NULL },
	{ "b\xc3\xbc"
	  "cher.example",
		true, SMTP_HOST_DOMAIN, NULL },
	{ "b\xc3\xbc"
	  "cher.example",
		false, SMTP_HOST_INVALID, NULL },
	{ "b\xfc"
	  "cher.example",
		true, SMTP_HOST_INVALID, NULL },
	{ "[192.0.2.1]", false, SMTP_HOST_IPV4, NULL },
	{ "[192.0.2.256]", false, SMTP_HOST_INVALID, NULL },
	{ "[192.0.2]", false, SMTP_HOST_INVALID, NULL },
	{ "[192.0.2.01]", false, SMTP_HOST_INVALID, NULL },
	{ "[192.0.2.1", false, SMTP_HOST_INVALID, NULL },
	{ "[192.0.2.1]x", false, SMTP_HOST_INVALID, NULL },
	{ "[]", false, SMTP_HOST_INVALID, NULL },
	{ "[", false, SMTP_HOST_INVALID, NULL },
	{ "[IPv6:2001:db8::1]", false, SMTP_HOST_IPV6, NULL },
	{ "[ipv6:::1]", false, SMTP_HOST_IPV6, NULL },
	{ "[IPv6:::ffff:192.0.2.1]", false, SMTP_HOST_IPV6, NULL },
	{ "[IPv6:192.0.2.1]", false, SMTP_HOST_INVALID, NULL },
	{ "[IPv6:fe80::1%eth0]", false, SMTP_HOST_INVALID, NULL },
	{ "[2001:db8::1]", false, SMTP_HOST_INVALID, NULL },
	{ "[X400:c=de;a=x]", false, SMTP_HOST_GENERAL, NULL },
	{ "[x-:y]", false, SMTP_HOST_INVALID, NULL },
	{ "[x:y z]", false, SMTP_HOST_INVALID, NULL },
	{ "[x:]", false, SMTP_HOST_INVALID, NULL },
};

static void test_host(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct smtp_host host;
		str in = str_from_z(cases[i].in);
		print_message("# case %zu\n", i);
		enum smtp_host_kind kind = smtp_host_parse(in, cases[i].allow_utf8, &host);
		assert_int_equal(kind, cases[i].kind);
		assert_int_equal(kind, host.kind);
		const char *text = cases[i].text ? cases[i].text : cases[i].in;
		assert_true(str_equal(host.text, str_from_z(text)));
		assert_true((host.why != NULL) == (kind == SMTP_HOST_INVALID));
	}
}

static void test_flags(void **state)
{
	struct smtp_host host;
	smtp_host_parse(STR("a_b.example"), false, &host);
	assert_true(host.underscore && !host.utf8);
	smtp_host_parse(STR("\xc3\xbc.example"), true, &host);
	assert_true(host.utf8 && !host.underscore);
	smtp_host_parse(STR("[192.0.2.1]"), false, &host);
	assert_memory_equal(host.ip, "\xc0\x00\x02\x01", 4);
	smtp_host_parse(STR("[IPv6:2001:db8::1]"), false, &host);
	assert_memory_equal(host.ip, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16);
}

static void test_ip(void **state)
{
	unsigned char ip[16];
	assert_int_equal(smtp_ip_parse(STR("127.0.0.1"), ip), 4);
	assert_int_equal(smtp_ip_parse(STR("::"), ip), 16);
	assert_int_equal(smtp_ip_parse(STR(""), ip), 0);
	assert_int_equal(smtp_ip_parse(STR("127.0.0.1\0"), ip), 0);
	assert_int_equal(smtp_ip_parse(STR("127.1"), ip), 0);
	assert_int_equal(smtp_ip_parse(STR(" ::1"), ip), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_host),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_ip),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
