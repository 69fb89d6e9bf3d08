/*
 * account_message.c: reading lists of messages, changes, and summaries.
 */
#include "store/account_internal.h"

#include <errno.h>
#include <stdlib.h>

void account_messages_done(struct account_messages *m)
{
	free(m->v);
	*m = (struct account_messages){ 0 };
}

/* Capacities are the powers of two from 16 on, so that none needs to be kept. */
static void *grow(void *array, size_t n, size_t size)
{
	if (n == 0)
		return xrealloc(array, 16 * size);
	return n >= 16 && (n & (n - 1)) == 0 ? xrealloc(array, 2 * n * size) : array;
}

void message_read(struct db_statement *st, struct account_messages *list)
{
	list->v = grow(list->v, list->n, sizeof *list->v);
	list->v[list->n++] = (struct account_message){
		.uid = (uint32_t)db_column_i64(st, 0),
		.flags = (uint32_t)db_column_i64(st, 1),
		.modseq = (uint64_t)db_column_i64(st, 2),
		.body = (uint64_t)db_column_i64(st, 3),
		.internaldate = db_column_i64(st, 4),
		.savedate = db_column_i64(st, 5),
		.size = (uint32_t)db_column_i64(st, 6),
		.keywords = keywords_from(db_column_blob(st, 7)),
	};
}

/* Steps through the rows of a query for messages. */
static int read_all(struct db_statement *st, struct account_messages *list, struct err *err)
{
	int r;
	while ((r = db_step(st, err)) > 0)
		message_read(st, list);
	return r;
}

int message_list(struct account *a, uint64_t mailbox, const struct uid_range *set, size_t count,
	struct account_messages *out, struct err *err)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < count; i++) {
		struct db_statement *st;
		r = db_query(a->db,
			"SELECT " MESSAGE_COLUMNS
			" FROM message WHERE account = ?1 AND mailbox = ?2"
			" AND uid >= ?3 AND uid <= ?4 ORDER BY uid",
			&st, err, DB_I64(a->id), DB_I64(mailbox), DB_I64(set[i].first),
			DB_I64(set[i].last));
		if (r == 0)
			r = read_all(st, out, err);
	}
	return r;
}

int account_messages(struct account *a, uint64_t mailbox, const struct uid_range *set, size_t count,
	struct account_messages *out, struct err *err)
{
	struct account_messages list = { 0 };
	int r = db_begin(a->db, DB_READ, err);
	if (r < 0)
		return r;
	r = account_end(a, message_list(a, mailbox, set, count, &list, err), err);
	if (r < 0) {
		account_messages_done(&list);
		return r;
	}
	*out = list;
	return 0;
}

int message_insert(
	struct account *a, uint64_t mailbox, const struct account_message *m, struct err *err)
{
	unsigned char bits[ACCOUNT_KEYWORDS_MAX / 8];
	return db_execute(a->db,
		"INSERT INTO message (account, mailbox, uid, modseq, flags, size, internaldate,"
		" savedate, body, keywords) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
		err, DB_I64(a->id), DB_I64(mailbox), DB_I64(m->uid), DB_I64(m->modseq),
		DB_I64(m->flags), DB_I64(m->size), DB_I64(m->internaldate), DB_I64(m->savedate),
		DB_I64(m->body), keywords_value(&m->keywords, bits));
}

int message_vanish(
	struct account *a, uint64_t mailbox, uint32_t uid, uint64_t modseq, struct err *err)
{
	int r = db_execute(a->db,
		"DELETE FROM message WHERE account = ?1 AND mailbox = ?2 AND uid = ?3", err,
		DB_I64(a->id), DB_I64(mailbox), DB_I64(uid));
	if (r < 0)
		return r;
	return db_execute(a->db,
		"INSERT INTO vanished (account, mailbox, modseq, uid) VALUES (?1, ?2, ?3, ?4)", err,
		DB_I64(a->id), DB_I64(mailbox), DB_I64(modseq), DB_I64(uid));
}

/* ---- changes ---- */

static int list_changed(struct account *a, uint64_t mailbox, uint64_t since, uint32_t first,
	struct account_messages *out, struct err *err)
{
	struct db_statement *st;
	int r = db_query(a->db,
		"SELECT " MESSAGE_COLUMNS " FROM message WHERE account = ?1 AND mailbox = ?2"
		" AND uid >= ?3 AND modseq > ?4 ORDER BY uid",
		&st, err, DB_I64(a->id), DB_I64(mailbox), DB_I64(first), DB_I64(since));
	return r < 0 ? r : read_all(st, out, err);
}

