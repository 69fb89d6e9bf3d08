/*
 * What delivery keeps aside, and what it knows of messages that failed, over the real store. What
 * runs within tasks checks with ASSERT: cmocka cannot leave their stacks.
 */
#include "store/store_testing.h"

#include "delivery/delivery.h"
#include "store/quarantine.h"
#include "store/records.h"

#include <errno.h>

static const struct log no_log;

struct stage {
	const char *dir;
	struct loop *loop;
	struct delivery_calls calls;
	void (*scene)(struct task *t, struct stage *s);
};

static void run_scene(struct task *t, void *arg)
{
	struct stage *s = arg;
	s->scene(t, s);
	loop_stop(s->loop);
}

static void make(const struct stage *s, const char *directory)
{
	char path[600];
	snprintf(path, sizeof path, "%s/%s", s->dir, directory);
	assert_int_equal(mkdir(path, 0770), 0);
}

/* Runs it in a delivery that keeps records and, where there is a place for it, a quarantine. */
static void play(void **state, bool place, void (*scene)(struct task *t, struct stage *s))
{
	struct stage s = { .dir = *state, .loop = loop_new(&no_log), .scene = scene };
	str dir = str_from_z(s.dir);
	struct delivery *d = delivery_new(s.loop, &no_log, dir, 10);
	struct quarantiner *q;
	struct recorder *r;
	s.calls = (struct delivery_calls){ &delivery_functions, d };
	make(&s, "records");
	if (place)
		make(&s, "quarantine");
	assert_int_equal(recorder_new(s.loop, &no_log, dir, SECONDS(1000), 1 << 20, &r), 0);
	assert_int_equal(quarantiner_new(s.loop, &no_log, dir, SECONDS(1000), 1 << 20, &q), 0);
	delivery_keep_records(d, r);
	delivery_keep_aside(d, q);
	assert_int_equal(task_start(s.loop, run_scene, &s, NULL), 0);
	loop_run(s.loop);
	loop_finish(s.loop);
	delivery_free(d);
	quarantiner_free(q);
	recorder_free(r);
	loop_free(s.loop);
}

/* ── The quarantine ───────────────────────────────────────────────────────────────────────── */

static int keep(struct task *t, struct stage *s, const char *id, str content, bool copy)
{
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(1024 * 1024);
	uint64_t account = 7;
	str detail = STR("x"), recipient = STR("a+x@here.test");
	struct buf record CLEANUP(buf_done) = BUF_INIT(1024);
	buf_printf(&record, "{\"id\":\"%s\"}", id);
	struct delivery_quarantine_request in = { .id = str_from_z(id),
		.reason = STR("it scores 9"),
		.copy = copy,
		.sender = STR("a@away.test"),
		.client = STR("192.0.2.1"),
		.recipients = { &recipient, 1 },
		.trace = STR("Received: x\r\n"),
		.content = content,
		.message = -1,
		.size = content.n,
		.received = 1700000000,
		.accounts = { &account, 1 },
		.details = { &detail, 1 },
		.envelope = STR("(e)"),
		.body = STR("(b)"),
		.bodystructure = STR("(s)"),
		.record = copy ? STR_EMPTY : buf_str(&record) };
	struct delivery_quarantine_reply out;
	return delivery_quarantine(t, &s->calls, &in, &arena, &out);
}

static void keep_some(struct task *t, struct stage *s)
{
	char *large = xcalloc(1, 2 << 20);
	unsigned seed = 1;
	for (size_t i = 0; i < 2 << 20; i++)
		large[i] = (char)((seed = seed * 1103515245 + 12345) >> 16);
	ASSERT(keep(t, s, "A", STR("message A"), false) == 0);
	ASSERT(keep(t, s, "A", STR("message A"), false) == 0); /* its answer was lost */
	ASSERT(keep(t, s, "B", str_from(large, 2 << 20), false) == -ENOSPC);
	ASSERT(keep(t, s, "C", STR_EMPTY, true) == 0);
	free(large);
}

static bool count_records(void *arg, const struct record *record)
{
	assert_true(str_equal(record->json, STR("{\"id\":\"A\"}")));
	++*(unsigned *)arg;
	return true;
}

static bool count_items(void *arg, const struct quarantine_item *item)
{
	bool c = str_equal(item->id, STR("C"));
	assert_true(c || str_equal(item->id, STR("A")));
	assert_int_equal(item->copy, c);
	++*(unsigned *)arg;
	return true;
}

