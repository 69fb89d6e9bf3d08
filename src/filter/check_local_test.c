/*
 * Lists of our own, and thresholds of accounts: what becomes of a message, for whom.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "directory/local_list_testing.h"
#include "filter/check.h"
#include "filter/judge_testing.h"
#include "filter/local_asker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* away.test may send from 192.0.2.1; the message that is signed is that of judge_testing.h. */
#define DNS                                                                                        \
	"1.2.0.192.in-addr.arpa PTR mail.away.test\n"                                              \
	"mail.away.test A 192.0.2.1\n"                                                             \
	"away.test TXT v=spf1 ip4:192.0.2.1 -all\n"                                                \
	"every.test TXT v=spf1 +all\n" SIGNED_KEY

struct fixture {
	struct testing_lists lists; /* of here.test */
	int fail;                   /* what a look-up fails with */
	unsigned asked;
};

static int setup(void **state)
{
	struct fixture *f = *state = xcalloc(1, sizeof *f);
	testing_lists_init(&f->lists, "here.test");
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	testing_lists_done(&f->lists);
	free(f);
	return 0;
}

static int find(
	void *context, const struct local_query *query, struct arena *a, struct local_answer *out)
{
	struct fixture *f = context;
	struct err err;
	f->asked++;
	return f->fail ? f->fail : local_lists_find(f->lists.lists, query, a, out, &err);
}

static void judge(struct fixture *f, struct testing_judgement *j, const struct testing_case *c,
	const struct judge_destination *to, size_t n)
{
	struct local_source source = { find, f };
	testing_judge_init(j, c);
	j->message.facts.local = &source;
	j->message.facts.destinations = to;
	j->message.facts.destination_count = n;
	testing_judge_run(j);
	j->message.facts.local = NULL;
}

static bool has(str text, const char *what)
{
	return str_find(text, str_from_z(what)) >= 0;
}

/* ── One who gets it ──────────────────────────────────────────────────────────────────────── */

#define FROM(address) "From: " address "\r\nSubject: x\r\n\r\nx\r\n"
#define MODE(name, mode)                                                                           \
	"filter: { findings = ( { name = \"" name "\"; mode = \"" mode "\"; } ); };"

