#include "store/records.h"

#include "base/json.h"
#include "store/record_fields.h"
#include "store/records_internal.h"
#include "store/schema.h"

#include <errno.h>
#include <stdlib.h>

/*
 * records	counters of the whole store; written: records so far
 * record	seq: microseconds since 1970, made unique: the order in time. Texts other than json
 *		and deliveries stand as in the JSON, with its escapes. bytes: what it counts for.
 *		bucket: records are indexed in buckets of BUCKET, one after the other. Ids are
 *		random: in one large index each new one would change a page of its own, which is
 *		most of what writing a record would cost. A search looks into each bucket.
 */
static const char migration_1[] =
	"CREATE TABLE records ("
	" store {i64} NOT NULL, last_seq {i64} NOT NULL, written {i64} NOT NULL,"
	" bytes {i64} NOT NULL, PRIMARY KEY (store)) {clustered};"
	"INSERT INTO records (store, last_seq, written, bytes) VALUES (1, 0, 0, 0);"

	"CREATE TABLE record ("
	" seq {i64} NOT NULL, bucket {i64} NOT NULL, id {text} {binary} NOT NULL, message_id "
	"{text} {binary} NOT NULL,"
	" sender {text} NOT NULL, client {text} NOT NULL, action {text} NOT NULL,"
	" score {i64} NOT NULL, time {i64} NOT NULL, bytes {i64} NOT NULL,"
	" json {text} NOT NULL, deliveries {text} NOT NULL, PRIMARY KEY (seq));"
	"CREATE INDEX record_id ON record (bucket, id);"
	"CREATE INDEX record_message_id ON record (bucket, message_id);";

/* finding_count	how often the filter found something on a day (days since 1970, UTC), in
 * messages for Junk or refused, and in others. The empty name: all that were judged. */
static const char migration_2[] =
	"CREATE TABLE finding_count ("
	" day {i64} NOT NULL, name {text} {binary} NOT NULL,"
	" spam {i64} NOT NULL, ham {i64} NOT NULL, PRIMARY KEY (day, name)) {clustered};";

static const char *const migrations[] = { migration_1, migration_2 };
static const struct schema records_schema = { "records", migrations, ARRAY_LEN(migrations) };

/* Of a row beside its texts: numbers, keys, two index entries. And what a row that is alone in its
 * page fills. */
enum { ROW_OVERHEAD = 160, PAGE = 4096 };

enum { BUCKET = 1024 };

int records_open(const char *data_dir, unsigned flags, struct records **out, struct err *err)
{
	struct buf path CLEANUP(buf_done) = BUF_INIT(8192);
	buf_printf(&path, "%s/records/records.db", data_dir);
	buf_add_char(&path, '\0');
	ASSERT(!path.overflowed);
	unsigned db_flags = (flags & RECORDS_CREATE ? DB_CREATE : 0) |
			    (flags & RECORDS_READ_ONLY ? DB_READ_ONLY : 0);
	struct records *r = xcalloc(1, sizeof *r);
	int rc = db_open(path.p, db_flags, &r->db, err);
	/* Who only reads cannot bring an older file up to date; what it has is read. */
	if (rc == 0 && flags & RECORDS_READ_ONLY)
		rc = schema_accept(r->db, &records_schema, err);
	else if (rc == 0)
		rc = schema_apply(r->db, &records_schema, flags & RECORDS_CREATE, NULL, NULL, err);
	if (rc < 0) {
		records_close(r);
		return rc;
	}
	*out = r;
	return 0;
}

void records_close(struct records *r)
{
	if (!r)
		return;
	db_close(r->db);
	free(r);
}

int records_end(struct records *r, int rc, struct err *err)
{
	if (rc >= 0)
		return db_commit(r->db, err);
	db_rollback(r->db);
	return rc;
}

/* ---- writing ---- */

struct counters {
	int64_t seq, written, bytes;
};

