/*
 * dkim_tags.h: tag lists (RFC 6376 §3.2): "v=1; a=rsa-sha256; …", in signatures and key records.
 */
#pragma once

#include "base/str.h"

enum { DKIM_TAGS_MAX = 32 };

struct dkim_tag {
	str name, value; /* without the white space around; folding inside of value is kept */
	str span;        /* all that stands between "=" and ";" or the end */
};

struct dkim_tags {
	size_t n;
	struct dkim_tag list[DKIM_TAGS_MAX];
};

/* Slices of s. NULL, or what is wrong (*out is then half filled): no "=", an empty tag, a name that
 * is none, a name twice, a control character, more than DKIM_TAGS_MAX. Time is linear in s.n. */
const char *dkim_tags_parse(str s, struct dkim_tags *out) MUST_USE;

/* The tag with that name (names are case-sensitive), or NULL. */
const struct dkim_tag *dkim_tags_find(const struct dkim_tags *tags, str name);
