#include "delivery/recorder.h"

#include "base/base64.h"
#include "base/json.h"
#include "base/random.h"
#include "delivery/tally.h"
#include "store/records.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define COLLECT MILLISECONDS(100)
#define RETRY SECONDS(10) /* after the store could not be opened */
#define TIDY SECONDS(60)  /* old records are removed also when nothing comes */

enum {
	WRITE_AT_ONCE = 1024 * 1024, /* bytes in the queue */
	PRUNE_STEP = 500,
};

/* The texts follow it in memory. */
struct item {
	struct item *next;
	size_t size;
	struct record record;
};

struct recorder {
	struct loop *loop;
	const struct log *log;
	char *data_dir;
	int64_t keep;
	uint64_t max_size;
	struct task *task; /* NULL once it has ended */
	struct event news; /* something came, or enough to be written at once */
	struct event idle; /* nothing is queued or being written */
	bool hurry, busy;
	struct item *first, **last;
	size_t bytes;
	struct tally tally;
	bool counted; /* something, since the last write began */
	uint64_t dropped, dropped_told;
	/* Refused messages in the second that began at `second`. */
	int64_t second;
	uint64_t refused;
	/* Of the thread that writes, one at a time. */
	struct records *store;
	int64_t retry_at;
	bool failing; /* and it was logged */
};

/* ── The queue ────────────────────────────────────────────────────────────────────────────── */

static void drop_oldest(struct recorder *r)
{
	struct item *i = r->first;
	r->first = i->next;
	if (!r->first)
		r->last = &r->first;
	r->bytes -= i->size;
	r->dropped++;
	free(i);
}

static struct item *item_new(str json, str deliveries)
{
	size_t size = sizeof(struct item) + json.n + deliveries.n;
	struct item *i = xmalloc(size);
	char *at = (char *)(i + 1);
	memcpy(at, json.p, json.n);
	memcpy(at + json.n, deliveries.p, deliveries.n);
	*i = (struct item){ .size = size,
		.record = { .time = clock_wall() / NSEC_PER_SEC,
			.json = str_from(at, json.n),
			.deliveries = str_from(at + json.n, deliveries.n) } };
	return i;
}

void recorder_add(struct recorder *r, str json, str deliveries)
{
	if (json.n > RECORD_MAX || deliveries.n > RECORD_MAX || !r->task) {
		r->dropped++;
		return;
	}
	struct item *i = item_new(json, deliveries);
	*r->last = i;
	r->last = &i->next;
	r->bytes += i->size;
	while (r->bytes > RECORDER_QUEUE_MAX)
		drop_oldest(r);
	/* Not each time: that would wake the writer for nothing. */
	if (r->first == i || r->bytes >= WRITE_AT_ONCE)
		event_set(&r->news);
}

/* One record for those that were only counted. */
static void add_omitted(struct recorder *r, uint64_t n)
{
	unsigned char random[10];
	char id[sizeof random + 1], why[128];
	struct buf text CLEANUP(buf_done) = BUF_INIT(1024);
	struct json j = JSON_INIT(&text);
	random_bytes(random, sizeof random);
	base32_id(random, sizeof random, id);
	int length = snprintf(why, sizeof why, "%llu more messages were refused in the same second",
		(unsigned long long)n);
	json_object(&j, NULL);
	json_str(&j, "id", str_from_z(id));
	json_i64(&j, "time", clock_wall() / NSEC_PER_SEC);
	json_str(&j, "action", STR("omitted"));
	json_str(&j, "why", str_from(why, (size_t)length));
	json_end(&j);
	recorder_add(r, buf_str(&text), STR_EMPTY);
}

static void next_second(struct recorder *r, int64_t now)
{
	uint64_t refused = r->refused;
	r->second = now;
	r->refused = 0;
	if (refused > RECORDER_REFUSED_MAX)
		add_omitted(r, refused - RECORDER_REFUSED_MAX);
}

void recorder_add_refused(struct recorder *r, str json)
{
	int64_t now = clock_monotonic() / NSEC_PER_SEC;
	if (now != r->second)
		next_second(r, now);
	if (++r->refused <= RECORDER_REFUSED_MAX)
		recorder_add(r, json, STR_EMPTY);
}

void recorder_count(struct recorder *r, const str *names, size_t n, bool spam)
{
	if (!r->task)
		return;
	tally_add(&r->tally, names, n, spam);
	if (!r->counted)
		event_set(&r->news);
	r->counted = true;
}

/* ── On the thread ────────────────────────────────────────────────────────────────────────── */

struct job {
	struct recorder *recorder;
	struct item *items;
	size_t n, written;
	struct tally tally; /* empty once it is written */
	int64_t keep, now;  /* nanoseconds */
	uint64_t max_size;
	struct err err;
	int result;
};

static int open_store(struct recorder *r, struct err *err)
{
	if (r->store)
		return 0;
	int64_t now = clock_monotonic();
	if (r->retry_at > now)
		return err_set(err, EAGAIN, "records.db could not be opened a moment ago");
	int rc = records_open(r->data_dir, RECORDS_CREATE, &r->store, err);
	if (rc < 0)
		r->retry_at = now + RETRY;
	return rc;
}

