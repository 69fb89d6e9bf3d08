/*
 * account_deliver.c: adding messages: many in one transaction, three statements each.
 *
 * Uids and body ids for the whole batch are taken first, once for each mailbox and once for the
 * account.
 */
#include "store/account_internal.h"
#include "store/pack.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* What one mailbox gets from the batch. */
struct target {
	uint64_t mailbox;
	uint32_t count, next_uid, uidvalidity;
	struct mailbox_tally tally;
};

struct batch {
	struct account *a;
	struct account_delivery *items;
	size_t count;
	struct target *targets; /* owned */
	size_t target_count;
	size_t *target_of; /* owned: index of each item's target */
	char *buffer;      /* owned: one piece of a body, */
	char *packed;      /* owned: and the same, packed */
	size_t buffer_size;
	struct packer *packer; /* owned */
	uint64_t modseq, next_body;
	int64_t now;
};

static uint64_t total_size(const struct account_delivery *d)
{
	return d->prefix.n + d->front.n + d->memory.n + d->body_size;
}

static int batch_init(struct batch *b, struct err *err)
{
	for (size_t i = 0; i < b->count; i++) {
		const struct account_delivery *d = &b->items[i];
		if (d->body_size > ACCOUNT_MESSAGE_MAX || total_size(d) > ACCOUNT_MESSAGE_MAX)
			return err_set(err, EFBIG, "the message is larger than 4 GiB");
		b->buffer_size = MAX(b->buffer_size, (size_t)total_size(d));
	}
	b->buffer_size = MIN(b->buffer_size, (size_t)ACCOUNT_CHUNK_SIZE);
	b->buffer = xmalloc(MAX(b->buffer_size, (size_t)1));
	b->packed = xmalloc(MAX(b->buffer_size, (size_t)1));
	b->packer = packer_new();
	b->targets = xcalloc(MAX(b->count, (size_t)1), sizeof *b->targets);
	b->target_of = xcalloc(MAX(b->count, (size_t)1), sizeof *b->target_of);
	return 0;
}

static void batch_done(struct batch *b)
{
	free(b->buffer);
	free(b->packed);
	packer_free(b->packer);
	free(b->targets);
	free(b->target_of);
}

/* ---- where to ---- */

static int find_mailbox(struct account *a, const struct account_delivery *d, uint64_t *out,
	bool *out_inbox, struct err *err)
{
	struct account_mailbox m;
	int r;
	*out_inbox = !d->mailbox && !d->special_use && d->name.n == 0;
	if (d->mailbox)
		r = account_mailbox_get(a, d->mailbox, &m, err);
	else if (d->special_use)
		r = account_mailbox_find_special(a, d->special_use, &m, err);
	else
		r = account_mailbox_find(a, d->name.n ? d->name : STR("INBOX"), &m, err);
	if (r == 0 && m.noselect)
		r = err_set(err, ENOENT, "there is no such mailbox");
	if (r == -ENOENT && d->or_inbox) {
		r = account_mailbox_find(a, STR("INBOX"), &m, err);
		*out_inbox = true;
	}
	if (r == 0)
		*out = m.id;
	return r;
}

static bool same_destination(const struct account_delivery *a, const struct account_delivery *b)
{
	return a->mailbox == b->mailbox && a->special_use == b->special_use &&
	       a->or_inbox == b->or_inbox && str_equal(a->name, b->name);
}

static struct target *target_for(struct batch *b, uint64_t mailbox)
{
	for (size_t i = 0; i < b->target_count; i++)
		if (b->targets[i].mailbox == mailbox)
			return &b->targets[i];
	b->targets[b->target_count].mailbox = mailbox;
	return &b->targets[b->target_count++];
}

static int find_targets(struct batch *b, struct err *err)
{
	for (size_t i = 0; i < b->count; i++) {
		struct account_delivery *d = &b->items[i];
		struct target *t = &b->targets[i ? b->target_of[i - 1] : 0];
		d->out_inbox = i > 0 && b->items[i - 1].out_inbox;
		if (i == 0 || !same_destination(d, &b->items[i - 1])) {
			uint64_t mailbox = 0;
			int r = find_mailbox(b->a, d, &mailbox, &d->out_inbox, err);
			if (r < 0)
				return r;
			t = target_for(b, mailbox);
		}
		b->target_of[i] = (size_t)(t - b->targets);
		t->count++;
		mailbox_tally_add(&t->tally, d->flags, (uint32_t)total_size(d), 1);
	}
	return 0;
}

/* ---- numbers ---- */

/* Not UPDATE … RETURNING: for what that returns SQLite makes a table, which takes a third as long
 * as delivering a message. */
