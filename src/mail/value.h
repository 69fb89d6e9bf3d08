/*
 * value.h: a header value as an IMAP string (RFC 3501 §4.3). Inside of mail/.
 */
#pragma once

#include "base/buf.h"

/* The value unfolded, trimmed, without NUL, cut at STRUCTURE_VALUE_MAX: quoted, or a literal where
 * it holds a byte above 127. NIL where s.p is NULL. */
void mail_value_format(struct buf *b, str s);
