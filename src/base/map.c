#include "base/map.h"

#include "base/random.h"

#include <stdlib.h>

struct map_entry {
	struct map_entry *next;
	uint64_t hash;
	void *value;
	size_t key_size;
	char key[];
};

static inline uint64_t rotate(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1], v[1] = rotate(v[1], 13) ^ v[0], v[0] = rotate(v[0], 32);
	v[2] += v[3], v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3], v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1], v[1] = rotate(v[1], 17) ^ v[2], v[2] = rotate(v[2], 32);
}

uint64_t map_hash(const uint64_t seed[2], str key)
{
	uint64_t v[4] = { seed[0] ^ 0x736f6d6570736575, seed[1] ^ 0x646f72616e646f6d,
		seed[0] ^ 0x6c7967656e657261, seed[1] ^ 0x7465646279746573 };
	uint64_t last = (uint64_t)key.n << 56;
	for (; key.n >= 8; key = str_skip(key, 8)) {
		uint64_t word;
		memcpy(&word, key.p, 8);
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	for (size_t i = 0; i < key.n; i++)
		last |= (uint64_t)(unsigned char)key.p[i] << (8 * i);
	v[3] ^= last;
	sip_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void map_init(struct map *m)
{
	*m = (struct map){ 0 };
	random_bytes(m->seed, sizeof m->seed);
}

void map_done(struct map *m)
{
	for (size_t i = 0; i < m->slot_count; i++) {
		for (struct map_entry *e = m->slots[i], *next; e; e = next) {
			next = e->next;
			free(e);
		}
	}
	free(m->slots);
	*m = (struct map){ 0 };
}

/* Where the pointer to the entry with this key is, or would be. */
static struct map_entry **find(const struct map *m, uint64_t hash, str key)
{
	struct map_entry **at = &m->slots[hash & (m->slot_count - 1)];
	while (*at &&
		((*at)->hash != hash || !str_equal(str_from((*at)->key, (*at)->key_size), key)))
		at = &(*at)->next;
	return at;
}

static void grow(struct map *m)
{
	size_t count = m->slot_count ? m->slot_count * 2 : 8;
	struct map_entry **slots = xcalloc(count, sizeof *slots);
	for (size_t i = 0; i < m->slot_count; i++) {
		for (struct map_entry *e = m->slots[i], *next; e; e = next) {
			next = e->next;
			e->next = slots[e->hash & (count - 1)];
			slots[e->hash & (count - 1)] = e;
		}
	}
	free(m->slots);
	m->slots = slots;
	m->slot_count = count;
}

void *map_get(const struct map *m, str key)
{
	if (m->n == 0)
		return NULL;
	struct map_entry *e = *find(m, map_hash(m->seed, key), key);
	return e ? e->value : NULL;
}

void *map_put(struct map *m, str key, void *value)
{
	ASSERT(value != NULL);
	if (m->n >= m->slot_count)
		grow(m);
	uint64_t hash = map_hash(m->seed, key);
	struct map_entry **at = find(m, hash, key);
	if (*at) {
		void *old = (*at)->value;
		(*at)->value = value;
		return old;
	}
	struct map_entry *e = xmalloc(sizeof *e + key.n);
	*e = (struct map_entry){ .hash = hash, .value = value, .key_size = key.n };
	if (key.n)
		memcpy(e->key, key.p, key.n);
	*at = e;
	m->n++;
	return NULL;
}

void *map_remove(struct map *m, str key)
{
	if (m->n == 0)
		return NULL;
	struct map_entry **at = find(m, map_hash(m->seed, key), key);
	struct map_entry *e = *at;
	if (!e)
		return NULL;
	void *value = e->value;
	*at = e->next;
	free(e);
	m->n--;
	return value;
}

bool map_next(const struct map *m, struct map_cursor *c, str *out_key, void **out_value)
{
	while (!c->next && c->slot < m->slot_count)
		c->next = m->slots[c->slot++];
	struct map_entry *e = c->next;
	if (!e)
		return false;
	c->next = e->next;
	*out_key = str_from(e->key, e->key_size);
	*out_value = e->value;
	return true;
}
