/*
 * task_internal.h: what task.c and its synchronous backend share; for nobody else.
 */
#pragma once

#include "io/task.h"

struct task_sync;

struct task *task_sync_attach(struct task_sync *sync, const struct log *log);
struct task_sync *task_sync_detach(struct task *t);
struct task_sync *task_sync_of(const struct task *t);

int sync_suspend(
	struct task_sync *sync, int64_t *now, bool woken, int64_t deadline, bool *cancelled);
int64_t sync_wall(const struct task_sync *sync, int64_t now);
