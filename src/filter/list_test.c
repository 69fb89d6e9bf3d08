/*
 * Lists in the DNS: what is asked about which part of a message, what answers mean, which lists are
 * broken and when they come back, and that all of it is bounded.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "filter/judge_testing.h"
#include "filter/list_testing.h"

#include <stdio.h>
#include <stdlib.h>

struct scene {
	struct arena arena;
	const struct config *config;
	struct dns_table table;
	struct testing_lists lists;
	struct list_batch batch;
	struct list_results results;
};

#define ALL_WORK                                                                                   \
	"2.0.0.127.ip.test A 127.0.0.2\n2.0.0.127.four.test A 127.0.0.2\n"                         \
	"test.domain.test A 127.0.0.2\ntest.host.test A 127.0.0.2\n"                               \
	"2.0.0.127.secret.keyed.test A 127.0.0.2\n"

static void scene_init(struct scene *s, const char *lists, const char *more, const char *dns)
{
	struct err err = { "" };
	*s = (struct scene){ .arena = ARENA_INIT(16 * 1024 * 1024) };
	str text = arena_printf(&s->arena,
		"hostname = \"mx.here.test\"; filter: { lists_check = \"100s\"; %s lists = ( %s ); "
		"};",
		more, lists);
	s->config = config_parse(text, STR("f"), STR("/"), &err);
	if (!s->config)
		fail_msg("%s", err.text);
	dns_table_init(&s->table, str_from_z(dns));
	testing_lists_init(&s->lists, &s->table.dns, s->config);
	list_batch_init(&s->batch, &s->lists.access, s->config, &s->arena);
}

static void scene_done(struct scene *s)
{
	testing_lists_done(&s->lists);
	config_unref(s->config);
	arena_done(&s->arena);
}

static void finish(struct scene *s)
{
	list_batch_begin(&s->batch);
	list_batch_finish(&s->batch, &s->arena, &s->results);
}

/* ── Questions ────────────────────────────────────────────────────────────────────────────── */

#define REPLIES "replies = ( { code = \"127.0.0.2\"; score = 1.0; } ); "
#define EVERY_PART "of = \"client received helo rdns sender from reply_to uri dkim\"; " REPLIES
static const char every_list[] =
	"{ name = \"IP\"; zone = \"ip.test\"; kind = \"ip\"; " EVERY_PART "}, "
	"{ name = \"FOUR\"; zone = \"four.test\"; kind = \"ipv4\"; " EVERY_PART "}, "
	"{ name = \"DOMAIN\"; zone = \"domain.test\"; kind = \"domain\"; " EVERY_PART "}, "
	"{ name = \"HOST\"; zone = \"host.test\"; kind = [ \"host\" ]; " EVERY_PART "}, "
	"{ name = \"MD5\"; zone = \"md.test\"; kind = \"hash\"; hash = \"md5\"; " EVERY_PART "}, "
	"{ name = \"SHA\"; zone = \"sha.test\"; kind = \"hash\"; " EVERY_PART "}, "
	"{ name = \"B32\"; zone = \"b.test\"; kind = \"hash\"; hash = "
	"\"sha256-base32\"; " EVERY_PART
	"}, { name = \"KEYED\"; zone = \"keyed.test\"; key = \"secret\"; kind = \"ipv4\"; of = "
	"\"client\"; " REPLIES "}";

enum what { IP, NAME, ADDRESS };

