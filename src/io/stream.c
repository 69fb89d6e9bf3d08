#include "io/stream.h"

#include "io/stream_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	/* A command or a few. What is larger than this, malloc() keeps no ready pieces of. */
	READ_SIZE = 1024,
	READ_SIZE_MAX = 64 * 1024,
	FLUSH_AT = 32 * 1024,
	/* put() flushes at FLUSH_AT, so this is passed only by one larger piece, which is then
	 * written through in slices. */
	OUT_MAX = 128 * 1024,
};
#define FINISH_TIMEOUT SECONDS(5)

/* ── The socket transport ─────────────────────────────────────────────────────────────────── */

static ssize_t socket_read(struct stream *s, void *p, size_t n, enum watch_direction *wants)
{
	*wants = WATCH_READ;
	ssize_t got = recv(s->fd, p, n, 0);
	return got < 0 ? -errno : got;
}

static ssize_t socket_write(struct stream *s, const void *p, size_t n, enum watch_direction *wants)
{
	*wants = WATCH_WRITE;
	/* The last words and the end of the connection go into one segment. */
	ssize_t put = send(s->fd, p, n, MSG_NOSIGNAL | (s->finishing ? MSG_MORE : 0));
	return put < 0 ? -errno : put;
}

static int socket_wait(struct task *t, struct stream *s, enum watch_direction d,
	const struct event *also, int64_t deadline)
{
	return watch_wait(t, &s->watch, d, also, deadline);
}

/* Reads until the peer hangs up. */
static void socket_linger(struct task *t, struct stream *s, int64_t deadline)
{
	enum watch_direction wants;
	char waste[1024];
	if (shutdown(s->fd, SHUT_WR) < 0)
		return;
	for (size_t read = 0; read < 1024 * 1024;) {
		ssize_t n = socket_read(s, waste, sizeof waste, &wants);
		if (n == -EAGAIN && watch_wait(t, &s->watch, WATCH_READ, NULL, deadline) == 0)
			continue;
		if (n <= 0)
			return;
		read += (size_t)n;
	}
}

static void socket_close(struct stream *s)
{
	close_fd(&s->fd); /* the kernel then forgets the watch: there is no copy of fd */
}

const struct transport socket_transport = {
	.read = socket_read,
	.write = socket_write,
	.wait = socket_wait,
	.linger = socket_linger,
	.close = socket_close,
};

/* ── Opening and closing ──────────────────────────────────────────────────────────────────── */

int stream_open(struct loop *l, int fd, struct stream **out)
{
	struct stream *s = xcalloc(1, sizeof *s);
	*s = (struct stream){ .transport = &socket_transport,
		.fd = fd,
		.out = BUF_INIT(OUT_MAX),
		.drained = true, /* what came already is reported as the first edge */
		.write_timeout = SECONDS(300) };
	int rc = watch_start(&s->watch, l, fd, WATCH_SOCKET);
	if (rc < 0) {
		close_fd(&s->fd);
		free(s);
		return rc;
	}
	*out = s;
	return 0;
}

void stream_close(struct stream *s)
{
	if (!s)
		return;
	s->transport->close(s);
	buf_done(&s->out);
	free(s->in);
	free(s);
}

void stream_finish(struct task *t, struct stream *s, bool peer_is_done)
{
	s->write_timeout = MIN(s->write_timeout, FINISH_TIMEOUT);
	s->finishing = true;
	if (stream_flush(t, s) == 0 && s->transport->goodbye)
		s->transport->goodbye(s);
	if (!peer_is_done && s->write_error == 0 && s->transport->linger)
		s->transport->linger(t, s, task_deadline(t, FINISH_TIMEOUT));
	stream_close(s);
}

void stream_set_write_timeout(struct stream *s, int64_t timeout)
{
	s->write_timeout = timeout;
}

/* ── Output ───────────────────────────────────────────────────────────────────────────────── */

/* Writes all of it, waiting as needed. Errors stick. */
static int write_out(struct task *t, struct stream *s, str bytes)
{
	int64_t deadline = task_deadline(t, s->write_timeout);
	while (bytes.n && s->write_error == 0) {
		enum watch_direction wants;
		ssize_t n = s->transport->write(s, bytes.p, bytes.n, &wants);
		if (n > 0)
			bytes = str_skip(bytes, (size_t)n);
		else if (n == -EAGAIN)
			s->write_error = s->transport->wait(t, s, wants, NULL, deadline);
		else if (n != -EINTR)
			s->write_error = n == -ECONNRESET ? -EPIPE : (int)n;
	}
	return s->write_error;
}

int stream_flush(struct task *t, struct stream *s)
{
	if (s->out.n == 0)
		return s->write_error;
	int rc = write_out(t, s, buf_str(&s->out));
	buf_done(&s->out);
	return rc;
}

int stream_put(struct task *t, struct stream *s, str bytes)
{
	if (s->write_error)
		return s->write_error;
	if (bytes.n > FLUSH_AT) {
		int rc = stream_flush(t, s);
		return rc ? rc : write_out(t, s, bytes);
	}
	buf_add(&s->out, bytes);
	return s->out.n > FLUSH_AT ? stream_flush(t, s) : 0;
}

int stream_printf(struct task *t, struct stream *s, const char *format, ...)
{
	struct buf text CLEANUP(buf_done) = BUF_INIT(OUT_MAX);
	va_list args;
	va_start(args, format);
	buf_vprintf(&text, format, args);
	va_end(args);
	return text.overflowed ? -EMSGSIZE : stream_put(t, s, buf_str(&text));
}

