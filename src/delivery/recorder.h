/*
 * recorder.h: keeps decision records, never in the way of a delivery.
 *
 *     recorder_add() ──▶ queue ──▶ every 100 ms, or when many: one transaction on a thread
 *
 * Records are not flushed to the disk one by one: a crash may lose those of the last 100 ms, a
 * power failure more. While the disk is slow the queue holds RECORDER_QUEUE_MAX bytes, then the
 * oldest are dropped and counted. A store that is damaged or full is logged once, until it works
 * again; what was to be written meanwhile is lost, and mail goes on.
 */
#pragma once

#include "base/log.h"
#include "io/task.h"

struct recorder;

enum {
	RECORDER_QUEUE_MAX = 16 * 1024 * 1024,
	/* Of messages that were not delivered, in one second; the others are counted. */
	RECORDER_REFUSED_MAX = 200,
};

/* keep: nanoseconds; max_size: bytes. -ENOMEM without a task. */
int recorder_new(struct loop *l, const struct log *log, str data_dir, int64_t keep,
	uint64_t max_size, struct recorder **out) MUST_USE;
/* Its task was cancelled and has ended, having written what was there. NULL is fine. */
void recorder_free(struct recorder *r);

/* Takes copies. deliveries: a JSON array, or empty. */
void recorder_add(struct recorder *r, str json, str deliveries);
/* The record of a message that was not delivered; bounded. */
void recorder_add_refused(struct recorder *r, str json);

/* Counts a message that was judged, and the names of what was found in it. Unlike records, counts
 * that could not be written are tried again. */
void recorder_count(struct recorder *r, const str *names, size_t n, bool spam);

/* Waits until all that was added has been written or given up; from now on records are not
 * collected but written as they come. */
void recorder_finish(struct task *t, struct recorder *r);

/* Changes how long and how much is kept. */
void recorder_limit(struct recorder *r, int64_t keep, uint64_t max_size);

/* Dropped so far, because the queue was full or the store did not take them. */
uint64_t recorder_dropped(const struct recorder *r);
