#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "mailauth/dkim.h"
#include "mailauth/dkim_body.h"
#include "mailauth/dkim_bytes.h"
#include "mailauth/dkim_header.h"
#include "mailauth/dkim_key.h"
#include "mailauth/dkim_sign_testing.h"
#include "mailauth/dkim_tags.h"

#include "base/base64.h"

#include <openssl/x509.h>
#include <stdlib.h>

enum { WORK_MAX = 1 << 20, NOW = 1600000000 };

/* RFC 8463 §A.2 and §A.3. */
static const char keys_8463[] =
	"brisbane._domainkey.football.example.com TXT v=DKIM1; k=ed25519; "
	"p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
	"test._domainkey.football.example.com TXT v=DKIM1; k=rsa; "
	"p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQi"
	"Y/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVY"
	"LzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB\n";

static const char header_8463[] = "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n"
				  " d=football.example.com; i=@football.example.com;\r\n"
				  " q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n"
				  " subject : date : message-id : from : subject : date;\r\n"
				  " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
				  " b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\r\n"
				  " Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\r\n"
				  "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n"
				  " d=football.example.com; i=@football.example.com;\r\n"
				  " q=dns/txt; s=test; t=1528637909; h=from : to : subject :\r\n"
				  " date : message-id : from : subject : date;\r\n"
				  " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
				  " b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3\r\n"
				  " DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz\r\n"
				  " dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=\r\n"
				  "From: Joe SixPack <joe@football.example.com>\r\n"
				  "To: Suzie Q <suzie@shopping.example.net>\r\n"
				  "Subject: Is dinner ready?\r\n"
				  "Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"
				  "Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n"
				  "\r\n";

static const char body_8463[] = "Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n";

static void verify(const char *keys, str header, str body, size_t split, struct arena *a,
	struct dkim_outcome *out)
{
	struct dns_table t;
	dns_table_init(&t, str_from_z(keys));
	struct dkim_verifier *v = dkim_verifier_new(header, NOW);
	dkim_verifier_feed(v, str_first(body, split));
	dkim_verifier_feed(v, str_skip(body, split));
	dkim_verifier_finish(v, &t.dns, a, out);
	dkim_verifier_free(v);
}

static void test_rfc8463(void **state)
{
	str body = str_from_z(body_8463);
	for (size_t split = 0; split <= body.n; split++) {
		struct arena a CLEANUP(arena_done) = ARENA_INIT(WORK_MAX);
		struct dkim_outcome out;
		verify(keys_8463, str_from_z(header_8463), body, split, &a, &out);
		assert_int_equal(out.n, 2);
		assert_int_equal(out.signatures[0].result, DKIM_PASS);
		assert_int_equal(out.signatures[1].result, DKIM_PASS);
		assert_int_equal(out.signatures[0].key_bits, 256);
		assert_true(!out.signatures[0].weak_key);
		assert_true(out.signatures[1].key_bits == 1024 && out.signatures[1].weak_key);
		assert_true(str_equal(out.signatures[0].signature_start, STR("/gCrinpc")));
	}
}

