/*
 * The calls: what is kept between them, what a filter knows that was started in between, messages
 * in memory and in files, and requests that no smtpd makes.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "filter/filter.h"
#include "filter/judge_testing.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

struct scene {
	struct testing_judgement j; /* configuration, DNS, task, facts */
	struct filter filter;
	struct filter_calls calls;
	struct arena arena;
};

static void with_dns(void *context, struct task *t, filter_dns_fn *fn, void *arg)
{
	struct scene *s = context;
	fn(&s->j.table.dns, NULL, arg);
}

static void scene_init(struct scene *s, const struct testing_case *c)
{
	testing_judge_init(&s->j, c);
	s->arena = ARENA_INIT(64 * 1024 * 1024);
	s->filter = (struct filter){ .config = s->j.config,
		.envelopes = envelope_cache_new(),
		.keys = dkim_keys_new(4),
		.with_dns = with_dns,
		.context = s };
	s->calls = (struct filter_calls){ &filter_functions, &s->filter };
}

static void scene_done(struct scene *s)
{
	envelope_cache_free(s->filter.envelopes);
	dkim_keys_free(s->filter.keys);
	arena_done(&s->arena);
	testing_judge_done(&s->j);
}

static struct filter_envelope_request envelope_of(struct scene *s)
{
	const struct judge_facts *f = &s->j.message.facts;
	return (struct filter_envelope_request){ .id = f->id,
		.door = f->door,
		.client = str_from(f->client.bytes, sizeof f->client.bytes),
		.port = f->port,
		.client_name = STR_EMPTY,
		.helo = f->helo,
		.sender = f->sender,
		.tls = STR_EMPTY,
		.domain = f->domain };
}

static struct filter_judge_request judge_of(struct scene *s)
{
	const struct judge_facts *f = &s->j.message.facts;
	static const str recipients[] = { { "b@here.test", 11 } };
	return (struct filter_judge_request){ .id = f->id,
		.door = f->door,
		.client = str_from(f->client.bytes, sizeof f->client.bytes),
		.port = f->port,
		.client_name = STR_EMPTY,
		.helo = f->helo,
		.sender = f->sender,
		.tls = STR_EMPTY,
		.domain = f->domain,
		.recipients = { recipients, 1 },
		.content = s->j.message.content,
		.message = -1,
		.size = s->j.message.content.n,
		.received = TESTING_WALL };
}

static int call_envelope(struct scene *s, struct filter_envelope_reply *out)
{
	struct filter_envelope_request in = envelope_of(s);
	return filter_envelope(s->j.task, &s->calls, &in, &s->arena, out);
}

static int call_judge(struct scene *s, struct filter_judge_reply *out)
{
	struct filter_judge_request in = judge_of(s);
	return filter_judge(s->j.task, &s->calls, &in, &s->arena, out);
}

static const struct testing_case passing = {
	.dns = SIGNED_KEY "1.2.0.192.in-addr.arpa PTR mail.away.test\n"
			  "mail.away.test A 192.0.2.1\naway.test TXT v=spf1 ip4:192.0.2.1 -all\n"
			  "_dmarc.football.example.com TXT v=DMARC1; p=reject\n",
	.message = SIGNED,
};

/* ── Between the calls ────────────────────────────────────────────────────────────────────── */

static void the_envelope_is_asked_about_once(void **state)
{
	struct scene s;
	scene_init(&s, &passing);
	struct filter_envelope_reply early;
	struct filter_judge_reply first, again;
	assert_int_equal(call_envelope(&s, &early), 0);
	assert_int_equal(early.code, 0);
	assert_int_equal(envelope_cache_count(s.filter.envelopes), 1);
	unsigned envelope = s.j.table.questions;
	assert_int_equal(call_judge(&s, &first), 0);
	unsigned message = s.j.table.questions - envelope;
	assert_int_equal(envelope_cache_count(s.filter.envelopes), 0);

	/* As by a filter that was started in between: all is asked again, and comes out the same.
	 */
	s.j.table.questions = 0;
	assert_int_equal(call_judge(&s, &again), 0);
	assert_int_equal(s.j.table.questions, envelope + message);
	assert_true(envelope > 2 && message > 1);
	assert_true(str_equal(first.fields, again.fields));
	assert_true(str_equal(first.findings, again.findings));
	assert_int_equal(first.score, again.score);
	assert_true(str_equal(first.client_name, STR("mail.away.test")));
	scene_done(&s);
}

