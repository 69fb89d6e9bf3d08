/*
 * field.h: writing one header field that is folded, and safe whatever its values hold. Inside of
 * mailauth.
 */
#pragma once

#include "base/buf.h"

enum { FIELD_TEXT_MAX = 440 }; /* the largest `max` below */

struct field {
	struct buf *out;
	size_t column;
	bool utf8;     /* UTF-8 stays; else every byte above 127 becomes "?" */
	bool quote_at; /* "@" only in quotes: a value is a dot-atom, not a token or an address */
};

/* "Name:" */
void field_begin(struct field *f, struct buf *out, const char *name, bool utf8);
/* The final CRLF. */
void field_end(struct field *f);

/* A word of ours behind a blank, or on a new line where it would not fit. */
void field_word(struct field *f, const char *word);
/* ";", and a new line where `fold`. */
void field_semicolon(struct field *f, bool fold);

/* name=value as a word; the value as a MIME token or an address, else as a quoted string. Cut at
 * `max` bytes. */
void field_value(struct field *f, const char *name, str value, size_t max);
/* A value alone. */
void field_text(struct field *f, str value, size_t max);
/* "(text)", folded at its blanks; nothing for an empty text. */
void field_comment(struct field *f, str text, size_t max);
