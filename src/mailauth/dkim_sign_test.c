#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "mailauth/dkim_sign_internal.h"
#include "mailauth/dkim_sign_testing.h"

#include "base/base64.h"

#include <openssl/pem.h>

enum { WORK_MAX = 4 << 20, NOW = 1700000000, SIGNED_MAX = 1 << 20 };

static const char header[] = "Received: by a\r\nReceived: by b\r\nFrom: A <a@example.org>\r\n"
			     "To: B <b@example.net>\r\nSubject:  a\r\n\tb  \r\n\r\n";
static const char body[] = "Hello,\r\n\r\n this is\ta  message. \r\n\r\n\r\n";

static bool sign(const struct dkim_signing *how, const char *head, const char *text, size_t split,
	struct buf *out)
{
	struct err err = { 0 };
	struct dkim_signer *s = dkim_signer_new(str_from_z(head), how);
	dkim_signer_feed(s, str_first(str_from_z(text), split));
	dkim_signer_feed(s, str_skip(str_from_z(text), split));
	bool good = dkim_signer_finish(s, out, &err);
	dkim_signer_free(s);
	return good;
}

static void verify(str records, str head, const char *text, int64_t now, struct arena *a,
	struct dkim_outcome *out)
{
	struct dns_table t;
	dns_table_init(&t, records);
	struct dkim_verifier *v = dkim_verifier_new(head, now);
	dkim_verifier_feed(v, str_from_z(text));
	dkim_verifier_finish(v, &t.dns, a, out);
	dkim_verifier_free(v);
	assert_true(out->n >= 1);
}

/* Signs as told, puts extra above the header, and verifies; the first signature is in *out. */
static void round_trip(const struct dkim_signing *how, const char *tags, const char *extra,
	const char *text, int64_t now, struct arena *a, struct dkim_signature *out)
{
	struct buf message CLEANUP(buf_done) = BUF_INIT(SIGNED_MAX);
	struct buf records CLEANUP(buf_done) = BUF_INIT(SIGNED_MAX);
	struct dkim_outcome outcome;
	testing_record(how->key.context, "example.org", tags, &records);
	assert_true(sign(how, header, body, 5, &message));
	buf_add(&message, str_from_z(extra));
	buf_add(&message, str_from_z(header));
	str kept = arena_str(a, buf_str(&message));
	verify(arena_str(a, buf_str(&records)), kept, text, now, a, &outcome);
	*out = outcome.signatures[0];
}

static struct dkim_signing signing(struct dkim_private_key *key)
{
	return (struct dkim_signing){ .domain = STR("example.org"),
		.selector = STR("sel"),
		.key = dkim_private_key_signs(key),
		.time = NOW };
}

static void expect(const struct dkim_signature *s, enum dkim_result result, const char *reason)
{
	if (s->result != result || !str_equal(s->reason, str_from_z(reason)))
		print_message("%s: %.*s\n", dkim_result_name(s->result), STR_ARG(s->reason));
	assert_int_equal(s->result, result);
	assert_true(str_equal(s->reason, str_from_z(reason)));
}

static void test_round_trips(void **state)
{
	static const unsigned sizes[] = { 0, 1024, 2048 };
	for (size_t i = 0; i < ARRAY_LEN(sizes) * 4; i++) {
		struct arena a CLEANUP(arena_done) = ARENA_INIT(WORK_MAX);
		struct dkim_private_key *key = testing_key(sizes[i / 4]);
		struct dkim_signing how = signing(key);
		how.simple_header = i & 1;
		how.simple_body = i & 2;
		how.identity = STR("a@sub.example.org");
		how.expiration = NOW + 100;
		struct dkim_signature s;
		round_trip(&how, "", "", body, NOW + 99, &a, &s);
		expect(&s, DKIM_PASS, "");
		assert_true(s.weak_key == (sizes[i / 4] == 1024));
		assert_true(s.author_signed && s.timestamp == NOW && s.expiration == NOW + 100);
		round_trip(&how, "", "", body, NOW + 101, &a, &s);
		expect(&s, DKIM_FAIL, "signature has expired (x=)");
		round_trip(&how, "", "", body, NOW - 3601, &a, &s);
		expect(&s, DKIM_FAIL, "signature is from the future (t=)");
		round_trip(&how, " t=s;", "", body, NOW, &a, &s);
		expect(&s, DKIM_PERMERROR, "key has t=s and i= is not in d= itself");
		round_trip(&how, "", "From: evil\r\n", body, NOW, &a, &s);
		expect(&s, DKIM_FAIL, "header has changed: b= does not verify");
		round_trip(&how, "", "Subject: evil\r\n", body, NOW, &a, &s);
		expect(&s, DKIM_FAIL, "header has changed: b= does not verify");
		round_trip(&how, "", "X-Other: fine\r\n", body, NOW, &a, &s);
		expect(&s, DKIM_PASS, "");
		round_trip(&how, "", "", "Hello", NOW, &a, &s);
		expect(&s, DKIM_FAIL, "body has changed: bh= does not match");
		dkim_private_key_free(key);
	}
}

