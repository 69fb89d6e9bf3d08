#include "mailbox/watch.h"

#include "base/map.h"

#include <stdlib.h>

struct account_watch {
	struct map accounts; /* struct watched, by account */
};

/* An account that at least one session has open. */
struct watched {
	struct watcher *first;
};

struct account_watch *account_watch_new(void)
{
	struct account_watch *w = xcalloc(1, sizeof *w);
	map_init(&w->accounts);
	return w;
}

void account_watch_free(struct account_watch *w)
{
	if (!w)
		return;
	ASSERT(w->accounts.n == 0);
	map_done(&w->accounts);
	free(w);
}

void account_watch_add(struct account_watch *w, uint64_t account, struct watcher *watcher)
{
	struct watched *watched = map_get(&w->accounts, MAP_KEY(account));
	if (!watched) {
		watched = xcalloc(1, sizeof *watched);
		map_put(&w->accounts, MAP_KEY(account), watched);
	}
	watcher->next = watched->first;
	watcher->prev = &watched->first;
	if (watcher->next)
		watcher->next->prev = &watcher->next;
	watched->first = watcher;
}

void account_watch_remove(struct account_watch *w, uint64_t account, struct watcher *watcher)
{
	*watcher->prev = watcher->next;
	if (watcher->next)
		watcher->next->prev = watcher->prev;
	watcher->next = NULL;
	watcher->prev = NULL;
	struct watched *watched = map_get(&w->accounts, MAP_KEY(account));
	if (watched->first)
		return;
	map_remove(&w->accounts, MAP_KEY(account));
	free(watched);
}

void account_watch_changed(struct account_watch *w, uint64_t account, const struct watcher *except)
{
	struct watched *watched = map_get(&w->accounts, MAP_KEY(account));
	for (struct watcher *i = watched ? watched->first : NULL; i; i = i->next)
		if (i != except)
			event_set(&i->news);
}
