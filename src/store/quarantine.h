/*
 * quarantine.h: quarantine.db: messages that are kept aside for whoever runs the server, whole,
 * with all that is needed to deliver them later.
 *
 * A handle is used by one thread at a time; every call blocks. Any number of processes may have it
 * open: delivery, which adds, and `postern quarantine`, which shows, releases and removes. On
 * return of 0 a change is on stable storage.
 *
 * Failure: as in db.h, and
 *	-ENOSPC	also where it is full by its limits; err says which
 */
#pragma once

#include "store/account.h"

struct quarantine;

struct quarantine_item {
	str id;
	int64_t time; /* when it was put here, seconds since 1970 */
	str reason;   /* a sentence */
	bool copy;    /* its recipients have it already */
	str sender;   /* of the envelope; empty: the null path */
	str client;   /* its address */
	const str *recipients;
	size_t recipient_count;
	/* Where the message goes when it is released. */
	const uint64_t *accounts;
	const str *details;
	size_t account_count;
	str trace;     /* the fields before the message */
	uint64_t size; /* of what is behind them */
	int64_t received;
	struct account_summary summary;
};

/* What comes behind the trace: bytes, or so many of a file. */
struct quarantine_body {
	str content;     /* where fd is -1 */
	int fd;          /* borrowed */
	uint64_t offset; /* in the file */
};

struct quarantine_limits {
	int64_t before;    /* what came before that has expired (seconds since 1970) */
	uint64_t max_size; /* bytes, as estimated: of what is packed, and what stands around it */
};

enum quarantine_open_flags { QUARANTINE_CREATE = 1, QUARANTINE_READ_ONLY = 2 };

/* data_dir/quarantine/quarantine.db. The directory must be there. */
int quarantine_open(
	const char *data_dir, unsigned flags, struct quarantine **out, struct err *err) MUST_USE;
void quarantine_close(struct quarantine *q); /* NULL is fine */

/* Removes what has expired, and adds the message if there is room then. -EEXIST: the id is there.
 */
int quarantine_add(struct quarantine *q, const struct quarantine_item *item,
	const struct quarantine_body *body, const struct quarantine_limits *limits,
	struct err *err) MUST_USE;

/* Removes what has expired, at most `most` messages. */
int quarantine_expire(struct quarantine *q, int64_t before, size_t most, size_t *out_removed,
	struct err *err) MUST_USE;

/* Calls fn for each, newest first, until it returns false; without trace and targets, and of the
 * summary with the envelope alone. Slices stand during the call. */
int quarantine_list(struct quarantine *q, bool (*fn)(void *arg, const struct quarantine_item *item),
	void *arg, struct err *err) MUST_USE;

/* The message with this id; in the arena. -ENOENT: there is none. */
int quarantine_find(struct quarantine *q, str id, struct arena *a, struct quarantine_item *out,
	struct err *err) MUST_USE;

/* Writes it, without the trace, to fd from its start on. */
int quarantine_write_body(struct quarantine *q, str id, int fd, struct err *err) MUST_USE;

/* -ENOENT: there is none. */
int quarantine_remove(struct quarantine *q, str id, struct err *err) MUST_USE;

/* Calls fn with the message while nobody else can change the store, and removes it if that returns
 * 0. Of two that release one message, one finds it and the other -ENOENT. A crash in between leaves
 * it there: fn must be able to find out what it has done already. fn may call
 * quarantine_write_body(). */
typedef int quarantine_release_fn(
	struct quarantine *q, const struct quarantine_item *item, void *arg, struct err *err);
int quarantine_release(struct quarantine *q, str id, struct arena *a, quarantine_release_fn *fn,
	void *arg, struct err *err) MUST_USE;

/* Calls fn with a sentence for each damage: of the file, and of each message. */
int quarantine_verify(struct quarantine *q, void (*fn)(void *arg, str problem), void *arg,
	struct err *err) MUST_USE;
