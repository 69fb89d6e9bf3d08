#include "supervisor/supervisor.h"

#include "supervisor/control.h"
#include "supervisor/supervisor_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

enum {
	PORT_TRIES = 100, /* 5 s */
};

/* Beyond shutdown_grace, for those who serve clients, and again for the others, before what has not
 * ended is killed: it may wait for a slow disk, or may not have had its turn on a busy machine.
 * With the default shutdown_grace all of it is less than TimeoutStopSec in postern.service. */
#define LAST_GRACE SECONDS(7)
/* For those that were killed to be gone. */
#define KILLED_GRACE SECONDS(1)

/* ── Certificate and key ──────────────────────────────────────────────────────────────────── */

/* Without a certificate there is no TLS: that is an error only where a port is for TLS alone. */
static int load_certificate(
	const struct config *config, struct buf *certificate, struct buf *key, struct err *err)
{
	*certificate = *key = BUF_INIT(PEM_MAX);
	int rc = pem_read(config->tls.certificate, certificate, err);
	if (rc == 0)
		rc = pem_read(config->tls.key, key, err);
	if (rc == -ENOENT && config->imap.listen_tls.n == 0) {
		buf_clear(certificate);
		buf_clear(key);
		rc = 0;
	}
	return rc;
}

static int load_seal_key(
	const struct supervisor *s, const struct config *config, struct buf *out, struct err *err)
{
	int rc = seal_key_load(config, out, err);
	if (rc == 0 && out->n && seal_key_is_open(config))
		log_warning(&s->log, "arc.key can be read by others: chmod 600",
			F_Z("file", config->arc.key.p));
	return rc;
}

/* ── Reload ───────────────────────────────────────────────────────────────────────────────── */

static void unlisten(struct task *t, struct instance *in, const char *name)
{
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(4096);
	struct role_unlisten_request request = { .name = str_from_z(name) };
	struct role_unlisten_reply reply;
	/* A process that does not answer has died, and starts anew with the new ports. */
	(void)!role_unlisten(t, &in->calls, &request, &arena, &reply);
}

static void listen_new(struct task *t, struct instance *in, const struct port *p)
{
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(4096);
	struct role_listen_request request = { .name = str_from_z(p->name), .socket = p->fd };
	struct role_listen_reply reply;
	(void)!role_listen(t, &in->calls, &request, &arena, &reply);
}

/* Names of the ports before, for those that go away. */
static void update_ports(struct task *t, struct instance *in, char *const *before, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!ports_find(in->owner->ports, before[i]))
			unlisten(t, in, before[i]);
	for (const struct port *p = in->owner->ports; p; p = p->next) {
		bool known = strcmp(p->role, in->role) != 0;
		for (size_t i = 0; i < n && !known; i++)
			known = strcmp(before[i], p->name) == 0;
		if (!known)
			listen_new(t, in, p);
	}
}

/* -EINVAL where one refuses what only it can judge; those before it have taken it over then. One
 * that does not answer has died, and starts anew with what holds then. */
static int configure_instances(struct task *t, struct supervisor *s, struct err *err)
{
	int rc = 0;
	for (struct instance *in = s->instances; in && rc != -EINVAL; in = in->next)
		rc = in->ready && !in->off && !in->anew ? instance_configure(t, in, err) : 0;
	return rc == -EINVAL ? rc : 0;
}

/* What a reload replaces. */
struct loaded {
	const struct config *config;
	struct buf certificate, key, seal_key;
};

static void forget(struct loaded *l)
{
	config_unref(l->config);
	pem_wipe(&l->certificate);
	pem_wipe(&l->key);
	pem_wipe(&l->seal_key);
}

static int check_new(const struct supervisor *s, const struct loaded *new, struct err *err)
{
	/* Tried here, so that a bad pair changes nothing anywhere. */
	struct tls_context *tls = NULL;
	int rc = 0;
	if (new->certificate.n)
		rc = tls_context_new(
			buf_str(&new->certificate), buf_str(&new->key), TLS_1_2, &tls, err);
	tls_context_unref(tls);
	if (rc == 0 && !str_equal(new->config->data_dir, s->config->data_dir))
		rc = err_set(err, EINVAL, "%s: data_dir cannot change while the server runs",
			s->config_path);
	return rc;
}

static int load_new(struct supervisor *s, struct loaded *out, struct err *err)
{
	struct loaded new = { .config = config_load(s->config_path, err) };
	if (!new.config)
		return -EINVAL;
	int rc = load_certificate(new.config, &new.certificate, &new.key, err);
	if (rc == 0)
		rc = load_seal_key(s, new.config, &new.seal_key, err);
	if (rc == 0)
		rc = check_new(s, &new, err);
	if (rc < 0)
		forget(&new);
	else
		*out = new;
	return rc;
}

static void take_log_settings(struct supervisor *s)
{
	s->sink.level = (enum log_level)s->config->log.level;
	s->sink.json = s->config->log.format == CONFIG_LOG_JSON;
	s->sink.priorities = s->config->log.format == CONFIG_LOG_AUTO && getenv("JOURNAL_STREAM");
}

