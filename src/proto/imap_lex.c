#include "proto/imap_lex.h"

bool imap_lex_fail_as(struct imap_lex *l, enum imap_error_kind kind, const char *text)
{
	if (!l->error.text) {
		l->error.kind = kind;
		l->error.text = text;
		l->error.at = l->at;
	}
	return false;
}

bool imap_lex_fail(struct imap_lex *l, const char *expected)
{
	return imap_lex_fail_as(l, IMAP_ERROR_SYNTAX, expected);
}

bool imap_lex_fail_at(struct imap_lex *l, size_t at, const char *expected)
{
	if (!l->error.text)
		l->at = at;
	return imap_lex_fail(l, expected);
}

void *imap_lex_alloc(struct imap_lex *l, size_t n)
{
	void *p = arena_try(l->arena, n);
	if (!p)
		imap_lex_fail(l, "command takes too much memory");
	return p;
}

void *imap_lex_grow(
	struct imap_lex *l, void *items, size_t n, size_t size, size_t max, const char *too_many)
{
	if (n >= max) {
		imap_lex_fail(l, too_many);
		return NULL;
	}
	/* Room doubles at 4, 8, 16 …: the old copies stay in the arena and are at most as much
	 * again. */
	bool full = n == 0 || (n >= 4 && (n & (n - 1)) == 0);
	if (!full)
		return items;
	void *wider = imap_lex_alloc(l, size * (n ? 2 * n : 4));
	if (wider && n)
		memcpy(wider, items, n * size);
	return wider;
}

bool imap_lex_skip(struct imap_lex *l, char c)
{
	if (l->at >= l->in.n || l->in.p[l->at] != c)
		return false;
	l->at++;
	return true;
}

bool imap_lex_char(struct imap_lex *l, char c, const char *expected)
{
	return imap_lex_skip(l, c) || imap_lex_fail(l, expected);
}

bool imap_lex_space(struct imap_lex *l)
{
	return imap_lex_char(l, ' ', "expected a space and more arguments");
}

bool imap_lex_end(struct imap_lex *l)
{
	str rest = str_skip(l->in, l->at);
	return rest.n == 0 || str_equal(rest, STR("\r\n")) ||
	       imap_lex_fail(l, "expected the end of the command");
}

bool imap_is_atom_char(char c)
{
	return c > ' ' && c < 127 && str_find_char(STR("(){%*\"\\]"), c) < 0;
}

static bool is_name_char(char c)
{
	return ascii_is_alnum(c) || c == '.' || c == '-' || c == '_';
}

static bool is_astring_char(char c)
{
	return imap_is_atom_char(c) || c == ']';
}

static bool is_list_char(char c)
{
	return is_astring_char(c) || c == '%' || c == '*';
}

static str run_of(struct imap_lex *l, bool (*member)(char))
{
	size_t from = l->at;
	while (l->at < l->in.n && member(l->in.p[l->at]))
		l->at++;
	return str_from(l->in.p + from, l->at - from);
}

str imap_lex_name(struct imap_lex *l)
{
	return run_of(l, is_name_char);
}

bool imap_lex_word(struct imap_lex *l, str word)
{
	size_t from = l->at;
	if (str_equal_nocase(imap_lex_name(l), word))
		return true;
	l->at = from;
	return false;
}

bool imap_lex_bit(
	struct imap_lex *l, const struct imap_bit_name *table, unsigned *bits, const char *expected)
{
	size_t from = l->at;
	unsigned bit = imap_bits_find(table, imap_lex_name(l));
	if (!bit)
		return imap_lex_fail_at(l, from, expected);
	*bits |= bit;
	return true;
}

bool imap_lex_atom(struct imap_lex *l, str *out, const char *expected)
{
	str word = run_of(l, imap_is_atom_char);
	if (word.n == 0)
		return imap_lex_fail(l, expected);
	*out = word;
	return true;
}

/* A quoted string's body without its backslashes, copied only if there are any. */
static bool unescape(struct imap_lex *l, str body, str *out)
{
	if (str_find_char(body, '\\') < 0) {
		*out = body;
		return true;
	}
	char *p = imap_lex_alloc(l, body.n);
	if (!p)
		return false;
	size_t n = 0;
	for (size_t i = 0; i < body.n; i++) {
		if (body.p[i] == '\\')
			i++;
		p[n++] = body.p[i];
	}
	*out = str_from(p, n);
	return true;
}

