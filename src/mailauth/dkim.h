/*
 * dkim.h: DKIM signatures (RFC 6376, 8301, 8463): verifying and making them, in one pass over the
 * message, in memory that does not depend on its size.
 *
 *     dkim_verifier_new(header) ─▶ dkim_verifier_feed(body)… ─▶ dkim_verifier_finish(dns)
 *
 * Who has the whole message, and wants SPF, ARC and DMARC as well: auth.h.
 */
#pragma once

#include "mailauth/dns.h"

enum {
	DKIM_SIGNATURES_MAX = 8, /* those after are not looked at */
	DKIM_CLOCK_SKEW = 3600,  /* seconds by which t= may lie in the future */
	DKIM_KEY_BITS_MIN = 1024,
	DKIM_KEY_BITS_GOOD = 2048,
	DKIM_KEY_BITS_MAX = 8192,
};

/* RFC 8601 §2.7.1. */
enum dkim_result {
	DKIM_NONE,      /* what is said of a message without a signature; none has it */
	DKIM_PASS,      /* the domain in d= has signed this, as it is here */
	DKIM_FAIL,      /* what was signed has changed; or not now: x= is over, t= to come */
	DKIM_POLICY,    /* valid, and not acceptable: the key is too weak */
	DKIM_NEUTRAL,   /* never given: what cannot be read is a permerror */
	DKIM_TEMPERROR, /* the DNS did not answer for the key */
	DKIM_PERMERROR, /* the signature is malformed, or there is no key that could fit */
};

struct dkim_signature {
	enum dkim_result result;
	str domain, selector, identity;  /* d=, s=, i= (or its default) */
	str algorithm;                   /* "rsa-sha256" */
	str canonicalization;            /* "relaxed/simple" */
	str signed_fields;               /* h= as it stands, folding removed */
	str signature_start;             /* the first 8 characters of b=, for header.b (RFC 6008) */
	str reason;                      /* why not pass, in words; else empty */
	unsigned key_bits;               /* 0: no key was found; Ed25519: 256 */
	bool weak_key;                   /* RSA below DKIM_KEY_BITS_GOOD */
	bool testing;                    /* the key has t=y */
	bool has_length;                 /* l=: more can be added behind what is signed */
	uint64_t length, unsigned_bytes; /* l=, and how much stands behind it */
	bool body_matches, header_matches;       /* each by itself: what broke */
	str body_hash_expected, body_hash_found; /* base64: bh=, and what the body has */
	str key_record;                          /* as found in the DNS */
	int64_t timestamp, expiration;           /* t=, x=; 0: not given */
	bool author_signed;                      /* h= has From */
};

struct dkim_outcome {
	const struct dkim_signature *signatures; /* in the order of the fields, top first */
	size_t n;
	bool more; /* there were more than DKIM_SIGNATURES_MAX */
};

/* Keys that were decoded before, by the text of their record: at least n of them. For one thread
 * at a time. Decoding an RSA key and setting it up costs about as much as verifying with it. */
struct dkim_keys;

struct dkim_keys *dkim_keys_new(size_t n) MUST_USE;
void dkim_keys_free(struct dkim_keys *keys);

struct dkim_verifier;

/* header: the whole header of the message, with its closing empty line or without; it stays where
 * it is until finish. now: seconds since 1970. */
struct dkim_verifier *dkim_verifier_new(str header, int64_t now) MUST_USE;
/* The body as it comes, in any pieces; lines may end in CRLF or LF. */
void dkim_verifier_feed(struct dkim_verifier *v, str body);
/* Before finish: where decoded keys are kept; it outlives the verifier. */
void dkim_verifier_use_keys(struct dkim_verifier *v, struct dkim_keys *keys);
/* The end of the body: asks for keys, and decides. Once. What the outcome holds is in the arena, or
 * slices of the header. Where the arena has no room for the list of signatures, there is none and
 * `more` is set. */
void dkim_verifier_finish(
	struct dkim_verifier *v, const struct dns *dns, struct arena *a, struct dkim_outcome *out);
void dkim_verifier_free(struct dkim_verifier *v);

const char *dkim_result_name(enum dkim_result result);
