#include "store/wal_vfs.h"

#include "base/base.h"
#include "store/vfs.h"

#include <stdlib.h>
#include <string.h>

enum {
	FRAME_HEADER = 24, /* https://www.sqlite.org/fileformat2.html#wal_frames */
	HELD_MAX = 64 * 1024,
};

struct wal_file {
	sqlite3_file base;
	sqlite3_file *real; /* behind this struct */
	char *held;         /* owned; NULL: nothing is kept back */
	size_t n;
	sqlite3_int64 at; /* where held[0] belongs */
	bool last;        /* the header of the transaction's last frame is among it, or was */
};

static struct wal_file *wal_of(sqlite3_file *file)
{
	return (struct wal_file *)file;
}

static void stop(struct wal_file *f)
{
	free(f->held);
	f->held = NULL;
	f->n = 0;
}

/* After an error nothing is kept back any more: it belongs to a transaction that has failed, and
 * its place in the file may soon be another's. */
static int flush(struct wal_file *f)
{
	if (f->n == 0)
		return SQLITE_OK;
	int rc = f->real->pMethods->xWrite(f->real, f->held, (int)f->n, f->at);
	f->n = 0;
	if (rc != SQLITE_OK)
		stop(f);
	return rc;
}

/* The header's second word is the size of the database after a commit, 0 in other frames. */
static bool is_last(const char *header)
{
	return memcmp(header + 4, "\0\0\0\0", 4) != 0;
}

static int hold(struct wal_file *f, const void *bytes, size_t n, sqlite3_int64 at)
{
	if (f->n == 0)
		f->at = at;
	memcpy(f->held + f->n, bytes, n);
	f->n += n;
	if (n == FRAME_HEADER) {
		f->last = is_last(bytes);
		return SQLITE_OK;
	}
	if (!f->last)
		return SQLITE_OK;
	int rc = flush(f);
	stop(f);
	return rc;
}

static int wal_write(sqlite3_file *file, const void *bytes, int size, sqlite3_int64 at)
{
	struct wal_file *f = wal_of(file);
	size_t n = (size_t)size;
	if (f->held && (at != f->at + (sqlite3_int64)f->n || n > HELD_MAX - f->n)) {
		int rc = flush(f);
		if (rc != SQLITE_OK)
			return rc;
	}
	if (f->held && n <= HELD_MAX)
		return hold(f, bytes, n, at);
	return f->real->pMethods->xWrite(f->real, bytes, size, at);
}

/* ── Everything else: what is kept back goes first ────────────────────────────────────────── */

static int wal_close(sqlite3_file *file)
{
	stop(wal_of(file));
	return wal_of(file)->real->pMethods->xClose(wal_of(file)->real);
}

static int wal_read(sqlite3_file *file, void *out, int n, sqlite3_int64 at)
{
	int rc = flush(wal_of(file));
	sqlite3_file *real = wal_of(file)->real;
	return rc ? rc : real->pMethods->xRead(real, out, n, at);
}

static int wal_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	int rc = flush(wal_of(file));
	sqlite3_file *real = wal_of(file)->real;
	return rc ? rc : real->pMethods->xTruncate(real, size);
}

static int wal_sync(sqlite3_file *file, int flags)
{
	int rc = flush(wal_of(file));
	sqlite3_file *real = wal_of(file)->real;
	return rc ? rc : real->pMethods->xSync(real, flags);
}

static int wal_file_size(sqlite3_file *file, sqlite3_int64 *out)
{
	int rc = flush(wal_of(file));
	sqlite3_file *real = wal_of(file)->real;
	return rc ? rc : real->pMethods->xFileSize(real, out);
}

static int wal_lock(sqlite3_file *file, int lock)
{
	return wal_of(file)->real->pMethods->xLock(wal_of(file)->real, lock);
}

static int wal_unlock(sqlite3_file *file, int lock)
{
	return wal_of(file)->real->pMethods->xUnlock(wal_of(file)->real, lock);
}

static int wal_check_lock(sqlite3_file *file, int *out)
{
	return wal_of(file)->real->pMethods->xCheckReservedLock(wal_of(file)->real, out);
}

static int wal_control(sqlite3_file *file, int what, void *arg)
{
	return wal_of(file)->real->pMethods->xFileControl(wal_of(file)->real, what, arg);
}

static int wal_sector_size(sqlite3_file *file)
{
	return wal_of(file)->real->pMethods->xSectorSize(wal_of(file)->real);
}

static int wal_characteristics(sqlite3_file *file)
{
	return wal_of(file)->real->pMethods->xDeviceCharacteristics(wal_of(file)->real);
}

/* Version 1: a log is not shared memory, and is not mapped. */
static const sqlite3_io_methods wal_methods = {
	.iVersion = 1,
	.xClose = wal_close,
	.xRead = wal_read,
	.xWrite = wal_write,
	.xTruncate = wal_truncate,
	.xSync = wal_sync,
	.xFileSize = wal_file_size,
	.xLock = wal_lock,
	.xUnlock = wal_unlock,
	.xCheckReservedLock = wal_check_lock,
	.xFileControl = wal_control,
	.xSectorSize = wal_sector_size,
	.xDeviceCharacteristics = wal_characteristics,
};

/* ── The VFS ──────────────────────────────────────────────────────────────────────────────── */

static int vfs_open(
	sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags, int *out_flags)
{
	sqlite3_vfs *real = vfs->pAppData;
	if (!(flags & SQLITE_OPEN_WAL))
		return real->xOpen(real, name, file, flags, out_flags);
	struct wal_file *f = wal_of(file);
	*f = (struct wal_file){ .real = (sqlite3_file *)(f + 1) };
	int rc = real->xOpen(real, name, f->real, flags, out_flags);
	if (f->real->pMethods)
		f->base.pMethods = &wal_methods;
	return rc;
}

const char *wal_vfs(void)
{
	return vfs_over_default("postern-wal", sizeof(struct wal_file), vfs_open);
}

/* NULL: this handle has no log, or not yet. */
static struct wal_file *log_of(sqlite3 *h)
{
	sqlite3_file *file = NULL;
	int rc = sqlite3_file_control(h, NULL, SQLITE_FCNTL_JOURNAL_POINTER, &file);
	return rc == SQLITE_OK && file && file->pMethods == &wal_methods ? wal_of(file) : NULL;
}

void wal_gather_start(sqlite3 *h)
{
	struct wal_file *f = log_of(h);
	if (f && !f->held) {
		f->held = xmalloc(HELD_MAX);
		f->last = false;
	}
}

void wal_gather_end(sqlite3 *h)
{
	struct wal_file *f = log_of(h);
	if (f)
		stop(f);
}
