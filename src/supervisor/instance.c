/*
 * instance.c: the life of one process of a role.
 *
 *   spawn ──▶ configure ──▶ connect with the other roles ──▶ listen ──▶ ready ──▶ exit
 *     ▲                                                                            │
 *     └────────────────────────── wait: restart_delay() ◀──────────────────────────┘
 */
#include "supervisor/restart.h"
#include "supervisor/supervisor_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONTROL_TIMEOUT SECONDS(90) /* the longest shutdown_grace, and then some */

/* Who calls whom. */
static const struct {
	const char *caller, *callee;
	bool dealt; /* the callees are dealt out to the callers, or the callers to the callees */
} edges[] = {
	{ "smtpd", "directory", false }, { "smtpd", "delivery", false },
	{ "smtpd", "filter", true }, { "filter", "resolver", false },
	{ "filter", "antivirus", false }, { "filter", "directory", false },
	{ "antivirus", "resolver", false },
	{ "mailbox", "directory", false }, { "mailbox", "delivery", false },
	{ "delivery", "mailbox", false }, /* changes */
};

/* ── Making them ──────────────────────────────────────────────────────────────────────────── */

/* As many as can be configured: callers have places for no more (smtpd_role.c). */
enum { PROCESSES_MAX = 256 };

static unsigned processes(int64_t configured, long cpus_each)
{
	long fit = sysconf(_SC_NPROCESSORS_ONLN) / cpus_each;
	return configured ? (unsigned)configured : (unsigned)MIN(MAX(fit, 1), PROCESSES_MAX);
}

/* So many instances of the role, at the end of the list; with a table of connections if clients
 * connect to it. Those of a role that can have several are numbered. */
static int make_instances(
	struct supervisor *s, const char *role, unsigned count, bool clients, struct err *err)
{
	struct census *census = NULL;
	int census_fd = -1;
	int rc = clients ? census_new(count, &census, &census_fd, err) : 0;
	struct instance **at = &s->instances;
	while (*at)
		at = &(*at)->next;
	for (unsigned i = 0; i < count && rc == 0; i++) {
		struct instance *in = xcalloc(1, sizeof *in);
		*in = (struct instance){ .owner = s,
			.role = role,
			.index = i,
			.count = count,
			.census = census,
			.census_fd = census_fd,
			.control = ipc_client_new(s->loop, CONTROL_TIMEOUT) };
		in->calls = role_over(in->control);
		if (clients || strcmp(role, "filter") == 0)
			snprintf(in->name, sizeof in->name, "%s.%u", role, i);
		else
			snprintf(in->name, sizeof in->name, "%s", role);
		*at = in;
		at = &in->next;
	}
	return rc;
}

int instances_make(struct supervisor *s, struct err *err)
{
	int rc = make_instances(s, "directory", 1, false, err);
	if (rc == 0)
		rc = make_instances(s, "resolver", 1, false, err);
	if (rc == 0)
		rc = make_instances(s, "antivirus", 1, false, err);
	if (rc == 0)
		rc = make_instances(s, "delivery", 1, false, err);
	if (rc == 0)
		rc = make_instances(
			s, "filter", processes(s->config->filter.processes, 1), false, err);
	/* Its sessions wait more than they work, for processes that need a CPU too; and one that finds
	 * more to do each time it wakes takes less for each thing (bench/README.md). */
	if (rc == 0)
		rc = make_instances(s, "smtpd", processes(s->config->smtp.processes, 2), true, err);
	if (rc == 0)
		rc = make_instances(
			s, "mailbox", processes(s->config->imap.processes, 1), true, err);
	instances_compare(s, s->config, s->config);
	return rc;
}

/* ── Those that come and go ──────────────────────────────────────────────────────────────── */

static bool same_servers(const struct endpoints *a, const struct endpoints *b)
{
	bool same = a->n == b->n;
	for (size_t i = 0; i < a->n && same; i++)
		same = endpoint_equal(&a->items[i], &b->items[i]);
	return same;
}

