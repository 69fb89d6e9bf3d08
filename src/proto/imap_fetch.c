/*
 * Arguments of FETCH, and the names of sections in its responses.
 */
#include "proto/imap_fetch.h"

#include "proto/imap_format.h"
#include "proto/imap_lex.h"

static const struct imap_bit_name item_table[] = {
	{ "FLAGS", IMAP_FETCH_FLAGS },
	{ "INTERNALDATE", IMAP_FETCH_INTERNALDATE },
	{ "RFC822.SIZE", IMAP_FETCH_RFC822_SIZE },
	{ "ENVELOPE", IMAP_FETCH_ENVELOPE },
	{ "BODY", IMAP_FETCH_BODY },
	{ "BODYSTRUCTURE", IMAP_FETCH_BODYSTRUCTURE },
	{ "UID", IMAP_FETCH_UID },
	{ "MODSEQ", IMAP_FETCH_MODSEQ },
	{ NULL, 0 },
};

enum {
	FAST = IMAP_FETCH_FLAGS | IMAP_FETCH_INTERNALDATE | IMAP_FETCH_RFC822_SIZE,
	ALL = FAST | IMAP_FETCH_ENVELOPE,
	FULL = ALL | IMAP_FETCH_BODY,
};

/* Allowed only in place of a list, not in one. */
static const struct imap_bit_name macro_table[] = {
	{ "ALL", ALL },
	{ "FAST", FAST },
	{ "FULL", FULL },
	{ NULL, 0 },
};

/* ---- Sections ---- */

static const struct text {
	const char *name;
	enum imap_section_text text;
} text_table[] = {
	{ "HEADER", IMAP_SECTION_HEADER },
	{ "HEADER.FIELDS", IMAP_SECTION_HEADER_FIELDS },
	{ "HEADER.FIELDS.NOT", IMAP_SECTION_HEADER_FIELDS_NOT },
	{ "TEXT", IMAP_SECTION_TEXT },
	{ "MIME", IMAP_SECTION_MIME },
};

static bool section_fields(struct imap_lex *l, struct imap_section *s)
{
	str *fields = NULL;
	size_t n = 0;
	if (!imap_lex_space(l) || !imap_lex_char(l, '(', "expected a list of header fields"))
		return false;
	do {
		fields = imap_lex_grow(l, fields, n, sizeof *fields, IMAP_MAX_HEADER_FIELDS,
			"expected fewer header fields");
		if (!fields || !imap_lex_astring(l, &fields[n++], "expected a header field"))
			return false;
	} while (imap_lex_skip(l, ' '));
	s->fields = fields;
	s->field_count = n;
	return imap_lex_char(l, ')', "expected ) after the header fields");
}

static bool section_text(struct imap_lex *l, struct imap_section *s)
{
	size_t from = l->at;
	str name = imap_lex_name(l);
	for (size_t i = 0; i < ARRAY_LEN(text_table); i++) {
		const struct text *t = &text_table[i];
		if (!str_equal_nocase(str_from_z(t->name), name))
			continue;
		if (t->text == IMAP_SECTION_MIME && s->part_count == 0)
			return imap_lex_fail_at(l, from, "expected a part number before MIME");
		s->text = t->text;
		bool with_fields = t->text == IMAP_SECTION_HEADER_FIELDS ||
				   t->text == IMAP_SECTION_HEADER_FIELDS_NOT;
		return !with_fields || section_fields(l, s);
	}
	return imap_lex_fail_at(l, from,
		"expected a part number, HEADER, HEADER.FIELDS, HEADER.FIELDS.NOT, TEXT or MIME");
}

/* The part numbers, of which the last may be followed by "." and a text. */
static bool section_parts(struct imap_lex *l, struct imap_section *s, bool *out_text)
{
	uint32_t *parts = NULL;
	size_t n = 0;
	bool more = ascii_is_digit((char)imap_lex_peek(l));
	*out_text = !more && imap_lex_peek(l) != ']';
	while (more) {
		uint64_t number;
		size_t from = l->at;
		parts = imap_lex_grow(l, parts, n, sizeof *parts, IMAP_MAX_PART_DEPTH,
			"expected fewer levels of parts");
		if (!parts || !imap_lex_number(l, UINT32_MAX, &number, "expected a part number"))
			return false;
		if (number == 0)
			return imap_lex_fail_at(l, from, "expected a part number above 0");
		parts[n++] = (uint32_t)number;
		bool dot = imap_lex_skip(l, '.');
		more = dot && ascii_is_digit((char)imap_lex_peek(l));
		*out_text = dot && !more;
	}
	s->part = parts;
	s->part_count = n;
	return true;
}

static bool section_partial(struct imap_lex *l, struct imap_section *s)
{
	s->partial = imap_lex_skip(l, '<');
	if (!s->partial)
		return true;
	if (!imap_lex_number(l, INT64_MAX, &s->offset, "expected an offset") ||
		!imap_lex_char(l, '.', "expected . and a length after the offset"))
		return false;
	size_t from = l->at;
	if (!imap_lex_number(l, INT64_MAX, &s->length, "expected a length"))
		return false;
	if (s->length == 0)
		return imap_lex_fail_at(l, from, "expected a length above 0");
	return imap_lex_char(l, '>', "expected > after the length");
}

