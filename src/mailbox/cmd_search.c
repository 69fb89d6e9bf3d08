/*
 * cmd_search.c: SEARCH and UID SEARCH (RFC 3501 §6.4.4; RETURN RFC 4731; MODSEQ RFC 7162 §3.1.5).
 *
 * The messages are looked at on a thread, a batch at a time; a batch ends early when much text was
 * read. Keys that need little are asked first.
 */
#include "mailbox/message_walk.h"
#include "mailbox/search.h"

#include <errno.h>
#include <stdlib.h>

enum { BATCH_BYTES = 4 * 1024 * 1024 };

struct searching {
	struct session *s;
	bool uid;
	struct imap_search program; /* prepared */
	struct search_leaf *leaves;
	enum search_cost cost; /* of the dearest key */
	struct search_message message;

	struct message_batch batch;
	size_t next; /* place in the view where a batch that ended early stopped */
	bool is_cut;

	uint32_t *found; /* owned: UIDs or numbers, ascending */
	size_t n, cap;
	uint64_t first_modseq, last_modseq, highest_modseq;
};

/* ── Preparing ────────────────────────────────────────────────────────────────────────────── */

static enum search_cost tree_cost(const struct imap_search_key *key)
{
	enum search_cost cost = SEARCH_VIEW;
	for (size_t i = 0; i < key->size; i++) {
		enum search_cost own = search_cost(key[i].kind, &key[i]);
		cost = MAX(cost, own);
	}
	return cost;
}

/* The operands of the outermost AND, cheap ones first. */
static bool order_keys(struct searching *x, const struct imap_search *given)
{
	struct imap_search_key *keys = arena_try(&x->s->arena, given->key_count * sizeof *keys);
	if (!keys)
		return false;
	size_t n = 0;
	keys[n++] = given->keys[0];
	for (enum search_cost cost = SEARCH_VIEW; cost <= SEARCH_BODY; cost++)
		for (size_t i = 1; i < given->key_count; i += given->keys[i].size) {
			const struct imap_search_key *key = &given->keys[i];
			if (tree_cost(key) != cost)
				continue;
			memcpy(&keys[n], key, key->size * sizeof *key);
			n += key->size;
		}
	x->program = *given;
	x->program.keys = keys;
	x->cost = tree_cost(keys);
	return true;
}

static void resolve_sets(struct searching *x)
{
	const struct view *v = &x->s->view;
	for (size_t i = 0; i < x->program.key_count; i++) {
		struct imap_search_key *key = &x->program.keys[i];
		if (key->kind == IMAP_SEARCH_SEQUENCE)
			imap_set_resolve(&key->set, (uint32_t)v->n);
		else if (key->kind == IMAP_SEARCH_UID)
			imap_set_resolve(&key->set, v->n ? v->uids[v->n - 1] : 0);
	}
}

/* False: a text is too long. */
static bool make_matches(struct searching *x)
{
	for (size_t i = 0; i < x->program.key_count; i++) {
		const struct imap_search_key *key = &x->program.keys[i];
		bool header = key->kind == IMAP_SEARCH_HEADER;
		if (!header && key->kind != IMAP_SEARCH_BODY && key->kind != IMAP_SEARCH_TEXT)
			continue;
		x->leaves[i].match = match_new(header ? key->header.text : key->text);
		if (!x->leaves[i].match)
			return false;
	}
	return true;
}

static int find_keywords(struct account *a, void *arg, struct err *err)
{
	struct searching *x = arg;
	str *names;
	size_t count;
	int r = account_keywords_list(a, &x->s->arena, &names, &count, err);
	for (size_t i = 0; r == 0 && i < x->program.key_count; i++) {
		const struct imap_search_key *key = &x->program.keys[i];
		for (size_t k = 0; key->kind == IMAP_SEARCH_KEYWORD && k < count; k++)
			if (str_equal_nocase(names[k], key->keyword.name))
				x->leaves[i] = (struct search_leaf){ .keyword_known = true,
					.keyword = (unsigned)k };
	}
	return r;
}

static bool has_keyword_key(const struct imap_search *program)
{
	for (size_t i = 0; i < program->key_count; i++)
		if (program->keys[i].kind == IMAP_SEARCH_KEYWORD)
			return true;
	return false;
}

/* ── Looking ──────────────────────────────────────────────────────────────────────────────── */

static void add(struct searching *x, size_t index, uint64_t modseq)
{
	if (x->n == x->cap) {
		x->cap = x->cap ? 2 * x->cap : 256;
		x->found = xrealloc(x->found, x->cap * sizeof *x->found);
	}
	if (x->n == 0)
		x->first_modseq = modseq;
	x->last_modseq = modseq;
	x->highest_modseq = MAX(x->highest_modseq, modseq);
	x->found[x->n++] = x->uid ? x->s->view.uids[index] : (uint32_t)index + 1;
}

static int look_at(struct searching *x, size_t index, const struct account_message *row)
{
	struct search_message *m = &x->message;
	m->row = *row;
	m->number = (uint32_t)index + 1;
	m->recent = view_is_recent(&x->s->view, row->uid);
	int r = search_message_match(m);
	if (r > 0)
		add(x, index, row->modseq);
	return r == -ENOENT ? 0 : MIN(r, 0);
}

