#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "mailauth/dkim_sign_testing.h"

enum { WORK_MAX = 16 << 20, NOW = 1700000000, HOPS_MAX = 51 };

static const char plain[] = "From: A <a@example.org>\r\nSubject: s\r\n\r\n";
static const char body[] = "Hello.\r\n";

struct fixture {
	struct dkim_private_key *key;
	struct buf records;
	struct buf header;
};

static void begin(struct fixture *f)
{
	*f = (struct fixture){
		.key = testing_key(0), .records = BUF_INIT(WORK_MAX), .header = BUF_INIT(WORK_MAX)
	};
	testing_record(f->key, "one.example", "", &f->records);
	testing_record(f->key, "two.example", "", &f->records);
	buf_add(&f->header, str_from_z(plain));
}

static void end(struct fixture *f)
{
	dkim_private_key_free(f->key);
	buf_done(&f->records);
	buf_done(&f->header);
}

static void validate(struct fixture *f, const char *text, struct arena *a, struct arc_outcome *out)
{
	struct dns_table t;
	dns_table_init(&t, buf_str(&f->records));
	str kept = arena_str(a, buf_str(&f->header));
	struct dkim_verifier *dkim = dkim_verifier_new(kept, NOW);
	struct arc_verifier *v = arc_verifier_new(kept, NOW);
	struct arc_verifier *beside = arc_verifier_new_beside(dkim, kept, NOW);
	for (size_t i = 0; text[i]; i++)
		arc_verifier_feed(v, str_from(text + i, 1));
	dkim_verifier_feed(dkim, str_from_z(text));
	struct arc_outcome other;
	arc_verifier_finish(beside, &t.dns, a, &other);
	arc_verifier_finish(v, &t.dns, a, out);
	assert_int_equal(out->result, other.result);
	assert_int_equal(out->oldest_pass, other.oldest_pass);
	arc_verifier_free(beside);
	arc_verifier_free(v);
	dkim_verifier_free(dkim);
}

/* Seals what there is; false where the sealer refuses. */
static bool seal(struct fixture *f, const char *domain, const char *text, const char *results)
{
	struct arena a CLEANUP(arena_done) = ARENA_INIT(WORK_MAX);
	struct buf out CLEANUP(buf_done) = BUF_INIT(WORK_MAX);
	struct err err = { 0 };
	struct arc_outcome chain;
	validate(f, text, &a, &chain);
	struct dkim_signing how = { .domain = str_from_z(domain),
		.selector = STR("sel"),
		.key = dkim_private_key_signs(f->key),
		.time = NOW };
	struct arc_sealer *s = arc_sealer_new(buf_str(&f->header), &how);
	arc_sealer_feed(s, str_from_z(text));
	bool good = arc_sealer_finish(s, &chain, str_from_z(results), &out, &err);
	arc_sealer_free(s);
	if (good) {
		buf_add(&out, buf_str(&f->header));
		buf_done(&f->header);
		f->header = out;
		out = BUF_INIT(0);
	}
	return good;
}

static void expect(struct fixture *f, const char *text, enum arc_result result, unsigned oldest,
	const char *reason)
{
	struct arena a CLEANUP(arena_done) = ARENA_INIT(WORK_MAX);
	struct arc_outcome out;
	validate(f, text, &a, &out);
	if (out.result != result || !str_equal(out.reason, str_from_z(reason)))
		print_message("%s: %.*s\n", arc_result_name(out.result), STR_ARG(out.reason));
	assert_int_equal(out.result, result);
	assert_int_equal(out.oldest_pass, oldest);
	assert_true(str_equal(out.reason, str_from_z(reason)));
}

/* The first `from` in the header becomes `to`, of the same length. */
static void change(struct fixture *f, const char *from, const char *to)
{
	ptrdiff_t at = str_find(buf_str(&f->header), str_from_z(from));
	assert_true(at >= 0 && strlen(from) == strlen(to));
	memcpy(f->header.p + at, to, strlen(to));
}

