/*
 * account_mailbox.c: looking at mailboxes; subscriptions; \Recent.
 */
#include "store/account_internal.h"

#include <errno.h>

#define MAILBOX_COLUMNS                                                                            \
	"id, name, special_use, noselect, uidvalidity, uidnext, recent_uid,"                       \
	" modseq, messages, unseen, deleted, size"

static void read_mailbox(struct db_statement *st, struct account_mailbox *out)
{
	*out = (struct account_mailbox){
		.id = (uint64_t)db_column_i64(st, 0),
		.special_use = (enum account_special_use)db_column_i64(st, 2),
		.noselect = db_column_i64(st, 3) != 0,
		.uidvalidity = (uint32_t)db_column_i64(st, 4),
		.uidnext = (uint32_t)db_column_i64(st, 5),
		.recent_uid = (uint32_t)db_column_i64(st, 6),
		.highestmodseq = (uint64_t)db_column_i64(st, 7),
		.messages = (uint64_t)db_column_i64(st, 8),
		.unseen = (uint64_t)db_column_i64(st, 9),
		.deleted = (uint64_t)db_column_i64(st, 10),
		.size = (uint64_t)db_column_i64(st, 11),
	};
}

/* The single row of a query for a mailbox. */
static int read_one(struct db_statement *st, struct account_mailbox *out, struct err *err)
{
	int r = db_step(st, err);
	if (r > 0)
		read_mailbox(st, out);
	db_reset(st);
	return r == 0 ? err_set(err, ENOENT, "there is no such mailbox") : MIN(r, 0);
}

int account_mailbox_find(struct account *a, str name, struct account_mailbox *out, struct err *err)
{
	char buffer[ACCOUNT_MAILBOX_NAME_MAX];
	str canonical;
	if (mailbox_name(name, buffer, &canonical, NULL) < 0)
		return err_set(err, ENOENT, "there is no such mailbox");
	struct db_statement *st;
	int r = db_query(a->db,
		"SELECT " MAILBOX_COLUMNS " FROM mailbox WHERE account = ?1 AND name = ?2", &st,
		err, DB_I64(a->id), DB_TEXT(canonical));
	return r < 0 ? r : read_one(st, out, err);
}

int account_mailbox_get(
	struct account *a, uint64_t id, struct account_mailbox *out, struct err *err)
{
	struct db_statement *st;
	int r = db_query(a->db,
		"SELECT " MAILBOX_COLUMNS " FROM mailbox WHERE account = ?1 AND id = ?2", &st, err,
		DB_I64(a->id), DB_I64(id));
	return r < 0 ? r : read_one(st, out, err);
}

int account_mailbox_find_special(struct account *a, enum account_special_use use,
	struct account_mailbox *out, struct err *err)
{
	struct db_statement *st;
	int r = db_query(a->db,
		"SELECT " MAILBOX_COLUMNS " FROM mailbox"
		" WHERE account = ?1 AND special_use = ?2 ORDER BY id LIMIT 1",
		&st, err, DB_I64(a->id), DB_I64(use));
	return r < 0 ? r : read_one(st, out, err);
}

/* ---- the list ---- */

static int no_room(struct err *err)
{
	return err_set(err, E2BIG, "the list has no room in memory");
}

static bool copy_name(struct arena *arena, str *s)
{
	char *p = arena_try(arena, s->n ? s->n : 1);
	if (!p)
		return false;
	if (s->n)
		memcpy(p, s->p, s->n);
	s->p = p;
	return true;
}

static int count_rows(struct account *a, const char *sql, size_t *out, struct err *err)
{
	struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
	int r = db_query(a->db, sql, &st, err, DB_I64(a->id));
	if (r == 0)
		r = db_step(st, err);
	if (r < 0)
		return r;
	*out = r > 0 ? (size_t)db_column_i64(st, 0) : 0;
	return 0;
}

/* Index of the name in the list, which is in byte order; -1 if none. */
static ptrdiff_t search(const struct account_mailbox *list, size_t n, str name)
{
	size_t low = 0, high = n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = str_compare(name, list[middle].name);
		if (order == 0)
			return (ptrdiff_t)middle;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return -1;
}

static void mark_parents(struct account_mailbox *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		ptrdiff_t slash = str_find_last_char(list[i].name, '/');
		ptrdiff_t parent =
			slash < 0 ? -1 : search(list, n, str_first(list[i].name, (size_t)slash));
		if (parent >= 0)
			list[parent].has_children = true;
	}
}

static void inbox_first(struct account_mailbox *list, size_t n)
{
	ptrdiff_t at = search(list, n, STR("INBOX"));
	if (at <= 0)
		return;
	struct account_mailbox inbox = list[at];
	memmove(list + 1, list, (size_t)at * sizeof *list);
	list[0] = inbox;
}

