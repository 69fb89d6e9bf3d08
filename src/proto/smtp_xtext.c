#include "proto/smtp_xtext.h"
#include "base/utf8.h"

static bool is_plain(char c, bool allow_utf8)
{
	return (c >= 33 && c <= 126) || (allow_utf8 && (c & 0x80));
}

/* The value of "+HH" at the start of s, or -1. */
static int decode_hexchar(str s)
{
	if (s.n < 3)
		return -1;
	int high = ascii_hex(s.p[1]), low = ascii_hex(s.p[2]);
	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

static bool is_control(int c)
{
	return c < 32 || c == 127;
}

/* Writes at most s.n bytes to out; returns their number, or -1. */
static ptrdiff_t decode(str s, bool allow_utf8, char *out)
{
	ptrdiff_t n = 0;
	for (size_t i = 0; i < s.n; i++) {
		int c = (unsigned char)s.p[i];
		if (c == '+') {
			c = decode_hexchar(str_skip(s, i));
			i += 2;
			if (c < 0 || is_control(c) || (c > 127 && !allow_utf8))
				return -1;
		} else if (!is_plain((char)c, allow_utf8)) {
			return -1;
		}
		out[n++] = (char)c;
	}
	return n;
}

enum smtp_xtext_result smtp_xtext_decode(str s, bool allow_utf8, struct arena *arena, str *out)
{
	char *p = arena_try(arena, s.n + 1);
	if (!p)
		return SMTP_XTEXT_NO_MEMORY;
	ptrdiff_t n = decode(s, allow_utf8, p);
	if (n < 0 || !utf8_valid(str_from(p, (size_t)n)))
		return SMTP_XTEXT_MALFORMED;
	*out = str_from(p, (size_t)n);
	return SMTP_XTEXT_OK;
}

void smtp_xtext_encode(str s, struct buf *out)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (c >= 33 && c <= 126 && c != '+' && c != '=')
			buf_add_char(out, c);
		else
			buf_printf(out, "+%02X", (unsigned)(unsigned char)c);
	}
}
