/*
 * task.c: the fiber runtime over libuv.
 *
 * struct task stands at the top of its own stack, so that an idle task costs one or two pages in
 * all. The pages that a deep call left behind are given back to the kernel once a task has waited
 * for TRIM_AFTER.
 *
 * Sockets are in an epoll descriptor of ours, edge-triggered, of which libuv's own descriptor is
 * one member: a wait then needs no epoll_ctl(), and libuv runs only when a thread, a signal or a
 * child has something for us (doc/decisions/libuv-inside-epoll.md).
 */
#include "io/task.h"

#include "base/heap.h"
#include "io/stack.h"
#include "io/task_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <uv.h>

#ifdef HAVE_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

enum { EVENTS_AT_ONCE = 256 };
#define TRIM_AFTER SECONDS(1)

void context_switch(void **save_sp, void *load_sp);
void context_enter(void);
_Noreturn void task_main(struct task *t);

struct task {
	struct loop *loop;
	task_fn *fn;
	void *arg;
	const struct log *log;
	void *sp;          /* while not running */
	struct task *next; /* in the ready or yielded queue */
	struct task *all_next, **all_prev;
	struct heap_node deadline;
	int64_t suspended_at; /* for trimming; NEVER once trimmed */
	bool queued, woken, cancelled, timed_out, ended;
#ifdef HAVE_ASAN
	void *fake_stack;
#endif
};

struct queue {
	struct task *first, **last;
};

struct loop {
	uv_loop_t uv;
	int epoll_fd;
	bool stopped;
	int64_t trim_at; /* when to look for stacks to trim; NEVER: none waits untrimmed */
	const struct log *log;
	struct queue ready, yielded;
	struct task *running;
	struct task *all;
	size_t task_count;
	volatile unsigned turns;
	struct heap deadlines;
	struct loop_hook *hooks;
	void *main_sp;
	int64_t now;
	struct stack_pool stacks;
#ifdef HAVE_ASAN
	void *main_fake_stack;
	const void *main_bottom;
	size_t main_size;
#endif
	struct task_sync *sync; /* the synchronous backend, else NULL */
};

static void queue_add(struct queue *q, struct task *t)
{
	t->next = NULL;
	*q->last = t;
	q->last = &t->next;
}

static struct task *queue_take(struct queue *q)
{
	struct task *t = q->first;
	if (t) {
		q->first = t->next;
		if (!q->first)
			q->last = &q->first;
	}
	return t;
}

/* ── Stacks ───────────────────────────────────────────────────────────────────────────────── */

static char *stack_of(const struct task *t)
{
	uintptr_t end = (uintptr_t)(t + 1);
	end = (end + STACK_PAGE - 1) & ~(uintptr_t)(STACK_PAGE - 1);
	return (char *)end - STACK_SIZE; /* NOLINT: the mapping that stack_take() made */
}

static void trim_waiting(struct loop *l)
{
	l->trim_at = NEVER;
	for (struct task *t = l->all; t; t = t->all_next) {
		if (t->suspended_at == NEVER)
			continue;
		if (l->now - t->suspended_at < TRIM_AFTER) {
			l->trim_at = l->now + TRIM_AFTER;
			continue;
		}
		stack_trim(stack_of(t), t->sp);
		t->suspended_at = NEVER;
	}
	if (l->trim_at == NEVER)
		stack_pool_clear(&l->stacks);
}

size_t task_stack_used(const struct task *t)
{
	return t->loop->sync ? 0 : stack_touched(stack_of(t));
}

/* ── Switching ────────────────────────────────────────────────────────────────────────────── */

/* Both tell AddressSanitizer which stack is in use. `fake` is NULL for the stack that ends. */
static void to_task(struct loop *l, struct task *t)
{
#ifdef HAVE_ASAN
	__sanitizer_start_switch_fiber(&l->main_fake_stack, stack_of(t), STACK_SIZE);
#endif
	l->running = t;
	l->turns++;
	context_switch(&l->main_sp, t->sp);
	l->running = NULL;
#ifdef HAVE_ASAN
	__sanitizer_finish_switch_fiber(l->main_fake_stack, NULL, NULL);
#endif
}

static void to_loop(struct task *t)
{
	struct loop *l = t->loop;
#ifdef HAVE_ASAN
	__sanitizer_start_switch_fiber(
		t->ended ? NULL : &t->fake_stack, l->main_bottom, l->main_size);
#endif
	context_switch(&t->sp, l->main_sp);
#ifdef HAVE_ASAN
	__sanitizer_finish_switch_fiber(t->fake_stack, &l->main_bottom, &l->main_size);
#endif
}

