/*
 * header.h: the fields of a header block (RFC 5322 §2.2), without copying.
 *
 * Any bytes are accepted. Lines end with CRLF or LF. A header ends at its first empty line, or with
 * the text. A line that is no field and continues none (no colon, a name with a space in it, the
 * "From " line of an mbox) comes out as a field with an empty name.
 */
#pragma once

#include "base/buf.h"

struct header_field {
	str name;      /* before the colon, without white space; empty for a stray line */
	str value;     /* after the colon, folding included, without the last line end */
	str raw;       /* the whole field with its last line end */
	size_t offset; /* of raw in the block */
};

/* The length of the header that `message` begins with, including its closing empty line. */
size_t header_length(str message);

/* The field at *at, which begins as 0 and is moved on. False at the end of the header; the block
 * may be a whole message. */
bool header_next(str block, size_t *at, struct header_field *out);

/* The first field with that name (ASCII case ignored). */
bool header_find(str block, str name, struct header_field *out);

/* Appends the value in one line: line ends removed (the white space after them stays), and no white
 * space at either end. */
void header_unfold(struct buf *b, str value);
