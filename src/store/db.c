#include "store/db_driver.h"

#include <errno.h>
#include <stdlib.h>

int db_open(const char *path, unsigned flags, struct db **out, struct err *err)
{
	struct db *db;
	int r = db_sqlite_open(path, flags, &db, err);
	if (r < 0)
		return r;
	db->path = str_dup_z(str_from_z(path));
	*out = db;
	return 0;
}

/* Frees the statements that nobody is using. */
static void free_statements(struct db *db)
{
	for (size_t i = 0; i < DB_CACHE_SLOTS; i++) {
		struct db_statement **at = &db->cache[i];
		while (*at) {
			struct db_statement *st = *at;
			if (st->busy) {
				at = &st->next;
				continue;
			}
			*at = st->next;
			db->driver->finalize(st);
		}
	}
}

void db_close(struct db *db)
{
	if (!db)
		return;
	db_rollback(db);
	for (size_t i = 0; i < DB_CACHE_SLOTS; i++)
		for (struct db_statement *st = db->cache[i]; st; st = st->next)
			db_reset(st);
	free_statements(db);
	char *path = db->path;
	db->driver->close(db);
	free(path);
}

const char *db_path(const struct db *db)
{
	return db->path;
}

void db_release_memory(struct db *db)
{
	free_statements(db);
	db->driver->release_memory(db);
}

static struct db_statement **cache_slot(struct db *db, const char *sql)
{
	uint64_t hash = (uint64_t)(uintptr_t)sql * UINT64_C(0x9e3779b97f4a7c15);
	return &db->cache[hash >> 58];
}

int db_prepare(struct db *db, const char *sql, struct db_statement **out, struct err *err)
{
	struct db_statement **slot = cache_slot(db, sql);
	struct db_statement *st = *slot;
	while (st && st->sql != sql)
		st = st->next;
	if (!st) {
		int r = db->driver->prepare(db, sql, &st, err);
		if (r < 0)
			return r;
		st->db = db;
		st->sql = sql;
		st->next = *slot;
		*slot = st;
	}
	ASSERT(!st->busy);
	st->busy = true;
	*out = st;
	return 0;
}

void db_bind(struct db_statement *st, int parameter, struct db_value value)
{
	st->db->driver->bind(st, parameter, value);
}

int db_step(struct db_statement *st, struct err *err)
{
	struct db *db = st->db;
	if (db->state == DB_FAILED) {
		db_reset(st);
		return err_set(err, ECANCELED, "%s: the transaction has failed already", db->path);
	}
	int r = db->driver->step(st, err);
	if (r < 0 && db->state == DB_OPEN)
		db->state = DB_FAILED;
	if (r <= 0)
		db_reset(st);
	return r;
}

int64_t db_column_i64(struct db_statement *st, int column)
{
	return st->db->driver->column_i64(st, column);
}

str db_column_text(struct db_statement *st, int column)
{
	return st->db->driver->column_bytes(st, column, true);
}

str db_column_blob(struct db_statement *st, int column)
{
	return st->db->driver->column_bytes(st, column, false);
}

bool db_column_is_null(struct db_statement *st, int column)
{
	return st->db->driver->column_is_null(st, column);
}

void db_reset(struct db_statement *st)
{
	if (!st || !st->busy)
		return;
	st->db->driver->reset(st);
	st->busy = false;
}

void db_reset_pointer(struct db_statement **st)
{
	db_reset(*st);
}

int db_query_values(struct db *db, const char *sql, struct db_statement **out, struct err *err,
	const struct db_value *values, size_t count)
{
	int r = db_prepare(db, sql, out, err);
	for (size_t i = 0; r == 0 && i < count; i++)
		db_bind(*out, (int)i + 1, values[i]);
	return r;
}

int db_execute_values(struct db *db, const char *sql, struct err *err,
	const struct db_value *values, size_t count)
{
	struct db_statement *st;
	int r = db_query_values(db, sql, &st, err, values, count);
	if (r < 0)
		return r;
	do
		r = db_step(st, err);
	while (r > 0);
	return r;
}

int64_t db_affected(struct db *db)
{
	return db->driver->affected(db);
}

int db_script(struct db *db, const char *sql, struct err *err)
{
	if (db->state == DB_FAILED)
		return err_set(err, ECANCELED, "%s: the transaction has failed already", db->path);
	int r = db->driver->script(db, sql, err);
	if (r < 0 && db->state == DB_OPEN)
		db->state = DB_FAILED;
	return r;
}

int db_has_table(struct db *db, const char *name, bool *out, struct err *err)
{
	return db->driver->has_table(db, name, out, err);
}

int db_begin(struct db *db, enum db_transaction kind, struct err *err)
{
	ASSERT(db->state == DB_IDLE);
	int r = db->driver->begin(db, kind, err);
	if (r < 0)
		return r;
	db->state = DB_OPEN;
	db->writing = kind != DB_READ;
	return 0;
}

int db_commit(struct db *db, struct err *err)
{
	ASSERT(db->state != DB_IDLE);
	if (db->state == DB_FAILED) {
		db_rollback(db);
		return err_set(err, ECANCELED, "%s: the transaction has failed already", db->path);
	}
	int r = db->driver->commit(db, err);
	if (r == 0 && db->writing)
		db->commits++;
	db->state = DB_IDLE;
	return r;
}

void db_rollback(struct db *db)
{
	if (db->state == DB_IDLE)
		return;
	db->driver->rollback(db);
	db->state = DB_IDLE;
}

bool db_in_transaction(const struct db *db)
{
	return db->state != DB_IDLE;
}

int db_version(struct db *db, uint64_t *out, struct err *err)
{
	uint64_t others;
	int r = db->driver->version(db, &others, err);
	if (r == 0)
		*out = others + (db->commits << 32);
	return r;
}

int db_check(struct db *db, void (*fn)(void *arg, str problem), void *arg, struct err *err)
{
	return db->driver->check(db, fn, arg, err);
}

bool db_log_is_long(const struct db *db)
{
	return db->driver->log_is_long(db);
}

int db_checkpoint(struct db *db, struct err *err)
{
	return db->driver->checkpoint(db, err);
}

int db_copy(struct db *db, const char *path, struct err *err)
{
	return db->driver->copy(db, path, err);
}
