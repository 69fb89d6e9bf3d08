#include "proto/sasl.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base64.h"

#include <stdlib.h>

enum { ARENA = 65536 };

static void test_mechanisms(void **state)
{
	for (int m = SASL_PLAIN; m <= SASL_SCRAM_SHA_256_PLUS; m++)
		assert_int_equal(sasl_mechanism_find(
					 str_from_z(sasl_mechanism_name((enum sasl_mechanism)m))),
			m);
	assert_int_equal(sasl_mechanism_find(STR("scram-sha-256")), SASL_SCRAM_SHA_256);
	assert_int_equal(sasl_mechanism_find(STR("SCRAM-SHA-25")), SASL_NONE);
	assert_int_equal(sasl_mechanism_find(STR("")), SASL_NONE);
}

static void test_lines(void **state)
{
	struct buf b CLEANUP(buf_done) = BUF_INIT(65536);
	assert_int_equal(sasl_line_decode(STR("*"), &b), SASL_LINE_CANCEL);
	assert_int_equal(sasl_line_decode(STR(""), &b), SASL_LINE_OK);
	assert_int_equal(sasl_line_decode(STR("="), &b), SASL_LINE_INVALID);
	assert_int_equal(sasl_line_decode(STR("AG=="), &b), SASL_LINE_INVALID);
	assert_int_equal(sasl_line_decode(STR("YWI"), &b), SASL_LINE_INVALID);
	assert_int_equal(sasl_line_decode(STR("YW I="), &b), SASL_LINE_INVALID);
	buf_clear(&b);
	assert_int_equal(sasl_initial_decode(STR("="), &b), SASL_LINE_OK);
	assert_int_equal(b.n, 0);
	assert_int_equal(sasl_initial_decode(STR(""), &b), SASL_LINE_INVALID);
	assert_int_equal(sasl_initial_decode(STR("YWI="), &b), SASL_LINE_OK);
	assert_true(str_equal(buf_str(&b), STR("ab")));
}

static void test_long_line(void **state)
{
	struct buf line CLEANUP(buf_done) = BUF_INIT(65536);
	struct buf out CLEANUP(buf_done) = BUF_INIT(65536);
	for (size_t i = 0; i < SASL_MAX_MESSAGE / 3; i++)
		buf_add(&line, STR("AAAA"));
	assert_int_equal(sasl_line_decode(buf_str(&line), &out), SASL_LINE_OK);
	buf_add(&line, STR("AAAA"));
	assert_int_equal(sasl_line_decode(buf_str(&line), &out), SASL_LINE_INVALID);
}

static void test_plain(void **state)
{
	struct sasl_plain p;
	assert_true(sasl_plain_parse(STR("\0tim\0tanstaaftanstaaf"), &p));
	assert_int_equal(p.authzid.n, 0);
	assert_true(str_equal(p.authcid, STR("tim")));
	assert_true(str_equal(p.password, STR("tanstaaftanstaaf")));
	assert_true(sasl_plain_parse(STR("Ursel\0Kurt\0xipj3plmq"), &p));
	assert_true(str_equal(p.authzid, STR("Ursel")));
	assert_false(sasl_plain_parse(STR(""), &p));
	assert_false(sasl_plain_parse(STR("tim\0pass"), &p));
	assert_false(sasl_plain_parse(STR("\0\0pass"), &p));
	assert_false(sasl_plain_parse(STR("\0tim\0"), &p));
	assert_false(sasl_plain_parse(STR("\0tim\0pa\0ss"), &p));
	assert_false(sasl_plain_parse(STR("\0ti\xff\0pass"), &p));
}

