#include "store/account_pool.h"

#include "base/map.h"

#include <errno.h>
#include <stdlib.h>

/* An account that is in use or was lately. */
struct entry {
	uint64_t id;
	struct account *account; /* NULL until first used, and after it could not be opened */
	struct task_lock lock;
	unsigned users; /* calls that run or wait, and the checkpoint */
	bool checkpointing;
	struct entry *older, *newer; /* among those without users */
};

struct account_pool {
	char *data_dir;
	struct task_lock checkpoint; /* one at a time: there is one disk, and few threads */
	size_t keep, idle_count;
	struct map entries;            /* by id */
	struct entry *oldest, *newest; /* of those without users */
};

struct account_pool *account_pool_new(str data_dir, size_t keep)
{
	struct account_pool *p = xcalloc(1, sizeof *p);
	p->data_dir = str_dup_z(data_dir);
	p->keep = keep;
	map_init(&p->entries);
	return p;
}

static void idle_remove(struct account_pool *p, struct entry *e)
{
	*(e->older ? &e->older->newer : &p->oldest) = e->newer;
	*(e->newer ? &e->newer->older : &p->newest) = e->older;
	e->older = e->newer = NULL;
	p->idle_count--;
}

static void idle_add(struct account_pool *p, struct entry *e)
{
	e->older = p->newest;
	e->newer = NULL;
	*(p->newest ? &p->newest->newer : &p->oldest) = e;
	p->newest = e;
	p->idle_count++;
}

static void shrink(struct account_pool *p, size_t keep)
{
	while (p->idle_count > keep) {
		struct entry *e = p->oldest;
		idle_remove(p, e);
		map_remove(&p->entries, MAP_KEY(e->id));
		account_close(e->account);
		free(e);
	}
}

void account_pool_trim(struct account_pool *p)
{
	shrink(p, 0);
}

void account_pool_free(struct account_pool *p)
{
	if (!p)
		return;
	shrink(p, 0);
	ASSERT(p->entries.n == 0);
	map_done(&p->entries);
	free(p->data_dir);
	free(p);
}

static struct entry *take(struct account_pool *p, uint64_t id)
{
	struct entry *e = map_get(&p->entries, MAP_KEY(id));
	if (!e) {
		e = xcalloc(1, sizeof *e);
		e->id = id;
		map_put(&p->entries, MAP_KEY(id), e);
	} else if (e->users == 0) {
		idle_remove(p, e);
	}
	e->users++;
	return e;
}

static void give(struct account_pool *p, struct entry *e)
{
	if (--e->users)
		return;
	idle_add(p, e);
	shrink(p, p->keep);
}

/* What runs on the thread. */
struct job {
	const char *data_dir;
	struct entry *entry;
	int64_t now;
	account_fn *fn;
	void *arg;
	struct err *err;
	int result;
};

static void run_job(void *arg)
{
	struct job *j = arg;
	struct entry *e = j->entry;
	j->result = 0;
	if (!e->account)
		j->result = account_open(j->data_dir, e->id,
			ACCOUNT_CREATE | ACCOUNT_CHECKPOINT_APART, j->now, &e->account, j->err);
	if (j->result == 0)
		j->result = j->fn(e->account, j->arg, j->err);
}

/* ── Checkpoints ──────────────────────────────────────────────────────────────────────────── */

struct checkpoint {
	struct account_pool *pool;
	struct entry *entry;
};

/* A file that cannot be copied stays as it is: the log has everything, and grows until it can. */
static void copy_log(void *arg)
{
	const struct checkpoint *c = arg;
	(void)!account_checkpoint_apart(c->pool->data_dir, c->entry->id, NULL);
}

static void copy_rest(void *arg)
{
	struct checkpoint *c = arg;
	(void)!account_checkpoint(c->entry->account, NULL);
}

static void run_checkpoint(struct task *t, void *arg)
{
	struct checkpoint *c = arg;
	struct entry *e = c->entry;
	if (task_lock(t, &c->pool->checkpoint, NEVER) == 0) {
		task_offload(t, copy_log, c);
		task_unlock(&c->pool->checkpoint);
	}
	if (task_lock(t, &e->lock, NEVER) == 0) {
		task_offload(t, copy_rest, c);
		task_unlock(&e->lock);
	}
	e->checkpointing = false;
	give(c->pool, e);
	free(c);
}

static void start_checkpoint(struct task *t, struct account_pool *p, struct entry *e)
{
	struct checkpoint *c = xmalloc(sizeof *c);
	*c = (struct checkpoint){ p, e };
	if (task_start(task_loop(t), run_checkpoint, c, NULL) < 0) {
		free(c); /* the next call tries again */
		return;
	}
	e->users++;
	e->checkpointing = true;
}

int account_pool_run(struct task *t, struct account_pool *p, uint64_t id, account_fn *fn, void *arg,
	struct err *err)
{
	struct entry *e = take(p, id);
	int rc = task_lock(t, &e->lock, NEVER);
	if (rc == 0) {
		struct job job = { .data_dir = p->data_dir,
			.entry = e,
			.now = task_wall(t) / NSEC_PER_SEC,
			.fn = fn,
			.arg = arg,
			.err = err };
		task_offload(t, run_job, &job);
		task_unlock(&e->lock);
		rc = job.result;
		if (e->account && !e->checkpointing && account_log_is_long(e->account))
			start_checkpoint(t, p, e);
	}
	give(p, e);
	return rc;
}
