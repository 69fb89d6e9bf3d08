/*
 * users.h: which user each role runs as, when the server was started as root, and who owns what
 * below the data directory. Started by anyone else, all roles are that user.
 *
 *   data_dir/            directory   0711   directory.db and its secret
 *   data_dir/accounts/   delivery    0770   group "store", which delivery and mailbox share
 *   data_dir/records/    delivery    0770   the same group; so is data_dir/quarantine/
 *   data_dir/spool/      smtpd       0700
 *   data_dir/run/        root        0750   the control socket; group "store"
 *   data_dir/tls/        root        0700
 */
#pragma once

#include "base/config.h"

#include <sys/types.h>

struct role_user {
	bool drop; /* started as root: become uid and gid */
	uid_t uid;
	gid_t gid;
};

/* The user PREFIXrole. Where there is no such user in the system (no package was installed), a
 * fixed number that belongs to nobody, so that roles are apart all the same. */
struct role_user role_user(const struct config *config, const char *role);

/* Makes the directories that are missing, and gives files to the roles that use them. */
int data_dir_prepare(const struct config *config, struct err *err) MUST_USE;
