#include "delivery/failures.h"

#include "base/map.h"

#include <stdlib.h>

/* In the order of their last failures. */
struct entry {
	struct entry *older, *newer;
	char digest[FAILURES_DIGEST];
	struct failure failure;
};

struct failures {
	struct map entries;
	struct entry *oldest, *newest;
};

struct failures *failures_new(void)
{
	struct failures *f = xcalloc(1, sizeof *f);
	map_init(&f->entries);
	return f;
}

static void unlink_entry(struct failures *f, struct entry *e)
{
	*(e->older ? &e->older->newer : &f->oldest) = e->newer;
	*(e->newer ? &e->newer->older : &f->newest) = e->older;
}

static void link_newest(struct failures *f, struct entry *e)
{
	e->older = f->newest;
	e->newer = NULL;
	*(f->newest ? &f->newest->newer : &f->oldest) = e;
	f->newest = e;
}

static void drop(struct failures *f, struct entry *e)
{
	unlink_entry(f, e);
	map_remove(&f->entries, str_from(e->digest, sizeof e->digest));
	free(e);
}

void failures_free(struct failures *f)
{
	if (!f)
		return;
	while (f->oldest)
		drop(f, f->oldest);
	map_done(&f->entries);
	free(f);
}

static void drop_old(struct failures *f, int64_t now)
{
	while (f->oldest && f->oldest->failure.last < now - FAILURES_KEEP)
		drop(f, f->oldest);
}

static struct entry *add(struct failures *f, str digest, str id)
{
	ASSERT(digest.n == FAILURES_DIGEST);
	if (f->entries.n == FAILURES_MAX)
		drop(f, f->oldest);
	struct entry *e = xcalloc(1, sizeof *e);
	memcpy(e->digest, digest.p, digest.n);
	(void)!str_copy_z(
		str_first(id, FAILURES_ID_MAX), e->failure.first_id, sizeof e->failure.first_id);
	map_put(&f->entries, str_from(e->digest, sizeof e->digest), e);
	link_newest(f, e);
	return e;
}

void failures_add(
	struct failures *f, str digest, str id, int64_t began, int64_t now, struct failure *out)
{
	drop_old(f, now);
	struct entry *e = map_get(&f->entries, digest);
	if (!e)
		e = add(f, digest, id);
	if (e->failure.count == 0 || began >= e->failure.last) {
		e->failure.count++;
		e->failure.last = now;
		unlink_entry(f, e);
		link_newest(f, e);
	}
	*out = e->failure;
}

bool failures_find(struct failures *f, str digest, int64_t now, struct failure *out)
{
	drop_old(f, now);
	const struct entry *e = map_get(&f->entries, digest);
	if (e)
		*out = e->failure;
	return e != NULL;
}

bool failure_is_shunned(const struct failure *failure, int64_t now)
{
	return failure->count >= 2 && now - failure->last < FAILURES_SHUN;
}

void failures_forget(struct failures *f, str digest)
{
	struct entry *e = map_get(&f->entries, digest);
	if (e)
		drop(f, e);
}

size_t failures_count(struct failures *f, int64_t now)
{
	drop_old(f, now);
	return f->entries.n;
}