void instances_compare(struct supervisor *s, const struct config *before, const struct config *now)
{
	for (struct instance *in = s->instances; in; in = in->next) {
		if (strcmp(in->role, "antivirus") != 0)
			continue;
		in->off = now->antivirus.servers.n == 0;
		in->anew = !same_servers(&before->antivirus.servers, &now->antivirus.servers);
	}
}

void instances_follow(struct supervisor *s)
{
	for (struct instance *in = s->instances; in; in = in->next) {
		if (!in->off && !in->task && instance_start(in) < 0)
			log_error(&s->log, "a process could not be started",
				F_Z("process", in->name), F_Z("error", "no memory"));
		else if ((in->off || in->anew) && in->running)
			instance_kill(in);
		in->anew = false;
	}
}

void instances_free(struct supervisor *s)
{
	while (s->instances) {
		struct instance *in = s->instances;
		s->instances = in->next;
		if (in->index == 0) {
			census_free(in->census);
			close_fd(&in->census_fd);
		}
		ipc_client_free(in->control);
		free(in->stats);
		free(in);
	}
}

/* ── Starting one ─────────────────────────────────────────────────────────────────────────── */

static void on_exit_status(uv_process_t *process, int64_t status, int signal)
{
	struct instance *in = process->data;
	in->status = status;
	in->signal = signal;
	in->running = false;
	in->ready = false;
	uv_close((uv_handle_t *)process, NULL);
	event_set(&in->exited);
}

static int spawn(struct instance *in)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	char program[] = "postern", verb[] = "role";
	char *args[] = { program, verb, in->name, NULL };
	uv_stdio_container_t stdio[] = {
		{ .flags = UV_IGNORE },
		{ .flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO },
		{ .flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO },
		{ .flags = UV_INHERIT_FD, .data.fd = pair[1] },
	};
	uv_process_options_t options = { .file = "/proc/self/exe",
		.args = args,
		.exit_cb = on_exit_status,
		.stdio = stdio,
		.stdio_count = ARRAY_LEN(stdio) };
	in->process.data = in;
	in->killed = false;
	int rc = uv_spawn(loop_uv(in->owner->loop), &in->process, &options);
	close(pair[1]);
	if (rc < 0) {
		close(pair[0]);
		uv_close((uv_handle_t *)&in->process, NULL);
		return rc;
	}
	in->running = true;
	in->started = clock_wall() / NSEC_PER_SEC;
	return ipc_client_attach(in->control, pair[0]);
}

int instance_configure(struct task *t, struct instance *in, struct err *err)
{
	struct supervisor *s = in->owner;
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(65536);
	struct role_user user = role_user(s->config, in->role);
	struct role_configure_request request = { .text = s->config->text,
		.file = s->config->file,
		.directory = s->config->base_dir,
		.certificate = buf_str(&s->certificate),
		.key = buf_str(&s->key),
		.seal_key = strcmp(in->role, "directory") == 0 ? buf_str(&s->seal_key) : STR_EMPTY,
		.journal = s->sink.priorities,
		.drop = user.drop,
		.uid = user.uid,
		.gid = user.gid,
		.index = in->index,
		.census = in->census_fd };
	struct role_configure_reply reply;
	int rc = role_configure(t, &in->calls, &request, &arena, &reply);
	if (rc < 0)
		return err_errno(err, -rc, "%s", in->name);
	if (reply.refused.n)
		return err_set(err, EINVAL, "%.*s", STR_ARG(reply.refused));
	return 0;
}

/* ── Connecting it ────────────────────────────────────────────────────────────────────────── */

static int attach(
	struct task *t, struct instance *in, const struct instance *peer, bool caller, int fd)
{
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(4096);
	struct role_attach_request request = {
		.peer = str_from_z(peer->name), .caller = caller, .socket = fd
	};
	struct role_attach_reply reply;
	return role_attach(t, &in->calls, &request, &arena, &reply);
}

static int connect_pair(struct task *t, struct instance *caller, struct instance *callee)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	int rc = attach(t, callee, caller, false, pair[1]);
	if (rc == 0)
		rc = attach(t, caller, callee, true, pair[0]);
	close(pair[0]);
	close(pair[1]);
	return rc;
}

