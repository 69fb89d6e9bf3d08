#include "proto/mutf7.h"

#include "base/utf8.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

static bool is_printable(uint32_t c)
{
	return c >= 0x20 && c < 0x7f;
}

static int value_of(char c)
{
	const char *hit = c ? strchr(alphabet, c) : NULL;
	return hit ? (int)(hit - alphabet) : -1;
}

/* ---- Decoding ---- */

/* The 16-bit units inside one shift, of which pairs of surrogates make one character. */
struct unshift {
	struct buf *out;
	uint32_t bits; /* not yet used, the lowest `bit_count` of it */
	unsigned bit_count;
	uint32_t high; /* a high surrogate that waits for the low one; 0 if none */
};

static bool take_unit(struct unshift *u, uint32_t unit)
{
	bool is_high = unit >= 0xd800 && unit < 0xdc00;
	bool is_low = unit >= 0xdc00 && unit < 0xe000;
	if (is_low != (u->high != 0) || is_printable(unit))
		return false;
	if (is_high) {
		u->high = unit;
		return true;
	}
	utf8_encode(u->out, is_low ? 0x10000 + ((u->high - 0xd800) << 10) + (unit - 0xdc00) : unit);
	u->high = 0;
	return true;
}

static bool take_digit(struct unshift *u, char c)
{
	int value = value_of(c);
	if (value < 0)
		return false;
	u->bits = u->bits << 6 | (uint32_t)value;
	u->bit_count += 6;
	if (u->bit_count < 16)
		return true;
	u->bit_count -= 16;
	uint32_t unit = u->bits >> u->bit_count;
	u->bits &= (1u << u->bit_count) - 1;
	return take_unit(u, unit);
}

/* What stands between "&" and "-", not empty. */
static bool decode_shift(struct buf *out, str digits)
{
	struct unshift u = { .out = out };
	for (size_t i = 0; i < digits.n; i++)
		if (!take_digit(&u, digits.p[i]))
			return false;
	return u.high == 0 && u.bit_count < 6 && u.bits == 0;
}

bool mutf7_decode(struct buf *out, str s)
{
	bool after_shift = false;
	while (s.n) {
		char c = s.p[0];
		if (c != '&') {
			if (!is_printable((unsigned char)c))
				return false;
			buf_add_char(out, c);
			s = str_skip(s, 1);
			after_shift = false;
			continue;
		}
		str digits, rest;
		if (!str_cut(str_skip(s, 1), '-', &digits, &rest))
			return false;
		/* "&-" is the ampersand itself; two real shifts in a row should have been one. */
		if (digits.n == 0)
			buf_add_char(out, '&');
		else if (after_shift || !decode_shift(out, digits))
			return false;
		after_shift = digits.n > 0;
		s = rest;
	}
	return !out->overflowed;
}

/* ---- Encoding ---- */

struct shift {
	struct buf *out;
	bool open;
	uint32_t bits;
	unsigned bit_count;
};

static void put_unit(struct shift *e, uint32_t unit)
{
	e->bits = e->bits << 16 | unit;
	for (e->bit_count += 16; e->bit_count >= 6;) {
		e->bit_count -= 6;
		buf_add_char(e->out, alphabet[e->bits >> e->bit_count & 63]);
	}
	e->bits &= (1u << e->bit_count) - 1;
}

static void put_shifted(struct shift *e, uint32_t c)
{
	if (!e->open)
		buf_add_char(e->out, '&');
	e->open = true;
	if (c >= 0x10000) {
		put_unit(e, 0xd800 + ((c - 0x10000) >> 10));
		put_unit(e, 0xdc00 + ((c - 0x10000) & 0x3ff));
	} else {
		put_unit(e, c);
	}
}

static void close_shift(struct shift *e)
{
	if (!e->open)
		return;
	if (e->bit_count)
		buf_add_char(e->out, alphabet[e->bits << (6 - e->bit_count) & 63]);
	buf_add_char(e->out, '-');
	*e = (struct shift){ .out = e->out };
}

bool mutf7_encode(struct buf *out, str s)
{
	struct shift e = { .out = out };
	uint32_t c;
	for (size_t n; s.n; s = str_skip(s, n)) {
		n = utf8_decode(s, &c);
		if (n == 0)
			return false;
		if (!is_printable(c)) {
			put_shifted(&e, c);
			continue;
		}
		close_shift(&e);
		buf_add(out, c == '&' ? STR("&-") : str_first(s, 1));
	}
	close_shift(&e);
	return !out->overflowed;
}
