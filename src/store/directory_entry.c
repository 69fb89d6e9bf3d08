/*
 * directory_entry.c: who is blocked and who is allowed.
 */
#include "store/directory_internal.h"

#include <errno.h>
#include <stdio.h>

str directory_account_scope(uint64_t account, char buffer[static DIRECTORY_SCOPE_SIZE])
{
	int n = snprintf(buffer, DIRECTORY_SCOPE_SIZE, "#%llu", (unsigned long long)account);
	return str_from(buffer, (size_t)n);
}

static int check(const struct directory_entry *e, struct err *err)
{
	if (e->subject.n == 0 || e->subject.n > DIRECTORY_SUBJECT_MAX ||
		e->width >= DIRECTORY_WIDTHS || e->scope.n > DIRECTORY_DOMAIN_MAX)
		return err_set(err, EINVAL, "\"%.*s\" cannot stand in a list",
			STR_ARG(str_first(e->subject, 255)));
	if (e->comment.n > DIRECTORY_COMMENT_MAX)
		return err_set(
			err, EINVAL, "a comment has at most %d bytes", DIRECTORY_COMMENT_MAX);
	return 0;
}

/* Somebody may have removed it since the caller looked. */
static int need_scope(struct directory_store *s, str scope, struct err *err)
{
	uint64_t id;
	size_t count = 0;
	if (scope.n == 0)
		return 0;
	if (scope.p[0] != '#')
		return directory_need_domain(s, scope, err);
	if (!str_to_u64(str_skip(scope, 1), INT64_MAX, &id))
		return err_set(err, EINVAL, "\"%.*s\" is no account", STR_ARG(scope));
	struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
	int r = db_query(s->db, "SELECT COUNT(*) FROM account WHERE directory = 1 AND id = ?1", &st,
		err, DB_I64(id));
	if (r == 0)
		r = db_step(st, err);
	if (r > 0)
		count = (size_t)db_column_i64(st, 0);
	if (r < 0)
		return r;
	return count ? 0 : err_set(err, ENOENT, "there is no such account");
}

#define KEY_VALUES(e)                                                                              \
	DB_TEXT((e)->scope), DB_I64((e)->list), DB_I64((e)->kind), DB_I64((e)->width),             \
		DB_TEXT((e)->subject)
#define WHERE_KEY                                                                                  \
	" WHERE directory = 1 AND scope = ?1 AND list = ?2 AND kind = ?3 AND width = ?4"           \
	" AND subject = ?5"

static int add_entry(
	struct directory_store *s, const struct directory_entry *e, size_t *added, struct err *err)
{
	int r = db_execute(s->db,
		"INSERT INTO entry (directory, scope, list, kind, width, subject, comment, created,"
		" expires) VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
		err, KEY_VALUES(e), DB_TEXT(e->comment), DB_I64(e->created), DB_I64(e->expires));
	if (r < 0)
		return r;
	if (db_affected(s->db)) {
		++*added;
		return 0;
	}
	return db_execute(s->db, "UPDATE entry SET comment = ?6, expires = ?7" WHERE_KEY, err,
		KEY_VALUES(e), DB_TEXT(e->comment), DB_I64(e->expires));
}

static int add_entries(struct directory_store *s, const struct directory_entry *entries,
	size_t count, size_t *added, struct err *err)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < count; i++) {
		if (i == 0 || !str_equal(entries[i].scope, entries[i - 1].scope))
			r = need_scope(s, entries[i].scope, err);
		if (r == 0)
			r = add_entry(s, &entries[i], added, err);
	}
	return r;
}

int directory_entries_add(struct directory_store *s, const struct directory_entry *entries,
	size_t count, size_t *out_new, struct err *err)
{
	size_t added = 0;
	int r = 0;
	for (size_t i = 0; r == 0 && i < count; i++)
		r = check(&entries[i], err);
	if (r == 0)
		r = db_begin(s->db, DB_WRITE, err);
	if (r < 0)
		return r;
	r = directory_end(s, add_entries(s, entries, count, &added, err), err);
	if (r == 0)
		*out_new = added;
	return r;
}

static int remove_entry(struct directory_store *s, const struct directory_entry *e, struct err *err)
{
	int r = db_execute(s->db, "DELETE FROM entry" WHERE_KEY, err, KEY_VALUES(e));
	if (r == 0 && db_affected(s->db) == 0)
		r = err_set(err, ENOENT, "%.*s is not in the list", STR_ARG(e->subject));
	return r;
}

int directory_entries_remove(struct directory_store *s, const struct directory_entry *entries,
	size_t count, struct err *err)
{
	int r = db_begin(s->db, DB_WRITE, err);
	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < count; i++)
		r = remove_entry(s, &entries[i], err);
	return directory_end(s, r, err);
}

int directory_forget_scope(struct directory_store *s, str scope, struct err *err)
{
	return db_execute(
		s->db, "DELETE FROM entry WHERE directory = 1 AND scope = ?1", err, DB_TEXT(scope));
}

int directory_entries_expire(
	struct directory_store *s, int64_t now, size_t *out_removed, struct err *err)
{
	size_t count = 0;
	struct db_statement *st = NULL;
	int r = db_query(s->db,
		"SELECT COUNT(*) FROM entry WHERE directory = 1 AND expires > 0 AND expires <= ?1",
		&st, err, DB_I64(now));
	if (r == 0)
		r = db_step(st, err);
	if (r > 0)
		count = (size_t)db_column_i64(st, 0);
	db_reset(st);
	/* Without anything to do the store's number stays, and what others cache. */
	if (r >= 0 && count)
		r = db_execute(s->db,
			"DELETE FROM entry WHERE directory = 1 AND expires > 0 AND expires <= ?1",
			err, DB_I64(now));
	if (r < 0)
		return r;
	*out_removed = count;
	return 0;
}

