/*
 * spf.h: may this client use this domain as envelope sender? (RFC 7208)
 *
 * Any record gives a result within bounds: 10 terms that ask the DNS (§4.6.4), 2 void look-ups, 10
 * names of one MX or PTR, 20 s over all, and never more than 20 questions in the DNS beyond the
 * addresses of MX hosts that those terms allow.
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

struct spf_outcome {
	enum spf_result result;
	enum spf_identity identity;
	str domain;           /* whose policy was asked: of the sender, or the HELO name */
	str record;           /* its record; empty: none */
	str mechanism;        /* the term that matched, as it stands; "default" where none did */
	str mechanism_domain; /* in whose record that stands: of an include, or a redirect */
	str explanation;      /* fail: what exp= says, "" if nothing. Text of the sender's making */
	str problem;          /* temperror, permerror: what went wrong and where */
	/* The record says pass to everyone: "+all", "0.0.0.0/0", "?all" behind an include that does
	 * so. A pass then proves nothing. */
	bool worthless;
	str worthless_term;
	unsigned lookups, void_lookups;
	const struct spf_step *steps;
	size_t step_count;
};

/* Strings are in the arena, or slices of the query. */
void spf_check(const struct dns *dns, const struct spf_query *query, struct arena *a,
	struct spf_outcome *out);

/* "pass", "softfail"… as in Received-SPF and Authentication-Results. */
const char *spf_result_name(enum spf_result result);
