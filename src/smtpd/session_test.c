/*
 * Conversations: what the client says, and exactly what it is told. Each is then repeated one byte
 * at a time, at every split point, cancelled at every wait, and with every call to the world
 * failing once.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "proto/smtp_reply.h"
#include "smtpd/session_conversations.h"

/* ── Running them ─────────────────────────────────────────────────────────────────────────── */

static void play(const struct conversation *c, struct testing_world *w, struct testing_run *r)
{
	r->protocol = c->protocol;
	if (c->prepare)
		c->prepare(w);
	testing_session(w, r);
	/* What was accepted is there; all that was said are replies. */
	if (c->protocol == SMTPD_SMTP)
		assert_true(r->accepted <= w->commits);
	struct smtp_reply_line line = { .last = true };
	str rest = buf_str(&r->output), one;
	while (str_cut(rest, '\n', &one, &rest)) {
		assert_true(str_ends(one, STR("\r")));
		one.n--;
		assert_true(smtp_reply_line_parse(one, &line));
	}
	assert_int_equal(one.n, 0);
	assert_true(line.last);
}

static void say(const struct conversation *c, struct buf *input)
{
	*input = BUF_INIT(64 * 1024);
	for (const struct step *s = c->steps; s < c->steps + ARRAY_LEN(c->steps) && s->say; s++)
		buf_add(input, str_from_z(s->say));
}

/* Takes one whole reply from the front of *out. */
static str take_reply(str *out)
{
	str all = *out, one;
	struct smtp_reply_line line = { .last = false };
	while (!line.last && str_cut(*out, '\n', &one, out))
		assert_true(smtp_reply_line_parse(str_trim(one), &line));
	return str_first(all, all.n - out->n);
}

static void check_told(const struct conversation *c, str out)
{
	for (const struct step *s = c->steps; s < c->steps + ARRAY_LEN(c->steps) && s->say; s++) {
		str told = s->told ? str_from_z(s->told) : take_reply(&out);
		if (s->told && !str_starts(out, told))
			fail_msg("%s: after %swanted %sgot %.*s", c->name, s->say, s->told,
				STR_ARG(out));
		if (s->told)
			out = str_skip(out, told.n);
		if (!s->told && told.n == 0)
			fail_msg("%s: no reply to %s", c->name, s->say);
	}
	if (out.n)
		fail_msg("%s: and then %.*s", c->name, STR_ARG(out));
}

static void each_reply_is_the_right_one(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(conversations); i++) {
		const struct conversation *c = &conversations[i];
		struct testing_world w;
		struct testing_run r = { 0 };
		struct buf input;
		testing_init(&w);
		say(c, &input);
		r.input = buf_str(&input);
		play(c, &w, &r);
		check_told(c, buf_str(&r.output));
		if (!str_equal(buf_str(&w.delivered), str_from_z(c->delivered)))
			fail_msg("%s: delivered %.*s", c->name, STR_ARG(buf_str(&w.delivered)));
		buf_done(&r.output);
		buf_done(&input);
		testing_done(&w);
	}
}

/* What a run of a conversation came to, for comparison. */
struct outcome {
	struct testing_world world;
	struct testing_run run;
};

static void outcome_of(const struct conversation *c, struct outcome *o, const struct outcome *like)
{
	struct testing_run run = like->run;
	unsigned fail_at = like->world.fail_at;
	int fail_with = like->world.fail_with;
	testing_init(&o->world);
	o->world.fail_at = fail_at;
	o->world.fail_with = fail_with;
	o->run = run;
	play(c, &o->world, &o->run);
}

static void outcome_done(struct outcome *o)
{
	buf_done(&o->run.output);
	testing_done(&o->world);
}

static void every_conversation(void (*fn)(const struct conversation *c, str input))
{
	for (size_t i = 0; i < ARRAY_LEN(conversations); i++) {
		struct buf input;
		say(&conversations[i], &input);
		fn(&conversations[i], buf_str(&input));
		buf_done(&input);
	}
}

/* In pieces of n bytes, for each n: one byte at a time, and a first split at every point. */
static void in_pieces(const struct conversation *c, str input)
{
	struct outcome whole, parts;
	outcome_of(c, &whole, &(struct outcome){ .run.input = input });
	for (size_t n = 1; n <= input.n; n++) {
		outcome_of(c, &parts, &(struct outcome){ .run = { .input = input, .piece = n } });
		if (!str_equal(buf_str(&parts.run.output), buf_str(&whole.run.output)))
			fail_msg("%s, in pieces of %zu: %.*s", c->name, n,
				STR_ARG(buf_str(&parts.run.output)));
		assert_true(str_equal(
			buf_str(&parts.world.delivered), buf_str(&whole.world.delivered)));
		outcome_done(&parts);
	}
	outcome_done(&whole);
}

