/*
 * Messages, servers that fail in each way, turns, and what is known already; over a real loop, with
 * a clamd in a thread.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "antivirus/antivirus_testing.h"
#include "mailauth/dns.h"

#include <errno.h>
#include <sys/mman.h>

static const struct log no_log;

enum { FAKES = 2 };

struct stage {
	struct fake_clamd fakes[FAKES];
	size_t fake_count;
	const char *host; /* of the fakes, as the configuration has it */
	struct resolver_calls resolver;
	unsigned lookups;
	struct loop *loop;
	struct antivirus *antivirus;
	struct antivirus_calls calls;
	unsigned left;       /* tasks */
	unsigned release_at; /* so many are left: what is held may go on */
};

static const struct config *config_of(const struct stage *s, const char *settings)
{
	char text[1024];
	struct err err = { "" };
	int n = snprintf(
		text, sizeof text, "hostname = \"mx.example.org\"; antivirus: { servers = [ ");
	for (size_t i = 0; i < s->fake_count; i++)
		n += snprintf(text + n, sizeof text - (size_t)n, "%s\"%s:%u\"", i ? ", " : "",
			s->host, s->fakes[i].port);
	snprintf(text + n, sizeof text - (size_t)n, " ]; %s };", settings);
	const struct config *config =
		config_parse(str_from_z(text), STR("test.conf"), STR("/"), &err);
	if (!config)
		fail_msg("%s", err.text);
	return config;
}

/* clamd.test is here, gone.test does not exist, and others do not answer. */
static int lookup(struct task *t, void *self, const struct resolver_lookup_request *in,
	struct arena *a, struct resolver_lookup_reply *out)
{
	static const str addresses[] = { { "\x7f\0\0\1", 4 } };
	struct stage *s = self;
	s->lookups++;
	out->status = DNS_TEMPORARY;
	out->why = STR("SERVFAIL");
	if (str_equal(in->name, STR("gone.test")))
		out->status = DNS_NXDOMAIN;
	if (!str_equal(in->name, STR("clamd.test")))
		return 0;
	out->status = in->type == DNS_TYPE_A ? DNS_FOUND : DNS_NODATA;
	out->rdata = (struct ipc_strs){ addresses, ARRAY_LEN(addresses) };
	return 0;
}

static const struct resolver_ops resolver_functions = { .lookup = lookup };

static void stage_open_at(struct stage *s, const char *host, size_t fakes, const char *settings)
{
	memset(s, 0, sizeof *s);
	s->fake_count = fakes;
	s->host = host;
	s->resolver = (struct resolver_calls){ &resolver_functions, s };
	for (size_t i = 0; i < fakes; i++)
		fake_start(&s->fakes[i]);
	s->loop = loop_new(&no_log);
	const struct config *config = config_of(s, settings);
	assert_int_equal(antivirus_new(s->loop, &no_log, config, &s->resolver, &s->antivirus), 0);
	config_unref(config);
	s->calls = antivirus_local(s->antivirus);
}

static void stage_open(struct stage *s, size_t fakes, const char *settings)
{
	stage_open_at(s, "127.0.0.1", fakes, settings);
}

static void stage_close(struct stage *s)
{
	loop_finish(s->loop);
	antivirus_free(s->antivirus);
	loop_free(s->loop);
	for (size_t i = 0; i < s->fake_count; i++) {
		fake_stop(&s->fakes[i]);
		fake_done(&s->fakes[i]);
	}
}

/* One message, by a task of its own. */
struct ask {
	struct stage *stage;
	str content;
	bool file;      /* as a descriptor */
	uint64_t extra; /* bytes that are not there */
	int rc;
	struct antivirus_scan_reply reply;
	struct arena arena;
};

static str digest_of(str content, char out[static 32])
{
	memset(out, 'd', 32);
	memcpy(out, content.p, MIN(content.n, (size_t)32));
	return str_from(out, 32);
}

static void run_ask(struct task *t, void *arg)
{
	struct ask *a = arg;
	char digest[32];
	struct antivirus_scan_request request = { .id = STR("0123456789"),
		.digest = digest_of(a->content, digest),
		.content = a->file ? STR_EMPTY : a->content,
		.message = -1,
		.size = a->content.n + a->extra };
	if (a->file) {
		request.message = memfd_create("spool", MFD_CLOEXEC);
		assert_int_equal(write(request.message, a->content.p, a->content.n), a->content.n);
	}
	a->arena = ARENA_INIT(65536);
	a->rc = antivirus_scan(t, &a->stage->calls, &request, &a->arena, &a->reply);
	if (a->file)
		close(request.message);
	if (--a->stage->left == 0)
		loop_stop(a->stage->loop);
	else if (a->stage->left == a->stage->release_at)
		fake_release(&a->stage->fakes[0]);
}

