/*
 * task_sync.h: the synchronous backend of task.h. The task is the caller itself; nothing else
 * runs, so a wait that nobody can end ends by its deadline, at once: the clock jumps there.
 */
#pragma once

#include "io/task.h"

struct task_sync_options {
	const struct log *log;   /* may be NULL: nothing is logged */
	int64_t wall;            /* what the wall clock says at the start */
	unsigned cancel_at_wait; /* cancel at the n-th wait, from 1; 0: never */
};

/* The task and its own loop; task_sync_free() frees both. */
struct task *task_sync_new(const struct task_sync_options *options) MUST_USE;
void task_sync_free(struct task *t);

/* How many waits there have been: what to count cancel_at_wait up to. */
unsigned task_sync_waits(const struct task *t);
