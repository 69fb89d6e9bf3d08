/*
 * smtp_parameter.h: what MAIL and RCPT say: their path and their ESMTP parameters, typed (RFC 5321
 * §4.1.1.2–3, §4.1.1.11; RFC 1870, 3030, 3461, 4954, 6152, 6531, 8689).
 */
#pragma once

#include "proto/smtp_path.h"

enum { SMTP_ENVID_MAX = 100, SMTP_ORCPT_MAX = 500 }; /* characters of the encoded value, RFC 3461 */

enum smtp_body {
	SMTP_BODY_UNSTATED,
	SMTP_BODY_7BIT,
	SMTP_BODY_8BITMIME,
	SMTP_BODY_BINARYMIME,
};

enum smtp_ret {
	SMTP_RET_UNSTATED,
	SMTP_RET_FULL,
	SMTP_RET_HDRS,
};

enum smtp_notify {
	SMTP_NOTIFY_NEVER = 1, /* stands alone */
	SMTP_NOTIFY_SUCCESS = 2,
	SMTP_NOTIFY_FAILURE = 4,
	SMTP_NOTIFY_DELAY = 8,
};

struct smtp_mail {
	struct smtp_path path;
	bool has_size, has_envid, has_auth;
	bool utf8;           /* SMTPUTF8 */
	bool requiretls;     /* REQUIRETLS */
	enum smtp_body body; /* BODY= */
	enum smtp_ret ret;   /* RET= */
	uint64_t size;       /* SIZE=; more than fits is UINT64_MAX */
	str envid;           /* ENVID=, decoded from xtext */
	str auth;            /* AUTH=, decoded from xtext, not parsed; "<>" means unknown */
};

struct smtp_rcpt {
	struct smtp_path path;
	unsigned notify; /* SMTP_NOTIFY_ bits; 0 where not given */
	bool has_orcpt;
	str orcpt_type;    /* ORCPT=rfc822;…: the part before ';' */
	str orcpt_address; /* decoded from xtext; of type utf-8 it may hold \x{HEX} as sent */
	str orcpt;         /* the value as sent, to pass on */
};

/*
 * Reads the parameters in s: blanks, then keyword or keyword=value, any number of times. Values may
 * hold
 * '=' as many senders have it there. Parameters of extensions that are not in `extensions` are
 * unknown. On failure *out_syntax is set (`at` counted from s.p); *out is then half filled.
 */
bool smtp_mail_parameters_parse(str s, unsigned extensions, struct arena *arena,
	struct smtp_mail *out, struct smtp_syntax *out_syntax) MUST_USE;
bool smtp_rcpt_parameters_parse(str s, unsigned extensions, bool utf8, struct arena *arena,
	struct smtp_rcpt *out, struct smtp_syntax *out_syntax) MUST_USE;
