/*
 * dkim_bench.c: what DKIM costs beside the cryptography in it, one thread, DNS answers at hand.
 *
 *	dkim_bench [SECONDS [NAME]]
 *	dkim_bench --write DIRECTORY
 *
 * One line a measurement: name; microseconds (CPU) for us; for OpenSSL alone, as `openssl speed`
 *has it: as many bytes to hash, the key and its context set up before; the ratio; KiB of heap at
 *the end of the body, separated by tabs. Both are measured alternately; the ratio is the median of
 * those of the rounds. NAME: those that begin so. --write: the signed message, the private key and
 * the key record of each measurement, NUMBER.eml, .pem and .txt, for dkim_peer.c. To add one, add a
 * line in `measurements`.
 */
#include "mailauth/dkim_field.h"
#include "mailauth/dkim_sign_testing.h"

#include <malloc.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROUNDS = 25, MESSAGE_MAX = 16 << 20, ARENA_MAX = 1 << 20, NOW = 1704110400 };

/* Above the fields that are signed. */
static const char trace[] =
	"Received: from mail.example.org (mail.example.org [192.0.2.1])\r\n"
	"\tby mx.example.net with ESMTPS id 0123456789; Mon, 1 Jan 2024 12:00:00 +0000\r\n";
static const char fields[] =
	"From: Alice Example <alice@example.org>\r\nTo: Bob Example <bob@example.net>\r\n"
	"Subject: A message of some length with a subject as subjects are\r\n"
	"Date: Mon, 1 Jan 2024 12:00:00 +0000\r\nMessage-ID: <0123456789@example.org>\r\n"
	"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
	"Content-Transfer-Encoding: 8bit\r\n";

enum kind { TEXT, BASE64, SPACES };

static const struct measurement {
	const char *name;
	unsigned bits; /* 0: Ed25519 */
	enum kind kind;
	size_t size;
	bool sign, no_cache;
} measurements[] = {
	{ "DKIM: verify RSA-2048, 4 KiB, key in the cache", 2048, TEXT, 4096 },
	{ "DKIM: verify RSA-2048, 4 KiB, key not in the cache", 2048, TEXT, 4096, .no_cache = 1 },
	{ "DKIM: verify RSA-2048, 1 MiB", 2048, TEXT, 1 << 20 },
	{ "DKIM: verify RSA-2048, 1 MiB of base64", 2048, BASE64, 1 << 20 },
	{ "DKIM: verify RSA-2048, 1 MiB, mostly white space", 2048, SPACES, 1 << 20 },
	{ "DKIM: verify Ed25519, 4 KiB", 0, TEXT, 4096 },
	{ "DKIM: sign RSA-2048, 4 KiB", 2048, TEXT, 4096, .sign = true },
	{ "DKIM: sign RSA-2048, 1 MiB", 2048, TEXT, 1 << 20, .sign = true },
	{ "DKIM: sign Ed25519, 4 KiB", 0, TEXT, 4096, .sign = true },
};

struct work {
	EVP_PKEY *key;
	struct dkim_private_key *private_key;
	struct dkim_signing how;
	struct dkim_keys *keys; /* NULL: no cache */
	struct dns_record record;
	struct dns dns;
	struct buf unsigned_header, signature_field, signed_header, body;
	size_t heap;
	/* For OpenSSL alone: what it hashes, and what it made of it. */
	EVP_MD *sha256;
	EVP_PKEY_CTX *rsa_sign, *rsa_verify;
	EVP_MD_CTX *ed25519_sign, *ed25519_verify;
	str header_bytes, body_bytes;
	unsigned char signature[512];
	size_t signature_n;
};

static void lookup(
	void *context, enum dns_type type, str name, struct arena *a, struct dns_answer *out)
{
	const struct work *w = context;
	*out = (struct dns_answer){ .status = DNS_FOUND, .records = &w->record, .n = 1 };
}

