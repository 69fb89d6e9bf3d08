#include "store/store_testing.h"

#include "store/db.h"
#include "store/schema.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

static const char *in(void **state, const char *name, char path[600])
{
	snprintf(path, 600, "%s/%s", (char *)*state, name);
	return path;
}

static struct db *open_in(void **state, const char *name, unsigned flags)
{
	char path[600];
	struct db *db = NULL;
	struct err err;
	assert_ok(db_open(in(state, name, path), flags, &db, &err), &err);
	return db;
}

static bool exists(void **state, const char *name)
{
	char path[600];
	return access(in(state, name, path), F_OK) == 0;
}

static int64_t count(struct db *db, const char *sql)
{
	struct db_statement *st;
	struct err err;
	assert_ok(db_prepare(db, sql, &st, &err), &err);
	int r = db_step(st, &err);
	assert_ok(r, &err);
	int64_t n = r > 0 ? db_column_i64(st, 0) : -1;
	db_reset(st);
	return n;
}

static const char create_t[] = "CREATE TABLE t (a {i64} NOT NULL, b {text} {binary}, c {blob}, "
			       "PRIMARY KEY (a)) {clustered}";
static const char count_t[] = "SELECT COUNT(*) FROM t";
static const char insert_t[] = "INSERT INTO t (a, b, c) VALUES (?1, ?2, ?3)";

static void test_open(void **state)
{
	char path[600];
	struct db *db = NULL;
	struct err err;
	assert_int_equal(db_open(in(state, "none.db", path), 0, &db, &err), -ENOENT);
	assert_non_null(strstr(err.text, "none.db"));
	assert_null(db);

	mode_t old = umask(007);
	db = open_in(state, "a.db", DB_CREATE);
	assert_ok(db_script(db, create_t, &err), &err);
	static const char *const files[] = { "a.db", "a.db-wal", "a.db-shm" };
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		struct stat st;
		assert_int_equal(stat(in(state, files[i], path), &st), 0);
		assert_int_equal(st.st_mode & 0777, 0660);
	}
	db_close(db);
	umask(old);

	int fd = open(in(state, "garbage.db", path), O_CREAT | O_WRONLY, 0600);
	for (int i = 0; i < 5000; i++)
		assert_int_equal(write(fd, "garbage ", 8), 8);
	close(fd);
	assert_int_equal(db_open(path, 0, &db, &err), -EUCLEAN);
}

static void test_values(void **state)
{
	struct err err;
	struct db *db = open_in(state, "a.db", DB_CREATE);
	assert_ok(db_script(db, create_t, &err), &err);
	str blob = str_from("a\0b", 3);
	assert_ok(db_execute(db, insert_t, &err, DB_I64(INT64_MIN), DB_TEXT(STR("x'y")),
			  DB_BLOB(blob)),
		&err);
	assert_int_equal(db_affected(db), 1);
	assert_ok(db_execute(db, insert_t, &err, DB_I64(1), DB_NULL, DB_BLOB(STR_EMPTY)), &err);
	assert_int_equal(db_execute(db, insert_t, &err, DB_I64(1), DB_NULL, DB_NULL), -EEXIST);

	struct db_statement *st;
	assert_ok(db_prepare(db, "SELECT a, b, c FROM t ORDER BY a", &st, &err), &err);
	assert_int_equal(db_step(st, &err), 1);
	assert_true(db_column_i64(st, 0) == INT64_MIN);
	assert_true(str_equal(db_column_text(st, 1), STR("x'y")));
	assert_true(str_equal(db_column_blob(st, 2), blob));
	assert_int_equal(db_step(st, &err), 1);
	assert_true(db_column_is_null(st, 1));
	assert_int_equal(db_column_text(st, 1).n, 0);
	assert_false(db_column_is_null(st, 2));
	assert_int_equal(db_step(st, &err), 0);
	db_release_memory(db);
	assert_int_equal(count(db, count_t), 2);
	db_close(db);
}

