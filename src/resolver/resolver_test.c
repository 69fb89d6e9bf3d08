#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "resolver/resolver.h"
#include "resolver/resolver_dns.h"
#include "resolver/resolver_testing.h"

#include <errno.h>
#include <stdlib.h>

static const struct log no_log;

struct stage {
	struct fake_server fake;
	struct loop *loop;
	struct resolver *resolver;
	struct resolver_calls calls;
	unsigned left; /* tasks */
};

static void stage_open(struct stage *s, const char *settings)
{
	struct err err = { "" };
	*s = (struct stage){ 0 };
	fake_start(&s->fake);
	s->loop = loop_new(&no_log);
	const struct config *config = fake_config(&s->fake, settings);
	s->resolver = resolver_new(s->loop, &no_log, config, &err);
	config_unref(config);
	if (!s->resolver)
		fail_msg("%s", err.text);
	s->calls = resolver_local(s->resolver);
}

static void stage_close(struct stage *s)
{
	resolver_free(s->resolver);
	loop_finish(s->loop);
	loop_free(s->loop);
	fake_stop(&s->fake);
}

static struct resolver_statistics_reply counts(struct stage *s)
{
	struct resolver_statistics_request request = { 0 };
	struct resolver_statistics_reply reply = { 0 };
	/* It does not wait. */
	assert_int_equal(resolver_statistics(NULL, &s->calls, &request, NULL, &reply), 0);
	return reply;
}

/* One look-up, by a task of its own. */
struct ask {
	struct stage *stage;
	const char *name;
	enum dns_type type;
	int64_t timeout; /* 0: the configured one */
	bool done;
	struct task *task;
	int rc;
	struct resolver_lookup_reply reply;
	struct arena arena;
};

static void run_ask(struct task *t, void *arg)
{
	struct ask *a = arg;
	struct resolver_lookup_request request = { .type = a->type ? a->type : DNS_TYPE_A,
		.name = str_from_z(a->name),
		.timeout = (uint64_t)a->timeout };
	a->arena = ARENA_INIT(1024 * 1024);
	a->rc = resolver_lookup(t, &a->stage->calls, &request, &a->arena, &a->reply);
	a->done = true;
	a->task = NULL;
	if (--a->stage->left == 0)
		loop_stop(a->stage->loop);
}

static void ask_start(struct stage *s, struct ask *a)
{
	a->stage = s;
	s->left++;
	assert_int_equal(task_start(s->loop, run_ask, a, &a->task), 0);
}

/* Runs until all tasks have ended. */
static void ask_all(struct stage *s, struct ask *asks, size_t n)
{
	for (size_t i = 0; i < n; i++)
		ask_start(s, &asks[i]);
	loop_run(s->loop);
}

static void ask_done(struct ask *asks, size_t n)
{
	for (size_t i = 0; i < n; i++)
		arena_done(&asks[i].arena);
}

/* ── Tests ────────────────────────────────────────────────────────────────────────────────── */

static void local_records(void **state)
{
	static const struct {
		enum dns_type type;
		const char *name;
		enum dns_status status;
		const char *rdata; /* of the only record */
		size_t n;
	} cases[] = {
		{ DNS_TYPE_A, "mx.here.example", DNS_FOUND, "\300\0\2\7", 4 },
		{ DNS_TYPE_A, "MX.Here.Example", DNS_FOUND, "\300\0\2\7", 4 },
		{ DNS_TYPE_MX, "here.example", DNS_FOUND, "\0\12\2mx\4here\7example\0", 19 },
		{ DNS_TYPE_TXT, "here.example", DNS_FOUND, "\6v=spf1\1x", 9 },
		{ DNS_TYPE_TLSA, "_25._tcp.mx.here.example", DNS_FOUND, "\3\1\1\253", 4 },
		{ DNS_TYPE_AAAA, "mx.here.example", DNS_NODATA, NULL, 0 },
		{ DNS_TYPE_A, "not.here.example", DNS_NXDOMAIN, NULL, 0 },
		/* Over what the DNS has; and beside it. */
		{ DNS_TYPE_A, "over.example.org", DNS_FOUND, "\300\0\2\11", 4 },
		{ DNS_TYPE_A, "www.example.org", DNS_FOUND, "\300\0\2\1", 4 },
	};
	struct stage s;
	stage_open(&s, "local_zones = [ \"here.example\" ]; records = ["
		       "\"mx.here.example A 192.0.2.7\", \"here.example 60 MX 10 mx.here.example\","
		       "\"here.example TXT v=spf1 x\", \"_25._tcp.mx.here.example TLSA 3 1 1 ab\","
		       "\"over.example.org A 192.0.2.9\" ];");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ask a = { .name = cases[i].name, .type = cases[i].type };
		ask_all(&s, &a, 1);
		assert_int_equal(a.rc, 0);
		if (a.reply.status != cases[i].status)
			fail_msg("%s: %s", cases[i].name, dns_status_name(a.reply.status));
		assert_int_equal(a.reply.rdata.n, cases[i].rdata != NULL);
		if (cases[i].rdata)
			assert_true(str_equal(
				a.reply.rdata.v[0], str_from(cases[i].rdata, cases[i].n)));
		assert_false(a.reply.secure);
		ask_done(&a, 1);
	}
	stage_close(&s);
}

