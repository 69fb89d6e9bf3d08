#include "supervisor/control.h"

#include "io/listener.h"
#include "supervisor/control_calls.h"
#include "supervisor/supervisor_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	PEERS_MAX = 16,
	BACKLOG = 16,
	NEWS_MAX = 16, /* a process that does not take them is told no more */
};

/* Enough to wait for those who ask about a process that hangs, and for one more. */
#define PEER_TIME (2 * CONTROL_PATIENCE + SECONDS(4))

struct control {
	struct supervisor *owner;
	struct listener *listener;
	int directory; /* which the socket is in */
	struct peer *peers;
	size_t peer_count;
	struct task_lock lock; /* of asking the processes: one after the other */
	unsigned questions;    /* to processes, and news, on their way */
	struct event progress;
};

/* One connection. */
struct peer {
	struct peer *next, **prev;
	struct control *owner;
	int fd;             /* a second descriptor of what the IPC has, to end it by */
	struct task *timer; /* NULL: it has ended */
	bool gone;          /* the IPC has ended */
};

/* ── Asking the processes ─────────────────────────────────────────────────────────────────── */

/* Asking all of them once; outlives a caller who does not wait for the last answer. */
struct round {
	struct control *owner;
	unsigned references; /* the caller, and each question */
	size_t left;
	struct event answered;
};

static void release(struct round *r)
{
	if (--r->references == 0)
		free(r);
}

static void question_ended(struct round *round, struct instance *in)
{
	in->round = NULL;
	round->left--;
	round->owner->questions--;
	event_set(&round->answered);
	event_set(&round->owner->progress);
	release(round);
}

static void ask(struct task *t, void *arg)
{
	struct instance *in = arg;
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(IPC_FRAME_MAX);
	struct role_stats_reply reply;
	int rc = role_stats(t, &in->calls, &(struct role_stats_request){ 0 }, &arena, &reply);
	free(in->stats);
	in->stats = rc == 0 && str_find_char(reply.json, '\0') < 0 ? str_dup_z(reply.json) : NULL;
	question_ended(in->round, in);
}

/* One that owes an answer to an earlier question is not asked again. */
static void ask_instance(struct round *round, struct instance *in)
{
	free(in->stats);
	in->stats = NULL;
	if (in->round || !in->running)
		return;
	in->round = round;
	round->references++;
	round->left++;
	round->owner->questions++;
	if (task_start(in->owner->loop, ask, in, NULL) < 0)
		question_ended(round, in);
}

static int ask_all(struct task *t, struct control *c)
{
	int64_t deadline = task_deadline(t, CONTROL_PATIENCE);
	struct round *round = xcalloc(1, sizeof *round);
	*round = (struct round){ .owner = c, .references = 1 };
	for (struct instance *in = c->owner->instances; in; in = in->next)
		ask_instance(round, in);
	int rc = 0;
	while (round->left && rc == 0)
		rc = event_wait(t, &round->answered, deadline);
	release(round);
	return rc == -ECANCELED ? rc : 0;
}

/* ── The calls ────────────────────────────────────────────────────────────────────────────── */

static str state_of(const struct instance *in)
{
	if (in->ready)
		return STR("running");
	return in->running ? STR("starting") : STR("waiting");
}

static void report(const struct supervisor *s, struct arena *a, struct control_stats_reply *out)
{
	size_t max = 0, n = 0;
	for (const struct instance *in = s->instances; in; in = in->next)
		max++;
	str *names = arena_array(a, str, max), *states = arena_array(a, str, max);
	str *stats = arena_array(a, str, max);
	uint64_t *pids = arena_array(a, uint64_t, max), *starts = arena_array(a, uint64_t, max);
	uint64_t *restarts = arena_array(a, uint64_t, max);
	for (const struct instance *in = s->instances; in; in = in->next) {
		if (in->off)
			continue;
		names[n] = str_from_z(in->name);
		states[n] = state_of(in);
		pids[n] = in->running ? (uint64_t)in->process.pid : 0;
		starts[n] = (uint64_t)in->started;
		restarts[n] = in->restarts;
		stats[n++] = in->stats ? arena_str(a, str_from_z(in->stats)) : STR_EMPTY;
	}
	out->names = (struct ipc_strs){ names, n };
	out->states = (struct ipc_strs){ states, n };
	out->stats = (struct ipc_strs){ stats, n };
	out->pids = (struct ipc_u64s){ pids, n };
	out->starts = (struct ipc_u64s){ starts, n };
	out->restarts = (struct ipc_u64s){ restarts, n };
}

