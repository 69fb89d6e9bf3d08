#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "resolver/answer.h"

#include <stdlib.h>

/* ── Making messages ──────────────────────────────────────────────────────────────────────── */

enum { AT_QUESTION = 12 };
#define QUESTION "\xc0\x0c" /* a pointer to the name that is asked for */
#define ORG "\xc0\x14"      /* to "org" in a question for example.org */

struct message {
	struct buf bytes;
	unsigned flags, counts[3]; /* answers, authorities, additional */
};

static void put(struct message *m, unsigned n, int bytes)
{
	while (bytes--)
		buf_add_char(&m->bytes, (char)(n >> 8 * bytes));
}

/* A question for example.org. */
static struct message begin(unsigned flags, unsigned type)
{
	struct message m = { .bytes = BUF_INIT(1024 * 1024), .flags = flags };
	buf_add(&m.bytes, str_from("\0\0\0\0\0\1\0\0\0\0\0\0", AT_QUESTION));
	buf_add(&m.bytes, str_from("\7example\3org\0", 13));
	put(&m, type, 2);
	put(&m, 1, 2);
	return m;
}

static void record(
	struct message *m, int section, str owner, unsigned type, unsigned ttl, str rdata)
{
	m->counts[section]++;
	buf_add(&m->bytes, owner);
	put(m, type, 2);
	put(m, 1, 2);
	put(m, ttl, 4);
	put(m, (unsigned)rdata.n, 2);
	buf_add(&m->bytes, rdata);
}

static str finished(struct message *m)
{
	m->bytes.p[2] = (char)(m->flags >> 8);
	m->bytes.p[3] = (char)m->flags;
	for (int i = 0; i < 3; i++) {
		m->bytes.p[6 + 2 * i] = (char)(m->counts[i] >> 8);
		m->bytes.p[7 + 2 * i] = (char)m->counts[i];
	}
	return buf_str(&m->bytes);
}

#define R(literal) str_from(literal, sizeof(literal) - 1)

/* ── Tests ────────────────────────────────────────────────────────────────────────────────── */

static struct answer parse(str message, enum dns_type type, struct arena *a)
{
	struct answer answer;
	char *exact = xmalloc(message.n + 1);
	memcpy(exact + 1, message.p, message.n);
	answer_parse(str_from(exact + 1, message.n), type, a, &answer);
	free(exact);
	return answer;
}

static void only_what_was_asked_for(void **state)
{
	struct arena a CLEANUP(arena_done) = ARENA_INIT(65536);
	struct message m = begin(0x8180, DNS_TYPE_A);
	record(&m, 0, R(QUESTION), DNS_TYPE_A, 300, R("\300\0\2\1"));
	record(&m, 0, R("\5other" ORG), DNS_TYPE_A, 7, R("\300\0\2\2"));
	record(&m, 0, R(QUESTION), DNS_TYPE_TXT, 7, R("\1x"));
	record(&m, 0, R("\7EXAMPLE\3ORG\0"), DNS_TYPE_A, 200, R("\300\0\2\3"));
	record(&m, 1, R(QUESTION), DNS_TYPE_A, 7, R("\300\0\2\4"));
	struct answer answer = parse(finished(&m), DNS_TYPE_A, &a);
	assert_int_equal(answer.status, DNS_FOUND);
	assert_int_equal(answer.n, 2);
	assert_int_equal(answer.ttl, 200);
	assert_true(str_equal(answer.rdata[0], R("\300\0\2\1")));
	assert_true(str_equal(answer.rdata[1], R("\300\0\2\3")));
	buf_done(&m.bytes);
}

static void cnames_are_followed(void **state)
{
	struct arena a CLEANUP(arena_done) = ARENA_INIT(65536);
	struct message m = begin(0x8180, DNS_TYPE_A);
	record(&m, 0, R(QUESTION), DNS_TYPE_CNAME, 300, R("\1a" ORG));
	record(&m, 0, R("\1a" ORG), DNS_TYPE_CNAME, 100, R("\1B" ORG));
	record(&m, 0, R("\1b" ORG), DNS_TYPE_A, 200, R("\300\0\2\1"));
	struct answer answer = parse(finished(&m), DNS_TYPE_A, &a);
	assert_int_equal(answer.status, DNS_FOUND);
	assert_int_equal(answer.n, 1);
	assert_int_equal(answer.ttl, 100);
	/* Asked for itself, the first one is the answer. */
	answer = parse(finished(&m), DNS_TYPE_CNAME, &a);
	assert_int_equal(answer.n, 1);
	assert_true(str_equal(answer.rdata[0], R("\1a\3org\0")));
	buf_done(&m.bytes);
}

