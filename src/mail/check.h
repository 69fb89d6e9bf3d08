/*
 * check.h: what has to be true of a part tree and of the IMAP text made of it, for any message. For
 * tests and fuzz targets only; each function returns NULL, or what is wrong.
 */
#pragma once

#include "mail/mime.h"

struct check_reader {
	str s;
	size_t at;
	const char *wrong;
};

static inline void check_fail(struct check_reader *r, const char *wrong)
{
	if (!r->wrong)
		r->wrong = wrong;
	r->at = r->s.n;
}

static inline bool check_peek(struct check_reader *r, char c)
{
	return r->at < r->s.n && r->s.p[r->at] == c;
}

static inline void check_char(struct check_reader *r, char c)
{
	if (check_peek(r, c))
		r->at++;
	else
		check_fail(r, c == '(' ? "no (" : c == ')' ? "no )" : "no space");
}

static inline bool check_nil(struct check_reader *r)
{
	bool nil = str_starts(str_skip(r->s, r->at), STR("NIL"));
	r->at += nil ? 3 : 0;
	return nil;
}

static inline uint64_t check_number(struct check_reader *r)
{
	size_t start = r->at;
	while (r->at < r->s.n && ascii_is_digit(r->s.p[r->at]))
		r->at++;
	uint64_t value = 0;
	if (!str_to_u64(str_first(str_skip(r->s, start), r->at - start), UINT32_MAX, &value))
		check_fail(r, "no number");
	return value;
}

static inline void check_literal(struct check_reader *r)
{
	r->at++;
	uint64_t n = check_number(r);
	if (!str_starts(str_skip(r->s, r->at), STR("}\r\n")) || r->at + 3 + n > r->s.n) {
		check_fail(r, "bad literal");
		return;
	}
	if (str_find_char(str_first(str_skip(r->s, r->at + 3), n), '\0') >= 0)
		check_fail(r, "NUL in a literal");
	else
		r->at += 3 + n;
}

static inline void check_string(struct check_reader *r)
{
	if (check_peek(r, '{')) {
		check_literal(r);
		return;
	}
	if (!check_peek(r, '"')) {
		check_fail(r, "no string");
		return;
	}
	for (r->at++; r->at < r->s.n && r->s.p[r->at] != '"'; r->at++) {
		unsigned char c = (unsigned char)r->s.p[r->at];
		if (c == '\\' && ++r->at < r->s.n && r->s.p[r->at] != '"' && r->s.p[r->at] != '\\')
			check_fail(r, "bad escape");
		else if (c == 0 || c > 127 || c == '\r' || c == '\n')
			check_fail(r, "bad byte in a quoted string");
	}
	if (check_peek(r, '"'))
		r->at++;
	else
		check_fail(r, "quoted string not closed");
}

static inline void check_nstring(struct check_reader *r)
{
	if (!check_nil(r))
		check_string(r);
}

static inline void check_address_list(struct check_reader *r)
{
	if (check_nil(r))
		return;
	check_char(r, '(');
	do {
		check_char(r, '(');
		for (int i = 0; i < 4; i++) {
			if (i)
				check_char(r, ' ');
			check_nstring(r);
		}
		check_char(r, ')');
	} while (check_peek(r, '('));
	check_char(r, ')');
}

static inline void check_envelope(struct check_reader *r)
{
	check_char(r, '(');
	for (int i = 0; i < 10; i++) {
		if (i)
			check_char(r, ' ');
		if (i >= 2 && i < 8)
			check_address_list(r);
		else
			check_nstring(r);
	}
	check_char(r, ')');
}

/* "(" pairs ")" or NIL. */
static inline void check_params(struct check_reader *r)
{
	if (check_nil(r))
		return;
	check_char(r, '(');
	for (int i = 0;; i++) {
		check_string(r);
		if (i % 2 && !check_peek(r, ' '))
			break;
		check_char(r, ' ');
		if (r->wrong)
			return;
	}
	check_char(r, ')');
}

static inline void check_extension(struct check_reader *r)
{
	check_char(r, ' ');
	if (!check_nil(r)) {
		check_char(r, '(');
		check_string(r);
		check_char(r, ' ');
		check_params(r);
		check_char(r, ')');
	}
	check_char(r, ' ');
	if (check_peek(r, '(')) {
		do {
			r->at++;
			check_string(r);
		} while (check_peek(r, ' '));
		check_char(r, ')');
	} else {
		check_nstring(r);
	}
	check_char(r, ' ');
	check_nstring(r);
}

static inline void check_one_part_extension(struct check_reader *r, bool extended)
{
	if (extended) {
		check_char(r, ' ');
		check_nstring(r);
		check_extension(r);
	}
	check_char(r, ')');
}

