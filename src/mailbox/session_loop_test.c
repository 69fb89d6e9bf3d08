/*
 * Sessions over sockets, on a real loop: what cannot be scripted beforehand (SCRAM), and what
 * sessions of one account tell each other.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base64.h"
#include "mailbox/session_testing.h"

#include <sys/socket.h>

#define PATIENCE SECONDS(20)

struct server {
	struct testing_world w;
	struct loop *loop;
	unsigned running; /* tasks */
};

struct client {
	struct server *server;
	struct task *task;
	struct stream *stream;
};

struct session_end {
	struct server *server;
	int fd;
};

static void ended(struct server *s)
{
	if (--s->running == 0)
		loop_stop(s->loop);
}

static void run_session(struct task *t, void *arg)
{
	struct session_end *e = arg;
	struct server *s = e->server;
	struct stream *stream;
	assert_int_equal(stream_open(s->loop, e->fd, &stream), 0);
	free(e);
	mailbox_session(t, &s->w.world, stream, false, &s->w.client, 143);
	ended(s);
}

/* A client of a new session; its greeting is read. */
static struct client dial(struct server *s, struct task *t)
{
	struct client c = { .server = s, .task = t };
	struct session_end *e = xmalloc(sizeof *e);
	int pair[2];
	str line;
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
	*e = (struct session_end){ s, pair[0] };
	s->running++;
	assert_int_equal(task_start(s->loop, run_session, e, NULL), 0);
	assert_int_equal(stream_open(s->loop, pair[1], &c.stream), 0);
	assert_int_equal(stream_line(t, c.stream, 4096, task_deadline(t, PATIENCE), &line), 0);
	assert_true(str_starts(line, STR("* OK [CAPABILITY ")));
	return c;
}

static void say(struct client *c, const char *line)
{
	stream_put(c->task, c->stream, str_from_z(line));
	assert_int_equal(stream_flush(c->task, c->stream), 0);
}

/* Reads lines up to one that begins so, which is returned. */
static str hear(struct client *c, const char *begin)
{
	str line;
	do {
		int rc = stream_line(
			c->task, c->stream, 4096, task_deadline(c->task, PATIENCE), &line);
		if (rc < 0)
			fail_msg("%s did not come", begin);
	} while (!str_starts(line, str_from_z(begin)));
	return line;
}

static void hang_up(struct client *c)
{
	say(c, "z LOGOUT\r\n");
	hear(c, "z OK");
	stream_close(c->stream);
}

/* ── SCRAM ────────────────────────────────────────────────────────────────────────────────── */

/* Answers the server's first message; the proof is one that testing_verify() knows. */
static void answer_challenge(struct client *c, const char *proof)
{
	struct buf first = BUF_INIT(4096), last = BUF_INIT(4096), wire = BUF_INIT(4096);
	str line = str_trim(str_skip(hear(c, "+ "), 2));
	assert_true(base64_decode(&first, line));
	str nonce, rest;
	str_cut(buf_str(&first), ',', &nonce, &rest);
	assert_true(str_starts(nonce, STR("r=abc")) && nonce.n >= 5 + 24);
	assert_true(str_equal(rest, STR("s=c2FsdA==,i=4096")));
	buf_printf(&last, "c=biws,%.*s,p=", STR_ARG(nonce));
	base64_encode(&last, str_from_z(proof));
	base64_encode(&wire, buf_str(&last));
	buf_printf(&wire, "\r\n%c", '\0');
	say(c, wire.p);
	buf_done(&first);
	buf_done(&last);
	buf_done(&wire);
}

static void scram(struct task *t, void *arg)
{
	struct client c = dial(arg, t);
	say(&c, "a AUTHENTICATE SCRAM-SHA-256 biwsbj1hbGljZSxyPWFiYw==\r\n");
	answer_challenge(&c, "wrong");
	hear(&c, "a NO [AUTHENTICATIONFAILED]");
	say(&c, "b AUTHENTICATE SCRAM-SHA-256\r\n");
	hear(&c, "+ \r\n");
	say(&c, "biwsbj1hbGljZSxyPWFiYw==\r\n");
	answer_challenge(&c, "proof");
	hear(&c, "+ dj1jMmxuYm1GMGRYSmw=\r\n"); /* v=c2lnbmF0dXJl: "signature" */
	say(&c, "*\r\n");
	hear(&c, "b BAD");
	say(&c, "c SELECT INBOX\r\n");
	hear(&c, "c BAD Log in first");
	say(&c, "d AUTHENTICATE SCRAM-SHA-256 biwsbj1hbGljZSxyPWFiYw==\r\n");
	answer_challenge(&c, "proof");
	hear(&c, "+ dj1jMmxuYm1GMGRYSmw=\r\n");
	say(&c, "\r\n");
	hear(&c, "d OK [CAPABILITY");
	say(&c, "e SELECT INBOX\r\n");
	hear(&c, "e OK");
	hang_up(&c);
	ended(arg);
}

/* ── Sessions of one account ──────────────────────────────────────────────────────────────── */

static void log_in(struct client *c)
{
	say(c, "l LOGIN alice@here.test secret\r\n");
	hear(c, "l OK");
	say(c, "s SELECT INBOX\r\n");
	hear(c, "s OK");
}

static void two_sessions(struct task *t, void *arg)
{
	struct client a = dial(arg, t), b = dial(arg, t);
	log_in(&a);
	log_in(&b);
	say(&a, "i IDLE\r\n");
	hear(&a, "+ ");
	say(&b, "a STORE 1 +FLAGS.SILENT (\\Deleted)\r\n");
	hear(&b, "a OK");
	hear(&a, "* 1 FETCH (UID 1 FLAGS (\\Deleted \\Recent))");
	say(&b, "b APPEND INBOX {4+}\r\n\r\n\r\n\r\n");
	hear(&b, "b OK");
	hear(&a, "* 4 EXISTS");
	say(&b, "c EXPUNGE\r\n");
	hear(&b, "c OK");
	hear(&a, "* 1 EXPUNGE");
	say(&a, "DONE\r\n");
	hear(&a, "i OK");
	hang_up(&a);
	hang_up(&b);
	ended(arg);
}

/* ── The test ─────────────────────────────────────────────────────────────────────────────── */

static void run_on_loop(task_fn *fn)
{
	struct server s = { .running = 1 };
	testing_init(&s.w);
	s.loop = loop_new(&s.w.log);
	s.w.world.accounts = account_pool_new(str_from_z(s.w.dir), 1);
	s.w.world.watch = account_watch_new();
	assert_int_equal(task_start(s.loop, fn, &s, NULL), 0);
	loop_run(s.loop);
	account_pool_free(s.w.world.accounts);
	account_watch_free(s.w.world.watch);
	assert_int_equal(s.w.entered, s.w.left);
	/* The last task ends after it has stopped the loop. */
	while (loop_task_count(s.loop)) {
		loop_cancel_tasks(s.loop, NULL);
		loop_run(s.loop);
	}
	loop_free(s.loop);
	testing_done(&s.w);
}

static void test_scram(void **state)
{
	run_on_loop(scram);
}

static void test_two_sessions(void **state)
{
	run_on_loop(two_sessions);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scram),
		cmocka_unit_test(test_two_sessions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
