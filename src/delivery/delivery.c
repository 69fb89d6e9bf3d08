#include "delivery/delivery.h"

#include "base/json.h"
#include "delivery/failures.h"
#include "delivery/inbox.h"
#include "delivery/watchers.h"

#include <errno.h>
#include <stdlib.h>

/* Deliveries of one message that its record lists. */
enum { DELIVERIES_MAX = 500, NAME_SHOWN = 60 };

struct delivery {
	struct inboxes *inboxes;
	struct watchers *watchers;
	struct recorder *recorder;       /* NULL: none; not owned */
	struct quarantiner *quarantiner; /* the same */
	struct failures *failures;
	struct delivery_counts counts;
};

/* What stands before the message for each kind of account: the trace fields, with its own behind.
 */
static str *heads_of(const struct delivery_commit_request *in, struct arena *a)
{
	str *heads = arena_array(a, str, in->own_fields.n + 1);
	for (size_t i = 0; i < in->own_fields.n; i++)
		heads[i] = arena_join(a, in->trace, in->own_fields.v[i]);
	return heads;
}

static struct account_delivery delivery_of(
	const struct delivery_commit_request *in, const str *heads, size_t i)
{
	return (struct account_delivery){
		.special_use = in->junk.n && in->junk.v[i] ? SPECIAL_USE_JUNK : SPECIAL_USE_NONE,
		.name = in->details.v[i],
		.or_inbox = true,
		.internaldate = in->received,
		.prefix = in->own.n ? heads[in->own.v[i]] : in->trace,
		.front = in->front,
		.memory = in->content,
		.fd = in->message,
		.body_offset = in->offset,
		.body_size = in->message < 0 ? 0 : in->size,
		.summary = { in->envelope, in->body, in->bodystructure, in->date },
	};
}

static bool own_is_right(const struct delivery_commit_request *in)
{
	if (in->own.n != (in->own_fields.n ? in->accounts.n : 0))
		return false;
	for (size_t i = 0; i < in->own.n; i++)
		if (in->own.v[i] >= in->own_fields.n)
			return false;
	return true;
}

/* As whoever reads the record knows it. */
static str mailbox_name(const struct account_delivery *d)
{
	if (d->out_mailbox == 0 || d->out_inbox)
		return d->out_mailbox ? STR("INBOX") : STR_EMPTY;
	return d->special_use == SPECIAL_USE_JUNK ? STR("Junk") : d->name;
}

static void keep_record(struct delivery *d, str record, const struct ipc_u64s *accounts,
	const struct pending *pending)
{
	if (!d->recorder || record.n == 0)
		return;
	struct buf text CLEANUP(buf_done) = BUF_INIT(128 * 1024);
	struct json j = JSON_INIT(&text);
	json_array(&j, NULL);
	for (size_t i = 0; i < MIN(accounts->n, (size_t)DELIVERIES_MAX); i++) {
		const struct account_delivery *own = &pending[i].delivery;
		json_object(&j, NULL);
		json_i64(&j, "account", (int64_t)accounts->v[i]);
		json_i64(&j, "mailbox", (int64_t)own->out_mailbox);
		json_str_max(&j, "name", mailbox_name(own), NAME_SHOWN);
		json_i64(&j, "uid", own->out_uid);
		json_i64(&j, "result", -pending[i].result);
		json_end(&j);
	}
	json_end(&j);
	recorder_add(d->recorder, record, json_done(&j) ? buf_str(&text) : STR_EMPTY);
}

/* A message that nobody got comes again. */
static void count_findings(
	struct delivery *d, const struct delivery_commit_request *in, const struct pending *pending)
{
	bool taken = false, junk = false;
	for (size_t i = 0; i < in->accounts.n; i++) {
		taken |= pending[i].result == 0;
		junk |= in->junk.n && in->junk.v[i];
	}
	if (d->recorder && in->judged && taken)
		recorder_count(d->recorder, in->findings.v, in->findings.n, junk);
}

static int record(struct task *t, void *self, const struct delivery_record_request *in,
	struct arena *a, struct delivery_record_reply *out)
{
	struct delivery *d = self;
	if (d->recorder && in->judged)
		recorder_count(d->recorder, in->findings.v, in->findings.n, true);
	if (d->recorder && in->record.n)
		recorder_add_refused(d->recorder, in->record);
	return 0;
}

