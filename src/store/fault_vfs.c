#include "store/fault_vfs.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

struct fault_file {
	sqlite3_file base;
	struct fault_vfs *fault;
	sqlite3_file *real; /* behind this struct */
};

static sqlite3_file *real_of(sqlite3_file *file)
{
	return ((struct fault_file *)file)->real;
}

static bool fails(struct fault_vfs *f, enum fault_operation operation)
{
	if (!(f->operations & operation) || f->countdown < 0)
		return false;
	if (f->countdown > 0) {
		f->countdown--;
		return false;
	}
	if (f->kind == FAULT_KIND_CRASH)
		_exit(FAULT_CRASHED);
	if (!f->lasting)
		f->countdown = -1;
	f->failed++;
	return true;
}

static bool file_fails(sqlite3_file *file, enum fault_operation operation)
{
	return fails(((struct fault_file *)file)->fault, operation);
}

static int fault_close(sqlite3_file *file)
{
	return real_of(file)->pMethods->xClose(real_of(file));
}

static int fault_read(sqlite3_file *file, void *out, int n, sqlite3_int64 at)
{
	if (file_fails(file, FAULT_READ))
		return SQLITE_IOERR_READ;
	return real_of(file)->pMethods->xRead(real_of(file), out, n, at);
}

static int fault_write(sqlite3_file *file, const void *bytes, int n, sqlite3_int64 at)
{
	struct fault_vfs *f = ((struct fault_file *)file)->fault;
	f->writes++;
	if (!file_fails(file, FAULT_WRITE))
		return real_of(file)->pMethods->xWrite(real_of(file), bytes, n, at);
	if (f->kind == FAULT_KIND_SHORT)
		real_of(file)->pMethods->xWrite(real_of(file), bytes, n / 2, at);
	return f->kind == FAULT_KIND_EIO ? SQLITE_IOERR_WRITE : SQLITE_FULL;
}

static int fault_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	if (file_fails(file, FAULT_TRUNCATE))
		return SQLITE_IOERR_TRUNCATE;
	return real_of(file)->pMethods->xTruncate(real_of(file), size);
}

static int fault_sync(sqlite3_file *file, int flags)
{
	if (file_fails(file, FAULT_SYNC))
		return SQLITE_IOERR_FSYNC;
	return real_of(file)->pMethods->xSync(real_of(file), flags);
}

static int fault_file_size(sqlite3_file *file, sqlite3_int64 *out)
{
	return real_of(file)->pMethods->xFileSize(real_of(file), out);
}

static int fault_lock(sqlite3_file *file, int lock)
{
	return real_of(file)->pMethods->xLock(real_of(file), lock);
}

static int fault_unlock(sqlite3_file *file, int lock)
{
	return real_of(file)->pMethods->xUnlock(real_of(file), lock);
}

static int fault_check_lock(sqlite3_file *file, int *out)
{
	return real_of(file)->pMethods->xCheckReservedLock(real_of(file), out);
}

static int fault_control(sqlite3_file *file, int what, void *arg)
{
	return real_of(file)->pMethods->xFileControl(real_of(file), what, arg);
}

static int fault_sector_size(sqlite3_file *file)
{
	return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int fault_characteristics(sqlite3_file *file)
{
	return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int fault_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **out)
{
	return real_of(file)->pMethods->xShmMap(real_of(file), page, size, extend, out);
}

static int fault_shm_lock(sqlite3_file *file, int from, int n, int flags)
{
	return real_of(file)->pMethods->xShmLock(real_of(file), from, n, flags);
}

static void fault_shm_barrier(sqlite3_file *file)
{
	real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int fault_shm_unmap(sqlite3_file *file, int remove_it)
{
	return real_of(file)->pMethods->xShmUnmap(real_of(file), remove_it);
}

/* Version 2: without memory-mapped reading of the database. */
static const sqlite3_io_methods fault_methods = {
	2,
	fault_close,
	fault_read,
	fault_write,
	fault_truncate,
	fault_sync,
	fault_file_size,
	fault_lock,
	fault_unlock,
	fault_check_lock,
	fault_control,
	fault_sector_size,
	fault_characteristics,
	fault_shm_map,
	fault_shm_lock,
	fault_shm_barrier,
	fault_shm_unmap,
	NULL,
	NULL,
};

static int fault_open(
	sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags, int *out_flags)
{
	struct fault_vfs *f = vfs->pAppData;
	struct fault_file *mine = (struct fault_file *)file;
	*mine = (struct fault_file){ .fault = f, .real = (sqlite3_file *)(mine + 1) };
	if (fails(f, FAULT_OPEN))
		return SQLITE_CANTOPEN;
	int rc = f->real->xOpen(f->real, name, mine->real, flags, out_flags);
	if (mine->real->pMethods)
		mine->base.pMethods = &fault_methods;
	return rc;
}

static int fault_last_error(sqlite3_vfs *vfs, int n, char *text)
{
	struct fault_vfs *f = vfs->pAppData;
	if (f->failed)
		return f->kind == FAULT_KIND_EIO ? EIO : ENOSPC;
	return f->real->xGetLastError(f->real, n, text);
}

void fault_vfs_install(struct fault_vfs *f)
{
	*f = (struct fault_vfs){ .real = sqlite3_vfs_find(NULL), .countdown = -1 };
	f->base = *f->real;
	f->base.pNext = NULL;
	f->base.zName = "fault";
	f->base.pAppData = f;
	f->base.szOsFile += (int)sizeof(struct fault_file);
	f->base.xOpen = fault_open;
	f->base.xGetLastError = fault_last_error;
	ASSERT(sqlite3_vfs_register(&f->base, 1) == SQLITE_OK);
}

struct fault_vfs *fault_vfs_installed(void)
{
	return sqlite3_vfs_find("fault")->pAppData;
}

void fault_vfs_arm(
	struct fault_vfs *f, unsigned operations, enum fault_kind kind, bool lasting, long n)
{
	f->operations = operations;
	f->kind = kind;
	f->lasting = lasting;
	f->countdown = n;
	f->failed = 0;
}

void fault_vfs_disarm(struct fault_vfs *f)
{
	f->countdown = -1;
}
