/*
 * uri_set.h: what uri_text.c needs of a set. Inside of mail/.
 */
#pragma once

#include "mail/uri.h"

/* Adds `text`, which was made of `raw` by undoing what the flags say. */
void uri_set_add_found(struct uri_set *s, str raw, str text, uint32_t flags, enum uri_where where);

/* Where the web scheme begins that ends before s[colon]; `colon` where there is none. */
size_t uri_scheme_start(str s, size_t colon);
