/*
 * directory_alias.c: aliases.
 */
#include "store/directory_internal.h"

#include <errno.h>

static int no_alias(struct err *err)
{
	return err_set(err, ENOENT, "there is no such alias");
}

/* Targets are kept with their local part as given and the domain in lower case. */
static int target_text(str target, char *buffer, str *out, struct err *err)
{
	struct address_key key;
	int r = directory_address_key(target, &key, err);
	if (r < 0)
		return r;
	memcpy(buffer, key.local.p, key.local.n);
	buffer[key.local.n] = '@';
	memcpy(buffer + key.local.n + 1, key.domain.name.p, key.domain.name.n);
	*out = str_from(buffer, target.n);
	return 0;
}

static int add_target(
	struct directory_store *s, const struct address_key *key, str target, struct err *err)
{
	char buffer[DIRECTORY_ADDRESS_MAX];
	int r = target_text(target, buffer, &target, err);
	if (r < 0)
		return r;
	r = db_execute(s->db,
		"INSERT INTO alias (directory, domain, local_key, target) VALUES (1, ?1, ?2, ?3)"
		" ON CONFLICT DO NOTHING",
		err, DB_TEXT(key->domain.name), DB_TEXT(key->local_key), DB_TEXT(target));
	if (r == 0 && db_affected(s->db) == 0)
		r = err_set(err, EEXIST, "the alias has the target %.*s already", STR_ARG(target));
	return r;
}

static int count_targets(
	struct directory_store *s, const struct address_key *key, size_t *out, struct err *err)
{
	struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
	int r = db_query(s->db,
		"SELECT COUNT(*) FROM alias WHERE directory = 1 AND domain = ?1 AND local_key = ?2",
		&st, err, DB_TEXT(key->domain.name), DB_TEXT(key->local_key));
	if (r == 0)
		r = db_step(st, err);
	if (r > 0)
		*out = (size_t)db_column_i64(st, 0);
	return MIN(r, 0);
}

static int add(struct directory_store *s, const struct address_key *key, const str *targets,
	size_t count, struct err *err)
{
	bool account = false;
	size_t total = 0;
	int r = directory_need_domain(s, key->domain.name, err);
	if (r == 0)
		r = directory_exists(s, SQL_ACCOUNT_OF_ADDRESS, key, &account, err);
	if (r == 0 && account)
		r = err_set(err, EEXIST, "there is an account of that address already");
	for (size_t i = 0; r == 0 && i < count; i++)
		r = add_target(s, key, targets[i], err);
	if (r == 0)
		r = count_targets(s, key, &total, err);
	if (r == 0 && total > DIRECTORY_ALIAS_TARGETS_MAX)
		r = err_set(
			err, E2BIG, "an alias can have %d targets", DIRECTORY_ALIAS_TARGETS_MAX);
	return r;
}

int directory_alias_add(
	struct directory_store *s, str address, const str *targets, size_t count, struct err *err)
{
	struct address_key key;
	if (count == 0)
		return err_set(err, EINVAL, "an alias needs a target");
	int r = directory_address_key(address, &key, err);
	if (r == 0)
		r = db_begin(s->db, DB_WRITE, err);
	if (r < 0)
		return r;
	return directory_end(s, add(s, &key, targets, count, err), err);
}

/* Targets are found again without regard to the case in which they were given. */
static int find_target(struct directory_store *s, const struct address_key *key, str target,
	char *buffer, str *out, struct err *err)
{
	struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
	int r = db_query(s->db,
		"SELECT target FROM alias WHERE directory = 1 AND domain = ?1 AND local_key = ?2",
		&st, err, DB_TEXT(key->domain.name), DB_TEXT(key->local_key));
	while (r == 0 && (r = db_step(st, err)) > 0) {
		str found = db_column_text(st, 0);
		if (str_equal_nocase(found, target) && found.n <= DIRECTORY_ADDRESS_MAX) {
			memcpy(buffer, found.p, found.n);
			*out = str_from(buffer, found.n);
			return 0;
		}
		r = 0;
	}
	return r < 0 ? r : no_alias(err);
}

