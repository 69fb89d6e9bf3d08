/*
 * What a session does with much: long lines, silent clients, many recipients, large messages, a
 * full disk; and the trace fields, which tell who it was.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "smtpd/session_testing.h"

#define GREETING "220 mx.here.test ESMTP Postern\r\n"
#define HELLO GREETING "250 mx.here.test\r\n"
#define ENVELOPE "HELO client.test\r\nMAIL FROM:<a@away.test>\r\nRCPT TO:<alice@here.test>\r\n"
#define ENVELOPE_TOLD HELLO "250 2.1.0 Sender ok\r\n250 2.1.5 Recipient ok\r\n"
#define GO "354 End with a line that has only a dot\r\n"
#define ACCEPTED "250 2.0.0 Ok: accepted as ID\r\n"

/* ── A scene: one session, and what came of it ────────────────────────────────────────────── */

struct scene {
	struct testing_world w;
	struct testing_run r;
	struct buf input;
};

static int setup(void **state)
{
	struct scene *s = xcalloc(1, sizeof *s);
	testing_init(&s->w);
	s->input = BUF_INIT(64 * 1024 * 1024);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;
	buf_done(&s->input);
	buf_done(&s->r.output);
	testing_done(&s->w);
	free(s);
	return 0;
}

static void say(struct scene *s, const char *text)
{
	buf_add(&s->input, str_from_z(text));
}

static void say_much(struct scene *s, size_t n, char c)
{
	char *p = buf_reserve(&s->input, n);
	memset(p, c, n);
	s->input.n += n;
}

static void run(struct scene *s)
{
	buf_done(&s->r.output);
	s->r.input = buf_str(&s->input);
	testing_session(&s->w, &s->r);
}

static void assert_told(const struct scene *s, const char *told)
{
	str out = buf_str(&s->r.output);
	if (!str_equal(out, str_from_z(told)))
		fail_msg("wanted %sgot %.*s", told, STR_ARG(str_first(out, 4096)));
}

static unsigned count(const struct scene *s, const char *what)
{
	unsigned n = 0;
	str text = buf_str(&s->r.output), one = str_from_z(what);
	for (ptrdiff_t at; (at = str_find(text, one)) >= 0; n++)
		text = str_skip(text, (size_t)at + one.n);
	return n;
}

/* ── Lines ────────────────────────────────────────────────────────────────────────────────── */

#define TOO_LONG "500 5.5.6 Line too long: a command has at most 4096 bytes\r\n"

static void a_long_line_is_passed_over(void **state)
{
	struct scene *s = *state;
	say(s, "NOOP ");
	say_much(s, 4096 - 7, 'x');
	say(s, "\r\nNOOP ");
	say_much(s, 4096 - 6, 'x');
	say(s, "\r\n");
	say_much(s, 1000 * 1000, 'y');
	say(s, "\r\nNOOP\r\n");
	for (s->r.piece = 0; s->r.piece < 5000; s->r.piece = s->r.piece * 2 + 1) {
		run(s);
		assert_told(s, GREETING "250 2.0.0 Ok\r\n" TOO_LONG TOO_LONG "250 2.0.0 Ok\r\n");
	}
}

static void a_line_without_end_ends_the_session(void **state)
{
	struct scene *s = *state;
	say_much(s, 2 * 1024 * 1024, 'x');
	run(s);
	assert_told(
		s, GREETING "421 4.7.0 mx.here.test: line without end, closing the connection\r\n");
}

static void long_lines_are_errors_too(void **state)
{
	struct scene *s = *state;
	for (int i = 0; i < 40; i++) {
		say_much(s, 5000, 'x');
		say(s, "\r\n");
	}
	run(s);
	assert_int_equal(count(s, TOO_LONG), s->w.config.smtp.max_errors);
	assert_int_equal(count(s, "421 4.7.0 mx.here.test: too many errors"), 1);
}

