#include "directory/local_list.h"

#include "base/map.h"
#include "directory/domain.h"

#include <errno.h>
#include <stdlib.h>

enum {
	MAPPED_BITS = 96,
	NARROW_V4 = 8, /* wider networks have to be meant */
	NARROW_V6 = 16,
	SHAPES_MAX = 8192, /* scopes that are remembered; more: all are forgotten */
};

/* ── What people write ────────────────────────────────────────────────────────────────────── */

static str network_text(const struct ip_network *n, struct arena *a)
{
	char text[IP_TEXT_SIZE];
	bool v4 = ip_is_v4(&n->base) && n->bits >= MAPPED_BITS;
	ip_format(&n->base, text);
	if (n->bits == 128)
		return arena_str(a, str_from_z(text));
	return arena_printf(a, "%s/%u", text, n->bits - (v4 ? MAPPED_BITS : 0U));
}

static int parse_network(str text, struct arena *a, struct directory_entry *out, struct err *err)
{
	struct ip_network n;
	int r = ip_network_parse(text, &n, err);
	if (r < 0)
		return r;
	out->kind = DIRECTORY_IP;
	out->width = n.bits;
	out->subject = network_text(&n, a);
	bool v4 = ip_is_v4(&n.base) && n.bits >= MAPPED_BITS;
	if (n.bits < (v4 ? MAPPED_BITS + NARROW_V4 : NARROW_V6))
		return err_set(
			err, E2BIG, "%.*s is a large part of the Internet", STR_ARG(out->subject));
	return 0;
}

static int parse_address(str text, struct arena *a, struct directory_entry *out, struct err *err)
{
	str local;
	char domain[DOMAIN_TEXT_SIZE];
	if (!mailbox_split(text, a, &local, domain))
		return err_set(err, EINVAL, "\"%.*s\" is not an address, as someone@example.org",
			STR_ARG(str_first(text, 255)));
	out->kind = DIRECTORY_ADDRESS;
	out->width = 0;
	out->subject = arena_lower(a, mailbox_text(local, str_from_z(domain), a));
	return 0;
}

static unsigned labels_of(str domain)
{
	unsigned n = 1;
	for (size_t i = 0; i < domain.n; i++)
		n += domain.p[i] == '.';
	return n;
}

static int parse_domain(str text, struct arena *a, struct directory_entry *out, struct err *err)
{
	char domain[DOMAIN_TEXT_SIZE];
	str bare = str_starts(text, STR("*."))                                ? str_skip(text, 2)
		   : str_starts(text, STR(".")) || str_starts(text, STR("@")) ? str_skip(text, 1)
									      : text;
	if (!domain_normalize(bare, domain))
		return err_set(err, EINVAL,
			"\"%.*s\" is not an IP address, a network as 192.0.2.0/24, an address or a "
			"domain",
			STR_ARG(str_first(text, 255)));
	if (bare.n != text.n)
		return err_set(err, EINVAL,
			"\"%.*s\": write %s, which is the domain and all below it",
			STR_ARG(str_first(text, 255)), domain);
	out->kind = DIRECTORY_DOMAIN;
	out->subject = arena_str(a, str_from_z(domain));
	out->width = labels_of(out->subject);
	if (out->width == 1)
		return err_set(err, E2BIG, "%s is all below a top-level domain", domain);
	return 0;
}

/* What has only digits, dots and a slash is meant as an address of the network. */
static bool looks_like_network(str text)
{
	struct ip ip;
	for (size_t i = 0; i < text.n; i++)
		if (!ascii_is_digit(text.p[i]) && text.p[i] != '.' && text.p[i] != '/')
			return str_find_char(text, '/') >= 0 || ip_parse(text, &ip);
	return text.n > 0;
}

int local_subject_parse(str text, struct arena *a, struct directory_entry *out, struct err *err)
{
	if (str_find_last_char(text, '@') > 0)
		return parse_address(text, a, out, err);
	return looks_like_network(text) ? parse_network(text, a, out, err)
					: parse_domain(text, a, out, err);
}

/* ── Looking up ───────────────────────────────────────────────────────────────────────────── */

struct local_lists {
	struct directory_store *store;
	struct map shapes; /* of struct directory_shape by scope, owned */
	uint64_t version;  /* of the store, of all shapes */
};

struct local_lists *local_lists_new(struct directory_store *store)
{
	struct local_lists *l = xcalloc(1, sizeof *l);
	l->store = store;
	map_init(&l->shapes);
	return l;
}

static void forget(struct local_lists *l)
{
	struct map_cursor cursor = { 0 };
	str key;
	void *value;
	while (map_next(&l->shapes, &cursor, &key, &value))
		free(value);
	map_done(&l->shapes);
	map_init(&l->shapes);
}

void local_lists_free(struct local_lists *l)
{
	if (!l)
		return;
	forget(l);
	map_done(&l->shapes);
	free(l);
}

