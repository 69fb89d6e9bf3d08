/*
 * tool.h: what verbs such as domain, account and alias work on: the configuration and the
 * directory. They work on the files, whether the server runs or not; it sees changes at once.
 */
#pragma once

#include "base/arena.h"
#include "base/config.h"
#include "store/directory_store.h"

struct cli_command;

struct tool {
	/* Options, for the verb's table of them. */
	const char *config_path;
	bool json;
	/* Of tool_open(): */
	const struct config *config;   /* owned */
	struct directory_store *store; /* owned */
	struct arena arena;            /* for lists */
	int64_t now;                   /* seconds since 1970 */
};

/* Takes the options as they are. EXIT_DONE; or EXIT_FAILED, with a message, and nothing is open. */
int tool_open(struct tool *t) MUST_USE;
void tool_close(struct tool *t);

/* The whole of a verb that has actions: takes the words apart, opens *t, of which the options tell,
 * runs the action with this context, closes *t. The exit status. */
int tool_act(struct tool *t, const struct cli_command *command, void *context, int argc,
	char **argv) MUST_USE;

/* The address as the store has it: domain in normal form, quoted only where it must be. Without a
 * message: false. In the arena. */
bool tool_address(struct tool *t, const char *text, str *out) MUST_USE;
bool tool_domain(struct tool *t, const char *text, str *out) MUST_USE;

/* Whether the address is in a domain of ours; false with a message. Mail is not forwarded, so that
 * anything else would lead nowhere. */
bool tool_is_local(struct tool *t, str address) MUST_USE;

/* Warns where nobody here has that address: mail that is led there waits for it. */
void tool_warn_unknown(struct tool *t, str address);

/* What follows the '@'. */
str tool_domain_of(str address);

/* "2024-05-01" in UTC. */
enum { TOOL_DATE_SIZE = 16 };
void tool_date(int64_t seconds, char out[static TOOL_DATE_SIZE]);