/* Commands that are refused for good end a session; what cannot be done now does not. */
static void our_own_failures_are_no_errors(void **state)
{
	struct scene *s = *state;
	say(s, "EHLO client.test\r\nMAIL FROM:<a@away.test>\r\n");
	for (unsigned i = 0; i < 40; i++)
		say(s, "RCPT TO:<broken@here.test>\r\n");
	say(s, "NOOP\r\n");
	run(s);
	assert_int_equal(count(s, "\r\n451 4.3.5 "), 40);
	assert_int_equal(count(s, "\r\n421 "), 0);
	buf_clear(&s->input);
	say(s, "EHLO client.test\r\nMAIL FROM:<a@away.test>\r\n");
	for (unsigned i = 0; i < 40; i++)
		say(s, "RCPT TO:<nobody@here.test>\r\n");
	run(s);
	assert_int_equal(count(s, "\r\n550 5.1.1 "), s->w.config.smtp.max_errors);
	assert_int_equal(count(s, "421 4.7.0 mx.here.test: too many errors"), 1);
}

/* ── Time ─────────────────────────────────────────────────────────────────────────────────── */

static void a_silent_client_is_let_go(void **state)
{
	struct scene *s = *state;
	s->r.silent = true;
	say(s, "NOOP\r\nNOO");
	run(s);
	assert_told(s, GREETING "250 2.0.0 Ok\r\n421 4.4.2 mx.here.test: no command for too long, "
				"closing the connection\r\n");
}

static void a_message_that_does_not_go_on(void **state)
{
	struct scene *s = *state;
	s->r.silent = true;
	say(s, ENVELOPE "DATA\r\nx\r\n.\r");
	run(s);
	assert_told(
		s, ENVELOPE_TOLD GO "421 4.4.2 No data for too long, closing the connection\r\n");
	buf_clear(&s->input);
	say(s, ENVELOPE "BDAT 3\r\nxx");
	run(s);
	assert_told(s, ENVELOPE_TOLD "421 4.4.2 No data for too long, closing the connection\r\n");
	assert_int_equal(s->w.commits, 0);
}

static void a_line_that_trickles(void **state)
{
	struct scene *s = *state;
	s->r.piece = 1;
	s->r.pause = SECONDS(299);
	say(s, "NOOP\r\n");
	run(s);
	assert_told(s, GREETING "421 4.4.2 mx.here.test: no command for too long, "
				"closing the connection\r\n");
}

#define TOO_SLOW "421 4.4.2 The message comes too slowly, closing the connection\r\n"

/* What comes each 100 seconds, of messages that together take longer than any timeout. */
static void a_message_that_trickles(void **state)
{
	static const struct {
		const char *commands[2]; /* before each half of it */
		size_t piece;
		int64_t rate;
		bool taken;
	} rows[] = {
		{ { "DATA\r\n", "" }, 200, 500, false },
		{ { "DATA\r\n", "" }, 200, 0, true },
		{ { "DATA\r\n", "" }, 49000, 500, false },
		{ { "DATA\r\n", "" }, 50000, 500, true }, /* 500 bytes a second */
		{ { "BDAT 5000000 LAST\r\n", "" }, 200, 500, false },
		{ { "BDAT 2500000\r\n", "BDAT 2500000 LAST\r\n" }, 49000, 500, false },
		{ { "BDAT 2500000\r\n", "BDAT 2500000 LAST\r\n" }, 50000, 500, true },
	};
	struct scene *s = *state;
	s->w.config.smtp.max_message_size = 10 * 1000 * 1000;
	s->r.pause = SECONDS(100);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		s->r.piece = rows[i].piece;
		s->w.config.smtp.min_data_rate = rows[i].rate;
		buf_clear(&s->input);
		say(s, ENVELOPE);
		for (size_t half = 0; half < 2; half++) {
			say(s, rows[i].commands[half]);
			say_much(s, 2500000, 'x');
		}
		say(s, rows[i].commands[0][0] == 'D' ? "\r\n.\r\n" : "");
		run(s);
		if (s->r.accepted != rows[i].taken || count(s, TOO_SLOW) == rows[i].taken)
			fail_msg("row %zu: %.*s", i, STR_ARG(buf_str(&s->r.output)));
	}
	assert_int_equal(s->w.commits, 3);
}

