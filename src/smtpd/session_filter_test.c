/*
 * What a session makes of a verdict: each action, small and spooled messages, cuts at each place, a
 * filter that is gone or talks nonsense, and recipients whose domains have different rules.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "smtpd/session_testing.h"

#include <stdio.h>

#define HELLO "220 mx.here.test ESMTP Postern\r\n250 mx.here.test\r\n"
#define ENVELOPE "HELO client.test\r\nMAIL FROM:<a@away.test>\r\nRCPT TO:<alice@here.test>\r\n"
#define ENVELOPE_TOLD HELLO "250 2.1.0 Sender ok\r\n250 2.1.5 Recipient ok\r\n"
#define GO "354 End with a line that has only a dot\r\n"
#define BYE "221 2.0.0 mx.here.test closing the connection\r\n"
#define ACCEPTED "250 2.0.0 Ok: accepted as ID\r\n"
#define FIELDS "Authentication-Results: mx.here.test; spf=none\r\n"
#define HEADER "A: 1\r\nB: 2\r\nC: 3\r\n\r\n"

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
	s->w.verdict.fields = STR(FIELDS);
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

static void run(struct scene *s)
{
	buf_done(&s->r.output);
	buf_clear(&s->w.delivered);
	buf_clear(&s->w.traces);
	buf_clear(&s->w.records);
	s->w.quarantined = s->w.copies = s->w.recalled = s->w.forgiven = 0;
	s->w.commits = s->w.judged = s->w.junk = s->w.found_spam = s->w.found_ham = 0;
	s->w.counts = (struct smtpd_counts){ 0 };
	s->r.input = buf_str(&s->input);
	testing_session(&s->w, &s->r);
}

static void assert_told(const struct scene *s, const char *told)
{
	str out = buf_str(&s->r.output);
	if (!str_equal(out, str_from_z(told)))
		fail_msg("wanted %sgot %.*s", told, STR_ARG(str_first(out, 4096)));
}

/* A message: HEADER and so many bytes of body. */
static void say_message(struct scene *s, size_t body)
{
	buf_clear(&s->input);
	say(s, ENVELOPE "DATA\r\n" HEADER);
	for (size_t i = 0; i < body / 10; i++)
		say(s, "12345678\r\n");
	say(s, ".\r\nQUIT\r\n");
}

static const size_t bodies[] = { 50, 100000 }; /* in memory; in the spool */

static void verdict(struct scene *s, enum judge_action action, unsigned code, unsigned klass,
	unsigned subject, unsigned detail, const char *text)
{
	s->w.config.smtp.max_message_size = 1 << 20;
	s->w.verdict.action = action;
	s->w.verdict.code = code;
	s->w.verdict.klass = klass;
	s->w.verdict.subject = subject;
	s->w.verdict.detail = detail;
	s->w.verdict.text = str_from_z(text);
}

static void accepted_and_junk(void **state)
{
	struct scene *s = *state;
	for (size_t i = 0; i < 2 * ARRAY_LEN(bodies); i++) {
		verdict(s, i & 1 ? JUDGE_JUNK : JUDGE_ACCEPT, 0, 0, 0, 0, "");
		s->w.verdict.client_name = STR("client.away.test");
		say_message(s, bodies[i / 2]);
		run(s);
		assert_told(s, ENVELOPE_TOLD GO ACCEPTED BYE);
		assert_int_equal(s->w.judged, 1);
		assert_int_equal(s->w.junk, i & 1);
		assert_int_equal(s->w.found_spam, i & 1);
		assert_int_equal(s->w.found_ham, !(i & 1));
		assert_int_equal(s->w.counts.accepted, 1);
		/* Received, then what was found, then the message as it came. */
		str traces = buf_str(&s->w.traces);
		assert_true(str_ends(traces, STR("\r\n" FIELDS)));
		assert_true(str_find(traces, STR("Received: from client.test (client.away.test "
						 "[192.0.2.1])")) > 0);
		assert_true(str_starts(buf_str(&s->w.delivered), STR("1\n" HEADER "12345678\r\n")));
		assert_int_equal(s->w.delivered.n, 2 + strlen(HEADER) + bodies[i / 2]);
	}
}

