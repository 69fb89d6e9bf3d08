#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "proto/proxy.h"
#include "base/buf.h"

#include <stdlib.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define RAW(literal)                                                                               \
	{                                                                                          \
		"" literal, sizeof(literal) - 1                                                    \
	}

static const struct {
	str in;
	enum proxy_family family;
	uint16_t source_port, destination_port;
	const char *source, *destination;
	bool tls;
} good[] = {
	{ RAW("PROXY TCP4 192.0.2.1 198.51.100.2 56324 25\r\n"), PROXY_IPV4, 56324, 25,
		"\xc0\x00\x02\x01", "\xc6\x33\x64\x02", false },
	{ RAW("PROXY TCP6 ::1 2001:db8::2 0 65535\r\n"), PROXY_IPV6, 0, 65535,
		"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01", "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02",
		false },
	{ RAW("PROXY UNKNOWN\r\n"), PROXY_UNKNOWN, 0, 0, NULL, NULL, false },
	{ RAW("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n"), PROXY_UNKNOWN, 0, 0, NULL, NULL, false },
	{ RAW(SIGNATURE "\x20\x00\x00\x00"), PROXY_LOCAL, 0, 0, NULL, NULL, false },
	{ RAW(SIGNATURE "\x20\xff\x00\x02xy"), PROXY_LOCAL, 0, 0, NULL, NULL, false },
	{ RAW(SIGNATURE "\x21\x00\x00\x01x"), PROXY_UNKNOWN, 0, 0, NULL, NULL, false },
	{ RAW(SIGNATURE "\x21\x11\x00\x0c\x01\x02\x03\x04\x05\x06\x07\x08\x01\x00\x00\x19"),
		PROXY_IPV4, 256, 25, "\x01\x02\x03\x04", "\x05\x06\x07\x08", false },
	{ RAW(SIGNATURE "\x21\x21\x00\x24"
			"0123456789abcdefABCDEFGHIJKLMNOP\x00\x01\x00\x02"),
		PROXY_IPV6, 1, 2, "0123456789abcdef", "ABCDEFGHIJKLMNOP", false },
	/* TLVs: an empty NOOP, an authority, SSL with the client flag. */
	{ RAW(SIGNATURE "\x21\x11\x00\x1f\x01\x02\x03\x04\x05\x06\x07\x08\x01\x00\x00\x19"
			"\x04\x00\x00"
			"\x02\x00\x05"
			"hello"
			"\x20\x00\x05"
			"\x01\0\0\0\0"),
		PROXY_IPV4, 256, 25, "\x01\x02\x03\x04", "\x05\x06\x07\x08", true },
};

static const struct {
	str in;
	size_t known_at; /* so many bytes are enough to know */
} bad[] = {
	{ RAW("EHLO x\r\n"), 1 },
	{ RAW("PROXX"), 5 },
	{ RAW("\r\n\r\nQUIT"), 5 },
	{ RAW("PROXY TCP4 192.0.2.1 198.51.100.2 56324 25\n"), 43 },
	{ RAW("PROXY \n"), 7 },
	{ RAW("PROXY \r\n"), 8 },
	{ RAW("PROXY TCP4 192.0.2.1 198.51.100.2 56324\r\n"), 41 },
	{ RAW("PROXY TCP4 192.0.2.1 198.51.100.2 56324 25 1\r\n"), 46 },
	{ RAW("PROXY TCP4  192.0.2.1 198.51.100.2 56324 25\r\n"), 45 },
	{ RAW("PROXY TCP4 ::1 ::2 1 2\r\n"), 24 },
	{ RAW("PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n"), 36 },
	{ RAW("PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n"), 40 },
	{ RAW("PROXY TCP4 192.0.2.1 192.0.2.2 1 025\r\n"), 38 },
	{ RAW("PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n"), 36 },
	{ RAW(SIGNATURE "\x11"), 13 },
	{ RAW(SIGNATURE "\x22"), 13 },
	{ RAW(SIGNATURE "\x21\x12"), 14 },
	{ RAW(SIGNATURE "\x21\x11\x10\x01"), 16 },
	{ RAW(SIGNATURE "\x21\x11\x00\x00"), 16 },
	{ RAW(SIGNATURE "\x21\x11\x00\x0b\x01\x02\x03\x04\x05\x06\x07\x08\x01\x00\x00"), 27 },
	{ RAW(SIGNATURE "\x21\x11\x00\x0e\x01\x02\x03\x04\x05\x06\x07\x08\x01\x00\x00\x19\x04\x00"),
		30 },
	{ RAW(SIGNATURE
		  "\x21\x11\x00\x0f\x01\x02\x03\x04\x05\x06\x07\x08\x01\x00\x00\x19\x04\x00\x01"),
		31 },
};

