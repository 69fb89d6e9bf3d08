/*
 * records.h: records.db: what was decided about each message, and why; and how often each finding
 * was made.
 *
 * A record is the JSON that its maker wrote, and the deliveries that followed. A handle is used by
 * one thread at a time; every call blocks. Writing does not wait for the disk: a power failure may
 * take the last transactions back (it never tears one).
 *
 * Failure: as in db.h.
 */
#pragma once

#include "base/err.h"

#define RECORD_MAX (256 * 1024) /* bytes of JSON; larger ones are not kept */

struct records;

struct record {
	int64_t time; /* seconds since 1970, when it was written */
	str json;
	str deliveries; /* a JSON array; empty: none */
};

enum records_open_flags { RECORDS_CREATE = 1, RECORDS_READ_ONLY = 2 };

/* data_dir/records/records.db. The directory must be there. */
int records_open(
	const char *data_dir, unsigned flags, struct records **out, struct err *err) MUST_USE;
void records_close(struct records *r); /* NULL is fine */

/* Adds them all in one transaction. now: in microseconds since 1970; orders the records. */
int records_write(struct records *r, const struct record *records, size_t n, int64_t now,
	struct err *err) MUST_USE;

/* Removes records written before `before` (seconds since 1970), and the oldest beyond max_size
 * (bytes, their indexes included, as estimated), but at most `step` in one transaction. */
int records_prune(struct records *r, int64_t before, uint64_t max_size, size_t step,
	size_t *out_removed, struct err *err) MUST_USE;

/* What is asked for: all that is set must match. */
struct records_query {
	str id;         /* or its beginning */
	str message_id; /* as a peer sent it, angle brackets or not */
	int64_t since;  /* seconds since 1970 */
};

/* Calls fn for each, newest first, until it returns false. Slices stand during the call. */
int records_find(struct records *r, const struct records_query *query,
	bool (*fn)(void *arg, const struct record *record), void *arg, struct err *err) MUST_USE;

/* Calls fn with a sentence for each damage. */
int records_verify(
	struct records *r, void (*fn)(void *arg, str problem), void *arg, struct err *err) MUST_USE;

/* ── Findings, counted ────────────────────────────────────────────────────────────────────── */

enum {
	FINDING_NAME_MAX = 64, /* bytes of A to Z, 0 to 9 and _ */
	/* Different names in a day; what is beyond them is not counted. */
	FINDING_NAMES_MAX = 1000,
	FINDING_DAYS = 90, /* that are kept */
};

/* In how many messages something was found: those for Junk or refused, and the others. The empty
 * name stands for all messages that were judged. */
struct finding_count {
	str name;
	uint64_t spam, ham;
	int64_t last; /* the last day of it (since 1970, UTC) */
};

/* Adds to the counts of `day`, all or nothing; `last` is not looked at. Those of more than
 * FINDING_DAYS ago are removed. */
int records_count(struct records *r, const struct finding_count *counts, size_t n, int64_t day,
	struct err *err) MUST_USE;

/* Calls fn with the sums of the days from `since` on, in the order of the names. */
int records_counts(struct records *r, int64_t since,
	void (*fn)(void *arg, const struct finding_count *count), void *arg,
	struct err *err) MUST_USE;
