/*
 * Verdicts: what each result of the library becomes, and whole judgements over a scripted DNS.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "filter/check.h"
#include "filter/judge_testing.h"
#include "mailauth/dkim_sign_testing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* ── The table ────────────────────────────────────────────────────────────────────────────── */

static void no_single_finding_reaches_junk(void **state)
{
	struct err err;
	const struct config *c =
		config_parse(STR("hostname = \"a.test\";"), STR("f"), STR("/"), &err);
	for (size_t i = 0; i < FINDING_COUNT; i++) {
		const struct finding_info *info = &finding_infos[i];
		for (size_t k = 0; k < EVIDENCE_KINDS; k++)
			if (!info->decisive && info->scores[k] >= c->filter.junk_at)
				fail_msg("%s alone reaches junk_at: lower its score, or mark it "
					 "DECISIVE",
					info->name);
		if (info->mode == CONFIG_MODE_REJECT && !info->decisive)
			fail_msg("%s refuses by itself, but is not DECISIVE", info->name);
		assert_true(str_ends(str_from_z(info->text), STR(".")));
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(info->name, finding_infos[k].name);
	}
	config_unref(c);
}

/* ── What each result becomes ─────────────────────────────────────────────────────────────── */

struct bench {
	struct arena arena;
	const struct config *config;
	struct judge_message message;
	struct envelope_result envelope;
	struct judgement j;
};

static void bench_init(struct bench *b, const char *config)
{
	struct err err = { "" };
	*b = (struct bench){ .arena = ARENA_INIT(1024 * 1024) };
	str text = arena_printf(&b->arena, "hostname = \"mx.here.test\";%s", config);
	b->config = config_parse(text, STR("f"), STR("/"), &err);
	assert_non_null(b->config);
	b->message.facts.helo = STR("mail.away.test");
	b->message.facts.sender = STR("a@away.test");
	b->j = (struct judgement){ .arena = &b->arena,
		.config = b->config,
		.auth = &b->config->auth,
		.rules = &b->config->filter,
		.junk_at = b->config->filter.junk_at,
		.reject_at = b->config->filter.reject_at,
		.message = &b->message,
		.facts = &b->message.facts,
		.envelope = &b->envelope };
	findings_init(&b->j.findings, &b->config->filter.findings, &b->arena);
}

static void bench_done(struct bench *b)
{
	config_unref(b->config);
	arena_done(&b->arena);
}

/* Which findings a test has seen, and which one has seen missing where others were found. */
static struct {
	bool with, without;
} seen[FINDING_COUNT];

static void note_findings(const struct findings *f)
{
	for (unsigned i = 0; i < FINDING_COUNT; i++) {
		bool found = finding_has(f, i);
		seen[i].with |= found;
		seen[i].without |= !found && f->n;
	}
}

static void note(str name, bool absent)
{
	for (unsigned i = 0; i < FINDING_COUNT; i++)
		if (str_equal(name, str_from_z(finding_infos[i].name)))
			*(absent ? &seen[i].without : &seen[i].with) = true;
}

static void every_finding_of_authentication_is_tested(void **state)
{
	/* Where the filter has failed there was no judgement: unjudged_test.c. */
	seen[FINDING_FILTER_FAILED].with = true;
	for (unsigned i = 0; i < FINDING_HEADER_BROKEN; i++)
		if (!seen[i].with || !seen[i].without)
			fail_msg("no test finds %s, or none misses it", finding_infos[i].name);
}

/* Exactly these findings, separated by blanks, in that order. */
static void assert_findings(const struct bench *b, const char *wanted)
{
	struct buf got CLEANUP(buf_done) = BUF_INIT(4096);
	for (size_t i = 0; i < b->j.findings.n; i++)
		buf_printf(
			&got, "%s%s", i ? " " : "", finding_infos[b->j.findings.list[i].name].name);
	if (!str_equal(buf_str(&got), str_from_z(wanted)))
		fail_msg("wanted %s, got %.*s", wanted, STR_ARG(buf_str(&got)));
	note_findings(&b->j.findings);
}