static void test_plain_limits(void **state)
{
	struct buf b CLEANUP(buf_done) = BUF_INIT(65536);
	struct sasl_plain p;
	buf_add_char(&b, '\0');
	for (int i = 0; i < SASL_MAX_NAME; i++)
		buf_add_char(&b, 'n');
	size_t n = b.n;
	buf_add(&b, STR("\0p"));
	assert_true(sasl_plain_parse(buf_str(&b), &p));
	b.n = n;
	buf_add(&b, STR("n\0p"));
	assert_false(sasl_plain_parse(buf_str(&b), &p));
}

static void test_login(void **state)
{
	struct buf b CLEANUP(buf_done) = BUF_INIT(64);
	assert_true(base64_decode(&b, SASL_LOGIN_USERNAME));
	assert_true(base64_decode(&b, SASL_LOGIN_PASSWORD));
	assert_true(str_equal(buf_str(&b), STR("Username:Password:")));
	assert_true(sasl_login_valid(STR("joe"), 3));
	assert_false(sasl_login_valid(STR("joey"), 3));
	assert_false(sasl_login_valid(STR(""), 3));
	assert_false(sasl_login_valid(STR("a\0b"), 3));
}

/* The examples of RFC 5802 §5 and RFC 7677 §3. */
static const struct exchange {
	const char *client_first, *server_nonce, *salt, *server_first, *client_final, *proof,
		*without;
	const char *signature, *server_final;
} exchanges[] = {
	{ "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL", "3rfcNHYJY1ZVvWVs7j", "QSXCR+Q6sek8bf92",
		"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
		"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+"
		"HI4Ts=",
		"v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
		"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j",
		"rmF9pqV8S7suAoZWja4dJRkFsKQ=", "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=" },
	{ "n,,n=user,r=rOprNGfwEbeRWgbNEkqO", "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
		"W22ZaJ0SNY7soEsUEjb6gQ==",
		"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,"
		"i=4096",
		"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
		"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
		"dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
		"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
		"6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
		"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=" },
};

static void check_exchange(const struct exchange *e)
{
	struct arena a = ARENA_INIT(ARENA);
	struct buf b CLEANUP(buf_done) = BUF_INIT(4096);
	struct buf raw CLEANUP(buf_done) = BUF_INIT(4096);
	struct scram_client_first first;
	struct scram_client_final final;
	const char *error;
	assert_true(scram_client_first_parse(str_from_z(e->client_first), &a, &first, &error));
	assert_true(str_equal(first.login, STR("user")));
	assert_true(base64_decode(&raw, str_from_z(e->salt)));
	scram_server_first_format(&b, &first, str_from_z(e->server_nonce), buf_str(&raw), 4096);
	assert_true(str_equal(buf_str(&b), str_from_z(e->server_first)));

	assert_true(scram_client_final_parse(
		str_from_z(e->client_final), &first, buf_str(&b), STR_EMPTY, &a, &final, &error));
	buf_clear(&raw);
	assert_true(base64_decode(&raw, str_from_z(e->proof)));
	assert_true(str_equal(final.proof, buf_str(&raw)));
	str expected =
		arena_printf(&a, "%s,%s,%s", e->client_first + 3, e->server_first, e->without);
	assert_true(str_equal(final.auth_message, expected));

	buf_clear(&b);
	buf_clear(&raw);
	assert_true(base64_decode(&raw, str_from_z(e->signature)));
	scram_server_final_format(&b, buf_str(&raw));
	assert_true(str_equal(buf_str(&b), str_from_z(e->server_final)));
	arena_done(&a);
}

static void test_scram_examples(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(exchanges); i++)
		check_exchange(&exchanges[i]);
}

