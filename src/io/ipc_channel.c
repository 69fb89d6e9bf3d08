#include "io/ipc_channel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_SIZE = 64 * 1024, FDS_QUEUED_MAX = 1024, VECTORS = 64 };

struct header {
	uint32_t size;
	uint16_t call, fd_count;
	uint64_t sequence;
};

struct outgoing {
	struct outgoing *next;
	size_t fd_count;
	int fds[IPC_FDS_MAX]; /* owned */
	struct header header;
	struct buf payload;
	size_t sent; /* of both */
};

struct ipc_channel {
	struct loop *loop;
	int fd;
	struct watch watch;
	const struct ipc_channel_owner *callbacks;
	void *owner;
	struct task *reader, *writer;
	struct event blocked; /* the socket is full: the writer task goes on when it is not */
	struct loop_hook flush;
	struct outgoing *first, **last;
	struct buf in;
	int in_fds[FDS_QUEUED_MAX]; /* came, but their frame is not whole yet; owned */
	size_t in_fd_count;
	bool got_fds; /* with the last read */
	bool stopping;
	unsigned running; /* reader and writer tasks */
};

/* ── Writing ──────────────────────────────────────────────────────────────────────────────── */

static void drop_first(struct ipc_channel *c)
{
	struct outgoing *o = c->first;
	c->first = o->next;
	if (!c->first)
		c->last = &c->first;
	for (size_t i = 0; i < o->fd_count; i++)
		close_fd(&o->fds[i]);
	buf_done(&o->payload);
	free(o);
}

static size_t size_of(const struct outgoing *o)
{
	return sizeof o->header + o->payload.n;
}

/* What is left of it to be sent, in up to two pieces; how many. */
static size_t pieces_of(struct outgoing *o, struct iovec out[2])
{
	size_t n = 0;
	if (o->sent < sizeof o->header)
		out[n++] =
			(struct iovec){ (char *)&o->header + o->sent, sizeof o->header - o->sent };
	size_t of_payload = o->sent - MIN(o->sent, sizeof o->header);
	if (of_payload < o->payload.n)
		out[n++] = (struct iovec){ o->payload.p + of_payload, o->payload.n - of_payload };
	return n;
}

/* As many frames as one call takes. Descriptors go with the first byte of their frame, so a frame
 * that has some begins a call. */
static ssize_t send_some(struct ipc_channel *c)
{
	struct iovec iov[VECTORS];
	size_t n = 0;
	for (struct outgoing *o = c->first; o && n + 2 <= VECTORS; o = o->next) {
		if (n > 0 && o->fd_count)
			break;
		n += pieces_of(o, iov + n);
	}
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int) * IPC_FDS_MAX)];
	} control = { 0 };
	struct msghdr message = { .msg_iov = iov, .msg_iovlen = n };
	size_t fds = c->first->sent == 0 ? c->first->fd_count : 0;
	if (fds) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * fds);
		struct cmsghdr *h = CMSG_FIRSTHDR(&message);
		*h = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int) * fds),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(h), c->first->fds, sizeof(int) * fds);
	}
	ssize_t sent = sendmsg(c->fd, &message, MSG_NOSIGNAL);
	return sent < 0 ? -errno : sent;
}

static int flush(struct ipc_channel *c)
{
	while (c->first) {
		ssize_t n = send_some(c);
		if (n == -EINTR)
			continue;
		if (n < 0)
			return (int)n;
		while (n > 0) {
			struct outgoing *o = c->first;
			size_t part = MIN((size_t)n, size_of(o) - o->sent);
			o->sent += part;
			n -= (ssize_t)part;
			if (o->sent == size_of(o))
				drop_first(c);
		}
	}
	return 0;
}

static void flush_hook(struct loop_hook *hook)
{
	struct ipc_channel *c = CONTAINER_OF(hook, struct ipc_channel, flush);
	if (c->stopping)
		return;
	int rc = flush(c);
	if (rc == -EAGAIN)
		event_set(&c->blocked);
	else if (rc < 0)
		ipc_channel_break(c);
}

int ipc_channel_send(
	struct ipc_channel *c, uint16_t call, uint64_t sequence, struct ipc_writer *writer)
{
	int rc = writer->bytes.overflowed ? -EMSGSIZE : c->stopping ? -ECONNRESET : 0;
	if (rc == 0) {
		struct outgoing *o = xmalloc(sizeof *o);
		*o = (struct outgoing){ .payload = writer->bytes,
			.header = { (uint32_t)writer->bytes.n, call, (uint16_t)writer->fd_count,
				sequence } };
		writer->bytes = BUF_INIT(writer->bytes.max);
		*c->last = o;
		c->last = &o->next;
		for (; o->fd_count < writer->fd_count && rc == 0; o->fd_count++) {
			o->fds[o->fd_count] = fcntl(writer->fds[o->fd_count], F_DUPFD_CLOEXEC, 0);
			if (o->fds[o->fd_count] < 0) {
				rc = -errno;
				ipc_channel_break(c); /* a frame without its descriptors */
				break;
			}
		}
		loop_before_wait(c->loop, &c->flush);
	}
	buf_done(&writer->bytes);
	return rc;
}

/* ── Reading ──────────────────────────────────────────────────────────────────────────────── */

/* Keeps the descriptors of a message that was received. False: too many, or some were lost. */
static bool keep_fds(struct ipc_channel *c, struct msghdr *message)
{
	bool ok = !(message->msg_flags & MSG_CTRUNC);
	for (struct cmsghdr *h = CMSG_FIRSTHDR(message); h; h = CMSG_NXTHDR(message, h)) {
		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(h) + i * sizeof fd, sizeof fd);
			if (c->in_fd_count < FDS_QUEUED_MAX) {
				c->in_fds[c->in_fd_count++] = fd;
			} else {
				close(fd);
				ok = false;
			}
		}
	}
	return ok;
}