static void test_chain(void **state)
{
	struct fixture f;
	begin(&f);
	expect(&f, body, ARC_NONE, 0, "");
	assert_true(seal(&f, "one.example", body, "one.example; dmarc=pass"));
	expect(&f, body, ARC_PASS, 0, "");
	expect(&f, "Other.", ARC_FAIL, 0,
		"message signature 1: body has changed: bh= does not match");
	assert_true(seal(&f, "two.example", body, "two.example;\r\n\tdmarc=fail"));
	expect(&f, body, ARC_PASS, 0, "");
	change(&f, "i=1; one.example; dmarc=pass", "i=1; one.example; dmarc=fail");
	expect(&f, body, ARC_FAIL, 0, "seal 2: header has changed: b= does not verify");
	end(&f);
}

static void test_oldest(void **state)
{
	struct fixture f;
	begin(&f);
	assert_true(seal(&f, "one.example", body, "one.example; dmarc=pass"));
	/* A list changes the subject, and then seals. */
	struct arena a CLEANUP(arena_done) = ARENA_INIT(WORK_MAX);
	struct arc_outcome chain;
	validate(&f, body, &a, &chain);
	change(&f, "Subject: s", "Subject: t");
	struct dkim_signing how = { .domain = STR("two.example"),
		.selector = STR("sel"),
		.key = dkim_private_key_signs(f.key),
		.time = NOW };
	struct buf out CLEANUP(buf_done) = BUF_INIT(WORK_MAX);
	struct err err = { 0 };
	struct arc_sealer *s = arc_sealer_new(buf_str(&f.header), &how);
	arc_sealer_feed(s, str_from_z(body));
	assert_true(arc_sealer_finish(s, &chain, STR("two.example; arc=pass"), &out, &err));
	arc_sealer_free(s);
	buf_add(&out, buf_str(&f.header));
	buf_clear(&f.header);
	buf_add(&f.header, buf_str(&out));
	expect(&f, body, ARC_PASS, 2, "");
	end(&f);
}

