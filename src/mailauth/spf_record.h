/*
 * spf_record.h: the syntax of SPF records (RFC 7208 §4.5, §4.6.1, §5, §6, §12). Pure.
 */
#pragma once

#include "mailauth/spf.h"

enum spf_kind {
	SPF_TERM_ALL,
	SPF_TERM_INCLUDE,
	SPF_TERM_A,
	SPF_TERM_MX,
	SPF_TERM_PTR,
	SPF_TERM_IP4,
	SPF_TERM_IP6,
	SPF_TERM_EXISTS,
	SPF_TERM_REDIRECT, /* from here on: modifiers */
	SPF_TERM_EXP,
	SPF_TERM_UNKNOWN,
};

struct spf_term {
	enum spf_kind kind;
	enum spf_result result; /* where a mechanism matches: what its qualifier says */
	str text;               /* as it stands */
	str domain;             /* domain-spec; empty: the domain of the record */
	struct ip ip;           /* ip4, ip6 */
	uint8_t bits4, bits6;   /* a, mx, ip4, ip6: prefix lengths, of 32 and of 128 */
};

/* NULL, or what is wrong, in a few words. */
const char *spf_term_parse(str text, struct spf_term *out);

/* Takes the next term off a record that was found correct. False at its end. */
bool spf_term_next(str *terms, struct spf_term *out);

struct spf_record {
	str text;
	str terms;         /* behind the version */
	str redirect, exp; /* domain-specs; empty: none. A record with "all" has no redirect */
};

/* Whether a TXT record is an SPF record: "v=spf1", then a space or the end. */
bool spf_record_is(str text);

/* Reads all of it before anything is evaluated. NULL, or what is wrong; *out_term is then the
 * term that is. */
const char *spf_record_parse(str text, struct spf_record *out, str *out_term);
