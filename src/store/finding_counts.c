/*
 * finding_counts.c: how often each finding was made, by day: a small table beside the records, so
 * that counting a year's mail does not read it.
 */
#include "store/records_internal.h"

static int names_of(struct records *r, int64_t day, int64_t *out, struct err *err)
{
	struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
	int rc = db_query(
		r->db, "SELECT COUNT(*) FROM finding_count WHERE day = ?1", &st, err, DB_I64(day));
	if (rc == 0)
		rc = db_step(st, err);
	if (rc > 0)
		*out = db_column_i64(st, 0);
	return rc < 0 ? rc : 0;
}

static int add_to(struct records *r, const struct finding_count *c, int64_t day, struct err *err)
{
	return db_execute(r->db,
		"UPDATE finding_count SET spam = spam + ?3, ham = ham + ?4"
		" WHERE day = ?1 AND name = ?2",
		err, DB_I64(day), DB_TEXT(c->name), DB_I64(c->spam), DB_I64(c->ham));
}

static int add_new(struct records *r, const struct finding_count *c, int64_t day, struct err *err)
{
	return db_execute(r->db,
		"INSERT INTO finding_count (day, name, spam, ham) VALUES (?1, ?2, ?3, ?4)", err,
		DB_I64(day), DB_TEXT(c->name), DB_I64(c->spam), DB_I64(c->ham));
}

static int add_all(struct records *r, const struct finding_count *counts, size_t n, int64_t day,
	struct err *err)
{
	int64_t names = 0;
	int rc = names_of(r, day, &names, err);
	for (size_t i = 0; i < n && rc == 0; i++) {
		rc = add_to(r, &counts[i], day, err);
		if (rc < 0 || db_affected(r->db) || names >= FINDING_NAMES_MAX)
			continue;
		rc = add_new(r, &counts[i], day, err);
		names++;
	}
	return rc;
}

int records_count(struct records *r, const struct finding_count *counts, size_t n, int64_t day,
	struct err *err)
{
	int rc = db_begin(r->db, DB_WRITE_LAZY, err);
	if (rc < 0)
		return rc;
	rc = add_all(r, counts, n, day, err);
	if (rc == 0)
		rc = db_execute(r->db, "DELETE FROM finding_count WHERE day <= ?1", err,
			DB_I64(day - FINDING_DAYS));
	return records_end(r, rc, err);
}

int records_counts(struct records *r, int64_t since,
	void (*fn)(void *arg, const struct finding_count *count), void *arg, struct err *err)
{
	struct db_statement *st CLEANUP(db_reset_pointer) = NULL;
	bool there;
	int rc = db_has_table(r->db, "finding_count", &there, err);
	if (rc < 0 || !there)
		return rc;
	rc = db_query(r->db,
		"SELECT name, SUM(spam), SUM(ham), MAX(day) FROM finding_count WHERE day >= ?1"
		" GROUP BY name ORDER BY name",
		&st, err, DB_I64(since));
	while (rc == 0 && (rc = db_step(st, err)) > 0) {
		const struct finding_count c = { .name = db_column_text(st, 0),
			.spam = (uint64_t)db_column_i64(st, 1),
			.ham = (uint64_t)db_column_i64(st, 2),
			.last = db_column_i64(st, 3) };
		fn(arg, &c);
		rc = 0;
	}
	return rc;
}
