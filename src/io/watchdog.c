#include "io/watchdog.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

/* The stack of a task may be nearly used up, and a frame with vector registers is large. */
enum { STACK_SIZE = 64 * 1024 };

struct watchdog {
	const volatile unsigned *turns;
	volatile unsigned limit; /* ticks */
	/* Of the handler. */
	unsigned seen, ticks;
};

static void die(int number)
{
	signal(number, SIG_DFL);
	raise(number);
}

static void on_tick(int number, siginfo_t *info, void *context)
{
	if (info->si_code != SI_TIMER) {
		die(number); /* somebody else's, by hand or by a limit */
		return;
	}
	struct watchdog *w = info->si_value.sival_ptr;
	unsigned turns = *w->turns;
	w->ticks = turns == w->seen ? w->ticks + 1 + (unsigned)info->si_overrun : 0;
	w->seen = turns;
	if (w->ticks > w->limit)
		die(number);
}

static int start_timer(struct watchdog *w)
{
	timer_t timer;
	struct sigevent event = {
		.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGXCPU, .sigev_value.sival_ptr = w
	};
	event.sigev_notify_thread_id = gettid();
	const struct timespec tick = { .tv_nsec = WATCHDOG_TICK };
	const struct itimerspec each = { tick, tick };
	if (timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &timer) < 0)
		return -errno;
	return timer_settime(timer, 0, &each, NULL) < 0 ? -errno : 0;
}

static void *make_stack(void)
{
	void *p = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

int watchdog_start(struct loop *l, int64_t limit, struct watchdog **out, struct err *err)
{
	struct watchdog *w = xcalloc(1, sizeof *w);
	const stack_t stack = { .ss_sp = make_stack(), .ss_size = STACK_SIZE };
	/* Not blocked in itself: it dies there and then. */
	struct sigaction action = { .sa_sigaction = on_tick,
		.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART | SA_NODEFER };
	w->turns = loop_turns(l);
	watchdog_limit(w, limit);
	int rc =
		sigaltstack(&stack, NULL) < 0 || sigaction(SIGXCPU, &action, NULL) < 0 ? -errno : 0;
	if (rc == 0)
		rc = start_timer(w);
	if (rc < 0) {
		free(w);
		return err_errno(err, -rc, "watching the loop");
	}
	*out = w;
	return 0;
}

void watchdog_limit(struct watchdog *w, int64_t limit)
{
	w->limit = (unsigned)MIN(limit / WATCHDOG_TICK, (int64_t)UINT32_MAX / 2);
}
