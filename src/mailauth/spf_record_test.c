/* The syntax of SPF records, term by term; and what networks they cover. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "mailauth/spf_cover.h"
#include "mailauth/spf_record.h"

static const struct {
	const char *text;
	enum spf_kind kind;
	enum spf_result result;
	const char *domain; /* NULL: the term is wrong */
	uint8_t bits4, bits6;
} terms[] = {
	{ "all", SPF_TERM_ALL, SPF_PASS, "", 32, 128 },
	{ "-ALL", SPF_TERM_ALL, SPF_FAIL, "", 32, 128 },
	{ "~all", SPF_TERM_ALL, SPF_SOFTFAIL, "", 32, 128 },
	{ "?all", SPF_TERM_ALL, SPF_NEUTRAL, "", 32, 128 },
	{ "+all", SPF_TERM_ALL, SPF_PASS, "", 32, 128 },
	{ "a", SPF_TERM_A, SPF_PASS, "", 32, 128 },
	{ "A/24", SPF_TERM_A, SPF_PASS, "", 24, 128 },
	{ "a//64", SPF_TERM_A, SPF_PASS, "", 32, 64 },
	{ "a/0//0", SPF_TERM_A, SPF_PASS, "", 0, 0 },
	{ "a:b.example/24//64", SPF_TERM_A, SPF_PASS, "b.example", 24, 64 },
	{ "a:b/c:d=e.example/24", SPF_TERM_A, SPF_PASS, "b/c:d=e.example", 24, 128 },
	{ "a:%{d1r/}/24", SPF_TERM_A, SPF_PASS, "%{d1r/}", 24, 128 },
	{ "mx:%{d2}//48", SPF_TERM_MX, SPF_PASS, "%{d2}", 32, 48 },
	{ "ptr", SPF_TERM_PTR, SPF_PASS, "", 32, 128 },
	{ "ptr:b.example", SPF_TERM_PTR, SPF_PASS, "b.example", 32, 128 },
	{ "-exists:%{i}.b.example", SPF_TERM_EXISTS, SPF_FAIL, "%{i}.b.example", 32, 128 },
	{ "include:_spf.b.example.", SPF_TERM_INCLUDE, SPF_PASS, "_spf.b.example.", 32, 128 },
	{ "ip4:192.0.2.0/24", SPF_TERM_IP4, SPF_PASS, "", 24, 128 },
	{ "ip4:192.0.2.1", SPF_TERM_IP4, SPF_PASS, "", 32, 128 },
	{ "?ip6:2001:db8::/32", SPF_TERM_IP6, SPF_NEUTRAL, "", 32, 32 },
	{ "ip6:::", SPF_TERM_IP6, SPF_PASS, "", 32, 128 },
	{ "ip6:::ffff:192.0.2.1", SPF_TERM_IP6, SPF_PASS, "", 32, 128 },
	{ "redirect=b.example", SPF_TERM_REDIRECT, SPF_PASS, "b.example", 32, 128 },
	{ "EXP=%{d}", SPF_TERM_EXP, SPF_PASS, "%{d}", 32, 128 },
	{ "a=", SPF_TERM_UNKNOWN, SPF_PASS, "", 32, 128 },
	{ "x-1.y_z=%{c}", SPF_TERM_UNKNOWN, SPF_PASS, "", 32, 128 },
	{ .text = "" },
	{ .text = "+" },
	{ .text = "++all" },
	{ .text = "all." },
	{ .text = "all:b.example" },
	{ .text = "all/24" },
	{ .text = "include" },
	{ .text = "include:" },
	{ .text = "include/24" },
	{ .text = "include:b.example/24" },
	{ .text = "a:" },
	{ .text = "a/" },
	{ .text = "a/24/" },
	{ .text = "a///64" },
	{ .text = "a/33" },
	{ .text = "a//129" },
	{ .text = "a/024" },
	{ .text = "a/00" },
	{ .text = "a/24/64" },
	{ .text = "a//64/24" },
	{ .text = "a:b" },
	{ .text = "a:b.1" },
	{ .text = "a:/24" },
	{ .text = "ax" },
	{ .text = "mx:b.example:25" },
	{ .text = "ptr/24" },
	{ .text = "ptr:b.example/24" },
	{ .text = "ptr:" },
	{ .text = "exists" },
	{ .text = "exists:b.example/24" },
	{ .text = "ip4" },
	{ .text = "ip4:" },
	{ .text = "ip4/24" },
	{ .text = "ip4:192.0.2" },
	{ .text = "ip4:192.0.2.256" },
	{ .text = "ip4:192.0.2.01" },
	{ .text = "ip4:192.0.2.1//32" },
	{ .text = "ip4:192.0.2.1/33" },
	{ .text = "ip4:::1" },
	{ .text = "ip4:b.example" },
	{ .text = "ip6:192.0.2.1" },
	{ .text = "ip6:2001:db8::/129" },
	{ .text = "ip6:2001:db8::g" },
	{ .text = "ip6:fe80::1%25eth0" },
	{ .text = "ip:192.0.2.1" },
	{ .text = "redirect:b.example" },
	{ .text = "redirect=" },
	{ .text = "exp=" },
	{ .text = "redirect=b" },
	{ .text = "=b" },
	{ .text = "1a=b" },
	{ .text = "-a=b" },
	{ .text = "x=%" },
	{ .text = "x=%{z}" },
	{ .text = "v=spf1\t-all" },
	{ .text = "a\x80" },
};

