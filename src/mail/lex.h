/*
 * lex.h: the lexical ground that address lists, dates and parameters share (RFC 5322 §3.2).
 *
 * All functions take the text and an offset into it, and return the offset after what they read;
 * nothing fails: what is not closed ends with the text. Comments nest without recursion.
 */
#pragma once

#include "base/str.h"

/* After the white space, line ends and comments that begin at `at`. */
size_t lex_skip_cfws(str s, size_t at);

/* s[at] is '(' or '"' or '[': after the closing character, with backslash escapes respected. */
size_t lex_skip_comment(str s, size_t at);
size_t lex_skip_quoted(str s, size_t at);
size_t lex_skip_literal(str s, size_t at);

/* A MIME token (RFC 2045 §5.1, with bytes above 127): after its last character. */
size_t lex_skip_token(str s, size_t at);

/* Writes what stands inside a quoted string or comment, or a plain run of text: backslashes, CR and
 * LF gone. `out` has room for s.n bytes; returns how many were written. */
size_t lex_unescape(str s, char *out);
