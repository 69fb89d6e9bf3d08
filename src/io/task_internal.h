/*
 * task_internal.h: what the files of the runtime share; for nobody else.
 */
#pragma once

#include "io/task.h"

struct task_sync;

/* Leaves the stack until the task is woken, even if it was cancelled; perhaps for no reason. Not
 * with the synchronous backend. */
void task_await_wake(struct task *t);

struct task *task_sync_attach(struct task_sync *sync, const struct log *log);
struct task_sync *task_sync_detach(struct task *t);
struct task_sync *task_sync_of(const struct task *t);

int sync_suspend(
	struct task_sync *sync, int64_t *now, bool woken, int64_t deadline, bool *cancelled);
int64_t sync_wall(const struct task_sync *sync, int64_t now);
