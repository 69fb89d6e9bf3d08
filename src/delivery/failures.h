/*
 * failures.h: messages over which a filter died, or that it did not finish, by their digest.
 *
 * The first failure may be another message's: all that were in the same process fail together. So
 * the message is asked for again, and one that comes through then is forgotten here. From the
 * second failure on it is known to be the cause, or as good as that, and for FAILURES_SHUN no
 * filter gets it again.
 *
 * In memory, bounded: where there is no room the one that failed longest ago is forgotten.
 */
#pragma once

#include "base/clock.h"
#include "base/str.h"

enum { FAILURES_MAX = 4096, FAILURES_DIGEST = 32, FAILURES_ID_MAX = 15 };

/* From the last failure on: how long it is known, and how long it is not judged if it failed twice.
 * Servers try again for days, and at least every four hours (RFC 5321 §4.5.4.1 asks for 30
 * minutes).
 */
#define FAILURES_KEEP SECONDS(48 * 3600)
#define FAILURES_SHUN SECONDS(6 * 3600)

struct failures;

struct failure {
	unsigned count;
	int64_t last;                       /* of task_now() */
	char first_id[FAILURES_ID_MAX + 1]; /* what the message was called when it first failed */
};

struct failures *failures_new(void) MUST_USE;
void failures_free(struct failures *f); /* NULL is fine */

/* A failure of a message that was handed to a filter at `began` (of task_now(), as now).
 * One that began before the last one was noticed is the same: a process has died once, over many
 * copies. What is known then is in *out. */
void failures_add(
	struct failures *f, str digest, str id, int64_t began, int64_t now, struct failure *out);

/* False: nothing is known of it. */
bool failures_find(struct failures *f, str digest, int64_t now, struct failure *out);

/* Whether a filter should not get it. */
bool failure_is_shunned(const struct failure *failure, int64_t now);

void failures_forget(struct failures *f, str digest);

/* How many are known. */
size_t failures_count(struct failures *f, int64_t now);
