/*
 * own_roles.h: the server's resolver and antivirus inside a verb: by the server's configuration, in
 * this process, with caches of their own.
 */
#pragma once

#include "antivirus/antivirus_calls.h"
#include "resolver/resolver_dns.h"

#include "base/config.h"

struct own_roles {
	struct task *t;
	struct resolver_asker asker; /* for resolver_dns(); its deadline is NEVER at first */
	struct antivirus_calls antivirus;
	bool has_antivirus; /* it was wanted, and the configuration has servers for it */
};

typedef int own_roles_fn(struct own_roles *r, void *arg);

/* Runs fn as a task. What it returns; EXIT_FAILED, and a message, where a role cannot be set up. */
int own_roles_run(
	const struct config *config, bool antivirus, own_roles_fn *fn, void *arg) MUST_USE;