/* The text with the first `from` made `to`. */
static str replaced(struct arena *a, const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);
	assert_non_null(at);
	return arena_printf(a, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

static const struct {
	const char *from, *to; /* in the header */
	enum dkim_result result;
	const char *reason;
} broken[] = {
	{ "a=ed25519-sha256", "a=rsa-sha1", DKIM_PERMERROR,
		"a=rsa-sha1 is not accepted (RFC 8301)" },
	{ "a=ed25519-sha256", "a=ed25519-sha512", DKIM_PERMERROR, "unknown a=" },
	{ "a=ed25519-sha256", "a=rsa-sha256", DKIM_PERMERROR, "key is of another type than a=" },
	{ "v=1;", "", DKIM_PERMERROR, "v= is not 1" },
	{ "v=1;", "v=2;", DKIM_PERMERROR, "v= is not 1" },
	{ "v=1;", "v=1; v=1;", DKIM_PERMERROR, "duplicate tag" },
	{ "v=1;", "v=1;;", DKIM_PERMERROR, "empty tag" },
	{ "v=1;", "v=1; new=x;", DKIM_FAIL, "header has changed: b= does not verify" },
	{ "c=relaxed/relaxed", "c=relaxed/none", DKIM_PERMERROR, "unknown c=" },
	{ "d=football", "d=foot ball", DKIM_PERMERROR, "d= is not a domain" },
	{ "d=football.example.com; ", "", DKIM_PERMERROR, "no d=" },
	{ "s=brisbane; ", "", DKIM_PERMERROR, "no s=" },
	{ "s=brisbane", "s=sydney", DKIM_PERMERROR, "no key" },
	{ "i=@football", "i=@notfootball", DKIM_PERMERROR, "i= is not in d=" },
	{ "q=dns/txt", "q=other", DKIM_PERMERROR, "unknown q=" },
	{ "t=1528637909", "t=soon", DKIM_PERMERROR, "t= is not a time" },
	{ "t=1528637909", "t=1528637909; x=1528637909", DKIM_PERMERROR, "x= is not after t=" },
	{ "t=1528637909", "l=x", DKIM_PERMERROR, "l= is not a number" },
	{ "t=1528637909", "l=1000", DKIM_FAIL, "body is shorter than l=" },
	{ "h=from : to :", "h=to :", DKIM_FAIL, "header has changed: b= does not verify" },
	{ "Joe SixPack", "Moe SixPack", DKIM_FAIL, "header has changed: b= does not verify" },
	{ "bh=2jUS", "bh=3jUS", DKIM_FAIL,
		"body and header have changed: neither bh= nor b= matches" },
	{ "bh=2jUS", "bh=2jU", DKIM_PERMERROR, "bh= is not base64 of a hash" },
	{ "bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=", "bh=2jUS", DKIM_PERMERROR,
		"bh= does not have the length of a SHA-256 hash" },
	{ "b=/gCrinpc", "b=", DKIM_FAIL, "b= does not have the length of the key" },
	{ "b=/gCrinpc", "b=*", DKIM_PERMERROR, "b= is not base64 of a signature" },
};

static void test_broken(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
		struct arena a CLEANUP(arena_done) = ARENA_INIT(WORK_MAX);
		struct dkim_outcome out;
		str header = replaced(&a, header_8463, broken[i].from, broken[i].to);
		verify(keys_8463, header, str_from_z(body_8463), 0, &a, &out);
		const struct dkim_signature *s = &out.signatures[0];
		if (s->result != broken[i].result ||
			!str_equal(s->reason, str_from_z(broken[i].reason)))
			print_message("%s: %s: %.*s\n", broken[i].to, dkim_result_name(s->result),
				STR_ARG(s->reason));
		assert_int_equal(s->result, broken[i].result);
		assert_true(str_equal(s->reason, str_from_z(broken[i].reason)));
	}
}

static void test_what_broke(void **state)
{
	struct arena a CLEANUP(arena_done) = ARENA_INIT(WORK_MAX);
	struct dkim_outcome out;
	verify(keys_8463, str_from_z(header_8463), STR("Hello.\r\n"), 3, &a, &out);
	const struct dkim_signature *s = &out.signatures[0];
	assert_int_equal(s->result, DKIM_FAIL);
	assert_true(s->header_matches && !s->body_matches);
	assert_true(str_equal(s->reason, STR("body has changed: bh= does not match")));
	assert_true(str_equal(
		s->body_hash_expected, STR("2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=")));
	assert_int_equal(s->body_hash_found.n, 44);
	assert_true(!str_equal(s->body_hash_found, s->body_hash_expected));
}

#define P "p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
#define NAME "brisbane._domainkey.football.example.com "

