/*
 * Sessions over a socket, with a client on a thread: what memory cannot show, which is STARTTLS
 * (RFC 3207).
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "io/tls_testing.h"
#include "smtpd/session_testing.h"

#include <signal.h>
#include <stdio.h>

struct scene {
	struct testing_world w;
	struct loop *loop;
	int fd;
	struct buf got; /* all that the client was told */
	bool over;      /* the client saw the end of the session */
};

static void serve(struct task *t, void *arg)
{
	struct scene *s = arg;
	struct stream *stream;
	ASSERT(stream_open(s->loop, s->fd, &stream) == 0);
	smtpd_session(t, &s->w.world, stream, SMTPD_SMTP, &s->w.client, TESTING_PORT);
	loop_stop(s->loop);
}

static void play(struct scene *s, struct testing_client *c, bool starttls)
{
	struct testing_certificate certificate = testing_certificate_new(0);
	signal(SIGPIPE, SIG_IGN);
	testing_init(&s->w);
	s->got = BUF_INIT(1024 * 1024);
	s->w.config.smtp.starttls = starttls;
	s->w.world.tls = testing_tls_context(&certificate, TLS_1_2);
	s->loop = loop_new(&s->w.log);
	c->arg = s;
	s->fd = testing_client_start(c);
	assert_int_equal(task_start(s->loop, serve, s, NULL), 0);
	loop_run(s->loop);
	loop_finish(s->loop);
	loop_free(s->loop);
	testing_client_join(c);
	tls_context_unref(s->w.world.tls);
	testing_certificate_done(&certificate);
	assert_int_equal(s->w.entered, 1);
	assert_int_equal(s->w.left, 1);
}

static void done(struct scene *s)
{
	buf_done(&s->got);
	testing_done(&s->w);
}

/* Says it, and waits for a reply that ends so. */
static void say(struct testing_client *c, const char *text, const char *end)
{
	struct scene *s = c->arg;
	testing_client_write(c, str_from_z(text));
	ASSERT(testing_client_await(c, &s->got, end));
}

static void assert_told(const struct scene *s, const char *told)
{
	if (!str_equal(buf_str(&s->got), str_from_z(told)))
		fail_msg("%.*s", STR_ARG(buf_str(&s->got)));
}

#define EXTENSIONS(starttls)                                                                       \
	"250-mx.here.test greets c.test\r\n250-PIPELINING\r\n250-SIZE "                            \
	"65536\r\n250-8BITMIME\r\n" starttls                                                       \
	"250-CHUNKING\r\n250-DSN\r\n250-SMTPUTF8\r\n250-LIMITS RCPTMAX=1000\r\n"                   \
	"250 ENHANCEDSTATUSCODES\r\n"

/* In plain, and then, from buf_clear() on, in TLS. */
static void secure(struct testing_client *c)
{
	struct scene *s = c->arg;
	say(c, "", "Postern\r\n");
	say(c, "EHLO c.test\r\n", "STATUSCODES\r\n");
	say(c, "MAIL FROM:<a@away.test>\r\n", "Sender ok\r\n");
	/* What somebody on the way put behind the command is thrown away (CVE-2011-0411). */
	say(c, "STARTTLS\r\nRCPT TO:<bob@here.test>\r\nNOOP\r\n", "Start TLS now\r\n");
	ASSERT(str_starts(buf_str(&s->got),
		STR("220 mx.here.test ESMTP Postern\r\n" EXTENSIONS("250-STARTTLS\r\n"))));
	buf_clear(&s->got);
	ASSERT(testing_client_handshake(c));
	say(c, "RCPT TO:<alice@here.test>\r\n", "with MAIL\r\n");
	say(c, "MAIL FROM:<a@away.test>\r\n", "HELO first\r\n");
	say(c, "EHLO c.test\r\n", "STATUSCODES\r\n");
	say(c, "STARTTLS\r\n", "active already\r\n");
	say(c, "MAIL FROM:<a@away.test>\r\nRCPT TO:<alice@here.test>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n",
		"connection\r\n");
	s->over = !testing_client_read(c, &s->got, s->got.n + 1);
}

static void after_starttls_everything_begins_anew(void **state)
{
	struct scene s = { 0 };
	struct testing_client c = { .act = secure };
	play(&s, &c, true);
	char told[2048];
	snprintf(told, sizeof told,
		"503 5.5.1 Give the sender first, with MAIL\r\n"
		"503 5.5.1 Say EHLO or HELO first\r\n" EXTENSIONS(
			"") "503 5.5.1 TLS is active already\r\n"
			    "250 2.1.0 Sender ok\r\n250 2.1.5 Recipient ok\r\n"
			    "354 End with a line that has only a dot\r\n"
			    "250 2.0.0 Ok: accepted as %s\r\n"
			    "221 2.0.0 mx.here.test closing the connection\r\n",
		s.w.id);
	assert_told(&s, told);
	assert_true(s.over);
	assert_true(str_equal(buf_str(&s.w.delivered), STR("1\nx\r\n")));
	str trace = buf_str(&s.w.traces);
	assert_true(str_find(trace, STR("ESMTPS")) > 0);
	assert_true(str_find(trace, STR("(TLSv1.3,")) > 0);
	assert_true(str_find(trace, STR("TLS_AES_256_GCM_SHA384)")) > 0);
	done(&s);
}

static void garbage(struct testing_client *c)
{
	struct scene *s = c->arg;
	say(c, "STARTTLS\r\n", "Start TLS now\r\n");
	buf_clear(&s->got);
	testing_client_write(c, STR("NOOP, for I cannot speak TLS\r\nNOOP\r\nQUIT\r\n"));
	s->over = !testing_client_read(c, &s->got, SIZE_MAX);
}

static void hang_up(struct testing_client *c)
{
	say(c, "STARTTLS\r\n", "Start TLS now\r\n");
}

static void a_failed_handshake_ends_the_session(void **state)
{
	struct scene s = { 0 };
	struct testing_client c = { .act = garbage };
	play(&s, &c, true);
	assert_true(s.over);
	assert_true(str_find(buf_str(&s.got), STR("250")) < 0);
	done(&s);
	struct scene gone = { 0 };
	struct testing_client d = { .act = hang_up };
	play(&gone, &d, true);
	done(&gone);
}

static void decline(struct testing_client *c)
{
	struct scene *s = c->arg;
	say(c, "EHLO c.test\r\n", "STATUSCODES\r\n");
	say(c, "STARTTLS\r\nNOOP\r\nQUIT\r\n", "connection\r\n");
	s->over = !testing_client_read(c, &s->got, s->got.n + 1);
}

static void it_can_be_switched_off(void **state)
{
	struct scene s = { 0 };
	struct testing_client c = { .act = decline };
	play(&s, &c, false);
	assert_told(&s, "220 mx.here.test ESMTP Postern\r\n" EXTENSIONS(
				"") "454 4.7.0 TLS is not available\r\n250 2.0.0 Ok\r\n"
				    "221 2.0.0 mx.here.test closing the connection\r\n");
	assert_true(s.over);
	done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(after_starttls_everything_begins_anew),
		cmocka_unit_test(a_failed_handshake_ends_the_session),
		cmocka_unit_test(it_can_be_switched_off),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
