/*
 * directory.c: resolution is a list of addresses still to look at. Each step takes one, and either
 * finds an account, or appends what an alias or a catch-all stands for, or notes that it leads
 * nowhere. `seen` has every address that was ever appended.
 */
#include "directory/directory.h"

#include "base/map.h"
#include "directory/directory_cache.h"
#include "directory/domain.h"
#include "store/directory_store.h"

#include <errno.h>
#include <stdlib.h>

/* Targets may name the same address again and again; appending is bounded apart from steps. Both
 * arenas are far larger than that needs, save for the store's lists, for which it says -E2BIG. */
enum { APPENDS_MAX = 4 * DIRECTORY_STEPS_MAX, ARENA_MAX = 64 * 1024 * 1024 };

struct directory {
	struct directory_store *store; /* owned */
	char separator;                /* '\0': none */
	struct directory_cache cache;
};

struct step {
	str local, domain; /* the domain normalized */
	str detail;        /* handed on by the alias that led here */
};

struct resolution {
	struct directory *d;
	struct arena rows;    /* what one step needs */
	struct arena scratch; /* what the resolution needs */
	struct map seen;      /* addresses */
	struct map accounts;  /* ids */
	struct step *steps;   /* owned, as is `to` */
	size_t step_count, next, appends;
	struct directory_destination *to;
	size_t n;
	bool root_is_local; /* the domain of the first address is ours */
	bool is_alias;      /* the first address was found */
	str why;
};

int directory_open(
	const char *data_dir, str detail_separator, struct directory **out, struct err *err)
{
	ASSERT(detail_separator.n <= 1);
	struct directory_store *store;
	int r = directory_store_open(data_dir, false, &store, err);
	if (r)
		return r;
	struct directory *d = xcalloc(1, sizeof *d);
	d->store = store;
	d->separator = detail_separator.n ? detail_separator.p[0] : '\0';
	directory_cache_init(&d->cache);
	*out = d;
	return 0;
}

void directory_close(struct directory *d)
{
	if (!d)
		return;
	directory_store_close(d->store);
	directory_cache_done(&d->cache);
	free(d);
}

struct directory_store *directory_store_of(struct directory *d)
{
	return d->store;
}

static void note(struct resolution *r, str address, const char *what)
{
	if (r->why.n == 0)
		r->why = arena_printf(
			&r->scratch, "%.*s %s", STR_ARG(str_first(address, 320)), what);
}

/* Room for one more item in an array that doubles whenever n is a power of two. */
static void *grown(void *items, size_t n, size_t size)
{
	return n & (n - 1) ? items : xrealloc(items, MAX(n * 2, (size_t)1) * size);
}

/* Appends an address to look at. 0, or -E2BIG. */
static int append(struct resolution *r, str address, str detail)
{
	str local;
	char domain[DOMAIN_TEXT_SIZE];
	if (r->appends++ == APPENDS_MAX || r->step_count == DIRECTORY_STEPS_MAX)
		return -E2BIG;
	if (!mailbox_split(address, &r->rows, &local, domain)) {
		note(r, address, "is not an address");
		return 0;
	}
	str name = arena_lower(&r->rows, local);
	str key = arena_printf(&r->rows, "%.*s@%s", STR_ARG(name), domain);
	if (map_put(&r->seen, key, r))
		return 0;
	r->steps = grown(r->steps, r->step_count, sizeof *r->steps);
	r->steps[r->step_count++] = (struct step){ .local = arena_str(&r->scratch, local),
		.domain = arena_str(&r->scratch, str_from_z(domain)),
		.detail = detail };
	return 0;
}

static int add_destination(
	struct resolution *r, const struct directory_account *account, str detail)
{
	if (map_put(&r->accounts, MAP_KEY(account->id), r))
		return 0;
	if (r->n == DIRECTORY_DESTINATIONS_MAX)
		return -E2BIG;
	r->to = grown(r->to, r->n, sizeof *r->to);
	r->to[r->n++] = (struct directory_destination){ account->id, detail, account->junk_at,
		account->reject_at };
	return 0;
}

/* 1: an account or alias of this name was there; 0: not. */
static int find(struct resolution *r, str local, str domain, str detail, struct err *err)
{
	struct directory_account account;
	/* The store could not hold these; nor may they be taken for a part of something else. */
	if (local.n == 0 || str_find_any(local, STR("@\r\n\0")) >= 0 ||
		local.n + 1 + domain.n > DIRECTORY_ADDRESS_MAX)
		return 0;
	str address = mailbox_text(local, domain, &r->rows);
	int e = directory_account_find(r->d->store, address, &r->rows, &account, err);
	if (e == 0)
		e = add_destination(r, &account, detail);
	if (e != -ENOENT && e != -EINVAL)
		return e ? e : 1;
	str *targets;
	size_t n;
	e = directory_alias_find(r->d->store, address, &r->rows, &targets, &n, err);
	if (e == -ENOENT || e == -EINVAL)
		return 0;
	for (size_t i = 0; e == 0 && i < n; i++)
		e = append(r, targets[i], detail);
	return e ? e : 1;
}

/* As find(), for the name before the separator. */
static int find_without_detail(struct resolution *r, const struct step *s, struct err *err)
{
	ptrdiff_t at = r->d->separator ? str_find_char(s->local, r->d->separator) : -1;
	if (at <= 0)
		return 0;
	str detail = str_skip(s->local, (size_t)at + 1);
	return find(
		r, str_first(s->local, (size_t)at), s->domain, detail.n ? detail : s->detail, err);
}

static int find_catch_all(struct resolution *r, const struct directory_domain *domain, str local)
{
	/* A relay trick is not somebody's mistyped name. */
	if (domain->catch_all.n == 0 || str_find_any(local, STR("@")) >= 0)
		return 0;
	int e = append(r, domain->catch_all, STR_EMPTY);
	return e ? e : 1;
}

