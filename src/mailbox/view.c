/*
 * view.c: the selected mailbox as its client knows it.
 *
 * A set of message numbers 3:7 is the range of uids from uids[2] to uids[6]: whatever the store has
 * between them is in the view, because new messages get uids beyond all that are known.
 */
#include "mailbox/view_internal.h"

#include <errno.h>
#include <stdlib.h>

/* A large mailbox is read in steps of so many uids. */
enum { UIDS_AT_ONCE = 65536 };

/* ── Uids ─────────────────────────────────────────────────────────────────────────────────── */

size_t uids_lower_bound(const uint32_t *uids, size_t n, uint32_t uid)
{
	size_t low = 0, high = n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (uids[middle] < uid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

uint32_t view_number(const struct view *v, uint32_t uid)
{
	size_t i = uids_lower_bound(v->uids, v->n, uid);
	return i < v->n && v->uids[i] == uid ? (uint32_t)i + 1 : 0;
}

void view_add_uid(struct view *v, uint32_t uid)
{
	if (v->n == v->cap) {
		v->cap = MAX((size_t)16, v->cap + v->cap / 2);
		v->uids = xrealloc(v->uids, v->cap * sizeof *v->uids);
	}
	v->uids[v->n++] = uid;
}

/* ── \Recent ──────────────────────────────────────────────────────────────────────────────── */

void view_add_recent(struct view *v, uint32_t first, uint32_t end)
{
	if (first >= end)
		return;
	struct uid_range *last = v->recent_count ? &v->recent[v->recent_count - 1] : NULL;
	if (last && first <= last->last + 1) {
		last->last = MAX(last->last, end - 1);
		return;
	}
	v->recent = xrealloc(v->recent, (v->recent_count + 1) * sizeof *v->recent);
	v->recent[v->recent_count++] = (struct uid_range){ first, end - 1 };
}

bool view_is_recent(const struct view *v, uint32_t uid)
{
	size_t low = 0, high = v->recent_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (uid < v->recent[middle].first)
			high = middle;
		else if (uid > v->recent[middle].last)
			low = middle + 1;
		else
			return true;
	}
	return false;
}

uint32_t view_recent_count(const struct view *v)
{
	size_t count = 0;
	for (size_t i = 0; i < v->recent_count; i++)
		count += uids_lower_bound(v->uids, v->n, v->recent[i].last + 1) -
			 uids_lower_bound(v->uids, v->n, v->recent[i].first);
	return (uint32_t)count;
}

/* ── Opening ──────────────────────────────────────────────────────────────────────────────── */

struct open_job {
	str name;
	bool read_only;
	struct account_mailbox mailbox;
	struct view view; /* in the making */
};

static void take_messages(struct view *v, const struct account_messages *m)
{
	for (size_t i = 0; i < m->n; i++) {
		view_add_uid(v, m->v[i].uid);
		if (!v->first_unseen && !(m->v[i].flags & MESSAGE_SEEN))
			v->first_unseen = (uint32_t)v->n;
	}
}

/* All messages below v->uidnext. Those that come, go or change meanwhile have a change number
 * beyond v->highestmodseq: view_sync() will tell. */
static int read_messages(struct account *a, struct view *v, struct err *err)
{
	for (uint64_t first = 1; first < v->uidnext; first += UIDS_AT_ONCE) {
		struct account_messages m;
		struct uid_range range = { (uint32_t)first,
			(uint32_t)MIN(first + UIDS_AT_ONCE, (uint64_t)v->uidnext) - 1 };
		int rc = account_messages(a, v->mailbox, &range, 1, &m, err);
		if (rc < 0)
			return rc;
		take_messages(v, &m);
		account_messages_done(&m);
	}
	return 0;
}

static int open_mailbox(struct account *a, void *arg, struct err *err)
{
	struct open_job *j = arg;
	struct view *v = &j->view;
	uint32_t first, end;
	int rc = account_mailbox_find(a, j->name, &j->mailbox, err);
	if (rc == 0 && j->mailbox.noselect)
		rc = err_set(err, EPERM, "this is only a name with mailboxes below it");
	if (rc < 0)
		return rc;
	*v = (struct view){ .selected = true,
		.read_only = j->read_only,
		.mailbox = j->mailbox.id,
		.uidvalidity = j->mailbox.uidvalidity,
		.uidnext = j->mailbox.uidnext,
		.highestmodseq = j->mailbox.highestmodseq };
	rc = account_recent(a, v->mailbox, !j->read_only, &first, &end, err);
	if (rc < 0)
		return rc;
	view_add_recent(v, first, end);
	rc = read_messages(a, v, err);
	if (rc == 0 && v->n) {
		v->cap = v->n; /* most sessions only wait from here on */
		v->uids = xrealloc(v->uids, v->cap * sizeof *v->uids);
	}
	return rc;
}

static void view_free(struct view *v)
{
	free(v->uids);
	free(v->recent);
	free(v->vanished);
	*v = (struct view){ 0 };
}

int view_open(struct session *s, str name, bool read_only, struct account_mailbox *out_mailbox,
	struct err *err)
{
	struct open_job job = { .name = name, .read_only = read_only };
	view_close(s);
	int rc = mailbox_run(s, open_mailbox, &job, err);
	if (rc < 0) {
		view_free(&job.view);
		return rc;
	}
	s->view = job.view;
	s->state = IMAP_STATE_SELECTED;
	*out_mailbox = job.mailbox;
	return 0;
}

void view_close(struct session *s)
{
	view_free(&s->view);
	if (s->state == IMAP_STATE_SELECTED)
		s->state = IMAP_STATE_AUTHENTICATED;
}

/* RFC 7162 §3.2.11 */
void view_leave(struct session *s)
{
	if (s->view.selected)
		mailbox_put_untagged(
			s, IMAP_OK, STR("CLOSED"), STR("The mailbox before is closed"));
	view_close(s);
}

/* ── Sets ─────────────────────────────────────────────────────────────────────────────────── */

static void take_numbers(const struct view *v, const struct imap_set *set, struct uid_range *out)
{
	for (size_t i = 0; i < set->n; i++)
		out[i] = (struct uid_range){ v->uids[set->ranges[i].first - 1],
			v->uids[set->ranges[i].last - 1] };
}

/* Only what the client was told of. */
static size_t take_uids(const struct view *v, const struct imap_set *set, struct uid_range *out)
{
	size_t n = 0;
	for (size_t i = 0; i < set->n && set->ranges[i].first < v->uidnext; i++)
		out[n++] = (struct uid_range){ set->ranges[i].first,
			MIN(set->ranges[i].last, v->uidnext - 1) };
	return n;
}

bool view_resolve(struct session *s, struct imap_set *set, bool uid, struct uid_range **out,
	size_t *out_count)
{
	const struct view *v = &s->view;
	uint32_t last = v->n ? v->uids[v->n - 1] : 0;
	imap_set_resolve(set, uid ? last : (uint32_t)v->n);
	if (!uid && imap_set_last(set) > v->n)
		return false;
	size_t n = set->n;
	struct uid_range *ranges = arena_try(&s->arena, MAX(n, (size_t)1) * sizeof *ranges);
	if (!ranges)
		return false;
	if (uid)
		n = take_uids(v, set, ranges);
	else
		take_numbers(v, set, ranges);
	*out = ranges;
	*out_count = n;
	return true;
}
