#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "io/ipc.h"

#define IPC_SERVICE sample
#define IPC_TABLE "io/ipc_test.def"
#include "io/ipc_declare.h"
#define IPC_SERVICE sample
#define IPC_TABLE "io/ipc_test.def"
#include "io/ipc_implement.h"

#include "io/task_sync.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct log no_log;

/* Caller and callee on one loop. */
struct stage {
	struct loop *loop;
	struct ipc_client *client;
	struct sample_calls calls;
	int peer; /* the callee's descriptor, where the test plays it by hand */
	bool gone;
	struct event over; /* stalled calls end */
	unsigned left;
	void (*act)(struct task *t, struct stage *s);
};

/* ── The service ──────────────────────────────────────────────────────────────────────────── */

static int join(struct task *t, void *self, const struct sample_join_request *in, struct arena *a,
	struct sample_join_reply *out)
{
	struct buf text CLEANUP(buf_done) = BUF_INIT(IPC_FRAME_MAX);
	for (size_t i = 0; i < in->words.n; i++)
		buf_add(&text, in->words.v[i]);
	if (in->shout)
		buf_add_char(&text, '!');
	for (size_t i = 0; i < in->numbers.n; i++)
		out->sum += (int64_t)in->numbers.v[i];
	out->text = arena_str(a, buf_str(&text));
	return in->words.n ? task_yield(t) : -ENOENT;
}

static int size(struct task *t, void *self, const struct sample_size_request *in, struct arena *a,
	struct sample_size_reply *out)
{
	struct stat st;
	if (fstat(in->file, &st) < 0)
		return -errno;
	out->bytes = (uint64_t)st.st_size;
	out->again = dup(in->file);
	return 0;
}

static int stall(struct task *t, void *self, const struct sample_stall_request *in, struct arena *a,
	struct sample_stall_reply *out)
{
	struct stage *s = self;
	return event_wait(t, &s->over, task_deadline(t, SECONDS(1000)));
}

static const struct sample_ops service = { join, size, stall };

/* ── A stage ──────────────────────────────────────────────────────────────────────────────── */

static void on_gone(void *self)
{
	struct stage *s = self;
	s->gone = true;
}

static void act(struct task *t, void *arg)
{
	struct stage *s = arg;
	s->act(t, s);
	if (--s->left)
		return;
	ipc_client_free(s->client);
	loop_cancel_tasks(s->loop, t);
	loop_stop(s->loop);
}

