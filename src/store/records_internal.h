/*
 * records_internal.h: the handle of records.db, for the files of the record store only.
 */
#pragma once

#include "store/db.h"
#include "store/records.h"

struct records {
	struct db *db;
};

/* Ends the transaction: commits where rc is not negative. */
int records_end(struct records *r, int rc, struct err *err);
