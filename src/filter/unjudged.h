/*
 * unjudged.h: what becomes of a message over which the filter fails again and again.
 *
 * For smtpd, which hands it on: so this reads names of fields and nothing else of the message. The
 * verdict comes of one finding, FILTER_FAILED, as any verdict comes of findings: its score and mode
 * are the configuration's.
 */
#pragma once

#include "filter/judge.h"

enum { UNJUDGED_DIGEST = 32 };

/* By what the message is known again when it comes again (SHA-256): its author, recipients, date,
 * subject, Message-ID and body. Fields that servers add on the way, or at each attempt, do not
 * count, unless there are no others. Yields in large messages. */
void unjudged_digest(struct task *t, str message, unsigned char out[static UNJUDGED_DIGEST]);

/* Without a record. What is cut are all fields that tell what somebody thought of the message:
 * Authentication-Results, X-Spam-… and X-Virus-Status; ours says that nothing was verified. In the
 * arena, but for the texts that are given. */
void unjudged_verdict(const struct config *config, const struct judge_facts *facts, str message,
	str why, struct arena *a, struct verdict *out);
