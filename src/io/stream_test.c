/*
 * Streams over sockets and over memory. What runs within tasks checks with ASSERT: cmocka cannot
 * leave their stacks.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "io/stream.h"
#include "io/stream_internal.h"
#include "io/task_sync.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct log no_log;

/* ── Reading: a fixed series of calls, of which each notes what it got ────────────────────── */

static const char wire[] = "short\r\nexactly16bytes\r\nseventeen bytes\r\n\nA line that is far too "
			   "long to be one\r\nabcdefgh\r\nthe rest\r\nno end";

static void note(struct buf *out, int rc, const str *bytes)
{
	buf_printf(out, "%d[%.*s]", rc, rc < 0 ? 0 : (int)MIN(bytes->n, (size_t)30), bytes->p);
}

static void read_lines(struct task *t, struct stream *s, struct buf *out)
{
	int64_t soon = task_deadline(t, SECONDS(30));
	str bytes = STR_EMPTY, nothing = STR_EMPTY;
	static const size_t limits[] = { 16, 16, 16, 17, 16, 16 };
	for (size_t i = 0; i < ARRAY_LEN(limits); i++)
		note(out, stream_line(t, s, limits[i], soon, &bytes), &bytes);
	note(out, stream_skip_line(t, s, 1000, soon), &nothing);
	ASSERT(stream_peek_least(t, s, 7, soon, &bytes) == 0);
	ASSERT(bytes.n >= 7 && str_starts(bytes, STR("abcdefg")));
	stream_consume(s, 3);
	ASSERT(stream_peek(t, s, soon, &bytes) == 0 && bytes.p[0] == 'd');
	for (int i = 0; i < 3; i++)
		note(out, stream_line(t, s, 100, soon, &bytes), &bytes);
	note(out, stream_peek_least(t, s, 6, soon, &bytes), &bytes);
	note(out, stream_peek_least(t, s, 7, soon, &bytes), &bytes);
	note(out, stream_peek(t, s, soon, &bytes), &bytes);
	ASSERT(stream_buffered(s) == 6);
	stream_discard_input(s);
	note(out, stream_peek(t, s, soon, &bytes), &bytes);
}

/* EPIPE is 32, EMSGSIZE 90. */
static const char as_read[] =
	"0[short\r\n]0[exactly16bytes\r\n]-90[]0[seventeen bytes\r\n]0[\n]-90[]0["
	"]0[defgh\r\n]0[the rest\r\n]-32[]0[no end]-32[]0[no end]-32[]";

static void reading_from_memory(void **state)
{
	for (size_t piece = 0; piece <= sizeof wire; piece++) {
		struct task *t = task_sync_new(&(struct task_sync_options){ 0 });
		struct buf out = BUF_INIT(4096);
		struct stream *s;
		assert_int_equal(
			stream_open_memory(t, str_from(wire, sizeof wire - 1), piece, &s), 0);
		read_lines(t, s, &out);
		buf_add_char(&out, '\0');
		assert_string_equal(out.p, as_read);
		stream_close(s);
		buf_done(&out);
		task_sync_free(t);
	}
}

static void memory_keeps_what_is_written(void **state)
{
	struct task *t = task_sync_new(&(struct task_sync_options){ 0 });
	struct buf out = BUF_INIT(10);
	struct stream *s;
	str bytes;
	assert_int_equal(stream_open_memory(t, STR("ab"), 1, &s), 0);
	assert_int_equal(stream_put(t, s, STR("12")), 0);
	assert_int_equal(stream_memory_output(s).n, 0); /* not before a wait */
	assert_int_equal(stream_peek(t, s, NEVER, &bytes), 0);
	assert_int_equal(stream_memory_output(s).n, 2);
	assert_int_equal(stream_printf(t, s, "%d", 34), 0);
	assert_int_equal(stream_flush(t, s), 0);
	assert_true(str_equal(stream_memory_output(s), STR("1234")));
	assert_false(stream_is_tls(s));
	stream_memory_collect(s, &out);
	stream_put(t, s, STR("to the caller"));
	assert_int_equal(stream_flush(t, s), -ENOSPC); /* more than that takes */
	stream_finish(t, s, false);
	buf_done(&out);
	assert_int_equal(stream_open_memory(t, STR("a"), 0, &s), 0);
	stream_memory_silent(s);
	int64_t deadline = task_deadline(t, SECONDS(60));
	assert_int_equal(stream_line(t, s, 10, deadline, &bytes), -ETIMEDOUT);
	assert_int_equal(task_now(t), deadline);
	stream_close(s);
	stream_close(NULL);
	task_sync_free(t);
}