static void ask_start(struct stage *s, struct ask *a)
{
	a->stage = s;
	s->left++;
	assert_int_equal(task_start(s->loop, run_ask, a, NULL), 0);
}

static void ask_one(struct stage *s, struct ask *a)
{
	ask_start(s, a);
	loop_run(s->loop);
	assert_int_equal(a->rc, 0);
}

/* That message comes to that. */
static void assert_scan(struct stage *s, const char *content, enum scan_result result,
	const char *text, bool cached)
{
	struct ask a = { .content = str_from_z(content) };
	ask_one(s, &a);
	str got = result == SCAN_INFECTED ? a.reply.signature : a.reply.why;
	if (a.reply.result != result || !str_equal(got, str_from_z(text)) ||
		a.reply.cached != cached)
		fail_msg("%s: %d, \"%.*s\", %d", content, (int)a.reply.result, STR_ARG(got),
			a.reply.cached);
	arena_done(&a.arena);
}

/* ── Messages ─────────────────────────────────────────────────────────────────────────────── */

static void messages(void **state)
{
	struct stage s;
	stage_open(&s, 1, "");
	assert_scan(&s, "harmless", SCAN_CLEAN, "", false);
	assert_scan(&s, "virus", SCAN_INFECTED, "Test.Virus", false);
	assert_scan(&s, "error", SCAN_FAILED, "Can't open file or directory", false);
	assert_scan(&s, "half", SCAN_FAILED, "it hung up in the middle of its answer", false);
	assert_int_equal(s.fakes[0].scans, 4);
	/* What was found is known; failures are not. */
	assert_scan(&s, "harmless", SCAN_CLEAN, "", true);
	assert_scan(&s, "virus", SCAN_INFECTED, "Test.Virus", true);
	assert_int_equal(s.fakes[0].scans, 4);
	assert_scan(&s, "error", SCAN_FAILED, "Can't open file or directory", false);
	assert_int_equal(s.fakes[0].scans, 5);
	const struct config *config = config_of(&s, "");
	antivirus_reconfigure(s.antivirus, config);
	config_unref(config);
	assert_scan(&s, "virus", SCAN_INFECTED, "Test.Virus", false);
	struct buf text CLEANUP(buf_done) = BUF_INIT(4096);
	struct json j = JSON_INIT(&text);
	json_object(&j, NULL);
	antivirus_stats(s.antivirus, &j);
	json_end(&j);
	assert_true(json_done(&j));
	assert_true(str_starts(buf_str(&text), STR("{\"scans\":8,\"cached\":2,\"infected\":3,"
						   "\"unscanned\":0,\"failed\":3,\"busy\":0,"
						   "\"waiting\":0,\"servers\":[{\"name\":\"")));
	stage_close(&s);
}

/* Ends of chunks, and the empty message. */
static void sizes(void **state)
{
	static const size_t sizes[] = { 0, 1, 65535, 65536, 65537, 200000 };
	struct stage s;
	char *content = xmalloc(200000);
	for (size_t i = 0; i < 200000; i++)
		content[i] = (char)(i % 251);
	memcpy(content, "virus", 5);
	stage_open(&s, 1, "cache_size = 0;");
	for (size_t i = 0; i < 2 * ARRAY_LEN(sizes); i++) {
		size_t n = sizes[i / 2];
		unsigned long long sum = 0;
		for (size_t k = 0; k < n; k++)
			sum = fake_sum(sum, content[k]);
		struct ask a = { .content = str_from(content, n), .file = n && i % 2 };
		ask_one(&s, &a);
		assert_int_equal(a.reply.result, n < 5 ? SCAN_CLEAN : SCAN_INFECTED);
		assert_true(s.fakes[0].sum == sum);
		arena_done(&a.arena);
	}
	free(content);
	stage_close(&s);
}

static void what_is_not_there(void **state)
{
	struct stage s;
	stage_open(&s, 1, "");
	struct ask shorter = { .content = STR("harmless"), .file = true, .extra = 1 };
	ask_one(&s, &shorter);
	assert_int_equal(shorter.reply.result, SCAN_FAILED);
	assert_true(str_equal(shorter.reply.why, STR("the message cannot be read")));
	arena_done(&shorter.arena);
	struct ask wrong = { .content = STR("harmless"), .extra = 1 };
	ask_start(&s, &wrong);
	loop_run(s.loop);
	assert_int_equal(wrong.rc, -EINVAL);
	arena_done(&wrong.arena);
	stage_close(&s);
}

