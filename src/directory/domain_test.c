#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "directory/domain.h"

static void test_normalize(void **state)
{
	static const char *const rows[][2] = {
		{ "example.org", "example.org" },
		{ "EXAMPLE.Org", "example.org" },
		{ "example.org.", "example.org" },
		{ "b\xc3\xbc"
		  "cher.example",
			"xn--bcher-kva.example" },
		{ "B\xc3\x9c"
		  "CHER.example",
			"xn--bcher-kva.example" },
		{ "xn--bcher-kva.example", "xn--bcher-kva.example" },
		{ "fa\xc3\x9f.de", "xn--fa-hia.de" }, /* not "fass.de" */
		{ "_dmarc.example.org", "_dmarc.example.org" },
		{ "localhost", "localhost" },
		{ "1.example", "1.example" },
		{ "b\xc3\xbc"
		  "cher\xe3\x80\x82"
		  "example\xe3\x80\x82", /* ideographic full stops */
			"xn--bcher-kva.example" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char out[DOMAIN_TEXT_SIZE];
		assert_true(domain_normalize(str_from_z(rows[i][0]), out));
		assert_string_equal(out, rows[i][1]);
	}
}

static void test_refused(void **state)
{
	static const char *const rows[] = { "", ".", "..", "a..b", ".a", "-a.org", "a-.org",
		"a b.org", "[127.0.0.1]", "[IPv6:::1]", "a@b", "a/b", "a%b.org", "\xff.org",
		"a\x01.org", "xn--\xc3\xbc.org", "127.0.0.1", "1", "example.1",
		"\xc2\xb9",                                              /* superscript one */
		"\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.\xef\xbc\x91", /* full-width */
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.org" };
	char out[DOMAIN_TEXT_SIZE];
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (domain_normalize(str_from_z(rows[i]), out))
			fail_msg("\"%s\" gave \"%s\"", rows[i], out);
	assert_false(domain_normalize(str_from("a\0b", 3), out));
	char text[256];
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = i % 2 ? '.' : 'a';
	assert_true(domain_normalize(str_from(text, 253), out));
	assert_false(domain_normalize(str_from(text, 255), out));
}

static void test_split(void **state)
{
	static const char *const rows[][3] = {
		{ "alice@Example.ORG", "alice", "example.org" },
		{ "Alice+X@example.org", "Alice+X", "example.org" },
		{ "\"a b\"@example.org", "a b", "example.org" },
		{ "\"a@b\"@example.org", "a@b", "example.org" },
		{ "a%b@example.org", "a%b", "example.org" },
		{ "j\xc3\xbcrg@b\xc3\xbc"
		  "cher.example",
			"j\xc3\xbcrg", "xn--bcher-kva.example" },
	};
	struct arena arena = ARENA_INIT(65536);
	str local;
	char domain[DOMAIN_TEXT_SIZE];
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_true(mailbox_split(str_from_z(rows[i][0]), &arena, &local, domain));
		assert_true(str_equal(local, str_from_z(rows[i][1])));
		assert_string_equal(domain, rows[i][2]);
		str text = mailbox_text(local, str_from_z(domain), &arena), again;
		assert_true(mailbox_split(text, &arena, &again, domain));
		assert_true(str_equal(local, again));
	}
	static const char *const wrong[] = { "", "@", "alice", "alice@", "@example.org",
		"a@b@example.org", "@a,@b:alice@example.org", "alice@[127.0.0.1]",
		"\"a@example.org", "a\"b@example.org", "alice@example..org", " alice@example.org",
		"alice@example.org ", "alice@\xc2\xb9", "<alice@example.org>",
		"a\r\nb@example.org" };
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		if (mailbox_split(str_from_z(wrong[i]), &arena, &local, domain))
			fail_msg("\"%s\" was split", wrong[i]);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_normalize),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_split),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
