/*
 * view_sync.c: telling the client what happened in the selected mailbox (RFC 3501 §5.2, §7.3,
 * §7.4).
 *
 * Message numbers are the client's: they change only when an EXPUNGE response has been written. So
 * what vanished while those were forbidden stays in uids, and is remembered in `vanished`.
 */
#include "mailbox/view_internal.h"

#include <errno.h>
#include <stdlib.h>

/* ── Telling ──────────────────────────────────────────────────────────────────────────────── */

static void put_number(struct session *s, uint32_t number, str name)
{
	struct buf wire CLEANUP(buf_done) = BUF_INIT(256);
	imap_format_number(&wire, number, name);
	mailbox_put(s, &wire);
}

void view_put_keywords(struct session *s, const str *keywords, size_t count)
{
	struct buf wire CLEANUP(buf_done) = BUF_INIT(SIZE_MAX);
	struct buf code CLEANUP(buf_done) = BUF_INIT(SIZE_MAX);
	imap_format_flags_response(&wire, keywords, count);
	if (s->view.read_only)
		imap_code_permanentflags(&code, 0, NULL, 0, false);
	else
		imap_code_permanentflags(
			&code, IMAP_FLAGS_SETTABLE, keywords, count, count < ACCOUNT_KEYWORDS_MAX);
	imap_format_reply(
		&wire, STR_EMPTY, IMAP_OK, buf_str(&code), STR("Flags that can be stored"));
	s->view.keyword_count = count;
	mailbox_put(s, &wire);
}

/* The names of a message's keywords. */
static size_t keyword_names(const struct account_keywords *set, const str *keywords, size_t count,
	str out[static ACCOUNT_KEYWORDS_MAX])
{
	size_t n = 0;
	for (size_t i = 0; i < MIN(count, (size_t)ACCOUNT_KEYWORDS_MAX); i++)
		if (account_keywords_has(set, (unsigned)i))
			out[n++] = keywords[i];
	return n;
}

void put_flags(struct session *s, const struct account_message *m, const str *keywords,
	size_t keyword_count, bool with_uid)
{
	uint32_t number = view_number(&s->view, m->uid);
	if (!number)
		return;
	if (keyword_count > s->view.keyword_count)
		view_put_keywords(s, keywords, keyword_count);
	str names[ACCOUNT_KEYWORDS_MAX];
	size_t n = keyword_names(&m->keywords, keywords, keyword_count, names);
	unsigned recent = view_is_recent(&s->view, m->uid) ? IMAP_FLAG_RECENT : 0;
	struct buf wire CLEANUP(buf_done) = BUF_INIT(SIZE_MAX);
	buf_printf(&wire, "* %u FETCH (", (unsigned)number);
	if (with_uid)
		buf_printf(&wire, "UID %u ", (unsigned)m->uid);
	buf_add(&wire, STR("FLAGS "));
	imap_format_flags(&wire, m->flags | recent, names, n);
	if (s->condstore)
		buf_printf(&wire, " MODSEQ (%llu)", (unsigned long long)m->modseq);
	buf_add(&wire, STR(")\r\n"));
	mailbox_put(s, &wire);
}

static bool contains(const uint32_t *uids, size_t n, uint32_t uid)
{
	size_t i = uids_lower_bound(uids, n, uid);
	return i < n && uids[i] == uid;
}

/* Leaves in *list what is not in uids. */
static size_t subtract(uint32_t *list, size_t n, const uint32_t *uids, size_t count)
{
	size_t kept = 0;
	for (size_t i = 0; i < n; i++)
		if (!contains(uids, count, list[i]))
			list[kept++] = list[i];
	return kept;
}

void view_expunge(struct session *s, const uint32_t *uids, size_t count)
{
	struct view *v = &s->view;
	struct buf wire CLEANUP(buf_done) = BUF_INIT(SIZE_MAX);
	size_t kept = 0, next = 0;
	for (size_t i = 0; i < v->n; i++) {
		while (next < count && uids[next] < v->uids[i])
			next++;
		if (next < count && uids[next] == v->uids[i])
			imap_format_number(&wire, (uint32_t)kept + 1, STR("EXPUNGE"));
		else
			v->uids[kept++] = v->uids[i];
	}
	v->n = kept;
	v->vanished_count = subtract(v->vanished, v->vanished_count, uids, count);
	mailbox_put(s, &wire);
}

/* ── Looking ──────────────────────────────────────────────────────────────────────────────── */

struct sync_job {
	const struct view *view;
	struct arena *arena;
	struct account_changes changes;
	uint32_t recent_first, recent_end;
	str *keywords;
	size_t keyword_count;
};

