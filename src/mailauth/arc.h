/*
 * arc.h: the Authenticated Received Chain (RFC 8617): what servers on the way vouch for.
 */
#pragma once

#include "mailauth/dkim.h"

enum { ARC_SETS_MAX = 50 };

/* The first three are those of RFC 8617 §4.4. */
enum arc_result {
	ARC_NONE, /* no field of ARC */
	ARC_PASS, /* all seals hold, and the last message signature */
	ARC_FAIL,
	ARC_TEMPERROR, /* the DNS did not answer for a key */
};

struct arc_set {
	unsigned instance;
	str domain, selector; /* of the seal */
	str results;          /* the ARC-Authentication-Results, without "i=N;" */
	str cv;               /* as the seal has it */
	/* DKIM_NONE: not looked at, since another had decided */
	enum dkim_result message_result, seal_result;
};

struct arc_outcome {
	enum arc_result result; /* of the whole chain */
	str reason;             /* fail: which set, and what is wrong with it */
	unsigned broken;        /* fail, temperror: the instance of that set; 0: of none */
	const struct arc_set
		*sets; /* by instance, from 1; where a set is incomplete: those before */
	size_t n;
	unsigned oldest_pass; /* the lowest instance whose message signature still holds; 0: all
				 hold */
};

struct arc_verifier;

/* As dkim_verifier_new() and the others: the header stays where it is until finish. */
struct arc_verifier *arc_verifier_new(str header, int64_t now) MUST_USE;
/* The same beside a verifier of DKIM for the same header, which does the pass over the body for
 * both: only that one is fed, before or after whose finish comes this one's; it must live until
 * then. */
struct arc_verifier *arc_verifier_new_beside(
	struct dkim_verifier *v, str header, int64_t now) MUST_USE;
void arc_verifier_use_keys(struct arc_verifier *v, struct dkim_keys *keys);
void arc_verifier_feed(struct arc_verifier *v, str body);
void arc_verifier_finish(
	struct arc_verifier *v, const struct dns *dns, struct arena *a, struct arc_outcome *out);
void arc_verifier_free(struct arc_verifier *v);

/* Whether a sealer that the caller trusts vouches for method ("dmarc", "spf", "dkim") with "pass".
 *
 * The chain must pass. A set is believed when its seal is of one of the domains (compared without
 * case, subdomains do not count), and nobody else can have changed the message since: its message
 * signature still holds, or all later seals are of these domains as well. Of those that are
 * believed the oldest decides, since it saw the message first; it must say so in its results, where
 * any "pass" of the method will do. Returns that set, or NULL. */
const struct arc_set *arc_trusted_pass(
	const struct arc_outcome *out, const str *domains, size_t n, str method);

const char *arc_result_name(enum arc_result result);
