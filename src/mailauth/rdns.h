/*
 * rdns.h: who the client's address and its HELO say it is: three separate results.
 *
 * Asks at most 1 + RDNS_NAMES_MAX + 2 questions: the names of the address, the addresses of these,
 * and those of the HELO name in both families. What is left after RDNS_SECONDS_MAX is temporary.
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

/* Of the argument of HELO or EHLO (RFC 5321 §4.1.3). A final dot is overlooked. */
enum helo_syntax {
	HELO_SYNTAX_FQDN,
	HELO_SYNTAX_LITERAL,       /* [192.0.2.1], [IPv6:…] */
	HELO_SYNTAX_LITERAL_WRONG, /* the same with an address that is not the client's */
	HELO_SYNTAX_BARE_ADDRESS,  /* 192.0.2.1 */
	HELO_SYNTAX_SINGLE_LABEL,  /* "localhost", "WIN-2K8" */
	HELO_SYNTAX_INVALID,       /* characters, lengths, all-numeric top label */
};

enum { RDNS_NAMES_MAX = 10, RDNS_SECONDS_MAX = 20, RDNS_ARENA_MAX = 2048 };

struct rdns_outcome {
	enum rdns_result result;
	str name; /* confirmed (the HELO name, where that is one of several); or the first that the
		     address has; empty: none. Lower case */
	enum helo_result helo;
	enum helo_syntax syntax;
	bool helo_is_name; /* the HELO name is the confirmed one */
	str why;           /* for a person */
};

/* Strings are in the arena, of which this takes at most RDNS_ARENA_MAX. */
void rdns_check(const struct dns *dns, const struct ip *client, str helo, struct arena *a,
	struct rdns_outcome *out);

enum helo_syntax helo_syntax(str helo, const struct ip *client);

const char *rdns_result_name(enum rdns_result result); /* "pass", "none", "fail", "temperror" */
const char *helo_result_name(enum helo_result result); /* "pass", "other", "unknown"… */
const char *helo_syntax_name(enum helo_syntax syntax); /* "fqdn", "literal", "bare-address"… */
