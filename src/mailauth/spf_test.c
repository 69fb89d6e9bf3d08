/* SPF checks over a table of zones: results, limits, and what the outcome says. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "mailauth/dns_testing.h"
#include "mailauth/spf.h"

#include "base/buf.h"

static const char zones[] =
	"pass.example TXT v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all\n"
	"none.example TXT v=spf2 -all\n"
	"single TXT v=spf1 +all\n"
	"two.example TXT v=spf1 -all\n"
	"two.example TXT v=spf1 +all\n"
	"slow.example TXT !timeout\n"
	"forged.example TXT !bogus\n"
	"cname.example CNAME pass.example\n"
	"loop.example CNAME pool.example\n"
	"pool.example CNAME loop.example\n"
	"softfail.example TXT v=spf1 ~all\n"
	"default.example TXT v=spf1 ip4:198.51.100.1\n"
	"empty.example TXT v=spf1\n"
	"wrong.example TXT v=spf1 +all ip5:192.0.2.1\n"
	"nul.example TXT v=spf1 a:b\\x00.example -all\n"
	"tab.example TXT v=spf1\\x09-all\n"
	"inc.example TXT v=spf1 include:pass.example -all\n"
	"neg.example TXT v=spf1 -include:pass.example +ip4:198.51.100.0/24 ~all\n"
	"incnone.example TXT v=spf1 include:nowhere.example -all\n"
	"incslow.example TXT v=spf1 include:slow.example -all\n"
	"incwrong.example TXT v=spf1 include:wrong.example -all\n"
	"self.example TXT v=spf1 include:self.example -all\n"
	"redirself.example TXT v=spf1 redirect=redirself.example\n"
	"redir.example TXT v=spf1 redirect=pass.example exp=lost.example\n"
	"redirnone.example TXT v=spf1 redirect=nowhere.example\n"
	"redirinc.example TXT v=spf1 include:redir.example ?all\n"
	"xn--bcher-kva.example TXT v=spf1 exists:%{d}.idn.example -all\n"
	"xn--bcher-kva.example.idn.example A 127.0.0.2\n"
	"local.example TXT v=spf1 exists:%{l}.local.example -all\n"
	"any.local.example A 127.0.0.2\n"
	"*.local.example A 127.0.0.2\n"
	"mx.example TXT v=spf1 mx -all\n"
	"mx.example MX 10 dead1.example\n"
	"mx.example MX 10 dead2.example\n"
	"mx.example MX 10 dead3.example\n"
	"mx.example MX 10 host.example\n"
	"mxdead.example TXT v=spf1 mx mx mx -all\n"
	"mxdead.example MX 10 dead1.example\n"
	"mxdead.example MX 10 dead2.example\n"
	"mxslow.example TXT v=spf1 mx -all\n"
	"mxslow.example MX 10 downhost.example\n"
	"downhost.example * !servfail\n"
	"host.example A 192.0.2.1\n"
	"host.example AAAA 2001:db8::1\n"
	"a.example TXT v=spf1 a:host.example/24//32 -all\n"
	"void2.example TXT v=spf1 a:v1.example a:v2.example ~all\n"
	"void3.example TXT v=spf1 a:v1.example a:v2.example a:v3.example ~all\n"
	"ptr.example TXT v=spf1 ptr -all\n"
	"1.2.0.192.in-addr.arpa PTR mail.ptr.example\n"
	"mail.ptr.example A 192.0.2.1\n"
	"2.2.0.192.in-addr.arpa PTR forged.ptr.example\n"
	"forged.ptr.example A 192.0.2.99\n"
	"3.2.0.192.in-addr.arpa * !servfail\n"
	"exp.example TXT v=spf1 exp=why.exp.example -all\n"
	"why.exp.example TXT %{i} is not %{d}'s; ask %{r} about %{p}\n"
	"exptwo.example TXT v=spf1 exp=two.example -all\n"
	"expbad.example TXT v=spf1 exp=bad.exp.example -all\n"
	"bad.exp.example TXT 100% no\n"
	"expinc.example TXT v=spf1 include:exp.example -all\n"
	"mail.helo.example TXT v=spf1 a -all\n"
	"mail.helo.example A 192.0.2.1\n";

static const struct {
	const char *ip, *helo, *sender;
	enum spf_result result;
	const char *mechanism, *domain; /* NULL: not looked at */
} cases[] = {
	{ "192.0.2.1", "h", "a@pass.example", SPF_PASS, "ip4:192.0.2.0/24", "pass.example" },
	{ "::ffff:192.0.2.1", "h", "a@pass.example", SPF_PASS, "ip4:192.0.2.0/24", NULL },
	{ "2001:db8::1", "h", "a@pass.example", SPF_PASS, "ip6:2001:db8::/32", NULL },
	{ "198.51.100.1", "h", "a@pass.example", SPF_FAIL, "-all", "pass.example" },
	{ "192.0.2.1", "h", "a@PASS.Example.", SPF_PASS, "ip4:192.0.2.0/24", NULL },
	{ "192.0.2.1", "h", "\"a@b\"@pass.example", SPF_PASS, NULL, NULL },
	{ "192.0.2.1", "h", "pass.example", SPF_PASS, NULL, NULL },
	{ "192.0.2.1", "h", "a@none.example", SPF_NONE, "", "" },
	{ "192.0.2.1", "h", "a@nowhere.example", SPF_NONE, "", "" },
	{ "192.0.2.1", "h", "a@example", SPF_NONE, "", "" },
	{ "192.0.2.1", "h", "a@single", SPF_NONE, "", "" },
	{ "192.0.2.1", "h", "a@[192.0.2.1]", SPF_NONE, "", "" },
	{ "192.0.2.1", "h", "a@b..example", SPF_NONE, "", "" },
	{ "192.0.2.1", "h", "a@", SPF_NONE, "", "" },
	{ "192.0.2.1", "h", "a@two.example", SPF_PERMERROR, "", "" },
	{ "192.0.2.1", "h", "a@slow.example", SPF_TEMPERROR, "", "" },
	{ "192.0.2.1", "h", "a@forged.example", SPF_TEMPERROR, "", "" },
	{ "192.0.2.1", "h", "a@cname.example", SPF_PASS, NULL, "cname.example" },
	{ "192.0.2.1", "h", "a@loop.example", SPF_TEMPERROR, "", "" },
	{ "192.0.2.1", "h", "a@softfail.example", SPF_SOFTFAIL, "~all", NULL },
	{ "192.0.2.1", "h", "a@default.example", SPF_NEUTRAL, "default", "default.example" },
	{ "192.0.2.1", "h", "a@empty.example", SPF_NEUTRAL, "default", NULL },
	{ "192.0.2.1", "h", "a@wrong.example", SPF_PERMERROR, "", "" },
	{ "192.0.2.1", "h", "a@nul.example", SPF_PERMERROR, "", "" },
	{ "192.0.2.1", "h", "a@tab.example", SPF_NONE, "", "" },
	{ "192.0.2.1", "h", "a@inc.example", SPF_PASS, "ip4:192.0.2.0/24", "pass.example" },
	{ "198.51.100.1", "h", "a@inc.example", SPF_FAIL, "-all", "inc.example" },
	{ "192.0.2.1", "h", "a@neg.example", SPF_FAIL, "ip4:192.0.2.0/24", "pass.example" },
	{ "198.51.100.1", "h", "a@neg.example", SPF_PASS, "+ip4:198.51.100.0/24", "neg.example" },
	{ "192.0.2.1", "h", "a@incnone.example", SPF_PERMERROR, "", "" },
	{ "192.0.2.1", "h", "a@incslow.example", SPF_TEMPERROR, "", "" },
	{ "192.0.2.1", "h", "a@incwrong.example", SPF_PERMERROR, "", "" },
	{ "192.0.2.1", "h", "a@self.example", SPF_PERMERROR, "", "" },
	{ "192.0.2.1", "h", "a@redirself.example", SPF_PERMERROR, "", "" },
	{ "192.0.2.1", "h", "a@redir.example", SPF_PASS, NULL, "pass.example" },
	{ "198.51.100.1", "h", "a@redir.example", SPF_FAIL, "-all", "pass.example" },
	{ "192.0.2.1", "h", "a@redirnone.example", SPF_PERMERROR, "", "" },
	{ "192.0.2.1", "h", "a@redirinc.example", SPF_PASS, NULL, "pass.example" },
	{ "198.51.100.1", "h", "a@redirinc.example", SPF_NEUTRAL, "?all", "redirinc.example" },
	{ "192.0.2.1", "h",
		"a@b\xc3\xbc"
		"cher.example",
		SPF_PASS, NULL, "xn--bcher-kva.example" },
	{ "192.0.2.1", "h",
		"a@B\xc3\x9c"
		"CHER.example",
		SPF_PASS, NULL, NULL },
	{ "192.0.2.1", "h", "a@b\xc3.example", SPF_NONE, "", "" },
	{ "192.0.2.1", "h", "any@local.example", SPF_PASS, NULL, NULL },
	{ "192.0.2.1", "h", "caf\xc3\xa9@local.example", SPF_FAIL, NULL, NULL },
	{ "192.0.2.1", "h", "a..b@local.example", SPF_FAIL, NULL, NULL },
	{ "192.0.2.1", "h", "a\\032b@local.example", SPF_FAIL, NULL, NULL },
	{ "192.0.2.1", "h", "a@mx.example", SPF_PASS, "mx", NULL },
	{ "2001:db8::1", "h", "a@mx.example", SPF_PASS, "mx", NULL },
	{ "192.0.2.2", "h", "a@mx.example", SPF_FAIL, NULL, NULL },
	{ "192.0.2.2", "h", "a@mxdead.example", SPF_PERMERROR, NULL, NULL },
	{ "192.0.2.2", "h", "a@mxslow.example", SPF_TEMPERROR, NULL, NULL },
	{ "192.0.2.77", "h", "a@a.example", SPF_PASS, NULL, NULL },
	{ "192.0.3.77", "h", "a@a.example", SPF_FAIL, NULL, NULL },
	{ "2001:db8:ffff::1", "h", "a@a.example", SPF_PASS, NULL, NULL },
	{ "2001:db9::1", "h", "a@a.example", SPF_FAIL, NULL, NULL },
	{ "192.0.2.1", "h", "a@void2.example", SPF_SOFTFAIL, NULL, NULL },
	{ "192.0.2.1", "h", "a@void3.example", SPF_PERMERROR, NULL, NULL },
	{ "192.0.2.1", "h", "a@ptr.example", SPF_PASS, "ptr", NULL },
	{ "192.0.2.2", "h", "a@ptr.example", SPF_FAIL, NULL, NULL },
	{ "192.0.2.3", "h", "a@ptr.example", SPF_FAIL, NULL, NULL },
	{ "192.0.2.4", "h", "a@ptr.example", SPF_FAIL, NULL, NULL },
	{ "192.0.2.1", "mail.helo.example", "", SPF_PASS, "a", NULL },
	{ "192.0.2.2", "mail.helo.example", "", SPF_FAIL, "-all", NULL },
	{ "192.0.2.2", "localhost", "", SPF_NONE, "", "" },
	{ "192.0.2.2", "[192.0.2.2]", "", SPF_NONE, "", "" },
};