static void questions_follow_from_what_is_there(void **state)
{
	static const struct {
		enum what what;
		enum config_list_of of;
		const char *text, *questions;
	} rows[] = {
		{ IP, CONFIG_OF_CLIENT, "192.0.2.1",
			"1.2.0.192.ip.test 1.2.0.192.four.test 1.2.0.192.secret.keyed.test" },
		{ IP, CONFIG_OF_RECEIVED, "192.0.2.1", "1.2.0.192.ip.test 1.2.0.192.four.test" },
		{ IP, CONFIG_OF_CLIENT, "2001:db8::1",
			"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip.test" },
		{ IP, CONFIG_OF_CLIENT, "::ffff:192.0.2.1",
			"1.2.0.192.ip.test 1.2.0.192.four.test 1.2.0.192.secret.keyed.test" },
		/* private, and of filter.lists_skip */
		{ IP, CONFIG_OF_CLIENT, "127.0.0.1", "" },
		{ IP, CONFIG_OF_CLIENT, "10.1.2.3", "" },
		{ IP, CONFIG_OF_CLIENT, "172.31.0.1", "" },
		{ IP, CONFIG_OF_CLIENT, "192.168.1.1", "" },
		{ IP, CONFIG_OF_CLIENT, "100.127.0.1", "" },
		{ IP, CONFIG_OF_CLIENT, "169.254.1.1", "" },
		{ IP, CONFIG_OF_CLIENT, "224.0.0.1", "" },
		{ IP, CONFIG_OF_CLIENT, "::1", "" },
		{ IP, CONFIG_OF_CLIENT, "fd00::1", "" },
		{ IP, CONFIG_OF_CLIENT, "fe80::1", "" },
		{ IP, CONFIG_OF_RECEIVED, "198.51.100.7", "" },
		/* names */
		{ NAME, CONFIG_OF_URI, "www.Example.CO.uk",
			"example.co.uk.domain.test www.example.co.uk.host.test" },
		{ NAME, CONFIG_OF_URI, "example.org.",
			"example.org.domain.test example.org.host.test" },
		{ NAME, CONFIG_OF_URI, "a.b.github.io",
			"b.github.io.domain.test a.b.github.io.host.test" },
		{ NAME, CONFIG_OF_URI,
			"b\xc3\xbc"
			"cher.example",
			"xn--bcher-kva.example.domain.test xn--bcher-kva.example.host.test" },
		{ NAME, CONFIG_OF_URI, "192.0.2.9", "9.2.0.192.ip.test 9.2.0.192.four.test" },
		{ NAME, CONFIG_OF_HELO, "[192.0.2.9]", "9.2.0.192.ip.test 9.2.0.192.four.test" },
		{ NAME, CONFIG_OF_HELO, "[IPv6:2001:db8::1]",
			"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip.test" },
		{ NAME, CONFIG_OF_HELO, "[10.0.0.1]", "" },
		{ NAME, CONFIG_OF_HELO, "localhost", "" },
		{ NAME, CONFIG_OF_HELO, "", "" },
		{ NAME, CONFIG_OF_HELO, "a..b", "" },
		{ NAME, CONFIG_OF_HELO, "a b.example", "" },
		{ NAME, CONFIG_OF_HELO, "a\\b.example", "" },
		{ NAME, CONFIG_OF_HELO, "mail.here.test", "" }, /* one of ours */
		/* addresses; their hashes by printf %s … | sha1sum and the like */
		{ ADDRESS, CONFIG_OF_FROM, "Spammer@Example.org",
			"example.org.domain.test example.org.host.test "
			"da1f16c112e49410787c66a89ef7e756.md.test "
			"b0ee102bfcc94b183f348480f696f393817adfbd.sha.test "
			"mgvjr6lugijlryysft5jtyhsgdudcf5jtq4j5vfs5jjkyofrxw2q.b.test" },
		{ ADDRESS, CONFIG_OF_SENDER, "", "" },
		{ ADDRESS, CONFIG_OF_SENDER, "@example.org", "" },
		{ ADDRESS, CONFIG_OF_SENDER, "postmaster", "" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct scene s;
		struct ip ip;
		scene_init(&s, every_list, "lists_skip = [ \"198.51.100.0/24\" ];", ALL_WORK);
		if (rows[i].what == IP) {
			assert_true(ip_parse(str_from_z(rows[i].text), &ip));
			list_add_ip(&s.batch, rows[i].of, &ip);
		} else if (rows[i].what == NAME) {
			list_add_name(&s.batch, rows[i].of, str_from_z(rows[i].text));
		} else {
			list_add_address(&s.batch, rows[i].of, str_from_z(rows[i].text));
		}
		struct buf got CLEANUP(buf_done) = BUF_INIT(8192);
		for (size_t k = 0; k < s.batch.n; k++)
			buf_printf(&got, "%s%.*s", k ? " " : "", STR_ARG(s.batch.items[k].name));
		if (!str_equal(buf_str(&got), str_from_z(rows[i].questions)))
			fail_msg("%s: wanted \"%s\", got \"%.*s\"", rows[i].text, rows[i].questions,
				STR_ARG(buf_str(&got)));
		scene_done(&s);
	}
}

static void each_question_is_asked_once(void **state)
{
	struct scene s;
	scene_init(&s, every_list, "", ALL_WORK);
	list_add_address(&s.batch, CONFIG_OF_SENDER, STR("a@example.org"));
	size_t n = s.batch.n;
	list_add_name(&s.batch, CONFIG_OF_URI, STR("example.org"));
	list_add_name(&s.batch, CONFIG_OF_URI, STR("EXAMPLE.org"));
	list_add_address(&s.batch, CONFIG_OF_FROM, STR("a@example.org"));
	assert_int_equal(s.batch.n, n);
	assert_int_equal(s.batch.uri_names, 1);
	assert_int_equal(s.batch.items[0].of, CONFIG_OF_SENDER | CONFIG_OF_URI | CONFIG_OF_FROM);
	/* Another host of the domain is news to HOST alone. */
	list_add_name(&s.batch, CONFIG_OF_URI, STR("www.example.org"));
	assert_int_equal(s.batch.n, n + 1);
	finish(&s);
	assert_int_equal(s.lists.asked, n + 1);
	assert_int_equal(s.results.asked, n + 1);
	assert_int_equal(s.results.n, 0);
	scene_done(&s);
}

/* A domain of a signature, whose key came late: that is not the list's fault. */
static void late_questions_have_their_time(void **state)
{
	struct scene s;
	scene_init(&s, every_list, "lists_timeout = \"2s\";", ALL_WORK);
	list_add_name(&s.batch, CONFIG_OF_FROM, STR("example.org"));
	list_batch_begin(&s.batch);
	assert_int_equal(s.batch.deadline, SECONDS(2));
	s.lists.later = SECONDS(10);
	list_batch_begin(&s.batch); /* nothing new */
	assert_int_equal(s.batch.deadline, SECONDS(2));
	list_add_name(&s.batch, CONFIG_OF_DKIM, STR("example.net"));
	list_batch_begin(&s.batch);
	assert_int_equal(s.batch.deadline, SECONDS(12));
	finish(&s);
	scene_done(&s);
}

static void many_are_cut_off(void **state)
{
	struct scene s;
	char text[100];
	scene_init(&s, every_list, "", ALL_WORK);
	for (unsigned i = 0; i < 10000; i++) {
		snprintf(text, sizeof text, "www.d%u.example", i);
		list_add_name(&s.batch, CONFIG_OF_URI, str_from_z(text));
	}
	assert_true(s.batch.truncated);
	assert_int_equal(s.batch.n, 2 * LIST_URI_NAMES_MAX);
	for (unsigned i = 0; i < 10000; i++) {
		snprintf(text, sizeof text, "a@www.e%u.example", i);
		list_add_address(&s.batch, CONFIG_OF_FROM, str_from_z(text));
	}
	assert_int_equal(s.batch.n, LIST_QUESTIONS_MAX);
	memset(text, 'x', sizeof text);
	struct buf longest CLEANUP(buf_done) = BUF_INIT(4096);
	for (int i = 0; i < 20; i++)
		buf_printf(&longest, "%.60s.", text);
	buf_printf(&longest, "example");
	list_add_name(&s.batch, CONFIG_OF_HELO, buf_str(&longest));
	finish(&s);
	assert_int_equal(s.lists.asked, LIST_QUESTIONS_MAX);
	assert_true(s.results.truncated);
	scene_done(&s);
}

static void results_are_bounded(void **state)
{
	struct scene s;
	char text[40];
	/* All names are listed, and what must not be listed is not. */
	scene_init(&s,
		"{ name = \"A\"; zone = \"a.test\"; kind = \"host\"; of = \"from\"; replies = ( { "
		"name = \"X\"; mask = 1; score = 1; }, { name = \"Y\"; mask = 2; score = 1; } ); }",
		"",
		"test.a.test A 127.0.0.3\n*.example.a.test A 127.0.0.3\n"
		"*.example.a.test A 127.0.0.5\n*.example.a.test A 127.0.0.4\n");
	for (unsigned i = 0; i < 150; i++) {
		snprintf(text, sizeof text, "a@e%u.example", i);
		list_add_address(&s.batch, CONFIG_OF_FROM, str_from_z(text));
	}
	finish(&s);
	assert_int_equal(s.results.n, LIST_RESULTS_MAX);
	assert_true(s.results.truncated);
	assert_string_equal(arena_str_z(&s.arena, s.results.items[0].label), "A_X");
	scene_done(&s);
}

static void without_lists_nothing_is_asked(void **state)
{
	struct scene s;
	struct ip ip;
	scene_init(&s, "", "", "");
	assert_true(ip_parse(STR("192.0.2.1"), &ip));
	for (int i = 0; i < 2; i++) {
		list_add_ip(&s.batch, CONFIG_OF_CLIENT, &ip);
		list_add_address(&s.batch, CONFIG_OF_FROM, STR("a@example.org"));
		finish(&s);
		assert_int_equal(s.results.n + s.results.asked, 0);
		list_batch_init(&s.batch, NULL, s.config, &s.arena);
	}
	scene_done(&s);
}

/* ── Answers ──────────────────────────────────────────────────────────────────────────────── */

/* "ZEN_SBL 4.00 127.0.0.2; …": what came of it. */
static str told(struct scene *s)
{
	struct buf text CLEANUP(buf_done) = BUF_INIT(16384);
	for (size_t i = 0; i < s->results.n; i++) {
		const struct list_result *r = &s->results.items[i];
		buf_printf(&text, "%s%.*s %.2f %.*s", i ? "; " : "",
			STR_ARG(r->label.n ? r->label : STR("-")), r->score, STR_ARG(r->answer));
	}
	return text.n ? arena_str(&s->arena, buf_str(&text)) : STR_EMPTY;
}

static void answers_mean_what_the_list_says(void **state)
{
	static const char zen[] = "{ use = \"spamhaus-zen\"; }", surbl[] = "{ use = \"surbl\"; }",
			  dbl[] = "{ use = \"spamhaus-dbl\"; }", dnswl[] = "{ use = \"dnswl\"; }",
			  own[] = "{ name = \"OWN\"; zone = \"own.test\"; kind = \"ip\"; of = "
				  "\"client\"; replies = ( { code = \"127.0.0.10-20\"; mask = 4; "
				  "score = 1.5; } ); }";
	static const struct {
		const char *list, *question;
		enum config_list_of of;
		const char *records, *told;
	} rows[] = {
		{ zen, "192.0.2.1", CONFIG_OF_CLIENT, "127.0.0.2", "ZEN_SBL 4.00 127.0.0.2" },
		{ zen, "192.0.2.1", CONFIG_OF_CLIENT, "127.0.0.10 127.0.0.4 127.0.0.11",
			"ZEN_XBL 4.00 127.0.0.4; ZEN_PBL 2.00 127.0.0.10" },
		{ zen, "192.0.2.1", CONFIG_OF_CLIENT, "127.0.0.2 127.0.0.9",
			"ZEN_SBL 4.00 127.0.0.2; ZEN_DROP 7.00 127.0.0.9" },
		{ zen, "192.0.2.1", CONFIG_OF_RECEIVED, "127.0.0.2 127.0.0.10",
			"ZEN_SBL_RECEIVED 3.00 127.0.0.2; ZEN_PBL_RECEIVED 0.00 127.0.0.10" },
		{ zen, "192.0.2.1", CONFIG_OF_CLIENT, "127.0.0.8", "- 0.00 127.0.0.8" },
		{ zen, "192.0.2.1", CONFIG_OF_CLIENT, "", "- 0.00 " },
		{ zen, "192.0.2.1", CONFIG_OF_RECEIVED, "", "" },
		{ dbl, "evil.example", CONFIG_OF_URI, "127.0.1.4", "DBL_PHISH 7.50 127.0.1.4" },
		{ dbl, "evil.example", CONFIG_OF_FROM, "127.0.1.103",
			"DBL_ABUSED_REDIRECT 1.50 127.0.1.103" },
		{ dbl, "evil.example", CONFIG_OF_FROM, "127.0.1.255", "- 0.00 127.0.1.255" },
		{ surbl, "evil.example", CONFIG_OF_URI, "127.0.0.80",
			"SURBL_MALWARE 7.50 127.0.0.80; SURBL_ABUSE 4.50 127.0.0.80" },
		{ surbl, "evil.example", CONFIG_OF_URI, "127.0.0.248",
			"SURBL_PHISH 7.50 127.0.0.248; SURBL_MALWARE 7.50 127.0.0.248; "
			"SURBL_ABUSE 4.50 127.0.0.248; SURBL_CRACKED 4.50 127.0.0.248" },
		{ surbl, "192.0.2.1", CONFIG_OF_URI, "127.0.0.8", "SURBL_PHISH 7.50 127.0.0.8" },
		{ surbl, "evil.example", CONFIG_OF_URI, "127.0.0.2", "- 0.00 127.0.0.2" },
		{ dnswl, "192.0.2.1", CONFIG_OF_CLIENT, "127.0.5.3", "DNSWL_HIGH -2.00 127.0.5.3" },
		{ own, "192.0.2.1", CONFIG_OF_CLIENT, "127.0.0.12", "OWN 1.50 127.0.0.12" },
		{ own, "192.0.2.1", CONFIG_OF_CLIENT, "127.0.0.11", "- 0.00 127.0.0.11" },
		{ own, "192.0.2.1", CONFIG_OF_CLIENT, "127.0.0.36", "- 0.00 127.0.0.36" },
		/* errors */
		{ zen, "192.0.2.1", CONFIG_OF_CLIENT, "127.255.255.254", "- 0.00 127.255.255.254" },
		{ zen, "192.0.2.1", CONFIG_OF_CLIENT, "127.0.0.2 127.255.255.255",
			"- 0.00 127.255.255.255" },
		{ zen, "192.0.2.1", CONFIG_OF_CLIENT, "203.0.113.9", "- 0.00 203.0.113.9" },
		{ surbl, "evil.example", CONFIG_OF_URI, "127.0.0.1", "- 0.00 127.0.0.1" },
		{ dnswl, "192.0.2.1", CONFIG_OF_CLIENT, "127.0.0.255", "- 0.00 127.0.0.255" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf dns CLEANUP(buf_done) = BUF_INIT(4096);
		static const char *const zones[] = { "zen.spamhaus.org", "multi.surbl.org",
			"dbl.spamhaus.org", "list.dnswl.org", "own.test" };
		buf_printf(&dns,
			"2.0.0.127.zen.spamhaus.org A 127.0.0.2\n"
			"surbl-org-permanent-test-point.com.multi.surbl.org A 127.0.0.254\n"
			"dbltest.com.dbl.spamhaus.org A 127.0.1.2\n"
			"2.0.0.127.list.dnswl.org A 127.0.10.0\n"
			"2.0.0.127.own.test A 127.0.0.2\n");
		str rest = str_from_z(rows[i].records), record;
		while (rest.n) {
			(void)str_cut(rest, ' ', &record, &rest);
			for (size_t z = 0; z < ARRAY_LEN(zones); z++)
				buf_printf(&dns, "1.2.0.192.%s A %.*s\nevil.example.%s A %.*s\n",
					zones[z], STR_ARG(record), zones[z], STR_ARG(record));
		}
		buf_add_char(&dns, '\0');
		struct scene s;
		scene_init(&s, rows[i].list, "", dns.p);
		list_add_name(&s.batch, rows[i].of, str_from_z(rows[i].question));
		finish(&s);
		if (!str_equal(told(&s), str_from_z(rows[i].told)))
			fail_msg("%s, %s: wanted \"%s\", got \"%.*s\"", rows[i].list,
				rows[i].records, rows[i].told, STR_ARG(told(&s)));
		scene_done(&s);
	}
}

/* As for findings: none decides alone, unless it is meant to. */
static void no_single_reply_reaches_junk(void **state)
{
	struct scene s;
	scene_init(&s,
		"{ use = \"spamhaus-zen\"; }, { use = \"spamhaus-dbl\"; }, { use = \"spamcop\"; }, "
		"{ use = \"surbl\"; }, { use = \"uribl\"; }, { use = \"dnswl\"; }",
		"", "");
	const struct config_filter *f = &s.config->filter;
	assert_int_equal(f->lists.n, 6);
	for (size_t i = 0; i < f->lists.n; i++)
		for (size_t k = 0; k < f->lists.items[i].reply_count; k++) {
			const struct config_list_reply *r = &f->lists.items[i].replies[k];
			if (!r->decisive &&
				(r->score >= f->junk_at || r->received_score >= f->junk_at))
				fail_msg("%s %s", f->lists.items[i].name.p, r->name.p);
			assert_true(r->received_score <= MAX(r->score, 0));
			assert_true(r->text.n > 0);
		}
	scene_done(&s);
}

/* ── Whole judgements ─────────────────────────────────────────────────────────────────────── */

#define LISTS_FOR_JUDGEMENTS                                                                       \
	"filter: { lists = ( { use = \"spamhaus-zen\"; max_received = 2; }, { use = "              \
	"\"spamhaus-dbl\"; }, { use = \"surbl\"; }, { name = \"DWL\"; zone = \"dwl.test\"; kind "  \
	"= "                                                                                       \
	"\"domain\"; of = \"dkim rdns\"; replies = ( { code = \"127.0.2.1\"; score = -3; } ); } "  \
	"); };"
#define LISTS_WORK                                                                                 \
	"2.0.0.127.zen.spamhaus.org A 127.0.0.2\ndbltest.com.dbl.spamhaus.org A 127.0.1.2\n"       \
	"surbl-org-permanent-test-point.com.multi.surbl.org A 127.0.0.254\n"                       \
	"test.dwl.test A 127.0.2.1\n"

static void whole_judgements(void **state)
{
	static const struct {
		const char *name;
		struct testing_case c;
		const char *parts[4]; /* of the record; with "!": not in it */
	} rows[] = {
		{ "the client",
			{ .dns = LISTS_WORK "1.2.0.192.zen.spamhaus.org A 127.0.0.2\n"
					    "1.2.0.192.zen.spamhaus.org A 127.0.0.4\n" },
			{ "{\"name\":\"ZEN_SBL\",\"score\":4.00,\"mode\":\"score\",\"evidence\":"
			  "\"192.0.2.1 (client): Spamhaus SBL: a source of spam\",\"source\":"
			  "\"lists\"}",
				"\"action\":\"junk\"", "\"name\":\"ZEN_XBL\"", "!DNS_FAILURE" } },
		{ "one domain in several places counts once",
			{ .dns = LISTS_WORK "away.test.dbl.spamhaus.org A 127.0.1.2\n" },
			{ "{\"name\":\"DBL_SPAM\",\"score\":6.50,\"mode\":\"score\",\"evidence\":"
			  "\"away.test (helo) (sender) (from): Spamhaus DBL",
				NULL, NULL, NULL } },
		{ "a list that does not answer is no failure of the DNS",
			{ .dns = LISTS_WORK "1.2.0.192.zen.spamhaus.org * !timeout\n"
					    "away.test.dbl.spamhaus.org A 127.0.1.103\n" },
			{ "\"asked\":\"192.0.2.1\",\"answer\":\"\",\"why\":\"no answer\"",
				"!DNS_FAILURE", "DBL_ABUSED_REDIRECT", "!ZEN_" } },
		{ "only a signature that holds speaks for its domain",
			{ .dns = LISTS_WORK SIGNED_KEY "example.com.dwl.test A 127.0.2.1\n",
				.message = SIGNED },
			{ "\"name\":\"DWL\",\"score\":-3.00", "\"of\":\"dkim\"", NULL, NULL } },
		{ "one that does not hold speaks for nobody",
			{ .dns = LISTS_WORK SIGNED_KEY "example.com.dwl.test A 127.0.2.1\n",
				.message = SIGNED "." },
			{ "!\"DWL\"", "DKIM_FAIL", NULL, NULL } },
		{ "nor does a name that leads elsewhere",
			{ .dns = LISTS_WORK "1.2.0.192.in-addr.arpa PTR mail.good.test\n"
					    "good.test.dwl.test A 127.0.2.1\n" },
			{ "!\"DWL\"", "RDNS_FAIL", NULL, NULL } },
		{ "but one that leads back",
			{ .dns = LISTS_WORK "1.2.0.192.in-addr.arpa PTR mail.good.test\n"
					    "mail.good.test A 192.0.2.1\n"
					    "good.test.dwl.test A 127.0.2.1\n" },
			{ "\"name\":\"DWL\",\"score\":-3.00", "\"of\":\"rdns\"", NULL, NULL } },
		/* Two hops of it, and not the client's own. */
		{ "Received fields",
			{ .dns = LISTS_WORK "2.2.0.192.zen.spamhaus.org A 127.0.0.2\n"
					    "3.2.0.192.zen.spamhaus.org A 127.0.0.3\n",
				.message = "Received: from a (b [192.0.2.1]) by c\r\n"
					   "Received: from a (b [192.0.2.2]) by c\r\n"
					   "Received: from a (b [192.0.2.3]) by c\r\n"
					   "From: a@away.test\r\n\r\n" },
			{ "\"name\":\"ZEN_SBL_RECEIVED\",\"score\":3.00", "!ZEN_CSS",
				"\"asked\":\"192.0.2.2\"", "\"lists_asked\":3" } },
		{ "links, one finding for all that one reply has",
			{ .dns = LISTS_WORK "evil.example.multi.surbl.org A 127.0.0.8\n"
					    "bad.example.multi.surbl.org A 127.0.0.8\n"
					    "5.2.0.192.multi.surbl.org A 127.0.0.64\n",
				.message = "From: a@away.test\r\n\r\nhttp://x.evil.example/ "
					   "http://192.0.2.5/ http://bad.example/ "
					   "http://www.here.example/\r\n",
				.domain = "here.example" },
			{ "\"name\":\"SURBL_PHISH\",\"score\":7.50,\"mode\":\"score\","
			  "\"evidence\":\"evil.example (uri), bad.example (uri): SURBL PH",
				"\"name\":\"SURBL_ABUSE\"", "!\"evidence\":\"bad.example",
				"\"lists_asked\":7" } },
		{ "a broken list is told",
			{ .dns = "2.0.0.127.zen.spamhaus.org A 127.255.255.254\n" },
			{ "\"name\":\"LIST_BROKEN\",\"score\":0.00,\"mode\":\"observe\","
			  "\"evidence\":"
			  "\"ZEN: it does not answer public resolvers",
				"\"evidence\":\"DWL: its test entry is not listed",
				"!\"lists\":", "!lists_asked" } },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct testing_judgement j;
		struct testing_lists lists;
		struct testing_case c = rows[i].c;
		c.config = LISTS_FOR_JUDGEMENTS;
		testing_judge_init(&j, &c);
		testing_lists_init(&lists, &j.table.dns, j.config);
		j.message.lists = &lists.access;
		testing_judge_run(&j);
		for (size_t k = 0; k < ARRAY_LEN(rows[i].parts) && rows[i].parts[k]; k++) {
			bool absent = rows[i].parts[k][0] == '!';
			str part = str_from_z(rows[i].parts[k] + absent);
			if ((str_find(j.verdict.record, part) >= 0) == absent)
				fail_msg("%s: %.*s is%s in %.*s", rows[i].name, STR_ARG(part),
					absent ? "" : " not", STR_ARG(j.verdict.record));
		}
		testing_lists_done(&lists);
		testing_judge_done(&j);
	}
}

/* ── Health ───────────────────────────────────────────────────────────────────────────────── */

#define OWN_OF(kind, more)                                                                         \
	"{ name = \"OWN\"; zone = \"own.test\"; kind = \"" kind "\"; of = \"client from\"; " more  \
	" replies = ( { code = \"127.0.0.2\"; score = 1.5; } ); }"

static const struct list_health *health(const struct scene *s)
{
	return lists_health(s->lists.lists, &s->config->filter.lists.items[0]);
}

static void test_entries_tell_whether_it_works(void **state)
{
	static const struct {
		const char *list, *dns, *why; /* NULL: it works */
	} rows[] = {
		{ OWN_OF("ip", ""), "2.0.0.127.own.test A 127.0.0.2\n", NULL },
		{ OWN_OF("ip", ""), "2.0.0.127.own.test A 127.0.0.99\n", NULL },
		{ OWN_OF("ip", ""), "", "its test entry is not listed" },
		{ OWN_OF("ip", ""), "*.own.test A 127.0.0.2\n", "lists what must not be listed" },
		{ OWN_OF("ip", ""), "*.own.test A 127.255.255.252\n", "mistyped" },
		{ OWN_OF("ip", ""), "*.own.test A 127.255.255.254\n", "public resolvers" },
		{ OWN_OF("ip", ""), "*.own.test A 127.255.255.255\n", "too many questions" },
		{ OWN_OF("ip", ""), "*.own.test A 127.255.255.250\n", "key is not valid" },
		{ OWN_OF("ip", ""), "*.own.test A 127.255.255.1\n", "127.255.255.x" },
		{ OWN_OF("ip", ""), "*.own.test A 127.0.0.1\n", "refuses to answer (127.0.0.1)" },
		{ OWN_OF("ip", ""), "*.own.test A 203.0.113.1\n", "another owner" },
		{ OWN_OF("ip", ""), "*.own.test * !timeout\n", "does not answer" },
		{ OWN_OF("ip", ""),
			"2.0.0.127.own.test A 127.0.0.2\n1.0.0.127.own.test * !servfail\n",
			"does not answer" },
		{ OWN_OF("domain", ""), "test.own.test A 127.0.0.2\n", NULL },
		{ OWN_OF("domain", ""), "2.0.0.127.own.test A 127.0.0.2\n",
			"its test entry is not listed" },
		{ OWN_OF("ip domain", ""), "test.own.test A 127.0.0.2\n", NULL },
		{ OWN_OF("domain", "listed = \"a.b\"; unlisted = \"c\";"),
			"a.b.own.test A 127.0.0.2\ninvalid.own.test A 127.0.0.2\n", NULL },
		{ OWN_OF("domain", "listed = \"a.b\"; unlisted = \"c\";"),
			"a.b.own.test A 127.0.0.2\nc.own.test A 127.0.0.2\n",
			"lists what must not be listed" },
		{ OWN_OF("hash", ""), "", NULL }, /* nothing to be tested by */
		{ OWN_OF("hash", "listed = \"abc\";"), "", "its test entry is not listed" },
		{ OWN_OF("ip", "key = \"k3y\";"), "2.0.0.127.k3y.own.test A 127.0.0.2\n", NULL },
		{ OWN_OF("ip", "key = \"k3y\";"), "2.0.0.127.own.test A 127.0.0.2\n",
			"its test entry is not listed" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct scene s;
		struct ip ip;
		scene_init(&s, rows[i].list, "", rows[i].dns);
		const struct list_health *h = health(&s);
		if ((h->state == LIST_WORKING) != !rows[i].why ||
			(rows[i].why && !strstr(h->why, rows[i].why)))
			fail_msg("%s, %s: state %d, %s", rows[i].list, rows[i].dns, h->state,
				h->why);
		assert_null(strstr(h->why, "k3y"));
		/* What does not work is not asked. */
		assert_true(ip_parse(STR("192.0.2.1"), &ip));
		list_add_ip(&s.batch, CONFIG_OF_CLIENT, &ip);
		list_add_address(&s.batch, CONFIG_OF_FROM, STR("a@example.org"));
		assert_int_equal(s.batch.n > 0, !rows[i].why);
		finish(&s);
		scene_done(&s);
	}
}

/* Asks about a client; whether it was asked. */
static bool ask(struct scene *s, const char *client)
{
	struct ip ip;
	assert_true(ip_parse(str_from_z(client), &ip));
	list_batch_init(&s->batch, &s->lists.access, s->config, &s->arena);
	list_add_ip(&s->batch, CONFIG_OF_CLIENT, &ip);
	finish(s);
	return s->results.asked > 0;
}

static void check_at(struct scene *s, int64_t at)
{
	s->lists.later = at;
	lists_check(s->lists.lists, &s->lists.access.asker);
}

static void a_broken_list_comes_back(void **state)
{
	static const char good[] = "2.0.0.127.own.test A 127.0.0.2\n"
				   "1.2.0.192.own.test A 127.255.255.255\n"
				   "2.2.0.192.own.test A 127.0.0.2\n";
	struct scene s;
	scene_init(&s, OWN_OF("ip", ""), "", good);
	assert_int_equal(lists_next_check(s.lists.lists), SECONDS(100));
	assert_true(ask(&s, "192.0.2.2"));
	assert_int_equal(s.results.items[0].score * 10, 15);
	/* An error in an answer breaks it at once: it is tried again after a tenth of the interval,
	 * then after two, then four. */
	assert_true(ask(&s, "192.0.2.1"));
	assert_int_equal(health(&s)->state, LIST_BROKEN);
	assert_int_equal(s.results.items[0].label.n, 0);
	assert_false(ask(&s, "192.0.2.2"));
	static const int64_t checks[] = { 10, 30, 70, 150, 250, 350 };
	s.table.text = STR("");
	for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
		assert_int_equal(lists_next_check(s.lists.lists), SECONDS(checks[i]));
		s.table.questions = 0;
		check_at(&s, SECONDS(checks[i]) - 1);
		assert_int_equal(s.table.questions, 0);
		check_at(&s, SECONDS(checks[i]));
		assert_int_equal(s.table.questions, 2);
		assert_int_equal(health(&s)->state, LIST_BROKEN);
	}
	s.table.text = str_from_z(good);
	check_at(&s, SECONDS(450));
	assert_int_equal(health(&s)->state, LIST_WORKING);
	assert_int_equal(lists_next_check(s.lists.lists), SECONDS(550));
	assert_true(ask(&s, "192.0.2.2"));
	assert_int_equal(s.results.items[0].score * 10, 15);
	scene_done(&s);
}

static void one_that_does_not_answer_is_left_alone(void **state)
{
	struct scene s;
	scene_init(&s, OWN_OF("ip", ""), "",
		"2.0.0.127.own.test A 127.0.0.2\n1.2.0.192.own.test * !timeout\n");
	for (int round = 0; round < 2; round++) {
		assert_true(ask(&s, "192.0.2.1"));
		assert_true(str_equal(s.results.items[0].why, STR("no answer")));
		assert_true(ask(&s, "192.0.2.1"));
		/* An answer in between: it is only slow. */
		assert_true(round || ask(&s, "192.0.2.2"));
	}
	assert_int_equal(health(&s)->state, LIST_WORKING);
	assert_true(ask(&s, "192.0.2.1"));
	assert_int_equal(health(&s)->state, LIST_BROKEN);
	assert_string_equal(health(&s)->why, "it does not answer");
	assert_false(ask(&s, "192.0.2.1"));
	scene_done(&s);
}

/* What is known of a list stays over a reload; a broken one is tried again at once, as that may be
 * what the reload is for. */
static void a_reload_keeps_what_is_known(void **state)
{
	struct scene s, other;
	scene_init(&s, OWN_OF("ip", ""), "", "2.0.0.127.own.test A 127.0.0.2\n");
	scene_init(&other,
		"{ name = \"NEW\"; zone = \"new.test\"; kind = \"ip\"; of = \"client\"; " REPLIES
		"}, " OWN_OF("ip", ""),
		"", "");
	lists_configure(s.lists.lists, other.config);
	const struct config_lists *lists = &other.config->filter.lists;
	assert_int_equal(lists_health(s.lists.lists, &lists->items[0])->state, LIST_UNCHECKED);
	assert_int_equal(lists_health(s.lists.lists, &lists->items[1])->state, LIST_WORKING);
	check_at(&s, 0);
	assert_int_equal(lists_health(s.lists.lists, &lists->items[0])->state, LIST_BROKEN);
	assert_int_equal(lists_next_check(s.lists.lists), SECONDS(10));
	lists_configure(s.lists.lists, other.config);
	assert_int_equal(lists_next_check(s.lists.lists), 0);
	assert_int_equal(lists_health(s.lists.lists, &lists->items[0])->state, LIST_BROKEN);
	/* A message that began with the lists of before. */
	lists_configure(s.lists.lists, s.config);
	assert_null(lists_health(s.lists.lists, &lists->items[0]));
	list_batch_init(&other.batch, &s.lists.access, other.config, &other.arena);
	assert_true(ask(&s, "192.0.2.1"));
	scene_done(&s);
	scene_done(&other);
}

static void expect_stats(const struct scene *s, int64_t now, const char *expected)
{
	struct buf text CLEANUP(buf_done) = BUF_INIT(4096);
	struct json j = JSON_INIT(&text);
	json_object(&j, NULL);
	lists_stats(s->lists.lists, now, 1000000 + now / NSEC_PER_SEC, &j);
	json_end(&j);
	assert_true(json_done(&j));
	if (str_find(buf_str(&text), str_from_z(expected)) < 0)
		fail_msg("%s is not in %.*s", expected, STR_ARG(buf_str(&text)));
}

/* What each was asked, and since when it is as it is: its tests do not count, nor what it was not
 * asked while it was broken. */
static void what_lists_did_is_counted(void **state)
{
	struct scene s;
	scene_init(&s, OWN_OF("ip", ""), "",
		"2.0.0.127.own.test A 127.0.0.2\n2.2.0.192.own.test A 127.0.0.2\n"
		"1.2.0.192.own.test A 127.255.255.255\n3.2.0.192.own.test * !timeout\n");
	expect_stats(&s, SECONDS(5),
		"\"zone\":\"own.test\",\"state\":\"working\",\"since\":1000000,\"questions\":0,"
		"\"hits\":0,\"unanswered\":0,\"took_us\":0}");
	assert_true(ask(&s, "192.0.2.2"));
	assert_true(ask(&s, "192.0.2.3"));
	(void)ask(&s, "192.0.2.4");
	expect_stats(&s, SECONDS(5), "\"questions\":3,\"hits\":1,\"unanswered\":1,");
	s.lists.later = SECONDS(7);
	assert_true(ask(&s, "192.0.2.1"));
	expect_stats(&s, SECONDS(9),
		"\"state\":\"broken\",\"since\":1000007,\"why\":\"it got too many questions");
	assert_false(ask(&s, "192.0.2.2"));
	expect_stats(&s, SECONDS(9), "\"questions\":4,\"hits\":1,\"unanswered\":1,");
	check_at(&s, SECONDS(50));
	expect_stats(&s, SECONDS(60), "\"state\":\"working\",\"since\":1000050,\"questions\":4,");
	check_at(&s, SECONDS(500)); /* still works: since then */
	expect_stats(&s, SECONDS(600), "\"state\":\"working\",\"since\":1000050,");
	scene_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(questions_follow_from_what_is_there),
		cmocka_unit_test(each_question_is_asked_once),
		cmocka_unit_test(late_questions_have_their_time),
		cmocka_unit_test(many_are_cut_off),
		cmocka_unit_test(results_are_bounded),
		cmocka_unit_test(without_lists_nothing_is_asked),
		cmocka_unit_test(answers_mean_what_the_list_says),
		cmocka_unit_test(no_single_reply_reaches_junk),
		cmocka_unit_test(whole_judgements),
		cmocka_unit_test(test_entries_tell_whether_it_works),
		cmocka_unit_test(a_broken_list_comes_back),
		cmocka_unit_test(one_that_does_not_answer_is_left_alone),
		cmocka_unit_test(a_reload_keeps_what_is_known),
		cmocka_unit_test(what_lists_did_is_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
