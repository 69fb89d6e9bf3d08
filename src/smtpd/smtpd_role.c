#include "smtpd/smtpd_role.h"

#include "antivirus/scanner.h"
#include "smtpd/incoming.h"
#include "smtpd/recipient_cache.h"
#include "smtpd/session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Of each smtpd process: 128 such messages at a time; others go into files. */
enum { LARGE_MEMORY = 128 * INCOMING_LARGE };

enum { FILTERS_MAX = 256 };

struct smtpd {
	struct ipc_client *directory, *delivery;
	/* By their numbers; NULL: never heard of. Sessions take turns at those that are there. */
	struct ipc_client *filters[FILTERS_MAX];
	struct ipc_client *first_filter; /* before one was heard of: that becomes it; then NULL */
	unsigned turn;
	struct recipient_cache *recipients;
	struct smtpd_counts counts;
	struct random_stock random;
	size_t memory; /* left for large messages */
	int spool;     /* the directory */
};

/* Spool files without names, and nothing else. */
static void sandbox(const struct config *config, struct sandbox *out)
{
	sandbox_allow(out, config->data_dir, "spool", SANDBOX_CREATE);
}

/* A verdict may need the time for the DNS twice, where the filter was started again in between, and
 * that for viruses, and what others in the same process compute; what takes longer is too late. */
static int64_t filter_timeout(const struct config *config)
{
	int64_t scan = config->antivirus.servers.n ? scan_patience(config) : 0;
	int64_t patience =
		2 * config->filter.timeout + scan + config->filter.stall_timeout + SECONDS(30);
	return MIN(patience, config->smtp.data_end_timeout);
}

static int start(struct role_process *p, struct err *err)
{
	struct smtpd *s = xcalloc(1, sizeof *s);
	char path[4096];
	*s = (struct smtpd){ .directory = ipc_client_new(p->loop, SECONDS(30)),
		.delivery = ipc_client_new(p->loop, p->config->smtp.data_end_timeout),
		.first_filter = ipc_client_new(p->loop, filter_timeout(p->config)),
		.memory = LARGE_MEMORY };
	int n = snprintf(path, sizeof path, "%.*s/spool", STR_ARG(p->config->data_dir));
	s->spool = n < (int)sizeof path ? open(path, O_DIRECTORY | O_RDONLY | O_CLOEXEC) : -1;
	if (s->spool < 0) {
		int rc = err_errno(err, errno, "%s", path);
		ipc_client_free(s->directory);
		ipc_client_free(s->delivery);
		ipc_client_free(s->first_filter);
		free(s);
		return rc;
	}
	s->recipients = recipient_cache_new(directory_over(s->directory));
	p->state = s;
	return 0;
}

static int filter_connected(struct role_process *p, str number, int fd)
{
	struct smtpd *s = p->state;
	uint64_t i;
	if (!str_to_u64(number, FILTERS_MAX - 1, &i)) {
		close(fd);
		return -EINVAL;
	}
	if (!s->filters[i]) {
		s->filters[i] = s->first_filter
					? s->first_filter
					: ipc_client_new(p->loop, filter_timeout(p->config));
		s->first_filter = NULL;
	}
	return ipc_client_attach(s->filters[i], fd);
}

/* The next one that is there, or else one that may come back during the session. Both calls about a
 * message go to the same, which remembers the first (filter/envelope_cache.h). */
static struct ipc_client *next_filter(struct smtpd *s)
{
	struct ipc_client *found = s->first_filter;
	for (unsigned n = 0; n < FILTERS_MAX; n++) {
		s->turn = (s->turn + 1) % FILTERS_MAX;
		if (!s->filters[s->turn])
			continue;
		found = s->filters[s->turn];
		if (ipc_client_attached(found))
			break;
	}
	return found;
}

static int connected(struct role_process *p, str peer, int fd)
{
	struct smtpd *s = p->state;
	if (str_equal(peer, STR("directory")))
		return ipc_client_attach(s->directory, fd);
	if (str_equal(peer, STR("delivery")))
		return ipc_client_attach(s->delivery, fd);
	if (str_starts(peer, STR("filter.")))
		return filter_connected(p, str_skip(peer, sizeof "filter." - 1), fd);
	close(fd);
	return -EINVAL;
}

/* ── What a session needs ─────────────────────────────────────────────────────────────────── */

static int open_spool(void *context)
{
	const struct role_client *c = context;
	const struct smtpd *s = c->process->state;
	return role_spool_file(s->spool);
}

static enum smtpd_admission admit(void *context, const struct ip *client)
{
	const struct role_client *c = context;
	struct role_process *p = c->process;
	uint64_t max_total = (uint64_t)p->config->smtp.max_connections;
	/* A mail server in front of this one brings the mail of all, from one address. */
	uint64_t max_client = c->kind == SMTPD_LMTP
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

/* ── Connections ──────────────────────────────────────────────────────────────────────────── */

static void serve(struct task *t, struct role_client *c, struct stream *stream)
{
	struct role_process *p = c->process;
	struct smtpd *s = p->state;
	struct smtpd_world world = {
		.config = config_ref(p->config),
		.tls = p->tls ? tls_context_ref(p->tls) : NULL,
		.directory = recipient_cache_calls(s->recipients),
		.delivery = delivery_over(s->delivery),
		.filter = filter_over(next_filter(s)),
		.counts = &s->counts,
		.random = &s->random,
		.memory = &s->memory,
		.suspects = census_note(p->census),
		.open_spool = open_spool,
		.admit = admit,
		.leave = role_client_leave,
		.idle = role_client_idle,
		.context = c,
	};
	smtpd_session(t, &world, stream, (enum smtpd_protocol)c->kind, &c->peer, c->port);
	tls_context_unref(world.tls);
	config_unref(world.config);
}

static void accepted(
	struct role_process *p, str listener, int fd, const struct ip *peer, uint16_t port)
{
	role_client_start(p, fd, peer, port,
		str_starts(listener, STR("lmtp ")) ? SMTPD_LMTP : SMTPD_SMTP, serve);
}

static void stats(struct task *t, struct role_process *p, struct json *j)
{
	const struct smtpd *s = p->state;
	smtpd_counts_json(&s->counts, j);
}

const struct role smtpd_role = {
	.name = "smtpd",
	.sandbox = sandbox,
	.start = start,
	.connected = connected,
	.stats = stats,
	.accepted = accepted,
};