static void exchange(struct supervisor *s, struct loaded *other)
{
	struct loaded mine = { s->config, s->certificate, s->key, s->seal_key };
	s->config = other->config;
	s->certificate = other->certificate;
	s->key = other->key;
	s->seal_key = other->seal_key;
	*other = mine;
	take_log_settings(s);
}

/* All processes take it over, or none keeps it. */
static int change_over(struct task *t, struct supervisor *s, struct loaded *new, struct err *err)
{
	exchange(s, new);
	instances_compare(s, new->config, s->config);
	int rc = configure_instances(t, s, err);
	if (rc == 0)
		rc = ports_open(s->config, &s->ports, &s->ports, err);
	if (rc < 0) {
		struct err unused;
		exchange(s, new);
		instances_compare(s, s->config, s->config);
		(void)!configure_instances(t, s, &unused);
	} else {
		instances_follow(s);
	}
	return rc;
}

static void reload(struct task *t, struct supervisor *s)
{
	struct loaded loaded;
	struct err err = { "" };
	char *before[256];
	size_t n = 0;
	for (struct port *p = s->ports; p && n < ARRAY_LEN(before); p = p->next)
		before[n++] = str_dup_z(str_from_z(p->name));
	sd_notify(0, "RELOADING=1");
	int rc = load_new(s, &loaded, &err);
	if (rc == 0) {
		rc = change_over(t, s, &loaded, &err);
		forget(&loaded);
	}
	if (rc < 0) {
		log_error(&s->log, "reload refused, the old configuration stays",
			F_Z("error", err.text));
	} else {
		for (struct instance *in = s->instances; in; in = in->next)
			if (in->ready)
				update_ports(t, in, before, n);
		s->reloaded = clock_wall() / NSEC_PER_SEC;
		log_info(&s->log, "reloaded", F_Z("config", s->config_path));
	}
	while (n)
		free(before[--n]);
	sd_notify(0, "READY=1");
}

/* ── Shutdown ─────────────────────────────────────────────────────────────────────────────── */

struct draining {
	struct instance *instance;
	unsigned *left;
};

/* Asks one process to finish what is in flight; then lets go of it, which ends it. */
static void drain(struct task *t, void *arg)
{
	struct draining *d = arg;
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(4096);
	struct role_drain_request request = { 0 };
	struct role_drain_reply reply;
	int rc = role_drain(t, &d->instance->calls, &request, &arena, &reply);
	if (rc < 0 && rc != -ECONNRESET && rc != -ENOTCONN)
		log_warning(&d->instance->owner->log, "sessions were cut off",
			F_Z("process", d->instance->name));
	ipc_client_detach(d->instance->control);
	--*d->left;
	event_set(&d->instance->owner->progress);
}

static bool has_clients(const struct instance *in)
{
	return in->census != NULL;
}

/* Until those that serve clients, or the others, have ended. */
static void wait_for_end(struct task *t, struct supervisor *s, bool clients, int64_t deadline)
{
	for (struct instance *in = s->instances; in; in = in->next)
		while (has_clients(in) == clients && in->task)
			if (event_wait(t, &s->progress, deadline) < 0)
				return;
}

static void kill_the_rest(struct supervisor *s, bool clients)
{
	for (struct instance *in = s->instances; in; in = in->next) {
		if (has_clients(in) != clients || !in->running)
			continue;
		log_error(&s->log, "a process did not end in time", F_Z("process", in->name));
		instance_kill(in);
		ipc_client_detach(in->control);
	}
}

/* Lets the processes that serve clients, or the others, finish what they have begun, and ends them.
 */
static void drain_and_end(struct task *t, struct supervisor *s, bool clients, int64_t deadline)
{
	struct draining all[512];
	unsigned left = 0, n = 0;
	for (struct instance *in = s->instances; in; in = in->next) {
		if (in->task && !in->running)
			task_cancel(in->task); /* waits for its restart */
		if (has_clients(in) != clients)
			continue;
		bool drains = false;
		if (in->ready && n < ARRAY_LEN(all)) {
			all[n] = (struct draining){ in, &left };
			drains = task_start(s->loop, drain, &all[n++], NULL) == 0;
		}
		left += drains;
		if (!drains)
			ipc_client_detach(in->control);
	}
	wait_for_end(t, s, clients, deadline);
	kill_the_rest(s, clients);
	deadline = task_deadline(t, KILLED_GRACE);
	wait_for_end(t, s, clients, deadline);
	/* Not for long: each process has ended or was let go of, so that their calls have failed.
	 * And to the end, as they refer to `all`: nobody cancels this task. */
	while (left)
		if (event_wait(t, &s->progress, NEVER) < 0)
			break;
}

/* What waits for a disk that does not answer was killed, but ends only when that answers; until
 * then its task and libuv refer to the instance. */
static bool all_have_ended(const struct supervisor *s)
{
	for (const struct instance *in = s->instances; in; in = in->next)
		if (in->task)
			return false;
	return true;
}

