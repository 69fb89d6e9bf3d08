#include "mail/value.h"

#include "mail/structure.h"

#include "base/utf8.h"

static bool is_dropped(char c)
{
	return c == '\r' || c == '\n' || c == '\0';
}

/* Not in the middle of a UTF-8 character. */
static str cut(str s)
{
	s = str_trim(s);
	if (s.n <= STRUCTURE_VALUE_MAX)
		return s;
	size_t n = STRUCTURE_VALUE_MAX;
	for (int i = 0; i < 3 && ((unsigned char)s.p[n] & 0xc0) == 0x80; i++)
		n--;
	return str_first(s, n);
}

static void add_literal(struct buf *b, str s)
{
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++)
		n += !is_dropped(s.p[i]);
	buf_printf(b, "{%zu}\r\n", n);
	for (size_t i = 0; i < s.n; i++)
		if (!is_dropped(s.p[i]))
			buf_add_char(b, s.p[i]);
}

static void add_quoted(struct buf *b, str s)
{
	char *p = buf_reserve(b, 2 * s.n + 2);
	if (!p)
		return;
	char *start = p;
	*p++ = '"';
	for (size_t i = 0; i < s.n; i++) {
		if (is_dropped(s.p[i]))
			continue;
		if (s.p[i] == '"' || s.p[i] == '\\')
			*p++ = '\\';
		*p++ = s.p[i];
	}
	*p++ = '"';
	b->n += (size_t)(p - start);
}

void mail_value_format(struct buf *b, str s)
{
	if (!s.p) {
		buf_add(b, STR("NIL"));
		return;
	}
	s = cut(s);
	if (ascii_only(s))
		add_quoted(b, s);
	else
		add_literal(b, s);
}