static int be_current(struct local_lists *l, struct err *err)
{
	uint64_t version;
	int r = directory_store_version(l->store, &version, err);
	if (r < 0)
		return r;
	if (version != l->version)
		forget(l);
	l->version = version;
	return 0;
}

/* *out stands until the next call. */
static int shape_of(
	struct local_lists *l, str scope, const struct directory_shape **out, struct err *err)
{
	struct directory_shape shape, *kept = map_get(&l->shapes, scope);
	if (!kept) {
		int r = directory_entry_shape(l->store, scope, &shape, err);
		if (r < 0)
			return r;
		if (l->shapes.n >= SHAPES_MAX)
			forget(l);
		kept = xcalloc(1, sizeof *kept);
		*kept = shape;
		map_put(&l->shapes, scope, kept);
	}
	*out = kept;
	return 0;
}

static bool shape_allows_senders(const struct directory_shape *s)
{
	return directory_shape_has_any(s, DIRECTORY_ALLOW, DIRECTORY_ADDRESS) ||
	       directory_shape_has_any(s, DIRECTORY_ALLOW, DIRECTORY_DOMAIN);
}

static bool shape_has_senders(const struct directory_shape *s)
{
	return shape_allows_senders(s) ||
	       directory_shape_has_any(s, DIRECTORY_BLOCK, DIRECTORY_ADDRESS) ||
	       directory_shape_has_any(s, DIRECTORY_BLOCK, DIRECTORY_DOMAIN);
}

static bool shape_is_empty(const struct directory_shape *s)
{
	return !shape_has_senders(s) &&
	       !directory_shape_has_any(s, DIRECTORY_ALLOW, DIRECTORY_IP) &&
	       !directory_shape_has_any(s, DIRECTORY_BLOCK, DIRECTORY_IP);
}

int local_lists_any(
	struct local_lists *l, const str *scopes, size_t scope_count, bool *out, struct err *err)
{
	int r = be_current(l, err);
	bool any = false;
	for (size_t i = 0; r == 0 && i < scope_count && !any; i++) {
		const struct directory_shape *shape;
		r = shape_of(l, scopes[i], &shape, err);
		any = r == 0 && !shape_is_empty(shape);
	}
	*out = any;
	return r;
}

/* One look-up in progress. */
struct search {
	struct local_lists *l;
	const struct local_query *query;
	const struct directory_shape *shape;
	str scope;
	enum directory_list list;
	struct arena *arena;
	struct local_answer *out;
	size_t room; /* in out->matches */
	struct err *err;
};

static bool make_room(struct search *s)
{
	if (s->out->n < s->room)
		return true;
	size_t room = s->room ? 2 * s->room : 4;
	struct local_match *more = arena_try(s->arena, room * sizeof *more);
	if (more && s->out->n)
		memcpy(more, s->out->matches, s->out->n * sizeof *more);
	if (more)
		s->out->matches = more;
	s->room = more ? room : s->room;
	return more;
}

/* Who the account is; the id where it is gone. */
static str owner_of(struct search *s)
{
	uint64_t id;
	struct directory_account account;
	if (s->scope.n < 2 || s->scope.p[0] != '#' ||
		!str_to_u64(str_skip(s->scope, 1), INT64_MAX, &id) ||
		directory_account_get(s->l->store, id, s->arena, &account, NULL) < 0)
		return s->scope;
	return account.address;
}

static int look(
	struct search *s, enum directory_subject kind, unsigned width, str subject, size_t thing)
{
	if (!directory_shape_has(s->shape, s->list, kind, width) || s->out->n == LOCAL_MATCHES_MAX)
		return 0;
	struct directory_entry e = {
		.list = s->list, .kind = kind, .width = width, .scope = s->scope, .subject = subject
	};
	int r = directory_entry_find(s->l->store, &e, s->query->now, s->arena, s->err);
	if (r <= 0)
		return r;
	if (!make_room(s))
		return err_set(s->err, ENOMEM, "no room for what the lists say");
	s->out->matches[s->out->n++] = (struct local_match){
		.list = s->list,
		.kind = kind,
		.counts = s->list == DIRECTORY_BLOCK || kind == DIRECTORY_IP,
		.thing = thing,
		.scope = s->scope,
		.subject = arena_str(s->arena, subject),
		.comment = e.comment,
		.owner = owner_of(s),
	};
	return 0;
}

static int look_for_client(struct search *s)
{
	int r = 0;
	for (unsigned bits = 128; r == 0 && bits <= 128; bits--) {
		if (!directory_shape_has(s->shape, s->list, DIRECTORY_IP, bits))
			continue;
		struct arena a CLEANUP(arena_done) = ARENA_INIT(4096);
		struct ip_network n = { ip_prefix(s->query->client, bits), (uint8_t)bits };
		r = look(s, DIRECTORY_IP, bits, network_text(&n, &a), 0);
	}
	return r;
}

