/*
 * directory_account.c: accounts and their credentials.
 */
#include "store/directory_internal.h"

#include <errno.h>

static int no_account(struct err *err)
{
	return err_set(err, ENOENT, "there is no such account");
}

/* An id that no account has had before. */
static int take_id(struct directory_store *s, uint64_t *out, struct err *err)
{
	struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
	int r = db_prepare(s->db,
		"UPDATE directory SET next_account = next_account + 1 WHERE directory = 1"
		" RETURNING next_account - 1",
		&st, err);
	if (r == 0)
		r = db_step(st, err);
	if (r <= 0)
		return r < 0 ? r : err_set(err, EUCLEAN, "the directory's own row is missing");
	*out = (uint64_t)db_column_i64(st, 0);
	return 0;
}

static int refuse_taken(struct directory_store *s, const struct address_key *key, struct err *err)
{
	bool account = false, alias = false;
	int r = directory_exists(s, SQL_ACCOUNT_OF_ADDRESS, key, &account, err);
	if (r == 0)
		r = directory_exists(s, SQL_ALIAS_OF_ADDRESS, key, &alias, err);
	if (r == 0 && (account || alias))
		r = err_set(err, EEXIST, "there is an %s of that address already",
			account ? "account" : "alias");
	return r;
}

static int add(struct directory_store *s, const struct address_key *key, int64_t now,
	uint64_t *out_id, struct err *err)
{
	int r = directory_need_domain(s, key->domain.name, err);
	if (r == 0)
		r = refuse_taken(s, key, err);
	if (r == 0)
		r = take_id(s, out_id, err);
	if (r < 0)
		return r;
	return db_execute(s->db,
		"INSERT INTO account (directory, id, domain, local, local_key, created, disabled)"
		" VALUES (1, ?1, ?2, ?3, ?4, ?5, 0)",
		err, DB_I64(*out_id), DB_TEXT(key->domain.name), DB_TEXT(key->local),
		DB_TEXT(key->local_key), DB_I64(now));
}

int directory_account_add(
	struct directory_store *s, str address, int64_t now, uint64_t *out_id, struct err *err)
{
	struct address_key key;
	uint64_t id = 0;
	int r = directory_address_key(address, &key, err);
	if (r == 0)
		r = db_begin(s->db, DB_WRITE, err);
	if (r < 0)
		return r;
	r = directory_end(s, add(s, &key, now, &id, err), err);
	if (r == 0)
		*out_id = id;
	return r;
}

static int find_id(
	struct directory_store *s, const struct address_key *key, uint64_t *out, struct err *err)
{
	struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
	int r = db_query(s->db,
		"SELECT id FROM account WHERE directory = 1 AND domain = ?1 AND local_key = ?2",
		&st, err, DB_TEXT(key->domain.name), DB_TEXT(key->local_key));
	if (r == 0)
		r = db_step(st, err);
	if (r <= 0)
		return r < 0 ? r : no_account(err);
	*out = (uint64_t)db_column_i64(st, 0);
	return 0;
}

static int remove_account(
	struct directory_store *s, const struct address_key *key, uint64_t *id, struct err *err)
{
	int r = find_id(s, key, id, err);
	if (r == 0)
		r = db_execute(s->db, "DELETE FROM credential WHERE directory = 1 AND account = ?1",
			err, DB_I64(*id));
	if (r == 0)
		r = db_execute(s->db, "DELETE FROM account WHERE directory = 1 AND id = ?1", err,
			DB_I64(*id));
	char scope[DIRECTORY_SCOPE_SIZE];
	return r < 0 ? r : directory_forget_scope(s, directory_account_scope(*id, scope), err);
}

int directory_account_remove(
	struct directory_store *s, str address, uint64_t *out_id, struct err *err)
{
	struct address_key key;
	uint64_t id = 0;
	if (directory_address_key(address, &key, NULL) < 0)
		return no_account(err);
	int r = db_begin(s->db, DB_WRITE, err);
	if (r < 0)
		return r;
	r = directory_end(s, remove_account(s, &key, &id, err), err);
	if (r == 0)
		*out_id = id;
	return r;
}