static const struct {
	const char *keys;
	enum dkim_result result;
	const char *reason;
} records[] = {
	{ NAME "TXT k=ed25519; " P, DKIM_PASS, "" },
	{ NAME "TXT k=ed25519; t=y:s; s=other:email; h=sha1:sha256; n=note; new=x;" P, DKIM_PASS,
		"" },
	{ NAME "TXT v=DKIM1; k=ed25519; p=", DKIM_PERMERROR, "key revoked" },
	{ NAME "TXT v=DKIM1; k=ed25519", DKIM_PERMERROR, "key record without p=" },
	{ NAME "TXT k=ed25519; v=DKIM1; " P, DKIM_PERMERROR, "not a DKIM1 key record" },
	{ NAME "TXT k=ed25519; h=sha1; " P, DKIM_PERMERROR, "key does not allow sha256" },
	{ NAME "TXT k=ed25519; s=tlsrpt; " P, DKIM_PERMERROR, "key is not for email" },
	{ NAME "TXT k=dsa; " P, DKIM_PERMERROR, "unknown type of key" },
	{ NAME "TXT " P, DKIM_PERMERROR, "key is of another type than a=" },
	{ NAME "TXT k=ed25519; p=AAAA", DKIM_PERMERROR, "malformed key" },
	{ NAME "TXT k=ed25519; p=!", DKIM_PERMERROR, "key is not base64" },
	{ NAME "TXT nonsense", DKIM_PERMERROR, "malformed key record" },
	{ NAME "TXT nonsense\n" NAME "TXT k=ed25519; " P, DKIM_PASS, "" },
	{ NAME "TXT k=ed25519;\\x00" P, DKIM_PERMERROR, "malformed key record" },
	{ NAME "TXT !timeout", DKIM_TEMPERROR, "the DNS did not answer for the key" },
	{ NAME "TXT !bogus", DKIM_TEMPERROR, "the DNS did not answer for the key" },
	{ "x A 192.0.2.1", DKIM_PERMERROR, "no key" },
};

static void test_records(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(records); i++) {
		struct arena a CLEANUP(arena_done) = ARENA_INIT(WORK_MAX);
		struct dkim_outcome out;
		verify(records[i].keys, str_from_z(header_8463), str_from_z(body_8463), 0, &a,
			&out);
		const struct dkim_signature *s = &out.signatures[0];
		if (!str_equal(s->reason, str_from_z(records[i].reason)))
			print_message("%s: %.*s\n", records[i].keys, STR_ARG(s->reason));
		assert_int_equal(s->result, records[i].result);
		assert_true(str_equal(s->reason, str_from_z(records[i].reason)));
		assert_true(s->testing == (strstr(records[i].keys, "t=y") != NULL));
	}
}

static const struct {
	const char *body, *simple, *relaxed;
} bodies[] = {
	{ "", "\r\n", "" },
	{ "\r\n\r\n", "\r\n", "" },
	{ " \t\r\n", " \t\r\n", "" },
	{ " C \r\nD \t E\r\n\r\n\r\n", " C \r\nD \t E\r\n", " C\r\nD E\r\n" }, /* §3.4.5 */
	{ "a\nb\n\n", "a\r\nb\r\n", "a\r\nb\r\n" },
	{ "a", "a\r\n", "a\r\n" },
	{ "a\rb\r\r\n", "a\rb\r\r\n", "a\rb\r\r\n" },
	{ "a\r", "a\r\r\n", "a\r\r\n" },
	{ "\r\n\r\na \r\n \r\nb", "\r\n\r\na \r\n \r\nb\r\n", "\r\n\r\na\r\n\r\nb\r\n" },
	{ "0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 \r\n"
	  "0123456789 0123456789 0123456789 0123456789 0123456789 01234567\r\n  x\r\n"
	  "0123456789  123456789 0123456789 0123456789 0123456789 0123456789\tx\n\n\n",
		"0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 \r\n"
		"0123456789 0123456789 0123456789 0123456789 0123456789 01234567\r\n  x\r\n"
		"0123456789  123456789 0123456789 0123456789 0123456789 0123456789\tx\r\n",
		"0123456789 0123456789 0123456789 0123456789 0123456789 0123456789\r\n"
		"0123456789 0123456789 0123456789 0123456789 0123456789 01234567\r\n x\r\n"
		"0123456789 123456789 0123456789 0123456789 0123456789 0123456789 x\r\n" },
};