static void refused(void **state)
{
	struct scene *s = *state;
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		say_message(s, bodies[i]);
		verdict(s, JUDGE_REJECT, 550, 5, 7, 1, "The policy says no");
		run(s);
		assert_told(s, ENVELOPE_TOLD GO "550 5.7.1 The policy says no (ID)\r\n" BYE);
		assert_int_equal(s->w.counts.refused, 1);
		assert_int_equal(s->w.found_spam, 1);
		verdict(s, JUDGE_TEMPFAIL, 451, 4, 4, 3, "The DNS does not answer");
		run(s);
		assert_told(s, ENVELOPE_TOLD GO "451 4.4.3 The DNS does not answer (ID)\r\n" BYE);
		assert_int_equal(s->w.counts.deferred, 1);
		assert_int_equal(s->w.found_spam + s->w.found_ham, 0); /* it comes again */
		assert_int_equal(s->w.commits, 0);
		assert_int_equal(s->w.judged, 1);
	}
}

#define NOT_NOW "451 4.3.0 The message cannot be examined at the moment, try again later (ID)\r\n"
#define FAILED                                                                                     \
	"451 4.3.0 The message could not be examined: the filter failed over it, try again later " \
	"(ID)\r\n"

/* The filter is not there, or our machine lacks something: that is no message's fault. */
static void without_a_filter_it_is_put_off(void **state)
{
	static const int errors[] = { -ENOTCONN, -ENOMEM, -ECANCELED, -EIO };
	struct scene *s = *state;
	verdict(s, JUDGE_ACCEPT, 0, 0, 0, 0, "");
	say_message(s, 50);
	for (size_t k = 0; k < ARRAY_LEN(errors); k++) {
		s->w.fail_at = s->w.calls + 3;
		s->w.fail_with = errors[k];
		run(s);
		assert_told(s, ENVELOPE_TOLD GO NOT_NOW BYE);
		assert_int_equal(s->w.commits + s->w.failures + s->w.copies, 0);
	}
}

static void without_a_verdict_it_is_put_off(void **state)
{
	static const int errors[] = { -ECONNRESET, -ETIMEDOUT, -EBADMSG, -EINVAL, -EMSGSIZE };
	struct scene *s = *state;
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		unsigned judge = i == 0 ? 3 : 4; /* 1: the directory, 2: envelope, 3: the spool */
		verdict(s, JUDGE_ACCEPT, 0, 0, 0, 0, "");
		say_message(s, bodies[i]);
		for (size_t k = 0; k < ARRAY_LEN(errors); k++) {
			s->w.fail_at = s->w.calls + judge;
			s->w.fail_with = errors[k];
			run(s);
			assert_told(s, ENVELOPE_TOLD GO FAILED BYE);
			assert_int_equal(s->w.commits, 0);
			assert_int_equal(s->w.failures, 1);
			s->w.failures = 0;
			s->w.suspects = 0;
			/* The envelope alone may go unanswered. */
			s->w.fail_at = s->w.calls + 2;
			run(s);
			assert_told(s, ENVELOPE_TOLD GO ACCEPTED BYE);
		}
	}
}

static void nonsense_is_no_verdict(void **state)
{
	static const uint64_t beyond[] = { 0, 1000 }, backwards[] = { 6, 6, 0, 6 }, odd[] = { 3 },
			      overlap[] = { 0, 8, 6, 6 }, wraps[] = { 6, UINT64_MAX };
	static const struct ipc_u64s cuts[] = { { beyond, 2 }, { backwards, 4 }, { odd, 1 },
		{ overlap, 4 }, { wraps, 2 } };
	struct scene *s = *state;
	say_message(s, 50);
	for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
		verdict(s, JUDGE_ACCEPT, 0, 0, 0, 0, "");
		s->w.verdict.cuts = cuts[i];
		run(s);
		assert_told(s, ENVELOPE_TOLD GO FAILED BYE);
		s->w.failures = 0;
	}
	s->w.verdict.cuts = (struct ipc_u64s){ 0 };
	verdict(s, 17, 0, 0, 0, 0, "");
	run(s);
	assert_told(s, ENVELOPE_TOLD GO FAILED BYE);
	s->w.failures = 0;
	verdict(s, JUDGE_REJECT, 0, 0, 0, 0, "");
	run(s);
	assert_told(s, ENVELOPE_TOLD GO FAILED BYE);
	s->w.failures = 0;
	verdict(s, JUDGE_ACCEPT, 550, 5, 7, 1, "x");
	run(s);
	assert_told(s, ENVELOPE_TOLD GO FAILED BYE);
	assert_int_equal(s->w.commits, 0);
}