static void names_that_cannot_be(void **state)
{
	char long_name[300];
	snprintf(long_name, sizeof long_name, "%063d.%063d.%063d.%062d", 0, 0, 0, 0);
	const char *const names[] = { "a..b", ".a", "a.", "b\303\274cher.example", "a\\032b",
		"a\nb", long_name };
	struct stage s;
	stage_open(&s, "");
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct ask a = { .name = names[i] };
		ask_all(&s, &a, 1);
		assert_int_equal(a.rc, 0);
		assert_int_equal(a.reply.status, DNS_NXDOMAIN);
		assert_true(a.reply.why.n > 0);
		ask_done(&a, 1);
	}
	struct ask a = { .name = "example.org", .type = (enum dns_type)48 };
	ask_all(&s, &a, 1);
	assert_int_equal(a.reply.status, DNS_TEMPORARY);
	ask_done(&a, 1);
	assert_int_equal(s.fake.asked, 0);
	stage_close(&s);
}

static void the_root(void **state)
{
	struct stage s;
	stage_open(&s, "");
	struct ask a = { .name = "" };
	ask_all(&s, &a, 1);
	assert_int_equal(a.reply.status, DNS_FOUND);
	ask_done(&a, 1);
	stage_close(&s);
}

static void answers_are_kept(void **state)
{
	struct stage s;
	stage_open(&s, "");
	for (int i = 0; i < 3; i++) {
		struct ask a = { .name = i % 2 ? "WWW.example.org" : "www.example.org" };
		ask_all(&s, &a, 1);
		assert_int_equal(a.reply.status, DNS_FOUND);
		assert_in_range(a.reply.ttl, 200, 300); /* what is left of it */
		ask_done(&a, 1);
	}
	assert_int_equal(s.fake.asked, 1);
	assert_int_equal(counts(&s).lookups, 3);
	assert_int_equal(counts(&s).failed, 0);
	stage_close(&s);
}

static void failures_are_temporary(void **state)
{
	struct stage s;
	stage_open(&s, "");
	struct ask asks[] = { { .name = "fail.example.org" },
		{ .name = "silent.example.org", .timeout = MILLISECONDS(50) } };
	ask_all(&s, asks, ARRAY_LEN(asks));
	for (size_t i = 0; i < ARRAY_LEN(asks); i++) {
		assert_int_equal(asks[i].rc, 0);
		assert_int_equal(asks[i].reply.status, DNS_TEMPORARY);
		assert_int_equal(asks[i].reply.rdata.n, 0);
	}
	assert_true(str_starts(asks[0].reply.why, STR("SERVFAIL")));
	assert_true(str_equal(asks[1].reply.why, STR("no answer within 50 ms")));
	assert_int_equal(counts(&s).failed, 2);
	assert_int_equal(counts(&s).waiting, 0);
	/* The question itself goes on. */
	assert_int_equal(counts(&s).open, 1);
	ask_done(asks, ARRAY_LEN(asks));
	/* What is remembered of a failure says the same. */
	struct ask again = { .name = "fail.example.org" };
	ask_all(&s, &again, 1);
	assert_int_equal(again.reply.status, DNS_TEMPORARY);
	assert_true(str_starts(again.reply.why, STR("SERVFAIL")));
	ask_done(&again, 1);
	stage_close(&s);
}

