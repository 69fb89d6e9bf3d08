/*
 * Calls between roles, as a peer gone bad would make them, against the codecs and dispatcher that
 * ipc_test.def makes. The first byte picks what the rest is: the fields of a request, the fields of
 * a reply, or frames on a socket; the second byte the call, or in what pieces they come.
 *
 * What decodes is encoded again, to the very same bytes, and no descriptor is lost.
 */
#include "io/ipc.h"

#define IPC_SERVICE sample
#define IPC_TABLE "io/ipc_test.def"
#include "io/ipc_declare.h"
#define IPC_SERVICE sample
#define IPC_TABLE "io/ipc_test.def"
#include "io/ipc_implement.h"

#include "io/task_sync.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct log no_log;

/* ── The service: checks that what it got can be read ─────────────────────────────────────── */

static uint64_t sum(str s)
{
	uint64_t total = 0;
	for (size_t i = 0; i < s.n; i++)
		total += (unsigned char)s.p[i];
	return total;
}

static int join(struct task *t, void *self, const struct sample_join_request *in, struct arena *a,
	struct sample_join_reply *out)
{
	for (size_t i = 0; i < in->words.n; i++)
		out->sum += (int64_t)sum(in->words.v[i]);
	for (size_t i = 0; i < in->numbers.n; i++)
		out->sum ^= (int64_t)in->numbers.v[i];
	out->text = in->words.n ? in->words.v[0] : STR_EMPTY;
	return in->shout ? -EIO : 0;
}

static int size_of(struct task *t, void *self, const struct sample_size_request *in,
	struct arena *a, struct sample_size_reply *out)
{
	ASSERT(in->file == -1 || fcntl(in->file, F_GETFD) >= 0);
	out->again = in->file >= 0 ? dup(in->file) : -1;
	return 0;
}

static int stall(struct task *t, void *self, const struct sample_stall_request *in, struct arena *a,
	struct sample_stall_reply *out)
{
	return task_sleep(t, SECONDS(1000));
}

static const struct sample_ops service = { join, size_of, stall };

static int lowest_fd(void)
{
	int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
	close(fd);
	return fd;
}

/* ── Fields ───────────────────────────────────────────────────────────────────────────────── */

static void same_bytes(struct ipc_writer *w, str in, const struct ipc_reader *r)
{
	if (!r->bad && r->bytes.n == 0)
		ASSERT(str_equal(buf_str(&w->bytes), in));
	buf_done(&w->bytes);
}

static void request(uint8_t call, str in)
{
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(3 * IPC_FRAME_MAX);
	int fds[IPC_FDS_MAX] = { STDERR_FILENO };
	struct ipc_reader r = {
		.bytes = in, .stays = true, .arena = &arena, .fds = fds, .fd_count = 1
	};
	struct ipc_writer w = { .bytes = BUF_INIT(IPC_FRAME_MAX) };
	if (call % 2) {
		struct sample_join_request m;
		get_join_request(&r, &m);
		put_join_request(&w, &m);
	} else {
		struct sample_size_request m;
		get_size_request(&r, &m);
		put_size_request(&w, &m);
	}
	same_bytes(&w, in, &r);
}

static void reply(uint8_t call, str in)
{
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(3 * IPC_FRAME_MAX);
	int fds[IPC_FDS_MAX] = { STDERR_FILENO };
	struct ipc_reader r = { .bytes = in, .arena = &arena, .fds = fds, .fd_count = 1 };
	struct ipc_writer w = { .bytes = BUF_INIT(IPC_FRAME_MAX) };
	if (call % 2) {
		struct sample_join_reply m;
		get_join_reply(&r, &m);
		put_join_reply(&w, &m);
	} else {
		struct sample_size_reply m;
		get_size_reply(&r, &m);
		put_size_reply(&w, &m);
	}
	same_bytes(&w, in, &r);
}

