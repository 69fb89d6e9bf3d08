/*
 * spf.h: may this client use this domain as envelope sender? (RFC 7208)
 *
 * Any record gives a result within bounds: 10 terms that ask the DNS (§4.6.4), 2 void look-ups, 10
 * hosts of one MX, 10 names of the client, 20 s over all, and never more than SPF_QUESTIONS_MAX
 * questions beyond the addresses of MX hosts: of those at most 10 for each "mx" term, so 100.
 *
 * A void look-up is a term whose question finds nothing, as §4.6.4 counts them: an "mx" counts
 * once, however many of its hosts have no address. "ptr" never counts: the names of the client are
 * no fault of the record. The names of the client are looked up last: where a record leaves little
 * of the 20 questions, fewer than 10 of them are tried, at least 7.
 *
 * Domains in UTF-8 are converted to A-labels (RFC 8616). A local part that is not ASCII makes every
 * term that depends on it not match.
 */
#pragma once

#include "mailauth/dns.h"

enum spf_result {
	SPF_NONE,
	SPF_NEUTRAL,
	SPF_PASS,
	SPF_FAIL,
	SPF_SOFTFAIL,
	SPF_TEMPERROR,
	SPF_PERMERROR,
};

enum spf_identity { SPF_MAILFROM, SPF_HELO };

enum {
	SPF_TERMS_MAX = 10,
	SPF_VOID_MAX = 2,
	SPF_MX_MAX = 10,
	SPF_NAMES_MAX = 10,
	SPF_QUESTIONS_MAX = 20,
	SPF_STEPS_MAX = 64,
	SPF_SECONDS_MAX = 20,
	SPF_ARENA_MAX = 80 * 1024,
};

struct spf_query {
	enum spf_identity identity;
	struct ip client;
	str helo;
	str sender; /* of MAIL FROM, without <>; empty (a bounce): postmaster@helo is checked (§2.4)
		     */
	str receiver; /* our name, for %{r} */
	int64_t time; /* seconds since 1970, for %{t} */
};

/* One thing that happened on the way to the result, for a person. */
struct spf_step {
	str domain; /* whose record */
	str term;   /* as it stands there, or the record as a whole */
	str what;   /* "asked A mail.example.org: 2 addresses, no match" */
};

/* What comes from the DNS is cut where it is long, and bytes that are not printable ASCII stand as
 * "?" in it. */
struct spf_outcome {
	enum spf_result result;
	enum spf_identity identity;
	str domain;           /* whose policy was asked: of the sender, or the HELO name */
	str record;           /* its record; empty: none */
	str mechanism;        /* the term that matched, as it stands; "default" where none did */
	str mechanism_domain; /* in whose record that stands: of an include, or a redirect */
	str explanation;      /* fail: what exp= says, "" if nothing. Text of the sender's making */
	str problem;          /* temperror, permerror: what went wrong and where */
	/* The record says pass to everyone: to at least half of all addresses of the client's
	 * family. A pass then proves nothing. Seen in the records that the evaluation fetched, also
	 * in terms behind the one that matched; no question is asked for it. Counted: "all", ip4
	 * and ip6 (networks of a /12 or larger, for IPv6 a /15), a and mx with such prefixes where
	 * their addresses are known, "exists" that found a name without %{i}, %{p}, %{v}, "include"
	 * of such a record, redirect. Not seen: includes that were not reached, and wildcards in
	 * the DNS behind names that depend on the address. */
	bool worthless;
	str worthless_term;
	unsigned lookups, void_lookups; /* as §4.6.4 counts them */
	unsigned questions;             /* all that were asked */
	const struct spf_step *steps;
	size_t step_count;
};

/* Strings are in the arena, or slices of the query. Takes at most SPF_ARENA_MAX of the arena; what
 * the look-ups need lies elsewhere. */
void spf_check(const struct dns *dns, const struct spf_query *query, struct arena *a,
	struct spf_outcome *out);

/* "pass", "softfail"… as in Received-SPF and Authentication-Results. */
const char *spf_result_name(enum spf_result result);
