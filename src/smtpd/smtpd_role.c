#include "smtpd/smtpd_role.h"

#include "smtpd/recipient_cache.h"
#include "smtpd/session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct smtpd {
	struct role_process *process;
	struct ipc_client *directory, *delivery, *filter;
	struct recipient_cache *recipients;
	int spool; /* the directory */
};

/* One client, from accept to close. */
struct connection {
	struct smtpd *server;
	struct role_session session;
	int fd;
	struct ip peer;
	uint16_t port;
	enum smtpd_protocol protocol;
};

/* Spool files without names, and nothing else. */
static void sandbox(const struct config *config, struct sandbox *out)
{
	sandbox_allow(out, config->data_dir, "spool", SANDBOX_CREATE);
}

/* A verdict may need the time for the DNS twice, where the filter was started again in between;
 * what takes longer is too late. */
static int64_t filter_timeout(const struct config *config)
{
	return MIN(2 * config->filter.timeout + SECONDS(30), config->smtp.data_end_timeout);
}

static int start(struct role_process *p, struct err *err)
{
	struct smtpd *s = xcalloc(1, sizeof *s);
	char path[4096];
	*s = (struct smtpd){ .process = p,
		.directory = ipc_client_new(p->loop, SECONDS(30)),
		.delivery = ipc_client_new(p->loop, p->config->smtp.data_end_timeout),
		.filter = ipc_client_new(p->loop, filter_timeout(p->config)) };
	int n = snprintf(path, sizeof path, "%.*s/spool", STR_ARG(p->config->data_dir));
	s->spool = n < (int)sizeof path ? open(path, O_DIRECTORY | O_RDONLY | O_CLOEXEC) : -1;
	if (s->spool < 0) {
		int rc = err_errno(err, errno, "%s", path);
		ipc_client_free(s->directory);
		ipc_client_free(s->delivery);
		ipc_client_free(s->filter);
		free(s);
		return rc;
	}
	s->recipients = recipient_cache_new(directory_over(s->directory));
	p->state = s;
	return 0;
}

static int connected(struct role_process *p, str peer, int fd)
{
	struct smtpd *s = p->state;
	if (str_equal(peer, STR("directory")))
		return ipc_client_attach(s->directory, fd);
	if (str_equal(peer, STR("delivery")))
		return ipc_client_attach(s->delivery, fd);
	if (str_starts(peer, STR("filter")))
		return ipc_client_attach(s->filter, fd);
	close(fd);
	return -EINVAL;
}

/* ── What a session needs ─────────────────────────────────────────────────────────────────── */

static int open_spool(void *context)
{
	struct connection *c = context;
	int fd = openat(c->server->spool, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}

static enum smtpd_admission admit(void *context, const struct ip *client)
{
	struct connection *c = context;
	struct role_process *p = c->server->process;
	uint64_t max_total = (uint64_t)p->config->smtp.max_connections;
	/* A mail server in front of this one brings the mail of all, from one address. */
	uint64_t max_client = c->protocol == SMTPD_LMTP
				      ? max_total
				      : (uint64_t)p->config->smtp.max_connections_per_ip;
	switch (census_enter(p->census, client, max_total, max_client)) {
	case CENSUS_FULL:
		return SMTPD_FULL;
	case CENSUS_CLIENT_FULL:
		return SMTPD_CLIENT_FULL;
	case CENSUS_WELCOME:
		break;
	}
	return SMTPD_WELCOME;
}

static void leave(void *context, const struct ip *client)
{
	struct connection *c = context;
	census_leave(c->server->process->census, client);
}

static int idle(void *context, bool idle)
{
	struct connection *c = context;
	return role_session_idle(c->server->process, &c->session, idle);
}

/* ── Connections ──────────────────────────────────────────────────────────────────────────── */

static void serve(struct task *t, struct connection *c)
{
	struct smtpd *s = c->server;
	struct role_process *p = s->process;
	struct stream *stream;
	int rc = stream_open(p->loop, c->fd, &stream);
	if (rc < 0) {
		log_error(p->log, "a connection could not be served",
			F_Z("error", strerrordesc_np(-rc)));
		return;
	}
	struct smtpd_world world = {
		.config = config_ref(p->config),
		.tls = p->tls ? tls_context_ref(p->tls) : NULL,
		.directory = recipient_cache_calls(s->recipients),
		.delivery = delivery_over(s->delivery),
		.filter = filter_over(s->filter),
		.open_spool = open_spool,
		.admit = admit,
		.leave = leave,
		.idle = idle,
		.context = c,
	};
	smtpd_session(t, &world, stream, c->protocol, &c->peer, c->port);
	tls_context_unref(world.tls);
	config_unref(world.config);
}

static void run_connection(struct task *t, void *arg)
{
	struct connection *c = arg;
	role_session_begin(c->server->process, &c->session, t);
	serve(t, c);
	role_session_end(c->server->process, &c->session);
	free(c);
}

static void accepted(
	struct role_process *p, str listener, int fd, const struct ip *peer, uint16_t port)
{
	struct connection *c = xmalloc(sizeof *c);
	*c = (struct connection){ .server = p->state,
		.fd = fd,
		.peer = *peer,
		.port = port,
		.protocol = str_starts(listener, STR("lmtp ")) ? SMTPD_LMTP : SMTPD_SMTP };
	if (task_start(p->loop, run_connection, c, NULL) < 0) {
		log_error(p->log, "no memory for another connection", F_INT("client_port", port));
		close(fd);
		free(c);
	}
}

const struct role smtpd_role = {
	.name = "smtpd",
	.sandbox = sandbox,
	.start = start,
	.connected = connected,
	.accepted = accepted,
};