static int commit(struct task *t, void *self, const struct delivery_commit_request *in,
	struct arena *a, struct delivery_commit_reply *out)
{
	struct delivery *d = self;
	size_t n = in->accounts.n;
	if ((in->message < 0 && in->content.n != in->size) || n == 0 || in->details.n != n ||
		(in->junk.n && in->junk.n != n) || !own_is_right(in))
		return -EINVAL;
	const str *heads = heads_of(in, a);
	struct pending *pending = arena_array(a, struct pending, n);
	size_t left = n;
	for (size_t i = 0; i < n; i++) {
		pending[i] = (struct pending){ .delivery = delivery_of(in, heads, i),
			.id = in->id,
			.task = t,
			.left = &left };
		pending[i].result = inboxes_add(d->inboxes, in->accounts.v[i], &pending[i]);
		if (pending[i].result < 0)
			left--;
	}
	while (left) {
		int rc = task_suspend(t, NEVER);
		ASSERT(rc == 0);
	}
	count_findings(d, in, pending);
	keep_record(d, in->record, &in->accounts, pending);
	uint64_t *results = arena_array(a, uint64_t, n);
	for (size_t i = 0; i < n; i++)
		results[i] = (uint64_t)-pending[i].result;
	out->results = (struct ipc_u64s){ results, n };
	if (in->forgiven.n)
		failures_forget(d->failures, in->forgiven);
	out->suspects = failures_count(d->failures, task_now(t));
	return 0;
}

static int quarantine(struct task *t, void *self, const struct delivery_quarantine_request *in,
	struct arena *a, struct delivery_quarantine_reply *out)
{
	struct delivery *d = self;
	if (!d->quarantiner)
		return -EOPNOTSUPP;
	if ((in->message < 0 && in->content.n != in->size) || in->details.n != in->accounts.n)
		return -EINVAL;
	int rc = quarantiner_add(t, d->quarantiner, in);
	if (rc == 0 && d->recorder && in->judged)
		recorder_count(d->recorder, in->findings.v, in->findings.n, true);
	if (rc == 0 && d->recorder && in->record.n)
		recorder_add(d->recorder, in->record, STR_EMPTY);
	return rc;
}

static int failed(struct task *t, void *self, const struct delivery_failed_request *in,
	struct arena *a, struct delivery_failed_reply *out)
{
	struct delivery *d = self;
	struct failure f;
	if (in->digest.n != FAILURES_DIGEST)
		return -EINVAL;
	failures_add(d->failures, in->digest, in->id, in->began, task_now(t), &f);
	out->count = f.count;
	out->first = arena_str(a, str_from_z(f.first_id));
	out->suspects = failures_count(d->failures, task_now(t));
	return 0;
}

static int suspect(struct task *t, void *self, const struct delivery_suspect_request *in,
	struct arena *a, struct delivery_suspect_reply *out)
{
	struct delivery *d = self;
	struct failure f = { 0 };
	if (failures_find(d->failures, in->digest, task_now(t), &f))
		out->shunned = failure_is_shunned(&f, task_now(t));
	out->count = f.count;
	out->first = arena_str(a, str_from_z(f.first_id));
	out->suspects = failures_count(d->failures, task_now(t));
	return 0;
}

static int announce(struct task *t, void *self, const struct delivery_announce_request *in,
	struct arena *a, struct delivery_announce_reply *out)
{
	struct delivery *d = self;
	watchers_tell(d->watchers, in->account);
	return 0;
}

const struct delivery_ops delivery_functions = { .commit = commit,
	.quarantine = quarantine,
	.failed = failed,
	.suspect = suspect,
	.record = record,
	.announce = announce };

void delivery_keep_aside(struct delivery *d, struct quarantiner *quarantiner)
{
	d->quarantiner = quarantiner;
}

struct quarantiner *delivery_quarantiner(const struct delivery *d)
{
	return d->quarantiner;
}

void delivery_keep_records(struct delivery *d, struct recorder *recorder)
{
	d->recorder = recorder;
}

struct recorder *delivery_recorder(const struct delivery *d)
{
	return d->recorder;
}

int delivery_watch(struct delivery *d, str name, int fd)
{
	return watchers_add(d->watchers, name, fd);
}

const struct delivery_counts *delivery_counted(const struct delivery *d)
{
	return &d->counts;
}

struct delivery *delivery_new(struct loop *l, const struct log *log, str data_dir, size_t max_batch)
{
	struct delivery *d = xcalloc(1, sizeof *d);
	d->watchers = watchers_new(l, log);
	d->inboxes = inboxes_new(l, log, data_dir, max_batch, d->watchers, &d->counts);
	d->failures = failures_new();
	return d;
}

void delivery_free(struct delivery *d)
{
	if (!d)
		return;
	inboxes_free(d->inboxes);
	watchers_free(d->watchers);
	failures_free(d->failures);
	free(d);
}