static void the_same_in_pieces(void **state)
{
	every_conversation(in_pieces);
}

/* The end of input at every point: no reply beyond those that belong there, nothing delivered that
 * was not whole. */
static void cut_off(const struct conversation *c, str input)
{
	struct outcome whole, part;
	outcome_of(c, &whole, &(struct outcome){ .run.input = input });
	for (size_t n = 0; n < input.n; n++) {
		outcome_of(c, &part, &(struct outcome){ .run.input = str_first(input, n) });
		assert_true(str_starts(buf_str(&whole.run.output), buf_str(&part.run.output)));
		assert_true(str_starts(
			buf_str(&whole.world.delivered), buf_str(&part.world.delivered)));
		outcome_done(&part);
	}
	outcome_done(&whole);
}

static void a_client_that_hangs_up(void **state)
{
	every_conversation(cut_off);
}

static void cancelled(const struct conversation *c, str input)
{
	unsigned waits = UINT32_MAX;
	for (unsigned n = 1; n <= waits; n++) {
		struct outcome o;
		outcome_of(c, &o,
			&(struct outcome){ .run = { .input = input, .piece = 5, .cancel_at = n } });
		if (n == 1)
			waits = (unsigned)input.n;
		else if (o.run.waits < n) /* the session was over before */
			waits = n;
		outcome_done(&o);
	}
}

static void cancelled_at_every_wait(void **state)
{
	every_conversation(cancelled);
}

static unsigned count(str text, str what)
{
	unsigned n = 0;
	for (ptrdiff_t at; (at = str_find(text, what)) >= 0; n++)
		text = str_skip(text, (size_t)at + what.n);
	return n;
}

/* Each call to the world fails once: that is a temporary reply, one more than there were, and what
 * is accepted is still exactly what was delivered. */
static void with_faults(const struct conversation *c, str input)
{
	static const int errors[] = { -ECONNRESET, -ENOSPC, -ETIMEDOUT, -EMFILE, -EBADMSG };
	struct outcome whole, o;
	outcome_of(c, &whole, &(struct outcome){ .run.input = input });
	unsigned temporary = count(buf_str(&whole.run.output), STR("\r\n45"));
	for (unsigned n = 1; n <= whole.world.calls; n++) {
		struct outcome like = { .run.input = input,
			.world.fail_with = errors[n % ARRAY_LEN(errors)],
			.world.fail_at = n };
		outcome_of(c, &o, &like);
		str out = buf_str(&o.run.output);
		if (whole.run.accepted == 0) {
			assert_int_equal(o.run.accepted, 0);
		} else if (c->protocol == SMTPD_SMTP) {
			assert_true(o.run.accepted >= whole.run.accepted - 1);
			assert_int_equal(o.run.accepted, o.world.commits);
		}
		if (count(out, STR("\r\n45")) < temporary && o.run.accepted >= whole.run.accepted)
			fail_msg("%s, call %u fails: %.*s", c->name, n, STR_ARG(out));
		outcome_done(&o);
	}
	outcome_done(&whole);
}

static void every_call_fails_once(void **state)
{
	every_conversation(with_faults);
}

/* A recipient and a message that are refused, not what is taken. */
static void each_refusal_is_recorded(void **state)
{
	struct testing_world w;
	struct testing_run r = { .protocol = SMTPD_SMTP,
		.input = STR("EHLO client.test\r\nMAIL FROM:<a@away.test>\r\n"
			     "RCPT TO:<nobody@here.test>\r\nRCPT TO:<alice@here.test>\r\n"
			     "DATA\r\nx\ny\r\n.\r\nMAIL FROM:<a@away.test>\r\n"
			     "RCPT TO:<alice@here.test>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n") };
	testing_init(&w);
	testing_session(&w, &r);
	assert_int_equal(r.accepted, 1);
	assert_int_equal(w.refused, 2);
	buf_done(&r.output);
	testing_done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_reply_is_the_right_one),
		cmocka_unit_test(each_refusal_is_recorded),
		cmocka_unit_test(the_same_in_pieces),
		cmocka_unit_test(a_client_that_hangs_up),
		cmocka_unit_test(cancelled_at_every_wait),
		cmocka_unit_test(every_call_fails_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
