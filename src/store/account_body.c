/*
 * account_body.c: reading bodies, and counting who refers to them.
 */
#include "store/account_internal.h"
#include "store/pack.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static int gone(struct err *err)
{
	return err_set(err, ENOENT, "the message has been expunged");
}

int account_body_size(struct account *a, uint64_t body, uint64_t *out, struct err *err)
{
	struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
	int r = db_query(a->db, "SELECT size FROM body WHERE account = ?1 AND id = ?2", &st, err,
		DB_I64(a->id), DB_I64(body));
	if (r == 0)
		r = db_step(st, err);
	if (r <= 0)
		return r < 0 ? r : gone(err);
	*out = (uint64_t)db_column_i64(st, 0);
	return 0;
}

int body_piece(
	struct db_statement *st, int data, int unpacked, char **room, str *out, struct err *err)
{
	str stored = db_column_blob(st, data);
	if (db_column_is_null(st, unpacked)) {
		*out = stored;
		return 0;
	}
	int64_t n = db_column_i64(st, unpacked);
	if (n < 0 || n > ACCOUNT_CHUNK_SIZE)
		return err_set(err, EUCLEAN, "a packed piece of the message has a wrong size");
	if (!*room)
		*room = xmalloc(ACCOUNT_CHUNK_SIZE);
	if (!unpack(stored, *room, (size_t)n))
		return err_set(err, EUCLEAN, "a packed piece of the message is damaged");
	*out = str_from(*room, (size_t)n);
	return 0;
}

/* Calls fn with each piece that holds some of [offset, end), in order, and where it belongs. All
 * within one statement, so that a body which is expunged meanwhile is read whole or not at all. */
static int each_chunk(struct account *a, uint64_t body, uint64_t offset, uint64_t end,
	int (*fn)(void *arg, uint64_t at, str data, struct err *err), void *arg, struct err *err)
{
	struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
	char *room CLEANUP(free_pointer) = NULL;
	int r = db_query(a->db,
		"SELECT seq, data, unpacked FROM body_chunk"
		" WHERE account = ?1 AND body = ?2 AND seq >= ?3 AND seq <= ?4 ORDER BY seq",
		&st, err, DB_I64(a->id), DB_I64(body), DB_I64(offset / ACCOUNT_CHUNK_SIZE),
		DB_I64((end - 1) / ACCOUNT_CHUNK_SIZE));
	while (r == 0 && (r = db_step(st, err)) > 0) {
		uint64_t at = (uint64_t)db_column_i64(st, 0) * ACCOUNT_CHUNK_SIZE;
		str piece = STR_EMPTY;
		r = body_piece(st, 1, 2, &room, &piece, err);
		if (r == 0)
			r = fn(arg, at, piece, err);
	}
	return r;
}

struct reading {
	char *out;
	uint64_t offset, end; /* wanted; end within the body */
	size_t n;             /* done */
};

static int read_chunk(void *arg, uint64_t at, str data, struct err *err)
{
	struct reading *r = arg;
	uint64_t from = r->offset + r->n;
	if (at > from)
		return err_set(err, EUCLEAN, "a piece of the message is missing from the store");
	str wanted = str_first(str_skip(data, (size_t)(from - at)), (size_t)(r->end - from));
	memcpy(r->out + r->n, wanted.p, wanted.n);
	r->n += wanted.n;
	return 0;
}

static int check_whole(uint64_t got, uint64_t wanted, struct err *err)
{
	if (got == wanted)
		return 0;
	return err_set(err, EUCLEAN, "a piece of the message is missing from the store");
}

int account_body_read(struct account *a, uint64_t body, uint64_t offset, void *out, size_t n,
	size_t *out_n, struct err *err)
{
	uint64_t size;
	int r = db_begin(a->db, DB_READ, err);
	if (r < 0)
		return r;
	struct reading reading = { .out = out, .offset = offset };
	r = account_body_size(a, body, &size, err);
	if (r == 0 && offset < size && n > 0) {
		reading.end = offset + MIN((uint64_t)n, size - offset);
		r = each_chunk(a, body, offset, reading.end, read_chunk, &reading, err);
		if (r == 0)
			r = check_whole(reading.n, reading.end - offset, err);
	}
	r = account_end(a, r, err);
	if (r == 0)
		*out_n = reading.n;
	return r;
}