/* The hash of the first `length` bytes of the canonical form is what it should be. */
static void check_body(str body, size_t split, enum dkim_canon canon, const char *canonical)
{
	str wanted = str_from_z(canonical);
	struct dkim_body *b = dkim_body_new();
	int whole = dkim_body_want(b, canon, DKIM_BODY_WHOLE);
	int head = dkim_body_want(b, canon, wanted.n / 2);
	int longer = dkim_body_want(b, canon, wanted.n + 1);
	assert_int_equal(dkim_body_want(b, canon, wanted.n / 2), head);
	dkim_body_feed(b, str_first(body, split));
	dkim_body_feed(b, str_skip(body, split));
	dkim_body_finish(b);
	unsigned char hash[DKIM_HASH_SIZE];
	EVP_Digest(wanted.p, wanted.n, hash, NULL, EVP_sha256(), NULL);
	assert_memory_equal(dkim_body_hash(b, whole), hash, sizeof hash);
	EVP_Digest(wanted.p, wanted.n / 2, hash, NULL, EVP_sha256(), NULL);
	assert_memory_equal(dkim_body_hash(b, head), hash, sizeof hash);
	assert_null(dkim_body_hash(b, longer));
	assert_int_equal(dkim_body_total(b, whole), wanted.n);
	dkim_body_free(b);
}

static void test_bodies(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		str body = str_from_z(bodies[i].body);
		for (size_t split = 0; split <= body.n; split++) {
			check_body(body, split, DKIM_SIMPLE, bodies[i].simple);
			check_body(body, split, DKIM_RELAXED, bodies[i].relaxed);
		}
	}
}

static void hash_body(str body, size_t piece, enum dkim_canon canon, unsigned char *out)
{
	struct dkim_body *b = dkim_body_new();
	int whole = dkim_body_want(b, canon, DKIM_BODY_WHOLE);
	for (; body.n; body = str_skip(body, piece))
		dkim_body_feed(b, str_first(body, piece));
	dkim_body_finish(b);
	memcpy(out, dkim_body_hash(b, whole), DKIM_HASH_SIZE);
	dkim_body_free(b);
}

/* What is taken in blocks, where it is clean, has the same hash as what comes byte by byte. */
static void test_blocks(void **state)
{
	static const char *const pieces[] = { "\r\n", "\r\n\r\n", " ", "\t", "\r", "\n", " \r\n",
		"0123456789abcdefghijklmnopqrstuvwxyz 0123456789abcdefghijklmnopqrstuvwxyz",
		"a word ", "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n" };
	uint32_t seed = 1;
	for (int round = 0; round < 1000; round++) {
		struct buf body CLEANUP(buf_done) = BUF_INIT(1 << 20);
		for (int i = 0; i < 4 + round % 40; i++) {
			seed = seed * 1664525 + 1013904223;
			size_t n = (seed >> 16) % (2 * ARRAY_LEN(pieces));
			buf_add(&body, str_from_z(pieces[n < ARRAY_LEN(pieces) ? n : 7]));
		}
		for (int canon = DKIM_SIMPLE; canon <= DKIM_RELAXED; canon++) {
			unsigned char once[DKIM_HASH_SIZE], slow[DKIM_HASH_SIZE];
			hash_body(buf_str(&body), body.n, (enum dkim_canon)canon, once);
			hash_body(buf_str(&body), 1, (enum dkim_canon)canon, slow);
			assert_memory_equal(once, slow, sizeof once);
			hash_body(buf_str(&body), 100, (enum dkim_canon)canon, once);
			assert_memory_equal(once, slow, sizeof once);
		}
	}
}

static const struct {
	const char *header, *names, *simple, *relaxed;
} headers[] = {
	{ "A: X\r\nB : Y\t\r\n\tZ  \r\n", "a:b", "A: X\r\nB : Y\t\r\n\tZ  \r\n",
		"a:X\r\nb:Y Z\r\n" }, /* §3.4.5 */
	{ "A: 1\nA: 2\nB: x\n", "a : a : a:c:\r\n b", "A: 2\r\nA: 1\r\nB: x\r\n",
		"a:2\r\na:1\r\nb:x\r\n" },
	{ "A:\r\n", "A", "A:\r\n", "a:\r\n" },
	{ "A: x", "A", "A: x\r\n", "a:x\r\n" },
	{ "A: a\rb\r\n", "A", "A: a\rb\r\n", "a:a\rb\r\n" },
};