static void names_are_uncompressed(void **state)
{
	static const struct {
		enum dns_type type;
		str rdata, expanded;
	} cases[] = {
		{ DNS_TYPE_NS, { "\2NS\300\14", 5 }, { "\2ns\7example\3org\0", 16 } },
		{ DNS_TYPE_PTR, { "\300\14", 2 }, { "\7example\3org\0", 13 } },
		{ DNS_TYPE_MX, { "\0\12\2mx\300\24", 7 }, { "\0\12\2mx\3org\0", 10 } },
		{ DNS_TYPE_SRV, { "\0\1\0\2\3\341\300\24", 8 }, { "\0\1\0\2\3\341\3org\0", 11 } },
		{ DNS_TYPE_SOA, { "\300\24\1x\300\24ABCDEFGHIJKLMNOPQRST", 26 },
			{ "\3org\0\1x\3org\0ABCDEFGHIJKLMNOPQRST", 32 } },
		{ DNS_TYPE_TXT, { "\2\300\14", 3 }, { "\2\300\14", 3 } },
		{ DNS_TYPE_TLSA, { "\3\1\1\300\14", 5 }, { "\3\1\1\300\14", 5 } },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena a CLEANUP(arena_done) = ARENA_INIT(65536);
		struct message m = begin(0x8180, cases[i].type);
		record(&m, 0, R(QUESTION), cases[i].type, 300, cases[i].rdata);
		struct answer answer = parse(finished(&m), cases[i].type, &a);
		assert_int_equal(answer.status, DNS_FOUND);
		if (!str_equal(answer.rdata[0], cases[i].expanded))
			fail_msg("case %zu: %zu bytes", i, answer.rdata[0].n);
		buf_done(&m.bytes);
	}
}

#define SOA_REST "\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\74" /* minimum: 60 */

static void what_is_not_there(void **state)
{
	static const struct {
		unsigned flags, soa_ttl;
		enum dns_status status;
		unsigned ttl;
	} cases[] = { { 0x8180, 300, DNS_NODATA, 60 }, { 0x8183, 300, DNS_NXDOMAIN, 60 },
		{ 0x8183, 30, DNS_NXDOMAIN, 30 }, { 0x8183, 0, DNS_NXDOMAIN, 0 },
		{ 0x8182, 300, DNS_TEMPORARY, 0 }, { 0x8185, 300, DNS_TEMPORARY, 0 } };
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena a CLEANUP(arena_done) = ARENA_INIT(65536);
		struct message m = begin(cases[i].flags, DNS_TYPE_A);
		record(&m, 1, R(QUESTION), DNS_TYPE_NS, 5, R("\2ns" ORG));
		record(&m, 1, R(QUESTION), DNS_TYPE_SOA, cases[i].soa_ttl,
			R("\2ns" ORG "\2hm" ORG SOA_REST));
		struct answer answer = parse(finished(&m), DNS_TYPE_A, &a);
		assert_int_equal(answer.status, cases[i].status);
		assert_int_equal(answer.ttl, cases[i].ttl);
		assert_int_equal(answer.n, 0);
		buf_done(&m.bytes);
	}
}

/* A CNAME that leads to nothing: kept no longer than it is kept itself. */
static void a_cname_to_nothing(void **state)
{
	struct arena a CLEANUP(arena_done) = ARENA_INIT(65536);
	struct message m = begin(0x8183, DNS_TYPE_A);
	record(&m, 0, R(QUESTION), DNS_TYPE_CNAME, 20, R("\1a" ORG));
	record(&m, 1, R(QUESTION), DNS_TYPE_SOA, 300, R("\2ns" ORG "\2hm" ORG SOA_REST));
	struct answer answer = parse(finished(&m), DNS_TYPE_A, &a);
	assert_int_equal(answer.status, DNS_NXDOMAIN);
	assert_int_equal(answer.ttl, 20);
	buf_done(&m.bytes);
}

static void every_cut_is_temporary(void **state)
{
	struct message m = begin(0x8180, DNS_TYPE_MX);
	record(&m, 0, R(QUESTION), DNS_TYPE_MX, 300, R("\0\12\2mx" QUESTION));
	record(&m, 0, R(QUESTION), DNS_TYPE_MX, 300, R("\0\12\2my" QUESTION));
	str whole = finished(&m);
	for (size_t n = 0; n <= whole.n; n++) {
		struct arena a CLEANUP(arena_done) = ARENA_INIT(65536);
		struct answer answer = parse(str_first(whole, n), DNS_TYPE_MX, &a);
		assert_int_equal(answer.status, n == whole.n ? DNS_FOUND : DNS_TEMPORARY);
		assert_int_equal(*answer.why != '\0', n < whole.n);
	}
	buf_done(&m.bytes);
}

