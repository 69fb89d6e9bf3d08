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

static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (ascii_is_digit(c))
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool base64_decode(struct buf *b, str s)
{
	if (s.n % 4)
		return false;
	for (; s.n; s = str_skip(s, 4)) {
		size_t pad = s.n > 4 || s.p[3] != '=' ? 0 : s.p[2] != '=' ? 1 : 2;
		uint32_t bits = 0;
		for (size_t i = 0; i < 4; i++) {
			int value = i >= 4 - pad ? 0 : value_of(s.p[i]);
			if (value < 0)
				return false;
			bits = bits << 6 | (uint32_t)value;
		}
		if (pad && bits & ((1u << 8 * pad) - 1))
			return false;
		char bytes[3] = { (char)(bits >> 16), (char)(bits >> 8), (char)bits };
		buf_add(b, str_from(bytes, 3 - pad));
	}
	return !b->overflowed;
}

void base32_id(const unsigned char *random, size_t n, char *out)
{
	for (size_t i = 0; i < n; i++)
		out[i] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"[random[i] & 31];
	out[n] = '\0';
}