/* The domain and those above it. */
static int look_for_domain(struct search *s, str domain, size_t thing)
{
	int r = 0;
	for (unsigned n = labels_of(domain); r == 0 && n; n--) {
		r = look(s, DIRECTORY_DOMAIN, n, domain, thing);
		domain = str_skip(domain, (size_t)(str_find_char(domain, '.') + 1));
	}
	return r;
}

static int look_for_sender(struct search *s, size_t i)
{
	struct arena a CLEANUP(arena_done) = ARENA_INIT(64 * 1024);
	str address = str_first(s->query->senders[i], 2 * DIRECTORY_ADDRESS_MAX), local;
	char domain[DOMAIN_TEXT_SIZE];
	int r = 0;
	if (mailbox_split(address, &a, &local, domain))
		r = look(s, DIRECTORY_ADDRESS, 0,
			arena_lower(&a, mailbox_text(local, str_from_z(domain), &a)), i + 1);
	else if (!domain_normalize(
			 str_skip(address, (size_t)(str_find_last_char(address, '@') + 1)), domain))
		return 0;
	return r < 0 ? r : look_for_domain(s, str_from_z(domain), i + 1);
}

static int look_through(struct search *s)
{
	int r = s->query->client ? look_for_client(s) : 0;
	for (size_t i = 0; r == 0 && i < MIN(s->query->sender_count, (size_t)LOCAL_SENDERS_MAX);
		i++)
		r = look_for_sender(s, i);
	return r;
}

int local_lists_find(struct local_lists *l, const struct local_query *query, struct arena *arena,
	struct local_answer *out, struct err *err)
{
	str *waiting = arena_try(arena, (query->scope_count + 1) * sizeof *waiting);
	struct local_answer answer = { .waiting = waiting };
	if (!waiting)
		return err_set(err, ENOMEM, "no room for what the lists say");
	struct search s = { .l = l, .query = query, .arena = arena, .out = &answer, .err = err };
	int r = be_current(l, err);
	for (size_t i = 0; r == 0 && i < query->scope_count; i++) {
		s.scope = query->scopes[i];
		r = shape_of(l, s.scope, &s.shape, err);
		if (r == 0 && shape_allows_senders(s.shape))
			waiting[answer.waiting_count++] = s.scope;
		answer.senders |= r == 0 && shape_has_senders(s.shape);
		for (int list = DIRECTORY_BLOCK; r == 0 && list <= DIRECTORY_ALLOW; list++) {
			s.list = (enum directory_list)list;
			r = look_through(&s);
		}
	}
	if (r == 0)
		*out = answer;
	return r;
}

/* ── What decides ─────────────────────────────────────────────────────────────────────────── */

enum { LEVELS = 3 };

/* The reader's scopes, the narrowest first; those that are not known are left out. */
static size_t levels_of(const struct local_reader *reader, str out[static LEVELS])
{
	size_t n = 0;
	if (reader->account.n)
		out[n++] = reader->account;
	if (reader->domain.n)
		out[n++] = reader->domain;
	out[n++] = STR_EMPTY;
	return n;
}

/* The first of that list in this scope; NULL: none. */
static const struct local_match *first_of(
	const struct local_answer *answer, str scope, enum directory_list list, bool counts)
{
	for (size_t i = 0; i < answer->n; i++) {
		const struct local_match *m = &answer->matches[i];
		if (m->list == list && m->counts == counts && str_equal(m->scope, scope))
			return m;
	}
	return NULL;
}

const struct local_match *local_decide(
	const struct local_answer *answer, const struct local_reader *reader)
{
	str levels[LEVELS];
	size_t n = levels_of(reader, levels);
	for (size_t i = 0; i < n; i++) {
		const struct local_match *m = first_of(answer, levels[i], DIRECTORY_ALLOW, true);
		if (!m)
			m = first_of(answer, levels[i], DIRECTORY_BLOCK, true);
		if (m)
			return m;
	}
	return NULL;
}

static bool waits(const struct local_answer *answer, str scope)
{
	for (size_t i = 0; i < answer->waiting_count; i++)
		if (str_equal(answer->waiting[i], scope))
			return true;
	return false;
}

const struct local_match *local_decide_early(
	const struct local_answer *answer, const struct local_reader *reader)
{
	str levels[LEVELS];
	size_t n = levels_of(reader, levels);
	bool others = false;
	for (size_t i = 0; i < n; i++) {
		others |= waits(answer, levels[i]);
		if (first_of(answer, levels[i], DIRECTORY_ALLOW, true) ||
			first_of(answer, levels[i], DIRECTORY_ALLOW, false))
			return NULL;
		const struct local_match *m = first_of(answer, levels[i], DIRECTORY_BLOCK, true);
		if (m)
			return others && m->kind != DIRECTORY_ADDRESS ? NULL : m;
	}
	return NULL;
}