/* ── Ours ─────────────────────────────────────────────────────────────────────────────────── */

static void sign(struct work *w)
{
	struct err err = { 0 };
	buf_clear(&w->signature_field);
	size_t before = w->heap ? 0 : mallinfo2().uordblks;
	struct dkim_signer *s = dkim_signer_new(buf_str(&w->unsigned_header), &w->how);
	dkim_signer_feed(s, buf_str(&w->body));
	if (!w->heap)
		w->heap = mallinfo2().uordblks - before;
	ASSERT(dkim_signer_finish(s, &w->signature_field, &err));
	dkim_signer_free(s);
}

static void verify(struct work *w)
{
	struct arena a CLEANUP(arena_done) = ARENA_INIT(ARENA_MAX);
	struct dkim_outcome out;
	size_t before = w->heap ? 0 : mallinfo2().uordblks;
	struct dkim_verifier *v = dkim_verifier_new(buf_str(&w->signed_header), NOW);
	dkim_verifier_use_keys(v, w->keys);
	dkim_verifier_feed(v, buf_str(&w->body));
	if (!w->heap)
		w->heap = mallinfo2().uordblks - before;
	dkim_verifier_finish(v, &w->dns, &a, &out);
	ASSERT(out.n == 1 && out.signatures[0].result == DKIM_PASS);
	dkim_verifier_free(v);
}

/* ── OpenSSL alone ────────────────────────────────────────────────────────────────────────── */

static bool is_rsa(const struct work *w)
{
	return EVP_PKEY_get_base_id(w->key) == EVP_PKEY_RSA;
}

static void rsa_init(EVP_PKEY_CTX *c)
{
	ASSERT(EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PADDING) > 0 &&
		EVP_PKEY_CTX_set_signature_md(c, EVP_sha256()) > 0);
}

static void openssl_init(struct work *w)
{
	w->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (is_rsa(w)) {
		w->rsa_sign = EVP_PKEY_CTX_new(w->key, NULL);
		w->rsa_verify = EVP_PKEY_CTX_new(w->key, NULL);
		ASSERT(EVP_PKEY_sign_init(w->rsa_sign) > 0);
		ASSERT(EVP_PKEY_verify_init(w->rsa_verify) > 0);
		rsa_init(w->rsa_sign);
		rsa_init(w->rsa_verify);
	} else {
		w->ed25519_sign = EVP_MD_CTX_new();
		w->ed25519_verify = EVP_MD_CTX_new();
		ASSERT(EVP_DigestSignInit(w->ed25519_sign, NULL, NULL, NULL, w->key) > 0);
		ASSERT(EVP_DigestVerifyInit(w->ed25519_verify, NULL, NULL, NULL, w->key) > 0);
	}
}

static void openssl_done(struct work *w)
{
	EVP_MD_free(w->sha256);
	EVP_PKEY_CTX_free(w->rsa_sign);
	EVP_PKEY_CTX_free(w->rsa_verify);
	EVP_MD_CTX_free(w->ed25519_sign);
	EVP_MD_CTX_free(w->ed25519_verify);
}

static void digest(const struct work *w, unsigned char out[static DKIM_HASH_SIZE])
{
	str b = w->body_bytes, h = w->header_bytes;
	ASSERT(EVP_Digest(b.p, b.n, out, NULL, w->sha256, NULL));
	ASSERT(EVP_Digest(h.p, h.n, out, NULL, w->sha256, NULL));
}

static void openssl_sign(struct work *w)
{
	unsigned char hash[DKIM_HASH_SIZE];
	digest(w, hash);
	w->signature_n = sizeof w->signature;
	if (w->rsa_sign)
		ASSERT(EVP_PKEY_sign(
			       w->rsa_sign, w->signature, &w->signature_n, hash, sizeof hash) > 0);
	else
		ASSERT(EVP_DigestSign(w->ed25519_sign, w->signature, &w->signature_n, hash,
			       sizeof hash) > 0);
}

