/*
 * fault_vfs.h: for tests: a SQLite VFS in front of the real one, in which the n-th operation on a
 * file fails. Tests include fault_vfs.c; it is in no library.
 */
#pragma once

#include "base/base.h"

#include <sqlite3.h>

enum fault_operation {
	FAULT_OPEN = 1,
	FAULT_READ = 2,
	FAULT_WRITE = 4,
	FAULT_SYNC = 8,
	FAULT_TRUNCATE = 16,
};

enum fault_kind {
	FAULT_KIND_EIO,   /* the operation does nothing and reports EIO */
	FAULT_KIND_FULL,  /* the same with ENOSPC */
	FAULT_KIND_SHORT, /* a write does half of its work, then ENOSPC */
	FAULT_KIND_CRASH, /* the process ends before the operation, with FAULT_CRASHED */
};

enum { FAULT_CRASHED = 99 };

struct fault_vfs {
	sqlite3_vfs base;
	sqlite3_vfs *real;
	unsigned operations; /* which ones are counted, and fail */
	enum fault_kind kind;
	bool lasting;    /* once it has failed everything fails, else just the one */
	long countdown;  /* fails when this reaches 0; negative: never */
	unsigned failed; /* operations made to fail */
	unsigned writes; /* all that were asked for; reset by who counts */
};

/* Makes it the process's default VFS, for good; it lets everything through until it is armed. */
void fault_vfs_install(struct fault_vfs *f);
struct fault_vfs *fault_vfs_installed(void);

/* The n-th operation (from 0 on) from now on fails. Resets `failed`. */
void fault_vfs_arm(
	struct fault_vfs *f, unsigned operations, enum fault_kind kind, bool lasting, long n);
void fault_vfs_disarm(struct fault_vfs *f); /* leaves `failed` */