static int list_vanished(struct account *a, uint64_t mailbox, uint64_t since,
	struct account_changes *out, uint32_t below, struct err *err)
{
	struct db_statement *st;
	int r = db_query(a->db,
		"SELECT uid FROM vanished WHERE account = ?1 AND mailbox = ?2 AND modseq > ?3"
		" AND uid < ?4 ORDER BY uid",
		&st, err, DB_I64(a->id), DB_I64(mailbox), DB_I64(since), DB_I64(below));
	if (r < 0)
		return r;
	while ((r = db_step(st, err)) > 0) {
		out->vanished = grow(out->vanished, out->vanished_count, sizeof *out->vanished);
		out->vanished[out->vanished_count++] = (uint32_t)db_column_i64(st, 0);
	}
	return r;
}

/* changed_modseq of the mailbox. */
static int last_change(struct account *a, uint64_t mailbox, uint64_t *out, struct err *err)
{
	struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
	int r = db_query(a->db, "SELECT changed_modseq FROM mailbox WHERE account = ?1 AND id = ?2",
		&st, err, DB_I64(a->id), DB_I64(mailbox));
	if (r == 0)
		r = db_step(st, err);
	if (r < 0)
		return r;
	*out = r > 0 ? (uint64_t)db_column_i64(st, 0) : 0;
	return 0;
}

static int list_changes(struct account *a, uint64_t mailbox, uint64_t since, uint32_t uidnext,
	struct account_changes *out, struct err *err)
{
	uint64_t changed = 0;
	int r = account_mailbox_get(a, mailbox, &out->mailbox, err);
	if (r < 0 || out->mailbox.highestmodseq <= since)
		return r;
	r = last_change(a, mailbox, &changed, err);
	if (r < 0)
		return r;
	bool only_new = changed <= since;
	r = list_changed(a, mailbox, since, only_new ? uidnext : 1, &out->changed, err);
	if (r == 0 && !only_new)
		r = list_vanished(a, mailbox, since, out, uidnext, err);
	return r;
}

int account_changes(struct account *a, uint64_t mailbox, uint64_t since_modseq,
	uint32_t since_uidnext, struct account_changes *out, struct err *err)
{
	struct account_changes c = { 0 };
	int r = db_begin(a->db, DB_READ, err);
	if (r < 0)
		return r;
	r = account_end(a, list_changes(a, mailbox, since_modseq, since_uidnext, &c, err), err);
	if (r < 0) {
		account_changes_done(&c);
		return r;
	}
	*out = c;
	return 0;
}

void account_changes_done(struct account_changes *c)
{
	account_messages_done(&c->changed);
	free(c->vanished);
	*c = (struct account_changes){ 0 };
}

/* ---- summaries ---- */

/* Rows from..to of a run of ascending ids: bodies[first] to bodies[last]; ids between may be
 * others. */
static int summarise_run(struct account *a, const uint64_t *bodies, size_t first, size_t end,
	int (*fn)(void *arg, size_t index, const struct account_summary *summary), void *arg,
	struct err *err)
{
	struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
	int r = db_query(a->db,
		"SELECT id, date, envelope, body, bodystructure FROM body WHERE account = ?1"
		" AND id >= ?2 AND id <= ?3 ORDER BY id",
		&st, err, DB_I64(a->id), DB_I64(bodies[first]), DB_I64(bodies[end - 1]));
	size_t i = first;
	while (r == 0 && (r = db_step(st, err)) > 0) {
		uint64_t id = (uint64_t)db_column_i64(st, 0);
		while (i < end && bodies[i] < id)
			i++;
		r = 0;
		if (i == end || bodies[i] != id)
			continue;
		struct account_summary s = { .date = db_column_i64(st, 1),
			.envelope = db_column_text(st, 2),
			.body = db_column_text(st, 3),
			.bodystructure = db_column_text(st, 4) };
		r = fn(arg, i, &s);
	}
	return r;
}

int account_summaries(struct account *a, const uint64_t *bodies, size_t count,
	int (*fn)(void *arg, size_t index, const struct account_summary *summary), void *arg,
	struct err *err)
{
	int r = db_begin(a->db, DB_READ, err);
	if (r < 0)
		return r;
	for (size_t i = 0, end; r == 0 && i < count; i = end) {
		end = i + 1;
		while (end < count && bodies[end] > bodies[end - 1] &&
			bodies[end] - bodies[end - 1] <= 8)
			end++;
		r = summarise_run(a, bodies, i, end, fn, arg, err);
	}
	return account_end(a, r, err);
}
