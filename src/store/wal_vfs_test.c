#include "store/store_testing.h"

#include "store/db.h"
#include "store/fault_vfs.c"

#include <fcntl.h>

/* What a handle has not written yet is not seen by another one, nor in a copy of the files as a
 * crash would leave them. */

enum { ROW = 3000 };

static struct db *open_in(void **state, const char *name, unsigned flags)
{
	char path[600];
	struct db *db = NULL;
	struct err err;
	snprintf(path, sizeof path, "%s/%s", (char *)*state, name);
	assert_ok(db_open(path, flags, &db, &err), &err);
	return db;
}

static void not_whole(void *arg, str problem)
{
	fail_msg("%s: %.*s", (const char *)arg, STR_ARG(problem));
}

/* The table holds rows 0 to n - 1, each of this generation. */
static void check(struct db *db, int64_t n, int64_t generation)
{
	static const char sql[] = "SELECT COUNT(*), COALESCE(MIN(generation), ?1),"
				  " COALESCE(MAX(generation), ?1), COALESCE(MAX(id), -1) FROM t";
	struct db_statement *st;
	struct err err;
	assert_ok(db_check(db, not_whole, (void *)(uintptr_t)db_path(db), &err), &err);
	assert_ok(db_query(db, sql, &st, &err, DB_I64(generation)), &err);
	assert_int_equal(db_step(st, &err), 1);
	assert_int_equal(db_column_i64(st, 0), n);
	assert_int_equal(db_column_i64(st, 1), generation);
	assert_int_equal(db_column_i64(st, 2), generation);
	assert_int_equal(db_column_i64(st, 3), n - 1);
	db_reset(st);
}

static void copy_file(void **state, const char *from, const char *to)
{
	char path[600], bytes[16384];
	snprintf(path, sizeof path, "%s/%s", (char *)*state, from);
	int in = open(path, O_RDONLY);
	snprintf(path, sizeof path, "%s/%s", (char *)*state, to);
	int out = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(in >= 0 && out >= 0);
	ssize_t n;
	while ((n = read(in, bytes, sizeof bytes)) > 0)
		assert_int_equal(write(out, bytes, (size_t)n), n);
	close(in);
	close(out);
}

static void check_after_crash(void **state, int64_t n, int64_t generation)
{
	char path[600];
	snprintf(path, sizeof path, "%s/b.db-shm", (char *)*state);
	unlink(path);
	copy_file(state, "a.db", "b.db");
	copy_file(state, "a.db-wal", "b.db-wal");
	struct db *db = open_in(state, "b.db", 0);
	check(db, n, generation);
	db_close(db);
}

static void insert(struct db *db, int64_t from, int64_t n, int64_t generation)
{
	static char bytes[ROW];
	struct err err;
	for (int64_t id = from; id < from + n; id++) {
		memset(bytes, 'a' + (int)(id % 26), sizeof bytes);
		assert_ok(
			db_execute(db, "INSERT INTO t (id, generation, bytes) VALUES (?1, ?2, ?3)",
				&err, DB_I64(id), DB_I64(generation),
				DB_BLOB(str_from(bytes, sizeof bytes))),
			&err);
	}
}

/* Changes each row: pages that did not fit into the cache are in the log by then, and are written
 * there once more, in place. */
static void change(struct db *db, int64_t generation)
{
	struct err err;
	assert_ok(db_execute(db, "UPDATE t SET generation = ?1", &err, DB_I64(generation)), &err);
}

static struct db *make(void **state)
{
	struct db *db = open_in(state, "a.db", DB_CREATE);
	struct err err;
	assert_ok(db_script(db,
			  "CREATE TABLE t (id {i64} NOT NULL, generation {i64} NOT NULL, bytes "
			  "{blob}, PRIMARY KEY (id))",
			  &err),
		&err);
	return db;
}

