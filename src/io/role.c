#include "io/role.h"

#include "io/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define IPC_SERVICE role
#define IPC_TABLE "io/role.def"
#include "io/ipc_implement.h"

/* One listening socket of this process. */
struct open_listener {
	struct open_listener *next;
	struct role_process *process;
	struct listener *listener;
	char *name; /* owned */
};

struct role_internal {
	struct open_listener *listeners;
	struct log_sink sink;
	struct log log;
	struct log_field fields[1];
	struct event drained; /* the last session has ended */
	bool started;
};

/* ── Sessions ─────────────────────────────────────────────────────────────────────────────── */

static void session_begin(struct role_process *p, struct role_session *s, struct task *t)
{
	*s = (struct role_session){ .next = p->sessions, .prev = &p->sessions, .task = t };
	if (s->next)
		s->next->prev = &s->next;
	p->sessions = s;
	p->session_count++;
}

static void session_end(struct role_process *p, struct role_session *s)
{
	*s->prev = s->next;
	if (s->next)
		s->next->prev = s->prev;
	p->session_count--;
	if (p->draining && !p->sessions)
		event_set(&p->internal->drained);
}

static void run_client(struct task *t, void *arg)
{
	struct role_client *c = arg;
	struct role_process *p = c->process;
	struct stream *stream;
	session_begin(p, &c->session, t);
	int rc = stream_open(p->loop, c->fd, &stream);
	if (rc < 0)
		log_error(p->log, "a connection could not be served",
			F_Z("error", strerrordesc_np(-rc)));
	else
		c->serve(t, c, stream);
	session_end(p, &c->session);
	free(c);
}

void role_client_start(struct role_process *p, int fd, const struct ip *peer, uint16_t port,
	int kind, void (*serve)(struct task *t, struct role_client *c, struct stream *stream))
{
	struct role_client *c = xmalloc(sizeof *c);
	p->connections++;
	*c = (struct role_client){
		.process = p, .fd = fd, .peer = *peer, .port = port, .kind = kind, .serve = serve
	};
	if (task_start(p->loop, run_client, c, NULL) < 0) {
		log_error(p->log, "no memory for another connection",
			F_INT("sessions", loop_task_count(p->loop)));
		close(fd);
		free(c);
	}
}

void role_client_leave(void *context, const struct ip *client)
{
	struct role_client *c = context;
	census_leave(c->process->census, client);
}

int role_client_idle(void *context, bool idle)
{
	struct role_client *c = context;
	c->session.idle = idle;
	return idle && c->process->draining ? -ECANCELED : 0;
}

