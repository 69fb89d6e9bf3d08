/*
 * dkim_header.h: the fields of a header by name, and what DKIM signs of them (RFC 6376 §3.4,
 * §5.4.2).
 *
 * Built once for a message. Looking up a name takes the same time whatever the header holds.
 */
#pragma once

#include "base/buf.h"
#include "mail/header.h"
#include "mailauth/dkim_body.h"

struct dkim_header;

/* The header stays where it is. Beyond DKIM_HEADER_MAX bytes nothing is looked at. */
enum { DKIM_HEADER_MAX = 64 << 20 };
struct dkim_header *dkim_header_new(str header) MUST_USE;
void dkim_header_free(struct dkim_header *h);

/* The fields that have a name, from the top. False: there are not so many. */
bool dkim_header_field(const struct dkim_header *h, size_t index, struct header_field *out);

/* Appends the canonical form of a field without what stands in `cut` (a slice of it, or empty),
 * with its final CRLF where line_end is set. */
void dkim_header_canonical(struct buf *b, enum dkim_canon canon, const struct header_field *field,
	str cut, bool line_end);

/* Appends the fields that the list names, each time the next one from the bottom up; names of
 * which none is left stand for nothing. */
void dkim_header_select(struct dkim_header *h, struct buf *b, enum dkim_canon canon, str names);

/* How many fields have this name. */
size_t dkim_header_count(const struct dkim_header *h, str name);
