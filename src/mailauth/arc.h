/*
 * arc.h: the Authenticated Received Chain (RFC 8617): what servers on the way vouch for.
 */
#pragma once

#include "mailauth/dkim.h"

enum { ARC_SETS_MAX = 50 };

enum arc_result { ARC_NONE, ARC_PASS, ARC_FAIL, ARC_TEMPERROR };

struct arc_set {
	unsigned instance;
	str domain, selector; /* of the seal */
	str results;          /* the ARC-Authentication-Results, without "i=N;" */
	str cv;               /* as the seal has it */
};

struct arc_outcome {
	enum arc_result result;     /* of the whole chain */
	str reason;                 /* fail: which set, and what is wrong with it */
	const struct arc_set *sets; /* by instance, from 1 */
	size_t n;
	unsigned oldest_pass; /* the lowest instance whose message signature still holds; 0: all
				 hold */
};

struct arc_verifier;

struct arc_verifier *arc_verifier_new(str header, int64_t now) MUST_USE;
void arc_verifier_feed(struct arc_verifier *v, str body);
void arc_verifier_finish(
	struct arc_verifier *v, const struct dns *dns, struct arena *a, struct arc_outcome *out);
void arc_verifier_free(struct arc_verifier *v);

const char *arc_result_name(enum arc_result result);
