#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "mailauth/dmarc.h"

#include "base/buf.h"
#include "mailauth/dns_testing.h"
#include "mailauth/domain.h"

#include <stdio.h>

enum { ARENA_MAX = 1024 * 1024 };

/* ---- records ---- */

static void records(void **state)
{
	static const struct {
		const char *text;
		bool is_record, usable;
		const char *policies; /* p, sp, np: n, q, r */
		const char *rest;     /* psd adkim aspf t pct */
		const char *problem;
	} cases[] = {
		{ "v=DMARC1; p=none", true, true, "nnn", "urrn100", "" },
		{ "v=DMARC1;p=reject;", true, true, "rrr", "urrn100", "" },
		{ "v = DMARC1 ; p = Quarantine ; sp=NONE", true, true, "qnn", "urrn100", "" },
		{ "v=DMARC1; p=none; sp=quarantine; np=reject", true, true, "nqr", "urrn100", "" },
		{ "v=DMARC1; p=none; np=reject", true, true, "nnr", "urrn100", "" },
		{ "v=DMARC1; p=reject; psd=y; adkim=s; aspf=S; t=y", true, true, "rrr", "yssy100",
			"" },
		{ "v=DMARC1; p=reject; psd=n; pct=0", true, true, "rrr", "nrrn0", "" },
		{ "v=DMARC1; p=reject; pct=101", true, true, "rrr", "urrn100", "pct" },
		{ "v=DMARC1; p=reject; pct=-1", true, true, "rrr", "urrn100", "pct" },
		{ "v=DMARC1; p=reject; pct=0050", true, true, "rrr", "urrn100", "pct" },
		{ "v=DMARC1; p=reject; psd=maybe; adkim=x; t=", true, true, "rrr", "urrn100",
			"psd" },
		/* Unknown and malformed tags. */
		{ "v=DMARC1; p=reject; zz=1; fo=1:d; ri=3600; rf=afrf", true, true, "rrr",
			"urrn100", "" },
		{ "v=DMARC1; ; ;p=reject;;", true, true, "rrr", "urrn100", "" },
		{ "v=DMARC1; p=reject; nonsense; =x; !=y", true, true, "rrr", "urrn100",
			"malformed" },
		{ "v=DMARC1; adkim=s; p=reject", true, true, "rrr", "usrn100", "" },
		{ "v=DMARC1; p=reject; p=none", true, true, "rrr", "urrn100", "twice" },
		{ "V=DMARC1; P=reject", true, true, "rrr", "urrn100", "" },
		/* Without a valid policy. */
		{ "v=DMARC1", true, false, "nnn", "urrn100", "missing" },
		{ "v=DMARC1; p=monitor", true, false, "nnn", "urrn100", "p" },
		{ "v=DMARC1; p=monitor; rua=mailto:a@example.org", true, true, "nnn", "urrn100",
			"p" },
		{ "v=DMARC1; rua=mailto:a@example.org", true, true, "nnn", "urrn100", "missing" },
		{ "v=DMARC1; p=reject; sp=x", true, false, "nnn", "urrn100", "sp" },
		{ "v=DMARC1; p=reject; sp=quarantine; np=x; rua=bad,mailto:a@example.org!10m", true,
			true, "nnn", "urrn100", "np" },
		{ "v=DMARC1; p=; rua=mailto:", true, false, "nnn", "urrn100", "p" },
		{ "v=DMARC1; p=reject,none", true, false, "nnn", "urrn100", "p" },
		/* No records. */
		{ "", false },
		{ "v=spf1 -all", false },
		{ " v=DMARC1; p=reject", false },
		{ "p=reject; v=DMARC1", false },
		{ "v=DMARC1 p=reject", false },
		{ "v=DMARC2; p=reject", false },
		{ "v=dmarc1; p=reject", false },
		{ "v=DMARC1x; p=reject", false },
		{ "v=DMARC1,p=reject", false },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena a = ARENA_INIT(ARENA_MAX);
		struct dmarc_record r;
		bool is_record = dmarc_record_parse(str_from_z(cases[i].text), &a, &r);
		if (is_record != cases[i].is_record)
			fail_msg("%s", cases[i].text);
		if (is_record) {
			char policies[4], rest[16];
			snprintf(policies, sizeof policies, "%c%c%c", "nqr"[r.p], "nqr"[r.sp],
				"nqr"[r.np]);
			snprintf(rest, sizeof rest, "%c%c%c%c%u", "uyn"[r.psd], "rs"[r.strict_dkim],
				"rs"[r.strict_spf], "ny"[r.test], r.percent);
			if (strcmp(policies, cases[i].policies) || strcmp(rest, cases[i].rest) ||
				r.usable != cases[i].usable)
				fail_msg("%s: %s %s %d", cases[i].text, policies, rest, r.usable);
			if ((cases[i].problem[0] == '\0') != (r.problem.n == 0) ||
				str_find(r.problem, str_from_z(cases[i].problem)) < 0)
				fail_msg("%s: %.*s", cases[i].text, STR_ARG(r.problem));
		}
		arena_done(&a);
	}
}

