/*
 * fetch_batch.c: the responses for one batch of messages. All of it runs on a thread, while the
 * session waits.
 *
 * `out` has no maximum of its own: it ends a batch when it holds FETCH_OUT_ENOUGH, and one message
 * adds at most its summary (3 MiB) or FETCH_BODIES_MAX of sections.
 */
#include "mailbox/fetch.h"

#include <errno.h>

/* The rows of a batch, and how far they have been answered. */
struct rows {
	struct fetch *f;
	struct account_messages list;
	bool seen[FETCH_BATCH_BODIES]; /* \Seen was set by this FETCH */
	size_t done;                   /* of the list */
	size_t index;                  /* of the next one in the view, or before it */
	size_t first;                  /* of the list: what account_summaries() calls 0 */
	uint32_t seen_before; /* a batch before set \Seen up to this uid, and may have left some out
			       */
};

/* ── Reading the rows ─────────────────────────────────────────────────────────────────────── */

static bool has_unknown_keyword(const struct fetch *f, const struct account_message *m)
{
	for (unsigned i = 0; i < ARRAY_LEN(m->keywords.bits); i++) {
		uint64_t bits = m->keywords.bits[i];
		if (bits && i * 64 + 63 - (unsigned)__builtin_clzll(bits) >= f->keyword_count)
			return true;
	}
	return false;
}

/* Names are read when a message has a keyword that is not known here yet. */
static int learn_keywords(struct rows *rows, struct account *a, struct err *err)
{
	struct fetch *f = rows->f;
	bool known = true;
	for (size_t i = 0; known && i < rows->list.n; i++)
		known = !has_unknown_keyword(f, &rows->list.v[i]);
	if (known)
		return 0;
	str *names;
	int r = account_keywords_list(a, &f->s->arena, &names, &f->keyword_count, err);
	if (r == 0)
		f->keywords = names;
	return r;
}

static void drop_unchanged(struct account_messages *list, uint64_t since)
{
	size_t kept = 0;
	for (size_t i = 0; i < list->n; i++)
		if (list->v[i].modseq > since)
			list->v[kept++] = list->v[i];
	list->n = kept;
}

/* Leaves the messages for later that this one has no memory for. At least one is kept. */
static void leave(struct fetch *f, struct account_messages *list, size_t keep)
{
	if (keep >= list->n)
		return;
	f->next = view_index(&f->s->view, list->v[keep].uid);
	f->is_cut = true;
	list->n = keep;
}

static void limit_bodies(struct fetch *f, struct account_messages *list)
{
	uint64_t bytes = 0;
	size_t n = 0;
	while (n < list->n && (n == 0 || bytes + list->v[n].size <= FETCH_OUT_ENOUGH))
		bytes += list->v[n++].size;
	leave(f, list, n);
}

static int set_seen(struct rows *rows, struct account *a, struct err *err)
{
	struct uid_range unseen[FETCH_BATCH_BODIES];
	struct account_messages *list = &rows->list;
	size_t n = 0;
	for (size_t i = 0; i < list->n; i++) {
		rows->seen[i] = !(list->v[i].flags & MESSAGE_SEEN);
		if (rows->seen[i])
			unseen[n++] = (struct uid_range){ list->v[i].uid, list->v[i].uid };
	}
	if (n == 0)
		return 0;
	rows->f->seen_until = unseen[n - 1].last;
	struct account_stored stored;
	struct account_store change = { .mode = STORE_ADD, .flags = MESSAGE_SEEN };
	int r = account_store(a, rows->f->s->view.mailbox, unseen, n, &change, &stored, err);
	if (r < 0)
		return r;
	for (size_t i = 0, k = 0; i < list->n && k < stored.messages.n; i++)
		if (list->v[i].uid == stored.messages.v[k].uid)
			list->v[i] = stored.messages.v[k++];
	rows->f->modseq = stored.modseq;
	account_stored_done(&stored);
	return 0;
}

static int read_rows(struct rows *rows, struct account *a, struct err *err)
{
	struct fetch *f = rows->f;
	int r = account_messages(
		a, f->s->view.mailbox, f->batch.ranges, f->batch.range_count, &rows->list, err);
	if (r < 0)
		return r;
	f->incomplete |= rows->list.n < f->batch.count;
	rows->index = f->batch.index;
	if (f->what->has_changed_since)
		drop_unchanged(&rows->list, f->what->changed_since);
	if (f->need == FETCH_WHOLE || f->need == FETCH_PARTS)
		limit_bodies(f, &rows->list);
	if (f->set_seen)
		r = set_seen(rows, a, err);
	if (r == 0 && ((f->items & IMAP_FETCH_FLAGS) || f->modseq))
		r = learn_keywords(rows, a, err);
	return r;
}

