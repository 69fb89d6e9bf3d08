/*
 * role.h: the process side of a role: what is the same for smtpd, directory, delivery, mailbox.
 *
 * The supervisor starts `postern role NAME` with a control socket as descriptor 3 and then tells it
 * everything: configuration, sockets to other roles, listening sockets. When the control socket
 * closes, the process ends.
 */
#pragma once

#include "base/config.h"
#include "io/census.h"
#include "io/ipc.h"
#include "io/sandbox.h"
#include "io/stream.h"

enum { ROLE_CONTROL_FD = 3 };

struct role_process;

/* At a shutdown, after shutdown_grace: for the sessions that are cut off to say so. */
#define ROLE_LAST_WORDS SECONDS(1)

/* A role, as its own file describes it. Calls marked * may be NULL. */
struct role {
	const char *name;
	/* What it may touch, for this configuration. */
	void (*sandbox)(const struct config *config, struct sandbox *out);
	/* Once, with the first configuration: opens what it needs, sets p->state. */
	int (*start)(struct role_process *p, struct err *err);
	/* * Another configuration is to follow that in p->config; an error refuses it. */
	int (*reconfigure)(struct role_process *p, const struct config *next, struct err *err);
	/* * After a new configuration has come. */
	void (*reconfigured)(struct role_process *p);
	/* * At a shutdown, when the last session has ended: writes what is left. Waits. */
	void (*finish)(struct task *t, struct role_process *p);
	/* * A socket over which it can call `peer`; taken. */
	int (*connected)(struct role_process *p, str peer, int fd);
	/* * What other roles can call: `service`, answered by `ops` with p->state. */
	const struct ipc_service *service;
	const void *ops;
	/* * A connection from outside to the listening socket of this name; fd is taken. The
	 * session runs as a task, between role_session_begin() and role_session_end(). */
	void (*accepted)(
		struct role_process *p, str listener, int fd, const struct ip *peer, uint16_t port);
};

/* A session, while it lives; stands in its owner's memory. */
struct role_session {
	struct role_session *next, **prev;
	struct task *task;
	/* Waiting for the client's next command, with nothing promised: a shutdown ends it here, by
	 * cancelling the task. */
	bool idle;
};

struct role_process {
	const struct role *role;
	struct loop *loop;
	const struct log *log;
	/* The current ones; a session that keeps them beyond a wait takes references. */
	const struct config *config;
	struct tls_context *tls; /* NULL: no usable certificate */
	struct census *census;
	unsigned index;
	bool draining;
	void *state; /* the role's own */
	struct role_session *sessions;
	struct role_internal *internal;
};

void role_session_begin(struct role_process *p, struct role_session *s, struct task *t);
void role_session_end(struct role_process *p, struct role_session *s);
/* Says that the session is idle now, or not. -ECANCELED where it should end instead. */
int role_session_idle(struct role_process *p, struct role_session *s, bool idle) MUST_USE;

/* What `postern role NAME` does; the process's exit status. */
int role_main(const struct role *role);

#define IPC_SERVICE role
#define IPC_TABLE "io/role.def"
#include "io/ipc_declare.h"
