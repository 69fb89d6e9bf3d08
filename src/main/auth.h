/*
 * auth.h: what postern auth finds out about a message, and its two forms. Inside of main.
 */
#pragma once

#include "mailauth/auth_results.h"
#include "main/given.h"
#include "mailauth/dkim_header.h"

/* One question, and what became of it. */
struct auth_lookup {
	enum dns_type type;
	enum dns_status status;
	bool secure;
	str name, why;
};

/* "secure", "insecure", "bogus"; "unknown" where there was no answer. */
const char *auth_lookup_dnssec(const struct auth_lookup *l);

/* A name in h= of a signature: how often it stands there, and in the header. */
struct auth_signed_name {
	str name;
	size_t in_list, in_header;
};

enum { AUTH_SIGNED_NAMES_MAX = 64 };

struct auth_report {
	const char *file;
	str header;
	struct dkim_header *fields; /* of the header, by name */
	struct given came;
	/* Valid where came.has_client. */
	struct rdns_outcome rdns;
	struct spf_outcome spf, spf_helo;
	bool has_spf, has_spf_helo;
	/* Always. */
	struct dkim_outcome dkim;
	str changed[DKIM_SIGNATURES_MAX]; /* what a signature does not match for, where that shows
					   */
	struct arc_outcome arc;
	struct dmarc_outcome dmarc;
	str receiver;                /* our name */
	struct auth_lookup *lookups; /* in the order in which they were asked */
	size_t lookup_count;
	bool validating; /* else every answer is insecure */
};

/* The different names of a list as in h=, the first AUTH_SIGNED_NAMES_MAX of them. */
size_t auth_signed_names(const struct auth_report *r, str list,
	struct auth_signed_name out[static AUTH_SIGNED_NAMES_MAX]);

static inline bool auth_signed_is_missing(const struct auth_signed_name *name)
{
	return name->in_header == 0;
}

static inline bool auth_signed_is_exceeded(const struct auth_signed_name *name)
{
	return name->in_header > name->in_list;
}

/* What became of one signature of a set of ARC: "pass", "fail"…, or "not checked". */
const char *auth_arc_part(enum dkim_result result);

/* What was done to the header since it was signed, as one sentence, where undoing it makes that
 * signature match; else empty. Looks keys up. */
str auth_changed(const struct dns *dns, const struct auth_report *r, size_t index, struct arena *a);

void auth_text(const struct auth_report *r, struct buf *out);
void auth_json(const struct auth_report *r, struct buf *out);
/* As auth_results_format() has it. */
void auth_field(const struct auth_report *r, struct buf *out);
