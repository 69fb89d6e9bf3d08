/*
 * watchers.h: the processes that show mailboxes hear which accounts have changed.
 *
 * At once, and then no more often than every 50 ms each; what changed meanwhile is told once. It is
 * best effort: who is not there shows nothing, and reads the files anew when it comes.
 */
#pragma once

#include "base/log.h"
#include "io/task.h"

struct watchers;

/* The log must outlive it. */
struct watchers *watchers_new(struct loop *l, const struct log *log) MUST_USE;
/* Their tasks were cancelled and have ended. NULL is fine. */
void watchers_free(struct watchers *w);

/* Tells over fd (taken) from now on; for a name that is known already, in place of the socket
 * before. 0, or as ipc_client_attach(). */
int watchers_add(struct watchers *w, str name, int fd) MUST_USE;

/* Does not wait. */
void watchers_tell(struct watchers *w, uint64_t account);
