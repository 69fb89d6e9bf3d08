/*
 * quarantiner.h: delivery's hand on the quarantine: adds to it, one message at a time, and removes
 * what has expired. Reading and releasing is done by `postern quarantine`, in the same file.
 */
#pragma once

#include "base/log.h"
#include "delivery/delivery_calls.h"

struct quarantiner;

/* keep: nanoseconds; max_size: bytes. -ENOMEM without a task. */
int quarantiner_new(struct loop *l, const struct log *log, str data_dir, int64_t keep,
	uint64_t max_size, struct quarantiner **out) MUST_USE;
/* Its task was cancelled and has ended. NULL is fine. */
void quarantiner_free(struct quarantiner *q);

/* 0: it is on stable storage, or was there already. Failures are logged. Waits, and cannot be cut
 * short. */
int quarantiner_add(struct task *t, struct quarantiner *q,
	const struct delivery_quarantine_request *in) MUST_USE;

/* Changes how long and how much is kept. */
void quarantiner_limit(struct quarantiner *q, int64_t keep, uint64_t max_size);
