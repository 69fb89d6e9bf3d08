/*
 * clamd_client.c: while it sends a stream it listens: clamd says at once when that gets too long,
 * and hangs up; so does what is no clamd. What it has said counts more than that it hung up.
 */
#include "antivirus/clamd_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CHUNK = 64 * 1024 };

/* Between two tries at a Unix socket whose queue is full: nothing tells when it is not. */
#define QUEUE_PAUSE MILLISECONDS(20)

struct talk {
	struct task *t;
	const struct clamd_question *q;
	int fd;
	struct watch watch;
	struct clamd_reader reader;
	int unreadable; /* -errno: our own file */
};

/* ── Connecting ───────────────────────────────────────────────────────────────────────────── */

static int connect_local(struct talk *k, int64_t deadline)
{
	const struct endpoint *e = k->q->server;
	while (connect(k->fd, &e->address.any, e->size) < 0) {
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		if (task_now(k->t) >= deadline)
			return -ETIMEDOUT;
		int rc = task_sleep(k->t, QUEUE_PAUSE);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Watched only from here on: a socket that is not connected is said to have hung up. */
static int connect_tcp(struct talk *k, int64_t deadline)
{
	const struct endpoint *e = k->q->server;
	int error = 0, one = 1;
	socklen_t n = sizeof error;
	setsockopt(k->fd, IPPROTO_TCP, TCP_NODELAY, &one,
		sizeof one); /* the end of a stream is small */
	bool pending = connect(k->fd, &e->address.any, e->size) < 0;
	if (pending && errno != EINPROGRESS)
		return -errno;
	int rc = watch_start(&k->watch, task_loop(k->t), k->fd, WATCH_SOCKET);
	if (rc == 0 && pending)
		rc = watch_wait(k->t, &k->watch, WATCH_WRITE, NULL, deadline);
	if (rc == 0 && getsockopt(k->fd, SOL_SOCKET, SO_ERROR, &error, &n) == 0)
		rc = -error;
	return rc;
}

static int open_connection(struct talk *k)
{
	int64_t deadline = MIN(k->q->deadline, task_deadline(k->t, CLAMD_CONNECT_TIMEOUT));
	int family = k->q->server->address.any.sa_family;
	k->fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (k->fd < 0)
		return -errno;
	if (family != AF_UNIX)
		return connect_tcp(k, deadline);
	int rc = connect_local(k, deadline);
	return rc < 0 ? rc : watch_start(&k->watch, task_loop(k->t), k->fd, WATCH_SOCKET);
}

/* ── Listening ────────────────────────────────────────────────────────────────────────────── */

/* 1: the answer is whole, or the connection has ended; 0: nothing more has come yet. */
static int listen_now(struct talk *k)
{
	char piece[512];
	for (;;) {
		ssize_t n = recv(k->fd, piece, sizeof piece, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n <= 0 || clamd_read(&k->reader, str_from(piece, (size_t)n)))
			return 1;
	}
}

static int wait_for_answer(struct talk *k)
{
	int rc = 0;
	while (rc == 0 && !listen_now(k))
		rc = watch_wait(k->t, &k->watch, WATCH_READ, NULL, k->q->deadline);
	return rc;
}

/* ── Saying ───────────────────────────────────────────────────────────────────────────────── */

/* Sends once, with a descriptor (-1: none). */
static ssize_t send_once(struct talk *k, str bytes, int fd)
{
	struct iovec iov = { (char *)(uintptr_t)bytes.p, bytes.n };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	if (fd >= 0) {
		message.msg_control = &control;
		message.msg_controllen = sizeof control;
		struct cmsghdr *h = CMSG_FIRSTHDR(&message);
		*h = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof fd),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(h), &fd, sizeof fd);
	}
	ssize_t n = sendmsg(k->fd, &message, MSG_NOSIGNAL);
	return n < 0 ? -errno : n;
}

