/*
 * directory_store.c: the tables of directory.db; domains and accounts.
 *
 * Addresses are kept as two columns: the domain, and the local part, once as given and once in
 * lower case (ASCII), which is what is compared.
 */
#include "store/directory_internal.h"

#include "base/buf.h"
#include "store/schema.h"

#include <errno.h>
#include <stdlib.h>

/* `directory` is what "account" is to the tables of an account: which directory, here always 1. */
static const char migration_1[] =
	"CREATE TABLE directory ("
	" directory {i64} NOT NULL, next_account {i64} NOT NULL, PRIMARY KEY (directory)) "
	"{clustered};"
	"INSERT INTO directory (directory, next_account) VALUES (1, 1);"

	"CREATE TABLE domain ("
	" directory {i64} NOT NULL, name {text} {binary} NOT NULL, catch_all {text} NOT NULL,"
	" created {i64} NOT NULL, PRIMARY KEY (directory, name)) {clustered};"

	"CREATE TABLE account ("
	" directory {i64} NOT NULL, id {i64} NOT NULL, domain {text} {binary} NOT NULL,"
	" local {text} {binary} NOT NULL, local_key {text} {binary} NOT NULL,"
	" created {i64} NOT NULL, disabled {i64} NOT NULL, PRIMARY KEY (directory, id)) "
	"{clustered};"
	"CREATE UNIQUE INDEX account_address ON account (directory, domain, local_key);"

	"CREATE TABLE alias ("
	" directory {i64} NOT NULL, domain {text} {binary} NOT NULL,"
	" local_key {text} {binary} NOT NULL, target {text} {binary} NOT NULL,"
	" PRIMARY KEY (directory, domain, local_key, target)) {clustered};"

	"CREATE TABLE credential ("
	" directory {i64} NOT NULL, account {i64} NOT NULL, name {text} {binary} NOT NULL,"
	" scheme {i64} NOT NULL, value {text} NOT NULL, created {i64} NOT NULL,"
	" PRIMARY KEY (directory, account, name, scheme)) {clustered};";

/* An account's own thresholds, and who is blocked and allowed. */
static const char migration_2[] =
	"ALTER TABLE account ADD COLUMN junk_at {i64} NOT NULL DEFAULT 0;"
	"ALTER TABLE account ADD COLUMN reject_at {i64} NOT NULL DEFAULT 0;"

	"CREATE TABLE entry ("
	" directory {i64} NOT NULL, scope {text} {binary} NOT NULL, list {i64} NOT NULL,"
	" kind {i64} NOT NULL, width {i64} NOT NULL, subject {text} {binary} NOT NULL,"
	" comment {text} NOT NULL, created {i64} NOT NULL, expires {i64} NOT NULL,"
	" PRIMARY KEY (directory, scope, list, kind, width, subject)) {clustered};"
	"CREATE INDEX entry_expires ON entry (directory, expires);";

static const char *const migrations[] = { migration_1, migration_2 };
static const struct schema directory_schema = { "directory", migrations, ARRAY_LEN(migrations) };

int directory_store_open(
	const char *data_dir, bool create, struct directory_store **out, struct err *err)
{
	struct buf path = BUF_INIT(8192);
	buf_printf(&path, "%s/directory.db", data_dir);
	buf_add_char(&path, '\0');
	ASSERT(!path.overflowed);
	struct directory_store *s = xcalloc(1, sizeof *s);
	int r = db_open(path.p, create ? DB_CREATE : 0, &s->db, err);
	buf_done(&path);
	if (r == 0)
		r = schema_apply(s->db, &directory_schema, create, NULL, NULL, err);
	if (r < 0) {
		directory_store_close(s);
		return r;
	}
	*out = s;
	return 0;
}

void directory_store_close(struct directory_store *s)
{
	if (!s)
		return;
	db_close(s->db);
	free(s);
}

int directory_store_version(struct directory_store *s, uint64_t *out, struct err *err)
{
	return db_version(s->db, out, err);
}

/* ---- what the files share ---- */

int directory_end(struct directory_store *s, int r, struct err *err)
{
	if (r >= 0)
		return db_commit(s->db, err);
	db_rollback(s->db);
	return r;
}

int directory_no_room(struct err *err)
{
	return err_set(err, E2BIG, "the list has no room in memory");
}

