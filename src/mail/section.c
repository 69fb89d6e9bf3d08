#include "mail/section.h"

#include "mail/header.h"
#include "mail/transfer.h"

static const struct mime_part *child(
	const struct mime_tree *tree, const struct mime_part *p, uint32_t number)
{
	uint32_t i = p->first_child;
	while (i != MIME_NONE && tree->parts[i].number != number)
		i = tree->parts[i].next;
	return i == MIME_NONE ? NULL : &tree->parts[i];
}

/* Part `number` of the message whose own part is p. */
static const struct mime_part *part_of_message(
	const struct mime_tree *tree, const struct mime_part *p, uint32_t number)
{
	if (p->kind == MIME_MULTIPART)
		return child(tree, p, number);
	return number == 1 ? p : NULL;
}

const struct mime_part *mail_section_part(
	const struct mime_tree *tree, const uint32_t *path, size_t path_n)
{
	const struct mime_part *p = &tree->parts[0];
	for (size_t i = 0; i < path_n && p; i++) {
		if (i == 0)
			p = part_of_message(tree, p, path[i]);
		else if (p->kind == MIME_MULTIPART)
			p = child(tree, p, path[i]);
		else if (p->kind == MIME_MESSAGE)
			p = part_of_message(tree, &tree->parts[p->first_child], path[i]);
		else
			p = NULL;
	}
	return p;
}

bool mail_section_needs_tree(const struct mail_section *s)
{
	return s->path_n > 0;
}

static bool is_listed(const struct mail_section *s, str name)
{
	for (size_t i = 0; i < s->field_n; i++)
		if (str_equal_nocase(s->fields[i], name))
			return true;
	return false;
}

/* Complete fields, and an empty line whatever the header has. Stray lines are no fields. */
static str build_fields(const struct mail_section *s, str header, struct buf *b)
{
	bool wanted = s->kind == MAIL_SECTION_HEADER_FIELDS;
	size_t start = b->n;
	struct header_field field;
	for (size_t at = 0; header_next(header, &at, &field);) {
		if (field.name.n == 0 || is_listed(s, field.name) != wanted)
			continue;
		buf_add(b, field.raw);
		if (!str_ends(field.raw, STR("\n")))
			buf_add(b, STR("\r\n"));
	}
	buf_add(b, STR("\r\n"));
	return str_skip(buf_str(b), start);
}

static str section_of_message(
	str header, str body, const struct mail_section *s, struct buf *scratch)
{
	if (s->kind == MAIL_SECTION_HEADER)
		return header;
	if (s->kind == MAIL_SECTION_TEXT)
		return body;
	return build_fields(s, header, scratch);
}

static bool get_of_whole(str message, const struct mail_section *s, struct buf *scratch, str *out)
{
	if (s->kind == MAIL_SECTION_MIME)
		return false;
	size_t header_n = s->kind == MAIL_SECTION_ALL ? 0 : header_length(message);
	if (s->kind == MAIL_SECTION_ALL)
		*out = message;
	else
		*out = section_of_message(
			str_first(message, header_n), str_skip(message, header_n), s, scratch);
	return true;
}

bool mail_section_get(str message, const struct mime_tree *tree, const struct mail_section *s,
	struct buf *scratch, str *out)
{
	if (s->path_n == 0)
		return get_of_whole(message, s, scratch, out);
	const struct mime_part *p = mail_section_part(tree, s->path, s->path_n);
	if (!p)
		return false;
	if (s->kind == MAIL_SECTION_ALL) {
		*out = p->body;
	} else if (s->kind == MAIL_SECTION_MIME) {
		*out = p->header;
	} else {
		if (p->kind != MIME_MESSAGE)
			return false;
		const struct mime_part *inner = &tree->parts[p->first_child];
		*out = section_of_message(inner->header, inner->body, s, scratch);
	}
	return true;
}

bool mail_section_binary(const struct mime_tree *tree, const uint32_t *path, size_t path_n,
	struct buf *scratch, str *out)
{
	const struct mime_part *p = mail_section_part(tree, path, path_n);
	if (!p)
		return false;
	enum transfer_encoding encoding = transfer_encoding_from(p->encoding);
	if (path_n == 0) {
		*out = tree->message;
	} else if (p->kind != MIME_LEAF || encoding == TRANSFER_IDENTITY) {
		*out = p->body;
	} else {
		size_t start = scratch->n;
		transfer_decode(encoding, p->body, scratch);
		*out = str_skip(buf_str(scratch), start);
	}
	return true;
}