/* Those who serve clients first: what they have begun needs the others. */
static void shut_down(struct task *t, struct supervisor *s)
{
	log_info(&s->log, "shutting down",
		F_INT("grace_seconds", s->config->supervisor.shutdown_grace / NSEC_PER_SEC));
	sd_notify(0, "STOPPING=1");
	s->stopping = true;
	int64_t deadline = task_deadline(
		t, s->config->supervisor.shutdown_grace + ROLE_LAST_WORDS + LAST_GRACE);
	drain_and_end(t, s, true, deadline);
	drain_and_end(t, s, false, deadline + LAST_GRACE);
	control_finish(t, s->control);
	if (!all_have_ended(s))
		_exit(1);
}

/* ── The whole ────────────────────────────────────────────────────────────────────────────── */

static int start_all(struct task *t, struct supervisor *s)
{
	for (struct instance *in = s->instances; in; in = in->next) {
		int rc = in->off ? 0 : instance_start(in);
		while (rc == 0 && !in->off && !in->ready && !in->failed && !s->stop)
			rc = event_wait(t, &s->progress, NEVER);
		if (rc < 0 || in->failed)
			return -EINVAL; /* the instance's task has said why */
	}
	return 0;
}

static void supervise(struct task *t, void *arg)
{
	struct supervisor *s = arg;
	if (start_all(t, s) < 0) {
		s->status = 1;
		s->stop = true;
	} else if (!s->stop) {
		log_info(&s->log, "ready", F_STR("hostname", s->config->hostname),
			F_Z("version", POSTERN_VERSION));
		sd_notifyf(0, "READY=1\nSTATUS=Serving %.*s", STR_ARG(s->config->hostname));
	}
	while (!s->stop) {
		if (event_wait(t, &s->request, NEVER) < 0)
			break;
		if (s->reload && !s->stop) {
			s->reload = false;
			reload(t, s);
		}
	}
	shut_down(t, s);
	loop_stop(s->loop);
}

static void on_signal(uv_signal_t *handle, int number)
{
	struct supervisor *s = handle->data;
	if (number == SIGHUP)
		s->reload = true;
	else if (s->stopping)
		_exit(1); /* asked twice */
	else
		s->stop = true;
	event_set(&s->request);
	event_set(&s->progress);
}

/* Processes of a server that was killed a moment ago may still hold its ports: a process that waits
 * for the disk ends only when the disk has answered. */
static int open_ports(struct supervisor *s, struct err *err)
{
	const struct timespec pause = { .tv_nsec = 50 * NSEC_PER_MSEC };
	int rc = ports_open(s->config, &s->ports, &s->ports, err);
	for (int tries = 0; rc == -EADDRINUSE && tries < PORT_TRIES; tries++) {
		nanosleep(&pause, NULL);
		rc = ports_open(s->config, &s->ports, &s->ports, err);
	}
	return rc;
}

static int prepare(struct supervisor *s, struct err *err)
{
	int rc = load_certificate(s->config, &s->certificate, &s->key, err);
	if (rc == 0)
		rc = load_seal_key(s, s->config, &s->seal_key, err);
	if (rc == 0)
		rc = data_dir_prepare(s->config, err);
	if (rc == 0)
		rc = open_ports(s, err);
	if (rc == 0)
		rc = instances_make(s, err);
	return rc;
}

/* Without it the server cannot be asked how it does; it serves all the same. */
static void open_control(struct supervisor *s)
{
	struct err err = { "" };
	if (control_open(s, &s->control, &err) < 0)
		log_warning(&s->log, "there is no control socket", F_Z("error", err.text));
}

static void run_loop(struct supervisor *s)
{
	static const int numbers[] = { SIGTERM, SIGINT, SIGHUP };
	uv_signal_t signals[ARRAY_LEN(numbers)];
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		uv_signal_init(loop_uv(s->loop), &signals[i]);
		signals[i].data = s;
		uv_signal_start(&signals[i], on_signal, numbers[i]);
	}
	if (task_start(s->loop, supervise, s, NULL) == 0)
		loop_run(s->loop);
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		uv_close((uv_handle_t *)&signals[i], NULL);
}

/* Each connection is a descriptor; the roles inherit the limit. */
static void raise_file_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int supervisor_run(const struct config *config, const char *config_path)
{
	struct supervisor s = { .config = config,
		.config_path = config_path,
		.since = clock_wall() / NSEC_PER_SEC,
		.sink = { .fd = STDERR_FILENO },
		.fields = { F_Z("role", "supervisor") } };
	s.log = (struct log){ .sink = &s.sink, .fields = s.fields, .field_count = 1 };
	take_log_settings(&s);
	signal(SIGPIPE, SIG_IGN);
	umask(0077);
	raise_file_limit();
	s.loop = loop_new(&s.log);
	struct err err = { "" };
	if (prepare(&s, &err) < 0) {
		log_error(&s.log, "cannot start", F_Z("error", err.text));
		s.status = 1;
	} else {
		open_control(&s);
		run_loop(&s);
	}
	instances_free(&s);
	loop_finish(s.loop);
	control_free(s.control);
	loop_free(s.loop);
	ports_close(s.ports);
	pem_wipe(&s.certificate);
	pem_wipe(&s.key);
	pem_wipe(&s.seal_key);
	config_unref(s.config);
	return s.status;
}
