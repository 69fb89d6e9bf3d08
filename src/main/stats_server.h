/*
 * stats_server.h: what a running server says about itself over its control socket.
 *
 * What its processes say is JSON of theirs, and believed as little as anything else: what is not
 * there, or of another type, counts as 0 or as empty. Texts are printable.
 */
#pragma once

#include "base/arena.h"
#include "base/config.h"
#include "base/err.h"
#include "base/histogram.h"
#include "supervisor/control_calls.h"

struct json_t; /* of jansson, whose names are those of base/json.h: no file can include both */

struct stats_process {
	str name, role; /* "smtpd.0", "smtpd" */
	str state;      /* "running", "starting", "waiting" */
	uint64_t pid, restarts;
	int64_t started;     /* seconds since 1970 */
	struct json_t *json; /* an object, owned; NULL: it did not answer */
	str text;            /* the same as text; "{}" */
	double cpu_seconds;  /* -1: not known */
	int64_t pss_kib;     /* of memory; -1: not known, as to others than root and its user */
};

/* One list in the DNS, over all processes. */
struct stats_list {
	str name, zone, why;
	bool broken, working; /* neither: not checked yet */
	int64_t since; /* the first of them in this state; seconds since 1970; 0: not known */
	uint64_t questions, hits, unanswered, took_us;
};

struct stats_server {
	str version, hostname;
	uint64_t pid;
	int64_t since, reloaded;
	struct stats_process *processes;
	size_t process_count;
	struct stats_list *lists;
	size_t list_count;
};

/* Asks the server of this configuration. -ENOENT: none is running; -EACCES: not for this user.
 * Strings in the arena. */
int stats_server_ask(const struct config *config, struct arena *a, struct stats_server *out,
	struct err *err) MUST_USE;

/* What its answer says. */
void stats_server_read(
	const struct control_stats_reply *reply, struct arena *a, struct stats_server *out);
void stats_server_free(struct stats_server *s);

/* One server of a process, with a name and a state: a virus scanner. The i-th; false: there is
 * none.
 */
bool stats_server_scanner(
	const struct stats_server *s, size_t i, struct arena *a, str *out_name, str *out_state);

/* The sum of a number over the processes of a role. */
uint64_t stats_server_sum(const struct stats_server *s, const char *role, const char *key);

/* How long messages took to judge. */
void stats_server_times(const struct stats_server *s, struct histogram *out);