static int look_at_batch(struct account *a, void *arg, struct err *err)
{
	struct searching *x = arg;
	const struct view *v = &x->s->view;
	struct account_messages rows = { 0 };
	int r = account_messages(a, v->mailbox, x->batch.ranges, x->batch.range_count, &rows, err);
	size_t index = x->batch.index;
	x->message.a = a;
	x->message.err = err;
	x->message.bytes_read = 0;
	for (size_t i = 0; r == 0 && i < rows.n; i++) {
		if (!view_index_forward(v, rows.v[i].uid, &index))
			continue;
		x->is_cut = x->message.bytes_read >= BATCH_BYTES;
		x->next = index;
		if (x->is_cut)
			break;
		r = look_at(x, index, &rows.v[i]);
	}
	account_messages_done(&rows);
	return r;
}

/* What the view alone can answer. What is known to be gone is not found, as where rows are read. */
static int look_at_view(struct searching *x)
{
	const struct view *v = &x->s->view;
	size_t gone = 0;
	int r = 0;
	for (size_t i = 0; r == 0 && i < v->n; i++) {
		while (gone < v->vanished_count && v->vanished[gone] < v->uids[i])
			gone++;
		if (gone < v->vanished_count && v->vanished[gone] == v->uids[i])
			continue;
		r = look_at(x, i, &(struct account_message){ .uid = v->uids[i] });
	}
	return r;
}

static int look_at_all(struct searching *x, struct err *err)
{
	struct message_walk walk = message_walk_all(&x->s->view);
	int r = 0;
	if (x->cost == SEARCH_VIEW && !x->program.has_modseq)
		return look_at_view(x);
	if (has_keyword_key(&x->program))
		r = mailbox_run(x->s, find_keywords, x, err);
	while (r == 0 && message_walk_next(&walk, MESSAGE_BATCH_MAX, &x->batch)) {
		x->is_cut = false;
		r = mailbox_run(x->s, look_at_batch, x, err);
		if (r == 0 && x->is_cut)
			message_walk_return(&walk, x->next);
	}
	return r;
}

/* ── Answering ────────────────────────────────────────────────────────────────────────────── */

/* RFC 4731 §3.2: where only MIN or MAX is asked for, the modseqs of these. */
static uint64_t modseq_of(const struct searching *x)
{
	unsigned returns = x->program.extended ? x->program.returns : IMAP_RETURN_ALL;
	if (!x->program.has_modseq || x->n == 0)
		return 0;
	if (returns & (IMAP_RETURN_ALL | IMAP_RETURN_COUNT))
		return x->highest_modseq;
	uint64_t first = returns & IMAP_RETURN_MIN ? x->first_modseq : 0;
	uint64_t last = returns & IMAP_RETURN_MAX ? x->last_modseq : 0;
	return MAX(first, last);
}

static void put_found(const struct searching *x, str tag)
{
	struct buf wire CLEANUP(buf_done) = BUF_INIT(SIZE_MAX);
	if (x->program.extended)
		imap_format_esearch(
			&wire, tag, x->uid, x->program.returns, x->found, x->n, modseq_of(x));
	else
		imap_format_search(&wire, x->found, x->n, modseq_of(x));
	mailbox_put(x->s, &wire);
}

static struct imap_reply search(struct searching *x, const struct imap_command *c)
{
	struct session *s = x->s;
	struct err err = { 0 };
	if (!make_matches(x))
		return (struct imap_reply){ IMAP_NO, STR("LIMIT"),
			STR("The text to search for is too long") };
	if (x->cost == SEARCH_BODY)
		x->message.fd = s->world->open_spool(s->world->context);
	if (x->cost == SEARCH_BODY && x->message.fd < 0)
		return mailbox_failure(s, x->message.fd, &err);
	int rc = look_at_all(x, &err);
	if (rc < 0)
		return mailbox_failure(s, rc, &err);
	put_found(x, c->tag);
	return imap_reply(IMAP_OK, STR("SEARCH completed"));
}

static void searching_done(struct searching *x)
{
	for (size_t i = 0; x->leaves && i < x->program.key_count; i++)
		match_free(x->leaves[i].match);
	search_message_done(&x->message);
	close_fd(&x->message.fd);
	free(x->found);
}

struct imap_reply cmd_search(struct session *s, const struct imap_command *c)
{
	struct searching x CLEANUP(searching_done) = { .s = s, .uid = c->uid, .message.fd = -1 };
	search_message_init(&x.message);
	if (order_keys(&x, &c->search))
		x.leaves = arena_try(&s->arena, c->search.key_count * sizeof *x.leaves);
	if (!x.leaves)
		return (struct imap_reply){ IMAP_NO, STR("LIMIT"),
			STR("That is too much at once") };
	resolve_sets(&x);
	x.message.program = &x.program;
	x.message.leaves = x.leaves;
	if (c->search.has_modseq)
		mailbox_enable_condstore(s);
	return search(&x, c);
}