static void test_terms(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(terms); i++) {
		struct spf_term term;
		const char *wrong = spf_term_parse(str_from_z(terms[i].text), &term);
		if (!wrong != !!terms[i].domain)
			fail_msg("\"%s\": %s", terms[i].text, wrong ? wrong : "correct");
		if (wrong)
			continue;
		if (term.kind != terms[i].kind || term.result != terms[i].result ||
			term.bits4 != terms[i].bits4 || term.bits6 != terms[i].bits6 ||
			!str_equal(term.domain, str_from_z(terms[i].domain)))
			fail_msg("\"%s\": %d %d %u %u", terms[i].text, term.kind, term.result,
				term.bits4, term.bits6);
	}
}

static const struct {
	const char *text;
	const char *wrong_term; /* NULL: none */
	const char *redirect, *exp;
} records[] = {
	{ "v=spf1", NULL, "", "" },
	{ "V=SPF1   ", NULL, "", "" },
	{ "v=spf1 a  mx   -all  ", NULL, "", "" },
	{ "v=spf1 redirect=b.example exp=c.example", NULL, "b.example", "c.example" },
	{ "v=spf1 redirect=b.example ?all", NULL, "", "" },
	{ "v=spf1 +all a:b", "a:b", "", "" },
	{ "v=spf1 redirect=b.example Redirect=b.example", "Redirect=b.example", "", "" },
	{ "v=spf1 exp=b.example exp=b.example", "exp=b.example", "", "" },
	{ "v=spf1 x=1 x=1", NULL, "", "" },
	{ "v=spf1 a\tmx", "a\tmx", "", "" },
	{ "v=spf1 v=spf1", NULL, "", "" },
	{ "v=spf1 v=spf1 spf1", "spf1", "", "" },
};

static void test_records(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(records); i++) {
		struct spf_record record;
		str term;
		assert_true(spf_record_is(str_from_z(records[i].text)));
		const char *wrong = spf_record_parse(str_from_z(records[i].text), &record, &term);
		assert_int_equal(!wrong, !records[i].wrong_term);
		if (wrong) {
			assert_true(str_equal(term, str_from_z(records[i].wrong_term)));
			continue;
		}
		assert_true(str_equal(record.redirect, str_from_z(records[i].redirect)));
		assert_true(str_equal(record.exp, str_from_z(records[i].exp)));
	}
	assert_false(spf_record_is(STR("v=spf10 -all")));
	assert_false(spf_record_is(STR("v=spf1\t-all")));
	assert_false(spf_record_is(STR(" v=spf1 -all")));
	assert_false(spf_record_is(STR("spf2.0/mfrom -all")));
	assert_false(spf_record_is(STR_EMPTY));
}

static const struct {
	const char *terms;
	unsigned four, six; /* blocks that pass, of 4,096 */
} covers[] = {
	{ "", 0, 0 },
	{ "ip4:0.0.0.0/0", 4096, 0 },
	{ "ip4:0.0.0.0/1 ip4:128.0.0.0/1", 4096, 0 },
	{ "ip4:0.0.0.0/1", 2048, 0 },
	{ "ip4:10.0.0.0/8", 16, 0 },
	{ "ip4:10.0.0.0/8 ip4:10.16.0.0/12", 16, 0 },
	{ "ip4:10.16.0.0/12 ip4:255.240.0.0/12", 2, 0 },
	{ "ip4:10.0.0.0/13", 0, 0 },
	{ "-ip4:0.0.0.0/1 all", 2048, 4096 },
	{ "ip4:0.0.0.0/1 -ip4:0.0.0.0/0", 2048, 0 },
	{ "ip4:0.0.0.0/0 -ip4:0.0.0.0/0", 4096, 0 },
	{ "-all all", 0, 0 },
	{ "ip6:::/0", 0, 4096 },
	{ "ip6:2000::/3", 0, 4096 },
	{ "ip6:2000::/4 ip6:3000::/4", 0, 4096 },
	{ "ip6:2000::/4", 0, 2048 },
	{ "ip6:c000::/2", 0, 0 },
	{ "ip6:0::/2", 0, 4096 },
	{ "ip6:fe80::/10 ip6:2001:db8::/32", 0, 0 },
	{ "ip6:2a00::/12", 0, 8 },
	{ "ip6:3ffe::/15", 0, 1 },
	{ "ip6:::ffff:0.0.0.0/96", 0, 0 },
	{ "ip6:::ffff:0.0.0.0/0", 0, 4096 },
};

static void test_cover(void **state)
{
	for (size_t i = 0; i < 2 * ARRAY_LEN(covers); i++) {
		bool four = i % 2;
		struct spf_cover cover = { .term = STR_EMPTY };
		struct spf_term term;
		for (str rest = str_from_z(covers[i / 2].terms); spf_term_next(&rest, &term);) {
			bool pass = term.result == SPF_PASS;
			if (term.kind == SPF_TERM_ALL)
				spf_cover_all(&cover, pass, term.text);
			else if (term.kind == (four ? SPF_TERM_IP4 : SPF_TERM_IP6))
				spf_cover_network(&cover, four, &term.ip,
					four ? term.bits4 : term.bits6, pass, term.text);
		}
		unsigned wanted = four ? covers[i / 2].four : covers[i / 2].six;
		if (cover.count != wanted || (cover.term.n > 0) != (wanted >= 2048))
			fail_msg("%s: %u", covers[i / 2].terms, cover.count);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_terms),
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_cover),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
