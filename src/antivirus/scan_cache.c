/*
 * scan_cache.c: all live equally long, so the order in which they came is the order in which they
 * go.
 */
#include "antivirus/scan_cache.h"

#include "base/map.h"

#include <stdlib.h>

struct entry {
	struct entry *next, **prev; /* in the order in which they came */
	int64_t expires;
	char digest[SCAN_DIGEST_SIZE];
	size_t signature_n;
	char signature[];
};

struct scan_cache {
	struct map by_digest;
	struct entry *first, **last;
	size_t max;
	int64_t lifetime;
};

static str digest_of(const struct entry *e)
{
	return str_from(e->digest, sizeof e->digest);
}

static void remove_entry(struct scan_cache *c, struct entry *e)
{
	*e->prev = e->next;
	if (e->next)
		e->next->prev = e->prev;
	else
		c->last = e->prev;
	map_remove(&c->by_digest, digest_of(e));
	free(e);
}

struct scan_cache *scan_cache_new(void)
{
	struct scan_cache *c = xcalloc(1, sizeof *c);
	map_init(&c->by_digest);
	c->last = &c->first;
	return c;
}

void scan_cache_free(struct scan_cache *c)
{
	if (!c)
		return;
	scan_cache_limit(c, 0, 0);
	map_done(&c->by_digest);
	free(c);
}

void scan_cache_limit(struct scan_cache *c, size_t max, int64_t lifetime)
{
	while (c->first)
		remove_entry(c, c->first);
	c->max = max;
	c->lifetime = lifetime;
}

bool scan_cache_get(struct scan_cache *c, str digest, int64_t now, str *out_signature)
{
	while (c->first && c->first->expires <= now)
		remove_entry(c, c->first);
	const struct entry *e = map_get(&c->by_digest, digest);
	if (e)
		*out_signature = str_from(e->signature, e->signature_n);
	return e != NULL;
}

void scan_cache_put(struct scan_cache *c, str digest, int64_t now, str signature)
{
	if (digest.n != SCAN_DIGEST_SIZE || c->max == 0 || c->lifetime == 0)
		return;
	struct entry *same = map_get(&c->by_digest, digest);
	if (same)
		remove_entry(c, same);
	else if (c->by_digest.n == c->max)
		remove_entry(c, c->first);
	struct entry *e = xmalloc(sizeof *e + signature.n);
	*e = (struct entry){
		.prev = c->last, .expires = now + c->lifetime, .signature_n = signature.n
	};
	memcpy(e->digest, digest.p, sizeof e->digest);
	if (signature.n)
		memcpy(e->signature, signature.p, signature.n);
	*c->last = e;
	c->last = &e->next;
	map_put(&c->by_digest, digest, e);
}

size_t scan_cache_count(const struct scan_cache *c)
{
	return c->by_digest.n;
}