static void check(struct dns_table *t, const char *ip, const char *helo, const char *sender,
	struct arena *a, struct spf_outcome *out)
{
	struct spf_query query = {
		.helo = str_from_z(helo),
		.sender = str_from_z(sender),
		.receiver = STR("mx.receiver.example"),
		.time = 1700000000,
	};
	assert_true(ip_parse(str_from_z(ip), &query.client));
	spf_check(&t->dns, &query, a, out);
	assert_int_equal(out->questions, t->questions);
	assert_true(out->lookups <= SPF_TERMS_MAX && out->step_count <= SPF_STEPS_MAX);
	assert_int_equal(
		out->problem.n > 0, out->result == SPF_TEMPERROR || out->result == SPF_PERMERROR);
}

static void test_results(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena a CLEANUP(arena_done) = ARENA_INIT(SPF_ARENA_MAX);
		struct dns_table t;
		dns_table_init(&t, str_from_z(zones));
		struct spf_outcome out;
		check(&t, cases[i].ip, cases[i].helo, cases[i].sender, &a, &out);
		if (out.result != cases[i].result ||
			(cases[i].mechanism &&
				!str_equal(out.mechanism, str_from_z(cases[i].mechanism))) ||
			(cases[i].domain &&
				!str_equal(out.mechanism_domain, str_from_z(cases[i].domain))))
			fail_msg("%s, %s: %s, %.*s in %.*s; %.*s", cases[i].ip, cases[i].sender,
				spf_result_name(out.result), STR_ARG(out.mechanism),
				STR_ARG(out.mechanism_domain), STR_ARG(out.problem));
		assert_false(out.worthless && out.result != SPF_PASS);
	}
}