int directory_account_disable(
	struct directory_store *s, str address, bool disabled, struct err *err)
{
	struct address_key key;
	uint64_t id;
	if (directory_address_key(address, &key, NULL) < 0)
		return no_account(err);
	int r = db_begin(s->db, DB_WRITE, err);
	if (r < 0)
		return r;
	r = find_id(s, &key, &id, err);
	if (r == 0)
		r = db_execute(s->db,
			"UPDATE account SET disabled = ?2 WHERE directory = 1 AND id = ?1", err,
			DB_I64(id), DB_I64(disabled));
	return directory_end(s, r, err);
}

int directory_account_set_thresholds(
	struct directory_store *s, str address, int64_t junk_at, int64_t reject_at, struct err *err)
{
	struct address_key key;
	uint64_t id;
	if (directory_address_key(address, &key, NULL) < 0)
		return no_account(err);
	int r = db_begin(s->db, DB_WRITE, err);
	if (r < 0)
		return r;
	r = find_id(s, &key, &id, err);
	if (r == 0)
		r = db_execute(s->db,
			"UPDATE account SET junk_at = ?2, reject_at = ?3"
			" WHERE directory = 1 AND id = ?1",
			err, DB_I64(id), DB_I64(junk_at), DB_I64(reject_at));
	return directory_end(s, r, err);
}

/* ---- looking ---- */

#define ACCOUNT_COLUMNS "id, local, domain, created, disabled, junk_at, reject_at"

static int read_account(struct db_statement *st, struct arena *arena, struct directory_account *out,
	struct err *err)
{
	struct directory_account found = {
		.id = (uint64_t)db_column_i64(st, 0),
		.created = db_column_i64(st, 3),
		.disabled = db_column_i64(st, 4) != 0,
		.junk_at = db_column_i64(st, 5),
		.reject_at = db_column_i64(st, 6),
	};
	if (!directory_join(arena, db_column_text(st, 1), db_column_text(st, 2), &found.address))
		return directory_no_room(err);
	*out = found;
	return 0;
}

static int read_single(struct db_statement *st, struct arena *arena, struct directory_account *out,
	struct err *err)
{
	int r = db_step(st, err);
	if (r > 0)
		r = read_account(st, arena, out, err);
	else if (r == 0)
		r = no_account(err);
	db_reset(st);
	return r;
}

int directory_account_find(struct directory_store *s, str address, struct arena *arena,
	struct directory_account *out, struct err *err)
{
	struct address_key key;
	if (directory_address_key(address, &key, NULL) < 0)
		return no_account(err);
	struct db_statement *st;
	int r = db_query(s->db,
		"SELECT " ACCOUNT_COLUMNS " FROM account"
		" WHERE directory = 1 AND domain = ?1 AND local_key = ?2",
		&st, err, DB_TEXT(key.domain.name), DB_TEXT(key.local_key));
	return r < 0 ? r : read_single(st, arena, out, err);
}

int directory_account_get(struct directory_store *s, uint64_t id, struct arena *arena,
	struct directory_account *out, struct err *err)
{
	struct db_statement *st;
	int r = db_query(s->db,
		"SELECT " ACCOUNT_COLUMNS " FROM account WHERE directory = 1 AND id = ?1", &st, err,
		DB_I64(id));
	return r < 0 ? r : read_single(st, arena, out, err);
}

static int list_accounts(struct directory_store *s, str domain, struct arena *arena,
	struct directory_account **out, size_t *out_count, struct err *err)
{
	size_t count, n = 0;
	int r = directory_count(s,
		"SELECT COUNT(*) FROM account WHERE directory = 1 AND (domain = ?1 OR ?1 = '')",
		domain, &count, err);
	if (r < 0)
		return r;
	struct directory_account *list = arena_try(arena, (count + 1) * sizeof *list);
	if (!list)
		return directory_no_room(err);
	struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
	r = db_query(s->db,
		"SELECT " ACCOUNT_COLUMNS " FROM account WHERE directory = 1"
		" AND (domain = ?1 OR ?1 = '') ORDER BY domain, local_key",
		&st, err, DB_TEXT(domain));
	while (r == 0 && (r = db_step(st, err)) > 0)
		r = n < count ? read_account(st, arena, &list[n++], err) : 0;
	if (r < 0)
		return r;
	*out = list;
	*out_count = n;
	return 0;
}

