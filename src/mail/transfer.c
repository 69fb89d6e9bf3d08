#include "mail/transfer.h"

#include "mail/lex.h"

/* States of quoted-printable, in transfer.count. */
enum {
	QP_TEXT,
	QP_EQUALS,       /* "=" */
	QP_HEX,          /* "=" and a digit, which is in transfer.bits */
	QP_EQUALS_SPACE, /* "=" and white space: a soft line break if nothing but a line end follows
			  */
	QP_EQUALS_CR,    /* "=" and CR */
};

enum transfer_encoding transfer_encoding_from(str name)
{
	if (name.n == 0)
		return TRANSFER_IDENTITY;
	size_t start = lex_skip_cfws(name, 0);
	str token = str_first(str_skip(name, start), lex_skip_token(name, start) - start);
	if (str_equal_nocase(token, STR("base64")))
		return TRANSFER_BASE64;
	if (str_equal_nocase(token, STR("quoted-printable")))
		return TRANSFER_QUOTED_PRINTABLE;
	return TRANSFER_IDENTITY;
}

void transfer_init(struct transfer *t, enum transfer_encoding encoding)
{
	*t = (struct transfer){ .encoding = encoding };
}

/* 0 to 63; 64 for "="; 65 for what is skipped. */
static unsigned base64_value(char c)
{
	if (ascii_is_alpha(c))
		return (unsigned)(c <= 'Z' ? c - 'A' : c - 'a' + 26);
	if (ascii_is_digit(c))
		return (unsigned)(c - '0' + 52);
	return c == '+' ? 62 : c == '/' ? 63 : c == '=' ? 64 : 65;
}

/* What two or three characters encode, where padding or the end cuts a group short. */
static size_t base64_flush(struct transfer *t, char *out)
{
	size_t n = 0;
	if (t->count == 2) {
		out[n++] = (char)(t->bits >> 4);
	} else if (t->count == 3) {
		out[n++] = (char)(t->bits >> 10);
		out[n++] = (char)(t->bits >> 2);
	}
	t->bits = t->count = 0;
	return n;
}

static size_t base64_feed(struct transfer *t, str in, char *out)
{
	size_t n = 0;
	for (size_t i = 0; i < in.n; i++) {
		unsigned value = base64_value(in.p[i]);
		if (value == 64)
			n += base64_flush(t, out + n);
		if (value >= 64)
			continue;
		t->bits = t->bits << 6 | value;
		if (++t->count == 4) {
			out[n++] = (char)(t->bits >> 16);
			out[n++] = (char)(t->bits >> 8);
			out[n++] = (char)t->bits;
			t->bits = t->count = 0;
		}
	}
	return n;
}

static size_t qp_release(struct transfer *t, char *out)
{
	size_t n = t->held_n;
	memcpy(out, t->held, n);
	t->held_n = 0;
	return n;
}

/* White space is held until it is known whether a line end follows, which drops it; a run that is
 * longer than anybody writes is taken as text. */
static size_t qp_text(struct transfer *t, char c, char *out)
{
	size_t n = 0;
	if (c == ' ' || c == '\t') {
		if (t->held_n == sizeof t->held)
			n = qp_release(t, out);
		t->held[t->held_n++] = c;
		return n;
	}
	if (c == '\r' || c == '\n')
		t->held_n = 0;
	n = qp_release(t, out);
	if (c == '=')
		t->count = QP_EQUALS;
	else
		out[n++] = c;
	return n;
}

/* "=" and what came since stand for themselves; then c. */
static size_t qp_literal(struct transfer *t, char c, char *out)
{
	size_t n = 0;
	out[n++] = '=';
	if (t->count == QP_HEX)
		out[n++] = (char)t->bits;
	t->count = QP_TEXT;
	return n + qp_text(t, c, out + n);
}

static size_t qp_char(struct transfer *t, char c, char *out)
{
	switch (t->count) {
	case QP_TEXT:
		return qp_text(t, c, out);
	case QP_HEX:
		if (ascii_hex(c) < 0)
			return qp_literal(t, c, out);
		*out = (char)(ascii_hex((char)t->bits) << 4 | ascii_hex(c));
		t->count = QP_TEXT;
		return 1;
	case QP_EQUALS_CR:
		t->count = QP_TEXT;
		return c == '\n' ? 0 : qp_text(t, c, out);
	default: /* QP_EQUALS, QP_EQUALS_SPACE */
		if (c == '\n')
			t->count = QP_TEXT;
		else if (c == '\r')
			t->count = QP_EQUALS_CR;
		else if (c == ' ' || c == '\t')
			t->count = QP_EQUALS_SPACE;
		else if (ascii_hex(c) < 0 || t->count == QP_EQUALS_SPACE)
			return qp_literal(t, c, out);
		else
			t->bits = (unsigned char)c, t->count = QP_HEX;
		return 0;
	}
}

static size_t qp_feed(struct transfer *t, str in, char *out)
{
	size_t n = 0;
	for (size_t i = 0; i < in.n; i++)
		n += qp_char(t, in.p[i], out + n);
	return n;
}

void transfer_feed(struct transfer *t, str in, struct buf *out)
{
	if (t->encoding == TRANSFER_IDENTITY) {
		buf_add(out, in);
		return;
	}
	/* Nothing grows, save for what was held before, and an "=" with its digit. */
	char *at = in.n ? buf_reserve(out, in.n + sizeof t->held + 2) : NULL;
	if (at)
		out->n += t->encoding == TRANSFER_BASE64 ? base64_feed(t, in, at)
							 : qp_feed(t, in, at);
}

void transfer_finish(struct transfer *t, struct buf *out)
{
	char *at = buf_reserve(out, 4);
	if (at && t->encoding == TRANSFER_BASE64)
		out->n += base64_flush(t, at);
	if (at && t->encoding == TRANSFER_QUOTED_PRINTABLE && t->count == QP_HEX) {
		at[0] = '=';
		at[1] = (char)t->bits;
		out->n += 2;
	}
	t->held_n = 0;
	t->count = 0;
}

void transfer_decode(enum transfer_encoding encoding, str in, struct buf *out)
{
	struct transfer t;
	transfer_init(&t, encoding);
	transfer_feed(&t, in, out);
	transfer_finish(&t, out);
}
