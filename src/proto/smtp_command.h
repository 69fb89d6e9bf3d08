/*
 * smtp_command.h: one command line of SMTP or LMTP, parsed (RFC 5321 §4.1.1, RFC 2033 and the
 * extensions in smtp_extension.def). Pure: order of commands, policy and limits are the session's.
 */
#pragma once

#include "proto/smtp_ehlo.h"
#include "proto/smtp_host.h"
#include "proto/smtp_parameter.h"
#include "proto/smtp_path.h"
#include "proto/smtp_reply.h"
#include "proto/smtp_xclient.h"

enum smtp_verb {
	SMTP_VERB_UNKNOWN,
#define SMTP_VERB(id, how, usage) SMTP_VERB_##id,
#include "proto/smtp_verb.def"
#undef SMTP_VERB
	SMTP_VERB_NOT_SMTP, /* a line of HTTP, SSH or a TLS handshake: worth closing the connection
			     */
	SMTP_VERB_COUNT
};

struct smtp_parse_options {
	unsigned extensions; /* SMTP_EXT_ bits: parameters of any other are unknown (555) */
	bool utf8; /* RCPT, VRFY, EXPN: the transaction is SMTPUTF8. In MAIL, and in VRFY and
		      EXPN, the parameter itself says so, where that extension is announced */
	bool allow_bare_lf; /* a line may end in a bare LF */
	bool strict_helo;   /* a HELO that is neither domain nor literal is BAD_ARGUMENT */
};

struct smtp_bdat {
	uint64_t size;
	bool last;
};

struct smtp_auth {
	str mechanism;    /* as sent: compare without regard to case */
	bool has_initial; /* an initial response was given; "=" is the empty one */
	str initial;      /* its base64, not decoded or checked */
};

/* VRFY and EXPN. */
struct smtp_query {
	str text;
	bool utf8; /* SMTPUTF8 was given, RFC 6531 §3.7.4.2 */
};

/*
 * Slices point into the line or the arena. Which member of the union is filled follows from the
 * verb, and only if syntax.kind is OK.
 */
struct smtp_command {
	enum smtp_verb verb; /* known even where the syntax of the rest is wrong */
	struct smtp_syntax syntax;
	str word;     /* the verb as sent */
	str argument; /* the rest without the blanks around it; any bytes but CR, LF, NUL */
	union {
		struct smtp_host host; /* EHLO HELO LHLO: kind INVALID is accepted unless
					  strict_helo, text is then the whole argument */
		struct smtp_mail mail;
		struct smtp_rcpt rcpt;
		struct smtp_bdat bdat;
		struct smtp_auth auth;
		struct smtp_query query;
		struct smtp_xclient xclient;
	};
};

/*
 * `line` is what the session read, with its CRLF: a line without one is UNTERMINATED, one that ends
 * in LF alone BARE_LF unless allow_bare_lf. Any other CR, LF or NUL in it is reported before the
 * rest is looked at. Always fills *out; true where syntax.kind is OK.
 *
 * Takes time linear in the line and at most three times its length from the arena (NO_MEMORY where
 * that does not fit).
 */
bool smtp_command_parse(str line, const struct smtp_parse_options *options, struct arena *arena,
	struct smtp_command *out);

/* The reply that a line which did not parse has earned: code and status by its kind, text = why.
 * syntax.kind is not OK. */
struct smtp_reply smtp_command_refusal(const struct smtp_command *command);

/* "MAIL", "MAIL FROM:<sender> [parameters]"; "" for UNKNOWN and NOT_SMTP. */
const char *smtp_verb_name(enum smtp_verb verb);
const char *smtp_verb_usage(enum smtp_verb verb);