static int stats(struct task *t, void *self, const struct control_stats_request *in,
	struct arena *a, struct control_stats_reply *out)
{
	const struct peer *p = self;
	struct control *c = p->owner;
	const struct supervisor *s = c->owner;
	int rc = task_lock(t, &c->lock, task_deadline(t, PEER_TIME));
	if (rc < 0)
		return rc;
	rc = ask_all(t, c);
	*out = (struct control_stats_reply){ .version = STR(POSTERN_VERSION),
		.hostname = arena_str(a, s->config->hostname),
		.pid = (uint64_t)getpid(),
		.since = s->since,
		.reloaded = s->reloaded };
	report(s, a, out);
	task_unlock(&c->lock);
	return rc;
}

/* What one process is told. Nobody waits for that. */
struct news {
	struct instance *to;
	size_t n;
	uint64_t accounts[];
};

static void tell(struct task *t, void *arg)
{
	struct news *news = arg;
	struct instance *in = news->to;
	struct control *c = in->owner->control;
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(4096);
	struct role_changed_request request = { .accounts = { news->accounts, news->n } };
	struct role_changed_reply reply;
	(void)!role_changed(t, &in->calls, &request, &arena, &reply);
	in->news--;
	c->questions--;
	event_set(&c->progress);
	free(news);
}

static int tell_instance(struct control *c, struct instance *in, const struct ipc_u64s *accounts)
{
	size_t size = accounts->n * sizeof *accounts->v;
	struct news *news = xmalloc(sizeof *news + size);
	*news = (struct news){ .to = in, .n = accounts->n };
	memcpy(news->accounts, accounts->v, size);
	int rc = task_start(in->owner->loop, tell, news, NULL);
	if (rc < 0) {
		free(news);
		return rc;
	}
	in->news++;
	c->questions++;
	return 0;
}

static int changed(struct task *t, void *self, const struct control_changed_request *in,
	struct arena *a, struct control_changed_reply *out)
{
	const struct peer *p = self;
	struct control *c = p->owner;
	size_t n = in->accounts.n;
	int rc = n == 0 || n > CONTROL_CHANGED_MAX ? -EINVAL : 0;
	for (struct instance *i = c->owner->instances; i && rc == 0; i = i->next)
		if (i->ready && strcmp(i->role, "mailbox") == 0 && i->news < NEWS_MAX)
			rc = tell_instance(c, i, &in->accounts);
	return rc;
}

/* ── Peers ────────────────────────────────────────────────────────────────────────────────── */

static void free_if_over(struct peer *p)
{
	if (p->timer || !p->gone)
		return;
	struct control *c = p->owner;
	*p->prev = p->next;
	if (p->next)
		p->next->prev = p->prev;
	c->peer_count--;
	event_set(&c->progress);
	close_fd(&p->fd);
	free(p);
}

static void gone(void *self)
{
	struct peer *p = self;
	p->gone = true;
	if (p->timer)
		task_cancel(p->timer);
	free_if_over(p);
}

static void limit(struct task *t, void *arg)
{
	struct peer *p = arg;
	if (task_sleep(t, PEER_TIME) == 0)
		shutdown(p->fd, SHUT_RDWR);
	p->timer = NULL;
	free_if_over(p);
}

