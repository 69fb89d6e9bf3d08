/*
 * The pool of open accounts. What runs within tasks and threads checks with ASSERT: cmocka cannot
 * leave their stacks.
 */
#include "store/account_testing.h"

#include "store/account_pool.h"

#include <dirent.h>
#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <time.h>

static const struct log no_log;

/* ── A stage: tasks that use one pool ─────────────────────────────────────────────────────── */

struct stage {
	const char *dir;
	struct loop *loop;
	struct account_pool *pool;
	struct task *tasks[16];
	size_t left;
	atomic_int inside[16]; /* calls that run, by account */
	atomic_int runs;
	sem_t begun[2];
};

struct use {
	struct stage *stage;
	uint64_t account;
	account_fn *fn;
	void (*before)(struct task *t, struct stage *s);
	int result;
	struct err err;
};

static void run_use(struct task *t, void *arg)
{
	struct use *u = arg;
	if (u->before)
		u->before(t, u->stage);
	if (u->fn)
		u->result =
			account_pool_run(t, u->stage->pool, u->account, u->fn, u->stage, &u->err);
	if (--u->stage->left == 0)
		loop_stop(u->stage->loop);
}

static void begin(struct stage *s, void **state, size_t keep)
{
	*s = (struct stage){ .dir = *state, .loop = loop_new(&no_log) };
	s->pool = account_pool_new(str_from_z(s->dir), keep);
}

static void run(struct stage *s, struct use *uses, size_t n)
{
	s->left = n;
	for (size_t i = 0; i < n; i++) {
		uses[i].stage = s;
		assert_int_equal(task_start(s->loop, run_use, &uses[i], &s->tasks[i]), 0);
	}
	loop_run(s->loop);
}

static void end(struct stage *s)
{
	loop_finish(s->loop);
	account_pool_free(s->pool);
	loop_free(s->loop);
}

static void use_one(struct stage *s, uint64_t account, account_fn *fn, int expected)
{
	struct use use = { .account = account, .fn = fn };
	run(s, &use, 1);
	assert_int_equal(use.result, expected);
}

/* ── What is done with an account ─────────────────────────────────────────────────────────── */

static int nothing(struct account *a, void *arg, struct err *err)
{
	return 0;
}

static int refuse(struct account *a, void *arg, struct err *err)
{
	return err_set(err, ENOENT, "no");
}

/* Stays for a while, and looks whether somebody else is there. */
static int stay(struct account *a, void *arg, struct err *err)
{
	struct stage *s = arg;
	struct timespec while_ = { .tv_nsec = 2 * 1000 * 1000 };
	atomic_int *inside = &s->inside[account_id(a)];
	ASSERT(atomic_fetch_add(inside, 1) == 0);
	nanosleep(&while_, NULL);
	ASSERT(atomic_fetch_sub(inside, 1) == 1);
	atomic_fetch_add(&s->runs, 1);
	return 0;
}

/* Waits until the other account is in use too. */
static int meet(struct account *a, void *arg, struct err *err)
{
	struct stage *s = arg;
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 20;
	size_t self = account_id(a) - 1;
	sem_post(&s->begun[self]);
	return sem_timedwait(&s->begun[1 - self], &until) < 0 ? -errno : 0;
}

static bool is_open(const struct stage *s, uint64_t account)
{
	char wanted[600], path[300], target[600];
	snprintf(wanted, sizeof wanted, "%s/accounts/%llu.db", s->dir, (unsigned long long)account);
	DIR *d = opendir("/proc/self/fd");
	bool found = false;
	for (struct dirent *e; (e = readdir(d));) {
		snprintf(path, sizeof path, "/proc/self/fd/%s", e->d_name);
		ssize_t n = readlink(path, target, sizeof target);
		found |= n > 0 && str_equal(str_from(target, (size_t)n), str_from_z(wanted));
	}
	closedir(d);
	return found;
}

/* ── Tests ────────────────────────────────────────────────────────────────────────────────── */

static void the_least_recently_used_is_closed(void **state)
{
	struct stage s;
	begin(&s, state, 2);
	use_one(&s, 1, nothing, 0);
	use_one(&s, 2, nothing, 0);
	use_one(&s, 1, nothing, 0);
	assert_true(is_open(&s, 1) && is_open(&s, 2));
	use_one(&s, 3, nothing, 0);
	assert_true(is_open(&s, 1) && !is_open(&s, 2) && is_open(&s, 3));
	use_one(&s, 2, nothing, 0);
	assert_true(!is_open(&s, 1) && is_open(&s, 2) && is_open(&s, 3));
	account_pool_trim(s.pool);
	assert_true(!is_open(&s, 1) && !is_open(&s, 2) && !is_open(&s, 3));
	use_one(&s, 3, nothing, 0);
	assert_true(is_open(&s, 3));
	end(&s);
	assert_false(is_open(&s, 3));
}

static void nothing_is_kept_where_nothing_may_be(void **state)
{
	struct stage s;
	begin(&s, state, 0);
	struct use uses[8] = { 0 };
	for (size_t i = 0; i < ARRAY_LEN(uses); i++)
		uses[i] = (struct use){ .account = 1 + i / 4, .fn = stay };
	run(&s, uses, ARRAY_LEN(uses));
	assert_int_equal(s.runs, 8);
	assert_true(!is_open(&s, 1) && !is_open(&s, 2));
	end(&s);
}

