/*
 * tool.h: what the verbs domain, account and alias work on: the configuration and the directory.
 * They work on the files, whether the server runs or not; it sees changes at once.
 */
#pragma once

#include "base/arena.h"
#include "base/config.h"
#include "base/err.h"
#include "store/directory_store.h"

struct tool {
	const struct config *config;   /* owned */
	struct directory_store *store; /* owned */
	struct arena arena;            /* for lists */
	bool json;
	int64_t now; /* seconds since 1970 */
};

/* EXIT_DONE; or EXIT_FAILED, with a message. */
int tool_open(const char *config_path, bool json, struct tool *out) MUST_USE;
void tool_close(struct tool *t);

/* The address as the store has it: domain in normal form, quoted only where it must be. Without a
 * message: false. In the arena. */
bool tool_address(struct tool *t, const char *text, str *out) MUST_USE;
bool tool_domain(struct tool *t, const char *text, str *out) MUST_USE;

/* Whether the address is in a domain of ours; false with a message. Mail is not forwarded, so that
 * anything else would lead nowhere. */
bool tool_is_local(struct tool *t, str address) MUST_USE;

/* What follows the '@'. */
str tool_domain_of(str address);

/* "2024-05-01" in UTC. */
enum { TOOL_DATE_SIZE = 16 };
void tool_date(int64_t seconds, char out[static TOOL_DATE_SIZE]);