/* A field of our own making: what dkim_signer does not write. */
static void draft(
	struct dkim_private_key *key, const char *name, const char *value, struct buf *out)
{
	struct dkim_draft d;
	struct err err = { 0 };
	struct dkim_body *b = dkim_body_new();
	uint64_t length = DKIM_BODY_WHOLE;
	if (strcmp(name, "l") == 0)
		assert_true(str_to_u64(str_from_z(value), 1000, &length));
	int number = dkim_body_want(b, DKIM_SIMPLE, length);
	dkim_body_feed(b, str_from_z(body));
	dkim_body_finish(b);
	struct buf hash CLEANUP(buf_done) = BUF_INIT(64);
	base64_encode(&hash, str_from(dkim_body_hash(b, number), DKIM_HASH_SIZE));
	dkim_draft_begin(&d, STR("DKIM-Signature"));
	dkim_draft_tag(&d, STR("v"), STR("1"));
	dkim_draft_tag(&d, STR("a"), STR("rsa-sha256"));
	dkim_draft_tag(&d, STR("d"), STR("example.org"));
	dkim_draft_tag(&d, STR("s"), STR("sel"));
	dkim_draft_tag(&d, STR("h"), STR("from"));
	dkim_draft_tag(&d, str_from_z(name), str_from_z(value));
	dkim_draft_b(&d);
	dkim_draft_tag(&d, STR("bh"), buf_str(&hash));
	struct dkim_header *h = dkim_header_new(str_from_z(header));
	struct dkim_field f = { .field = dkim_draft_field(&d),
		.names = STR("from"),
		.b = STR_EMPTY,
		.header_canon = DKIM_SIMPLE };
	unsigned char digest[DKIM_HASH_SIZE];
	dkim_field_hash(&f, h, b, digest);
	dkim_body_free(b);
	struct dkim_signs signs = dkim_private_key_signs(key);
	assert_true(dkim_draft_sign(&d, &signs, digest, out, &err));
	buf_add(out, str_from_z(header));
	dkim_header_free(h);
	dkim_draft_done(&d);
}

static const struct {
	unsigned bits;
	const char *name, *value, *body;
	enum dkim_result result;
	const char *reason;
} drafts[] = {
	{ 1024, "z", "x", body, DKIM_PASS, "" },
	{ 768, "z", "x", body, DKIM_POLICY, "key too weak: RSA below 1024 bits (RFC 8301)" },
	{ 768, "z", "x", "no", DKIM_FAIL, "body has changed: bh= does not match" },
	{ 1024, "l", "8", "Hello,\r\nmore", DKIM_PASS, "" },
	{ 1024, "l", "8", "Hello.\r\nmore", DKIM_FAIL, "body has changed: bh= does not match" },
	{ 1024, "l", "8", "Hell", DKIM_FAIL, "body is shorter than l=" },
	{ 1024, "l", "0", "anything", DKIM_PASS, "" },
};

static void test_drafts(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(drafts); i++) {
		struct arena a CLEANUP(arena_done) = ARENA_INIT(WORK_MAX);
		struct buf message CLEANUP(buf_done) = BUF_INIT(SIGNED_MAX);
		struct buf records CLEANUP(buf_done) = BUF_INIT(SIGNED_MAX);
		struct dkim_private_key *key = testing_key(drafts[i].bits);
		testing_record(key, "example.org", "", &records);
		draft(key, drafts[i].name, drafts[i].value, &message);
		struct dkim_outcome out;
		verify(buf_str(&records), buf_str(&message), drafts[i].body, NOW, &a, &out);
		const struct dkim_signature *s = &out.signatures[0];
		expect(s, drafts[i].result, drafts[i].reason);
		bool l = strcmp(drafts[i].name, "l") == 0;
		assert_true(s->has_length == l);
		if (l && s->result == DKIM_PASS)
			assert_int_equal(s->length + s->unsigned_bytes, strlen(drafts[i].body) + 2);
		dkim_private_key_free(key);
	}
}

/* The number of bits alone decides: such a key is never computed with. */
static void test_huge_key(void **state)
{
	struct arena a CLEANUP(arena_done) = ARENA_INIT(WORK_MAX);
	struct dkim_private_key *key = testing_key(1024);
	struct buf message CLEANUP(buf_done) = BUF_INIT(SIGNED_MAX);
	struct buf der CLEANUP(buf_done) = BUF_INIT(4096);
	struct buf records CLEANUP(buf_done) = BUF_INIT(SIGNED_MAX);
	draft(key, "z", "x", &message);
	/* RSAPublicKey { n: 8256 bits, e: 3 } */
	buf_add(&der, STR("\x30\x82\x04\x10\x02\x82\x04\x08"));
	for (int i = 0; i < 1032; i++)
		buf_add_char(&der, 0x7f);
	buf_add(&der, STR("\x02\x02\x01\x01"));
	buf_add(&records, STR("sel._domainkey.example.org TXT p="));
	base64_encode(&records, buf_str(&der));
	struct dkim_outcome out;
	verify(buf_str(&records), buf_str(&message), body, NOW, &a, &out);
	expect(&out.signatures[0], DKIM_PERMERROR, "key too large");
	dkim_private_key_free(key);
}

