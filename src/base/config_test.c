#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/config.h"
#include "base/config_table.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct config *parse(const char *text, struct err *err)
{
	return config_parse(str_from_z(text), STR("postern.conf"), STR("/etc/postern"), err);
}

static const struct config *parse_good(const char *text)
{
	struct err err = { "" };
	const struct config *config = parse(text, &err);
	if (!config)
		fail_msg("%s", err.text);
	return config;
}

static void assert_str(str s, const char *expected)
{
	assert_int_equal(s.n, strlen(expected));
	assert_string_equal(s.p, expected);
}

#define HOST "hostname = \"mx1.example.org\";\n"

static void test_defaults(void **state)
{
	const struct config *c = parse_good(HOST);
	assert_str(c->hostname, "mx1.example.org");
	assert_str(c->file, "postern.conf");
	assert_str(c->text, HOST);
	assert_str(c->data_dir, "/var/lib/postern");
	assert_str(c->tls.certificate, "/var/lib/postern/tls/fullchain.pem");
	assert_int_equal(c->log.level, LOG_LEVEL_INFO);
	assert_int_equal(c->log.format, CONFIG_LOG_AUTO);
	assert_int_equal(c->smtp.listen.n, 1);
	assert_str(c->smtp.listen.items[0].text, "[::]:25");
	assert_int_equal(c->smtp.max_message_size, 50 << 20);
	assert_int_equal(c->smtp.max_recipients, 1000);
	assert_int_equal(c->smtp.max_errors, 20);
	assert_int_equal(c->smtp.max_hops, 50);
	assert_int_equal(c->smtp.bare_newline, CONFIG_BARE_NEWLINE_REFUSE);
	assert_true(c->smtp.starttls);
	assert_int_equal(c->smtp.proxy_from.n, 0);
	assert_int_equal(c->smtp.xclient_from.n, 0);
	assert_int_equal(c->smtp.command_timeout, SECONDS(300));
	assert_int_equal(c->smtp.data_timeout, SECONDS(180));
	assert_int_equal(c->smtp.data_end_timeout, SECONDS(600));
	assert_int_equal(c->lmtp.listen.n, 0);
	assert_int_equal(c->imap.listen.n, 0);
	assert_str(c->imap.listen_tls.items[0].text, "[::]:993");
	assert_int_equal(c->imap.plaintext_login_from.n, 0);
	assert_int_equal(c->imap.idle_timeout, SECONDS(1800));
	assert_int_equal(c->tls.minimum, CONFIG_TLS_1_2);
	assert_str(c->directory.detail_separator, "+");
	assert_int_equal(c->supervisor.restart_delay, MILLISECONDS(100));
	assert_int_equal(c->supervisor.shutdown_grace, SECONDS(10));
	config_unref(c);
}

static void test_values(void **state)
{
	const struct config *c =
		parse_good("hostname = \"MX.example.org\"; # the name\n"
			   "data_dir = \"../var\";\n"
			   "log: { level = \"debug\"; format = \"json\"; };\n"
			   "smtp: {\n"
			   "  listen = [ \"127.0.0.1:2525\", \"[::1]:2525\" ];\n"
			   "  max_message_size = 1000000; max_errors = 3;\n"
			   "  bare_newline = \"normalize\"; starttls = false;\n"
			   "  proxy_from = ( \"10.0.0.0/8\", \"::1\" );\n"
			   "  command_timeout = \"1500ms\";\n"
			   "};\n"
			   "lmtp: { listen = \"unix:lmtp.sock\"; };\n"
			   "imap: { listen = [ \"[::]:143\", \"0.0.0.0:143\" ]; };\n"
			   "tls: { key = \"/etc/ssl/key.pem\"; minimum = \"1.3\"; };\n"
			   "directory: { detail_separator = \"\"; };\n");
	assert_str(c->hostname, "MX.example.org");
	assert_str(c->data_dir, "/etc/postern/../var");
	assert_str(c->tls.key, "/etc/ssl/key.pem");
	assert_str(c->tls.certificate, "/etc/postern/../var/tls/fullchain.pem");
	assert_int_equal(c->tls.minimum, CONFIG_TLS_1_3);
	assert_int_equal(c->log.level, LOG_LEVEL_DEBUG);
	assert_int_equal(c->log.format, CONFIG_LOG_JSON);
	assert_int_equal(c->smtp.listen.n, 2);
	assert_str(c->smtp.listen.items[1].text, "[::1]:2525");
	assert_int_equal(c->smtp.max_message_size, 1000000);
	assert_int_equal(c->smtp.max_errors, 3);
	assert_int_equal(c->smtp.bare_newline, CONFIG_BARE_NEWLINE_NORMALIZE);
	assert_false(c->smtp.starttls);
	assert_int_equal(c->smtp.proxy_from.n, 2);
	assert_int_equal(c->smtp.command_timeout, MILLISECONDS(1500));
	assert_str(c->lmtp.listen.items[0].text, "unix:/etc/postern/../var/lmtp.sock");
	assert_string_equal(
		c->lmtp.listen.items[0].address.local.sun_path, "/etc/postern/../var/lmtp.sock");
	assert_true(c->imap.listen.items[0].v6_only);
	assert_false(c->imap.listen.items[1].v6_only);
	assert_str(c->directory.detail_separator, "");
	config_unref(c);
}

