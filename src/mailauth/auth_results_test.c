#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "mailauth/auth_results.h"

#include "base/utf8.h"
#include "mail/header.h"

#include <stdio.h>

enum { ARENA_MAX = 8 * 1024 * 1024 };

/* ---- writing ---- */

static const struct spf_outcome spf_pass = { .result = SPF_PASS,
	.domain = { "example.org", 11 },
	.record = { "v=spf1 mx -all", 14 },
	.mechanism = { "mx", 2 },
	.mechanism_domain = { "example.org", 11 } };

static struct auth_results results_init(void)
{
	struct auth_results r = { .authserv_id = STR("mx.example.net"),
		.helo = STR("mail.example.org"),
		.sender = STR("a@example.org") };
	assert_true(ip_parse(STR("192.0.2.1"), &r.client));
	return r;
}

/* It is one field, every line of it is short enough, and nothing in it is dangerous. */
static void assert_safe(str text, bool utf8)
{
	struct header_field field;
	size_t at = 0;
	assert_true(header_next(text, &at, &field));
	assert_int_equal(field.raw.n, text.n);
	assert_true(str_ends(text, STR("\r\n")));
	assert_true(utf8 ? utf8_valid(text) : ascii_only(text));
	size_t line = 0;
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];
		if (c == '\r') {
			assert_true(text.p[i + 1] == '\n');
			assert_true(line <= 997);
			line = 0;
			i++;
			continue;
		}
		assert_true(c == '\t' || (unsigned char)c >= ' ');
		assert_true(c != 127 && c != '\n');
		line++;
	}
}

static void assert_field(const struct auth_results *r, const char *expected)
{
	struct buf out CLEANUP(buf_done) = BUF_INIT(64 * 1024);
	auth_results_format(r, &out);
	assert_safe(buf_str(&out), r->utf8);
	if (!str_equal(buf_str(&out), str_from_z(expected)))
		fail_msg("%.*s", STR_ARG(buf_str(&out)));
	for (str rest = buf_str(&out), line; rest.n;) {
		(void)str_cut(rest, '\n', &line, &rest);
		assert_true(line.n + 7 < 79 || (line.p[0] != '\t' && line.n < 79));
	}
}

static void nothing_was_evaluated(void **state)
{
	struct auth_results r = results_init();
	assert_field(&r, "Authentication-Results: mx.example.net; none\r\n");
}

static void all_methods(void **state)
{
	struct auth_results r = results_init();
	struct rdns_outcome rdns = { .result = RDNS_PASS, .name = STR("mail.example.org") };
	struct spf_outcome helo = { .result = SPF_NONE,
		.identity = SPF_HELO,
		.domain = STR("mail.example.org"),
		.record = STR_EMPTY };
	struct dkim_signature signatures[2] = {
		{ .result = DKIM_PASS,
			.domain = STR("example.org"),
			.identity = STR("@example.org"),
			.selector = STR("s1"),
			.algorithm = STR("rsa-sha256"),
			.signature_start = STR("ab/c+d=="),
			.key_bits = 2048 },
		{ .result = DKIM_FAIL,
			.domain = STR("list.example"),
			.selector = STR("x"),
			.algorithm = STR("ed25519-sha256"),
			.signature_start = STR("abcdefgh"),
			.reason = STR("body hash (of l=) does not match") },
	};
	struct dkim_outcome dkim = { .signatures = signatures, .n = 2 };
	struct arc_set set = { .instance = 1, .domain = STR("list.example") };
	struct arc_outcome arc = { .result = ARC_PASS, .sets = &set, .n = 1 };
	struct dmarc_outcome dmarc = { .result = DMARC_FAIL,
		.author_domain = STR("example.com"),
		.policy_domain = STR("example.com"),
		.published = DMARC_POLICY_REJECT,
		.applied = DMARC_POLICY_QUARANTINE,
		.tag = "p",
		.testing = true,
		.reason = STR("no DKIM signature") };
	r.rdns = &rdns;
	r.spf = &spf_pass;
	r.spf_helo = &helo;
	r.dkim = &dkim;
	r.arc = &arc;
	r.dmarc = &dmarc;
	assert_field(&r,
		"Authentication-Results: mx.example.net;\r\n"
		"\tiprev=pass (mail.example.org) policy.iprev=192.0.2.1;\r\n"
		"\tspf=pass (example.org: mx) smtp.mailfrom=a@example.org;\r\n"
		"\tspf=none (mail.example.org publishes no SPF record)\r\n"
		"\tsmtp.helo=mail.example.org;\r\n"
		"\tdkim=pass (2048-bit key) header.d=example.org header.i=@example.org\r\n"
		"\theader.s=s1 header.a=rsa-sha256 header.b=\"ab/c+d==\";\r\n"
		"\tdkim=fail (body hash \\(of l=\\) does not match) header.d=list.example\r\n"
		"\theader.s=x header.a=ed25519-sha256 header.b=abcdefgh;\r\n"
		"\tarc=pass (i=1 sealed by list.example) smtp.remote-ip=192.0.2.1\r\n"
		"\theader.oldest-pass=0;\r\n"
		"\tdmarc=fail (p=reject at example.com, testing: no DKIM signature)\r\n"
		"\theader.from=example.com policy.dmarc=quarantine\r\n");
}

