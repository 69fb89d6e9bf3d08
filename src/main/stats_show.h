/*
 * stats_show.h: what postern stats prints.
 */
#pragma once

#include "base/json.h"
#include "main/stats_findings.h"
#include "main/stats_server.h"

struct stats_shown {
	const struct config *config;
	const struct stats_server *server;     /* NULL: none is running, or it cannot be asked: */
	const char *why;                       /* that */
	const struct stats_findings *findings; /* of today; NULL: they cannot be read */
	int64_t now;                           /* seconds since 1970 */
	struct arena *arena;
};

/* Each writes what a person reads. */
void stats_show_summary(const struct stats_shown *s, struct buf *out);
void stats_show_processes(const struct stats_shown *s, struct buf *out);
void stats_show_lists(const struct stats_shown *s, struct buf *out);

/* All of it as members of an object. */
void stats_show_json(const struct stats_shown *s, struct json *j);

/* What does not work now, one sentence a line; how many. */
size_t stats_show_problems(const struct stats_shown *s, struct buf *out);
