/*
 * What the linter says of a configuration: each line of it, and nothing of what is well.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "main/lint.h"

#include <stdio.h>

#define HOST "hostname = \"a.test\";\n"
#define FINDINGS(group) HOST "filter: { findings = (\n" group " ); };"
#define LIST(replies)                                                                              \
	HOST "filter: { lists = ( { name = \"L\"; zone = \"l.test\"; kind = \"ip\";\n of = "       \
	     "\"client received\"; replies = (\n" replies " ); } ); };"

static void collect(void *arg, unsigned line, str text)
{
	buf_printf(arg, "%u: %.*s\n", line, STR_ARG(text));
}

static const struct config *parse(const char *text)
{
	struct err err;
	const struct config *c = config_parse(str_from_z(text), STR("f"), STR("/"), &err);
	if (!c)
		fail_msg("%s: %s", text, err.text);
	return c;
}

/* All lines, each as it begins, separated by '|'; "": nothing. */
static void expect(const char *config, str said, const char *expected)
{
	str wanted = str_from_z(expected), want, line;
	while (wanted.n || said.n) {
		str_cut(wanted, '|', &want, &wanted);
		str_cut(said, '\n', &line, &said);
		if (want.n == 0 || !str_starts(line, want))
			fail_msg("%s\nsays:   %.*s\nwanted: %.*s", config, STR_ARG(line),
				STR_ARG(want));
	}
}

