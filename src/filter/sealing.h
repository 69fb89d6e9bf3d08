/*
 * sealing.h: who seals, as the configuration says, with the signatures of the directory.
 */
#pragma once

#include "base/config.h"
#include "directory/directory_calls.h"
#include "mailauth/dkim_sign.h"

/* Of one message; stays where it is. */
struct sealing {
	struct task *task;
	const struct directory_calls *calls;
	struct dkim_signing how;
};

/* False, with the reason (empty: nobody is to seal), where it cannot be done. Asks the directory:
 * waits. */
bool sealing_init(struct sealing *s, struct task *t, const struct directory_calls *calls,
	const struct config *config, int64_t now, str *out_why) MUST_USE;
