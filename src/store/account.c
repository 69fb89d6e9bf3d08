/*
 * account.c: the file of an account, its tables, its counters.
 *
 * Every table begins with the account's id, which in a file is always the same, so that the same
 * statements work on a database that holds many accounts.
 */
#include "store/account_internal.h"

#include "store/schema.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * account	counters; uidvalidity: the last one given to a mailbox
 * mailbox	modseq: of the last change of any kind; changed_modseq: of the last one that was not
 *		just new messages; messages … size: sums over the messages
 * vanished	uids that were expunged or moved away
 * body		refs: messages that refer to it
 * body_chunk	seq counts from 0; each piece has ACCOUNT_CHUNK_SIZE bytes, the last one less;
 *		unpacked: so many bytes, where data is packed (pack.h), else NULL. Not clustered:
 *		rows much larger than a key make a slow, loose tree in SQLite (4 KiB messages: up
 *		to a tenth more CPU to deliver, twice as much to read)
 */
static const char migration_1[] =
	"CREATE TABLE account ("
	" account {i64} NOT NULL, created {i64} NOT NULL, modseq {i64} NOT NULL,"
	" next_mailbox {i64} NOT NULL, next_body {i64} NOT NULL, next_keyword {i64} NOT NULL,"
	" uidvalidity {i64} NOT NULL,"
	" PRIMARY KEY (account)) {clustered};"

	"CREATE TABLE mailbox ("
	" account {i64} NOT NULL, id {i64} NOT NULL, name {text} {binary} NOT NULL,"
	" special_use {i64} NOT NULL, noselect {i64} NOT NULL, uidvalidity {i64} NOT NULL,"
	" uidnext {i64} NOT NULL, recent_uid {i64} NOT NULL, modseq {i64} NOT NULL,"
	" changed_modseq {i64} NOT NULL, messages {i64} NOT NULL, unseen {i64} NOT NULL,"
	" deleted {i64} NOT NULL, size {i64} NOT NULL,"
	" PRIMARY KEY (account, id)) {clustered};"
	"CREATE UNIQUE INDEX mailbox_name ON mailbox (account, name);"

	"CREATE TABLE subscription ("
	" account {i64} NOT NULL, name {text} {binary} NOT NULL,"
	" PRIMARY KEY (account, name)) {clustered};"

	"CREATE TABLE keyword ("
	" account {i64} NOT NULL, id {i64} NOT NULL, name {text} NOT NULL,"
	" PRIMARY KEY (account, id)) {clustered};"

	"CREATE TABLE message ("
	" account {i64} NOT NULL, mailbox {i64} NOT NULL, uid {i64} NOT NULL,"
	" modseq {i64} NOT NULL, flags {i64} NOT NULL, size {i64} NOT NULL,"
	" internaldate {i64} NOT NULL, savedate {i64} NOT NULL, body {i64} NOT NULL,"
	" keywords {blob},"
	" PRIMARY KEY (account, mailbox, uid)) {clustered};"

	"CREATE TABLE vanished ("
	" account {i64} NOT NULL, mailbox {i64} NOT NULL, modseq {i64} NOT NULL, uid {i64} NOT "
	"NULL,"
	" PRIMARY KEY (account, mailbox, modseq, uid)) {clustered};"

	"CREATE TABLE body ("
	" account {i64} NOT NULL, id {i64} NOT NULL, refs {i64} NOT NULL, size {i64} NOT NULL,"
	" date {i64} NOT NULL, envelope {text} NOT NULL, body {text} NOT NULL,"
	" bodystructure {text} NOT NULL,"
	" PRIMARY KEY (account, id)) {clustered};"

	"CREATE TABLE body_chunk ("
	" account {i64} NOT NULL, body {i64} NOT NULL, seq {i64} NOT NULL, data {blob} NOT NULL,"
	" PRIMARY KEY (account, body, seq));";

static const char migration_2[] = "ALTER TABLE body_chunk ADD COLUMN unpacked {i64}";

static const char *const migrations[] = { migration_1, migration_2 };
static const struct schema account_schema = { "account", migrations, ARRAY_LEN(migrations) };

static const struct {
	const char *name;
	enum account_special_use use;
} default_mailboxes[] = {
	{ "INBOX", SPECIAL_USE_NONE },
	{ "Drafts", SPECIAL_USE_DRAFTS },
	{ "Sent", SPECIAL_USE_SENT },
	{ "Junk", SPECIAL_USE_JUNK },
	{ "Trash", SPECIAL_USE_TRASH },
	{ "Archive", SPECIAL_USE_ARCHIVE },
};

struct filling {
	struct account *account;
	int64_t now;
};

static int fill(struct db *db, void *arg, struct err *err)
{
	const struct filling *f = arg;
	int r = db_execute(db,
		"INSERT INTO account (account, created, modseq, next_mailbox, next_body,"
		" next_keyword, uidvalidity) VALUES (?1, ?2, 1, 1, 1, 0, 0)",
		err, DB_I64(f->account->id), DB_I64(f->now));
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(default_mailboxes); i++) {
		str name = str_from_z(default_mailboxes[i].name);
		uint64_t id;
		r = mailbox_insert(f->account, name, default_mailboxes[i].use, f->now, &id, err);
		if (r == 0)
			r = db_execute(db,
				"INSERT INTO subscription (account, name) VALUES (?1, ?2)", err,
				DB_I64(f->account->id), DB_TEXT(name));
	}
	return r;
}

/* The file must be this account's: statements name the id. */
static int check_id(struct account *a, struct err *err)
{
	struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
	int r = db_query(
		a->db, "SELECT 1 FROM account WHERE account = ?1", &st, err, DB_I64(a->id));
	if (r == 0)
		r = db_step(st, err);
	if (r == 0)
		return err_set(err, EUCLEAN, "%s does not hold account %llu", db_path(a->db),
			(unsigned long long)a->id);
	return r < 0 ? r : 0;
}

