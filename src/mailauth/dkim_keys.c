#include "mailauth/dkim_key.h"

#include "base/map.h"
#include "base/random.h"

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
};

struct dkim_keys *dkim_keys_new(size_t n)
{
	struct dkim_keys *keys = xcalloc(1, sizeof *keys);
	keys->sets = MAX((n + WAYS - 1) / WAYS, 1);
	keys->places = xcalloc(keys->sets * WAYS, sizeof *keys->places);
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
	free(keys->places);
	free(keys);
}

struct dkim_key *dkim_keys_get(struct dkim_keys *keys, str text,
	const struct dkim_key_record *record, const char **out_wrong)
{
	struct cached *set = &keys->places[map_hash(keys->seed, text) % keys->sets * WAYS];
	struct cached *oldest = set;
	for (size_t i = 0; i < WAYS; i++) {
		struct cached *place = &set[i];
		if (place->text && str_equal(str_from(place->text, place->n), text)) {
			place->used = ++keys->clock;
			return place->key;
		}
		if (place->used < oldest->used)
			oldest = place;
	}
	struct dkim_key *key = dkim_key_decode(record, out_wrong);
	if (!key)
		return NULL;
	forget(oldest);
	*oldest = (struct cached){
		.text = xmalloc(text.n + 1), .n = text.n, .key = key, .used = ++keys->clock
	};
	memcpy(oldest->text, text.p, text.n);
	return key;
}
