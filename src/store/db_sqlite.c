/*
 * db_sqlite.c: the embedded driver.
 *
 * Write-ahead log with synchronous=FULL: a commit is one write of the changed pages to FILE-wal and
 * one fdatasync. Every SQLITE_CHECKPOINT_PAGES the pages are copied into FILE, inside a commit or
 * apart from it. The log file is kept at its usual size (journal_size_limit) because overwriting
 * allocated blocks syncs faster than appending, and is removed when the last handle closes.
 *
 * After a failed fsync Linux forgets that the pages were dirty. That is harmless here: the next
 * transaction writes over the same place of the log again, and a failed checkpoint is repeated from
 * the log, which was synced.
 */
#include "base/buf.h"
#include "store/db_sqlite_internal.h"
#include "store/wal_vfs.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

enum {
	/* What a checkpoint leaves to the next one: not worth two fsyncs of its own. */
	CHECKPOINT_REST = 64,
	CHECKPOINT_ROUNDS = 4,
	/* A log that has grown to this because readers were always in the way is restarted by
	 * force, waiting so long for them. */
	RESTART_PAGES = 16 * SQLITE_CHECKPOINT_PAGES,
	RESTART_WAIT_MS = 100,
};

struct sqlite_db {
	struct db base;
	sqlite3 *h;
	bool lazy;  /* synchronous=NORMAL is set */
	bool full;  /* the disk was, since the last transaction ended */
	bool apart; /* DB_CHECKPOINT_APART */
	/* Pages in the log after the last commit, and how many of them this handle has copied. */
	int log_pages, copied;
};

struct sqlite_statement {
	struct db_statement base;
	sqlite3_stmt *h;
};

static struct sqlite_db *sqlite_of(struct db *db)
{
	return CONTAINER_OF(db, struct sqlite_db, base);
}

static sqlite3_stmt *handle_of(struct db_statement *st)
{
	return CONTAINER_OF(st, struct sqlite_statement, base)->h;
}

/* ---- errors ---- */

static int fail_db(struct db *db, int rc, struct err *err)
{
	int r = sqlite_fail(sqlite_of(db)->h, db->path, rc, err);
	if (r == -ENOSPC || r == -EDQUOT)
		sqlite_of(db)->full = true;
	return r;
}

/* ---- the log ---- */

static bool sqlite_log_is_long(const struct db *db)
{
	const struct sqlite_db *d = (const struct sqlite_db *)db;
	return d->log_pages - d->copied >= SQLITE_CHECKPOINT_PAGES;
}

/* One round; *out_copied is how many pages of the log it found to be new. */
static int copy_log(struct sqlite_db *d, int *out_copied)
{
	int copied = -1;
	int rc = sqlite3_wal_checkpoint_v2(d->h, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, &copied);
	*out_copied = copied - d->copied;
	if (rc == SQLITE_OK && copied >= 0)
		d->copied = copied;
	return rc;
}

/* After a commit that left `pages` in the log. A checkpoint that fails is no failure of the commit:
 * the log has everything, and the next commit tries again. */
static int after_commit(void *arg, sqlite3 *h, const char *schema, int pages)
{
	struct sqlite_db *d = arg;
	int unused;
	if (pages < d->log_pages)
		d->copied = 0; /* it began anew */
	d->log_pages = pages;
	if (pages >= RESTART_PAGES) {
		sqlite3_busy_timeout(h, RESTART_WAIT_MS);
		sqlite3_wal_checkpoint_v2(h, schema, SQLITE_CHECKPOINT_RESTART, NULL, NULL);
		sqlite3_busy_timeout(h, DB_BUSY_TIMEOUT_MS);
	} else if (!d->apart && sqlite_log_is_long(&d->base)) {
		copy_log(d, &unused);
	}
	return SQLITE_OK;
}

static int sqlite_checkpoint(struct db *db, struct err *err)
{
	int copied = INT_MAX, rc = SQLITE_OK;
	for (int i = 0; rc == SQLITE_OK && i < CHECKPOINT_ROUNDS && copied > CHECKPOINT_REST; i++)
		rc = copy_log(sqlite_of(db), &copied);
	return rc == SQLITE_OK ? 0 : fail_db(db, rc, err);
}

static void sqlite_close(struct db *db)
{
	ASSERT(sqlite3_close(sqlite_of(db)->h) == SQLITE_OK);
	free(sqlite_of(db));
}

static void sqlite_release_memory(struct db *db)
{
	sqlite3_db_release_memory(sqlite_of(db)->h);
}

