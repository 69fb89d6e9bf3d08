/* Any key record: a key within bounds or a reason; the cache gives the same as decoding. */

#include "mailauth/dkim_key.h"

#include <openssl/evp.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str text = str_from(data, size);
	struct dkim_key_record record;
	const char *wrong = dkim_key_record_parse(text, &record);
	if (wrong)
		return 0;
	struct dkim_keys *keys = dkim_keys_new(1);
	struct dkim_key *key = dkim_key_decode(&record, &wrong);
	ASSERT(key || *wrong);
	for (int i = 0; i < 2; i++) {
		struct dkim_key *cached = dkim_keys_get(keys, text, &record, &wrong);
		ASSERT(!key == !cached && (!key || EVP_PKEY_eq(key->pkey, cached->pkey) == 1));
	}
	if (key) {
		char signature[DKIM_SIGNATURE_MAX] = { 1 };
		const unsigned char hash[DKIM_HASH_SIZE] = { 0 };
		ASSERT(EVP_PKEY_get_bits(key->pkey) <= DKIM_KEY_BITS_MAX);
		(void)dkim_key_verify(
			key, str_from(signature, (size_t)EVP_PKEY_get_size(key->pkey)), hash);
	}
	dkim_key_free(key);
	dkim_keys_free(keys);
	return 0;
}