static char *path_of(const char *data_dir, uint64_t id, const char *suffix)
{
	struct buf b = BUF_INIT(8192);
	buf_printf(&b, "%s/accounts/%llu.db%s", data_dir, (unsigned long long)id, suffix);
	buf_add_char(&b, '\0');
	ASSERT(!b.overflowed);
	return b.p;
}

int account_open(const char *data_dir, uint64_t id, unsigned flags, int64_t now,
	struct account **out, struct err *err)
{
	char *path CLEANUP(free_pointer) = path_of(data_dir, id, "");
	unsigned db_flags = (flags & ACCOUNT_CREATE ? DB_CREATE : 0) |
			    (flags & ACCOUNT_READ_ONLY ? DB_READ_ONLY : 0) |
			    (flags & ACCOUNT_CHECKPOINT_APART ? DB_CHECKPOINT_APART : 0);
	struct account *a = xcalloc(1, sizeof *a);
	a->id = id;
	int r = db_open(path, db_flags, &a->db, err);
	if (r == 0)
		r = schema_apply(a->db, &account_schema, flags & ACCOUNT_CREATE, fill,
			&(struct filling){ a, now }, err);
	if (r == 0)
		r = check_id(a, err);
	if (r < 0) {
		account_close(a);
		return r;
	}
	*out = a;
	return 0;
}

void account_close(struct account *a)
{
	if (!a)
		return;
	db_close(a->db);
	free(a);
}

/* The log goes first: a log without its database is never taken for that of a new one. */
int account_remove(const char *data_dir, uint64_t id, struct err *err)
{
	static const char *const suffixes[] = { "-wal", "-shm", "" };
	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
		char *path CLEANUP(free_pointer) = path_of(data_dir, id, suffixes[i]);
		if (unlink(path) < 0 && (errno != ENOENT || !*suffixes[i]))
			return err_errno(err, errno, "%s: cannot be removed", path);
	}
	for (unsigned version = 2; version <= account_schema.version; version++) {
		char suffix[32];
		snprintf(suffix, sizeof suffix, ".before-%u", version);
		char *path CLEANUP(free_pointer) = path_of(data_dir, id, suffix);
		unlink(path);
	}
	return 0;
}

uint64_t account_id(const struct account *a)
{
	return a->id;
}

struct db *account_db(struct account *a)
{
	return a->db;
}

bool account_log_is_long(const struct account *a)
{
	return db_log_is_long(a->db);
}

int account_checkpoint_apart(const char *data_dir, uint64_t id, struct err *err)
{
	char *path CLEANUP(free_pointer) = path_of(data_dir, id, "");
	struct db *db;
	int r = db_open(path, DB_PACED, &db, err);
	if (r < 0)
		return r;
	r = db_checkpoint(db, err);
	db_close(db);
	return r;
}

int account_checkpoint(struct account *a, struct err *err)
{
	return db_checkpoint(a->db, err);
}

void account_release_memory(struct account *a)
{
	db_release_memory(a->db);
}

int account_version(struct account *a, uint64_t *out, struct err *err)
{
	return db_version(a->db, out, err);
}

int account_end(struct account *a, int r, struct err *err)
{
	if (r >= 0)
		return db_commit(a->db, err);
	db_rollback(a->db);
	return r;
}

/* Steps an UPDATE … RETURNING of the account's row. */
static int take(struct account *a, struct db_statement *st, int64_t *out, struct err *err)
{
	int r = db_step(st, err);
	if (r > 0)
		*out = db_column_i64(st, 0);
	if (r == 0)
		r = err_set(err, EUCLEAN, "%s: the account's own row is missing", db_path(a->db));
	db_reset(st);
	return r < 0 ? r : 0;
}

int account_next_modseq(struct account *a, uint64_t *out, struct err *err)
{
	struct db_statement *st;
	int64_t value = 0;
	int r = db_query(a->db,
		"UPDATE account SET modseq = modseq + 1 WHERE account = ?1 RETURNING modseq", &st,
		err, DB_I64(a->id));
	if (r == 0)
		r = take(a, st, &value, err);
	if (r == 0)
		*out = (uint64_t)value;
	return r;
}

int account_next_mailbox(struct account *a, uint64_t *out, struct err *err)
{
	struct db_statement *st;
	int64_t value = 0;
	int r = db_query(a->db,
		"UPDATE account SET next_mailbox = next_mailbox + 1 WHERE account = ?1"
		" RETURNING next_mailbox - 1",
		&st, err, DB_I64(a->id));
	if (r == 0)
		r = take(a, st, &value, err);
	if (r == 0)
		*out = (uint64_t)value;
	return r;
}

/* Begins with the time, so that an account which is deleted and made anew with the same id does not
 * repeat itself. */
int account_next_uidvalidity(struct account *a, int64_t now, uint32_t *out, struct err *err)
{
	struct db_statement *st;
	int64_t value = 0, least = MIN(MAX(now, INT64_C(1)), (int64_t)UINT32_MAX - 1);
	int r = db_query(a->db,
		"UPDATE account SET uidvalidity ="
		" CASE WHEN uidvalidity < ?2 THEN ?2 ELSE uidvalidity + 1 END"
		" WHERE account = ?1 RETURNING uidvalidity",
		&st, err, DB_I64(a->id), DB_I64(least));
	if (r == 0)
		r = take(a, st, &value, err);
	if (r == 0 && value > UINT32_MAX)
		return err_set(err, EOVERFLOW, "%s: no uidvalidity is left", db_path(a->db));
	if (r == 0)
		*out = (uint32_t)value;
	return r;
}
