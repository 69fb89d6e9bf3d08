#include "base/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct buf *b, str s)
{
	for (; s.n; s = str_skip(s, 3)) {
		uint32_t bits = 0;
		for (size_t i = 0; i < 3; i++)
			bits = bits << 8 | (i < s.n ? (unsigned char)s.p[i] : 0);
		char quad[4];
		for (size_t i = 0; i < 4; i++)
			quad[i] = i <= s.n ? alphabet[bits >> (18 - 6 * i) & 63] : '=';
		buf_add(b, str_from(quad, 4));
	}
}

/* One more than the value of the character; 0: it has none. */
/* clang-format off */
static const unsigned char values[256] = {
	['A'] = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22,
	23, 24, 25, 26,
	['a'] = 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46,
	47, 48, 49, 50, 51, 52,
	['0'] = 53, 54, 55, 56, 57, 58, 59, 60, 61, 62,
	['+'] = 63, ['/'] = 64,
};
/* clang-format on */

/* The 24 bits of four characters. False where one is not of the alphabet: less 1 it has all bits
 * set. */
static bool decode_quad(const char *p, uint32_t *out)
{
	const unsigned char *c = (const unsigned char *)p;
	*out = (values[c[0]] - 1u) << 18 | (values[c[1]] - 1u) << 12 | (values[c[2]] - 1u) << 6 |
	       (values[c[3]] - 1u);
	return *out <= 0xffffff;
}

bool base64_decode(struct buf *b, str s)
{
	if (s.n == 0)
		return !b->overflowed;
	if (s.n % 4)
		return false;
	size_t pad = s.p[s.n - 1] != '=' ? 0 : s.p[s.n - 2] != '=' ? 1 : 2;
	size_t size = s.n / 4 * 3 - pad;
	char last[4] = { 'A', 'A', 'A', 'A' }; /* zeros in the place of the padding */
	memcpy(last, s.p + s.n - 4, 4 - pad);
	char *out = buf_reserve(b, size);
	uint32_t bits;
	if (!out)
		return false;
	for (const char *p = s.p, *end = s.p + s.n - 4; p < end; p += 4, out += 3) {
		if (!decode_quad(p, &bits))
			return false;
		out[0] = (char)(bits >> 16);
		out[1] = (char)(bits >> 8);
		out[2] = (char)bits;
	}
	if (!decode_quad(last, &bits) || bits & ((1u << 8 * pad) - 1))
		return false;
	for (size_t i = 0; i < 3 - pad; i++)
		out[i] = (char)(bits >> (16 - 8 * i));
	b->n += size;
	return true;
}

void base32_id(const unsigned char *random, size_t n, char *out)
{
	for (size_t i = 0; i < n; i++)
		out[i] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"[random[i] & 31];
	out[n] = '\0';
}
