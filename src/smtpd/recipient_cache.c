#include "smtpd/recipient_cache.h"

#include "base/map.h"
#include "directory/directory.h"

#include <stdlib.h>

#define REMEMBER SECONDS(1)
enum {
	ADDRESSES_MAX = 4096, /* more than that within a second: all are forgotten */
	ACCOUNTS_MAX = 4,     /* an alias to many is asked for each time */
};

struct recipient_cache {
	struct directory_calls behind;
	struct map routes; /* of struct route by address, owned */
	int64_t since;     /* nothing here is older */
};

struct route {
	struct arena arena; /* of what the reply points to */
	struct directory_find_reply reply;
};

static void route_free(struct route *r)
{
	arena_done(&r->arena);
	free(r);
}

static void forget_all(struct recipient_cache *c)
{
	struct map_cursor cursor = { 0 };
	str key;
	void *route;
	while (map_next(&c->routes, &cursor, &key, &route))
		route_free(route);
	map_done(&c->routes);
	map_init(&c->routes);
}

static void copy_reply(
	const struct directory_find_reply *from, struct arena *a, struct directory_find_reply *out)
{
	uint64_t *accounts = arena_array(a, uint64_t, from->accounts.n);
	str *details = arena_array(a, str, from->details.n);
	for (size_t i = 0; i < from->accounts.n; i++) {
		accounts[i] = from->accounts.v[i];
		details[i] = arena_str(a, from->details.v[i]);
	}
	*out = *from;
	out->accounts.v = accounts;
	out->details.v = details;
	out->why = STR_EMPTY;
}

static void remember(
	struct recipient_cache *c, str address, const struct directory_find_reply *reply)
{
	if (reply->answer != DIRECTORY_DELIVER || reply->why.n ||
		reply->accounts.n > ACCOUNTS_MAX || reply->details.n != reply->accounts.n)
		return;
	if (c->routes.n >= ADDRESSES_MAX)
		forget_all(c);
	struct route *r = xcalloc(1, sizeof *r);
	r->arena = ARENA_INIT(16 * 1024);
	copy_reply(reply, &r->arena, &r->reply);
	struct route *before = map_put(&c->routes, address, r);
	if (before)
		route_free(before);
}

static int find(struct task *t, void *self, const struct directory_find_request *in,
	struct arena *a, struct directory_find_reply *out)
{
	struct recipient_cache *c = self;
	if (task_now(t) - c->since >= REMEMBER) {
		forget_all(c);
		c->since = task_now(t);
	}
	const struct route *known = map_get(&c->routes, in->address);
	if (known) {
		copy_reply(&known->reply, a, out);
		return 0;
	}
	int64_t asked = task_now(t);
	int rc = directory_find(t, &c->behind, in, a, out);
	/* An answer from before the last time that all was forgotten may be too old. */
	if (rc == 0 && asked >= c->since)
		remember(c, in->address, out);
	return rc;
}

static int login(struct task *t, void *self, const struct directory_login_request *in,
	struct arena *a, struct directory_login_reply *out)
{
	struct recipient_cache *c = self;
	return directory_login(t, &c->behind, in, a, out);
}

static int scram_challenge(struct task *t, void *self,
	const struct directory_scram_challenge_request *in, struct arena *a,
	struct directory_scram_challenge_reply *out)
{
	struct recipient_cache *c = self;
	return directory_scram_challenge(t, &c->behind, in, a, out);
}

static int scram_verify(struct task *t, void *self, const struct directory_scram_verify_request *in,
	struct arena *a, struct directory_scram_verify_reply *out)
{
	struct recipient_cache *c = self;
	return directory_scram_verify(t, &c->behind, in, a, out);
}

struct recipient_cache *recipient_cache_new(struct directory_calls behind)
{
	struct recipient_cache *c = xcalloc(1, sizeof *c);
	c->behind = behind;
	map_init(&c->routes);
	return c;
}

void recipient_cache_free(struct recipient_cache *c)
{
	if (!c)
		return;
	forget_all(c);
	map_done(&c->routes);
	free(c);
}

struct directory_calls recipient_cache_calls(struct recipient_cache *c)
{
	static const struct directory_ops ops = { find, login, scram_challenge, scram_verify };
	return (struct directory_calls){ &ops, c };
}
