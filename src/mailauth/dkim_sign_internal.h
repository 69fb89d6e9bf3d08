/*
 * dkim_sign_internal.h: what signing and sealing share.
 */
#pragma once

#include "mailauth/dkim_field.h"
#include "mailauth/dkim_sign.h"

/* A field under construction, folded at tags. */
struct dkim_draft {
	struct buf text;
	size_t line; /* where the line began */
	size_t b;    /* where the value of b= goes */
	bool first;
};

void dkim_draft_begin(struct dkim_draft *d, str name);
void dkim_draft_done(struct dkim_draft *d);
void dkim_draft_tag(struct dkim_draft *d, str name, str value);
void dkim_draft_time(struct dkim_draft *d, str name, int64_t value); /* 0: left out */
/* A list "a:b:c", folded between its items where it is long. */
void dkim_draft_list(struct dkim_draft *d, str name, str list);
void dkim_draft_b(struct dkim_draft *d); /* the place of b= */
/* The draft as a field, b= empty. */
struct header_field dkim_draft_field(const struct dkim_draft *d);
/* Signs the hash and appends the whole with its CRLF. */
bool dkim_draft_sign(const struct dkim_draft *d, const struct dkim_signs *key,
	const unsigned char hash[DKIM_HASH_SIZE], struct buf *out, struct err *err) MUST_USE;

/* The same for a draft over the message: its hash is made of the fields in names. What was written
 * is read again: what our verifier would not accept is not sent. */
bool dkim_draft_finish(const struct dkim_draft *d, const struct dkim_signing *how,
	struct dkim_header *h, struct dkim_body *body, str names, enum dkim_field_kind kind,
	struct buf *out, struct err *err) MUST_USE;

str dkim_signing_canon(const struct dkim_signing *how);
str dkim_signing_algorithm(const struct dkim_signing *how);
/* Whether what the caller chose can stand in a tag list. */
bool dkim_signing_valid(const struct dkim_signing *how, struct err *err) MUST_USE;
/* h=: each name of fields as often as it occurs, and once more where oversign has it. */
bool dkim_signing_names(const struct dkim_header *h, str fields, str oversign, struct buf *out,
	struct err *err) MUST_USE;

/* dkim_private_key_new(), whatever its size: tests have keys that are too small. */
struct dkim_private_key *dkim_private_key_wrap(EVP_PKEY *pkey) MUST_USE;
