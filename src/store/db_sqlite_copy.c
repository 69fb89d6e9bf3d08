/*
 * db_sqlite_copy.c: a copy of a store, as of one moment, beside those who write.
 */
#include "store/db_sqlite_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int sync_path(const char *path, int flags, struct err *err)
{
	int fd CLEANUP(close_fd) = open(path, flags | O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		return err_errno(err, errno, "%s: cannot be synced", path);
	return 0;
}

static int sync_directory_of(const char *path, struct err *err)
{
	str dir = str_from_z(path);
	ptrdiff_t slash = str_find_last_char(dir, '/');
	char *z CLEANUP(free_pointer) =
		slash < 0 ? str_dup_z(STR(".")) : str_dup_z(str_first(dir, (size_t)slash + 1));
	return sync_path(z, O_DIRECTORY, err);
}

/* From a connection of its own: one that holds a write transaction cannot be copied from, and
 * upgrades copy while they keep others from writing. */
static int copy_pages(struct db *db, const char *path, struct err *err)
{
	sqlite3 *from = NULL, *to = NULL;
	int rc = sqlite3_open_v2(db->path, &from, SQLITE_OPEN_READONLY, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE, NULL);
	if (rc == SQLITE_OK) {
		sqlite3_busy_timeout(from, DB_BUSY_TIMEOUT_MS);
		rc = sqlite3_exec(
			to, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF", NULL, NULL, NULL);
	}
	if (rc == SQLITE_OK) {
		sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
		if (backup)
			sqlite3_backup_step(backup, -1);
		rc = backup ? sqlite3_backup_finish(backup) : sqlite3_errcode(to);
	}
	int r = rc == SQLITE_OK ? 0 : sqlite_fail(to ? to : from, path, rc, err);
	sqlite3_close(from);
	sqlite3_close(to);
	return r;
}

int sqlite_copy(struct db *db, const char *path, struct err *err)
{
	if (mknod(path, S_IFREG | 0660, 0) < 0)
		return err_errno(err, errno, "%s: cannot be created", path);
	int r = copy_pages(db, path, err);
	if (r == 0)
		r = sync_path(path, 0, err);
	if (r == 0)
		r = sync_directory_of(path, err);
	if (r < 0)
		unlink(path);
	return r;
}
