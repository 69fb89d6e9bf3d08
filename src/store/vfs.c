#include "store/vfs.h"

#include "base/base.h"

static int last_error(sqlite3_vfs *vfs, int n, char *text)
{
	sqlite3_vfs *real = vfs->pAppData;
	return real->xGetLastError(real, n, text);
}

/* For good: SQLite has no end either. */
static void register_vfs(const char *name, size_t room, vfs_open_fn *open)
{
	sqlite3_vfs *real = sqlite3_vfs_find(NULL);
	sqlite3_vfs *vfs = xmalloc(sizeof *vfs);
	*vfs = *real;
	vfs->pNext = NULL;
	vfs->zName = name;
	vfs->pAppData = real;
	vfs->szOsFile += (int)room;
	vfs->xOpen = open;
	vfs->xGetLastError = last_error;
	ASSERT(sqlite3_vfs_register(vfs, 0) == SQLITE_OK);
}

const char *vfs_over_default(const char *name, size_t room, vfs_open_fn *open)
{
	sqlite3_mutex *mutex = sqlite3_mutex_alloc(SQLITE_MUTEX_STATIC_APP1);
	sqlite3_mutex_enter(mutex);
	/* To count its memory SQLite takes one lock for the whole process at each allocation.
	 * Refused, without harm, once SQLite has begun. */
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	if (!sqlite3_vfs_find(name))
		register_vfs(name, room, open);
	sqlite3_mutex_leave(mutex);
	return name;
}