static const struct {
	const char *entries;
	struct testing_case mail;
	enum judge_action action;
	bool early;
	const char *finding; /* in the record; with '!' it is not there */
} rows[] = {
	{ "", { 0 }, JUDGE_ACCEPT, false, "!LOCAL_" },
	/* A row for each finding, and one beside it. */
	{ "-192.0.2.0/24", { 0 }, JUDGE_REJECT, true, "LOCAL_BLOCK_IP" },
	{ "-192.0.3.0/24", { 0 }, JUDGE_ACCEPT, false, "!LOCAL_" },
	{ "-a@away.test", { 0 }, JUDGE_REJECT, true, "LOCAL_BLOCK_ADDRESS" },
	{ "-b@away.test", { 0 }, JUDGE_ACCEPT, false, "!LOCAL_" },
	{ "-away.test", { 0 }, JUDGE_REJECT, true, "LOCAL_BLOCK_DOMAIN" },
	{ "-b.away.test", { 0 }, JUDGE_ACCEPT, false, "!LOCAL_" },
	{ "+192.0.2.1", { .message = "\r\nx\r\n" }, JUDGE_ACCEPT, false, "LOCAL_ALLOW_IP" },
	{ "+192.0.2.2", { 0 }, JUDGE_ACCEPT, false, "!LOCAL_" },
	{ "+a@away.test", { 0 }, JUDGE_ACCEPT, false, "LOCAL_ALLOW_ADDRESS" },
	{ "+b@away.test", { 0 }, JUDGE_ACCEPT, false, "!LOCAL_" },
	{ "+away.test", { 0 }, JUDGE_ACCEPT, false, "LOCAL_ALLOW_DOMAIN" },
	{ "+away.test", { .client = "192.0.2.9" }, JUDGE_JUNK, false, "LOCAL_ALLOW_UNPROVEN" },
	{ "+away.test", { .client = "192.0.2.9" }, JUDGE_JUNK, false, "!LOCAL_ALLOW_DOMAIN" },
	/* The author, who is known when the message is there. */
	{ "-x@stranger.test", { .message = FROM("x@stranger.test") }, JUDGE_REJECT, false,
		"LOCAL_BLOCK_ADDRESS" },
	{ "-stranger.test", { .message = FROM("a@b.test, <X@deep.Stranger.test>") }, JUDGE_REJECT,
		false, "LOCAL_BLOCK_DOMAIN" },
	{ "-stranger.test", { .message = FROM("stranger.test <x@b.test>") }, JUDGE_ACCEPT, false,
		"!LOCAL_" },
	/* Who shows to be the allowed one. */
	{ "-192.0.2.9 +football.example.com", { .client = "192.0.2.9", .message = SIGNED },
		JUDGE_ACCEPT, false, "LOCAL_ALLOW_DOMAIN" },
	{ "-192.0.2.9 +football.example.com",
		{ .client = "192.0.2.9", .message = SIGNED "More.\r\n" }, JUDGE_REJECT, false,
		"LOCAL_ALLOW_UNPROVEN" },
	{ "-192.0.2.9 +joe@football.example.com",
		{ .client = "192.0.2.9", .sender = "", .message = SIGNED }, JUDGE_ACCEPT, false,
		"LOCAL_ALLOW_ADDRESS" },
	{ "-192.0.2.9 +every.test", { .client = "192.0.2.9", .sender = "a@every.test" },
		JUDGE_REJECT, false, "LOCAL_ALLOW_UNPROVEN" },
	{ "-192.0.2.1 +deep.away.test", { .message = FROM("a@deep.away.test") }, JUDGE_ACCEPT,
		false, "LOCAL_ALLOW_DOMAIN" },
	{ "-192.0.2.1 +x.test", { .message = FROM("a@x.test") }, JUDGE_REJECT, false,
		"LOCAL_ALLOW_UNPROVEN" },
	/* What it overrides, and what not. */
	{ "+192.0.2.9", { .client = "192.0.2.9", .config = "auth: { spf_fail = \"reject\"; };" },
		JUDGE_ACCEPT, false, "SPF_FAIL" },
	{ "+192.0.2.1", { .config = MODE("SUBJECT_MISSING", "reject") }, JUDGE_ACCEPT, false,
		"SUBJECT_MISSING" },
	{ "+192.0.2.1",
		{ .message = FROM("a@away.test") "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-"
						 "UBE-TEST-EMAIL*C.34X\r\n" },
		JUDGE_REJECT, false, "GTUBE" },
	{ "+192.0.2.1",
		{ .config = MODE("ATTACHMENT_BLOCKED", "reject"),
			.message = "From: a@away.test\r\nMIME-Version: 1.0\r\nContent-Type: "
				   "application/octet-stream; name=a.exe\r\n\r\nx\r\n" },
		JUDGE_REJECT, false, "ATTACHMENT_BLOCKED" },
	/* Other modes and scores. */
	{ "-192.0.2.1", { .config = MODE("LOCAL_BLOCK_IP", "observe") }, JUDGE_ACCEPT, false,
		"LOCAL_BLOCK_IP" },
	{ "-192.0.2.1", { .config = MODE("LOCAL_BLOCK_IP", "off") }, JUDGE_ACCEPT, false,
		"!LOCAL_BLOCK_IP" },
	{ "-192.0.2.1",
		{ .config = "filter: { findings = ( { name = \"LOCAL_BLOCK_IP\"; mode = \"score\"; "
			    "score = 8.0; } ); };" },
		JUDGE_JUNK, false, "LOCAL_BLOCK_IP" },
	{ "+192.0.2.9",
		{ .client = "192.0.2.9",
			.config = "auth: { spf_fail = \"reject\"; };" MODE(
				"LOCAL_ALLOW_IP", "observe") },
		JUDGE_REJECT, false, "LOCAL_ALLOW_IP" },
	/* Of one domain of ours. */
	{ "here.test-away.test", { .domain = "here.test" }, JUDGE_REJECT, true, "LOCAL_" },
	{ "here.test-away.test", { .domain = "there.test" }, JUDGE_ACCEPT, false, "!LOCAL_" },
	{ "-away.test here.test+192.0.2.1", { .domain = "here.test" }, JUDGE_ACCEPT, false,
		"LOCAL_ALLOW_IP" },
	/* It may be the allowed one: the DNS does not tell. */
	{ "-192.0.2.1 +slow.test",
		{ .dns = "slow.test TXT !timeout\n" DNS, .sender = "a@slow.test" }, JUDGE_TEMPFAIL,
		false, "LOCAL_ALLOW_UNPROVEN" },
};

