#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "io/task.h"
#include "io/task_sync.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static const struct log no_log;

/* What the tasks of one test share. */
struct scene {
	struct loop *loop;
	struct task *first;
	struct event event;
	struct task_lock lock;
	int pipe[2];
	int result;
	size_t used;
	char order[64];
};

static void note(struct scene *s, char c)
{
	size_t n = strlen(s->order);
	assert_true(n + 1 < sizeof s->order);
	s->order[n] = c;
}

/* Runs both as tasks until both have ended. */
struct cast {
	struct scene *scene;
	task_fn *act;
	unsigned *left;
};

static void play(struct task *t, void *arg)
{
	struct cast *cast = arg;
	cast->act(t, cast->scene);
	if (--*cast->left == 0)
		loop_stop(cast->scene->loop);
}

static void run(struct scene *s, task_fn *one, task_fn *two)
{
	unsigned left = two ? 2 : 1;
	struct cast casts[2] = { { s, one, &left }, { s, two, &left } };
	s->loop = loop_new(&no_log);
	assert_int_equal(task_start(s->loop, play, &casts[0], &s->first), 0);
	if (two)
		assert_int_equal(task_start(s->loop, play, &casts[1], NULL), 0);
	loop_run(s->loop);
	assert_int_equal(loop_task_count(s->loop), 0);
	loop_free(s->loop);
}

static void sleeper(struct task *t, void *arg)
{
	struct scene *s = arg;
	int64_t before = task_now(t);
	s->result = task_sleep(t, MILLISECONDS(100));
	s->used = (size_t)((task_now(t) - before) / NSEC_PER_MSEC);
	note(s, 's');
}

static void yielder(struct task *t, void *arg)
{
	for (int i = 0; i < 3; i++) {
		note(arg, 'y');
		assert_int_equal(task_yield(t), 0);
	}
}

static void sleep_and_yield(void **state)
{
	struct scene s = { 0 };
	run(&s, sleeper, yielder);
	/* On a busy machine the 100 ms may be over before the last of them. */
	assert_int_equal(s.order[0], 'y');
	assert_int_equal(strlen(s.order), 4);
	assert_non_null(strchr(s.order, 's'));
	assert_int_equal(s.result, 0);
	assert_in_range(s.used, 100, 60000);
}

static void event_waiter(struct task *t, void *arg)
{
	struct scene *s = arg;
	note(s, 'w');
	s->result = event_wait(t, &s->event, task_deadline(t, SECONDS(10)));
	note(s, 'e');
}

static void event_setter(struct task *t, void *arg)
{
	struct scene *s = arg;
	event_set(&s->event);
	note(s, 'x');
}

static void an_event_wakes_and_is_cleared(void **state)
{
	struct scene s = { 0 };
	run(&s, event_waiter, event_setter);
	assert_string_equal(s.order, "wxe");
	assert_int_equal(s.result, 0);
	assert_false(s.event.set);
	struct scene before = { .event.set = true };
	run(&before, event_waiter, NULL);
	assert_int_equal(before.result, 0);
}

static void timed_waiter(struct task *t, void *arg)
{
	struct scene *s = arg;
	s->result = event_wait(t, &s->event, task_deadline(t, MILLISECONDS(5)));
}

static void a_deadline_ends_a_wait(void **state)
{
	struct scene s = { 0 };
	run(&s, timed_waiter, NULL);
	assert_int_equal(s.result, -ETIMEDOUT);
}

static void canceller(struct task *t, void *arg)
{
	struct scene *s = arg;
	task_cancel(s->first);
}

static void cancelled_waiter(struct task *t, void *arg)
{
	struct scene *s = arg;
	s->result = event_wait(t, &s->event, NEVER);
	assert_int_equal(task_sleep(t, SECONDS(100)), -ECANCELED);
	assert_int_equal(task_yield(t), -ECANCELED);
	assert_int_equal(task_suspend(t, NEVER), -ECANCELED);
}