static void play_for(
	void (*fn)(struct task *, struct stage *), unsigned times, bool served, int64_t timeout)
{
	struct stage s = { .loop = loop_new(&no_log), .left = times, .act = fn };
	int pair[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	s.client = ipc_client_new(s.loop, timeout);
	s.calls = sample_over(s.client);
	s.peer = pair[1];
	if (served)
		assert_int_equal(
			ipc_serve(s.loop, pair[1], &sample_service, &service, &s, on_gone), 0);
	assert_int_equal(ipc_client_attach(s.client, pair[0]), 0);
	for (unsigned i = 0; i < times; i++)
		assert_int_equal(task_start(s.loop, act, &s, NULL), 0);
	loop_run(s.loop);
	loop_finish(s.loop);
	assert_true(!served || s.gone);
	loop_free(s.loop);
}

/* With more time than a busy machine needs. */
static void play(void (*fn)(struct task *, struct stage *), unsigned times, bool served)
{
	play_for(fn, times, served, SECONDS(60));
}

/* ── Tests ────────────────────────────────────────────────────────────────────────────────── */

static void call_join(struct task *t, struct stage *s)
{
	struct arena a CLEANUP(arena_done) = ARENA_INIT(65536);
	const str words[] = { STR("one "), STR(""), STR("two") };
	const uint64_t numbers[] = { 40, 2 };
	struct sample_join_reply out;
	assert_int_equal(
		sample_join(t, &s->calls,
			&(struct sample_join_request){
				.words = { words, 3 }, .numbers = { numbers, 2 }, .shout = true },
			&a, &out),
		0);
	assert_true(str_equal(out.text, STR("one two!")));
	assert_int_equal(out.sum, 42);
	assert_int_equal(
		sample_join(t, &s->calls, &(struct sample_join_request){ 0 }, &a, &out), -ENOENT);
}

static void calls_carry_fields_and_errors(void **state)
{
	play(call_join, 1, true);
}

static void many_calls_at_once_find_their_callers(void **state)
{
	play(call_join, 500, true);
}

static void call_directly(struct task *t, struct stage *s)
{
	s->calls = (struct sample_calls){ &service, NULL };
	call_join(t, s);
}

static void the_implementation_can_be_called_without_the_wire(void **state)
{
	play(call_directly, 1, true);
}

static void call_large(struct task *t, struct stage *s)
{
	struct arena a CLEANUP(arena_done) = ARENA_INIT(8 * 1024 * 1024);
	char *big = xcalloc(1, 3 * 1024 * 1024);
	memset(big, 'x', 3 * 1024 * 1024);
	str word = str_from(big, 3 * 1024 * 1024);
	struct sample_join_reply out;
	struct sample_join_request in = { .words = { &word, 1 } };
	assert_int_equal(sample_join(t, &s->calls, &in, &a, &out), 0);
	assert_true(str_equal(out.text, word));
	str twice[] = { word, word };
	in.words = (struct ipc_strs){ twice, 2 };
	assert_int_equal(sample_join(t, &s->calls, &in, &a, &out), -EMSGSIZE);
	struct arena small CLEANUP(arena_done) = ARENA_INIT(1024);
	in.words.n = 1;
	assert_int_equal(sample_join(t, &s->calls, &in, &small, &out), -EBADMSG);
	free(big);
}

static void frames_are_large_but_bounded(void **state)
{
	play(call_large, 1, true);
	play(call_large, 5, true);
}

static void call_size(struct task *t, struct stage *s)
{
	struct arena a CLEANUP(arena_done) = ARENA_INIT(65536);
	int fd = memfd_create("test", MFD_CLOEXEC);
	assert_int_equal(ftruncate(fd, 1234), 0);
	struct sample_size_reply out;
	assert_int_equal(
		sample_size(t, &s->calls, &(struct sample_size_request){ .file = fd }, &a, &out),
		0);
	assert_int_equal(out.bytes, 1234);
	struct stat st;
	assert_int_equal(fstat(out.again, &st), 0);
	assert_int_equal(st.st_size, 1234);
	assert_int_not_equal(out.again, fd);
	close(out.again);
	close(fd);
}

static int open_fds(void)
{
	int n = 0;
	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void descriptors_cross_and_none_is_left_open(void **state)
{
	int before = open_fds();
	play(call_size, 100, true);
	assert_int_equal(open_fds(), before);
}

static void call_stall(struct task *t, struct stage *s)
{
	struct arena a CLEANUP(arena_done) = ARENA_INIT(65536);
	struct sample_stall_reply out;
	assert_int_equal(sample_stall(t, &s->calls, &(struct sample_stall_request){ 0 }, &a, &out),
		-ETIMEDOUT);
	event_set(&s->over);
	/* The late reply must not be taken for this one's, which a busy machine may make late, too.
	 */
	str word = STR("word");
	struct sample_join_reply joined;
	int rc;
	do
		rc = sample_join(t, &s->calls,
			&(struct sample_join_request){ .words = { &word, 1 } }, &a, &joined);
	while (rc == -ETIMEDOUT);
	assert_int_equal(rc, 0);
	assert_true(str_equal(joined.text, word));
}

static void a_call_has_a_deadline(void **state)
{
	play_for(call_stall, 1, true, MILLISECONDS(200));
}

static void call_broken(struct task *t, struct stage *s)
{
	struct arena a CLEANUP(arena_done) = ARENA_INIT(65536);
	struct sample_stall_reply out;
	if (s->peer >= 0)
		close_fd(&s->peer);
	assert_int_equal(sample_stall(t, &s->calls, &(struct sample_stall_request){ 0 }, &a, &out),
		-ECONNRESET);
}

static void a_peer_that_dies_fails_its_calls(void **state)
{
	play(call_broken, 3, false);
}

static void call_garbage(struct task *t, struct stage *s)
{
	struct arena a CLEANUP(arena_done) = ARENA_INIT(65536);
	struct sample_stall_reply out;
	char junk[64];
	memset(junk, 0xee, sizeof junk);
	assert_int_equal(write(s->peer, junk, sizeof junk), sizeof junk);
	assert_int_equal(sample_stall(t, &s->calls, &(struct sample_stall_request){ 0 }, &a, &out),
		-ECONNRESET);
	close_fd(&s->peer);
}

static void a_peer_that_talks_nonsense_is_dropped(void **state)
{
	play(call_garbage, 1, false);
}

static void writer_done(struct ipc_writer *w)
{
	buf_done(&w->bytes);
}

/* Every prefix of a request, and every byte changed: an error or a call, never more. */
static void requests_are_bounds_checked(void **state)
{
	const str words[] = { STR("word"), STR("more") };
	struct task *t = task_sync_new(&(struct task_sync_options){ 0 });
	struct ipc_writer w = { .bytes = BUF_INIT(4096) };
	put_join_request(&w, &(struct sample_join_request){ .words = { words, 2 } });
	for (size_t n = 0; n <= w.bytes.n; n++) {
		struct arena a CLEANUP(arena_done) = ARENA_INIT(65536);
		struct ipc_writer out CLEANUP(writer_done) = { .bytes = BUF_INIT(4096) };
		struct ipc_reader r = { .bytes = str_from(w.bytes.p, n), .arena = &a };
		assert_int_equal(
			serve_join(t, &service, NULL, &r, &out), n == w.bytes.n ? 0 : -EBADMSG);
	}
	for (size_t i = 0; i < w.bytes.n; i++) {
		w.bytes.p[i] = (char)~w.bytes.p[i];
		struct arena a CLEANUP(arena_done) = ARENA_INIT(65536);
		struct ipc_writer out CLEANUP(writer_done) = { .bytes = BUF_INIT(4096) };
		struct ipc_reader r = { .bytes = buf_str(&w.bytes), .arena = &a };
		int rc = serve_join(t, &service, NULL, &r, &out);
		assert_true(rc == 0 || rc == -EBADMSG);
		w.bytes.p[i] = (char)~w.bytes.p[i];
	}
	buf_done(&w.bytes);
	task_sync_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_carry_fields_and_errors),
		cmocka_unit_test(many_calls_at_once_find_their_callers),
		cmocka_unit_test(the_implementation_can_be_called_without_the_wire),
		cmocka_unit_test(frames_are_large_but_bounded),
		cmocka_unit_test(descriptors_cross_and_none_is_left_open),
		cmocka_unit_test(a_call_has_a_deadline),
		cmocka_unit_test(a_peer_that_dies_fails_its_calls),
		cmocka_unit_test(a_peer_that_talks_nonsense_is_dropped),
		cmocka_unit_test(requests_are_bounds_checked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