/* A thousand bytes, for which the reader has ten seconds to spare. */
static void a_message_must_not_trickle(void **state)
{
	static const struct {
		size_t piece;
		int64_t pause, rate, seconds;
		int rc;
		uint64_t received;
	} rows[] = {
		{ 1, 9, 100, 10, -ETIME, 1 },
		{ 1, 9, 0, 9009, -EPIPE, 1000 },
		{ 1, 11, 100, 10, -ETIMEDOUT, 0 },
		{ 100, 1, 100, 11, -EPIPE, 1000 },
		{ 900, 10, 100, 19, -ETIME, 900 }, /* 10 to spare, and what 900 may take */
		{ 500, 10, 50, 30, -EPIPE, 1000 },
	};
	char message[1000] = "";
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct task *t = task_sync_new(&(struct task_sync_options){ 0 });
		struct stream_pace pace = { 0 };
		struct stream *s;
		str bytes;
		int rc, opened = stream_open_memory(
				t, str_from(message, sizeof message), rows[i].piece, &s);
		assert_int_equal(opened, 0);
		stream_memory_pause(s, SECONDS(rows[i].pause));
		while ((rc = stream_peek_paced(t, s, SECONDS(10), rows[i].rate, &pace, &bytes)) ==
			0) {
			stream_consume(s, bytes.n);
			pace.received += bytes.n;
		}
		if (rc != rows[i].rc || pace.received != rows[i].received ||
			pace.waited != SECONDS(rows[i].seconds))
			fail_msg("row %zu: %d, %llu bytes in %lld s", i, rc,
				(unsigned long long)pace.received,
				(long long)(pace.waited / NSEC_PER_SEC));
		stream_close(s);
		task_sync_free(t);
	}
}

/* ── Sockets: two tasks, one at each end ──────────────────────────────────────────────────── */

struct scene {
	struct loop *loop;
	struct stream *stream; /* of the first task */
	int peer;              /* the other end, non-blocking */
	struct watch watch;    /* of peer */
	void (*act[2])(struct task *t, struct scene *s);
	unsigned next, left;
	struct buf out;
	size_t piece;
	struct event event;
	struct task *first;
};

static void act(struct task *t, void *arg)
{
	struct scene *s = arg;
	s->act[s->next++](t, s);
	if (--s->left == 0)
		loop_stop(s->loop);
}

static void play(struct scene *s)
{
	int pair[2];
	s->loop = loop_new(&no_log);
	s->out = BUF_INIT(8 * 1024 * 1024);
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	s->peer = pair[1];
	assert_int_equal(stream_open(s->loop, pair[0], &s->stream), 0);
	assert_int_equal(watch_start(&s->watch, s->loop, s->peer, WATCH_SOCKET), 0);
	s->left = s->act[1] ? 2 : 1;
	for (unsigned i = 0; i < s->left; i++)
		assert_int_equal(task_start(s->loop, act, s, i ? NULL : &s->first), 0);
	loop_run(s->loop);
	stream_close(s->stream);
	close_fd(&s->peer);
	loop_finish(s->loop);
	loop_free(s->loop);
}

static void send_bytes(struct task *t, struct scene *s, str bytes, size_t piece)
{
	while (bytes.n) {
		ssize_t n = send(s->peer, bytes.p, MIN(bytes.n, piece), MSG_NOSIGNAL);
		if (n < 0) {
			ASSERT(errno == EAGAIN);
			ASSERT(watch_wait(t, &s->watch, WATCH_WRITE, NULL, NEVER) == 0);
			continue;
		}
		bytes = str_skip(bytes, (size_t)n);
		ASSERT(task_yield(t) == 0);
	}
}

static void receive_until(struct task *t, struct scene *s, size_t n)
{
	char bytes[16384];
	while (s->out.n < n) {
		ssize_t got = recv(s->peer, bytes, sizeof bytes, 0);
		if (got == 0)
			return;
		if (got > 0) {
			buf_add(&s->out, str_from(bytes, (size_t)got));
			continue;
		}
		ASSERT(errno == EAGAIN);
		ASSERT(watch_wait(t, &s->watch, WATCH_READ, NULL, NEVER) == 0);
	}
}

static void reader(struct task *t, struct scene *s)
{
	read_lines(t, s->stream, &s->out);
}