/* ── Messages over which the filter fails ─────────────────────────────────────────────────── */

#define CLAIMS                                                                                     \
	"Authentication-Results: mx.here.test; dmarc=pass\r\nX-Spam-Status: No\r\n"                \
	"X-Virus-Status: Clean\r\n"

/* The second time it is taken, tagged, kept aside, and what it claims of itself is gone. */
static void the_second_failure_is_the_last(void **state)
{
	struct scene *s = *state;
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		unsigned judge = i == 0 ? 3 : 4;
		verdict(s, JUDGE_ACCEPT, 0, 0, 0, 0, "");
		s->w.failures = 0;
		s->w.suspects = 0;
		s->w.fail_with = -ECONNRESET;
		for (unsigned n = 1; n <= 2; n++) {
			buf_clear(&s->input);
			say(s, ENVELOPE "DATA\r\n");
			say(s, n == 1 ? "Received: by one\r\n" : "Received: by another\r\n");
			say(s, CLAIMS "From: x\r\n" HEADER);
			for (size_t k = 0; k < bodies[i] / 10; k++)
				say(s, "12345678\r\n");
			say(s, ".\r\nQUIT\r\n");
			s->w.fail_at = s->w.calls + judge;
			run(s);
			assert_told(s, n == 1 ? ENVELOPE_TOLD GO FAILED BYE
					      : ENVELOPE_TOLD GO ACCEPTED BYE);
			assert_int_equal(s->w.failures, n);
			assert_int_equal(s->w.recalled, n == 2); /* nothing was known before */
		}
		/* What a server adds on the way makes no other message of it. */
		assert_memory_equal(s->w.digests[0], s->w.digests[1], 32);
		assert_int_equal(s->w.commits, 1);
		assert_int_equal(s->w.copies, 1);
		assert_int_equal(s->w.junk, 1);
		assert_int_equal(s->w.found_spam, 1);
		str traces = buf_str(&s->w.traces), record = buf_str(&s->w.records);
		assert_true(str_find(traces,
				    STR("\r\nAuthentication-Results: mx.here.test; none")) > 0);
		assert_true(str_find(traces, STR("\r\nX-Spam-Flag: YES\r\n")) > 0);
		assert_true(str_find(traces, STR("tests=FILTER_FAILED")) > 0);
		assert_true(str_find(traces, STR("dmarc=pass")) < 0);
		assert_true(str_find(traces, STR("X-Spam-Status: No")) < 0);
		assert_true(str_find(traces, STR("X-Virus-Status")) < 0);
		assert_true(str_find(buf_str(&s->w.delivered), STR("dmarc=pass")) < 0);
		assert_true(str_find(record, STR("\"kept\":true")) > 0);
		assert_true(str_find(record, STR("FILTER_FAILED")) > 0);
		assert_true(str_find(record, STR("2 times, at first as AAAAAAAAAA")) > 0);
		assert_true(str_find(record, STR("\"action\":\"junk\"")) > 0);
	}
}

