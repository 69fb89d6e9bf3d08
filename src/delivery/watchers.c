#include "delivery/watchers.h"

#include "base/map.h"
#include "delivery/changes_calls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHANGED_TIMEOUT SECONDS(10)
#define TELL_INTERVAL MILLISECONDS(50)

struct watcher {
	struct watcher *next;
	const struct log *log;
	char *name;
	struct ipc_client *client;
	struct map accounts; /* changed, and not yet told; values are the watcher itself */
	struct event news;
	struct task *task;
};

struct watchers {
	struct loop *loop;
	const struct log *log;
	struct watcher *first;
};

static void tell(struct task *t, struct watcher *w, uint64_t account)
{
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(1024);
	struct changes_calls calls = changes_over(w->client);
	struct changes_changed_request in = { .account = account };
	struct changes_changed_reply out;
	/* A process that is not there shows nothing; the next one reads the file as it is. */
	int rc = changes_changed(t, &calls, &in, &arena, &out);
	if (rc < 0 && rc != -ECONNRESET && rc != -ENOTCONN)
		log_warning(w->log, "a mailbox process does not listen", F_Z("process", w->name),
			F_Z("error", strerrordesc_np(-rc)));
}

static void tell_changes(struct task *t, void *arg)
{
	struct watcher *w = arg;
	while (event_wait(t, &w->news, NEVER) == 0) {
		struct map_cursor cursor = { 0 };
		str key;
		void *unused;
		while (map_next(&w->accounts, &cursor, &key, &unused)) {
			uint64_t account;
			memcpy(&account, key.p, sizeof account);
			map_remove(&w->accounts, MAP_KEY(account));
			tell(t, w, account);
			cursor = (struct map_cursor){ 0 }; /* others may have been added */
		}
		if (task_sleep(t, TELL_INTERVAL) < 0)
			break;
	}
}

void watchers_tell(struct watchers *ws, uint64_t account)
{
	for (struct watcher *w = ws->first; w; w = w->next) {
		map_put(&w->accounts, MAP_KEY(account), w);
		event_set(&w->news);
	}
}

static struct watcher *watcher_new(struct watchers *ws, str name)
{
	struct watcher *w = xcalloc(1, sizeof *w);
	*w = (struct watcher){ .next = ws->first,
		.log = ws->log,
		.name = str_dup_z(name),
		.client = ipc_client_new(ws->loop, CHANGED_TIMEOUT) };
	map_init(&w->accounts);
	int rc = task_start(ws->loop, tell_changes, w, &w->task);
	ASSERT(rc == 0); /* as many as there are mailbox processes */
	ws->first = w;
	return w;
}

int watchers_add(struct watchers *ws, str name, int fd)
{
	struct watcher *w = ws->first;
	while (w && !str_equal(name, str_from_z(w->name)))
		w = w->next;
	return ipc_client_attach((w ? w : watcher_new(ws, name))->client, fd);
}

struct watchers *watchers_new(struct loop *l, const struct log *log)
{
	struct watchers *ws = xcalloc(1, sizeof *ws);
	*ws = (struct watchers){ .loop = l, .log = log };
	return ws;
}

void watchers_free(struct watchers *ws)
{
	if (!ws)
		return;
	while (ws->first) {
		struct watcher *w = ws->first;
		ws->first = w->next;
		ipc_client_free(w->client);
		map_done(&w->accounts);
		free(w->name);
		free(w);
	}
	free(ws);
}
