#include "delivery/quarantiner.h"

#include "store/quarantine.h"

#include <errno.h>
#include <stdlib.h>

#define TIDY SECONDS(600) /* what has expired goes also when nothing comes */

enum { EXPIRE_STEP = 100 };

struct quarantiner {
	const struct log *log;
	char *data_dir;
	int64_t keep;
	uint64_t max_size;
	struct task *task; /* NULL once it has ended */
	struct task_lock lock;
	struct quarantine *store; /* of who holds the lock */
};

/* What runs on a thread. */
struct job {
	struct quarantiner *q;
	const struct delivery_quarantine_request *in; /* NULL: only what has expired goes */
	int64_t now;                                  /* seconds since 1970 */
	size_t removed;
	struct err err;
	int result;
};

static int add(struct job *j)
{
	const struct delivery_quarantine_request *in = j->in;
	const struct quarantine_item item = { .id = in->id,
		.time = j->now,
		.reason = in->reason,
		.copy = in->copy,
		.sender = in->sender,
		.client = in->client,
		.recipients = in->recipients.v,
		.recipient_count = in->recipients.n,
		.accounts = in->accounts.v,
		.details = in->details.v,
		.account_count = in->accounts.n,
		.trace = in->trace,
		.size = in->size,
		.received = in->received,
		.summary = { in->envelope, in->body, in->bodystructure, in->date } };
	const struct quarantine_body body = {
		.content = in->content, .fd = in->message, .offset = in->offset
	};
	const struct quarantine_limits limits = { j->now - j->q->keep / NSEC_PER_SEC,
		j->q->max_size };
	int rc = quarantine_add(j->q->store, &item, &body, &limits, &j->err);
	/* Its answer was lost, and it is asked for again. */
	return rc == -EEXIST ? 0 : rc;
}

/* Where nothing was ever kept there is nothing to remove, and no file is made for that. */
static int expire(struct job *j)
{
	struct quarantiner *q = j->q;
	int rc = q->store ? 0 : quarantine_open(q->data_dir, 0, &q->store, &j->err);
	if (rc == 0)
		rc = quarantine_expire(q->store, j->now - q->keep / NSEC_PER_SEC, EXPIRE_STEP,
			&j->removed, &j->err);
	return rc == -ENOENT ? 0 : rc;
}

static void close_store(struct quarantiner *q)
{
	quarantine_close(q->store);
	q->store = NULL;
}

static void run_job(void *arg)
{
	struct job *j = arg;
	struct quarantiner *q = j->q;
	j->result = 0;
	if (j->in && !q->store)
		j->result = quarantine_open(q->data_dir, QUARANTINE_CREATE, &q->store, &j->err);
	if (j->result == 0)
		j->result = j->in ? add(j) : expire(j);
	/* After a damage it may have been put right by the next time; and between two rounds of
	 * tidying it need not cost memory. */
	if (!j->in || j->result == -EUCLEAN || j->result == -EIO)
		close_store(q);
}

static int run(struct task *t, struct job *j)
{
	int rc = task_lock(t, &j->q->lock, NEVER);
	if (rc < 0)
		return rc;
	task_offload(t, run_job, j);
	task_unlock(&j->q->lock);
	return j->result;
}

int quarantiner_add(
	struct task *t, struct quarantiner *q, const struct delivery_quarantine_request *in)
{
	struct job j = { .q = q, .in = in, .now = task_wall(t) / NSEC_PER_SEC };
	int rc = run(t, &j);
	if (rc == 0)
		log_info(q->log, "kept in the quarantine", F_STR("id", in->id),
			F_STR("reason", in->reason), F_INT("copy", in->copy));
	else
		log_error(q->log, "could not keep a message in the quarantine", F_STR("id", in->id),
			F_Z("error", strerrordesc_np(-rc)), F_Z("detail", j.err.text));
	return rc;
}

static void tidy(struct task *t, void *arg)
{
	struct quarantiner *q = arg;
	for (int rc = 0; rc != -ECANCELED; rc = task_sleep(t, TIDY)) {
		struct job j = { .q = q, .now = task_wall(t) / NSEC_PER_SEC };
		int done;
		do {
			j.removed = 0;
			done = run(t, &j);
		} while (done == 0 && j.removed == EXPIRE_STEP);
		if (done < 0 && done != -ECANCELED)
			log_error(q->log, "the quarantine cannot be used",
				F_Z("error", strerrordesc_np(-done)), F_Z("detail", j.err.text));
	}
	q->task = NULL;
}

int quarantiner_new(struct loop *l, const struct log *log, str data_dir, int64_t keep,
	uint64_t max_size, struct quarantiner **out)
{
	struct quarantiner *q = xcalloc(1, sizeof *q);
	*q = (struct quarantiner){ .log = log, .data_dir = str_dup_z(data_dir) };
	quarantiner_limit(q, keep, max_size);
	int rc = task_start(l, tidy, q, &q->task);
	if (rc < 0)
		quarantiner_free(q);
	else
		*out = q;
	return rc;
}

void quarantiner_free(struct quarantiner *q)
{
	if (!q)
		return;
	ASSERT(!q->task);
	quarantine_close(q->store);
	free(q->data_dir);
	free(q);
}

void quarantiner_limit(struct quarantiner *q, int64_t keep, uint64_t max_size)
{
	q->keep = keep;
	q->max_size = max_size;
}