/* ── Many recipients ──────────────────────────────────────────────────────────────────────── */

static void say_recipients(struct scene *s, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		buf_printf(&s->input, "RCPT TO:<alice+%u@here.test>\r\n", i);
}

static void lmtp_answers_for_a_thousand(void **state)
{
	static const int failures[] = { 0, -ENOSPC, -ECONNRESET };
	struct scene *s = *state;
	s->r.protocol = SMTPD_LMTP;
	say(s, "LHLO client.test\r\nMAIL FROM:<a@away.test>\r\n");
	say_recipients(s, 1001);
	say(s, "DATA\r\nx\r\n.\r\n");
	for (size_t i = 0; i < ARRAY_LEN(failures); i++) {
		s->w.fail_with = failures[i];
		s->w.fail_at = failures[i] ? s->w.calls + 1001 : 0;
		run(s);
		assert_int_equal(s->r.accepted, failures[i] ? 0 : 1000);
		assert_int_equal(count(s, "452 4.5.3 Too many recipients"), 1);
		assert_int_equal(count(s, "\r\n452 4.3.1 "), failures[i] == -ENOSPC ? 1000 : 0);
		assert_int_equal(count(s, "\r\n451 4.3.0 "), failures[i] == -ECONNRESET ? 1000 : 0);
	}
	assert_int_equal(s->w.commits, 1);
}

static void destinations_are_limited(void **state)
{
	struct scene *s = *state;
	say(s, "HELO client.test\r\nMAIL FROM:<a@away.test>\r\n");
	for (int i = 0; i < 3; i++)
		buf_printf(&s->input, "RCPT TO:<large+%d@here.test>\r\n", i);
	say(s, "DATA\r\nx\r\n.\r\n");
	run(s);
	assert_int_equal(count(s, "250 2.1.5 Recipient ok"), 2);
	assert_int_equal(count(s, "452 4.5.3 Too many recipients"), 1);
	assert_int_equal(s->r.accepted, 1);
	assert_true(str_find(buf_str(&s->w.delivered), STR("+2")) < 0);
	assert_true(str_find(buf_str(&s->w.delivered), STR("1000+1\n")) > 0);
}

/* Where recipients lead is kept in an array of the arena, which doubles: at this many entries there
 * is no room for the next one. */
enum { TARGETS_MAX = 524288 };

/* A recipient for whom there is no memory left is refused, and gets nothing. */
static void memory_is_limited(void **state)
{
	struct scene *s = *state;
	s->w.config.smtp.max_recipients = 10000;
	say(s, "HELO client.test\r\nMAIL FROM:<a@away.test>\r\n");
	for (int i = 0; i < TARGETS_MAX / 1000; i++)
		say(s, "RCPT TO:<large@here.test>\r\n");
	for (int i = 0; i < TARGETS_MAX % 1000; i++)
		say(s, "RCPT TO:<alice@here.test>\r\n");
	say(s, "RCPT TO:<alice+late@here.test>\r\nRCPT TO:<both+late@here.test>\r\n"
	       "DATA\r\nx\r\n.\r\n");
	run(s);
	assert_int_equal(
		count(s, "250 2.1.5 Recipient ok"), TARGETS_MAX / 1000 + TARGETS_MAX % 1000);
	assert_int_equal(count(s, "452 4.5.3 Too many recipients"), 2);
	assert_int_equal(s->r.accepted, 1);
	assert_true(str_find(buf_str(&s->w.delivered), STR("+late")) < 0);
}

