#include "store/pace_vfs.h"

#include "base/base.h"
#include "store/vfs.h"

enum { PAGES_A_FLUSH = 64 };

/* Behind the file of the default VFS, which stays the file: only its methods are replaced. */
struct pace {
	sqlite3_io_methods methods; /* the file's: the default ones, but for xWrite */
	const sqlite3_io_methods *real;
	unsigned pages;
};

static int write_page(sqlite3_file *file, const void *bytes, int n, sqlite3_int64 at)
{
	struct pace *p = (struct pace *)(uintptr_t)file->pMethods;
	int rc = p->real->xWrite(file, bytes, n, at);
	if (rc == SQLITE_OK && ++p->pages % PAGES_A_FLUSH == 0)
		rc = p->real->xSync(file, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY);
	return rc;
}

static int open_file(
	sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags, int *out_flags)
{
	sqlite3_vfs *real = vfs->pAppData;
	int rc = real->xOpen(real, name, file, flags, out_flags);
	if (rc != SQLITE_OK || !(flags & SQLITE_OPEN_MAIN_DB))
		return rc;
	struct pace *p = (struct pace *)(void *)((char *)file + real->szOsFile);
	*p = (struct pace){ .methods = *file->pMethods, .real = file->pMethods };
	p->methods.xWrite = write_page;
	file->pMethods = &p->methods;
	return SQLITE_OK;
}

const char *pace_vfs(void)
{
	return vfs_over_default("postern-pace", sizeof(struct pace), open_file);
}
