/* Any key record: a key within bounds or a reason; the cache gives it back. */

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
	ASSERT(!dkim_keys_find(keys, text));
	if (key) {
		char signature[DKIM_SIGNATURE_MAX] = { 1 };
		const unsigned char hash[DKIM_HASH_SIZE] = { 0 };
		ASSERT(EVP_PKEY_get_bits(key->pkey) <= DKIM_KEY_BITS_MAX);
		(void)dkim_key_verify(
			key, str_from(signature, (size_t)EVP_PKEY_get_size(key->pkey)), hash);
	}
	if (key)
		dkim_keys_add(keys, text, key);
	struct dkim_key *found = dkim_keys_find(keys, text);
	ASSERT(found == key);
	ASSERT(!key || (key->record.algorithm == record.algorithm &&
			       key->record.testing == record.testing &&
			       key->record.strict == record.strict));
	dkim_keys_free(keys);
	return 0;
}