/* 8-bit bytes pass, as in RFC 9051; whoever needs UTF-8 checks it. */
static bool quoted(struct imap_lex *l, str *out)
{
	size_t from = ++l->at;
	for (; l->at < l->in.n; l->at++) {
		char c = l->in.p[l->at];
		if (c == '"') {
			str body = str_from(l->in.p + from, l->at - from);
			l->at++;
			return unescape(l, body, out);
		}
		if (c == '\r' || c == '\n' || c == '\0')
			break;
		if (c == '\\') {
			l->at++;
			if (imap_lex_peek(l) != '"' && imap_lex_peek(l) != '\\')
				return imap_lex_fail(l, "expected \" or \\ after a backslash");
		}
	}
	return imap_lex_fail(l, "expected a closing quote");
}

bool imap_lex_announcement(struct imap_lex *l, bool literal8, struct imap_append_message *out)
{
	uint64_t size;
	out->binary = literal8 && imap_lex_skip(l, '~');
	if (!imap_lex_char(l, '{', "expected a literal") ||
		!imap_lex_number(l, INT64_MAX, &size, "expected the size of a literal"))
		return false;
	out->nonsync = imap_lex_skip(l, '+');
	if (!imap_lex_char(l, '}', "expected } after the size of a literal"))
		return false;
	out->size = size;
	return true;
}

static bool literal(struct imap_lex *l, str *out)
{
	struct imap_append_message head;
	if (!imap_lex_announcement(l, false, &head))
		return false;
	str rest = str_skip(l->in, l->at);
	if (rest.n && !str_starts(STR("\r\n"), str_first(rest, 2)))
		return imap_lex_fail(l, "expected the end of the line after a literal's size");
	if (rest.n < 2 || rest.n - 2 < head.size)
		return imap_lex_fail_as(l, IMAP_ERROR_LITERAL, "expected more bytes of a literal");
	str body = str_first(str_skip(rest, 2), head.size);
	if (str_find_char(body, '\0') >= 0)
		return imap_lex_fail(l, "expected no NUL in a literal");
	l->at += 2 + body.n;
	*out = body;
	return true;
}

bool imap_lex_string(struct imap_lex *l, str *out, const char *expected)
{
	int c = imap_lex_peek(l);
	return c == '"' ? quoted(l, out) : c == '{' ? literal(l, out) : imap_lex_fail(l, expected);
}

static bool string_or_run(struct imap_lex *l, bool (*member)(char), str *out, const char *expected)
{
	int c = imap_lex_peek(l);
	if (c == '"' || c == '{')
		return imap_lex_string(l, out, expected);
	str word = run_of(l, member);
	if (word.n == 0)
		return imap_lex_fail(l, expected);
	*out = word;
	return true;
}

bool imap_lex_astring(struct imap_lex *l, str *out, const char *expected)
{
	return string_or_run(l, is_astring_char, out, expected);
}

bool imap_lex_nstring(struct imap_lex *l, str *out, bool *out_nil, const char *expected)
{
	*out_nil = imap_lex_word(l, STR("NIL"));
	if (*out_nil) {
		*out = STR_EMPTY;
		return true;
	}
	return imap_lex_string(l, out, expected);
}

bool imap_lex_number(struct imap_lex *l, uint64_t max, uint64_t *out, const char *expected)
{
	size_t from = l->at;
	while (l->at < l->in.n && ascii_is_digit(l->in.p[l->at]))
		l->at++;
	str digits = str_from(l->in.p + from, l->at - from);
	if (digits.n == 0)
		return imap_lex_fail(l, expected);
	return str_to_u64(digits, max, out) ||
	       imap_lex_fail_at(l, from, "expected a smaller number");
}

static bool is_set_char(char c)
{
	return ascii_is_digit(c) || c == ':' || c == ',' || c == '*';
}

bool imap_lex_set(struct imap_lex *l, struct imap_set *out)
{
	size_t from = l->at;
	str s = run_of(l, is_set_char);
	return imap_set_parse(s, l->arena, out) ||
	       imap_lex_fail_at(l, from, "expected a sequence set");
}

bool imap_lex_pattern(struct imap_lex *l, str *out)
{
	return string_or_run(l, is_list_char, out, "expected a mailbox name or pattern");
}