static void a_record_has_a_length(void **state)
{
	struct arena a = ARENA_INIT(ARENA_MAX);
	struct buf text = BUF_INIT(DMARC_RECORD_MAX + 1);
	struct dmarc_record r;
	buf_add(&text, STR("v=DMARC1; p=reject; rua="));
	while (text.n < DMARC_RECORD_MAX)
		buf_add_char(&text, 'a');
	assert_true(dmarc_record_parse(buf_str(&text), &a, &r));
	buf_add_char(&text, 'a');
	assert_false(dmarc_record_parse(buf_str(&text), &a, &r));
	buf_done(&text);
	arena_done(&a);
}

/* ---- domain names ---- */

static void names(void **state)
{
	static const struct {
		const char *text, *ascii;
	} cases[] = {
		{ "Example.ORG", "example.org" },
		{ "example.org.", "example.org" },
		{ "_x.a-b.example", "_x.a-b.example" },
		{ "com", "com" },
		{ "b\303\274cher.example", "xn--bcher-kva.example" },
		{ "B\303\234CHER.example", "xn--bcher-kva.example" },
		{ "XN--BCHER-KVA.example", "xn--bcher-kva.example" },
		{ "fa\303\237.example", "xn--fa-hia.example" },
		{ "bu\314\210cher.example", "xn--bcher-kva.example" },
		{ "b\303\274cher\343\200\202example", "xn--bcher-kva.example" },
		{ "", NULL },
		{ ".", NULL },
		{ "a..b", NULL },
		{ ".a", NULL },
		{ "[192.0.2.1]", NULL },
		{ "a b", NULL },
		{ "a/b", NULL },
		{ "a\303", NULL },
		{ "\342\200\213.example", NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena a = ARENA_INIT(ARENA_MAX);
		str out = STR_EMPTY;
		bool ok = domain_ascii(str_from_z(cases[i].text), &a, &out);
		if (ok != (cases[i].ascii != NULL) ||
			(ok && !str_equal(out, str_from_z(cases[i].ascii))))
			fail_msg("%s: %.*s", cases[i].text, STR_ARG(out));
		arena_done(&a);
	}
	assert_true(domain_is_within(STR("a.b"), STR("b")));
	assert_true(domain_is_within(STR("b"), STR("b")));
	assert_false(domain_is_within(STR("ab"), STR("b")));
	assert_false(domain_is_within(STR("b"), STR("a.b")));
	assert_true(str_equal(domain_last_labels(STR("a.b.c"), 2), STR("b.c")));
	assert_true(str_equal(domain_last_labels(STR("a.b.c"), 4), STR("a.b.c")));
}

static void a_name_has_a_length(void **state)
{
	struct arena a = ARENA_INIT(ARENA_MAX);
	struct buf name = BUF_INIT(1000);
	str out;
	for (int i = 0; i < 63; i++)
		buf_add_char(&name, 'a');
	assert_true(domain_ascii(buf_str(&name), &a, &out));
	buf_add_char(&name, 'a');
	assert_false(domain_ascii(buf_str(&name), &a, &out));
	buf_clear(&name);
	for (int i = 0; i < 126; i++)
		buf_add(&name, STR("a."));
	buf_add(&name, STR("b"));
	assert_int_equal(name.n, DOMAIN_NAME_MAX);
	assert_true(domain_ascii(buf_str(&name), &a, &out));
	assert_int_equal(domain_label_count(out), 127);
	buf_add(&name, STR("c"));
	assert_false(domain_ascii(buf_str(&name), &a, &out));
	buf_done(&name);
	arena_done(&a);
}

static void the_list_tells_the_organization(void **state)
{
	static const char *const cases[][2] = {
		{ "example.com", "example.com" },
		{ "a.b.example.com", "example.com" },
		{ "com", "com" },
		{ "a.example.co.uk", "example.co.uk" },
		{ "co.uk", "co.uk" },
		{ "a.b.c.unlisted", "c.unlisted" },
		{ "www.city.kobe.jp", "city.kobe.jp" },
		{ "a.b.c.kobe.jp", "b.c.kobe.jp" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		str found = dmarc_organization_psl(str_from_z(cases[i][0]));
		if (!str_equal(found, str_from_z(cases[i][1])))
			fail_msg("%s: %.*s", cases[i][0], STR_ARG(found));
	}
}

/* ---- the check ---- */

static const char zone[] =
	"example.org A 192.0.2.1\n"
	"_dmarc.example.org TXT v=DMARC1; p=reject; sp=quarantine; np=none\n"
	"mail.example.org MX 10 example.org\n"
	"there.example.org TXT nothing to do with it\n"
	"sub.mail.example.org A 192.0.2.1\n"
	"_dmarc.own.example.org TXT v=DMARC1; p=none; sp=reject\n"
	"a.own.example.org A 192.0.2.1\n"
	"strict.example A 192.0.2.1\n"
	"_dmarc.strict.example TXT v=DMARC1; p=reject; adkim=s; aspf=s\n"
	"_dmarc.test.example TXT v=DMARC1; p=reject; t=y\n"
	"_dmarc.pct.example TXT v=DMARC1; p=quarantine; pct=30\n"
	"_dmarc.two.example TXT v=DMARC1; p=reject\n"
	"_dmarc.two.example TXT v=DMARC1; p=none\n"
	"_dmarc.mixed.example TXT v=spf1 -all\n"
	"_dmarc.mixed.example TXT v=DMARC1; p=reject\n"
	"_dmarc.bad.example TXT v=DMARC1; p=perhaps\n"
	"_dmarc.lenient.example TXT v=DMARC1; p=perhaps; rua=mailto:a@lenient.example\n"
	"_dmarc.down.example TXT !servfail\n"
	"_dmarc.forged.example TXT !bogus\n"
	"_dmarc.under.downtld TXT v=DMARC1; p=reject\n"
	"_dmarc.downtld TXT !timeout\n"
	"_dmarc.npdown.example TXT v=DMARC1; p=none; np=reject\n"
	"x.npdown.example * !servfail\n"
	/* Public suffixes that say so. */
	"_dmarc.bank TXT v=DMARC1; p=reject; psd=y; np=reject; sp=quarantine\n"
	"a.one.bank A 192.0.2.1\n"
	"two.bank A 192.0.2.1\n"
	"_dmarc.mail.corp.example TXT v=DMARC1; p=none; psd=n\n"
	"_dmarc.corp.example TXT v=DMARC1; p=reject\n"
	"a.mail.corp.example A 192.0.2.1\n"
	"_dmarc.xn--bcher-kva.example TXT v=DMARC1; p=reject\n"
	"_dmarc.deep.example TXT v=DMARC1; p=reject; sp=quarantine\n"
	"a.b.c.d.e.f.g.h.i.j.mail.deep.example A 192.0.2.1\n"
	"_dmarc.f.g.h.i.j.mail.deep.example TXT v=DMARC1; p=none; psd=n\n"
	"alias.example CNAME example.org\n"
	"_dmarc.alias.example CNAME _dmarc.example.org\n";

/* How one message came. */
struct mail {
	const char *from, *spf_domain, *dkim_domain; /* passing; NULL: none */
};

static void check(const struct mail *mail, enum dmarc_method method, uint32_t sample,
	struct dns_table *table, struct arena *a, struct dmarc_outcome *out)
{
	struct spf_outcome spf = { .result = SPF_PASS, .domain = str_from_z(mail->spf_domain) };
	struct dkim_signature signatures[2] = {
		{ .result = DKIM_FAIL, .domain = STR("example.org") },
		{ .result = DKIM_PASS, .domain = str_from_z(mail->dkim_domain) },
	};
	struct dkim_outcome dkim = { .signatures = signatures, .n = mail->dkim_domain ? 2 : 1 };
	struct dmarc_query query = {
		.method = method,
		.from = str_from_z(mail->from),
		.spf = mail->spf_domain ? &spf : NULL,
		.dkim = &dkim,
		.sample = sample,
	};
	dmarc_check(&table->dns, &query, a, out);
}

struct check_case {
	struct mail mail;
	const char *expected; /* result, then for fail what is applied, tag, policy domain */
};

static void describe(const struct dmarc_outcome *out, char *text, size_t size)
{
	if (out->result == DMARC_FAIL)
		snprintf(text, size, "fail %s %s %.*s", dmarc_policy_name(out->applied), out->tag,
			STR_ARG(out->policy_domain));
	else
		snprintf(text, size, "%s", dmarc_result_name(out->result));
}

static void run_cases(const struct check_case *cases, size_t n, enum dmarc_method method)
{
	for (size_t i = 0; i < n; i++) {
		struct arena a = ARENA_INIT(8 * 1024);
		struct dns_table table;
		struct dmarc_outcome out;
		char text[400];
		dns_table_init(&table, str_from_z(zone));
		check(&cases[i].mail, method, 50, &table, &a, &out);
		describe(&out, text, sizeof text);
		if (strcmp(text, cases[i].expected) != 0)
			fail_msg("%s (spf %s, dkim %s): %s instead of %s; %.*s", cases[i].mail.from,
				cases[i].mail.spf_domain, cases[i].mail.dkim_domain, text,
				cases[i].expected, STR_ARG(out.reason));
		assert_int_equal(out.questions, table.questions);
		if (out.result != DMARC_PASS)
			assert_true(out.reason.n > 0);
		arena_done(&a);
	}
}

static void either_method(void **state)
{
	static const struct check_case cases[] = {
		/* Relaxed alignment. */
		{ { "a@example.org", "example.org", NULL }, "pass" },
		{ { "a@example.org", NULL, "example.org" }, "pass" },
		{ { "a@example.org", "mail.example.org", NULL }, "pass" },
		{ { "a@mail.example.org", NULL, "example.org" }, "pass" },
		{ { "a@mail.example.org", NULL, "other.example.org" }, "pass" },
		{ { "a@EXAMPLE.org", NULL, "Example.ORG." }, "pass" },
		{ { "a@example.org", "example.org.evil.example", "badexample.org" },
			"fail reject p example.org" },
		{ { "a@example.org", "org", "org" }, "fail reject p example.org" },
		{ { "a@example.org", NULL, NULL }, "fail reject p example.org" },
		/* sp and np. */
		{ { "a@mail.example.org", NULL, NULL }, "fail quarantine sp example.org" },
		{ { "a@sub.mail.example.org", NULL, NULL }, "fail quarantine sp example.org" },
		{ { "a@no.example.org", NULL, NULL }, "fail none np example.org" },
		{ { "a@there.example.org", NULL, NULL }, "fail none np example.org" },
		{ { "a@own.example.org", NULL, NULL }, "fail none p own.example.org" },
		{ { "a@x.npdown.example", NULL, NULL }, "temperror" },
		{ { "a@x.npdown.example", "npdown.example", NULL }, "pass" },
		/* Strict alignment. */
		{ { "a@strict.example", "strict.example", NULL }, "pass" },
		{ { "a@strict.example", "www.strict.example", "www.strict.example" },
			"fail reject p strict.example" },
		/* Testing. */
		{ { "a@test.example", NULL, NULL }, "fail quarantine p test.example" },
		{ { "a@pct.example", NULL, NULL }, "fail none p pct.example" },
		/* Records. */
		{ { "a@two.example", NULL, NULL }, "none" },
		{ { "a@mixed.example", NULL, NULL }, "fail reject p mixed.example" },
		{ { "a@bad.example", "bad.example", NULL }, "permerror" },
		{ { "a@lenient.example", "lenient.example", NULL }, "pass" },
		{ { "a@lenient.example", NULL, NULL }, "fail none p lenient.example" },
		{ { "a@unknown.example", "unknown.example", NULL }, "none" },
		{ { "a@alias.example", NULL, NULL }, "fail reject p alias.example" },
		{ { "a@down.example", "down.example", NULL }, "temperror" },
		{ { "a@forged.example", "forged.example", NULL }, "temperror" },
		/* IDN. */
		{ { "a@b\303\274cher.example", "xn--bcher-kva.example", NULL }, "pass" },
		{ { "a@xn--bcher-kva.example", NULL, "b\303\274cher.example" }, "pass" },
		{ { "a@B\303\234CHER.example", NULL, NULL },
			"fail reject p xn--bcher-kva.example" },
		/* From: several, groups, none. */
		{ { "a@example.org, b@example.org", "example.org", NULL }, "pass" },
		{ { "a@pct.example, b@example.org", "example.org", NULL },
			"fail none p pct.example" },
		{ { "a@example.org, b@pct.example", "pct.example", NULL },
			"fail reject p example.org" },
		{ { "a@example.org, b@unknown.example", "example.org", NULL }, "none" },
		{ { "a@example.org, b@down.example", "example.org", NULL }, "temperror" },
		{ { "a@example.org, b@down.example", NULL, NULL }, "fail reject p example.org" },
		{ { "a@example.org, b", "example.org", NULL }, "permerror" },
		{ { "a@example.org, b@[192.0.2.1]", "example.org", NULL }, "permerror" },
		{ { "a@[192.0.2.1]", NULL, NULL }, "permerror" },
		{ { "Friends: a@example.org, b@example.org;", NULL, NULL },
			"fail reject p example.org" },
		{ { "Nobody:;", NULL, NULL }, "none" },
		{ { "", NULL, NULL }, "permerror" },
		{ { "\"b@unknown.example\" <a@example.org>", NULL, NULL },
			"fail reject p example.org" },
		{ { "b@unknown.example <a@example.org>", NULL, NULL },
			"fail reject p example.org" },
		{ { "a@(c)example(d).org", NULL, NULL }, "fail reject p example.org" },
	};
	run_cases(cases, ARRAY_LEN(cases), DMARC_TREE_WALK);
	run_cases(cases, ARRAY_LEN(cases), DMARC_PUBLIC_SUFFIX);
}

static void tree_walk(void **state)
{
	static const struct check_case cases[] = {
		/* The record highest up is the organization's, and a record between does not change
		 * that. */
		{ { "a@own.example.org", "example.org", NULL }, "pass" },
		{ { "a@a.own.example.org", NULL, NULL }, "fail quarantine sp example.org" },
		/* psd=n ends it. */
		{ { "a@a.mail.corp.example", NULL, NULL }, "fail none p mail.corp.example" },
		{ { "a@a.mail.corp.example", "corp.example", NULL },
			"fail none p mail.corp.example" },
		{ { "a@a.mail.corp.example", "b.mail.corp.example", NULL }, "pass" },
		/* psd=y: what is below is the organization. */
		{ { "a@a.one.bank", NULL, NULL }, "fail quarantine sp bank" },
		{ { "a@none.bank", NULL, NULL }, "fail reject np bank" },
		{ { "a@a.one.bank", "one.bank", NULL }, "pass" },
		{ { "a@one.bank", "two.bank", NULL }, "fail reject np bank" }, /* no A, no MX */
		{ { "a@bank", "one.bank", NULL }, "fail reject p bank" },
		{ { "a@bank", "bank", NULL }, "pass" },
		/* Eight labels at most: after the first name those of seven and fewer. */
		{ { "a@a.b.c.d.e.f.g.h.i.j.mail.deep.example", NULL, NULL },
			"fail quarantine sp deep.example" },
		/* Without a record above, a domain stands alone. */
		{ { "a@x.unknown.example", "unknown.example", NULL }, "none" },
		/* The way up fails: only an equal name can be told. */
		{ { "a@under.downtld", "under.downtld", NULL }, "pass" },
		{ { "a@under.downtld", "a.under.downtld", NULL }, "temperror" },
		{ { "a@under.downtld", NULL, NULL }, "fail reject p under.downtld" },
	};
	run_cases(cases, ARRAY_LEN(cases), DMARC_TREE_WALK);
}

static void public_suffix(void **state)
{
	static const struct check_case cases[] = {
		{ { "a@a.mail.corp.example", NULL, NULL }, "fail reject p corp.example" },
		{ { "a@a.one.bank", NULL, NULL }, "fail quarantine sp bank" },
		{ { "a@two.bank", NULL, NULL }, "fail quarantine sp bank" },
		{ { "a@one.bank", "two.bank", NULL }, "fail reject np bank" },
		{ { "a@a.b.c.d.e.f.g.h.i.j.mail.deep.example", NULL, NULL },
			"fail quarantine sp deep.example" },
	};
	run_cases(cases, ARRAY_LEN(cases), DMARC_PUBLIC_SUFFIX);
}

static void samples(void **state)
{
	static const struct mail mail = { "a@pct.example", NULL, NULL };
	struct arena a = ARENA_INIT(ARENA_MAX);
	struct dns_table table;
	struct dmarc_outcome out;
	dns_table_init(&table, str_from_z(zone));
	check(&mail, DMARC_TREE_WALK, 29, &table, &a, &out);
	assert_false(out.testing);
	assert_int_equal(out.applied, DMARC_POLICY_QUARANTINE);
	check(&mail, DMARC_TREE_WALK, 30, &table, &a, &out);
	assert_true(out.testing);
	assert_int_equal(out.applied, DMARC_POLICY_NONE);
	assert_int_equal(out.published, DMARC_POLICY_QUARANTINE);
	arena_done(&a);
}

/* A result that is not final counts only where it would align. */
static void temporary_results(void **state)
{
	static const struct {
		const char *domain;
		enum dmarc_result expected;
	} cases[] = {
		{ "mail.example.org", DMARC_TEMPERROR },
		{ "example.org", DMARC_TEMPERROR },
		{ "other.example", DMARC_FAIL },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena a = ARENA_INIT(ARENA_MAX);
		struct dns_table table;
		struct dmarc_outcome out;
		struct spf_outcome spf = { .result = SPF_TEMPERROR,
			.domain = str_from_z(cases[i].domain) };
		struct dkim_signature signature = { .result = DKIM_TEMPERROR,
			.domain = str_from_z(cases[i].domain) };
		struct dkim_outcome dkim = { .signatures = &signature, .n = 1 };
		struct dmarc_query query = { .from = STR("a@example.org"), .spf = &spf };
		dns_table_init(&table, str_from_z(zone));
		dmarc_check(&table.dns, &query, &a, &out);
		assert_int_equal(out.result, cases[i].expected);
		query.spf = NULL;
		query.dkim = &dkim;
		dmarc_check(&table.dns, &query, &a, &out);
		assert_int_equal(out.result, cases[i].expected);
		arena_done(&a);
	}
}

static void the_walk_asks_eight_names(void **state)
{
	static const struct mail mail = { "a@1.2.3.4.5.6.7.8.9.10.11.12.none", NULL, NULL };
	struct arena a = ARENA_INIT(ARENA_MAX);
	struct dns_table table;
	struct dmarc_outcome out;
	dns_table_init(&table, STR("a TXT b"));
	check(&mail, DMARC_TREE_WALK, 0, &table, &a, &out);
	assert_int_equal(out.result, DMARC_NONE);
	assert_int_equal(table.questions, 8);
	arena_done(&a);
}

static void nothing_is_asked_twice(void **state)
{
	static const struct mail mail = { "a@a.example.org, b@b.example.org", "c.example.org",
		"c.example.org" };
	struct arena a = ARENA_INIT(ARENA_MAX);
	struct dns_table table;
	struct dmarc_outcome out;
	dns_table_init(&table, STR("_dmarc.example.org TXT v=DMARC1; p=reject\n"));
	check(&mail, DMARC_TREE_WALK, 0, &table, &a, &out);
	assert_int_equal(out.result, DMARC_PASS);
	assert_int_equal(out.authors, 2);
	assert_int_equal(table.questions, 5); /* a, b, c, example.org, org */

	/* No walk for an identifier that cannot align. */
	static const struct mail foreign = { "a@example.org", "a.b.c.d.example", "e.f.g.example" };
	table.questions = 0;
	check(&foreign, DMARC_TREE_WALK, 0, &table, &a, &out);
	assert_int_equal(table.questions, 2);

	/* No such name: that holds for every type. */
	static const struct mail absent = { "a@no.example.org", NULL, NULL };
	dns_table_init(&table, STR("_dmarc.example.org TXT v=DMARC1; p=none; np=reject\n"));
	check(&absent, DMARC_TREE_WALK, 0, &table, &a, &out);
	assert_string_equal(out.tag, "np");
	assert_int_equal(table.questions, 4); /* no, example.org, org; MX */
	arena_done(&a);
}

static void many_authors(void **state)
{
	struct buf from = BUF_INIT(4 * 1024 * 1024);
	struct arena a = ARENA_INIT(ARENA_MAX);
	struct dns_table table;
	struct dmarc_outcome out;
	dns_table_init(&table, STR("_dmarc.x TXT v=DMARC1; p=none\n"));
	for (int i = 0; i < DMARC_AUTHORS_MAX; i++)
		buf_printf(&from, "a@%d.x,", i);
	struct dmarc_query query = { .from = buf_str(&from) };
	dmarc_check(&table.dns, &query, &a, &out);
	assert_int_equal(out.authors, DMARC_AUTHORS_MAX);
	assert_int_equal(out.result, DMARC_FAIL);
	buf_add(&from, STR("a@32.x"));
	query.from = buf_str(&from);
	dmarc_check(&table.dns, &query, &a, &out);
	assert_int_equal(out.result, DMARC_FAIL); /* stricter than that there are too many */

	/* Different and deep: no more than so many questions. */
	buf_clear(&from);
	for (int i = 0; i < 60000; i++)
		buf_printf(&from, "a@1.2.3.4.5.6.7.%d,", i);
	table.questions = 0;
	query.from = buf_str(&from);
	dmarc_check(&table.dns, &query, &a, &out);
	assert_int_equal(out.result, DMARC_TEMPERROR);
	assert_int_equal(table.questions, DMARC_QUESTIONS_MAX);

	/* Sixty thousand times the same. */
	buf_clear(&from);
	for (int i = 0; i < 60000; i++)
		buf_add(&from, STR("a@x,"));
	query.from = buf_str(&from);
	dmarc_check(&table.dns, &query, &a, &out);
	assert_int_equal(out.authors, 1);
	assert_int_equal(out.result, DMARC_FAIL);

	/* Sixty thousand spellings. */
	buf_clear(&from);
	for (int i = 0; i < 60000; i++)
		buf_printf(&from, "a@\303\274%d..x,", i);
	query.from = buf_str(&from);
	dmarc_check(&table.dns, &query, &a, &out);
	assert_int_equal(out.result, DMARC_PERMERROR);
	buf_done(&from);
	arena_done(&a);
}

static void time_is_bounded(void **state)
{
	static const struct mail mail = { "a@1.2.3.4.5.6.7.x", NULL, NULL };
	struct arena a = ARENA_INIT(ARENA_MAX);
	struct dns_table table;
	struct dmarc_outcome out;
	dns_table_init(&table, STR("a TXT b"));
	table.step = INT64_C(6000000000);
	check(&mail, DMARC_TREE_WALK, 0, &table, &a, &out);
	assert_int_equal(out.result, DMARC_TEMPERROR);
	assert_int_equal(table.questions, 4);
	arena_done(&a);
}

static void from_fields(void **state)
{
	static const char *const cases[][2] = {
		{ "From: a@b\nTo: c@d\n\nFrom: e@f\n", " a@b" },
		{ "To: c@d\n", "" },
		{ "From: a@b\r\nfrom :c@d\r\nFrom:\r\n", " a@b, c@d, " },
		{ "From: a@b\n ,c@d\nX-From: e@f\nFROM:g@h", " a@b\n ,c@d, g@h" },
		{ "From:\nFrom:\nFrom:a@b", "a@b" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		str header = str_from_z(cases[i][0]);
		struct arena a = ARENA_INIT(header.n);
		str from = dmarc_from(header, &a);
		if (!str_equal(from, str_from_z(cases[i][1])))
			fail_msg("%s: %.*s", cases[i][0], STR_ARG(from));
		arena_done(&a);
	}
}

/* Whatever is cut off, there is a result. */
static void every_prefix(void **state)
{
	static const char from[] = "G: \"a, b\" <x@b\303\274cher.example>, (c) y@Example.org;, "
				   "z@[1], @a:q@two.example";
	struct dns_table table;
	dns_table_init(&table, str_from_z(zone));
	for (size_t n = 0; n < sizeof from; n++) {
		struct arena a = ARENA_INIT(8 * 1024);
		struct dmarc_outcome out;
		struct dmarc_query query = { .from = str_from(from, n) };
		dmarc_check(&table.dns, &query, &a, &out);
		assert_true(out.result != DMARC_PASS);
		arena_done(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records),
		cmocka_unit_test(a_record_has_a_length),
		cmocka_unit_test(names),
		cmocka_unit_test(a_name_has_a_length),
		cmocka_unit_test(the_list_tells_the_organization),
		cmocka_unit_test(either_method),
		cmocka_unit_test(tree_walk),
		cmocka_unit_test(public_suffix),
		cmocka_unit_test(samples),
		cmocka_unit_test(temporary_results),
		cmocka_unit_test(the_walk_asks_eight_names),
		cmocka_unit_test(nothing_is_asked_twice),
		cmocka_unit_test(many_authors),
		cmocka_unit_test(time_is_bounded),
		cmocka_unit_test(from_fields),
		cmocka_unit_test(every_prefix),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
