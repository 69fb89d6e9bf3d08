/*
 * db_driver.h: what a driver provides to db.c. Drivers embed struct db and struct db_statement at
 * the beginning of their own; db.c keeps the statement cache and the state of the transaction.
 */
#pragma once

#include "store/db.h"

struct db_statement {
	struct db *db;
	struct db_statement *next; /* in its slot of the cache */
	const char *sql;           /* the caller's literal: key by address */
	bool busy;
};

struct db_driver {
	void (*close)(struct db *db); /* all statements are freed before; frees db */
	int (*prepare)(struct db *db, const char *sql, struct db_statement **out, struct err *err);
	void (*finalize)(struct db_statement *st);
	void (*bind)(struct db_statement *st, int parameter, struct db_value value);
	int (*step)(struct db_statement *st, struct err *err);
	void (*reset)(struct db_statement *st);
	int64_t (*column_i64)(struct db_statement *st, int column);
	str (*column_bytes)(struct db_statement *st, int column, bool text);
	bool (*column_is_null)(struct db_statement *st, int column);
	int64_t (*affected)(struct db *db);
	int (*script)(struct db *db, const char *sql, struct err *err);
	int (*has_table)(struct db *db, const char *name, bool *out, struct err *err);
	int (*begin)(struct db *db, enum db_transaction kind, struct err *err);
	int (*commit)(struct db *db, struct err *err); /* has rolled back when it fails */
	void (*rollback)(struct db *db);
	int (*version)(struct db *db, uint64_t *out, struct err *err); /* commits by others */
	int (*check)(struct db *db, void (*fn)(void *, str), void *arg, struct err *err);
	int (*copy)(struct db *db, const char *path, struct err *err);
	bool (*log_is_long)(const struct db *db);
	int (*checkpoint)(struct db *db, struct err *err);
	void (*release_memory)(struct db *db);
};

enum db_state {
	DB_IDLE,
	DB_OPEN,
	DB_FAILED, /* a statement failed: whatever the engine made of it, only rollback is left */
};

enum { DB_CACHE_SLOTS = 64 };

struct db {
	const struct db_driver *driver;
	char *path; /* owned */
	enum db_state state;
	uint64_t commits; /* writing transactions of this handle */
	bool writing;
	struct db_statement *cache[DB_CACHE_SLOTS]; /* owned */
};

/* db_sqlite.c */
int db_sqlite_open(const char *path, unsigned flags, struct db **out, struct err *err);