/* No filter gets what has failed often enough, and others are judged as ever. */
static void a_poisonous_message_is_not_judged(void **state)
{
	struct scene *s = *state;
	verdict(s, JUDGE_ACCEPT, 0, 0, 0, 0, "");
	say_message(s, 50);
	s->w.failures = 2;
	s->w.suspects = 1;
	s->w.shunned = true;
	run(s);
	assert_told(s, ENVELOPE_TOLD GO ACCEPTED BYE);
	assert_int_equal(s->w.judged, 0);
	assert_int_equal(s->w.junk, 1);
	assert_int_equal(s->w.copies, 1);
	assert_int_equal(s->w.failures, 2);
	/* Without a place to keep it aside it is delivered, and the record says so. */
	s->w.quarantine_fails = -ENOSPC;
	run(s);
	assert_told(s, ENVELOPE_TOLD GO ACCEPTED BYE);
	assert_int_equal(s->w.commits, 1);
	assert_true(str_find(buf_str(&s->w.records), STR("\"kept\":false")) > 0);
	s->w.shunned = false;
	run(s);
	assert_told(s, ENVELOPE_TOLD GO ACCEPTED BYE);
	assert_int_equal(s->w.judged, 1);
	assert_int_equal(s->w.forgiven, 1);
	assert_int_equal(s->w.copies, 0);
}

/* What follows from the finding is the configuration's choice. */
static void what_is_not_judged_goes_where_it_should(void **state)
{
	static const struct {
		struct config_finding finding;
		const char *told;
		unsigned commits, junk, quarantined, copies;
	} rows[] = {
		{ { .has_score = true, .score = 1 }, ACCEPTED, 1, 0, 0, 1 },
		{ { .has_mode = true, .mode = CONFIG_MODE_OFF }, ACCEPTED, 1, 0, 0, 1 },
		{ { .has_mode = true, .mode = CONFIG_MODE_QUARANTINE }, ACCEPTED, 0, 0, 1, 0 },
		{ { .has_mode = true, .mode = CONFIG_MODE_REJECT },
			"550 5.7.1 The filter failed over the message: it is not judged. "
			"(FILTER_FAILED: the filter failed over this message 2 times, at first as "
			"AAAAAAAAAA: it is not judged) (ID)\r\n",
			0, 0, 0, 0 },
	};
	struct scene *s = *state;
	verdict(s, JUDGE_ACCEPT, 0, 0, 0, 0, "");
	say_message(s, 50);
	s->w.failures = 2;
	s->w.suspects = 1;
	s->w.shunned = true;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct config_finding finding = rows[i].finding;
		char told[1024];
		finding.index = FINDING_FILTER_FAILED;
		s->w.config.filter.findings = (struct config_findings){ &finding, 1 };
		run(s);
		snprintf(told, sizeof told, "%s%s", ENVELOPE_TOLD GO, rows[i].told);
		assert_true(str_starts(buf_str(&s->r.output), str_from_z(told)));
		assert_int_equal(s->w.commits, rows[i].commits);
		assert_int_equal(s->w.junk, rows[i].junk);
		assert_int_equal(s->w.quarantined, rows[i].quarantined);
		assert_int_equal(s->w.copies, rows[i].copies);
	}
	s->w.config.filter.findings = (struct config_findings){ 0 };
}

static void quarantined(void **state)
{
	struct scene *s = *state;
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		say_message(s, bodies[i]);
		verdict(s, JUDGE_QUARANTINE, 0, 0, 0, 0, "");
		s->w.verdict.why = STR("it scores 9");
		s->w.quarantine_fails = 0;
		run(s);
		assert_told(s, ENVELOPE_TOLD GO ACCEPTED BYE);
		assert_int_equal(s->w.commits, 0);
		assert_int_equal(s->w.quarantined, 1);
		s->w.quarantine_fails = -ENOSPC;
		run(s);
		assert_told(s, ENVELOPE_TOLD GO "452 4.3.1 No space left for this message, try "
						"again later (ID)\r\n" BYE);
		s->w.quarantine_fails = -EUCLEAN;
		run(s);
		assert_told(s, ENVELOPE_TOLD GO
			"451 4.3.0 Cannot store this message now, try again later (ID)\r\n" BYE);
	}
}

