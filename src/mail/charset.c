#include "mail/charset.h"

#include "base/utf8.h"

#include <stdlib.h>
#include <unicode/ucnv.h>
#include <unicode/utf16.h>

enum { NAME_MAX_SIZE = 64, PIECE = 1024, REPLACEMENT = 0xfffd };

/*
 * UTF-8 and the windows-1252 family, which is nearly all mail, are done here; ICU does the rest.
 */
struct charset {
	UConverter *icu;  /* owned; NULL where done here */
	bool single_byte; /* windows-1252 without a look for UTF-8 */
	bool replace; /* labelled UTF-8: bytes that are not are U+FFFD instead of windows-1252 */
	char held[4]; /* the beginning of a UTF-8 sequence */
	size_t held_n;
	UChar high; /* a first surrogate whose second one is to come, or 0 */
};

/* Labels that mean something else than they say (WHATWG Encoding, and what mail readers do). */
static const struct {
	const char *label, *meaning;
} labels[] = {
	{ "iso-8859-1", "windows-1252" },
	{ "iso8859-1", "windows-1252" },
	{ "iso_8859-1", "windows-1252" },
	{ "latin1", "windows-1252" },
	{ "latin-1", "windows-1252" },
	{ "cp1252", "windows-1252" },
	{ "cp-1252", "windows-1252" },
	{ "utf8", "utf-8" },
	{ "us-ascii", "" },
	{ "ascii", "" },
	{ "gb2312", "gb18030" },
	{ "gb_2312-80", "gb18030" },
	{ "gbk", "gb18030" },
	{ "x-gbk", "gb18030" },
	{ "euc-kr", "windows-949" },
	{ "ks_c_5601-1987", "windows-949" },
	{ "ksc5601", "windows-949" },
	{ "shift_jis", "windows-31j" },
	{ "shift-jis", "windows-31j" },
	{ "x-sjis", "windows-31j" },
	{ "iso-8859-8-i", "iso-8859-8" },
	{ "iso-8859-9", "windows-1254" },
	{ "iso-8859-11", "windows-874" },
	{ "tis-620", "windows-874" },
};

/* The upper half's first 32, of which five are not assigned. */
static const uint16_t windows_1252[32] = {
	0x20ac,
	0xfffd,
	0x201a,
	0x0192,
	0x201e,
	0x2026,
	0x2020,
	0x2021,
	0x02c6,
	0x2030,
	0x0160,
	0x2039,
	0x0152,
	0xfffd,
	0x017d,
	0xfffd,
	0xfffd,
	0x2018,
	0x2019,
	0x201c,
	0x201d,
	0x2022,
	0x2013,
	0x2014,
	0x02dc,
	0x2122,
	0x0161,
	0x203a,
	0x0153,
	0xfffd,
	0x017e,
	0x0178,
};

static str meaning_of(str name)
{
	for (size_t i = 0; i < ARRAY_LEN(labels); i++)
		if (str_equal_nocase(name, str_from_z(labels[i].label)))
			return str_from_z(labels[i].meaning);
	return name;
}

/* ICU names may carry options behind a comma, and it would look for files by others. */
static bool is_plain_name(str name)
{
	for (size_t i = 0; i < name.n; i++)
		if (!ascii_is_alnum(name.p[i]) && str_find_char(STR("-_.:+"), name.p[i]) < 0)
			return false;
	return name.n > 0 && name.n < NAME_MAX_SIZE;
}

static UConverter *open_icu(str name)
{
	char z[NAME_MAX_SIZE];
	if (!is_plain_name(name) || !str_copy_z(name, z, sizeof z))
		return NULL;
	UErrorCode error = U_ZERO_ERROR;
	UConverter *icu = ucnv_open(z, &error);
	return U_SUCCESS(error) ? icu : NULL;
}

struct charset *charset_new(str name)
{
	struct charset *c = xcalloc(1, sizeof *c);
	name = meaning_of(str_trim(name));
	c->single_byte = str_equal_nocase(name, STR("windows-1252"));
	c->replace = str_equal_nocase(name, STR("utf-8"));
	if (!c->single_byte && !c->replace)
		c->icu = open_icu(name);
	return c;
}

void charset_free(struct charset *c)
{
	if (!c)
		return;
	if (c->icu)
		ucnv_close(c->icu);
	free(c);
}

