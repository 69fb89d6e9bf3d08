/*
 * ipc.c: calls over channels: the caller's end, which matches replies to waiting tasks, and the
 * callee's end, which runs each request in a task.
 */
#include "io/ipc.h"

#include "io/ipc_channel.h"

#include <errno.h>
#include <stdlib.h>

/* ── The caller's end ─────────────────────────────────────────────────────────────────────── */

/* One call in flight; stands on the caller's stack. */
struct pending {
	struct task *task;
	struct arena *arena;
	ipc_decode_fn *decode;
	void *out;
	bool done;
	int result;
};

struct slot {
	struct pending *call;
	uint32_t generation; /* a reply to an abandoned call must not find the next one */
	uint32_t next_free;
};

struct ipc_client {
	struct loop *loop;
	int64_t timeout;
	struct link *link; /* the socket in use, or NULL */
	struct slot *slots;
	uint32_t slot_count, first_free;
};

/* A socket of a client; it outlives its use until its tasks have ended. */
struct link {
	struct ipc_client *client; /* NULL once replaced */
	struct ipc_channel *channel;
};

#define NO_SLOT UINT32_MAX

static uint32_t slot_take(struct ipc_client *c, struct pending *call)
{
	if (c->first_free == NO_SLOT) {
		uint32_t n = c->slot_count ? c->slot_count * 2 : 16;
		c->slots = xrealloc(c->slots, n * sizeof *c->slots);
		for (uint32_t i = n; i-- > c->slot_count;) {
			c->slots[i] = (struct slot){ .next_free = c->first_free };
			c->first_free = i;
		}
		c->slot_count = n;
	}
	uint32_t i = c->first_free;
	c->first_free = c->slots[i].next_free;
	c->slots[i].call = call;
	return i;
}

static void slot_give(struct ipc_client *c, uint32_t i)
{
	c->slots[i].call = NULL;
	c->slots[i].generation++;
	c->slots[i].next_free = c->first_free;
	c->first_free = i;
}

static void finish(struct pending *p, int result)
{
	p->done = true;
	p->result = result;
	task_wake(p->task);
}

static void on_reply(void *owner, struct ipc_frame *f)
{
	struct link *link = owner;
	struct ipc_client *c = link->client;
	uint32_t i = (uint32_t)f->sequence;
	if (f->call != IPC_REPLY || !c || i >= c->slot_count) {
		ipc_channel_break(link->channel);
		return;
	}
	struct slot *slot = &c->slots[i];
	struct pending *p = slot->call;
	if (!p || p->done || slot->generation != (uint32_t)(f->sequence >> 32))
		return; /* its caller has given up */
	int fds[IPC_FDS_MAX];
	memcpy(fds, f->fds, sizeof fds);
	struct ipc_reader r = {
		.bytes = f->payload, .arena = p->arena, .fds = f->fds, .fd_count = f->fd_count
	};
	int64_t result = ipc_get_i64(&r);
	if (result == 0 && !r.bad)
		p->decode(&r, p->out);
	bool bad = r.bad || r.bytes.n || result > 0 || result < INT32_MIN;
	if (bad)
		memcpy(f->fds, fds, sizeof fds); /* nobody's: the channel closes them */
	finish(p, bad ? -EBADMSG : (int)result);
}

static void fail_all(struct ipc_client *c)
{
	for (uint32_t i = 0; i < c->slot_count; i++)
		if (c->slots[i].call && !c->slots[i].call->done)
			finish(c->slots[i].call, -ECONNRESET);
}

static void on_link_broken(void *owner)
{
	struct link *link = owner;
	if (link->client) {
		link->client->link = NULL;
		fail_all(link->client);
	}
	ipc_channel_free(link->channel);
	free(link);
}

struct ipc_client *ipc_client_new(struct loop *l, int64_t timeout)
{
	struct ipc_client *c = xcalloc(1, sizeof *c);
	*c = (struct ipc_client){ .loop = l, .timeout = timeout, .first_free = NO_SLOT };
	return c;
}

/* The link ends by itself. */
void ipc_client_detach(struct ipc_client *c)
{
	if (!c->link)
		return;
	c->link->client = NULL;
	ipc_channel_break(c->link->channel);
	c->link = NULL;
	fail_all(c);
}

int ipc_client_attach(struct ipc_client *c, int fd)
{
	static const struct ipc_channel_owner callbacks = { on_reply, on_link_broken };
	ipc_client_detach(c);
	struct link *link = xcalloc(1, sizeof *link);
	link->client = c;
	int rc = ipc_channel_new(c->loop, fd, &callbacks, link, &link->channel);
	if (rc < 0) {
		free(link);
		return rc;
	}
	c->link = link;
	return 0;
}

bool ipc_client_attached(const struct ipc_client *c)
{
	return c->link != NULL;
}

