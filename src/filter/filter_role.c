#include "filter/filter_role.h"

#include "filter/filter.h"
#include "resolver/resolver_dns.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* Decoded DKIM keys that are kept: 2 to 4 KiB each. */
enum { KEYS = 512 };

/* Beyond what one question may take (resolver.timeout): it does not answer any more. */
#define RESOLVER_TIMEOUT SECONDS(75)
/* The same for the longest antivirus.timeout. */
#define ANTIVIRUS_TIMEOUT SECONDS(3 * 120 + 30)

/* No files and no network: it parses what strangers send, and what it may ask it asks the resolver
 * and the antivirus.
 */
static void sandbox(const struct config *config, struct sandbox *out)
{
}

struct filter_process {
	struct filter filter; /* first: it is what the calls are answered with */
	struct ipc_client *resolver, *antivirus;
	struct antivirus_calls antivirus_calls;
};

/* Twice the time that is meant for one half: the message's, where the envelope is done again. */
static void with_dns(
	void *context, struct task *t, void (*fn)(const struct dns *dns, void *arg), void *arg)
{
	struct filter_process *f = context;
	struct resolver_calls calls = resolver_over(f->resolver);
	struct resolver_asker asker = { .t = t,
		.calls = &calls,
		.deadline = task_deadline(t, 2 * f->filter.config->filter.timeout) };
	struct dns dns = resolver_dns(&asker);
	fn(&dns, arg);
}

static void take_over(struct filter_process *f, const struct config *config)
{
	f->filter.config = config;
	f->filter.antivirus = config->antivirus.servers.n ? &f->antivirus_calls : NULL;
}

static int start(struct role_process *p, struct err *err)
{
	struct filter_process *f = xcalloc(1, sizeof *f);
	f->filter = (struct filter){ .envelopes = envelope_cache_new(),
		.keys = dkim_keys_new(KEYS),
		.with_dns = with_dns,
		.context = f };
	f->resolver = ipc_client_new(p->loop, RESOLVER_TIMEOUT);
	f->antivirus = ipc_client_new(p->loop, ANTIVIRUS_TIMEOUT);
	f->antivirus_calls = antivirus_over(f->antivirus);
	take_over(f, p->config);
	p->state = f;
	return 0;
}

/* Messages that are being judged keep the rules that they began with. */
static void reconfigured(struct role_process *p)
{
	struct filter_process *f = p->state;
	take_over(f, p->config);
}

static int connected(struct role_process *p, str peer, int fd)
{
	struct filter_process *f = p->state;
	if (str_equal(peer, STR("resolver")))
		return ipc_client_attach(f->resolver, fd);
	if (str_equal(peer, STR("antivirus")))
		return ipc_client_attach(f->antivirus, fd);
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