static void test_domains(void **state)
{
	const struct config *c = parse_good(
		HOST "auth: { spf_fail = \"reject\"; allow_domains = [ \"Bank.Example\", "
		     "\"b.example\" ]; };\n"
		     "filter: { junk_at = 6; reject_at = 12.25; findings = (\n"
		     "  { name = \"SPF_FAIL\"; score = 2; },\n"
		     "  { name = \"DMARC_NONE\"; mode = \"off\"; } ); };\n"
		     "domains = ( { name = \"Example.org\"; auth: { honour_dmarc = \"junk\"; };\n"
		     "    filter: { findings = ( { name = \"SPF_FAIL\"; score = -0.5; mode = "
		     "\"observe\"; } ); }; },\n"
		     "  { name = \"b.example\"; filter: { junk_at = 0.1; }; auth: { allow_domains "
		     "= []; }; } );\n");
	assert_true(c->filter.junk_at == 6 && c->filter.reject_at == 12.25);
	assert_int_equal(c->auth.allow_domains.n, 2);
	assert_str(c->auth.allow_domains.items[0], "bank.example");
	assert_int_equal(c->filter.findings.n, 2);
	assert_true(c->filter.findings.items[0].has_score && !c->filter.findings.items[0].has_mode);
	assert_true(c->filter.findings.items[0].score == 2);
	assert_int_equal(c->filter.findings.items[1].mode, CONFIG_MODE_OFF);
	assert_int_equal(c->domains.n, 2);
	assert_null(config_domain_find(c, STR("example.net")));
	const struct config_domain *d = config_domain_find(c, STR("eXample.org"));
	assert_str(d->name, "example.org");
	assert_int_equal(d->auth.honour_dmarc, CONFIG_DMARC_JUNK);
	assert_int_equal(d->auth.spf_fail, CONFIG_SPF_FAIL_REJECT);
	assert_int_equal(d->auth.allow_domains.n, 2);
	assert_int_equal(d->filter.findings.n, 3);
	assert_true(d->filter.findings.items[2].score == -0.5);
	assert_int_equal(d->filter.findings.items[2].mode, CONFIG_MODE_OBSERVE);
	assert_int_equal(d->filter.findings.items[2].index, d->filter.findings.items[0].index);
	d = config_domain_find(c, STR("b.example"));
	assert_true(d->filter.junk_at == 0.1 && d->filter.reject_at == 12.25);
	assert_int_equal(d->auth.allow_domains.n, 0);
	assert_int_equal(c->auth.honour_dmarc, CONFIG_DMARC_REJECT);
	config_unref(c);
}

static void test_lists(void **state)
{
	const struct config *c = parse_good(HOST
		"filter: { lists_skip = [ \"192.0.2.0/24\" ]; lists = (\n"
		"  { use = \"spamhaus-zen\"; },\n"
		"  { use = \"spamhaus-zen\"; name = \"DQS\"; zone = \"zen.dq.test\"; key = "
		"\"k3y\"; of = \"client\"; max_received = 2;\n"
		"    replies = ( { name = \"PBL\"; score = 0.5; }, { name = \"NEW\"; code = "
		"\"127.0.0-1.0-255\"; mask = 6; score = 1; received_score = 0.5; text = \"x\"; "
		"decisive = true; } ); },\n"
		"  { use = \"surbl\"; enabled = false; },\n"
		"  { name = \"H_1\"; zone = \"_h.example\"; kind = [ \"hash\", \"ip\" ]; of = "
		"( \"from\", \"client\" ); hash = \"sha256-base32\"; listed = \"abc\";\n"
		"    replies = ( { code = \"127.0.0.2\"; score = 1; }, { name = \"NO\"; code = "
		"\"127.0.0.255\"; refusal = true; } ); } ); };");
	const struct config_list *l = c->filter.lists.items;
	assert_int_equal(c->filter.lists.n, 3);
	assert_str(l[0].name, "ZEN");
	assert_str(l[0].zone, "zen.spamhaus.org");
	assert_str(l[0].suffix, "zen.spamhaus.org");
	assert_int_equal(l[0].kinds, CONFIG_LIST_IPV4 | CONFIG_LIST_IPV6);
	assert_int_equal(l[0].of, CONFIG_OF_CLIENT | CONFIG_OF_RECEIVED);
	assert_int_equal(l[0].reply_count, 5);
	assert_int_equal(l[0].max_received, 5);
	assert_str(l[0].replies[3].name, "DROP");
	assert_true(l[0].replies[3].decisive && l[0].replies[3].score == 7);
	assert_str(l[1].suffix, "k3y.zen.dq.test");
	assert_str(l[1].zone, "zen.dq.test");
	assert_int_equal(l[1].of, CONFIG_OF_CLIENT);
	assert_int_equal(l[1].max_received, 2);
	assert_int_equal(l[1].reply_count, 6);
	assert_true(l[1].replies[4].score == 0.5 && l[0].replies[4].score == 2);
	assert_int_equal(l[1].replies[4].low[3], 10);
	const struct config_list_reply *new = &l[1].replies[5];
	static const unsigned char low[] = { 127, 0, 0, 0 }, high[] = { 127, 0, 1, 255 };
	assert_memory_equal(new->low, low, 4);
	assert_memory_equal(new->high, high, 4);
	assert_int_equal(new->mask, 6);
	assert_true(new->received_score == 0.5 && new->decisive && !new->refusal);
	assert_str(l[2].name, "H_1");
	assert_int_equal(l[2].kinds, CONFIG_LIST_HASH | CONFIG_LIST_IPV4 | CONFIG_LIST_IPV6);
	assert_int_equal(l[2].of, CONFIG_OF_FROM | CONFIG_OF_CLIENT);
	assert_int_equal(l[2].hash, CONFIG_HASH_SHA256_BASE32);
	assert_true(l[2].replies[1].refusal);
	assert_int_equal(c->filter.lists_skip.n, 1);
	config_unref(c);
}

