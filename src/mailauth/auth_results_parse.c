/*
 * auth_results_parse.c: reading Authentication-Results (RFC 8601 §2.2), and finding those that
 * pretend to be ours.
 */
#include "mailauth/auth_results.h"

#include "base/utf8.h"
#include "mail/header.h"
#include "mail/lex.h"
#include "mailauth/domain.h"

struct reader {
	str s;
	size_t at;
	struct arena *arena;
	struct auth_results_read *out;
	struct auth_result *results;      /* room for AUTH_RESULTS_MAX */
	struct auth_property *properties; /* of the result that is being read */
};

static void skip_space(struct reader *r)
{
	r->at = lex_skip_cfws(r->s, r->at);
}

static bool at_char(const struct reader *r, char c)
{
	return r->at < r->s.n && r->s.p[r->at] == c;
}

static bool take(struct reader *r, char c)
{
	skip_space(r);
	if (!at_char(r, c))
		return false;
	r->at++;
	return true;
}

static str unquote(struct reader *r, str quoted)
{
	str inner = str_skip(quoted, 1);
	if (str_ends(inner, STR("\"")))
		inner.n--;
	if (str_find_any(inner, STR("\\\r\n")) < 0)
		return inner;
	char *text = arena_array(r->arena, char, inner.n + 1);
	return str_from(text, lex_unescape(inner, text));
}

/* Everything up to a blank, a comment, or one of `ends`; quoted strings inside are passed over. */
static str take_run(struct reader *r, str ends)
{
	size_t start = r->at;
	while (r->at < r->s.n && !ascii_is_space(r->s.p[r->at]) && r->s.p[r->at] != '(' &&
		str_find_char(ends, r->s.p[r->at]) < 0)
		r->at = r->s.p[r->at] == '"' ? lex_skip_quoted(r->s, r->at) : r->at + 1;
	return str_first(str_skip(r->s, start), r->at - start);
}

/* A token, a quoted string, or what looks like an address: up to a blank or a semicolon. */
static str take_value(struct reader *r, str ends)
{
	skip_space(r);
	str run = take_run(r, ends);
	if (run.n && run.p[0] == '"' && lex_skip_quoted(run, 0) == run.n)
		return unquote(r, run);
	return run;
}

static str take_keyword(struct reader *r)
{
	skip_space(r);
	size_t start = r->at;
	while (r->at < r->s.n &&
		(ascii_is_alnum(r->s.p[r->at]) || r->s.p[r->at] == '-' || r->s.p[r->at] == '_'))
		r->at++;
	return str_first(str_skip(r->s, start), r->at - start);
}

/* To the semicolon that ends this result, or the end. */
static void skip_result(struct reader *r)
{
	while (r->at < r->s.n && r->s.p[r->at] != ';') {
		size_t after = lex_skip_cfws(r->s, r->at);
		if (after == r->at)
			after = r->s.p[r->at] == '"' ? lex_skip_quoted(r->s, r->at) : r->at + 1;
		r->at = after;
	}
}

static bool at_end_of_result(struct reader *r)
{
	skip_space(r);
	return r->at == r->s.n || at_char(r, ';');
}

/* reason=value, or type.name=value. */
static bool read_property(struct reader *r, struct auth_result *out)
{
	str type = take_keyword(r);
	if (type.n == 0)
		return false;
	if (take(r, '=')) {
		str value = take_value(r, STR(";"));
		if (str_equal_nocase(type, STR("reason")))
			out->reason = value;
		/* Anything else without a type is passed over: "action=none", as seen. */
		return true;
	}
	if (!take(r, '.'))
		return false;
	str name = take_keyword(r);
	if (name.n == 0 || !take(r, '='))
		return false;
	str value = take_value(r, STR(";"));
	if (out->n == AUTH_PROPERTIES_MAX) {
		r->out->truncated = true;
		return true;
	}
	r->properties[out->n++] = (struct auth_property){ type, name, value };
	return true;
}

/* method [/version] =result … Returns false where it is malformed. */
static bool read_method(struct reader *r, struct auth_result *out)
{
	*out = (struct auth_result){ .reason = STR_EMPTY };
	out->method = take_keyword(r);
	if (out->method.n && take(r, '/'))
		(void)take_keyword(r);
	if (out->method.n == 0 || !take(r, '='))
		return false;
	out->result = take_keyword(r);
	return out->result.n > 0;
}

static void keep_result(struct reader *r, struct auth_result *result)
{
	if (r->out->n == AUTH_RESULTS_MAX) {
		r->out->truncated = true;
		return;
	}
	struct auth_property *kept = arena_array(r->arena, struct auth_property, result->n);
	if (result->n)
		memcpy(kept, r->properties, result->n * sizeof *kept);
	result->properties = kept;
	r->results[r->out->n++] = *result;
}

static void read_result(struct reader *r)
{
	size_t start = r->at;
	struct auth_result result;
	if (at_end_of_result(r))
		return;
	if (!read_method(r, &result)) {
		r->at = start;
		r->out->malformed |=
			!str_equal_nocase(take_keyword(r), STR("none")) || !at_end_of_result(r);
		skip_result(r);
		return;
	}
	while (!at_end_of_result(r)) {
		size_t before = r->at;
		if (read_property(r, &result) && r->at > before)
			continue;
		r->out->malformed = true;
		skip_result(r);
	}
	keep_result(r, &result);
}