static void empty_outcomes(void **state)
{
	struct auth_results r = results_init();
	struct rdns_outcome rdns = { .result = RDNS_NONE, .why = STR("no name") };
	struct dkim_outcome dkim = { .n = 0 };
	struct arc_outcome arc = { .result = ARC_NONE };
	struct dmarc_outcome dmarc = { .result = DMARC_NONE, .tag = "", .reason = STR_EMPTY };
	r.rdns = &rdns;
	r.dkim = &dkim;
	r.arc = &arc;
	r.dmarc = &dmarc;
	assert_field(&r, "Authentication-Results: mx.example.net;\r\n"
			 "\tiprev=permerror (no name) policy.iprev=192.0.2.1;\r\n"
			 "\tdkim=none;\r\n\tarc=none;\r\n\tdmarc=none\r\n");
}

static void an_unknown_client(void **state)
{
	struct arc_outcome arc = { .result = ARC_PASS };
	struct auth_results r = { .authserv_id = STR("mx.example.net"), .arc = &arc };
	assert_field(&r,
		"Authentication-Results: mx.example.net;\r\n\tarc=pass header.oldest-pass=0\r\n");
}

/* A bounce: the HELO name is what was checked. An IPv6 address needs quotes. */
static void a_bounce(void **state)
{
	struct auth_results r = results_init();
	r.sender = STR_EMPTY;
	r.spf = &spf_pass;
	assert_field(&r, "Authentication-Results: mx.example.net;\r\n"
			 "\tspf=pass (example.org: mx) smtp.helo=mail.example.org\r\n");
	struct rdns_outcome rdns = { .result = RDNS_FAIL, .why = STR("a.example is elsewhere") };
	assert_true(ip_parse(STR("2001:db8::1"), &r.client));
	r.spf = NULL;
	r.rdns = &rdns;
	assert_field(&r, "Authentication-Results: mx.example.net;\r\n"
			 "\tiprev=fail (a.example is elsewhere) policy.iprev=\"2001:db8::1\"\r\n");
}

