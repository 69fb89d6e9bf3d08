/*
 * role.h: the process side of a role: what is the same for smtpd, directory, delivery, mailbox.
 *
 * The supervisor starts `postern role NAME` with a control socket as descriptor 3 and then tells it
 * everything: configuration, sockets to other roles, listening sockets. When the control socket
 * closes, the process ends.
 */
#pragma once

#include "base/config.h"
#include "base/json.h"
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
	/* * Once, before the sandbox: what cannot be had in it; may set p->state. */
	int (*prepare)(struct role_process *p, struct err *err);
	/* Once, with the first configuration: opens what it needs, sets p->state. */
	int (*start)(struct role_process *p, struct err *err);
	/* * Another configuration is to follow that in p->config; an error refuses it. */
	int (*reconfigure)(struct role_process *p, const struct config *next, struct err *err);
	/* * After a new configuration has come. */
	void (*reconfigured)(struct role_process *p);
	/* * Writes members of an object: what it has counted, and how it does. Waits. */
	void (*stats)(struct task *t, struct role_process *p, struct json *j);
	/* * Somebody outside of the server has changed this account. */
	void (*changed)(struct role_process *p, uint64_t account);
	/* * At a shutdown, when the last session has ended: writes what is left. Waits. */
	void (*finish)(struct task *t, struct role_process *p);
	/* * A socket over which it can call `peer`; taken. */
	int (*connected)(struct role_process *p, str peer, int fd);
	/* * What other roles can call: `service`, answered by `ops` with p->state. */
	const struct ipc_service *service;
	const void *ops;
	/* * A connection from outside to the listening socket of this name; fd is taken:
	 * role_client_start(). */
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
	str seal_key; /* in PEM; only during start and reconfigured, and in the directory alone */
	unsigned index;
	bool draining;
	void *state; /* the role's own */
	struct role_session *sessions;
	size_t session_count;
	uint64_t connections; /* so far */
	struct role_internal *internal;
};

/* One client, from accept to close. */
struct role_client {
	struct role_process *process;
	struct role_session session;
	int fd;
	struct ip peer;
	uint16_t port;
	int kind; /* the role's own */
	void (*serve)(struct task *t, struct role_client *c, struct stream *stream);
};

/* What a role does with a connection that it accepts: a task of its own, in which `serve` takes the
 * stream and waits, as a session. fd is taken. */
void role_client_start(struct role_process *p, int fd, const struct ip *peer, uint16_t port,
	int kind, void (*serve)(struct task *t, struct role_client *c, struct stream *stream));

/* For a session's world, with the struct role_client as context. Idle: -ECANCELED where the session
 * should end instead. */
void role_client_leave(void *context, const struct ip *client);
int role_client_idle(void *context, bool idle);

/* A file without a name, in that directory. Negative errno. */
int role_spool_file(int directory) MUST_USE;

/* What `postern role NAME` does; the process's exit status. */
int role_main(const struct role *role);

#define IPC_SERVICE role
#define IPC_TABLE "io/role.def"
#include "io/ipc_declare.h"
