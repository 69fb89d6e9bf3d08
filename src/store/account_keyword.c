/*
 * account_keyword.c: the account's keywords, a number for each name.
 *
 * Numbers are never given to another name, so that sessions may remember them.
 */
#include "store/account_internal.h"

#include <errno.h>

struct db_value keywords_value(const struct account_keywords *k, unsigned char *buffer)
{
	size_t n = 0;
	for (size_t i = 0; i < ACCOUNT_KEYWORDS_MAX / 8; i++) {
		buffer[i] = (unsigned char)(k->bits[i / 8] >> (i % 8 * 8));
		if (buffer[i])
			n = i + 1;
	}
	return n ? DB_BLOB(str_from(buffer, n)) : DB_NULL;
}

struct account_keywords keywords_from(str bytes)
{
	struct account_keywords k = { 0 };
	for (size_t i = 0; i < MIN(bytes.n, (size_t)ACCOUNT_KEYWORDS_MAX / 8); i++)
		k.bits[i / 8] |= (uint64_t)(unsigned char)bytes.p[i] << (i % 8 * 8);
	return k;
}

static void set_bit(struct account_keywords *k, unsigned id)
{
	k->bits[id / 64] |= UINT64_C(1) << (id % 64);
}

/* Adds to *set the names that are known; found[i] tells which. Returns the number of keywords there
 * are, or an error. */
static int find_known(struct account *a, const str *names, size_t count, bool *found,
	struct account_keywords *set, struct err *err)
{
	int known = 0;
	struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
	int r = db_query(
		a->db, "SELECT id, name FROM keyword WHERE account = ?1", &st, err, DB_I64(a->id));
	while (r == 0 && (r = db_step(st, err)) > 0) {
		int64_t id = db_column_i64(st, 0);
		str name = db_column_text(st, 1);
		known++;
		for (size_t i = 0; i < count && id >= 0 && id < ACCOUNT_KEYWORDS_MAX; i++) {
			if (!str_equal_nocase(names[i], name))
				continue;
			set_bit(set, (unsigned)id);
			found[i] = true;
		}
		r = 0;
	}
	return r < 0 ? r : known;
}

static int insert(struct account *a, str name, unsigned id, struct err *err)
{
	if (id >= ACCOUNT_KEYWORDS_MAX)
		return err_set(err, E2BIG, "there are %d keywords already", ACCOUNT_KEYWORDS_MAX);
	return db_execute(a->db, "INSERT INTO keyword (account, id, name) VALUES (?1, ?2, ?3)", err,
		DB_I64(a->id), DB_I64(id), DB_TEXT(name));
}

/* Names that occur twice in the list are made once. */
static int create_missing(struct account *a, const str *names, size_t count,
	struct account_keywords *set, struct err *err)
{
	bool found[ACCOUNT_KEYWORDS_MAX] = { 0 };
	int next = find_known(a, names, count, found, set, err), r = MIN(next, 0);
	for (size_t i = 0; r == 0 && i < count; i++) {
		if (found[i])
			continue;
		r = insert(a, names[i], (unsigned)next, err);
		if (r < 0)
			break;
		for (size_t j = i; j < count; j++)
			found[j] = found[j] || str_equal_nocase(names[i], names[j]);
		set_bit(set, (unsigned)next++);
	}
	return r;
}

int account_keywords_find(struct account *a, const str *names, size_t count, bool create,
	struct account_keywords *set, struct err *err)
{
	if (count > ACCOUNT_KEYWORDS_MAX)
		return err_set(err, E2BIG, "more than %d keywords", ACCOUNT_KEYWORDS_MAX);
	for (size_t i = 0; i < count; i++)
		if (!account_keyword_valid(names[i]))
			return err_set(err, EINVAL, "not a valid keyword");
	bool found[ACCOUNT_KEYWORDS_MAX] = { 0 }, all = true;
	struct account_keywords result = *set;
	int r = find_known(a, names, count, found, &result, err);
	for (size_t i = 0; i < count; i++)
		all = all && found[i];
	if (r >= 0 && !all && create) {
		r = db_begin(a->db, DB_WRITE, err);
		if (r == 0)
			r = account_end(a, create_missing(a, names, count, &result, err), err);
	}
	if (r < 0)
		return r;
	*set = result;
	return 0;
}

int account_keywords_list(
	struct account *a, struct arena *arena, str **out, size_t *out_count, struct err *err)
{
	str *names = arena_try(arena, ACCOUNT_KEYWORDS_MAX * sizeof *names);
	if (!names)
		return err_set(err, E2BIG, "the list has no room in memory");
	size_t n = 0;
	struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
	int r = db_query(a->db, "SELECT id, name FROM keyword WHERE account = ?1 ORDER BY id", &st,
		err, DB_I64(a->id));
	while (r == 0 && (r = db_step(st, err)) > 0) {
		int64_t id = db_column_i64(st, 0);
		str name = db_column_text(st, 1);
		char *copy = arena_try(arena, name.n + 1);
		if (!copy)
			return err_set(err, E2BIG, "the list has no room in memory");
		memcpy(copy, name.p, name.n);
		if (id >= 0 && id < ACCOUNT_KEYWORDS_MAX) {
			names[id] = str_from(copy, name.n);
			n = (size_t)id + 1;
		}
		r = 0;
	}
	if (r < 0)
		return r;
	*out = names;
	*out_count = n;
	return 0;
}
