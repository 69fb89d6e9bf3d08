/*
 * Each scene runs in a child, as what is tested is how it dies.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "io/watchdog.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const struct log no_log;

struct scene {
	struct loop *loop;
	int64_t turn, total; /* processor time */
	size_t depth;        /* of the stack that it has used when it computes */
};

static int64_t thread_time(void)
{
	struct timespec now;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

static void compute(int64_t duration, size_t depth)
{
	volatile char room[4096];
	room[0] = 1;
	if (depth > sizeof room)
		compute(duration, depth - sizeof room);
	else
		for (int64_t end = thread_time() + duration; thread_time() < end;)
			room[1] = room[0];
	room[2] = room[1];
}

static void work(struct task *t, void *arg)
{
	const struct scene *s = arg;
	for (int64_t end = thread_time() + s->total; thread_time() < end;) {
		compute(s->turn, s->depth);
		(void)!task_yield(t);
	}
	loop_stop(s->loop);
}

/* How a process ends that computes so. */
static int outcome(struct scene s, int64_t limit, int64_t later)
{
	pid_t pid = fork();
	if (pid == 0) {
		const struct rlimit none = { 0, 0 };
		struct watchdog *w;
		struct err err;
		setrlimit(RLIMIT_CORE, &none);
		s.loop = loop_new(&no_log);
		if (watchdog_start(s.loop, limit, &w, &err) < 0)
			_exit(2);
		watchdog_limit(w, later);
		if (task_start(s.loop, work, &s, NULL) < 0)
			_exit(3);
		loop_run(s.loop);
		_exit(0);
	}
	int status;
	assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

static void a_turn_that_takes_too_long(void **state)
{
	struct scene s = { .turn = SECONDS(20), .total = SECONDS(20) };
	assert_int_equal(outcome(s, SECONDS(1), SECONDS(1)), SIGXCPU);
	/* The timer's handler has a stack of its own. */
	s.depth = 40 * 1024;
	assert_int_equal(outcome(s, SECONDS(1), SECONDS(1)), SIGXCPU);
	assert_int_equal(outcome(s, SECONDS(100), SECONDS(1)), SIGXCPU);
}

static void turns_that_are_short(void **state)
{
	struct scene s = { .turn = MILLISECONDS(20), .total = SECONDS(3) };
	assert_int_equal(outcome(s, SECONDS(1), SECONDS(1)), 0);
	/* Longer than a tick, shorter than the limit. */
	s.turn = MILLISECONDS(600);
	assert_int_equal(outcome(s, SECONDS(1), SECONDS(1)), 0);
}

/* Waits, in one turn, for a child that computes longer than the limit. */
static void rest(struct task *t, void *arg)
{
	struct loop *l = arg;
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		compute(SECONDS(2), 0); /* timers are not inherited */
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		_exit(5);
	loop_stop(l);
}

/* A turn that waits for something takes time, and no processor time. */
static void a_turn_that_waits(void **state)
{
	pid_t pid = fork();
	if (pid == 0) {
		struct watchdog *w;
		struct err err;
		struct loop *l = loop_new(&no_log);
		if (watchdog_start(l, SECONDS(1), &w, &err) < 0 || task_start(l, rest, l, NULL) < 0)
			_exit(2);
		loop_run(l);
		_exit(0);
	}
	int status;
	assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_turn_that_takes_too_long),
		cmocka_unit_test(turns_that_are_short),
		cmocka_unit_test(a_turn_that_waits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
