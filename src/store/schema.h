/*
 * schema.h: numbered migrations.
 *
 * migrations[i] is a script (db_script) that brings a database from version i to version i + 1; a
 * new one applies them all. Scripts that have been released never change. The version stands in
 * the table schema_version, one row a kind of store.
 *
 * Before an existing database is upgraded, a copy of it is put beside it as FILE.before-N (N = the
 * new version). It is removed by the first later open that finds the new version sound, so a
 * release that turns out badly can be undone by moving that file back.
 */
#pragma once

#include "store/db.h"

struct schema {
	const char *kind; /* "account", "directory", …: a file of another kind is refused */
	const char *const *migrations;
	unsigned version; /* number of migrations */
};

/* Brings db to the schema's version: in one transaction, all or nothing. `fill`, where not NULL,
 * runs in that same transaction when the database was empty. `create` false: an empty database is
 * -ENOENT. -ENOTSUP: the file is of a newer version or another kind; err says so. */
int schema_apply(struct db *db, const struct schema *schema, bool create,
	int (*fill)(struct db *db, void *arg, struct err *err), void *arg,
	struct err *err) MUST_USE;

/* For those who only read: 0 where the database is of this kind and of this version or an older
 * one, which stays as it is. Otherwise as schema_apply(). */
int schema_accept(struct db *db, const struct schema *schema, struct err *err) MUST_USE;