static int list_mailboxes(struct account *a, struct arena *arena, struct account_mailbox **out,
	size_t *out_count, struct err *err)
{
	size_t count, n = 0;
	int r = count_rows(a, "SELECT COUNT(*) FROM mailbox WHERE account = ?1", &count, err);
	if (r < 0)
		return r;
	struct account_mailbox *list = arena_try(arena, MAX(count, (size_t)1) * sizeof *list);
	if (!list)
		return no_room(err);
	struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
	r = db_query(a->db,
		"SELECT " MAILBOX_COLUMNS ", EXISTS (SELECT 1 FROM subscription s"
		" WHERE s.account = m.account AND s.name = m.name)"
		" FROM mailbox m WHERE account = ?1 ORDER BY name",
		&st, err, DB_I64(a->id));
	if (r < 0)
		return r;
	while ((r = db_step(st, err)) > 0 && n < count) {
		struct account_mailbox *m = &list[n++];
		read_mailbox(st, m);
		m->name = db_column_text(st, 1);
		m->subscribed = db_column_i64(st, 12) != 0;
		if (!copy_name(arena, &m->name))
			return no_room(err);
	}
	if (r < 0)
		return r;
	mark_parents(list, n);
	inbox_first(list, n);
	*out = list;
	*out_count = n;
	return 0;
}

int account_mailbox_list(struct account *a, struct arena *arena, struct account_mailbox **out,
	size_t *out_count, struct err *err)
{
	int r = db_begin(a->db, DB_READ, err);
	if (r < 0)
		return r;
	r = list_mailboxes(a, arena, out, out_count, err);
	return account_end(a, r, err);
}

/* ---- subscriptions ---- */

static int subscribe(struct account *a, str name, struct err *err)
{
	size_t count;
	int r = count_rows(a, "SELECT COUNT(*) FROM subscription WHERE account = ?1", &count, err);
	if (r < 0)
		return r;
	if (count >= ACCOUNT_SUBSCRIPTIONS_MAX)
		return err_set(err, E2BIG, "there are %d subscriptions already",
			ACCOUNT_SUBSCRIPTIONS_MAX);
	return db_execute(a->db,
		"INSERT INTO subscription (account, name) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
		err, DB_I64(a->id), DB_TEXT(name));
}

int account_subscribe(struct account *a, str name, bool subscribed, struct err *err)
{
	char buffer[ACCOUNT_MAILBOX_NAME_MAX];
	int r = mailbox_name(name, buffer, &name, err);
	if (r == 0)
		r = db_begin(a->db, DB_WRITE, err);
	if (r < 0)
		return r;
	r = subscribed
		    ? subscribe(a, name, err)
		    : db_execute(a->db, "DELETE FROM subscription WHERE account = ?1 AND name = ?2",
			      err, DB_I64(a->id), DB_TEXT(name));
	return account_end(a, r, err);
}

static int list_subscriptions(
	struct account *a, struct arena *arena, str **out, size_t *out_count, struct err *err)
{
	size_t count, n = 0;
	int r = count_rows(a, "SELECT COUNT(*) FROM subscription WHERE account = ?1", &count, err);
	if (r < 0)
		return r;
	str *names = arena_try(arena, MAX(count, (size_t)1) * sizeof *names);
	if (!names)
		return no_room(err);
	struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
	r = db_query(a->db, "SELECT name FROM subscription WHERE account = ?1 ORDER BY name", &st,
		err, DB_I64(a->id));
	if (r < 0)
		return r;
	while ((r = db_step(st, err)) > 0 && n < count) {
		names[n] = db_column_text(st, 0);
		if (!copy_name(arena, &names[n++]))
			return no_room(err);
	}
	if (r < 0)
		return r;
	*out = names;
	*out_count = n;
	return 0;
}

int account_subscriptions(
	struct account *a, struct arena *arena, str **out, size_t *out_count, struct err *err)
{
	int r = db_begin(a->db, DB_READ, err);
	if (r < 0)
		return r;
	r = list_subscriptions(a, arena, out, out_count, err);
	return account_end(a, r, err);
}

/* ---- \Recent ---- */

/* Who else claims at the same time gets nothing: the row is read again under the write lock. The
 * commit needs no fsync: after a power failure somebody else is told "recent" once more. */
static int claim_recent(
	struct account *a, uint64_t mailbox, struct account_mailbox *m, struct err *err)
{
	int r = db_begin(a->db, DB_WRITE_LAZY, err);
	if (r < 0)
		return r;
	r = account_mailbox_get(a, mailbox, m, err);
	if (r == 0 && m->recent_uid < m->uidnext)
		r = db_execute(a->db,
			"UPDATE mailbox SET recent_uid = uidnext WHERE account = ?1 AND id = ?2",
			err, DB_I64(a->id), DB_I64(mailbox));
	return account_end(a, r, err);
}

int account_recent(struct account *a, uint64_t mailbox, bool claim, uint32_t *out_first,
	uint32_t *out_uidnext, struct err *err)
{
	struct account_mailbox m;
	int r = account_mailbox_get(a, mailbox, &m, err);
	if (r == 0 && claim && m.recent_uid < m.uidnext)
		r = claim_recent(a, mailbox, &m, err);
	if (r < 0)
		return r;
	*out_first = m.recent_uid;
	*out_uidnext = m.uidnext;
	return 0;
}

int account_recent_count(struct account *a, uint64_t mailbox, uint64_t *out, struct err *err)
{
	struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
	int r = db_query(a->db,
		"SELECT COUNT(*) FROM message WHERE account = ?1 AND mailbox = ?2 AND uid >="
		" (SELECT recent_uid FROM mailbox WHERE account = ?1 AND id = ?2)",
		&st, err, DB_I64(a->id), DB_I64(mailbox));
	if (r == 0)
		r = db_step(st, err);
	if (r < 0)
		return r;
	*out = r > 0 ? (uint64_t)db_column_i64(st, 0) : 0;
	return 0;
}