static void cancelling_is_sticky(void **state)
{
	struct scene s = { 0 };
	run(&s, cancelled_waiter, canceller);
	assert_int_equal(s.result, -ECANCELED);
}

/* Takes until the other task lets it end. */
static void slow_work(void *arg)
{
	struct scene *s = arg;
	char byte;
	s->result = read(s->pipe[0], &byte, 1) == 1 ? 7 : -errno;
}

static void offloader(struct task *t, void *arg)
{
	struct scene *s = arg;
	task_offload(t, slow_work, s);
	note(s, task_cancelled(t) ? 'c' : 'o');
}

static void let_work_end(struct scene *s)
{
	assert_int_equal(write(s->pipe[1], "x", 1), 1);
}

static void yielder_beside_work(struct task *t, void *arg)
{
	yielder(t, arg);
	let_work_end(arg);
}

static void canceller_beside_work(struct task *t, void *arg)
{
	canceller(t, arg);
	assert_int_equal(task_yield(t), 0);
	note(arg, 'y');
	let_work_end(arg);
}

static void offload_beside(task_fn *other, const char *order)
{
	struct scene s = { 0 };
	assert_int_equal(pipe2(s.pipe, O_CLOEXEC), 0);
	run(&s, offloader, other);
	assert_int_equal(s.result, 7);
	assert_string_equal(s.order, order);
	close(s.pipe[0]);
	close(s.pipe[1]);
}

static void work_is_offloaded_and_never_left_behind(void **state)
{
	offload_beside(yielder_beside_work, "yyyo");
	offload_beside(canceller_beside_work, "yc");
}

static void locker(struct task *t, void *arg)
{
	struct scene *s = arg;
	assert_int_equal(task_lock(t, &s->lock, NEVER), 0);
	note(s, '(');
	assert_int_equal(task_yield(t), 0);
	note(s, ')');
	task_unlock(&s->lock);
}

static void a_lock_excludes(void **state)
{
	struct scene s = { 0 };
	run(&s, locker, locker);
	assert_string_equal(s.order, "()()");
	assert_false(s.lock.held);
}

static void timed_locker(struct task *t, void *arg)
{
	struct scene *s = arg;
	s->result = task_lock(t, &s->lock, task_deadline(t, MILLISECONDS(5)));
	assert_null(s->lock.first);
}

static void a_lock_waits_no_longer_than_asked(void **state)
{
	struct scene s = { .lock.held = true };
	run(&s, timed_locker, NULL);
	assert_int_equal(s.result, -ETIMEDOUT);
}

static void pipe_reader(struct task *t, void *arg)
{
	struct scene *s = arg;
	struct watch w;
	char byte;
	assert_int_equal(watch_start(&w, s->loop, s->pipe[0], WATCH_SOCKET), 0);
	for (int i = 0; i < 2; i++) {
		while (read(s->pipe[0], &byte, 1) < 0)
			assert_int_equal(watch_wait(t, &w, WATCH_READ, NULL, NEVER), 0);
		note(s, byte);
	}
	watch_stop(&w);
}

static void pipe_writer(struct task *t, void *arg)
{
	struct scene *s = arg;
	for (char c = 'a'; c <= 'b'; c++) {
		assert_int_equal(write(s->pipe[1], &c, 1), 1);
		assert_int_equal(task_sleep(t, MILLISECONDS(2)), 0);
	}
}

static void descriptors_wake_their_task(void **state)
{
	struct scene s = { 0 };
	assert_int_equal(pipe2(s.pipe, O_NONBLOCK | O_CLOEXEC), 0);
	run(&s, pipe_reader, pipe_writer);
	assert_string_equal(s.order, "ab");
	close(s.pipe[0]);
	close(s.pipe[1]);
}

/* Touches about 24 KiB of stack. */
static __attribute__((noinline)) char go_deep(void)
{
	volatile char bytes[24 * 1024];
	for (size_t i = 0; i < sizeof bytes; i += 512)
		bytes[i] = (char)i;
	return bytes[512];
}

