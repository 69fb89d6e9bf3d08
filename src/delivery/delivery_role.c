#include "delivery/delivery_role.h"

#include "delivery/delivery.h"

/* Writes the accounts, the decision records and the quarantine, and nothing else; talks to other
 * roles only. */
static void sandbox(const struct config *config, struct sandbox *out)
{
	sandbox_allow(out, config->data_dir, "accounts", SANDBOX_WRITE);
	sandbox_allow(out, config->data_dir, "records", SANDBOX_WRITE);
	sandbox_allow(out, config->data_dir, "quarantine", SANDBOX_WRITE);
}

static int keep_records(struct role_process *p, struct err *err)
{
	const struct config *c = p->config;
	struct recorder *recorder;
	int rc = recorder_new(
		p->loop, p->log, c->data_dir, c->records.keep, c->records.max_size, &recorder);
	if (rc < 0)
		return err_errno(err, -rc, "keeping decision records");
	delivery_keep_records(p->state, recorder);
	return 0;
}

static int keep_aside(struct role_process *p, struct err *err)
{
	const struct config *c = p->config;
	struct quarantiner *quarantiner;
	int rc = quarantiner_new(p->loop, p->log, c->data_dir, c->quarantine.keep,
		c->quarantine.max_size, &quarantiner);
	if (rc < 0)
		return err_errno(err, -rc, "keeping the quarantine");
	delivery_keep_aside(p->state, quarantiner);
	return 0;
}

static int start(struct role_process *p, struct err *err)
{
	p->state = delivery_new(
		p->loop, p->log, p->config->data_dir, (size_t)p->config->delivery.max_batch);
	int rc = p->config->records.keep ? keep_records(p, err) : 0;
	return rc < 0 ? rc : keep_aside(p, err);
}

/* Whether records are kept at all is decided at the start. */
static void reconfigured(struct role_process *p)
{
	struct recorder *recorder = delivery_recorder(p->state);
	if (recorder)
		recorder_limit(recorder, p->config->records.keep, p->config->records.max_size);
	quarantiner_limit(delivery_quarantiner(p->state), p->config->quarantine.keep,
		p->config->quarantine.max_size);
}

static void finish(struct task *t, struct role_process *p)
{
	struct recorder *recorder = delivery_recorder(p->state);
	if (recorder)
		recorder_finish(t, recorder);
}

static void stats(struct task *t, struct role_process *p, struct json *j)
{
	const struct recorder *recorder = delivery_recorder(p->state);
	delivery_counts_json(delivery_counted(p->state), j);
	if (recorder)
		json_i64(j, "records_lost", (int64_t)recorder_dropped(recorder));
}

static int connected(struct role_process *p, str peer, int fd)
{
	return delivery_watch(p->state, peer, fd);
}

const struct role delivery_role = {
	.name = "delivery",
	.sandbox = sandbox,
	.start = start,
	.reconfigured = reconfigured,
	.finish = finish,
	.stats = stats,
	.connected = connected,
	.service = &delivery_service,
	.ops = &delivery_functions,
};
