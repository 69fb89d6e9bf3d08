#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "proto/smtp_command.h"

#include <stdio.h>
#include <stdlib.h>

enum { EVERYTHING = (1 << SMTP_EXTENSION_COUNT) - 1 };

static const struct smtp_parse_options everything = { .extensions = EVERYTHING, .utf8 = true };

struct fixture {
	struct arena arena;
	struct smtp_command command;
};

static void done(struct fixture *f)
{
	arena_done(&f->arena);
}

static bool parse(struct fixture *f, const char *line, const struct smtp_parse_options *options)
{
	return smtp_command_parse(str_from_z(line), options, &f->arena, &f->command);
}

#define FIXTURE CLEANUP(done) struct fixture f = { .arena = ARENA_INIT(65536) }

static const struct {
	const char *line;
	enum smtp_verb verb;
	enum smtp_syntax_kind kind;
	size_t at;
} lines[] = {
	{ "EHLO client.example\r\n", SMTP_VERB_EHLO, SMTP_SYNTAX_OK, 0 },
	{ "ehlo [192.0.2.1]\r\n", SMTP_VERB_EHLO, SMTP_SYNTAX_OK, 0 },
	{ "HELO  a_b \r\n", SMTP_VERB_HELO, SMTP_SYNTAX_OK, 0 },
	{ "LHLO x\r\n", SMTP_VERB_LHLO, SMTP_SYNTAX_OK, 0 },
	{ "EHLO\r\n", SMTP_VERB_EHLO, SMTP_SYNTAX_NO_ARGUMENT, 4 },
	{ "EHLO a b\r\n", SMTP_VERB_EHLO, SMTP_SYNTAX_OK, 0 },
	{ "EHLO \xff\r\n", SMTP_VERB_EHLO, SMTP_SYNTAX_OK, 0 },
	{ "DATA\r\n", SMTP_VERB_DATA, SMTP_SYNTAX_OK, 0 },
	{ "DATA  \r\n", SMTP_VERB_DATA, SMTP_SYNTAX_OK, 0 },
	{ "DATA x\r\n", SMTP_VERB_DATA, SMTP_SYNTAX_EXTRA_ARGUMENT, 5 },
	{ "RSET\r\n", SMTP_VERB_RSET, SMTP_SYNTAX_OK, 0 },
	{ "QUIT\r\n", SMTP_VERB_QUIT, SMTP_SYNTAX_OK, 0 },
	{ "QUIT now\r\n", SMTP_VERB_QUIT, SMTP_SYNTAX_EXTRA_ARGUMENT, 5 },
	{ "STARTTLS\r\n", SMTP_VERB_STARTTLS, SMTP_SYNTAX_OK, 0 },
	{ "STARTTLS x\r\n", SMTP_VERB_STARTTLS, SMTP_SYNTAX_EXTRA_ARGUMENT, 9 },
	{ "NOOP\r\n", SMTP_VERB_NOOP, SMTP_SYNTAX_OK, 0 },
	{ "NOOP anything \xff\r\n", SMTP_VERB_NOOP, SMTP_SYNTAX_OK, 0 },
	{ "HELP\r\n", SMTP_VERB_HELP, SMTP_SYNTAX_OK, 0 },
	{ "HELP MAIL\r\n", SMTP_VERB_HELP, SMTP_SYNTAX_OK, 0 },
	{ "VRFY\r\n", SMTP_VERB_VRFY, SMTP_SYNTAX_NO_ARGUMENT, 4 },
	{ "VRFY a@b\r\n", SMTP_VERB_VRFY, SMTP_SYNTAX_OK, 0 },
	{ "EXPN list\r\n", SMTP_VERB_EXPN, SMTP_SYNTAX_OK, 0 },
	{ "BDAT\r\n", SMTP_VERB_BDAT, SMTP_SYNTAX_NO_ARGUMENT, 4 },
	{ "BDAT 0 LAST\r\n", SMTP_VERB_BDAT, SMTP_SYNTAX_OK, 0 },
	{ "BDAT 9223372036854775807\r\n", SMTP_VERB_BDAT, SMTP_SYNTAX_OK, 0 },
	{ "BDAT 9223372036854775808\r\n", SMTP_VERB_BDAT, SMTP_SYNTAX_BAD_ARGUMENT, 5 },
	{ "BDAT -1\r\n", SMTP_VERB_BDAT, SMTP_SYNTAX_BAD_ARGUMENT, 5 },
	{ "BDAT 1 FIRST\r\n", SMTP_VERB_BDAT, SMTP_SYNTAX_BAD_ARGUMENT, 7 },
	{ "BDAT 1 LAST x\r\n", SMTP_VERB_BDAT, SMTP_SYNTAX_EXTRA_ARGUMENT, 12 },
	{ "AUTH\r\n", SMTP_VERB_AUTH, SMTP_SYNTAX_NO_ARGUMENT, 4 },
	{ "AUTH PLAIN AGEAYg==\r\n", SMTP_VERB_AUTH, SMTP_SYNTAX_OK, 0 },
	{ "AUTH PL!IN\r\n", SMTP_VERB_AUTH, SMTP_SYNTAX_BAD_ARGUMENT, 5 },
	{ "AUTH ABCDEFGHIJKLMNOPQRSTU\r\n", SMTP_VERB_AUTH, SMTP_SYNTAX_BAD_ARGUMENT, 5 },
	{ "AUTH PLAIN a b\r\n", SMTP_VERB_AUTH, SMTP_SYNTAX_EXTRA_ARGUMENT, 13 },
	{ "XCLIENT ADDR=192.0.2.1\r\n", SMTP_VERB_XCLIENT, SMTP_SYNTAX_OK, 0 },
	{ "XCLIENT ADDR=x\r\n", SMTP_VERB_XCLIENT, SMTP_SYNTAX_PARAMETER_VALUE, 8 },
	/* MAIL and RCPT */
	{ "MAIL FROM:<>\r\n", SMTP_VERB_MAIL, SMTP_SYNTAX_OK, 0 },
	{ "mail from:<a@b>\r\n", SMTP_VERB_MAIL, SMTP_SYNTAX_OK, 0 },
	{ "MAIL FROM: <a@b>\r\n", SMTP_VERB_MAIL, SMTP_SYNTAX_OK, 0 },
	{ "MAIL  FROM :\t<a@b>  SIZE=1\r\n", SMTP_VERB_MAIL, SMTP_SYNTAX_OK, 0 },
	{ "MAIL FROM:a@b SIZE=1\r\n", SMTP_VERB_MAIL, SMTP_SYNTAX_OK, 0 },
	{ "MAIL\r\n", SMTP_VERB_MAIL, SMTP_SYNTAX_NO_ARGUMENT, 4 },
	{ "MAIL FROM\r\n", SMTP_VERB_MAIL, SMTP_SYNTAX_BAD_ARGUMENT, 9 },
	{ "MAIL FROM <a@b>\r\n", SMTP_VERB_MAIL, SMTP_SYNTAX_BAD_ARGUMENT, 10 },
	{ "MAIL TO:<a@b>\r\n", SMTP_VERB_MAIL, SMTP_SYNTAX_BAD_ARGUMENT, 5 },
	{ "MAIL FROM:\r\n", SMTP_VERB_MAIL, SMTP_SYNTAX_ADDRESS, 10 },
	{ "MAIL FROM:<a@b\r\n", SMTP_VERB_MAIL, SMTP_SYNTAX_ADDRESS, 14 },
	{ "MAIL FROM:<a>\r\n", SMTP_VERB_MAIL, SMTP_SYNTAX_ADDRESS, 12 },
	{ "MAIL FROM:<a@b>SIZE=1\r\n", SMTP_VERB_MAIL, SMTP_SYNTAX_ADDRESS, 15 },
	{ "MAIL FROM:<a@b> SIZE\r\n", SMTP_VERB_MAIL, SMTP_SYNTAX_PARAMETER_VALUE, 16 },
	{ "MAIL FROM:<a@b> SIZE=\r\n", SMTP_VERB_MAIL, SMTP_SYNTAX_PARAMETER_VALUE, 21 },
	{ "MAIL FROM:<a@b> SIZE=1x\r\n", SMTP_VERB_MAIL, SMTP_SYNTAX_PARAMETER_VALUE, 21 },
	{ "MAIL FROM:<a@b> SIZE=1 size=2\r\n", SMTP_VERB_MAIL, SMTP_SYNTAX_PARAMETER_DUPLICATE,
		28 },
	{ "MAIL FROM:<a@b> FOO=1\r\n", SMTP_VERB_MAIL, SMTP_SYNTAX_PARAMETER_UNKNOWN, 20 },
	{ "MAIL FROM:<a@b> FOO\r\n", SMTP_VERB_MAIL, SMTP_SYNTAX_PARAMETER_UNKNOWN, 16 },
	{ "MAIL FROM:<a@b> BODY=8BIT\r\n", SMTP_VERB_MAIL, SMTP_SYNTAX_PARAMETER_VALUE, 21 },
	{ "MAIL FROM:<a@b> SMTPUTF8=1\r\n", SMTP_VERB_MAIL, SMTP_SYNTAX_PARAMETER_VALUE, 25 },
	{ "MAIL FROM:<a@b> RET=SOME\r\n", SMTP_VERB_MAIL, SMTP_SYNTAX_PARAMETER_VALUE, 20 },
	{ "MAIL FROM:<a@b> ENVID=a+0\r\n", SMTP_VERB_MAIL, SMTP_SYNTAX_PARAMETER_VALUE, 22 },
	{ "MAIL FROM:<a@b> NOTIFY=NEVER\r\n", SMTP_VERB_MAIL, SMTP_SYNTAX_PARAMETER_UNKNOWN, 23 },
	{ "MAIL FROM:<\xc3\xbc@b>\r\n", SMTP_VERB_MAIL, SMTP_SYNTAX_NEEDS_UTF8, 10 },
	{ "MAIL FROM:<\xc3\xbc@b> SMTPUTF8\r\n", SMTP_VERB_MAIL, SMTP_SYNTAX_OK, 0 },
	{ "RCPT TO:<a@b>\r\n", SMTP_VERB_RCPT, SMTP_SYNTAX_OK, 0 },
	{ "RCPT TO:<Postmaster>\r\n", SMTP_VERB_RCPT, SMTP_SYNTAX_OK, 0 },
	{ "RCPT TO:<\xc3\xbc@b>\r\n", SMTP_VERB_RCPT, SMTP_SYNTAX_OK, 0 },
	{ "RCPT TO:<>\r\n", SMTP_VERB_RCPT, SMTP_SYNTAX_ADDRESS, 8 },
	{ "RCPT TO:<a@b> NOTIFY=NEVER,DELAY\r\n", SMTP_VERB_RCPT, SMTP_SYNTAX_PARAMETER_VALUE, 21 },
	{ "RCPT TO:<a@b> NOTIFY=DELAY,\r\n", SMTP_VERB_RCPT, SMTP_SYNTAX_PARAMETER_VALUE, 21 },
	{ "RCPT TO:<a@b> ORCPT=a@b\r\n", SMTP_VERB_RCPT, SMTP_SYNTAX_PARAMETER_VALUE, 20 },
	{ "RCPT TO:<a@b> ORCPT=;a@b\r\n", SMTP_VERB_RCPT, SMTP_SYNTAX_PARAMETER_VALUE, 20 },
	{ "RCPT TO:<a@b> SIZE=1\r\n", SMTP_VERB_RCPT, SMTP_SYNTAX_PARAMETER_UNKNOWN, 19 },
	/* Lines */
	{ "", SMTP_VERB_UNKNOWN, SMTP_SYNTAX_UNTERMINATED, 0 },
	{ "\r\n", SMTP_VERB_UNKNOWN, SMTP_SYNTAX_EMPTY, 0 },
	{ "  \r\n", SMTP_VERB_UNKNOWN, SMTP_SYNTAX_UNKNOWN_VERB, 0 },
	{ "QUIT", SMTP_VERB_QUIT, SMTP_SYNTAX_UNTERMINATED, 4 },
	{ "QUIT\n", SMTP_VERB_QUIT, SMTP_SYNTAX_BARE_LF, 4 },
	{ "QUIT\r", SMTP_VERB_UNKNOWN, SMTP_SYNTAX_BARE_CR, 4 },
	{ "QUIT\r\r\n", SMTP_VERB_UNKNOWN, SMTP_SYNTAX_BARE_CR, 4 },
	{ "NOOP a\rb\r\n", SMTP_VERB_NOOP, SMTP_SYNTAX_BARE_CR, 6 },
	{ "NOOP a\nb\r\n", SMTP_VERB_NOOP, SMTP_SYNTAX_BARE_LF, 6 },
	{ "MAILFROM:<a@b>\r\n", SMTP_VERB_UNKNOWN, SMTP_SYNTAX_UNKNOWN_VERB, 0 },
	{ " NOOP\r\n", SMTP_VERB_UNKNOWN, SMTP_SYNTAX_UNKNOWN_VERB, 0 },
	{ "FOO\r\n", SMTP_VERB_UNKNOWN, SMTP_SYNTAX_UNKNOWN_VERB, 0 },
	{ "UNKNOWN\r\n", SMTP_VERB_UNKNOWN, SMTP_SYNTAX_UNKNOWN_VERB, 0 },
	{ "GET / HTTP/1.1\r\n", SMTP_VERB_NOT_SMTP, SMTP_SYNTAX_NOT_SMTP, 0 },
	{ "POST / HTTP/1.1\n", SMTP_VERB_NOT_SMTP, SMTP_SYNTAX_NOT_SMTP, 0 },
	{ "CONNECT a:25 HTTP/1.1\r\n", SMTP_VERB_NOT_SMTP, SMTP_SYNTAX_NOT_SMTP, 0 },
	{ "SSH-2.0-OpenSSH_9.2\r\n", SMTP_VERB_NOT_SMTP, SMTP_SYNTAX_NOT_SMTP, 0 },
	{ "\x16\x03\x01\x02", SMTP_VERB_NOT_SMTP, SMTP_SYNTAX_NOT_SMTP, 0 },
};