/* ---- looking ---- */

int directory_entry_find(struct directory_store *s, struct directory_entry *e, int64_t now,
	struct arena *arena, struct err *err)
{
	struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
	int r = db_query(s->db,
		"SELECT comment, created, expires FROM entry" WHERE_KEY
		" AND (expires = 0 OR expires > ?6)",
		&st, err, KEY_VALUES(e), DB_I64(now));
	if (r == 0)
		r = db_step(st, err);
	if (r <= 0)
		return r;
	e->comment = db_column_text(st, 0);
	e->created = db_column_i64(st, 1);
	e->expires = db_column_i64(st, 2);
	return directory_copy(arena, &e->comment) ? 1 : directory_no_room(err);
}

/* From one width to the next, whatever number of entries has it. */
int directory_entry_shape(
	struct directory_store *s, str scope, struct directory_shape *out, struct err *err)
{
	struct directory_shape shape = { 0 };
	int64_t list = 0, kind = 0, width = 0;
	for (;;) {
		struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
		int r = db_query(s->db,
			"SELECT list, kind, width FROM entry WHERE directory = 1 AND scope = ?1"
			" AND (list, kind, width) > (?2, ?3, ?4)"
			" ORDER BY list, kind, width LIMIT 1",
			&st, err, DB_TEXT(scope), DB_I64(list), DB_I64(kind), DB_I64(width));
		if (r == 0)
			r = db_step(st, err);
		if (r < 0)
			return r;
		if (r == 0)
			break;
		list = db_column_i64(st, 0);
		kind = db_column_i64(st, 1);
		width = db_column_i64(st, 2);
		if (list < 1 || list > 2 || kind < 1 || kind > 3 || width < 0 ||
			width >= DIRECTORY_WIDTHS)
			return err_set(err, EUCLEAN, "a list has an entry of an unknown kind");
		shape.widths[list - 1][kind - 1][width / 64] |= 1ULL << (width % 64);
	}
	*out = shape;
	return 0;
}

bool directory_shape_has(const struct directory_shape *shape, enum directory_list list,
	enum directory_subject kind, unsigned width)
{
	return width < DIRECTORY_WIDTHS &&
	       shape->widths[list - 1][kind - 1][width / 64] >> (width % 64) & 1;
}

bool directory_shape_has_any(
	const struct directory_shape *shape, enum directory_list list, enum directory_subject kind)
{
	const uint64_t *w = shape->widths[list - 1][kind - 1];
	return w[0] || w[1] || w[2];
}

/* ---- the list ---- */

static int read_entry(
	struct db_statement *st, struct arena *arena, struct directory_entry *out, struct err *err)
{
	struct directory_entry e = {
		.list = (enum directory_list)db_column_i64(st, 0),
		.kind = (enum directory_subject)db_column_i64(st, 1),
		.width = (unsigned)db_column_i64(st, 2),
		.scope = db_column_text(st, 3),
		.subject = db_column_text(st, 4),
		.comment = db_column_text(st, 5),
		.created = db_column_i64(st, 6),
		.expires = db_column_i64(st, 7),
	};
	if (!directory_copy(arena, &e.scope) || !directory_copy(arena, &e.subject) ||
		!directory_copy(arena, &e.comment))
		return directory_no_room(err);
	*out = e;
	return 0;
}

static int list_entries(struct directory_store *s, enum directory_list list, const str *scope,
	int64_t now, struct arena *arena, struct directory_entry **out, size_t *out_count,
	struct err *err)
{
	size_t count = 0, n = 0;
	struct db_value all = DB_I64(scope == NULL), one = DB_TEXT(scope ? *scope : STR_EMPTY);
	struct db_statement *counted CLEANUP(db_reset_pointer) = NULL;
	int r = db_query(s->db,
		"SELECT COUNT(*) FROM entry WHERE directory = 1 AND list = ?1"
		" AND (scope = ?2 OR ?3 = 1)",
		&counted, err, DB_I64(list), one, all);
	if (r == 0)
		r = db_step(counted, err);
	if (r < 0)
		return r;
	count = (size_t)db_column_i64(counted, 0);
	struct directory_entry *entries = arena_try(arena, (count + 1) * sizeof *entries);
	if (!entries)
		return directory_no_room(err);
	struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
	r = db_query(s->db,
		"SELECT list, kind, width, scope, subject, comment, created, expires FROM entry"
		" WHERE directory = 1 AND list = ?1 AND (scope = ?2 OR ?3 = 1)"
		" AND (expires = 0 OR expires > ?4) ORDER BY scope, kind, width, subject",
		&st, err, DB_I64(list), one, all, DB_I64(now));
	while (r == 0 && (r = db_step(st, err)) > 0)
		r = n < count ? read_entry(st, arena, &entries[n++], err) : 0;
	if (r < 0)
		return r;
	*out = entries;
	*out_count = n;
	return 0;
}

int directory_entry_list(struct directory_store *s, enum directory_list list, const str *scope,
	int64_t now, struct arena *arena, struct directory_entry **out, size_t *out_count,
	struct err *err)
{
	int r = db_begin(s->db, DB_READ, err);
	if (r < 0)
		return r;
	return directory_end(s, list_entries(s, list, scope, now, arena, out, out_count, err), err);
}
