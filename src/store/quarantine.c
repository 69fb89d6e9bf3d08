#include "store/quarantine.h"

#include "store/pack.h"
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

struct quarantine {
	struct db *db;
};

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

static int end(struct quarantine *q, int rc, struct err *err)
{
	if (rc >= 0)
		return db_commit(q->db, err);
	db_rollback(q->db);
	return rc;
}

static int no_such(str id, struct err *err)
{
	return err_set(err, ENOENT, "there is no message %.*s in the quarantine", STR_ARG(id));
}

/* ---- counters ---- */

struct counters {
	int64_t last_item, bytes;
};

static int read_counters(struct quarantine *q, struct counters *out, struct err *err)
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
	*out = (struct counters){ db_column_i64(st, 0), db_column_i64(st, 1) };
	return 0;
}

static int write_counters(struct quarantine *q, const struct counters *c, struct err *err)
{
	return db_execute(q->db,
		"UPDATE quarantine SET last_item = ?1, bytes = ?2 WHERE store = ?3", err,
		DB_I64(c->last_item), DB_I64(c->bytes), DB_I64(1));
}

/* ---- removing ---- */

static int remove_item(struct quarantine *q, int64_t item, int64_t bytes, struct err *err)
{
	struct counters c = { 0 };
	int rc = read_counters(q, &c, err);
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
		rc = remove_item(q, item, bytes, err);
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
	rc = end(q, expire(q, before, most, &n, err), err);
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
	struct counters c = { 0 };
	int rc = read_counters(q, &c, err);
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
	return end(q, rc, err);
}

/* ---- reading ---- */

#define COLUMNS                                                                                    \
	"item, id, time, reason, is_copy, sender, client, size, received, bytes, date, "           \
	"envelope, trace, body, bodystructure"

/* Slices stand until the next step. */
static int64_t read_row(struct db_statement *st, struct quarantine_item *out, int64_t *out_bytes)
{
	*out = (struct quarantine_item){ .id = db_column_text(st, 1),
		.time = db_column_i64(st, 2),
		.reason = db_column_text(st, 3),
		.copy = db_column_i64(st, 4) != 0,
		.sender = db_column_text(st, 5),
		.client = db_column_text(st, 6),
		.size = (uint64_t)db_column_i64(st, 7),
		.received = db_column_i64(st, 8),
		.summary = { .date = db_column_i64(st, 10), .envelope = db_column_text(st, 11) } };
	*out_bytes = db_column_i64(st, 9);
	return db_column_i64(st, 0);
}

static int read_recipients(struct quarantine *q, int64_t item, struct arena *a,
	struct quarantine_item *out, struct err *err)
{
	struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
	size_t room = 0;
	str *list = NULL;
	int rc = db_query(q->db, "SELECT address FROM recipient WHERE item = ?1 ORDER BY n", &st,
		err, DB_I64(item));
	while (rc == 0 && (rc = db_step(st, err)) > 0) {
		if (out->recipient_count == room) {
			str *more = arena_array(a, str, room = MAX(2 * room, (size_t)16));
			if (list)
				memcpy(more, list, out->recipient_count * sizeof *list);
			out->recipients = list = more;
		}
		list[out->recipient_count++] = arena_str(a, db_column_text(st, 0));
		rc = 0;
	}
	return rc;
}

static int read_targets(struct quarantine *q, int64_t item, struct arena *a,
	struct quarantine_item *out, struct err *err)
{
	struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
	struct db_statement *count CLEANUP(db_reset_pointer) = NULL;
	int rc = db_query(
		q->db, "SELECT COUNT(*) FROM target WHERE item = ?1", &count, err, DB_I64(item));
	if (rc == 0)
		rc = db_step(count, err);
	if (rc < 0)
		return rc;
	size_t n = (size_t)db_column_i64(count, 0);
	uint64_t *accounts = arena_array(a, uint64_t, n);
	str *details = arena_array(a, str, n);
	rc = db_query(q->db, "SELECT account, detail FROM target WHERE item = ?1 ORDER BY n", &st,
		err, DB_I64(item));
	while (rc == 0 && out->account_count < n && (rc = db_step(st, err)) > 0) {
		accounts[out->account_count] = (uint64_t)db_column_i64(st, 0);
		details[out->account_count++] = arena_str(a, db_column_text(st, 1));
		rc = 0;
	}
	out->accounts = accounts;
	out->details = details;
	return rc;
}

