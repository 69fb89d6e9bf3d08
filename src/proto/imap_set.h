/*
 * imap_set.h: sequence sets (RFC 3501 §9 sequence-set, seq-range), of message numbers or UIDs.
 *
 * As parsed, 0 stands for "*" and the ranges are as the client wrote them. imap_set_resolve()
 * replaces "*", then sorts and merges; everything after works on a resolved set.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"

enum { IMAP_SET_MAX_RANGES = 10000 };

struct imap_range {
	uint32_t first, last; /* both included; 0 is "*" until resolved */
};

struct imap_set {
	struct imap_range *ranges; /* in the arena it was parsed with */
	size_t n;
};

/* The whole of s. False on bad syntax, more than IMAP_SET_MAX_RANGES or a full arena. */
bool imap_set_parse(str s, struct arena *a, struct imap_set *out) MUST_USE;

/* "*" becomes `largest` (the highest number or UID there is; with 0, in an empty mailbox, ranges
 * with a "*" vanish), 7:3 becomes 3:7, then ascending, disjoint and merged, in place. */
void imap_set_resolve(struct imap_set *set, uint32_t largest);

/* Of a resolved set. */
bool imap_set_contains(const struct imap_set *set, uint32_t number);
uint64_t imap_set_count(const struct imap_set *set);
uint32_t imap_set_last(const struct imap_set *set); /* the highest member; 0 if empty */

/* As on the wire: "1:3,7,9:*". Writes nothing for an empty set. */
void imap_set_format(struct buf *b, const struct imap_set *set);

/*
 * Writes numbers one by one as a set, joining runs that ascend by one: 1 2 3 7 as "1:3,7". Any
 * order is kept, as COPYUID (RFC 4315) needs it.
 */
struct imap_set_writer {
	struct buf *b;
	uint32_t first, last; /* the run not yet written; first is 0 if there is none */
	bool separate;        /* a run was written before */
};

#define IMAP_SET_WRITER(buffer) ((struct imap_set_writer){ .b = (buffer) })

void imap_set_writer_add(struct imap_set_writer *w, uint32_t number); /* number is not 0 */
void imap_set_writer_end(struct imap_set_writer *w);
