#include "mail/uuencode.h"

static str take_line(str *rest)
{
	str line;
	str_cut(*rest, '\n', &line, rest);
	if (str_ends(line, STR("\r")))
		line.n--;
	return line;
}

static unsigned value(char c)
{
	return ((unsigned char)c - ' ') & 63;
}

/* Its first character says how many bytes it has; spaces at its end may be lost. */
static bool is_data(str line)
{
	if (line.n == 0 || line.p[0] < ' ' || line.p[0] > '`')
		return false;
	size_t n = (value(line.p[0]) + 2) / 3 * 4;
	for (size_t i = 1; i < line.n; i++)
		if (line.p[i] < ' ' || line.p[i] > '`')
			return false;
	return line.n <= n + 2;
}

/* "begin 644 name" */
static str begin_name(str line)
{
	if (!str_starts(line, STR("begin ")))
		return STR_EMPTY;
	line = str_skip(line, 6);
	size_t n = 0;
	while (n < line.n && line.p[n] >= '0' && line.p[n] <= '7')
		n++;
	bool good = (n == 3 || n == 4) && n + 1 < line.n && line.p[n] == ' ';
	return good ? str_trim(str_skip(line, n + 1)) : STR_EMPTY;
}

bool uuencode_find(str *rest, struct uuencoded *out)
{
	while (rest->n) {
		str name = begin_name(take_line(rest));
		if (!name.n)
			continue;
		str lines = *rest;
		size_t left = rest->n;
		for (str line; rest->n; left = rest->n) {
			line = take_line(rest);
			if (str_equal(line, STR("end")) || !is_data(line))
				break;
		}
		lines.n -= left;
		out->name = name;
		out->lines = lines;
		if (lines.n)
			return true;
	}
	return false;
}

static void decode_line(str line, struct buf *out)
{
	size_t n = value(line.p[0]);
	line = str_skip(line, 1);
	for (size_t i = 0; n && i < line.n; i += 4) {
		uint32_t bits = 0;
		for (size_t k = 0; k < 4; k++)
			bits = bits << 6 | (i + k < line.n ? value(line.p[i + k]) : 0);
		for (size_t k = 0; k < 3 && n; k++, n--)
			buf_add_char(out, (char)(bits >> (16 - 8 * k)));
	}
}

void uuencode_decode(str lines, struct buf *out)
{
	while (lines.n) {
		str line = take_line(&lines);
		if (is_data(line))
			decode_line(line, out);
	}
}
