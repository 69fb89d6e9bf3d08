#include "mailauth/spf_macro.h"

#include "base/buf.h"

#include <stdio.h>

enum {
	/* A name in the making is cut from the left when it is longer than this. What remains must
	 * be longer than any name, so that its first label, perhaps cut in two, never counts. */
	PENDING_MAX = 8192,
	PENDING_KEPT = 1024,
	/* The longest piece: an escaped address. */
	PIECE_MAX = 3 * (SPF_MACRO_VALUE_MAX + 1 + DNS_NAME_MAX),
	DIGITS_MAX = 1000000, /* more parts than any value has */
};

/* One stretch of a macro string. */
struct piece {
	str literal;   /* where letter is 0 */
	bool expanded; /* it was written with a "%" */
	char letter;   /* in lower case */
	bool escape;   /* it stood in upper case */
	bool reverse;
	unsigned parts; /* how many of the right-hand parts; 0: all */
	str delimiters;
};

static const struct {
	char sign;
	str literal;
} signs[] = { { '%', { "%", 1 } }, { '_', { " ", 1 } }, { '-', { "%20", 3 } } };

static const char *parse_letter(str *rest, struct piece *out)
{
	out->letter = rest->n ? ascii_lower(rest->p[0]) : '\0';
	if (!out->letter || str_find_char(STR("slodipvhcrt"), out->letter) < 0)
		return "an unknown macro letter";
	out->escape = out->letter != rest->p[0];
	*rest = str_skip(*rest, 1);
	return NULL;
}

static const char *parse_transformers(str *rest, struct piece *out)
{
	size_t n = 0;
	for (; n < rest->n && ascii_is_digit(rest->p[n]); n++)
		out->parts = MIN(out->parts * 10 + (unsigned)(rest->p[n] - '0'), DIGITS_MAX);
	if (n && !out->parts)
		return "a macro that keeps 0 parts";
	*rest = str_skip(*rest, n);
	out->reverse = rest->n && ascii_lower(rest->p[0]) == 'r';
	*rest = str_skip(*rest, out->reverse);
	size_t end = 0;
	while (end < rest->n && str_find_char(STR(".-+,/_="), rest->p[end]) >= 0)
		end++;
	out->delimiters = end ? str_first(*rest, end) : STR(".");
	*rest = str_skip(*rest, end);
	return NULL;
}

/* Takes the next piece off the text, which is not empty. */
static const char *next_piece(str *rest, struct piece *out)
{
	*out = (struct piece){ .literal = STR_EMPTY, .delimiters = STR_EMPTY };
	if (rest->p[0] != '%') {
		ptrdiff_t end = str_find_char(*rest, '%');
		out->literal = end < 0 ? *rest : str_first(*rest, (size_t)end);
		*rest = str_skip(*rest, out->literal.n);
		return NULL;
	}
	out->expanded = true;
	char sign = rest->n > 1 ? rest->p[1] : '\0';
	*rest = str_skip(*rest, 2);
	for (size_t i = 0; i < ARRAY_LEN(signs); i++) {
		if (sign == signs[i].sign) {
			out->literal = signs[i].literal;
			return NULL;
		}
	}
	if (sign != '{')
		return "a \"%\" that begins no macro";
	const char *wrong = parse_letter(rest, out);
	if (!wrong)
		wrong = parse_transformers(rest, out);
	if (!wrong && (!rest->n || rest->p[0] != '}'))
		wrong = "a macro that is not closed";
	*rest = str_skip(*rest, 1);
	return wrong;
}

static bool literal_is_visible(str s, bool spaces)
{
	for (size_t i = 0; i < s.n; i++) {
		if ((s.p[i] < 0x21 || s.p[i] > 0x7e) && !(spaces && s.p[i] == ' '))
			return false;
	}
	return true;
}

/* RFC 7208 §7.1: toplabel. */
static bool is_top_label(str s)
{
	bool letter = false;
	for (size_t i = 0; i < s.n; i++) {
		if (!ascii_is_alnum(s.p[i]) && s.p[i] != '-')
			return false;
		letter |= !ascii_is_digit(s.p[i]);
	}
	return letter && s.p[0] != '-' && s.p[s.n - 1] != '-';
}

static bool ends_in_top_label(str literal)
{
	if (str_ends(literal, STR(".")))
		literal.n--;
	ptrdiff_t dot = str_find_last_char(literal, '.');
	return dot >= 0 && is_top_label(str_skip(literal, (size_t)dot + 1));
}

const char *spf_macro_check(str text, enum spf_macro_place place)
{
	struct piece piece = { .expanded = false };
	if (place == SPF_MACRO_DOMAIN && !text.n)
		return "no domain";
	while (text.n) {
		const char *wrong = next_piece(&text, &piece);
		if (wrong)
			return wrong;
		bool spaces = piece.expanded || place == SPF_MACRO_EXPLANATION;
		if (!literal_is_visible(piece.literal, spaces))
			return "a character that is not allowed";
		if (piece.letter && place == SPF_MACRO_DOMAIN &&
			str_find_char(STR("crt"), piece.letter) >= 0)
			return "a macro letter for explanations only";
	}
	if (place == SPF_MACRO_DOMAIN && !piece.expanded && !ends_in_top_label(piece.literal))
		return "a domain that does not end in a top-level label";
	return NULL;
}

bool spf_macro_uses(str text, str letters)
{
	struct piece piece;
	while (text.n && !next_piece(&text, &piece)) {
		if (piece.letter && str_find_char(letters, piece.letter) >= 0)
			return true;
	}
	return false;
}

static void add_nibbles(struct buf *out, const struct ip *ip)
{
	for (size_t i = 0; i < 32; i++) {
		unsigned nibble = ip->bytes[i / 2] >> (i % 2 ? 0 : 4) & 15;
		buf_add_char(out, "0123456789ABCDEF"[nibble]);
		buf_add(out, i < 31 ? STR(".") : STR_EMPTY);
	}
}