static void what_becomes_of_it(void **state)
{
	struct fixture *f = *state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct testing_judgement j;
		struct testing_case c = rows[i].mail;
		c.dns = c.dns ? c.dns : DNS;
		testing_lists_put(&f->lists, rows[i].entries);
		judge(f, &j, &c, NULL, 0);
		const char *finding = rows[i].finding;
		bool there = has(j.verdict.record, finding[0] == '!' ? finding + 1 : finding);
		if (j.verdict.action != rows[i].action || (j.early.code != 0) != rows[i].early ||
			there != (finding[0] != '!'))
			fail_msg("row %zu: %s: %s%s, %.*s", i, rows[i].entries,
				judge_action_name(j.verdict.action), j.early.code ? ", early" : "",
				STR_ARG(j.verdict.record));
		/* What is told outside. */
		assert_false(has(j.verdict.reply.text, "secret"));
		assert_false(has(j.early.text, "secret"));
		assert_false(has(j.verdict.fields, "secret"));
		assert_false(has(j.verdict.reply.text, "/24"));
		testing_judge_done(&j);
		testing_lists_empty(&f->lists);
	}
}

/* From is asked about only where entries are about senders. */
static void questions(void **state)
{
	struct fixture *f = *state;
	struct testing_judgement j;
	testing_lists_put(&f->lists, "-10.0.0.0/8");
	judge(f, &j, &(struct testing_case){ .dns = DNS }, NULL, 0);
	assert_int_equal(f->asked, 1);
	testing_judge_done(&j);
	testing_lists_put(&f->lists, "-x.test");
	f->asked = 0;
	judge(f, &j, &(struct testing_case){ .dns = DNS }, NULL, 0);
	assert_int_equal(f->asked, 2);
	testing_judge_done(&j);
}

static void without_the_directory(void **state)
{
	struct fixture *f = *state;
	struct testing_judgement j;
	f->fail = -ECONNRESET;
	judge(f, &j, &(struct testing_case){ .dns = DNS }, NULL, 0);
	assert_int_equal(j.early.code, 0);
	assert_int_equal(j.verdict.action, JUDGE_TEMPFAIL);
	assert_int_equal(j.verdict.reply.code, 451);
	assert_int_equal(f->asked, 2); /* it is asked again when the message is there */
	testing_judge_done(&j);
}

/* ── Several who get it ───────────────────────────────────────────────────────────────────── */

#define ALICE                                                                                      \
	{                                                                                          \
		.account = 1, .recipient = { "alice@here.test", 15 }                               \
	}
#define BOB(junk, reject)                                                                          \
	{                                                                                          \
		.account = 2, .recipient = { "bob@here.test", 13 }, .junk_at = junk,               \
		.reject_at = reject                                                                \
	}

