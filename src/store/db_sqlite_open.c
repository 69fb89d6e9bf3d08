/*
 * db_sqlite_open.c: making and opening the file of a store, with what SQLite must be told first.
 */
#include "base/buf.h"
#include "store/db_sqlite_internal.h"
#include "store/pace_vfs.h"
#include "store/wal_vfs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	LOG_KEPT_PAGES = 2 * SQLITE_CHECKPOINT_PAGES, /* it grows while it is copied */
	LOOKASIDE_SIZE = 512,
	LOOKASIDE_COUNT = 32,
};

static int errno_of(sqlite3 *h, int rc)
{
	int system = h ? sqlite3_system_errno(h) : 0;
	switch (rc & 0xff) {
	case SQLITE_FULL:
		return ENOSPC;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return EBUSY;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return EUCLEAN;
	case SQLITE_CONSTRAINT:
		return EEXIST;
	case SQLITE_NOMEM:
		return ENOMEM;
	case SQLITE_READONLY:
		return EROFS;
	case SQLITE_TOOBIG:
		return EFBIG;
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
		return system > 0 ? system : EIO;
	default:
		return EIO;
	}
}

int sqlite_fail(sqlite3 *h, const char *path, int rc, struct err *err)
{
	int error = errno_of(h, rc);
	const char *what = h ? sqlite3_errmsg(h) : sqlite3_errstr(rc);
	if ((rc & 0xff) == SQLITE_IOERR || (rc & 0xff) == SQLITE_CANTOPEN)
		return err_errno(err, error, "%s: %s", path, what);
	return err_set(err, error, "%s: %s", path, what);
}

/* What stands before the last slash; to be freed. */
static char *directory_of(const char *path)
{
	ptrdiff_t slash = str_find_last_char(str_from_z(path), '/');
	return str_dup_z(slash > 0    ? str_from(path, (size_t)slash)
			 : slash == 0 ? STR("/")
				      : STR("."));
}

/* Not open(): closing a descriptor of our own would drop the locks of other handles. Root makes it
 * as the owner of the directory, so that the role whose it is can use it. */
static int make_file(const char *path, struct err *err)
{
	char *directory CLEANUP(free_pointer) = directory_of(path);
	struct stat st;
	bool as_owner = geteuid() == 0 && stat(directory, &st) == 0;
	int gid = as_owner ? setfsgid(st.st_gid) : 0, uid = as_owner ? setfsuid(st.st_uid) : 0;
	int error = mknod(path, S_IFREG | 0660, 0) < 0 ? errno : 0;
	if (as_owner) {
		setfsuid((uid_t)uid);
		setfsgid((gid_t)gid);
	}
	return error && error != EEXIST ? err_errno(err, error, "%s: cannot be created", path) : 0;
}

/* The data is ours, but the file may have been brought from elsewhere: its schema gets no say. */
static void secure(sqlite3 *h)
{
	sqlite3_db_config(h, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(h, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(h, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	sqlite3_db_config(h, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
	sqlite3_db_config(h, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
	sqlite3_db_config(h, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
	sqlite3_db_config(h, SQLITE_DBCONFIG_LOOKASIDE, NULL, LOOKASIDE_SIZE, LOOKASIDE_COUNT);
}

static int set_up(sqlite3 *h, bool read_only)
{
	char sql[512];
	/* Two processes that make the same file log each other out for a moment without asking the
	 * busy handler; hence the retries. */
	snprintf(sql, sizeof sql,
		"PRAGMA page_size=%d; PRAGMA cache_size=-%d; PRAGMA mmap_size=0; PRAGMA "
		"temp_store=MEMORY;"
		"PRAGMA cell_size_check=ON; PRAGMA secure_delete=FAST; PRAGMA "
		"journal_size_limit=%d;%s"
		"PRAGMA synchronous=FULL;",
		SQLITE_PAGE_SIZE, SQLITE_CACHE_KIB, LOG_KEPT_PAGES * (SQLITE_PAGE_SIZE + 24),
		read_only ? "PRAGMA schema_version;" : "PRAGMA journal_mode=WAL;");
	int rc = SQLITE_BUSY;
	for (int i = 0; i < DB_BUSY_TIMEOUT_MS / 10 && (rc & 0xff) == SQLITE_BUSY; i++) {
		if (i > 0)
			nanosleep(&(struct timespec){ .tv_nsec = 10 * 1000 * 1000 }, NULL);
		rc = sqlite3_exec(h, sql, NULL, NULL, NULL);
	}
	return rc;
}

static int connect_file(const char *path, bool read_only, const char *vfs, sqlite3 **out)
{
	int mode = read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
	int rc = sqlite3_open_v2(path, out,
		mode | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE, vfs);
	if (rc == SQLITE_OK) {
		secure(*out);
		rc = sqlite3_busy_timeout(*out, DB_BUSY_TIMEOUT_MS);
	}
	return rc;
}

/* A file is in WAL mode from its second transaction on. Where the process that made it died in the
 * first, a journal lies beside it, which a handle that only reads must not roll back. */
static int roll_back_first_transaction(const char *path)
{
	sqlite3 *h = NULL;
	int rc = connect_file(path, false, NULL, &h);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(h, "PRAGMA schema_version;", NULL, NULL, NULL);
	sqlite3_close(h);
	return rc;
}

static int open_handle(const char *path, unsigned flags, sqlite3 **out, struct err *err)
{
	sqlite3 *h = NULL;
	bool read_only = flags & DB_READ_ONLY;
	int rc = connect_file(path, read_only, flags & DB_PACED ? pace_vfs() : wal_vfs(), &h);
	if (rc == SQLITE_OK)
		rc = set_up(h, read_only);
	if (rc == SQLITE_READONLY_ROLLBACK) {
		rc = roll_back_first_transaction(path);
		if (rc == SQLITE_OK)
			rc = set_up(h, read_only);
	}
	if (rc == SQLITE_OK) {
		*out = h;
		return 0;
	}
	int r = sqlite_fail(h, path, rc, err);
	sqlite3_close(h);
	return r;
}

/* Root makes FILE-wal and FILE-shm as the owner of FILE: SQLite would give them away only after it
 * has made them, and a role that opens them in between is refused. They are made here at the
 * latest, because a file that is not empty is in WAL mode. */
static int open_as_owner(const char *path, unsigned flags, sqlite3 **out, struct err *err)
{
	struct stat st;
	if (stat(path, &st) < 0)
		return err_errno(err, errno, "%s", path);
	if ((flags & DB_READ_ONLY) && st.st_size == 0)
		return err_set(err, ENOENT, "%s is empty", path);
	int gid = setfsgid(st.st_gid), uid = setfsuid(st.st_uid);
	int r = open_handle(path, flags, out, err);
	setfsuid((uid_t)uid);
	setfsgid((gid_t)gid);
	return r;
}

int sqlite_open_file(const char *path, unsigned flags, sqlite3 **out, struct err *err)
{
	if (flags & DB_CREATE) {
		int r = make_file(path, err);
		if (r < 0)
			return r;
	}
	return geteuid() == 0 ? open_as_owner(path, flags, out, err)
			      : open_handle(path, flags, out, err);
}