/* The first function on a new stack. */
void task_main(struct task *t)
{
#ifdef HAVE_ASAN
	__sanitizer_finish_switch_fiber(NULL, &t->loop->main_bottom, &t->loop->main_size);
#endif
	t->fn(t, t->arg);
	t->ended = true;
	to_loop(t);
	ASSERT(!"a task that ended was run again");
	abort();
}

static void free_task(struct task *t)
{
	struct loop *l = t->loop;
	heap_remove(&l->deadlines, &t->deadline);
	*t->all_prev = t->all_next;
	if (t->all_next)
		t->all_next->all_prev = t->all_prev;
	l->task_count--;
	stack_give(&l->stacks, stack_of(t));
}

int task_start(struct loop *l, task_fn *fn, void *arg, struct task **out)
{
	char *stack = l->sync ? NULL : stack_take(&l->stacks);
	if (!stack)
		return l->sync ? -EOPNOTSUPP : -ENOMEM;
	/* The task at the top; below it what context_switch() will pop: six registers and the
	 * address of context_enter on x86-64, twenty slots on aarch64. */
	size_t room = (sizeof(struct task) + 63) & ~(size_t)63;
	struct task *t = (struct task *)(void *)(stack + STACK_SIZE - room);
	*t = (struct task){ .loop = l, .fn = fn, .arg = arg, .log = l->log, .suspended_at = NEVER };
	void **frame = (void **)(void *)t;
#if defined(__x86_64__)
	frame -= 7;
	memset(frame, 0, 7 * sizeof *frame);
	frame[3] = t; /* r12 */
	frame[6] = (void *)(uintptr_t)context_enter;
#else
	frame -= 20;
	memset(frame, 0, 20 * sizeof *frame);
	frame[0] = t; /* x19 */
	frame[11] = (void *)(uintptr_t)context_enter;
#endif
	t->sp = frame;
	t->all_next = l->all;
	t->all_prev = &l->all;
	if (l->all)
		l->all->all_prev = &t->all_next;
	l->all = t;
	l->task_count++;
	task_wake(t);
	if (out)
		*out = t;
	return 0;
}

/* ── The loop ─────────────────────────────────────────────────────────────────────────────── */

static void run_hooks(struct loop *l)
{
	while (l->hooks) {
		struct loop_hook *hook = l->hooks;
		l->hooks = hook->next;
		hook->queued = false;
		hook->fn(hook);
	}
}

/* Runs what is ready, then what the tasks left to be written; again until both are done. */
static void run_ready(struct loop *l)
{
	while (l->yielded.first)
		queue_add(&l->ready, queue_take(&l->yielded));
	for (;;) {
		struct task *t;
		while ((t = queue_take(&l->ready))) {
			t->queued = false;
			l->now = clock_monotonic();
			to_task(l, t);
			if (t->ended)
				free_task(t);
		}
		if (!l->hooks)
			break;
		run_hooks(l);
	}
}

static void wake_for_deadlines(struct loop *l)
{
	l->now = clock_monotonic();
	struct heap_node *next;
	while ((next = heap_least(&l->deadlines)) && next->key <= l->now) {
		struct task *t = CONTAINER_OF(next, struct task, deadline);
		heap_remove(&l->deadlines, next);
		t->timed_out = true;
		task_wake(t);
	}
	if (l->trim_at <= l->now)
		trim_waiting(l);
}

/* How long nothing can happen but what the kernel tells us; NEVER: for ever. */
static int64_t patience(struct loop *l)
{
	if (l->yielded.first)
		return 0;
	const struct heap_node *next = heap_least(&l->deadlines);
	int64_t until = next ? MIN(l->trim_at, next->key) : l->trim_at;
	return until == NEVER ? NEVER : MAX(until - clock_monotonic(), INT64_C(0));
}

/* Whole milliseconds, as epoll_wait() has them, would make a short wait twice as long. It serves
 * where the kernel, or the container around it, does not know the other call. */
static int wait_epoll(struct loop *l, struct epoll_event *events, int64_t patience)
{
	bool forever = patience == NEVER;
	struct timespec time = { .tv_sec = patience / NSEC_PER_SEC,
		.tv_nsec = patience % NSEC_PER_SEC };
	int n = epoll_pwait2(l->epoll_fd, events, EVENTS_AT_ONCE, forever ? NULL : &time, NULL);
	if (n >= 0 || errno == EINTR)
		return n;
	int64_t ms = patience / NSEC_PER_MSEC + (patience % NSEC_PER_MSEC > 0);
	return epoll_wait(l->epoll_fd, events, EVENTS_AT_ONCE,
		forever ? -1 : (int)MIN(ms, (int64_t)INT32_MAX));
}