/* Each set of the three fields is cut out; what is left is the same, wherever it is stored. */
static void fields_are_cut_out(void **state)
{
	struct scene *s = *state;
	static const char *const fields[] = { "A: 1\r\n", "B: 2\r\n", "C: 3\r\n" };
	for (unsigned set = 0; set < 8; set++)
		for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
			uint64_t cuts[6];
			size_t n = 0;
			struct buf left CLEANUP(buf_done) = BUF_INIT(1024);
			for (unsigned k = 0; k < 3; k++) {
				if (set >> k & 1) {
					cuts[n++] = 6 * k;
					cuts[n++] = 6;
				} else {
					buf_add(&left, str_from_z(fields[k]));
				}
			}
			buf_add(&left, STR("\r\n12345678\r\n"));
			verdict(s, JUDGE_ACCEPT, 0, 0, 0, 0, "");
			s->w.verdict.cuts = (struct ipc_u64s){ cuts, n };
			say_message(s, bodies[i]);
			run(s);
			assert_told(s, ENVELOPE_TOLD GO ACCEPTED BYE);
			/* Trace and message together are what is stored. */
			ptrdiff_t at = str_find(buf_str(&s->w.traces), STR(FIELDS));
			assert_true(at > 0);
			str front = str_skip(buf_str(&s->w.traces), (size_t)at + strlen(FIELDS));
			str behind = str_skip(buf_str(&s->w.delivered), 2);
			assert_int_equal(front.n + behind.n, strlen(HEADER) + bodies[i] - 3 * n);
			struct buf whole CLEANUP(buf_done) = BUF_INIT(1 << 20);
			buf_add(&whole, front);
			buf_add(&whole, behind);
			assert_true(str_starts(buf_str(&whole), buf_str(&left)));
		}
}

static void an_early_refusal_needs_no_transfer(void **state)
{
	struct scene *s = *state;
	s->w.early = (struct filter_envelope_reply){
		.code = 550, .klass = 5, .subject = 7, .detail = 23, .text = STR("SPF says no")
	};
	say(s, ENVELOPE "DATA\r\nNOOP\r\nMAIL FROM:<a@away.test>\r\nRCPT TO:<alice@here.test>\r\n"
			"BDAT 4 LAST\r\nabcdQUIT\r\n");
	run(s);
	assert_told(s, ENVELOPE_TOLD "550 5.7.23 SPF says no (ID)\r\n250 2.0.0 Ok\r\n"
				     "250 2.1.0 Sender ok\r\n250 2.1.5 Recipient ok\r\n"
				     "550 5.7.23 SPF says no (ID)\r\n" BYE);
	assert_int_equal(s->w.judged + s->w.commits, 0);
}

static void lmtp_and_a_filter_that_is_off(void **state)
{
	struct scene *s = *state;
	verdict(s, JUDGE_REJECT, 550, 5, 7, 1, "no");
	say_message(s, 50);
	s->w.config.filter.enabled = false;
	run(s);
	assert_told(s, ENVELOPE_TOLD GO ACCEPTED BYE);
	assert_int_equal(s->w.judged, 0);
	s->w.config.filter.enabled = true;
	s->r.protocol = SMTPD_LMTP;
	buf_clear(&s->input);
	say(s, "LHLO a\r\nMAIL FROM:<a@away.test>\r\nRCPT TO:<alice@here.test>\r\n"
	       "DATA\r\nx\r\n.\r\n");
	run(s);
	assert_int_equal(s->w.judged, 0);
	assert_int_equal(s->w.commits, 1);
}

static void a_message_has_one_verdict(void **state)
{
	static const struct config_domain domains[] = { { .name = { "here.test", 9 } } };
	struct scene *s = *state;
	s->w.config.domains = (struct config_domains){ domains, 1 };
	/* postmaster has no domain: the rules for all. */
	say(s, "HELO client.test\r\nMAIL FROM:<a@away.test>\r\nRCPT TO:<alice@HERE.test>\r\n"
	       "RCPT TO:<bob@here.test>\r\nRCPT TO:<postmaster>\r\nRSET\r\n"
	       "MAIL FROM:<a@away.test>\r\nRCPT TO:<postmaster>\r\nRCPT TO:<bob@here.test>\r\n"
	       "QUIT\r\n");
#define OTHER                                                                                      \
	"452 4.5.3 This domain has other rules than the first recipient's: send it "               \
	"separately\r\n"
	run(s);
	assert_told(s, ENVELOPE_TOLD "250 2.1.5 Recipient ok\r\n" OTHER "250 2.0.0 Ok\r\n"
				     "250 2.1.0 Sender ok\r\n250 2.1.5 Recipient ok\r\n" OTHER BYE);
	s->w.config.filter.enabled = false;
	run(s);
	assert_true(str_find(buf_str(&s->r.output), STR("452")) < 0);
}