bool directory_copy(struct arena *arena, str *s)
{
	char *p = arena_try(arena, s->n + 1);
	if (!p)
		return false;
	if (s->n)
		memcpy(p, s->p, s->n);
	s->p = p;
	return true;
}

bool directory_join(struct arena *arena, str local, str domain, str *out)
{
	char *p = arena_try(arena, local.n + domain.n + 2);
	if (!p)
		return false;
	memcpy(p, local.p, local.n);
	p[local.n] = '@';
	memcpy(p + local.n + 1, domain.p, domain.n);
	*out = str_from(p, local.n + 1 + domain.n);
	return true;
}

static bool printable(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 127)
			return false;
	return true;
}

static str lower(str s, char *buffer)
{
	for (size_t i = 0; i < s.n; i++)
		buffer[i] = ascii_lower(s.p[i]);
	return str_from(buffer, s.n);
}

int directory_domain_key(str name, struct domain_key *out, struct err *err)
{
	if (name.n == 0 || name.n > DIRECTORY_DOMAIN_MAX || !printable(name) ||
		str_find_any(name, STR("@ ")) >= 0)
		return err_set(
			err, EINVAL, "\"%.*s\" is not a domain", STR_ARG(str_first(name, 255)));
	out->name = lower(name, out->buffer);
	return 0;
}

int directory_address_key(str address, struct address_key *out, struct err *err)
{
	ptrdiff_t at = str_find_last_char(address, '@');
	if (at <= 0 || address.n > DIRECTORY_ADDRESS_MAX || !printable(address))
		return err_set(err, EINVAL, "\"%.*s\" is not an address",
			STR_ARG(str_first(address, DIRECTORY_ADDRESS_MAX)));
	out->local = str_first(address, (size_t)at);
	out->local_key = lower(out->local, out->buffer);
	return directory_domain_key(str_skip(address, (size_t)at + 1), &out->domain, err);
}

int directory_exists(struct directory_store *s, const char *sql, const struct address_key *key,
	bool *out, struct err *err)
{
	struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
	int r = db_query(s->db, sql, &st, err, DB_TEXT(key->domain.name), DB_TEXT(key->local_key));
	if (r == 0)
		r = db_step(st, err);
	if (r < 0)
		return r;
	*out = r > 0;
	return 0;
}

int directory_count(
	struct directory_store *s, const char *sql, str domain, size_t *out, struct err *err)
{
	struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
	int r = db_query(s->db, sql, &st, err, DB_TEXT(domain));
	if (r == 0)
		r = db_step(st, err);
	if (r < 0)
		return r;
	*out = r > 0 ? (size_t)db_column_i64(st, 0) : 0;
	return 0;
}

int directory_need_domain(struct directory_store *s, str name, struct err *err)
{
	size_t count;
	int r = directory_count(s, "SELECT COUNT(*) FROM domain WHERE directory = 1 AND name = ?1",
		name, &count, err);
	if (r == 0 && count == 0)
		r = err_set(err, ENOENT, "there is no domain %.*s here", STR_ARG(name));
	return r;
}

/* ---- domains ---- */

static int check_catch_all(str address, struct err *err)
{
	struct address_key key;
	return address.n ? directory_address_key(address, &key, err) : 0;
}

int directory_domain_add(
	struct directory_store *s, str name, str catch_all, int64_t now, struct err *err)
{
	struct domain_key key;
	int r = directory_domain_key(name, &key, err);
	if (r == 0)
		r = check_catch_all(catch_all, err);
	if (r == 0)
		r = db_begin(s->db, DB_WRITE, err);
	if (r < 0)
		return r;
	r = db_execute(s->db,
		"INSERT INTO domain (directory, name, catch_all, created) VALUES (1, ?1, ?2, ?3)"
		" ON CONFLICT DO NOTHING",
		err, DB_TEXT(key.name), DB_TEXT(catch_all), DB_I64(now));
	if (r == 0 && db_affected(s->db) == 0)
		r = err_set(err, EEXIST, "the domain %.*s is there already", STR_ARG(key.name));
	return directory_end(s, r, err);
}

