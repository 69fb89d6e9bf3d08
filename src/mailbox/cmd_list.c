/*
 * cmd_list.c: LIST and LSUB (RFC 3501 §6.3.8–9), LIST-EXTENDED (RFC 5258) with SPECIAL-USE
 * (RFC 6154), STATUS (RFC 5819) and CHILDREN; STATUS (RFC 3501 §6.3.10).
 *
 * Three steps: all names, sorted (names.c); which of them match a pattern and meet the selection;
 * the responses. \HasChildren and special uses are told whether they were asked for or not.
 */
#include "mailbox/names.h"
#include "mailbox/special_use.h"

#include <errno.h>

/* Comparing names with patterns is the only work here that a client can make long: others get
 * their turn after so many steps. */
enum { MATCH_AT_ONCE = 256 * 1024 };

struct list {
	struct session *s;
	const struct imap_list *what;
	bool lsub;
	str *patterns; /* with the reference before them */
	size_t pattern_count;
	size_t work; /* since the last yield */
	struct names names;
};

/* ── What to list ─────────────────────────────────────────────────────────────────────────── */

static bool join_patterns(struct list *l)
{
	struct arena *a = &l->s->arena;
	const struct imap_list *what = l->what;
	l->pattern_count = what->pattern_count;
	l->patterns = arena_try(a, what->pattern_count * sizeof *l->patterns);
	for (size_t i = 0; l->patterns && i < what->pattern_count; i++) {
		size_t n = what->reference.n + what->patterns[i].n;
		char *p = arena_try(a, n + 1);
		if (!p)
			return false;
		memcpy(p, what->reference.p, what->reference.n);
		memcpy(p + what->reference.n, what->patterns[i].p, what->patterns[i].n);
		l->patterns[i] = str_from(p, n);
	}
	return l->patterns != NULL;
}

static bool matches(struct list *l, str name)
{
	bool found = false;
	for (size_t i = 0; i < l->pattern_count && !found; i++) {
		l->work += l->patterns[i].n * name.n;
		found = imap_list_match(l->patterns[i], name, '/');
	}
	return found;
}

/* Whether the selection options let it through; LSUB is a selection too. */
static bool meets(const struct list *l, const struct name *n)
{
	unsigned select = l->what->select;
	bool subscribed = l->lsub || (select & IMAP_LIST_SELECT_SUBSCRIBED);
	if (subscribed ? !n->subscribed : !n->mailbox)
		return false;
	return !(select & IMAP_LIST_SELECT_SPECIAL_USE) ||
	       (n->mailbox && n->mailbox->special_use != SPECIAL_USE_NONE);
}

/* Tells the names above that something below them meets the selection. */
static void tell_parents(struct names *names, const struct name *n)
{
	str above = n->name;
	for (;;) {
		ptrdiff_t slash = str_find_last_char(above, '/');
		if (slash < 0)
			return;
		above = str_first(above, (size_t)slash);
		struct name *parent = names_find(names, above);
		if (!parent)
			continue;
		parent->child_meets = true;
		parent->hidden_child_meets |= !n->matches;
	}
}

static int choose(struct list *l)
{
	for (size_t i = 0; i < l->names.n; i++) {
		struct name *n = &l->names.v[i];
		n->matches = matches(l, n->name);
		n->meets = meets(l, n);
		if (l->work < MATCH_AT_ONCE)
			continue;
		l->work = 0;
		int rc = task_yield(l->s->task);
		if (rc < 0)
			return rc;
	}
	if (!l->names.with_parents)
		return 0;
	for (size_t i = 0; i < l->names.n; i++)
		if (l->names.v[i].meets)
			tell_parents(&l->names, &l->names.v[i]);
	return 0;
}

/* ── Telling ──────────────────────────────────────────────────────────────────────────────── */

static unsigned attributes(const struct list *l, const struct name *n)
{
	const struct account_mailbox *m = n->mailbox;
	unsigned set = 0;
	if (!m)
		set |= IMAP_MAILBOX_NONEXISTENT;
	else if (m->noselect)
		set |= IMAP_MAILBOX_NOSELECT;
	if (m)
		set |= m->has_children ? IMAP_MAILBOX_HASCHILDREN : IMAP_MAILBOX_HASNOCHILDREN;
	bool subscribed = (l->what->returns & IMAP_LIST_RETURN_SUBSCRIBED) ||
			  (l->what->select & IMAP_LIST_SELECT_SUBSCRIBED);
	if (subscribed && n->subscribed)
		set |= IMAP_MAILBOX_SUBSCRIBED;
	return set;
}

/* RFC 5258 §3.5, in place of the line's end. */
static void add_child_info(struct buf *wire, unsigned select)
{
	bool both =
		(select & IMAP_LIST_SELECT_SUBSCRIBED) && (select & IMAP_LIST_SELECT_SPECIAL_USE);
	wire->n -= 2;
	buf_add(wire, STR(" (\"CHILDINFO\" ("));
	if (select & IMAP_LIST_SELECT_SUBSCRIBED)
		buf_add(wire, STR("\"SUBSCRIBED\""));
	if (both)
		buf_add_char(wire, ' ');
	if (select & IMAP_LIST_SELECT_SPECIAL_USE)
		buf_add(wire, STR("\"SPECIAL-USE\""));
	buf_add(wire, STR("))\r\n"));
}

