/*
 * Viruses: what each outcome of a scan becomes under each policy, and what is asked.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "filter/judge_testing.h"

#include <openssl/evp.h>
#include <stdio.h>

#define GOOD_CLIENT "1.2.0.192.in-addr.arpa PTR mail.away.test\nmail.away.test A 192.0.2.1\n"
#define MESSAGE "From: a@away.test\r\n\r\nx\r\n"

struct stub {
	struct scan_outcome outcome;
	unsigned asked;
	char digest[64];
	size_t digest_n;
};

static void stub_scan(void *context, str digest, struct arena *a, struct scan_outcome *out)
{
	struct stub *s = context;
	s->asked++;
	s->digest_n = digest.n;
	memcpy(s->digest, digest.p, MIN(digest.n, sizeof s->digest));
	*out = s->outcome;
}

static struct scan_outcome outcome_of(enum scan_result result, const char *text)
{
	bool infected = result == SCAN_INFECTED;
	return (struct scan_outcome){ .result = result,
		.signature = infected ? str_from_z(text) : STR_EMPTY,
		.why = infected ? STR_EMPTY : str_from_z(text),
		.server = STR("unix:/run/clamd"),
		.took = MILLISECONDS(12) };
}

/* NULL: nothing of that kind. */
static const struct {
	const char *config;
	enum scan_result result;
	const char *text;
	enum judge_action action;
	const char *reply, *finding, *field, *record;
} rows[] = {
	{ "", SCAN_CLEAN, "", JUDGE_ACCEPT, NULL, NULL, NULL, "\"virus\":{\"result\":\"clean\"" },
	{ "", SCAN_INFECTED, "Eicar", JUDGE_REJECT, "550 5.7.1 This message has a virus: Eicar",
		"VIRUS_INFECTED", "X-Virus-Status: Infected; Eicar\r\n",
		"\"virus\":{\"result\":\"infected\",\"signature\":\"Eicar\",\"server\":"
		"\"unix:/run/clamd\",\"ms\":12,\"cached\":false}" },
	{ "antivirus: { infected = \"junk\"; };", SCAN_INFECTED, "Eicar", JUDGE_JUNK, NULL,
		"VIRUS_INFECTED", "X-Virus-Status: Infected; Eicar\r\n",
		"\"why\":\"it has a virus: Eicar\"" },
	{ "antivirus: { infected = \"quarantine\"; };", SCAN_INFECTED, "Eicar", JUDGE_QUARANTINE,
		NULL, "VIRUS_INFECTED", "X-Virus-Status: Infected; Eicar\r\n",
		"\"action\":\"quarantine\",\"why\":\"it has a virus: Eicar\"" },
	/* A score of its own does not undo the policy. */
	{ "filter: { findings = ( { name = \"VIRUS_INFECTED\"; score = -20; } ); };", SCAN_INFECTED,
		"Eicar", JUDGE_REJECT, "550 5.7.1 This message has a virus", "VIRUS_INFECTED",
		"Infected", "infected" },
	{ "", SCAN_UNSCANNED, "Heuristics.Encrypted.Zip", JUDGE_ACCEPT, NULL, "VIRUS_UNSCANNED",
		"X-Virus-Status: Not scanned; Heuristics.Encrypted.Zip\r\n",
		"\"why\":\"Heuristics.Encrypted.Zip\"" },
	/* To send it again would not help. */
	{ "antivirus: { unavailable = \"tempfail\"; };", SCAN_UNSCANNED, "limit", JUDGE_ACCEPT,
		NULL, "VIRUS_UNSCANNED", "Not scanned; limit", "unscanned" },
	{ "", SCAN_FAILED, "Connection refused", JUDGE_ACCEPT, NULL, "VIRUS_FAILED",
		"X-Virus-Status: Not scanned; Connection refused\r\n", "\"result\":\"failed\"" },
	{ "antivirus: { unavailable = \"tempfail\"; };", SCAN_FAILED, "Connection refused",
		JUDGE_TEMPFAIL, "451 4.7.1 This message cannot be scanned for viruses now",
		"VIRUS_FAILED", "Not scanned", "failed" },
	{ "antivirus: { unavailable = \"accept\"; };", SCAN_FAILED, "Connection refused",
		JUDGE_ACCEPT, NULL, "VIRUS_FAILED", NULL,
		"\"evidence\":\"Connection refused; not counted: antivirus.unavailable is "
		"accept\"" },
	/* One domain's. */
	{ "antivirus: { unavailable = \"accept\"; }; domains = ( { name = \"here.test\"; "
	  "antivirus: "
	  "{ unavailable = \"tempfail\"; }; } );",
		SCAN_FAILED, "x", JUDGE_TEMPFAIL, "451 4.7.1", "VIRUS_FAILED", "Not scanned",
		"failed" },
	/* Texts of strangers stay within their field. */
	{ "", SCAN_FAILED, "a\r\nBcc: b\n\xff", JUDGE_ACCEPT, NULL, "VIRUS_FAILED",
		"X-Virus-Status: Not scanned; a??Bcc: b??\r\n", "failed" },
};

