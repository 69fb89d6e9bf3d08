#include "mail/lex.h"

/* After a pair like () or []: nested where open differs from close, one level where it does not. */
static size_t skip_pair(str s, size_t at, char open, char close)
{
	size_t depth = 1;
	for (at++; at < s.n && depth; at++) {
		char c = s.p[at];
		if (c == '\\')
			at++;
		else if (c == close)
			depth--;
		else if (c == open)
			depth++;
	}
	return MIN(at, s.n);
}

size_t lex_skip_comment(str s, size_t at)
{
	return skip_pair(s, at, '(', ')');
}

size_t lex_skip_quoted(str s, size_t at)
{
	return skip_pair(s, at, '"', '"');
}

size_t lex_skip_literal(str s, size_t at)
{
	return skip_pair(s, at, ']', ']');
}

size_t lex_skip_cfws(str s, size_t at)
{
	while (at < s.n) {
		if (ascii_is_space(s.p[at]))
			at++;
		else if (s.p[at] == '(')
			at = lex_skip_comment(s, at);
		else
			break;
	}
	return at;
}

size_t lex_skip_token(str s, size_t at)
{
	while (at < s.n && (unsigned char)s.p[at] > ' ' && s.p[at] != 127 &&
		str_find_char(STR("()<>@,;:\\\"/[]?="), s.p[at]) < 0)
		at++;
	return at;
}

size_t lex_unescape(str s, char *out)
{
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\\' && i + 1 < s.n)
			i++;
		if (s.p[i] != '\r' && s.p[i] != '\n')
			out[n++] = s.p[i];
	}
	return n;
}
