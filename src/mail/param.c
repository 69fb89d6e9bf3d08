#include "mail/param.h"

#include "mail/charset.h"
#include "mail/lex.h"
#include "mail/word.h"

/* White space, and then a parameter which no semicolon separates from the one before. */
static bool param_follows(str s, size_t at)
{
	if (!ascii_is_space(s.p[at]))
		return false;
	size_t end = lex_skip_token(s, at + 1);
	return end > at + 1 && end < s.n && s.p[end] == '=';
}

/* An unquoted value is more than a token: boundary=a/b and name=my file.txt are common. It ends at
 * a semicolon, a line end, or before another parameter. */
static size_t skip_bare_value(str s, size_t at)
{
	while (at < s.n && str_find_char(STR(";\r\n"), s.p[at]) < 0 && !param_follows(s, at))
		at++;
	return at;
}

/* Without white space at its ends and a comment behind it. */
static str bare_value(str s)
{
	ptrdiff_t comment = str_find(s, STR(" ("));
	return str_trim(comment < 0 ? s : str_first(s, (size_t)comment));
}

static size_t read_value(str s, size_t at, struct param *out)
{
	size_t end;
	out->quoted = at < s.n && s.p[at] == '"';
	if (out->quoted) {
		end = lex_skip_quoted(s, at);
		out->value = str_first(str_skip(s, at + 1), end - at - 1);
		if (str_ends(out->value, STR("\"")))
			out->value.n--;
	} else {
		end = skip_bare_value(s, at);
		out->value = bare_value(str_first(str_skip(s, at), end - at));
	}
	return end;
}

bool param_next(str *rest, struct param *out)
{
	str s = *rest;
	size_t at = 0;
	while (at < s.n) {
		size_t start = lex_skip_cfws(s, at);
		size_t end = lex_skip_token(s, start);
		size_t equals = lex_skip_cfws(s, end);
		if (end > start && equals < s.n && s.p[equals] == '=') {
			out->name = str_first(str_skip(s, start), end - start);
			*rest = str_skip(s, read_value(s, lex_skip_cfws(s, equals + 1), out));
			return true;
		}
		at = end > start ? end : start + 1;
	}
	*rest = STR_EMPTY;
	return false;
}

bool param_find(str params, str name, struct param *out)
{
	struct param p;
	for (int i = 0; i < PARAM_MAX && param_next(&params, &p); i++) {
		if (str_equal_nocase(p.name, name)) {
			*out = p;
			return true;
		}
	}
	return false;
}

void param_text(struct buf *b, const struct param *p)
{
	str value = p->value;
	if (!p->quoted) {
		buf_add(b, value);
		return;
	}
	char *out = value.n ? buf_reserve(b, value.n) : NULL;
	if (out)
		b->n += lex_unescape(value, out);
}

/* "name*2*": segment 2 of that name, percent-encoded. A lone "name*" is segment 0. */
static bool segment_of(str param, str name, unsigned *out_index, bool *out_encoded)
{
	if (!str_starts_nocase(param, name) || param.n == name.n || param.p[name.n] != '*')
		return false;
	str rest = str_skip(param, name.n + 1);
	*out_encoded = rest.n == 0 || str_ends(rest, STR("*"));
	if (rest.n && *out_encoded)
		rest.n--;
	uint64_t index = 0;
	if (rest.n && !str_to_u64(rest, PARAM_MAX - 1, &index))
		return false;
	*out_index = (unsigned)index;
	return true;
}

static void percent_decode(struct buf *b, str s)
{
	for (size_t i = 0; i < s.n; i++) {
		int high = s.p[i] == '%' && i + 2 < s.n ? ascii_hex(s.p[i + 1]) : -1;
		int low = high >= 0 ? ascii_hex(s.p[i + 2]) : -1;
		if (low >= 0)
			i += 2;
		buf_add_char(b, low >= 0 ? (char)(high << 4 | low) : s.p[i]);
	}
}

struct segments {
	struct param param[PARAM_MAX];
	bool present[PARAM_MAX], encoded[PARAM_MAX];
};

static bool collect_segments(str params, str name, struct segments *out)
{
	struct param p;
	unsigned index;
	bool encoded;
	for (int i = 0; i < PARAM_MAX && param_next(&params, &p); i++) {
		if (!segment_of(p.name, name, &index, &encoded) || out->present[index])
			continue;
		out->param[index] = p;
		out->encoded[index] = encoded;
		out->present[index] = true;
	}
	return out->present[0];
}

/* charset'language'text */
static str cut_charset(str *value)
{
	str charset, language, text, rest;
	if (!str_cut(*value, '\'', &charset, &rest) || !str_cut(rest, '\'', &language, &text))
		return STR_EMPTY;
	*value = text;
	return charset;
}

static void join_segments(struct buf *b, const struct segments *segments)
{
	struct buf bytes CLEANUP(buf_done) = BUF_INIT(b->max);
	str charset = STR_EMPTY;
	for (size_t i = 0; i < PARAM_MAX && segments->present[i]; i++) {
		struct param p = segments->param[i];
		if (!segments->encoded[i]) {
			param_text(&bytes, &p);
			continue;
		}
		if (i == 0)
			charset = cut_charset(&p.value);
		percent_decode(&bytes, p.value);
	}
	charset_to_utf8(charset, buf_str(&bytes), b);
	b->overflowed = b->overflowed || bytes.overflowed;
}

bool param_decode(struct buf *b, str params, str name)
{
	struct segments *segments CLEANUP(free_pointer) = xcalloc(1, sizeof *segments);
	if (collect_segments(params, name, segments)) {
		join_segments(b, segments);
		return true;
	}
	struct param p;
	if (!param_find(params, name, &p))
		return false;
	struct buf text CLEANUP(buf_done) = BUF_INIT(b->max);
	param_text(&text, &p);
	word_decode(b, buf_str(&text));
	b->overflowed = b->overflowed || text.overflowed;
	return true;
}
