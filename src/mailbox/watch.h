/*
 * watch.h: which sessions of this process have which account open, so that a change that one of
 * them, another process or a delivery makes reaches the others at once.
 */
#pragma once

#include "io/task.h"

struct account_watch;

/* One session's interest; stands in the session's memory. `news` is set when the account may have
 * changed. */
struct watcher {
	struct watcher *next, **prev;
	struct event news;
};

struct account_watch *account_watch_new(void) MUST_USE;
void account_watch_free(struct account_watch *w);

void account_watch_add(struct account_watch *w, uint64_t account, struct watcher *watcher);
void account_watch_remove(struct account_watch *w, uint64_t account, struct watcher *watcher);
/* Sets news of every session with that account open, but `except` (may be NULL). */
void account_watch_changed(
	struct account_watch *w, uint64_t account, const struct watcher *except);