/* One recipient refuses the sender; whether that refuses the message is the mode's affair. */
static void a_recipient_may_refuse_the_sender(void **state)
{
	static const struct config_finding quiet[] = {
		{ .index = FINDING_LOCAL_BLOCK_IP, .has_mode = true, .mode = CONFIG_MODE_SCORE }
	};
	struct scene *s = *state;
	verdict(s, JUDGE_ACCEPT, 0, 0, 0, 0, "");
	say(s, ENVELOPE "RCPT TO:<bob@here.test>\r\nDATA\r\n" HEADER ".\r\nQUIT\r\n");
#define TAKES "550 5.7.1 This recipient takes no mail from "
	s->w.blocked = DIRECTORY_DOMAIN;
	run(s);
	assert_told(s, ENVELOPE_TOLD TAKES "a@away.test (ID)\r\n" GO ACCEPTED BYE);
	assert_true(str_starts(buf_str(&s->w.delivered), STR("1\n")));
	s->w.blocked = DIRECTORY_IP;
	run(s);
	assert_told(s, ENVELOPE_TOLD TAKES "192.0.2.1 (ID)\r\n" GO ACCEPTED BYE);
	s->w.config.filter.findings = (struct config_findings){ quiet, 1 };
	run(s);
	assert_told(s, ENVELOPE_TOLD "250 2.1.5 Recipient ok\r\n" GO ACCEPTED BYE);
	assert_true(str_starts(buf_str(&s->w.delivered), STR("1 2\n")));
	/* Over LMTP nothing is judged. */
	s->w.config.filter.findings.n = 0;
	s->r.protocol = SMTPD_LMTP;
	buf_clear(&s->input);
	say(s, "LHLO a\r\nMAIL FROM:<a@away.test>\r\nRCPT "
	       "TO:<bob@here.test>\r\nDATA\r\nx\r\n.\r\n");
	run(s);
	assert_int_equal(s->w.commits, 1);
}

static const struct ip_network client_network = { { { [10] = 0xff, 0xff, 192, 0, 2, 1 } }, 128 };

/* What comes through a front end that does not know its client is not judged by its own address. */
static void nobody_knows_the_client(void **state)
{
	static const char *const values[] = { "[UNAVAILABLE]", "[TEMPUNAVAIL]" };
	struct scene *s = *state;
	verdict(s, JUDGE_ACCEPT, 0, 0, 0, 0, "");
	s->w.config.smtp.xclient_from = (struct ip_networks){ &client_network, 1 };
	s->w.blocked = DIRECTORY_DOMAIN;
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		buf_clear(&s->input);
		buf_printf(&s->input,
			"XCLIENT ADDR=%s\r\n" ENVELOPE "RCPT TO:<bob@here.test>\r\nDATA\r\n" HEADER
			".\r\n",
			values[i]);
		run(s);
		assert_int_equal(s->w.commits, 1);
		assert_false(s->w.client_known);
		assert_true(ip_equal(&s->w.last_entered, &s->w.client));
		assert_true(str_find(buf_str(&s->w.traces), STR("(unknown [unknown])")) > 0);
		assert_true(str_find(buf_str(&s->r.output), STR("from a@away.test (ID)\r\n")) > 0);
	}
	/* Nor where the filter has failed over it. */
	s->w.failures = 2;
	s->w.suspects = 1;
	s->w.shunned = true;
	run(s);
	assert_int_equal(s->w.copies, 1);
	assert_true(str_find(buf_str(&s->w.records), STR("\"client\":{\"ip\":\"\",")) > 0);
	s->w.shunned = false;
	/* Until it knows the next one. */
	buf_clear(&s->input);
	say(s, "XCLIENT ADDR=[UNAVAILABLE]\r\nXCLIENT ADDR=198.51.100.7\r\n" ENVELOPE
	       "DATA\r\n" HEADER ".\r\n");
	run(s);
	assert_true(s->w.client_known);
	assert_true(str_find(buf_str(&s->w.traces), STR("(unknown [198.51.100.7])")) > 0);
}