static const struct {
	const char *sender, *explanation;
} explanations[] = {
	{ "a@exp.example",
		"192.0.2.1 is not exp.example's; ask mx.receiver.example about mail.ptr.example" },
	{ "a@exptwo.example", "" },
	{ "a@expbad.example", "" },
	{ "a@expinc.example", "" },
	{ "a@ptr.example", "" },
};

static void test_explanations(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(explanations); i++) {
		struct arena a CLEANUP(arena_done) = ARENA_INIT(SPF_ARENA_MAX);
		struct dns_table t;
		dns_table_init(&t, str_from_z(zones));
		struct spf_outcome out;
		check(&t, "192.0.2.1", "h", explanations[i].sender, &a, &out);
		if (!str_equal(out.explanation, str_from_z(explanations[i].explanation)))
			fail_msg("%s: %.*s", explanations[i].sender, STR_ARG(out.explanation));
	}
}

static void test_identity(void **state)
{
	struct arena a CLEANUP(arena_done) = ARENA_INIT(2 * SPF_ARENA_MAX);
	struct dns_table t;
	dns_table_init(&t, str_from_z(zones));
	struct spf_query query = { .identity = SPF_HELO,
		.helo = STR("mail.helo.example"),
		.sender = STR("a@pass.example") };
	assert_true(ip_parse(STR("192.0.2.1"), &query.client));
	struct spf_outcome out;
	spf_check(&t.dns, &query, &a, &out);
	assert_int_equal(out.result, SPF_PASS);
	assert_int_equal(out.identity, SPF_HELO);
	assert_true(str_equal(out.domain, STR("mail.helo.example")));
	assert_true(str_equal(out.record, STR("v=spf1 a -all")));
	/* A bounce is checked as postmaster of its HELO name. */
	query.identity = SPF_MAILFROM;
	query.sender = STR_EMPTY;
	spf_check(&t.dns, &query, &a, &out);
	assert_int_equal(out.identity, SPF_HELO);
	assert_int_equal(out.result, SPF_PASS);
}

