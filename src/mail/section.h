/*
 * section.h: what IMAP's FETCH BODY[section] returns (RFC 3501 and RFC 9051 §6.4.5).
 */
#pragma once

#include "base/buf.h"
#include "mail/mime.h"

enum mail_section_kind {
	MAIL_SECTION_ALL, /* BODY[]: the message; BODY[1.2]: the body of that part */
	MAIL_SECTION_HEADER,
	MAIL_SECTION_HEADER_FIELDS,
	MAIL_SECTION_HEADER_FIELDS_NOT,
	MAIL_SECTION_TEXT,
	MAIL_SECTION_MIME,
};

struct mail_section {
	enum mail_section_kind kind;
	const uint32_t *path; /* part numbers, from 1 */
	size_t path_n;
	const str *fields; /* field names, for HEADER.FIELDS and .NOT */
	size_t field_n;
};

/* The part that `path` leads to, or NULL. The only part of a message that is no multipart is its
 * part 1. Empty path: the message's own part. */
const struct mime_part *mail_section_part(
	const struct mime_tree *tree, const uint32_t *path, size_t path_n);

/* True where mail_section_get() needs the tree. */
bool mail_section_needs_tree(const struct mail_section *s);

/* The bytes, as a slice of the message, or for HEADER.FIELDS built in `scratch` (appended there;
 * check its overflow). tree is that of the message; it may be NULL where it is not needed. False
 * where there is no such part, or it has no such thing (HEADER of a part that is no message): NIL.
 */
bool mail_section_get(str message, const struct mime_tree *tree, const struct mail_section *s,
	struct buf *scratch, str *out);

/* RFC 3516 BINARY[path] and BINARY.SIZE: the body of a leaf with its transfer encoding undone.
 * A slice of the message, or built in `scratch`. False where there is no such part. */
bool mail_section_binary(const struct mime_tree *tree, const uint32_t *path, size_t path_n,
	struct buf *scratch, str *out);