static void test_scram_first(void **state)
{
	struct arena a = ARENA_INIT(ARENA);
	struct scram_client_first f;
	const char *error;
	assert_true(scram_client_first_parse(
		STR("p=tls-exporter,a=ad=2Cmin,n=us=3Der=2c,r=abc,x=ext"), &a, &f, &error));
	assert_int_equal(f.binding, SCRAM_BINDING_USED);
	assert_true(str_equal(f.binding_name, STR("tls-exporter")));
	assert_true(str_equal(f.authzid, STR("ad,min")));
	assert_true(str_equal(f.login, STR("us=er,")));
	assert_true(str_equal(f.nonce, STR("abc")));
	assert_true(str_equal(f.gs2_header, STR("p=tls-exporter,a=ad=2Cmin,")));
	assert_true(str_equal(f.bare, STR("n=us=3Der=2c,r=abc,x=ext")));
	assert_true(scram_client_first_parse(STR("y,,n=\xc3\xa9,r=a"), &a, &f, &error));
	assert_int_equal(f.binding, SCRAM_BINDING_UNUSED);
	arena_done(&a);
}

static void test_scram_bad_first(void **state)
{
	static const struct {
		const char *in, *error;
	} bad[] = {
		{ "", "invalid-encoding" },
		{ "n", "invalid-encoding" },
		{ "n,", "invalid-encoding" },
		{ "N,,n=u,r=a", "invalid-encoding" },
		{ "x,,n=u,r=a", "invalid-encoding" },
		{ "p=,,n=u,r=a", "invalid-encoding" },
		{ "p=tls unique,,n=u,r=a", "invalid-encoding" },
		{ "n,b=x,n=u,r=a", "invalid-username-encoding" },
		{ "n,a=,n=u,r=a", "invalid-username-encoding" },
		{ "n,,", "invalid-username-encoding" },
		{ "n,,n=,r=a", "invalid-username-encoding" },
		{ "n,,n=u=41,r=a", "invalid-username-encoding" },
		{ "n,,n=u=,r=a", "invalid-username-encoding" },
		{ "n,,n=\xff,r=a", "invalid-username-encoding" },
		{ "n,,m=x,n=u,r=a", "extensions-not-supported" },
		{ "n,,n=u", "invalid-encoding" },
		{ "n,,n=u,r=", "invalid-encoding" },
		{ "n,,n=u,r=a b", "invalid-encoding" },
		{ "n,,n=u,r=\xc3\xa9", "invalid-encoding" },
		{ "n,,n=u,r=a,", "invalid-encoding" },
		{ "n,,n=u,r=a,x", "invalid-encoding" },
		{ "n,,n=u,r=a,x=", "invalid-encoding" },
		{ "n,,n=u,r=a,x=1,", "invalid-encoding" },
		{ "n,,r=a,n=u", "invalid-username-encoding" },
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct arena a = ARENA_INIT(ARENA);
		struct scram_client_first f;
		const char *error = NULL;
		if (scram_client_first_parse(str_from_z(bad[i].in), &a, &f, &error))
			fail_msg("%s", bad[i].in);
		assert_string_equal(error, bad[i].error);
		arena_done(&a);
	}
}

static void test_scram_bad_final(void **state)
{
	static const struct {
		const char *in, *error;
	} bad[] = {
		{ "", "channel-bindings-dont-match" },
		{ "p=AAAA", "channel-bindings-dont-match" },
		{ "c=eSws,r=abcdef,p=AAAA", "channel-bindings-dont-match" }, /* "y,," */
		{ "c=biws,r=abc,p=AAAA", "other-error" }, /* only the client's half */
		{ "c=biws,r=,p=AAAA", "other-error" },
		{ "c=biws,r=abcdefg,p=AAAA", "other-error" },
		{ "c=biws,r=abcdef,m=1,p=AAAA", "extensions-not-supported" },
		{ "c=biws,r=abcdef,1=1,p=AAAA", "extensions-not-supported" },
		{ "c=biws,r=abcdef", "other-error" },
		{ "c=biws,r=abcdef,p=", "invalid-encoding" },
		{ "c=biws,r=abcdef,p=AAA", "invalid-encoding" },
		{ "c=biws,r=abcdef,q=AAAA", "invalid-encoding" },
		{ "c=biws,p=AAAA,r=abcdef", "other-error" },
	};
	struct arena a = ARENA_INIT(ARENA);
	struct scram_client_first first;
	struct scram_client_final final;
	str server_first = STR("r=abcdef,s=AAAA,i=4096");
	const char *error;
	assert_true(scram_client_first_parse(STR("n,,n=u,r=abc"), &a, &first, &error));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		error = NULL;
		if (scram_client_final_parse(str_from_z(bad[i].in), &first, server_first, STR_EMPTY,
			    &a, &final, &error))
			fail_msg("%s", bad[i].in);
		if (!str_equal(str_from_z(error), str_from_z(bad[i].error)))
			fail_msg("%s: %s", bad[i].in, error);
	}
	assert_true(scram_client_final_parse(STR("c=biws,r=abcdef,x=1,p=AAAA"), &first,
		server_first, STR("ignored"), &a, &final, &error));
	arena_done(&a);
}