int role_spool_file(int directory)
{
	int fd = openat(directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}

/* ── Control calls ────────────────────────────────────────────────────────────────────────── */

static void take_log_settings(struct role_process *p, bool journal)
{
	struct role_internal *in = p->internal;
	in->sink.level = (enum log_level)p->config->log.level;
	in->sink.json = p->config->log.format == CONFIG_LOG_JSON;
	in->sink.priorities = p->config->log.format == CONFIG_LOG_AUTO && journal;
}

static int enter_sandbox(struct role_process *p, struct err *err)
{
	const char *partial;
	struct sandbox sandbox = { 0 };
	p->role->sandbox(p->config, &sandbox);
	int rc = sandbox_enter(&sandbox, &partial, err);
	if (rc == 0 && partial)
		log_warning(p->log, "sandbox is weaker than it should be", F_Z("missing", partial));
	return rc;
}

static int drop_privileges(const struct role_configure_request *in, struct err *err)
{
	gid_t gid = (gid_t)in->gid;
	uid_t uid = (uid_t)in->uid;
	if (setgroups(1, &gid) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return err_errno(err, errno, "becoming user %u", (unsigned)uid);
	return 0;
}

static int start(struct role_process *p, const struct role_configure_request *in, struct err *err)
{
	p->index = (unsigned)in->index;
	int rc = in->census >= 0 ? census_join(in->census, p->index, &p->census, err) : 0;
	if (rc == 0 && in->drop)
		rc = drop_privileges(in, err);
	if (rc == 0 && p->role->prepare)
		rc = p->role->prepare(p, err);
	if (rc == 0)
		rc = enter_sandbox(p, err);
	return rc < 0 ? rc : p->role->start(p, err);
}

/* A configuration and its certificate. */
static int parse(const struct role_configure_request *in, const struct config **out_config,
	struct tls_context **out_tls, struct err *err)
{
	const struct config *config = config_parse(in->text, in->file, in->directory, err);
	if (!config)
		return -EINVAL;
	enum tls_version minimum = config->tls.minimum == CONFIG_TLS_1_3 ? TLS_1_3 : TLS_1_2;
	int rc = 0;
	*out_tls = NULL;
	if (in->certificate.n)
		rc = tls_context_new(in->certificate, in->key, minimum, out_tls, err);
	if (rc < 0)
		config_unref(config);
	else
		*out_config = config;
	return rc;
}

/* Takes it over, or leaves everything as it was. */
static int take_over(
	struct role_process *p, const struct role_configure_request *in, struct err *err)
{
	const struct config *config;
	struct tls_context *tls;
	bool started = p->internal->started;
	int rc = parse(in, &config, &tls, err);
	if (rc == 0 && started && p->role->reconfigure) {
		rc = p->role->reconfigure(p, config, err);
		if (rc < 0) {
			config_unref(config);
			tls_context_unref(tls);
		}
	}
	if (rc < 0)
		return rc;
	config_unref(p->config);
	tls_context_unref(p->tls);
	p->config = config;
	p->tls = tls;
	take_log_settings(p, in->journal);
	if (!started)
		rc = start(p, in, err);
	else if (p->role->reconfigured)
		p->role->reconfigured(p);
	p->internal->started |= rc == 0;
	return rc;
}

struct configuring {
	struct role_process *process;
	const struct role_configure_request *in;
	struct err err;
	int rc;
};

static void run_take_over(void *arg)
{
	struct configuring *c = arg;
	c->process->seal_key = c->in->seal_key;
	c->rc = take_over(c->process, c->in, &c->err);
	c->process->seal_key = STR_EMPTY;
}

static int configure(struct task *t, void *self, const struct role_configure_request *in,
	struct arena *a, struct role_configure_reply *out)
{
	struct configuring c = { .process = self, .in = in };
	/* What libraries do at their start is not made for the stack of a task. */
	task_outside(t, run_take_over, &c);
	if (c.rc < 0)
		out->refused = arena_str(a, str_from_z(c.err.text));
	return 0;
}

static int attach(struct task *t, void *self, const struct role_attach_request *in, struct arena *a,
	struct role_attach_reply *out)
{
	struct role_process *p = self;
	int fd = dup(in->socket);
	if (fd < 0)
		return -errno;
	if (in->caller)
		return p->role->connected(p, in->peer, fd);
	return ipc_serve(p->loop, fd, p->role->service, p->role->ops, p->state, NULL);
}

static void on_accepted(void *arg, int fd, const struct ip *peer, uint16_t port)
{
	struct open_listener *o = arg;
	o->process->role->accepted(o->process, str_from_z(o->name), fd, peer, port);
}

static int start_listening(struct task *t, void *self, const struct role_listen_request *in,
	struct arena *a, struct role_listen_reply *out)
{
	struct role_process *p = self;
	int fd = dup(in->socket);
	if (fd < 0)
		return -errno;
	struct open_listener *o = xcalloc(1, sizeof *o);
	*o = (struct open_listener){ .process = p, .name = str_dup_z(in->name) };
	int rc = listener_open(p->loop, fd, on_accepted, o, &o->listener);
	if (rc < 0) {
		free(o->name);
		free(o);
		return rc;
	}
	o->next = p->internal->listeners;
	p->internal->listeners = o;
	return 0;
}

/* Closes the listener of that name, or all where name is NULL. */
static void stop_listening(struct role_process *p, const str *name)
{
	for (struct open_listener **at = &p->internal->listeners; *at;) {
		struct open_listener *o = *at;
		if (name && !str_equal(*name, str_from_z(o->name))) {
			at = &o->next;
			continue;
		}
		*at = o->next;
		listener_close(o->listener);
		free(o->name);
		free(o);
	}
}

static int unlisten(struct task *t, void *self, const struct role_unlisten_request *in,
	struct arena *a, struct role_unlisten_reply *out)
{
	stop_listening(self, &in->name);
	return 0;
}

/* Until the last session has ended; -ETIMEDOUT when that takes too long. */
static int wait_for_sessions(struct task *t, struct role_process *p, int64_t patience)
{
	int64_t deadline = task_deadline(t, patience);
	int rc = 0;
	while (p->sessions && rc == 0)
		rc = event_wait(t, &p->internal->drained, deadline);
	return rc;
}

/* Those that take too long still get to say why they end. */
static int drain(struct task *t, void *self, const struct role_drain_request *in, struct arena *a,
	struct role_drain_reply *out)
{
	struct role_process *p = self;
	p->draining = true;
	stop_listening(p, NULL);
	for (struct role_session *s = p->sessions; s; s = s->next)
		if (s->idle)
			task_cancel(s->task);
	int rc = wait_for_sessions(t, p, p->config->supervisor.shutdown_grace);
	for (struct role_session *s = p->sessions; s; s = s->next)
		task_cancel(s->task);
	if (p->sessions && wait_for_sessions(t, p, ROLE_LAST_WORDS) < 0)
		log_warning(p->log, "sessions do not end",
			F_INT("seconds", ROLE_LAST_WORDS / NSEC_PER_SEC));
	if (p->role->finish)
		p->role->finish(t, p);
	return rc;
}

enum { STATS_MAX = 64 * 1024 };

static int stats(struct task *t, void *self, const struct role_stats_request *in, struct arena *a,
	struct role_stats_reply *out)
{
	struct role_process *p = self;
	struct buf text CLEANUP(buf_done) = BUF_INIT(STATS_MAX);
	struct json j = JSON_INIT(&text);
	json_object(&j, NULL);
	if (p->role->accepted) {
		json_i64(&j, "connections", (int64_t)p->connections);
		json_i64(&j, "sessions", (int64_t)p->session_count);
	}
	if (p->role->stats && p->internal->started)
		p->role->stats(t, p, &j);
	json_end(&j);
	if (!json_done(&j))
		return -EMSGSIZE;
	out->json = arena_str(a, buf_str(&text));
	return 0;
}

static int changed(struct task *t, void *self, const struct role_changed_request *in,
	struct arena *a, struct role_changed_reply *out)
{
	struct role_process *p = self;
	for (size_t i = 0; p->role->changed && p->internal->started && i < in->accounts.n; i++)
		p->role->changed(p, in->accounts.v[i]);
	return 0;
}

static void supervisor_gone(void *self)
{
	/* Without a supervisor there is nobody to give connections or to restart what dies. What
	 * was not acknowledged is still with its sender. */
	_exit(0);
}

int role_main(const struct role *role)
{
	static const struct role_ops ops = { .configure = configure,
		.attach = attach,
		.listen = start_listening,
		.unlisten = unlisten,
		.stats = stats,
		.changed = changed,
		.drain = drain };
	struct role_internal internal = { .sink = { .fd = STDERR_FILENO, .level = LOG_LEVEL_INFO },
		.fields = { F_Z("role", role->name) } };
	internal.log =
		(struct log){ .sink = &internal.sink, .fields = internal.fields, .field_count = 1 };
	struct role_process p = { .role = role, .log = &internal.log, .internal = &internal };

	struct stat st;
	if (fstat(ROLE_CONTROL_FD, &st) < 0 || !S_ISSOCK(st.st_mode)) {
		fprintf(stderr, "postern role %s: is started by postern serve, not by hand\n",
			role->name);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN); /* of the terminal: for the supervisor, which then ends us */
	umask(0007);
	prctl(PR_SET_NAME, role->name);
	prctl(PR_SET_DUMPABLE, 0); /* keys and mail must not get into a core */
	mallopt(M_ARENA_MAX, 2);   /* pool threads work in turn: arenas for each cost memory */
	/* Buffers of a message come and go: not each time to the kernel and back. */
	mallopt(M_MMAP_THRESHOLD, 1024 * 1024);
	mallopt(M_TRIM_THRESHOLD, 4 * 1024 * 1024);
	p.loop = loop_new(&internal.log);
	if (ipc_serve(p.loop, ROLE_CONTROL_FD, &role_service, &ops, &p, supervisor_gone) < 0)
		return 1;
	loop_run(p.loop);
	return 0;
}
