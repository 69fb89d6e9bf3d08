#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "mailauth/dns.h"

#include <stdlib.h>

#define LABEL_63                                                                                   \
	"\077"                                                                                     \
	"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk"
#define LABEL_61                                                                                   \
	"\075"                                                                                     \
	"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghi"
#define LABEL_62                                                                                   \
	"\076"                                                                                     \
	"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghij"
#define WIRE(literal)                                                                              \
	{                                                                                          \
		"" literal, sizeof(literal) - 1                                                    \
	}

static bool parse(enum dns_type type, str wire, struct arena *a, struct dns_record *out)
{
	/* A copy that ends where the RDATA ends, so that sanitizers see a step too far. */
	char *copy = xmalloc(wire.n + 1);
	memcpy(copy, wire.p, wire.n);
	memmove(copy + 1, copy, wire.n);
	bool right = dns_record_parse(type, str_from(copy + 1, wire.n), a, out);
	free(copy);
	return right;
}

static void names_of_types(void **state)
{
	static const struct {
		enum dns_type type;
		const char *name;
	} types[] = { { DNS_TYPE_A, "A" }, { DNS_TYPE_AAAA, "AAAA" }, { DNS_TYPE_MX, "MX" },
		{ DNS_TYPE_TXT, "TXT" }, { DNS_TYPE_PTR, "PTR" }, { DNS_TYPE_CNAME, "CNAME" },
		{ DNS_TYPE_NS, "NS" }, { DNS_TYPE_SOA, "SOA" }, { DNS_TYPE_SRV, "SRV" },
		{ DNS_TYPE_TLSA, "TLSA" } };
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		assert_string_equal(dns_type_name(types[i].type), types[i].name);
		assert_int_equal(dns_type_parse(str_from_z(types[i].name)), types[i].type);
	}
	assert_int_equal(dns_type_parse(STR("tlsa")), DNS_TYPE_TLSA);
	assert_int_equal(dns_type_parse(STR("TLSAX")), 0);
	assert_int_equal(dns_type_parse(STR_EMPTY), 0);
	assert_null(dns_type_name((enum dns_type)48));
	assert_string_equal(dns_status_name(DNS_BOGUS), "bogus");
}

struct record_case {
	enum dns_type type;
	str wire;
	struct dns_record record;
};

static const struct record_case right[] = {
	{ DNS_TYPE_NS, WIRE("\2Ns\7EXAMPLE\3org\0"), { .name = WIRE("ns.example.org") } },
	{ DNS_TYPE_CNAME, WIRE("\0"), { .name = WIRE("") } },
	{ DNS_TYPE_PTR, WIRE("\4a_-1\3org\0"), { .name = WIRE("a_-1.org") } },
	{ DNS_TYPE_MX, WIRE("\1\12\2mx\0"), { .priority = 266, .name = WIRE("mx") } },
	{ DNS_TYPE_TXT, WIRE("\3abc\0\2de"), { .text = WIRE("abcde") } },
	{ DNS_TYPE_TXT, WIRE("\0"), { .text = WIRE("") } },
	{ DNS_TYPE_TXT, WIRE("\3a\0b"), { .text = WIRE("a\0b") } },
	{ DNS_TYPE_SRV, WIRE("\0\1\0\2\3\341\2mx\0"),
		{ .priority = 1, .weight = 2, .port = 993, .name = WIRE("mx") } },
	{ DNS_TYPE_TLSA, WIRE("\3\1\2\377\0"), { .tlsa = { 3, 1, 2 }, .text = WIRE("\377\0") } },
	{ DNS_TYPE_TLSA, WIRE("\3\1\0"), { .tlsa = { 3, 1, 0 }, .text = WIRE("") } },
	{ DNS_TYPE_SOA, WIRE("\2ns\0\2hm\3org\0\1\2\3\4\0\0\0\1\0\0\0\2\0\0\0\3\0\0\1\0"),
		{ .name = WIRE("ns"),
			.text = WIRE("hm.org"),
			.serial = 0x01020304,
			.minimum = 256 } },
	{ DNS_TYPE_NS, WIRE(LABEL_63 LABEL_63 LABEL_63 LABEL_61 "\0"), { .name = { NULL, 253 } } },
};

static void check_record(const struct dns_record *r, const struct dns_record *expected)
{
	assert_int_equal(r->name.n, expected->name.n);
	if (expected->name.p)
		assert_true(str_equal(r->name, expected->name));
	assert_true(str_equal(r->text, expected->text));
	assert_int_equal(r->priority, expected->priority);
	assert_int_equal(r->weight, expected->weight);
	assert_int_equal(r->port, expected->port);
	assert_int_equal(r->serial, expected->serial);
	assert_int_equal(r->minimum, expected->minimum);
	assert_memory_equal(r->tlsa, expected->tlsa, sizeof r->tlsa);
}

