#include "resolver/lookup_cache.h"

#include "base/map.h"
#include "mailauth/dns.h"

#include <stdlib.h>

struct entry {
	struct entry *next; /* a younger one */
	int64_t asked, until;
	struct resolver_lookup_reply reply; /* in the arena */
	struct arena arena;
	size_t key_n;
	char key[]; /* type and name in lower case */
};

struct lookup_cache {
	struct resolver_calls behind;
	struct map entries;
	struct entry *oldest, **youngest; /* owned */
	size_t n;                         /* of these */
	uint64_t cleared, lookups, hits;
};

struct key {
	char bytes[2 + DNS_NAME_MAX];
	size_t n;
};

static bool key_of(const struct resolver_lookup_request *in, struct key *out)
{
	if (in->name.n > DNS_NAME_MAX || in->type > UINT16_MAX)
		return false;
	out->bytes[0] = (char)(in->type >> 8);
	out->bytes[1] = (char)in->type;
	for (size_t i = 0; i < in->name.n; i++)
		out->bytes[2 + i] = ascii_lower(in->name.p[i]);
	out->n = 2 + in->name.n;
	return true;
}

/* ── Entries ──────────────────────────────────────────────────────────────────────────────── */

static void drop_oldest(struct lookup_cache *c)
{
	struct entry *e = c->oldest;
	c->oldest = e->next;
	if (!c->oldest)
		c->youngest = &c->oldest;
	c->n--;
	/* Unless a younger one has taken its place. */
	str key = str_from(e->key, e->key_n);
	if (map_get(&c->entries, key) == e)
		map_remove(&c->entries, key);
	arena_done(&e->arena);
	free(e);
}

static void copy_reply(const struct resolver_lookup_reply *from, struct arena *a,
	struct resolver_lookup_reply *out)
{
	str *rdata = arena_array(a, str, from->rdata.n + 1);
	for (size_t i = 0; i < from->rdata.n; i++)
		rdata[i] = arena_str(a, from->rdata.v[i]);
	*out = *from;
	out->rdata.v = rdata;
	out->why = STR_EMPTY;
}

static bool worth_keeping(const struct resolver_lookup_reply *reply)
{
	if (reply->status > DNS_NXDOMAIN || reply->ttl == 0)
		return false;
	size_t size = 0;
	for (size_t i = 0; i < reply->rdata.n; i++)
		size += sizeof(str) + reply->rdata.v[i].n;
	return size <= LOOKUP_CACHE_ANSWER_MAX;
}

static void remember(struct lookup_cache *c, const struct key *key, int64_t now,
	const struct resolver_lookup_reply *reply)
{
	while (c->oldest &&
		(now - c->oldest->asked >= LOOKUP_CACHE_TIME || c->n >= LOOKUP_CACHE_MAX))
		drop_oldest(c);
	struct entry *e = xmalloc(sizeof *e + key->n);
	*e = (struct entry){ .asked = now,
		.until = now +
			 SECONDS(MIN(reply->ttl, (uint64_t)(LOOKUP_CACHE_TIME / NSEC_PER_SEC))),
		.arena = ARENA_INIT(4 * LOOKUP_CACHE_ANSWER_MAX),
		.key_n = key->n };
	memcpy(e->key, key->bytes, key->n);
	copy_reply(reply, &e->arena, &e->reply);
	*c->youngest = e;
	c->youngest = &e->next;
	c->n++;
	map_put(&c->entries, str_from(key->bytes, key->n), e);
}

/* ── The calls ────────────────────────────────────────────────────────────────────────────── */

static int lookup(struct task *t, void *self, const struct resolver_lookup_request *in,
	struct arena *a, struct resolver_lookup_reply *out)
{
	struct lookup_cache *c = self;
	struct key key;
	c->lookups++;
	if (!key_of(in, &key))
		return resolver_lookup(t, &c->behind, in, a, out);
	const struct entry *e = map_get(&c->entries, str_from(key.bytes, key.n));
	if (e && task_now(t) < e->until) {
		c->hits++;
		copy_reply(&e->reply, a, out);
		out->ttl -= (uint64_t)((task_now(t) - e->asked) / NSEC_PER_SEC);
		return 0;
	}
	int64_t asked = task_now(t);
	uint64_t cleared = c->cleared;
	int rc = resolver_lookup(t, &c->behind, in, a, out);
	if (rc == 0 && cleared == c->cleared && worth_keeping(out))
		remember(c, &key, asked, out);
	return rc;
}

static int statistics(struct task *t, void *self, const struct resolver_statistics_request *in,
	struct arena *a, struct resolver_statistics_reply *out)
{
	struct lookup_cache *c = self;
	return resolver_statistics(t, &c->behind, in, a, out);
}

struct lookup_cache *lookup_cache_new(struct resolver_calls behind)
{
	struct lookup_cache *c = xcalloc(1, sizeof *c);
	c->behind = behind;
	map_init(&c->entries);
	c->youngest = &c->oldest;
	return c;
}

void lookup_cache_free(struct lookup_cache *c)
{
	if (!c)
		return;
	lookup_cache_clear(c);
	map_done(&c->entries);
	free(c);
}

struct resolver_calls lookup_cache_calls(struct lookup_cache *c)
{
	static const struct resolver_ops ops = { lookup, statistics };
	return (struct resolver_calls){ &ops, c };
}

void lookup_cache_counts(const struct lookup_cache *c, uint64_t *out_lookups, uint64_t *out_hits)
{
	*out_lookups = c->lookups;
	*out_hits = c->hits;
}

void lookup_cache_clear(struct lookup_cache *c)
{
	while (c->oldest)
		drop_oldest(c);
	c->cleared++;
}