static void one_account_is_used_by_one_at_a_time(void **state)
{
	struct stage s;
	begin(&s, state, 4);
	struct use uses[15] = { 0 };
	for (size_t i = 0; i < ARRAY_LEN(uses); i++)
		uses[i] = (struct use){ .account = 1 + i % 3, .fn = stay };
	run(&s, uses, ARRAY_LEN(uses));
	assert_int_equal(s.runs, 15);
	for (size_t i = 0; i < ARRAY_LEN(uses); i++)
		assert_int_equal(uses[i].result, 0);
	end(&s);
}

static void different_accounts_are_used_side_by_side(void **state)
{
	struct stage s;
	begin(&s, state, 4);
	sem_init(&s.begun[0], 0, 0);
	sem_init(&s.begun[1], 0, 0);
	struct use uses[2] = { { .account = 1, .fn = meet }, { .account = 2, .fn = meet } };
	run(&s, uses, 2);
	assert_int_equal(uses[0].result, 0);
	assert_int_equal(uses[1].result, 0);
	end(&s);
}

static void cancel_the_first_two(struct task *t, struct stage *s)
{
	task_cancel(s->tasks[0]);
	task_cancel(s->tasks[1]);
}

/* What has begun is waited for; what has not, does not begin. */
static void a_wait_can_be_cancelled_but_not_the_work(void **state)
{
	struct stage s;
	begin(&s, state, 4);
	struct use uses[3] = { { .account = 1, .fn = stay }, { .account = 1, .fn = stay },
		{ .before = cancel_the_first_two, .account = 1, .fn = stay } };
	run(&s, uses, 3);
	assert_int_equal(uses[0].result, 0);
	assert_int_equal(uses[1].result, -ECANCELED);
	assert_int_equal(uses[2].result, 0);
	assert_int_equal(s.runs, 2);
	end(&s);
}

static void errors_are_handed_on_and_pass(void **state)
{
	struct stage s;
	char path[600];
	begin(&s, state, 4);
	struct use no = { .account = 1, .fn = refuse };
	run(&s, &no, 1);
	assert_int_equal(no.result, -ENOENT);
	assert_string_equal(no.err.text, "no");
	/* An account that cannot be opened now can be later. */
	snprintf(path, sizeof path, "%s/accounts/2.db", s.dir);
	assert_int_equal(mkdir(path, 0700), 0);
	struct use blocked = { .account = 2, .fn = nothing };
	run(&s, &blocked, 1);
	assert_true(blocked.result < 0);
	assert_true(strlen(blocked.err.text) > 0);
	rmdir(path);
	use_one(&s, 2, nothing, 0);
	end(&s);
}

/* A megabyte that does not pack. */
static int deliver_much(struct account *a, void *arg, struct err *err)
{
	enum { SIZE = 1 << 20 };
	uint64_t modseq;
	char *bytes CLEANUP(free_pointer) = xmalloc(SIZE);
	for (size_t i = 0; i < SIZE; i++)
		bytes[i] = testing_noise(i);
	struct account_delivery d = testing_delivery(STR("trace"), -1, 0);
	d.memory = str_from(bytes, SIZE);
	return account_deliver(a, &d, 1, TESTING_NOW, &modseq, err);
}

static off_t size_of(const struct stage *s, const char *suffix)
{
	char path[600];
	struct stat st = { 0 };
	snprintf(path, sizeof path, "%s/accounts/1.db%s", s->dir, suffix);
	ASSERT(stat(path, &st) == 0);
	return st.st_size;
}

/* Until the file has what is in the log. */
static void wait_for_checkpoint(struct task *t, struct stage *s)
{
	for (int i = 0; i < 20000 && size_of(s, "") < 3 << 20; i++)
		ASSERT(task_sleep(t, MILLISECONDS(1)) == 0);
}

static void the_log_is_copied_beside_the_calls(void **state)
{
	struct stage s;
	begin(&s, state, 1);
	for (int i = 0; i < 6; i++)
		use_one(&s, 1, deliver_much, 0);
	struct use wait = { .before = wait_for_checkpoint };
	run(&s, &wait, 1);
	assert_true(size_of(&s, "") >= 3 << 20);
	/* The handle was kept open, so it was not the end of it that copied. */
	assert_true(is_open(&s, 1));
	use_one(&s, 1, deliver_much, 0);
	end(&s);
	struct account *a = NULL;
	struct err err;
	assert_ok(account_open(*state, 1, 0, TESTING_NOW, &a, &err), &err);
	assert_int_equal(testing_mailbox(a, "INBOX").messages, 7);
	testing_verify(a);
	account_close(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		store_test(the_least_recently_used_is_closed),
		store_test(nothing_is_kept_where_nothing_may_be),
		store_test(one_account_is_used_by_one_at_a_time),
		store_test(different_accounts_are_used_side_by_side),
		store_test(a_wait_can_be_cancelled_but_not_the_work),
		store_test(errors_are_handed_on_and_pass),
		store_test(the_log_is_copied_beside_the_calls),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