/* ── Answering ────────────────────────────────────────────────────────────────────────────── */

static bool became_seen(const struct rows *rows, size_t i)
{
	return rows->f->set_seen && (rows->seen[i] || rows->list.v[i].uid <= rows->seen_before);
}

/* False: the view does not have it. */
static bool put_row(struct rows *rows, size_t i)
{
	const struct account_message *m = &rows->list.v[i];
	if (!view_index_forward(&rows->f->s->view, m->uid, &rows->index))
		return false;
	fetch_row(rows->f, rows->index, m, became_seen(rows, i));
	return true;
}

static int put_summarised(void *arg, size_t i, const struct account_summary *summary)
{
	struct rows *rows = arg;
	struct fetch *f = rows->f;
	i += rows->first;
	if (f->out.n >= FETCH_OUT_ENOUGH)
		return -ENOBUFS;
	f->incomplete |= i != rows->done;
	rows->done = i + 1;
	if (!put_row(rows, i))
		return 0;
	fetch_summary(f, summary);
	if (f->need == FETCH_NO_BODY)
		fetch_end(f);
	return 0;
}

/* Of n messages from rows->done on; those whose body is gone are passed over. */
static int put_summaries(struct rows *rows, struct account *a, size_t n, struct err *err)
{
	uint64_t bodies[FETCH_BATCH];
	rows->first = rows->done;
	for (size_t i = 0; i < n; i++)
		bodies[i] = rows->list.v[rows->first + i].body;
	int r = account_summaries(a, bodies, n, put_summarised, rows, err);
	if (r == -ENOBUFS) {
		leave(rows->f, &rows->list, rows->done);
		return 0;
	}
	rows->f->incomplete |= rows->done < rows->first + n;
	rows->done = rows->first + n;
	return r;
}

static int put_without_bodies(struct rows *rows, struct account *a, struct err *err)
{
	if (rows->f->summary)
		return put_summaries(rows, a, rows->list.n, err);
	for (size_t i = 0; i < rows->list.n; i++)
		if (put_row(rows, i))
			fetch_end(rows->f);
	return 0;
}

/* Row and summary of the next message; nothing is written where it is gone. */
static int put_beginning(struct rows *rows, struct account *a, struct err *err)
{
	if (rows->f->summary)
		return put_summaries(rows, a, 1, err);
	put_row(rows, rows->done++);
	return 0;
}

static int put_with_body(struct rows *rows, struct account *a, struct err *err)
{
	struct fetch *f = rows->f;
	const struct account_message *m = &rows->list.v[rows->done];
	size_t start = f->out.n;
	int r = put_beginning(rows, a, err);
	size_t beginning = f->out.n;
	if (r < 0 || beginning == start)
		return r;
	r = fetch_sections(f, a, m, err);
	if (r == -EFBIG) {
		f->out.n = beginning;
		f->large = *m;
		f->large_start = start;
		leave(f, &rows->list, rows->done);
	} else if (r == -ENOENT) {
		f->out.n = start;
		f->incomplete = true;
	} else if (r == 0) {
		fetch_end(f);
	}
	return r == -EFBIG || r == -ENOENT ? 0 : r;
}

static int put_with_bodies(struct rows *rows, struct account *a, struct err *err)
{
	int r = 0;
	while (r == 0 && rows->done < rows->list.n) {
		if (rows->f->out.n >= FETCH_OUT_ENOUGH)
			leave(rows->f, &rows->list, rows->done);
		else
			r = put_with_body(rows, a, err);
	}
	return r;
}

int fetch_batch(struct account *a, void *arg, struct err *err)
{
	struct fetch *f = arg;
	struct rows rows = { .f = f, .seen_before = f->seen_until };
	int r = read_rows(&rows, a, err);
	if (r == 0)
		r = f->need == FETCH_NO_BODY ? put_without_bodies(&rows, a, err)
					     : put_with_bodies(&rows, a, err);
	account_messages_done(&rows.list);
	return r;
}
