/*
 * stats_findings.h: how often each finding was made, as postern stats and postern check see it.
 */
#pragma once

#include "base/arena.h"
#include "base/config.h"
#include "base/err.h"
#include "base/json.h"

/* One finding: messages for Junk or refused that had it, and others; the last day (since 1970, UTC)
 * of one. */
struct stats_finding {
	str name;
	uint64_t spam, ham;
	int64_t last;
};

struct stats_findings {
	struct stats_finding total; /* all messages that were judged */
	struct stats_finding *items;
	size_t n;
	int64_t since; /* the first day */
};

/* Reads the counts from day `since` on, most frequent first; in the arena. As records_open(). */
int stats_findings_read(const struct config *config, int64_t since, struct arena *a,
	struct stats_findings *out, struct err *err) MUST_USE;

/* How much of what has it is spam, as if there were as much of both: 1 where only spam has it, 0.5
 * where it says nothing. SpamAssassin calls it S/O. -1: there is no message of one of both kinds.
 */
double stats_findings_ratio(const struct stats_findings *all, const struct stats_finding *f);

/* Whether the configuration (that for all domains) gives it a score, and which: that for when the
 * network tells what it knows. */
bool stats_findings_score(const struct config *config, str name, double *out);

/* A table of the first `max`; the same of all as a JSON object's members. */
void stats_findings_print(
	const struct config *config, const struct stats_findings *all, size_t max, struct buf *out);
void stats_findings_json(
	const struct config *config, const struct stats_findings *all, struct json *j);

/* "2026-11-29". */
enum { STATS_DAY_SIZE = 16 };
void stats_day(int64_t day, char out[static STATS_DAY_SIZE]);
