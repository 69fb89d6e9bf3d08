/*
 * domain.h: domain names as they are compared: A-labels, in lower case, without the final dot.
 */
#pragma once

#include "base/arena.h"

enum { DOMAIN_NAME_MAX = 253 };

/* From what stands in a field or an envelope, in ASCII or in UTF-8 (U-labels; IDNA2008 with the
 * mappings of UTS #46). Labels hold letters, digits, "-" and "_". False where it is no such name:
 * an address literal, an empty label, too long. *out is in the arena, at most DOMAIN_NAME_MAX. */
bool domain_ascii(str text, struct arena *a, str *out) MUST_USE;

/* The same without a look at what the labels hold, and in the case it has: an ASCII text is what
 * *out is a slice of, others are converted into room. False: it cannot be converted. */
bool domain_alabels(str text, char room[static DOMAIN_NAME_MAX + 2], str *out) MUST_USE;

/* Whether name is that domain or below it; both as from domain_ascii(). */
bool domain_is_within(str name, str domain);

/* The domain without its first label; empty for a top-level domain. */
str domain_parent(str domain);

unsigned domain_label_count(str domain);

/* The last n labels; the whole where there are no more. */
str domain_last_labels(str domain, unsigned n);