#define LISTS(text) HOST "filter: { lists = ( " text " ); };"
#define REPLY(text) LISTS("{ use = \"surbl\"; replies = ( { " text " } ); }")

static void test_lines(void **state)
{
	const struct config *c = parse_good(
		HOST "filter: {\n junk_at = 4.0; findings = (\n{ name = \"SPF_FAIL\"; score = 1.0; "
		     "decisive = true; } );\n lists = ( {\n use = \"surbl\"; replies = (\n{ name "
		     "= \"PHISH\"; score = 1.0; } ); } ); };\n"
		     "domains = ( { name = \"A.example\";\n filter: { reject_at = 9.0; }; } );");
	assert_int_equal(config_line(c, STR_EMPTY, "filter.junk_at"), 3);
	assert_int_equal(config_line(c, STR_EMPTY, "filter.reject_at"), 0);
	assert_int_equal(config_line(c, STR("a.example"), "filter.reject_at"), 9);
	assert_int_equal(config_line(c, STR("a.example"), "filter.junk_at"), 0);
	assert_int_equal(config_line(c, STR("b.example"), "filter.junk_at"), 0);
	assert_int_equal(c->filter.findings.items[0].line, 4);
	assert_true(c->filter.findings.items[0].decisive);
	const struct config_list *l = &c->filter.lists.items[0];
	assert_int_equal(l->line, 5);
	assert_int_equal(l->replies[0].line, 7);
	assert_int_equal(l->replies[1].line, 5);
	config_unref(c);
	c = parse_good(HOST);
	assert_int_equal(config_line(c, STR("a.example"), "filter.junk_at"), 0);
	config_unref(c);
}

static void test_servers(void **state)
{
	const struct config *c = parse_good(
		HOST "data_dir = \"/var/x\"; antivirus: { servers = [ \"unix:clamd\", "
		     "\"127.0.0.1:3310\", \"[2001:db8::1]:3310\", \"clamd:3310\", \"clamd:1\" ]; "
		     "infected = \"junk\"; };\n"
		     "domains = ( { name = \"example.org\"; antivirus: { unavailable = "
		     "\"tempfail\"; }; } );\n");
	const struct endpoints *e = &c->antivirus.servers;
	assert_int_equal(e->n, 5);
	assert_string_equal(e->items[0].address.local.sun_path, "/var/x/clamd");
	assert_int_equal(ntohs(e->items[1].address.v4.sin_port), 3310);
	assert_true(endpoint_equal(&e->items[2], &e->items[2]));
	assert_false(endpoint_equal(&e->items[1], &e->items[2]));
	assert_false(endpoint_equal(&e->items[0], &e->items[1]));
	assert_int_equal(endpoint_name(&e->items[1]).n, 0);
	assert_true(str_equal(endpoint_name(&e->items[3]), STR("clamd")));
	assert_false(endpoint_equal(&e->items[3], &e->items[4]));
	assert_false(endpoint_equal(&e->items[3], &e->items[1]));
	struct ip ip;
	for (size_t i = 1; i < 3; i++) {
		assert_true(ip_from_sockaddr(&e->items[i].address.any, &ip, NULL));
		struct endpoint at = endpoint_at(&e->items[3], &ip);
		assert_true(endpoint_equal(&at, &e->items[i]));
	}
	const struct config_domain *d = config_domain_find(c, STR("example.org"));
	assert_int_equal(d->antivirus.infected, CONFIG_INFECTED_JUNK);
	assert_int_equal(d->antivirus.unavailable, CONFIG_UNAVAILABLE_TEMPFAIL);
	assert_int_equal(c->antivirus.unavailable, CONFIG_UNAVAILABLE_TAG);
	config_unref(c);
}

