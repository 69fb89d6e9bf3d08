/*
 * pace_vfs.h: a SQLite VFS for who copies a log into its database while others write to that log.
 *
 * What goes into the database is flushed every few pages. A disk has one queue: with a thousand
 * pages in it, whoever flushes the log meanwhile waits for all of them. Everything else goes to the
 * default VFS as it is.
 */
#pragma once

/* Its name, for sqlite3_open_v2(); it is registered, over the default VFS, by the first call. Any
 * thread. */
const char *pace_vfs(void);
