/*
 * quarantine_read.c: listing, finding, releasing and verifying what is in the quarantine.
 */
#include "store/pack.h"
#include "store/quarantine_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

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
	return quarantine_end(q, rc, err);
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
		return rc < 0 ? rc : quarantine_no_such(id, err);
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
	return rc < 0 ? rc : quarantine_end(q, find(q, id, a, out, &item, &bytes, err), err);
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
		return rc < 0 ? rc : quarantine_no_such(id, err);
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
	return rc < 0 ? rc : quarantine_end(q, write_body(q, id, fd, err), err);
}

/* ---- letting go ---- */

static int remove_by_id(struct quarantine *q, str id, struct err *err)
{
	struct arena a CLEANUP(arena_done) = ARENA_INIT(64 * 1024 * 1024);
	struct quarantine_item unused;
	int64_t item, bytes;
	int rc = find(q, id, &a, &unused, &item, &bytes, err);
	return rc < 0 ? rc : quarantine_remove_item(q, item, bytes, err);
}

int quarantine_remove(struct quarantine *q, str id, struct err *err)
{
	int rc = db_begin(q->db, DB_WRITE, err);
	return rc < 0 ? rc : quarantine_end(q, remove_by_id(q, id, err), err);
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
		rc = quarantine_remove_item(q, item, bytes, err);
	return quarantine_end(q, rc, err);
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
	struct quarantine_counters c = { 0 };
	int rc = quarantine_counters(v->q, &c, err);
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
	rc = quarantine_end(q, verify_sum(&v, err), err);
	if (rc == 0)
		rc = quarantine_list(q, verify_item, &v, err);
	if (rc == 0 && v.rc < 0) {
		*err = v.err;
		rc = v.rc;
	}
	return rc;
}