static void test_errors(void **state)
{
	static const struct {
		const char *text, *message;
	} rows[] = {
		/* syntax */
		{ "hostname = ;", "postern.conf:1: syntax error" },
		{ HOST "\n\nsmtp: {", "postern.conf:4: syntax error" },
		{ HOST "hostname = \"b.example.org\";", "postern.conf:2: duplicate setting name" },
		{ HOST "@include \"other.conf\"", "postern.conf:2: @include is not supported" },
		{ HOST "log: {\n level = \"info;\n};\n\n", "postern.conf:3: a text begins here" },
		{ HOST "/* forgotten\n\n", "postern.conf:2: a comment begins here" },
		{ HOST "/* @include */ # @include\n// \" @include\nsmtp: { x = \"@include \\\" "
		       "/*\"; };",
			"postern.conf:4: unknown key \"smtp.x\"" },
		/* what is required */
		{ "", "postern.conf: hostname is missing" },
		/* unknown keys */
		{ HOST "smpt: { };",
			"postern.conf:2: unknown key \"smpt\"; did you mean \"smtp\"?" },
		{ HOST "host_name = \"x\";",
			"unknown key \"host_name\"; did you mean \"hostname\"?" },
		{ HOST "smtp: {\n\n max_mesage_size = \"1M\"; };",
			"postern.conf:4: unknown key \"smtp.max_mesage_size\"; did you mean "
			"\"max_message_size\"?" },
		{ HOST "smtp: { lisetn = []; };", "did you mean \"listen\"?" },
		{ HOST "smtp: { Max_Errors = 1; };", "did you mean \"max_errors\"?" },
		{ HOST "imap: { max_hops = 1; };", "it belongs into smtp: { … };" },
		{ HOST "max_hops = 1;", "it belongs into smtp: { … };" },
		{ HOST "tls: { hostname = \"x\"; };", "it belongs to the top of the file" },
		{ HOST "tls: { zzzzzzzzzzzz = 1; };", "known here: certificate, key, minimum" },
		{ HOST "zzzzzzzzzzzzzzz = 1;", "known here: hostname, data_dir, log, smtp, " },
		/* shapes */
		{ HOST "smtp = 5;", "postern.conf:2: smtp is a section: write smtp: { … };" },
		{ HOST "data_dir = 5;", "data_dir: expected a text in quotes" },
		{ HOST "data_dir: { };", "data_dir: expected a text in quotes" },
		{ HOST "smtp: { max_errors = \"20\"; };", "expected a number, without quotes" },
		{ HOST "smtp: { max_errors = 2.5; };", "expected a number, without quotes" },
		{ HOST "smtp: { starttls = \"true\"; };",
			"expected true or false, without quotes" },
		{ HOST "smtp: { starttls = 1; };", "expected true or false, without quotes" },
		{ HOST "smtp: { listen = 25; };", "smtp.listen: expected a list of addresses" },
		{ HOST "smtp: { listen = [ 25 ]; };", "smtp.listen: expected a list of addresses" },
		{ HOST "smtp: { proxy_from = [ 25 ]; };", "expected a list of networks" },
		{ HOST "tls: { minimum = 1.2; };", "tls.minimum: expected a text in quotes" },
		{ HOST "antivirus: { servers = 3310; };",
			"antivirus.servers: expected a list of addresses" },
		{ HOST "antivirus: { servers = [ \"clamav\" ]; };",
			"\"clamav\" is not the address of a server: write 127.0.0.1:3310" },
		{ HOST "antivirus: { servers = [ \"clam_av:3310\" ]; };",
			"is not the address of a" },
		{ HOST "antivirus: { servers = [ \"1.2.3.400:3310\" ]; };",
			"is not the address of a" },
		{ HOST "antivirus: { servers = [ \"[clamav]:3310\" ]; };",
			"is not the address of a" },
		{ HOST "antivirus: { servers = [ \"clamav:0\" ]; };", "is not the address of a" },
		{ HOST "antivirus: { servers = [ \"a:1\", \"A:1\" ]; };",
			"\"A:1\" stands there twice" },
		{ HOST "antivirus: { servers = [ \"*:3310\" ]; };", "is not the address of a" },
		{ HOST "antivirus: { servers = [ \"0.0.0.0:3310\" ]; };",
			"is not the address of a" },
		{ HOST "antivirus: { servers = [ \"[::]:3310\" ]; };", "is not the address of a" },
		{ HOST "antivirus: { servers = [ \"/run/clamd\" ]; };", "is not the address of a" },
		{ HOST "antivirus: { servers = [ \"unix:/c\", \"[::1]:1\", \"unix:/c\" ]; };",
			"\"unix:/c\" stands there twice" },
		{ HOST "antivirus: { servers = [ \"[::1]:1\", \"[::1]:2\", \"[::1]:3\", "
		       "\"[::1]:4\", \"[::1]:5\", \"[::1]:6\", \"[::1]:7\", \"[::1]:8\", "
		       "\"[::1]:9\", \"[::1]:10\", \"[::1]:11\", \"[::1]:12\", "
		       "\"[::1]:13\", \"[::1]:14\", \"[::1]:15\", \"[::1]:16\", "
		       "\"[::1]:17\" ]; };",
			"antivirus.servers: at most 16 are possible" },
		{ HOST "antivirus: { infected = \"delete\"; };",
			"\"delete\" is not \"reject\", \"junk\" or \"quarantine\"" },
		{ HOST "domains = ( { name = \"a.b\"; antivirus: { servers = []; }; } );",
			"unknown key of a domain's rules \"servers\"" },
		/* values */
		{ "hostname = \"-x.example.org\";",
			"\"-x.example.org\" is not the name of a host" },
		{ "hostname = \"a..b\";", "is not the name of a host" },
		{ "hostname = \"a.b.\";", "is not the name of a host" },
		{ "hostname = \"192.0.2.1\";", "is not the name of a host" },
		{ "hostname = \"b\xc3\xbc.example\";", "is not the name of a host" },
		{ "hostname = \"a\\x01b\";", "control character" },
		{ "hostname = \"\\xff\";", "not UTF-8" },
		{ HOST "data_dir = \"\";", "data_dir: a path is missing" },
		{ HOST "log: { level = \"verbose\"; };",
			"postern.conf:2: log.level: \"verbose\" is not \"error\", \"warning\", "
			"\"info\" or "
			"\"debug\"" },
		{ HOST "smtp: { max_errors = 0; };",
			"smtp.max_errors: 0 is too small: from 1 to 1000 is possible" },
		{ HOST "smtp: { max_errors = 1001; };", "1001 is too large" },
		{ HOST "smtp: { max_errors = -1; };", "\"-1\" is not a whole number" },
		{ HOST "smtp: { max_message_size = \"2G\"; };", "2G is too large: from 64K to 1G" },
		{ HOST "smtp: { max_message_size = \"50 M\"; };", "\"50 M\" is not a size" },
		{ HOST "smtp: { max_message_size = \"99999999999999999999G\"; };",
			"is not a size" },
		{ HOST "smtp: { max_message_size = \"\"; };", "is not a size" },
		{ HOST "smtp: { command_timeout = 300; };",
			"\"300\" is not a duration with its unit" },
		{ HOST "smtp: { command_timeout = \"5min\"; };", "is not a duration" },
		{ HOST "smtp: { command_timeout = \"2h\"; };", "2h is too large: from 1s to 1h" },
		{ HOST "imap: { idle_timeout = \"29m\"; };", "29m is too small: from 30m" },
		{ HOST "directory: { detail_separator = \"+-\"; };",
			"too long: at most 1 character" },
		{ HOST "smtp: {\n listen = [ \"*:25\",\n \"localhost:25\" ]; };",
			"postern.conf:3: smtp.listen: \"localhost:25\" is not a listen address" },
		{ HOST "smtp: { listen = [ \"*:25\", \"127.0.0.1:25\" ]; };",
			"\"*:25\" and \"127.0.0.1:25\" cannot both be served" },
		{ HOST "imap: { listen = [ \"127.0.0.1:25\" ]; };",
			"smtp.listen \"[::]:25\" and imap.listen \"127.0.0.1:25\" cannot both be "
			"served" },
		/* numbers and lists of groups */
		{ HOST "filter: { junk_at = \"5\"; };", "filter.junk_at: expected a number" },
		{ HOST "filter: { junk_at = true; };", "filter.junk_at: expected a number" },
		{ HOST "filter: {\n junk_at = 0.01; };",
			"postern.conf:3: filter.junk_at: 0.010000 is too small: from 0.1 to 1000" },
		{ HOST "filter: { reject_at = 1000.5; };", "is too large" },
		{ HOST "filter: { reject_at = -5; };", "-5 is too small" },
		{ HOST "filter: { reject_at = 1e300; };", "is not a number" },
		{ HOST "auth: { allow_domains = [ \"a b\" ]; };", "is not the name of a domain" },
		{ HOST "auth: { allow_domains = 5; };", "expected a list of domains" },
		{ HOST "filter: { findings = [ ]; };",
			"filter.findings: expected a list of at most 1000 groups" },
		{ HOST "filter: { findings = ( 5 ); };", "expected a list of at most" },
		{ HOST "filter: { findings = ( { score = 1; } ); };", "each group needs a name" },
		{ HOST "filter: { findings = ( { name = 5; score = 1; } ); };",
			"each group needs a name" },
		{ HOST "filter: { findings = (\n{ name = \"SPF_FIAL\"; score = 1; } ); };",
			"postern.conf:3: unknown finding \"SPF_FIAL\"; did you mean "
			"\"SPF_FAIL\"?" },
		{ HOST "filter: { findings = ( { name = \"SPF_FAIL\";\n scroe = 1; mode = \"off\"; "
		       "} ); };",
			"postern.conf:3: unknown key of a finding \"scroe\"; did you mean "
			"\"score\"?" },
		{ HOST "filter: { findings = ( { name = \"SPF_FAIL\"; mode = \"refuse\"; } ); };",
			"unknown mode \"refuse\"; known here: off, observe, score, quarantine, "
			"reject" },
		{ HOST "filter: { findings = ( { name = \"SPF_FAIL\"; mode = 1; } ); };",
			"unknown mode" },
		{ HOST "filter: { findings = ( { name = \"SPF_FAIL\"; } ); };",
			"give a score or a mode" },
		{ HOST "filter: { findings = ( { name = \"SPF_FAIL\"; score = 1; decisive = 1; } "
		       "); "
		       "};",
			"filter.findings: decisive: write true or false" },
		{ HOST "filter: { findings = (\n{ name = \"ZEN_SBL\"; score = 1; } ); };",
			"postern.conf:3: filter.findings: ZEN_SBL is of a list: give it a score in "
			"filter.lists = ( { use = \"spamhaus-zen\"; replies = ( { name = \"SBL\"; "
			"score = … } ) } )" },
		{ HOST "filter: { findings = ( { name = \"ZEN_SBLX\"; score = 1; } ); };",
			"unknown finding \"ZEN_SBLX\"" },
		{ HOST "filter: { findings = ( { name = \"SPF_FAIL\"; score = 1001; } ); };",
			"a score is a number from -1000 to 1000" },
		{ HOST "filter: { findings = ( { name = \"SPF_FAIL\"; score = \"1\"; } ); };",
			"a score is a number" },
		{ HOST "domains: { };", "domains: expected a list" },
		{ HOST "domains = ( { name = \"a..b\"; } );", "is not the name of a domain" },
		{ HOST "domains = ( { } );", "each group needs a name" },
		{ HOST "domains = ( { name = \"a.example\"; },\n{ name = \"A.example\"; } );",
			"postern.conf:3: domains: a.example stands there twice" },
		{ HOST "domains = ( { name = \"a.example\"; smtp: { }; } );",
			"unknown key of a domain \"smtp\"; known here: name, auth, filter" },
		{ HOST "domains = ( { name = \"a.example\"; auth = 5; } );",
			"auth is a section: write auth: { … };" },
		{ HOST "domains = ( { name = \"a.example\"; filter: { enabled = false; }; } );",
			"unknown key of a domain's rules \"enabled\"; known here: junk_at, "
			"quarantine_at, defer_at, reject_at, blocked_extensions, findings" },
		{ HOST "domains = ( { name = \"a.example\"; auth: {\n spf_fail = \"no\"; }; } );",
			"postern.conf:3: auth.spf_fail: \"no\" is not \"score\" or \"reject\"" },
		/* lists in the DNS */
		{ LISTS("\n{ use = \"spamhaus\"; }"),
			"postern.conf:3: unknown list \"spamhaus\"; known here: spamhaus-zen, "
			"spamhaus-dbl, spamcop, surbl, uribl, dnswl" },
		{ LISTS("{ use = \"surbl\"; zones = \"x\"; }"),
			"unknown key of a list \"zones\"; did you mean \"zone\"?" },
		{ LISTS("{ use = \"surbl\"; }, { use = \"surbl\"; }"),
			"filter.lists: the name SURBL stands there twice" },
		{ LISTS("{ name = \"A\"; zone = \"a.test\"; }"),
			"a list needs use = \"…\", or all of name, zone, kind, of and replies" },
		{ LISTS("{ use = \"surbl\"; name = \"lower\"; }"), "name: expected a name of A" },
		{ LISTS("{ use = \"surbl\"; zone = \"a..b\"; }"), "zone: expected the name" },
		{ LISTS("{ use = \"surbl\"; zone = 5; }"), "zone: expected a text in quotes" },
		{ LISTS("{ use = \"surbl\"; kind = \"ip adress\"; }"),
			"unknown kind of a list \"adress\"" },
		{ LISTS("{ use = \"surbl\"; of = [ \"client\", \"form\" ]; }"),
			"unknown part of a message \"form\"; did you mean \"from\"?" },
		{ LISTS("{ use = \"surbl\"; hash = \"crc\"; }"), "unknown hash \"crc\"" },
		{ LISTS("{ use = \"surbl\"; enabled = 1; }"), "enabled: write true or false" },
		{ LISTS("{ use = \"surbl\"; max_received = 11; }"),
			"max_received: expected a number from 0 to 10" },
		{ LISTS("{ use = \"surbl\"; kind = \"hash\"; }"), "is of addresses: sender" },
		{ LISTS("{ use = \"dnswl\"; of = \"client from\"; }"), "a score below 0 is only" },
		{ LISTS("{ use = \"surbl\"; replies = 5; }"),
			"replies: expected a list of groups" },
		{ LISTS("{ use = \"surbl\"; replies = ( 5 ); }"), "replies: expected a list" },
		{ REPLY("score = 1;"), "a reply needs a code or a mask" },
		{ REPLY("name = \"PHISHY\"; score = 1;"),
			"filter.lists: it has no reply \"PHISHY\"; did you mean \"PHISH\"?. A new "
			"one needs a code or a mask" },
		{ REPLY("name = \"X\"; mask = 1;"), "a reply needs a score" },
		{ REPLY("mask = 1.5; score = 1;"), "mask: expected a whole number" },
		{ REPLY("mask = 0; score = 1;"), "mask: expected a number from 1" },
		{ REPLY("mask = 1; score = \"1\";"),
			"score: expected a number from -1000 to 1000" },
		{ REPLY("mask = 1; score = 1; received_score = -1;"), "received_score: expected" },
		{ REPLY("code = \"127.0.0\"; score = 1;"), "\"127.0.0\" is not a code" },
		{ REPLY("code = \"127.0.0.2.3\"; score = 1;"), "is not a code" },
		{ REPLY("code = \"127.0.0.256\"; score = 1;"), "is not a code" },
		{ REPLY("code = \"127.0.0.5-4\"; score = 1;"), "is not a code" },
		{ REPLY("code = \"*.0.0.2\"; score = 1;"), "is not a code" },
		{ REPLY("code = \"10.0.0.2\"; score = 1;"), "is not a code" },
		{ REPLY("name = \"x\"; mask = 1; score = 1;"), "a name is of A to Z" },
		{ REPLY("mask = 1; score = 1; txt = \"x\";"), "unknown key of a list's reply" },
		{ REPLY("mask = 1; score = 1; text = \"a\nb\";"), "text: at most 200 characters" },
		{ HOST "smtp: { xclient_from = [ \"10.0.0.1/8\" ]; };",
			"smtp.xclient_from: \"10.0.0.1/8\" has bits set beyond its prefix" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct err err = { "" };
		assert_null(parse(rows[i].text, &err));
		if (!strstr(err.text, rows[i].message))
			fail_msg("expected \"%s\", got \"%s\"", rows[i].message, err.text);
	}
	struct err err;
	assert_null(config_parse(STR("hostname = \"a\";\0"), STR("f"), STR("/"), &err));
	assert_string_equal(err.text, "f: holds a NUL byte: not a text file");
	/* A secret that is wrong is not shown. */
	assert_null(parse(LISTS("{ use = \"surbl\"; key = \"s.3.cret\"; }"), &err));
	assert_non_null(strstr(err.text, "key: expected letters"));
	assert_null(strstr(err.text, "3"));
}

static void test_several_errors(void **state)
{
	struct err err;
	assert_null(parse("hostnam = \"a\";\nsmtp: { max_errors = 0; };\n", &err));
	assert_non_null(strstr(err.text, "hostname is missing"));
	assert_non_null(strstr(err.text, "(and 2 more)"));
}

/* `n` settings that nobody knows, each in text of its own between `begin` and `end`. */
static void put_unknown(struct buf *out, unsigned n, const char *begin, const char *end)
{
	buf_printf(out, HOST "%s\n", begin);
	for (unsigned i = 0; i < n; i++)
		buf_printf(out, "x%u = \"{ = : }\"; /* { = : */\n", i);
	buf_printf(out, "%s", end);
}

static void expect_many(unsigned n, const char *begin, const char *end, const char *message)
{
	struct buf text CLEANUP(buf_done) = BUF_INIT(CONFIG_TEXT_MAX);
	struct err err = { "" };
	put_unknown(&text, n, begin, end);
	assert_null(config_parse(buf_str(&text), STR("f"), STR("/"), &err));
	if (!strstr(err.text, message))
		fail_msg("expected \"%s\", got \"%s\"", message, err.text);
}

/* What would take libconfig minutes does not come to it. */
static void test_many_errors(void **state)
{
	expect_many(60, "", "", "f:3: unknown key \"x0\"");
	expect_many(60, "", "", "(and 59 more)");
	expect_many(255, "", "", "(and 254 more)"); /* and the hostname */
	expect_many(256, "", "", "f:258: more than 256 settings in one group");
	expect_many(256, "smtp: {", "}; y = 1; z = 1;", "(and 257 more)");
	expect_many(257, "smtp: {", "};", "f:259: more than 256 settings in one group");
	expect_many(30000, "smtp: {", "", "more than 256 settings in one group");
	expect_many(1, "a={a={a={a={a={a={a={a={a={a={a={a={a={a={a={",
		"};};};};};};};};};};};};};};};", "unknown key \"a\"");
	expect_many(1, "a={a={a={a={a={a={a={a={a={a={a={a={a={a={a={a={", "",
		"f:2: groups in more than 15");
	expect_many(1, "}}}", "", "syntax error");
}

static void test_every_prefix(void **state)
{
	struct buf sample = BUF_INIT(65536);
	config_write_sample(&sample);
	for (size_t n = 0; n < sample.n; n += 1 + n / 200) {
		struct err err = { "" };
		const struct config *c =
			config_parse(str_first(buf_str(&sample), n), STR("f"), STR("/"), &err);
		assert_true(c || str_starts(str_from_z(err.text), STR("f:")));
		config_unref(c);
	}
	buf_done(&sample);
}

/* The sample is every default, written out: it must mean the same as nothing. */
static void test_sample_is_default(void **state)
{
	struct buf sample = BUF_INIT(65536);
	config_write_sample(&sample);
	struct err err = { "" };
	const struct config *written =
		config_parse(buf_str(&sample), STR("f"), STR("/etc/postern"), &err);
	if (!written)
		fail_msg("%s", err.text);
	const struct config *silent = parse_good(HOST);
	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];
		if (!key->name)
			continue;
		char path[CONFIG_PATH_SIZE], line[CONFIG_PATH_SIZE];
		snprintf(line, sizeof line, "%s = ", key->name);
		assert_true(str_find(buf_str(&sample), str_from_z(line)) >= 0);
		const char *a = (const char *)written + key->offset;
		const char *b = (const char *)silent + key->offset;
		config_key_path(key, path);
		bool same = true;
		if (key->type <= CONFIG_FILE)
			same = str_equal(
				*(const str *)(const void *)a, *(const str *)(const void *)b);
		else if (key->type == CONFIG_BOOL)
			same = *a == *b;
		else if (key->type == CONFIG_CHOICE)
			same = memcmp(a, b, sizeof(int)) == 0;
		else if (!config_type_is_list(key->type))
			same = memcmp(a, b, 8) == 0;
		if (!same)
			fail_msg("%s differs", path);
	}
	config_unref(written);
	config_unref(silent);
	buf_done(&sample);
}