static const struct {
	const char *entries;
	struct judge_destination to[2];
	double score; /* of SUBJECT_MISSING, beside which nothing counts */
	enum judge_action whole, alice, bob;
} several[] = {
	{ "", { ALICE, BOB(0, 0) }, 0, JUDGE_ACCEPT, JUDGE_ACCEPT, JUDGE_ACCEPT },
	{ "", { ALICE, BOB(3, 0) }, 4, JUDGE_ACCEPT, JUDGE_ACCEPT, JUDGE_JUNK },
	{ "", { ALICE, BOB(7, 0) }, 6, JUDGE_ACCEPT, JUDGE_JUNK, JUDGE_ACCEPT },
	{ "", { ALICE, BOB(3, 0) }, 6, JUDGE_JUNK, JUDGE_JUNK, JUDGE_JUNK },
	{ "", { ALICE, BOB(0, 3) }, 4, JUDGE_ACCEPT, JUDGE_ACCEPT, JUDGE_JUNK },
	{ "", { ALICE, BOB(0, 3) }, 6, JUDGE_JUNK, JUDGE_JUNK, JUDGE_JUNK },
	{ "", { ALICE, BOB(0, 3) }, 20, JUDGE_REJECT, JUDGE_REJECT, JUDGE_REJECT },
	{ "", { ALICE, BOB(0, 100) }, 20, JUDGE_JUNK, JUDGE_JUNK, JUDGE_JUNK },
	{ "#2-away.test", { ALICE, BOB(0, 0) }, 0, JUDGE_ACCEPT, JUDGE_ACCEPT, JUDGE_JUNK },
	{ "#1-away.test #2-192.0.2.1", { ALICE, BOB(0, 0) }, 0, JUDGE_REJECT, 0, 0 },
	{ "#2+192.0.2.1", { ALICE, BOB(0, 0) }, 20, JUDGE_ACCEPT, JUDGE_JUNK, JUDGE_ACCEPT },
	{ "-away.test #2+192.0.2.1", { ALICE, BOB(0, 0) }, 0, JUDGE_ACCEPT, JUDGE_JUNK,
		JUDGE_ACCEPT },
	{ "here.test-away.test", { ALICE, BOB(0, 0) }, 0, JUDGE_REJECT, 0, 0 },
	{ "here.test-away.test #1+192.0.2.1 #2+192.0.2.1", { ALICE, BOB(0, 0) }, 0, JUDGE_ACCEPT,
		JUDGE_ACCEPT, JUDGE_ACCEPT },
};

static void audiences(void **state)
{
	struct fixture *f = *state;
	for (size_t i = 0; i < ARRAY_LEN(several); i++) {
		struct testing_judgement j;
		char config[200];
		snprintf(config, sizeof config,
			"filter: { findings = ( { name = \"SUBJECT_MISSING\"; score = %.1f; } ); "
			"};",
			several[i].score);
		testing_lists_put(&f->lists, several[i].entries);
		judge(f, &j,
			&(struct testing_case){ .dns = DNS,
				.config = config,
				.message = "From: a@away.test\r\nDate: Tue, 14 Nov 2023 22:00:00 "
					   "+0000\r\nMessage-ID: <1@a.test>\r\nTo: "
					   "a@a.test\r\n\r\nx\r\n" },
			several[i].to, 2);
		const struct verdict *v = &j.verdict;
		enum judge_action alice = v->own_count ? v->actions[0] : v->action;
		enum judge_action bob = v->own_count ? v->actions[1] : v->action;
		bool refused = several[i].whole == JUDGE_REJECT;
		if (v->action != several[i].whole || (!refused && alice != several[i].alice) ||
			(!refused && bob != several[i].bob) || (v->reply.code != 0) != refused)
			fail_msg("row %zu: %s, %s, %s: %.*s", i, judge_action_name(v->action),
				judge_action_name(alice), judge_action_name(bob),
				STR_ARG(v->record));
		for (size_t k = 0; k < 2 && v->own_count; k++)
			assert_int_equal(has(v->own_fields[v->own[k]], "X-Spam-Flag: YES"),
				(k ? bob : alice) != JUDGE_ACCEPT);
		assert_int_equal(has(v->fields, "X-Spam-Status"), v->own_count == 0);
		testing_judge_done(&j);
		testing_lists_empty(&f->lists);
	}
}

