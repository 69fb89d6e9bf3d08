/*
 * delivery.h: commits messages to accounts.
 *
 * Messages for one account that come while its file is being written wait for each other and then
 * share one transaction, so that one fsync serves them all: the busier, the cheaper. Different
 * accounts are written side by side.
 *
 *     commit ──▶ inbox of the account ──▶ batch ──▶ account_deliver() ──▶ results, "changed"
 *                (while one is written, the next one fills)
 */
#pragma once

#include "base/log.h"
#include "delivery/changes_calls.h"
#include "delivery/counts.h"
#include "delivery/delivery_calls.h"
#include "delivery/quarantiner.h"
#include "delivery/recorder.h"

struct delivery;

/* max_batch: the most messages in one transaction. The log must outlive it. */
struct delivery *delivery_new(
	struct loop *l, const struct log *log, str data_dir, size_t max_batch) MUST_USE;
/* No call may be running; tasks that tell of changes were cancelled and have ended. */
void delivery_free(struct delivery *d);

/* Where decision records go from now on; NULL (as at first): nowhere. It must outlive d. */
void delivery_keep_records(struct delivery *d, struct recorder *recorder);
struct recorder *delivery_recorder(const struct delivery *d);

const struct delivery_counts *delivery_counted(const struct delivery *d);

/* The same for what is kept aside. Without one, nothing can be: -EOPNOTSUPP. */
void delivery_keep_aside(struct delivery *d, struct quarantiner *quarantiner);
struct quarantiner *delivery_quarantiner(const struct delivery *d);

/* What answers the calls of delivery.def, with the struct delivery as self. Its tasks must not be
 * cancelled while they run: a batch in the making refers to them. */
extern const struct delivery_ops delivery_functions;

/* Calls changes_changed() over fd (taken) from now on, whenever an account has changed. For a name
 * that is known already, in place of the socket before. */
int delivery_watch(struct delivery *d, str name, int fd) MUST_USE;
