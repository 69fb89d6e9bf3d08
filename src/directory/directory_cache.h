/*
 * directory_cache.h: routes that were found, until anything in the directory changes. For
 * directory.c only. Bounded; when full, it is emptied.
 */
#pragma once

#include "base/map.h"
#include "directory/directory.h"

struct directory_cache {
	struct map routes; /* address as it was written → struct cached_route, owned */
	uint64_t version;  /* of the store, of all that is in here */
};

void directory_cache_init(struct directory_cache *c);
void directory_cache_done(struct directory_cache *c);

/* Forgets all, where version is another one. */
void directory_cache_at(struct directory_cache *c, uint64_t version);

/* NULL where the address is not known. Stands until the next call. */
const struct directory_route *directory_cache_get(const struct directory_cache *c, str address);

/* Keeps routes of DELIVER to a few accounts; ignores others. */
void directory_cache_put(
	struct directory_cache *c, str address, const struct directory_route *route);

/* A copy with all that it points to. -ENOMEM where the arena has no room. */
int directory_route_copy(const struct directory_route *route, struct arena *arena,
	struct directory_route *out) MUST_USE;
