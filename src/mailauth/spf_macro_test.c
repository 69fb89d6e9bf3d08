/* Macro strings: their syntax, and what they expand to (RFC 7208 §7). */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "mailauth/spf_macro.h"

#include "base/buf.h"

/* The sender and the addresses of the examples in §7.4. */
static struct spf_macros macros(const char *ip)
{
	struct spf_macros m = {
		.local = STR("strong-bad"),
		.origin = STR("email.example.com"),
		.domain = STR("email.example.com"),
		.validated = STR_EMPTY,
		.helo = STR("mx.example.org"),
		.receiver = STR_EMPTY,
		.time = 1700000000,
	};
	assert_true(ip_parse(str_from_z(ip), &m.ip));
	return m;
}

static const struct {
	const char *ip, *text, *expanded;
} expansions[] = {
	{ "192.0.2.3", "%{s}", "strong-bad@email.example.com" },
	{ "192.0.2.3", "%{o}", "email.example.com" },
	{ "192.0.2.3", "%{d}", "email.example.com" },
	{ "192.0.2.3", "%{d4}", "email.example.com" },
	{ "192.0.2.3", "%{d3}", "email.example.com" },
	{ "192.0.2.3", "%{d2}", "example.com" },
	{ "192.0.2.3", "%{d1}", "com" },
	{ "192.0.2.3", "%{dr}", "com.example.email" },
	{ "192.0.2.3", "%{d2r}", "example.email" },
	{ "192.0.2.3", "%{D2R}", "example.email" },
	{ "192.0.2.3", "%{l}", "strong-bad" },
	{ "192.0.2.3", "%{l-}", "strong.bad" },
	{ "192.0.2.3", "%{lr}", "strong-bad" },
	{ "192.0.2.3", "%{lr-}", "bad.strong" },
	{ "192.0.2.3", "%{l1r-}", "strong" },
	{ "192.0.2.3", "%{l1-}", "bad" },
	{ "192.0.2.3", "%{s1@}", NULL },
	{ "192.0.2.3", "%{h}", "mx.example.org" },
	{ "192.0.2.3", "%{p}", "unknown" },
	{ "192.0.2.3", "%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com" },
	{ "192.0.2.3", "%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com" },
	{ "192.0.2.3", "%{lr-}.lp.%{ir}.%{v}._spf.%{d2}",
		"bad.strong.lp.3.2.0.192.in-addr._spf.example.com" },
	{ "192.0.2.3", "%{d2}.trusted-domains.example.net",
		"example.com.trusted-domains.example.net" },
	{ "2001:db8::cb01", "%{ir}.%{v}._spf.%{d2}",
		"1.0.B.C.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.B.D.0.1.0.0.2.ip6._spf."
		"example.com" },
	{ "192.0.2.3", "%%%_%-.example", "% %20.example" },
	{ "192.0.2.3", "a.%{d999999999999999999999}", "a.email.example.com" },
	{ "192.0.2.3", "%{i}.a.example.", "192.0.2.3.a.example" },
	{ "192.0.2.3", "%{S}.example", "strong-bad%40email.example.com.example" },
};

static void test_domain(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(expansions); i++) {
		struct arena a CLEANUP(arena_done) = ARENA_INIT(4096);
		struct spf_macros m = macros(expansions[i].ip);
		str text = str_from_z(expansions[i].text);
		const char *wrong = spf_macro_check(text, SPF_MACRO_DOMAIN);
		if (!wrong != !!expansions[i].expanded)
			fail_msg("%s: %s", expansions[i].text, wrong ? wrong : "correct");
		if (wrong)
			continue;
		str got = spf_macro_domain(text, &m, &a);
		if (!str_equal(got, str_from_z(expansions[i].expanded)))
			fail_msg("%s: %.*s", expansions[i].text, STR_ARG(got));
	}
}

static const struct {
	const char *text;
	bool domain, string, explanation;
} syntaxes[] = {
	{ "", false, true, true },
	{ "example.com", true, true, true },
	{ "example.com.", true, true, true },
	{ "example.com..", false, true, true },
	{ "com", false, true, true },
	{ ".com", true, true, true },
	{ "example.1com", true, true, true },
	{ "example.123", false, true, true },
	{ "example.1-2", true, true, true },
	{ "example.-com", false, true, true },
	{ "example.com-", false, true, true },
	{ "exa mple.com", false, false, true },
	{ "exa\tmple.com", false, false, false },
	{ "ex\xc3\xa4mple.com", false, false, false },
	{ "%", false, false, false },
	{ "%a", false, false, false },
	{ "a%", false, false, false },
	{ "%%", true, true, true },
	{ "%_", true, true, true },
	{ "%-", true, true, true },
	{ "%{", false, false, false },
	{ "%{}", false, false, false },
	{ "%{d", false, false, false },
	{ "%{d}", true, true, true },
	{ "%{d}.", false, true, true },
	{ "%{d}com", false, true, true },
	{ "%{d0}", false, false, false },
	{ "%{d00}", false, false, false },
	{ "%{d01}", true, true, true },
	{ "%{dr1}", false, false, false },
	{ "%{d1r.-+,/_=}", true, true, true },
	{ "%{d1r:}", false, false, false },
	{ "%{drr}", false, false, false },
	{ "%{x}", false, false, false },
	{ "%{c}", false, true, true },
	{ "%{R}", false, true, true },
	{ "%{t}.example.com", false, true, true },
};

