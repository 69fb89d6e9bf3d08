/*
 * scan_cache.h: what was found in contents that were scanned, by their SHA-256. Bounded in number
 * and in time: signatures change.
 */
#pragma once

#include "base/str.h"

enum { SCAN_DIGEST_SIZE = 32 };

struct scan_cache;

struct scan_cache *scan_cache_new(void) MUST_USE;
void scan_cache_free(struct scan_cache *c); /* NULL is fine */

/* From now on at most so many (0: none), each for so long. Forgets all. */
void scan_cache_limit(struct scan_cache *c, size_t max, int64_t lifetime);

/* *out_signature: empty for a clean content; valid until the next call. */
bool scan_cache_get(struct scan_cache *c, str digest, int64_t now, str *out_signature);
/* The oldest makes room. */
void scan_cache_put(struct scan_cache *c, str digest, int64_t now, str signature);
size_t scan_cache_count(const struct scan_cache *c);