static void add_ip(struct buf *out, const struct ip *ip)
{
	char text[IP_TEXT_SIZE];
	buf_add(out, str_from(text, ip_format(ip, text)));
}

static str or_unknown(str s)
{
	return s.n ? str_first(s, SPF_MACRO_VALUE_MAX) : STR("unknown");
}

/* What a letter stands for, before it is transformed. */
static void add_value(struct buf *out, char letter, const struct spf_macros *m)
{
	switch (letter) {
	case 's':
		buf_add(out, str_first(m->local, SPF_MACRO_VALUE_MAX));
		buf_add_char(out, '@');
		buf_add(out, m->origin);
		break;
	case 'l':
		buf_add(out, str_first(m->local, SPF_MACRO_VALUE_MAX));
		break;
	case 'o':
		buf_add(out, m->origin);
		break;
	case 'd':
		buf_add(out, m->domain);
		break;
	case 'i':
		if (ip_is_v4(&m->ip))
			add_ip(out, &m->ip);
		else
			add_nibbles(out, &m->ip);
		break;
	case 'c':
		add_ip(out, &m->ip);
		break;
	case 'p':
		buf_add(out, or_unknown(m->validated));
		break;
	case 'v':
		buf_add(out, ip_is_v4(&m->ip) ? STR("in-addr") : STR("ip6"));
		break;
	case 'h':
		buf_add(out, str_first(m->helo, SPF_MACRO_VALUE_MAX));
		break;
	case 'r':
		buf_add(out, or_unknown(m->receiver));
		break;
	case 't':
		buf_add_u64(out, m->time > 0 ? (uint64_t)m->time : 0);
		break;
	}
}

static void add_escaped(struct buf *out, str s, bool escape)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (!escape || ascii_is_alnum(c) || str_find_char(STR("-._~"), c) >= 0)
			buf_add_char(out, c);
		else
			buf_printf(out, "%%%02X", (unsigned char)c);
	}
}

/* The end of the part that begins at `at`. */
static size_t part_end(str s, size_t at, str delimiters)
{
	ptrdiff_t length = str_find_any(str_skip(s, at), delimiters);
	return length < 0 ? s.n : at + (size_t)length;
}

static size_t part_begin(str s, size_t end, str delimiters)
{
	while (end > 0 && str_find_char(delimiters, s.p[end - 1]) < 0)
		end--;
	return end;
}

/* Splits, keeps the right-hand parts of what may be reversed, joins with dots. */
static void add_transformed(struct buf *out, str s, const struct piece *piece)
{
	size_t total = 1;
	for (size_t i = 0; i < s.n; i++)
		total += str_find_char(piece->delimiters, s.p[i]) >= 0;
	size_t skipped = piece->parts && piece->parts < total ? total - piece->parts : 0;
	size_t begin = 0, end = s.n;
	for (size_t i = 0; i < total; i++) {
		if (piece->reverse)
			begin = part_begin(s, end, piece->delimiters);
		else
			end = part_end(s, begin, piece->delimiters);
		if (i >= skipped) {
			buf_add(out, i > skipped ? STR(".") : STR_EMPTY);
			add_escaped(out, str_from(s.p + begin, end - begin), piece->escape);
		}
		if (piece->reverse)
			end = begin - 1;
		else
			begin = end + 1;
	}
}

static void add_piece(struct buf *out, const struct piece *piece, const struct spf_macros *m)
{
	if (!piece->letter) {
		buf_add(out, piece->literal);
		return;
	}
	struct buf value CLEANUP(buf_done) = BUF_INIT(PIECE_MAX);
	add_value(&value, piece->letter, m);
	add_transformed(out, buf_str(&value), piece);
}

/* A name too long loses labels on its left (§7.3). */
static str shorten(str name)
{
	if (str_ends(name, STR(".")))
		name.n--;
	while (name.n > DNS_NAME_MAX) {
		ptrdiff_t dot = str_find_char(name, '.');
		if (dot < 0)
			break;
		name = str_skip(name, (size_t)dot + 1);
	}
	return name;
}

str spf_macro_domain(str spec, const struct spf_macros *m, struct arena *a)
{
	struct buf out CLEANUP(buf_done) = BUF_INIT(PENDING_MAX + PIECE_MAX);
	struct piece piece;
	while (spec.n && !next_piece(&spec, &piece)) {
		/* A literal can be as long as the record. */
		piece.literal = str_skip(piece.literal,
			piece.literal.n > PENDING_KEPT ? piece.literal.n - PENDING_KEPT : 0);
		add_piece(&out, &piece, m);
		if (out.n > PENDING_MAX)
			buf_consume(&out, out.n - PENDING_KEPT);
	}
	ASSERT(!out.overflowed);
	str name = shorten(buf_str(&out));
	/* One endless label is no name, however much of it is kept. */
	return arena_str(a, str_first(name, DNS_NAME_MAX + 1));
}

str spf_macro_explanation(str text, const struct spf_macros *m, struct arena *a)
{
	struct buf out CLEANUP(buf_done) = BUF_INIT(SPF_EXPLANATION_MAX + PIECE_MAX);
	struct piece piece;
	while (text.n && out.n < SPF_EXPLANATION_MAX && !next_piece(&text, &piece)) {
		piece.literal = str_first(piece.literal, SPF_EXPLANATION_MAX);
		add_piece(&out, &piece, m);
	}
	ASSERT(!out.overflowed);
	str result = str_first(buf_str(&out), SPF_EXPLANATION_MAX);
	return literal_is_visible(result, true) ? arena_str(a, result) : STR_EMPTY;
}