static bool has_keywords(const struct account_messages *m)
{
	for (size_t i = 0; i < m->n; i++)
		for (size_t k = 0; k < ARRAY_LEN(m->v[i].keywords.bits); k++)
			if (m->v[i].keywords.bits[k])
				return true;
	return false;
}

static int look(struct account *a, void *arg, struct err *err)
{
	struct sync_job *j = arg;
	const struct view *v = j->view;
	struct account_changes *c = &j->changes;
	int rc = account_changes(a, v->mailbox, v->highestmodseq, v->uidnext, c, err);
	if (rc < 0)
		return rc;
	if (c->mailbox.noselect || c->mailbox.uidvalidity != v->uidvalidity)
		return err_set(err, ENOENT, "the mailbox was deleted");
	if (c->mailbox.uidnext > v->uidnext)
		rc = account_recent(
			a, v->mailbox, !v->read_only, &j->recent_first, &j->recent_end, err);
	if (rc == 0 && has_keywords(&c->changed))
		rc = account_keywords_list(a, j->arena, &j->keywords, &j->keyword_count, err);
	return rc;
}

void view_told(struct view *v, uint64_t modseq)
{
	if (modseq == 0)
		return;
	v->own[v->own_next++ % VIEW_OWN] = modseq;
	/* The very next change of the account: nobody else made one in between. */
	if (modseq == v->highestmodseq + 1)
		v->highestmodseq = modseq;
}

bool view_was_told(const struct view *v, uint64_t modseq)
{
	for (size_t i = 0; i < VIEW_OWN; i++)
		if (v->own[i] == modseq)
			return true;
	return false;
}

static int compare_uids(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

/* Remembers those of the view that vanished. */
static void note_vanished(struct view *v, const uint32_t *uids, size_t count)
{
	if (count == 0)
		return;
	v->vanished = xrealloc(v->vanished, (v->vanished_count + count) * sizeof *v->vanished);
	for (size_t i = 0; i < count; i++)
		if (view_number(v, uids[i]))
			v->vanished[v->vanished_count++] = uids[i];
	qsort(v->vanished, v->vanished_count, sizeof *v->vanished, compare_uids);
}

static void tell_vanished(struct session *s)
{
	struct view *v = &s->view;
	uint32_t *uids = v->vanished;
	size_t count = v->vanished_count;
	v->vanished = NULL;
	v->vanished_count = 0;
	view_expunge(s, uids, count);
	free(uids);
}

static void tell_new(struct session *s, const struct sync_job *j)
{
	struct view *v = &s->view;
	size_t before = v->n;
	uint32_t uidnext = v->uidnext;
	for (size_t i = 0; i < j->changes.changed.n; i++)
		if (j->changes.changed.v[i].uid >= uidnext)
			view_add_uid(v, j->changes.changed.v[i].uid);
	v->uidnext = MAX(uidnext, j->changes.mailbox.uidnext);
	view_add_recent(v, MAX(j->recent_first, uidnext), j->recent_end);
	if (v->n == before)
		return;
	put_number(s, (uint32_t)v->n, STR("EXISTS"));
	put_number(s, view_recent_count(v), STR("RECENT"));
}

static void tell_flags(struct session *s, const struct sync_job *j, uint32_t known_below)
{
	const struct account_messages *m = &j->changes.changed;
	for (size_t i = 0; i < m->n && m->v[i].uid < known_below; i++)
		if (!view_was_told(&s->view, m->v[i].modseq))
			put_flags(s, &m->v[i], j->keywords, j->keyword_count, true);
}

static void tell(struct session *s, const struct sync_job *j, bool expunges)
{
	struct view *v = &s->view;
	uint32_t known_below = v->uidnext;
	note_vanished(v, j->changes.vanished, j->changes.vanished_count);
	if (expunges && v->vanished_count)
		tell_vanished(s);
	tell_new(s, j);
	tell_flags(s, j, known_below);
	v->highestmodseq = MAX(v->highestmodseq, j->changes.mailbox.highestmodseq);
}

int view_sync(struct session *s, bool expunges, bool force)
{
	struct view *v = &s->view;
	if (!v->selected)
		return 0;
	if (!force && !s->watcher.news.set) {
		if (expunges && v->vanished_count)
			tell_vanished(s);
		return 0;
	}
	s->watcher.news.set = false;
	struct sync_job job = { .view = v, .arena = &s->arena };
	struct err err;
	int rc = mailbox_run(s, look, &job, &err);
	if (rc == 0)
		tell(s, &job, expunges);
	account_changes_done(&job.changes);
	if (rc != -ENOENT)
		return rc;
	/* RFC 2180 §3.1 leaves the choice; a client that is sent away looks again at what there is,
	 * and no command of its can be taken for one about another mailbox. */
	view_close(s);
	s->bye = "The selected mailbox was deleted";
	return 0;
}