static void assert_file_is(const char *name, str expected)
{
	const char *root = getenv("SRCDIR");
	char path[4096];
	snprintf(path, sizeof path, "%s/%s", root ? root : "../..", name);
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	char *text = xmalloc(expected.n + 2);
	size_t n = fread(text, 1, expected.n + 2, f);
	fclose(f);
	bool same = str_equal(str_from(text, n), expected);
	free(text);
	if (!same)
		fail_msg("%s is not what config.def says; write it anew with `postern check "
			 "--defaults` "
			 "or `--manual`",
			path);
}

static void test_documents(void **state)
{
	struct buf text = BUF_INIT(131072);
	config_write_sample(&text);
	assert_file_is("doc/postern.conf.sample", buf_str(&text));
	buf_clear(&text);
	config_write_manual(&text);
	assert_file_is("doc/man/postern.conf.5", buf_str(&text));
	buf_done(&text);
}

static void test_load(void **state)
{
	char directory[] = "/tmp/postern-config-XXXXXX";
	assert_non_null(mkdtemp(directory));
	char path[64];
	snprintf(path, sizeof path, "%s/p.conf", directory);
	struct err err = { "" };
	assert_null(config_load(path, &err));
	assert_non_null(strstr(err.text, "p.conf: cannot be read: No such file"));
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(HOST "data_dir = \"data\";", f);
	fclose(f);
	const struct config *c = config_load(path, &err);
	assert_non_null(c);
	char expected[64];
	snprintf(expected, sizeof expected, "%s/data", directory);
	assert_str(c->data_dir, expected);
	/* What a role is handed means the same. */
	const struct config *again = config_parse(c->text, c->file, c->base_dir, &err);
	assert_non_null(again);
	assert_str(again->data_dir, expected);
	config_unref(config_ref(again));
	config_unref(again);
	config_unref(c);
	config_unref(NULL);
	assert_null(config_load(directory, &err));
	/* All errors, but not without end. */
	struct buf text CLEANUP(buf_done) = BUF_INIT(CONFIG_TEXT_MAX),
			problems CLEANUP(buf_done) = BUF_INIT(65536);
	put_unknown(&text, 60, "", "");
	f = fopen(path, "w");
	assert_non_null(f);
	fwrite(text.p, 1, text.n, f);
	fclose(f);
	assert_null(config_load_all(path, &problems));
	size_t lines = 0;
	for (size_t i = 0; i < problems.n; i++)
		lines += problems.p[i] == '\n';
	assert_int_equal(lines, 51);
	assert_true(str_ends(buf_str(&problems), STR("p.conf: and 10 more\n")));
	unlink(path);
	rmdir(directory);
}

static void test_too_large(void **state)
{
	char *text = xmalloc(CONFIG_TEXT_MAX + 1);
	memset(text, '\n', CONFIG_TEXT_MAX + 1);
	struct err err;
	assert_null(config_parse(str_from(text, CONFIG_TEXT_MAX + 1), STR("f"), STR("/"), &err));
	assert_string_equal(err.text, "f: is larger than 1 MiB");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_domains),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_servers),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_several_errors),
		cmocka_unit_test(test_many_errors),
		cmocka_unit_test(test_every_prefix),
		cmocka_unit_test(test_sample_is_default),
		cmocka_unit_test(test_documents),
		cmocka_unit_test(test_load),
		cmocka_unit_test(test_too_large),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
