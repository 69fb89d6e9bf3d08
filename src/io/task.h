/*
 * task.h: fibers on a libuv loop.
 *
 * A task is a function with a stack of its own that reads like blocking code. Any function which
 * may wait takes `struct task *t` first, so that waiting shows in every signature. One loop a
 * process (or several in a test), tasks never move between loops, and only one runs at a time:
 * between two waits nothing else changes what a task looks at.
 *
 * Every wait has a deadline: an instant of task_now(), or NEVER. Waits return 0, or
 *   -ETIMEDOUT  the deadline passed,
 *   -ECANCELED  the task was cancelled: this and every later wait says so, and the task unwinds by
 *               ordinary returns.
 *
 *            task_start          task_suspend              task_wake, deadline, cancel
 *     (new) ───────────▶ ready ───▶ running ───▶ suspended ───────────▶ ready
 *                                      │ function returns
 *                                      ▼
 *                                   (freed)
 *
 * The synchronous backend (task_sync.h) runs the same code on the caller's stack with a clock of
 * its own, for unit tests and fuzzers.
 */
#pragma once

#include "base/clock.h"
#include "base/log.h"

struct loop;
struct task;

/* ── The loop ─────────────────────────────────────────────────────────────────────────────── */

/* The log must outlive the loop. */
struct loop *loop_new(const struct log *log) MUST_USE;
/* All tasks must have ended. */
void loop_free(struct loop *l);

/* Runs until loop_stop(). */
void loop_run(struct loop *l);
void loop_stop(struct loop *l);

/* For the few who need libuv itself: signals, child processes. */
struct uv_loop_s *loop_uv(struct loop *l);
const struct log *loop_log(const struct loop *l);

/* Cancels every task of the loop but `except` (may be NULL). */
void loop_cancel_tasks(struct loop *l, const struct task *except);
/* Cancels all tasks and runs the loop until they have ended: before loop_free(). */
void loop_finish(struct loop *l);
size_t loop_task_count(const struct loop *l);

/* Counts how often a task was resumed. For watchdog.h, whose signal handler reads it. */
const volatile unsigned *loop_turns(const struct loop *l);

/* Work to be done before the loop waits for the world, once for each time it was asked for:
 * sockets between roles collect their output and write it then. */
struct loop_hook {
	struct loop_hook *next;
	bool queued;
	void (*fn)(struct loop_hook *hook);
};
void loop_before_wait(struct loop *l, struct loop_hook *hook);
void loop_forget_hook(struct loop *l, struct loop_hook *hook);

/* ── Tasks ────────────────────────────────────────────────────────────────────────────────── */

typedef void task_fn(struct task *t, void *arg);

/* Starts a task; it first runs when the caller next waits. -ENOMEM: no stack could be had, which
 * happens when a limit on connections is higher than what the machine allows. -EOPNOTSUPP: with the
 * synchronous backend there is no other task. */
int task_start(struct loop *l, task_fn *fn, void *arg, struct task **out) MUST_USE;

/* Sticky. Wakes the task if it waits. */
void task_cancel(struct task *t);
bool task_cancelled(const struct task *t);

struct loop *task_loop(const struct task *t);
/* What the task logs with: the loop's log until the task sets its own. */
const struct log *task_log(const struct task *t);
void task_set_log(struct task *t, const struct log *log);

int64_t task_now(const struct task *t);  /* monotonic; the same until the next wait */
int64_t task_wall(const struct task *t); /* wall clock */

/* The instant `duration` from now; NEVER stays NEVER. */
int64_t task_deadline(const struct task *t, int64_t duration);

/* Waits until somebody calls task_wake(). It may also return 0 for no reason: callers look at
 * their condition again, in a loop. A wake that came before the wait is not lost. */
int task_suspend(struct task *t, int64_t deadline) MUST_USE;
void task_wake(struct task *t);

/* 0 after that long. */
int task_sleep(struct task *t, int64_t duration) MUST_USE;
/* Lets the other ready tasks run. */
int task_yield(struct task *t) MUST_USE;

/* Runs fn(arg) on a thread of libuv's pool and waits for it: for what blocks (SQL, fsync, password
 * hashing). Cannot be cut short: it returns when fn has returned, even if the task was cancelled
 * meanwhile (the next wait says that). */
void task_offload(struct task *t, void (*fn)(void *arg), void *arg);

/* Runs fn(arg), which cannot wait, on the stack of the process, and waits for it in the same way:
 * for libraries that need more stack than a task has. */
void task_outside(struct task *t, void (*fn)(void *arg), void *arg);

/* ── What tasks wait on ───────────────────────────────────────────────────────────────────── */

/* A flag that one task waits for and others set; setting it twice is setting it once. */
struct event {
	bool set;
	struct task *waiter;
};
void event_set(struct event *e);
/* Waits until set, and clears it. */
int event_wait(struct task *t, struct event *e, int64_t deadline) MUST_USE;

/* Mutual exclusion among tasks of one loop, first come, first served. */
struct task_lock {
	bool held;
	struct task_lock_waiter *first, **last;
};
int task_lock(struct task *t, struct task_lock *lock, int64_t deadline) MUST_USE;
void task_unlock(struct task_lock *lock);

/* A descriptor (non-blocking) watched for readiness, edge-triggered: try the system call first;
 * on EAGAIN wait here, and try again. One task may wait for each direction. */
enum watch_direction { WATCH_READ, WATCH_WRITE };
struct watch {
	struct loop *loop;
	int fd; /* borrowed */
	bool ready[2];
	bool writes; /* its being writable is reported: from the first wait for that on */
	bool hangup; /* the peer has closed its side: more than one read may be needed */
	struct task *waiter[2];
};
enum watch_kind {
	WATCH_SOCKET,
	WATCH_LISTENER, /* shared with other processes: one of them is woken */
};
int watch_start(struct watch *w, struct loop *l, int fd, enum watch_kind kind) MUST_USE;
void watch_stop(struct watch *w); /* before fd is closed */
/* -EINTR where `also` (may be NULL) is set first; it stays set, and its waiter is the caller. */
int watch_wait(struct task *t, struct watch *w, enum watch_direction direction,
	const struct event *also, int64_t deadline) MUST_USE;

/* The bytes of its stack that a task has touched so far, counted in pages: for tests, and for
 * choosing the reserve (ARCHITECTURE.md says what an OpenSSL handshake needs). */
size_t task_stack_used(const struct task *t);