/* The first n bytes, in memory that ends there. */
static enum proxy_result parse_first(str in, size_t n, struct proxy_header *out, size_t *consumed)
{
	const char *why = NULL;
	CLEANUP(free_pointer) char *block = xmalloc(n + 1);
	memcpy(block + 1, in.p, n);
	enum proxy_result result = proxy_parse(str_from(block + 1, n), out, consumed, &why);
	assert_true((why != NULL) == (result == PROXY_MALFORMED));
	return result;
}

static void test_good(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct proxy_header h;
		size_t consumed = 0;
		print_message("# case %zu\n", i);
		for (size_t n = 0; n < good[i].in.n; n++)
			assert_int_equal(parse_first(good[i].in, n, &h, &consumed), PROXY_MORE);
		CLEANUP(buf_done) struct buf more = BUF_INIT(4096);
		buf_add(&more, good[i].in);
		buf_add(&more, STR("EHLO x\r\n"));
		for (size_t n = good[i].in.n; n <= more.n; n++) {
			assert_int_equal(parse_first(buf_str(&more), n, &h, &consumed), PROXY_DONE);
			assert_int_equal(consumed, good[i].in.n);
		}
		size_t size = h.family == PROXY_IPV6 ? 16 : 4;
		assert_int_equal(h.family, good[i].family);
		assert_int_equal(h.version, good[i].in.p[0] == 'P' ? 1 : 2);
		assert_int_equal(h.source_port, good[i].source_port);
		assert_int_equal(h.destination_port, good[i].destination_port);
		assert_int_equal(h.tls, good[i].tls);
		if (good[i].source) {
			assert_memory_equal(h.source, good[i].source, size);
			assert_memory_equal(h.destination, good[i].destination, size);
		}
	}
}

static void test_bad(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct proxy_header h;
		size_t consumed = 0;
		print_message("# case %zu\n", i);
		for (size_t n = 0; n <= bad[i].in.n; n++)
			assert_int_equal(parse_first(bad[i].in, n, &h, &consumed),
				n < bad[i].known_at ? PROXY_MORE : PROXY_MALFORMED);
	}
}

static void test_long(void **state)
{
	char line[PROXY_V1_MAX + 10];
	struct proxy_header h;
	size_t consumed;
	memset(line, 'x', sizeof line);
	memcpy(line, "PROXY UNKNOWN ", 14);
	str in = str_from(line, sizeof line);
	assert_int_equal(parse_first(in, PROXY_V1_MAX - 1, &h, &consumed), PROXY_MORE);
	assert_int_equal(parse_first(in, PROXY_V1_MAX, &h, &consumed), PROXY_MALFORMED);
	memcpy(line + PROXY_V1_MAX - 2, "\r\n", 2);
	assert_int_equal(parse_first(in, PROXY_V1_MAX, &h, &consumed), PROXY_DONE);
	memcpy(line + PROXY_V1_MAX - 2, "x\r\n", 3);
	assert_int_equal(parse_first(in, sizeof line, &h, &consumed), PROXY_MALFORMED);
}

static void test_unix_socket(void **state)
{
	char header[16 + 216];
	struct proxy_header h;
	size_t consumed;
	memset(header, 'x', sizeof header);
	memcpy(header, SIGNATURE "\x21\x31\x00\xd8", 16);
	str in = str_from(header, sizeof header);
	assert_int_equal(parse_first(in, in.n - 1, &h, &consumed), PROXY_MORE);
	assert_int_equal(parse_first(in, in.n, &h, &consumed), PROXY_DONE);
	assert_int_equal(h.family, PROXY_UNKNOWN);
	assert_int_equal(h.source[0], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_unix_socket),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
