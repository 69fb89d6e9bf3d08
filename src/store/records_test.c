/* The record store: finding, pruning by age and size, and what a bad file or disk does. */
#include "store/store_testing.h"

#include "base/buf.h"
#include "store/db.h"
#include "store/records.h"

#include "store/fault_vfs.c"

#include <errno.h>

#define NOW INT64_C(1700000000)

static struct records *open_records(void **state, unsigned flags)
{
	char path[600];
	struct records *r;
	struct err err = { "" };
	snprintf(path, sizeof path, "%s/records", (const char *)*state);
	mkdir(path, 0770);
	assert_ok(records_open(*state, flags, &r, &err), &err);
	return r;
}

/* n records with the ids "AA…" and up, of the same instant, one a second. */
static int add(struct records *r, unsigned first, unsigned n, size_t padding, struct err *err)
{
	int rc = 0;
	char pad[4096];
	memset(pad, 'x', sizeof pad);
	for (unsigned i = first; i < first + n && rc == 0; i++) {
		struct buf json CLEANUP(buf_done) = BUF_INIT(10000);
		buf_printf(&json, "{\"id\":\"ID%08u\",\"message_id\":\"<m%u@x>\",\"pad\":\"%.*s\"}",
			i, i % 10, (int)padding, pad);
		struct record record = {
			.time = NOW + i, .json = buf_str(&json), .deliveries = STR("[]")
		};
		rc = records_write(r, &record, 1, (NOW + i) * 1000000, err);
	}
	return rc;
}

struct seen {
	size_t n, most;
	int64_t first, last;
};

static bool see(void *arg, const struct record *record)
{
	struct seen *s = arg;
	assert_true(s->n == 0 || record->time < s->last);
	assert_true(str_starts(record->json, STR("{\"id\":\"ID")));
	s->first = s->n ? s->first : record->time;
	s->last = record->time;
	return ++s->n < s->most;
}

static size_t find(struct records *r, struct records_query q)
{
	struct seen s = { .most = SIZE_MAX };
	struct err err = { "" };
	assert_ok(records_find(r, &q, see, &s, &err), &err);
	return s.n;
}

static void records_are_found(void **state)
{
	struct err err = { "" };
	struct records *r = open_records(state, RECORDS_CREATE);
	assert_ok(add(r, 0, 100, 10, &err), &err);
	records_close(r);
	r = open_records(state, RECORDS_READ_ONLY);
	assert_int_equal(find(r, (struct records_query){ .id = STR("ID00000042") }), 1);
	assert_int_equal(find(r, (struct records_query){ .id = STR("ID0000004") }), 10);
	assert_int_equal(find(r, (struct records_query){ .id = STR("ID00000100") }), 0);
	assert_int_equal(find(r, (struct records_query){ .id = STR("%") }), 0);
	assert_int_equal(find(r, (struct records_query){ .message_id = STR("<m3@x>") }), 10);
	assert_int_equal(find(r, (struct records_query){ .message_id = STR("m3@x") }), 10);
	assert_int_equal(find(r, (struct records_query){ .message_id = STR("m") }), 0);
	assert_int_equal(find(r, (struct records_query){ .since = NOW + 90 }), 10);
	assert_int_equal(find(r, (struct records_query){ 0 }), 100);
	struct seen s = { .most = 3 };
	assert_ok(records_find(r, &(struct records_query){ 0 }, see, &s, &err), &err);
	assert_int_equal(s.n, 3);
	assert_int_equal(s.first, NOW + 99);
	records_close(r);
}

/* Beyond one bucket (1024), all in one transaction, and the first one half gone. */
static void many_records_are_found(void **state)
{
	enum { N = 10000 };
	struct err err = { "" };
	struct records *r = open_records(state, RECORDS_CREATE);
	struct record *all = xcalloc(N, sizeof *all);
	struct buf text = BUF_INIT(N * 100);
	ASSERT(buf_reserve(&text, N * 100));
	for (unsigned i = 0; i < N; i++) {
		size_t at = text.n;
		buf_printf(&text, "{\"id\":\"ID%06u\",\"message_id\":\"<%u@x>\"}", i * 7919 % N,
			i % 5000);
		all[i] = (struct record){ .time = NOW + i,
			.json = str_from(text.p + at, text.n - at),
			.deliveries = STR_EMPTY };
	}
	assert_ok(records_write(r, all, N, NOW * 1000000, &err), &err);
	for (unsigned i = 0; i < N; i += 97) {
		char id[16];
		snprintf(id, sizeof id, "ID%06u", i);
		assert_int_equal(find(r, (struct records_query){ .id = str_from_z(id) }), 1);
	}
	assert_int_equal(find(r, (struct records_query){ .id = STR("ID0000") }), 100);
	assert_int_equal(find(r, (struct records_query){ .message_id = STR("<77@x>") }), 2);
	size_t removed;
	assert_ok(records_prune(r, NOW + 2000, UINT64_MAX, N, &removed, &err), &err);
	assert_int_equal(removed, 2000);
	assert_int_equal(find(r, (struct records_query){ .message_id = STR("<77@x>") }), 1);
	assert_int_equal(find(r, (struct records_query){ 0 }), N - 2000);
	records_close(r);
	buf_done(&text);
	free(all);
}

