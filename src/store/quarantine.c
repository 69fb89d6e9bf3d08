/*
 * quarantine.c: adding to the quarantine and removing from it; quarantine_read.c reads it.
 */
#include "store/pack.h"
#include "store/quarantine_internal.h"
#include "store/schema.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * quarantine	counters of the whole store: the last item's number; bytes: what all items count for
 * item		one message; item: its number, ascending. is_copy: its recipients have it
 * recipient	n-th address of the envelope
 * target	n-th account that it goes to
 * piece	n-th piece of the message; unpacked: its size where it is packed
 */
static const char migration_1[] =
	"CREATE TABLE quarantine ("
	" store {i64} NOT NULL, last_item {i64} NOT NULL, bytes {i64} NOT NULL,"
	" PRIMARY KEY (store)) {clustered};"
	"INSERT INTO quarantine (store, last_item, bytes) VALUES (1, 0, 0);"

	"CREATE TABLE item ("
	" item {i64} NOT NULL, id {text} {binary} NOT NULL, time {i64} NOT NULL,"
	" bytes {i64} NOT NULL, reason {text} NOT NULL, is_copy {i64} NOT NULL,"
	" sender {text} NOT NULL, client {text} NOT NULL,"
	" size {i64} NOT NULL, received {i64} NOT NULL, date {i64} NOT NULL, trace {blob} NOT NULL,"
	" envelope {text} NOT NULL, body {text} NOT NULL, bodystructure {text} NOT NULL,"
	" PRIMARY KEY (item));"
	"CREATE UNIQUE INDEX item_id ON item (id);"
	"CREATE INDEX item_time ON item (time);"

	"CREATE TABLE recipient ("
	" item {i64} NOT NULL, n {i64} NOT NULL, address {text} NOT NULL,"
	" PRIMARY KEY (item, n)) {clustered};"

	"CREATE TABLE target ("
	" item {i64} NOT NULL, n {i64} NOT NULL, account {i64} NOT NULL, detail {text} NOT NULL,"
	" PRIMARY KEY (item, n)) {clustered};"

	"CREATE TABLE piece ("
	" item {i64} NOT NULL, n {i64} NOT NULL, data {blob} NOT NULL, unpacked {i64},"
	" PRIMARY KEY (item, n));";

static const char *const migrations[] = { migration_1 };
static const struct schema quarantine_schema = { "quarantine", migrations, ARRAY_LEN(migrations) };

/* Of a message beside its texts and pieces, as its rows fill pages. */
enum { ITEM_OVERHEAD = 4096 };

int quarantine_open(const char *data_dir, unsigned flags, struct quarantine **out, struct err *err)
{
	struct buf path CLEANUP(buf_done) = BUF_INIT(8192);
	buf_printf(&path, "%s/quarantine/quarantine.db", data_dir);
	buf_add_char(&path, '\0');
	ASSERT(!path.overflowed);
	unsigned db_flags = (flags & QUARANTINE_CREATE ? DB_CREATE : 0) |
			    (flags & QUARANTINE_READ_ONLY ? DB_READ_ONLY : 0);
	struct quarantine *q = xcalloc(1, sizeof *q);
	int rc = db_open(path.p, db_flags, &q->db, err);
	if (rc == 0)
		rc = schema_apply(
			q->db, &quarantine_schema, flags & QUARANTINE_CREATE, NULL, NULL, err);
	if (rc < 0) {
		quarantine_close(q);
		return rc;
	}
	*out = q;
	return 0;
}

void quarantine_close(struct quarantine *q)
{
	if (!q)
		return;
	db_close(q->db);
	free(q);
}

int quarantine_end(struct quarantine *q, int rc, struct err *err)
{
	if (rc >= 0)
		return db_commit(q->db, err);
	db_rollback(q->db);
	return rc;
}

int quarantine_no_such(str id, struct err *err)
{
	return err_set(err, ENOENT, "there is no message %.*s in the quarantine", STR_ARG(id));
}

/* ---- counters ---- */

