/*
 * smtp_xclient.h: the arguments of XCLIENT (Postfix XCLIENT_README): attribute=value pairs, the
 * values in xtext, by which a trusted front end says who the client really is.
 */
#pragma once

#include "base/arena.h"
#include "proto/smtp_syntax.h"

enum smtp_xclient_id {
#define SMTP_XCLIENT(id) SMTP_XCLIENT_##id,
#include "proto/smtp_xclient.def"
#undef SMTP_XCLIENT
	SMTP_XCLIENT_COUNT
};

enum smtp_xclient_state {
	SMTP_XCLIENT_ABSENT, /* not mentioned: what was known stays */
	SMTP_XCLIENT_VALUE,
	SMTP_XCLIENT_UNAVAILABLE, /* [UNAVAILABLE]: does not exist */
	SMTP_XCLIENT_TEMPUNAVAIL, /* [TEMPUNAVAIL]: the lookup failed */
};

struct smtp_xclient_address {
	size_t n; /* 0, 4 or 16: bytes in ip */
	unsigned char ip[16];
};

struct smtp_xclient {
	struct {
		enum smtp_xclient_state state;
		str value; /* decoded, never with controls or NUL; ADDR, DESTADDR without "IPV6:" */
	} attribute[SMTP_XCLIENT_COUNT];
	struct smtp_xclient_address address, destination; /* ADDR, DESTADDR where VALUE */
	uint16_t port, destination_port;                  /* PORT, DESTPORT where VALUE, else 0 */
};

/* NAME and HELO are not checked as host names; PROTO is SMTP, ESMTP or LMTP. On failure *out_syntax
 * is set (`at` counted from s.p) and *out is untouched. */
bool smtp_xclient_parse(str s, struct arena *arena, struct smtp_xclient *out,
	struct smtp_syntax *out_syntax) MUST_USE;
