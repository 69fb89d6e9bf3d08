#include "mailauth/dkim_key.h"

#include "base/map.h"
#include "base/random.h"

#include <openssl/evp.h>
#include <stdlib.h>

enum { WAYS = 4 };

struct cached {
	char *text; /* owned; NULL: free */
	size_t n;
	struct dkim_key *key; /* owned */
	uint64_t used;
};

/* Sets of WAYS places each; within a set the one unused for longest makes room. */
struct dkim_keys {
	struct cached *places;
	size_t sets;
	uint64_t clock;
	uint64_t seed[2];
	EVP_MD *sha256; /* owned */
};

struct dkim_keys *dkim_keys_new(size_t n)
{
	struct dkim_keys *keys = xcalloc(1, sizeof *keys);
	keys->sets = MAX((n + WAYS - 1) / WAYS, 1);
	keys->places = xcalloc(keys->sets * WAYS, sizeof *keys->places);
	keys->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	ASSERT(keys->sha256);
	random_bytes(keys->seed, sizeof keys->seed);
	return keys;
}

static void forget(struct cached *place)
{
	dkim_key_free(place->key);
	free(place->text);
	*place = (struct cached){ 0 };
}

void dkim_keys_free(struct dkim_keys *keys)
{
	if (!keys)
		return;
	for (size_t i = 0; i < keys->sets * WAYS; i++)
		forget(&keys->places[i]);
	EVP_MD_free(keys->sha256);
	free(keys->places);
	free(keys);
}

const EVP_MD *dkim_keys_sha256(const struct dkim_keys *keys)
{
	return keys->sha256;
}

static struct cached *set_of(struct dkim_keys *keys, str text)
{
	return &keys->places[map_hash(keys->seed, text) % keys->sets * WAYS];
}

struct dkim_key *dkim_keys_find(struct dkim_keys *keys, str text)
{
	struct cached *set = set_of(keys, text);
	for (size_t i = 0; i < WAYS; i++) {
		struct cached *place = &set[i];
		if (!place->text || !str_equal(str_from(place->text, place->n), text))
			continue;
		place->used = ++keys->clock;
		return place->key;
	}
	return NULL;
}

void dkim_keys_add(struct dkim_keys *keys, str text, struct dkim_key *key)
{
	struct cached *set = set_of(keys, text), *oldest = set;
	for (size_t i = 1; i < WAYS; i++)
		if (set[i].used < oldest->used)
			oldest = &set[i];
	forget(oldest);
	*oldest = (struct cached){
		.text = xmalloc(text.n + 1), .n = text.n, .key = key, .used = ++keys->clock
	};
	memcpy(oldest->text, text.p, text.n);
}
