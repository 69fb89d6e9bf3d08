#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "filter/unjudged.h"

#include "io/task_sync.h"
#include "mail/header.h"

#include <stdlib.h>

static const struct log no_log;

/* ── The digest ───────────────────────────────────────────────────────────────────────────── */

static bool same(struct task *t, const char *a, const char *b)
{
	unsigned char x[UNJUDGED_DIGEST], y[UNJUDGED_DIGEST];
	unjudged_digest(t, str_from_z(a), x);
	unjudged_digest(t, str_from_z(b), y);
	return memcmp(x, y, sizeof x) == 0;
}

static void the_same_message(void **state)
{
	static const char message[] = "From: a\r\nSubject: s\r\n\r\nbody\r\n";
	static const struct {
		const char *other;
		bool same;
	} rows[] = {
		{ message, true },
		{ "Received: x\r\n y\r\nFrom: a\r\nX: 1\r\nSubject: s\r\nDKIM-Signature: t=1\r\n"
		  "\r\nbody\r\n",
			true },
		{ "from: a\r\nSubject: s\r\n\r\nbody\r\n", false },
		{ "From: b\r\nSubject: s\r\n\r\nbody\r\n", false },
		{ "From: a\r\nSubject: t\r\n\r\nbody\r\n", false },
		{ "From: a\r\nSubject: s\r\n\r\nbody", false },
		{ "From: a\r\nSubject: s\r\n\r\nBody\r\n", false },
		{ "From: a\r\nSubject: s\r\nMessage-ID: 1\r\n\r\nbody\r\n", false },
		{ "From: a\r\nSubject: s\r\n\r\n", false },
		{ "", false },
	};
	static const char *const bare[] = { "", "X: 1\r\n", "X: 2\r\n", "x", "\r\nx" };
	struct task *t = task_sync_new(&(struct task_sync_options){ .log = &no_log });
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(same(t, message, rows[i].other), rows[i].same);
	for (size_t i = 0; i < ARRAY_LEN(bare); i++)
		for (size_t k = 0; k < ARRAY_LEN(bare); k++)
			assert_int_equal(same(t, bare[i], bare[k]), i == k);
	/* Beyond the first block. */
	size_t n = 5 * 1024 * 1024;
	char *a = xmalloc(n + 1), *b = xmalloc(n + 1);
	memset(a, 'x', n);
	a[n] = '\0';
	memcpy(b, a, n + 1);
	assert_true(same(t, a, b));
	b[n - 1] = 'y';
	assert_false(same(t, a, b));
	free(a);
	free(b);
	task_sync_free(t);
}

/* ── The verdict ──────────────────────────────────────────────────────────────────────────── */

struct bench {
	struct arena arena;
	const struct config *config;
	struct verdict v;
};

static void judge(struct bench *b, const char *config, str message)
{
	struct err err = { "" };
	*b = (struct bench){ .arena = ARENA_INIT(JUDGE_ARENA_MAX) };
	str text = arena_printf(&b->arena, "hostname = \"mx.here.test\";%s", config);
	b->config = config_parse(text, STR("f"), STR("/"), &err);
	assert_non_null(b->config);
	const struct judge_facts facts = {
		.helo = STR("x"), .sender = STR("a@b.test"), .domain = STR("here.test")
	};
	unjudged_verdict(b->config, &facts, message, STR("it failed"), &b->arena, &b->v);
}

static void done(struct bench *b)
{
	arena_done(&b->arena);
	config_unref(b->config);
}

#define FINDING_AS(what) "filter: { findings = ( { name = \"FILTER_FAILED\"; " what " } ); };"