static void test_transactions(void **state)
{
	struct err err;
	struct db *db = open_in(state, "a.db", DB_CREATE);
	struct db *other = open_in(state, "a.db", 0);
	assert_ok(db_script(db, create_t, &err), &err);

	assert_ok(db_begin(db, DB_WRITE, &err), &err);
	assert_ok(db_execute(db, insert_t, &err, DB_I64(1), DB_NULL, DB_NULL), &err);
	assert_int_equal(count(other, count_t), 0);
	assert_ok(db_commit(db, &err), &err);
	assert_int_equal(count(other, count_t), 1);

	assert_ok(db_begin(db, DB_WRITE_LAZY, &err), &err);
	assert_ok(db_execute(db, insert_t, &err, DB_I64(2), DB_NULL, DB_NULL), &err);
	db_rollback(db);
	assert_int_equal(count(db, count_t), 1);

	/* After a failure nothing else of the transaction may take effect on its own. */
	assert_ok(db_begin(db, DB_WRITE, &err), &err);
	assert_ok(db_execute(db, insert_t, &err, DB_I64(3), DB_NULL, DB_NULL), &err);
	assert_int_equal(db_execute(db, insert_t, &err, DB_I64(1), DB_NULL, DB_NULL), -EEXIST);
	assert_true(db_execute(db, insert_t, &err, DB_I64(4), DB_NULL, DB_NULL) < 0);
	assert_true(db_commit(db, &err) < 0);
	assert_false(db_in_transaction(db));
	assert_int_equal(count(db, count_t), 1);

	/* One picture. */
	assert_ok(db_begin(other, DB_READ, &err), &err);
	assert_int_equal(count(other, count_t), 1);
	assert_ok(db_begin(db, DB_WRITE, &err), &err);
	assert_ok(db_execute(db, insert_t, &err, DB_I64(5), DB_NULL, DB_NULL), &err);
	assert_ok(db_commit(db, &err), &err);
	assert_int_equal(count(other, count_t), 1);
	assert_ok(db_commit(other, &err), &err);
	assert_int_equal(count(other, count_t), 2);
	db_close(other);
	db_close(db);
}

static void test_version(void **state)
{
	struct err err;
	uint64_t a, b;
	struct db *db = open_in(state, "a.db", DB_CREATE);
	struct db *other = open_in(state, "a.db", 0);
	assert_ok(db_script(db, create_t, &err), &err);
	assert_ok(db_version(db, &a, &err), &err);
	assert_ok(db_version(db, &b, &err), &err);
	assert_int_equal(a, b);
	struct db *writers[] = { db, other, db, db, other, other };
	for (size_t i = 0; i < ARRAY_LEN(writers); i++) {
		assert_ok(db_begin(writers[i], DB_WRITE, &err), &err);
		assert_ok(
			db_execute(writers[i], insert_t, &err, DB_I64(i), DB_NULL, DB_NULL), &err);
		assert_ok(db_commit(writers[i], &err), &err);
		b = a;
		assert_ok(db_version(db, &a, &err), &err);
		assert_int_not_equal(a, b);
	}
	db_close(other);
	db_close(db);
}

/* ---- the log and the file ---- */

static off_t size_of(void **state, const char *name)
{
	char path[600];
	struct stat st;
	assert_int_equal(stat(in(state, name, path), &st), 0);
	return st.st_size;
}

/* One commit of about a megabyte in rows that follow `*next`. */
static void write_megabyte(struct db *db, int64_t *next)
{
	struct err err;
	char *bytes = xcalloc(1, 1 << 20);
	assert_ok(db_begin(db, DB_WRITE, &err), &err);
	assert_ok(db_execute(db, insert_t, &err, DB_I64((*next)++), DB_NULL,
			  DB_BLOB(str_from(bytes, 1 << 20))),
		&err);
	assert_ok(db_commit(db, &err), &err);
	free(bytes);
}

static void test_log_is_copied_by_commits(void **state)
{
	struct err err;
	int64_t next = 0;
	struct db *db = open_in(state, "a.db", DB_CREATE);
	assert_ok(db_script(db, create_t, &err), &err);
	for (int i = 0; i < 20; i++)
		write_megabyte(db, &next);
	assert_true(size_of(state, "a.db") > 15 << 20);
	assert_true(size_of(state, "a.db-wal") < 9 << 20);
	db_close(db);
}

