#include "delivery/inbox.h"

#include "base/map.h"
#include "store/account_pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Account files kept open, beside those in use: each costs some hundred KiB. */
enum { KEEP_OPEN = 32 };

/* A commit costs as much as a dozen messages in it. Where messages come together, those that were
 * just committed are followed by as many that are on their way: they get so long to arrive. */
#define GATHER MICROSECONDS(400)

struct inboxes {
	struct loop *loop;
	const struct log *log;
	struct account_pool *pool;
	size_t max_batch;
	struct map busy; /* of struct inbox by account, those that have work */
	struct watchers *watchers;
	struct delivery_counts *counts;
};

/* The messages that wait for an account, and the task that writes them. */
struct inbox {
	struct inboxes *owner;
	uint64_t account;
	struct pending *first, **last;
	size_t waiting, expected;
	struct event complete; /* as many wait as are expected */
};

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
	struct inboxes *all, struct inbox *in, struct pending *p, int result, const struct err *err)
{
	p->result = result;
	*(result < 0 ? &all->counts->failed : &all->counts->messages) += 1;
	if (result < 0)
		log_error(all->log, "could not deliver", F_STR("id", p->id),
			F_INT("account", in->account), F_Z("error", strerrordesc_np(-result)),
			F_Z("detail", err->text));
	else
		log_info(all->log, "delivered", F_STR("id", p->id), F_INT("account", in->account),
			F_INT("mailbox", p->delivery.out_mailbox),
			F_INT("uid", p->delivery.out_uid));
	--*p->left;
	task_wake(p->task);
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
	struct inboxes *all = in->owner;
	struct pending *first = in->first, *p;
	size_t n = 0;
	for (p = first; p && n < all->max_batch; p = p->next)
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
	all->counts->batches++;
	all->counts->largest_batch = MAX(all->counts->largest_batch, (uint64_t)n);
	p = first;
	for (size_t i = 0; i < n; i++) {
		struct pending *next = p->next; /* p is gone once its commit knows */
		int result = rc;
		if (rc < 0 && n > 1)
			result = write_items(t, in, &items[i], 1, &err);
		p->delivery = items[i];
		any |= result == 0;
		done(all, in, p, result, &err);
		p = next;
	}
	free(items);
	if (any)
		watchers_tell(all->watchers, in->account);
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
	map_remove(&in->owner->busy, MAP_KEY(in->account));
	free(in);
}

int inboxes_add(struct inboxes *all, uint64_t account, struct pending *p)
{
	struct inbox *in = map_get(&all->busy, MAP_KEY(account));
	if (!in) {
		in = xcalloc(1, sizeof *in);
		*in = (struct inbox){ .owner = all, .account = account, .expected = SIZE_MAX };
		in->last = &in->first;
		int rc = task_start(all->loop, write_inbox, in, NULL);
		if (rc < 0) {
			free(in);
			return rc;
		}
		map_put(&all->busy, MAP_KEY(account), in);
	}
	p->next = NULL;
	*in->last = p;
	in->last = &p->next;
	if (++in->waiting >= in->expected)
		event_set(&in->complete);
	return 0;
}

struct inboxes *inboxes_new(struct loop *l, const struct log *log, str data_dir, size_t max_batch,
	struct watchers *watchers, struct delivery_counts *counts)
{
	struct inboxes *all = xcalloc(1, sizeof *all);
	*all = (struct inboxes){ .loop = l,
		.log = log,
		.pool = account_pool_new(data_dir, KEEP_OPEN),
		.max_batch = max_batch,
		.watchers = watchers,
		.counts = counts };
	map_init(&all->busy);
	return all;
}

void inboxes_free(struct inboxes *all)
{
	if (!all)
		return;
	ASSERT(all->busy.n == 0);
	map_done(&all->busy);
	account_pool_free(all->pool);
	free(all);
}