int quarantine_list(struct quarantine *q, bool (*fn)(void *arg, const struct quarantine_item *item),
	void *arg, struct err *err)
{
	struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
	int rc = db_begin(q->db, DB_READ, err);
	if (rc < 0)
		return rc;
	rc = db_prepare(q->db,
		"SELECT item, id, time, reason, is_copy, sender, client, size, received,"
		" bytes, date, envelope FROM item ORDER BY item DESC",
		&st, err);
	while (rc == 0 && (rc = db_step(st, err)) > 0) {
		struct arena a CLEANUP(arena_done) = ARENA_INIT(64 * 1024 * 1024);
		struct quarantine_item item;
		int64_t bytes, number = read_row(st, &item, &bytes);
		rc = read_recipients(q, number, &a, &item, err);
		if (rc == 0 && !fn(arg, &item))
			break;
	}
	db_reset(st);
	return end(q, rc, err);
}

/* Within a transaction. */
static int find(struct quarantine *q, str id, struct arena *a, struct quarantine_item *out,
	int64_t *out_item, int64_t *out_bytes, struct err *err)
{
	struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
	int rc = db_query(
		q->db, "SELECT " COLUMNS " FROM item WHERE id = ?1", &st, err, DB_TEXT(id));
	if (rc == 0)
		rc = db_step(st, err);
	if (rc <= 0)
		return rc < 0 ? rc : no_such(id, err);
	*out_item = read_row(st, out, out_bytes);
	str *texts[] = { &out->id, &out->reason, &out->sender, &out->client,
		&out->summary.envelope };
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		*texts[i] = arena_str(a, *texts[i]);
	out->trace = arena_str(a, db_column_blob(st, 12));
	out->summary.body = arena_str(a, db_column_text(st, 13));
	out->summary.bodystructure = arena_str(a, db_column_text(st, 14));
	rc = read_recipients(q, *out_item, a, out, err);
	return rc < 0 ? rc : read_targets(q, *out_item, a, out, err);
}

int quarantine_find(
	struct quarantine *q, str id, struct arena *a, struct quarantine_item *out, struct err *err)
{
	int64_t item, bytes;
	int rc = db_begin(q->db, DB_READ, err);
	return rc < 0 ? rc : end(q, find(q, id, a, out, &item, &bytes, err), err);
}

/* ---- the message ---- */

static int damaged(str id, struct err *err)
{
	return err_set(err, EUCLEAN, "message %.*s in the quarantine is damaged", STR_ARG(id));
}