/* Of another's block nothing stands in one's own copy. */
static void fields_are_ones_own(void **state)
{
	struct fixture *f = *state;
	struct testing_judgement j;
	const struct judge_destination to[] = { ALICE, BOB(4, 0) };
	testing_lists_put(&f->lists, "#2-away.test");
	judge(f, &j, &(struct testing_case){ .dns = DNS }, to, 2);
	const struct verdict *v = &j.verdict;
	assert_int_equal(v->own_count, 2);
	assert_false(has(v->own_fields[v->own[0]], "LOCAL_BLOCK_DOMAIN"));
	assert_true(has(v->own_fields[v->own[0]], "required=5.0"));
	assert_true(has(v->own_fields[v->own[1]], "LOCAL_BLOCK_DOMAIN"));
	assert_true(has(v->own_fields[v->own[1]], "required=4.0"));
	assert_true(has(v->record, "\"for\":\"bob@here.test\""));
	assert_true(has(v->record, "\"comment\":\"secret\""));
	testing_judge_done(&j);
}

/* However many there are, there is an end to what is kept of them. */
static void many_audiences(void **state)
{
	enum { N = 2000 };
	struct fixture *f = *state;
	struct testing_judgement j;
	struct judge_destination *to = xcalloc(N, sizeof *to);
	for (size_t i = 0; i < N; i++)
		to[i] = (struct judge_destination){ .account = i + 1,
			.recipient = STR("all@here.test"),
			.junk_at = 1 + (double)i / 10 };
	testing_lists_put(&f->lists, "#2-away.test");
	judge(f, &j, &(struct testing_case){ .dns = DNS }, to, N);
	assert_in_range(j.verdict.own_count, 30, 48);
	assert_int_equal(j.verdict.actions[1], JUDGE_JUNK);
	assert_int_equal(j.verdict.actions[N - 1], JUDGE_ACCEPT);
	assert_true(j.verdict.record.n < JUDGE_RECORD_MAX);
	testing_judge_done(&j);
	free(to);
}

/* ── The answer of the directory ──────────────────────────────────────────────────────────── */

static const struct directory_listed_reply reply;

static int answer(struct task *t, void *self, const struct directory_listed_request *in,
	struct arena *a, struct directory_listed_reply *out)
{
	*out = *(struct directory_listed_reply *)self;
	return 0;
}

static void answers_that_cannot_be(void **state)
{
	static const struct directory_ops ops = { .listed = answer };
	static const str text[] = { { "x", 1 } };
	static const struct {
		uint64_t list, kind, thing;
		size_t kinds;
		int rc;
	} cases[] = { { 1, 1, 0, 1, 0 }, { 2, 3, 1, 1, 0 }, { 0, 1, 0, 1, -EBADMSG },
		{ 3, 1, 0, 1, -EBADMSG }, { 1, 0, 0, 1, -EBADMSG }, { 1, 4, 0, 1, -EBADMSG },
		{ 1, 1, 2, 1, -EBADMSG }, { 1, 1, 0, 0, -EBADMSG } };
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct directory_listed_reply said = reply;
		said.lists = (struct ipc_u64s){ &cases[i].list, 1 };
		said.kinds = (struct ipc_u64s){ &cases[i].kind, cases[i].kinds };
		said.things = (struct ipc_u64s){ &cases[i].thing, 1 };
		said.in = said.owners = said.subjects = said.comments =
			(struct ipc_strs){ text, 1 };
		struct directory_calls calls = { &ops, &said };
		struct local_asker asker = { NULL, &calls };
		struct local_source source = local_source_over(&asker);
		struct arena a CLEANUP(arena_done) = ARENA_INIT(65536);
		struct local_query query = { .senders = text, .sender_count = 1 };
		struct local_answer out;
		assert_int_equal(source.find(source.context, &query, &a, &out), cases[i].rc);
		if (cases[i].rc == 0)
			assert_true(out.n == 1 && out.matches[0].thing == cases[i].thing);
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = { T(what_becomes_of_it), T(questions),
		T(without_the_directory), T(audiences), T(fields_are_ones_own), T(many_audiences),
		cmocka_unit_test(answers_that_cannot_be) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
