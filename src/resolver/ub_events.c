/*
 * ub_events.c: the names of the two tables of functions below are those of unbound-event.h; what
 * they must do is what libevent does.
 */
#include "resolver/ub_events.h"

#include "base/heap.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <unistd.h>

enum { EVENTS_AT_ONCE = 64 };

typedef void ub_callback(int fd, short bits, void *arg);

struct ub_events {
	struct ub_event_base base; /* what libunbound holds */
	struct ub_event_base_vmt base_functions;
	struct ub_event_vmt event_functions;
	struct loop *loop;
	struct task *task; /* NULL: has ended */
	bool freed;        /* the task frees it when it ends */
	struct watch watch;
	int epoll_fd;
	struct loop_hook hook;
	struct event sooner; /* there is a timer before all others */
	struct heap timers;
	/* What epoll_wait() told, while it is worked through. */
	struct epoll_event batch[EVENTS_AT_ONCE];
	int batch_count;
};

struct event_of_ub {
	struct ub_event event;
	struct ub_events *owner;
	int fd; /* -1: a timer only */
	short bits;
	ub_callback *callback;
	void *arg;
	bool watched; /* is in epoll */
	struct heap_node timer;
	int64_t interval; /* of a persistent event: its timer starts anew each time; 0: none */
};

static struct event_of_ub *own(struct ub_event *event)
{
	return CONTAINER_OF(event, struct event_of_ub, event);
}

/* ── Events ───────────────────────────────────────────────────────────────────────────────── */

static void set_timer(struct event_of_ub *ev, int64_t interval)
{
	struct ub_events *e = ev->owner;
	heap_remove(&e->timers, &ev->timer);
	heap_add(&e->timers, &ev->timer, clock_monotonic() + interval);
	if (heap_least(&e->timers) == &ev->timer)
		event_set(&e->sooner);
}

static int start_watching(struct event_of_ub *ev)
{
	struct epoll_event in = { .data.ptr = ev };
	in.events |= ev->bits & UB_EV_READ ? EPOLLIN : 0;
	in.events |= ev->bits & UB_EV_WRITE ? EPOLLOUT : 0;
	if (epoll_ctl(ev->owner->epoll_fd, EPOLL_CTL_ADD, ev->fd, &in) < 0)
		return -1;
	ev->watched = true;
	return 0;
}

static void stop(struct event_of_ub *ev)
{
	struct ub_events *e = ev->owner;
	heap_remove(&e->timers, &ev->timer);
	ev->interval = 0;
	if (!ev->watched)
		return;
	epoll_ctl(e->epoll_fd, EPOLL_CTL_DEL, ev->fd, NULL);
	ev->watched = false;
	for (int i = 0; i < e->batch_count; i++)
		if (e->batch[i].data.ptr == ev)
			e->batch[i].data.ptr = NULL;
}

static void fire(struct event_of_ub *ev, short bits)
{
	if (!(ev->bits & UB_EV_PERSIST))
		stop(ev);
	else if (ev->interval)
		set_timer(ev, ev->interval);
	ev->callback(ev->fd, bits, ev->arg); /* which may free it */
}

static void event_add_bits(struct ub_event *event, short bits)
{
	own(event)->bits |= bits;
}

static void event_del_bits(struct ub_event *event, short bits)
{
	own(event)->bits &= (short)~bits;
}

static void event_set_fd(struct ub_event *event, int fd)
{
	own(event)->fd = fd;
}

static void event_free(struct ub_event *event)
{
	stop(own(event));
	free(own(event));
}

static int event_del(struct ub_event *event)
{
	stop(own(event));
	return 0;
}

static int event_add(struct ub_event *event, struct timeval *tv)
{
	struct event_of_ub *ev = own(event);
	stop(ev);
	if (ev->fd >= 0 && ev->bits & (UB_EV_READ | UB_EV_WRITE) && start_watching(ev) < 0)
		return -1;
	if (tv) {
		int64_t interval = SECONDS(tv->tv_sec) + tv->tv_usec * (NSEC_PER_SEC / 1000000);
		ev->interval = ev->bits & UB_EV_PERSIST ? interval : 0;
		set_timer(ev, interval);
	}
	return 0;
}

static int timer_add(struct ub_event *event, struct ub_event_base *base, ub_callback *callback,
	void *arg, struct timeval *tv)
{
	own(event)->callback = callback;
	own(event)->arg = arg;
	return event_add(event, tv);
}