static size_t prune(struct records *r, int64_t before, uint64_t max_size, size_t step)
{
	struct err err = { "" };
	size_t removed = 0;
	assert_ok(records_prune(r, before, max_size, step, &removed, &err), &err);
	return removed;
}

static void the_old_go_in_steps(void **state)
{
	struct err err = { "" };
	struct records *r = open_records(state, RECORDS_CREATE);
	assert_ok(add(r, 0, 100, 10, &err), &err);
	assert_int_equal(prune(r, NOW, UINT64_MAX, 30), 0);
	assert_int_equal(prune(r, NOW + 50, UINT64_MAX, 30), 30);
	assert_int_equal(prune(r, NOW + 50, UINT64_MAX, 30), 20);
	assert_int_equal(prune(r, NOW + 50, UINT64_MAX, 30), 0);
	assert_int_equal(find(r, (struct records_query){ 0 }), 50);
	assert_int_equal(find(r, (struct records_query){ .id = STR("ID00000049") }), 0);
	records_close(r);
}

/* However much comes, the file stays near its size. */
static void size_has_a_bound(void **state)
{
	enum { MAX_SIZE = 400 * 1024 };
	struct err err = { "" };
	struct records *r = open_records(state, RECORDS_CREATE);
	for (unsigned i = 0; i < 40; i++) {
		assert_ok(add(r, i * 50, 50, 2000, &err), &err);
		prune(r, 0, MAX_SIZE, 100);
	}
	size_t left = find(r, (struct records_query){ 0 });
	assert_in_range(left, 80, 100);
	assert_int_equal(find(r, (struct records_query){ .id = STR("ID00001999") }), 1);
	records_close(r);
	char path[600];
	struct stat st;
	snprintf(path, sizeof path, "%s/records/records.db", (const char *)*state);
	assert_int_equal(stat(path, &st), 0);
	assert_in_range(st.st_size, MAX_SIZE / 2, 2 * MAX_SIZE);
	r = open_records(state, 0);
	prune(r, 0, 0, 1000);
	assert_int_equal(find(r, (struct records_query){ 0 }), 0);
	records_close(r);
}

static void the_clock_may_go_back(void **state)
{
	struct err err = { "" };
	struct records *r = open_records(state, RECORDS_CREATE);
	assert_ok(add(r, 10, 5, 10, &err), &err);
	struct record record = {
		.time = NOW, .json = STR("{\"id\":\"OLD\"}"), .deliveries = STR_EMPTY
	};
	assert_ok(records_write(r, &record, 1, NOW * 1000000, &err), &err);
	assert_int_equal(prune(r, NOW + 100, UINT64_MAX, 100), 6);
	records_close(r);
}

static void a_damaged_file_is_said_to_be(void **state)
{
	char path[600], garbage[8192];
	struct records *r = open_records(state, RECORDS_CREATE);
	struct err err = { "" };
	assert_ok(add(r, 0, 500, 500, &err), &err);
	records_close(r);
	snprintf(path, sizeof path, "%s/records/records.db", (const char *)*state);
	memset(garbage, 0x5a, sizeof garbage);
	FILE *f = fopen(path, "r+");
	assert_non_null(f);
	fseek(f, 0, SEEK_SET);
	fwrite(garbage, 1, sizeof garbage, f);
	fclose(f);
	assert_int_equal(records_open(*state, RECORDS_CREATE, &r, &err), -EUCLEAN);
	assert_true(err.text[0]);
}

static void nothing_there_is_said(void **state)
{
	struct records *r;
	struct err err = { "" };
	assert_int_equal(records_open(*state, RECORDS_READ_ONLY, &r, &err), -ENOENT);
}

/* A disk that is full, or fails, at the n-th write: an error or not, never half a record, and the
 * next write works. */
static void a_failing_disk_is_survived(void **state)
{
	static const enum fault_kind kinds[] = { FAULT_KIND_FULL, FAULT_KIND_SHORT,
		FAULT_KIND_EIO };
	struct fault_vfs *f = fault_vfs_installed();
	struct records *r = open_records(state, RECORDS_CREATE);
	struct err err = { "" };
	unsigned id = 0;
	for (size_t kind = 0; kind < ARRAY_LEN(kinds); kind++) {
		bool failed = true;
		for (long n = 0; failed && n < 50; n++) {
			size_t before = find(r, (struct records_query){ 0 });
			fault_vfs_arm(f, FAULT_WRITE | FAULT_TRUNCATE, kinds[kind], true, n);
			int rc = add(r, id, 1, 3000, &err);
			failed = f->failed > 0;
			fault_vfs_disarm(f);
			assert_true(rc == 0 || rc == -ENOSPC || rc == -EIO);
			assert_int_equal(find(r, (struct records_query){ 0 }), before + (rc == 0));
			id++;
			assert_ok(add(r, id++, 1, 3000, &err), &err);
		}
		assert_false(failed);
	}
	records_close(r);
}

