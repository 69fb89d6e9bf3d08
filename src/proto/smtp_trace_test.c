#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "proto/smtp_trace.h"

#include <stdlib.h>

static struct smtp_received ordinary(void)
{
	return (struct smtp_received){
		.helo = STR("client.example"),
		.client_name = STR("mail.client.example"),
		.client_address = STR("192.0.2.1"),
		.by = STR("mx.example.org"),
		.extended = true,
		.tls = true,
		.tls_version = STR("TLSv1.3"),
		.tls_cipher = STR("TLS_AES_256_GCM_SHA384"),
		.id = STR("8K3M0QZT"),
		.recipient = STR("alice@example.org"),
		.date = STR("Sun, 22 Nov 2026 05:20:29 +0000"),
	};
}

static void expect(struct smtp_received r, const char *wire)
{
	CLEANUP(buf_done) struct buf out = BUF_INIT(65536);
	smtp_received_format(&r, &out);
	CLEANUP(free_pointer) char *z = str_dup_z(buf_str(&out));
	assert_string_equal(z, wire);
}

static void test_received(void **state)
{
	struct smtp_received r = ordinary();
	expect(r, "Received: from client.example (mail.client.example [192.0.2.1])\r\n"
		  "\tby mx.example.org with ESMTPS (TLSv1.3, TLS_AES_256_GCM_SHA384)\r\n"
		  "\tid 8K3M0QZT for <alice@example.org>; Sun, 22 Nov 2026 05:20:29 +0000\r\n");
	r.recipient = r.client_name = r.tls_cipher = STR_EMPTY;
	r.client_address = STR("2001:db8::1");
	expect(r, "Received: from client.example (unknown [IPv6:2001:db8::1]) by mx.example.org\r\n"
		  "\twith ESMTPS (TLSv1.3) id 8K3M0QZT; Sun, 22 Nov 2026 05:20:29 +0000\r\n");
}

static void test_local(void **state)
{
	struct smtp_received r = ordinary();
	r.helo = STR_EMPTY;
	r.client_name = STR("localhost");
	r.client_address = STR_EMPTY;
	r.tls = false;
	r.lmtp = true;
	expect(r, "Received: from unknown (localhost) by mx.example.org with LMTP id 8K3M0QZT\r\n"
		  "\tfor <alice@example.org>; Sun, 22 Nov 2026 05:20:29 +0000\r\n");
}

static void test_protocols(void **state)
{
	struct smtp_received r = { 0 };
	assert_string_equal(smtp_received_protocol(&r), "SMTP");
	r.extended = true;
	assert_string_equal(smtp_received_protocol(&r), "ESMTP");
	r.authenticated = true;
	assert_string_equal(smtp_received_protocol(&r), "ESMTPA");
	r.tls = true;
	assert_string_equal(smtp_received_protocol(&r), "ESMTPSA");
	r.utf8 = true;
	assert_string_equal(smtp_received_protocol(&r), "UTF8SMTPSA");
	r.lmtp = true;
	assert_string_equal(smtp_received_protocol(&r), "UTF8LMTPSA");
	r.utf8 = r.authenticated = false;
	assert_string_equal(smtp_received_protocol(&r), "LMTPS");
}

/* Whatever stands in every slice, it is one field, its lines are short and hold no control. */
static void test_hostile(void **state)
{
	static const char *const hostile[] = { "x\r\nSubject: y", "a (b", "\"", "\\", "a;b", "\xff",
		"x\n", "\0", "<>", ") by evil (" };
	char big[3000];
	memset(big, '(', sizeof big);
	for (size_t i = 0; i <= ARRAY_LEN(hostile); i++) {
		str s = i < ARRAY_LEN(hostile) ? str_from_z(hostile[i]) : str_from(big, sizeof big);
		struct smtp_received r = { s, s, s, s, true, true, true, true, true, s, s, s, s,
			s };
		CLEANUP(buf_done) struct buf out = BUF_INIT(65536);
		smtp_received_format(&r, &out);
		str rest = buf_str(&out), line;
		assert_true(str_ends(rest, STR("\r\n")));
		for (bool first = true; rest.n; first = false) {
			str_cut(rest, '\n', &line, &rest);
			assert_true(line.n < 998 && line.p[line.n - 1] == '\r');
			assert_true(first || line.p[0] == '\t');
			for (size_t k = 1; k + 1 < line.n; k++)
				assert_in_range(line.p[k], 32, 126);
		}
	}
}

static void test_helo_is_a_word(void **state)
{
	struct smtp_received r = ordinary();
	r.helo = STR("x) by evil (; 1");
	CLEANUP(buf_done) struct buf out = BUF_INIT(65536);
	smtp_received_format(&r, &out);
	assert_true(str_starts(buf_str(&out), STR("Received: from x??by?evil????1 (mail")));
}

static void test_return_path(void **state)
{
	CLEANUP(buf_done) struct buf out = BUF_INIT(4096);
	smtp_return_path_format(STR_EMPTY, false, &out);
	smtp_return_path_format(STR("\"a b\"@c"), false, &out);
	smtp_return_path_format(STR("a\r\nX: y\xc3\xbc@c"), false, &out);
	smtp_return_path_format(STR("\xc3\xbc@c"), true, &out);
	assert_true(str_equal(buf_str(&out), STR("Return-Path: <>\r\n"
						 "Return-Path: <\"a b\"@c>\r\n"
						 "Return-Path: <a??X: y??@c>\r\n"
						 "Return-Path: <\xc3\xbc@c>\r\n")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_received),
		cmocka_unit_test(test_local),
		cmocka_unit_test(test_protocols),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_helo_is_a_word),
		cmocka_unit_test(test_return_path),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
