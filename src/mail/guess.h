/*
 * guess.h: which charset a text is really in, where its label is missing or wrong.
 */
#pragma once

#include "base/str.h"

enum guess_from {
	GUESS_LABEL,    /* as the label says */
	GUESS_BOM,      /* a byte order mark */
	GUESS_UTF8,     /* valid UTF-8 under another label or none */
	GUESS_META,     /* <meta charset> */
	GUESS_DETECTED, /* by the frequency of its letters (ICU) */
	GUESS_DEFAULT,  /* nothing is known: ASCII, else windows-1252 */
};

struct guess {
	str charset; /* for charset.h; points to the label, the text, or is static */
	size_t skip; /* the length of the byte order mark */
	enum guess_from from;
};

/* `text` has no transfer encoding any more. In HTML, UTF-7 is never believed (it hides tags). Looks
 * at all of the text once, at its first 8 KiB where letters are counted. */
struct guess charset_guess(str label, str text, bool html);
