/*
 * wal_vfs.h: a SQLite VFS that writes the log (FILE-wal) in larger pieces.
 *
 * SQLite writes a page to the log as two small pieces, one system call each. Between
 * wal_gather_start() and wal_gather_end(), around a COMMIT, they are kept back and written
 * together, at the latest with the last one of the transaction: before SQLite flushes the log or
 * lets others see it, and with any error reported then. Everything else goes to the default VFS as
 * it is.
 */
#pragma once

#include <sqlite3.h>

/* Its name, for sqlite3_open_v2(); it is registered, over the default VFS, by the first call. Any
 * thread. */
const char *wal_vfs(void);

void wal_gather_start(sqlite3 *h);
void wal_gather_end(sqlite3 *h);
