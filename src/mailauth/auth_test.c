#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "mailauth/auth.h"
#include "mailauth/dns_testing.h"

/* RFC 8463 §A. */
static const char records[] = "football.example.com TXT v=spf1 ip4:192.0.2.1 -all\n"
			      "_dmarc.football.example.com TXT v=DMARC1; p=reject; pct=50\n"
			      "brisbane._domainkey.football.example.com TXT v=DKIM1; k=ed25519; "
			      "p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n";

static const char message[] =
	"DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n"
	" d=football.example.com; i=@football.example.com;\r\n"
	" q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n"
	" subject : date : message-id : from : subject : date;\r\n"
	" bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
	" b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\r\n"
	" Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\r\n"
	"From: Joe SixPack <joe@football.example.com>\r\n"
	"To: Suzie Q <suzie@shopping.example.net>\r\n"
	"Subject: Is dinner ready?\r\n"
	"Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"
	"Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n"
	"\r\nHi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n";

static const struct {
	const char *client, *sender;
	size_t cut; /* off the message's end */
	uint32_t sample;
	enum spf_result spf;
	enum dkim_result dkim;
	enum dmarc_result dmarc;
	enum dmarc_policy applied;
} cases[] = {
	{ "192.0.2.1", "joe@football.example.com", 0, 0, SPF_PASS, DKIM_PASS, DMARC_PASS, 0 },
	{ "192.0.2.2", "joe@football.example.com", 0, 0, SPF_FAIL, DKIM_PASS, DMARC_PASS, 0 },
	{ "192.0.2.1", "joe@football.example.com", 7, 0, SPF_PASS, DKIM_FAIL, DMARC_PASS, 0 },
	{ "192.0.2.1", "x@other.example", 7, 49, SPF_NONE, DKIM_FAIL, DMARC_FAIL,
		DMARC_POLICY_REJECT },
	{ "192.0.2.1", "x@other.example", 7, 50, SPF_NONE, DKIM_FAIL, DMARC_FAIL,
		DMARC_POLICY_QUARANTINE },
};

static void test_all(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena a CLEANUP(arena_done) = ARENA_INIT(4 << 20);
		struct buf field CLEANUP(buf_done) = BUF_INIT(4096),
				 wanted CLEANUP(buf_done) = BUF_INIT(200);
		struct dns_table t;
		dns_table_init(&t, str_from_z(records));
		struct auth_message m = { .text = str_first(str_from_z(message),
						  sizeof message - 1 - cases[i].cut),
			.helo = STR("mail.football.example.com"),
			.sender = str_from_z(cases[i].sender),
			.authserv_id = STR("mx.example.net"),
			.time = 1528637909,
			.sample = cases[i].sample };
		assert_true(ip_parse(str_from_z(cases[i].client), &m.client));
		struct auth_outcome out;
		auth_check(&t.dns, &m, &a, &out);
		assert_int_equal(out.spf.result, cases[i].spf);
		assert_int_equal(out.dkim.n, 1);
		assert_int_equal(out.dkim.signatures[0].result, cases[i].dkim);
		assert_int_equal(out.arc.result, ARC_NONE);
		assert_int_equal(out.dmarc.result, cases[i].dmarc);
		if (out.dmarc.result == DMARC_FAIL)
			assert_int_equal(out.dmarc.applied, cases[i].applied);
		auth_results_format(&out.results, &field);
		buf_printf(&wanted, "Authentication-Results: mx.example.net;\r\n\tspf=%s ",
			spf_result_name(cases[i].spf));
		assert_true(str_starts(buf_str(&field), buf_str(&wanted)));
		buf_clear(&wanted);
		buf_printf(&wanted, "\r\n\tdmarc=%s ", dmarc_result_name(cases[i].dmarc));
		assert_true(str_find(buf_str(&field), buf_str(&wanted)) > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
