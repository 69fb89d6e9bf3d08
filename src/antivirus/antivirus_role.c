#include "antivirus/antivirus_role.h"

#include "antivirus/antivirus.h"

#include <string.h>

/* No files; connections to the servers: no TCP where they are all Unix sockets, and no other ports
 * than theirs. */
static void sandbox(const struct config *config, struct sandbox *out)
{
	const struct endpoints *servers = &config->antivirus.servers;
	for (size_t i = 0; i < servers->n; i++)
		sandbox_connect(out, &servers->items[i]);
}

static int start(struct role_process *p, struct err *err)
{
	struct antivirus *av;
	int rc = antivirus_new(p->loop, p->log, p->config, &av);
	if (rc < 0)
		return err_errno(err, -rc, "antivirus");
	p->state = av;
	return 0;
}

static void reconfigured(struct role_process *p)
{
	antivirus_reconfigure(p->state, p->config);
}

static void stats(struct task *t, struct role_process *p, struct json *j)
{
	antivirus_stats(p->state, j);
}

const struct role antivirus_role = {
	.name = "antivirus",
	.sandbox = sandbox,
	.start = start,
	.reconfigured = reconfigured,
	.stats = stats,
	.service = &antivirus_service,
	.ops = &antivirus_functions,
};
