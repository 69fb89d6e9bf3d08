#include "antivirus/antivirus_role.h"

#include "antivirus/antivirus.h"

#include "io/ipc.h"

#include <stdlib.h>

/* No files; connections to the servers: no TCP where they are all Unix sockets, and no other ports
 * than theirs. What has a name is looked up by the resolver. */
static void sandbox(const struct config *config, struct sandbox *out)
{
	const struct endpoints *servers = &config->antivirus.servers;
	for (size_t i = 0; i < servers->n; i++)
		sandbox_connect(out, &servers->items[i]);
}

/* Beyond what one question may take: it does not answer any more. */
#define RESOLVER_TIMEOUT SECONDS(75)

struct antivirus_process {
	struct ipc_client *resolver; /* only asked where servers have names */
	struct resolver_calls calls; /* over it */
	struct antivirus *antivirus;
};

static int start(struct role_process *p, struct err *err)
{
	struct antivirus_process *a = xcalloc(1, sizeof *a);
	a->resolver = ipc_client_new(p->loop, RESOLVER_TIMEOUT);
	a->calls = resolver_over(a->resolver);
	int rc = antivirus_new(p->loop, p->log, p->config, &a->calls, &a->antivirus);
	if (rc < 0)
		return err_errno(err, -rc, "antivirus");
	p->state = a;
	return 0;
}

static void reconfigured(struct role_process *p)
{
	struct antivirus_process *a = p->state;
	antivirus_reconfigure(a->antivirus, p->config);
}

static void stats(struct task *t, struct role_process *p, struct json *j)
{
	const struct antivirus_process *a = p->state;
	antivirus_stats(a->antivirus, j);
}

static int connected(struct role_process *p, str peer, int fd)
{
	struct antivirus_process *a = p->state;
	int rc = ipc_client_attach(a->resolver, fd);
	if (rc == 0)
		antivirus_resolver_is_there(a->antivirus);
	return rc;
}

static int scan(struct task *t, void *self, const struct antivirus_scan_request *in,
	struct arena *arena, struct antivirus_scan_reply *out)
{
	struct antivirus_process *a = self;
	return antivirus_functions.scan(t, a->antivirus, in, arena, out);
}

static const struct antivirus_ops functions = { .scan = scan };

const struct role antivirus_role = {
	.name = "antivirus",
	.sandbox = sandbox,
	.start = start,
	.reconfigured = reconfigured,
	.stats = stats,
	.connected = connected,
	.service = &antivirus_service,
	.ops = &functions,
};
