/*
 * scram.h: the server's keys of SCRAM-SHA-256 (RFC 5802, RFC 7677). The messages of the exchange
 * are elsewhere; here is what the password turns into, and the proof.
 *
 * Stored as RFC 5803 writes it: SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY, all in base64.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

enum {
	SCRAM_KEY_SIZE = 32,
	SCRAM_SALT_SIZE = 16, /* of those made here */
	SCRAM_SALT_MAX = 64,
	SCRAM_ITERATIONS = 15000, /* RFC 7677 §4 */
	SCRAM_ITERATIONS_MIN = 4096,
	SCRAM_ITERATIONS_MAX = 10 * 1000 * 1000,
	SCRAM_TEXT_MAX = 256,
};

struct scram_verifier {
	unsigned char salt[SCRAM_SALT_MAX];
	size_t salt_size;
	unsigned iterations;
	unsigned char stored_key[SCRAM_KEY_SIZE];
	unsigned char server_key[SCRAM_KEY_SIZE];
};

/* With a fresh salt; some 10 ms. */
int scram_verifier_make(str password, struct scram_verifier *out, struct err *err) MUST_USE;

/* With that salt (at most SCRAM_SALT_MAX bytes) and count. */
int scram_verifier_derive(str password, str salt, unsigned iterations, struct scram_verifier *out,
	struct err *err) MUST_USE;

/* What looks like a verifier of `name`, always the same for the same secret, and that no password
 * fits: the exchange with an account that does not exist goes on like any other. */
void scram_verifier_invent(
	const unsigned char secret[static SCRAM_KEY_SIZE], str name, struct scram_verifier *out);

/* False, *out untouched, on anything that is not exactly such a text. */
bool scram_verifier_parse(str text, struct scram_verifier *out) MUST_USE;
void scram_verifier_format(const struct scram_verifier *v, struct buf *out);

/* Whether the client's proof fits (RFC 5802 §3), in constant time. With true, *out_signature is
 * ServerSignature, to be sent as v=. */
bool scram_verify(const struct scram_verifier *v, str auth_message, str proof,
	unsigned char out_signature[static SCRAM_KEY_SIZE]) MUST_USE;
