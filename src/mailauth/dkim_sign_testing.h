/*
 * dkim_sign_testing.h: keys made on the spot, and their records, for tests and benchmarks.
 */
#pragma once

#include "base/base64.h"
#include "mailauth/dkim_sign.h"
#include "mailauth/dns_testing.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

/* bits 0: Ed25519. */
static inline EVP_PKEY *testing_key(unsigned bits)
{
	EVP_PKEY *key = bits ? EVP_RSA_gen(bits) : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	ASSERT(key);
	return key;
}

/* A line for dns_table: the key at sel._domainkey.DOMAIN, with more tags before p=. */
static inline void testing_record(
	EVP_PKEY *key, const char *domain, const char *tags, struct buf *out)
{
	bool rsa = EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA;
	unsigned char *der = NULL, raw[32];
	size_t n = sizeof raw;
	if (rsa)
		n = (size_t)i2d_PUBKEY(key, &der);
	else
		ASSERT(EVP_PKEY_get_raw_public_key(key, raw, &n));
	buf_printf(out, "sel._domainkey.%s TXT v=DKIM1; k=%s;%s p=", domain,
		rsa ? "rsa" : "ed25519", tags);
	base64_encode(out, str_from(rsa ? der : raw, n));
	buf_add_char(out, '\n');
	OPENSSL_free(der);
}
