/*
 * spf_runner.c: evaluates SPF queries from standard input, for tests that compare with other
 * people's suites and programs. Not installed.
 *
 *	dns NAME TYPE DATA     a line of the table (dns_testing.h), until the next "reset"
 *	check IDENTITY IP HELO SENDER      separated by tabs
 *	reset
 *
 * For each check one line: result, mechanism, its domain, worthless or "-", problem, explanation,
 * separated by tabs; \xHH is undone in HELO and SENDER.
 */
#include "mailauth/dns_testing.h"
#include "mailauth/spf.h"

#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

enum { TABLE_MAX = 64 * 1024 * 1024, WORK_MAX = 1024 * 1024 };

static void put(str s, char end)
{
	printf("%.*s%c", STR_ARG(s), end);
}

static void check(str words, str table)
{
	struct arena a CLEANUP(arena_done) = ARENA_INIT(WORK_MAX);
	str identity, ip, helo, sender;
	(void)str_cut(words, '\t', &identity, &words);
	(void)str_cut(words, '\t', &ip, &words);
	(void)str_cut(words, '\t', &helo, &sender);
	struct spf_query query = {
		.identity = str_equal(identity, STR("helo")) ? SPF_HELO : SPF_MAILFROM,
		.helo = dns_table_text(helo, &a),
		.sender = dns_table_text(sender, &a),
		.receiver = STR("receiver.example"),
		.time = 1700000000,
	};
	ASSERT(ip_parse(ip, &query.client));
	struct dns_table dns;
	dns_table_init(&dns, table);
	struct spf_outcome out;
	spf_check(&dns.dns, &query, &a, &out);
	put(str_from_z(spf_result_name(out.result)), '\t');
	put(out.mechanism, '\t');
	put(out.mechanism_domain, '\t');
	put(out.worthless ? STR("worthless") : STR("-"), '\t');
	put(out.problem, '\t');
	put(out.explanation, '\n');
}

int main(void)
{
	struct buf table CLEANUP(buf_done) = BUF_INIT(TABLE_MAX);
	char *line = NULL;
	size_t size = 0;
	for (ssize_t n; (n = getline(&line, &size, stdin)) > 0;) {
		str text = str_from(line, (size_t)n - (line[n - 1] == '\n')), verb;
		(void)str_cut(text, ' ', &verb, &text);
		if (str_equal(verb, STR("dns"))) {
			buf_add(&table, text);
			buf_add_char(&table, '\n');
		} else if (str_equal(verb, STR("check"))) {
			check(text, buf_str(&table));
		} else {
			ASSERT(str_equal(verb, STR("reset")));
			buf_clear(&table);
		}
	}
	free(line);
	return 0;
}