struct writing {
	int fd;
	uint64_t n; /* done */
};

static int write_chunk(void *arg, uint64_t at, str data, struct err *err)
{
	struct writing *w = arg;
	if (at != w->n)
		return err_set(err, EUCLEAN, "a piece of the message is missing from the store");
	while (data.n) {
		ssize_t n = pwrite(w->fd, data.p, data.n, (off_t)w->n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_errno(err, n < 0 ? errno : EIO, "the message cannot be copied");
		w->n += (uint64_t)n;
		data = str_skip(data, (size_t)n);
	}
	return 0;
}

int account_body_write(struct account *a, uint64_t body, int fd, struct err *err)
{
	uint64_t size;
	struct writing w = { .fd = fd };
	int r = db_begin(a->db, DB_READ, err);
	if (r < 0)
		return r;
	r = account_body_size(a, body, &size, err);
	if (r == 0 && size > 0)
		r = each_chunk(a, body, 0, size, write_chunk, &w, err);
	if (r == 0)
		r = check_whole(w.n, size, err);
	return account_end(a, r, err);
}

/* ---- one that is there already ---- */

enum { CANDIDATES_MAX = 100 };

/* At most CANDIDATES_MAX, the newest. */
static int find_alike(struct account *a, uint64_t size, str envelope, uint64_t *out, size_t *out_n,
	struct err *err)
{
	struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
	int r = db_query(a->db,
		"SELECT id FROM body WHERE account = ?1 AND size = ?2 AND envelope = ?3"
		" ORDER BY id DESC",
		&st, err, DB_I64(a->id), DB_I64(size), DB_TEXT(envelope));
	while (r == 0 && *out_n < CANDIDATES_MAX && (r = db_step(st, err)) > 0) {
		out[(*out_n)++] = (uint64_t)db_column_i64(st, 0);
		r = 0;
	}
	return r;
}

int account_has_message(
	struct account *a, uint64_t size, str envelope, str prefix, bool *out, struct err *err)
{
	uint64_t bodies[CANDIDATES_MAX];
	size_t n = 0, got = 0;
	char *front CLEANUP(free_pointer) = xmalloc(ACCOUNT_CHUNK_SIZE);
	prefix = str_first(prefix, ACCOUNT_CHUNK_SIZE);
	int r = find_alike(a, size, envelope, bodies, &n, err);
	*out = false;
	for (size_t i = 0; r == 0 && i < n && !*out; i++) {
		r = account_body_read(a, bodies[i], 0, front, prefix.n, &got, err);
		*out = r == 0 && str_equal(str_from(front, got), prefix);
		r = r == -ENOENT ? 0 : r; /* expunged a moment ago */
	}
	return r;
}

/* ---- references ---- */

int body_share(struct account *a, uint64_t body, struct err *err)
{
	return db_execute(a->db, "UPDATE body SET refs = refs + 1 WHERE account = ?1 AND id = ?2",
		err, DB_I64(a->id), DB_I64(body));
}

int body_release(struct account *a, uint64_t body, struct err *err)
{
	int r = db_execute(a->db, "DELETE FROM body WHERE account = ?1 AND id = ?2 AND refs <= 1",
		err, DB_I64(a->id), DB_I64(body));
	if (r < 0)
		return r;
	if (db_affected(a->db) == 0)
		return db_execute(a->db,
			"UPDATE body SET refs = refs - 1 WHERE account = ?1 AND id = ?2", err,
			DB_I64(a->id), DB_I64(body));
	return db_execute(a->db, "DELETE FROM body_chunk WHERE account = ?1 AND body = ?2", err,
		DB_I64(a->id), DB_I64(body));
}
