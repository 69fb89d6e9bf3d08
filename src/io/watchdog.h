/*
 * watchdog.h: ends a process whose loop has stalled: a task that computes on and on, and lets no
 * other one run.
 *
 * What is measured is processor time of the loop's thread, not time: a busy machine, a slow disk or
 * a debugger ends nothing, and an idle process has no timer running. The process dies by SIGXCPU.
 *
 * A POSIX timer ticks with the thread's processor time; its handler looks whether the loop has
 * resumed a task since the last tick. So the loop pays for one addition a turn, and for a signal
 * every WATCHDOG_TICK.
 */
#pragma once

#include "base/err.h"
#include "io/task.h"

#define WATCHDOG_TICK MILLISECONDS(250)

struct watchdog;

/* limit: nanoseconds of processor time that one turn may take; a tick more at most. To be called on
 * the thread that runs the loop, before the sandbox; it lives as long as the process. */
int watchdog_start(struct loop *l, int64_t limit, struct watchdog **out, struct err *err) MUST_USE;

void watchdog_limit(struct watchdog *w, int64_t limit);
