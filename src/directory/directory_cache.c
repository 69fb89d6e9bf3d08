#include "directory/directory_cache.h"

#include <errno.h>
#include <stdlib.h>

enum { ENTRIES_MAX = 8192, DESTINATIONS_MAX = 16, ROUTE_MAX = 4096 };

struct cached_route {
	struct directory_route route;
	struct arena arena;
};

static void cached_free(struct cached_route *c)
{
	if (c)
		arena_done(&c->arena);
	free(c);
}

void directory_cache_init(struct directory_cache *c)
{
	*c = (struct directory_cache){ 0 };
	map_init(&c->routes);
}

void directory_cache_done(struct directory_cache *c)
{
	struct map_cursor cursor = { 0 };
	str key;
	void *value;
	while (map_next(&c->routes, &cursor, &key, &value))
		cached_free(value);
	map_done(&c->routes);
}

static void forget(struct directory_cache *c, uint64_t version)
{
	directory_cache_done(c);
	directory_cache_init(c);
	c->version = version;
}

void directory_cache_at(struct directory_cache *c, uint64_t version)
{
	if (c->version != version)
		forget(c, version);
}

const struct directory_route *directory_cache_get(const struct directory_cache *c, str address)
{
	const struct cached_route *cached = map_get(&c->routes, address);
	return cached ? &cached->route : NULL;
}

void directory_cache_put(
	struct directory_cache *c, str address, const struct directory_route *route)
{
	if (route->answer != DIRECTORY_DELIVER || route->why.n || route->n > DESTINATIONS_MAX)
		return;
	struct cached_route *copy = xcalloc(1, sizeof *copy);
	copy->arena = ARENA_INIT(ROUTE_MAX);
	if (directory_route_copy(route, &copy->arena, &copy->route)) {
		cached_free(copy);
		return;
	}
	if (c->routes.n >= ENTRIES_MAX)
		forget(c, c->version);
	cached_free(map_put(&c->routes, address, copy));
}

static bool copy_str(str s, struct arena *arena, str *out)
{
	char *p = s.n ? arena_try(arena, s.n) : NULL;
	if (p)
		memcpy(p, s.p, s.n);
	*out = p ? str_from(p, s.n) : STR_EMPTY;
	return p || s.n == 0;
}

int directory_route_copy(
	const struct directory_route *route, struct arena *arena, struct directory_route *out)
{
	struct directory_route copy = { .answer = route->answer, .n = route->n };
	struct directory_destination *to = arena_try(arena, route->n * sizeof *to);
	if (!to || !copy_str(route->why, arena, &copy.why))
		return -ENOMEM;
	for (size_t i = 0; i < route->n; i++) {
		to[i] = route->to[i];
		if (!copy_str(route->to[i].detail, arena, &to[i].detail))
			return -ENOMEM;
	}
	copy.to = to;
	*out = copy;
	return 0;
}