/* What follows "BODY" or "BODY.PEEK", from the bracket on. */
static bool body_section(struct imap_lex *l, struct imap_section *s)
{
	bool text;
	if (!imap_lex_char(l, '[', "expected [ and a section") || !section_parts(l, s, &text))
		return false;
	return (!text || section_text(l, s)) &&
	       imap_lex_char(l, ']', "expected ] after the section") && section_partial(l, s);
}

/* ---- Items ---- */

struct items {
	unsigned bits;
	struct imap_section *sections;
	size_t section_count;
};

/* The three old names for sections; false for any other name. */
static bool old_section(str name, struct imap_section *s)
{
	if (str_equal_nocase(name, STR("RFC822")))
		*s = (struct imap_section){ .style = IMAP_SECTION_STYLE_RFC822 };
	else if (str_equal_nocase(name, STR("RFC822.HEADER")))
		*s = (struct imap_section){ .style = IMAP_SECTION_STYLE_RFC822_HEADER,
			.text = IMAP_SECTION_HEADER,
			.peek = true };
	else if (str_equal_nocase(name, STR("RFC822.TEXT")))
		*s = (struct imap_section){ .style = IMAP_SECTION_STYLE_RFC822_TEXT,
			.text = IMAP_SECTION_TEXT };
	else
		return false;
	return true;
}

static bool take_item(struct imap_lex *l, struct items *items)
{
	struct imap_section section = { 0 };
	size_t from = l->at;
	str name = imap_lex_name(l);
	section.peek = str_equal_nocase(name, STR("BODY.PEEK"));
	bool body =
		section.peek || (str_equal_nocase(name, STR("BODY")) && imap_lex_peek(l) == '[');
	if (!body && !old_section(name, &section)) {
		l->at = from;
		return imap_lex_bit(l, item_table, &items->bits, "expected a FETCH item");
	}
	if (body && !body_section(l, &section))
		return false;
	struct imap_section *wider = imap_lex_grow(l, items->sections, items->section_count,
		sizeof section, IMAP_MAX_SECTIONS, "expected fewer sections");
	if (!wider)
		return false;
	items->sections = wider;
	wider[items->section_count++] = section;
	return true;
}

static bool take_items(struct imap_lex *l, struct items *items)
{
	if (!imap_lex_skip(l, '(')) {
		size_t from = l->at;
		items->bits = imap_bits_find(macro_table, imap_lex_name(l));
		if (items->bits)
			return true;
		l->at = from;
		return take_item(l, items);
	}
	do {
		if (!take_item(l, items))
			return false;
	} while (imap_lex_skip(l, ' '));
	return imap_lex_char(l, ')', "expected ) after the FETCH items");
}

/* SP "(" CHANGEDSINCE n ")": RFC 4466 fetch-modifiers; VANISHED needs QRESYNC, not offered. */
static bool modifiers(struct imap_lex *l, struct imap_fetch *f)
{
	f->has_changed_since = true;
	f->items |= IMAP_FETCH_MODSEQ;
	return imap_lex_char(l, '(', "expected ( before the modifiers") &&
	       (imap_lex_word(l, STR("CHANGEDSINCE")) ||
		       imap_lex_fail(l, "expected CHANGEDSINCE")) &&
	       imap_lex_space(l) &&
	       imap_lex_number(l, INT64_MAX, &f->changed_since, "expected a modseq") &&
	       imap_lex_char(l, ')', "expected ) after the modifiers");
}

bool imap_args_fetch(struct imap_lex *l, struct imap_command *c)
{
	struct imap_fetch *f = &c->fetch;
	struct items items = { 0 };
	if (!imap_lex_space(l) || !imap_lex_set(l, &f->set) || !imap_lex_space(l) ||
		!take_items(l, &items))
		return false;
	/* RFC 3501 §6.4.8: UID FETCH always answers with the UID. */
	f->items = items.bits | (c->uid ? IMAP_FETCH_UID : 0);
	f->sections = items.sections;
	f->section_count = items.section_count;
	return !imap_lex_skip(l, ' ') || modifiers(l, f);
}

/* ---- Formatting ---- */

static void format_fields(struct buf *b, const struct imap_section *s)
{
	for (size_t i = 0; i < s->field_count; i++) {
		buf_add(b, i ? STR(" ") : STR(" ("));
		imap_format_astring(b, s->fields[i]);
	}
	buf_add_char(b, ')');
}

static void format_text(struct buf *b, const struct imap_section *s)
{
	for (size_t i = 0; i < ARRAY_LEN(text_table); i++) {
		if (text_table[i].text != s->text)
			continue;
		if (s->part_count)
			buf_add_char(b, '.');
		buf_add(b, str_from_z(text_table[i].name));
	}
	if (s->field_count)
		format_fields(b, s);
}

void imap_section_format(struct buf *b, const struct imap_section *s)
{
	static const char *const old_names[] = {
		[IMAP_SECTION_STYLE_RFC822] = "RFC822",
		[IMAP_SECTION_STYLE_RFC822_HEADER] = "RFC822.HEADER",
		[IMAP_SECTION_STYLE_RFC822_TEXT] = "RFC822.TEXT",
	};
	if (s->style != IMAP_SECTION_STYLE_BODY) {
		buf_add(b, str_from_z(old_names[s->style]));
		return;
	}
	buf_add(b, STR("BODY["));
	for (size_t i = 0; i < s->part_count; i++) {
		if (i)
			buf_add_char(b, '.');
		buf_add_u64(b, s->part[i]);
	}
	format_text(b, s);
	buf_add_char(b, ']');
	if (s->partial)
		buf_printf(b, "<%llu>", (unsigned long long)s->offset);
}