/* 1: the peer does not listen any more, or has begun to speak: to be heard. */
static int say(struct talk *k, str bytes, int fd)
{
	while (bytes.n) {
		ssize_t n = send_once(k, bytes, fd);
		if (n >= 0) {
			bytes = str_skip(bytes, (size_t)n);
			fd = -1;
		} else if (n == -EAGAIN) {
			if (listen_now(k))
				return 1;
			int rc = watch_wait(k->t, &k->watch, WATCH_WRITE, NULL, k->q->deadline);
			if (rc < 0)
				return rc;
		} else if (n != -EINTR) {
			return 1;
		}
	}
	return 0;
}

/* Length and bytes of the next part; the last is empty. 0, or -errno. */
static int read_chunk(const struct clamd_question *q, uint64_t offset, char *out, size_t *out_n)
{
	size_t n = (size_t)MIN(q->size - offset, (uint64_t)CHUNK);
	uint32_t prefix = htonl((uint32_t)n);
	memcpy(out, &prefix, sizeof prefix);
	for (size_t have = 0; have < n;) {
		ssize_t got =
			pread(q->fd, out + sizeof prefix + have, n - have, (off_t)(offset + have));
		if (got == 0 || (got < 0 && errno != EINTR))
			return got == 0 ? -EIO : -errno;
		have += got > 0 ? (size_t)got : 0;
	}
	*out_n = sizeof prefix + n;
	return 0;
}

static int say_stream(struct talk *k)
{
	char *chunk CLEANUP(free_pointer) = xmalloc(sizeof(uint32_t) + CHUNK);
	int rc = say(k, STR("zINSTREAM\0"), -1);
	bool last = false;
	for (uint64_t at = 0; rc == 0 && !last; at += CHUNK) {
		size_t n = 0;
		last = at >= k->q->size;
		k->unreadable = read_chunk(k->q, MIN(at, k->q->size), chunk, &n);
		rc = k->unreadable < 0 ? k->unreadable : say(k, str_from(chunk, n), -1);
	}
	return rc;
}

static int say_question(struct talk *k)
{
	switch (k->q->command) {
	case CLAMD_PING:
		return say(k, STR("zPING\0"), -1);
	case CLAMD_DESCRIPTOR:
		/* The second NUL is a byte for the descriptor to go with. */
		return say(k, STR("zFILDES\0\0"), k->q->fd);
	case CLAMD_STREAM:
		return say_stream(k);
	}
	ASSERT(!"a command without words");
	return -EINVAL;
}

/* ── The whole ────────────────────────────────────────────────────────────────────────────── */

static void tell(struct clamd_answer *out, enum clamd_kind kind, int rc)
{
	out->kind = kind;
	const char *why = strerrordesc_np(-rc);
	if (rc == -ETIMEDOUT)
		why = kind == CLAMD_SILENT ? "no answer in time" : "no connection in time";
	snprintf(out->text, sizeof out->text, "%s", why ? why : "it failed");
}

static int converse(struct talk *k, struct clamd_answer *out)
{
	int rc = open_connection(k);
	if (rc == -ECANCELED)
		return rc;
	if (rc < 0) {
		tell(out, CLAMD_UNREACHABLE, rc);
		return 0;
	}
	rc = say_question(k);
	if (rc >= 0)
		rc = wait_for_answer(k);
	if (k->unreadable || rc == -ECANCELED)
		return rc;
	if (rc < 0 && !listen_now(k))
		tell(out, CLAMD_SILENT, rc);
	else
		clamd_understand(&k->reader, out);
	return 0;
}

int clamd_ask(struct task *t, const struct clamd_question *q, struct clamd_answer *out)
{
	struct talk *k CLEANUP(free_pointer) = xcalloc(1, sizeof *k);
	k->t = t;
	k->q = q;
	k->fd = -1;
	*out = (struct clamd_answer){ .kind = CLAMD_SILENT };
	int rc = converse(k, out);
	close_fd(&k->fd); /* the kernel then forgets the watch: there is no copy of it */
	return rc;
}