/* %{s}, %{l} of senders without a local part (§4.3). */
static void test_postmaster(void **state)
{
	static const char *const senders[] = { "@p.example", "p.example", "" };
	for (size_t i = 0; i < ARRAY_LEN(senders); i++) {
		struct arena a CLEANUP(arena_done) = ARENA_INIT(SPF_ARENA_MAX);
		struct dns_table t;
		dns_table_init(&t, STR("p.example TXT v=spf1 -all exp=e.example\n"
				       "e.example TXT %{l} %{s}\n"));
		struct spf_outcome out;
		check(&t, "192.0.2.1", "p.example", senders[i], &a, &out);
		assert_true(str_equal(out.explanation, STR("postmaster postmaster@p.example")));
	}
}

static void test_steps(void **state)
{
	static const char *const wanted[] = {
		"inc.example | v=spf1 include:pass.example -all | its record",
		"pass.example | v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all | its record",
		"pass.example | -all | match",
		"inc.example | include:pass.example | fail there: no match",
		"inc.example | -all | match",
	};
	struct arena a CLEANUP(arena_done) = ARENA_INIT(2 * SPF_ARENA_MAX);
	struct dns_table t;
	dns_table_init(&t, str_from_z(zones));
	struct spf_outcome out;
	check(&t, "198.51.100.1", "h", "a@inc.example", &a, &out);
	assert_int_equal(out.step_count, ARRAY_LEN(wanted));
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
		const struct spf_step *s = &out.steps[i];
		str line = arena_printf(&a, "%.*s | %.*s | %.*s", STR_ARG(s->domain),
			STR_ARG(s->term), STR_ARG(s->what));
		assert_true(str_equal(line, str_from_z(wanted[i])));
	}
	/* What the DNS says is shown in printable ASCII. */
	t.questions = 0;
	check(&t, "198.51.100.1", "h", "a@nul.example", &a, &out);
	assert_true(str_equal(
		out.problem, STR("nul.example: a:b?.example: a character that is not allowed")));
	assert_true(str_equal(out.record, STR("v=spf1 a:b?.example -all")));
}

