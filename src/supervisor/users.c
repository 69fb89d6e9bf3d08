#include "supervisor/users.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Numbers between those of systemd's dynamic users and nobody, that no distribution assigns. */
enum { FALLBACK_FIRST = 65520 };

static const struct {
	const char *role;
	bool store; /* has the group that owns the accounts */
} roles[] = { { "directory", false }, { "delivery", true }, { "smtpd", false }, { "mailbox", true },
	{ "resolver", false }, { "filter", false }, { "antivirus", false } };

enum { STORE_GROUP_FALLBACK = FALLBACK_FIRST + (int)ARRAY_LEN(roles) };

static gid_t store_group(const struct config *config)
{
	/* The prefix without its dash: "postern". */
	char name[64];
	str prefix = config->supervisor.user_prefix;
	if (str_ends(prefix, STR("-")))
		prefix.n--;
	struct group *g = str_copy_z(prefix, name, sizeof name) ? getgrnam(name) : NULL;
	return g ? g->gr_gid : STORE_GROUP_FALLBACK;
}

struct role_user role_user(const struct config *config, const char *role)
{
	struct role_user user = { .drop = geteuid() == 0 };
	if (!user.drop)
		return (struct role_user){ .uid = geteuid(), .gid = getegid() };
	size_t i = 0;
	while (i < ARRAY_LEN(roles) && strcmp(roles[i].role, role) != 0)
		i++;
	ASSERT(i < ARRAY_LEN(roles));
	char name[64];
	snprintf(name, sizeof name, "%.*s%s", STR_ARG(config->supervisor.user_prefix), role);
	struct passwd *p = getpwnam(name);
	user.uid = p ? p->pw_uid : (uid_t)(FALLBACK_FIRST + i);
	user.gid = p ? p->pw_gid : (gid_t)(FALLBACK_FIRST + i);
	if (roles[i].store)
		user.gid = store_group(config);
	return user;
}

/* Gives one file or directory to a user; one that is not there is nobody's. */
static int give(int dir, const char *name, struct role_user user, mode_t mode, struct err *err)
{
	if (!user.drop)
		return 0;
	int fd CLEANUP(close_fd) =
		openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT ? 0 : err_errno(err, errno, "%s", name);
	if (fchown(fd, user.uid, user.gid) < 0 || fchmod(fd, mode) < 0)
		return err_errno(err, errno, "giving %s to its role", name);
	return 0;
}

static int make_dir(int dir, const char *name, mode_t mode, struct role_user user, struct err *err)
{
	if (mkdirat(dir, name, mode) < 0 && errno != EEXIST)
		return err_errno(err, errno, "making %s in the data directory", name);
	return give(dir, name, user, mode, err);
}

/* A directory with one database in it, of the same name. */
static int give_store(int dir, const char *name, struct role_user user, struct err *err)
{
	static const char *const suffixes[] = { "", "-wal", "-shm" };
	int rc = make_dir(dir, name, 0770, user, err);
	if (rc < 0 || !user.drop)
		return rc;
	int store CLEANUP(close_fd) = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (store < 0)
		return err_errno(err, errno, "%s", name);
	for (size_t i = 0; i < ARRAY_LEN(suffixes) && rc == 0; i++) {
		char file[64];
		snprintf(file, sizeof file, "%s.db%s", name, suffixes[i]);
		rc = give(store, file, user, 0660, err);
	}
	return rc;
}

/* The accounts' files may have been made by another user before: an unprivileged run, a backup. */
static int give_accounts(int dir, struct role_user user, struct err *err)
{
	if (!user.drop)
		return 0;
	int accounts CLEANUP(close_fd) =
		openat(dir, "accounts", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (accounts < 0)
		return err_errno(err, errno, "accounts");
	struct stat st;
	char name[32];
	/* Numbers from 1 on, with few gaps, are tried until a run of missing ones. */
	for (unsigned id = 1, missing = 0; missing < 1000; id++) {
		snprintf(name, sizeof name, "%u.db", id);
		if (fstatat(accounts, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
			missing++;
			continue;
		}
		missing = 0;
		if (st.st_gid == user.gid)
			continue;
		static const char *const suffixes[] = { "", "-wal", "-shm" };
		for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
			snprintf(name, sizeof name, "%u.db%s", id, suffixes[i]);
			int rc = give(accounts, name, user, 0660, err);
			if (rc < 0)
				return rc;
		}
	}
	return 0;
}

/* The roles, which are nobody in particular, must get to the data directory. */
static int check_way(const struct config *config, struct err *err)
{
	char path[PATH_MAX];
	if (geteuid() != 0)
		return 0;
	if (!realpath(config->data_dir.p, path))
		return err_errno(err, errno, "data_dir %s", config->data_dir.p);
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		struct stat st;
		*slash = '\0';
		if (stat(path, &st) == 0 && !(st.st_mode & S_IXOTH))
			return err_set(err, EACCES,
				"data_dir %s: on the way there, %s is closed to other users, but "
				"the "
				"roles do not run as root: open it (chmod o+x), or move data_dir",
				config->data_dir.p, path);
		*slash = '/';
	}
	return 0;
}

int data_dir_prepare(const struct config *config, struct err *err)
{
	static const char *const own[] = { "directory.db", "directory.db-wal", "directory.db-shm",
		"directory.secret" };
	struct role_user directory = role_user(config, "directory");
	struct role_user delivery = role_user(config, "delivery");
	int dir CLEANUP(close_fd) = open(config->data_dir.p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_errno(err, errno, "data_dir %s", config->data_dir.p);
	int rc = check_way(config, err);
	if (rc == 0)
		rc = make_dir(dir, "accounts", 0770, delivery, err);
	if (rc == 0)
		rc = give_store(dir, "records", delivery, err);
	if (rc == 0)
		rc = give_store(dir, "quarantine", delivery, err);
	if (rc == 0)
		rc = make_dir(dir, "spool", 0700, role_user(config, "smtpd"), err);
	if (rc == 0)
		rc = make_dir(dir, "run", 0750,
			(struct role_user){ .drop = delivery.drop, .gid = delivery.gid }, err);
	if (rc == 0)
		rc = give(dir, ".", directory, 0711, err);
	for (size_t i = 0; i < ARRAY_LEN(own) && rc == 0; i++)
		rc = give(dir, own[i], directory, 0600, err);
	return rc < 0 ? rc : give_accounts(dir, delivery, err);
}
