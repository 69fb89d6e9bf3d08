#include "filter/filter_role.h"

#include "filter/filter.h"
#include "filter/list_health.h"
#include "filter/list_tasks.h"
#include "io/watchdog.h"
#include "mail/inspect.h"
#include "resolver/lookup_cache.h"
#include "resolver/resolver_dns.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* Decoded DKIM keys that are kept: 2 to 4 KiB each. */
enum { KEYS = 512 };

/* Beyond what one question may take (resolver.timeout): it does not answer any more. */
#define RESOLVER_TIMEOUT SECONDS(75)
#define DIRECTORY_TIMEOUT SECONDS(30)
/* The same for the longest antivirus.timeout. */
#define ANTIVIRUS_TIMEOUT SECONDS(3 * 120 + 30)

/* No files and no network: it parses what strangers send, and what it may ask it asks the resolver,
 * the antivirus and the directory, which has our own lists and signs. */
static void sandbox(const struct config *config, struct sandbox *out)
{
}

struct filter_process {
	struct filter filter; /* first: it is what the calls are answered with */
	struct ipc_client *resolver, *antivirus, *directory;
	struct lookup_cache *lookups;
	struct resolver_calls calls; /* over them */
	struct lists *lists;
	struct event lists_changed;
	bool watching;
	struct antivirus_calls antivirus_calls;
	struct watchdog *watchdog;
	struct directory_calls directory_calls;
};

/* Twice the time that is meant for one half: the message's, where the envelope is done again. */
static void with_dns(void *context, struct task *t, filter_dns_fn *fn, void *arg)
{
	struct filter_process *f = context;
	struct resolver_asker asker = { .t = t,
		.calls = &f->calls,
		.deadline = task_deadline(t, 2 * f->filter.config->filter.timeout) };
	struct dns dns = resolver_dns(&asker);
	struct list_tasks tasks = { t, &f->calls };
	struct list_access lists = { f->lists, list_asker_over(&tasks) };
	fn(&dns, &lists, arg);
}

/* Checks the lists in the DNS when that is due, from the moment that there is a resolver. */
static void watch_lists(struct task *t, void *arg)
{
	struct filter_process *f = arg;
	struct list_tasks tasks = { t, &f->calls };
	struct list_asker asker = list_asker_over(&tasks);
	for (int rc = 0; rc != -ECANCELED;) {
		rc = event_wait(t, &f->lists_changed, lists_next_check(f->lists));
		if (rc != -ECANCELED)
			lists_check(f->lists, &asker);
	}
}

static void take_over(struct filter_process *f, const struct config *config)
{
	f->filter.config = config;
	f->filter.antivirus = config->antivirus.servers.n ? &f->antivirus_calls : NULL;
	lists_configure(f->lists, config);
}

/* libmagic's database is a file, and the sandbox has no timers. */
static int prepare(struct role_process *p, struct err *err)
{
	struct filter_process *f = xcalloc(1, sizeof *f);
	struct err why;
	f->filter.inspector = inspector_new(&why);
	if (!f->filter.inspector)
		log_warning(p->log, "attachments are judged by their names alone",
			F_Z("error", why.text));
	p->state = f;
	return watchdog_start(p->loop, p->config->filter.stall_timeout, &f->watchdog, err);
}

static int start(struct role_process *p, struct err *err)
{
	struct filter_process *f = p->state;
	f->filter = (struct filter){ .inspector = f->filter.inspector,
		.envelopes = envelope_cache_new(),
		.keys = dkim_keys_new(KEYS),
		.with_dns = with_dns,
		.context = f };
	f->resolver = ipc_client_new(p->loop, RESOLVER_TIMEOUT);
	f->lookups = lookup_cache_new(resolver_over(f->resolver));
	f->calls = lookup_cache_calls(f->lookups);
	f->lists = lists_new(p->log, &f->lists_changed);
	f->antivirus = ipc_client_new(p->loop, ANTIVIRUS_TIMEOUT);
	f->antivirus_calls = antivirus_over(f->antivirus);
	f->directory = ipc_client_new(p->loop, DIRECTORY_TIMEOUT);
	f->directory_calls = directory_over(f->directory);
	f->filter.directory = &f->directory_calls;
	take_over(f, p->config);
	return 0;
}

/* Messages that are being judged keep the rules that they began with. The resolver has had the new
 * configuration before. */
static void reconfigured(struct role_process *p)
{
	struct filter_process *f = p->state;
	lookup_cache_clear(f->lookups);
	watchdog_limit(f->watchdog, p->config->filter.stall_timeout);
	take_over(f, p->config);
}

static void stats(struct task *t, struct role_process *p, struct json *j)
{
	const struct filter_process *f = p->state;
	uint64_t lookups, hits;
	lookup_cache_counts(f->lookups, &lookups, &hits);
	filter_counts_json(&f->filter.counts, j);
	histogram_json(j, "times", &f->filter.times);
	json_i64(j, "lookups", (int64_t)lookups);
	json_i64(j, "lookups_remembered", (int64_t)hits);
	lists_stats(f->lists, task_now(t), task_wall(t) / NSEC_PER_SEC, j);
}

static int connected(struct role_process *p, str peer, int fd)
{
	struct filter_process *f = p->state;
	if (str_equal(peer, STR("antivirus")))
		return ipc_client_attach(f->antivirus, fd);
	if (str_equal(peer, STR("directory")))
		return ipc_client_attach(f->directory, fd);
	if (!str_equal(peer, STR("resolver"))) {
		close(fd);
		return -EINVAL;
	}
	int rc = ipc_client_attach(f->resolver, fd);
	if (rc == 0 && !f->watching)
		rc = task_start(p->loop, watch_lists, f, NULL);
	f->watching = rc == 0 || f->watching;
	return rc;
}

const struct role filter_role = {
	.name = "filter",
	.sandbox = sandbox,
	.prepare = prepare,
	.start = start,
	.reconfigured = reconfigured,
	.stats = stats,
	.connected = connected,
	.service = &filter_service,
	.ops = &filter_functions,
};