static void names_that_do_not_end(void **state)
{
	static const str rdata[] = {
		{ "\300\51", 2 },         /* to itself: the RDATA is at 41 */
		{ "\1a\300\51", 4 },      /* to its own beginning */
		{ "\300\53\300\51", 4 },  /* forward */
		{ "\377\377", 2 },        /* beyond the end */
		{ "\100abc", 4 },         /* neither a length nor a pointer */
		{ "\5ab", 3 }, { "", 0 }, /* cut */
	};
	for (size_t i = 0; i < ARRAY_LEN(rdata); i++) {
		struct arena a CLEANUP(arena_done) = ARENA_INIT(65536);
		struct message m = begin(0x8180, DNS_TYPE_NS);
		record(&m, 0, R(QUESTION), DNS_TYPE_NS, 300, rdata[i]);
		str bytes = finished(&m);
		assert_int_equal(bytes.n, 41 + rdata[i].n);
		assert_int_equal(parse(bytes, DNS_TYPE_NS, &a).status, DNS_TEMPORARY);
		buf_done(&m.bytes);
	}
}

static void too_many_records(void **state)
{
	for (unsigned n = ANSWER_RECORDS_MAX; n <= ANSWER_RECORDS_MAX + 1; n++) {
		struct arena a CLEANUP(arena_done) = ARENA_INIT(1024 * 1024);
		struct message m = begin(0x8180, DNS_TYPE_A);
		for (unsigned i = 0; i < n; i++)
			record(&m, 0, R(QUESTION), DNS_TYPE_A, 300, R("\300\0\2\1"));
		struct answer answer = parse(finished(&m), DNS_TYPE_A, &a);
		bool few = n == ANSWER_RECORDS_MAX;
		assert_int_equal(answer.status, few ? DNS_FOUND : DNS_TEMPORARY);
		assert_string_equal(answer.why, few ? "" : "more records than are looked at");
		buf_done(&m.bytes);
	}
}

/* Pointers make much of little: 900 names of 249 bytes each. */
static void too_many_bytes(void **state)
{
	static const char label[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	struct arena a CLEANUP(arena_done) = ARENA_INIT(2 * 1024 * 1024);
	struct message m = begin(0x8180, DNS_TYPE_NS);
	struct buf name = BUF_INIT(256);
	for (int i = 0; i < 4; i++) {
		buf_add_char(&name, sizeof label - 1);
		buf_add(&name, str_from_z(label));
	}
	buf_add(&name, R("\0"));
	record(&m, 0, R(QUESTION), DNS_TYPE_NS, 300, buf_str(&name));
	for (int i = 0; i < 900; i++)
		record(&m, 0, R(QUESTION), DNS_TYPE_NS, 300, R("\300\51"));
	struct answer answer = parse(finished(&m), DNS_TYPE_NS, &a);
	assert_int_equal(answer.status, DNS_TEMPORARY);
	assert_string_equal(answer.why, "more records than are looked at");
	buf_done(&name);
	buf_done(&m.bytes);
}

static void a_full_arena(void **state)
{
	struct message m = begin(0x8180, DNS_TYPE_A);
	record(&m, 0, R(QUESTION), DNS_TYPE_A, 300, R("\300\0\2\1"));
	for (size_t room = 0; room < 600; room += 8) {
		struct arena a CLEANUP(arena_done) = ARENA_INIT(room);
		struct answer answer = parse(finished(&m), DNS_TYPE_A, &a);
		assert_true(answer.status == DNS_TEMPORARY || answer.n == 1);
	}
	buf_done(&m.bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_was_asked_for),
		cmocka_unit_test(cnames_are_followed),
		cmocka_unit_test(names_are_uncompressed),
		cmocka_unit_test(what_is_not_there),
		cmocka_unit_test(a_cname_to_nothing),
		cmocka_unit_test(every_cut_is_temporary),
		cmocka_unit_test(names_that_do_not_end),
		cmocka_unit_test(too_many_records),
		cmocka_unit_test(too_many_bytes),
		cmocka_unit_test(a_full_arena),
	};
	return cmocka_run_group_tests_name("answer", tests, NULL, NULL);
}
