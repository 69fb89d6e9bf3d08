#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base64.h"

static const struct {
	const char *plain, *encoded;
} pairs[] = { { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" },
	{ "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" },
	{ "\xff\xfe\xfd", "//79" }, { "\xfb\xef\xbe", "++++" } };

/* RFC 4648 §10. */
static void both_ways(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		struct buf b = BUF_INIT(100);
		base64_encode(&b, str_from_z(pairs[i].plain));
		assert_true(str_equal(buf_str(&b), str_from_z(pairs[i].encoded)));
		buf_clear(&b);
		assert_true(base64_decode(&b, str_from_z(pairs[i].encoded)));
		assert_true(str_equal(buf_str(&b), str_from_z(pairs[i].plain)));
		buf_done(&b);
	}
}

static void every_byte_and_length(void **state)
{
	char bytes[256];
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (char)(i * 7);
	for (size_t n = 0; n <= sizeof bytes; n++) {
		struct buf text = BUF_INIT(1000), back = BUF_INIT(1000);
		base64_encode(&text, str_from(bytes, n));
		assert_int_equal(text.n, (n + 2) / 3 * 4);
		assert_true(base64_decode(&back, buf_str(&text)));
		assert_true(str_equal(buf_str(&back), str_from(bytes, n)));
		buf_done(&text);
		buf_done(&back);
	}
}

static void anything_else_is_refused(void **state)
{
	static const char *const bad[] = { "Z", "Zg", "Zg=", "Zm9",
		"Zg==Zg==", "Zh==", "Zm9=", "Z===", "====", "Zm9v\n", "Zm 9", "Zm9-", "Zm9_",
		"=m9v", "Z=9v", "Zm=v", "Zm9v====", "\xc3\xa4==", "Zg==\n\n\n\n" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct buf b = BUF_INIT(100);
		if (base64_decode(&b, str_from_z(bad[i])))
			fail_msg("%s", bad[i]);
		buf_done(&b);
	}
	struct buf small CLEANUP(buf_done) = BUF_INIT(5);
	assert_false(base64_decode(&small, STR("Zm9vYmFy")));
}

static void ids(void **state)
{
	unsigned char random[64];
	char id[65];
	for (size_t i = 0; i < sizeof random; i++)
		random[i] = (unsigned char)(i + 160);
	base32_id(random, sizeof random, id);
	assert_string_equal(id, "0123456789ABCDEFGHJKMNPQRSTVWXYZ0123456789ABCDEFGHJKMNPQRSTVWXYZ");
	base32_id(random, 0, id);
	assert_string_equal(id, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ways),
		cmocka_unit_test(every_byte_and_length),
		cmocka_unit_test(anything_else_is_refused),
		cmocka_unit_test(ids),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
