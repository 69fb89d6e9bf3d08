#include "base/utf8.h"

#define HIGH_BITS UINT64_C(0x8080808080808080)

static uint64_t load(const char *p)
{
	uint64_t eight;
	memcpy(&eight, p, sizeof eight);
	return eight;
}

size_t ascii_length(str s)
{
	size_t n = 0;
	/* Many at a time, as long as none has its highest bit set. */
	for (const char *p = s.p; n + 32 <= s.n; n += 32, p += 32)
		if ((load(p) | load(p + 8) | load(p + 16) | load(p + 24)) & HIGH_BITS)
			break;
	while (n + 8 <= s.n && !(load(s.p + n) & HIGH_BITS))
		n += 8;
	while (n < s.n && (unsigned char)s.p[n] < 0x80)
		n++;
	return n;
}

size_t utf8_decode(str s, uint32_t *out)
{
	if (s.n == 0)
		return 0;
	unsigned char first = (unsigned char)s.p[0];
	if (first < 0x80) {
		*out = first;
		return 1;
	}
	size_t n = first >= 0xf0 && first <= 0xf4  ? 4
		   : first >= 0xe0 && first < 0xf0 ? 3
		   : first >= 0xc2 && first < 0xe0 ? 2
						   : 0;
	if (n == 0 || s.n < n)
		return 0;
	uint32_t c = first & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		unsigned char next = (unsigned char)s.p[i];
		if ((next & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (next & 0x3f);
	}
	bool overlong = (n == 3 && c < 0x800) || (n == 4 && c < 0x10000);
	bool surrogate = c >= 0xd800 && c <= 0xdfff;
	if (overlong || surrogate || c > 0x10ffff)
		return 0;
	*out = c;
	return n;
}

bool utf8_valid(str s)
{
	uint32_t c;
	while ((s = str_skip(s, ascii_length(s))).n) {
		size_t n = utf8_decode(s, &c);
		if (n == 0)
			return false;
		s = str_skip(s, n);
	}
	return true;
}

bool utf8_is_unseen(uint32_t c)
{
	return c == 0xad || c == 0x34f || c == 0x61c || c == 0x180e ||
	       (c >= 0x200b && c <= 0x200f) || (c >= 0x202a && c <= 0x202e) ||
	       (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c >= 0xe0000 && c <= 0xe0fff);
}

bool utf8_is_control(uint32_t c)
{
	return c < ' ' || (c >= 0x7f && c < 0xa0);
}

void utf8_encode(struct buf *b, uint32_t c)
{
	if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		c = 0xfffd;
	if (c < 0x80) {
		buf_add_char(b, (char)c);
		return;
	}
	size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	char bytes[4];
	for (size_t i = n - 1; i > 0; i--) {
		bytes[i] = (char)(0x80 | (c & 0x3f));
		c >>= 6;
	}
	bytes[0] = (char)((0xf00 >> n & 0xff) | c);
	buf_add(b, str_from(bytes, n));
}