static void the_same_question_is_asked_once(void **state)
{
	struct stage s;
	struct ask asks[20];
	stage_open(&s, "");
	for (size_t i = 0; i < ARRAY_LEN(asks); i++)
		asks[i] = (struct ask){ .name = i % 2 ? "www.example.org" : "WWW.Example.org" };
	ask_all(&s, asks, ARRAY_LEN(asks));
	for (size_t i = 0; i < ARRAY_LEN(asks); i++) {
		assert_int_equal(asks[i].reply.status, DNS_FOUND);
		assert_true(str_equal(asks[i].reply.rdata.v[0], str_from("\300\0\2\1", 4)));
	}
	assert_int_equal(counts(&s).joined, ARRAY_LEN(asks) - 1);
	assert_int_equal(counts(&s).open, 0);
	ask_done(asks, ARRAY_LEN(asks));
	stage_close(&s);
}

/* Some give up, some are cancelled, the others get the answer. */
static void callers_leave_one_by_one(void **state)
{
	struct stage s;
	struct ask asks[9];
	stage_open(&s, "");
	s.fake.held = true;
	for (size_t i = 0; i < ARRAY_LEN(asks); i++) {
		asks[i] = (struct ask){ .name = "held.example.org" };
		asks[i].timeout = i % 3 == 0 ? MILLISECONDS(1 + (int64_t)i) : 0;
		ask_start(&s, &asks[i]);
	}
	struct ask last = { .name = "silent.example.org", .timeout = MILLISECONDS(30) };
	s.left = 4; /* the three impatient ones, and this */
	ask_start(&s, &last);
	s.left = 4;
	loop_run(s.loop);
	for (size_t i = 1; i < ARRAY_LEN(asks); i += 3)
		task_cancel(asks[i].task);
	s.left = 6;
	s.fake.held = false;
	loop_run(s.loop);
	for (size_t i = 0; i < ARRAY_LEN(asks); i++) {
		assert_true(asks[i].done);
		assert_int_equal(asks[i].rc, i % 3 == 1 ? -ECANCELED : 0);
		if (i % 3 != 1)
			assert_int_equal(asks[i].reply.status, i % 3 ? DNS_FOUND : DNS_TEMPORARY);
	}
	ask_done(asks, ARRAY_LEN(asks));
	ask_done(&last, 1);
	stage_close(&s);
}

static void questions_are_bounded(void **state)
{
	char names[15][32];
	struct ask asks[15] = { 0 };
	struct stage s;
	stage_open(&s, "max_concurrent = 10; timeout = \"200ms\";");
	for (size_t i = 0; i < ARRAY_LEN(asks); i++) {
		snprintf(names[i], sizeof names[i], "silent%zu.example.org", i);
		asks[i].name = names[i];
	}
	ask_all(&s, asks, ARRAY_LEN(asks));
	for (size_t i = 0; i < ARRAY_LEN(asks); i++) {
		assert_int_equal(asks[i].reply.status, DNS_TEMPORARY);
		assert_true(
			str_starts(asks[i].reply.why, i < 10 ? STR("no answer") : STR("too many")));
	}
	assert_int_equal(counts(&s).refused, 5);
	/* Their callers have gone, the questions have not. */
	struct ask again = { .name = "www.example.org" };
	ask_all(&s, &again, 1);
	assert_true(str_starts(again.reply.why, STR("too many")));
	ask_done(asks, ARRAY_LEN(asks));
	ask_done(&again, 1);
	stage_close(&s);
}

/* As many as are allowed, all for one name. */
static void callers_are_bounded(void **state)
{
	struct ask asks[12] = { 0 };
	struct stage s;
	stage_open(&s, "max_concurrent = 10; timeout = \"100ms\";");
	for (size_t i = 0; i < ARRAY_LEN(asks); i++)
		asks[i].name = "silent.example.org";
	ask_all(&s, asks, ARRAY_LEN(asks));
	assert_int_equal(counts(&s).joined, 9);
	assert_int_equal(counts(&s).refused, 2);
	ask_done(asks, ARRAY_LEN(asks));
	stage_close(&s);
}

static int reconfigure(struct stage *s, const char *settings, struct err *err)
{
	const struct config *config = fake_config(&s->fake, settings);
	int rc = resolver_reconfigure(s->resolver, config, err);
	config_unref(config);
	return rc;
}