static void hostile_text(void **state)
{
	static const struct {
		const char *sender;
		bool utf8;
		const char *expected; /* the property */
	} cases[] = {
		{ "a;b@example.org", false, "\"a;b@example.org\"" },
		{ "\"a\\\" b\"@example.org", false, "\"\\\"a\\\\\\\" b\\\"@example.org\"" },
		{ "a@b\r\nX: y", false, "\"a@b??X: y\"" },
		{ "a(b)@c", false, "\"a(b)@c\"" },
		{ "a\x7f\x01", false, "\"a??\"" },
		{ "a@b@c", false, "\"a@b@c\"" },
		{ "@", false, "\"@\"" },
		{ "=?utf-8?q?x?=@b", false, "\"=_utf-8?q?x?=@b\"" },
		{ "=\n", false, "\"=_\"" },
		{ "a@b\303\274cher.example", false, "a@xn--bcher-kva.example" },
		{ "a@b\303\274cher.example", true, "\"a@b\303\274cher.example\"" },
		{ "\303\274@b\303\274cher.example", false, "\"??@xn--bcher-kva.example\"" },
		{ "\303\274\377@b", true, "\"\303\274?@b\"" },
		{ "\302\205@b", true, "\"??@b\"" }, /* a control character */
		{ "\303", true, "\"?\"" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf out CLEANUP(buf_done) = BUF_INIT(64 * 1024);
		struct auth_results r = results_init();
		char expected[200];
		r.sender = str_from_z(cases[i].sender);
		r.utf8 = cases[i].utf8;
		r.spf = &spf_pass;
		auth_results_format(&r, &out);
		assert_safe(buf_str(&out), r.utf8);
		snprintf(expected, sizeof expected, " smtp.mailfrom=%s\r\n", cases[i].expected);
		if (!str_ends(buf_str(&out), str_from_z(expected)))
			fail_msg("%s: %.*s", cases[i].sender, STR_ARG(buf_str(&out)));
	}
}

/* Every byte in every place, and much of it. */
static void anything_stays_one_field(void **state)
{
	for (int c = 0; c < 256; c++) {
		char bytes[4000];
		for (size_t n = 1; n <= sizeof bytes; n += sizeof bytes - 1) {
			memset(bytes, c, n);
			str s = str_from(bytes, n);
			struct rdns_outcome rdns = { .result = RDNS_FAIL, .name = s, .why = s };
			struct spf_outcome spf = { .result = SPF_PERMERROR,
				.domain = s,
				.record = s,
				.mechanism = s,
				.mechanism_domain = s,
				.problem = c & 1 ? s : STR_EMPTY,
				.worthless = true };
			struct dkim_signature signature = { .domain = s,
				.selector = s,
				.identity = s,
				.algorithm = s,
				.signature_start = s,
				.reason = s,
				.has_length = true,
				.key_bits = 1024,
				.weak_key = true,
				.testing = true };
			struct dkim_outcome dkim = { .signatures = &signature, .n = 1 };
			struct arc_set set = { .domain = s };
			struct arc_outcome arc = {
				.result = ARC_FAIL, .reason = s, .sets = &set, .n = 1
			};
			struct dmarc_outcome dmarc = { .result = DMARC_FAIL,
				.tag = "p",
				.author_domain = s,
				.policy_domain = s,
				.reason = s };
			struct auth_results r = { .authserv_id = s,
				.helo = s,
				.sender = s,
				.utf8 = c & 2,
				.rdns = &rdns,
				.spf = &spf,
				.dkim = &dkim,
				.arc = &arc,
				.dmarc = &dmarc };
			struct buf out CLEANUP(buf_done) = BUF_INIT(64 * 1024);
			auth_results_format(&r, &out);
			assert_safe(buf_str(&out), r.utf8);
			struct arena a CLEANUP(arena_done) = ARENA_INIT(ARENA_MAX);
			struct auth_results_read read;
			struct header_field field;
			assert_true(
				header_find(buf_str(&out), STR("Authentication-Results"), &field));
			auth_results_parse(field.value, &a, &read);
			assert_int_equal(read.n, 5);
			assert_false(read.malformed);
			buf_clear(&out);
			received_spf_format(&r, &out);
			assert_safe(buf_str(&out), r.utf8);
		}
	}
}

static void received_spf(void **state)
{
	struct buf out CLEANUP(buf_done) = BUF_INIT(64 * 1024);
	struct auth_results r = results_init();
	received_spf_format(&r, &out);
	assert_int_equal(out.n, 0);
	r.spf = &spf_pass;
	received_spf_format(&r, &out);
	static const char expected[] =
		"Received-SPF: pass (mx.example.net: example.org: mx) receiver=mx.example.net;\r\n"
		"\tclient-ip=192.0.2.1; envelope-from=\"a@example.org\";\r\n"
		"\thelo=mail.example.org; identity=mailfrom; mechanism=mx\r\n";
	if (!str_equal(buf_str(&out), str_from_z(expected)))
		fail_msg("%.*s", STR_ARG(buf_str(&out)));
}

/* ---- reading ---- */

/* The whole in one line, for comparison. */
static void describe(const struct auth_results_read *read, struct buf *out)
{
	buf_printf(out, "[%.*s]%s%s", STR_ARG(read->authserv_id), read->malformed ? "!" : "",
		read->truncated ? "+" : "");
	for (size_t i = 0; i < read->n; i++) {
		const struct auth_result *r = &read->results[i];
		buf_printf(out, " %.*s=%.*s", STR_ARG(r->method), STR_ARG(r->result));
		if (r->reason.n)
			buf_printf(out, "{%.*s}", STR_ARG(r->reason));
		for (size_t k = 0; k < r->n; k++)
			buf_printf(out, ",%.*s.%.*s:%.*s", STR_ARG(r->properties[k].type),
				STR_ARG(r->properties[k].name), STR_ARG(r->properties[k].value));
	}
}

static void reading(void **state)
{
	static const struct {
		const char *value, *expected;
	} cases[] = {
		{ " example.org; none", "[example.org]" },
		{ "example.org 1; none", "[example.org]" },
		{ " example.com;\r\n spf=pass smtp.mailfrom=example.net",
			"[example.com] spf=pass,smtp.mailfrom:example.net" },
		{ "example.com; auth=pass (cram-md5) smtp.auth=sender@example.net; spf=pass "
		  "smtp.mailfrom=example.net",
			"[example.com] auth=pass,smtp.auth:sender@example.net "
			"spf=pass,smtp.mailfrom:example.net" },
		{ "foo.example.net (foobar) 1 (baz);\r\n  dkim (Because I like it) / 1 (One yay) = "
		  "(wait for it) fail\r\n  policy (A dot can go here) . (like that) expired\r\n  "
		  "(this surprised me) = (as I wasn't expecting it) 1362471462",
			"[foo.example.net] dkim=fail,policy.expired:1362471462" },
		{ "a; dkim=fail reason=\"bad; (really) \\\"bad\\\"\" header.d=x header.b=\"ab/=\"",
			"[a] dkim=fail{bad; (really) \"bad\"},header.d:x,header.b:ab/=" },
		{ "a; dkim=pass header.b=ab/c+d== header.i=@x;",
			"[a] dkim=pass,header.b:ab/c+d==,header.i:@x" },
		{ "a; spf=pass smtp.mailfrom=\"x y\"@z", "[a] spf=pass,smtp.mailfrom:\"x y\"@z" },
		{ "\"mx;1\" ; iprev=pass policy.iprev=\"2001:db8::1\"",
			"[mx;1] iprev=pass,policy.iprev:2001:db8::1" },
		/* As Microsoft and others write it. */
		{ "spf=pass (sender IP is 1.2.3.4)\r\n smtp.mailfrom=x.y; dmarc=pass "
		  "action=none\r\n "
		  "header.from=x.y;compauth=pass reason=100",
			"[] spf=pass,smtp.mailfrom:x.y dmarc=pass,header.from:x.y "
			"compauth=pass{100}" },
		/* Malformed. */
		{ "", "[]" },
		{ ";", "[]" },
		{ "a", "[a]" },
		{ "a;;; ;spf=pass", "[a] spf=pass" },
		{ "a b c; spf=pass", "[a]! spf=pass" },
		{ "a; spf; dkim=pass", "[a]! dkim=pass" },
		{ "a; =pass; dkim=pass", "[a]! dkim=pass" },
		{ "a; spf=; dkim=pass", "[a]! dkim=pass" },
		{ "a; spf=pass .x=y z=\"; b=c\"; dkim=pass", "[a]! spf=pass dkim=pass" },
		{ "a; spf=pass smtp.=x; dkim=pass", "[a]! spf=pass dkim=pass" },
		{ "a; spf=pass (unclosed; dkim=pass", "[a] spf=pass" },
		{ "a; spf=pass reason=\"unclosed; dkim=pass", "[a] spf=pass{unclosed; dkim=pass}" },
		{ "a; none; spf=pass", "[a] spf=pass" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena a CLEANUP(arena_done) = ARENA_INIT(ARENA_MAX);
		struct buf out CLEANUP(buf_done) = BUF_INIT(4096);
		struct auth_results_read read;
		str value = str_from_z(cases[i].value);
		auth_results_parse(value, &a, &read);
		describe(&read, &out);
		if (!str_equal(buf_str(&out), str_from_z(cases[i].expected)))
			fail_msg("%s: %.*s", cases[i].value, STR_ARG(buf_str(&out)));
		for (size_t n = 0; n < value.n; n++)
			auth_results_parse(str_first(value, n), &a, &read);
	}
}

static void reading_is_bounded(void **state)
{
	struct buf text CLEANUP(buf_done) = BUF_INIT(1024 * 1024);
	buf_add(&text, STR("a"));
	for (int i = 0; i <= AUTH_RESULTS_MAX; i++) {
		buf_add(&text, STR(";x=y"));
		for (int k = 0; k < AUTH_PROPERTIES_MAX + 10; k++)
			buf_add(&text, STR(" a.b=\"\\\"\""));
	}
	struct arena a CLEANUP(arena_done) = ARENA_INIT(2 * text.n + AUTH_PARSE_ARENA_MAX);
	struct auth_results_read read;
	auth_results_parse(buf_str(&text), &a, &read);
	assert_int_equal(read.n, AUTH_RESULTS_MAX);
	assert_int_equal(read.results[0].n, AUTH_PROPERTIES_MAX);
	assert_true(read.truncated);
	assert_false(read.malformed);
	str value = auth_result_property(&read.results[3], "A", "B");
	assert_true(str_equal(value, STR("\"")));
	assert_int_equal(auth_result_property(&read.results[3], "a", "c").n, 0);
}

/* ---- forged ---- */

static void forged(void **state)
{
	static const struct {
		const char *value;
		bool forged;
	} cases[] = {
		{ " mx.example.net; spf=pass", true },
		{ "MX.Example.NET; spf=pass", true },
		{ "mx.example.net 1; spf=pass", true },
		{ "mx.example.net. ; spf=pass", true },
		{ "mx.example.net/1; spf=pass", true },
		{ "\"mx.example.net\"; spf=pass", true },
		{ "\"mx\\.example.net\"; spf=pass", true },
		{ "\" mx.example.net\"; spf=pass", true },
		{ "\"mx.example.net; x\"; spf=pass", true },
		{ "\"mx.example.net; spf=pass", true },
		{ " (a (nested; one) b)\r\n\tmx.example.net(c); spf=pass", true },
		{ "\r\n mx.example.net\r\n ; spf=pass", true },
		{ "other mx.example.net; spf=pass", true },
		{ "=?utf-8?q?mx.example.net?=; spf=pass", true },
		{ "mx.example.net", true },
		{ "internal; none", true },
		{ "b\303\274cher.example; spf=pass", true },
		{ "B\303\234CHER.example; spf=pass", true },
		{ "xn--bcher-kva.example; spf=pass", true },
		/* From nobody. */
		{ "", true },
		{ " ; spf=pass", true },
		{ "spf=pass smtp.mailfrom=x", true },
		{ "(mx.example.net", true },
		/* Of others. */
		{ "mx.example.com; spf=pass", false },
		{ "amx.example.net; spf=pass", false },
		{ "mx.example.net.evil.example; spf=pass", false },
		{ "a.mx.example.net; spf=pass", false },
		{ "other (mx.example.net); spf=pass", false },
		{ "other; spf=pass (mx.example.net) smtp.helo=mx.example.net", false },
	};
	static const str ids[] = { { "mx.example.net", 14 }, { "internal", 8 },
		{ "b\303\274cher.example", 15 } };
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena a CLEANUP(arena_done) = ARENA_INIT(ARENA_MAX);
		struct buf text CLEANUP(buf_done) = BUF_INIT(4096);
		struct auth_span *spans;
		buf_printf(&text, "Subject: x\r\nAUTHENTICATION-results :%s\r\nTo: y\r\n",
			cases[i].value);
		size_t n =
			auth_results_find_forged(buf_str(&text), ids, ARRAY_LEN(ids), &a, &spans);
		if (n != cases[i].forged)
			fail_msg("%s", cases[i].value);
		if (n) {
			assert_int_equal(spans[0].offset, 12);
			assert_int_equal(spans[0].n, text.n - 12 - 7);
		}
	}
}

static void forged_stretches(void **state)
{
	static const char header[] = "Authentication-Results: me; a=b\n"
				     "Authentication-Results: me;\n\tc=d\n"
				     "Authentication-Results: other; c=d\n"
				     "X-Authentication-Results: me; a=b\n"
				     "ARC-Authentication-Results: i=1; me; a=b\n"
				     "Authentication-Results: me\n"
				     "\n"
				     "Authentication-Results: me; a=b\n";
	static const str me = { "me", 2 };
	struct arena a CLEANUP(arena_done) = ARENA_INIT(sizeof header);
	struct auth_span *spans;
	assert_int_equal(auth_results_find_forged(str_from_z(header), &me, 1, &a, &spans), 2);
	assert_int_equal(spans[0].offset, 0);
	assert_int_equal(spans[0].n, 65);
	assert_int_equal(spans[1].n, 27);
	assert_memory_equal(header + spans[1].offset, "Authentication-Results: me\n\n", 28);
}

/* Near 1 MiB of whatever costs most. */
static void forged_at_length(void **state)
{
	static const char *const pieces[] = { "Authentication-Results: me\nX: y\n",
		"Authentication-Results: \303\274\n", "Authentication-Results:\n",
		"Authentication-Results: ((((((\n", "Authentication-Results: \"\\\"\\\"\n",
		"Authentication-Results: a a a\n \303\274 b ( c ) \"d\"\n" };
	static const str me = { "me", 2 };
	for (size_t i = 0; i <= ARRAY_LEN(pieces); i++) {
		struct buf text CLEANUP(buf_done) = BUF_INIT(2 * 1024 * 1024);
		if (i == ARRAY_LEN(pieces))
			buf_add(&text, STR("Authentication-Results: "));
		while (text.n < 1024 * 1024)
			buf_add(&text, i < ARRAY_LEN(pieces) ? str_from_z(pieces[i])
							     : STR("a \303\274 (b) \"c\" "));
		struct arena a CLEANUP(arena_done) = ARENA_INIT(text.n + 64);
		struct auth_span *spans;
		(void)auth_results_find_forged(buf_str(&text), &me, 1, &a, &spans);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_was_evaluated),
		cmocka_unit_test(all_methods),
		cmocka_unit_test(empty_outcomes),
		cmocka_unit_test(an_unknown_client),
		cmocka_unit_test(a_bounce),
		cmocka_unit_test(hostile_text),
		cmocka_unit_test(anything_stays_one_field),
		cmocka_unit_test(received_spf),
		cmocka_unit_test(reading),
		cmocka_unit_test(reading_is_bounded),
		cmocka_unit_test(forged),
		cmocka_unit_test(forged_stretches),
		cmocka_unit_test(forged_at_length),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
