/*
 * fetch.h: one FETCH command on its way, for cmd_fetch.c and fetch_*.c.
 *
 *   cmd_fetch()            batch after batch of the messages
 *     fetch_batch()        on a thread: rows, \Seen, and the responses into `out`
 *       fetch_row()        what the row of a message says
 *       fetch_summary()    what was kept of it at delivery
 *       fetch_sections()   what its body says, where that needs little memory
 *     fetch_large()        the sections of a large message, which is sent in pieces
 */
#pragma once

#include "mail/section.h"
#include "mailbox/message_walk.h"

enum {
	FETCH_BATCH = MESSAGE_BATCH_MAX,
	FETCH_BATCH_BODIES = 32,
	FETCH_OUT_ENOUGH = 256 * 1024, /* of responses, or of bodies for them; then they are sent */
	FETCH_BODIES_MAX = 1024 * 1024, /* bytes of bodies, and of their sections, in memory */
};

/* What of the bodies is needed. */
enum fetch_need {
	FETCH_NO_BODY,
	FETCH_HEADER, /* of the message itself */
	FETCH_WHOLE,  /* BODY[] only */
	FETCH_PARTS,
};

struct fetch {
	struct session *s;
	const struct imap_fetch *what;
	enum fetch_need need;
	unsigned items; /* enum imap_fetch_item, with what goes along */
	bool summary;   /* some of the items are in the summaries */
	bool set_seen;
	const str *keywords; /* by id; NULL until they are needed */
	size_t keyword_count;

	struct message_batch batch;
	/* Results of a batch. */
	struct buf out;
	size_t next;         /* place in the view of the first message that is left for later */
	bool is_cut;         /* there is such a one */
	uint64_t modseq;     /* \Seen was set with this; 0: it was not */
	uint32_t seen_until; /* it was set for messages up to this uid, by this batch or before */
	/* The last message in `out`, without its sections and the closing parenthesis; uid 0:
	 * there is none. */
	struct account_message large;
	size_t large_start; /* where it begins in `out` */
	bool large_begun;   /* something of it was sent */

	/* In any batch: a message is gone; there was one. */
	bool incomplete, answered;
};

/* An account_fn; arg is the struct fetch. */
int fetch_batch(struct account *a, void *arg, struct err *err);

/* "* 3 FETCH (UID 7 FLAGS (\Seen)" and ")". */
void fetch_row(struct fetch *f, size_t index, const struct account_message *m, bool with_flags);
void fetch_summary(struct fetch *f, const struct account_summary *summary);
void fetch_end(struct fetch *f);

/* All sections into `out`. -EFBIG: that would take too much memory. */
int fetch_sections(
	struct fetch *f, struct account *a, const struct account_message *m, struct err *err);

/* Sends `out`, with f->large and its sections at the end, or without it where it is gone. A failure
 * with large_begun ends the session: the client waits for the rest of a literal. Waits. */
int fetch_large(struct fetch *f, struct err *err);
/* Sends `out` and empties it. Waits. */
int fetch_flush(struct fetch *f);

struct mail_section fetch_mail_section(const struct imap_section *section);
/* Where the wanted part of a section of that size is. */
void fetch_range(
	const struct imap_section *section, uint64_t size, uint64_t *out_offset, uint64_t *out_n);
/* " BODY[…] {n}" up to the first byte of n; an empty one is complete. */
void fetch_section_head(struct buf *out, const struct imap_section *section, uint64_t n);
void fetch_section_nil(struct buf *out, const struct imap_section *section);
