#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "proto/smtp_xclient.h"
#include "proto/smtp_xtext.h"

static bool parse(str s, struct arena *arena, struct smtp_xclient *x, struct smtp_syntax *syntax)
{
	*syntax = (struct smtp_syntax){ 0 };
	return smtp_xclient_parse(s, arena, x, syntax);
}

static void test_good(void **state)
{
	CLEANUP(arena_done) struct arena arena = ARENA_INIT(65536);
	struct smtp_xclient x;
	struct smtp_syntax syntax;
	assert_true(parse(STR("NAME=mail.example addr=192.0.2.1 PORT=1234  PROTO=ESMTP "
			      "HELO=a+20b LOGIN=alice+2Bx DESTADDR=IPV6:2001:db8::1 DESTPORT=25"),
		&arena, &x, &syntax));
	for (unsigned i = 0; i < SMTP_XCLIENT_COUNT; i++)
		assert_int_equal(x.attribute[i].state, SMTP_XCLIENT_VALUE);
	assert_true(str_equal(x.attribute[SMTP_XCLIENT_HELO].value, STR("a b")));
	assert_true(str_equal(x.attribute[SMTP_XCLIENT_LOGIN].value, STR("alice+x")));
	assert_true(str_equal(x.attribute[SMTP_XCLIENT_DESTADDR].value, STR("2001:db8::1")));
	assert_int_equal(x.address.n, 4);
	assert_memory_equal(x.address.ip, "\xc0\x00\x02\x01", 4);
	assert_int_equal(x.destination.n, 16);
	assert_int_equal(x.port, 1234);
	assert_int_equal(x.destination_port, 25);
}

static void test_states(void **state)
{
	CLEANUP(arena_done) struct arena arena = ARENA_INIT(65536);
	struct smtp_xclient x;
	struct smtp_syntax syntax;
	assert_true(parse(STR("NAME=[UNAVAILABLE] ADDR=[TempUnavail]"), &arena, &x, &syntax));
	assert_int_equal(x.attribute[SMTP_XCLIENT_NAME].state, SMTP_XCLIENT_UNAVAILABLE);
	assert_int_equal(x.attribute[SMTP_XCLIENT_ADDR].state, SMTP_XCLIENT_TEMPUNAVAIL);
	assert_int_equal(x.attribute[SMTP_XCLIENT_PORT].state, SMTP_XCLIENT_ABSENT);
	assert_int_equal(x.address.n, 0);
}

static void test_bad(void **state)
{
	static const struct {
		const char *in;
		enum smtp_syntax_kind kind;
		size_t at;
	} bad[] = {
		{ "", SMTP_SYNTAX_NO_ARGUMENT, 0 },
		{ "   ", SMTP_SYNTAX_NO_ARGUMENT, 0 },
		{ "NAME", SMTP_SYNTAX_PARAMETER_VALUE, 0 },
		{ "NAME=", SMTP_SYNTAX_PARAMETER_VALUE, 0 },
		{ "NAME=a NAME=b", SMTP_SYNTAX_PARAMETER_DUPLICATE, 7 },
		{ "NAME=a FOO=b", SMTP_SYNTAX_BAD_ARGUMENT, 7 },
		{ "NAME=a+0D+0A", SMTP_SYNTAX_PARAMETER_VALUE, 0 },
		{ "NAME=a+00", SMTP_SYNTAX_PARAMETER_VALUE, 0 },
		{ "NAME=a+2", SMTP_SYNTAX_PARAMETER_VALUE, 0 },
		{ "NAME=a\tb", SMTP_SYNTAX_PARAMETER_VALUE, 0 },
		{ "ADDR=mail.example", SMTP_SYNTAX_PARAMETER_VALUE, 0 },
		{ "ADDR=IPV6:192.0.2.1", SMTP_SYNTAX_PARAMETER_VALUE, 0 },
		{ "ADDR=192.0.2.1+31", SMTP_SYNTAX_OK, 0 },
		{ "PORT=65536", SMTP_SYNTAX_PARAMETER_VALUE, 0 },
		{ "PORT=-1", SMTP_SYNTAX_PARAMETER_VALUE, 0 },
		{ "PROTO=UUCP", SMTP_SYNTAX_PARAMETER_VALUE, 0 },
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CLEANUP(arena_done) struct arena arena = ARENA_INIT(65536);
		struct smtp_xclient x;
		struct smtp_syntax syntax;
		print_message("# case %zu\n", i);
		bool fine = parse(str_from_z(bad[i].in), &arena, &x, &syntax);
		assert_int_equal(fine, bad[i].kind == SMTP_SYNTAX_OK);
		assert_int_equal(syntax.kind, bad[i].kind);
		assert_int_equal(syntax.at, bad[i].at);
	}
}

static void test_no_memory(void **state)
{
	CLEANUP(arena_done) struct arena arena = ARENA_INIT(4);
	struct smtp_xclient x;
	struct smtp_syntax syntax;
	assert_false(parse(STR("NAME=aaaaaaaaaaaaaaaaaa"), &arena, &x, &syntax));
	assert_int_equal(syntax.kind, SMTP_SYNTAX_NO_MEMORY);
}

static void test_xtext_round_trip(void **state)
{
	char all[95 + 2];
	size_t n = 0;
	for (int c = 32; c < 127; c++)
		all[n++] = (char)c;
	all[n++] = '\xc3';
	all[n++] = '\xbc';
	CLEANUP(arena_done) struct arena arena = ARENA_INIT(65536);
	CLEANUP(buf_done) struct buf encoded = BUF_INIT(65536);
	smtp_xtext_encode(str_from(all, n), &encoded);
	str back;
	assert_int_equal(smtp_xtext_decode(buf_str(&encoded), true, &arena, &back), SMTP_XTEXT_OK);
	assert_true(str_equal(back, str_from(all, n)));
	assert_int_equal(
		smtp_xtext_decode(buf_str(&encoded), false, &arena, &back), SMTP_XTEXT_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_xtext_round_trip),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