static int write_all(int fd, str data, uint64_t at, struct err *err)
{
	while (data.n) {
		ssize_t n = pwrite(fd, data.p, data.n, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_errno(err, n < 0 ? errno : EIO, "the message cannot be copied");
		at += (uint64_t)n;
		data = str_skip(data, (size_t)n);
	}
	return 0;
}

/* fd -1: it is only looked whether all is there. */
static int write_pieces(
	struct quarantine *q, str id, int64_t item, uint64_t size, int fd, struct err *err)
{
	struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
	char *room CLEANUP(free_pointer) = xmalloc(ACCOUNT_CHUNK_SIZE);
	uint64_t at = 0;
	int rc = db_query(q->db, "SELECT data, unpacked FROM piece WHERE item = ?1 ORDER BY n", &st,
		err, DB_I64(item));
	while (rc == 0 && (rc = db_step(st, err)) > 0) {
		str piece = db_column_blob(st, 0);
		if (!db_column_is_null(st, 1)) {
			int64_t n = db_column_i64(st, 1);
			if (n < 0 || n > ACCOUNT_CHUNK_SIZE || !unpack(piece, room, (size_t)n))
				return damaged(id, err);
			piece = str_from(room, (size_t)n);
		}
		rc = fd < 0 ? 0 : write_all(fd, piece, at, err);
		at += piece.n;
	}
	return rc == 0 && at != size ? damaged(id, err) : rc;
}

/* Within a transaction or not: one that nobody else can see half of. */
static int find_number(
	struct quarantine *q, str id, int64_t *out_item, uint64_t *out_size, struct err *err)
{
	struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
	int rc =
		db_query(q->db, "SELECT item, size FROM item WHERE id = ?1", &st, err, DB_TEXT(id));
	if (rc == 0)
		rc = db_step(st, err);
	if (rc <= 0)
		return rc < 0 ? rc : no_such(id, err);
	*out_item = db_column_i64(st, 0);
	*out_size = (uint64_t)db_column_i64(st, 1);
	return 0;
}

static int write_body(struct quarantine *q, str id, int fd, struct err *err)
{
	int64_t item;
	uint64_t size;
	int rc = find_number(q, id, &item, &size, err);
	return rc < 0 ? rc : write_pieces(q, id, item, size, fd, err);
}

int quarantine_write_body(struct quarantine *q, str id, int fd, struct err *err)
{
	if (db_in_transaction(q->db))
		return write_body(q, id, fd, err);
	int rc = db_begin(q->db, DB_READ, err);
	return rc < 0 ? rc : end(q, write_body(q, id, fd, err), err);
}

/* ---- letting go ---- */

static int remove_by_id(struct quarantine *q, str id, struct err *err)
{
	struct arena a CLEANUP(arena_done) = ARENA_INIT(64 * 1024 * 1024);
	struct quarantine_item unused;
	int64_t item, bytes;
	int rc = find(q, id, &a, &unused, &item, &bytes, err);
	return rc < 0 ? rc : remove_item(q, item, bytes, err);
}

int quarantine_remove(struct quarantine *q, str id, struct err *err)
{
	int rc = db_begin(q->db, DB_WRITE, err);
	return rc < 0 ? rc : end(q, remove_by_id(q, id, err), err);
}

int quarantine_release(struct quarantine *q, str id, struct arena *a, quarantine_release_fn *fn,
	void *arg, struct err *err)
{
	struct quarantine_item in;
	int64_t item = 0, bytes = 0;
	int rc = db_begin(q->db, DB_WRITE, err);
	if (rc < 0)
		return rc;
	rc = find(q, id, a, &in, &item, &bytes, err);
	if (rc == 0)
		rc = fn(q, &in, arg, err);
	if (rc == 0)
		rc = remove_item(q, item, bytes, err);
	return end(q, rc, err);
}

/* ---- looking whether all is well ---- */

struct verifying {
	struct quarantine *q;
	void (*fn)(void *arg, str problem);
	void *arg;
	struct err err;
	int rc;
};

static bool verify_item(void *arg, const struct quarantine_item *item)
{
	struct verifying *v = arg;
	v->rc = write_body(v->q, item->id, -1, &v->err);
	if (v->rc == -EUCLEAN) {
		v->fn(v->arg, str_from_z(v->err.text));
		v->rc = 0;
	}
	return v->rc == 0;
}

static int verify_sum(struct verifying *v, struct err *err)
{
	struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
	struct counters c = { 0 };
	int rc = read_counters(v->q, &c, err);
	if (rc == 0)
		rc = db_prepare(v->q->db, "SELECT SUM(bytes) FROM item", &st, err);
	if (rc == 0)
		rc = db_step(st, err);
	if (rc > 0 && db_column_i64(st, 0) != c.bytes)
		v->fn(v->arg, STR("the size that it counts is not that of its messages"));
	return rc < 0 ? rc : 0;
}

int quarantine_verify(
	struct quarantine *q, void (*fn)(void *arg, str problem), void *arg, struct err *err)
{
	struct verifying v = { .q = q, .fn = fn, .arg = arg };
	int rc = db_check(q->db, fn, arg, err);
	if (rc == 0)
		rc = db_begin(q->db, DB_READ, err);
	if (rc < 0)
		return rc;
	rc = end(q, verify_sum(&v, err), err);
	if (rc == 0)
		rc = quarantine_list(q, verify_item, &v, err);
	if (rc == 0 && v.rc < 0) {
		*err = v.err;
		rc = v.rc;
	}
	return rc;
}