static void test_headers(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
		struct dkim_header *h = dkim_header_new(str_from_z(headers[i].header));
		for (int canon = DKIM_SIMPLE; canon <= DKIM_RELAXED; canon++) {
			struct buf b CLEANUP(buf_done) = BUF_INIT(1000);
			const char *wanted = canon ? headers[i].relaxed : headers[i].simple;
			dkim_header_select(
				h, &b, (enum dkim_canon)canon, str_from_z(headers[i].names));
			assert_true(str_equal(buf_str(&b), str_from_z(wanted)) ||
				    (print_message("%.*s\n", STR_ARG(buf_str(&b))), false));
		}
		dkim_header_free(h);
	}
}

/* Pieces that a step of sixteen bytes takes whole, or must not. */
static str random_value(uint32_t *seed, char *out, size_t size)
{
	static const char *const pieces[] = { "word", " ", "a", "\r\n\t", "0123456789abcdef", "\r",
		"\n ", "\t ", "=", "  ", "\x01", "\xc3\xa9" };
	size_t n = 0, many = (*seed >> 20) % 40;
	for (size_t i = 0; i < many; i++) {
		*seed = *seed * 1664525 + 1013904223;
		size_t k = (*seed >> 16) % (2 * ARRAY_LEN(pieces));
		str piece = str_from_z(pieces[k < ARRAY_LEN(pieces) ? k : 0]);
		if (n + piece.n > size)
			break;
		memcpy(out + n, piece.p, piece.n);
		n += piece.n;
	}
	*seed = *seed * 1664525 + 1013904223;
	return str_from(out, n);
}

/* RFC 6376 §3.4.2, a byte at a time. */
static size_t relax(str value, char *out)
{
	size_t n = 0;
	for (size_t i = 0; i < value.n; i++) {
		char c = value.p[i];
		bool end = c == '\n' || (c == '\r' && i + 1 < value.n && value.p[i + 1] == '\n');
		bool blank = c == ' ' || c == '\t';
		if (!end && !(blank && (n == 0 || out[n - 1] == ' ')))
			out[n++] = blank ? ' ' : c;
	}
	while (n && out[n - 1] == ' ')
		n--;
	return n;
}

static void test_steps(void **state)
{
	uint32_t seed = 1;
	for (int i = 0; i < 50000; i++) {
		char text[200], expected[200], squeezed[200];
		str value = random_value(&seed, text, sizeof text);
		struct header_field field = { .name = STR("X"), .value = value, .raw = value };
		struct buf b CLEANUP(buf_done) = BUF_INIT(1000);
		size_t cut = value.n ? (seed >> 8) % value.n : 0;
		size_t cut_n = seed & 1 ? (seed >> 4) % (value.n - cut + 1) : 0;
		dkim_header_canonical(
			&b, DKIM_RELAXED, &field, str_first(str_skip(value, cut), cut_n), false);
		if (cut_n)
			memmove(text + cut, text + cut + cut_n, value.n - cut - cut_n);
		bool at_cr = cut_n && cut && text[cut - 1] == '\r';
		str left = str_first(value, value.n - cut_n);
		str wanted = str_from(expected, relax(left, expected));
		if (!at_cr)
			assert_true(str_equal(str_skip(buf_str(&b), 2), wanted));
		size_t most = (seed >> 12) % 60, n = 0;
		for (size_t k = 0; k < left.n && n < most; k++)
			if (!ascii_is_space(left.p[k]))
				expected[n++] = left.p[k];
		assert_int_equal(bytes_squeeze(squeezed, most, left), n);
		assert_memory_equal(squeezed, expected, n);
	}
}

