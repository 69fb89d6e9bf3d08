/*
 * dkim_fuzz_dns.h: the DNS of the fuzz targets of DKIM and ARC. The key at fuzz.example is theirs;
 * everybody else's record is the first line of the input.
 */
#pragma once

#include "mailauth/dkim_sign.h"

#include <openssl/evp.h>

struct fuzz_dns {
	struct dns dns;
	str record;
	uint8_t mood;
	struct dkim_private_key *key;
	struct buf own; /* its record */
};

static inline void fuzz_lookup(
	void *context, enum dns_type type, str name, struct arena *a, struct dns_answer *out)
{
	struct fuzz_dns *f = context;
	ASSERT(type == DNS_TYPE_TXT && name.n <= 253);
	*out = (struct dns_answer){ .why = STR_EMPTY, .status = DNS_TEMPORARY };
	bool own = str_ends(name, STR("._domainkey.fuzz.example"));
	size_t n = own ? 1 : f->mood % 6;
	struct dns_record *records = n ? arena_try(a, n * sizeof *records) : NULL;
	if (!records) {
		out->status = (enum dns_status)(DNS_NODATA + f->mood / 6 % 4);
		return;
	}
	for (size_t i = 0; i < n; i++)
		records[i] = (struct dns_record){ .text = own ? buf_str(&f->own) : f->record };
	*out = (struct dns_answer){
		.why = STR_EMPTY, .status = DNS_FOUND, .records = records, .n = n
	};
}

/* Takes its part off the input. */
static inline void fuzz_dns_init(struct fuzz_dns *f, str *input)
{
	static const unsigned char seed[32] = "only for tests, known to anybody";
	struct err err = { 0 };
	*f = (struct fuzz_dns){ .own = BUF_INIT(200) };
	f->dns = (struct dns){ .lookup = fuzz_lookup, .context = f };
	EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof seed);
	f->key = pkey ? dkim_private_key_new(pkey, &err) : NULL;
	ASSERT(f->key);
	EVP_PKEY_free(pkey);
	dkim_private_key_record(f->key, &f->own);
	(void)str_cut(*input, '\n', &f->record, input);
	f->mood = f->record.n ? (uint8_t)f->record.p[0] : 0;
	f->record = str_skip(f->record, 1);
}

static inline void fuzz_dns_done(struct fuzz_dns *f)
{
	dkim_private_key_free(f->key);
	buf_done(&f->own);
}
