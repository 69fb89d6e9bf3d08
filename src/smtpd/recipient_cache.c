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

static struct ipc_u64s copy_numbers(const struct ipc_u64s *from, struct arena *a)
{
	uint64_t *v = arena_array(a, uint64_t, from->n);
	for (size_t i = 0; i < from->n; i++)
		v[i] = from->v[i];
	return (struct ipc_u64s){ v, from->n };
}

static void copy_reply(
	const struct directory_find_reply *from, struct arena *a, struct directory_find_reply *out)
{
	str *details = arena_array(a, str, from->details.n);
	for (size_t i = 0; i < from->details.n; i++)
		details[i] = arena_str(a, from->details.v[i]);
	*out = *from;
	out->accounts = copy_numbers(&from->accounts, a);
	out->junk_at = copy_numbers(&from->junk_at, a);
	out->reject_at = copy_numbers(&from->reject_at, a);
	out->details.v = details;
	out->why = out->subject = out->owner = out->comment = STR_EMPTY;
}

static void remember(
	struct recipient_cache *c, str address, const struct directory_find_reply *reply)
{
	if (reply->answer != DIRECTORY_DELIVER || reply->why.n || reply->listed ||
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

static int listed(struct task *t, void *self, const struct directory_listed_request *in,
	struct arena *a, struct directory_listed_reply *out)
{
	struct recipient_cache *c = self;
	return directory_listed(t, &c->behind, in, a, out);
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
	static const struct directory_ops ops = { find, listed, login, scram_challenge,
		scram_verify };
	return (struct directory_calls){ &ops, c };
}