static void destinations_may_differ(void **state)
{
	static const uint64_t actions[] = { JUDGE_ACCEPT, JUDGE_JUNK }, own[] = { 1, 0 };
	static const str fields[] = { { "X-Spam: 2\r\n", 11 }, { "X-Spam: 1\r\n", 11 } };
	struct scene *s = *state;
	uint64_t cuts[] = { 0, 4 };
	verdict(s, JUDGE_ACCEPT, 0, 0, 0, 0, "");
	s->w.verdict.cuts = (struct ipc_u64s){ cuts, 2 };
	s->w.verdict.actions = (struct ipc_u64s){ actions, 2 };
	s->w.verdict.own = (struct ipc_u64s){ own, 2 };
	s->w.verdict.own_fields = (struct ipc_strs){ fields, 2 };
	say(s, ENVELOPE "RCPT TO:<bob@here.test>\r\nDATA\r\n" HEADER ".\r\nQUIT\r\n");
	run(s);
	assert_int_equal(s->w.junk, 1);
	assert_true(
		str_ends(buf_str(&s->w.traces), STR(FIELDS "1: X-Spam: 1\r\n2: X-Spam: 2\r\n")));
	/* What cannot be: the message is put off. */
	for (int i = 0; i < 4; i++) {
		static const uint64_t wrong[] = { 2, 9 };
		s->w.verdict.actions =
			(struct ipc_u64s){ i == 0 ? wrong : actions, i == 1 ? 1 : 2 };
		s->w.verdict.own = (struct ipc_u64s){ i == 2 ? wrong : own, 2 };
		s->w.verdict.own_fields.n = i == 3 ? 0 : 2;
		s->w.failures = 0;
		run(s);
		assert_int_equal(s->w.commits, 0);
		assert_true(str_find(buf_str(&s->r.output),
				    STR("451 4.3.0 The message could not")) > 0);
	}
}

/* Whatever fails or is cancelled, no message is stored that was not judged. */
static void cancelled_at_every_wait(void **state)
{
	struct scene *s = *state;
	uint64_t cuts[] = { 6, 6 };
	verdict(s, JUDGE_JUNK, 0, 0, 0, 0, "");
	s->w.verdict.cuts = (struct ipc_u64s){ cuts, 2 };
	say_message(s, 100000);
	run(s);
	for (unsigned n = s->r.waits; n; n--) {
		s->r.cancel_at = n;
		run(s);
		assert_true(s->r.accepted <= s->w.commits && s->w.commits <= s->w.judged);
		assert_int_equal(s->w.junk, s->w.commits);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(accepted_and_junk, setup, teardown),
		cmocka_unit_test_setup_teardown(refused, setup, teardown),
		cmocka_unit_test_setup_teardown(without_a_filter_it_is_put_off, setup, teardown),
		cmocka_unit_test_setup_teardown(the_second_failure_is_the_last, setup, teardown),
		cmocka_unit_test_setup_teardown(a_poisonous_message_is_not_judged, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_is_not_judged_goes_where_it_should, setup, teardown),
		cmocka_unit_test_setup_teardown(quarantined, setup, teardown),
		cmocka_unit_test_setup_teardown(without_a_verdict_it_is_put_off, setup, teardown),
		cmocka_unit_test_setup_teardown(nonsense_is_no_verdict, setup, teardown),
		cmocka_unit_test_setup_teardown(fields_are_cut_out, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_early_refusal_needs_no_transfer, setup, teardown),
		cmocka_unit_test_setup_teardown(lmtp_and_a_filter_that_is_off, setup, teardown),
		cmocka_unit_test_setup_teardown(a_message_has_one_verdict, setup, teardown),
		cmocka_unit_test_setup_teardown(a_recipient_may_refuse_the_sender, setup, teardown),
		cmocka_unit_test_setup_teardown(nobody_knows_the_client, setup, teardown),
		cmocka_unit_test_setup_teardown(destinations_may_differ, setup, teardown),
		cmocka_unit_test_setup_teardown(cancelled_at_every_wait, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
