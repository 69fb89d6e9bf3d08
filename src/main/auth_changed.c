/*
 * auth_changed.c: which signed field of a header has changed. A signature does not tell; but what
 * lists and gateways do to a header is known, and where one of those things is undone and the
 * signature then matches the header, that was it.
 */
#include "main/auth.h"

#include "mail/header.h"

#include <time.h>

enum {
	HEADER_MAX = 64 * 1024, /* of longer ones nothing is undone */
	TRIES_MAX = 40,         /* for one signature */
};

struct trial {
	const struct dns *dns;
	str header;
	size_t index; /* of the signature */
	struct arena *arena;
	unsigned tries;
};

/* Whether the signature matches the header with `now` in the place of the field. */
static bool matches(struct trial *t, const struct header_field *field, str now)
{
	if (t->tries == TRIES_MAX)
		return false;
	t->tries++;
	struct buf header CLEANUP(buf_done) = BUF_INIT(2 * HEADER_MAX);
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(1024 * 1024);
	buf_add(&header, str_first(t->header, field->offset));
	buf_add(&header, now);
	buf_add(&header, str_skip(t->header, field->offset + field->raw.n));
	struct dkim_outcome outcome;
	struct dkim_verifier *v = dkim_verifier_new(buf_str(&header), time(NULL));
	dkim_verifier_finish(v, t->dns, &arena, &outcome);
	dkim_verifier_free(v);
	return t->index < outcome.n && outcome.signatures[t->index].header_matches;
}

/* "Subject: [list] hello" without its "[list] ". */
static bool is_tagged(struct trial *t, const struct header_field *field, str *out_why)
{
	ptrdiff_t from = str_find_char(field->raw, '[');
	if (!str_equal_nocase(field->name, STR("Subject")) || from < 0)
		return false;
	ptrdiff_t n = str_find_char(str_skip(field->raw, (size_t)from), ']');
	if (n < 0)
		return false;
	size_t end = (size_t)(from + n) + 1;
	str tag = str_skip(str_first(field->raw, end), (size_t)from);
	while (end < field->raw.n && field->raw.p[end] == ' ')
		end++;
	str now = arena_join(
		t->arena, str_first(field->raw, (size_t)from), str_skip(field->raw, end));
	if (!matches(t, field, now))
		return false;
	*out_why = arena_join(t->arena, STR("the Subject was signed without "), tag);
	return true;
}

/* A list that writes itself into From, so that DMARC passes for it, leaves the author elsewhere. */
static bool is_replaced(struct trial *t, const struct header_field *field, str *out_why)
{
	static const str elsewhere[] = { { "X-Original-From", 15 }, { "Reply-To", 8 },
		{ "Original-From", 13 } };
	struct header_field author;
	for (size_t i = 0; i < ARRAY_LEN(elsewhere); i++) {
		if (!str_equal_nocase(field->name, STR("From")) ||
			!header_find(t->header, elsewhere[i], &author))
			continue;
		str now = arena_printf(t->arena, "From:%.*s\r\n", STR_ARG(author.value));
		if (!matches(t, field, now))
			continue;
		*out_why =
			arena_join(t->arena, STR("From was signed as it stands in "), elsewhere[i]);
		return true;
	}
	return false;
}

static bool is_added(struct trial *t, const struct header_field *field, str *out_why)
{
	if (!matches(t, field, STR_EMPTY))
		return false;
	*out_why = arena_join(t->arena, field->name,
		STR(" was added, or was another when it was "
		    "signed: without it the rest is as it was"));
	return true;
}

static bool is_signed(const struct auth_report *r, size_t index, str name)
{
	struct auth_signed_name names[AUTH_SIGNED_NAMES_MAX];
	size_t n = auth_signed_names(r, r->dkim.signatures[index].signed_fields, names);
	for (size_t i = 0; i < n; i++)
		if (str_equal_nocase(names[i].name, name))
			return !str_ends_nocase(name, STR("-Signature"));
	return false;
}

str auth_changed(const struct dns *dns, const struct auth_report *r, size_t index, struct arena *a)
{
	struct trial t = { .dns = dns, .header = r->header, .index = index, .arena = a };
	struct header_field field;
	str why = STR_EMPTY;
	if (r->header.n > HEADER_MAX)
		return why;
	for (size_t at = 0; header_next(r->header, &at, &field);)
		if (is_signed(r, index, field.name) &&
			(is_tagged(&t, &field, &why) || is_replaced(&t, &field, &why) ||
				is_added(&t, &field, &why)))
			return why;
	return why;
}
