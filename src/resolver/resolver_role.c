#include "resolver/resolver_role.h"

#include "resolver/resolver.h"

#include <errno.h>
#include <unistd.h>

/* Asks others, and reads its trust anchors. They are replaced by new files of the same name, so
 * that their directory is opened. */
static void sandbox(const struct config *config, struct sandbox *out)
{
	str path = config->resolver.trust_anchor;
	char directory[sizeof out->paths[0].path];
	ptrdiff_t slash = str_find_last_char(path, '/');
	out->asks = true;
	if (slash > 0 && str_copy_z(str_first(path, (size_t)slash), directory, sizeof directory) &&
		access(directory, F_OK) == 0)
		sandbox_allow(out, str_from_z(directory), "", SANDBOX_READ);
}

static int start(struct role_process *p, struct err *err)
{
	p->state = resolver_new(p->loop, p->log, p->config, err);
	return p->state ? 0 : -EINVAL;
}

static int reconfigure(struct role_process *p, const struct config *next, struct err *err)
{
	return resolver_reconfigure(p->state, next, err);
}

static void stats(struct task *t, struct role_process *p, struct json *j)
{
	const struct resolver_calls calls = resolver_local(p->state);
	struct resolver_statistics_reply s = { 0 };
	if (resolver_statistics(t, &calls, &(struct resolver_statistics_request){ 0 }, NULL, &s) <
		0)
		return;
	json_i64(j, "lookups", (int64_t)s.lookups);
	json_i64(j, "joined", (int64_t)s.joined);
	json_i64(j, "refused", (int64_t)s.refused);
	json_i64(j, "failed", (int64_t)s.failed);
	json_i64(j, "waiting", (int64_t)s.waiting);
	json_i64(j, "open", (int64_t)s.open);
}

const struct role resolver_role = {
	.name = "resolver",
	.sandbox = sandbox,
	.start = start,
	.reconfigure = reconfigure,
	.stats = stats,
	.service = &resolver_service,
	.ops = &resolver_functions,
};