/* ── Large messages ───────────────────────────────────────────────────────────────────────── */

static void say_large(struct scene *s, const char *command)
{
	s->w.config.smtp.max_message_size = 10 * 1024 * 1024;
	buf_clear(&s->input);
	say(s, ENVELOPE);
	say(s, command);
	for (unsigned i = 0; i < 10000; i++)
		buf_printf(&s->input, "%020u\r\n", i);
}

static void a_large_message_goes_through_the_spool(void **state)
{
	static const size_t pieces[] = { 0, 1, 7, 1460, 16384, 65536, 65537, 100000 };
	struct scene *s = *state;
	say_large(s, "DATA\r\n");
	say(s, ".\r\nQUIT\r\n");
	str body = str_from(s->input.p + (s->input.n - 220000 - 9), 220000);
	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		s->r.piece = pieces[i];
		buf_clear(&s->w.delivered);
		run(s);
		assert_told(s, ENVELOPE_TOLD GO ACCEPTED
			"221 2.0.0 mx.here.test closing the connection\r\n");
		assert_true(str_starts(buf_str(&s->w.delivered), STR("1\n")));
		assert_true(str_equal(str_skip(buf_str(&s->w.delivered), 2), body));
	}
}

static void without_a_spool_it_is_refused_for_now(void **state)
{
	static const char *const commands[] = { "DATA\r\n", "BDAT 220000 LAST\r\n" };
	struct scene *s = *state;
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		say_large(s, commands[i]);
		say(s, i == 0 ? ".\r\nNOOP\r\n" : "NOOP\r\n");
		static const struct {
			unsigned call; /* 1: the directory, 2: the filter's first one, which matters
					  not */
			int error;
			const char *told;
		} rows[] = {
			{ 3, -ENOSPC, "452 4.3.1 No space left" }, /* the spool */
			{ 4, -ECONNRESET, "451 4.3.0 The message could not be examined" },
			{ 5, -ECONNRESET, "451 4.3.0 Cannot store" },
		};
		for (size_t n = 0; n < ARRAY_LEN(rows); n++) {
			s->w.fail_at = s->w.calls + rows[n].call;
			s->w.fail_with = rows[n].error;
			s->w.failures = s->w.suspects = 0;
			run(s);
			assert_int_equal(s->r.accepted, 0);
			assert_int_equal(count(s, rows[n].told), 1);
			assert_int_equal(count(s, "250 2.0.0 Ok\r\n"), 1);
		}
	}
	assert_int_equal(s->w.commits, 0);
}

static int full_spool(void *context)
{
	return open("/dev/full", O_RDWR | O_CLOEXEC);
}

static int unwritable_spool(void *context)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void a_spool_that_cannot_be_written(void **state)
{
	struct scene *s = *state;
	say_large(s, "DATA\r\n");
	say(s, ".\r\nNOOP\r\n");
	s->w.world.open_spool = full_spool;
	run(s);
	assert_told(s, ENVELOPE_TOLD GO
		"452 4.3.1 No space left for this message, try again later (ID)\r\n250 2.0.0 "
		"Ok\r\n");
	s->w.world.open_spool = unwritable_spool;
	run(s);
	assert_told(s, ENVELOPE_TOLD GO "451 4.3.0 Cannot store this message now, try again later "
					"(ID)\r\n250 2.0.0 Ok\r\n");
}

/* ── Trace fields ─────────────────────────────────────────────────────────────────────────── */

static void assert_trace(struct scene *s, const char *before_id, const char *after_id)
{
	run(s);
	str trace = buf_str(&s->w.traces), id = str_from_z(s->w.id);
	ptrdiff_t at = str_find(trace, id);
	assert_true(id.n == 10 && at > 0);
	str before = str_first(trace, (size_t)at), after = str_skip(trace, (size_t)at + id.n);
	if (!str_equal(before, str_from_z(before_id)) || !str_equal(after, str_from_z(after_id)))
		fail_msg("%.*s", STR_ARG(trace));
	buf_clear(&s->w.traces);
	buf_clear(&s->input);
}

