/*
 * task_offload.c: work that a task has done elsewhere: on a thread, or on the stack of the process.
 */
#include "io/task_internal.h"

#include <uv.h>

struct offload {
	uv_work_t work;
	void (*fn)(void *arg);
	void *arg;
	struct task *task;
	bool done;
};

static void offload_run(uv_work_t *work)
{
	struct offload *o = CONTAINER_OF(work, struct offload, work);
	o->fn(o->arg);
}

static void offload_done(uv_work_t *work, int status UNUSED)
{
	struct offload *o = CONTAINER_OF(work, struct offload, work);
	o->done = true;
	task_wake(o->task);
}

void task_offload(struct task *t, void (*fn)(void *arg), void *arg)
{
	if (task_sync_of(t)) {
		fn(arg);
		return;
	}
	struct offload o = { .fn = fn, .arg = arg, .task = t };
	ASSERT(uv_queue_work(loop_uv(task_loop(t)), &o.work, offload_run, offload_done) == 0);
	/* The work refers to this stack: nothing but its end ends this wait. */
	while (!o.done)
		task_await_wake(t);
}

struct outside {
	struct loop_hook hook;
	void (*fn)(void *arg);
	void *arg;
	struct task *task;
	bool done;
};

static void outside_run(struct loop_hook *hook)
{
	struct outside *o = CONTAINER_OF(hook, struct outside, hook);
	o->fn(o->arg);
	o->done = true;
	task_wake(o->task);
}

void task_outside(struct task *t, void (*fn)(void *arg), void *arg)
{
	if (task_sync_of(t)) {
		fn(arg);
		return;
	}
	struct outside o = { .hook.fn = outside_run, .fn = fn, .arg = arg, .task = t };
	loop_before_wait(task_loop(t), &o.hook);
	while (!o.done)
		task_await_wake(t);
}
