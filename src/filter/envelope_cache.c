#include "filter/envelope_cache.h"

#include "base/map.h"

#include <stdlib.h>

/* A ring, oldest first; `ring` is no entry. */
struct envelope_cache {
	struct map by_id;
	struct envelope_entry ring;
};

struct envelope_cache *envelope_cache_new(void)
{
	struct envelope_cache *c = xcalloc(1, sizeof *c);
	map_init(&c->by_id);
	c->ring.next = c->ring.prev = &c->ring;
	return c;
}

static struct envelope_entry *unlink_entry(struct envelope_cache *c, struct envelope_entry *e)
{
	e->next->prev = e->prev;
	e->prev->next = e->next;
	map_remove(&c->by_id, str_from_z(e->id));
	free(e->id);
	e->id = NULL;
	return e;
}

void envelope_cache_free(struct envelope_cache *c)
{
	if (!c)
		return;
	while (c->by_id.n)
		envelope_entry_free(unlink_entry(c, c->ring.next));
	map_done(&c->by_id);
	free(c);
}

struct envelope_entry *envelope_entry_new(void)
{
	struct envelope_entry *e = xcalloc(1, sizeof *e);
	e->arena = ARENA_INIT(ENVELOPE_ARENA_MAX);
	return e;
}

void envelope_entry_free(struct envelope_entry *e)
{
	if (!e)
		return;
	arena_done(&e->arena);
	free(e->id);
	free(e);
}

static void expire(struct envelope_cache *c, int64_t now)
{
	while (c->by_id.n && (c->by_id.n > ENVELOPE_CACHE_MAX ||
				     now - c->ring.next->added > ENVELOPE_CACHE_TIME))
		envelope_entry_free(unlink_entry(c, c->ring.next));
}

void envelope_cache_add(struct envelope_cache *c, str id, struct envelope_entry *e, int64_t now)
{
	envelope_entry_free(envelope_cache_take(c, id, now));
	e->id = str_dup_z(id);
	e->added = now;
	e->next = &c->ring;
	e->prev = c->ring.prev;
	e->prev->next = e->next->prev = e;
	map_put(&c->by_id, str_from_z(e->id), e);
	expire(c, now);
}

struct envelope_entry *envelope_cache_take(struct envelope_cache *c, str id, int64_t now)
{
	expire(c, now);
	struct envelope_entry *e = map_get(&c->by_id, id);
	return e ? unlink_entry(c, e) : NULL;
}

size_t envelope_cache_count(const struct envelope_cache *c)
{
	return c->by_id.n;
}