static void add_status(struct buf *wire, str name, unsigned items, const struct account_mailbox *m,
	uint64_t recent)
{
	struct imap_status_values values = { .messages = m->messages,
		.recent = recent,
		.uidnext = m->uidnext,
		.uidvalidity = m->uidvalidity,
		.unseen = m->unseen,
		.deleted = m->deleted,
		.size = m->size,
		.highestmodseq = m->highestmodseq };
	imap_format_status(wire, name, items, &values);
}

static void put_list(struct list *l, const struct name *n)
{
	bool recursive = l->what->select & IMAP_LIST_SELECT_RECURSIVEMATCH;
	if (!n->matches || !(n->meets || (recursive && n->hidden_child_meets)))
		return;
	struct buf wire CLEANUP(buf_done) = BUF_INIT(SIZE_MAX);
	unsigned use = n->mailbox ? special_use_bit(n->mailbox->special_use) : 0;
	imap_format_list(&wire, STR("LIST"), attributes(l, n), use, '/', n->name);
	if (recursive && n->child_meets)
		add_child_info(&wire, l->what->select);
	if ((l->what->returns & IMAP_LIST_RETURN_STATUS) && n->mailbox && !n->mailbox->noselect)
		add_status(&wire, n->name, l->what->status_items, n->mailbox, n->recent);
	mailbox_put(l->s, &wire);
}

/* "A special situation", RFC 3501 §6.3.9: for % a name is listed as \Noselect that is not
 * subscribed itself, when one below it is. */
static void put_lsub(struct list *l, const struct name *n)
{
	bool percent = str_find_char(l->patterns[0], '%') >= 0;
	if (!n->matches || !(n->meets || (percent && n->hidden_child_meets)))
		return;
	struct buf wire CLEANUP(buf_done) = BUF_INIT(SIZE_MAX);
	bool noselect = !n->meets || (n->mailbox && n->mailbox->noselect);
	imap_format_list(&wire, STR("LSUB"), noselect ? IMAP_MAILBOX_NOSELECT : 0, 0, '/', n->name);
	mailbox_put(l->s, &wire);
}

static struct imap_reply list(struct session *s, const struct imap_command *c, bool lsub)
{
	struct list l = { .s = s, .what = &c->list, .lsub = lsub };
	struct names_wanted wanted = {
		.subscriptions = lsub || (c->list.select & IMAP_LIST_SELECT_SUBSCRIBED),
		.parents = lsub || (c->list.select & IMAP_LIST_SELECT_RECURSIVEMATCH),
		.recent = (c->list.returns & IMAP_LIST_RETURN_STATUS) &&
			  (c->list.status_items & IMAP_STATUS_RECENT),
	};
	struct err err = { "" };
	int rc = join_patterns(&l) ? names_read(s, &wanted, &l.names, &err)
				   : err_set(&err, E2BIG, "there are too many patterns");
	if (rc == 0)
		rc = choose(&l);
	if (rc < 0)
		return mailbox_failure(s, rc, &err);
	for (size_t i = 0; i < l.names.n; i++)
		(lsub ? put_lsub : put_list)(&l, &l.names.v[i]);
	return imap_reply(IMAP_OK, STR("Listed"));
}

struct imap_reply cmd_list(struct session *s, const struct imap_command *c)
{
	if (c->list.status_items & IMAP_STATUS_HIGHESTMODSEQ)
		mailbox_enable_condstore(s);
	if (c->list.extended || c->list.patterns[0].n)
		return list(s, c, false);
	/* LIST "" "" asks for the delimiter. */
	stream_put(s->task, s->stream, STR("* LIST (\\Noselect) \"/\" \"\"\r\n"));
	return imap_reply(IMAP_OK, STR("Listed"));
}

struct imap_reply cmd_lsub(struct session *s, const struct imap_command *c)
{
	return list(s, c, true);
}

/* ── STATUS ───────────────────────────────────────────────────────────────────────────────── */

struct status_job {
	const struct imap_mailbox *what;
	struct account_mailbox mailbox;
	uint64_t recent;
};

static int read_status(struct account *a, void *arg, struct err *err)
{
	struct status_job *j = arg;
	int rc = account_mailbox_find(a, j->what->name, &j->mailbox, err);
	if (rc == 0 && j->mailbox.noselect)
		return err_set(err, EPERM, "this is only a name with mailboxes below it");
	if (rc == 0 && (j->what->items & IMAP_STATUS_RECENT))
		rc = account_recent_count(a, j->mailbox.id, &j->recent, err);
	return rc;
}

struct imap_reply cmd_status(struct session *s, const struct imap_command *c)
{
	struct status_job job = { .what = &c->mailbox };
	struct err err;
	int rc = mailbox_run(s, read_status, &job, &err);
	if (rc < 0)
		return mailbox_failure(s, rc, &err);
	if (c->mailbox.items & IMAP_STATUS_HIGHESTMODSEQ)
		mailbox_enable_condstore(s);
	struct buf wire CLEANUP(buf_done) = BUF_INIT(SIZE_MAX);
	add_status(&wire, c->mailbox.name, c->mailbox.items, &job.mailbox, job.recent);
	mailbox_put(s, &wire);
	return imap_reply(IMAP_OK, STR("That is how it stands"));
}