int quarantine_counters(struct quarantine *q, struct quarantine_counters *out, struct err *err)
{
	struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
	int rc = db_query(q->db, "SELECT last_item, bytes FROM quarantine WHERE store = ?1", &st,
		err, DB_I64(1));
	if (rc == 0)
		rc = db_step(st, err);
	if (rc == 0)
		rc = err_set(err, EUCLEAN, "%s: its counters are missing", db_path(q->db));
	if (rc < 0)
		return rc;
	*out = (struct quarantine_counters){ db_column_i64(st, 0), db_column_i64(st, 1) };
	return 0;
}

static int write_counters(
	struct quarantine *q, const struct quarantine_counters *c, struct err *err)
{
	return db_execute(q->db,
		"UPDATE quarantine SET last_item = ?1, bytes = ?2 WHERE store = ?3", err,
		DB_I64(c->last_item), DB_I64(c->bytes), DB_I64(1));
}

/* ---- removing ---- */

int quarantine_remove_item(struct quarantine *q, int64_t item, int64_t bytes, struct err *err)
{
	struct quarantine_counters c = { 0 };
	int rc = quarantine_counters(q, &c, err);
	c.bytes -= bytes;
	if (rc == 0)
		rc = write_counters(q, &c, err);
	if (rc == 0)
		rc = db_execute(q->db, "DELETE FROM piece WHERE item = ?1", err, DB_I64(item));
	if (rc == 0)
		rc = db_execute(q->db, "DELETE FROM target WHERE item = ?1", err, DB_I64(item));
	if (rc == 0)
		rc = db_execute(q->db, "DELETE FROM recipient WHERE item = ?1", err, DB_I64(item));
	if (rc == 0)
		rc = db_execute(q->db, "DELETE FROM item WHERE item = ?1", err, DB_I64(item));
	return rc;
}

/* 1: there is one that has expired, the oldest. */
static int find_expired(struct quarantine *q, int64_t before, int64_t *out_item, int64_t *out_bytes,
	struct err *err)
{
	struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
	int rc = db_query(q->db,
		"SELECT item, bytes FROM item WHERE time < ?1 ORDER BY time LIMIT 1", &st, err,
		DB_I64(before));
	if (rc == 0)
		rc = db_step(st, err);
	if (rc > 0) {
		*out_item = db_column_i64(st, 0);
		*out_bytes = db_column_i64(st, 1);
	}
	return rc;
}

static int expire(
	struct quarantine *q, int64_t before, size_t most, size_t *out_removed, struct err *err)
{
	int64_t item, bytes;
	int rc = 1;
	while (*out_removed < most && (rc = find_expired(q, before, &item, &bytes, err)) > 0) {
		rc = quarantine_remove_item(q, item, bytes, err);
		if (rc < 0)
			return rc;
		++*out_removed;
	}
	return rc < 0 ? rc : 0;
}

int quarantine_expire(
	struct quarantine *q, int64_t before, size_t most, size_t *out_removed, struct err *err)
{
	size_t n = 0;
	int rc = db_begin(q->db, DB_WRITE, err);
	if (rc < 0)
		return rc;
	rc = quarantine_end(q, expire(q, before, most, &n, err), err);
	if (rc == 0)
		*out_removed = n;
	return rc;
}

/* ---- adding ---- */

static int read_piece(
	const struct quarantine_body *body, uint64_t at, char *out, size_t n, struct err *err)
{
	if (body->fd < 0) {
		ASSERT(at + n <= body->content.n);
		memcpy(out, body->content.p + at, n);
		return 0;
	}
	while (n) {
		ssize_t got = pread(body->fd, out, n, (off_t)(body->offset + at));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return err_errno(
				err, got < 0 ? errno : EIO, "the spooled message cannot be read");
		out += got;
		at += (uint64_t)got;
		n -= (size_t)got;
	}
	return 0;
}

