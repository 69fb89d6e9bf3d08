/*
 * vfs.h: SQLite VFSs that are the default one, but for how they open files.
 */
#pragma once

#include <sqlite3.h>
#include <stddef.h>

typedef int vfs_open_fn(
	sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags, int *out_flags);

/* Registers such a VFS where none of that name is; returns the name, for sqlite3_open_v2(). Its
 * files have `room` bytes more than those of the default VFS, which is vfs->pAppData. Any thread.
 */
const char *vfs_over_default(const char *name, size_t room, vfs_open_fn *open);
