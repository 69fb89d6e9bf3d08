/*
 * map.h: a hash map from byte strings to pointers, hashed with a per-map random key so that a peer
 * cannot choose keys that collide. The map copies its keys; the values belong to the caller.
 */
#pragma once

#include "base/str.h"

struct map_entry;

struct map {
	struct map_entry **slots; /* owned; chains of entries */
	size_t slot_count;        /* a power of two, or 0 */
	size_t n;                 /* entries */
	uint64_t seed[2];
};

void map_init(struct map *m);
void map_done(struct map *m);

/* The value, or NULL. */
void *map_get(const struct map *m, str key);
/* Adds or replaces; returns the value that was there before, or NULL. value is not NULL. */
void *map_put(struct map *m, str key, void *value);
/* Removes; returns the value that was there, or NULL. */
void *map_remove(struct map *m, str key);

/* In no order. Removing the entry that is being visited is allowed; adding is not. */
struct map_cursor {
	size_t slot;
	struct map_entry *next;
};
bool map_next(const struct map *m, struct map_cursor *c, str *out_key, void **out_value);

/* Keys of a fixed-size integer, for maps by number. */
#define MAP_KEY(variable) str_from(&(variable), sizeof(variable))

/* SipHash-1-3, for others who need a keyed hash of what a peer sent. */
uint64_t map_hash(const uint64_t seed[2], str key);