static void writer(struct task *t, struct scene *s)
{
	send_bytes(t, s, str_from(wire, sizeof wire - 1), s->piece);
	shutdown(s->peer, SHUT_WR);
}

static void reading_from_a_socket(void **state)
{
	for (size_t piece = 1; piece <= sizeof wire; piece++) {
		struct scene s = { .act = { reader, writer }, .piece = piece };
		play(&s);
		buf_add_char(&s.out, '\0');
		assert_string_equal(s.out.p, as_read);
		buf_done(&s.out);
	}
}

static void much_reader(struct task *t, struct scene *s)
{
	str bytes;
	while (stream_peek(t, s->stream, NEVER, &bytes) == 0) {
		buf_add(&s->out, bytes);
		stream_consume(s->stream, bytes.n);
	}
}

static char pattern(size_t i)
{
	return (char)(i * 31 + i / 4099);
}

enum { MUCH = 2 * 1000 * 1000 };

static void assert_pattern(struct scene *s)
{
	assert_int_equal(s->out.n, MUCH);
	for (size_t i = 0; i < MUCH; i++)
		if (s->out.p[i] != pattern(i))
			fail_msg("byte %zu is wrong", i);
	buf_done(&s->out);
}

static char *much(void)
{
	char *p = xmalloc(MUCH);
	for (size_t i = 0; i < MUCH; i++)
		p[i] = pattern(i);
	return p;
}

static void much_writer(struct task *t, struct scene *s)
{
	char *p = much();
	send_bytes(t, s, str_from(p, MUCH), s->piece);
	shutdown(s->peer, SHUT_WR);
	free(p);
}

static void much_is_read(void **state)
{
	static const size_t pieces[] = { 999, 8192, 65536, MUCH };
	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		struct scene s = { .act = { much_reader, much_writer }, .piece = pieces[i] };
		play(&s);
		assert_pattern(&s);
	}
}

static void put_much(struct task *t, struct scene *s)
{
	char *p = much();
	for (size_t i = 0, n; i < MUCH; i += n) {
		n = MIN(MUCH - i, i / 7 + 1);
		ASSERT(stream_put(t, s->stream, str_from(p + i, n)) == 0);
	}
	free(p);
	stream_finish(t, s->stream, false);
	s->stream = NULL;
}

static void take_much(struct task *t, struct scene *s)
{
	receive_until(t, s, SIZE_MAX);
	shutdown(s->peer, SHUT_RDWR);
}

static void much_is_written(void **state)
{
	struct scene s = { .act = { put_much, take_much } };
	play(&s);
	assert_pattern(&s);
}

static ssize_t there_is(struct scene *s)
{
	char bytes[100];
	ssize_t n = recv(s->peer, bytes, sizeof bytes, 0);
	return n < 0 ? -errno : n;
}

static void flush_late(struct task *t, struct scene *s)
{
	str bytes;
	ASSERT(stream_put(t, s->stream, STR("one")) == 0);
	ASSERT(stream_put(t, s->stream, STR("two")) == 0);
	ASSERT(there_is(s) == -EAGAIN);
	ASSERT(stream_peek(t, s->stream, task_deadline(t, MILLISECONDS(1)), &bytes) == -ETIMEDOUT);
	ASSERT(there_is(s) == 6);
	ASSERT(stream_put(t, s->stream, STR("three")) == 0);
	ASSERT(stream_flush(t, s->stream) == 0 && there_is(s) == 5);
	/* What waits holds no buffer. */
	ASSERT(!s->stream->in && !s->stream->out.p);
}

static void output_is_written_before_a_wait(void **state)
{
	struct scene s = { .act = { flush_late, NULL } };
	play(&s);
}

static void write_to_nobody(struct task *t, struct scene *s)
{
	char *p = much();
	stream_set_write_timeout(s->stream, MILLISECONDS(10));
	ASSERT(stream_put(t, s->stream, str_from(p, MUCH)) == -ETIMEDOUT);
	stream_set_write_timeout(s->stream, SECONDS(10));
	ASSERT(stream_put(t, s->stream, STR("x")) == -ETIMEDOUT);
	ASSERT(stream_flush(t, s->stream) == -ETIMEDOUT);
	str bytes;
	ASSERT(stream_peek(t, s->stream, NEVER, &bytes) == -ETIMEDOUT);
	free(p);
}

static void a_peer_that_does_not_read(void **state)
{
	struct scene s = { .act = { write_to_nobody, NULL } };
	play(&s);
}

