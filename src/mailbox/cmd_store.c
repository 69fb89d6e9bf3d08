/*
 * cmd_store.c: STORE and UID STORE (RFC 3501 §6.4.6, RFC 7162 §3.1.3): one transaction for all
 * messages of the set.
 */
#include "mailbox/message_walk.h"

#include <stdlib.h>

struct storing {
	struct session *s;
	const struct imap_store *what;
	const struct uid_range *ranges;
	size_t range_count;
	struct account_stored stored; /* owned */
	str *keywords;
	size_t keyword_count;
};

static int store(struct account *a, void *arg, struct err *err)
{
	struct storing *x = arg;
	static const enum account_store_mode modes[] = { [IMAP_STORE_REPLACE] = STORE_SET,
		[IMAP_STORE_ADD] = STORE_ADD,
		[IMAP_STORE_REMOVE] = STORE_REMOVE };
	const struct imap_flags *flags = &x->what->flags;
	struct account_store change = { .mode = modes[x->what->mode],
		.flags = flags->system & IMAP_FLAGS_SETTABLE,
		.conditional = x->what->has_unchanged_since,
		.unchangedsince = x->what->unchanged_since };
	int r = account_keywords_find(a, flags->keywords, flags->keyword_count,
		x->what->mode != IMAP_STORE_REMOVE, &change.keywords, err);
	if (r == 0)
		r = account_store(
			a, x->s->view.mailbox, x->ranges, x->range_count, &change, &x->stored, err);
	if (r == 0)
		r = account_keywords_list(a, &x->s->arena, &x->keywords, &x->keyword_count, err);
	return r;
}

/* RFC 7162 §3.1.3: who asked for silence, but knows modseqs, is told those. */
static void put_modseq(struct session *s, const struct account_message *m, bool with_uid)
{
	struct buf wire CLEANUP(buf_done) = BUF_INIT(256);
	buf_printf(&wire, "* %u FETCH (", (unsigned)view_number(&s->view, m->uid));
	if (with_uid)
		buf_printf(&wire, "UID %u ", (unsigned)m->uid);
	buf_printf(&wire, "MODSEQ (%llu))\r\n", (unsigned long long)m->modseq);
	mailbox_put(s, &wire);
}

/* Who asked for silence knows the flags that it set, but not what another session did to the
 * message before and nobody has told it yet. */
static bool client_knew(const struct storing *x, size_t i)
{
	const struct view *v = &x->s->view;
	uint64_t before = x->stored.before[i];
	return before <= v->highestmodseq || view_was_told(v, before);
}

static void put_results(const struct storing *x, bool uid)
{
	struct session *s = x->s;
	if (x->keyword_count > s->view.keyword_count)
		view_put_keywords(s, x->keywords, x->keyword_count);
	for (size_t i = 0; i < x->stored.messages.n; i++) {
		const struct account_message *m = &x->stored.messages.v[i];
		if (!view_number(&s->view, m->uid))
			continue;
		if (!x->what->silent || !client_knew(x, i))
			put_flags(s, m, x->keywords, x->keyword_count, uid);
		else if (s->condstore)
			put_modseq(s, m, uid);
	}
}

/* "MODIFIED 7,9", of numbers or UIDs; empty where it has no room. */
static str modified_code(const struct storing *x, bool uid)
{
	struct buf code CLEANUP(buf_done) = BUF_INIT(MAILBOX_COMMAND_ARENA / 4);
	uint32_t *failed = x->stored.failed;
	size_t n = 0;
	for (size_t i = 0; i < x->stored.failed_count; i++) {
		uint32_t number = view_number(&x->s->view, failed[i]);
		if (number)
			failed[n++] = uid ? failed[i] : number;
	}
	if (n)
		imap_code_modified(&code, failed, n);
	char *copy = code.overflowed ? NULL : arena_try(&x->s->arena, code.n);
	if (!copy || code.n == 0)
		return STR_EMPTY;
	memcpy(copy, code.p, code.n);
	return str_from(copy, code.n);
}

/* How many messages the client named that it believes to be there. */
static size_t named(const struct storing *x)
{
	size_t n = 0;
	for (size_t i = 0; i < x->range_count; i++)
		n += view_index(&x->s->view, x->ranges[i].last + 1) -
		     view_index(&x->s->view, x->ranges[i].first);
	return n;
}

static struct imap_reply conclude(const struct storing *x, bool uid)
{
	if (x->stored.failed_count)
		return (struct imap_reply){ IMAP_OK, modified_code(x, uid),
			STR("Some messages were changed meanwhile and are left as they are") };
	if (uid || x->stored.messages.n >= named(x))
		return imap_reply(IMAP_OK, STR("STORE completed"));
	/* RFC 2180 §4.2: no failure where silence was asked for, or where some are there; UIDs that
	 * are not there are none either. */
	return mailbox_gone(x->s, x->what->silent || x->stored.messages.n);
}

static struct imap_reply store_messages(struct storing *x, bool uid)
{
	struct session *s = x->s;
	struct err err = { 0 };
	int rc = mailbox_run(s, store, x, &err);
	if (rc == 0)
		put_results(x, uid);
	if (rc == 0 && x->stored.modseq) {
		view_told(&s->view, x->stored.modseq);
		mailbox_changed(s);
	}
	struct imap_reply reply = rc < 0 ? mailbox_failure(s, rc, &err) : conclude(x, uid);
	account_stored_done(&x->stored);
	return reply;
}

struct imap_reply cmd_store(struct session *s, const struct imap_command *c)
{
	struct storing x = { .s = s, .what = &c->store };
	struct imap_set set = c->store.set;
	struct uid_range *ranges;
	if (!view_resolve(s, &set, c->uid, &ranges, &x.range_count))
		return imap_reply(IMAP_BAD, STR("There are fewer messages"));
	if (s->view.read_only)
		return (struct imap_reply){ IMAP_NO, STR("READ-ONLY"),
			STR("The mailbox was opened for reading only") };
	x.ranges = ranges;
	if (c->store.has_unchanged_since)
		mailbox_enable_condstore(s);
	return store_messages(&x, c->uid);
}
