/*
 * smtp_xtext.h: xtext (RFC 3461 §4): printable ASCII in which "+" and two capital hexadecimal
 * digits stand for a byte.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"

enum smtp_xtext_result {
	SMTP_XTEXT_OK,
	SMTP_XTEXT_MALFORMED,
	SMTP_XTEXT_NO_MEMORY,
};

/* Writes the decoded text, which is in the arena, to *out. MALFORMED where s has blanks, controls,
 * 8-bit bytes or a broken "+HH", or encodes a control character or NUL. '=' and small hexadecimal
 * digits are tolerated; with allow_utf8 8-bit bytes are too, if the result is valid UTF-8. */
enum smtp_xtext_result smtp_xtext_decode(str s, bool allow_utf8, struct arena *arena, str *out);

/* Appends s in xtext; every byte can be encoded. */
void smtp_xtext_encode(str s, struct buf *out);