static void test_lines(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		FIXTURE;
		print_message("# case %zu\n", i);
		bool fine = parse(&f, lines[i].line, &everything);
		assert_int_equal(f.command.syntax.kind, lines[i].kind);
		assert_int_equal(fine, lines[i].kind == SMTP_SYNTAX_OK);
		assert_int_equal(f.command.verb, lines[i].verb);
		assert_int_equal(f.command.syntax.at, lines[i].at);
		assert_true(fine || f.command.syntax.why);
	}
}

/* A prefix is never accepted, an end never read past. */
static void test_prefixes(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		for (size_t n = 0; n < strlen(lines[i].line); n++) {
			FIXTURE;
			CLEANUP(free_pointer) char *block = xmalloc(n + 1);
			memcpy(block + 1, lines[i].line, n);
			assert_false(smtp_command_parse(
				str_from(block + 1, n), &everything, &f.arena, &f.command));
			assert_true(f.command.syntax.at <= n);
		}
}

static void test_nul(void **state)
{
	FIXTURE;
	assert_false(
		smtp_command_parse(STR("RCPT TO:<a\0@b>\r\n"), &everything, &f.arena, &f.command));
	assert_int_equal(f.command.syntax.kind, SMTP_SYNTAX_NUL);
	assert_int_equal(f.command.syntax.at, 10);
	assert_int_equal(f.command.verb, SMTP_VERB_RCPT);
}