/* ── Servers ──────────────────────────────────────────────────────────────────────────────── */

static void servers_take_turns(void **state)
{
	struct stage s;
	stage_open(&s, 2, "cache_size = 0;");
	for (unsigned i = 0; i < 6; i++)
		assert_scan(&s, "harmless", SCAN_CLEAN, "", false);
	assert_int_equal(s.fakes[0].scans, 3);
	assert_int_equal(s.fakes[1].scans, 3);
	/* One message makes each of them fail; PING shows that they are not down. */
	assert_scan(&s, "half", SCAN_FAILED, "it hung up in the middle of its answer", false);
	assert_int_equal(s.fakes[0].scans + s.fakes[1].scans, 8);
	for (unsigned i = 0; i < 2; i++)
		assert_scan(&s, "harmless", SCAN_CLEAN, "", false);
	assert_true(s.fakes[0].scans == 5 && s.fakes[1].scans == 5);
	stage_close(&s);
}

/* Nothing else tells that a server answers again. */
static void ask_until_clean(struct task *t, void *arg)
{
	struct stage *s = arg;
	struct antivirus_scan_request request = { .id = STR("0123456789"),
		.digest = STR_EMPTY,
		.content = STR("harmless"),
		.message = -1,
		.size = 8 };
	struct antivirus_scan_reply reply = { .result = SCAN_FAILED };
	while (reply.result != SCAN_CLEAN) {
		struct arena a CLEANUP(arena_done) = ARENA_INIT(4096);
		assert_int_equal(task_sleep(t, MILLISECONDS(5)), 0);
		assert_int_equal(antivirus_scan(t, &s->calls, &request, &a, &reply), 0);
	}
	loop_stop(s->loop);
}

static void await_clean(struct stage *s)
{
	assert_int_equal(task_start(s->loop, ask_until_clean, s, NULL), 0);
	loop_run(s->loop);
}

static void one_that_is_gone(void **state)
{
	struct stage s;
	stage_open(&s, 2, "cache_size = 0;");
	fake_stop(&s.fakes[0]);
	for (unsigned i = 0; i < 4; i++)
		assert_scan(&s, "harmless", SCAN_CLEAN, "", false);
	assert_int_equal(s.fakes[1].scans, 4);
	fake_stop(&s.fakes[1]);
	/* The first to notice is told by the system, those behind by us. */
	assert_scan(&s, "harmless", SCAN_FAILED, "Connection refused", false);
	assert_scan(&s, "harmless", SCAN_FAILED, "no virus scanner is there", false);
	/* Both come back by themselves. */
	fake_start_again(&s.fakes[0]);
	fake_start_again(&s.fakes[1]);
	await_clean(&s);
	assert_true(s.fakes[0].pings + s.fakes[1].pings > 0);
	stage_close(&s);
}

static void one_that_is_silent(void **state)
{
	struct stage s;
	stage_open(&s, 1, "timeout = \"1s\";");
	assert_scan(&s, "silent", SCAN_FAILED, "no answer in time", false);
	await_clean(&s); /* a second may be short for that, too */
	stage_close(&s);
}

static void servers_with_names(void **state)
{
	struct stage s;
	stage_open_at(&s, "clamd.test", 1, "cache_size = 0;");
	assert_scan(&s, "harmless", SCAN_CLEAN, "", false);
	assert_scan(&s, "virus", SCAN_INFECTED, "Test.Virus", false);
	assert_int_equal(s.lookups, 2);
	assert_int_equal(s.fakes[0].pings, 0);
	stage_close(&s);
	/* The watch begins where it can look them up. */
	stage_open_at(&s, "clamd.test", 1, "");
	antivirus_resolver_is_there(s.antivirus);
	await_clean(&s);
	while (!s.fakes[0].pings)
		await_clean(&s);
	stage_close(&s);
	stage_open_at(&s, "gone.test", 1, "");
	assert_scan(&s, "harmless", SCAN_FAILED, "no address for its name: nxdomain", false);
	stage_close(&s);
	stage_open_at(&s, "away.test", 1, "");
	assert_scan(
		&s, "harmless", SCAN_FAILED, "no address for its name: temporary, SERVFAIL", false);
	assert_int_equal(s.fakes[0].scans, 0);
	stage_close(&s);
}

/* ── Turns ────────────────────────────────────────────────────────────────────────────────── */