static void openssl_verify(struct work *w)
{
	unsigned char hash[DKIM_HASH_SIZE];
	digest(w, hash);
	if (w->rsa_verify)
		ASSERT(EVP_PKEY_verify(w->rsa_verify, w->signature, w->signature_n, hash,
			       sizeof hash) == 1);
	else
		ASSERT(EVP_DigestVerify(w->ed25519_verify, w->signature, w->signature_n, hash,
			       sizeof hash) == 1);
}

/* ── The work ─────────────────────────────────────────────────────────────────────────────── */

static void fill(struct buf *b, enum kind kind, size_t n)
{
	static const char *const lines[] = {
		[TEXT] =
			"The quick brown fox jumps over the lazy dog, and then sleeps a while.\r\n",
		[BASE64] = "VGhlIHF1aWNrIGJyb3duIGZveCBqdW1wcyBvdmVyIHRoZSBsYXp5IGRvZywgYW5k"
			   "IHRoZW4g\r\n",
		[SPACES] = "\t\ta  b\t c   d  e\t\tf  g   h  i   j  k  l   m   n  o  p  q  r \r\n",
	};
	for (int i = 0; b->n < n; i++)
		buf_add(b, kind == TEXT && i % 6 == 5 ? STR("\r\n") : str_from_z(lines[kind]));
	b->n = n - 3;
	buf_add(b, STR(".\r\n"));
}

/* Canonicalization can only shorten: as many bytes as are left of it. */
static str as_many_as_hashed(str body)
{
	struct dkim_body *b = dkim_body_new();
	int number = dkim_body_want(b, DKIM_RELAXED, DKIM_BODY_WHOLE);
	dkim_body_feed(b, body);
	dkim_body_finish(b);
	body = str_first(body, dkim_body_total(b, number));
	dkim_body_free(b);
	return body;
}

/* The very bytes: the fields that are signed in their canonical form, then the signature without
 * its b=. */
static str header_as_hashed(const struct work *w, struct arena *a)
{
	struct dkim_header *h = dkim_header_new(buf_str(&w->signed_header));
	struct buf b CLEANUP(buf_done) = BUF_INIT(ARENA_MAX);
	struct header_field field;
	struct dkim_field f;
	ASSERT(dkim_header_field(h, 0, &field));
	dkim_field_parse(&field, DKIM_FIELD_SIGNATURE, &f);
	ASSERT(!f.wrong);
	dkim_header_select(h, &b, f.header_canon, f.names);
	dkim_header_canonical(&b, f.header_canon, &f.field, f.b, false);
	dkim_header_free(h);
	return arena_str(a, buf_str(&b));
}

static void publish(struct work *w, struct arena *a)
{
	struct buf line CLEANUP(buf_done) = BUF_INIT(ARENA_MAX);
	testing_record(w->private_key, "example.org", "", &line);
	size_t prefix = strlen("sel._domainkey.example.org TXT ");
	w->record.text = arena_str(a, str_trim(str_skip(buf_str(&line), prefix)));
	w->dns = (struct dns){ .lookup = lookup, .context = w };
}

static void work_init(struct work *w, const struct measurement *m, struct arena *a)
{
	*w = (struct work){ .key = testing_pkey(m->bits),
		.keys = m->no_cache ? NULL : dkim_keys_new(16),
		.unsigned_header = BUF_INIT(ARENA_MAX),
		.signature_field = BUF_INIT(ARENA_MAX),
		.signed_header = BUF_INIT(ARENA_MAX),
		.body = BUF_INIT(MESSAGE_MAX) };
	struct err err = { 0 };
	w->private_key = dkim_private_key_new(w->key, &err);
	ASSERT(w->private_key);
	w->how = (struct dkim_signing){ .domain = STR("example.org"),
		.selector = STR("sel"),
		.key = dkim_private_key_signs(w->private_key),
		.time = NOW };
	publish(w, a);
	fill(&w->body, m->kind, m->size);
	w->body_bytes = as_many_as_hashed(buf_str(&w->body));
	buf_printf(&w->unsigned_header, "%s%s\r\n", trace, fields);
	sign(w);
	buf_printf(&w->signed_header, "%.*s%s%s\r\n", STR_ARG(buf_str(&w->signature_field)), trace,
		fields);
	w->header_bytes = header_as_hashed(w, a);
	openssl_init(w);
	openssl_sign(w);
	w->heap = 0;
}

