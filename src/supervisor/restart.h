/*
 * restart.h: how long a process that ended waits for its next start.
 *
 * One that does not get ready waits longer each time: what keeps it from that (a damaged file, a
 * full disk) lasts, and each try costs. One that was ready has shown that it works: what ended it
 * may be what a client sent, who would need one connection in half a minute to keep all others out.
 * So it is away for a second at most.
 */
#pragma once

#include "base/config.h"

/* `last` is the delay before the start that it lived through, 0 for the first one; `life` is since
 * then, in nanoseconds, as is the result. */
int64_t restart_delay(const struct config *config, int64_t last, bool was_ready, int64_t life);
