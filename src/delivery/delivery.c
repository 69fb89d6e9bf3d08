#include "delivery/delivery.h"

#include "base/json.h"
#include "base/map.h"
#include "delivery/failures.h"
#include "store/account_pool.h"

#include <errno.h>
#include <stdlib.h>

/* Account files kept open, beside those in use: each costs some hundred KiB. */
enum { KEEP_OPEN = 32 };
/* Deliveries of one message that its record lists. */
enum { DELIVERIES_MAX = 500, NAME_SHOWN = 60 };
#define CHANGED_TIMEOUT SECONDS(10)

/* A commit costs as much as a dozen messages in it. Where messages come together, those that were
 * just committed are followed by as many that are on their way: they get so long to arrive. */
#define GATHER MICROSECONDS(400)

/* A process that shows mailboxes hears of changes at once, and then no more often than this. */
#define TELL_INTERVAL MILLISECONDS(50)

struct delivery {
	struct loop *loop;
	const struct log *log;
	struct account_pool *pool;
	size_t max_batch;
	struct map inboxes; /* of struct inbox by account, those that have work */
	struct watcher *watchers;
	struct recorder *recorder;       /* NULL: none; not owned */
	struct quarantiner *quarantiner; /* the same */
	struct failures *failures;
	struct delivery_counts counts;
};

/* One message on its way into one account; stands in the memory of the commit that waits for it. */
struct pending {
	struct pending *next;
	struct account_delivery delivery;
	str id;
	struct commit *commit;
	int result;
};

struct commit {
	struct task *task;
	size_t left; /* of its messages, not yet done */
};

/* The messages that wait for an account, and the task that writes them. */
struct inbox {
	struct delivery *owner;
	uint64_t account;
	struct pending *first, **last;
	size_t waiting, expected;
	struct event complete; /* as many wait as are expected */
};

/* ── Telling who shows mailboxes ──────────────────────────────────────────────────────────── */

struct watcher {
	struct watcher *next;
	struct delivery *owner;
	char *name;
	struct ipc_client *client;
	struct map accounts; /* changed, and not yet told; values are the watcher itself */
	struct event news;
	struct task *task;
};

static void tell(struct task *t, struct watcher *w, uint64_t account)
{
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(1024);
	struct changes_calls calls = changes_over(w->client);
	struct changes_changed_request in = { .account = account };
	struct changes_changed_reply out;
	/* A process that is not there shows nothing; the next one reads the file as it is. */
	int rc = changes_changed(t, &calls, &in, &arena, &out);
	if (rc < 0 && rc != -ECONNRESET && rc != -ENOTCONN)
		log_warning(w->owner->log, "a mailbox process does not listen",
			F_Z("process", w->name), F_Z("error", strerrordesc_np(-rc)));
}

static void tell_changes(struct task *t, void *arg)
{
	struct watcher *w = arg;
	while (event_wait(t, &w->news, NEVER) == 0) {
		struct map_cursor cursor = { 0 };
		str key;
		void *unused;
		while (map_next(&w->accounts, &cursor, &key, &unused)) {
			uint64_t account;
			memcpy(&account, key.p, sizeof account);
			map_remove(&w->accounts, MAP_KEY(account));
			tell(t, w, account);
			cursor = (struct map_cursor){ 0 }; /* others may have been added */
		}
		if (task_sleep(t, TELL_INTERVAL) < 0)
			break;
	}
}

static void account_changed(struct delivery *d, uint64_t account)
{
	for (struct watcher *w = d->watchers; w; w = w->next) {
		map_put(&w->accounts, MAP_KEY(account), w);
		event_set(&w->news);
	}
}

int delivery_watch(struct delivery *d, str name, int fd)
{
	struct watcher *w = d->watchers;
	while (w && !str_equal(name, str_from_z(w->name)))
		w = w->next;
	if (!w) {
		w = xcalloc(1, sizeof *w);
		*w = (struct watcher){ .next = d->watchers,
			.owner = d,
			.name = str_dup_z(name),
			.client = ipc_client_new(d->loop, CHANGED_TIMEOUT) };
		map_init(&w->accounts);
		int rc = task_start(d->loop, tell_changes, w, &w->task);
		ASSERT(rc == 0); /* as many as there are mailbox processes */
		d->watchers = w;
	}
	return ipc_client_attach(w->client, fd);
}

/* ── Writing ──────────────────────────────────────────────────────────────────────────────── */

struct batch {
	struct account_delivery *items;
	size_t n;
	int64_t now;
};

/* An account without a mailbox for junk gets one. Where one of that name is there already, and is
 * not marked as such, that is it. */
static int provide_junk(struct account *a, struct batch *b, struct err *err)
{
	struct account_mailbox m;
	int rc = account_mailbox_find_special(a, SPECIAL_USE_JUNK, &m, err);
	if (rc != -ENOENT)
		return rc;
	rc = account_mailbox_create(a, STR("Junk"), SPECIAL_USE_JUNK, b->now, &m, err);
	for (size_t i = 0; rc == -EEXIST && i < b->n; i++) {
		if (b->items[i].special_use != SPECIAL_USE_JUNK)
			continue;
		b->items[i].special_use = SPECIAL_USE_NONE;
		b->items[i].name = STR("Junk");
	}
	return rc == -EEXIST ? 0 : rc;
}

static int deliver_batch(struct account *a, void *arg, struct err *err)
{
	struct batch *b = arg;
	uint64_t modseq;
	bool junk = false;
	for (size_t i = 0; i < b->n; i++)
		junk |= b->items[i].special_use == SPECIAL_USE_JUNK;
	int rc = junk ? provide_junk(a, b, err) : 0;
	if (rc < 0)
		return rc;
	return account_deliver(a, b->items, b->n, b->now, &modseq, err);
}