int directory_account_list(struct directory_store *s, str domain, struct arena *arena,
	struct directory_account **out, size_t *out_count, struct err *err)
{
	struct domain_key key = { .name = STR_EMPTY };
	int r = domain.n ? directory_domain_key(domain, &key, err) : 0;
	if (r == 0)
		r = db_begin(s->db, DB_READ, err);
	if (r < 0)
		return r;
	return directory_end(s, list_accounts(s, key.name, arena, out, out_count, err), err);
}

/* ---- credentials ---- */

static int check_credentials(
	str name, const struct directory_credential *list, size_t count, struct err *err)
{
	if (name.n > DIRECTORY_DOMAIN_MAX || count > DIRECTORY_CREDENTIALS_MAX)
		return err_set(
			err, E2BIG, "the credential's name is too long, or there are too many");
	for (size_t i = 0; i < count; i++)
		if (list[i].value.n == 0 || list[i].value.n > DIRECTORY_CREDENTIAL_MAX)
			return err_set(err, EINVAL, "the credential is empty or too long");
	return 0;
}

static int need_account(struct directory_store *s, uint64_t account, struct err *err)
{
	struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
	int r = db_query(s->db, "SELECT 1 FROM account WHERE directory = 1 AND id = ?1", &st, err,
		DB_I64(account));
	if (r == 0)
		r = db_step(st, err);
	return r == 0 ? no_account(err) : MIN(r, 0);
}

/* How many credentials the account has under other names. */
static int count_others(
	struct directory_store *s, uint64_t account, str name, size_t *out, struct err *err)
{
	struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
	int r = db_query(s->db,
		"SELECT COUNT(*) FROM credential WHERE directory = 1 AND account = ?1 AND name <> "
		"?2",
		&st, err, DB_I64(account), DB_TEXT(name));
	if (r == 0)
		r = db_step(st, err);
	if (r > 0)
		*out = (size_t)db_column_i64(st, 0);
	return MIN(r, 0);
}

static int set_credentials(struct directory_store *s, uint64_t account, str name,
	const struct directory_credential *list, size_t count, int64_t now, struct err *err)
{
	size_t others = 0;
	int r = need_account(s, account, err);
	if (r == 0)
		r = count_others(s, account, name, &others, err);
	if (r == 0 && others + count > DIRECTORY_CREDENTIALS_MAX)
		r = err_set(err, E2BIG, "the account has too many credentials");
	if (r == 0)
		r = db_execute(s->db,
			"DELETE FROM credential WHERE directory = 1 AND account = ?1 AND name = ?2",
			err, DB_I64(account), DB_TEXT(name));
	for (size_t i = 0; r == 0 && i < count; i++)
		r = db_execute(s->db,
			"INSERT INTO credential (directory, account, name, scheme, value, created)"
			" VALUES (1, ?1, ?2, ?3, ?4, ?5)",
			err, DB_I64(account), DB_TEXT(name), DB_I64(list[i].scheme),
			DB_TEXT(list[i].value), DB_I64(now));
	return r;
}

int directory_credentials_set(struct directory_store *s, uint64_t account, str name,
	const struct directory_credential *credentials, size_t count, int64_t now, struct err *err)
{
	int r = check_credentials(name, credentials, count, err);
	if (r == 0)
		r = db_begin(s->db, DB_WRITE, err);
	if (r < 0)
		return r;
	r = set_credentials(s, account, name, credentials, count, now, err);
	return directory_end(s, r, err);
}

int directory_credentials_get(struct directory_store *s, uint64_t account, struct arena *arena,
	struct directory_credential **out, size_t *out_count, struct err *err)
{
	struct directory_credential *list =
		arena_try(arena, DIRECTORY_CREDENTIALS_MAX * sizeof *list);
	if (!list)
		return directory_no_room(err);
	size_t n = 0;
	struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
	int r = db_query(s->db,
		"SELECT scheme, name, value FROM credential WHERE directory = 1 AND account = ?1"
		" ORDER BY name, scheme",
		&st, err, DB_I64(account));
	while (r == 0 && n < DIRECTORY_CREDENTIALS_MAX && (r = db_step(st, err)) > 0) {
		struct directory_credential c = { (enum directory_scheme)db_column_i64(st, 0),
			db_column_text(st, 1), db_column_text(st, 2) };
		if (!directory_copy(arena, &c.name) || !directory_copy(arena, &c.value))
			return directory_no_room(err);
		list[n++] = c;
		r = 0;
	}
	if (r < 0)
		return r;
	*out = list;
	*out_count = n;
	return 0;
}