static void commits_are_there_at_once(void **state)
{
	static const struct {
		enum db_transaction kind;
		int rows; /* 1,000 are six times the cache */
		bool changed;
	} cases[] = {
		{ DB_WRITE, 1, false },
		{ DB_WRITE_LAZY, 1, false },
		{ DB_WRITE, 40, false },
		{ DB_WRITE_LAZY, 40, true },
		{ DB_WRITE, 200, true },
		{ DB_WRITE_LAZY, 200, true },
		{ DB_WRITE, 1000, true },
		{ DB_WRITE_LAZY, 1000, true },
	};
	struct db *db = make(state), *other = open_in(state, "a.db", 0);
	struct err err;
	int64_t rows = 0, generation = 0;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_ok(db_begin(db, cases[i].kind, &err), &err);
		insert(db, rows, cases[i].rows, generation);
		if (cases[i].changed)
			change(db, generation + 1);
		check(other, rows, generation);
		assert_ok(db_commit(db, &err), &err);
		rows += cases[i].rows;
		generation += cases[i].changed;
		check(other, rows, generation);
		check_after_crash(state, rows, generation);
	}
	db_close(other);
	db_close(db);
}

/* More than the cache holds: some of it is in the log already. */
static void roll_back(struct db *db, int64_t rows, bool changed)
{
	struct err err;
	assert_ok(db_begin(db, DB_WRITE, &err), &err);
	insert(db, rows, 300, 7);
	if (changed)
		change(db, 8);
	db_rollback(db);
}

/* What was rolled back has its place in the log taken by others. */
static void rolled_back_is_forgotten(void **state)
{
	struct db *db = make(state), *other = open_in(state, "a.db", 0);
	struct err err;
	for (int64_t rows = 0; rows < 60; rows += 20) {
		roll_back(db, rows, rows == 20);
		assert_ok(db_begin(other, rows % 40 ? DB_WRITE : DB_WRITE_LAZY, &err), &err);
		insert(other, rows, 20, 0);
		assert_ok(db_commit(other, &err), &err);
		check(db, rows + 20, 0);
		check_after_crash(state, rows + 20, 0);
	}
	db_close(other);
	db_close(db);
}

/* A commit that fails half way leaves nothing behind either, whoever writes next. */
static void failed_is_forgotten(void **state)
{
	struct fault_vfs *f = fault_vfs_installed();
	struct db *db = make(state), *other = open_in(state, "a.db", 0);
	struct err err;
	bool failed = true;
	int64_t rows = 0;
	for (long n = 0; failed; n++) {
		assert_ok(db_begin(db, DB_WRITE, &err), &err);
		insert(db, rows, 60, 0);
		fault_vfs_arm(f, FAULT_WRITE | FAULT_SYNC, FAULT_KIND_SHORT, false, n);
		int r = db_commit(db, &err);
		failed = f->failed > 0;
		fault_vfs_disarm(f);
		assert_true((r == 0) == !failed);
		rows += r == 0 ? 60 : 0;
		struct db *writer = n % 2 ? db : other;
		assert_ok(db_begin(writer, DB_WRITE, &err), &err);
		insert(writer, rows++, 1, 0);
		assert_ok(db_commit(writer, &err), &err);
		check(db, rows, 0);
		check(other, rows, 0);
		check_after_crash(state, rows, 0);
	}
	assert_true(rows > 60);
	db_close(other);
	db_close(db);
}

/* Some hundred pages in a few writes. */
static void writes_are_few(void **state)
{
	struct fault_vfs *f = fault_vfs_installed();
	struct db *db = make(state);
	struct err err;
	assert_ok(db_begin(db, DB_WRITE, &err), &err);
	insert(db, 0, 90, 0);
	f->writes = 0;
	assert_ok(db_commit(db, &err), &err);
	assert_in_range(f->writes, 1, 9);
	db_close(db);
}

static int install(void **state)
{
	static struct fault_vfs vfs;
	fault_vfs_install(&vfs);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		store_test(commits_are_there_at_once),
		store_test(rolled_back_is_forgotten),
		store_test(failed_is_forgotten),
		store_test(writes_are_few),
	};
	return cmocka_run_group_tests(tests, install, NULL);
}
