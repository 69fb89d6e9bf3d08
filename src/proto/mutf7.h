/*
 * mutf7.h: mailbox names on the wire: modified UTF-7 (RFC 3501 §5.1.3).
 *
 * Strict: exactly one encoding of each name is accepted, so decoding and encoding are inverse.
 * Refused are 8-bit bytes and controls outside of base64, printable ASCII inside it, lone
 * surrogates, stray bits, a missing "-", and two shifts in a row.
 */
#pragma once

#include "base/buf.h"

/* Appends the name in UTF-8. False if s is not valid (out then holds a part) or does not fit. The
 * result can hold control characters, which modified UTF-7 can express. */
bool mutf7_decode(struct buf *out, str s) MUST_USE;

/* Appends the UTF-8 name s in modified UTF-7. False if s is not valid UTF-8 or does not fit. */
bool mutf7_encode(struct buf *out, str s) MUST_USE;