static void test_bare_lf_allowed(void **state)
{
	FIXTURE;
	struct smtp_parse_options options = { .allow_bare_lf = true };
	assert_true(parse(&f, "QUIT\n", &options));
	assert_false(parse(&f, "NOOP\nQUIT\n", &options));
	assert_int_equal(f.command.syntax.at, 4);
	assert_false(parse(&f, "QUIT\r", &options));
}

static void test_host(void **state)
{
	FIXTURE;
	struct smtp_parse_options strict = { .strict_helo = true };
	assert_true(parse(&f, "EHLO [IPv6:::1]\r\n", &strict));
	assert_int_equal(f.command.host.kind, SMTP_HOST_IPV6);
	assert_false(parse(&f, "EHLO 1.2.3.4\r\n", &strict));
	assert_int_equal(f.command.syntax.kind, SMTP_SYNTAX_BAD_ARGUMENT);
	assert_true(parse(&f, "EHLO my computer \r\n", &everything));
	assert_int_equal(f.command.host.kind, SMTP_HOST_INVALID);
	assert_true(str_equal(f.command.host.text, STR("my computer")));
}

static void test_mail(void **state)
{
	FIXTURE;
	assert_true(parse(&f,
		"MAIL FROM:<a@b> SIZE=99999999999999999999 BODY=BINARYMIME SMTPUTF8 RET=hdrs "
		"ENVID=x+2By AUTH=a+40b REQUIRETLS\r\n",
		&everything));
	const struct smtp_mail *m = &f.command.mail;
	assert_true(m->has_size && m->size == UINT64_MAX && m->utf8 && m->requiretls);
	assert_int_equal(m->body, SMTP_BODY_BINARYMIME);
	assert_int_equal(m->ret, SMTP_RET_HDRS);
	assert_true(m->has_envid && str_equal(m->envid, STR("x+y")));
	assert_true(m->has_auth && str_equal(m->auth, STR("a@b")));
	assert_true(parse(&f, "MAIL FROM:<> AUTH=<> SIZE=0 BODY=7BIT\r\n", &everything));
	assert_true(m->path.is_null && str_equal(m->auth, STR("<>")));
	assert_true(m->has_size && m->size == 0 && m->body == SMTP_BODY_7BIT && !m->utf8);
	assert_true(parse(&f, "MAIL FROM:a@b\r\n", &everything));
	assert_true(m->path.unbracketed && !m->has_size && !m->has_auth);
}