static int read_counters(struct records *r, struct counters *out, struct err *err)
{
	struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
	int rc = db_query(r->db, "SELECT last_seq, written, bytes FROM records WHERE store = ?1",
		&st, err, DB_I64(1));
	if (rc == 0)
		rc = db_step(st, err);
	if (rc == 0)
		rc = err_set(err, EUCLEAN, "%s: its counters are missing", db_path(r->db));
	if (rc < 0)
		return rc;
	*out = (struct counters){ db_column_i64(st, 0), db_column_i64(st, 1),
		db_column_i64(st, 2) };
	return 0;
}

static int write_counters(struct records *r, const struct counters *c, struct err *err)
{
	return db_execute(r->db,
		"UPDATE records SET last_seq = ?1, written = ?2, bytes = ?3 WHERE store = ?4", err,
		DB_I64(c->seq), DB_I64(c->written), DB_I64(c->bytes), DB_I64(1));
}

static int64_t bytes_of(const struct record *record, const struct record_fields *f)
{
	size_t n = ROW_OVERHEAD + record->json.n + record->deliveries.n + 2 * f->id.n +
		   2 * f->message_id.n + f->sender.n;
	return (int64_t)(n > PAGE / 2 ? (n + PAGE - 1) / PAGE * PAGE : n);
}

static int insert(
	struct records *r, const struct record *record, struct counters *c, struct err *err)
{
	struct record_fields f;
	record_fields(record->json, &f);
	int64_t size = bytes_of(record, &f), bucket = c->written++ / BUCKET;
	c->bytes += size;
	return db_execute(r->db,
		"INSERT INTO record (seq, bucket, id, message_id, sender, client, action, score,"
		" time, bytes, json, deliveries)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
		err, DB_I64(c->seq), DB_I64(bucket), DB_TEXT(f.id), DB_TEXT(f.message_id),
		DB_TEXT(f.sender), DB_TEXT(f.client), DB_TEXT(f.action), DB_I64(f.score),
		DB_I64(record->time), DB_I64(size), DB_TEXT(record->json),
		DB_TEXT(record->deliveries));
}

int records_write(
	struct records *r, const struct record *records, size_t n, int64_t now, struct err *err)
{
	struct counters c = { 0 };
	int rc = db_begin(r->db, DB_WRITE_LAZY, err);
	if (rc < 0)
		return rc;
	rc = read_counters(r, &c, err);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		c.seq = MAX(c.seq + 1, now);
		rc = insert(r, &records[i], &c, err);
	}
	if (rc == 0)
		rc = write_counters(r, &c, err);
	return records_end(r, rc, err);
}

/* ---- pruning ---- */

/* The last of the oldest records that have to go, and what they count for. */
static int choose(struct records *r, int64_t before, int64_t excess, size_t step, int64_t *out_last,
	int64_t *out_bytes, size_t *out_n, struct err *err)
{
	struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
	int rc = db_query(r->db, "SELECT seq, bytes, time FROM record ORDER BY seq LIMIT ?1", &st,
		err, DB_I64(step));
	while (rc == 0 && (rc = db_step(st, err)) > 0) {
		if (db_column_i64(st, 2) >= before && *out_bytes >= excess)
			return 0;
		*out_last = db_column_i64(st, 0);
		*out_bytes += db_column_i64(st, 1);
		++*out_n;
		rc = 0;
	}
	return rc;
}

static int prune(struct records *r, int64_t before, uint64_t max_size, size_t step, size_t *out_n,
	struct err *err)
{
	struct counters c = { 0 };
	int64_t last = 0, freed = 0;
	int rc = read_counters(r, &c, err);
	int64_t excess = c.bytes - (int64_t)MIN(max_size, (uint64_t)INT64_MAX);
	if (rc == 0)
		rc = choose(r, before, excess, step, &last, &freed, out_n, err);
	if (rc < 0 || *out_n == 0)
		return rc;
	rc = db_execute(r->db, "DELETE FROM record WHERE seq <= ?1", err, DB_I64(last));
	c.bytes -= freed;
	return rc < 0 ? rc : write_counters(r, &c, err);
}

