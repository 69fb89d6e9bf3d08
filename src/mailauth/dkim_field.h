/*
 * dkim_field.h: the value of a DKIM-Signature (RFC 6376 §3.5), and of the fields of ARC that look
 * like one (RFC 8617 §4.1).
 */
#pragma once

#include "mailauth/dkim_header.h"
#include "mailauth/dkim_key.h"

enum dkim_field_kind { DKIM_FIELD_SIGNATURE, DKIM_FIELD_ARC_MESSAGE, DKIM_FIELD_ARC_SEAL };

struct dkim_field {
	struct header_field field;
	const char *wrong; /* NULL: well formed */
	str b;             /* all between "b=" and ";": it is not part of what is signed */
	str algorithm, canon, domain, selector, identity, names, body_hash, cv;
	enum dkim_algorithm algorithm_id;
	enum dkim_canon header_canon, body_canon;
	bool has_length;
	uint64_t length;                        /* l=, else DKIM_BODY_WHOLE */
	uint64_t instance;                      /* ARC's i=; 0: missing or wrong */
	unsigned char expected[DKIM_HASH_SIZE]; /* bh= */
	int64_t timestamp, expiration;
	bool author_signed;
};

/* Slices of the field. Tags before the first mistake are filled in. */
void dkim_field_parse(
	const struct header_field *field, enum dkim_field_kind kind, struct dkim_field *out);

/* Decodes base64 with white space into at most max bytes. */
bool dkim_field_decode(struct buf *out, str s) MUST_USE;

/* The hash of what is signed: the fields of h= and the field itself without b=. The body is
 * finished. */
void dkim_field_hash(const struct dkim_field *f, struct dkim_header *h, struct dkim_body *body,
	unsigned char out[DKIM_HASH_SIZE]);

/* Copies what the field says into the report. */
void dkim_field_report(const struct dkim_field *f, struct arena *a, struct dkim_signature *out);

/* Asks for the key, verifies, and compares the body's hash. */
void dkim_field_verify(const struct dkim_field *f, struct dkim_header *h, struct dkim_body *body,
	int body_number, const struct dns *dns, struct dkim_keys *keys, int64_t now,
	struct arena *a, struct dkim_signature *out);

/* For ARC, which has its hashes made in the same pass. */
struct dkim_body *dkim_verifier_body(struct dkim_verifier *v);
