#include "mail/header.h"

/* The line at `at`, with its line end. */
static str line_at(str block, size_t at)
{
	str rest = at < block.n ? str_skip(block, at) : STR_EMPTY;
	ptrdiff_t end = str_find_char(rest, '\n');
	return end < 0 ? rest : str_first(rest, (size_t)end + 1);
}

static bool line_is_empty(str line)
{
	return str_equal(line, STR("\n")) || str_equal(line, STR("\r\n"));
}

static str without_line_end(str s)
{
	if (s.n && s.p[s.n - 1] == '\n') {
		s.n--;
		if (s.n && s.p[s.n - 1] == '\r')
			s.n--;
	}
	return s;
}

size_t header_length(str message)
{
	size_t at = 0;
	while (at < message.n) {
		str line = line_at(message, at);
		at += line.n;
		if (line_is_empty(line))
			break;
	}
	return at;
}

/* Offset of the colon behind a name of printable characters and perhaps white space, or 0. */
static size_t colon_at(str line, size_t *out_name_n)
{
	size_t n = 0;
	while (n < line.n && (unsigned char)line.p[n] > ' ' && line.p[n] != ':' && line.p[n] != 127)
		n++;
	size_t at = n;
	while (at < line.n && (line.p[at] == ' ' || line.p[at] == '\t'))
		at++;
	*out_name_n = n;
	return n && at < line.n && line.p[at] == ':' ? at : 0;
}

bool header_next(str block, size_t *at, struct header_field *out)
{
	str line = line_at(block, *at);
	if (line.n == 0 || line_is_empty(line))
		return false;
	size_t end = *at + line.n;
	while (end < block.n && (block.p[end] == ' ' || block.p[end] == '\t'))
		end += line_at(block, end).n;

	str raw = str_first(str_skip(block, *at), end - *at);
	size_t name_n;
	size_t colon = colon_at(line, &name_n);
	*out = (struct header_field){
		.name = colon ? str_first(raw, name_n) : STR_EMPTY,
		.value = without_line_end(colon ? str_skip(raw, colon + 1) : raw),
		.raw = raw,
		.offset = *at,
	};
	*at = end;
	return true;
}

bool header_find(str block, str name, struct header_field *out)
{
	struct header_field field;
	size_t at = 0;
	while (name.n && at < block.n) {
		/* Lines that cannot be its first one, nearly all, are passed over. */
		if (ascii_lower(block.p[at]) != ascii_lower(name.p[0])) {
			str line = line_at(block, at);
			if (line_is_empty(line))
				return false;
			at += line.n;
		} else if (header_next(block, &at, &field) && str_equal_nocase(field.name, name)) {
			*out = field;
			return true;
		}
	}
	return false;
}

void header_unfold(struct buf *b, str value)
{
	value = str_trim(value);
	char *p = value.n ? buf_reserve(b, value.n) : NULL;
	if (!p)
		return;
	char *start = p;
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] != '\r' && value.p[i] != '\n')
			*p++ = value.p[i];
	b->n += (size_t)(p - start);
}