static void each_thing_is_told_with_its_line(void **state)
{
	static const struct {
		const char *config, *said;
	} rows[] = {
		{ HOST, "" },
		{ HOST "filter: { lists = ( { use = \"spamhaus-zen\"; }, { use = \"spamhaus-dbl\"; "
		       "}, { use = \"spamcop\"; }, { use = \"surbl\"; }, { use = \"uribl\"; }, "
		       "{ use = \"dnswl\"; } ); };",
			"" },
		/* thresholds */
		{ HOST "filter: {\n junk_at = 9.0;\n reject_at = 8.0; };",
			"4: filter.reject_at is 8.0, below filter.junk_at, which is 9.0" },
		{ HOST "filter: {\n junk_at = 16.0; };", "3: filter.reject_at is 15.0, below" },
		{ HOST "filter: { junk_at = 9.0; reject_at = 9.0; };", "" },
		{ HOST "domains = ( { name = \"B.test\"; filter: {\n reject_at = 4.9; }; },\n"
		       "{ name = \"c.test\"; filter: { junk_at = 6.0; }; } );",
			"3: domain b.test: filter.reject_at is 4.9, below" },
		{ HOST "filter: {\n reject_at = 4.9; };\ndomains = ( { name = \"b.test\"; } );",
			"3: filter.reject_at is 4.9" },
		/* one that decides alone */
		{ FINDINGS("{ name = \"SPF_NONE\"; score = 4.99; },\n{ name = \"SPF_FAIL\"; score "
			   "= 5; }"),
			"4: filter.findings: SPF_FAIL scores 5.0, and Junk is from 5.0 on" },
		{ FINDINGS("{ name = \"SPF_FAIL\"; score = 5; decisive = true; }"), "" },
		{ FINDINGS("{ name = \"SPF_FAIL\"; score = 5; mode = \"reject\"; }"), "" },
		{ FINDINGS("{ name = \"GTUBE\"; score = 900; }"), "" },
		{ HOST "filter: {\n junk_at = 4.5; };",
			"3: filter.junk_at is 4.5, which one finding reaches by itself: "
			"ATTACHMENT_BLOCKED 4.5, ATTACHMENT_MACROS_AUTO 4.5, ATTACHMENT_EXPLOIT "
			"4.5" },
		{ HOST "filter: { findings = ( { name = \"SPF_FAIL\"; score = 4.6; } ); };\n"
		       "domains = ( { name = \"b.test\"; filter: {\n junk_at = 4.6; }; } );",
			"2: domain b.test: filter.findings: SPF_FAIL scores 4.6, and Junk is from "
			"4.6" },
		{ HOST "filter: { findings = ( { name = \"SPF_FAIL\"; score = 6; } ); };\n"
		       "domains = ( { name = \"b.test\"; filter: { findings = (\n"
		       "{ name = \"SPF_NONE\"; score = 7; } ); }; } );",
			"2: filter.findings: SPF_FAIL scores 6.0|"
			"4: domain b.test: filter.findings: SPF_NONE scores 7.0" },
		{ LIST("{ code = \"127.0.0.2\"; score = 5; },\n{ name = \"X\"; code = "
		       "\"127.0.0.3\"; score = 1; received_score = 6; },\n{ name = \"Y\"; code = "
		       "\"127.0.0.4\"; score = 9; decisive = true; }"),
			"4: filter.lists: L scores 5.0, and Junk is from 5.0 on|5: filter.lists: "
			"L_X "
			"scores 6.0" },
		{ HOST "filter: { lists = ( {\n use = \"spamhaus-zen\"; } ); };\n"
		       "domains = ( { name = \"b.test\"; filter: { junk_at = 4.9; }; },\n"
		       "{ name = \"c.test\"; filter: { junk_at = 4.0; findings = ( "
		       "{ name = \"SPF_WORTHLESS\"; mode = \"off\"; } ); }; } );",
			"5: domain c.test: filter.junk_at is 4.0, which one finding reaches by "
			"itself: DMARC_REJECT 4.0, HTML_ATTACHED_FORM|2: domain c.test: "
			"filter.lists: "
			"ZEN_SBL scores 4.0|2: domain c.test: filter.lists: ZEN_XBL scores 4.0" },
		/* scores of nothing */
		{ FINDINGS("{ name = \"SPF_FAIL\"; score = 1; mode = \"off\"; }"),
			"3: filter.findings: the score of SPF_FAIL counts for nothing: its mode is "
			"off" },
		{ FINDINGS("{ name = \"BULK\"; score = 1; }"),
			"3: filter.findings: the score of BULK counts for nothing: its mode is "
			"observe" },
		{ FINDINGS("{ name = \"BULK\"; score = 1; mode = \"score\"; }"), "" },
		{ FINDINGS("{ name = \"BULK\"; mode = \"off\"; }"), "" },
		{ FINDINGS("{ name = \"VIRUS_FAILED\"; score = 1; },\n{ name = \"ALLOW_FAILED\"; "
			   "mode = \"reject\"; },\n{ name = \"ARC_TRUSTED\"; score = 1; },\n"
			   "{ name = \"LIST_BROKEN\"; score = 1; },\n{ name = \"LISTED\"; score = "
			   "1; }"),
			"3: filter.findings: VIRUS_FAILED is never found: antivirus.servers is "
			"empty|"
			"4: filter.findings: ALLOW_FAILED is never found: auth.allow_domains is "
			"empty|"
			"5: filter.findings: ARC_TRUSTED is never found: auth.arc_trusted is empty|"
			"6: filter.findings: LIST_BROKEN is never found: filter.lists is empty|"
			"7: filter.findings: LISTED is never found: no list of filter.lists gives "
			"it" },
		{ HOST "filter: { blocked_extensions = \"\"; findings = ( { name = "
		       "\"ATTACHMENT_BLOCKED\"; mode = \"reject\"; } ); };",
			"2: filter.findings: ATTACHMENT_BLOCKED is never found: "
			"filter.blocked_extensions is empty" },
		{ HOST "antivirus: { servers = [ \"127.0.0.1:3310\" ]; };\nfilter: { findings = ( "
		       "{ "
		       "name = \"VIRUS_FAILED\"; score = 1.0; } ); };",
			"" },
		{ HOST "filter: { lists = ( { use = \"spamcop\"; } ); findings = ( { name = "
		       "\"LISTED\"; mode = \"reject\"; },\n{ name = \"LISTED\"; score = 1.0; },\n"
		       "{ name = \"LISTED_URI\"; mode = \"off\"; },\n{ name = \"ALLOW_LISTED\"; "
		       "mode "
		       "= \"off\"; },\n{ name = \"LISTED_RECEIVED\"; mode = \"off\"; } ); };",
			"2: filter.findings: LISTED stands there again further down|"
			"3: filter.findings: the score of LISTED counts for nothing: each reply|"
			"4: filter.findings: LISTED_URI is never found: no list|"
			"5: filter.findings: ALLOW_LISTED is never found: no list" },
		{ HOST "filter: { findings = ( { name = \"SPF_FAIL\"; score = 1; } ); };\n"
		       "domains = ( { name = \"b.test\"; filter: { findings = (\n{ name = "
		       "\"SPF_FAIL\"; score = 2; },\n{ name = \"ALLOW_FAILED\"; score = 2; } ); "
		       "};\n"
		       "auth: { allow_domains = [ \"x.test\" ]; }; } );",
			"" },
		/* values */
		{ HOST "filter: {\n blocked_extensions = \"exe .scr  com,bat *.vbs \303\251x "
		       "settingcontent-ms\"; };\ndomains = ( { name = \"b.test\"; } );",
			"3: filter.blocked_extensions: \".scr\" is no extension|3: "
			"filter.blocked_extensions: \"com,bat\"|3: filter.blocked_extensions: "
			"\"*.vbs\"" },
		{ HOST "domains = ( { name = \"b.test\"; filter: { blocked_extensions =\n\"a.b\"; "
		       "}; "
		       "} );",
			"2: domain b.test: filter.blocked_extensions: \"a.b\"" },
		{ HOST "filter: { lists = ( { name = \"A\"; zone = \"a.test\"; kind = \"ip\"; of = "
		       "\"client\"; replies = ( { name = \"B\"; code = \"127.0.0.2\"; score = 1; } "
		       "); },\n{ name = \"A_B\"; zone = \"b.test\"; kind = \"ip\"; of = "
		       "\"client\"; "
		       "replies = (\n{ code = \"127.0.0.2\"; score = 1; } ); } ); };",
			"4: filter.lists: A_B is the name of findings of two lists, A and A_B" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf said CLEANUP(buf_done) = BUF_INIT(64 * 1024);
		const struct config *c = parse(rows[i].config);
		lint_config(c, collect, &said);
		expect(rows[i].config, buf_str(&said), rows[i].said);
		config_unref(c);
	}
}

static void lists_that_never_match_are_told(void **state)
{
	const struct config *c = parse(HOST "filter: { lists = ( { use = \"spamcop\"; },\n"
					    "{ use = \"surbl\"; }, { use = \"uribl\"; } ); };");
	struct stats_finding found[] = { { .name = STR("SURBL_PHISH"), .spam = 1 },
		{ .name = STR("SPAMCOPX"), .spam = 1 }, { .name = STR("SPAMCOP"), .spam = 1 },
		{ .name = STR("URIBLX"), .spam = 1 } };
	struct stats_findings all = { .items = found, .n = 4 };
	struct buf said CLEANUP(buf_done) = BUF_INIT(64 * 1024);
	all.total = (struct stats_finding){ .spam = 1, .ham = LINT_MESSAGES - 2 };
	lint_counts(c, &all, collect, &said);
	assert_int_equal(said.n, 0);
	all.total.ham++;
	lint_counts(c, &all, collect, &said);
	expect("", buf_str(&said), "3: filter.lists: URIBL has matched none of 500 messages");
	config_unref(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_thing_is_told_with_its_line),
		cmocka_unit_test(lists_that_never_match_are_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