int directory_domain_set_catch_all(
	struct directory_store *s, str name, str catch_all, struct err *err)
{
	struct domain_key key;
	int r = directory_domain_key(name, &key, err);
	if (r == 0)
		r = check_catch_all(catch_all, err);
	if (r == 0)
		r = db_begin(s->db, DB_WRITE, err);
	if (r < 0)
		return r;
	r = directory_need_domain(s, key.name, err);
	if (r == 0)
		r = db_execute(s->db,
			"UPDATE domain SET catch_all = ?2 WHERE directory = 1 AND name = ?1", err,
			DB_TEXT(key.name), DB_TEXT(catch_all));
	return directory_end(s, r, err);
}

static int remove_domain(struct directory_store *s, str name, struct err *err)
{
	size_t accounts = 0, aliases = 0;
	int r = directory_need_domain(s, name, err);
	if (r == 0)
		r = directory_count(s,
			"SELECT COUNT(*) FROM account WHERE directory = 1 AND domain = ?1", name,
			&accounts, err);
	if (r == 0)
		r = directory_count(s,
			"SELECT COUNT(*) FROM alias WHERE directory = 1 AND domain = ?1", name,
			&aliases, err);
	if (r < 0)
		return r;
	if (accounts || aliases)
		return err_set(err, ENOTEMPTY,
			"the domain %.*s has %zu accounts and %zu alias targets: remove those "
			"first",
			STR_ARG(name), accounts, aliases);
	r = db_execute(
		s->db, "DELETE FROM domain WHERE directory = 1 AND name = ?1", err, DB_TEXT(name));
	return r < 0 ? r : directory_forget_scope(s, name, err);
}

int directory_domain_remove(struct directory_store *s, str name, struct err *err)
{
	struct domain_key key;
	int r = directory_domain_key(name, &key, err);
	if (r == 0)
		r = db_begin(s->db, DB_WRITE, err);
	if (r < 0)
		return r;
	return directory_end(s, remove_domain(s, key.name, err), err);
}

static int read_domain(
	struct db_statement *st, struct arena *arena, struct directory_domain *out, struct err *err)
{
	struct directory_domain d = { db_column_text(st, 0), db_column_text(st, 1),
		db_column_i64(st, 2) };
	if (!directory_copy(arena, &d.name) || !directory_copy(arena, &d.catch_all))
		return directory_no_room(err);
	*out = d;
	return 0;
}

int directory_domain_find(struct directory_store *s, str name, struct arena *arena,
	struct directory_domain *out, struct err *err)
{
	struct domain_key key;
	if (directory_domain_key(name, &key, NULL) < 0)
		return err_set(err, ENOENT, "there is no such domain");
	struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
	int r = db_query(s->db,
		"SELECT name, catch_all, created FROM domain WHERE directory = 1 AND name = ?1",
		&st, err, DB_TEXT(key.name));
	if (r == 0)
		r = db_step(st, err);
	if (r == 0)
		return err_set(err, ENOENT, "there is no domain %.*s here", STR_ARG(key.name));
	return r < 0 ? r : read_domain(st, arena, out, err);
}

static int list_domains(struct directory_store *s, struct arena *arena,
	struct directory_domain **out, size_t *out_count, struct err *err)
{
	size_t count, n = 0;
	int r = directory_count(s,
		"SELECT COUNT(*) FROM domain WHERE directory = 1 AND (name = ?1 OR ?1 = '')",
		STR_EMPTY, &count, err);
	if (r < 0)
		return r;
	struct directory_domain *list = arena_try(arena, (count + 1) * sizeof *list);
	if (!list)
		return directory_no_room(err);
	struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
	r = db_prepare(s->db,
		"SELECT name, catch_all, created FROM domain WHERE directory = 1 ORDER BY name",
		&st, err);
	while (r == 0 && (r = db_step(st, err)) > 0)
		r = n < count ? read_domain(st, arena, &list[n++], err) : 0;
	if (r < 0)
		return r;
	*out = list;
	*out_count = n;
	return 0;
}

int directory_domain_list(struct directory_store *s, struct arena *arena,
	struct directory_domain **out, size_t *out_count, struct err *err)
{
	int r = db_begin(s->db, DB_READ, err);
	if (r < 0)
		return r;
	return directory_end(s, list_domains(s, arena, out, out_count, err), err);
}