static void no_more_than_that_at_a_time(void **state)
{
	/* Two are scanned, twenty wait, three are too many. */
	enum { ALL = 25, REFUSED = 3 };
	struct ask asks[ALL];
	char contents[ALL][16];
	struct stage s;
	stage_open(&s, 1, "max_concurrent = 2;");
	s.fakes[0].held = true;
	for (unsigned i = 0; i < ALL; i++) {
		snprintf(contents[i], sizeof contents[i], "held %u", i);
		asks[i] = (struct ask){ .content = str_from_z(contents[i]) };
		ask_start(&s, &asks[i]);
	}
	s.release_at = ALL - REFUSED;
	loop_run(s.loop);
	unsigned refused = 0;
	for (unsigned i = 0; i < ALL; i++) {
		assert_int_equal(asks[i].rc, 0);
		refused += asks[i].reply.result == SCAN_FAILED;
		if (asks[i].reply.result == SCAN_FAILED)
			assert_true(str_equal(
				asks[i].reply.why, STR("too many messages are being scanned")));
		arena_done(&asks[i].arena);
	}
	assert_int_equal(refused, REFUSED);
	assert_int_equal(s.fakes[0].scans, ALL - REFUSED);
	assert_true(s.fakes[0].holding_most <= 2);
	stage_close(&s);
}

static void wait_for_two(void *arg)
{
	fake_wait_held(arg, 2);
}

static void release_two(struct task *t, void *arg)
{
	struct stage *s = arg;
	if (!s->fakes[0].held)
		return;
	task_offload(t, wait_for_two, &s->fakes[0]);
	fake_release(&s->fakes[0]);
}

/* The same message again, while it is scanned: one scan is enough, whether results are kept or not.
 * A failure is nobody else's. */
static void the_same_at_a_time(void **state)
{
	enum { ALL = 5 };
	static const char *const settings[] = { "max_concurrent = 2;",
		"max_concurrent = 2; cache_size = 0;", "max_concurrent = 2; timeout = \"1s\";" };
	for (size_t k = 0; k < ARRAY_LEN(settings); k++) {
		bool silent = k == 2;
		struct ask asks[ALL + 1];
		struct stage s;
		stage_open(&s, 1, settings[k]);
		s.fakes[0].held = !silent;
		for (unsigned i = 0; i <= ALL; i++) {
			asks[i] = (struct ask){ .content = silent    ? STR("silent")
							   : i < ALL ? STR("held")
								     : STR("held too") };
			ask_start(&s, &asks[i]);
		}
		struct task *releaser;
		assert_int_equal(task_start(s.loop, release_two, &s, &releaser), 0);
		loop_run(s.loop);
		unsigned cached = 0;
		for (unsigned i = 0; i <= ALL; i++) {
			assert_int_equal(asks[i].rc, 0);
			assert_int_equal(asks[i].reply.result, silent ? SCAN_FAILED : SCAN_CLEAN);
			cached += asks[i].reply.cached;
			arena_done(&asks[i].arena);
		}
		assert_int_equal(cached, silent ? 0 : ALL - 1);
		if (!silent)
			assert_int_equal(s.fakes[0].scans, 2);
		stage_close(&s);
	}
}

static void wait_held(void *arg)
{
	fake_wait_held(arg, 1);
}

static void stop_when_held(struct task *t, void *arg)
{
	struct stage *s = arg;
	task_offload(t, wait_held, &s->fakes[0]);
	loop_stop(s->loop);
}

static void cancelled(void **state)
{
	/* While one is scanned, one waits for its turn, and one for each of them; the loop ends
	 * all. */
	struct stage s;
	stage_open(&s, 1, "max_concurrent = 1;");
	s.fakes[0].held = true;
	struct ask asks[4] = { { .content = STR("held 1") }, { .content = STR("held 2") },
		{ .content = STR("held 1") }, { .content = STR("held 2") } };
	for (size_t i = 0; i < ARRAY_LEN(asks); i++)
		ask_start(&s, &asks[i]);
	struct task *stopper;
	assert_int_equal(task_start(s.loop, stop_when_held, &s, &stopper), 0);
	loop_run(s.loop);
	loop_finish(s.loop);
	for (size_t i = 0; i < ARRAY_LEN(asks); i++) {
		assert_int_equal(asks[i].rc, -ECANCELED);
		arena_done(&asks[i].arena);
	}
	stage_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages),
		cmocka_unit_test(sizes),
		cmocka_unit_test(what_is_not_there),
		cmocka_unit_test(servers_take_turns),
		cmocka_unit_test(one_that_is_gone),
		cmocka_unit_test(one_that_is_silent),
		cmocka_unit_test(servers_with_names),
		cmocka_unit_test(no_more_than_that_at_a_time),
		cmocka_unit_test(the_same_at_a_time),
		cmocka_unit_test(cancelled),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
