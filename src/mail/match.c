#include "mail/match.h"

#include "mail/charset.h"
#include "mail/header.h"
#include "mail/param.h"
#include "mail/transfer.h"
#include "mail/word.h"

#include "base/utf8.h"

#include <stdlib.h>
#include <unicode/uchar.h>

enum {
	PIECE = 16 * 1024,      /* of a body, decoded and searched at a time */
	FIELD_MAX = 256 * 1024, /* what of a header field is searched */
};

struct match {
	struct buf needle; /* folded */
	struct buf window; /* folded text: an end of what was searched, then what is to be */
};

/* Simple case folding: one character becomes one. */
static void fold(struct buf *out, str text)
{
	while (text.n && !out->overflowed) {
		uint32_t c;
		size_t n = (unsigned char)text.p[0] < 0x80 ? 0 : utf8_decode(text, &c);
		if (n)
			utf8_encode(out, (uint32_t)u_foldCase((UChar32)c, U_FOLD_CASE_DEFAULT));
		else
			buf_add_char(out, ascii_lower(text.p[0]));
		text = str_skip(text, MAX(n, (size_t)1));
	}
}

struct match *match_new(str needle)
{
	if (needle.n > MATCH_NEEDLE_MAX || !utf8_valid(needle))
		return NULL;
	struct match *m = xcalloc(1, sizeof *m);
	m->needle = BUF_INIT(4 * MATCH_NEEDLE_MAX);
	m->window = BUF_INIT(SIZE_MAX);
	fold(&m->needle, needle);
	return m;
}

void match_free(struct match *m)
{
	if (!m)
		return;
	buf_done(&m->needle);
	buf_done(&m->window);
	free(m);
}

/* Adds text that goes on where the last one ended. */
static bool feed(struct match *m, str text)
{
	fold(&m->window, text);
	if (str_find(buf_str(&m->window), buf_str(&m->needle)) >= 0)
		return true;
	size_t keep = m->needle.n ? m->needle.n - 1 : 0;
	if (m->window.n > keep)
		buf_consume(&m->window, m->window.n - keep);
	return false;
}

/* About PIECE bytes, not ending within a character. */
static str first_piece(str text)
{
	size_t n = MIN(text.n, (size_t)PIECE);
	while (n < text.n && ((unsigned char)text.p[n] & 0xc0) == 0x80)
		n++;
	return str_first(text, n);
}

bool match_in_text(struct match *m, str text)
{
	buf_clear(&m->window);
	bool found = false;
	while (text.n && !found) {
		str piece = first_piece(text);
		found = feed(m, piece);
		text = str_skip(text, piece.n);
	}
	return found || m->needle.n == 0;
}

static bool in_value(struct match *m, const struct header_field *field, bool with_name)
{
	struct buf text CLEANUP(buf_done) = BUF_INIT(SIZE_MAX);
	if (with_name) {
		buf_add(&text, field->name);
		buf_add(&text, STR(": "));
	}
	word_decode(&text, str_first(field->value, FIELD_MAX));
	return match_in_text(m, buf_str(&text));
}

bool match_in_field(struct match *m, str header, str name)
{
	struct header_field field;
	for (size_t at = 0; header_next(header, &at, &field);)
		if (field.name.n && str_equal_nocase(field.name, name) &&
			in_value(m, &field, false))
			return true;
	return false;
}

bool match_in_header(struct match *m, str header)
{
	struct header_field field;
	for (size_t at = 0; header_next(header, &at, &field);)
		if (in_value(m, &field, true))
			return true;
	return m->needle.n == 0;
}

struct text_reader {
	struct transfer transfer;
	struct charset *charset; /* owned */
	struct buf bytes, text;  /* owned */
};

static void text_reader_init(struct text_reader *r, const struct mime_part *p)
{
	struct buf name CLEANUP(buf_done) = BUF_INIT(1024);
	struct param param;
	if (param_find(p->type_params, STR("charset"), &param))
		param_text(&name, &param);
	transfer_init(&r->transfer, transfer_encoding_from(p->encoding));
	r->charset = charset_new(buf_str(&name));
	r->bytes = BUF_INIT(SIZE_MAX);
	r->text = BUF_INIT(SIZE_MAX);
}

static void text_reader_done(struct text_reader *r)
{
	charset_free(r->charset);
	buf_done(&r->bytes);
	buf_done(&r->text);
}

static str read_piece(struct text_reader *r, str piece, bool last)
{
	buf_clear(&r->bytes);
	buf_clear(&r->text);
	transfer_feed(&r->transfer, piece, &r->bytes);
	if (last)
		transfer_finish(&r->transfer, &r->bytes);
	charset_feed(r->charset, buf_str(&r->bytes), &r->text);
	if (last)
		charset_finish(r->charset, &r->text);
	return buf_str(&r->text);
}

static bool in_text_part(struct match *m, const struct mime_part *p)
{
	struct text_reader reader CLEANUP(text_reader_done);
	text_reader_init(&reader, p);
	buf_clear(&m->window);
	str rest = p->body;
	bool found = false;
	while (rest.n && !found) {
		str piece = str_first(rest, PIECE);
		rest = str_skip(rest, PIECE);
		found = feed(m, read_piece(&reader, piece, rest.n == 0));
	}
	return found;
}

bool match_in_body(struct match *m, const struct mime_tree *tree)
{
	if (m->needle.n == 0)
		return true;
	for (uint32_t i = 0; i < tree->n; i++) {
		const struct mime_part *p = &tree->parts[i];
		if (i > 0 && match_in_header(m, p->header))
			return true;
		if (p->kind == MIME_LEAF && mime_is(p, STR("text"), STR_EMPTY) &&
			in_text_part(m, p))
			return true;
	}
	return false;
}
