/*
 * summary.h: what a mailbox keeps of a message so that it can be listed, sorted and threaded
 * without its body. Computed once, at delivery.
 */
#pragma once

#include "base/arena.h"
#include "mail/date.h"

enum {
	SUMMARY_STRUCTURE_MAX = 1024 * 1024, /* of body, of bodystructure */
	SUMMARY_TEXT_MAX = 1024,             /* of each decoded text */
	SUMMARY_ARENA_MAX = 4 * 1024 * 1024, /* what an arena needs to hold any summary */
};

struct mail_summary {
	/* As structure.h writes them. A message whose structure does not fit is described as one
	 * leaf of type application/octet-stream. */
	str envelope;
	str body;
	str bodystructure;
	/* Of the Date field. SENTBEFORE and its like compare the sender's day, which is that of
	 * seconds + 60 * zone. */
	struct mail_date date;
	bool date_valid;
	/* UTF-8, decoded and in one line, cut at SUMMARY_TEXT_MAX; empty where missing. */
	str subject;
	str subject_base;       /* RFC 5256 §2.1, without case folding */
	str from, to, cc;       /* mailbox (local part) of the first address: RFC 5256 SORT */
	str from_name, to_name; /* display name, or else the address: RFC 5957 SORT */
	str message_id;         /* with angle brackets */
	str in_reply_to;
	str references;
	size_t header_size;  /* bytes, with the empty line */
	size_t body_lines;   /* line feeds after the header */
	bool has_attachment; /* a leaf with a file name or disposition "attachment" */
};

/* Never fails; everything is copied into the arena, whose maximum is SUMMARY_ARENA_MAX or more. */
void mail_summary(struct arena *a, str message, struct mail_summary *out);

/* Only what the store keeps, envelope to date_valid; the rest is empty. */
void mail_summary_stored(struct arena *a, str message, struct mail_summary *out);