static int step(struct resolution *r, const struct step *s, struct err *err)
{
	bool is_root = r->next == 1;
	str address = mailbox_text(s->local, s->domain, &r->rows);
	struct directory_domain domain;
	int e = directory_domain_find(r->d->store, s->domain, &r->rows, &domain, err);
	if (e == -ENOENT || e == -EINVAL) {
		note(r, address, "is in a domain that is not local");
		return 0;
	}
	if (e)
		return e;
	r->root_is_local |= is_root;
	e = find(r, s->local, s->domain, s->detail, err);
	if (e == 0)
		e = find_without_detail(r, s, err);
	if (e == 0)
		e = find_catch_all(r, &domain, s->local);
	if (e == 0)
		note(r, address, "is not an account or alias");
	r->is_alias |= is_root && e > 0;
	return MIN(e, 0);
}

static const struct directory_account *first_of(const struct directory_account *accounts, size_t n)
{
	const struct directory_account *first = accounts;
	for (size_t i = 1; i < n; i++)
		first = accounts[i].id < first->id ? &accounts[i] : first;
	return first;
}

/* The account that was made first, in the domain or at all. */
static int find_postmaster(struct resolution *r, str domain, struct err *err)
{
	struct directory_account *accounts;
	size_t n;
	int e = directory_account_list(r->d->store, domain, &r->rows, &accounts, &n, err);
	if (e == 0 && n == 0)
		e = directory_account_list(r->d->store, STR_EMPTY, &r->rows, &accounts, &n, err);
	if (e == 0 && n == 0)
		note(r, STR("postmaster"), "has no account: there is none at all");
	r->is_alias = true;
	return e || n == 0 ? e : add_destination(r, first_of(accounts, n), STR_EMPTY);
}

static bool is_postmaster(const struct resolution *r, str local)
{
	ptrdiff_t at = r->d->separator ? str_find_char(local, r->d->separator) : -1;
	str name = at > 0 ? str_first(local, (size_t)at) : local;
	return str_equal_nocase(name, STR("postmaster"));
}

/* The domain that was made first. */
static int first_domain(struct resolution *r, str *out, struct err *err)
{
	struct directory_domain *domains;
	size_t n;
	int e = directory_domain_list(r->d->store, &r->rows, &domains, &n, err);
	if (e)
		return e;
	*out = STR_EMPTY;
	int64_t oldest = INT64_MAX;
	for (size_t i = 0; i < n; i++) {
		if (domains[i].created < oldest) {
			oldest = domains[i].created;
			*out = domains[i].name;
		}
	}
	return 0;
}

static int conclude(const struct resolution *r, struct arena *arena, struct directory_route *out)
{
	struct directory_route route = { .to = r->to, .n = r->n, .why = r->why };
	if (!r->root_is_local)
		route.answer = DIRECTORY_NOT_LOCAL;
	else if (!r->is_alias)
		route.answer = DIRECTORY_UNKNOWN;
	else
		route.answer = r->n ? DIRECTORY_DELIVER : DIRECTORY_BROKEN;
	if (route.answer == DIRECTORY_NOT_LOCAL || route.answer == DIRECTORY_UNKNOWN)
		route.why = STR_EMPTY;
	if (route.answer == DIRECTORY_BROKEN && route.why.n == 0)
		route.why = STR("the alias leads only to itself");
	return directory_route_copy(&route, arena, out);
}

/* "postmaster" alone is that of the first domain. */
static int append_postmaster(struct resolution *r, struct err *err)
{
	str domain;
	int e = first_domain(r, &domain, err);
	if (e)
		return e;
	r->root_is_local = true;
	r->is_alias = domain.n == 0;
	return append(r, arena_printf(&r->rows, "postmaster@%.*s", STR_ARG(domain)), STR_EMPTY);
}

static int run(struct resolution *r, str address, struct err *err)
{
	int e = str_equal_nocase(address, STR("postmaster")) ? append_postmaster(r, err)
							     : append(r, address, STR_EMPTY);
	while (e == 0 && r->next < r->step_count) {
		struct step s = r->steps[r->next++];
		e = step(r, &s, err);
		arena_done(&r->rows);
	}
	if (e == 0 && r->n == 0 && r->root_is_local && r->step_count &&
		is_postmaster(r, r->steps[0].local))
		e = find_postmaster(r, r->steps[0].domain, err);
	return e;
}

static int resolve(struct directory *d, str address, struct arena *arena,
	struct directory_route *out, struct err *err)
{
	struct resolution r = { .d = d };
	r.rows = r.scratch = ARENA_INIT(ARENA_MAX);
	map_init(&r.seen);
	map_init(&r.accounts);
	int e = run(&r, address, err);
	if (e == -E2BIG) {
		*out = (struct directory_route){ .answer = DIRECTORY_BROKEN,
			.why = STR("the alias stands for too many addresses") };
		e = 0;
	} else if (e == 0) {
		e = conclude(&r, arena, out);
	}
	map_done(&r.seen);
	map_done(&r.accounts);
	free(r.steps);
	free(r.to);
	arena_done(&r.rows);
	arena_done(&r.scratch);
	return e;
}

int directory_resolve(struct directory *d, str address, struct arena *arena,
	struct directory_route *out, struct err *err)
{
	uint64_t version;
	int e = directory_store_version(d->store, &version, err);
	if (e)
		return e;
	directory_cache_at(&d->cache, version);
	const struct directory_route *known = directory_cache_get(&d->cache, address);
	if (known)
		return directory_route_copy(known, arena, out);
	e = resolve(d, address, arena, out, err);
	if (e == 0)
		directory_cache_put(&d->cache, address, out);
	return e;
}