/* Work is bounded: these would take minutes where it is quadratic. */
static void test_large(void **state)
{
	struct buf header CLEANUP(buf_done) = BUF_INIT(64 << 20);
	for (int i = 0; i < 10000; i++)
		buf_add(&header, str_first(str_from_z(header_8463), 330));
	struct arena a CLEANUP(arena_done) = ARENA_INIT(16 << 20);
	struct dkim_outcome out;
	verify(keys_8463, buf_str(&header), STR("x"), 0, &a, &out);
	assert_true(out.n == DKIM_SIGNATURES_MAX && out.more);

	buf_clear(&header);
	buf_add(&header, STR("DKIM-Signature: v=1; a=rsa-sha256; d=football.example.com; s=test; "
			     "bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=; b=AAAA; h=from"));
	for (int i = 0; i < 90000; i++)
		buf_printf(&header, ":X%d", i);
	buf_add(&header, STR("\r\n"));
	for (int i = 0; i < 90000; i++)
		buf_printf(&header, "X%d: %d\r\n", i, i);
	verify(keys_8463, buf_str(&header), STR("x"), 0, &a, &out);
	assert_int_equal(out.signatures[0].result, DKIM_FAIL);

	struct buf lines CLEANUP(buf_done) = BUF_INIT(16 << 20);
	unsigned char hash[DKIM_HASH_SIZE];
	for (int i = 0; i < 4 << 20; i++)
		buf_add(&lines, STR("\r\n"));
	hash_body(buf_str(&lines), lines.n, DKIM_RELAXED, hash);

	struct arena none CLEANUP(arena_done) = ARENA_INIT(1);
	verify(keys_8463, str_from_z(header_8463), STR("x"), 0, &none, &out);
	assert_true(out.n == 0 && out.more);
}

static void test_keys(void **state)
{
	struct dkim_keys *keys = dkim_keys_new(1);
	for (int i = 0; i < 20; i++) {
		struct arena a CLEANUP(arena_done) = ARENA_INIT(WORK_MAX);
		str text =
			arena_printf(&a, NAME "TXT n=%d; k=ed25519; " P "\n%s", i % 10, keys_8463);
		struct dns_table t;
		dns_table_init(&t, text);
		/* A key that has failed to verify is as good as before. */
		str message = replaced(&a, header_8463, "ready", i % 3 ? "ready" : "burnt");
		struct dkim_verifier *v = dkim_verifier_new(message, NOW);
		dkim_verifier_use_keys(v, keys);
		dkim_verifier_feed(v, str_from_z(body_8463));
		struct dkim_outcome out;
		dkim_verifier_finish(v, &t.dns, &a, &out);
		assert_int_equal(out.signatures[0].result, i % 3 ? DKIM_PASS : DKIM_FAIL);
		assert_int_equal(out.signatures[1].result, i % 3 ? DKIM_PASS : DKIM_FAIL);
		dkim_verifier_free(v);
	}
	dkim_keys_free(keys);
}

/* Names are found without regard to case, however many there are. */
static void test_many_fields(void **state)
{
	static const int more[] = { 0, 20, 60, 200, 1000 };
	for (size_t i = 0; i < ARRAY_LEN(more); i++) {
		struct arena a CLEANUP(arena_done) = ARENA_INIT(WORK_MAX);
		struct buf header CLEANUP(buf_done) = BUF_INIT(WORK_MAX);
		struct dkim_outcome out;
		for (int k = 0; k < more[i]; k++)
			buf_printf(&header, "X%d: %d\r\n", k, k);
		buf_add(&header, str_from_z(header_8463));
		verify(keys_8463, buf_str(&header), str_from_z(body_8463), 0, &a, &out);
		assert_int_equal(out.signatures[0].result, DKIM_PASS);
		assert_int_equal(out.signatures[1].result, DKIM_PASS);
	}
}