static void a_new_configuration(void **state)
{
	struct err err = { "" };
	struct stage s;
	stage_open(&s, "");
	s.fake.held = true;
	struct ask before = { .name = "held.example.org" }, after = { .name = "held.example.org" };
	struct ask silent = { .name = "silent.example.org", .timeout = MILLISECONDS(20) };
	ask_start(&s, &before);
	ask_start(&s, &silent);
	s.left = 1;
	loop_run(s.loop); /* until `silent` has ended: both are asked */
	assert_int_equal(
		reconfigure(&s, "records = [ \"held.example.org A 192.0.2.7\" ];", &err), 0);
	s.left = 0;
	ask_all(&s, &after, 1);
	assert_false(before.done);
	assert_true(str_equal(after.reply.rdata.v[0], str_from("\300\0\2\7", 4)));
	s.fake.held = false;
	s.left = 1;
	loop_run(s.loop);
	assert_true(before.done);
	assert_int_equal(before.reply.status, DNS_FOUND);
	assert_true(str_equal(before.reply.rdata.v[0], str_from("\300\0\2\1", 4)));
	ask_done(&before, 1);
	ask_done(&after, 1);
	ask_done(&silent, 1);
	stage_close(&s);
}

static void the_same_configuration_keeps_the_cache(void **state)
{
	struct err err = { "" };
	struct stage s;
	stage_open(&s, "");
	for (int i = 0; i < 2; i++) {
		struct ask a = { .name = "www.example.org" };
		ask_all(&s, &a, 1);
		assert_int_equal(a.reply.status, DNS_FOUND);
		ask_done(&a, 1);
		assert_int_equal(reconfigure(&s, "timeout = \"1s\";", &err), 0);
	}
	assert_int_equal(s.fake.asked, 1);
	stage_close(&s);
}

/* ── Trust anchors ────────────────────────────────────────────────────────────────────────── */

#define DIGEST "E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D"

static const struct {
	const char *text;
	bool right;
} anchors[] = {
	{ "; of the root\n\n. IN DS 20326 8 2 " DIGEST " ; 2017\n", true },
	{ "example.org.\t3600\tIN\tDS\t20326\t8\t2\t" DIGEST, true },
	{ "", false },
	{ "; nothing\n", false },
	{ "example.org. DS 1 8 2\n", false },
	{ "example.org. A 192.0.2.1 1 2 3 4\n", false },
	{ "DS 1 8 2 " DIGEST "\n", false },
	{ ". DS 1 8 2 zz\n", false },
	{ "rubbish\n", false },
};

static void trust_anchors(void **state)
{
	char path[] = "/tmp/postern-anchor.XXXXXX", settings[200];
	struct err err = { "" };
	struct stage s;
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	snprintf(settings, sizeof settings, "dnssec = true; trust_anchor = \"%s\";", path);
	stage_open(&s, "");
	for (size_t i = 0; i < ARRAY_LEN(anchors); i++) {
		assert_int_equal(ftruncate(fd, 0), 0);
		size_t n = strlen(anchors[i].text);
		assert_int_equal(pwrite(fd, anchors[i].text, n, 0), n);
		char text[600];
		snprintf(text, sizeof text,
			"hostname = \"mx.example.org\"; data_dir = \"/nowhere\";"
			"resolver: { forward = [ \"127.0.0.1:%u\" ]; %s };",
			s.fake.port, settings);
		const struct config *config =
			config_parse(str_from_z(text), STR("test.conf"), STR("/"), &err);
		assert_non_null(config);
		int rc = resolver_reconfigure(s.resolver, config, &err);
		if (rc != (anchors[i].right ? 0 : -EINVAL))
			fail_msg("anchors %zu: %d %s", i, rc, err.text);
		if (rc < 0)
			assert_non_null(strstr(err.text, "trust_anchor"));
		config_unref(config);
	}
	/* The last right one holds: example.org is signed, they say, and is not. */
	struct ask a = { .name = "www.example.org" };
	ask_all(&s, &a, 1);
	assert_int_equal(a.reply.status, DNS_BOGUS);
	assert_non_null(strstr(arena_str_z(&a.arena, a.reply.why), "example.org"));
	ask_done(&a, 1);
	stage_close(&s);
	close(fd);
	unlink(path);
}

/* ── As src/mailauth sees it ──────────────────────────────────────────────────────────────── */

struct library_test {
	struct stage *stage;
	int64_t patience;
	const char *name;
	struct dns_answer answer;
	struct arena arena;
};

static void run_library(struct task *t, void *arg)
{
	struct library_test *l = arg;
	struct resolver_asker asker = {
		.t = t, .calls = &l->stage->calls, .deadline = task_deadline(t, l->patience)
	};
	struct dns dns = resolver_dns(&asker);
	assert_true(dns.now(dns.context) == task_now(t));
	dns_lookup(&dns, DNS_TYPE_A, str_from_z(l->name), &l->arena, &l->answer);
	loop_stop(l->stage->loop);
}

