/*
 * antivirus.h: has messages scanned by clamd.
 *
 *   caller ─┐   known by its digest?        server ─ ─ clamd
 *   caller ─┼─▶ being scanned already?     server ─ ─ clamd
 *   caller ─┘   its turn ──▶ a server ───▶
 *               (antivirus.max_concurrent)
 *
 *                a failure                         PING answered
 *   (unknown) ─────────────▶ down: not asked ─────────────────────▶ up
 *        └───────────────────────────────────────────────────────────▲
 *
 * Servers take turns; one that fails is followed by the next. One that is down is asked now and
 * then whether it is back. A server that only fails to scan one message, or is slow with it, is not
 * down for that: it is when it then does not answer PING either. Each change is logged once.
 */
#pragma once

#include "antivirus/antivirus_calls.h"
#include "base/config.h"
#include "base/json.h"
#include "base/log.h"
#include "resolver/resolver_calls.h"

struct antivirus;

/* Log and resolver, which is asked where servers are that have names, must outlive it. -errno:
 * there is no memory for a task. */
int antivirus_new(struct loop *l, const struct log *log, const struct config *config,
	const struct resolver_calls *resolver, struct antivirus **out) MUST_USE;

/* The resolver can be asked from now on: before, servers with names are left alone until there is a
 * message to scan. */
void antivirus_resolver_is_there(struct antivirus *av);

/* Limits and times of this configuration hold from now on, and what is known is forgotten. The
 * servers stay those that it began with: for others the supervisor starts the process anew. */
void antivirus_reconfigure(struct antivirus *av, const struct config *config);

/* No call may be in flight; its task ends by loop_finish(), after which this is called. */
void antivirus_free(struct antivirus *av); /* NULL is fine */

/* Writes members of an object: what was counted, and how the servers are. */
void antivirus_stats(const struct antivirus *av, struct json *j);

/* What answers the calls of antivirus.def, with a struct antivirus as self. */
extern const struct antivirus_ops antivirus_functions;

/* For callers in the same process. */
static inline struct antivirus_calls antivirus_local(struct antivirus *av)
{
	return (struct antivirus_calls){ &antivirus_functions, av };
}