static void diver(struct task *t, void *arg)
{
	struct scene *s = arg;
	go_deep();
	size_t deep = task_stack_used(t);
	assert_true(deep >= 24 * 1024);
	assert_int_equal(task_sleep(t, SECONDS(3)), 0);
	s->used = task_stack_used(t);
	assert_true(s->used < deep);
}

static void a_waiting_task_gives_its_stack_back(void **state)
{
	struct scene s = { 0 };
	run(&s, diver, NULL);
}

static void crowd_member(struct task *t, void *arg)
{
	unsigned *left = arg;
	assert_int_equal(task_sleep(t, MILLISECONDS(1 + *left % 17)), 0);
	if (--*left == 0)
		loop_stop(task_loop(t));
}

static void thousands_of_deadlines(void **state)
{
	struct loop *l = loop_new(&no_log);
	unsigned left = 3000;
	for (unsigned i = left; i; i--)
		assert_int_equal(task_start(l, crowd_member, &left, NULL), 0);
	loop_run(l);
	assert_int_equal(left, 0);
	loop_free(l);
}

struct counted_hook {
	struct loop_hook hook;
	unsigned runs;
};

static void counted(struct loop_hook *hook)
{
	CONTAINER_OF(hook, struct counted_hook, hook)->runs++;
}

static struct counted_hook *asked_hook(struct scene *s)
{
	return (struct counted_hook *)(void *)s->order;
}

static void hook_asker(struct task *t, void *arg)
{
	struct counted_hook *h = asked_hook(arg);
	loop_before_wait(task_loop(t), &h->hook);
	loop_before_wait(task_loop(t), &h->hook);
	assert_int_equal(h->runs, 0);
	assert_int_equal(task_sleep(t, MILLISECONDS(1)), 0);
	assert_int_equal(h->runs, 1);
}

static void hooks_run_once_before_the_loop_waits(void **state)
{
	struct scene s = { 0 };
	assert_true(sizeof(struct counted_hook) <= sizeof s.order);
	*asked_hook(&s) = (struct counted_hook){ .hook.fn = counted };
	run(&s, hook_asker, NULL);
}

static void the_synchronous_clock_jumps(void **state)
{
	struct task *t = task_sync_new(&(struct task_sync_options){ .wall = SECONDS(1000) });
	assert_int_equal(task_sleep(t, SECONDS(60)), 0);
	assert_int_equal(task_now(t), SECONDS(60));
	assert_int_equal(task_wall(t), SECONDS(1060));
	struct event e = { 0 };
	assert_int_equal(event_wait(t, &e, task_deadline(t, SECONDS(5))), -ETIMEDOUT);
	event_set(&e);
	assert_int_equal(event_wait(t, &e, NEVER), 0);
	assert_int_equal(task_sync_waits(t), 2);
	task_sync_free(t);
}

static void the_nth_wait_can_be_cancelled(void **state)
{
	struct task *t = task_sync_new(&(struct task_sync_options){ .cancel_at_wait = 2 });
	assert_int_equal(task_sleep(t, SECONDS(1)), 0);
	assert_int_equal(task_sleep(t, SECONDS(1)), -ECANCELED);
	assert_int_equal(task_sleep(t, SECONDS(1)), -ECANCELED);
	task_sync_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sleep_and_yield),
		cmocka_unit_test(an_event_wakes_and_is_cleared),
		cmocka_unit_test(a_deadline_ends_a_wait),
		cmocka_unit_test(cancelling_is_sticky),
		cmocka_unit_test(work_is_offloaded_and_never_left_behind),
		cmocka_unit_test(a_lock_excludes),
		cmocka_unit_test(a_lock_waits_no_longer_than_asked),
		cmocka_unit_test(descriptors_wake_their_task),
		cmocka_unit_test(a_waiting_task_gives_its_stack_back),
		cmocka_unit_test(thousands_of_deadlines),
		cmocka_unit_test(hooks_run_once_before_the_loop_waits),
		cmocka_unit_test(the_synchronous_clock_jumps),
		cmocka_unit_test(the_nth_wait_can_be_cancelled),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
