/*
 * account_copy.c: COPY, MOVE, EXPUNGE. Bodies are never copied.
 */
#include "store/account_internal.h"

#include <errno.h>
#include <stdlib.h>

static struct mailbox_tally tally_of(const struct account_messages *messages)
{
	struct mailbox_tally t = { 0 };
	for (size_t i = 0; i < messages->n; i++)
		mailbox_tally_add(&t, messages->v[i].flags, messages->v[i].size, 1);
	return t;
}

static struct mailbox_tally negative(struct mailbox_tally t)
{
	return (struct mailbox_tally){ -t.messages, -t.unseen, -t.deleted, -t.size };
}

static int transfer_one(struct account *a, uint64_t from, const struct account_message *m,
	uint64_t to, const struct account_message *copy, bool move, struct err *err)
{
	int r = move ? message_vanish(a, from, m->uid, copy->modseq, err)
		     : body_share(a, m->body, err);
	return r < 0 ? r : message_insert(a, to, copy, err);
}

static int transfer_all(struct account *a, uint64_t from, const struct account_messages *messages,
	uint64_t to, int64_t now, bool move, struct account_copied *out, struct err *err)
{
	for (size_t i = 0; i < messages->n; i++) {
		struct account_message copy = messages->v[i];
		copy.uid = out->to[i];
		copy.modseq = out->modseq;
		copy.savedate = now;
		int r = transfer_one(a, from, &messages->v[i], to, &copy, move, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int message_transfer(struct account *a, uint64_t from, const struct account_messages *messages,
	uint64_t to, int64_t now, bool move, struct account_copied *out, struct err *err)
{
	size_t n = messages->n;
	struct mailbox_tally added = tally_of(messages), removed = negative(added);
	uint32_t first = 0;
	uint64_t modseq = 0;
	*out = (struct account_copied){ .n = n,
		.from = xcalloc(n + 1, sizeof *out->from),
		.to = xcalloc(n + 1, sizeof *out->to) };
	int r = n ? account_next_modseq(a, &modseq, err) : 0;
	if (r == 0 && n)
		r = mailbox_append(
			a, to, modseq, (uint32_t)n, &added, &first, &out->uidvalidity, err);
	if (r == 0 && n && move)
		r = mailbox_touch(a, from, modseq, &removed, err);
	out->modseq = modseq;
	for (size_t i = 0; i < n; i++) {
		out->from[i] = messages->v[i].uid;
		out->to[i] = first + (uint32_t)i;
	}
	return r < 0 ? r : transfer_all(a, from, messages, to, now, move, out, err);
}

/* Also with nothing to transfer a wrong target is an error, and its uidvalidity is told. */
static int transfer_set(struct account *a, uint64_t from, const struct uid_range *set, size_t count,
	uint64_t to, int64_t now, bool move, struct account_copied *out, struct err *err)
{
	struct account_mailbox source, target;
	struct account_messages messages = { 0 };
	int r = account_mailbox_get(a, from, &source, err);
	if (r == 0)
		r = account_mailbox_get(a, to, &target, err);
	if (r == 0 && target.noselect)
		r = err_set(err, ENOENT, "there is no such mailbox");
	if (r == 0)
		r = message_list(a, from, set, count, &messages, err);
	if (r == 0)
		r = message_transfer(a, from, &messages, to, now, move, out, err);
	if (r == 0)
		out->uidvalidity = target.uidvalidity;
	account_messages_done(&messages);
	return r;
}

static int transfer(struct account *a, uint64_t from, const struct uid_range *set, size_t count,
	uint64_t to, int64_t now, bool move, struct account_copied *out, struct err *err)
{
	struct account_copied result = { 0 };
	int r = db_begin(a->db, DB_WRITE, err);
	if (r < 0)
		return r;
	r = account_end(a, transfer_set(a, from, set, count, to, now, move, &result, err), err);
	if (r < 0) {
		account_copied_done(&result);
		return r;
	}
	*out = result;
	return 0;
}

int account_copy(struct account *a, uint64_t from, const struct uid_range *set, size_t count,
	uint64_t to, int64_t now, struct account_copied *out, struct err *err)
{
	return transfer(a, from, set, count, to, now, false, out, err);
}

int account_move(struct account *a, uint64_t from, const struct uid_range *set, size_t count,
	uint64_t to, int64_t now, struct account_copied *out, struct err *err)
{
	return transfer(a, from, set, count, to, now, true, out, err);
}

void account_copied_done(struct account_copied *c)
{
	free(c->from);
	free(c->to);
	*c = (struct account_copied){ 0 };
}

/* ---- EXPUNGE ---- */

static void keep_deleted(struct account_messages *list)
{
	size_t kept = 0;
	for (size_t i = 0; i < list->n; i++)
		if (list->v[i].flags & MESSAGE_DELETED)
			list->v[kept++] = list->v[i];
	list->n = kept;
}

static int expunge_all(struct account *a, uint64_t mailbox, const struct account_messages *list,
	struct account_expunged *out, struct err *err)
{
	struct mailbox_tally removed = negative(tally_of(list));
	out->uids = xcalloc(list->n + 1, sizeof *out->uids);
	if (list->n == 0)
		return 0;
	int r = account_next_modseq(a, &out->modseq, err);
	if (r == 0)
		r = mailbox_touch(a, mailbox, out->modseq, &removed, err);
	for (size_t i = 0; r == 0 && i < list->n; i++) {
		r = message_vanish(a, mailbox, list->v[i].uid, out->modseq, err);
		if (r == 0)
			r = body_release(a, list->v[i].body, err);
		out->uids[out->n++] = list->v[i].uid;
	}
	return r;
}

/* The counter of \Deleted saves looking at every message when there is nothing to do. */
static int expunge(struct account *a, uint64_t mailbox, const struct uid_range *set, size_t count,
	bool any, struct account_expunged *out, struct err *err)
{
	struct account_mailbox m;
	struct account_messages list = { 0 };
	int r = account_mailbox_get(a, mailbox, &m, err);
	if (r == 0 && (any || m.deleted > 0))
		r = message_list(a, mailbox, set, count, &list, err);
	if (r == 0 && !any)
		keep_deleted(&list);
	if (r == 0)
		r = expunge_all(a, mailbox, &list, out, err);
	account_messages_done(&list);
	return r;
}

int account_expunge(struct account *a, uint64_t mailbox, const struct uid_range *set, size_t count,
	bool any, struct account_expunged *out, struct err *err)
{
	struct account_expunged result = { 0 };
	int r = db_begin(a->db, DB_WRITE, err);
	if (r < 0)
		return r;
	r = account_end(a, expunge(a, mailbox, set, count, any, &result, err), err);
	if (r < 0) {
		account_expunged_done(&result);
		return r;
	}
	*out = result;
	return 0;
}

void account_expunged_done(struct account_expunged *e)
{
	free(e->uids);
	*e = (struct account_expunged){ 0 };
}
