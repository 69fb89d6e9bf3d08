#include "mailauth/dkim_sign_internal.h"

#include "base/base64.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>

/* OpenSSL takes longer to set a context up than Ed25519 to sign a quarter: it is kept. */
struct dkim_private_key {
	EVP_PKEY *pkey;      /* owned */
	EVP_PKEY_CTX *rsa;   /* owned; NULL: not set up yet, or Ed25519 */
	EVP_MD_CTX *ed25519; /* owned; NULL: not set up yet, or RSA */
};

static bool is_rsa(const struct dkim_private_key *key)
{
	return EVP_PKEY_get_base_id(key->pkey) == EVP_PKEY_RSA;
}

static const char *check(EVP_PKEY *pkey)
{
	int kind = EVP_PKEY_get_base_id(pkey), bits = EVP_PKEY_get_bits(pkey);
	if (kind == EVP_PKEY_ED25519)
		return NULL;
	if (kind != EVP_PKEY_RSA)
		return "the key is neither RSA nor Ed25519";
	if (bits < DKIM_KEY_BITS_MIN || bits > DKIM_KEY_BITS_MAX)
		return "an RSA key has 1024 to 8192 bits (RFC 8301)";
	return NULL;
}

struct dkim_private_key *dkim_private_key_wrap(EVP_PKEY *pkey)
{
	struct dkim_private_key *key = xcalloc(1, sizeof *key);
	ASSERT(EVP_PKEY_up_ref(pkey));
	key->pkey = pkey;
	return key;
}

struct dkim_private_key *dkim_private_key_new(EVP_PKEY *pkey, struct err *err)
{
	const char *wrong = check(pkey);
	if (wrong) {
		(void)err_set(err, EINVAL, "%s", wrong);
		return NULL;
	}
	return dkim_private_key_wrap(pkey);
}

/* Nobody is asked for a password. */
static int no_password(char *p, int size, int writing, void *context)
{
	return -1;
}

struct dkim_private_key *dkim_private_key_parse(str pem, struct err *err)
{
	EVP_PKEY *pkey = NULL;
	BIO *bio = pem.n <= INT32_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
	if (bio)
		pkey = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
	BIO_free(bio);
	ERR_clear_error();
	if (!pkey) {
		(void)err_set(err, EINVAL, "not an unencrypted private key in PEM");
		return NULL;
	}
	struct dkim_private_key *key = dkim_private_key_new(pkey, err);
	EVP_PKEY_free(pkey);
	return key;
}

static void forget_contexts(struct dkim_private_key *key)
{
	EVP_PKEY_CTX_free(key->rsa);
	EVP_MD_CTX_free(key->ed25519);
	key->rsa = NULL;
	key->ed25519 = NULL;
}

void dkim_private_key_free(struct dkim_private_key *key)
{
	if (!key)
		return;
	forget_contexts(key);
	EVP_PKEY_free(key->pkey);
	free(key);
}

static bool set_up(struct dkim_private_key *key)
{
	if (key->rsa || key->ed25519)
		return true;
	if (is_rsa(key)) {
		key->rsa = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);
		return key->rsa && EVP_PKEY_sign_init(key->rsa) > 0 &&
		       EVP_PKEY_CTX_set_rsa_padding(key->rsa, RSA_PKCS1_PADDING) > 0 &&
		       EVP_PKEY_CTX_set_signature_md(key->rsa, EVP_sha256()) > 0;
	}
	key->ed25519 = EVP_MD_CTX_new();
	return key->ed25519 && EVP_DigestSignInit(key->ed25519, NULL, NULL, NULL, key->pkey) > 0;
}

static bool try_sign(struct dkim_private_key *key, str hash, unsigned char *out, size_t *n)
{
	const unsigned char *p = (const unsigned char *)hash.p;
	bool good = set_up(key) && (key->rsa ? EVP_PKEY_sign(key->rsa, out, n, p, hash.n) > 0
					     : EVP_DigestSign(key->ed25519, out, n, p, hash.n) > 0);
	if (!good)
		forget_contexts(key);
	return good;
}

/* Whether the context of Ed25519 can sign again is not said everywhere: if not, with a new one. */
static bool sign(void *context, str hash, struct buf *out, struct err *err)
{
	struct dkim_private_key *key = context;
	unsigned char signature[DKIM_SIGNATURE_MAX];
	size_t n = sizeof signature;
	ASSERT(hash.n == DKIM_HASH_SIZE);
	bool good = try_sign(key, hash, signature, &n);
	if (!good) {
		n = sizeof signature;
		good = try_sign(key, hash, signature, &n);
		ERR_clear_error();
	}
	if (good)
		buf_add(out, str_from(signature, n));
	else
		(void)err_set(err, EINVAL, "the key does not sign");
	return good;
}

struct dkim_signs dkim_private_key_signs(struct dkim_private_key *key)
{
	return (struct dkim_signs){ .algorithm =
					    is_rsa(key) ? DKIM_RSA_SHA256 : DKIM_ED25519_SHA256,
		.sign = sign,
		.context = key };
}

unsigned dkim_private_key_bits(const struct dkim_private_key *key)
{
	return is_rsa(key) ? (unsigned)EVP_PKEY_get_bits(key->pkey) : 256;
}

void dkim_private_key_record(const struct dkim_private_key *key, struct buf *out)
{
	unsigned char *der = NULL, raw[32];
	size_t n = sizeof raw;
	int size = 0;
	if (is_rsa(key))
		size = i2d_PUBKEY(key->pkey, &der);
	else
		ASSERT(EVP_PKEY_get_raw_public_key(key->pkey, raw, &n));
	ASSERT(size >= 0);
	buf_printf(out, "v=DKIM1; k=%s; p=", der ? "rsa" : "ed25519");
	base64_encode(out, der ? str_from(der, (size_t)size) : str_from(raw, n));
	OPENSSL_free(der);
}