static void the_cache_is_bounded(void **state)
{
	struct envelope_cache *c = envelope_cache_new();
	char id[32];
	for (unsigned i = 0; i < ENVELOPE_CACHE_MAX + 5; i++) {
		snprintf(id, sizeof id, "%u", i);
		envelope_cache_add(c, str_from_z(id), envelope_entry_new(), (int64_t)i);
	}
	assert_int_equal(envelope_cache_count(c), ENVELOPE_CACHE_MAX);
	assert_null(envelope_cache_take(c, STR("4"), 2000));
	struct envelope_entry *e = envelope_cache_take(c, STR("5"), 2000);
	assert_non_null(e);
	assert_null(envelope_cache_take(c, STR("5"), 2000));
	envelope_cache_add(c, STR("6"), e, 2000); /* in place of the one before */
	assert_int_equal(envelope_cache_count(c), ENVELOPE_CACHE_MAX - 1);
	/* All but that one are too old. */
	assert_null(envelope_cache_take(c, STR("7"), ENVELOPE_CACHE_TIME + 1500));
	assert_int_equal(envelope_cache_count(c), 1);
	assert_null(envelope_cache_take(c, STR("6"), 2 * ENVELOPE_CACHE_TIME + 2001));
	assert_int_equal(envelope_cache_count(c), 0);
	envelope_cache_add(c, STR("8"), envelope_entry_new(), 0);
	envelope_cache_free(c);
	envelope_entry_free(NULL);
}

static void an_early_refusal(void **state)
{
	struct testing_case c = passing;
	c.config = "auth: { spf_fail = \"reject\"; };";
	c.dns = "away.test TXT v=spf1 -all exp=why.away.test\nwhy.away.test TXT Because\n";
	struct scene s;
	struct filter_envelope_reply early;
	scene_init(&s, &c);
	assert_int_equal(call_envelope(&s, &early), 0);
	assert_int_equal(early.code, 550);
	assert_int_equal(early.detail, 23);
	assert_true(str_find(early.text, STR("It explains: Because")) > 0);
	scene_done(&s);
	/* Not where the message may show something that speaks for it. */
	c.config = "auth: { spf_fail = \"reject\"; allow_domains = [ \"x.test\" ]; };";
	scene_init(&s, &c);
	assert_int_equal(call_envelope(&s, &early), 0);
	assert_int_equal(early.code, 0);
	scene_done(&s);
}

/* ── Messages ─────────────────────────────────────────────────────────────────────────────── */

static void a_file_is_judged_as_memory_is(void **state)
{
	struct scene s;
	scene_init(&s, &passing);
	struct filter_judge_reply memory, file;
	assert_int_equal(call_judge(&s, &memory), 0);
	struct filter_judge_request in = judge_of(&s);
	in.message = memfd_create("spool", MFD_CLOEXEC);
	assert_int_equal(write(in.message, in.content.p, in.content.n), in.content.n);
	in.content = STR_EMPTY;
	assert_int_equal(filter_judge(s.j.task, &s.calls, &in, &s.arena, &file), 0);
	assert_true(str_equal(memory.fields, file.fields));
	assert_true(str_find(file.fields, STR("dkim=pass")) > 0);
	assert_int_equal(memory.score, file.score);
	assert_true(memory.score < 0);
	/* A file that is shorter than said would end this process when it is read. */
	in.size++;
	assert_int_equal(filter_judge(s.j.task, &s.calls, &in, &s.arena, &file), -EINVAL);
	close(in.message);
	scene_done(&s);
}

/* What the antivirus is asked: the message as it came here. */
struct asked {
	unsigned n;
	str content;
	int message;
	uint64_t size;
	int rc;
	struct antivirus_scan_reply reply;
};

static int scan(struct task *t, void *self, const struct antivirus_scan_request *in,
	struct arena *a, struct antivirus_scan_reply *out)
{
	struct asked *asked = self;
	asked->n++;
	asked->content = in->content;
	asked->message = in->message;
	asked->size = in->size;
	assert_int_equal(in->digest.n, 32);
	assert_true(str_equal(in->id, STR("0123456789")));
	*out = asked->reply;
	return asked->rc;
}

