#include "filter/list_tasks.h"

#include "base/clock.h"
#include "io/task.h"
#include "resolver/resolver_dns.h"

#include <stdlib.h>

/* One question as a task has it: in memory that outlives a caller who is cancelled. */
struct errand {
	str name;
	bool done;
	enum dns_status status;
	uint32_t answers[LIST_ANSWERS_MAX];
	size_t answer_count;
	int64_t took;
};

struct list_job {
	unsigned references; /* the batch, and each task */
	unsigned tasks;
	struct arena arena;
	struct errand errands[LIST_QUESTIONS_MAX];
	size_t n, taken, finished;
	int64_t deadline;
	const struct resolver_calls *calls;
	struct event progress;
	bool abandoned;
};

static void release(struct list_job *job)
{
	if (--job->references)
		return;
	arena_done(&job->arena);
	free(job);
}

static void take_answer(const struct dns_answer *answer, struct errand *e)
{
	e->status = answer->status;
	for (size_t i = 0; i < answer->n && e->answer_count < LIST_ANSWERS_MAX; i++) {
		const unsigned char *b = &answer->records[i].ip.bytes[12];
		e->answers[e->answer_count++] =
			(uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
	}
}

enum { ANSWER_MAX = 64 * 1024 };

static void run_errand(struct task *t, struct list_job *job, struct errand *e)
{
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(ANSWER_MAX);
	struct resolver_asker asker = { .t = t, .calls = job->calls, .deadline = job->deadline };
	struct dns dns = resolver_dns(&asker);
	struct dns_answer answer;
	int64_t started = task_now(t);
	dns_lookup(&dns, DNS_TYPE_A, e->name, &arena, &answer);
	take_answer(&answer, e);
	e->took = task_now(t) - started;
	e->done = true;
	job->finished++;
	event_set(&job->progress);
}

static void run(struct task *t, void *arg)
{
	struct list_job *job = arg;
	while (job->taken < job->n && !job->abandoned)
		run_errand(t, job, &job->errands[job->taken++]);
	job->tasks--;
	release(job);
}

static struct list_job *job_new(const struct list_tasks *tasks)
{
	struct list_job *job = xcalloc(1, sizeof *job);
	job->references = 1;
	job->arena = ARENA_INIT((size_t)LIST_QUESTIONS_MAX * 320);
	job->calls = tasks->calls;
	return job;
}

static void begin(void *context, struct list_batch *b)
{
	struct list_tasks *tasks = context;
	struct list_job *job = b->job ? b->job : job_new(tasks);
	b->job = job;
	job->deadline = b->deadline;
	for (; job->n < b->n; job->n++)
		job->errands[job->n] =
			(struct errand){ .name = arena_str(&job->arena, b->items[job->n].name),
				.status = DNS_TEMPORARY };
	while (job->tasks < LIST_TASKS_MAX && job->tasks < job->n - job->taken) {
		if (task_start(task_loop(tasks->t), run, job, NULL) < 0)
			break; /* those that run do the rest; without any it stays open */
		job->references++;
		job->tasks++;
	}
}

static void finish(void *context, struct list_batch *b)
{
	struct list_tasks *tasks = context;
	struct list_job *job = b->job;
	int rc = 0;
	while (job->finished < job->n && job->tasks && rc == 0)
		rc = event_wait(tasks->t, &job->progress, job->deadline);
	for (size_t i = 0; i < job->n; i++) {
		const struct errand *e = &job->errands[i];
		struct list_question *q = &b->items[i];
		q->status = e->done ? e->status : DNS_TEMPORARY;
		q->took = e->took;
		q->answer_count = e->answer_count;
		memcpy(q->answers, e->answers, sizeof q->answers);
	}
	job->abandoned = true;
	b->job = NULL;
	release(job);
}

static int64_t now(void *context)
{
	const struct list_tasks *tasks = context;
	return task_now(tasks->t);
}

struct list_asker list_asker_over(struct list_tasks *tasks)
{
	return (struct list_asker){ begin, finish, now, tasks };
}