static void test_structure(void **state)
{
	static const struct {
		const char *from, *to, *reason;
	} cases[] = {
		{ "ARC-Seal:", "Not-Seal:", "set 2: no ARC-Seal" },
		{ "ARC-Message-Signature:", "Not-Message-Signature:",
			"set 2: no ARC-Message-Signature" },
		{ "ARC-Authentication-Results: i=2", "ARC-Authentication-Results: i=1",
			"set 1: ARC-Authentication-Results twice" },
		{ "ARC-Authentication-Results: i=2", "ARC-Authentication-Results: i=x",
			"set 0: field without an instance" },
		{ "cv=pass", "cv=none", "set 2: cv= is not pass" },
		{ "cv=pass", "cv=fail", "set 2: its seal says cv=fail" },
		{ "cv=none", "cv=pass", "set 1: cv= of the first seal is not none" },
		{ "bh=", "bx=", "set 2: no bh=" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture f;
		begin(&f);
		assert_true(seal(&f, "one.example", body, "one.example; none"));
		assert_true(seal(&f, "two.example", body, "two.example; none"));
		change(&f, cases[i].from, cases[i].to);
		expect(&f, body, ARC_FAIL, 0, cases[i].reason);
		end(&f);
	}
}

/* A broken chain is sealed once, with cv=fail, and not again. */
static void test_failed(void **state)
{
	struct fixture f;
	begin(&f);
	assert_true(seal(&f, "one.example", body, "one.example; none"));
	assert_true(seal(&f, "one.example", "Other.\r\n", "one.example; arc=fail"));
	assert_true(str_find(buf_str(&f.header), STR("cv=fail")) >= 0);
	expect(&f, "Other.\r\n", ARC_FAIL, 0, "set 2: its seal says cv=fail");
	assert_false(seal(&f, "one.example", "Other.\r\n", "one.example; arc=fail"));
	end(&f);
}

static void test_limits(void **state)
{
	struct fixture f;
	begin(&f);
	for (int i = 0; i < ARC_SETS_MAX; i++)
		assert_true(seal(&f, "one.example", body, "one.example; none"));
	expect(&f, body, ARC_PASS, 0, "");
	assert_false(seal(&f, "one.example", body, "one.example; none"));
	assert_false(seal(&f, "one.example", body, "a\r\nB: c"));
	end(&f);
	begin(&f);
	buf_clear(&f.records);
	buf_add(&f.records, STR("sel._domainkey.one.example TXT !timeout"));
	struct buf keep = f.records;
	assert_true(seal(&f, "one.example", body, "one.example; none"));
	f.records = keep;
	expect(&f, body, ARC_TEMPERROR, 0,
		"message signature 1: the DNS did not answer for the key");
	end(&f);
}

static const struct {
	enum arc_result result;
	unsigned oldest_pass;
	const char *domains, *results[3], *trusted;
	unsigned by;
} trust[] = {
	{ ARC_PASS, 0, "a", { "x; dmarc=pass" }, "a", 1 },
	{ ARC_PASS, 0, "a", { "x; DMARC = Pass (p=none; x)" }, "A", 1 },
	{ ARC_PASS, 0, "a", { "x; (dmarc=pass) dkim/1=fail; dmarc (c) / 1 = pass" }, "a", 1 },
	{ ARC_FAIL, 0, "a", { "x; dmarc=pass" }, "a", 0 },
	{ ARC_PASS, 0, "a", { "x; dmarc=fail" }, "a", 0 },
	{ ARC_PASS, 0, "a", { "dmarc=pass; dmarc=fail" }, "a", 0 },
	{ ARC_PASS, 0, "a", { "x; dkim=pass reason=\"; dmarc=pass\"" }, "a", 0 },
	{ ARC_PASS, 0, "a", { "x; xdmarc=pass; dmarc=passx" }, "a", 0 },
	{ ARC_PASS, 0, "b", { "x; dmarc=pass" }, "a", 0 },
	/* Behind one who is not trusted the set counts while its message signature holds. */
	{ ARC_PASS, 0, "ab", { "x; dmarc=pass", "x; dmarc=fail" }, "a", 1 },
	{ ARC_PASS, 2, "ab", { "x; dmarc=pass", "x; dmarc=fail" }, "a", 0 },
	{ ARC_PASS, 2, "aa", { "x; dmarc=pass", "x; dmarc=fail" }, "a", 1 },
	/* One who is not trusted may say what he likes. */
	{ ARC_PASS, 0, "ba", { "x; dmarc=pass", "x; dmarc=fail" }, "a", 0 },
	{ ARC_PASS, 3, "aba", { "x; dmarc=pass", "x; dmarc=pass", "x; dmarc=fail" }, "a", 0 },
	{ ARC_PASS, 2, "bba", { "x; dmarc=fail", "x; dmarc=fail", "x; dmarc=pass" }, "a", 3 },
};

static void test_trust(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(trust); i++) {
		struct arc_set sets[3];
		size_t n = strlen(trust[i].domains);
		for (size_t k = 0; k < n; k++)
			sets[k] = (struct arc_set){ .instance = (unsigned)k + 1,
				.domain = str_from(trust[i].domains + k, 1),
				.results = str_from_z(trust[i].results[k]) };
		struct arc_outcome out = { .result = trust[i].result,
			.sets = sets,
			.n = n,
			.oldest_pass = trust[i].oldest_pass };
		str domains[] = { STR("other"), str_from_z(trust[i].trusted) };
		const struct arc_set *by = arc_trusted_pass(&out, domains, 2, STR("dmarc"));
		if ((by ? by->instance : 0) != trust[i].by)
			print_message("case %zu\n", i);
		assert_int_equal(by ? by->instance : 0, trust[i].by);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chain),
		cmocka_unit_test(test_oldest),
		cmocka_unit_test(test_structure),
		cmocka_unit_test(test_failed),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_trust),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
