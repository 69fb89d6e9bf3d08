/*
 * quarantine_internal.h: the parts of postern quarantine: looking (quarantine.c), letting go
 * (quarantine_release.c).
 */
#pragma once

#include "directory/directory.h"
#include "main/cli.h"
#include "main/tool.h"
#include "store/quarantine.h"

/* Of a message that many were to get, no more are shown. */
enum { QUARANTINE_TOOL_RECIPIENTS = 50 };

struct quarantine_tool {
	struct tool tool;
	struct quarantine *store;    /* owned */
	struct directory *directory; /* owned; NULL until needed */
	struct cli_values to;
	bool whole; /* show: the message itself */
	struct buf out;
	size_t listed;
};

/* Where there is none yet, j->store stays NULL. EXIT_FAILED with a message. */
int quarantine_tool_open(struct quarantine_tool *j, unsigned flags) MUST_USE;

/* Ids are written in upper case. */
str quarantine_tool_id(struct quarantine_tool *j, const char *word);

/* -ENOENT where there is no such message, or no store. */
int quarantine_tool_find(
	struct quarantine_tool *j, str id, struct quarantine_item *out, struct err *err) MUST_USE;

/* Says that it is not there: EXIT_NO. */
int quarantine_tool_none(const char *word);

/* Actions (struct cli_action). */
int quarantine_tool_release(void *context, int argc, char **argv);
int quarantine_tool_remove(void *context, int argc, char **argv);
