/*
 * resolver.h: answers questions about the DNS with libunbound: recursing from the root, or by way
 * of the configured servers; validating; from a cache where it can.
 *
 *     caller ─┐
 *     caller ─┼─▶ question ──▶ libunbound ──▶ name servers
 *     caller ─┘   (one for all who ask the same)
 *
 * A caller waits for resolver.timeout at most. A question that nobody waits for any more goes on:
 * its answer stays in the cache, for the next try. Both are bounded by resolver.max_concurrent.
 */
#pragma once

#include "base/config.h"
#include "io/task.h"
#include "resolver/resolver_calls.h"

struct resolver;

/* This and the next two are called outside of any task (task_outside()): libunbound needs much
 * stack. Reads the trust anchors; asks nothing yet. The log must outlive it. NULL, and what is
 * wrong in err. */
struct resolver *resolver_new(struct loop *l, const struct log *log, const struct config *config,
	struct err *err) MUST_USE;

/* From now on by this configuration. Questions on their way end as they began; the cache stays
 * where nothing has changed. An error leaves everything as it was. */
int resolver_reconfigure(struct resolver *r, const struct config *config, struct err *err) MUST_USE;

/* No call may be in flight. Before loop_finish(): a task of its own must yet end. */
void resolver_free(struct resolver *r); /* NULL is fine */

/* What answers the calls of resolver.def, with a struct resolver as self. */
extern const struct resolver_ops resolver_functions;

/* For callers in the same process. */
static inline struct resolver_calls resolver_local(struct resolver *r)
{
	return (struct resolver_calls){ &resolver_functions, r };
}