static int write_items(struct job *j)
{
	struct record *all = xcalloc(MAX(j->n, (size_t)1), sizeof *all);
	size_t n = 0;
	for (const struct item *i = j->items; i; i = i->next)
		all[n++] = i->record;
	int rc = n ? records_write(j->recorder->store, all, n, j->now / 1000, &j->err) : 0;
	free(all);
	return rc;
}

static int write_counts(struct job *j)
{
	size_t n = j->tally.counts.n;
	if (n == 0)
		return 0;
	struct finding_count *all = xcalloc(n, sizeof *all);
	n = tally_list(&j->tally, all, n);
	int64_t day = j->now / NSEC_PER_SEC / 86400;
	int rc = records_count(j->recorder->store, all, n, day, &j->err);
	free(all);
	if (rc < 0)
		return rc;
	tally_done(&j->tally);
	tally_init(&j->tally);
	return 0;
}

/* In steps no shorter than what comes in, so that a full store stays at its size. */
static int prune(struct job *j)
{
	size_t step = MAX(2 * j->n, (size_t)PRUNE_STEP), removed = 0;
	return records_prune(j->recorder->store, (j->now - j->keep) / NSEC_PER_SEC, j->max_size,
		step, &removed, &j->err);
}

static void run_job(void *arg)
{
	struct job *j = arg;
	j->result = open_store(j->recorder, &j->err);
	if (j->result == 0)
		j->result = write_items(j);
	if (j->result == 0)
		j->written = j->n;
	if (j->result == 0)
		j->result = write_counts(j);
	/* A full disk may have room again when the oldest are gone. */
	if (j->recorder->store) {
		int rc = prune(j);
		j->result = j->result ? j->result : rc;
	}
	if (j->result == -EUCLEAN || j->result == -EIO) {
		records_close(j->recorder->store);
		j->recorder->store = NULL;
		j->recorder->retry_at = clock_monotonic() + RETRY;
	}
}

/* ── The task ─────────────────────────────────────────────────────────────────────────────── */

static void tell(struct recorder *r, const struct job *j)
{
	r->dropped += j->n - j->written;
	if (j->result < 0 && !r->failing)
		log_error(r->log, "decision records cannot be kept; mail goes on without them",
			F_Z("error", strerrordesc_np(-j->result)), F_Z("detail", j->err.text));
	else if (j->result == 0 && r->dropped > r->dropped_told)
		log_warning(r->log, "decision records were lost",
			F_INT("count", r->dropped - r->dropped_told));
	if (j->result == 0)
		r->dropped_told = r->dropped;
	r->failing = j->result < 0;
}

static void write_queue(struct task *t, struct recorder *r)
{
	struct job j = { .recorder = r,
		.items = r->first,
		.keep = r->keep,
		.max_size = r->max_size,
		.now = clock_wall() };
	for (struct item *i = j.items; i; i = i->next)
		j.n++;
	r->first = NULL;
	r->last = &r->first;
	r->bytes = 0;
	r->counted = false;
	tally_init(&j.tally);
	tally_merge(&j.tally, &r->tally);
	r->busy = true;
	task_offload(t, run_job, &j);
	r->busy = false;
	tally_merge(&r->tally, &j.tally);
	tally_done(&j.tally);
	tell(r, &j);
	while (j.items) {
		struct item *next = j.items->next;
		free(j.items);
		j.items = next;
	}
}

/* Until there is something to do. False: it is time to end. */
static bool collect(struct task *t, struct recorder *r)
{
	int rc = event_wait(t, &r->news, task_deadline(t, TIDY));
	int64_t deadline = task_deadline(t, COLLECT);
	while (rc == 0 && !r->hurry && r->bytes < WRITE_AT_ONCE) {
		rc = event_wait(t, &r->news, deadline);
	}
	return rc != -ECANCELED;
}

static void keep_records(struct task *t, void *arg)
{
	struct recorder *r = arg;
	bool more = true;
	while (more || r->first || r->counted) {
		if (more && !r->first && !r->counted)
			event_set(&r->idle);
		more = more && collect(t, r);
		if (r->refused > RECORDER_REFUSED_MAX)
			next_second(r, r->second);
		write_queue(t, r);
	}
	r->task = NULL;
	event_set(&r->idle);
}

void recorder_finish(struct task *t, struct recorder *r)
{
	r->hurry = true;
	event_set(&r->news);
	while (r->task && (r->first || r->counted || r->busy))
		if (event_wait(t, &r->idle, NEVER) < 0)
			return;
}

int recorder_new(struct loop *l, const struct log *log, str data_dir, int64_t keep,
	uint64_t max_size, struct recorder **out)
{
	struct recorder *r = xcalloc(1, sizeof *r);
	*r = (struct recorder){ .loop = l, .log = log, .data_dir = str_dup_z(data_dir) };
	r->last = &r->first;
	tally_init(&r->tally);
	recorder_limit(r, keep, max_size);
	int rc = task_start(l, keep_records, r, &r->task);
	if (rc < 0)
		recorder_free(r);
	else
		*out = r;
	return rc;
}

void recorder_free(struct recorder *r)
{
	if (!r)
		return;
	ASSERT(!r->task);
	records_close(r->store);
	tally_done(&r->tally);
	free(r->data_dir);
	free(r);
}

void recorder_limit(struct recorder *r, int64_t keep, uint64_t max_size)
{
	r->keep = keep;
	r->max_size = max_size;
}

uint64_t recorder_dropped(const struct recorder *r)
{
	return r->dropped;
}