static void test_log_is_copied_apart(void **state)
{
	struct err err;
	int64_t next = 0;
	struct db *db = open_in(state, "a.db", DB_CREATE | DB_CHECKPOINT_APART);
	assert_ok(db_script(db, create_t, &err), &err);
	write_megabyte(db, &next);
	assert_false(db_log_is_long(db));
	for (int i = 0; i < 7; i++)
		write_megabyte(db, &next);
	assert_true(db_log_is_long(db));
	assert_true(size_of(state, "a.db") < 1 << 20);

	struct db *other = open_in(state, "a.db", DB_CHECKPOINT_APART);
	assert_ok(db_checkpoint(other, &err), &err);
	db_close(other);
	assert_true(size_of(state, "a.db") > 8 << 20);
	/* So the log begins again, and stays as long as it is. */
	for (int i = 0; i < 3; i++) {
		write_megabyte(db, &next);
		assert_false(db_log_is_long(db));
	}
	assert_true(size_of(state, "a.db-wal") < 9 << 20);
	assert_ok(db_checkpoint(db, &err), &err);
	assert_true(size_of(state, "a.db") > 11 << 20);
	assert_int_equal(count(db, count_t), next);
	db_close(db);
}

/* While somebody reads an old state the log cannot begin again, and what is copied is not copied
 * once more with each commit. */
static void test_log_that_is_read(void **state)
{
	struct err err;
	int64_t next = 0;
	struct db *db = open_in(state, "a.db", DB_CREATE | DB_CHECKPOINT_APART);
	assert_ok(db_script(db, create_t, &err), &err);
	struct db *reader = open_in(state, "a.db", 0);
	for (int i = 0; i < 5; i++)
		write_megabyte(db, &next);
	assert_ok(db_begin(reader, DB_READ, &err), &err);
	assert_int_equal(count(reader, count_t), next);
	assert_true(db_log_is_long(db));
	assert_ok(db_checkpoint(db, &err), &err);
	assert_false(db_log_is_long(db));
	write_megabyte(db, &next);
	assert_false(db_log_is_long(db));
	assert_int_equal(count(reader, count_t), next - 1);
	db_rollback(reader);
	for (int i = 0; i < 4; i++)
		write_megabyte(db, &next);
	assert_true(db_log_is_long(db));
	assert_ok(db_checkpoint(db, &err), &err);
	assert_int_equal(count(reader, count_t), next);
	db_close(reader);
	db_close(db);
}

static void count_problems(void *arg, str problem)
{
	++*(int *)arg;
}

static void test_copy_and_check(void **state)
{
	char path[600];
	struct err err;
	struct db *db = open_in(state, "a.db", DB_CREATE);
	assert_ok(db_script(db, create_t, &err), &err);
	char bytes[3000];
	memset(bytes, 'x', sizeof bytes);
	for (int i = 0; i < 200; i++)
		assert_ok(db_execute(db, insert_t, &err, DB_I64(i), DB_NULL,
				  DB_BLOB(str_from(bytes, sizeof bytes))),
			&err);
	assert_ok(db_begin(db, DB_WRITE, &err), &err);
	assert_ok(db_copy(db, in(state, "b.db", path), &err), &err);
	db_rollback(db);
	assert_int_equal(db_copy(db, path, &err), -EEXIST);
	struct db *copy = open_in(state, "b.db", 0);
	assert_int_equal(count(copy, count_t), 200);
	int problems = 0;
	assert_ok(db_check(copy, count_problems, &problems, &err), &err);
	assert_int_equal(problems, 0);
	db_close(copy);

	int fd = open(path, O_RDWR);
	assert_int_equal(pwrite(fd, bytes, sizeof bytes, 20 * 4096), sizeof bytes);
	close(fd);
	copy = open_in(state, "b.db", 0);
	int r = db_check(copy, count_problems, &problems, &err);
	assert_true(problems > 0 || r == -EUCLEAN);
	db_close(copy);
	db_close(db);
}

/* ---- schema ---- */

static const char script_1[] = "CREATE TABLE t (a {i64} NOT NULL, PRIMARY KEY (a)) {clustered};"
			       "INSERT INTO t (a) VALUES (1);";
static const char script_2[] = "CREATE TABLE u (a {i64} NOT NULL, PRIMARY KEY (a)) {clustered};"
			       "INSERT INTO u (a) SELECT a + 10 FROM t;";
static const char script_3[] = "DROP TABLE t";
static const char script_bad[] = "DROP TABLE t; DROP TABLE not_there";
static const char *const scripts[] = { script_1, script_2, script_3 };
static const char *const bad_scripts[] = { script_1, script_bad };

