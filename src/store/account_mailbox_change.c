/*
 * account_mailbox_change.c: CREATE, DELETE, RENAME, and the counters of a mailbox.
 *
 * Invariant: above every name there is a row for each level, if only a \Noselect one.
 */
#include "store/account_internal.h"

#include <errno.h>

/* ---- counters ---- */

void mailbox_tally_add(struct mailbox_tally *t, uint32_t flags, uint32_t size, int sign)
{
	t->messages += sign;
	t->unseen += flags & MESSAGE_SEEN ? 0 : sign;
	t->deleted += flags & MESSAGE_DELETED ? sign : 0;
	t->size += sign * (int64_t)size;
}

int mailbox_append(struct account *a, uint64_t mailbox, uint64_t modseq, uint32_t count,
	const struct mailbox_tally *t, uint32_t *out_uid, uint32_t *out_uidvalidity,
	struct err *err)
{
	struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
	int r = db_execute(a->db,
		"UPDATE mailbox SET uidnext = uidnext + ?3, modseq = ?4, messages = messages + ?5,"
		" unseen = unseen + ?6, deleted = deleted + ?7, size = size + ?8"
		" WHERE account = ?1 AND id = ?2 AND noselect = 0",
		err, DB_I64(a->id), DB_I64(mailbox), DB_I64(count), DB_I64(modseq),
		DB_I64(t->messages), DB_I64(t->unseen), DB_I64(t->deleted), DB_I64(t->size));
	if (r == 0)
		r = db_query(a->db,
			"SELECT uidnext, uidvalidity FROM mailbox"
			" WHERE account = ?1 AND id = ?2 AND noselect = 0",
			&st, err, DB_I64(a->id), DB_I64(mailbox));
	if (r == 0)
		r = db_step(st, err);
	if (r == 0)
		return err_set(err, ENOENT, "there is no such mailbox");
	if (r < 0)
		return r;
	int64_t uidnext = db_column_i64(st, 0);
	if (uidnext > UINT32_MAX)
		return err_set(err, EOVERFLOW, "the mailbox has no uids left");
	*out_uid = (uint32_t)uidnext - count;
	*out_uidvalidity = (uint32_t)db_column_i64(st, 1);
	return 0;
}

int mailbox_touch(struct account *a, uint64_t mailbox, uint64_t modseq,
	const struct mailbox_tally *t, struct err *err)
{
	return db_execute(a->db,
		"UPDATE mailbox SET modseq = ?3, changed_modseq = ?3, messages = messages + ?4,"
		" unseen = unseen + ?5, deleted = deleted + ?6, size = size + ?7"
		" WHERE account = ?1 AND id = ?2",
		err, DB_I64(a->id), DB_I64(mailbox), DB_I64(modseq), DB_I64(t->messages),
		DB_I64(t->unseen), DB_I64(t->deleted), DB_I64(t->size));
}

/* ---- CREATE ---- */

/* Looked at once, after all levels of a name were made. */
static int refuse_too_many(struct account *a, struct err *err)
{
	struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
	int r = db_query(
		a->db, "SELECT COUNT(*) FROM mailbox WHERE account = ?1", &st, err, DB_I64(a->id));
	if (r == 0)
		r = db_step(st, err);
	if (r > 0 && db_column_i64(st, 0) > ACCOUNT_MAILBOXES_MAX)
		return err_set(err, E2BIG, "there can be %d mailboxes", ACCOUNT_MAILBOXES_MAX);
	return MIN(r, 0);
}

int mailbox_insert(struct account *a, str name, enum account_special_use use, int64_t now,
	uint64_t *out_id, struct err *err)
{
	uint32_t uidvalidity;
	uint64_t id;
	int r = account_next_uidvalidity(a, now, &uidvalidity, err);
	if (r == 0)
		r = account_next_mailbox(a, &id, err);
	if (r == 0)
		r = db_execute(a->db,
			"INSERT INTO mailbox (account, id, name, special_use, noselect, "
			"uidvalidity,"
			" uidnext, recent_uid, modseq, changed_modseq, messages, unseen, deleted, "
			"size)"
			" VALUES (?1, ?2, ?3, ?4, 0, ?5, 1, 1, 1, 1, 0, 0, 0, 0)",
			err, DB_I64(a->id), DB_I64(id), DB_TEXT(name), DB_I64(use),
			DB_I64(uidvalidity));
	if (r == 0)
		*out_id = id;
	return r;
}

