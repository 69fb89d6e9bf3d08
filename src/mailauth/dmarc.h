/*
 * dmarc.h: what the author's domain asks for mail that does not come from it (RFC 7489, and its
 * successor RFC 9989 with the DNS tree walk).
 */
#pragma once

#include "mailauth/dkim.h"
#include "mailauth/spf.h"

enum { DMARC_AUTHORS_MAX = 32 }; /* domains in From that are looked at */

/* How the organizational domain is found. */
enum dmarc_method { DMARC_TREE_WALK, DMARC_PUBLIC_SUFFIX };

enum dmarc_result {
	DMARC_NONE, /* no policy is published (or there is no author's domain to ask) */
	DMARC_PASS,
	DMARC_FAIL,
	DMARC_TEMPERROR,
	DMARC_PERMERROR, /* no author, or several with different policies' worth of trouble */
};

enum dmarc_policy { DMARC_POLICY_NONE, DMARC_POLICY_QUARANTINE, DMARC_POLICY_REJECT };

struct dmarc_query {
	enum dmarc_method method;
	str from;                      /* values of all From fields, joined with ", " */
	const struct spf_outcome *spf; /* of MAIL FROM; for a bounce of the HELO name */
	const struct dkim_outcome *dkim;
	uint32_t sample; /* 0…99, random: for pct= */
};

struct dmarc_outcome {
	enum dmarc_result result;
	str author_domain; /* of From; with several, the one that decided */
	str organization;  /* its organizational domain */
	str policy_domain; /* whose record it is */
	str record;
	enum dmarc_policy published; /* p, sp or np: what holds for this domain */
	const char *tag;             /* "p", "sp", "np" */
	enum dmarc_policy applied;   /* after pct= or t=; only for DMARC_FAIL */
	bool testing;                /* t=y, or not in the sample of pct= */
	bool strict_spf, strict_dkim;
	bool spf_aligned, dkim_aligned;
	str dkim_domain; /* of the signature that aligns and passes */
	size_t authors;
	str reason; /* for a person: why it does not align, or what is wrong with the record */
};

void dmarc_check(const struct dns *dns, const struct dmarc_query *query, struct arena *a,
	struct dmarc_outcome *out);

/* The organizational domain of a name by the public-suffix list (libpsl); the name itself where it
 * is a public suffix. */
str dmarc_organization_psl(str domain, struct arena *a);

const char *dmarc_result_name(enum dmarc_result result);
const char *dmarc_policy_name(enum dmarc_policy policy);
