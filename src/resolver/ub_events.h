/*
 * ub_events.h: libunbound's events, on the loop of our tasks.
 *
 * libunbound can work inside somebody else's event loop (unbound-event.h): no thread, no pipe, and
 * what it holds in its cache is answered at once. Its sockets are in an epoll descriptor of their
 * own, its timers in a heap; one task waits for both. What it is to be told is told outside of any
 * task, on the stack of the process: how much stack libunbound needs is not known.
 */
#pragma once

#include "io/task.h"

#include <unbound-event.h>
#include <unbound.h>

struct ub_events;

struct ub_events *ub_events_new(struct loop *l) MUST_USE;
/* No context that uses it may be left. */
void ub_events_free(struct ub_events *e); /* NULL is fine */

/* For ub_ctx_create_ub_event(); serves any number of contexts. */
struct ub_event_base *ub_events_base(struct ub_events *e);
