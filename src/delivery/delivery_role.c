#include "delivery/delivery_role.h"

#include "delivery/delivery.h"

/* Writes the accounts, and nothing else; talks to other roles only. */
static void sandbox(const struct config *config, struct sandbox *out)
{
	sandbox_allow(out, config->data_dir, "accounts", SANDBOX_WRITE);
}

static int start(struct role_process *p, struct err *err)
{
	p->state = delivery_new(
		p->loop, p->log, p->config->data_dir, (size_t)p->config->delivery.max_batch);
	return 0;
}

static int connected(struct role_process *p, str peer, int fd)
{
	return delivery_watch(p->state, peer, fd);
}

const struct role delivery_role = {
	.name = "delivery",
	.sandbox = sandbox,
	.start = start,
	.connected = connected,
	.service = &delivery_service,
	.ops = &delivery_functions,
};
