/*
 * auth_results.h: the fields that tell readers what was found: Authentication-Results (RFC 8601)
 * and Received-SPF (RFC 7208 §9.1); and those from outside that pretend to be ours.
 */
#pragma once

#include "base/buf.h"
#include "mailauth/arc.h"
#include "mailauth/dmarc.h"
#include "mailauth/rdns.h"

enum {
	AUTH_TEXT_MAX = 320,               /* bytes of any one value or comment that are written */
	AUTH_RESULTS_MAX = 64,             /* results of one field that are read */
	AUTH_PROPERTIES_MAX = 32,          /* properties of one result that are read */
	AUTH_PARSE_ARENA_MAX = 160 * 1024, /* what auth_results_parse() needs beside the text */
};

/* ---- writing ---- */

struct auth_results {
	str authserv_id;
	struct ip client; /* all zeros: not known, not mentioned beside ARC */
	str helo, sender;
	bool utf8; /* the header may hold UTF-8 (RFC 6532, RFC 8616); else U-labels become A-labels,
		      and what is left "?" */
	/* NULL: not evaluated, not mentioned. */
	const struct rdns_outcome *rdns;
	const struct spf_outcome *spf; /* MAIL FROM */
	const struct spf_outcome *spf_helo;
	const struct dkim_outcome *dkim;
	const struct arc_outcome *arc;
	const struct dmarc_outcome *dmarc;
};

/* One folded field with its final CRLF. Whatever a peer's text holds, nothing else comes of it:
 * control characters become "?", all else is quoted or escaped where it must be, long text is cut.
 * Lines end before column 78 where there is a place to fold, and always before 998. */
void auth_results_format(const struct auth_results *r, struct buf *out);

/* The result for MAIL FROM, or where there is none that for HELO; nothing where there is neither.
 */
void received_spf_format(const struct auth_results *r, struct buf *out);

/* ---- reading ---- */

struct auth_property {
	str type, name,
		value; /* smtp.mailfrom=a@example.org: "smtp", "mailfrom", "a@example.org" */
};

struct auth_result {
	str method, result; /* "dkim", "pass": as they stand, to be compared without case */
	str reason;         /* empty: none */
	const struct auth_property *properties;
	size_t n;
};

struct auth_results_read {
	str authserv_id; /* quotes undone; empty: there is none */
	uint64_t version;
	const struct auth_result *results;
	size_t n;       /* 0 also for "none" */
	bool malformed; /* something was passed over, up to the next semicolon */
	bool truncated; /* there were more results or properties */
};

/* Reads the value of an Authentication-Results field, or of an ARC-Authentication-Results field
 * behind its "i=N;". Lenient: any value without blanks counts, what is malformed is passed over,
 * the authserv-id may be missing (as Microsoft's is). In the arena, which needs 2 * value.n +
 * AUTH_PARSE_ARENA_MAX bytes. */
void auth_results_parse(str value, struct arena *a, struct auth_results_read *out);

/* The value of the first such property, or empty: auth_result_property(r, "header", "from"). */
str auth_result_property(const struct auth_result *r, const char *type, const char *name);

/* A stretch of the message. */
struct auth_span {
	size_t offset, n;
};

/* The Authentication-Results fields of a header that claim to be from one of these names, or from
 * nobody: to be cut out (RFC 8601 §5). Names are compared without case, as A-labels; they are found
 * quoted, behind comments and folding, with a version, and as any word before the first semicolon.
 * Returns the number of stretches, in order; neighbours are one. *out_spans is in the arena, of
 * which it takes at most header.n bytes. */
size_t auth_results_find_forged(str header, const str *authserv_ids, size_t id_count,
	struct arena *a, struct auth_span **out_spans);