static void wake_for_event(const struct epoll_event *event)
{
	struct watch *w = event->data.ptr;
	uint32_t both = EPOLLERR | EPOLLHUP;
	w->ready[WATCH_READ] |= (event->events & (EPOLLIN | EPOLLRDHUP | both)) != 0;
	w->ready[WATCH_WRITE] |= (event->events & (EPOLLOUT | both)) != 0;
	w->hangup |= (event->events & (EPOLLRDHUP | both)) != 0;
	for (int d = WATCH_READ; d <= WATCH_WRITE; d++)
		if (w->ready[d] && w->waiter[d])
			task_wake(w->waiter[d]);
}

/* libuv has no timers of ours: it is due at once (handles that were closed or are new) or when its
 * descriptor says so. */
static bool uv_is_due(const struct loop *l)
{
	return uv_loop_alive(&l->uv) && uv_backend_timeout(&l->uv) == 0;
}

static void wait_for_events(struct loop *l)
{
	struct epoll_event events[EVENTS_AT_ONCE];
	bool uv = uv_is_due(l);
	int n = wait_epoll(l, events, uv ? 0 : patience(l));
	for (int i = 0; i < n; i++) {
		if (events[i].data.ptr)
			wake_for_event(&events[i]);
		else
			uv = true;
	}
	/* Last: what it calls back may end a watch whose event was among these. */
	if (uv)
		uv_run(&l->uv, UV_RUN_NOWAIT);
}

static void wait_and_wake(struct loop *l)
{
	wait_for_events(l);
	wake_for_deadlines(l);
}

struct loop *loop_new(const struct log *log)
{
	struct loop *l = xcalloc(1, sizeof *l);
	l->log = log;
	l->now = clock_monotonic();
	l->trim_at = NEVER;
	l->ready.last = &l->ready.first;
	l->yielded.last = &l->yielded.first;
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	ASSERT(l->epoll_fd >= 0);
	ASSERT(uv_loop_init(&l->uv) == 0);
	struct epoll_event uv = { .events = EPOLLIN, .data.ptr = NULL };
	ASSERT(epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, uv_backend_fd(&l->uv), &uv) == 0);
	return l;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	ASSERT(l->task_count == 0);
	uv_run(&l->uv, UV_RUN_NOWAIT); /* handles that were closed */
	ASSERT(uv_loop_close(&l->uv) == 0);
	stack_pool_clear(&l->stacks);
	close(l->epoll_fd);
	heap_done(&l->deadlines);
	free(l);
}

void loop_run(struct loop *l)
{
	l->stopped = false;
	for (run_ready(l); !l->stopped; run_ready(l))
		wait_and_wake(l);
}

void loop_stop(struct loop *l)
{
	l->stopped = true;
}

void loop_finish(struct loop *l)
{
	loop_cancel_tasks(l, NULL);
	/* What threads have in hand is waited for. */
	for (run_ready(l); l->task_count; run_ready(l))
		wait_and_wake(l);
}

struct uv_loop_s *loop_uv(struct loop *l)
{
	return &l->uv;
}

const struct log *loop_log(const struct loop *l)
{
	return l->log;
}

size_t loop_task_count(const struct loop *l)
{
	return l->task_count;
}

const volatile unsigned *loop_turns(const struct loop *l)
{
	return &l->turns;
}

void loop_cancel_tasks(struct loop *l, const struct task *except)
{
	for (struct task *t = l->all; t; t = t->all_next)
		if (t != except)
			task_cancel(t);
}

void loop_before_wait(struct loop *l, struct loop_hook *hook)
{
	if (hook->queued)
		return;
	hook->queued = true;
	hook->next = l->hooks;
	l->hooks = hook;
}

void loop_forget_hook(struct loop *l, struct loop_hook *hook)
{
	for (struct loop_hook **at = &l->hooks; *at; at = &(*at)->next) {
		if (*at != hook)
			continue;
		*at = hook->next;
		hook->queued = false;
		return;
	}
}

/* ── Tasks ────────────────────────────────────────────────────────────────────────────────── */

void task_wake(struct task *t)
{
	t->woken = true;
	if (t->queued || t == t->loop->running || t->loop->sync)
		return;
	t->queued = true;
	queue_add(&t->loop->ready, t);
}

void task_cancel(struct task *t)
{
	t->cancelled = true;
	task_wake(t);
}

bool task_cancelled(const struct task *t)
{
	return t->cancelled;
}

struct loop *task_loop(const struct task *t)
{
	return t->loop;
}

const struct log *task_log(const struct task *t)
{
	return t->log;
}

void task_set_log(struct task *t, const struct log *log)
{
	t->log = log;
}

int64_t task_now(const struct task *t)
{
	return t->loop->now;
}

