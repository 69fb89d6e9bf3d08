/*
 * setup.h: from the configuration to a libunbound context.
 *
 * In between stands a text, one setting a line: two configurations with the same text need only one
 * context, whose cache stays.
 */
#pragma once

#include "base/config.h"
#include "base/log.h"
#include "resolver/ub_events.h"

#include <stdio.h>

/* Reads the trust anchors. -errno, and what is wrong in err. */
int setup_write(const struct config *config, const struct log *log, struct buf *out,
	struct err *err) MUST_USE;

/* NULL, and what is wrong in err. What libunbound logs goes to `log_out`. */
struct ub_ctx *setup_context(
	str settings, struct ub_event_base *base, FILE *log_out, struct err *err) MUST_USE;

enum { SETUP_MAX = 2 * 1024 * 1024 };
