#include "directory/scram.h"

#include "base/base64.h"
#include "base/random.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

static const str scheme = { "SCRAM-SHA-256$", 14 };

static void hmac(str key, str data, unsigned char out[static SCRAM_KEY_SIZE])
{
	ASSERT(key.n <= INT32_MAX);
	unsigned n = SCRAM_KEY_SIZE;
	const void *bytes = data.p;
	unsigned char *done = HMAC(EVP_sha256(), key.p, (int)key.n, bytes, data.n, out, &n);
	ASSERT(done && n == SCRAM_KEY_SIZE);
}

int scram_verifier_derive(
	str password, str salt, unsigned iterations, struct scram_verifier *out, struct err *err)
{
	unsigned char salted[SCRAM_KEY_SIZE], client[SCRAM_KEY_SIZE];
	struct scram_verifier v = { .salt_size = salt.n, .iterations = iterations };
	if (salt.n == 0 || salt.n > SCRAM_SALT_MAX || iterations == 0 ||
		iterations > SCRAM_ITERATIONS_MAX || password.n > INT32_MAX)
		return err_set(err, EINVAL, "salt or iteration count are out of range");
	memcpy(v.salt, salt.p, salt.n);
	if (PKCS5_PBKDF2_HMAC(password.p, (int)password.n, v.salt, (int)salt.n, (int)iterations,
		    EVP_sha256(), sizeof salted, salted) != 1)
		return err_set(err, EIO, "the keys cannot be derived");
	hmac(str_from(salted, sizeof salted), STR("Client Key"), client);
	SHA256(client, sizeof client, v.stored_key);
	hmac(str_from(salted, sizeof salted), STR("Server Key"), v.server_key);
	OPENSSL_cleanse(salted, sizeof salted);
	OPENSSL_cleanse(client, sizeof client);
	*out = v;
	return 0;
}

int scram_verifier_make(str password, struct scram_verifier *out, struct err *err)
{
	unsigned char salt[SCRAM_SALT_SIZE];
	random_bytes(salt, sizeof salt);
	return scram_verifier_derive(
		password, str_from(salt, sizeof salt), SCRAM_ITERATIONS, out, err);
}

void scram_verifier_invent(
	const unsigned char secret[static SCRAM_KEY_SIZE], str name, struct scram_verifier *out)
{
	unsigned char derived[SCRAM_KEY_SIZE];
	*out = (struct scram_verifier){ .salt_size = SCRAM_SALT_SIZE,
		.iterations = SCRAM_ITERATIONS };
	hmac(str_from(secret, SCRAM_KEY_SIZE), name, derived);
	memcpy(out->salt, derived, SCRAM_SALT_SIZE);
	/* StoredKey is a hash; a random one has no preimage that anybody knows. */
	random_bytes(out->stored_key, sizeof out->stored_key);
	random_bytes(out->server_key, sizeof out->server_key);
}

/* Decodes exactly `n` bytes, or at most so many and at least one with out_n given. */
static bool decode(str text, unsigned char *out, size_t n, size_t *out_n)
{
	struct buf b = BUF_INIT(n);
	bool good = base64_decode(&b, text) && !b.overflowed && b.n > 0 && (out_n || b.n == n);
	if (good)
		memcpy(out, b.p, b.n);
	if (good && out_n)
		*out_n = b.n;
	if (b.p)
		OPENSSL_cleanse(b.p, b.n);
	buf_done(&b);
	return good;
}

bool scram_verifier_parse(str text, struct scram_verifier *out)
{
	struct scram_verifier v = { 0 };
	str first, keys, iterations, salt, stored, server;
	uint64_t count;
	if (!str_starts(text, scheme) || text.n > SCRAM_TEXT_MAX)
		return false;
	if (!str_cut(str_skip(text, scheme.n), '$', &first, &keys) ||
		!str_cut(first, ':', &iterations, &salt) || !str_cut(keys, ':', &stored, &server))
		return false;
	if (!str_to_u64(iterations, SCRAM_ITERATIONS_MAX, &count) || count < SCRAM_ITERATIONS_MIN ||
		!decode(salt, v.salt, sizeof v.salt, &v.salt_size) ||
		!decode(stored, v.stored_key, sizeof v.stored_key, NULL) ||
		!decode(server, v.server_key, sizeof v.server_key, NULL))
		return false;
	v.iterations = (unsigned)count;
	*out = v;
	return true;
}

void scram_verifier_format(const struct scram_verifier *v, struct buf *out)
{
	buf_printf(out, "%.*s%u:", STR_ARG(scheme), v->iterations);
	base64_encode(out, str_from(v->salt, v->salt_size));
	buf_add_char(out, '$');
	base64_encode(out, str_from(v->stored_key, sizeof v->stored_key));
	buf_add_char(out, ':');
	base64_encode(out, str_from(v->server_key, sizeof v->server_key));
}

bool scram_verify(const struct scram_verifier *v, str auth_message, str proof,
	unsigned char out_signature[static SCRAM_KEY_SIZE])
{
	unsigned char client[SCRAM_KEY_SIZE], hashed[SCRAM_KEY_SIZE];
	if (proof.n != SCRAM_KEY_SIZE)
		return false;
	hmac(str_from(v->stored_key, sizeof v->stored_key), auth_message, client);
	for (size_t i = 0; i < sizeof client; i++)
		client[i] ^= (unsigned char)proof.p[i];
	SHA256(client, sizeof client, hashed);
	bool same = CRYPTO_memcmp(hashed, v->stored_key, sizeof hashed) == 0;
	OPENSSL_cleanse(client, sizeof client);
	if (same)
		hmac(str_from(v->server_key, sizeof v->server_key), auth_message, out_signature);
	return same;
}
