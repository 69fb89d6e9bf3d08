#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "proto/smtp_ehlo.h"

#include <stdlib.h>

static void expect(struct smtp_ehlo ehlo, const char *wire)
{
	CLEANUP(buf_done) struct buf out = BUF_INIT(65536);
	smtp_ehlo_format(&ehlo, &out);
	CLEANUP(free_pointer) char *z = str_dup_z(buf_str(&out));
	assert_string_equal(z, wire);
}

static void test_ehlo(void **state)
{
	struct smtp_ehlo ehlo = { .hostname = STR("mx.example"), .auth = STR_EMPTY };
	expect(ehlo, "250 mx.example\r\n");
	ehlo.extensions = SMTP_EXT_PIPELINING | SMTP_EXT_SIZE | SMTP_EXT_AUTH | SMTP_EXT_LIMITS |
			  SMTP_EXT_ENHANCEDSTATUSCODES;
	expect(ehlo, "250-mx.example\r\n250-PIPELINING\r\n250-SIZE\r\n250 ENHANCEDSTATUSCODES\r\n");
	ehlo.size = 52428800;
	ehlo.auth = STR("PLAIN SCRAM-SHA-256");
	ehlo.limit_rcpt = 1000;
	ehlo.limit_mail = 20;
	ehlo.greeting = STR("greets a\r\n250 b");
	expect(ehlo, "250-mx.example greets a??250 b\r\n250-PIPELINING\r\n250-SIZE 52428800\r\n"
		     "250-AUTH PLAIN SCRAM-SHA-256\r\n250-LIMITS MAILMAX=20 RCPTMAX=1000\r\n"
		     "250 ENHANCEDSTATUSCODES\r\n");
}

static void test_all(void **state)
{
	struct smtp_ehlo ehlo = { .hostname = STR("h"), .auth = STR("PLAIN"), .limit_rcpt = 1 };
	ehlo.extensions = (1u << SMTP_EXTENSION_COUNT) - 1;
	expect(ehlo, "250-h\r\n250-PIPELINING\r\n250-SIZE\r\n250-8BITMIME\r\n250-STARTTLS\r\n"
		     "250-REQUIRETLS\r\n250-AUTH PLAIN\r\n250-CHUNKING\r\n250-BINARYMIME\r\n"
		     "250-DSN\r\n250-SMTPUTF8\r\n250-LIMITS RCPTMAX=1\r\n"
		     "250-XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT\r\n"
		     "250-VRFY\r\n250-HELP\r\n250 ENHANCEDSTATUSCODES\r\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ehlo),
		cmocka_unit_test(test_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
