/*
 * quarantine_internal.h: what the files of the quarantine share.
 */
#pragma once

#include "store/db.h"
#include "store/quarantine.h"

struct quarantine {
	struct db *db;
};

struct quarantine_counters {
	int64_t last_item, bytes;
};

int quarantine_counters(
	struct quarantine *q, struct quarantine_counters *out, struct err *err) MUST_USE;

/* Ends the transaction: commits it where rc is 0. */
int quarantine_end(struct quarantine *q, int rc, struct err *err) MUST_USE;

/* Within a transaction: item: its number; bytes: what it counts for. */
int quarantine_remove_item(
	struct quarantine *q, int64_t item, int64_t bytes, struct err *err) MUST_USE;

/* -ENOENT with its sentence. */
int quarantine_no_such(str id, struct err *err) MUST_USE;