int records_prune(struct records *r, int64_t before, uint64_t max_size, size_t step,
	size_t *out_removed, struct err *err)
{
	size_t n = 0;
	int rc = db_begin(r->db, DB_WRITE_LAZY, err);
	if (rc < 0)
		return rc;
	rc = records_end(r, prune(r, before, max_size, step, &n, err), err);
	if (rc == 0)
		*out_removed = n;
	return rc;
}

/* ---- asking ---- */

/* As it stands in the JSON, without the quotes. */
static str escaped(str s, struct buf *out)
{
	struct json j = JSON_INIT(out);
	json_str(&j, NULL, s);
	return out->overflowed ? STR_EMPTY : str_from(out->p + 1, out->n - 2);
}

/* One bucket's records, or (nothing of the kind asked for) all. key: id or Message-ID as it is
 * kept. */
static int query(struct records *r, const struct records_query *q, int64_t bucket,
	const struct db_value *key, struct db_statement **out, struct err *err)
{
	int64_t since = MIN(MAX(q->since, INT64_C(0)), INT64_MAX / 1000000) * 1000000;
	if (q->id.n)
		return db_query(r->db,
			"SELECT time, json, deliveries FROM record"
			" WHERE bucket = ?1 AND id >= ?2 AND id < ?3 AND seq >= ?4"
			" ORDER BY seq DESC",
			out, err, DB_I64(bucket), DB_TEXT(q->id), *key, DB_I64(since));
	if (q->message_id.n)
		return db_query(r->db,
			"SELECT time, json, deliveries FROM record"
			" WHERE bucket = ?1 AND message_id = ?2 AND seq >= ?3 ORDER BY seq DESC",
			out, err, DB_I64(bucket), *key, DB_I64(since));
	return db_query(r->db,
		"SELECT time, json, deliveries FROM record WHERE seq >= ?1 ORDER BY seq DESC", out,
		err, DB_I64(since));
}

/* 1: fn has seen enough; 0: it has not. */
static int show(struct db_statement *st, bool (*fn)(void *arg, const struct record *record),
	void *arg, struct err *err)
{
	int rc;
	while ((rc = db_step(st, err)) > 0) {
		struct record record = { .time = db_column_i64(st, 0),
			.json = db_column_text(st, 1),
			.deliveries = db_column_text(st, 2) };
		if (!fn(arg, &record))
			return 1;
	}
	return rc;
}

/* The bucket of the oldest record, or of the newest. -1: there is none. */
static int end_bucket(struct records *r, bool newest, int64_t *out, struct err *err)
{
	struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
	int rc = db_prepare(r->db,
		newest ? "SELECT bucket FROM record ORDER BY seq DESC LIMIT 1"
		       : "SELECT bucket FROM record ORDER BY seq LIMIT 1",
		&st, err);
	if (rc == 0)
		rc = db_step(st, err);
	*out = rc > 0 ? db_column_i64(st, 0) : -1;
	return rc < 0 ? rc : 0;
}

int records_find(struct records *r, const struct records_query *q,
	bool (*fn)(void *arg, const struct record *record), void *arg, struct err *err)
{
	struct buf text CLEANUP(buf_done) = BUF_INIT(64 * 1024);
	int64_t oldest = 0, newest = -1;
	str key = escaped(record_message_id(q->message_id), &text);
	if (q->id.n) {
		/* Every id that begins so comes before the same with the highest character. */
		buf_clear(&text);
		buf_add(&text, q->id);
		buf_add_char(&text, 127);
		key = buf_str(&text);
	}
	int rc = end_bucket(r, false, &oldest, err);
	if (rc == 0)
		rc = end_bucket(r, true, &newest, err);
	if (q->id.n == 0 && q->message_id.n == 0)
		oldest = newest;
	for (int64_t bucket = newest; rc == 0 && bucket >= 0 && bucket >= oldest; bucket--) {
		struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
		rc = query(r, q, bucket, &DB_TEXT(key), &st, err);
		if (rc == 0)
			rc = show(st, fn, arg, err);
	}
	return rc < 0 ? rc : 0;
}

int records_verify(
	struct records *r, void (*fn)(void *arg, str problem), void *arg, struct err *err)
{
	return db_check(r->db, fn, arg, err);
}