static int serve(struct control *c, int fd)
{
	static const struct control_ops ops = { .stats = stats, .changed = changed };
	struct peer *p = xcalloc(1, sizeof *p);
	*p = (struct peer){ .next = c->peers, .prev = &c->peers, .owner = c };
	p->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	int rc = p->fd < 0 ? -errno : task_start(c->owner->loop, limit, p, &p->timer);
	if (rc < 0) {
		close(fd);
		close_fd(&p->fd);
		free(p);
		return rc;
	}
	if (p->next)
		p->next->prev = &p->next;
	c->peers = p;
	c->peer_count++;
	rc = ipc_serve(c->owner->loop, fd, &control_service, &ops, p, gone);
	if (rc < 0)
		gone(p);
	return rc;
}

static void accepted(void *arg, int fd, const struct ip *peer, uint16_t port)
{
	struct control *c = arg;
	if (c->peer_count == PEERS_MAX) {
		close(fd);
		return;
	}
	int rc = serve(c, fd);
	if (rc < 0)
		log_warning(&c->owner->log, "a question could not be taken",
			F_Z("error", strerrordesc_np(-rc)));
}

/* ── The socket ───────────────────────────────────────────────────────────────────────────── */

/* By way of its directory's descriptor: data_dir may be longer than the path of a socket. */
static struct sockaddr_un address_in(int directory)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/" CONTROL_SOCKET,
		directory);
	return address;
}

/* -EADDRINUSE: a server is listening there. */
static int remove_stale(int directory)
{
	struct sockaddr_un address = address_in(directory);
	int fd CLEANUP(close_fd) = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0 || errno == EAGAIN)
		return -EADDRINUSE;
	if (errno == ECONNREFUSED && unlinkat(directory, CONTROL_SOCKET, 0) < 0)
		return -errno;
	return 0;
}

static int bind_socket(const struct control *c)
{
	struct sockaddr_un address = address_in(c->directory);
	struct role_user group = role_user(c->owner->config, "delivery");
	int rc = remove_stale(c->directory);
	if (rc < 0)
		return rc;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	mode_t mask = umask(0117);
	rc = bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ? -errno : 0;
	umask(mask);
	if (rc == 0 && group.drop &&
		fchownat(c->directory, CONTROL_SOCKET, (uid_t)-1, group.gid, 0) < 0)
		rc = -errno;
	if (rc == 0 && listen(fd, BACKLOG) < 0)
		rc = -errno;
	if (rc == 0)
		return fd;
	close(fd);
	return rc;
}

static int open_directory(const struct supervisor *s)
{
	int data CLEANUP(close_fd) =
		open(s->config->data_dir.p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd = data < 0 ? -1
			  : openat(data, CONTROL_DIRECTORY,
				    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* ── The whole ────────────────────────────────────────────────────────────────────────────── */

int control_open(struct supervisor *s, struct control **out, struct err *err)
{
	struct control *c = xcalloc(1, sizeof *c);
	*c = (struct control){ .owner = s, .directory = open_directory(s) };
	int rc = MIN(c->directory, 0), fd = -1;
	if (rc == 0)
		rc = fd = bind_socket(c);
	if (fd >= 0)
		rc = listener_open(s->loop, fd, accepted, c, &c->listener);
	if (rc >= 0) {
		*out = c;
		return 0;
	}
	close_fd(&c->directory);
	free(c);
	return err_errno(
		err, -rc, "%s/%s/%s", s->config->data_dir.p, CONTROL_DIRECTORY, CONTROL_SOCKET);
}

void control_finish(struct task *t, struct control *c)
{
	if (!c)
		return;
	unlinkat(c->directory, CONTROL_SOCKET, 0);
	listener_close(c->listener);
	c->listener = NULL;
	for (struct peer *p = c->peers; p; p = p->next)
		shutdown(p->fd, SHUT_RDWR);
	/* Not for long: questions end with the processes' sockets, which are closed by now, calls
	 * with them or by their deadlines, and a peer with its calls and its socket. */
	while ((c->questions || c->peers) && event_wait(t, &c->progress, NEVER) == 0)
		;
}

void control_free(struct control *c)
{
	if (!c)
		return;
	ASSERT(!c->questions && !c->peers);
	close_fd(&c->directory);
	free(c);
}
