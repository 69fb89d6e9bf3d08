/*
 * lookup_cache.h: a resolver that remembers its answers for some seconds, in the process that asks.
 *
 * The cache proper is the resolver's. But mail comes in bursts, and each message asks a handful of
 * questions, mostly those of the one before it: the way to another process and back costs more than
 * the rest of a small message's judgement. An answer is kept for its TTL, at most
 * LOOKUP_CACHE_TIME; one that failed is not.
 */
#pragma once

#include "base/clock.h"
#include "resolver/resolver_calls.h"

#define LOOKUP_CACHE_TIME SECONDS(10)
enum {
	LOOKUP_CACHE_MAX = 1024,        /* answers; the oldest goes */
	LOOKUP_CACHE_ANSWER_MAX = 2048, /* bytes of one; larger ones are not kept */
};

struct lookup_cache;

/* In front of `behind`; other calls than resolver_lookup() go straight through. */
struct lookup_cache *lookup_cache_new(struct resolver_calls behind) MUST_USE;
void lookup_cache_free(struct lookup_cache *c); /* NULL is fine */

/* What is asked instead. */
struct resolver_calls lookup_cache_calls(struct lookup_cache *c);

/* Questions so far, and how many of them were answered from here. */
void lookup_cache_counts(const struct lookup_cache *c, uint64_t *out_lookups, uint64_t *out_hits);

/* Forgets all, also what has been asked but not answered yet. */
void lookup_cache_clear(struct lookup_cache *c);
