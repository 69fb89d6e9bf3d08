/*
 * envelope_cache.h: what the filter found out about envelopes whose messages have not come yet, by
 * message id. Bounded: beyond ENVELOPE_CACHE_MAX the oldest goes, after ENVELOPE_CACHE_TIME each.
 */
#pragma once

#include "base/clock.h"
#include "filter/judge.h"

enum { ENVELOPE_CACHE_MAX = 1000 };
#define ENVELOPE_CACHE_TIME SECONDS(900)

struct envelope_cache;

/* One result, and the memory it lies in. */
struct envelope_entry {
	struct arena arena;
	struct envelope_result result;
	/* The cache's own. */
	struct envelope_entry *next, *prev;
	int64_t added;
	char *id;
};

struct envelope_cache *envelope_cache_new(void) MUST_USE;
void envelope_cache_free(struct envelope_cache *c);

/* An entry of the caller, to be filled, and then added or freed. */
struct envelope_entry *envelope_entry_new(void) MUST_USE;
void envelope_entry_free(struct envelope_entry *e); /* NULL is fine */

/* Takes the entry. now: monotonic. One with the same id goes. */
void envelope_cache_add(struct envelope_cache *c, str id, struct envelope_entry *e, int64_t now);
/* The entry becomes the caller's; NULL where there is none. */
struct envelope_entry *envelope_cache_take(struct envelope_cache *c, str id, int64_t now);

size_t envelope_cache_count(const struct envelope_cache *c);