static void done(
	struct delivery *d, struct inbox *in, struct pending *p, int result, const struct err *err)
{
	p->result = result;
	*(result < 0 ? &d->counts.failed : &d->counts.messages) += 1;
	if (result < 0)
		log_error(d->log, "could not deliver", F_STR("id", p->id),
			F_INT("account", in->account), F_Z("error", strerrordesc_np(-result)),
			F_Z("detail", err->text));
	else
		log_info(d->log, "delivered", F_STR("id", p->id), F_INT("account", in->account),
			F_INT("mailbox", p->delivery.out_mailbox),
			F_INT("uid", p->delivery.out_uid));
	p->commit->left--;
	task_wake(p->commit->task);
}

static int write_items(
	struct task *t, struct inbox *in, struct account_delivery *items, size_t n, struct err *err)
{
	struct batch b = { items, n, task_wall(t) / NSEC_PER_SEC };
	return account_pool_run(t, in->owner->pool, in->account, deliver_batch, &b, err);
}

/* Writes the next batch together; if that fails, each by itself, so that one message which cannot
 * be stored does not keep the others out. */
static void write_batch(struct task *t, struct inbox *in)
{
	struct delivery *d = in->owner;
	struct pending *first = in->first, *p;
	size_t n = 0;
	for (p = first; p && n < d->max_batch; p = p->next)
		n++;
	in->first = p;
	in->waiting -= n;
	if (!p)
		in->last = &in->first;

	struct account_delivery *items = xcalloc(n, sizeof *items);
	p = first;
	for (size_t i = 0; i < n; i++, p = p->next)
		items[i] = p->delivery;
	struct err err = { "" };
	int rc = write_items(t, in, items, n, &err);
	bool any = rc == 0;
	d->counts.batches++;
	d->counts.largest_batch = MAX(d->counts.largest_batch, (uint64_t)n);
	p = first;
	for (size_t i = 0; i < n; i++) {
		struct pending *next = p->next; /* p is gone once its commit knows */
		int result = rc;
		if (rc < 0 && n > 1)
			result = write_items(t, in, &items[i], 1, &err);
		p->delivery = items[i];
		any |= result == 0;
		done(d, in, p, result, &err);
		p = next;
	}
	free(items);
	if (any)
		account_changed(d, in->account);
}

/* Until n messages wait, but not for long. */
static void gather(struct task *t, struct inbox *in, size_t n)
{
	in->expected = n;
	in->complete.set = in->waiting >= n;
	(void)!event_wait(t, &in->complete, task_deadline(t, GATHER));
	in->expected = SIZE_MAX;
}

static void write_inbox(struct task *t, void *arg)
{
	struct inbox *in = arg;
	while (in->first) {
		(void)!task_yield(t); /* what has reached the socket by now comes along */
		size_t n = MIN(in->waiting, in->owner->max_batch);
		write_batch(t, in);
		if (n > 1)
			gather(t, in, n);
	}
	map_remove(&in->owner->inboxes, MAP_KEY(in->account));
	free(in);
}

/* Puts the message into the account's inbox, and starts its writer if none is at work. */
static int enqueue(struct delivery *d, uint64_t account, struct pending *p)
{
	struct inbox *in = map_get(&d->inboxes, MAP_KEY(account));
	if (!in) {
		in = xcalloc(1, sizeof *in);
		*in = (struct inbox){ .owner = d, .account = account, .expected = SIZE_MAX };
		in->last = &in->first;
		int rc = task_start(d->loop, write_inbox, in, NULL);
		if (rc < 0) {
			free(in);
			return rc;
		}
		map_put(&d->inboxes, MAP_KEY(account), in);
	}
	p->next = NULL;
	*in->last = p;
	in->last = &p->next;
	if (++in->waiting >= in->expected)
		event_set(&in->complete);
	return 0;
}

/* ── The calls ────────────────────────────────────────────────────────────────────────────── */

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
	struct commit c = { .task = t, .left = n };
	struct pending *pending = arena_array(a, struct pending, n);
	for (size_t i = 0; i < n; i++) {
		pending[i] = (struct pending){
			.delivery = delivery_of(in, heads, i), .id = in->id, .commit = &c
		};
		pending[i].result = enqueue(d, in->accounts.v[i], &pending[i]);
		if (pending[i].result < 0)
			c.left--;
	}
	while (c.left) {
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
	account_changed(self, in->account);
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

const struct delivery_counts *delivery_counted(const struct delivery *d)
{
	return &d->counts;
}

struct delivery *delivery_new(struct loop *l, const struct log *log, str data_dir, size_t max_batch)
{
	struct delivery *d = xcalloc(1, sizeof *d);
	*d = (struct delivery){ .loop = l,
		.log = log,
		.pool = account_pool_new(data_dir, KEEP_OPEN),
		.max_batch = max_batch,
		.failures = failures_new() };
	map_init(&d->inboxes);
	return d;
}

void delivery_free(struct delivery *d)
{
	if (!d)
		return;
	ASSERT(d->inboxes.n == 0);
	while (d->watchers) {
		struct watcher *w = d->watchers;
		d->watchers = w->next;
		ipc_client_free(w->client);
		map_done(&w->accounts);
		free(w->name);
		free(w);
	}
	map_done(&d->inboxes);
	failures_free(d->failures);
	account_pool_free(d->pool);
	free(d);
}