/* ---- statements ---- */

static int sqlite_prepare(
	struct db *db, const char *sql, struct db_statement **out, struct err *err)
{
	sqlite3_stmt *h;
	int rc = sqlite3_prepare_v3(sqlite_of(db)->h, sql, -1, SQLITE_PREPARE_PERSISTENT, &h, NULL);
	if (rc != SQLITE_OK)
		return fail_db(db, rc, err);
	struct sqlite_statement *st = xcalloc(1, sizeof *st);
	st->h = h;
	*out = &st->base;
	return 0;
}

static void sqlite_finalize(struct db_statement *st)
{
	sqlite3_finalize(handle_of(st));
	free(CONTAINER_OF(st, struct sqlite_statement, base));
}

static void sqlite_bind(struct db_statement *st, int parameter, struct db_value v)
{
	sqlite3_stmt *h = handle_of(st);
	const char *p = v.bytes.p ? v.bytes.p : "";
	int rc = SQLITE_OK;
	switch (v.type) {
	case DB_TYPE_NULL:
		rc = sqlite3_bind_null(h, parameter);
		break;
	case DB_TYPE_I64:
		rc = sqlite3_bind_int64(h, parameter, v.i64);
		break;
	case DB_TYPE_TEXT:
		rc = sqlite3_bind_text64(h, parameter, p, v.bytes.n, SQLITE_STATIC, SQLITE_UTF8);
		break;
	case DB_TYPE_BLOB:
		rc = sqlite3_bind_blob64(h, parameter, p, v.bytes.n, SQLITE_STATIC);
		break;
	}
	/* Static values need no memory; what is left is a wrong parameter number or more than 1 GB.
	 */
	ASSERT(rc == SQLITE_OK);
}

static int sqlite_step(struct db_statement *st, struct err *err)
{
	int rc = sqlite3_step(handle_of(st));
	if (rc == SQLITE_ROW)
		return 1;
	return rc == SQLITE_DONE ? 0 : fail_db(st->db, rc, err);
}

static void sqlite_reset(struct db_statement *st)
{
	sqlite3_reset(handle_of(st));
	sqlite3_clear_bindings(handle_of(st));
}

static int64_t sqlite_column_i64(struct db_statement *st, int column)
{
	return sqlite3_column_int64(handle_of(st), column);
}

/* Of text too the blob: it needs no NUL behind it, and so no copy. */
static str sqlite_column_bytes(struct db_statement *st, int column, bool text)
{
	sqlite3_stmt *h = handle_of(st);
	const void *p = sqlite3_column_blob(h, column);
	return p ? str_from(p, (size_t)sqlite3_column_bytes(h, column)) : STR_EMPTY;
}

static bool sqlite_column_is_null(struct db_statement *st, int column)
{
	return sqlite3_column_type(handle_of(st), column) == SQLITE_NULL;
}

static int64_t sqlite_affected(struct db *db)
{
	return sqlite3_changes64(sqlite_of(db)->h);
}

static int execute(struct db *db, const char *sql, struct err *err)
{
	int rc = sqlite3_exec(sqlite_of(db)->h, sql, NULL, NULL, NULL);
	return rc == SQLITE_OK ? 0 : fail_db(db, rc, err);
}

static const struct {
	const char *word, *meaning;
} dialect[] = {
	{ "{i64}", "INTEGER" },
	{ "{text}", "TEXT" },
	{ "{blob}", "BLOB" },
	{ "{clustered}", "WITHOUT ROWID" },
	{ "{binary}", "COLLATE BINARY" },
};

static int sqlite_script(struct db *db, const char *sql, struct err *err)
{
	struct buf b = BUF_INIT(1 << 20);
	for (str s = str_from_z(sql); s.n;) {
		str word = str_first(s, 1), meaning = word;
		for (size_t i = 0; s.p[0] == '{' && i < ARRAY_LEN(dialect); i++) {
			if (str_starts(s, str_from_z(dialect[i].word))) {
				word = str_from_z(dialect[i].word);
				meaning = str_from_z(dialect[i].meaning);
			}
		}
		buf_add(&b, meaning);
		s = str_skip(s, word.n);
	}
	buf_add_char(&b, '\0');
	ASSERT(!b.overflowed);
	int r = execute(db, b.p, err);
	buf_done(&b);
	return r;
}

static int sqlite_has_table(struct db *db, const char *name, bool *out, struct err *err)
{
	struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
	int r = db_query(db, "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1", &st,
		err, DB_TEXT(str_from_z(name)));
	if (r == 0)
		r = db_step(st, err);
	if (r < 0)
		return r;
	*out = r > 0;
	return 0;
}

