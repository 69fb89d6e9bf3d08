/*
 * base64.h: base64 (RFC 4648 §4) and Crockford's base32, which is what ids are written in.
 */
#pragma once

#include "base/buf.h"

/* Appends s in base64, padded, in one line. */
void base64_encode(struct buf *b, str s);

/* Appends what s encodes. Strict: no white space, no missing padding, no stray bits. False on
 * anything else (b may then hold a part). */
bool base64_decode(struct buf *b, str s) MUST_USE;

/* Writes n characters (Crockford base32: no I, L, O or U) and a NUL; 5 random bits a character
 * are taken from random[n]. */
void base32_id(const unsigned char *random, size_t n, char *out);