static const struct {
	const char *zone, *ip, *term; /* term NULL: the record is worth something */
} worths[] = {
	{ "w.example TXT v=spf1 +all\n", "192.0.2.1", "+all" },
	{ "w.example TXT v=spf1 all\n", "2001:db8::1", "all" },
	{ "w.example TXT v=spf1 ip4:0.0.0.0/0 -all\n", "192.0.2.1", "ip4:0.0.0.0/0" },
	{ "w.example TXT v=spf1 ip4:0.0.0.0/0 -all\n", "2001:db8::1", NULL },
	{ "w.example TXT v=spf1 ip6:::/0 -all\n", "2001:db8::1", "ip6:::/0" },
	{ "w.example TXT v=spf1 ip6:::/0 ?all\n", "192.0.2.1", NULL },
	{ "w.example TXT v=spf1 ip4:128.0.0.0/2 ip4:192.0.0.0/3 ip4:0.0.0.0/1 -all\n", "129.0.2.1",
		"ip4:0.0.0.0/1" },
	/* Behind the term that matches. */
	{ "w.example TXT v=spf1 ip4:192.0.2.1 ip4:0.0.0.0/1 ip4:128.0.0.0/1 -all\n", "192.0.2.1",
		"ip4:0.0.0.0/1" },
	{ "w.example TXT v=spf1 ip4:192.0.2.1 +all\n", "192.0.2.1", "+all" },
	{ "w.example TXT v=spf1 ip4:192.0.2.1 -all +all\n", "192.0.2.1", NULL },
	{ "w.example TXT v=spf1 ip4:192.0.2.1 ?all\n", "192.0.2.1", NULL },
	{ "w.example TXT v=spf1 -ip4:198.51.100.0/24 +all\n", "198.51.100.1", "+all" },
	{ "w.example TXT v=spf1 -ip4:0.0.0.0/1 -ip4:128.0.0.0/1 +all\n", "198.51.100.1", NULL },
	/* Includes, with what they pass; a redirect. */
	{ "w.example TXT v=spf1 include:x.example ?all\nx.example TXT v=spf1 +all\n", "192.0.2.1",
		"+all" },
	{ "w.example TXT v=spf1 include:x.example ?all\nx.example TXT v=spf1 include:y.example "
	  "-all\n"
	  "y.example TXT v=spf1 ip4:0.0.0.0/0 -all\n",
		"192.0.2.1", "ip4:0.0.0.0/0" },
	{ "w.example TXT v=spf1 ip4:0.0.0.0/2 include:x.example include:y.example -all\n"
	  "x.example TXT v=spf1 ip4:64.0.0.0/2 -all\ny.example TXT v=spf1 -all\n",
		"1.0.2.1", NULL }, /* the include is not reached */
	{ "w.example TXT v=spf1 ip4:0.0.0.0/2 include:x.example include:y.example -all\n"
	  "x.example TXT v=spf1 ip4:64.0.0.0/2 -all\ny.example TXT v=spf1 ip4:192.0.2.1\n",
		"192.0.2.1", "include:x.example" },
	{ "w.example TXT v=spf1 -include:x.example ?all\nx.example TXT v=spf1 +all\n", "192.0.2.1",
		NULL },
	{ "w.example TXT v=spf1 include:x.example -all\nx.example TXT v=spf1 ?all\n", "192.0.2.1",
		NULL },
	{ "w.example TXT v=spf1 redirect=x.example\nx.example TXT v=spf1 +all\n", "192.0.2.1",
		"+all" },
	{ "w.example TXT v=spf1 ip4:0.0.0.0/2 redirect=x.example\n"
	  "x.example TXT v=spf1 ip4:64.0.0.0/2 ip4:192.0.2.1 -all\n",
		"192.0.2.1", "ip4:64.0.0.0/2" },
	/* Addresses from the DNS. */
	{ "w.example TXT v=spf1 a/0 -all\nw.example A 198.51.100.1\n", "192.0.2.1", "a/0" },
	{ "w.example TXT v=spf1 a/0 -all\nw.example AAAA 2001:db8::2\n", "192.0.2.1", NULL },
	{ "w.example TXT v=spf1 a//0 -all\nw.example AAAA 2001:db8::2\n", "2001:db8::1", "a//0" },
	{ "w.example TXT v=spf1 mx/1 ?all\nw.example MX 1 w.example\nw.example A 192.0.2.1\n",
		"198.51.100.1", "mx/1" },
	{ "w.example TXT v=spf1 a/24 -all\nw.example A 192.0.2.1\n", "192.0.2.1", NULL },
	/* exists. */
	{ "w.example TXT v=spf1 exists:x.example -all\nx.example A 127.0.0.2\n", "192.0.2.1",
		"exists:x.example" },
	{ "w.example TXT v=spf1 exists:%{d}.x.example -all\n*.x.example A 127.0.0.2\n", "192.0.2.1",
		"exists:%{d}.x.example" },
	{ "w.example TXT v=spf1 exists:%{i}.x.example -all\n*.x.example A 127.0.0.2\n", "192.0.2.1",
		NULL },
	{ "w.example TXT v=spf1 -exists:x.example all\nx.example A 127.0.0.2\n", "192.0.2.1",
		NULL },
	{ "w.example TXT v=spf1 ip4:0.0.0.0/0 bad\n", "192.0.2.1", NULL },
};