static void the_antivirus_is_asked(void **state)
{
	static const struct antivirus_ops ops = { .scan = scan };
	struct asked asked = { .reply = { .result = SCAN_INFECTED,
				       .signature = STR("Eicar"),
				       .server = STR("s"),
				       .why = STR_EMPTY } };
	const struct antivirus_calls calls = { &ops, &asked };
	struct scene s;
	struct filter_judge_reply out;
	scene_init(&s, &passing);
	s.filter.antivirus = &calls;
	assert_int_equal(call_judge(&s, &out), 0);
	assert_int_equal(out.action, JUDGE_REJECT);
	assert_true(str_equal(asked.content, STR(SIGNED)) && asked.message == -1);
	struct filter_judge_request in = judge_of(&s);
	in.message = memfd_create("spool", MFD_CLOEXEC);
	assert_int_equal(write(in.message, in.content.p, in.content.n), in.content.n);
	in.content = STR_EMPTY;
	assert_int_equal(filter_judge(s.j.task, &s.calls, &in, &s.arena, &out), 0);
	assert_int_equal(out.action, JUDGE_REJECT);
	assert_true(asked.content.n == 0 && asked.message == in.message && asked.size == in.size);
	close(in.message);
	/* A process that is gone, or talks nonsense, has not scanned it. */
	static const int results[] = { -ECONNRESET, -ETIMEDOUT, -EMSGSIZE, 0 };
	static const char *const reasons[] = { "the antivirus process is not there",
		"no answer in time", "the antivirus process failed",
		"the antivirus process failed" };
	asked.reply.result = 4;
	for (size_t i = 0; i < ARRAY_LEN(results); i++) {
		asked.rc = results[i];
		assert_int_equal(call_judge(&s, &out), 0);
		assert_int_equal(out.action, JUDGE_ACCEPT);
		assert_true(str_find(out.fields, str_from_z(reasons[i])) > 0);
		assert_true(str_find(out.record, STR("VIRUS_FAILED")) > 0);
	}
	assert_int_equal(asked.n, 6);
	s.filter.antivirus = NULL;
	assert_int_equal(call_judge(&s, &out), 0);
	assert_int_equal(asked.n, 6);
	scene_done(&s);
}

static void cuts_and_scores_travel(void **state)
{
	struct testing_case c = passing;
	c.message = "A: 1\r\nAuthentication-Results: mx.here.test; none\r\nB: 2\r\n"
		    "Authentication-Results: mx.here.test; none\r\n\r\nx";
	struct scene s;
	struct filter_judge_reply out;
	scene_init(&s, &c);
	assert_int_equal(call_judge(&s, &out), 0);
	assert_int_equal(out.cuts.n, 4);
	assert_int_equal(out.cuts.v[0], 6);
	assert_int_equal(out.cuts.v[1], 44);
	assert_int_equal(out.cuts.v[2], 56);
	assert_int_equal(out.cuts.v[3], 44);
	scene_done(&s);
}

/* Nothing is asked about it, nor found. */
static void a_client_that_is_not_known(void **state)
{
	struct scene s;
	struct filter_envelope_reply early;
	struct filter_judge_reply out;
	scene_init(&s, &passing);
	struct filter_envelope_request e = envelope_of(&s);
	struct filter_judge_request in = judge_of(&s);
	e.client = in.client = STR_EMPTY;
	for (int cached = 1; cached >= 0; cached--) {
		if (cached)
			assert_int_equal(
				filter_envelope(s.j.task, &s.calls, &e, &s.arena, &early), 0);
		assert_int_equal(s.j.table.questions, 0);
		assert_int_equal(filter_judge(s.j.task, &s.calls, &in, &s.arena, &out), 0);
		assert_true(str_find(out.findings, STR("DKIM_VALID")) >= 0);
		assert_true(str_find(out.findings, STR("SPF_")) < 0);
		assert_true(str_find(out.findings, STR("RDNS_")) < 0);
		assert_true(str_find(out.findings, STR("HELO_")) < 0);
		assert_int_equal(out.client_name.n, 0);
		s.j.table.questions = 0;
	}
	scene_done(&s);
}

static void nonsense_is_refused(void **state)
{
	struct scene s;
	struct filter_judge_reply out;
	struct filter_envelope_reply early;
	scene_init(&s, &passing);
	struct filter_judge_request in = judge_of(&s);
	in.client = STR("abc");
	assert_int_equal(filter_judge(s.j.task, &s.calls, &in, &s.arena, &out), -EINVAL);
	in = judge_of(&s);
	in.size++;
	assert_int_equal(filter_judge(s.j.task, &s.calls, &in, &s.arena, &out), -EINVAL);
	struct filter_envelope_request e = envelope_of(&s);
	e.id = STR_EMPTY;
	assert_int_equal(filter_envelope(s.j.task, &s.calls, &e, &s.arena, &early), -EINVAL);
	e.id = str_from(passing.message, 65);
	assert_int_equal(filter_envelope(s.j.task, &s.calls, &e, &s.arena, &early), -EINVAL);
	e.id = STR("a\0b");
	assert_int_equal(filter_envelope(s.j.task, &s.calls, &e, &s.arena, &early), -EINVAL);
	assert_int_equal(envelope_cache_count(s.filter.envelopes), 0);
	scene_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_envelope_is_asked_about_once),
		cmocka_unit_test(the_cache_is_bounded),
		cmocka_unit_test(an_early_refusal),
		cmocka_unit_test(a_file_is_judged_as_memory_is),
		cmocka_unit_test(the_antivirus_is_asked),
		cmocka_unit_test(cuts_and_scores_travel),
		cmocka_unit_test(a_client_that_is_not_known),
		cmocka_unit_test(nonsense_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