static int no_signals(struct ub_event *event, struct timeval *tv)
{
	return -1;
}

static int no_signal(struct ub_event *event)
{
	return -1;
}

static const struct ub_event_vmt event_functions = { .add_bits = event_add_bits,
	.del_bits = event_del_bits,
	.set_fd = event_set_fd,
	.free = event_free,
	.add = event_add,
	.del = event_del,
	.add_timer = timer_add,
	.del_timer = event_del,
	.add_signal = no_signals,
	.del_signal = no_signal };

static struct ub_event *event_new(
	struct ub_event_base *base, int fd, short bits, ub_callback *callback, void *arg)
{
	struct ub_events *e = CONTAINER_OF(base, struct ub_events, base);
	struct event_of_ub *ev = xmalloc(sizeof *ev);
	*ev = (struct event_of_ub){ .event = { UB_EVENT_MAGIC, &e->event_functions },
		.owner = e,
		.fd = fd,
		.bits = bits,
		.callback = callback,
		.arg = arg };
	return &ev->event;
}

/* ── The loop ─────────────────────────────────────────────────────────────────────────────── */

static void run_timers(struct ub_events *e)
{
	int64_t now = clock_monotonic();
	struct heap_node *next;
	while ((next = heap_least(&e->timers)) && next->key <= now) {
		struct event_of_ub *ev = CONTAINER_OF(next, struct event_of_ub, timer);
		heap_remove(&e->timers, next);
		fire(ev, UB_EV_TIMEOUT);
	}
}

static void run_batch(struct ub_events *e)
{
	for (int i = 0; i < e->batch_count; i++) {
		struct event_of_ub *ev = e->batch[i].data.ptr;
		uint32_t events = e->batch[i].events;
		short bits = 0;
		if (!ev)
			continue;
		bits |= events & (EPOLLIN | EPOLLERR | EPOLLHUP) ? ev->bits & UB_EV_READ : 0;
		bits |= events & (EPOLLOUT | EPOLLERR | EPOLLHUP) ? ev->bits & UB_EV_WRITE : 0;
		if (bits)
			fire(ev, bits);
	}
	e->batch_count = 0;
}

/* Until nothing is left: the outer watch tells only of what is new. */
static void run(struct loop_hook *hook)
{
	struct ub_events *e = CONTAINER_OF(hook, struct ub_events, hook);
	while ((e->batch_count = epoll_wait(e->epoll_fd, e->batch, EVENTS_AT_ONCE, 0)) > 0)
		run_batch(e);
	e->batch_count = 0;
	run_timers(e);
}

static void destroy(struct ub_events *e)
{
	loop_forget_hook(e->loop, &e->hook);
	watch_stop(&e->watch);
	close(e->epoll_fd);
	heap_done(&e->timers);
	free(e);
}

static void wait_for_events(struct task *t, void *arg)
{
	struct ub_events *e = arg;
	int rc = 0;
	e->sooner.waiter = t;
	while (rc != -ECANCELED) {
		const struct heap_node *next = heap_least(&e->timers);
		rc = watch_wait(t, &e->watch, WATCH_READ, &e->sooner, next ? next->key : NEVER);
		if (rc == -EINTR)
			e->sooner.set = false;
		else if (rc != -ECANCELED)
			loop_before_wait(e->loop, &e->hook);
		/* The hook runs when all tasks have run. */
		if (rc == 0 || rc == -ETIMEDOUT)
			rc = task_yield(t);
	}
	e->task = NULL;
	e->sooner.waiter = NULL;
	if (e->freed)
		destroy(e);
}

struct ub_events *ub_events_new(struct loop *l)
{
	struct ub_events *e = xcalloc(1, sizeof *e);
	e->event_functions = event_functions;
	e->base_functions = (struct ub_event_base_vmt){ .new_event = event_new };
	e->base = (struct ub_event_base){ UB_EVENT_MAGIC, &e->base_functions };
	e->loop = l;
	e->hook.fn = run;
	e->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	ASSERT(e->epoll_fd >= 0);
	ASSERT(watch_start(&e->watch, l, e->epoll_fd, WATCH_SOCKET) == 0);
	ASSERT(task_start(l, wait_for_events, e, &e->task) == 0);
	return e;
}

void ub_events_free(struct ub_events *e)
{
	if (!e)
		return;
	e->freed = true;
	if (e->task)
		task_cancel(e->task);
	else
		destroy(e);
}

struct ub_event_base *ub_events_base(struct ub_events *e)
{
	return &e->base;
}