static void the_library_asks(void **state)
{
	static const struct {
		const char *name;
		int64_t patience;
		enum dns_status status;
		const char *why;
	} cases[] = { { "www.example.org", NEVER, DNS_FOUND, "" },
		{ "www.example.org", SECONDS(60), DNS_FOUND, "" },
		{ "www.example.org", 0, DNS_TEMPORARY, "no time is left" },
		{ "fail.example.org", NEVER, DNS_TEMPORARY,
			"SERVFAIL: no name server gives a usable answer" },
		{ "silent.example.org", MILLISECONDS(50), DNS_TEMPORARY, NULL } };
	struct stage s;
	stage_open(&s, "");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct library_test l = { .stage = &s,
			.patience = cases[i].patience,
			.name = cases[i].name,
			.arena = ARENA_INIT(65536) };
		assert_int_equal(task_start(s.loop, run_library, &l, NULL), 0);
		loop_run(s.loop);
		assert_int_equal(l.answer.status, cases[i].status);
		assert_int_equal(l.answer.n, cases[i].status == DNS_FOUND);
		if (cases[i].why)
			assert_true(str_equal(l.answer.why, str_from_z(cases[i].why)));
		arena_done(&l.arena);
	}
	stage_close(&s);
}

/* ── Replies that no resolver sends ───────────────────────────────────────────────────────── */

struct scripted {
	int rc;
	struct resolver_lookup_reply reply;
};

static int scripted_lookup(struct task *t, void *self, const struct resolver_lookup_request *in,
	struct arena *a, struct resolver_lookup_reply *out)
{
	const struct scripted *s = self;
	*out = s->reply;
	return s->rc;
}

static void run_scripted(struct task *t, void *arg)
{
	static const str short_address = { "\300\0\2", 3 };
	static const struct resolver_ops ops = { .lookup = scripted_lookup };
	struct scripted cases[] = {
		{ -ECONNRESET, { 0 } },
		{ -ETIMEDOUT, { 0 } },
		{ -ECANCELED, { 0 } },
		{ -EBADMSG, { 0 } },
		{ 0, { .status = 77 } },
		{ 0, { .status = DNS_TEMPORARY, .why = STR("why") } },
		{ 0, { .status = DNS_FOUND, .secure = true, .rdata = { &short_address, 1 } } },
	};
	struct stage *s = arg;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena a CLEANUP(arena_done) = ARENA_INIT(4096);
		struct resolver_calls calls = { &ops, &cases[i] };
		struct resolver_asker asker = { .t = t, .calls = &calls, .deadline = NEVER };
		struct dns dns = resolver_dns(&asker);
		struct dns_answer answer;
		dns_lookup(&dns, DNS_TYPE_A, STR("example.org"), &a, &answer);
		assert_int_equal(answer.status, DNS_TEMPORARY);
		assert_int_equal(answer.n, 0);
		assert_false(answer.secure);
		assert_int_equal(answer.why.n > 0, cases[i].reply.status != 77);
		assert_int_equal(asker.lookups, 1);
	}
	loop_stop(s->loop);
}

static void whatever_fails_is_temporary(void **state)
{
	struct stage s = { .loop = loop_new(&no_log) };
	assert_int_equal(task_start(s.loop, run_scripted, &s, NULL), 0);
	loop_run(s.loop);
	loop_finish(s.loop);
	loop_free(s.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(local_records),
		cmocka_unit_test(names_that_cannot_be),
		cmocka_unit_test(the_root),
		cmocka_unit_test(answers_are_kept),
		cmocka_unit_test(failures_are_temporary),
		cmocka_unit_test(the_same_question_is_asked_once),
		cmocka_unit_test(callers_leave_one_by_one),
		cmocka_unit_test(questions_are_bounded),
		cmocka_unit_test(callers_are_bounded),
		cmocka_unit_test(a_new_configuration),
		cmocka_unit_test(the_same_configuration_keeps_the_cache),
		cmocka_unit_test(trust_anchors),
		cmocka_unit_test(the_library_asks),
		cmocka_unit_test(whatever_fails_is_temporary),
	};
	return cmocka_run_group_tests_name("resolver", tests, NULL, NULL);
}