static void test_worthless(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(worths); i++) {
		struct arena a CLEANUP(arena_done) = ARENA_INIT(SPF_ARENA_MAX);
		struct dns_table t;
		dns_table_init(&t, str_from_z(worths[i].zone));
		struct spf_outcome out;
		check(&t, worths[i].ip, "h", "a@w.example", &a, &out);
		str term = str_from_z(worths[i].term ? worths[i].term : "");
		if (out.worthless != (worths[i].term != NULL) ||
			!str_equal(out.worthless_term, term))
			fail_msg("%zu: %s %s: %.*s", i, worths[i].ip, worths[i].zone,
				STR_ARG(out.worthless_term));
	}
}

/* The most questions that any record brings about: ten terms, names of the client by %{p}, an
 * explanation; and with ten times ten MX hosts. */
static void names_of_client(struct buf *zone)
{
	for (int i = 0; i < 20; i++)
		buf_printf(zone,
			"1.2.0.192.in-addr.arpa PTR n%d.example\nn%d.example A 192.0.2.99\n", i, i);
}

static void check_bound(const char *terms, const char *more, unsigned questions, unsigned addresses)
{
	struct arena a CLEANUP(arena_done) = ARENA_INIT(SPF_ARENA_MAX);
	struct buf zone CLEANUP(buf_done) = BUF_INIT(65536);
	buf_printf(&zone, "q.example TXT v=spf1 %s\n%s", terms, more);
	buf_add(&zone, STR("e.example TXT %{p}\nh.example A 192.0.2.98\n"
			   "unknown.h.example A 192.0.2.98\nq.example A 192.0.2.98\n"));
	names_of_client(&zone);
	struct dns_table t;
	dns_table_init(&t, buf_str(&zone));
	struct spf_outcome out;
	check(&t, "192.0.2.1", "h.example", "a@q.example", &a, &out);
	if (t.questions != questions || t.address_questions != addresses)
		fail_msg("%s: %u, of them %u addresses; %.*s", terms, t.questions,
			t.address_questions, STR_ARG(out.problem));
}

#define TEN(x) x " " x " " x " " x " " x " " x " " x " " x " " x " " x