void charset_free_pointer(struct charset **c)
{
	charset_free(*c);
}

static void add_byte(struct charset *c, char byte, struct buf *out)
{
	unsigned char u = (unsigned char)byte;
	if (c->replace)
		utf8_encode(out, REPLACEMENT);
	else
		utf8_encode(out, u >= 0x80 && u < 0xa0 ? windows_1252[u - 0x80] : u);
}

/* True where more bytes could make a character of s, which is not one yet. */
static bool may_become_utf8(str s)
{
	unsigned char u = (unsigned char)s.p[0];
	size_t need = u >= 0xf0 && u < 0xf5   ? 4
		      : u >= 0xe0 && u < 0xf0 ? 3
		      : u >= 0xc2 && u < 0xe0 ? 2
					      : 1;
	for (size_t i = 1; i < s.n; i++)
		if (((unsigned char)s.p[i] & 0xc0) != 0x80)
			return false;
	return s.n < need;
}

/* Takes one character or one byte off s; false where it has to be held until more comes. */
static bool take_utf8(struct charset *c, str *s, struct buf *out)
{
	uint32_t character;
	size_t n = c->single_byte ? 0 : utf8_decode(*s, &character);
	if (n)
		buf_add(out, str_first(*s, n));
	else if (!c->single_byte && may_become_utf8(*s))
		return false;
	else
		add_byte(c, s->p[0], out);
	*s = str_skip(*s, n ? n : 1);
	return true;
}

/* Completes what is held with bytes of `in`; returns what of `in` is left. */
static str feed_held(struct charset *c, str in, struct buf *out)
{
	while (c->held_n && in.n) {
		c->held[c->held_n++] = in.p[0];
		in = str_skip(in, 1);
		str held = str_from(c->held, c->held_n);
		while (held.n && take_utf8(c, &held, out))
			;
		memmove(c->held, held.p, held.n);
		c->held_n = held.n;
	}
	return in;
}

static void feed_utf8(struct charset *c, str in, struct buf *out)
{
	in = feed_held(c, in, out);
	while (in.n && !out->overflowed) {
		size_t run = ascii_length(in);
		buf_add(out, str_first(in, run));
		in = str_skip(in, run);
		if (in.n && !take_utf8(c, &in, out)) {
			memcpy(c->held, in.p, in.n);
			c->held_n = in.n;
			return;
		}
	}
}

static void add_utf16(struct charset *c, const UChar *p, size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++) {
		if (c->high && U16_IS_TRAIL(p[i])) {
			utf8_encode(out, (uint32_t)U16_GET_SUPPLEMENTARY(c->high, p[i]));
			c->high = 0;
			continue;
		}
		if (c->high)
			utf8_encode(out, REPLACEMENT);
		c->high = U16_IS_LEAD(p[i]) ? p[i] : 0;
		if (!c->high)
			utf8_encode(out, p[i]);
	}
}

static void feed_icu(struct charset *c, str in, bool flush, struct buf *out)
{
	const char *from = in.p, *end = in.p + in.n;
	UErrorCode error;
	do {
		UChar piece[PIECE], *to = piece;
		error = U_ZERO_ERROR;
		ucnv_toUnicode(c->icu, &to, piece + PIECE, &from, end, NULL, flush, &error);
		add_utf16(c, piece, (size_t)(to - piece), out);
	} while (error == U_BUFFER_OVERFLOW_ERROR && !out->overflowed);
}

void charset_feed(struct charset *c, str in, struct buf *out)
{
	if (c->icu)
		feed_icu(c, in, false, out);
	else
		feed_utf8(c, in, out);
}

void charset_finish(struct charset *c, struct buf *out)
{
	if (c->icu) {
		feed_icu(c, STR_EMPTY, true, out);
		if (c->high)
			utf8_encode(out, REPLACEMENT);
		ucnv_reset(c->icu);
	}
	for (size_t i = 0; i < c->held_n; i++)
		add_byte(c, c->held[i], out);
	c->held_n = 0;
	c->high = 0;
}

void charset_to_utf8(str name, str in, struct buf *out)
{
	struct charset *c CLEANUP(charset_free_pointer) = charset_new(name);
	charset_feed(c, in, out);
	charset_finish(c, out);
}
