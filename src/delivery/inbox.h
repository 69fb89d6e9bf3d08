/*
 * inbox.h: the messages that wait for an account, written in batches.
 *
 *     inboxes_add() ──▶ inbox of the account ──▶ batch ──▶ account_deliver() ──▶ result, watchers
 *                       (while one is written, the next one fills)
 */
#pragma once

#include "base/log.h"
#include "delivery/counts.h"
#include "delivery/watchers.h"
#include "store/account.h"

struct inboxes;

/* max_batch: the most messages in one transaction. All that is pointed to must outlive it. */
struct inboxes *inboxes_new(struct loop *l, const struct log *log, str data_dir, size_t max_batch,
	struct watchers *watchers, struct delivery_counts *counts) MUST_USE;
/* Nothing may be waiting. NULL is fine. */
void inboxes_free(struct inboxes *all);

/* One message on its way into one account. */
struct pending {
	struct pending *next;
	struct account_delivery delivery;
	str id;            /* the message's, for the log */
	struct task *task; /* woken when it is done; *left is then one less */
	size_t *left;
	int result; /* 0 or a negative errno; until then not to be looked at */
};

/* Puts it into the account's inbox, and starts the writer if none is at work. *p must stay, with
 * all that it refers to, until it is done: its task must not be cancelled. A negative errno: it was
 * not put there. Does not wait. */
int inboxes_add(struct inboxes *all, uint64_t account, struct pending *p) MUST_USE;
