/*
 * sasl.h: SASL messages as IMAP and SMTP carry them: base64 lines, PLAIN (RFC 4616), LOGIN
 * (draft-murchison-sasl-login), and the server side of SCRAM (RFC 5802, 7677).
 *
 * Only the codec. Passwords pass through; SCRAM's keys and HMACs belong to another process, which
 * is given login, auth message and proof, and answers with the server's signature. Names are not
 * run through SASLprep.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"

enum {
	SASL_MAX_NAME = 512, /* bytes of a login or authorization identity */
	SASL_MAX_PASSWORD = 1024,
	SASL_MAX_NONCE = 1024,
	SASL_MAX_MESSAGE = 8192, /* decoded, any client message */
	SASL_MAX_PROOF = 64,
};

enum sasl_mechanism {
	SASL_NONE, /* not one that we know */
	SASL_PLAIN,
	SASL_LOGIN,
	SASL_SCRAM_SHA_1,
	SASL_SCRAM_SHA_1_PLUS,
	SASL_SCRAM_SHA_256,
	SASL_SCRAM_SHA_256_PLUS,
};

enum sasl_mechanism sasl_mechanism_find(str name);      /* in any case */
const char *sasl_mechanism_name(enum sasl_mechanism m); /* "SCRAM-SHA-256"; NULL for SASL_NONE */

enum sasl_line {
	SASL_LINE_OK,      /* decoded */
	SASL_LINE_CANCEL,  /* "*": the client gives up */
	SASL_LINE_INVALID, /* not base64, or longer than SASL_MAX_MESSAGE */
};

/* A client's line (CRLF removed) in an exchange. Appends what it encodes. */
enum sasl_line sasl_line_decode(str line, struct buf *out) MUST_USE;
/* The initial response in the command itself, where "=" is an empty one (RFC 4959, 4954). */
enum sasl_line sasl_initial_decode(str word, struct buf *out) MUST_USE;

struct sasl_plain {
	str authzid;  /* may be empty */
	str authcid;  /* the login, not empty */
	str password; /* not empty */
};

/* Slices of message. False unless it is three UTF-8 strings within the limits above. */
bool sasl_plain_parse(str message, struct sasl_plain *out) MUST_USE;

/* LOGIN's two challenges, ready in base64, and the check of each answer (UTF-8, no NUL, not empty,
 * at most max bytes). */
#define SASL_LOGIN_USERNAME STR("VXNlcm5hbWU6")
#define SASL_LOGIN_PASSWORD STR("UGFzc3dvcmQ6")
bool sasl_login_valid(str answer, size_t max) MUST_USE;

/* ---- SCRAM ---- */

enum scram_binding {
	SCRAM_BINDING_NONE,   /* "n": the client does not support it */
	SCRAM_BINDING_UNUSED, /* "y": the client thinks that we do not; fail if we offered -PLUS */
	SCRAM_BINDING_USED,   /* "p=name": only with -PLUS */
};

/* What the server must remember of the first message; all of it in the arena. */
struct scram_client_first {
	enum scram_binding binding;
	str binding_name; /* "tls-server-end-point", "tls-exporter"; for USED */
	str authzid;      /* decoded; may be empty */
	str login;        /* decoded, not empty */
	str nonce;
	str gs2_header; /* as sent: "n,," */
	str bare;       /* as sent, for the auth message */
};

/* RFC 5802 §7. On failure *out_error is a constant, a server-error-value ("invalid-encoding"). */
bool scram_client_first_parse(str message, struct arena *a, struct scram_client_first *out,
	const char **out_error) MUST_USE;

/* Appends "r=…,s=…,i=…". salt is raw; server_nonce has 1 to 128 printable characters, no comma. */
void scram_server_first_format(struct buf *b, const struct scram_client_first *first,
	str server_nonce, str salt, unsigned iterations);

struct scram_client_final {
	str proof;        /* raw: as long as the hash; the caller compares that */
	str auth_message; /* client-first-bare , server-first , client-final-without-proof */
};

/* Checks the channel binding (binding_data is the TLS layer's, used only for USED) and that the
 * nonce is the whole one of server_first, which is exactly what was sent. Results are in the
 * arena. */
bool scram_client_final_parse(str message, const struct scram_client_first *first, str server_first,
	str binding_data, struct arena *a, struct scram_client_final *out,
	const char **out_error) MUST_USE;

/* Appends "v=…" with the server's signature (raw). */
void scram_server_final_format(struct buf *b, str signature);
/* Appends "e=…"; error is a server-error-value of RFC 5802 §7, "invalid-proof". */
void scram_server_error_format(struct buf *b, str error);