static int make_parents(struct account *a, str name, int64_t now, struct err *err)
{
	for (size_t i = 0; i < name.n; i++) {
		struct account_mailbox m;
		uint64_t id;
		if (name.p[i] != '/')
			continue;
		str parent = str_first(name, i);
		int r = account_mailbox_find(a, parent, &m, err);
		if (r == -ENOENT)
			r = mailbox_insert(a, parent, SPECIAL_USE_NONE, now, &id, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* A \Noselect name becomes a mailbox again, with a new uidvalidity. */
static int revive(
	struct account *a, uint64_t id, enum account_special_use use, int64_t now, struct err *err)
{
	uint32_t uidvalidity;
	int r = account_next_uidvalidity(a, now, &uidvalidity, err);
	if (r < 0)
		return r;
	return db_execute(a->db,
		"UPDATE mailbox SET noselect = 0, special_use = ?3, uidvalidity = ?4, uidnext = 1,"
		" recent_uid = 1 WHERE account = ?1 AND id = ?2",
		err, DB_I64(a->id), DB_I64(id), DB_I64(use), DB_I64(uidvalidity));
}

/* Makes the mailbox or revives it; *out_id is its id. */
static int create(struct account *a, str name, enum account_special_use use, int64_t now,
	uint64_t *out_id, struct err *err)
{
	struct account_mailbox m;
	int r = account_mailbox_find(a, name, &m, err);
	if (r == 0 && !m.noselect)
		return err_set(err, EEXIST, "there is a mailbox of that name already");
	if (r == 0) {
		*out_id = m.id;
		return revive(a, m.id, use, now, err);
	}
	if (r == -ENOENT)
		r = make_parents(a, name, now, err);
	return r < 0 ? r : mailbox_insert(a, name, use, now, out_id, err);
}

static int create_special(struct account *a, str name, enum account_special_use use, int64_t now,
	struct account_mailbox *out, struct err *err)
{
	struct account_mailbox m;
	uint64_t id;
	if (use != SPECIAL_USE_NONE) {
		int r = account_mailbox_find_special(a, use, &m, err);
		if (r != -ENOENT)
			return r < 0 ? r
				     : err_set(err, EEXIST,
					       "another mailbox has that special use already");
	}
	int r = create(a, name, use, now, &id, err);
	if (r == 0)
		r = refuse_too_many(a, err);
	return r < 0 ? r : account_mailbox_get(a, id, out, err);
}

int account_mailbox_create(struct account *a, str name, enum account_special_use use, int64_t now,
	struct account_mailbox *out, struct err *err)
{
	char buffer[ACCOUNT_MAILBOX_NAME_MAX];
	if (name.n > 1 && name.p[name.n - 1] == '/')
		name.n--;
	if (use >= SPECIAL_USE_COUNT)
		return err_set(err, EINVAL, "there is no such special use");
	struct account_mailbox made;
	int r = mailbox_name(name, buffer, &name, err);
	if (r == 0)
		r = db_begin(a->db, DB_WRITE, err);
	if (r < 0)
		return r;
	r = account_end(a, create_special(a, name, use, now, &made, err), err);
	if (r == 0)
		*out = made;
	return r;
}

/* ---- the names below a name ---- */

/* Everything below "a" lies from "a/" up to, not including, "a0": '0' follows '/'. */
struct below {
	char first[ACCOUNT_MAILBOX_NAME_MAX + 1], end[ACCOUNT_MAILBOX_NAME_MAX + 1];
	size_t n;
};

static void below_init(struct below *b, str name)
{
	memcpy(b->first, name.p, name.n);
	memcpy(b->end, name.p, name.n);
	b->first[name.n] = '/';
	b->end[name.n] = '/' + 1;
	b->n = name.n + 1;
}

static int query_below(
	struct account *a, const struct below *b, struct db_statement **out, struct err *err)
{
	return db_query(a->db,
		"SELECT id, name FROM mailbox WHERE account = ?1 AND name >= ?2 AND name < ?3"
		" ORDER BY name",
		out, err, DB_I64(a->id), DB_TEXT(str_from(b->first, b->n)),
		DB_TEXT(str_from(b->end, b->n)));
}

static int has_children(struct account *a, str name, bool *out, struct err *err)
{
	struct below below;
	below_init(&below, name);
	struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
	int r = query_below(a, &below, &st, err);
	if (r == 0)
		r = db_step(st, err);
	if (r < 0)
		return r;
	*out = r > 0;
	return 0;
}

/* ---- DELETE ---- */

static int delete_messages(struct account *a, uint64_t mailbox, struct err *err)
{
	struct account_messages all = { 0 };
	int r = message_list(a, mailbox, &UID_RANGE_ALL, 1, &all, err);
	for (size_t i = 0; r == 0 && i < all.n; i++)
		r = body_release(a, all.v[i].body, err);
	account_messages_done(&all);
	if (r == 0)
		r = db_execute(a->db, "DELETE FROM message WHERE account = ?1 AND mailbox = ?2",
			err, DB_I64(a->id), DB_I64(mailbox));
	if (r == 0)
		r = db_execute(a->db, "DELETE FROM vanished WHERE account = ?1 AND mailbox = ?2",
			err, DB_I64(a->id), DB_I64(mailbox));
	return r;
}

static int delete_mailbox(struct account *a, str name, struct err *err)
{
	struct account_mailbox m;
	bool children = false;
	int r = account_mailbox_find(a, name, &m, err);
	if (r == 0)
		r = has_children(a, name, &children, err);
	if (r < 0)
		return r;
	if (m.noselect && children)
		return err_set(err, EPERM, "the name has mailboxes below it: delete those first");
	r = delete_messages(a, m.id, err);
	if (r < 0)
		return r;
	if (!children)
		return db_execute(a->db, "DELETE FROM mailbox WHERE account = ?1 AND id = ?2", err,
			DB_I64(a->id), DB_I64(m.id));
	return db_execute(a->db,
		"UPDATE mailbox SET noselect = 1, special_use = 0, messages = 0, unseen = 0,"
		" deleted = 0, size = 0 WHERE account = ?1 AND id = ?2",
		err, DB_I64(a->id), DB_I64(m.id));
}

int account_mailbox_delete(struct account *a, str name, struct err *err)
{
	char buffer[ACCOUNT_MAILBOX_NAME_MAX];
	if (mailbox_name(name, buffer, &name, NULL) < 0)
		return err_set(err, ENOENT, "there is no such mailbox");
	if (str_equal(name, STR("INBOX")))
		return err_set(err, EPERM, "INBOX cannot be deleted");
	int r = db_begin(a->db, DB_WRITE, err);
	if (r < 0)
		return r;
	return account_end(a, delete_mailbox(a, name, err), err);
}

/* ---- RENAME ---- */

static int set_name(struct account *a, uint64_t id, str name, struct err *err)
{
	return db_execute(a->db, "UPDATE mailbox SET name = ?3 WHERE account = ?1 AND id = ?2", err,
		DB_I64(a->id), DB_I64(id), DB_TEXT(name));
}

struct child {
	uint64_t id;
	str suffix; /* "/…", in the arena */
};

/* The children's ids and what stands behind the old name, copied, for the rows are about to
 * change. */
static int list_children(struct account *a, str name, struct arena *arena, struct child *list,
	size_t *out_count, struct err *err)
{
	struct below below;
	below_init(&below, name);
	struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
	int r = query_below(a, &below, &st, err);
	size_t n = 0;
	while (r == 0 && (r = db_step(st, err)) > 0) {
		ASSERT(n < ACCOUNT_MAILBOXES_MAX);
		list[n++] = (struct child){ (uint64_t)db_column_i64(st, 0),
			arena_str(arena, str_skip(db_column_text(st, 1), name.n)) };
		r = 0;
	}
	*out_count = n;
	return r;
}

static int rename_children(struct account *a, str from, str to, struct err *err)
{
	struct arena arena CLEANUP(arena_done) =
		ARENA_INIT((size_t)ACCOUNT_MAILBOXES_MAX * (sizeof(struct child) + 1024 + 32));
	struct child *list = arena_array(&arena, struct child, ACCOUNT_MAILBOXES_MAX);
	size_t n = 0;
	int r = list_children(a, from, &arena, list, &n, err);
	for (size_t i = 0; r == 0 && i < n; i++) {
		char name[ACCOUNT_MAILBOX_NAME_MAX];
		if (to.n + list[i].suffix.n > sizeof name)
			return err_set(err, EINVAL,
				"the name of a mailbox below it would be longer than %d bytes",
				ACCOUNT_MAILBOX_NAME_MAX);
		memcpy(name, to.p, to.n);
		memcpy(name + to.n, list[i].suffix.p, list[i].suffix.n);
		r = set_name(a, list[i].id, str_from(name, to.n + list[i].suffix.n), err);
	}
	return r;
}

static int rename_one(struct account *a, uint64_t id, str from, str to, struct err *err)
{
	int r = set_name(a, id, to, err);
	return r < 0 ? r : rename_children(a, from, to, err);
}

/* RFC 3501 §6.3.5: all messages go, the (empty) INBOX stays. */
static int rename_inbox(struct account *a, uint64_t inbox, str to, int64_t now, struct err *err)
{
	uint64_t target;
	struct account_messages all = { 0 };
	struct account_copied moved = { 0 };
	int r = mailbox_insert(a, to, SPECIAL_USE_NONE, now, &target, err);
	if (r == 0)
		r = message_list(a, inbox, &UID_RANGE_ALL, 1, &all, err);
	if (r == 0)
		r = message_transfer(a, inbox, &all, target, now, true, &moved, err);
	account_messages_done(&all);
	account_copied_done(&moved);
	return r;
}

static int rename_mailbox(struct account *a, str from, str to, int64_t now, struct err *err)
{
	struct account_mailbox m, other;
	int r = account_mailbox_find(a, from, &m, err);
	if (r < 0)
		return r;
	r = account_mailbox_find(a, to, &other, err);
	if (r != -ENOENT)
		return r < 0 ? r
			     : err_set(err, EEXIST, "there is a mailbox of the new name already");
	r = make_parents(a, to, now, err);
	if (r < 0)
		return r;
	if (str_equal(from, STR("INBOX")))
		r = rename_inbox(a, m.id, to, now, err);
	else
		r = rename_one(a, m.id, from, to, err);
	return r < 0 ? r : refuse_too_many(a, err);
}

int account_mailbox_rename(struct account *a, str from, str to, int64_t now, struct err *err)
{
	char from_buffer[ACCOUNT_MAILBOX_NAME_MAX], to_buffer[ACCOUNT_MAILBOX_NAME_MAX];
	if (mailbox_name(from, from_buffer, &from, NULL) < 0)
		return err_set(err, ENOENT, "there is no such mailbox");
	int r = mailbox_name(to, to_buffer, &to, err);
	if (r < 0)
		return r;
	bool inside = to.n > from.n && str_starts(to, from) && to.p[from.n] == '/';
	if (inside && !str_equal(from, STR("INBOX")))
		return err_set(err, EINVAL, "a mailbox cannot be moved below itself");
	r = db_begin(a->db, DB_WRITE, err);
	if (r < 0)
		return r;
	return account_end(a, rename_mailbox(a, from, to, now, err), err);
}