static void test_syntax(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(syntaxes); i++) {
		str text = str_from_z(syntaxes[i].text);
		if (!spf_macro_check(text, SPF_MACRO_DOMAIN) != syntaxes[i].domain ||
			!spf_macro_check(text, SPF_MACRO_STRING) != syntaxes[i].string ||
			!spf_macro_check(text, SPF_MACRO_EXPLANATION) != syntaxes[i].explanation)
			fail_msg("\"%s\"", syntaxes[i].text);
	}
	assert_non_null(spf_macro_check(STR("a\0b.example"), SPF_MACRO_EXPLANATION));
}

static void test_explanation(void **state)
{
	struct arena a CLEANUP(arena_done) = ARENA_INIT(4096);
	struct spf_macros m = macros("2001:db8::cb01");
	str got =
		spf_macro_explanation(STR("%{c} is not %{D}'s, says %{r} at %{t}: %{S}."), &m, &a);
	assert_true(str_equal(got, STR("2001:db8::cb01 is not email.example.com's, says unknown at "
				       "1700000000: strong-bad%40email.example.com.")));
	m.local = STR("caf\xc3\xa9");
	assert_int_equal(spf_macro_explanation(STR("no %{l}"), &m, &a).n, 0);
	assert_true(str_equal(spf_macro_explanation(STR("%{L}"), &m, &a), STR("caf%C3%A9")));
	m.local = STR("a\r\nb");
	assert_int_equal(spf_macro_explanation(STR("no %{l}"), &m, &a).n, 0);
}

/* A text that says `what` n times. */
static void repeat(struct buf *out, const char *what, size_t n)
{
	buf_clear(out);
	for (size_t i = 0; i < n; i++)
		buf_add(out, str_from_z(what));
}

static void test_limits(void **state)
{
	struct arena a CLEANUP(arena_done) = ARENA_INIT(65536);
	struct buf text CLEANUP(buf_done) = BUF_INIT(1 << 20);
	struct spf_macros m = macros("192.0.2.3");
	/* From the left, whole labels. */
	repeat(&text, "%{d}.", 16000);
	buf_add(&text, STR("end.example"));
	str name = spf_macro_domain(buf_str(&text), &m, &a);
	assert_true(name.n <= DNS_NAME_MAX && name.n > DNS_NAME_MAX - 18);
	assert_true(str_starts(name, STR("example.com.email.")) ||
		    str_starts(name, STR("email.example.com.")) ||
		    str_starts(name, STR("com.email.")));
	assert_true(str_ends(name, STR(".com.end.example")));
	/* Exactly the most that there is, and one more. */
	repeat(&text, "a", 250);
	buf_add(&text, STR(".bc"));
	assert_int_equal(spf_macro_domain(buf_str(&text), &m, &a).n, 253);
	buf_add_char(&text, 'd');
	assert_true(str_equal(spf_macro_domain(buf_str(&text), &m, &a), STR("bcd")));
	/* One endless label is no name. */
	repeat(&text, "a", 60000);
	assert_false(dns_name_is_askable(spf_macro_domain(buf_str(&text), &m, &a)));
	/* A literal longer than what is kept does not join its neighbours. */
	repeat(&text, "x.", 30000);
	buf_add(&text, STR("end.example"));
	name = spf_macro_domain(buf_str(&text), &m, &a);
	assert_true(name.n == 253 || name.n == 252);
	/* Bombs. */
	repeat(&text, "a", 100000);
	m.local = m.helo = m.receiver = buf_str(&text);
	struct buf bomb CLEANUP(buf_done) = BUF_INIT(1 << 20);
	repeat(&bomb, "%{L}%{S}%{H}", 1000);
	(void)spf_macro_domain(buf_str(&bomb), &m, &a);
	assert_int_equal(spf_macro_explanation(buf_str(&bomb), &m, &a).n, SPF_EXPLANATION_MAX);
}

static void test_uses(void **state)
{
	assert_true(spf_macro_uses(STR("a.%{P2r}.example"), STR("p")));
	assert_true(spf_macro_uses(STR("%{d}.%{i}"), STR("ipv")));
	assert_false(spf_macro_uses(STR("p.%%{p}.example"), STR("p")));
	assert_false(spf_macro_uses(STR("%{d}%_%{l}"), STR("ipv")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_domain),
		cmocka_unit_test(test_syntax),
		cmocka_unit_test(test_explanation),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_uses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