int64_t task_wall(const struct task *t)
{
	return t->loop->sync ? sync_wall(t->loop->sync, t->loop->now) : clock_wall();
}

int64_t task_deadline(const struct task *t, int64_t duration)
{
	int64_t now = task_now(t);
	return duration >= NEVER - now ? NEVER : now + duration;
}

/* Leaves the stack until somebody wakes the task or the deadline passes. */
static void leave(struct task *t, int64_t deadline)
{
	struct loop *l = t->loop;
	ASSERT(t == l->running);
	if (deadline != NEVER)
		heap_add(&l->deadlines, &t->deadline, deadline);
	t->suspended_at = l->now;
	l->trim_at = MIN(l->trim_at, l->now + TRIM_AFTER);
	to_loop(t);
	heap_remove(&l->deadlines, &t->deadline);
	t->suspended_at = NEVER;
}

void task_await_wake(struct task *t)
{
	leave(t, NEVER);
}

int task_suspend(struct task *t, int64_t deadline)
{
	if (t->loop->sync) {
		bool woken = t->woken;
		t->woken = false;
		return sync_suspend(t->loop->sync, &t->loop->now, woken, deadline, &t->cancelled);
	}
	if (t->cancelled)
		return -ECANCELED;
	if (!t->woken) {
		if (deadline <= task_now(t))
			return -ETIMEDOUT;
		t->timed_out = false;
		leave(t, deadline);
	}
	t->woken = false;
	if (t->cancelled)
		return -ECANCELED;
	bool timed_out = t->timed_out;
	t->timed_out = false;
	return timed_out ? -ETIMEDOUT : 0;
}

int task_sleep(struct task *t, int64_t duration)
{
	int64_t deadline = task_deadline(t, duration);
	int rc;
	do {
		rc = task_suspend(t, deadline);
	} while (rc == 0);
	return rc == -ETIMEDOUT ? 0 : rc;
}

int task_yield(struct task *t)
{
	struct loop *l = t->loop;
	if (l->sync || t->cancelled)
		return t->cancelled ? -ECANCELED : 0;
	bool woken = t->woken;
	t->queued = true;
	queue_add(&l->yielded, t);
	to_loop(t);
	t->woken |= woken;
	return t->cancelled ? -ECANCELED : 0;
}

/* ── Descriptors ──────────────────────────────────────────────────────────────────────────── */

int watch_start(struct watch *w, struct loop *l, int fd, enum watch_kind kind)
{
	*w = (struct watch){ .loop = l, .fd = fd };
	struct epoll_event event = { .data.ptr = w, .events = EPOLLET | EPOLLIN };
	event.events |= kind == WATCH_LISTENER ? EPOLLEXCLUSIVE : EPOLLRDHUP;
	return epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/* Most sockets never fill up: asking about that from the start would wake the loop once for each.
 */
static int watch_writes_too(struct watch *w)
{
	struct epoll_event event = { .data.ptr = w,
		.events = EPOLLET | EPOLLIN | EPOLLRDHUP | EPOLLOUT };
	if (w->writes)
		return 0;
	w->writes = true;
	return epoll_ctl(w->loop->epoll_fd, EPOLL_CTL_MOD, w->fd, &event) < 0 ? -errno : 0;
}

void watch_stop(struct watch *w)
{
	struct epoll_event unused = { 0 };
	epoll_ctl(w->loop->epoll_fd, EPOLL_CTL_DEL, w->fd, &unused);
}

int watch_wait(struct task *t, struct watch *w, enum watch_direction direction,
	const struct event *also, int64_t deadline)
{
	int rc = direction == WATCH_WRITE ? watch_writes_too(w) : 0;
	w->waiter[direction] = t;
	while (!w->ready[direction] && rc == 0)
		rc = also && also->set ? -EINTR : task_suspend(t, deadline);
	w->waiter[direction] = NULL;
	if (rc == 0)
		w->ready[direction] = false;
	return rc;
}

/* ── The synchronous backend ──────────────────────────────────────────────────────────────── */

struct task *task_sync_attach(struct task_sync *sync, const struct log *log)
{
	struct loop *l = xcalloc(1, sizeof *l);
	struct task *t = xcalloc(1, sizeof *t);
	*l = (struct loop){ .sync = sync, .log = log, .running = t, .epoll_fd = -1 };
	*t = (struct task){ .loop = l, .log = log };
	return t;
}

struct task_sync *task_sync_detach(struct task *t)
{
	struct task_sync *sync = t->loop->sync;
	free(t->loop);
	free(t);
	return sync;
}

struct task_sync *task_sync_of(const struct task *t)
{
	return t->loop->sync;
}
