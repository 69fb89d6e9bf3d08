#include "filter/filter_role.h"

#include "filter/filter.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* Decoded DKIM keys that are kept: 2 to 4 KiB each. */
enum { KEYS = 512 };

/* No files and no network: it parses what strangers send, and what it may ask it asks the resolver.
 */
static void sandbox(const struct config *config, struct sandbox *out)
{
}

static void no_answer(
	void *context, enum dns_type type, str name, struct arena *a, struct dns_answer *out)
{
	*out = (struct dns_answer){ .status = DNS_TEMPORARY, .why = STR("there is no resolver") };
}

static void with_dns(
	void *context, struct task *t, void (*fn)(const struct dns *dns, void *arg), void *arg)
{
	fn(&(struct dns){ .lookup = no_answer }, arg);
}

static int start(struct role_process *p, struct err *err)
{
	struct filter *f = xcalloc(1, sizeof *f);
	*f = (struct filter){ .config = p->config,
		.envelopes = envelope_cache_new(),
		.keys = dkim_keys_new(KEYS),
		.with_dns = with_dns,
		.context = p };
	p->state = f;
	return 0;
}

/* Messages that are being judged keep the rules that they began with. */
static void reconfigured(struct role_process *p)
{
	((struct filter *)p->state)->config = p->config;
}

static int connected(struct role_process *p, str peer, int fd)
{
	close(fd);
	return -EINVAL;
}

const struct role filter_role = {
	.name = "filter",
	.sandbox = sandbox,
	.start = start,
	.reconfigured = reconfigured,
	.connected = connected,
	.service = &filter_service,
	.ops = &filter_functions,
};