static void records(void **state)
{
	struct arena a CLEANUP(arena_done) = ARENA_INIT(65536);
	for (size_t i = 0; i < ARRAY_LEN(right); i++) {
		struct dns_record r;
		if (!parse(right[i].type, right[i].wire, &a, &r))
			fail_msg("record %zu", i);
		check_record(&r, &right[i].record);
	}
}

static void addresses(void **state)
{
	struct arena a CLEANUP(arena_done) = ARENA_INIT(4096);
	struct dns_record r;
	struct ip v4, v6;
	assert_true(ip_parse(STR("192.0.2.1"), &v4) && ip_parse(STR("2001:db8::1"), &v6));
	assert_true(parse(DNS_TYPE_A, str_from(v4.bytes + 12, 4), &a, &r));
	assert_true(ip_equal(&r.ip, &v4));
	assert_true(parse(DNS_TYPE_AAAA, str_from(v6.bytes, 16), &a, &r));
	assert_true(ip_equal(&r.ip, &v6));
	for (size_t n = 0; n <= 16; n++) {
		assert_int_equal(parse(DNS_TYPE_A, str_from(v6.bytes, n), &a, &r), n == 4);
		assert_int_equal(parse(DNS_TYPE_AAAA, str_from(v6.bytes, n), &a, &r), n == 16);
	}
}

/* Where a record may end. */
static bool may_end(const struct record_case *c, size_t n)
{
	if (c->type == DNS_TYPE_TLSA)
		return n >= 3;
	/* At the end of one of its strings. */
	size_t at = 0;
	while (c->type == DNS_TYPE_TXT && at < n)
		at += 1 + (unsigned char)c->wire.p[at];
	return c->type == DNS_TYPE_TXT && n > 0 && at == n;
}

static void cut_and_longer_records(void **state)
{
	struct arena a CLEANUP(arena_done) = ARENA_INIT(1024 * 1024);
	char longer[512];
	for (size_t i = 0; i < ARRAY_LEN(right); i++) {
		const struct record_case *c = &right[i];
		struct dns_record r = { .priority = 77 };
		for (size_t n = 0; n < c->wire.n; n++)
			if (parse(c->type, str_first(c->wire, n), &a, &r) != may_end(c, n))
				fail_msg("record %zu, first %zu bytes", i, n);
		memcpy(longer, c->wire.p, c->wire.n);
		longer[c->wire.n] = 1;
		if (parse(c->type, str_from(longer, c->wire.n + 1), &a, &r) !=
			(c->type == DNS_TYPE_TLSA))
			fail_msg("record %zu, one byte more", i);
	}
}

static void malformed_names(void **state)
{
	static const str wrong[] = {
		WIRE("\3a.b\0"),                                     /* a dot inside */
		WIRE("\3a\0b\0"), WIRE("\2a\n\0"), WIRE("\1\177\0"), /* control characters */
		WIRE("\2\303\274\0"),                                /* not ASCII */
		WIRE("\300\0"), WIRE("\2ns\300\0"),                  /* compressed */
		WIRE("\100aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\0"),
		WIRE(LABEL_63 LABEL_63 LABEL_63 LABEL_62 "\0"), /* 254 characters */
	};
	struct arena a CLEANUP(arena_done) = ARENA_INIT(65536);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct dns_record r = { .priority = 77 };
		if (parse(DNS_TYPE_NS, wrong[i], &a, &r))
			fail_msg("name %zu", i);
		assert_int_equal(r.priority, 77); /* untouched */
	}
	struct dns_record r;
	assert_false(parse((enum dns_type)48, (str)WIRE("\0"), &a, &r));
}

static void a_full_arena(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(right); i++) {
		struct arena a CLEANUP(arena_done) = ARENA_INIT(0);
		struct dns_record r;
		assert_false(parse(right[i].type, right[i].wire, &a, &r));
	}
}

static void reverse_names(void **state)
{
	static const struct {
		const char *ip, *suffix, *name;
	} cases[] = { { "192.0.2.1", "", "1.2.0.192.in-addr.arpa" },
		{ "192.0.2.1", "zen.example.net", "1.2.0.192.zen.example.net" },
		{ "2001:db8::a1", "",
			"1.a.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6."
			"arpa" } };
	struct arena a CLEANUP(arena_done) = ARENA_INIT(4096);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ip ip;
		assert_true(ip_parse(str_from_z(cases[i].ip), &ip));
		str name = dns_reverse_name(&ip, str_from_z(cases[i].suffix), &a);
		assert_true(str_equal(name, str_from_z(cases[i].name)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_types),
		cmocka_unit_test(records),
		cmocka_unit_test(addresses),
		cmocka_unit_test(cut_and_longer_records),
		cmocka_unit_test(malformed_names),
		cmocka_unit_test(a_full_arena),
		cmocka_unit_test(reverse_names),
	};
	return cmocka_run_group_tests_name("dns", tests, NULL, NULL);
}
