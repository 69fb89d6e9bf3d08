/*
 * dkim_body.h: the hashes of a body under DKIM's canonicalizations (RFC 6376 §3.4), for any number
 * of signatures in one pass.
 *
 * Each canonicalization is made, and hashed with SHA-256, once; where a signature ends early (l=)
 * the state of the hash is copied at that point.
 */
#pragma once

#include "base/str.h"

#include <openssl/types.h>

enum dkim_canon { DKIM_SIMPLE, DKIM_RELAXED };

enum { DKIM_HASH_SIZE = 32, DKIM_BODY_HASHES_MAX = 64 };

#define DKIM_BODY_WHOLE UINT64_MAX

struct dkim_body;

struct dkim_body *dkim_body_new(void) MUST_USE;
void dkim_body_free(struct dkim_body *b);

/* Asks, before the first byte, for the hash of so many bytes of the canonical body. The same
 * question again gives the same number. -1: too many different ones. */
int dkim_body_want(struct dkim_body *b, enum dkim_canon canon, uint64_t length) MUST_USE;

/* Before the first byte: SHA-256 as somebody else has looked it up, who keeps it until the body is
 * freed. */
void dkim_body_use_sha256(struct dkim_body *b, const EVP_MD *sha256);

/* Lines end in CRLF or LF, which counts as CRLF; a CR by itself is content. */
void dkim_body_feed(struct dkim_body *b, str s);
/* May be called again. */
void dkim_body_finish(struct dkim_body *b);

/* After finish. NULL: the body is shorter than that. */
const unsigned char *dkim_body_hash(const struct dkim_body *b, int number);
/* How many canonical bytes there were in all. */
uint64_t dkim_body_total(const struct dkim_body *b, int number);

/* After finish: SHA-256 of something else, with the context that is there already. OpenSSL takes
 * longer to look the hash up and to make one than to hash a header. */
void dkim_body_hash_text(struct dkim_body *b, str text, unsigned char out[DKIM_HASH_SIZE]);
