/*
 * server.h: calls from the command line to the running server, over its control socket.
 */
#pragma once

#include "base/config.h"
#include "base/err.h"
#include "supervisor/control_calls.h"

/* Makes calls, which wait, as long as a server needs that waits for one of its processes. */
typedef int server_call_fn(struct task *t, const struct control_calls *calls, void *arg);

/* Runs fn with the server of this configuration, and returns what it did; or -ENOENT: none is
 * running; -EACCES: not for this user; another negative errno. */
int server_call(
	const struct config *config, server_call_fn *fn, void *arg, struct err *err) MUST_USE;