/* *bytes: grows by what is stored. */
static int add_pieces(struct quarantine *q, int64_t item, const struct quarantine_body *body,
	uint64_t size, uint64_t room, int64_t *bytes, struct err *err)
{
	struct packer *packer = packer_new();
	char *plain CLEANUP(free_pointer) = xmalloc(ACCOUNT_CHUNK_SIZE);
	char *packed CLEANUP(free_pointer) = xmalloc(ACCOUNT_CHUNK_SIZE);
	uint64_t at = 0;
	int rc = 0;
	for (int64_t i = 0; rc == 0 && at < size; i++) {
		size_t n = (size_t)MIN(size - at, (uint64_t)ACCOUNT_CHUNK_SIZE);
		rc = read_piece(body, at, plain, n, err);
		if (rc < 0)
			break;
		size_t less = packer_pack(packer, str_from(plain, n), packed);
		*bytes += (int64_t)(less ? less : n);
		if ((uint64_t)*bytes > room) {
			rc = err_set(err, ENOSPC, "the quarantine is full (quarantine.max_size)");
			break;
		}
		rc = db_execute(q->db,
			"INSERT INTO piece (item, n, data, unpacked) VALUES (?1, ?2, ?3, ?4)", err,
			DB_I64(item), DB_I64(i),
			DB_BLOB(less ? str_from(packed, less) : str_from(plain, n)),
			less ? DB_I64(n) : DB_NULL);
		at += n;
	}
	packer_free(packer);
	return rc;
}

static int add_addresses(
	struct quarantine *q, int64_t item, const struct quarantine_item *in, struct err *err)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < in->recipient_count; i++)
		rc = db_execute(q->db,
			"INSERT INTO recipient (item, n, address) VALUES (?1, ?2, ?3)", err,
			DB_I64(item), DB_I64(i), DB_TEXT(in->recipients[i]));
	for (size_t i = 0; rc == 0 && i < in->account_count; i++)
		rc = db_execute(q->db,
			"INSERT INTO target (item, n, account, detail) VALUES (?1, ?2, ?3, ?4)",
			err, DB_I64(item), DB_I64(i), DB_I64(in->accounts[i]),
			DB_TEXT(in->details[i]));
	return rc;
}

static int insert_item(struct quarantine *q, int64_t item, int64_t bytes,
	const struct quarantine_item *in, struct err *err)
{
	const struct account_summary *s = &in->summary;
	return db_execute(q->db,
		"INSERT INTO item (item, id, time, bytes, reason, is_copy, sender, client,"
		" size, received, date, trace, envelope, body, bodystructure)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
		err, DB_I64(item), DB_TEXT(in->id), DB_I64(in->time), DB_I64(bytes),
		DB_TEXT(in->reason), DB_I64(in->copy), DB_TEXT(in->sender), DB_TEXT(in->client),
		DB_I64(in->size), DB_I64(in->received), DB_I64(s->date), DB_BLOB(in->trace),
		DB_TEXT(s->envelope), DB_TEXT(s->body), DB_TEXT(s->bodystructure));
}

static int64_t bytes_around(const struct quarantine_item *in)
{
	const struct account_summary *s = &in->summary;
	size_t n = ITEM_OVERHEAD + in->trace.n + s->envelope.n + s->body.n + s->bodystructure.n;
	for (size_t i = 0; i < in->recipient_count; i++)
		n += in->recipients[i].n + 16;
	return (int64_t)(n + 32 * in->account_count);
}

static int add(struct quarantine *q, const struct quarantine_item *in,
	const struct quarantine_body *body, uint64_t max_size, struct err *err)
{
	struct quarantine_counters c = { 0 };
	int rc = quarantine_counters(q, &c, err);
	if (rc < 0)
		return rc;
	int64_t item = ++c.last_item, bytes = bytes_around(in);
	uint64_t used = (uint64_t)MAX(c.bytes, INT64_C(0));
	rc = add_pieces(q, item, body, in->size, max_size - MIN(used, max_size), &bytes, err);
	if (rc == 0)
		rc = insert_item(q, item, bytes, in, err);
	if (rc == 0)
		rc = add_addresses(q, item, in, err);
	c.bytes += bytes;
	return rc < 0 ? rc : write_counters(q, &c, err);
}

int quarantine_add(struct quarantine *q, const struct quarantine_item *item,
	const struct quarantine_body *body, const struct quarantine_limits *limits, struct err *err)
{
	size_t removed = 0;
	int rc = db_begin(q->db, DB_WRITE, err);
	if (rc < 0)
		return rc;
	rc = expire(q, limits->before, SIZE_MAX, &removed, err);
	if (rc == 0)
		rc = add(q, item, body, limits->max_size, err);
	return quarantine_end(q, rc, err);
}
