/*
 * Questions as tasks: many at a time and not more, answers in their places, a deadline, and askers
 * who are cancelled while their questions are on the way.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "filter/list_health.h"
#include "filter/list_tasks.h"
#include "io/task.h"

#include <errno.h>
#include <stdio.h>

enum { QUESTIONS = 100 };

/* A resolver that answers name N with 127.0.0.N when it is told to; and the scene around it. */
struct world {
	struct loop *loop;
	struct resolver_calls calls;
	struct task *waiting[QUESTIONS];
	size_t waiting_n;
	unsigned now, most, answered;
	bool open;   /* answers at once */
	bool silent; /* answers never */
	bool asked;  /* by `ask`, and finished */
	struct list_question items[QUESTIONS];
	struct task *asker;
	size_t n;
	int64_t timeout;
};

static int lookup(struct task *t, void *self, const struct resolver_lookup_request *in,
	struct arena *a, struct resolver_lookup_reply *out)
{
	struct world *w = self;
	uint64_t n = 0;
	str label, rest;
	w->now++;
	w->most = MAX(w->most, w->now);
	w->waiting[w->waiting_n++] = t;
	int rc = 0;
	while (!w->open && rc == 0)
		rc = task_suspend(t, w->silent ? task_deadline(t, (int64_t)in->timeout) : NEVER);
	w->now--;
	if (rc < 0)
		return rc;
	(void)str_cut(in->name, '.', &label, &rest);
	bool good = str_to_u64(label, 255, &n);
	ASSERT(good);
	char *rdata = arena_alloc(a, 4);
	memcpy(rdata, (const unsigned char[]){ 127, 0, 0, (unsigned char)n }, 4);
	str *records = arena_array(a, str, 1);
	records[0] = str_from(rdata, 4);
	*out = (struct resolver_lookup_reply){ .status = DNS_FOUND, .rdata = { records, 1 } };
	w->answered++;
	return 0;
}

static const struct resolver_ops ops = { .lookup = lookup };

static void fill(struct world *w, struct arena *a, struct list_batch *b, size_t to)
{
	for (; b->n < to; b->n++)
		b->items[b->n] = (struct list_question){ .status = DNS_TEMPORARY,
			.name = arena_printf(a, "%zu.list.test", b->n) };
}

/* In two steps, as the message's questions come. */
static void ask(struct task *t, void *arg)
{
	struct world *w = arg;
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(1024 * 1024);
	struct list_tasks tasks = { t, &w->calls };
	struct list_asker asker = list_asker_over(&tasks);
	struct list_batch b = { .items = w->items, .deadline = task_deadline(t, w->timeout) };
	w->asker = t;
	fill(w, &arena, &b, w->n / 2);
	asker.begin(asker.context, &b);
	b.begun = b.n;
	fill(w, &arena, &b, w->n);
	asker.begin(asker.context, &b);
	asker.finish(asker.context, &b);
	ASSERT(!b.job);
	w->asked = true;
	w->asker = NULL;
}

/* Beside it: opens, or cancels, when as many as possible are waiting. */
static void open_when_full(struct task *t, void *arg)
{
	struct world *w = arg;
	while (w->now < MIN(w->n, (size_t)LIST_TASKS_MAX))
		ASSERT(task_yield(t) == 0);
	w->open = true;
	for (size_t i = 0; i < w->waiting_n; i++)
		task_wake(w->waiting[i]);
	while (!w->asked)
		ASSERT(task_yield(t) == 0);
	loop_stop(task_loop(t));
}

static void cancel_when_full(struct task *t, void *arg)
{
	struct world *w = arg;
	while (w->now < LIST_TASKS_MAX)
		ASSERT(task_yield(t) == 0);
	task_cancel(w->asker);
	while (!w->asked)
		ASSERT(task_yield(t) == 0);
	loop_stop(task_loop(t));
}

static void stop_when_asked(struct task *t, void *arg)
{
	struct world *w = arg;
	while (!w->asked)
		ASSERT(task_sleep(t, MILLISECONDS(1)) == 0);
	loop_stop(task_loop(t));
}

static void run(struct world *w, task_fn *beside)
{
	static const struct log no_log;
	w->loop = loop_new(&no_log);
	w->calls = (struct resolver_calls){ &ops, w };
	assert_int_equal(task_start(w->loop, ask, w, NULL), 0);
	assert_int_equal(task_start(w->loop, beside, w, NULL), 0);
	loop_run(w->loop);
	loop_finish(w->loop);
	loop_free(w->loop);
	assert_true(w->asked);
}

static void all_at_once(void **state)
{
	static const size_t counts[] = { 1, 2, 3, LIST_TASKS_MAX, LIST_TASKS_MAX + 1, QUESTIONS };
	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		struct world w = { .n = counts[i], .timeout = NEVER };
		run(&w, open_when_full);
		assert_int_equal(w.most, MIN(counts[i], (size_t)LIST_TASKS_MAX));
		assert_int_equal(w.answered, counts[i]);
		for (size_t k = 0; k < counts[i]; k++) {
			assert_int_equal(w.items[k].status, DNS_FOUND);
			assert_int_equal(w.items[k].answer_count, 1);
			assert_int_equal(w.items[k].answers[0], 0x7f000000 + k);
		}
	}
}

/* A caller who is cancelled does not wait; its questions find nobody when they come back. */
static void a_caller_may_go(void **state)
{
	struct world w = { .n = QUESTIONS, .timeout = NEVER };
	run(&w, cancel_when_full);
	assert_int_equal(w.answered, 0);
	assert_int_equal(w.waiting_n, LIST_TASKS_MAX); /* the rest is not asked any more */
	for (size_t k = 0; k < QUESTIONS; k++)
		assert_int_equal(w.items[k].status, DNS_TEMPORARY);
}

static void silence_ends_in_time(void **state)
{
	struct world w = { .n = QUESTIONS, .timeout = MILLISECONDS(20), .silent = true };
	run(&w, stop_when_asked);
	for (size_t k = 0; k < QUESTIONS; k++)
		assert_int_equal(w.items[k].status, DNS_TEMPORARY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_at_once),
		cmocka_unit_test(a_caller_may_go),
		cmocka_unit_test(silence_ends_in_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