static void assert_has(size_t row, str text, const char *wanted, const char *none)
{
	const char *needle = wanted ? wanted : none;
	if ((str_find(text, str_from_z(needle)) >= 0) != (wanted != NULL))
		fail_msg("row %zu: %s%s: %.*s", row, wanted ? "" : "no ", needle, STR_ARG(text));
}

static void outcomes_and_policies(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct testing_judgement j;
		struct testing_case c = { .config = rows[i].config,
			.dns = GOOD_CLIENT,
			.domain = "here.test",
			.message = MESSAGE };
		struct stub stub = { .outcome = outcome_of(rows[i].result, rows[i].text) };
		struct scanner scanner = { stub_scan, &stub };
		testing_judge_init(&j, &c);
		j.message.scanner = &scanner;
		testing_judge_run(&j);
		assert_int_equal(stub.asked, 1);
		char reply[256];
		snprintf(reply, sizeof reply, "%u %u.%u.%u %.*s", j.verdict.reply.code,
			j.verdict.reply.klass, j.verdict.reply.subject, j.verdict.reply.detail,
			STR_ARG(j.verdict.reply.text));
		if (j.verdict.action != rows[i].action)
			fail_msg("row %zu: action %d", i, j.verdict.action);
		assert_has(i, str_from_z(reply), rows[i].reply, "5.7.1");
		assert_has(i, j.verdict.record, rows[i].finding, "VIRUS_");
		assert_has(i, j.verdict.fields, rows[i].field, "X-Virus-Status");
		assert_has(i, j.verdict.record, rows[i].record, "?");
		testing_judge_done(&j);
	}
}

/* The digest is that of the whole message, however many blocks it has. */
static void the_digest(void **state)
{
	static const size_t bodies[] = { 0, 1, 256 * 1024, 256 * 1024 + 1, 1000000 };
	struct buf text CLEANUP(buf_done) = BUF_INIT(2000000);
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		buf_clear(&text);
		buf_add(&text, STR(MESSAGE));
		for (size_t n = 0; n < bodies[i]; n++)
			buf_add_char(&text, (char)('a' + n % 26));
		struct testing_judgement j;
		struct stub stub = { .outcome = outcome_of(SCAN_CLEAN, "") };
		struct scanner scanner = { stub_scan, &stub };
		unsigned char digest[EVP_MAX_MD_SIZE];
		unsigned n = 0;
		testing_judge_init(&j, &(struct testing_case){ .dns = GOOD_CLIENT });
		j.message.scanner = &scanner;
		j.message.content = buf_str(&text);
		testing_judge_run(&j);
		assert_true(EVP_Digest(text.p, text.n, digest, &n, EVP_sha256(), NULL));
		assert_int_equal(stub.digest_n, n);
		assert_memory_equal(stub.digest, digest, n);
		testing_judge_done(&j);
	}
}

static void what_is_too_large_is_not_asked_about(void **state)
{
	struct buf text CLEANUP(buf_done) = BUF_INIT(70000);
	buf_add(&text, STR(MESSAGE));
	while (text.n < 64 * 1024)
		buf_add_char(&text, 'x');
	for (unsigned more = 0; more < 2; more++) {
		struct testing_judgement j;
		struct stub stub = { .outcome = outcome_of(SCAN_CLEAN, "") };
		struct scanner scanner = { stub_scan, &stub };
		struct testing_case c = { .config =
						  "antivirus: { max_size = \"64K\"; unavailable = "
						  "\"tempfail\"; };",
			.dns = GOOD_CLIENT };
		testing_judge_init(&j, &c);
		j.message.scanner = &scanner;
		j.message.content = buf_str(&text);
		testing_judge_run(&j);
		assert_int_equal(stub.asked, more ? 0 : 1);
		assert_int_equal(j.verdict.action, JUDGE_ACCEPT);
		assert_has(more, j.verdict.record, more ? "VIRUS_UNSCANNED" : NULL, "VIRUS_");
		testing_judge_done(&j);
		buf_add_char(&text, 'x');
	}
}

static void a_status_from_outside_is_cut_out(void **state)
{
	struct testing_judgement j;
	struct testing_case c = { .message = "A: 1\r\nX-Virus-Status: Clean\r\n" MESSAGE };
	testing_judge_init(&j, &c);
	testing_judge_run(&j);
	assert_int_equal(j.verdict.cut_count, 1);
	assert_int_equal(j.verdict.cuts[0].offset, 6);
	assert_int_equal(j.verdict.cuts[0].n, 23);
	testing_judge_done(&j);
}

static void without_a_scanner_nothing_is_said(void **state)
{
	struct testing_judgement j;
	testing_judge_init(&j, &(struct testing_case){ .dns = GOOD_CLIENT });
	testing_judge_run(&j);
	assert_has(0, j.verdict.record, NULL, "\"virus\":{");
	assert_has(0, j.verdict.record, NULL, "VIRUS_");
	assert_has(0, j.verdict.fields, NULL, "X-Virus-Status");
	testing_judge_done(&j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outcomes_and_policies),
		cmocka_unit_test(the_digest),
		cmocka_unit_test(what_is_too_large_is_not_asked_about),
		cmocka_unit_test(a_status_from_outside_is_cut_out),
		cmocka_unit_test(without_a_scanner_nothing_is_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
