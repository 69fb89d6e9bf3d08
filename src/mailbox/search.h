/*
 * search.h: a message under search, for cmd_search.c and search_message.c.
 */
#pragma once

#include "mail/match.h"
#include "mailbox/session_internal.h"

/* What has to be read of a message to know whether it meets a key; ascending. */
enum search_cost {
	SEARCH_VIEW, /* nothing */
	SEARCH_ROW,
	SEARCH_HEADER,
	SEARCH_BODY,
};
enum search_cost search_cost(enum imap_search_kind kind, const struct imap_search_key *key);

/* What goes with each key. */
struct search_leaf {
	struct match *match; /* of HEADER, BODY and TEXT; owned */
	bool keyword_known;  /* of KEYWORD */
	unsigned keyword;    /* its id */
};

struct search_message {
	const struct imap_search *program;
	const struct search_leaf *leaves; /* one for each of its keys */
	int fd; /* a file for what is too large for memory; owned by whoever set it */

	/* Of the present message; set by the caller. */
	struct account *a;
	struct account_message row;
	uint32_t number;
	bool recent;
	struct err *err;

	uint64_t bytes_read; /* of all messages so far */
	struct buf memory;
	str text; /* header and perhaps more, or the whole; p NULL: not read */
	bool whole, mapped;
	struct mime_tree tree; /* of the whole */
};

void search_message_init(struct search_message *m);
void search_message_done(struct search_message *m);

/* Whether the message meets the program: 1, 0, or -errno; -ENOENT: it is gone. */
int search_message_match(struct search_message *m);