/* The authserv-id, if what comes first is not a result already. */
static void read_id(struct reader *r)
{
	str id = take_value(r, STR(";="));
	skip_space(r);
	if (at_char(r, '=')) {
		r->at = 0;
		return;
	}
	r->out->authserv_id = id;
	str version = take_value(r, STR(";"));
	r->out->version = 1;
	if (version.n && !str_to_u64(version, UINT32_MAX, &r->out->version))
		r->out->malformed = true;
	if (!at_end_of_result(r))
		r->out->malformed = true;
	skip_result(r);
}

void auth_results_parse(str value, struct arena *a, struct auth_results_read *out)
{
	*out = (struct auth_results_read){ .authserv_id = STR_EMPTY };
	struct reader r = { .s = value, .arena = a, .out = out };
	r.properties = arena_array(a, struct auth_property, AUTH_PROPERTIES_MAX);
	r.results = arena_array(a, struct auth_result, AUTH_RESULTS_MAX);
	out->results = r.results;
	read_id(&r);
	while (r.at < value.n) {
		size_t before = r.at;
		read_result(&r);
		if (take(&r, ';') || r.at > before)
			continue;
		out->malformed = true;
		r.at++;
	}
}

str auth_result_property(const struct auth_result *r, const char *type, const char *name)
{
	for (size_t i = 0; i < r->n; i++)
		if (str_equal_nocase(r->properties[i].type, str_from_z(type)) &&
			str_equal_nocase(r->properties[i].name, str_from_z(name)))
			return r->properties[i].value;
	return STR_EMPTY;
}

/* ---- forged ones ---- */

enum { CONVERSIONS_MAX = 256 };

struct ids {
	str *names; /* A-labels where they are domain names */
	size_t n;
	unsigned conversions; /* words in Unicode that were converted: dear, so they have an end */
};

static bool is_ours(str word, struct ids *ids)
{
	struct arena scratch CLEANUP(arena_done) = ARENA_INIT(2 * (DOMAIN_NAME_MAX + 1));
	str ascii;
	word = str_trim(word);
	if (!ascii_only(word)) {
		/* Nobody else fills a header with such names. */
		if (ids->conversions == CONVERSIONS_MAX)
			return true;
		ids->conversions++;
		if (domain_ascii(word, &scratch, &ascii))
			word = ascii;
	}
	if (word.n > 1 && str_ends(word, STR(".")))
		word.n--;
	for (size_t i = 0; i < ids->n; i++)
		if (str_equal_nocase(word, ids->names[i]))
			return true;
	return false;
}

/* Words of the text, at whatever might separate them for some reader. */
static bool has_our_word(str text, struct ids *ids)
{
	while (text.n) {
		ptrdiff_t end = str_find_any(text, STR(" \t\r\n/=?,;:<>@[]\"\\()"));
		str word = end < 0 ? text : str_first(text, (size_t)end);
		if (word.n && is_ours(word, ids))
			return true;
		text = str_skip(text, word.n + 1);
	}
	return false;
}

/* What the field says before its first semicolon, comments aside, names us or nobody. */
static bool claims_ours(str value, struct ids *ids, struct buf *scratch)
{
	size_t at = lex_skip_cfws(value, 0), words = 0;
	bool ours = false;
	while (at < value.n && value.p[at] != ';' && !ours) {
		size_t start = at;
		while (at < value.n && !ascii_is_space(value.p[at]) && value.p[at] != ';' &&
			value.p[at] != '(')
			at = value.p[at] == '"' ? lex_skip_quoted(value, at) : at + 1;
		str word = str_first(str_skip(value, start), at - start);
		if (words == 0 && str_find_char(word, '=') >= 0 && word.p[0] != '"')
			return true; /* a result already: from nobody */
		buf_clear(scratch);
		char *text = buf_reserve(scratch, word.n);
		ASSERT(text);
		scratch->n = lex_unescape(word, text);
		ours = is_ours(buf_str(scratch), ids) || has_our_word(buf_str(scratch), ids);
		words++;
		at = lex_skip_cfws(value, at);
	}
	return ours || words == 0;
}

size_t auth_results_find_forged(str header, const str *authserv_ids, size_t id_count,
	struct arena *a, struct auth_span **out_spans)
{
	struct arena names CLEANUP(arena_done) = ARENA_INIT(SIZE_MAX);
	struct ids ids = { .names = arena_array(&names, str, id_count), .n = id_count };
	for (size_t i = 0; i < id_count; i++)
		if (!domain_ascii(authserv_ids[i], &names, &ids.names[i]))
			ids.names[i] = authserv_ids[i];
	struct buf scratch CLEANUP(buf_done) = BUF_INIT(header.n + 1);
	struct buf spans CLEANUP(buf_done) = BUF_INIT(header.n + sizeof(struct auth_span));
	struct auth_span last = { 0, 0 };
	struct header_field field;
	for (size_t at = 0; header_next(header, &at, &field);) {
		if (!str_equal_nocase(field.name, STR("Authentication-Results")) ||
			!claims_ours(field.value, &ids, &scratch))
			continue;
		if (last.n && last.offset + last.n == field.offset) {
			last.n += field.raw.n;
			continue;
		}
		if (last.n)
			buf_add(&spans, str_from(&last, sizeof last));
		last = (struct auth_span){ field.offset, field.raw.n };
	}
	if (last.n)
		buf_add(&spans, str_from(&last, sizeof last));
	ASSERT(!spans.overflowed);
	size_t n = spans.n / sizeof last;
	*out_spans = arena_array(a, struct auth_span, n);
	if (n)
		memcpy(*out_spans, spans.p, spans.n);
	return n;
}
