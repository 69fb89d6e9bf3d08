#include "base/utf8.h"

bool ascii_only(str s)
{
	size_t i = 0;
	for (; i + 32 <= s.n; i += 32) {
		uint64_t w[4];
		memcpy(w, s.p + i, sizeof w);
		if ((w[0] | w[1] | w[2] | w[3]) & 0x8080808080808080u)
			return false;
	}
	for (; i < s.n; i++)
		if (s.p[i] & 0x80)
			return false;
	return true;
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
	while (s.n) {
		size_t n = utf8_decode(s, &c);
		if (n == 0)
			return false;
		s = str_skip(s, n);
	}
	return true;
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
