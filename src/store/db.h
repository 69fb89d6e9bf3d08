/*
 * db.h: the thin SQL driver below every store.
 *
 * A handle is used by one thread at a time; all calls block (run them on the thread pool). SQL is
 * the part common to SQLite and PostgreSQL; parameters are written ?1, ?2 … In schema scripts a
 * driver replaces {i64}, {text}, {blob} by its column types, {clustered} by what keeps rows in
 * primary key order inside the table, and {binary} by the collation that compares bytes.
 *
 * Failure: 0 or a negative errno, with a sentence in *err.
 *	-EBUSY	 someone else held the write lock for longer than DB_BUSY_TIMEOUT_MS
 *	-ENOSPC, -EDQUOT, -EIO, -EROFS, -EACCES, -EMFILE …	what the disk said
 *	-EUCLEAN the file is damaged, or no database
 *	-EEXIST	 a unique key is already there
 *	-ENOENT	 db_open: no such file
 * After any failure inside a transaction call db_rollback(); the handle is then as good as new.
 *
 * The file behind a handle must not be opened and closed by other means in the same process: POSIX
 * gives up all locks of a process on a file when any descriptor of it is closed.
 */
#pragma once

#include "base/err.h"

#define DB_BUSY_TIMEOUT_MS 10000

struct db;
struct db_statement;

enum db_open_flags {
	DB_CREATE = 1,    /* make the file (mode 0660, less the umask) where there is none */
	DB_READ_ONLY = 2, /* for tools; needs write access to the directory nevertheless (WAL) */
	DB_CHECKPOINT_APART = 4, /* commits leave that to who calls db_checkpoint() */
	DB_PACED = 8, /* for db_checkpoint() beside others: it flushes little by little */
};

/* Opens the embedded (SQLite) database in the file `path`. An empty file counts as a database
 * without tables; to root that only reads it is -ENOENT, since its owner may be at work on it. */
int db_open(const char *path, unsigned flags, struct db **out, struct err *err) MUST_USE;

/* Rolls back what was not committed and frees every statement. NULL is fine. */
void db_close(struct db *db);

/* The path given to db_open(). */
const char *db_path(const struct db *db);

/* Gives back memory that only serves to be faster next time: page cache, cached statements. */
void db_release_memory(struct db *db);

/* Values for db_query() and db_execute(). Bytes are not copied: they stay until the statement is
 * done or reset. */
enum db_type { DB_TYPE_NULL, DB_TYPE_I64, DB_TYPE_TEXT, DB_TYPE_BLOB };

struct db_value {
	enum db_type type;
	int64_t i64;
	str bytes;
};

#define DB_NULL ((struct db_value){ .type = DB_TYPE_NULL })
#define DB_I64(v) ((struct db_value){ .type = DB_TYPE_I64, .i64 = (int64_t)(v) })
#define DB_TEXT(s) ((struct db_value){ .type = DB_TYPE_TEXT, .bytes = (s) })
#define DB_BLOB(s) ((struct db_value){ .type = DB_TYPE_BLOB, .bytes = (s) })

/* The statement of this SQL, prepared and without bindings. It belongs to the handle, which keeps
 * it for the next time; so `sql` must be a literal (it is found by its address), and no second
 * use may begin before the first is done or reset. */
int db_prepare(struct db *db, const char *sql, struct db_statement **out, struct err *err) MUST_USE;

/* Parameter numbers begin with 1. */
void db_bind(struct db_statement *st, int parameter, struct db_value value);

/* 1: there is a row; 0: done (the statement is reset); negative: failed (it is reset, too). */
int db_step(struct db_statement *st, struct err *err) MUST_USE;

/* Column numbers begin with 0. Slices stand until the next step or reset; NULL reads as 0 or as
 * the empty slice. */
int64_t db_column_i64(struct db_statement *st, int column);
str db_column_text(struct db_statement *st, int column);
str db_column_blob(struct db_statement *st, int column);
bool db_column_is_null(struct db_statement *st, int column);

/* Ends a use before its last row. NULL is fine. An unfinished read keeps the write-ahead log from
 * being reset, so hold statements with: struct db_statement *st CLEANUP(db_reset_pointer) = NULL.
 */
void db_reset(struct db_statement *st);
void db_reset_pointer(struct db_statement **st);

/* db_prepare() with all parameters bound; and the same stepped to its end, rows ignored. */
int db_query_values(struct db *db, const char *sql, struct db_statement **out, struct err *err,
	const struct db_value *values, size_t count) MUST_USE;
int db_execute_values(struct db *db, const char *sql, struct err *err,
	const struct db_value *values, size_t count) MUST_USE;

#define DB_VALUES_(...)                                                                            \
	(const struct db_value[]){ __VA_ARGS__ },                                                  \
		sizeof((const struct db_value[]){ __VA_ARGS__ }) / sizeof(struct db_value)
/* db_query(db, sql, &st, err, DB_I64(1), DB_TEXT(name)): at least one value. */
#define db_query(db, sql, out, err, ...)                                                           \
	db_query_values((db), (sql), (out), (err), DB_VALUES_(__VA_ARGS__))
#define db_execute(db, sql, err, ...) db_execute_values((db), (sql), (err), DB_VALUES_(__VA_ARGS__))

/* Rows that the last finished statement inserted, updated or deleted. */
int64_t db_affected(struct db *db);

/* Runs a script of several statements without parameters or rows, {words} replaced. */
int db_script(struct db *db, const char *sql, struct err *err) MUST_USE;

int db_has_table(struct db *db, const char *name, bool *out, struct err *err) MUST_USE;

enum db_transaction {
	DB_READ,       /* one unchanging picture for several queries */
	DB_WRITE,      /* takes the write lock at once, waiting for it */
	DB_WRITE_LAZY, /* as DB_WRITE, but a power failure may undo it (never tear it): no fsync */
};

/* Transactions do not nest. */
int db_begin(struct db *db, enum db_transaction kind, struct err *err) MUST_USE;

/* 0: on stable storage and visible to all. Negative: nothing of it is visible and the transaction
 * is over. (After a failed fsync followed by a power failure it may come to light all the same:
 * failure means "not promised".) */
int db_commit(struct db *db, struct err *err) MUST_USE;

/* Ends the transaction without effect; does nothing where there is none. */
void db_rollback(struct db *db);
bool db_in_transaction(const struct db *db);

/* A number that differs after any commit, by this handle or another one, to the same database. */
int db_version(struct db *db, uint64_t *out, struct err *err) MUST_USE;

/* Calls fn with a sentence for each damage to the file's own structure (tables, indexes, pages). */
int db_check(
	struct db *db, void (*fn)(void *arg, str problem), void *arg, struct err *err) MUST_USE;

/* A commit ends in the log, from where its pages must go into the file some day: by a commit that
 * finds the log long, or, for a handle with DB_CHECKPOINT_APART, by db_checkpoint() once this says
 * so. A log that has grown to many times that length is for the commit in any case. */
bool db_log_is_long(const struct db *db);

/* Copies the log into the file, until little or nothing of it is left. Others may write meanwhile:
 * so most of it can be done by a second handle, which keeps nobody waiting, and what has come since
 * by the one that writes. Then the log begins again at its start. Failure loses nothing. */
int db_checkpoint(struct db *db, struct err *err) MUST_USE;

/* Writes a copy of the last committed state to the new file `path`, synced; works beside writers.
 * On failure nothing is left there. */
int db_copy(struct db *db, const char *path, struct err *err) MUST_USE;
