/*
 * dkim_sign_testing.h: keys made on the spot, and their records, for tests and benchmarks.
 */
#pragma once

#include "mailauth/dkim_sign_internal.h"
#include "mailauth/dns_testing.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>

/* bits 0: Ed25519. */
static inline EVP_PKEY *testing_pkey(unsigned bits)
{
	EVP_PKEY *key = bits ? EVP_RSA_gen(bits) : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	ASSERT(key);
	return key;
}

static inline struct dkim_private_key *testing_key(unsigned bits)
{
	EVP_PKEY *pkey = testing_pkey(bits);
	struct dkim_private_key *key = dkim_private_key_wrap(pkey);
	EVP_PKEY_free(pkey);
	return key;
}

/* A line for dns_table: the key at sel._domainkey.DOMAIN, with more tags before p=. */
static inline void testing_record(
	const struct dkim_private_key *key, const char *domain, const char *tags, struct buf *out)
{
	struct buf record CLEANUP(buf_done) = BUF_INIT(4096);
	dkim_private_key_record(key, &record);
	size_t p = (size_t)str_find(buf_str(&record), STR(" p="));
	buf_printf(out, "sel._domainkey.%s TXT %.*s%s%.*s\n", domain,
		STR_ARG(str_first(buf_str(&record), p)), tags,
		STR_ARG(str_skip(buf_str(&record), p)));
}