static void the_trace_says_who_it_was(void **state)
{
	struct scene *s = *state;
	say(s, ENVELOPE "DATA\r\n.\r\n");
	assert_trace(s,
		"Return-Path: <a@away.test>\r\n"
		"Received: from client.test (unknown [192.0.2.1]) by mx.here.test with SMTP\r\n"
		"\tid ",
		" for <alice@here.test>; Tue, 14 Nov 2023 22:13:20 +0000\r\n");
	s->r.protocol = SMTPD_LMTP;
	say(s, "LHLO x(y\r\nMAIL FROM:<>\r\nRCPT TO:<alice@here.test>\r\n"
	       "RCPT TO:<bob@here.test>\r\nDATA\r\n.\r\n");
	assert_trace(s,
		"Return-Path: <>\r\n"
		"Received: from x?y (unknown [192.0.2.1]) by mx.here.test with LMTP\r\n\tid ",
		"; Tue, 14 Nov 2023 22:13:20 +0000\r\n");
}

static const struct ip_network client_network = { { { [10] = 0xff, 0xff, 192, 0, 2, 1 } }, 128 };

static void who_a_front_end_says_it_was(void **state)
{
	struct scene *s = *state;
	static const char v2[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\x09\xc0\0\x02\x01"
				 "\x30\x39\0\x19";
	s->w.config.smtp.proxy_from = (struct ip_networks){ &client_network, 1 };
	buf_add(&s->input, str_from(v2, sizeof v2 - 1));
	say(s, ENVELOPE "DATA\r\n.\r\n");
	assert_trace(s,
		"Return-Path: <a@away.test>\r\n"
		"Received: from client.test (unknown [203.0.113.9]) by mx.here.test with SMTP\r\n"
		"\tid ",
		" for <alice@here.test>; Tue, 14 Nov 2023 22:13:20 +0000\r\n");
	struct ip seen;
	assert_true(ip_parse(STR("203.0.113.9"), &seen) && ip_equal(&seen, &s->w.last_entered));
	s->w.config.smtp.proxy_from.n = 0;
	s->w.config.smtp.xclient_from = (struct ip_networks){ &client_network, 1 };
	say(s, "XCLIENT NAME=front.test ADDR=IPV6:2001:db8::1\r\nEHLO client.test\r\n"
	       "MAIL FROM:<a@away.test>\r\nRCPT TO:<alice@here.test>\r\nDATA\r\n.\r\n");
	assert_trace(s,
		"Return-Path: <a@away.test>\r\n"
		"Received: from client.test (front.test [IPv6:2001:db8::1]) by "
		"mx.here.test\r\n\twith ESMTP id ",
		" for <alice@here.test>;\r\n\tTue, 14 Nov 2023 22:13:20 +0000\r\n");
	assert_true(ip_parse(STR("2001:db8::1"), &seen) && ip_equal(&seen, &s->w.last_entered));
}

#define scene_test(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		scene_test(a_long_line_is_passed_over),
		scene_test(a_line_without_end_ends_the_session),
		scene_test(long_lines_are_errors_too),
		scene_test(our_own_failures_are_no_errors),
		scene_test(a_silent_client_is_let_go),
		scene_test(a_message_that_does_not_go_on),
		scene_test(a_line_that_trickles),
		scene_test(a_message_that_trickles),
		scene_test(lmtp_answers_for_a_thousand),
		scene_test(destinations_are_limited),
		scene_test(memory_is_limited),
		scene_test(a_large_message_goes_through_the_spool),
		scene_test(without_a_spool_it_is_refused_for_now),
		scene_test(a_spool_that_cannot_be_written),
		scene_test(the_trace_says_who_it_was),
		scene_test(who_a_front_end_says_it_was),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
