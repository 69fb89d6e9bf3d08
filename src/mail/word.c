#include "mail/word.h"

#include "mail/charset.h"
#include "mail/transfer.h"

#include "base/utf8.h"

struct word {
	str charset;
	enum transfer_encoding encoding;
	str text; /* still encoded */
};

/* Words of one charset that follow each other are converted together: their bytes are collected. */
struct decoder {
	struct buf *out;
	struct buf bytes;
	str charset;  /* of bytes; p is NULL when the last thing was no encoded word */
	bool endless; /* no "?=" is ahead: what looks like the beginning of a word is none */
};

/* "=?charset*language?Q?text?=" at the beginning of s; returns its length, or 0. Spaces in the text
 * are not allowed and seen all the same; RFC 2047's limit of 75 characters is not kept by many. */
static size_t parse_word(struct decoder *d, str s, struct word *out)
{
	str rest = str_skip(s, 2), encoding;
	ptrdiff_t end = str_find_any(rest, STR("? \t\r\n()<>@,;:\"/[]="));
	if (end <= 0 || rest.p[end] != '?' || rest.n < (size_t)end + 3)
		return 0;
	out->charset = str_first(rest, (size_t)end);
	str_cut(out->charset, '*', &out->charset, &encoding);
	encoding = str_first(str_skip(rest, (size_t)end + 1), 2);
	if (str_equal_nocase(encoding, STR("q?")))
		out->encoding = TRANSFER_QUOTED_PRINTABLE;
	else if (str_equal_nocase(encoding, STR("b?")))
		out->encoding = TRANSFER_BASE64;
	else
		return 0;
	rest = str_skip(rest, (size_t)end + 3);
	ptrdiff_t text_n = str_find(rest, STR("?="));
	d->endless = text_n < 0;
	if (d->endless)
		return 0;
	out->text = str_first(rest, (size_t)text_n);
	return (size_t)(rest.p - s.p) + (size_t)text_n + 2;
}

/* RFC 2047 §4.2: as quoted-printable, but "_" is a space, and there are no lines. */
static void decode_q(struct buf *b, str text)
{
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];
		int high = c == '=' && i + 2 < text.n ? ascii_hex(text.p[i + 1]) : -1;
		int low = high >= 0 ? ascii_hex(text.p[i + 2]) : -1;
		if (low >= 0) {
			c = (char)(high << 4 | low);
			i += 2;
		}
		if (c != '\r' && c != '\n')
			buf_add_char(b, c == '_' ? ' ' : c);
	}
}

/* The result is one line of text, whatever the words hold. */
static void flush_words(struct decoder *d)
{
	size_t start = d->out->n;
	if (d->charset.p)
		charset_to_utf8(d->charset, buf_str(&d->bytes), d->out);
	for (size_t i = start; i < d->out->n; i++)
		if (str_find_char(STR("\r\n\0"), d->out->p[i]) >= 0)
			d->out->p[i] = ' ';
	d->out->overflowed = d->out->overflowed || d->bytes.overflowed;
	buf_clear(&d->bytes);
	d->charset = (str){ 0 };
}

static void add_word(struct decoder *d, const struct word *w)
{
	if (d->charset.p && !str_equal_nocase(d->charset, w->charset))
		flush_words(d);
	d->charset = w->charset;
	if (w->encoding == TRANSFER_BASE64)
		transfer_decode(TRANSFER_BASE64, w->text, &d->bytes);
	else
		decode_q(&d->bytes, w->text);
}

/* A run without encoded words: unfolded. */
static void add_plain(struct decoder *d, str text)
{
	flush_words(d);
	struct buf line CLEANUP(buf_done) = BUF_INIT(d->out->max);
	if (str_find_char(text, '\n') >= 0 || str_find_char(text, '\r') >= 0) {
		for (size_t i = 0; i < text.n; i++)
			if (text.p[i] != '\r' && text.p[i] != '\n')
				buf_add_char(&line, text.p[i]);
		text = buf_str(&line);
	}
	if (ascii_only(text))
		buf_add(d->out, text);
	else
		charset_to_utf8(STR_EMPTY, text, d->out);
}

/* The offset of the next encoded word, which goes to *out, from `at`; s.n if there is none. */
static size_t find_word(struct decoder *d, str s, size_t at, struct word *out, size_t *out_n)
{
	while (!d->endless) {
		ptrdiff_t next = str_find(str_skip(s, at), STR("=?"));
		if (next < 0)
			break;
		at += (size_t)next;
		*out_n = parse_word(d, str_skip(s, at), out);
		if (*out_n)
			return at;
		at += 2;
	}
	return s.n;
}

void word_decode(struct buf *b, str value)
{
	struct decoder d = { .out = b, .bytes = BUF_INIT(b->max) };
	struct word word;
	value = str_trim(value);
	for (size_t at = 0; at < value.n;) {
		size_t word_n = 0;
		size_t start = find_word(&d, value, at, &word, &word_n);
		str between = str_first(str_skip(value, at), start - at);
		if (between.n && (!d.charset.p || !word_n || str_trim(between).n))
			add_plain(&d, between);
		if (word_n)
			add_word(&d, &word);
		at = start + word_n;
	}
	flush_words(&d);
	buf_done(&d.bytes);
}
