/*
 * task_event.c: what tasks wait for from each other: events and locks.
 */
#include "io/task.h"

#include <errno.h>

void event_set(struct event *e)
{
	e->set = true;
	if (e->waiter)
		task_wake(e->waiter);
}

int event_wait(struct task *t, struct event *e, int64_t deadline)
{
	int rc = 0;
	e->waiter = t;
	while (!e->set && rc == 0)
		rc = task_suspend(t, deadline);
	e->waiter = NULL;
	if (e->set && rc != -ECANCELED) {
		e->set = false;
		rc = 0;
	}
	return rc;
}

struct task_lock_waiter {
	struct task_lock_waiter *next;
	struct task *task;
	bool granted;
};

int task_lock(struct task *t, struct task_lock *lock, int64_t deadline)
{
	if (!lock->held) {
		lock->held = true;
		return 0;
	}
	struct task_lock_waiter self = { .task = t };
	struct task_lock_waiter **at = &lock->first;
	while (*at)
		at = &(*at)->next;
	*at = &self;
	int rc = 0;
	while (!self.granted && rc == 0)
		rc = task_suspend(t, deadline);
	if (self.granted)
		return 0; /* ours, even if cancelled at the same moment: the caller unlocks */
	for (at = &lock->first; *at != &self; at = &(*at)->next)
		;
	*at = self.next;
	return rc;
}

void task_unlock(struct task_lock *lock)
{
	struct task_lock_waiter *next = lock->first;
	ASSERT(lock->held);
	lock->held = next != NULL;
	if (next) {
		lock->first = next->next;
		next->granted = true;
		task_wake(next->task);
	}
}