static int take_numbers(struct batch *b, struct err *err)
{
	struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
	int r = db_execute(b->a->db,
		"UPDATE account SET modseq = modseq + 1, next_body = next_body + ?2"
		" WHERE account = ?1",
		err, DB_I64(b->a->id), DB_I64(b->count));
	if (r == 0)
		r = db_query(b->a->db, "SELECT modseq, next_body FROM account WHERE account = ?1",
			&st, err, DB_I64(b->a->id));
	if (r == 0)
		r = db_step(st, err);
	if (r <= 0)
		return r < 0 ? r : err_set(err, EUCLEAN, "the account's own row is missing");
	b->modseq = (uint64_t)db_column_i64(st, 0);
	b->next_body = (uint64_t)db_column_i64(st, 1) - b->count;
	for (size_t i = 0; i < b->target_count; i++) {
		struct target *t = &b->targets[i];
		r = mailbox_append(b->a, t->mailbox, b->modseq, t->count, &t->tally, &t->next_uid,
			&t->uidvalidity, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- bodies ---- */

/* Exactly n bytes of the body from offset on. */
static int read_body(
	const struct account_delivery *d, uint64_t offset, char *out, size_t n, struct err *err)
{
	while (n) {
		ssize_t got = pread(d->fd, out, n, (off_t)(d->body_offset + offset));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_errno(err, errno, "the spooled message cannot be read");
		if (got == 0)
			return err_set(err, EIO, "the spooled message is shorter than announced");
		out += got;
		offset += (uint64_t)got;
		n -= (size_t)got;
	}
	return 0;
}

/* What of [at, at + n) lies in a part that begins at `start`. */
static str overlap(str part, uint64_t start, uint64_t at, size_t n)
{
	uint64_t from = at - MIN(at, start), skipped = start - MIN(at, start);
	if (skipped >= n || from >= part.n)
		return STR_EMPTY;
	return str_first(str_skip(part, (size_t)from), n - (size_t)skipped);
}

/* Puts bytes [at, at + n) of all that is stored into the buffer. */
static int fill_piece(
	struct batch *b, const struct account_delivery *d, uint64_t at, size_t n, struct err *err)
{
	const str parts[] = { d->prefix, d->front, d->memory };
	uint64_t start = 0;
	size_t done = 0;
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		str piece = overlap(parts[i], start, at, n);
		memcpy(b->buffer + done, piece.p, piece.n);
		done += piece.n;
		start += parts[i].n;
	}
	return done == n ? 0 : read_body(d, at + done - start, b->buffer + done, n - done, err);
}

static int insert_piece(struct batch *b, uint64_t body, int64_t seq, size_t n, struct err *err)
{
	str piece = str_from(b->buffer, n);
	size_t packed = packer_pack(b->packer, piece, b->packed);
	return db_execute(b->a->db,
		"INSERT INTO body_chunk (account, body, seq, data, unpacked)"
		" VALUES (?1, ?2, ?3, ?4, ?5)",
		err, DB_I64(b->a->id), DB_I64(body), DB_I64(seq),
		DB_BLOB(packed ? str_from(b->packed, packed) : piece),
		packed ? DB_I64(n) : DB_NULL);
}

static int insert_pieces(
	struct batch *b, const struct account_delivery *d, uint64_t body, struct err *err)
{
	uint64_t size = total_size(d), at = 0;
	int r = 0;
	for (int64_t seq = 0; r == 0 && at < size; seq++) {
		size_t n = (size_t)MIN(size - at, (uint64_t)ACCOUNT_CHUNK_SIZE);
		r = fill_piece(b, d, at, n, err);
		if (r == 0)
			r = insert_piece(b, body, seq, n, err);
		at += n;
	}
	return r;
}

static int insert_body(
	struct batch *b, const struct account_delivery *d, uint64_t body, struct err *err)
{
	const struct account_summary *s = &d->summary;
	int r = db_execute(b->a->db,
		"INSERT INTO body (account, id, refs, size, date, envelope, body, bodystructure)"
		" VALUES (?1, ?2, 1, ?3, ?4, ?5, ?6, ?7)",
		err, DB_I64(b->a->id), DB_I64(body), DB_I64(total_size(d)), DB_I64(s->date),
		DB_TEXT(s->envelope), DB_TEXT(s->body), DB_TEXT(s->bodystructure));
	return r < 0 ? r : insert_pieces(b, d, body, err);
}

/* ---- the batch ---- */

static int insert_item(struct batch *b, size_t i, struct err *err)
{
	struct account_delivery *d = &b->items[i];
	struct target *t = &b->targets[b->target_of[i]];
	struct account_message m = {
		.uid = t->next_uid++,
		.flags = d->flags & MESSAGE_FLAGS_ALL,
		.modseq = b->modseq,
		.body = b->next_body++,
		.internaldate = d->internaldate,
		.savedate = b->now,
		.size = (uint32_t)total_size(d),
		.keywords = d->keywords,
	};
	int r = insert_body(b, d, m.body, err);
	if (r == 0)
		r = message_insert(b->a, t->mailbox, &m, err);
	d->out_mailbox = t->mailbox;
	d->out_uidvalidity = t->uidvalidity;
	d->out_uid = m.uid;
	d->out_body = m.body;
	return r;
}

static int deliver(struct batch *b, struct err *err)
{
	int r = db_begin(b->a->db, DB_WRITE, err);
	if (r < 0)
		return r;
	r = find_targets(b, err);
	if (r == 0)
		r = take_numbers(b, err);
	for (size_t i = 0; r == 0 && i < b->count; i++)
		r = insert_item(b, i, err);
	return account_end(b->a, r, err);
}

int account_deliver(struct account *a, struct account_delivery *batch, size_t count, int64_t now,
	uint64_t *out_modseq, struct err *err)
{
	struct batch b = { .a = a, .items = batch, .count = count, .now = now };
	int r = batch_init(&b, err);
	if (r == 0)
		r = deliver(&b, err);
	if (r == 0)
		*out_modseq = b.modseq;
	batch_done(&b);
	return r;
}
