/*
 * db_sqlite_internal.h: the parts of the embedded driver: handles (db_sqlite_open.c), what a store
 * does with them (db_sqlite.c), copies (db_sqlite_copy.c).
 */
#pragma once

#include "store/db_driver.h"

#include <sqlite3.h>

/*
 * Measured with bench/store_bench.c (4 KiB messages, 16 a transaction, 2 cores): pages of 4
 * KiB hold bodies most tightly (105 MiB for 20,000; 8 KiB 174, 16 KiB 124) and cost least for a
 * flag; checkpoints every 1,000 to 8,000 pages and caches of 512 KiB to 4 MiB differ by less than
 * the noise, so the small ones: 4 MiB of log, and what a batch of 100 such messages dirties.
 */
enum {
	SQLITE_PAGE_SIZE = 4096,
	SQLITE_CACHE_KIB = 512,
	SQLITE_CHECKPOINT_PAGES = 1000,
};

/* Says in *err what SQLite's result code rc means, and for which path; h, where there is one, knows
 * more. Returns the negative errno. */
int sqlite_fail(sqlite3 *h, const char *path, int rc, struct err *err);

/* A handle set up as every store wants it; flags as in db_open(). To be given to sqlite3_close().
 */
int sqlite_open_file(const char *path, unsigned flags, sqlite3 **out, struct err *err) MUST_USE;

/* db_copy() */
int sqlite_copy(struct db *db, const char *path, struct err *err) MUST_USE;