static void test_splits(void **state)
{
	struct dkim_private_key *key = testing_key(0);
	struct dkim_signing how = signing(key);
	struct buf first CLEANUP(buf_done) = BUF_INIT(SIGNED_MAX);
	assert_true(sign(&how, header, body, 0, &first));
	for (size_t split = 1; split < sizeof body; split++) {
		struct buf other CLEANUP(buf_done) = BUF_INIT(SIGNED_MAX);
		assert_true(sign(&how, header, body, split, &other));
		assert_true(str_equal(buf_str(&first), buf_str(&other)));
	}
	str line, rest = buf_str(&first);
	while (str_cut(rest, '\n', &line, &rest))
		assert_true(line.n <= 78 && line.n > 1 && line.p[line.n - 1] == '\r');
	dkim_private_key_free(key);
}

static bool refuse(void *context, str hash, struct buf *out, struct err *err)
{
	assert_int_equal(hash.n, DKIM_HASH_SIZE);
	return false;
}

static void test_refusals(void **state)
{
	struct dkim_private_key *key = testing_key(0);
	struct buf out CLEANUP(buf_done) = BUF_INIT(SIGNED_MAX);
	struct dkim_signing how = signing(key);
	assert_false(sign(&how, "To: x\r\n", body, 0, &out));
	how.domain = STR("example.org; x=1");
	assert_false(sign(&how, header, body, 0, &out));
	how.domain = STR("exa..mple");
	assert_false(sign(&how, header, body, 0, &out));
	how = signing(key);
	how.identity = STR("a@other.org");
	assert_false(sign(&how, header, body, 0, &out));
	how = signing(key);
	how.expiration = NOW;
	assert_false(sign(&how, header, body, 0, &out));
	how = signing(key);
	how.key.sign = refuse;
	assert_false(sign(&how, header, body, 0, &out));
	assert_int_equal(out.n, 0);
	dkim_private_key_free(key);
}

static void test_private_key(void **state)
{
	EVP_PKEY *pkey = testing_pkey(0), *small = testing_pkey(768);
	EVP_PKEY *other = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	BIO *bio = BIO_new(BIO_s_mem());
	assert_true(PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL));
	char *p;
	size_t n = (size_t)BIO_get_mem_data(bio, &p);
	struct err err = { 0 };
	struct dkim_private_key *key = dkim_private_key_new(pkey, &err);
	struct dkim_private_key *read = dkim_private_key_parse(str_from(p, n), &err);
	struct buf one CLEANUP(buf_done) = BUF_INIT(200), two CLEANUP(buf_done) = BUF_INIT(200);
	assert_non_null(read);
	dkim_private_key_record(key, &one);
	dkim_private_key_record(read, &two);
	assert_true(str_equal(buf_str(&one), buf_str(&two)));
	assert_int_equal(dkim_private_key_bits(read), 256);
	assert_null(dkim_private_key_parse(str_from(p, n / 2), &err));
	assert_string_equal(err.text, "not an unencrypted private key in PEM");
	assert_null(dkim_private_key_parse(STR_EMPTY, &err));
	assert_null(dkim_private_key_new(small, &err));
	assert_string_equal(err.text, "an RSA key has 1024 to 8192 bits (RFC 8301)");
	assert_null(dkim_private_key_new(other, &err));
	assert_string_equal(err.text, "the key is neither RSA nor Ed25519");
	dkim_private_key_free(read);
	dkim_private_key_free(key);
	EVP_PKEY_free(other);
	EVP_PKEY_free(small);
	EVP_PKEY_free(pkey);
	BIO_free(bio);
}

/* The key keeps its context: every signature with it is good, and that of its own hash. */
static void test_same_key_again(void **state)
{
	static const unsigned sizes[] = { 0, 1024 };
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct dkim_private_key *key = testing_key(sizes[i]);
		struct dkim_signing how = signing(key);
		for (int round = 0; round < 3; round++) {
			struct arena a CLEANUP(arena_done) = ARENA_INIT(WORK_MAX);
			struct dkim_signature s;
			how.time = NOW + round;
			round_trip(&how, "", "", body, NOW, &a, &s);
			expect(&s, DKIM_PASS, "");
		}
		dkim_private_key_free(key);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trips),
		cmocka_unit_test(test_drafts),
		cmocka_unit_test(test_huge_key),
		cmocka_unit_test(test_splits),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_private_key),
		cmocka_unit_test(test_same_key_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
