/*
 * supervisor_internal.h: the supervisor's state, for its own files.
 */
#pragma once

#include "io/census.h"
#include "io/role.h"
#include "supervisor/ports.h"
#include "supervisor/seal_key.h"
#include "supervisor/users.h"

#include <uv.h>

struct supervisor;

/* One process of a role, over all its restarts; each is looked after by a task of its own. */
struct instance {
	struct instance *next;
	struct supervisor *owner;
	const char *role;
	char name[32];         /* "directory", "smtpd.0" */
	unsigned index, count; /* among those of its role */
	struct task *task;
	uv_process_t process;
	bool running; /* the process is there */
	bool ready;   /* configured, connected, listening */
	bool failed;  /* the last start did not get to that */
	bool killed;  /* by us */
	bool off;     /* the configuration does without it */
	bool anew;    /* during a reload: its sandbox does not fit any more */
	struct event exited;
	int64_t status;
	int signal;
	unsigned restarts; /* because it died */
	int64_t started;   /* the last time; seconds since 1970 */
	/* Of control.c: the last answer to role_stats(), owned; the round of a question that is
	 * open; how often it is being told of changes. */
	char *stats;
	struct round *round;
	unsigned news;
	struct ipc_client *control;
	struct role_calls calls;
	int census_fd; /* borrowed from the role's table; -1: none */
	struct census *census;
};

struct supervisor {
	struct loop *loop;
	struct log log;
	struct log_sink sink;
	struct log_field fields[1];
	const char *config_path;
	const struct config *config;
	struct buf certificate, key; /* PEM; empty: no TLS */
	struct buf seal_key;         /* for the directory; empty: arc.seal is off */
	struct port *ports;
	struct control *control;    /* NULL: there is none */
	int64_t since, reloaded;    /* seconds since 1970; reloaded: 0 */
	struct instance *instances; /* in the order of starting */
	struct event progress;      /* an instance became ready, refused, or ended */
	struct event request;       /* a signal came */
	bool reload, stop, stopping;
	int status; /* to exit with */
};

/* How many processes each role has, in the order in which they start: callees first. */
int instances_make(struct supervisor *s, struct err *err) MUST_USE;
/* Starts the instance's task. */
int instance_start(struct instance *in) MUST_USE;
/* Ends its process at once, without a word in the log. */
void instance_kill(struct instance *in);
void instances_free(struct supervisor *s);

/* What a reload means for roles that not every configuration has: sets `off` and `anew`; then
 * starts, ends and starts again what that says. */
void instances_compare(struct supervisor *s, const struct config *before, const struct config *now);
void instances_follow(struct supervisor *s);

/* Gives the instance the current configuration. -EINVAL with a reason where it refused. */
int instance_configure(struct task *t, struct instance *in, struct err *err) MUST_USE;