static void test_questions(void **state)
{
	/* Few terms: all ten names. One that has terms to come keeps questions for them. */
	check_bound("a:%{p}.h.example -all", "", 13, 11);
	check_bound("a:%{p}.h.example -all exp=e.example", "", 14, 11);
	check_bound(TEN("a:%{p}.h.example") " -all exp=e.example", "", SPF_QUESTIONS_MAX, 17);
	check_bound(TEN("a") " -all exp=e.example", "", SPF_QUESTIONS_MAX, 17);
	check_bound("ptr:%{d1} a a a a a a a a a -all", "", 18, 16);
	check_bound("a:%{p}.h.example include:i.example -all exp=e.example",
		"i.example TXT v=spf1 a a a a a a a a -all\ni.example A 192.0.2.98\n",
		SPF_QUESTIONS_MAX, 16);
	check_bound("a:%{p}.h.example redirect=i.example",
		"i.example TXT v=spf1 a a a a a a a a -all exp=e.example\ni.example A 192.0.2.98\n",
		SPF_QUESTIONS_MAX, 16);
	struct buf more CLEANUP(buf_done) = BUF_INIT(65536);
	for (int i = 0; i < 10; i++)
		buf_printf(&more, "q.example MX %d m%d.q.example\nm%d.q.example A 192.0.2.97\n", i,
			i, i);
	buf_add_char(&more, '\0');
	check_bound(TEN("mx") " -all exp=e.example", more.p, 100 + SPF_QUESTIONS_MAX, 107);
	check_bound(TEN("mx:%{d}") " redirect=q.example", more.p, 111, 100);
	buf_clear(&more);
	for (int i = 0; i < 11; i++)
		buf_printf(&more, "q.example MX %d m%d.q.example\n", i, i);
	buf_add_char(&more, '\0');
	check_bound("mx -all", more.p, 2, 0);
}

static void test_time(void **state)
{
	struct arena a CLEANUP(arena_done) = ARENA_INIT(SPF_ARENA_MAX * 2);
	struct dns_table t;
	dns_table_init(
		&t, str_from_z("t.example TXT v=spf1 " TEN("a") " -all\nt.example A 192.0.2.2"));
	t.step = INT64_C(1000000000) * 6;
	struct spf_outcome out;
	check(&t, "192.0.2.1", "h", "a@t.example", &a, &out);
	assert_int_equal(out.result, SPF_TEMPERROR);
	assert_int_equal(out.questions, 4);
	t.dns.now = NULL;
	t.questions = 0;
	check(&t, "192.0.2.1", "h", "a@t.example", &a, &out);
	assert_int_equal(out.result, SPF_FAIL);
}

static void check_large(const char *what, size_t n, enum spf_result result)
{
	struct arena a CLEANUP(arena_done) = ARENA_INIT(SPF_ARENA_MAX);
	struct buf zone CLEANUP(buf_done) = BUF_INIT(1 << 20);
	buf_add(&zone, STR("l.example A 192.0.2.2\nl.example TXT v=spf1"));
	while (zone.n < n)
		buf_printf(&zone, " %s", what);
	buf_add(&zone, STR(" -all"));
	struct dns_table t;
	dns_table_init(&t, buf_str(&zone));
	struct spf_outcome out;
	check(&t, "192.0.2.1", "h", "a@l.example", &a, &out);
	if (out.result != result)
		fail_msg("%s: %s: %.*s", what, spf_result_name(out.result), STR_ARG(out.problem));
}

static void test_large(void **state)
{
	check_large("ip4:10.0.0.1", 60000, SPF_FAIL);
	check_large("x=%{s}%{l}%{d}", 60000, SPF_FAIL);
	check_large("a:%{d}%{l}.example", 60000, SPF_PERMERROR);
	check_large("a", 60000, SPF_PERMERROR);
	check_large("ptr", 60000, SPF_PERMERROR);
	check_large("include:l.example", 60000, SPF_PERMERROR);
	check_large("redirect=l.example", 60000, SPF_PERMERROR);
	check_large("?exists:%{i}%{p}.example", 60000, SPF_PERMERROR);
	check_large("ip4:10.0.0.1", 70000, SPF_PERMERROR);
}

static void test_names(void **state)
{
	static const char *const names[] = { "none", "neutral", "pass", "fail", "softfail",
		"temperror", "permerror" };
	for (int i = SPF_NONE; i <= SPF_PERMERROR; i++)
		assert_string_equal(spf_result_name((enum spf_result)i), names[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_results),
		cmocka_unit_test(test_explanations),
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_postmaster),
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_worthless),
		cmocka_unit_test(test_questions),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