/* "p=" binds the GS2 header and the channel's data together. */
static void test_scram_binding(void **state)
{
	struct arena a = ARENA_INIT(ARENA);
	struct buf c CLEANUP(buf_done) = BUF_INIT(1024);
	struct scram_client_first first;
	struct scram_client_final final;
	str server_first = STR("r=abcdef,s=AAAA,i=4096"), data = STR("\x01\x00\xff");
	const char *error;
	assert_true(scram_client_first_parse(STR("p=tls-exporter,,n=u,r=abc"), &a, &first, &error));
	buf_add(&c, STR("c="));
	base64_encode(&c, STR("p=tls-exporter,,\x01\x00\xff"));
	buf_add(&c, STR(",r=abcdef,p=AAAA"));
	assert_true(scram_client_final_parse(
		buf_str(&c), &first, server_first, data, &a, &final, &error));
	assert_false(scram_client_final_parse(
		buf_str(&c), &first, server_first, STR("other"), &a, &final, &error));
	assert_string_equal(error, "channel-bindings-dont-match");
	arena_done(&a);
}

/* Cut anywhere, in arenas of any size: no crash, and a reason. */
static void test_scram_prefixes(void **state)
{
	str whole = str_from_z(exchanges[1].client_first);
	str last = str_from_z(exchanges[1].client_final);
	str server_first = str_from_z(exchanges[1].server_first);
	for (size_t size = 0; size < 1024; size += 32) {
		for (size_t n = 0; n <= whole.n; n++) {
			struct arena a = ARENA_INIT(size);
			struct scram_client_first first;
			const char *error = NULL;
			char *copy = str_dup_z(str_first(whole, n));
			if (!scram_client_first_parse(str_from_z(copy), &a, &first, &error))
				assert_non_null(error);
			free(copy);
			arena_done(&a);
		}
	}
	for (size_t size = 512; size < 2048; size += 64) {
		for (size_t n = 0; n < last.n; n++) {
			struct arena a = ARENA_INIT(size);
			struct scram_client_first first;
			struct scram_client_final final;
			const char *error = NULL;
			assert_true(scram_client_first_parse(whole, &a, &first, &error));
			if (!scram_client_final_parse(str_first(last, n), &first, server_first,
				    STR_EMPTY, &a, &final, &error))
				assert_non_null(error);
			arena_done(&a);
		}
	}
}

static void test_scram_error(void **state)
{
	struct buf b CLEANUP(buf_done) = BUF_INIT(64);
	scram_server_error_format(&b, STR("invalid-proof"));
	assert_true(str_equal(buf_str(&b), STR("e=invalid-proof")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mechanisms),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_long_line),
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_plain_limits),
		cmocka_unit_test(test_login),
		cmocka_unit_test(test_scram_examples),
		cmocka_unit_test(test_scram_first),
		cmocka_unit_test(test_scram_bad_first),
		cmocka_unit_test(test_scram_bad_final),
		cmocka_unit_test(test_scram_binding),
		cmocka_unit_test(test_scram_prefixes),
		cmocka_unit_test(test_scram_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
