#include "main/resolving.h"

#include "main/cli.h"
#include "resolver/resolver.h"

#include <unistd.h>

struct run {
	int (*fn)(struct resolver_asker *asker, void *arg);
	void *arg;
	struct loop *loop;
	struct resolver *resolver;
	int status;
};

static void run_task(struct task *t, void *arg)
{
	struct run *r = arg;
	struct resolver_calls calls = resolver_local(r->resolver);
	struct resolver_asker asker = { .t = t, .calls = &calls, .deadline = NEVER };
	r->status = r->fn(&asker, r->arg);
	loop_stop(r->loop);
}

int resolving(
	const struct config *config, int (*fn)(struct resolver_asker *asker, void *arg), void *arg)
{
	struct err err;
	struct log_sink sink = { .fd = STDERR_FILENO,
		.level = config->log.level == LOG_LEVEL_DEBUG ? LOG_LEVEL_DEBUG
							      : LOG_LEVEL_WARNING };
	struct log log = { .sink = &sink };
	struct run r = { .fn = fn, .arg = arg, .loop = loop_new(&log) };
	r.resolver = resolver_new(r.loop, &log, config, &err);
	if (!r.resolver)
		r.status = cli_err(&err);
	else if (task_start(r.loop, run_task, &r, NULL) < 0)
		r.status = cli_error("out of memory");
	else
		loop_run(r.loop);
	resolver_free(r.resolver);
	loop_finish(r.loop);
	loop_free(r.loop);
	return r.status;
}