static bool calls(const struct instance *caller, const struct instance *callee)
{
	for (size_t i = 0; i < ARRAY_LEN(edges); i++)
		if (!strcmp(edges[i].caller, caller->role) &&
			!strcmp(edges[i].callee, callee->role) &&
			(!edges[i].dealt || caller->index % callee->count ==
						    callee->index % caller->count))
			return true;
	return false;
}

/* Makes the sockets between this instance and those that are ready. A failure of the other one is
 * its own affair: it is connected when it comes back. */
static void connect_instance(struct task *t, struct instance *in)
{
	for (struct instance *other = in->owner->instances; other; other = other->next) {
		if (!other->ready || other == in)
			continue;
		if (calls(in, other))
			(void)!connect_pair(t, in, other);
		if (calls(other, in))
			(void)!connect_pair(t, other, in);
	}
}

static int listen_on_all(struct task *t, struct instance *in)
{
	int rc = 0;
	for (struct port *p = in->owner->ports; p && rc == 0; p = p->next) {
		struct arena arena CLEANUP(arena_done) = ARENA_INIT(4096);
		struct role_listen_request request = { .name = str_from_z(p->name),
			.socket = p->fd };
		struct role_listen_reply reply;
		if (strcmp(p->role, in->role) == 0)
			rc = role_listen(t, &in->calls, &request, &arena, &reply);
	}
	return rc;
}

static int bring_up(struct task *t, struct instance *in, struct err *err)
{
	int rc = spawn(in);
	if (rc < 0)
		return err_errno(err, -rc, "starting a process");
	rc = instance_configure(t, in, err);
	if (rc < 0)
		return rc;
	connect_instance(t, in);
	rc = listen_on_all(t, in);
	/* It died while others were told of it: its exit is heard of, or the end of its socket. */
	if (rc == 0 && (!in->running || !ipc_client_attached(in->control)))
		rc = -ECONNRESET;
	if (rc < 0)
		return err_errno(err, -rc, "listening");
	in->ready = true;
	return 0;
}

/* ── Its life ─────────────────────────────────────────────────────────────────────────────── */

void instance_kill(struct instance *in)
{
	in->killed = true;
	uv_process_kill(&in->process, SIGKILL);
}

static void log_end(const struct instance *in)
{
	const struct log *log = &in->owner->log;
	if (in->killed || (in->owner->stopping && !in->signal && in->status == 0))
		return;
	if (in->signal == SIGXCPU)
		log_error(log, "a process stalled, and was ended", F_Z("process", in->name));
	else if (in->signal)
		log_error(log, "a process died", F_Z("process", in->name),
			F_Z("signal", strsignal(in->signal)));
	else
		log_error(log, "a process ended", F_Z("process", in->name),
			F_INT("status", in->status));
}

static void run_instance(struct task *t, void *arg)
{
	struct instance *in = arg;
	struct supervisor *s = in->owner;
	int64_t delay = 0;
	while (!s->stopping && !in->off) {
		struct err err = { "" };
		int64_t started = task_now(t);
		int rc = bring_up(t, in, &err);
		in->failed = rc < 0;
		if (rc < 0 && (s->stopping || in->killed))
			; /* a shutdown or a reload came in between */
		else if (rc < 0)
			log_error(&s->log, "a process could not be started",
				F_Z("process", in->name), F_Z("error", err.text));
		else
			log_info(&s->log, "started", F_Z("process", in->name),
				F_INT("pid", in->process.pid));
		event_set(&s->progress);
		if (rc < 0 && in->running)
			instance_kill(in);
		/* Its life. While the process is there, nobody cancels this task. */
		while (in->running && event_wait(t, &in->exited, NEVER) == 0)
			;
		if (in->census)
			census_clear(in->census, in->index);
		in->restarts += !in->killed && !s->stopping;
		log_end(in);
		event_set(&s->progress);
		delay = restart_delay(s->config, delay, rc == 0, task_now(t) - started);
		if (s->stopping || task_sleep(t, delay) < 0)
			break;
	}
	in->task = NULL;
	event_set(&s->progress);
}

int instance_start(struct instance *in)
{
	return task_start(in->owner->loop, run_instance, in, &in->task);
}