/* Hashes and signatures are decoded in so much room as they can need. */
static void test_long_values(void **state)
{
	static const struct {
		const char *before, *filler, *reason;
	} cases[] = {
		{ "bh=", "2", "bh= is not base64 of a hash" },
		{ " b=", "2", "b= is not base64 of a signature" },
		{ " b=", " ", NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena a CLEANUP(arena_done) = ARENA_INIT(WORK_MAX);
		struct buf more CLEANUP(buf_done) = BUF_INIT(WORK_MAX);
		struct dkim_outcome out;
		buf_add(&more, str_from_z(cases[i].before));
		for (int k = 0; k < 20000; k++)
			buf_add(&more, str_from_z(cases[i].filler));
		buf_add_char(&more, '\0');
		str header = replaced(&a, header_8463, cases[i].before, more.p);
		verify(keys_8463, header, str_from_z(body_8463), 0, &a, &out);
		const struct dkim_signature *s = &out.signatures[0];
		if (cases[i].reason)
			assert_true(str_equal(s->reason, str_from_z(cases[i].reason)));
		else
			assert_int_equal(s->result, DKIM_PASS);
	}
}

static struct dkim_key *decode_key(str der)
{
	struct buf text CLEANUP(buf_done) = BUF_INIT(4096);
	const char *wrong = NULL;
	base64_encode(&text, der);
	struct dkim_key_record record = { .algorithm = DKIM_RSA_SHA256, .key = buf_str(&text) };
	struct dkim_key *key = dkim_key_decode(&record, &wrong);
	if (!key)
		assert_string_equal(wrong, "malformed key");
	return key;
}

/* SubjectPublicKeyInfo and RSAPublicKey are one key; nothing less than a whole one is a key. */
static void test_key_forms(void **state)
{
	EVP_PKEY *made[] = { testing_pkey(1024), testing_pkey(0) };
	unsigned char *info = NULL, *bare = NULL, *other = NULL;
	int info_n = i2d_PUBKEY(made[0], &info), bare_n = i2d_PublicKey(made[0], &bare);
	int other_n = i2d_PUBKEY(made[1], &other);
	assert_true(info_n > 0 && bare_n > 0 && other_n > 0);
	struct dkim_key *a = decode_key(str_from(info, (size_t)info_n));
	struct dkim_key *b = decode_key(str_from(bare, (size_t)bare_n));
	assert_true(a && b);
	assert_int_equal(EVP_PKEY_eq(a->pkey, made[0]), 1);
	assert_int_equal(EVP_PKEY_eq(b->pkey, made[0]), 1);
	dkim_key_free(a);
	dkim_key_free(b);
	for (int n = 0; n < info_n; n++)
		assert_null(decode_key(str_from(info, (size_t)n)));
	assert_null(decode_key(str_from(other, (size_t)other_n)));
	OPENSSL_free(info);
	OPENSSL_free(bare);
	OPENSSL_free(other);
	EVP_PKEY_free(made[0]);
	EVP_PKEY_free(made[1]);
}

static void test_tags(void **state)
{
	static const struct {
		const char *text, *wrong;
		size_t n;
	} cases[] = {
		{ "", NULL, 0 },
		{ " \r\n ", NULL, 0 },
		{ "a=b", NULL, 1 },
		{ " a = b ; c=;", NULL, 2 },
		{ "a=b=c", NULL, 1 },
		{ "a", "tag without =", 0 },
		{ ";", "empty tag", 0 },
		{ "=b", "invalid tag name", 0 },
		{ "1a=b", "invalid tag name", 0 },
		{ "a_1=b", NULL, 1 },
		{ "a b=c", "invalid tag name", 0 },
		{ "a=b;a=c", "duplicate tag", 1 },
		{ "a=b;A=c", NULL, 2 },
		{ "a=\x01", "control character in the tag list", 0 },
		{ "a=\xc3\xbc", NULL, 1 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct dkim_tags tags;
		const char *wrong = dkim_tags_parse(str_from_z(cases[i].text), &tags);
		assert_true(str_equal(str_from_z(wrong), str_from_z(cases[i].wrong)));
		assert_int_equal(tags.n, cases[i].n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tags),
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_rfc8463),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_what_broke),
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_key_forms),
		cmocka_unit_test(test_many_fields),
		cmocka_unit_test(test_long_values),
		cmocka_unit_test(test_large),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
