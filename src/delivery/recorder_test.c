/* Records on their way to the store: batches, bounds, and stores that do not take them. */
#include "store/store_testing.h"

#include "base/buf.h"
#include "delivery/recorder.h"
#include "store/db.h"
#include "store/records.h"

static const struct log no_log;

struct stage {
	const char *dir;
	struct loop *loop;
	struct recorder *recorder;
	void (*act)(struct stage *s);
};

static void play(struct task *t, void *arg)
{
	struct stage *s = arg;
	s->act(s);
	recorder_finish(t, s->recorder);
	loop_stop(s->loop);
}

static void begin(struct stage *s, void **state, bool directory)
{
	char path[600];
	snprintf(path, sizeof path, "%s/records", (const char *)*state);
	if (directory)
		mkdir(path, 0770);
	*s = (struct stage){ .dir = *state, .loop = loop_new(&no_log) };
	assert_int_equal(recorder_new(s->loop, &no_log, str_from_z(s->dir), SECONDS(86400),
				 UINT64_C(1) << 30, &s->recorder),
		0);
}

static void run(struct stage *s, void (*act)(struct stage *s))
{
	s->act = act;
	assert_int_equal(task_start(s->loop, play, s, NULL), 0);
	loop_run(s->loop);
}

static void end(struct stage *s)
{
	loop_finish(s->loop);
	recorder_free(s->recorder);
	loop_free(s->loop);
}

struct counts {
	size_t all, omitted;
};

static bool count_one(void *arg, const struct record *record)
{
	struct counts *c = arg;
	c->all++;
	c->omitted += str_find(record->json, STR("\"omitted\"")) > 0;
	return true;
}

static struct counts count(const struct stage *s)
{
	struct records *r;
	struct err err = { "" };
	struct counts c = { 0 };
	assert_ok(records_open(s->dir, RECORDS_READ_ONLY, &r, &err), &err);
	assert_ok(records_find(r, &(struct records_query){ 0 }, count_one, &c, &err), &err);
	records_close(r);
	return c;
}

static void add_some(struct stage *s)
{
	for (int i = 0; i < 1000; i++)
		recorder_add(s->recorder, STR("{\"id\":\"A\"}"), STR("[]"));
}

static void all_are_written_at_the_end(void **state)
{
	struct stage s;
	begin(&s, state, true);
	run(&s, add_some);
	assert_int_equal(count(&s).all, 1000);
	run(&s, add_some);
	end(&s);
	assert_int_equal(count(&s).all, 2000);
}

/* Cancelled while it collects, the task writes what it has. */
static void nothing_is_lost_by_cancelling(void **state)
{
	struct stage s;
	begin(&s, state, true);
	add_some(&s);
	end(&s);
	assert_int_equal(count(&s).all, 1000);
}

static void add_much(struct stage *s)
{
	char large[100000];
	memset(large, 'x', sizeof large);
	for (int i = 0; i < 400; i++)
		recorder_add(s->recorder, str_from(large, sizeof large), STR_EMPTY);
}

static void the_queue_has_a_bound(void **state)
{
	struct stage s;
	begin(&s, state, true);
	run(&s, add_much);
	uint64_t dropped = recorder_dropped(s.recorder);
	end(&s);
	struct counts c = count(&s);
	assert_int_equal(c.all + dropped, 400);
	assert_in_range(c.all, RECORDER_QUEUE_MAX / 100000 - 5, RECORDER_QUEUE_MAX / 100000);
}

static void add_refused(struct stage *s)
{
	for (int i = 0; i < 3 * RECORDER_REFUSED_MAX; i++)
		recorder_add_refused(s->recorder, STR("{\"id\":\"A\"}"));
}

/* A second may end meanwhile, then there are two of each. */
static void refusals_beyond_a_number_are_counted(void **state)
{
	struct stage s;
	begin(&s, state, true);
	run(&s, add_refused);
	end(&s);
	struct counts c = count(&s);
	assert_in_range(c.omitted, 1, 2);
	assert_in_range(c.all - c.omitted, RECORDER_REFUSED_MAX, 2 * RECORDER_REFUSED_MAX);
}

static void a_store_that_is_not_there_stops_nothing(void **state)
{
	struct stage s;
	begin(&s, state, false);
	run(&s, add_some);
	assert_int_equal(recorder_dropped(s.recorder), 1000);
	run(&s, add_some);
	assert_int_equal(recorder_dropped(s.recorder), 2000);
	end(&s);
}

static void add_too_large(struct stage *s)
{
	char *large CLEANUP(free_pointer) = xcalloc(1, RECORD_MAX + 1);
	recorder_add(s->recorder, str_from(large, RECORD_MAX + 1), STR_EMPTY);
	recorder_add(s->recorder, STR("{}"), STR_EMPTY);
}

static void one_record_has_a_bound(void **state)
{
	struct stage s;
	begin(&s, state, true);
	run(&s, add_too_large);
	assert_int_equal(recorder_dropped(s.recorder), 1);
	end(&s);
	assert_int_equal(count(&s).all, 1);
}

static void take_count(void *arg, const struct finding_count *c)
{
	if (c->name.n == 0)
		*(struct finding_count *)arg = *c;
}

static struct finding_count counted(const struct stage *s)
{
	struct records *r;
	struct err err = { "" };
	struct finding_count c = { 0 };
	assert_ok(records_open(s->dir, RECORDS_READ_ONLY, &r, &err), &err);
	assert_ok(records_counts(r, 0, take_count, &c, &err), &err);
	records_close(r);
	return c;
}

static void count_some(struct stage *s)
{
	const str name = STR("SPF_FAIL");
	for (int i = 0; i < 100; i++)
		recorder_count(s->recorder, &name, 1, i < 10);
}

static void findings_are_counted(void **state)
{
	struct stage s;
	begin(&s, state, true);
	run(&s, count_some);
	assert_int_equal(counted(&s).spam, 10);
	count_some(&s);
	end(&s); /* cancelled */
	assert_int_equal(counted(&s).spam, 20);
	assert_int_equal(counted(&s).ham, 180);
}

static void run_sql(const struct stage *s, const char *sql)
{
	char path[600];
	struct db *db;
	struct err err = { "" };
	snprintf(path, sizeof path, "%s/records/records.db", s->dir);
	assert_ok(db_open(path, 0, &db, &err), &err);
	assert_ok(db_script(db, sql, &err), &err);
	db_close(db);
}

static void counts_are_kept_until_they_can_be_written(void **state)
{
	struct stage s;
	struct records *r;
	struct err err = { "" };
	begin(&s, state, true);
	assert_ok(records_open(s.dir, RECORDS_CREATE, &r, &err), &err);
	records_close(r);
	run_sql(&s, "CREATE UNIQUE INDEX one ON finding_count (day)");
	run(&s, count_some);
	assert_int_equal(counted(&s).spam, 0);
	run_sql(&s, "DROP INDEX one");
	run(&s, count_some);
	end(&s);
	assert_int_equal(counted(&s).spam, 20);
	assert_int_equal(counted(&s).ham, 180);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		store_test(all_are_written_at_the_end),
		store_test(nothing_is_lost_by_cancelling),
		store_test(the_queue_has_a_bound),
		store_test(refusals_beyond_a_number_are_counted),
		store_test(a_store_that_is_not_there_stops_nothing),
		store_test(one_record_has_a_bound),
		store_test(findings_are_counted),
		store_test(counts_are_kept_until_they_can_be_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
