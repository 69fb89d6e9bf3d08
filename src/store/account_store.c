/*
 * account_store.c: STORE: changing flags and keywords.
 */
#include "store/account_internal.h"

#include <errno.h>
#include <stdlib.h>

struct storing {
	struct account *a;
	uint64_t mailbox;
	const struct account_store *change;
	struct mailbox_tally tally;
	struct account_stored *out;
};

static uint64_t merge(enum account_store_mode mode, uint64_t old, uint64_t given)
{
	switch (mode) {
	case STORE_SET:
		return given;
	case STORE_ADD:
		return old | given;
	case STORE_REMOVE:
		return old & ~given;
	}
	return old;
}

/* Changes m; false where it was like that already. */
static bool apply(const struct account_store *c, struct account_message *m)
{
	struct account_message old = *m;
	m->flags = (uint32_t)merge(c->mode, m->flags, c->flags & MESSAGE_FLAGS_ALL);
	for (size_t i = 0; i < ARRAY_LEN(m->keywords.bits); i++)
		m->keywords.bits[i] = merge(c->mode, m->keywords.bits[i], c->keywords.bits[i]);
	return m->flags != old.flags ||
	       memcmp(&m->keywords, &old.keywords, sizeof m->keywords) != 0;
}

static int update(struct storing *s, struct account_message *m, uint32_t old_flags, struct err *err)
{
	unsigned char bits[ACCOUNT_KEYWORDS_MAX / 8];
	if (s->out->modseq == 0) {
		int r = account_next_modseq(s->a, &s->out->modseq, err);
		if (r < 0)
			return r;
	}
	m->modseq = s->out->modseq;
	mailbox_tally_add(&s->tally, old_flags, m->size, -1);
	mailbox_tally_add(&s->tally, m->flags, m->size, 1);
	return db_execute(s->a->db,
		"UPDATE message SET modseq = ?4, flags = ?5, keywords = ?6"
		" WHERE account = ?1 AND mailbox = ?2 AND uid = ?3",
		err, DB_I64(s->a->id), DB_I64(s->mailbox), DB_I64(m->uid), DB_I64(m->modseq),
		DB_I64(m->flags), keywords_value(&m->keywords, bits));
}

/* Messages that fail UNCHANGEDSINCE are taken out of the list, which keeps its order. */
static int store_all(struct storing *s, struct err *err)
{
	struct account_messages *list = &s->out->messages;
	size_t kept = 0;
	s->out->before = xcalloc(list->n + 1, sizeof *s->out->before);
	s->out->failed = s->change->conditional ? xcalloc(list->n + 1, sizeof(uint32_t)) : NULL;
	for (size_t i = 0; i < list->n; i++) {
		struct account_message m = list->v[i];
		if (s->change->conditional && m.modseq > s->change->unchangedsince) {
			s->out->failed[s->out->failed_count++] = m.uid;
			continue;
		}
		uint32_t old_flags = m.flags;
		s->out->before[kept] = m.modseq;
		int r = apply(s->change, &m) ? update(s, &m, old_flags, err) : 0;
		if (r < 0)
			return r;
		list->v[kept++] = m;
	}
	list->n = kept;
	return 0;
}

static int store(struct storing *s, const struct uid_range *set, size_t count, struct err *err)
{
	struct account_mailbox m;
	int r = account_mailbox_get(s->a, s->mailbox, &m, err);
	if (r == 0)
		r = message_list(s->a, s->mailbox, set, count, &s->out->messages, err);
	if (r == 0)
		r = store_all(s, err);
	if (r == 0 && s->out->modseq)
		r = mailbox_touch(s->a, s->mailbox, s->out->modseq, &s->tally, err);
	return r;
}

int account_store(struct account *a, uint64_t mailbox, const struct uid_range *set, size_t count,
	const struct account_store *change, struct account_stored *out, struct err *err)
{
	struct account_stored result = { 0 };
	struct storing s = { .a = a, .mailbox = mailbox, .change = change, .out = &result };
	int r = db_begin(a->db, DB_WRITE, err);
	if (r < 0)
		return r;
	r = account_end(a, store(&s, set, count, err), err);
	if (r < 0) {
		account_stored_done(&result);
		return r;
	}
	*out = result;
	return 0;
}

void account_stored_done(struct account_stored *s)
{
	account_messages_done(&s->messages);
	free(s->before);
	free(s->failed);
	*s = (struct account_stored){ 0 };
}