static ssize_t receive(struct ipc_channel *c)
{
	char *p = buf_reserve(&c->in, READ_SIZE);
	if (!p)
		return -EMSGSIZE;
	struct iovec iov = { p, READ_SIZE };
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int) * 64)];
	} control;
	struct msghdr message = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof control };
	ssize_t n = recvmsg(c->fd, &message, MSG_CMSG_CLOEXEC);
	if (n < 0)
		return -errno;
	c->in.n += (size_t)n;
	c->got_fds = CMSG_FIRSTHDR(&message) != NULL;
	return keep_fds(c, &message) ? n : -EPROTO;
}

/* Hands out the whole frames that stand in the buffer. */
static int take_frames(struct ipc_channel *c)
{
	size_t at = 0;
	int rc = 0;
	struct header h;
	while (rc == 0 && c->in.n - at >= sizeof h) {
		memcpy(&h, c->in.p + at, sizeof h);
		if (h.size > IPC_FRAME_MAX || h.fd_count > IPC_FDS_MAX) {
			rc = -EPROTO;
			break;
		}
		if (c->in.n - at - sizeof h < h.size)
			break;
		if (h.fd_count > c->in_fd_count) {
			rc = -EPROTO;
			break;
		}
		struct ipc_frame f = { .call = h.call,
			.sequence = h.sequence,
			.payload = str_from(c->in.p + at + sizeof h, h.size),
			.fd_count = h.fd_count };
		c->in_fd_count -= h.fd_count;
		memcpy(f.fds, c->in_fds, h.fd_count * sizeof(int));
		memmove(c->in_fds, c->in_fds + h.fd_count, c->in_fd_count * sizeof(int));
		at += sizeof h + h.size;
		c->callbacks->frame(c->owner, &f);
		for (size_t i = 0; i < f.fd_count; i++)
			close_fd(&f.fds[i]);
		rc = c->stopping ? -ECONNRESET : 0;
	}
	buf_consume(&c->in, at);
	if (c->in.n == 0 && c->in.cap > 2 * READ_SIZE)
		buf_done(&c->in); /* after a large frame */
	return rc;
}

static void task_ended(struct ipc_channel *c)
{
	ipc_channel_break(c);
	if (--c->running == 0)
		c->callbacks->broken(c->owner);
}

static void read_frames(struct task *t, void *arg)
{
	struct ipc_channel *c = arg;
	bool drained = false;
	while (!c->stopping) {
		/* A short read took all there was: the next byte, or the end, wakes us. But the
		 * kernel also stops reading behind descriptors. */
		ssize_t n = drained ? -EAGAIN : receive(c);
		drained = n > 0 && n < READ_SIZE && !c->watch.hangup && !c->got_fds;
		if (n == -EINTR)
			continue;
		if (n == -EAGAIN)
			n = watch_wait(t, &c->watch, WATCH_READ, NULL, NEVER);
		else if (n == 0)
			break;
		else if (n > 0)
			n = take_frames(c);
		if (n < 0)
			break;
	}
	task_ended(c);
}

static void write_frames(struct task *t, void *arg)
{
	struct ipc_channel *c = arg;
	while (!c->stopping && event_wait(t, &c->blocked, NEVER) == 0) {
		if (watch_wait(t, &c->watch, WATCH_WRITE, NULL, NEVER) < 0)
			break;
		loop_before_wait(c->loop, &c->flush);
	}
	task_ended(c);
}

/* ── Life ─────────────────────────────────────────────────────────────────────────────────── */

int ipc_channel_new(struct loop *l, int fd, const struct ipc_channel_owner *callbacks, void *owner,
	struct ipc_channel **out)
{
	struct ipc_channel *c = xcalloc(1, sizeof *c);
	*c = (struct ipc_channel){ .loop = l,
		.fd = fd,
		.callbacks = callbacks,
		.owner = owner,
		.flush.fn = flush_hook,
		.in = BUF_INIT(IPC_FRAME_MAX + 2 * READ_SIZE) };
	c->last = &c->first;
	int rc = fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) < 0 ? -errno : 0;
	if (rc == 0)
		rc = watch_start(&c->watch, l, fd, WATCH_SOCKET);
	if (rc < 0) {
		close_fd(&c->fd);
		free(c);
		return rc;
	}
	/* Both are made before the first one runs. */
	rc = task_start(l, read_frames, c, &c->reader);
	c->running = rc == 0;
	if (rc == 0)
		rc = task_start(l, write_frames, c, &c->writer);
	if (c->running == 0) {
		watch_stop(&c->watch);
		close_fd(&c->fd);
		free(c);
		return rc;
	}
	if (rc == 0)
		c->running = 2;
	else
		c->stopping = true; /* the reader ends at once, and says so */
	*out = c;
	return 0;
}

void ipc_channel_break(struct ipc_channel *c)
{
	if (c->stopping)
		return;
	c->stopping = true;
	while (c->first)
		drop_first(c);
	task_cancel(c->reader);
	task_cancel(c->writer);
}

void ipc_channel_free(struct ipc_channel *c)
{
	ASSERT(c->running == 0);
	loop_forget_hook(c->loop, &c->flush);
	for (size_t i = 0; i < c->in_fd_count; i++)
		close_fd(&c->in_fds[i]);
	buf_done(&c->in);
	watch_stop(&c->watch);
	close_fd(&c->fd);
	free(c);
}
