#include "mailbox/mailbox_role.h"

#include "delivery/changes_calls.h"
#include "mailbox/session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Account files kept open, beside those in use: each costs some hundred KiB. */
enum { KEEP_OPEN = 16 };

/* Kinds of clients. */
enum { STARTTLS, IMPLICIT_TLS };

struct mailbox_server {
	struct ipc_client *directory, *delivery;
	struct account_pool *accounts;
	struct account_watch *watch;
	struct mailbox_counts counts;
	int spool; /* the directory */
};

/* The accounts, and nothing else. */
static void sandbox(const struct config *config, struct sandbox *out)
{
	sandbox_allow(out, config->data_dir, "accounts", SANDBOX_WRITE);
}

static int start(struct role_process *p, struct err *err)
{
	char path[4096];
	int n = snprintf(path, sizeof path, "%.*s/accounts", STR_ARG(p->config->data_dir));
	int spool = n < (int)sizeof path ? open(path, O_DIRECTORY | O_RDONLY | O_CLOEXEC) : -1;
	if (spool < 0)
		return err_errno(err, errno, "%s", path);
	struct mailbox_server *s = xcalloc(1, sizeof *s);
	*s = (struct mailbox_server){ .directory = ipc_client_new(p->loop, SECONDS(30)),
		.delivery = ipc_client_new(p->loop, SECONDS(10)),
		.accounts = account_pool_new(p->config->data_dir, KEEP_OPEN),
		.watch = account_watch_new(),
		.spool = spool };
	p->state = s;
	return 0;
}

static int connected(struct role_process *p, str peer, int fd)
{
	struct mailbox_server *s = p->state;
	if (str_equal(peer, STR("directory")))
		return ipc_client_attach(s->directory, fd);
	if (str_equal(peer, STR("delivery")))
		return ipc_client_attach(s->delivery, fd);
	close(fd);
	return -EINVAL;
}

/* ── What delivery and the supervisor call ────────────────────────────────────────────────── */

static int changed(struct task *t, void *self, const struct changes_changed_request *in,
	struct arena *a, struct changes_changed_reply *out)
{
	struct mailbox_server *s = self;
	account_watch_changed(s->watch, in->account, NULL);
	return 0;
}

static void changed_outside(struct role_process *p, uint64_t account)
{
	const struct mailbox_server *s = p->state;
	account_watch_changed(s->watch, account, NULL);
}

static const struct changes_ops changes_functions = { .changed = changed };

/* ── What a session needs ─────────────────────────────────────────────────────────────────── */

static int open_spool(void *context)
{
	const struct role_client *c = context;
	const struct mailbox_server *s = c->process->state;
	return role_spool_file(s->spool);
}

static enum mailbox_admission admit(void *context, const struct ip *client)
{
	const struct role_client *c = context;
	struct role_process *p = c->process;
	switch (census_enter(p->census, client, (uint64_t)p->config->imap.max_connections,
		(uint64_t)p->config->imap.max_connections_per_ip)) {
	case CENSUS_FULL:
		return MAILBOX_FULL;
	case CENSUS_CLIENT_FULL:
		return MAILBOX_CLIENT_FULL;
	case CENSUS_WELCOME:
		break;
	}
	return MAILBOX_WELCOME;
}

/* ── Connections ──────────────────────────────────────────────────────────────────────────── */

static void serve(struct task *t, struct role_client *c, struct stream *stream)
{
	struct role_process *p = c->process;
	struct mailbox_server *s = p->state;
	struct mailbox_world world = {
		.config = config_ref(p->config),
		.tls = p->tls ? tls_context_ref(p->tls) : NULL,
		.directory = directory_over(s->directory),
		.delivery = delivery_over(s->delivery),
		.counts = &s->counts,
		.accounts = s->accounts,
		.watch = s->watch,
		.open_spool = open_spool,
		.admit = admit,
		.leave = role_client_leave,
		.idle = role_client_idle,
		.context = c,
	};
	mailbox_session(t, &world, stream, c->kind == IMPLICIT_TLS, &c->peer, c->port);
	tls_context_unref(world.tls);
	config_unref(world.config);
}

static void accepted(
	struct role_process *p, str listener, int fd, const struct ip *peer, uint16_t port)
{
	role_client_start(p, fd, peer, port,
		str_starts(listener, STR("imaps ")) ? IMPLICIT_TLS : STARTTLS, serve);
}

static void stats(struct task *t, struct role_process *p, struct json *j)
{
	const struct mailbox_server *s = p->state;
	mailbox_counts_json(&s->counts, j);
}

const struct role mailbox_role = {
	.name = "mailbox",
	.sandbox = sandbox,
	.start = start,
	.connected = connected,
	.stats = stats,
	.changed = changed_outside,
	.service = &changes_service,
	.ops = &changes_functions,
	.accepted = accepted,
};
