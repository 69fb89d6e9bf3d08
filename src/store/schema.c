#include "store/schema.h"

#include "base/buf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int refuse_version(struct db *db, const struct schema *s, int64_t version, struct err *err)
{
	return err_set(err, ENOTSUP,
		"%s was written by a newer version of this program (%s schema %lld, this one knows "
		"up to %u): run that version, or put back a copy made before the upgrade",
		db_path(db), s->kind, (long long)version, s->version);
}

/* 0 where the database is empty. One database may hold stores of several kinds (PostgreSQL), a
 * file holds one; so a file with rows of other kinds only is the wrong file. */
static int read_version(struct db *db, const struct schema *s, unsigned *out, struct err *err)
{
	bool there;
	int r = db_has_table(db, "schema_version", &there, err);
	*out = 0;
	if (r < 0 || !there)
		return r;
	struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
	r = db_prepare(db, "SELECT kind, version FROM schema_version", &st, err);
	while (r == 0 && (r = db_step(st, err)) > 0) {
		str kind = db_column_text(st, 0);
		int64_t version = db_column_i64(st, 1);
		if (!str_equal(kind, str_from_z(s->kind)))
			return err_set(err, ENOTSUP, "%s holds no %s but the store \"%.*s\"",
				db_path(db), s->kind, STR_ARG(kind));
		if (version < 1 || version > (int64_t)s->version)
			return refuse_version(db, s, version, err);
		*out = (unsigned)version;
		r = 0;
	}
	return r;
}

/* "FILE.before-N", to be freed. */
static char *copy_path(struct db *db, unsigned version)
{
	struct buf b = BUF_INIT(8192);
	buf_printf(&b, "%s.before-%u", db_path(db), version);
	buf_add_char(&b, '\0');
	ASSERT(!b.overflowed);
	return b.p;
}

/* A copy from an attempt that did not succeed may be in the way; the database has not changed its
 * version since, so a new copy says the same. */
static int keep_copy(struct db *db, unsigned version, struct err *err)
{
	char *path CLEANUP(free_pointer) = copy_path(db, version);
	if (unlink(path) < 0 && errno != ENOENT)
		return err_errno(err, errno, "%s: cannot be replaced", path);
	return db_copy(db, path, err);
}

static void count_problem(void *arg, str problem)
{
	++*(unsigned *)arg;
}

/* The database was found at the current version: copies from before an upgrade have done their
 * duty, if it is sound. */
static void forget_copies(struct db *db, const struct schema *s)
{
	bool checked = false;
	for (unsigned version = 2; version <= s->version; version++) {
		char *path CLEANUP(free_pointer) = copy_path(db, version);
		if (access(path, F_OK) < 0)
			continue;
		unsigned problems = 0;
		if (!checked && (db_check(db, count_problem, &problems, NULL) < 0 || problems))
			return;
		checked = true;
		unlink(path);
	}
}

static int set_version(struct db *db, const struct schema *s, struct err *err)
{
	return db_execute(db,
		"INSERT INTO schema_version (kind, version) VALUES (?1, ?2)"
		" ON CONFLICT (kind) DO UPDATE SET version = excluded.version",
		err, DB_TEXT(str_from_z(s->kind)), DB_I64(s->version));
}

/* Within the transaction. Someone else may have been faster. */
static int upgrade(struct db *db, const struct schema *s,
	int (*fill)(struct db *db, void *arg, struct err *err), void *arg, struct err *err)
{
	unsigned from;
	int r = read_version(db, s, &from, err);
	if (r < 0 || from == s->version)
		return r;
	r = from > 0 ? keep_copy(db, s->version, err)
		     : db_script(db,
			       "CREATE TABLE IF NOT EXISTS schema_version (kind {text} NOT NULL,"
			       " version {i64} NOT NULL, PRIMARY KEY (kind)) {clustered}",
			       err);
	for (unsigned i = from; r == 0 && i < s->version; i++)
		r = db_script(db, s->migrations[i], err);
	if (r == 0)
		r = set_version(db, s, err);
	if (r == 0 && from == 0 && fill)
		r = fill(db, arg, err);
	return r;
}

int schema_apply(struct db *db, const struct schema *s, bool create,
	int (*fill)(struct db *db, void *arg, struct err *err), void *arg, struct err *err)
{
	unsigned version;
	int r = read_version(db, s, &version, err);
	if (r < 0)
		return r;
	if (version == s->version) {
		if (s->version > 1)
			forget_copies(db, s);
		return 0;
	}
	if (version == 0 && !create)
		return err_set(err, ENOENT, "%s is empty", db_path(db));
	r = db_begin(db, DB_WRITE, err);
	if (r < 0)
		return r;
	r = upgrade(db, s, fill, arg, err);
	if (r == 0)
		return db_commit(db, err);
	db_rollback(db);
	return r;
}

int schema_accept(struct db *db, const struct schema *s, struct err *err)
{
	unsigned version;
	int r = read_version(db, s, &version, err);
	if (r == 0 && version == 0)
		return err_set(err, ENOENT, "%s is empty", db_path(db));
	return r;
}