static void dispatch(uint8_t call, str in)
{
	struct task *t = task_sync_new(&(struct task_sync_options){ 0 });
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(3 * IPC_FRAME_MAX);
	int fds[IPC_FDS_MAX] = { STDERR_FILENO };
	struct ipc_reader r = {
		.bytes = in, .stays = true, .arena = &arena, .fds = fds, .fd_count = 1
	};
	struct ipc_writer w = { .bytes = BUF_INIT(IPC_FRAME_MAX) };
	sample_service.calls[call % sample_service.call_count].serve(t, &service, NULL, &r, &w);
	for (size_t i = 0; i < w.fd_count; i++)
		close(w.fds[i]);
	buf_done(&w.bytes);
	task_sync_free(t);
}

/* ── Frames ───────────────────────────────────────────────────────────────────────────────── */

struct stage {
	struct loop *loop;
	int fd; /* the bad peer's end */
	str in;
	size_t piece;
	bool gone, answered;
};

static void on_gone(void *self)
{
	*(bool *)self = true;
}

/* A descriptor goes with every third piece. */
static void send_piece(struct stage *s, str bytes, bool with_fd)
{
	struct iovec iov = { (void *)(uintptr_t)bytes.p, bytes.n };
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	int fd = STDERR_FILENO;
	if (with_fd) {
		message.msg_control = &control;
		message.msg_controllen = sizeof control;
		struct cmsghdr *h = CMSG_FIRSTHDR(&message);
		*h = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof fd),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(h), &fd, sizeof fd);
	}
	(void)!sendmsg(s->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void misbehave(struct task *t, void *arg)
{
	struct stage *s = arg;
	for (unsigned i = 0; s->in.n; i++) {
		str piece = str_first(s->in, s->piece);
		s->in = str_skip(s->in, piece.n);
		send_piece(s, piece, i % 3 == 1);
		if (task_yield(t) < 0)
			break;
	}
	shutdown(s->fd, SHUT_WR);
	for (int i = 0; i < 20 && !s->gone; i++)
		(void)!task_yield(t);
	loop_stop(s->loop);
}

/* A caller, whose callee answers with that. */
static void ask(struct task *t, void *arg)
{
	struct stage *s = arg;
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(3 * IPC_FRAME_MAX);
	struct ipc_client *client = ipc_client_new(s->loop, MILLISECONDS(1));
	struct sample_calls calls = sample_over(client);
	struct sample_join_request in = { .shout = true };
	struct sample_join_reply out = { .text = STR_EMPTY };
	int fd = s->fd, pair[2];
	ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
	s->fd = pair[1];
	ASSERT(ipc_client_attach(client, pair[0]) == 0);
	send_piece(s, s->in, false);
	if (sample_join(t, &calls, &in, &arena, &out) == 0)
		s->answered = sum(out.text) != UINT64_MAX;
	ipc_client_free(client);
	close(pair[1]);
	s->fd = fd;
	loop_stop(s->loop);
}

static void frames(uint8_t pieces, str in, task_fn *fn)
{
	struct stage s = { .loop = loop_new(&no_log), .in = in, .piece = pieces ? pieces : 4096 };
	int pair[2];
	ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
	s.fd = pair[1];
	ASSERT(ipc_serve(s.loop, pair[0], &sample_service, &service, &s.gone, on_gone) == 0);
	ASSERT(task_start(s.loop, fn, &s, NULL) == 0);
	loop_run(s.loop);
	close(pair[1]);
	loop_finish(s.loop);
	ASSERT(s.gone);
	loop_free(s.loop);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	str in = str_from(data + 2, size - 2);
	int fd = lowest_fd();
	switch (data[0] % 8) {
	case 0:
	case 1:
		request(data[1], in);
		break;
	case 2:
	case 3:
		reply(data[1], in);
		break;
	case 4:
	case 5:
		dispatch(data[1], in);
		break;
	case 6:
		frames(data[1], in, misbehave);
		break;
	default:
		frames(0, in, ask);
	}
	ASSERT(lowest_fd() == fd);
	return 0;
}
