/*
 * check_client.c: the names of the client's address, and the name it gives itself.
 */
#include "filter/check.h"

static void report(struct judgement *j)
{
	static const enum finding_name by_result[] = {
		[RDNS_PASS] = FINDING_RDNS_PASS,
		[RDNS_NONE] = FINDING_RDNS_NONE,
		[RDNS_FAIL] = FINDING_RDNS_FAIL,
		[RDNS_TEMPERROR] = FINDING_RDNS_TEMPERROR,
	};
	static const enum finding_name by_helo[] = {
		[HELO_PASS] = FINDING_HELO_PASS,
		[HELO_OTHER] = FINDING_HELO_OTHER,
		[HELO_UNKNOWN] = FINDING_HELO_UNKNOWN,
		[HELO_TEMPERROR] = FINDING_HELO_TEMPERROR,
	};
	static const enum finding_name by_syntax[] = {
		[HELO_SYNTAX_FQDN] = FINDING_HELO_FQDN,
		[HELO_SYNTAX_LITERAL] = FINDING_HELO_LITERAL,
		[HELO_SYNTAX_LITERAL_WRONG] = FINDING_HELO_LITERAL_WRONG,
		[HELO_SYNTAX_BARE_ADDRESS] = FINDING_HELO_BARE_ADDRESS,
		[HELO_SYNTAX_SINGLE_LABEL] = FINDING_HELO_SINGLE_LABEL,
		[HELO_SYNTAX_INVALID] = FINDING_HELO_INVALID,
	};
	const struct rdns_outcome *r = &j->envelope->rdns;
	char client[IP_TEXT_SIZE];
	if (j->envelope->no_client)
		return;
	ip_format(&j->facts->client, client);
	judgement_find(j, by_result[r->result], "%s%s%.*s", client, r->name.n ? ", " : "",
		STR_ARG(r->name));
	str helo = str_first(j->facts->helo, 255);
	/* A literal address "resolves" by itself: its syntax says all. */
	if (r->syntax == HELO_SYNTAX_FQDN && r->helo != HELO_NOT_ASKED)
		judgement_find(j, by_helo[r->helo], "%.*s", STR_ARG(helo));
	judgement_find(j, by_syntax[r->syntax], "%.*s", STR_ARG(helo));
}

const struct check check_client = {
	.name = "client", .stage = CHECK_CONNECT, .cost = CHECK_CHEAP, .report = report
};
