/*
 * resolving.h: the server's resolver inside a verb: by the server's configuration, in this process,
 * with a cache of its own.
 */
#pragma once

#include "resolver/resolver_dns.h"

#include "base/config.h"

/* Runs fn as a task, which may ask through resolver_dns() of the asker and set its deadline (NEVER
 * at first). What fn returns; EXIT_FAILED, and a message, where the resolver cannot be set up. */
int resolving(const struct config *config, int (*fn)(struct resolver_asker *asker, void *arg),
	void *arg) MUST_USE;