void ipc_client_free(struct ipc_client *c)
{
	if (!c)
		return;
	ipc_client_detach(c);
	free(c->slots);
	free(c);
}

int ipc_client_call(struct task *t, struct ipc_client *c, uint16_t call, struct ipc_writer *request,
	struct arena *a, ipc_decode_fn *decode, void *out)
{
	struct pending p = { .task = t, .arena = a, .decode = decode, .out = out };
	if (!c->link) {
		buf_done(&request->bytes);
		return -ENOTCONN;
	}
	uint32_t i = slot_take(c, &p);
	uint64_t sequence = (uint64_t)c->slots[i].generation << 32 | i;
	int64_t deadline = task_deadline(t, c->timeout);
	int rc = ipc_channel_send(c->link->channel, call, sequence, request);
	if (rc == -ECONNRESET)
		rc = -ENOTCONN; /* broken already */
	while (rc == 0 && !p.done)
		rc = task_suspend(t, deadline);
	slot_give(c, i);
	return p.done ? p.result : rc;
}

/* ── The callee's end ─────────────────────────────────────────────────────────────────────── */

enum {
	/* More requests of one peer than this wait in its socket. */
	REQUESTS_AT_ONCE = 4096,
	/* What a request and its reply may need, beside the frame. */
	REQUEST_ARENA = 3 * IPC_FRAME_MAX,
};

struct server {
	struct loop *loop;
	struct ipc_channel *channel;
	const struct ipc_service *service;
	const void *ops;
	void *self;
	void (*gone)(void *self);
	unsigned active;
	bool broken;
};

struct request {
	struct server *server;
	uint16_t call;
	uint64_t sequence;
	int fds[IPC_FDS_MAX];
	size_t fd_count;
	size_t size;
	char payload[];
};

static void server_free_if_over(struct server *s)
{
	if (!s->broken || s->active)
		return;
	ipc_channel_free(s->channel);
	if (s->gone)
		s->gone(s->self);
	free(s);
}

static void serve_request(struct task *t, void *arg)
{
	struct request *q = arg;
	struct server *s = q->server;
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(REQUEST_ARENA);
	struct ipc_reader r = { .bytes = str_from(q->payload, q->size),
		.stays = true,
		.arena = &arena,
		.fds = q->fds,
		.fd_count = q->fd_count };
	struct ipc_writer reply = { .bytes = BUF_INIT(IPC_FRAME_MAX) };
	int given[IPC_FDS_MAX];
	memcpy(given, q->fds, sizeof given);
	ipc_put_i64(&reply, 0);
	int64_t result = s->service->calls[q->call].serve(t, s->ops, s->self, &r, &reply);
	for (size_t i = 0; i < q->fd_count; i++)
		close_fd(&given[i]);
	int made[IPC_FDS_MAX];
	size_t made_count = reply.fd_count;
	memcpy(made, reply.fds, sizeof made);
	if (result != 0) {
		buf_clear(&reply.bytes);
		ipc_put_i64(&reply, result);
	}
	if (ipc_channel_send(s->channel, IPC_REPLY, q->sequence, &reply) == -EMSGSIZE)
		ipc_channel_break(s->channel);
	for (size_t i = 0; i < made_count; i++)
		close_fd(&made[i]);
	free(q);
	s->active--;
	server_free_if_over(s);
}

static void on_request(void *owner, struct ipc_frame *f)
{
	struct server *s = owner;
	if (f->call >= s->service->call_count || s->active >= REQUESTS_AT_ONCE) {
		ipc_channel_break(s->channel);
		return;
	}
	struct request *q = xmalloc(sizeof *q + f->payload.n);
	*q = (struct request){ .server = s,
		.call = f->call,
		.sequence = f->sequence,
		.fd_count = f->fd_count,
		.size = f->payload.n };
	if (f->payload.n)
		memcpy(q->payload, f->payload.p, f->payload.n);
	memcpy(q->fds, f->fds, sizeof q->fds);
	if (task_start(s->loop, serve_request, q, NULL) < 0) {
		free(q);
		ipc_channel_break(s->channel);
		return;
	}
	f->fd_count = 0; /* the request's now */
	s->active++;
}

static void on_server_broken(void *owner)
{
	struct server *s = owner;
	s->broken = true;
	server_free_if_over(s);
}

int ipc_serve(struct loop *l, int fd, const struct ipc_service *service, const void *ops,
	void *self, void (*gone)(void *self))
{
	static const struct ipc_channel_owner callbacks = { on_request, on_server_broken };
	struct server *s = xcalloc(1, sizeof *s);
	*s = (struct server){
		.loop = l, .service = service, .ops = ops, .self = self, .gone = gone
	};
	int rc = ipc_channel_new(l, fd, &callbacks, s, &s->channel);
	if (rc < 0)
		free(s);
	return rc;
}
