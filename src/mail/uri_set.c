#include "mail/uri_set.h"

#include "mail/transfer.h"
#include "mail/uri_host.h"

#include "base/utf8.h"

#include <stdlib.h>

void uri_set_init(struct uri_set *s, struct arena *a)
{
	*s = (struct uri_set){ .arena = a };
	map_init(&s->known);
}

void uri_set_done(struct uri_set *s)
{
	free(s->list);
	map_done(&s->known);
	*s = (struct uri_set){ 0 };
}

static void add_key(struct buf *key, const struct uri *u)
{
	const str parts[] = { u->scheme, u->userinfo, u->host, u->path, u->query };
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		buf_add(key, parts[i]);
		buf_add_char(key, '\0');
	}
	buf_add_u64(key, u->port);
}

static struct uri_found *new_entry(struct uri_set *s)
{
	if (s->n == URI_MAX) {
		s->truncated = true;
		return NULL;
	}
	if ((s->n & (s->n - 1)) == 0)
		s->list = xrealloc(s->list, MAX(2 * s->n, (size_t)1) * sizeof *s->list);
	struct uri_found *f = &s->list[s->n++];
	*f = (struct uri_found){ .text = STR_EMPTY };
	return f;
}

/* Returns the new entry, or NULL where it was known or is none. */
static struct uri_found *add_one(
	struct uri_set *s, str text, str base, uint32_t flags, enum uri_where where)
{
	struct buf key CLEANUP(buf_done) = BUF_INIT(SIZE_MAX);
	struct uri u;
	if (!uri_parse(s->arena, text, base, &u))
		return NULL;
	u.flags |= flags;
	add_key(&key, &u);
	size_t known = (size_t)(uintptr_t)map_get(&s->known, buf_str(&key));
	struct uri_found *f = known ? &s->list[known - 1] : new_entry(s);
	if (!f)
		return NULL;
	f->where |= 1u << where;
	f->count++;
	if (known) {
		f->uri.flags |= u.flags;
		return NULL;
	}
	f->uri = u;
	map_put(&s->known, buf_str(&key), (void *)(uintptr_t)s->n);
	return f;
}

/* The start of the scheme that ends before s[colon]; colon where there is none. */
size_t uri_scheme_start(str s, size_t colon)
{
	size_t start = colon;
	while (start && colon - start < 6 &&
		(ascii_is_alpha(s.p[start - 1]) || s.p[start - 1] == '*'))
		start--;
	for (; start < colon; start++)
		if (uri_is_web_scheme(str_first(str_skip(s, start), colon - start)))
			return start;
	return colon;
}

/* A URI inside of a text that is part of another: where it begins, or s.n. */
static size_t find_inner(str s)
{
	size_t at = 0;
	for (ptrdiff_t next; (next = str_find(str_skip(s, at), STR(":"))) >= 0; at++) {
		at += (size_t)next;
		str behind = str_skip(s, at + 1);
		bool slashes = str_starts(behind, STR("//")) || str_starts(behind, STR("\\\\")) ||
			       str_starts_nocase(behind, STR("%2f%2f"));
		size_t start = slashes ? uri_scheme_start(s, at) : at;
		if (start < at)
			return start;
	}
	return s.n;
}

static void add_inner(struct uri_set *s, size_t parent, str text)
{
	size_t start = find_inner(text);
	if (start == text.n)
		return;
	text = str_skip(text, start);
	ptrdiff_t end = str_find_any(text, STR("& \"'<>"));
	enum uri_where where = URI_IN_TEXT;
	while (!(s->list[parent].where & 1u << where))
		where++;
	struct uri_found *f = add_one(
		s, end < 0 ? text : str_first(text, (size_t)end), STR_EMPTY, URI_NESTED, where);
	if (f) {
		f->parent = (uint32_t)parent + 1;
		f->nesting = s->list[parent].nesting + 1;
	}
}

/* What a part of a URI holds: as it is, decoded once more, or in base64 ("aHR0c" is "http"). */
static void look_inside(struct uri_set *s, size_t parent, str part)
{
	struct buf b CLEANUP(buf_done) = BUF_INIT(URI_LENGTH_MAX);
	ptrdiff_t coded = str_find(part, STR("aHR0c"));
	add_inner(s, parent, part);
	if (str_find_char(part, '%') >= 0 && uri_percent_decode(&b, part)) {
		str inner;
		char *p = arena_try(s->arena, b.n);
		inner = p ? str_from(memcpy(p, b.p, b.n), b.n) : STR_EMPTY;
		add_inner(s, parent, inner);
	}
	if (coded < 0)
		return;
	str text = str_skip(part, (size_t)coded);
	ptrdiff_t end = str_find_any(text, STR("&=/?;, "));
	buf_clear(&b);
	transfer_decode(TRANSFER_BASE64, end < 0 ? text : str_first(text, (size_t)end), &b);
	char *p = utf8_valid(buf_str(&b)) ? arena_try(s->arena, b.n) : NULL;
	if (p)
		add_inner(s, parent, str_from(memcpy(p, b.p, b.n), b.n));
}

/* All from `first` on, and what that adds. */
static void look_inside_all(struct uri_set *s, size_t first)
{
	for (size_t i = first; i < s->n; i++) {
		if (s->list[i].nesting >= URI_NESTING_MAX)
			continue;
		look_inside(s, i, s->list[i].uri.path);
		look_inside(s, i, s->list[i].uri.query);
		look_inside(s, i, s->list[i].uri.fragment);
	}
}

void uri_set_add_found(struct uri_set *s, str raw, str text, uint32_t flags, enum uri_where where)
{
	size_t before = s->n;
	struct uri_found *f = add_one(s, text, STR_EMPTY, flags, where);
	if (f)
		f->uri.raw = raw;
	look_inside_all(s, before);
}

void uri_set_add(struct uri_set *s, str raw, str base, str text, enum uri_where where)
{
	size_t before = s->n;
	struct uri_found *f = add_one(s, raw, base, 0, where);
	if (f)
		f->text = text;
	look_inside_all(s, before);
}
