/*
 * dkim_sign.h: making DKIM signatures (RFC 6376 §5) and ARC seals (RFC 8617 §5.1), in one pass over
 * the message, in memory that does not depend on its size.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "mailauth/arc.h"

#include <openssl/types.h>

/* Signed as often as they occur, in this order. */
#define DKIM_SIGN_FIELDS                                                                           \
	"From:Reply-To:Subject:Date:To:Cc:Sender:Message-ID:In-Reply-To:References:MIME-Version:"  \
	"Content-Type:Content-Transfer-Encoding:Content-Disposition:List-Id:List-Unsubscribe:"     \
	"List-Unsubscribe-Post"
/* Signed once more than they occur, so that none can be added. */
#define DKIM_OVERSIGN_FIELDS                                                                       \
	"From:Reply-To:Subject:Date:To:Cc:Message-ID:MIME-Version:Content-Type:"                   \
	"Content-Transfer-Encoding"

enum { DKIM_SIGN_OCCURRENCES_MAX = 64 }; /* of one field */

/* Whether it can be a domain or a selector in a signature: labels of letters, digits, "-" and "_".
 */
bool dkim_name_valid(str s);

enum dkim_algorithm { DKIM_RSA_SHA256, DKIM_ED25519_SHA256 };

/* Who signs: a private key, or whoever keeps it. */
struct dkim_signs {
	enum dkim_algorithm algorithm;
	/* Appends the signature of a SHA-256 hash. False, with a sentence: there is none. */
	bool (*sign)(void *context, str hash, struct buf *out, struct err *err);
	void *context;
};

/* A private key, ready to sign with: not for two threads at a time. */
struct dkim_private_key;

/* In PEM, unencrypted. NULL, with a sentence that says nothing of the key, where it is none, or
 * neither RSA nor Ed25519, or RSA below DKIM_KEY_BITS_MIN or above DKIM_KEY_BITS_MAX. */
struct dkim_private_key *dkim_private_key_parse(str pem, struct err *err) MUST_USE;
/* The same of a key of OpenSSL's, which stays the caller's. */
struct dkim_private_key *dkim_private_key_new(EVP_PKEY *pkey, struct err *err) MUST_USE;
void dkim_private_key_free(struct dkim_private_key *key);
/* Valid as long as the key. */
struct dkim_signs dkim_private_key_signs(struct dkim_private_key *key);
unsigned dkim_private_key_bits(const struct dkim_private_key *key); /* Ed25519: 256 */
/* Appends what the DNS has to say: "v=DKIM1; k=…; p=…". */
void dkim_private_key_record(const struct dkim_private_key *key, struct buf *out);

/* Strings stay where they are until finish. */
struct dkim_signing {
	str domain, selector;
	str identity;         /* i=; empty: none */
	str fields, oversign; /* lists "A:B"; empty: those above. From is always signed by DKIM */
	bool simple_header, simple_body; /* not relaxed */
	int64_t time, expiration;        /* t=, x=; 0: none */
	struct dkim_signs key;
};

struct dkim_signer;

/* The header stays where it is until finish. The signature goes above it. */
struct dkim_signer *dkim_signer_new(str header, const struct dkim_signing *how) MUST_USE;
void dkim_signer_feed(struct dkim_signer *s, str body);
/* Appends "DKIM-Signature: …", folded, with its final CRLF. Once. False, with nothing appended and
 * a sentence: no From, a field more than DKIM_SIGN_OCCURRENCES_MAX times, names that could not
 * stand in the tag list, no signature. */
bool dkim_signer_finish(struct dkim_signer *s, struct buf *out, struct err *err) MUST_USE;
void dkim_signer_free(struct dkim_signer *s);

struct arc_sealer;

/* The same for ARC: how->identity and how->expiration are not used, fields that are oversigned are
 * those of how->oversign only. */
struct arc_sealer *arc_sealer_new(str header, const struct dkim_signing *how) MUST_USE;
/* As arc_verifier_new_beside(): the verifier does the pass over the body, and must live until
 * arc_sealer_finish(). */
struct arc_sealer *arc_sealer_new_beside(
	struct dkim_verifier *v, str header, const struct dkim_signing *how) MUST_USE;
void arc_sealer_feed(struct arc_sealer *s, str body);
/* Appends ARC-Seal, ARC-Message-Signature and ARC-Authentication-Results, which go above the
 * header. chain: what was found about the chain that came. results: "authserv-id; spf=pass …" in
 * one line or folded. False, with nothing appended: as above; or the chain is not to be continued,
 * since it is full, was not evaluated for a temporary reason, or has failed before (§5.1). */
bool arc_sealer_finish(struct arc_sealer *s, const struct arc_outcome *chain, str results,
	struct buf *out, struct err *err) MUST_USE;
void arc_sealer_free(struct arc_sealer *s);
/* The instance of the set that it makes. */
unsigned arc_sealer_instance(const struct arc_sealer *s);
/* Whether the chain is one to be continued. */
bool arc_sealer_may(const struct arc_sealer *s, const struct arc_outcome *chain);
