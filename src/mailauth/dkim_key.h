/*
 * dkim_key.h: key records (RFC 6376 §3.6.1, RFC 8463) and the arithmetic of signatures.
 */
#pragma once

#include "mailauth/dkim.h"
#include "mailauth/dkim_body.h"
#include "mailauth/dkim_sign.h"

#include <openssl/types.h>

enum {
	DKIM_RECORD_MAX = 16384, /* longer records are not read */
	DKIM_RECORDS_MAX = 4,    /* of one name, that are tried */
	DKIM_SIGNATURE_MAX = DKIM_KEY_BITS_MAX / 8,
};

struct dkim_key_record {
	enum dkim_algorithm algorithm; /* k= */
	str key;                       /* p=, base64 with white space */
	bool testing, strict;          /* t=y, t=s */
};

/* Slices of s. NULL, or why it cannot be used for a signature with SHA-256 on mail. */
const char *dkim_key_record_parse(str s, struct dkim_key_record *out) MUST_USE;

/* A public key, ready to verify with: not for two threads at a time. */
struct dkim_key {
	EVP_PKEY *pkey;    /* owned */
	EVP_PKEY_CTX *rsa; /* owned; set up for RSA-SHA256; NULL: the key is another */
	unsigned bits;
	size_t signature_size;
	struct dkim_key_record record; /* without the slice */
};

/* The key of p=. NULL, with the reason, where it is malformed or too large. */
struct dkim_key *dkim_key_decode(
	const struct dkim_key_record *record, const char **out_wrong) MUST_USE;
void dkim_key_free(struct dkim_key *key);

/* The key of a record with that text, if the cache has it. It is the cache's, and stays until the
 * next dkim_keys_add(). */
struct dkim_key *dkim_keys_find(struct dkim_keys *keys, str text);
/* Gives the cache a key of which it has none yet. */
void dkim_keys_add(struct dkim_keys *keys, str text, struct dkim_key *key);

/* Looked up once; stays until the cache is freed. */
const EVP_MD *dkim_keys_sha256(const struct dkim_keys *keys);

/* Whether this is the signature of that hash. */
bool dkim_key_verify(
	const struct dkim_key *key, str signature, const unsigned char hash[DKIM_HASH_SIZE]);

/* What the DNS and the key have to say about a signature. */
struct dkim_question {
	str domain, selector, identity;
	enum dkim_algorithm algorithm;
	str signature; /* decoded */
	unsigned char hash[DKIM_HASH_SIZE];
};

/* Looks the key up and verifies. Sets result (pass: the signature is that of the hash), reason,
 * key_record, key_bits, weak_key, testing, header_matches. */
void dkim_key_ask(const struct dns *dns, struct dkim_keys *keys, const struct dkim_question *q,
	struct arena *a, struct dkim_signature *out);
