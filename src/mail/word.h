/*
 * word.h: encoded words in header fields (RFC 2047).
 */
#pragma once

#include "base/buf.h"

/* Appends the value of an unstructured field, a display name or a comment as people read it, in
 * UTF-8: unfolded, white space at both ends removed, encoded words decoded and the white space
 * between two of them dropped. A character that is split between two words of one charset is put
 * together. Bytes outside of encoded words are read as charset.h reads an unknown charset. */
void word_decode(struct buf *b, str value);
