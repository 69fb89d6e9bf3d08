/*
 * listener.h: takes connections from a listening socket, which may be shared by several processes.
 *
 * When descriptors or memory run out it waits a moment instead of spinning, and says so once until
 * it is over.
 */
#pragma once

#include "base/ip.h"
#include "io/task.h"

struct listener;

/* The owner of fd from then on is the callee. For Unix sockets `peer` is ::1, port 0. */
typedef void listener_fn(void *arg, int fd, const struct ip *peer, uint16_t port);

/* Takes fd. Accepts until listener_close(). */
int listener_open(
	struct loop *l, int fd, listener_fn *accepted, void *arg, struct listener **out) MUST_USE;
void listener_close(struct listener *li);