static void work_done(struct work *w)
{
	openssl_done(w);
	dkim_private_key_free(w->private_key);
	EVP_PKEY_free(w->key);
	dkim_keys_free(w->keys);
	buf_done(&w->unsigned_header);
	buf_done(&w->signature_field);
	buf_done(&w->signed_header);
	buf_done(&w->body);
}

/* ── Measuring ────────────────────────────────────────────────────────────────────────────── */

static double cpu_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Microseconds each, over so many seconds. */
static double time_of(void (*once)(struct work *w), struct work *w, double seconds)
{
	size_t n = 0;
	double start = cpu_now(), used;
	do {
		for (int i = 0; i < 4; i++, n++)
			once(w);
	} while ((used = cpu_now() - start) < seconds);
	return used / (double)n * 1e6;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double median(double values[static ROUNDS])
{
	qsort(values, ROUNDS, sizeof *values, compare);
	return values[ROUNDS / 2];
}

static void measure(const struct measurement *m, double seconds)
{
	struct arena a CLEANUP(arena_done) = ARENA_INIT(ARENA_MAX);
	struct work w;
	double ours[ROUNDS], theirs[ROUNDS], ratios[ROUNDS];
	work_init(&w, m, &a);
	for (int i = 0; i < ROUNDS; i++) {
		ours[i] = time_of(m->sign ? sign : verify, &w, seconds / ROUNDS);
		theirs[i] = time_of(m->sign ? openssl_sign : openssl_verify, &w, seconds / ROUNDS);
		ratios[i] = ours[i] / theirs[i];
	}
	printf("%s\t%.1f\t%.1f\t%.3f\t%.1f\n", m->name, median(ours), median(theirs),
		median(ratios), (double)w.heap / 1024);
	work_done(&w);
}

/* ── For others ───────────────────────────────────────────────────────────────────────────── */

static FILE *file_for(const char *directory, size_t number, const char *ending)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/%zu.%s", directory, number, ending);
	FILE *f = fopen(path, "w");
	if (f)
		return f;
	perror(path);
	exit(1);
}

static void write_files(const char *directory, size_t number)
{
	struct arena a CLEANUP(arena_done) = ARENA_INIT(ARENA_MAX);
	struct work w;
	work_init(&w, &measurements[number], &a);
	FILE *message = file_for(directory, number, "eml");
	FILE *key = file_for(directory, number, "pem");
	FILE *record = file_for(directory, number, "txt");
	fwrite(w.signed_header.p, 1, w.signed_header.n, message);
	fwrite(w.body.p, 1, w.body.n, message);
	ASSERT(PEM_write_PrivateKey(key, w.key, NULL, NULL, 0, NULL, NULL));
	fprintf(record, "%.*s\n", STR_ARG(w.record.text));
	ASSERT(fclose(message) == 0 && fclose(key) == 0 && fclose(record) == 0);
	work_done(&w);
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "--write") == 0) {
		for (size_t i = 0; i < ARRAY_LEN(measurements); i++)
			write_files(argv[2], i);
		return 0;
	}
	double seconds = argc > 1 ? atof(argv[1]) : 1;
	str wanted = argc > 2 ? str_from_z(argv[2]) : STR_EMPTY;
	for (size_t i = 0; i < ARRAY_LEN(measurements); i++)
		if (str_starts(str_from_z(measurements[i].name), wanted))
			measure(&measurements[i], seconds);
	return 0;
}