static void kept_with_its_record(void **state)
{
	struct quarantine *q;
	struct records *r;
	struct err err;
	unsigned items = 0, records = 0;
	play(state, true, keep_some);
	assert_ok(quarantine_open(*state, QUARANTINE_READ_ONLY, &q, &err), &err);
	assert_ok(quarantine_list(q, count_items, &items, &err), &err);
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(64 * 1024);
	struct quarantine_item item;
	assert_ok(quarantine_find(q, STR("A"), &arena, &item, &err), &err);
	assert_int_equal(item.accounts[0], 7);
	assert_true(str_equal(item.details[0], STR("x")));
	assert_int_equal(item.size, 9);
	quarantine_close(q);
	assert_int_equal(items, 2);
	assert_ok(records_open(*state, RECORDS_READ_ONLY, &r, &err), &err);
	const struct records_query all = { .since = 0 };
	assert_ok(records_find(r, &all, count_records, &records, &err), &err);
	records_close(r);
	assert_int_equal(records, 2);
}

static void keep_nowhere(struct task *t, struct stage *s)
{
	ASSERT(keep(t, s, "A", STR("message A"), false) == -ENOENT);
	make(s, "quarantine");
	ASSERT(keep(t, s, "A", STR("message A"), false) == 0);
}

static void it_is_tried_again(void **state)
{
	play(state, false, keep_nowhere);
}

/* ── Failures ─────────────────────────────────────────────────────────────────────────────── */

static struct delivery_failed_reply tell(
	struct task *t, struct stage *s, str digest, struct arena *a)
{
	struct delivery_failed_request in = {
		.digest = digest, .id = STR("0123456789"), .began = task_now(t)
	};
	struct delivery_failed_reply out = { 0 };
	ASSERT(delivery_failed(t, &s->calls, &in, a, &out) == 0);
	return out;
}

static struct delivery_suspect_reply ask(
	struct task *t, struct stage *s, str digest, struct arena *a)
{
	struct delivery_suspect_request in = { .digest = digest };
	struct delivery_suspect_reply out = { 0 };
	ASSERT(delivery_suspect(t, &s->calls, &in, a, &out) == 0);
	return out;
}

static uint64_t commit(struct task *t, struct stage *s, str forgiven, struct arena *a)
{
	uint64_t account = 1;
	str detail = STR_EMPTY;
	struct delivery_commit_request in = { .id = STR("0123456789"),
		.trace = STR("Received: x\r\n"),
		.message = -1,
		.accounts = { &account, 1 },
		.details = { &detail, 1 },
		.envelope = STR("(e)"),
		.body = STR("(b)"),
		.bodystructure = STR("(s)"),
		.forgiven = forgiven };
	struct delivery_commit_reply out = { 0 };
	ASSERT(delivery_commit(t, &s->calls, &in, a, &out) == 0 && out.results.v[0] == 0);
	return out.suspects;
}

static void fail_some(struct task *t, struct stage *s)
{
	struct arena a CLEANUP(arena_done) = ARENA_INIT(1024 * 1024);
	char bytes[2][32] = { "one", "two" };
	str one = str_from(bytes[0], 32), two = str_from(bytes[1], 32);
	ASSERT(commit(t, s, STR_EMPTY, &a) == 0);
	ASSERT(ask(t, s, one, &a).count == 0);
	struct delivery_failed_reply f = tell(t, s, one, &a);
	ASSERT(f.count == 1 && f.suspects == 1 && str_equal(f.first, STR("0123456789")));
	ASSERT(tell(t, s, two, &a).suspects == 2);
	ASSERT(commit(t, s, STR_EMPTY, &a) == 2);
	ASSERT(ask(t, s, one, &a).count == 1 && !ask(t, s, one, &a).shunned);
	ASSERT(task_sleep(t, MILLISECONDS(1)) == 0); /* another moment */
	ASSERT(tell(t, s, one, &a).count == 2);
	struct delivery_suspect_reply k = ask(t, s, one, &a);
	ASSERT(k.count == 2 && k.shunned && k.suspects == 2);
	ASSERT(commit(t, s, one, &a) == 1);
	ASSERT(ask(t, s, one, &a).count == 0 && !ask(t, s, one, &a).shunned);
	struct delivery_failed_request bad = { .digest = STR("short") };
	struct delivery_failed_reply out;
	ASSERT(delivery_failed(t, &s->calls, &bad, &a, &out) == -EINVAL);
	ASSERT(ask(t, s, STR("short"), &a).count == 0);
}

static void failures_are_counted(void **state)
{
	play(state, true, fail_some);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		store_test(kept_with_its_record),
		store_test(it_is_tried_again),
		store_test(failures_are_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