static void test_rcpt(void **state)
{
	FIXTURE;
	assert_true(parse(&f,
		"RCPT TO:<@x:\"u\\ v\"@b> NOTIFY=success,FAILURE ORCPT=rfc822;u+2Bv@c=d\r\n",
		&everything));
	const struct smtp_rcpt *r = &f.command.rcpt;
	assert_true(str_equal(r->path.local, STR("u v")));
	assert_true(str_equal(r->path.route, STR("@x")));
	assert_int_equal(r->notify, SMTP_NOTIFY_SUCCESS | SMTP_NOTIFY_FAILURE);
	assert_true(r->has_orcpt && str_equal(r->orcpt_type, STR("rfc822")));
	assert_true(str_equal(r->orcpt_address, STR("u+v@c=d")));
	assert_true(str_equal(r->orcpt, STR("rfc822;u+2Bv@c=d")));
	assert_true(parse(&f, "RCPT TO:<a@b>\r\n", &everything));
	assert_true(!r->has_orcpt && r->notify == 0);
}

/* What is not announced is not known. */
static void test_extensions(void **state)
{
	static const struct {
		const char *parameter;
		unsigned extension;
	} parameters[] = {
		{ "SIZE=1", SMTP_EXT_SIZE },
		{ "BODY=8BITMIME", SMTP_EXT_8BITMIME },
		{ "SMTPUTF8", SMTP_EXT_SMTPUTF8 },
		{ "RET=FULL", SMTP_EXT_DSN },
		{ "ENVID=x", SMTP_EXT_DSN },
		{ "AUTH=<>", SMTP_EXT_AUTH },
		{ "REQUIRETLS", SMTP_EXT_REQUIRETLS },
	};
	for (size_t i = 0; i < ARRAY_LEN(parameters); i++) {
		FIXTURE;
		char line[100];
		snprintf(line, sizeof line, "MAIL FROM:<a@b> %s\r\n", parameters[i].parameter);
		struct smtp_parse_options options = { .extensions = parameters[i].extension };
		assert_true(parse(&f, line, &options));
		options.extensions = EVERYTHING & ~parameters[i].extension;
		assert_false(parse(&f, line, &options));
		assert_int_equal(smtp_command_refusal(&f.command).code, 555);
	}
	FIXTURE;
	struct smtp_parse_options options = { .extensions = SMTP_EXT_8BITMIME };
	assert_false(parse(&f, "MAIL FROM:<a@b> BODY=BINARYMIME\r\n", &options));
	assert_int_equal(f.command.syntax.kind, SMTP_SYNTAX_PARAMETER_VALUE);
}

