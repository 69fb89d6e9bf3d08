/*
 * check.h: what the checks share: one message under judgement. Inside of filter.
 *
 * To add a check: a file check_NAME.c with a struct check, and a line in checks[] in judge.c. Its
 * findings: lines in rules/findings.def.
 */
#pragma once

#include "filter/judge.h"
#include "mail/inspect.h"
#include "mail/mail.h"

struct judgement {
	struct task *task;
	struct arena *arena;
	const struct config *config;
	const struct config_auth *auth;
	const struct config_filter *rules;
	const struct config_antivirus *antivirus;
	const struct dns *dns;
	const struct judge_message *message;
	const struct judge_facts *facts;
	str header; /* with its empty line */
	str from;   /* the values of all From fields, joined with ", " */
	struct mail mail;

	const struct envelope_result *envelope;
	struct dkim_verifier *dkim_verifier;
	struct arc_verifier *arc_verifier;
	struct arc_sealer *arc_sealer; /* NULL: it is not sealed */
	struct dkim_outcome dkim;
	struct arc_outcome arc;
	struct dmarc_outcome dmarc;
	bool has_dkim, has_arc, has_dmarc; /* evaluated */
	struct arena inspected;            /* what the inspections are in */
	struct inspection *inspections;    /* of the first attachments, in their order */
	size_t inspection_count;
	struct list_batch list_batch;
	struct list_results lists;

	struct evp_md_ctx_st *digest; /* of the message, where it is to be scanned */
	struct scan_outcome virus;
	bool has_virus; /* it was to be scanned */

	struct findings findings;
	bool exempt;      /* an allow-listed domain, authenticated: no penalty of SPF and DMARC */
	str set;          /* the ARC set to be put before it; empty: none */
	str sealed;       /* "i=2, cv=pass": what that is */
	str unsealed;     /* why there is none; both empty: nobody seals */
	bool arc_trusted; /* a trusted forwarder saw DMARC pass */
	size_t forged;    /* stretches of Authentication-Results in our name */
	struct auth_span *cuts;
	size_t cut_count;
	bool cut_too_far;

	/* What failed in the DNS while the checks ran; the first question. */
	str dns_failed;
};

/* Calls may be NULL. They run in this order, each for all checks in turn. */
struct check {
	const char *name;
	void (*begin)(struct judgement *j);           /* the header is there */
	void (*body)(struct judgement *j, str piece); /* as it comes, in pieces */
	void (*end)(struct judgement *j);             /* asks the DNS */
	void (*report)(struct judgement *j);          /* adds findings */
	void (*done)(struct judgement *j);            /* frees */
};

extern const struct check check_client, check_spf, check_dkim, check_arc, check_dmarc, check_allow,
	check_results, check_header, check_author, check_bulk, check_uri, check_html, check_mime,
	check_attachment, check_pattern, check_lists, check_virus;

enum { CHECKS_MAX = 32 };

/* The domain of the author (of the first one in From), as from domain_ascii(); empty where there is
 * none. */
str judgement_author_domain(const struct judgement *j);

/* Whether DMARC has passed: the author is who it says. */
bool judgement_is_aligned(const struct judgement *j);

/* Whether both belong to one organization, by the public-suffix list. Both as from
 * domain_ascii(). */
bool same_organization(str a, str b);

/* Adds a finding whose evidence is made as by printf. */
void judgement_find(struct judgement *j, enum finding_name name, const char *format, ...)
	PRINTF(3, 4);

/* Whether the name is one of these domains, or below one; that one then is in *out_domain (may be
 * NULL). */
bool names_contain(const struct config_names *names, str name, str *out_domain);

/* The verdict that follows from findings and policies: into *out action, reply, score, why. */
void judgement_decide(struct judgement *j, struct verdict *out);

/* Seals a message that is taken: into j->set, sealed, unsealed. May wait. */
void judgement_seal(struct judgement *j, struct verdict *verdict);

/* Appends our Authentication-Results. */
void judgement_results(const struct judgement *j, struct buf *text);

/* The fields to put before the message: Authentication-Results, X-Spam-… In the arena. */
str judgement_fields(const struct judgement *j, const struct verdict *verdict, struct arena *a);

/* The decision record, at most JUDGE_RECORD_MAX bytes. took: nanoseconds of each check. */
str judgement_record(const struct judgement *j, const struct verdict *verdict,
	const struct check *const *checks, const int64_t *took, size_t check_count,
	struct arena *a);