static int install(void **state)
{
	static struct fault_vfs vfs;
	fault_vfs_install(&vfs);
	return 0;
}

/* ── Findings, counted ────────────────────────────────────────────────────────────────────── */

static void append_count(void *arg, const struct finding_count *c)
{
	buf_printf(
		arg, "%.*s %d %d %d;", STR_ARG(c->name), (int)c->spam, (int)c->ham, (int)c->last);
}

static void expect_counts(struct records *r, int64_t since, const char *expected)
{
	struct buf text CLEANUP(buf_done) = BUF_INIT(100000);
	struct err err = { "" };
	assert_ok(records_counts(r, since, append_count, &text, &err), &err);
	buf_add_char(&text, '\0');
	assert_string_equal(text.p, expected);
}

static void findings_are_counted_by_day(void **state)
{
	struct err err = { "" };
	const struct finding_count first[] = { { STR_EMPTY, 1, 2, 0 }, { STR("A"), 1, 0, 0 } };
	const struct finding_count next[] = { { STR_EMPTY, 0, 1, 0 }, { STR("B"), 0, 1, 0 } };
	struct records *r = open_records(state, RECORDS_CREATE);
	expect_counts(r, 0, "");
	assert_ok(records_count(r, first, 2, 1000, &err), &err);
	assert_ok(records_count(r, first, 2, 1000, &err), &err);
	assert_ok(records_count(r, next, 2, 1001, &err), &err);
	records_close(r);
	r = open_records(state, RECORDS_READ_ONLY);
	expect_counts(r, 0, " 2 5 1001;A 2 0 1000;B 0 1 1001;");
	expect_counts(r, 1001, " 0 1 1001;B 0 1 1001;");
	expect_counts(r, 1002, "");
	records_close(r);
	/* Those of long ago go. */
	r = open_records(state, RECORDS_CREATE);
	assert_ok(records_count(r, next, 1, 1000 + FINDING_DAYS, &err), &err);
	expect_counts(r, 0, " 0 2 1090;B 0 1 1001;");
	records_close(r);
}

static void names_of_a_day_are_bounded(void **state)
{
	struct err err = { "" };
	char texts[FINDING_NAMES_MAX][8];
	struct finding_count counts[FINDING_NAMES_MAX];
	for (size_t i = 0; i < FINDING_NAMES_MAX; i++) {
		int n = snprintf(texts[i], sizeof texts[i], "N%03zu", i);
		counts[i] = (struct finding_count){ str_from(texts[i], (size_t)n), 1, 0, 0 };
	}
	struct records *r = open_records(state, RECORDS_CREATE);
	assert_ok(records_count(r, counts, FINDING_NAMES_MAX - 1, 7, &err), &err);
	const struct finding_count more[] = { { STR("A"), 1, 0, 0 }, { STR("B"), 1, 0, 0 },
		{ STR("N000"), 1, 0, 0 } };
	assert_ok(records_count(r, more, 3, 7, &err), &err);
	struct buf text CLEANUP(buf_done) = BUF_INIT(100000);
	assert_ok(records_counts(r, 7, append_count, &text, &err), &err);
	assert_true(str_starts(buf_str(&text), STR("A 1 0 7;N000 2 0 7;N001 1 0 7;")));
	records_close(r);
}

/* A file of the version before: who reads it finds what it has, and changes nothing. */
static void an_older_file_is_read(void **state)
{
	struct err err = { "" };
	char path[600];
	struct db *db;
	records_close(open_records(state, RECORDS_CREATE));
	snprintf(path, sizeof path, "%s/records/records.db", (const char *)*state);
	assert_ok(db_open(path, 0, &db, &err), &err);
	assert_ok(db_script(db, "DROP TABLE finding_count; UPDATE schema_version SET version = 1",
			  &err),
		&err);
	db_close(db);
	struct records *r = open_records(state, RECORDS_READ_ONLY);
	assert_int_equal(find(r, (struct records_query){ 0 }), 0);
	expect_counts(r, 0, "");
	records_close(r);
	r = open_records(state, RECORDS_CREATE);
	assert_ok(records_count(r, &(struct finding_count){ STR("A"), 1, 0, 0 }, 1, 7, &err), &err);
	expect_counts(r, 0, "A 1 0 7;");
	records_close(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		store_test(records_are_found),
		store_test(many_records_are_found),
		store_test(the_old_go_in_steps),
		store_test(size_has_a_bound),
		store_test(the_clock_may_go_back),
		store_test(a_damaged_file_is_said_to_be),
		store_test(nothing_there_is_said),
		store_test(a_failing_disk_is_survived),
		store_test(findings_are_counted_by_day),
		store_test(names_of_a_day_are_bounded),
		store_test(an_older_file_is_read),
	};
	return cmocka_run_group_tests(tests, install, NULL);
}