static void the_finding_decides(void **state)
{
	static const struct {
		const char *config;
		enum judge_action action;
		unsigned code;
		const char *fields;
	} rows[] = {
		{ "", JUDGE_JUNK, 0, "X-Spam-Flag: YES\r\nX-Spam-Score: 5.0\r\n" },
		{ "filter: { junk_at = 8.0; };", JUDGE_ACCEPT, 0,
			"X-Spam-Status: No, score=5.0 required=8.0\r\n\ttests=FILTER_FAILED\r\n" },
		{ "filter: { quarantine_at = 5.0; };", JUDGE_QUARANTINE, 0,
			"X-Spam-Status: No, score=5.0" },
		{ "filter: { quarantine_at = 5.0; defer_at = 5.0; };", JUDGE_TEMPFAIL, 451, "" },
		{ FINDING_AS("mode = \"quarantine\";"), JUDGE_QUARANTINE, 0, "" },
		{ FINDING_AS("mode = \"reject\";"), JUDGE_REJECT, 550, "" },
		{ FINDING_AS("score = 20.0;"), JUDGE_REJECT, 550, "" },
		{ FINDING_AS("mode = \"off\";"), JUDGE_ACCEPT, 0, "tests=none" },
		{ "domains = ( { name = \"here.test\"; filter: { junk_at = 6.0; }; } );",
			JUDGE_ACCEPT, 0, "required=6.0" },
		{ "auth: { authserv_id = \"other.test\"; };", JUDGE_JUNK, 0,
			"Authentication-Results: other.test; none\r\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct bench b;
		judge(&b, rows[i].config, STR("A: b\r\n\r\nc"));
		assert_int_equal(b.v.action, rows[i].action);
		assert_int_equal(b.v.reply.code, rows[i].code);
		assert_true(str_find(b.v.fields, str_from_z(rows[i].fields)) >= 0);
		assert_true(str_starts(b.v.fields, STR("Authentication-Results: ")));
		assert_int_equal(b.v.cut_count, 0);
		done(&b);
	}
}

/* All that remains, and nothing else. */
static void claims_are_cut(void **state)
{
	static const struct {
		const char *message, *left;
	} rows[] = {
		{ "A: b\r\n\r\nX-Spam-Flag: NO\r\n", "A: b\r\n\r\nX-Spam-Flag: NO\r\n" },
		{ "x-sPAM-flag: NO\r\nA: b\r\n\r\nc", "A: b\r\n\r\nc" },
		{ "A: b\r\nAuthentication-Results:\r\n\tx; dmarc=pass\r\nX-Spam-A: 1\r\nB: c\r\n"
		  "authentication-results: y\r\n\r\nc",
			"A: b\r\nB: c\r\n\r\nc" },
		{ "X-Virus-Status: Clean\r\nX-Virus-Other: 1\r\n", "X-Virus-Other: 1\r\n" },
		{ "X-Spam-Flag: NO", "" },
		{ "", "" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct bench b;
		struct buf left CLEANUP(buf_done) = BUF_INIT(4096);
		str message = str_from_z(rows[i].message);
		judge(&b, "", message);
		size_t at = 0;
		for (size_t k = 0; k < b.v.cut_count; k++) {
			assert_true(b.v.cuts[k].offset >= at);
			buf_add(&left, str_first(str_skip(message, at), b.v.cuts[k].offset - at));
			at = b.v.cuts[k].offset + b.v.cuts[k].n;
		}
		buf_add(&left, str_skip(message, at));
		if (!str_equal(buf_str(&left), str_from_z(rows[i].left)))
			fail_msg("%zu: %.*s", i, STR_ARG(buf_str(&left)));
		done(&b);
	}
}

/* What cannot be cut out is not let through. */
static void too_many_claims(void **state)
{
	for (size_t n = 998; n <= 1002; n++) {
		struct buf text CLEANUP(buf_done) = BUF_INIT(1024 * 1024);
		struct bench b;
		for (size_t i = 0; i < n; i++)
			buf_add(&text, STR("X-Spam-A: 1\r\nB: 1\r\n"));
		judge(&b, "", buf_str(&text));
		assert_int_equal(b.v.action, n <= 1000 ? JUDGE_JUNK : JUDGE_REJECT);
		assert_int_equal(b.v.cut_count, n <= 1000 ? n : 0);
		done(&b);
	}
	struct buf text CLEANUP(buf_done) = BUF_INIT(4 * 1024 * 1024);
	struct bench b;
	while (text.n < JUDGE_CUT_MAX)
		buf_add(&text, STR("B: 1\r\n"));
	buf_add(&text, STR("X-Spam-A: 1\r\n"));
	judge(&b, "", buf_str(&text));
	assert_int_equal(b.v.action, JUDGE_REJECT);
	assert_int_equal(b.v.reply.subject, 6);
	done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_message),
		cmocka_unit_test(the_finding_decides),
		cmocka_unit_test(claims_are_cut),
		cmocka_unit_test(too_many_claims),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
