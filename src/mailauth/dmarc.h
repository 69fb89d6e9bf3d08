/*
 * dmarc.h: what the author's domain asks for mail that does not come from it (RFC 7489, and its
 * successor RFC 9989 with the DNS tree walk).
 */
#pragma once

#include "mailauth/dkim.h"
#include "mailauth/spf.h"

enum {
	DMARC_AUTHORS_MAX = 32,    /* domains in From that are looked at */
	DMARC_LABELS_MAX = 8,      /* questions of one tree walk (RFC 9989 §4.10) */
	DMARC_QUESTIONS_MAX = 128, /* questions of one check */
	DMARC_SECONDS_MAX = 20,    /* after that no further question is asked */
	DMARC_RECORD_MAX = 2048,   /* bytes; anything longer is not taken for a record */
};

/* How the organizational domain is found. */
enum dmarc_method { DMARC_TREE_WALK, DMARC_PUBLIC_SUFFIX };

enum dmarc_result {
	DMARC_NONE, /* no policy is published, or no author's domain is there to ask (an empty
		       group) */
	DMARC_PASS,
	DMARC_FAIL,
	DMARC_TEMPERROR, /* the DNS gave no answer that was needed */
	DMARC_PERMERROR, /* no author, one without a domain name, too many; an unusable record */
};

enum dmarc_policy { DMARC_POLICY_NONE, DMARC_POLICY_QUARANTINE, DMARC_POLICY_REJECT };

/* psd=: "u" (unknown) is the default. */
enum dmarc_psd { DMARC_PSD_UNKNOWN, DMARC_PSD_YES, DMARC_PSD_NO };

/* A record as read. Slices of the text. */
struct dmarc_record {
	enum dmarc_policy p, sp, np; /* sp defaults to p, np to sp */
	bool has_sp, has_np;
	enum dmarc_psd psd;
	bool strict_dkim, strict_spf; /* adkim=s, aspf=s */
	bool test;                    /* t=y */
	unsigned percent;             /* pct=, 100 by default */
	str rua, ruf;
	/* p, sp or np is missing or wrong: none holds where there is a usable rua=; else the record
	 * cannot be used (RFC 9989 §4.10.1). */
	bool usable;
	str problem; /* the first thing that is wrong, whether it matters or not; else empty */
};

/* False where the text is no DMARC record: it does not begin with v=DMARC1, which is all that is
 * strict. Unknown tags are passed over; a malformed tag or value leaves its default; the first of
 * several alike counts. problem is in the arena. */
bool dmarc_record_parse(str text, struct arena *a, struct dmarc_record *out) MUST_USE;

struct dmarc_query {
	enum dmarc_method method;
	str from; /* values of all From fields, joined with ", " */
	const struct spf_outcome
		*spf; /* of MAIL FROM; for a bounce of the HELO name; may be NULL */
	const struct dkim_outcome *dkim; /* may be NULL */
	uint32_t sample;                 /* 0…99, random: for pct= */
};

struct dmarc_outcome {
	enum dmarc_result result;
	str author_domain; /* of From; with several, the one that decided */
	str organization;  /* its organizational domain; empty where it could not be found out */
	str policy_domain; /* whose record it is */
	str record;
	enum dmarc_policy published; /* p, sp or np: what holds for this domain */
	const char *tag;             /* "p", "sp", "np": whose value that is; "" without a record */
	enum dmarc_policy applied;   /* after pct= or t=; only for DMARC_FAIL */
	bool testing; /* t=y, or not in the sample of pct=: one step less is applied */
	bool strict_spf, strict_dkim;
	bool spf_aligned, dkim_aligned; /* passes, and its domain aligns */
	str dkim_domain;                /* of the signature that aligns and passes */
	size_t authors;                 /* different domains in From */
	unsigned questions;             /* asked in the DNS */
	str problem;                    /* what is wrong with the record, else empty */
	str reason; /* for a person: why it does not align, or why there is no result */
};

/* The values of all From fields of a header, joined with ", ", for the query: a slice of the
 * header, or a copy in the arena where there are several (at most header.n bytes). */
str dmarc_from(str header, struct arena *a);

/*
 * With several authors each domain is evaluated by itself, and the strictest outcome counts: fail
 * with its policy, temperror, fail without one, permerror, none, pass.
 *
 * Uses at most 8 KiB of the arena; the outcome holds nothing of the query.
 */
void dmarc_check(const struct dns *dns, const struct dmarc_query *query, struct arena *a,
	struct dmarc_outcome *out);

/* The organizational domain of a name (as from domain_ascii()) by the public-suffix list that
 * libpsl was built with; the name itself where it is a public suffix. A slice of it. */
str dmarc_organization_psl(str domain);

const char *dmarc_result_name(enum dmarc_result result);
const char *dmarc_policy_name(enum dmarc_policy policy);
