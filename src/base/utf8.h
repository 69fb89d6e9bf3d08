/*
 * utf8.h: UTF-8 as RFC 3629 defines it: no surrogates, no overlong forms, nothing above U+10FFFF.
 */
#pragma once

#include "base/buf.h"

bool utf8_valid(str s);

/* How many bytes up to 127 s begins with. */
size_t ascii_length(str s);

/* True where s has no byte above 127. */
static inline bool ascii_only(str s)
{
	return ascii_length(s) == s.n;
}

/* Decodes the first character into *out and returns its length in bytes, 1 to 4; on invalid or
 * truncated input returns 0. */
size_t utf8_decode(str s, uint32_t *out);

/* Characters that nobody sees: of no width, or such that turn the direction of writing. Not the
 * variation selectors below U+FE10: emoji have them. */
bool utf8_is_unseen(uint32_t c);

/* C0, DEL and C1. */
bool utf8_is_control(uint32_t c);

/* Appends the character; U+FFFD in place of a surrogate or anything beyond U+10FFFF. */
void utf8_encode(struct buf *b, uint32_t c);