/* ---- transactions ---- */

static int set_lazy(struct db *db, bool lazy, struct err *err)
{
	struct sqlite_db *d = sqlite_of(db);
	if (d->lazy == lazy)
		return 0;
	int r = execute(db, lazy ? "PRAGMA synchronous=NORMAL" : "PRAGMA synchronous=FULL", err);
	if (r == 0)
		d->lazy = lazy;
	return r;
}

static int run_cached(struct db *db, const char *sql, struct err *err)
{
	return db_execute_values(db, sql, err, NULL, 0);
}

static const char sql_begin_read[] = "BEGIN";
static const char sql_begin_write[] = "BEGIN IMMEDIATE";
static const char sql_commit[] = "COMMIT";

static int sqlite_begin(struct db *db, enum db_transaction kind, struct err *err)
{
	int r = set_lazy(db, kind == DB_WRITE_LAZY, err);
	if (r < 0)
		return r;
	return run_cached(db, kind == DB_READ ? sql_begin_read : sql_begin_write, err);
}

/* Once its pages are in the database file, the log begins again at its start: the next transaction,
 * which may be the one that deletes something, then needs no new blocks. */
static void make_room(struct sqlite_db *d)
{
	d->full = false;
	sqlite3_wal_checkpoint_v2(d->h, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}

static void sqlite_rollback(struct db *db)
{
	/* Many failures have rolled back by themselves. The rollback of a log needs no I/O that
	 * could fail: it forgets the pages. */
	if (!sqlite3_get_autocommit(sqlite_of(db)->h))
		execute(db, "ROLLBACK", NULL);
	ASSERT(sqlite3_get_autocommit(sqlite_of(db)->h));
	if (sqlite_of(db)->full)
		make_room(sqlite_of(db));
}

static int sqlite_commit(struct db *db, struct err *err)
{
	if (db->writing)
		wal_gather_start(sqlite_of(db)->h);
	int r = run_cached(db, sql_commit, err);
	if (db->writing)
		wal_gather_end(sqlite_of(db)->h);
	if (r < 0)
		sqlite_rollback(db);
	return r;
}

static int sqlite_version(struct db *db, uint64_t *out, struct err *err)
{
	struct db_statement *st;
	int r = db_prepare(db, "PRAGMA data_version", &st, err);
	if (r < 0)
		return r;
	r = db_step(st, err);
	if (r <= 0)
		return r < 0 ? r : err_set(err, EIO, "%s: no data_version", db->path);
	*out = (uint32_t)db_column_i64(st, 0);
	db_reset(st);
	return 0;
}

/* ---- tools ---- */

static int sqlite_check(struct db *db, void (*fn)(void *, str), void *arg, struct err *err)
{
	struct db_statement *st;
	int r = db_prepare(db, "PRAGMA integrity_check(100)", &st, err);
	if (r < 0)
		return r;
	while ((r = db_step(st, err)) > 0) {
		str line = db_column_text(st, 0);
		if (!str_equal(line, STR("ok")))
			fn(arg, line);
	}
	return r;
}

static const struct db_driver sqlite_driver = {
	.close = sqlite_close,
	.prepare = sqlite_prepare,
	.finalize = sqlite_finalize,
	.bind = sqlite_bind,
	.step = sqlite_step,
	.reset = sqlite_reset,
	.column_i64 = sqlite_column_i64,
	.column_bytes = sqlite_column_bytes,
	.column_is_null = sqlite_column_is_null,
	.affected = sqlite_affected,
	.script = sqlite_script,
	.has_table = sqlite_has_table,
	.begin = sqlite_begin,
	.commit = sqlite_commit,
	.rollback = sqlite_rollback,
	.version = sqlite_version,
	.check = sqlite_check,
	.copy = sqlite_copy,
	.log_is_long = sqlite_log_is_long,
	.checkpoint = sqlite_checkpoint,
	.release_memory = sqlite_release_memory,
};

int db_sqlite_open(const char *path, unsigned flags, struct db **out, struct err *err)
{
	sqlite3 *h;
	int r = sqlite_open_file(path, flags, &h, err);
	if (r < 0)
		return r;
	struct sqlite_db *db = xcalloc(1, sizeof *db);
	db->base.driver = &sqlite_driver;
	db->h = h;
	db->apart = flags & DB_CHECKPOINT_APART;
	sqlite3_wal_hook(h, after_commit, db);
	*out = &db->base;
	return 0;
}