static int remove_targets(
	struct directory_store *s, const struct address_key *key, str target, struct err *err)
{
	char buffer[DIRECTORY_ADDRESS_MAX];
	int r = target.n ? find_target(s, key, target, buffer, &target, err) : 0;
	if (r < 0)
		return r;
	r = db_execute(s->db,
		"DELETE FROM alias WHERE directory = 1 AND domain = ?1 AND local_key = ?2"
		" AND (target = ?3 OR ?3 = '')",
		err, DB_TEXT(key->domain.name), DB_TEXT(key->local_key), DB_TEXT(target));
	return r == 0 && db_affected(s->db) == 0 ? no_alias(err) : r;
}

int directory_alias_remove(struct directory_store *s, str address, str target, struct err *err)
{
	struct address_key key;
	if (directory_address_key(address, &key, NULL) < 0)
		return no_alias(err);
	int r = db_begin(s->db, DB_WRITE, err);
	if (r < 0)
		return r;
	return directory_end(s, remove_targets(s, &key, target, err), err);
}

int directory_alias_find(struct directory_store *s, str address, struct arena *arena, str **out,
	size_t *out_count, struct err *err)
{
	struct address_key key;
	if (directory_address_key(address, &key, NULL) < 0)
		return no_alias(err);
	size_t count = 0, n = 0;
	int r = count_targets(s, &key, &count, err);
	if (r < 0 || count == 0)
		return r < 0 ? r : no_alias(err);
	str *list = arena_try(arena, count * sizeof *list);
	if (!list)
		return directory_no_room(err);
	struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
	r = db_query(s->db,
		"SELECT target FROM alias WHERE directory = 1 AND domain = ?1 AND local_key = ?2"
		" ORDER BY target",
		&st, err, DB_TEXT(key.domain.name), DB_TEXT(key.local_key));
	while (r == 0 && n < count && (r = db_step(st, err)) > 0) {
		list[n] = db_column_text(st, 0);
		if (!directory_copy(arena, &list[n++]))
			return directory_no_room(err);
		r = 0;
	}
	if (r < 0 || n == 0)
		return r < 0 ? r : no_alias(err);
	*out = list;
	*out_count = n;
	return 0;
}

/* ---- the list ---- */

static int read_alias(
	struct db_statement *st, struct arena *arena, struct directory_alias *out, struct err *err)
{
	struct directory_alias found = { .target = db_column_text(st, 2) };
	if (!directory_join(arena, db_column_text(st, 0), db_column_text(st, 1), &found.address) ||
		!directory_copy(arena, &found.target))
		return directory_no_room(err);
	*out = found;
	return 0;
}

static int list_aliases(struct directory_store *s, str domain, struct arena *arena,
	struct directory_alias **out, size_t *out_count, struct err *err)
{
	size_t count, n = 0;
	int r = directory_count(s,
		"SELECT COUNT(*) FROM alias WHERE directory = 1 AND (domain = ?1 OR ?1 = '')",
		domain, &count, err);
	if (r < 0)
		return r;
	struct directory_alias *list = arena_try(arena, (count + 1) * sizeof *list);
	if (!list)
		return directory_no_room(err);
	struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
	r = db_query(s->db,
		"SELECT local_key, domain, target FROM alias WHERE directory = 1"
		" AND (domain = ?1 OR ?1 = '') ORDER BY domain, local_key, target",
		&st, err, DB_TEXT(domain));
	while (r == 0 && (r = db_step(st, err)) > 0)
		r = n < count ? read_alias(st, arena, &list[n++], err) : 0;
	if (r < 0)
		return r;
	*out = list;
	*out_count = n;
	return 0;
}

int directory_alias_list(struct directory_store *s, str domain, struct arena *arena,
	struct directory_alias **out, size_t *out_count, struct err *err)
{
	struct domain_key key = { .name = STR_EMPTY };
	int r = domain.n ? directory_domain_key(domain, &key, err) : 0;
	if (r == 0)
		r = db_begin(s->db, DB_READ, err);
	if (r < 0)
		return r;
	return directory_end(s, list_aliases(s, key.name, arena, out, out_count, err), err);
}