static void write_to_the_dead(struct task *t, struct scene *s)
{
	close_fd(&s->peer);
	str bytes;
	stream_put(t, s->stream, STR("x"));
	ASSERT(stream_flush(t, s->stream) == -EPIPE);
	ASSERT(stream_put(t, s->stream, STR("x")) == -EPIPE);
	ASSERT(stream_peek(t, s->stream, NEVER, &bytes) == -EPIPE);
	stream_finish(t, s->stream, false);
	s->stream = NULL;
}

static void a_peer_that_is_gone(void **state)
{
	struct scene s = { .act = { write_to_the_dead, NULL } };
	play(&s);
}

/* The peer says much that is never read, and hears the last word all the same. */
static void last_word(struct task *t, struct scene *s)
{
	str bytes;
	ASSERT(stream_peek(t, s->stream, NEVER, &bytes) == 0);
	stream_put(t, s->stream, STR("goodbye"));
	stream_finish(t, s->stream, false);
	s->stream = NULL;
}

static void talk_on(struct task *t, struct scene *s)
{
	char *p = much();
	send_bytes(t, s, str_from(p, 500000), 10000);
	receive_until(t, s, 7);
	close_fd(&s->peer);
	free(p);
}

static void the_last_word_arrives(void **state)
{
	struct scene s = { .act = { last_word, talk_on } };
	play(&s);
	assert_true(str_equal(buf_str(&s.out), STR("goodbye")));
	buf_done(&s.out);
}

/* ── stream_wait() ────────────────────────────────────────────────────────────────────────── */

static void wait_for_both(struct task *t, struct scene *s)
{
	str bytes;
	ASSERT(stream_wait(t, s->stream, &s->event, NEVER) == -EINTR);
	ASSERT(s->event.set);
	s->event.set = false;
	ASSERT(stream_wait(t, s->stream, &s->event, NEVER) == 0);
	ASSERT(stream_buffered(s->stream) > 0);
	s->event.set = true; /* input comes first */
	ASSERT(stream_wait(t, s->stream, &s->event, NEVER) == 0);
	ASSERT(stream_line(t, s->stream, 10, NEVER, &bytes) == 0);
	ASSERT(str_equal(bytes, STR("x\n")));
	ASSERT(stream_wait(t, s->stream, &s->event, NEVER) == -EINTR);
	s->event.set = false;
	ASSERT(stream_wait(t, s->stream, &s->event, task_deadline(t, MILLISECONDS(2))) ==
		-ETIMEDOUT);
	ASSERT(!s->event.waiter);
}

static void wake_both(struct task *t, struct scene *s)
{
	event_set(&s->event);
	while (s->event.set)
		ASSERT(task_yield(t) == 0);
	send_bytes(t, s, STR("x\n"), 2);
}

static void an_event_interrupts_a_wait(void **state)
{
	struct scene s = { .act = { wait_for_both, wake_both } };
	play(&s);
}

static void wait_cancelled(struct task *t, struct scene *s)
{
	str bytes;
	ASSERT(stream_wait(t, s->stream, &s->event, NEVER) == -ECANCELED);
	ASSERT(stream_line(t, s->stream, 10, NEVER, &bytes) == -ECANCELED);
	/* What can be said without waiting is still said. */
	stream_put(t, s->stream, STR("421\r\n"));
	stream_finish(t, s->stream, false);
	s->stream = NULL;
}

static void cancel(struct task *t, struct scene *s)
{
	task_cancel(s->first);
	receive_until(t, s, 5);
}

static void a_cancelled_task_can_still_say_goodbye(void **state)
{
	struct scene s = { .act = { wait_cancelled, cancel } };
	play(&s);
	assert_true(str_equal(buf_str(&s.out), STR("421\r\n")));
	buf_done(&s.out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reading_from_memory),
		cmocka_unit_test(memory_keeps_what_is_written),
		cmocka_unit_test(a_message_must_not_trickle),
		cmocka_unit_test(reading_from_a_socket),
		cmocka_unit_test(much_is_read),
		cmocka_unit_test(much_is_written),
		cmocka_unit_test(output_is_written_before_a_wait),
		cmocka_unit_test(a_peer_that_does_not_read),
		cmocka_unit_test(a_peer_that_is_gone),
		cmocka_unit_test(the_last_word_arrives),
		cmocka_unit_test(an_event_interrupts_a_wait),
		cmocka_unit_test(a_cancelled_task_can_still_say_goodbye),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