/* A leaf, or a message up to the body inside of it. */
static inline bool check_body_begin(struct check_reader *r, bool extended)
{
	str rest = str_skip(r->s, r->at);
	bool text = str_starts_nocase(rest, STR("\"text\" "));
	bool message = str_starts_nocase(rest, STR("\"message\" \"rfc822\" "));
	check_string(r);
	check_char(r, ' ');
	check_string(r);
	check_char(r, ' ');
	check_params(r);
	check_char(r, ' ');
	check_nstring(r);
	check_char(r, ' ');
	check_nstring(r);
	check_char(r, ' ');
	check_string(r);
	check_char(r, ' ');
	check_number(r);
	if (text || message)
		check_char(r, ' ');
	if (text)
		check_number(r);
	if (!message)
		check_one_part_extension(r, extended);
	else
		check_envelope(r), check_char(r, ' ');
	return message;
}

/* The end of a multipart or message whose last body was read. */
static inline void check_body_end(struct check_reader *r, bool message, bool extended)
{
	check_char(r, ' ');
	if (message) {
		check_number(r);
		check_one_part_extension(r, extended);
		return;
	}
	check_string(r);
	if (extended) {
		check_char(r, ' ');
		check_params(r);
		check_extension(r);
	}
	check_char(r, ')');
}

static inline void check_body(struct check_reader *r, bool extended)
{
	bool message[MIME_DEPTH_MAX + 1]; /* what is open: a message or a multipart */
	size_t open = 0;
	do {
		check_char(r, '(');
		if (check_peek(r, '(')) {
			message[open++] = false;
		} else if (check_body_begin(r, extended)) {
			message[open++] = true;
		} else {
			while (open && !r->wrong && (message[open - 1] || !check_peek(r, '(')))
				check_body_end(r, message[--open], extended);
		}
		if (open > MIME_DEPTH_MAX)
			check_fail(r, "too deep");
	} while (open && !r->wrong);
}

static inline const char *check_envelope_text(str s)
{
	struct check_reader r = { .s = s };
	check_envelope(&r);
	return r.wrong ? r.wrong : r.at < s.n ? "something behind the envelope" : NULL;
}

static inline const char *check_body_text(str s, bool extended)
{
	struct check_reader r = { .s = s };
	check_body(&r, extended);
	return r.wrong ? r.wrong : r.at < s.n ? "something behind the body" : NULL;
}

static inline bool check_inside(str inner, str outer)
{
	return inner.p >= outer.p && inner.p + inner.n <= outer.p + outer.n;
}

static inline const char *check_children(const struct mime_tree *t, const struct mime_part *p)
{
	uint32_t number = 0, last = MIME_NONE;
	for (uint32_t i = p->first_child; i != MIME_NONE; i = t->parts[i].next) {
		const struct mime_part *child = &t->parts[i];
		if (child->number != ++number || child->depth != p->depth + 1)
			return "wrong number or depth";
		if (&t->parts[child->parent] != p || i <= child->parent)
			return "wrong parent";
		if (last != MIME_NONE &&
			child->header.p < t->parts[last].body.p + t->parts[last].body.n)
			return "parts overlap";
		last = i;
	}
	if (last != p->last_child)
		return "wrong last child";
	if (p->kind == MIME_LEAF          ? number != 0
		: p->kind == MIME_MESSAGE ? number != 1
					  : number == 0)
		return "wrong number of children";
	return NULL;
}

static inline size_t check_count_lines(str s)
{
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == '\n';
	return n;
}

static inline const char *check_part(const struct mime_tree *t, const struct mime_part *p)
{
	str outer = p->parent == MIME_NONE ? t->message : t->parts[p->parent].body;
	if (!check_inside(p->header, outer) || !check_inside(p->body, outer))
		return "a part outside of its parent";
	if (p->header.p + p->header.n > p->body.p)
		return "header and body overlap";
	if (p->depth >= MIME_DEPTH_MAX)
		return "too deep";
	if (p->type.n == 0 || p->subtype.n == 0)
		return "no type";
	if (p->lines != check_count_lines(p->body))
		return "wrong number of lines";
	return check_children(t, p);
}

static inline const char *check_tree(const struct mime_tree *t)
{
	if (t->n == 0 || t->n > MIME_PARTS_MAX)
		return "wrong number of parts";
	if (t->parts[0].header.n + t->parts[0].body.n != t->message.n)
		return "header and body are not the message";
	for (uint32_t i = 0; i < t->n; i++) {
		const char *wrong = check_part(t, &t->parts[i]);
		if (wrong)
			return wrong;
	}
	return NULL;
}
