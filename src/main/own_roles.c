#include "main/own_roles.h"

#include "antivirus/antivirus.h"
#include "main/cli.h"
#include "resolver/resolver.h"

#include <unistd.h>

struct run {
	own_roles_fn *fn;
	void *arg;
	struct loop *loop;
	struct resolver *resolver;
	struct resolver_calls calls; /* of it */
	struct antivirus *antivirus; /* NULL: there is none */
	int status;
};

static void run_task(struct task *t, void *arg)
{
	struct run *r = arg;
	struct own_roles roles = { .t = t,
		.asker = { .t = t, .calls = &r->calls, .deadline = NEVER },
		.has_antivirus = r->antivirus };
	if (r->antivirus)
		roles.antivirus = antivirus_local(r->antivirus);
	r->status = r->fn(&roles, r->arg);
	loop_stop(r->loop);
}

static int set_up(struct run *r, const struct log *log, const struct config *config, bool antivirus)
{
	struct err err;
	r->resolver = resolver_new(r->loop, log, config, &err);
	if (!r->resolver)
		return cli_err(&err);
	r->calls = resolver_local(r->resolver);
	if (antivirus && config->antivirus.servers.n &&
		antivirus_new(r->loop, log, config, &r->calls, &r->antivirus) < 0)
		return cli_error("out of memory");
	if (r->antivirus)
		antivirus_resolver_is_there(r->antivirus);
	return task_start(r->loop, run_task, r, NULL) < 0 ? cli_error("out of memory") : EXIT_DONE;
}

int own_roles_run(const struct config *config, bool antivirus, own_roles_fn *fn, void *arg)
{
	struct log_sink sink = { .fd = STDERR_FILENO,
		.level = config->log.level == LOG_LEVEL_DEBUG ? LOG_LEVEL_DEBUG
							      : LOG_LEVEL_WARNING };
	struct log log = { .sink = &sink };
	struct run r = { .fn = fn, .arg = arg, .loop = loop_new(&log) };
	r.status = set_up(&r, &log, config, antivirus);
	if (r.status == EXIT_DONE)
		loop_run(r.loop);
	resolver_free(r.resolver);
	loop_finish(r.loop);
	antivirus_free(r.antivirus);
	loop_free(r.loop);
	return r.status;
}