static int add_fill(struct db *db, void *arg, struct err *err)
{
	++*(int *)arg;
	return db_execute(db, "INSERT INTO t (a) VALUES (?1)", err, DB_I64(2));
}

static int apply(void **state, const struct schema *s, bool create, int *fills, struct err *err)
{
	struct db *db = open_in(state, "s.db", create ? DB_CREATE : 0);
	int r = schema_apply(db, s, create, add_fill, fills, err);
	db_close(db);
	return r;
}

static int64_t count_in(void **state, const char *name, const char *sql)
{
	struct db *db = open_in(state, name, 0);
	int64_t n = count(db, sql);
	db_close(db);
	return n;
}

static void test_migrate(void **state)
{
	struct err err;
	int fills = 0;
	struct schema v1 = { "test", scripts, 1 }, v3 = { "test", scripts, 3 };
	db_close(open_in(state, "s.db", DB_CREATE));
	assert_int_equal(apply(state, &v1, false, &fills, &err), -ENOENT);
	assert_ok(apply(state, &v1, true, &fills, &err), &err);
	assert_ok(apply(state, &v1, true, &fills, &err), &err);
	assert_int_equal(fills, 1);

	/* The copy of the old version stays until the new one was opened once more. */
	assert_ok(apply(state, &v3, false, &fills, &err), &err);
	assert_int_equal(fills, 1);
	assert_int_equal(count_in(state, "s.db", "SELECT SUM(a) FROM u"), 23);
	assert_true(exists(state, "s.db.before-3"));
	assert_int_equal(count_in(state, "s.db.before-3", "SELECT SUM(a) FROM t"), 3);
	assert_int_equal(count_in(state, "s.db.before-3", "SELECT version FROM schema_version"), 1);
	assert_ok(apply(state, &v3, false, &fills, &err), &err);
	assert_false(exists(state, "s.db.before-3"));

	assert_int_equal(apply(state, &v1, true, &fills, &err), -ENOTSUP);
	assert_non_null(strstr(err.text, "newer version"));
	struct schema other = { "other", scripts, 3 };
	assert_int_equal(apply(state, &other, true, &fills, &err), -ENOTSUP);
	assert_non_null(strstr(err.text, "\"test\""));
}

static void test_failed_migration(void **state)
{
	struct err err;
	int fills = 0;
	struct schema v1 = { "test", scripts, 1 }, bad = { "test", bad_scripts, 2 };
	assert_ok(apply(state, &v1, true, &fills, &err), &err);
	for (int i = 0; i < 2; i++) {
		assert_true(apply(state, &bad, true, &fills, &err) < 0);
		assert_int_equal(count_in(state, "s.db", "SELECT SUM(a) FROM t"), 3);
		assert_int_equal(count_in(state, "s.db.before-2", "SELECT SUM(a) FROM t"), 3);
	}
	assert_ok(apply(state, &v1, true, &fills, &err), &err);
}

/* A new version that is found damaged keeps the copy. */
static void test_damaged_after_upgrade(void **state)
{
	char path[600], bytes[4096] = { 0 };
	struct err err;
	int fills = 0;
	struct schema v1 = { "test", scripts, 1 }, v2 = { "test", scripts, 2 };
	assert_ok(apply(state, &v1, true, &fills, &err), &err);
	assert_ok(apply(state, &v2, true, &fills, &err), &err);
	struct stat st;
	assert_int_equal(stat(in(state, "s.db", path), &st), 0);
	int fd = open(path, O_RDWR);
	assert_int_equal(pwrite(fd, bytes, 4096, st.st_size - 4096), 4096);
	close(fd);
	struct db *db = open_in(state, "s.db", 0);
	assert_true(schema_apply(db, &v2, false, NULL, NULL, &err) <= 0);
	db_close(db);
	assert_true(exists(state, "s.db.before-2"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		store_test(test_open),
		store_test(test_values),
		store_test(test_transactions),
		store_test(test_version),
		store_test(test_log_is_copied_by_commits),
		store_test(test_log_is_copied_apart),
		store_test(test_log_that_is_read),
		store_test(test_copy_and_check),
		store_test(test_migrate),
		store_test(test_failed_migration),
		store_test(test_damaged_after_upgrade),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
