/*
 * rdns.h: who the client's address and its HELO say it is: three separate results.
 */
#pragma once

#include "mailauth/dns.h"

enum rdns_result {
	RDNS_PASS, /* a name of the address leads back to it (FCrDNS; RFC 8601 §2.7.3 iprev) */
	RDNS_NONE, /* the address has no name */
	RDNS_FAIL, /* it has names, and none leads back */
	RDNS_TEMPERROR,
};

enum helo_result {
	HELO_PASS,    /* resolves to the client, or is its literal address */
	HELO_OTHER,   /* resolves, to other addresses */
	HELO_UNKNOWN, /* does not resolve */
	HELO_TEMPERROR,
	HELO_NOT_ASKED, /* its syntax allows no look-up */
};

enum helo_syntax {
	HELO_SYNTAX_FQDN,
	HELO_SYNTAX_LITERAL,       /* [192.0.2.1], [IPv6:…] */
	HELO_SYNTAX_LITERAL_WRONG, /* the same with an address that is not the client's */
	HELO_SYNTAX_BARE_ADDRESS,  /* 192.0.2.1 */
	HELO_SYNTAX_SINGLE_LABEL,  /* "localhost", "WIN-2K8" */
	HELO_SYNTAX_INVALID,       /* characters, lengths, all-numeric top label */
};

enum { RDNS_NAMES_MAX = 10 };

struct rdns_outcome {
	enum rdns_result result;
	str name; /* confirmed; or the first that the address has; empty: none */
	enum helo_result helo;
	enum helo_syntax syntax;
	bool helo_is_name; /* the HELO name is the confirmed one */
	str why;           /* for a person */
};

void rdns_check(const struct dns *dns, const struct ip *client, str helo, struct arena *a,
	struct rdns_outcome *out);

const char *rdns_result_name(enum rdns_result result);
const char *helo_result_name(enum helo_result result);
const char *helo_syntax_name(enum helo_syntax syntax);