static void test_utf8(void **state)
{
	FIXTURE;
	struct smtp_parse_options options = { 0 };
	assert_false(parse(&f, "RCPT TO:<\xc3\xbc@b>\r\n", &options));
	assert_int_equal(f.command.syntax.kind, SMTP_SYNTAX_NEEDS_UTF8);
	assert_int_equal(smtp_command_refusal(&f.command).code, 553);
	assert_false(parse(&f, "VRFY \xc3\xbc\r\n", &options));
	options.extensions = SMTP_EXT_SMTPUTF8;
	assert_true(parse(&f, "VRFY \xc3\xbc SMTPUTF8\r\n", &options));
	assert_true(f.command.query.utf8);
	assert_true(str_equal(f.command.query.text, STR("\xc3\xbc")));
	assert_false(parse(&f, "VRFY \xff SMTPUTF8\r\n", &options));
	assert_false(parse(&f, "MAIL FROM:<\xff@b> SMTPUTF8\r\n", &options));
	assert_int_equal(f.command.syntax.kind, SMTP_SYNTAX_ADDRESS);
}

static void test_auth(void **state)
{
	FIXTURE;
	assert_true(parse(&f, "AUTH scram-sha-256\r\n", &everything));
	assert_true(str_equal(f.command.auth.mechanism, STR("scram-sha-256")));
	assert_false(f.command.auth.has_initial);
	assert_true(parse(&f, "AUTH EXTERNAL =\r\n", &everything));
	assert_true(f.command.auth.has_initial && f.command.auth.initial.n == 0);
	assert_true(parse(&f, "AUTH PLAIN AGEAYg==\r\n", &everything));
	assert_true(str_equal(f.command.auth.initial, STR("AGEAYg==")));
}