/* ── Input ────────────────────────────────────────────────────────────────────────────────── */

static str buffered(const struct stream *s)
{
	return s->in ? str_from(s->in + s->in_start, s->in_end - s->in_start) : STR_EMPTY;
}

static void release_input(struct stream *s)
{
	if (s->in_start < s->in_end)
		return;
	free(s->in);
	s->in = NULL;
	s->in_start = s->in_end = s->in_cap = 0;
}

/* Makes room behind what is buffered: moves it to the front, and grows up to `want` in all. */
static void make_room(struct stream *s, size_t want)
{
	if (s->in_start > 0 && s->in_cap < s->in_start + want) {
		memmove(s->in, s->in + s->in_start, s->in_end - s->in_start);
		s->in_end -= s->in_start;
		s->in_start = 0;
	}
	if (s->in_cap < want) {
		s->in_cap = want;
		s->in = xrealloc(s->in, want);
	}
}

/* Reads once, at most up to `want` bytes buffered in all, waiting until there is something. */
static int fill(struct task *t, struct stream *s, size_t want, int64_t deadline)
{
	int rc = stream_flush(t, s);
	enum watch_direction wants = WATCH_READ;
	while (rc == 0) {
		if (s->ended)
			return -EPIPE;
		if (!s->drained) {
			make_room(s, want);
			size_t room = s->in_cap - s->in_end;
			ssize_t n = s->transport->read(s, s->in + s->in_end, room, &wants);
			if (n > 0) {
				s->in_end += (size_t)n;
				s->drained = (size_t)n < room && !s->tls && !s->watch.hangup;
				return 0;
			}
			s->ended = n == 0 || n == -ECONNRESET;
			if (n == -EINTR || s->ended)
				continue;
			if (n != -EAGAIN)
				return (int)n;
		}
		release_input(s);
		rc = s->transport->wait(t, s, wants, s->interrupt, deadline);
		s->drained = s->drained && rc != 0;
	}
	return rc;
}

int stream_line(struct task *t, struct stream *s, size_t max, int64_t deadline, str *out)
{
	size_t searched = 0;
	for (;;) {
		str have = buffered(s);
		ptrdiff_t lf = str_find_char(str_skip(have, searched), '\n');
		size_t n = lf < 0 ? have.n : searched + (size_t)lf + 1;
		if (n > max || (lf < 0 && n == max))
			return -EMSGSIZE;
		if (lf >= 0) {
			*out = str_first(have, n);
			s->in_start += n;
			return 0;
		}
		searched = have.n;
		int rc = fill(t, s, MAX(MIN(2 * have.n, max), (size_t)READ_SIZE), deadline);
		if (rc < 0)
			return rc;
	}
}

int stream_skip_line(struct task *t, struct stream *s, size_t max, int64_t deadline)
{
	str have;
	for (size_t skipped = 0; skipped <= max;) {
		int rc = stream_peek(t, s, deadline, &have);
		if (rc < 0)
			return rc;
		ptrdiff_t lf = str_find_char(have, '\n');
		size_t n = lf < 0 ? have.n : (size_t)lf + 1;
		stream_consume(s, n);
		if (lf >= 0)
			return 0;
		skipped += n;
	}
	return -EMSGSIZE;
}

int stream_peek(struct task *t, struct stream *s, int64_t deadline, str *out)
{
	if (s->in_start == s->in_end) {
		/* Who takes whatever comes is after much of it. */
		s->in_start = s->in_end = 0;
		int rc = fill(t, s, READ_SIZE_MAX, deadline);
		if (rc < 0)
			return rc;
	}
	*out = buffered(s);
	return 0;
}

int stream_peek_least(struct task *t, struct stream *s, size_t least, int64_t deadline, str *out)
{
	ASSERT(least <= READ_SIZE_MAX);
	while (s->in_end - s->in_start < least) {
		int rc = fill(t, s, MAX(least, (size_t)READ_SIZE), deadline);
		if (rc < 0)
			return rc;
	}
	*out = buffered(s);
	return 0;
}

int stream_peek_paced(struct task *t, struct stream *s, int64_t timeout, int64_t rate,
	struct stream_pace *pace, str *out)
{
	int64_t began = task_now(t), next = task_deadline(t, timeout), whole = NEVER;
	if (rate > 0)
		whole = next + SECONDS(pace->received / (uint64_t)rate) - pace->waited;
	int rc = stream_peek(t, s, MIN(next, whole), out);
	pace->waited += task_now(t) - began;
	return rc == -ETIMEDOUT && whole < next ? -ETIME : rc;
}

void stream_consume(struct stream *s, size_t n)
{
	ASSERT(n <= s->in_end - s->in_start);
	s->in_start += n;
}

size_t stream_buffered(const struct stream *s)
{
	return s->in_end - s->in_start;
}

void stream_discard_input(struct stream *s)
{
	s->in_start = s->in_end;
	release_input(s);
}

int stream_wait(struct task *t, struct stream *s, struct event *event, int64_t deadline)
{
	int rc = stream_flush(t, s);
	if (rc < 0 || s->in_start < s->in_end)
		return rc;
	event->waiter = t;
	s->interrupt = event;
	rc = fill(t, s, READ_SIZE, deadline);
	s->interrupt = NULL;
	event->waiter = NULL;
	return rc;
}