static void of_the_client(void **state)
{
	static const struct {
		enum rdns_result rdns;
		enum helo_result helo;
		enum helo_syntax syntax;
		const char *findings;
	} rows[] = {
		{ RDNS_PASS, HELO_PASS, HELO_SYNTAX_FQDN, "RDNS_PASS HELO_PASS HELO_FQDN" },
		{ RDNS_NONE, HELO_OTHER, HELO_SYNTAX_FQDN, "RDNS_NONE HELO_OTHER HELO_FQDN" },
		{ RDNS_FAIL, HELO_UNKNOWN, HELO_SYNTAX_FQDN, "RDNS_FAIL HELO_UNKNOWN HELO_FQDN" },
		{ RDNS_TEMPERROR, HELO_TEMPERROR, HELO_SYNTAX_FQDN,
			"RDNS_TEMPERROR HELO_TEMPERROR HELO_FQDN" },
		{ RDNS_PASS, HELO_PASS, HELO_SYNTAX_LITERAL, "RDNS_PASS HELO_LITERAL" },
		{ RDNS_PASS, HELO_NOT_ASKED, HELO_SYNTAX_LITERAL_WRONG,
			"RDNS_PASS HELO_LITERAL_WRONG" },
		{ RDNS_PASS, HELO_NOT_ASKED, HELO_SYNTAX_BARE_ADDRESS,
			"RDNS_PASS HELO_BARE_ADDRESS" },
		{ RDNS_PASS, HELO_NOT_ASKED, HELO_SYNTAX_SINGLE_LABEL,
			"RDNS_PASS HELO_SINGLE_LABEL" },
		{ RDNS_PASS, HELO_NOT_ASKED, HELO_SYNTAX_INVALID, "RDNS_PASS HELO_INVALID" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct bench b;
		bench_init(&b, "");
		b.envelope.rdns = (struct rdns_outcome){
			.result = rows[i].rdns, .helo = rows[i].helo, .syntax = rows[i].syntax
		};
		check_client.report(&b.j);
		assert_findings(&b, rows[i].findings);
		bench_done(&b);
	}
}

static void of_spf(void **state)
{
	static const struct {
		enum spf_result sender, helo;
		bool worthless;
		const char *findings;
	} rows[] = {
		{ SPF_NONE, SPF_NONE, false, "SPF_NONE SPF_HELO_NONE" },
		{ SPF_NEUTRAL, SPF_NEUTRAL, false, "SPF_NEUTRAL SPF_HELO_NEUTRAL" },
		{ SPF_PASS, SPF_PASS, false, "SPF_PASS SPF_HELO_PASS" },
		{ SPF_PASS, SPF_PASS, true,
			"SPF_PASS SPF_WORTHLESS SPF_HELO_PASS SPF_HELO_WORTHLESS" },
		{ SPF_FAIL, SPF_FAIL, true, "SPF_FAIL SPF_HELO_FAIL" },
		{ SPF_SOFTFAIL, SPF_SOFTFAIL, false, "SPF_SOFTFAIL SPF_HELO_SOFTFAIL" },
		{ SPF_TEMPERROR, SPF_TEMPERROR, false, "SPF_TEMPERROR SPF_HELO_TEMPERROR" },
		{ SPF_PERMERROR, SPF_PERMERROR, false, "SPF_PERMERROR SPF_HELO_PERMERROR" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct bench b;
		bench_init(&b, "");
		b.envelope.spf = (struct spf_outcome){ .result = rows[i].sender,
			.worthless = rows[i].worthless };
		b.envelope.spf_helo = b.envelope.spf;
		b.envelope.spf_helo.result = rows[i].helo;
		b.envelope.has_spf_helo = true;
		check_spf.report(&b.j);
		assert_findings(&b, rows[i].findings);
		bench_done(&b);
	}
	/* A bounce has one identity. */
	struct bench b;
	bench_init(&b, "");
	b.message.facts.sender = STR_EMPTY;
	b.envelope.has_spf_helo = true;
	check_spf.report(&b.j);
	assert_findings(&b, "SPF_NONE");
	bench_done(&b);
}

static void of_dkim(void **state)
{
	static const struct {
		struct dkim_signature signature;
		const char *findings;
	} rows[] = {
		{ { .result = DKIM_PASS }, "DKIM_VALID" },
		{ { .result = DKIM_PASS, .weak_key = true }, "DKIM_VALID DKIM_WEAK_KEY" },
		{ { .result = DKIM_PASS, .has_length = true }, "DKIM_VALID DKIM_LENGTH" },
		{ { .result = DKIM_PASS, .has_length = true, .unsigned_bytes = 1 },
			"DKIM_VALID DKIM_LENGTH DKIM_APPENDED" },
		{ { .result = DKIM_PASS, .testing = true }, "DKIM_VALID DKIM_TESTING" },
		{ { .result = DKIM_FAIL, .weak_key = true, .has_length = true }, "DKIM_FAIL" },
		{ { .result = DKIM_POLICY }, "DKIM_POLICY" },
		{ { .result = DKIM_NEUTRAL }, "DKIM_NEUTRAL" },
		{ { .result = DKIM_TEMPERROR }, "DKIM_TEMPERROR" },
		{ { .result = DKIM_PERMERROR }, "DKIM_PERMERROR" },
	};
	struct bench b;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		bench_init(&b, "");
		b.j.dkim = (struct dkim_outcome){ &rows[i].signature, 1, false };
		check_dkim.report(&b.j);
		assert_findings(&b, rows[i].findings);
		bench_done(&b);
	}
	bench_init(&b, "");
	check_dkim.report(&b.j);
	assert_findings(&b, "DKIM_NONE");
	bench_done(&b);
	bench_init(&b, "");
	b.j.dkim = (struct dkim_outcome){ &rows[0].signature, 1, true };
	check_dkim.report(&b.j);
	assert_findings(&b, "DKIM_VALID DKIM_MANY");
	bench_done(&b);
}

static void of_arc(void **state)
{
	static const char *const findings[] = { [ARC_NONE] = "ARC_NONE",
		[ARC_PASS] = "ARC_PASS",
		[ARC_FAIL] = "ARC_FAIL",
		[ARC_TEMPERROR] = "ARC_TEMPERROR" };
	for (size_t i = 0; i < ARRAY_LEN(findings); i++) {
		struct bench b;
		bench_init(&b, "");
		b.j.arc.result = (enum arc_result)i;
		check_arc.report(&b.j);
		assert_findings(&b, findings[i]);
		bench_done(&b);
	}
}

static void of_dmarc(void **state)
{
	static const struct {
		enum dmarc_result result;
		enum dmarc_policy applied;
		const char *findings;
	} rows[] = {
		{ DMARC_NONE, DMARC_POLICY_REJECT, "DMARC_NONE" },
		{ DMARC_PASS, DMARC_POLICY_REJECT, "DMARC_PASS" },
		{ DMARC_FAIL, DMARC_POLICY_NONE, "DMARC_FAIL" },
		{ DMARC_FAIL, DMARC_POLICY_QUARANTINE, "DMARC_QUARANTINE" },
		{ DMARC_FAIL, DMARC_POLICY_REJECT, "DMARC_REJECT" },
		{ DMARC_TEMPERROR, DMARC_POLICY_NONE, "DMARC_TEMPERROR" },
		{ DMARC_PERMERROR, DMARC_POLICY_NONE, "DMARC_PERMERROR" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct bench b;
		bench_init(&b, "");
		b.j.dmarc = (struct dmarc_outcome){ .result = rows[i].result,
			.applied = rows[i].applied };
		check_dmarc.report(&b.j);
		assert_findings(&b, rows[i].findings);
		bench_done(&b);
	}
}

/* The word of a sealer counts only if it is trusted, and says so. */
static void of_a_trusted_forwarder(void **state)
{
	static const struct {
		const char *trusted, *sealer, *results;
		enum arc_result chain;
		bool overrides;
	} rows[] = {
		{ "list.test", "list.test", "list.test; dmarc=pass header.from=a.test", ARC_PASS,
			true },
		{ "list.test", "LIST.test", "list.test; spf=fail; dmarc=pass", ARC_PASS, true },
		{ "list.test", "list.test", "list.test; dmarc=fail", ARC_PASS, false },
		{ "list.test", "list.test", "list.test; spf=pass", ARC_PASS, false },
		{ "list.test", "list.test", "list.test; dmarc=pass", ARC_FAIL, false },
		{ "list.test", "list.test", "list.test; dmarc=pass", ARC_TEMPERROR, false },
		{ "other.test", "list.test", "list.test; dmarc=pass", ARC_PASS, false },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char config[200];
		snprintf(config, sizeof config, "auth: { arc_trusted = [ \"%s\" ]; };",
			rows[i].trusted);
		struct bench b;
		bench_init(&b, config);
		struct arc_set set = { .instance = 1,
			.domain = str_from_z(rows[i].sealer),
			.results = str_from_z(rows[i].results) };
		b.j.arc = (struct arc_outcome){ .result = rows[i].chain, .sets = &set, .n = 1 };
		b.j.has_arc = b.j.has_dmarc = true;
		b.j.dmarc = (struct dmarc_outcome){ .result = DMARC_FAIL,
			.applied = DMARC_POLICY_REJECT,
			.tag = "p",
			.policy_domain = STR("a.test") };
		check_dmarc.report(&b.j);
		assert_int_equal(b.j.arc_trusted, rows[i].overrides);
		assert_findings(
			&b, rows[i].overrides ? "DMARC_REJECT ARC_TRUSTED" : "DMARC_REJECT");
		struct verdict v = { .why = STR_EMPTY };
		judgement_decide(&b.j, &v);
		assert_int_equal(v.action, rows[i].overrides ? JUDGE_ACCEPT : JUDGE_REJECT);
		assert_true(findings_score(&b.j.findings) < 0 || !rows[i].overrides);
		bench_done(&b);
	}
}

/* Thresholds and modes; of what is asked for the strongest counts. */
static void each_threshold_has_its_action(void **state)
{
#define ALL "filter: { junk_at = 2.0; quarantine_at = 4.0; defer_at = 6.0; reject_at = 8.0; };"
#define MODE(mode) "filter: { findings = ( { name = \"GTUBE\"; mode = \"" mode "\"; } ); };"
	static const struct {
		const char *config;
		double score;
		enum judge_action action;
		unsigned code;
		const char *why;
	} rows[] = {
		{ ALL, 1.9, JUDGE_ACCEPT, 0, "" },
		{ ALL, 2, JUDGE_JUNK, 0, "it scores 2.0, and 2.0 is Junk" },
		{ ALL, 3.9, JUDGE_JUNK, 0, "" },
		{ ALL, 4, JUDGE_QUARANTINE, 0, "it scores 4.0, and 4.0 is quarantine" },
		{ ALL, 6, JUDGE_TEMPFAIL, 451, "This message is not taken now" },
		{ ALL, 8, JUDGE_REJECT, 550, "This message looks like spam" },
		/* Where they are not given there are none. */
		{ "", 14, JUDGE_JUNK, 0, "" },
		{ "", -3, JUDGE_ACCEPT, 0, "" },
		{ "filter: { junk_at = 2.0; quarantine_at = 1.0; };", 3, JUDGE_QUARANTINE, 0, "" },
		{ MODE("quarantine"), 0, JUDGE_QUARANTINE, 0,
			"It has the pattern for tests of spam filters. (GTUBE: x)" },
		{ MODE("reject"), 0, JUDGE_REJECT, 550, "It has the pattern" },
		{ MODE("observe"), 1000, JUDGE_ACCEPT, 0, "" },
		/* It is worth another try before somebody is bothered with it. */
		{ "filter: { defer_at = 3.0; findings = ( { name = \"GTUBE\"; mode = "
		  "\"quarantine\"; score = 3.0; } ); };",
			3, JUDGE_TEMPFAIL, 451, "" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct bench b;
		struct verdict v = { .why = STR_EMPTY };
		bench_init(&b, rows[i].config);
		finding_add(&b.j.findings, FINDING_GTUBE, STR("x"));
		b.j.findings.list[0].score = rows[i].score;
		judgement_decide(&b.j, &v);
		if (v.action != rows[i].action)
			fail_msg("row %zu: %s", i, judge_action_name(v.action));
		assert_int_equal(v.reply.code, rows[i].code);
		assert_true(str_starts(v.why, str_from_z(rows[i].why)));
		bench_done(&b);
	}
#undef ALL
#undef MODE
}

/* ── Whole judgements ─────────────────────────────────────────────────────────────────────── */

#define GOOD_CLIENT                                                                                \
	"1.2.0.192.in-addr.arpa PTR mail.away.test\n"                                              \
	"mail.away.test A 192.0.2.1\n"
#define MESSAGE                                                                                    \
	"From: A <a@away.test>\r\nTo: b@here.test\r\nSubject: x\r\n"                               \
	"Date: Tue, 14 Nov 2023 22:00:00 +0000\r\nMessage-ID: <1@away.test>\r\n\r\nx\r\n"
#define FOOTBALL_REJECT "_dmarc.football.example.com TXT v=DMARC1; p=reject\n"
#define FOOTBALL_QUARANTINE "_dmarc.football.example.com TXT v=DMARC1; p=quarantine\n"
#define AWAY_FAIL "away.test TXT v=spf1 ip4:198.51.100.1 -all\n"
#define TAMPERED SIGNED_HEADER "\r\n" SIGNED_BODY "-- \r\nThe list adds this.\r\n"

struct row {
	const char *name;
	struct testing_case c;
	enum judge_action action;
	const char *reply;    /* "550 5.7.1 …": its beginning; NULL: none */
	const char *findings; /* " "-separated: those that must be there; with "!": must not */
	const char *field;    /* stands in the added fields */
	const char *early;    /* as reply: the refusal before the message; NULL: none */
};

static const struct row rows[] = {
	{ "everything passes",
		{ .dns = GOOD_CLIENT "away.test TXT v=spf1 ip4:192.0.2.1 -all\n"
				     "_dmarc.away.test TXT v=DMARC1; p=reject\n",
			.message = MESSAGE },
		JUDGE_ACCEPT, NULL,
		"RDNS_PASS HELO_PASS HELO_FQDN SPF_PASS SPF_HELO_NONE DKIM_NONE ARC_NONE "
		"DMARC_PASS !DNS_FAILURE !SPF_WORTHLESS !ALLOW_FAILED !ALLOW_AUTHENTICATED",
		"spf=pass", NULL },
	{ "nothing is published", { .dns = "", .message = MESSAGE }, JUDGE_ACCEPT, NULL,
		"RDNS_NONE HELO_UNKNOWN SPF_NONE SPF_HELO_NONE DMARC_NONE !DNS_FAILURE", "spf=none",
		NULL },
	{ "SPF fails, and is counted", { .dns = GOOD_CLIENT AWAY_FAIL, .message = MESSAGE },
		JUDGE_ACCEPT, NULL, "SPF_FAIL !SPF_PASS", "spf=fail", NULL },
	{ "SPF fails, and refuses",
		{ .config = "auth: { spf_fail = \"reject\"; };",
			.dns = GOOD_CLIENT AWAY_FAIL,
			.message = MESSAGE },
		JUDGE_REJECT, "550 5.7.23 The SPF record of away.test does not let 192.0.2.1",
		"SPF_FAIL", "spf=fail", "550 5.7.23 The SPF record of away.test" },
	{ "SPF fails, and a finding's mode refuses",
		{ .config = "filter: { findings = ( { name = \"SPF_FAIL\"; mode = \"reject\"; } ); "
			    "};",
			.dns = GOOD_CLIENT AWAY_FAIL,
			.message = MESSAGE },
		JUDGE_REJECT,
		"550 5.7.1 The client may not send for the sender's domain. (SPF_FAIL", "SPF_FAIL",
		"spf=fail", NULL },
	{ "SPF lets everyone send", { .dns = "away.test TXT v=spf1 +all\n", .message = MESSAGE },
		JUDGE_JUNK, NULL, "SPF_PASS SPF_WORTHLESS RDNS_NONE", "spf=pass", NULL },
	{ "a finding that is off, and one with another score",
		{ .config = "filter: { findings = ( { name = \"SPF_WORTHLESS\"; mode = \"off\"; }, "
			    "{ name = \"RDNS_NONE\"; score = 20; } ); };",
			.dns = "away.test TXT v=spf1 +all\n",
			.message = MESSAGE },
		JUDGE_REJECT, "550 5.7.1 This message looks like spam: it scores 20.6",
		"!SPF_WORTHLESS RDNS_NONE", "spf=pass", NULL },
	{ "a finding that is observed",
		{ .config = "filter: { findings = ( { name = \"SPF_WORTHLESS\"; mode = "
			    "\"observe\"; } ); };",
			.dns = "away.test TXT v=spf1 +all\n",
			.message = MESSAGE },
		JUDGE_ACCEPT, NULL, "SPF_WORTHLESS", "spf=pass", NULL },
	{ "DKIM passes, and so does DMARC",
		{ .dns = SIGNED_KEY FOOTBALL_REJECT, .message = SIGNED }, JUDGE_ACCEPT, NULL,
		"DKIM_VALID DMARC_PASS !DKIM_NONE", "dkim=pass", NULL },
	{ "DKIM is broken on the way, DMARC refuses",
		{ .dns = SIGNED_KEY FOOTBALL_REJECT, .message = TAMPERED }, JUDGE_REJECT,
		"550 5.7.1 The DMARC policy of football.example.com (p=reject) asks to refuse",
		"DKIM_FAIL DMARC_REJECT !DMARC_PASS", "dmarc=fail", NULL },
	{ "DMARC asks to refuse, we put it aside",
		{ .config = "auth: { honour_dmarc = \"junk\"; };",
			.dns = SIGNED_KEY FOOTBALL_REJECT,
			.message = TAMPERED },
		JUDGE_JUNK, NULL, "DMARC_REJECT", "dmarc=fail", NULL },
	{ "DMARC is only counted",
		{ .config = "auth: { honour_dmarc = \"score\"; };",
			.dns = GOOD_CLIENT SIGNED_KEY FOOTBALL_REJECT,
			.message = TAMPERED },
		JUDGE_ACCEPT, NULL, "DMARC_REJECT", "dmarc=fail", NULL },
	{ "DMARC asks to put it aside",
		{ .dns = GOOD_CLIENT SIGNED_KEY FOOTBALL_QUARANTINE, .message = TAMPERED },
		JUDGE_JUNK, NULL, "DMARC_QUARANTINE !DMARC_REJECT", "dmarc=fail", NULL },
	{ "DMARC asks for nothing",
		{ .dns = GOOD_CLIENT SIGNED_KEY
			"_dmarc.football.example.com TXT v=DMARC1; p=none\n",
			.message = TAMPERED },
		JUDGE_ACCEPT, NULL, "DMARC_FAIL !DMARC_REJECT", "dmarc=fail", NULL },
	/* What has no answer counts for nothing, whatever would have been. */
	{ "the DNS is down",
		{ .dns = "test * !servfail\nmail.away.test * !servfail\n"
			 "away.test * !servfail\n"
			 "_dmarc.football.example.com * !timeout\n"
			 "brisbane._domainkey.football.example.com * !bogus\n"
			 "1.2.0.192.in-addr.arpa * !timeout\n",
			.message = SIGNED },
		JUDGE_ACCEPT, NULL,
		"RDNS_TEMPERROR HELO_TEMPERROR SPF_TEMPERROR SPF_HELO_TEMPERROR DKIM_TEMPERROR "
		"DMARC_TEMPERROR DNS_FAILURE !SPF_FAIL !DKIM_FAIL !DMARC_FAIL",
		"spf=temperror", NULL },
	{ "the DNS is down, and the sender is to try again",
		{ .config = "auth: { dns_failure = \"tempfail\"; };",
			.dns = SIGNED_KEY "_dmarc.football.example.com * !timeout\n",
			.message = TAMPERED },
		JUDGE_TEMPFAIL,
		"451 4.4.3 The sender cannot be verified now: the DNS does not answer",
		"DMARC_TEMPERROR DNS_FAILURE", "dmarc=temperror", NULL },
	{ "a part of the DNS is down, but DMARC passes",
		{ .config = "auth: { dns_failure = \"tempfail\"; };",
			.dns = SIGNED_KEY FOOTBALL_REJECT "away.test * !timeout\n",
			.message = SIGNED },
		JUDGE_ACCEPT, NULL, "SPF_TEMPERROR DMARC_PASS DNS_FAILURE", "dmarc=pass", NULL },
	/* A list with two sides. */
	{ "allow-listed and shown to be theirs: SPF and DMARC do not count against it",
		{ .config = "auth: { allow_domains = [ \"example.com\" ]; spf_fail = \"reject\"; "
			    "};",
			.dns = SIGNED_KEY FOOTBALL_REJECT "football.example.com TXT v=spf1 -all\n",
			.sender = "joe@football.example.com",
			.message = SIGNED },
		JUDGE_ACCEPT, NULL, "SPF_FAIL ALLOW_AUTHENTICATED !ALLOW_FAILED", "spf=fail",
		NULL },
	{ "allow-listed, broken on the way, but from one of their hosts",
		{ .config = "auth: { allow_domains = [ \"football.example.com\" ]; };",
			.dns = SIGNED_KEY FOOTBALL_REJECT
			"1.2.0.192.in-addr.arpa PTR out.football.example.com\n"
			"out.football.example.com A 192.0.2.1\n",
			.message = TAMPERED },
		JUDGE_ACCEPT, NULL, "DMARC_REJECT ALLOW_AUTHENTICATED", "dmarc=fail", NULL },
	{ "a domain beside the listed one is not listed",
		{ .config = "auth: { allow_domains = [ \"ball.example.com\" ]; };",
			.dns = SIGNED_KEY FOOTBALL_REJECT,
			.message = TAMPERED },
		JUDGE_REJECT, "550 5.7.1", "!ALLOW_FAILED !ALLOW_AUTHENTICATED", "dmarc=fail",
		NULL },
	{ "allow-listed and not shown to be theirs: worse",
		{ .config = "auth: { allow_domains = [ \"away.test\" ]; };", .message = MESSAGE },
		JUDGE_JUNK, NULL, "ALLOW_FAILED !ALLOW_AUTHENTICATED", NULL, NULL },
	{ "allow-listed, and the DNS is down: open",
		{ .config = "auth: { allow_domains = [ \"away.test\" ]; };",
			.dns = "away.test * !timeout\n",
			.message = MESSAGE },
		JUDGE_ACCEPT, NULL, "!ALLOW_FAILED !ALLOW_AUTHENTICATED", NULL, NULL },
	{ "a worthless pass shows nothing",
		{ .config = "auth: { allow_domains = [ \"away.test\" ]; };",
			.dns = "away.test TXT v=spf1 +all\n",
			.message = MESSAGE },
		JUDGE_JUNK, NULL, "ALLOW_FAILED !ALLOW_AUTHENTICATED", NULL, NULL },
	/* Other rules for one domain. */
	{ "the rules of one domain",
		{ .config = "domains = ( { name = \"strict.test\"; auth: { spf_fail = \"reject\"; "
			    "}; } );",
			.dns = GOOD_CLIENT AWAY_FAIL,
			.domain = "STRICT.test",
			.message = MESSAGE },
		JUDGE_REJECT, "550 5.7.23", "SPF_FAIL", NULL, "550 5.7.23" },
	{ "are not those of another",
		{ .config = "domains = ( { name = \"strict.test\"; auth: { spf_fail = \"reject\"; "
			    "}; } );",
			.dns = GOOD_CLIENT AWAY_FAIL,
			.domain = "lax.test",
			.message = MESSAGE },
		JUDGE_ACCEPT, NULL, "SPF_FAIL", NULL, NULL },
	{ "thresholds and a name of one domain",
		{ .config = "domains = ( { name = \"strict.test\"; auth: { authserv_id = "
			    "\"own.test\"; received_spf = true; }; filter: { junk_at = 0.5; }; } "
			    ");",
			.dns = AWAY_FAIL,
			.domain = "strict.test",
			.message = MESSAGE },
		JUDGE_JUNK, NULL, "SPF_FAIL", "Received-SPF: fail", NULL },
	/* Envelopes and messages of odd shapes. */
	{ "a bounce",
		{ .dns = GOOD_CLIENT "mail.away.test TXT v=spf1 a -all\n",
			.sender = "",
			.message = MESSAGE },
		JUDGE_ACCEPT, NULL, "SPF_PASS !SPF_HELO_PASS !SPF_HELO_NONE", "spf=pass", NULL },
	{ "an empty message", { .dns = GOOD_CLIENT, .message = "" }, JUDGE_JUNK, NULL,
		"DMARC_PERMERROR DKIM_NONE FROM_MISSING DATE_MISSING MESSAGE_ID_MISSING TO_MISSING "
		"SUBJECT_MISSING MIME_EMPTY",
		NULL, NULL },
	{ "no header", { .dns = GOOD_CLIENT, .message = "\r\nx" }, JUDGE_ACCEPT, NULL,
		"DMARC_PERMERROR FROM_MISSING !MIME_EMPTY", NULL, NULL },
	{ "two authors: the stricter policy counts",
		{ .dns = GOOD_CLIENT FOOTBALL_REJECT,
			.message = "From: a@away.test\r\nFrom: joe@football.example.com\r\n\r\n" },
		JUDGE_REJECT, "550 5.7.1 The DMARC policy of football.example.com", "DMARC_REJECT",
		NULL, NULL },
};

static void assert_reply(const char *name, const struct judge_reply *r, const char *wanted)
{
	char got[1024] = "";
	if (r->code)
		snprintf(got, sizeof got, "%u %u.%u.%u %.*s", r->code, r->klass, r->subject,
			r->detail, STR_ARG(r->text));
	if (!wanted ? r->code != 0 : strncmp(got, wanted, strlen(wanted)) != 0)
		fail_msg("%s: wanted %s, got %s", name, wanted ? wanted : "no reply", got);
}

static void assert_record_has(const struct row *r, str record)
{
	str rest = str_from_z(r->findings), name;
	while (rest.n) {
		char text[100];
		(void)str_cut(rest, ' ', &name, &rest);
		bool absent = str_starts(name, STR("!"));
		name = str_skip(name, absent);
		snprintf(text, sizeof text, "{\"name\":\"%.*s\"", STR_ARG(name));
		if ((str_find(record, str_from_z(text)) >= 0) == absent)
			fail_msg("%s: %.*s is %s in %.*s", r->name, STR_ARG(name),
				absent ? "" : "not", STR_ARG(record));
		note(name, absent);
	}
}

static void check_row(const struct row *r)
{
	struct testing_judgement j;
	testing_judge_init(&j, &r->c);
	testing_judge_run(&j);
	const struct verdict *v = &j.verdict;
	if (v->action != r->action)
		fail_msg("%s: wanted %s, got %s: %.*s %.*s", r->name, judge_action_name(r->action),
			judge_action_name(v->action), STR_ARG(v->why), STR_ARG(v->record));
	assert_reply(r->name, &v->reply, r->reply);
	assert_reply(r->name, &j.early, r->early);
	assert_record_has(r, v->record);
	assert_true(str_starts(v->fields, STR("Authentication-Results: ")));
	assert_true(str_ends(v->fields, STR("\r\n")));
	if (r->field && str_find(v->fields, str_from_z(r->field)) < 0)
		fail_msg("%s: %s is not in %.*s", r->name, r->field, STR_ARG(v->fields));
	assert_true(v->action == JUDGE_ACCEPT || v->why.n);
	testing_judge_done(&j);
}

static void whole_judgements(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check_row(&rows[i]);
}

static void the_record_tells_all(void **state)
{
	static const char *const parts[] = { "{\"id\":\"0123456789\",\"time\":1700000000,"
					     "\"door\":\"smtp\",\"client\":{\"ip\":\"192.0.2.1\",",
		"\"port\":4000", "\"helo\":\"mail.away.test\"", "\"sender\":\"a@away.test\"",
		"\"recipients\":[\"b@here.test\"]",
		"\"message_id\":\"<20030712040037.46341.5F8J@football.example.com>\"",
		"\"from\":\"Joe SixPack <joe@football.example.com>\"",
		"\"subject\":\"Is dinner ready?\"", "\"auth\":{\"rdns\":{\"result\":\"none\"",
		"\"helo\":{\"result\":\"unknown\",\"syntax\":\"fqdn\"}",
		"\"spf\":{\"result\":\"none\"", "\"spf_helo\":{", "\"dkim\":[{\"result\":\"pass\"",
		"\"arc\":{\"result\":\"none\"", "\"dmarc\":{\"result\":\"pass\"",
		"\"source\":\"dkim\"",
		"\"checks\":[{\"name\":\"results\",\"stage\":\"message\",\"ms\":", "\"score\":",
		"\"thresholds\":{\"junk\":5.00,\"reject\":15.00},\"action\":\"accept\"" };
	static const str recipients[] = { { "b@here.test", 11 } };
	struct testing_judgement j;
	testing_judge_init(
		&j, &(struct testing_case){ .dns = SIGNED_KEY FOOTBALL_REJECT, .message = SIGNED });
	j.message.recipients = recipients;
	j.message.recipient_count = 1;
	testing_judge_run(&j);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (str_find(j.verdict.record, str_from_z(parts[i])) < 0)
			fail_msg("%s is not in %.*s", parts[i], STR_ARG(j.verdict.record));
	testing_judge_done(&j);
}

/* Scores of two findings that every MESSAGE of these clients has, and thresholds between them. */
#define SCORES(more)                                                                               \
	"filter: { junk_at = 5.0; reject_at = 9.0; findings = ("                                   \
	"{ name = \"RDNS_NONE\"; score = 4.0; }, { name = \"HELO_UNKNOWN\"; score = 2.5; }, "      \
	"{ name = \"SPF_NONE\"; score = 0.0; }, { name = \"SPF_HELO_NONE\"; score = 0.0; }" more   \
	" ); };"

static void what_the_decision_hung_on(void **state)
{
	static const struct {
		const char *name;
		struct testing_case c;
		enum judge_action action;
		const char *pivot; /* NULL: none */
	} pivots[] = {
		{ "nothing that could be missing", { .dns = GOOD_CLIENT }, JUDGE_ACCEPT, NULL },
		{ "one is enough: the heaviest", { .config = SCORES("") }, JUDGE_JUNK,
			"{\"findings\":[\"RDNS_NONE\"],\"action\":\"accept\"}" },
		{ "what could decide by itself, and does not",
			{ .config = SCORES(", { name = \"SPF_FAIL\"; score = 0.5; }"),
				.dns = AWAY_FAIL },
			JUDGE_JUNK, "{\"findings\":[\"RDNS_NONE\"],\"action\":\"accept\"}" },
		{ "it takes two",
			{ .config = SCORES(", { name = \"DKIM_NONE\"; score = 4.0; }, { name = "
					   "\"ARC_NONE\"; score = 1.0; }") },
			JUDGE_REJECT, "{\"findings\":[\"RDNS_NONE\"],\"action\":\"junk\"}" },
		{ "it takes two",
			{ .config = SCORES(", { name = \"DKIM_NONE\"; score = 4.5; }, { name = "
					   "\"ARC_NONE\"; score = 4.5; }") },
			JUDGE_REJECT,
			"{\"findings\":[\"DKIM_NONE\",\"ARC_NONE\"],\"action\":\"junk\"}" },
		{ "what refuses by itself, alone",
			{ .config = SCORES(", { name = \"DMARC_NONE\"; mode = \"reject\"; score = "
					   "0.0; }") },
			JUDGE_REJECT, "{\"findings\":[\"DMARC_NONE\"],\"action\":\"junk\"}" },
		{ "two refuse by themselves",
			{ .config = "filter: { findings = ( { name = \"RDNS_NONE\"; mode = "
				    "\"reject\"; }, { name = \"HELO_UNKNOWN\"; mode = \"reject\"; "
				    "} ); };" },
			JUDGE_REJECT,
			"{\"findings\":[\"RDNS_NONE\",\"HELO_UNKNOWN\"],\"action\":\"accept\"}" },
		{ "a policy",
			{ .dns = GOOD_CLIENT SIGNED_KEY FOOTBALL_REJECT, .message = TAMPERED },
			JUDGE_REJECT, "{\"findings\":[\"DMARC_REJECT\"],\"action\":\"accept\"}" },
		{ "SPF",
			{ .config = "auth: { spf_fail = \"reject\"; };",
				.dns = GOOD_CLIENT AWAY_FAIL,
				.message = MESSAGE },
			JUDGE_REJECT, "{\"findings\":[\"SPF_FAIL\"],\"action\":\"accept\"}" },
		{ "what speaks for it",
			{ .config = SCORES(", { name = \"DKIM_NONE\"; score = -3.0; }, { name = "
					   "\"ARC_NONE\"; score = -0.5; }") },
			JUDGE_ACCEPT, "{\"findings\":[\"DKIM_NONE\"],\"action\":\"junk\"}" },
		{ "no finding: no policy of ours hangs on one that is off",
			{ .config = "filter: { findings = ( { name = \"DMARC_REJECT\"; mode = "
				    "\"off\"; } ); };",
				.dns = GOOD_CLIENT SIGNED_KEY FOOTBALL_REJECT,
				.message = TAMPERED },
			JUDGE_REJECT, NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(pivots); i++) {
		struct testing_judgement j;
		struct testing_case c = pivots[i].c;
		c.message = c.message ? c.message : MESSAGE;
		testing_judge_init(&j, &c);
		testing_judge_run(&j);
		str r = j.verdict.record;
		char wanted[300];
		snprintf(wanted, sizeof wanted, "\"pivot\":%s",
			pivots[i].pivot ? pivots[i].pivot : "");
		if (j.verdict.action != pivots[i].action ||
			(str_find(r, str_from_z(wanted)) >= 0) != (pivots[i].pivot != NULL))
			fail_msg("%s: %s with %s: %.*s", pivots[i].name,
				judge_action_name(pivots[i].action), wanted, STR_ARG(r));
		testing_judge_done(&j);
	}
}

static void what_changes_nothing_is_not_run(void **state)
{
	static const struct {
		const char *name, *config;
		bool skips;
	} cases[] = {
		{ "far beyond what can be made good",
			"filter: { findings = ( { name = \"RDNS_NONE\"; score = 30.0; } ); };",
			true },
		{ "refused by its mode",
			"filter: { findings = ( { name = \"RDNS_NONE\"; mode = \"reject\"; } ); };",
			true },
		{ "not quite: signatures may speak for it",
			"filter: { findings = ( { name = \"RDNS_NONE\"; score = 30.0; }, "
			"{ name = \"DKIM_VALID\"; score = -20.0; } ); };",
			false },
		{ "not that: it is not counted",
			"filter: { findings = ( { name = \"RDNS_NONE\"; score = 30.0; }, "
			"{ name = \"DKIM_VALID\"; score = -20.0; mode = \"observe\"; } ); };",
			true },
		{ "some penalties may be taken back",
			"filter: { findings = ( { name = \"RDNS_NONE\"; score = 30.0; } ); };"
			"auth: { allow_domains = [ \"other.test\" ]; };",
			false },
		{ "observed: not counted",
			"filter: { findings = ( { name = \"RDNS_NONE\"; score = 30.0; mode = "
			"\"observe\"; } ); };",
			false },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct testing_judgement j;
		testing_judge_init(&j,
			&(struct testing_case){ .config = cases[i].config, .message = MESSAGE });
		testing_judge_run(&j);
		str r = j.verdict.record;
		bool skips = str_find(r, STR("{\"name\":\"dkim\",\"stage\":\"message\","
					     "\"skipped\":true}")) >= 0;
		if (skips != cases[i].skips)
			fail_msg("%s: %.*s", cases[i].name, STR_ARG(r));
		assert_int_equal(skips, str_find(r, STR("DKIM_NONE")) < 0);
		testing_judge_done(&j);
	}
}

/* Whatever is long, the record stays within its bound and is whole. */
static void the_record_is_bounded(void **state)
{
	struct buf message CLEANUP(buf_done) = BUF_INIT(1 << 20);
	for (int i = 0; i < 20; i++) {
		buf_add(&message, STR("DKIM-Signature: v=1; a=rsa-sha256; h=from; bh=x; b=y; d="));
		for (int k = 0; k < 2000; k++)
			buf_add_char(&message, (char)(k % 2 ? 1 : '"'));
		buf_add(&message, STR("; s=x\r\n"));
	}
	buf_add(&message, STR("Subject: "));
	for (int k = 0; k < 100000; k++)
		buf_add_char(&message, 2);
	buf_add(&message, STR("\r\nFrom: a@away.test\r\n\r\n"));
	str recipients[1000];
	for (size_t i = 0; i < ARRAY_LEN(recipients); i++)
		recipients[i] = str_from(message.p, 400);
	struct testing_judgement j;
	testing_judge_init(&j, &(struct testing_case){ .dns = "" });
	j.message.content = buf_str(&message);
	j.message.facts.helo = j.message.facts.sender = str_from(message.p, 900);
	j.message.recipients = recipients;
	j.message.recipient_count = ARRAY_LEN(recipients);
	testing_judge_run(&j);
	assert_true(j.verdict.record.n <= JUDGE_RECORD_MAX);
	assert_true(str_ends(j.verdict.record, STR("}")));
	assert_true(str_find(j.verdict.record, STR("\"action\":")) > 0);
	testing_judge_done(&j);
}

/* ── What pretends to be ours ─────────────────────────────────────────────────────────────── */

static void forged_results_are_cut(void **state)
{
	static const char *const fields[] = { "From: a@away.test\r\n", "Subject: x\r\n y\r\n",
		"To: b@here.test\r\n" };
	static const char *const forged[] = { "Authentication-Results: mx.here.test; spf=pass\r\n",
		"AUTHENTICATION-results : \"MX.here.test\" 1;\r\n\tdkim=pass\r\n",
		"Authentication-Results: (x) own.test; none\r\n" };
	for (size_t f = 0; f < ARRAY_LEN(forged); f++)
		for (size_t at = 0; at <= ARRAY_LEN(fields); at++) {
			struct buf message CLEANUP(buf_done) = BUF_INIT(4096);
			size_t offset = 0;
			for (size_t i = 0; i <= ARRAY_LEN(fields); i++) {
				if (i == at) {
					offset = message.n;
					buf_add(&message, str_from_z(forged[f]));
				}
				if (i < ARRAY_LEN(fields))
					buf_add(&message, str_from_z(fields[i]));
			}
			buf_add(&message, STR("\r\nAuthentication-Results: mx.here.test\r\n"));
			struct testing_judgement j;
			testing_judge_init(
				&j, &(struct testing_case){
					    .config = "auth: { authserv_id = \"own.test\"; };" });
			j.message.content = buf_str(&message);
			testing_judge_run(&j);
			assert_int_equal(j.verdict.cut_count, 1);
			assert_int_equal(j.verdict.cuts[0].offset, offset);
			assert_int_equal(j.verdict.cuts[0].n, strlen(forged[f]));
			assert_true(str_find(j.verdict.record, STR("RESULTS_FORGED")) > 0);
			note(STR("RESULTS_FORGED"), false);
			assert_true(str_starts(
				j.verdict.fields, STR("Authentication-Results: own.test")));
			testing_judge_done(&j);
		}
	struct testing_judgement j;
	testing_judge_init(
		&j, &(struct testing_case){
			    .message = "Authentication-Results: other.test; spf=pass\r\n\r\nx" });
	testing_judge_run(&j);
	assert_int_equal(j.verdict.cut_count, 0);
	assert_true(str_find(j.verdict.record, STR("RESULTS_FORGED")) < 0);
	note(STR("RESULTS_FORGED"), true);
	testing_judge_done(&j);
}

static void a_forgery_too_far_behind_is_refused(void **state)
{
	for (int far = 0; far < 2; far++) {
		struct buf message CLEANUP(buf_done) = BUF_INIT(2 * JUDGE_CUT_MAX);
		while (message.n < (far ? JUDGE_CUT_MAX : JUDGE_CUT_MAX - 2000))
			buf_add(&message,
				STR("X-Filler: 1234567890123456789012345678901234567890\r\n"));
		buf_add(&message, STR("Authentication-Results: mx.here.test; spf=pass\r\n\r\nx"));
		struct testing_judgement j;
		testing_judge_init(&j, &(struct testing_case){ .dns = "",
					       .config = "filter: { junk_at = 50.0; };" });
		j.message.content = buf_str(&message);
		testing_judge_run(&j);
		assert_int_equal(j.verdict.action, far ? JUDGE_REJECT : JUDGE_ACCEPT);
		assert_int_equal(j.verdict.cut_count, !far);
		assert_reply("too far", &j.verdict.reply, far ? "550 5.6.0" : NULL);
		testing_judge_done(&j);
	}
}

/* ── Limits ───────────────────────────────────────────────────────────────────────────────── */

static void the_time_for_the_dns_is_bounded(void **state)
{
	struct testing_judgement j;
	testing_judge_init(&j, &(struct testing_case){ .config = "filter: { timeout = \"2s\"; };",
				       .dns = SIGNED_KEY FOOTBALL_REJECT,
				       .message = SIGNED });
	j.table.step = SECONDS(3); /* each question */
	testing_judge_run(&j);
	assert_int_equal(j.table.questions, 2); /* one for the envelope, one for the message */
	assert_true(str_find(j.verdict.record, STR("the time for this message is up")) > 0);
	assert_int_equal(j.verdict.action, JUDGE_ACCEPT);
	testing_judge_done(&j);
}

/* On a real stack, beside another task. */
struct race {
	struct testing_judgement j;
	unsigned turns; /* of the other task, while the message is judged */
	bool done;
	size_t stack;
};

static void judge_as_task(struct task *t, void *arg)
{
	struct race *r = arg;
	task_sync_free(r->j.task);
	r->j.task = t;
	testing_judge_run(&r->j);
	r->stack = task_stack_used(t);
	r->j.task = NULL;
	r->done = true;
}

static void run_beside(struct task *t, void *arg)
{
	struct race *r = arg;
	while (!r->done) {
		r->turns++;
		ASSERT(task_yield(t) == 0);
	}
	loop_stop(task_loop(t));
}

static void a_large_message_lets_others_run(void **state)
{
	static const struct log no_log;
	size_t n = 4 << 20;
	char *body = xmalloc(n);
	memset(body, 'x', n);
	memcpy(body, SIGNED, strlen(SIGNED));
	struct race r = { 0 };
	struct loop *l = loop_new(&no_log);
	testing_judge_init(&r.j, &(struct testing_case){ .dns = SIGNED_KEY FOOTBALL_REJECT });
	r.j.message.content = str_from(body, n);
	assert_int_equal(task_start(l, judge_as_task, &r, NULL), 0);
	assert_int_equal(task_start(l, run_beside, &r, NULL), 0);
	loop_run(l);
	assert_int_equal(r.j.verdict.action, JUDGE_REJECT);
	assert_true(r.turns >= 15);
	/* The deepest is verifying a signature; under a sanitizer frames are larger. */
	assert_true(r.stack <= 48 * 1024);
	config_unref(r.j.config);
	arena_done(&r.j.arena);
	loop_finish(l);
	loop_free(l);
	free(body);
}

/* ── Sealing ──────────────────────────────────────────────────────────────────────────────── */

/* The chain of what is kept: the fields, then the message. */
static enum arc_result chain_of(struct testing_judgement *j, str records, unsigned *out_sets)
{
	struct dns_table t;
	struct arc_outcome out;
	dns_table_init(&t, records);
	str kept = arena_join(&j->arena, j->verdict.fields, j->message.content);
	str header = str_first(kept, header_length(kept));
	struct arc_verifier *v = arc_verifier_new(header, TESTING_WALL);
	arc_verifier_feed(v, str_skip(kept, header.n));
	arc_verifier_finish(v, &t.dns, &j->arena, &out);
	arc_verifier_free(v);
	*out_sets = (unsigned)out.n;
	return out.result;
}

static void what_is_taken_is_sealed(void **state)
{
#define SPF(mode) "filter: { findings = ( { name = \"SPF_NONE\"; mode = \"" mode "\"; } ); };"
	static const struct {
		const char *config;
		bool seals;
		enum judge_action action;
		unsigned sealed;
	} outcomes[] = {
		{ "", false, JUDGE_ACCEPT, 0 },
		{ "", true, JUDGE_ACCEPT, 1 },
		{ "filter: { junk_at = 0.1; };", true, JUDGE_JUNK, 1 },
		{ SPF("quarantine"), true, JUDGE_QUARANTINE, 1 },
		{ SPF("reject"), true, JUDGE_REJECT, 0 },
	};
#undef SPF
	struct buf records CLEANUP(buf_done) = BUF_INIT(4096);
	struct dkim_private_key *key = testing_key(0);
	testing_record(key, "here.test", "", &records);
	struct dkim_signing how = { .domain = STR("here.test"),
		.selector = STR("sel"),
		.key = dkim_private_key_signs(key),
		.time = TESTING_WALL };
	for (size_t i = 0; i < ARRAY_LEN(outcomes); i++) {
		const struct testing_case c = {
			.message = SIGNED, .dns = SIGNED_KEY, .config = outcomes[i].config
		};
		struct testing_judgement j;
		unsigned sets, sealed = outcomes[i].sealed;
		testing_judge_init(&j, &c);
		j.message.seal = outcomes[i].seals ? &how : NULL;
		testing_judge_run(&j);
		assert_int_equal(j.verdict.action, outcomes[i].action);
		assert_int_equal(
			chain_of(&j, buf_str(&records), &sets), sealed ? ARC_PASS : ARC_NONE);
		assert_int_equal(sets, sealed);
		assert_int_equal(str_find(j.verdict.record, STR("\"sealed\":\"i=1, cv=none, by "
								"here.test, selector sel\"")) > 0,
			sealed);
		assert_int_equal(j.verdict.unsealed.n, 0);
		testing_judge_done(&j);
	}
	dkim_private_key_free(key);
}

static bool no_signature(void *context, str hash, struct buf *out, struct err *err)
{
	*(int *)context += 1;
	(void)err_set(err, EIO, "nobody has the key");
	return false;
}

static void what_cannot_be_sealed_is_taken(void **state)
{
	static const struct {
		const char *config, *message, *why;
		int asked;
		bool told; /* in the log too */
	} sealings[] = {
		{ "", SIGNED, "nobody has the key", 1, true },
		/* Whoever saw it before has said that it is broken. */
		{ "",
			"ARC-Seal: i=1; a=rsa-sha256; cv=fail; d=a.test; s=s; b=AAAA\r\n"
			"ARC-Message-Signature: i=1; a=rsa-sha256; b=AAAA\r\n"
			"ARC-Authentication-Results: i=1; a.test; arc=fail\r\n" SIGNED,
			"the chain has failed before", 0, false },
		{ "", "ARC-Seal: i=50; a=rsa-sha256; cv=pass; d=a.test; s=s; b=AAAA\r\n" SIGNED,
			"the chain is full", 0, false },
		/* Refused: nobody asks. */
		{ "filter: { findings = ( { name = \"DKIM_VALID\"; mode = \"reject\"; } ); };",
			SIGNED, "", 0, false },
	};
	for (size_t i = 0; i < ARRAY_LEN(sealings); i++) {
		int asked = 0;
		struct dkim_signing how = { .domain = STR("here.test"),
			.selector = STR("sel"),
			.key = { .sign = no_signature, .context = &asked },
			.time = TESTING_WALL };
		const struct testing_case c = { .message = sealings[i].message,
			.dns = SIGNED_KEY,
			.config = sealings[i].config };
		struct testing_judgement j;
		struct buf wanted CLEANUP(buf_done) = BUF_INIT(200);
		testing_judge_init(&j, &c);
		j.message.seal = &how;
		testing_judge_run(&j);
		bool taken = j.verdict.action == JUDGE_ACCEPT || j.verdict.action == JUDGE_JUNK;
		assert_int_equal(taken, *sealings[i].why != 0);
		assert_int_equal(asked, sealings[i].asked);
		assert_true(str_find(j.verdict.fields, STR("ARC-Seal:")) < 0);
		buf_printf(&wanted, "\"not_sealed\":\"%s\"", sealings[i].why);
		assert_int_equal(
			str_find(j.verdict.record, buf_str(&wanted)) > 0, *sealings[i].why != 0);
		assert_true(str_equal(
			j.verdict.unsealed, str_from_z(sealings[i].told ? sealings[i].why : "")));
		testing_judge_done(&j);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_threshold_has_its_action),
		cmocka_unit_test(no_single_finding_reaches_junk),
		cmocka_unit_test(of_the_client),
		cmocka_unit_test(of_spf),
		cmocka_unit_test(of_dkim),
		cmocka_unit_test(of_arc),
		cmocka_unit_test(of_dmarc),
		cmocka_unit_test(of_a_trusted_forwarder),
		cmocka_unit_test(whole_judgements),
		cmocka_unit_test(the_record_tells_all),
		cmocka_unit_test(what_the_decision_hung_on),
		cmocka_unit_test(what_changes_nothing_is_not_run),
		cmocka_unit_test(the_record_is_bounded),
		cmocka_unit_test(forged_results_are_cut),
		cmocka_unit_test(a_forgery_too_far_behind_is_refused),
		cmocka_unit_test(the_time_for_the_dns_is_bounded),
		cmocka_unit_test(a_large_message_lets_others_run),
		cmocka_unit_test(what_is_taken_is_sealed),
		cmocka_unit_test(what_cannot_be_sealed_is_taken),
		/* What the others have seen. */
		cmocka_unit_test(every_finding_of_authentication_is_tested),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