static void test_bdat(void **state)
{
	FIXTURE;
	assert_true(parse(&f, "BDAT 86 last\r\n", &everything));
	assert_true(f.command.bdat.size == 86 && f.command.bdat.last);
	assert_true(parse(&f, "BDAT 0\r\n", &everything));
	assert_true(f.command.bdat.size == 0 && !f.command.bdat.last);
}

static void test_refusal(void **state)
{
	FIXTURE;
	assert_false(parse(&f, "MAIL FROM:<a>\r\n", &everything));
	struct smtp_reply reply = smtp_command_refusal(&f.command);
	assert_int_equal(reply.code, 501);
	assert_true(
		reply.status.klass == 5 && reply.status.subject == 1 && reply.status.detail == 7);
	assert_false(parse(&f, "RCPT TO:<a>\r\n", &everything));
	assert_int_equal(smtp_command_refusal(&f.command).status.detail, 3);
	struct arena small = ARENA_INIT(4);
	assert_false(smtp_command_parse(
		STR("MAIL FROM:<> ENVID=aaaaaaaa\r\n"), &everything, &small, &f.command));
	assert_int_equal(smtp_command_refusal(&f.command).code, 452);
	arena_done(&small);
}

/* A megabyte of anything is read once and remembered nowhere. */
static void test_huge(void **state)
{
	static const char *const fillers[] = { "a", " ", "@", "\"\\", "a@", "SIZE=1 ", "X ", "+2B",
		"[", "@a,", "=" };
	static const char *const starts[] = { "EHLO ", "MAIL FROM:<", "MAIL FROM:<a@b> ",
		"RCPT TO:<@", "XCLIENT ", "XCLIENT NAME=", "", "VRFY " };
	size_t size = 1 << 20;
	CLEANUP(free_pointer) char *line = xmalloc(size);
	for (size_t i = 0; i < ARRAY_LEN(starts); i++)
		for (size_t j = 0; j < ARRAY_LEN(fillers); j++) {
			FIXTURE;
			size_t n = strlen(fillers[j]);
			for (size_t at = 0; at < size; at++)
				line[at] = fillers[j][at % n];
			memcpy(line, starts[i], strlen(starts[i]));
			memcpy(line + size - 2, "\r\n", 2);
			smtp_command_parse(str_from(line, size), &everything, &f.arena, &f.command);
		}
}

static void test_names(void **state)
{
	assert_string_equal(smtp_verb_name(SMTP_VERB_MAIL), "MAIL");
	assert_string_equal(smtp_verb_usage(SMTP_VERB_BDAT), "BDAT size [LAST]");
	assert_string_equal(smtp_verb_name(SMTP_VERB_UNKNOWN), "");
	assert_string_equal(smtp_verb_name(SMTP_VERB_NOT_SMTP), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_bare_lf_allowed),
		cmocka_unit_test(test_host),
		cmocka_unit_test(test_mail),
		cmocka_unit_test(test_rcpt),
		cmocka_unit_test(test_extensions),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_auth),
		cmocka_unit_test(test_bdat),
		cmocka_unit_test(test_refusal),
		cmocka_unit_test(test_huge),
		cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
