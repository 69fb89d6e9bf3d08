/*
 * smtp_host.h: what names a host in SMTP: a domain or an address literal (RFC 5321 §4.1.2, §4.1.3).
 *
 * Domains are checked for shape only, and neither case nor A-labels and U-labels are touched.
 * Accepted beyond the grammar: a final dot (cut off) and underscores (they are in use, in HELO
 * above all). Refused although the grammar has them: an all-numeric last label, which is a bare
 * IPv4 address or a mistake (RFC 1123 §2.1).
 */
#pragma once

#include "base/str.h"

enum { SMTP_DOMAIN_MAX = 255, SMTP_LABEL_MAX = 63 };

enum smtp_host_kind {
	SMTP_HOST_NONE, /* nothing there */
	SMTP_HOST_DOMAIN,
	SMTP_HOST_IPV4,    /* [192.0.2.1] */
	SMTP_HOST_IPV6,    /* [IPv6:2001:db8::1] */
	SMTP_HOST_GENERAL, /* [Tag:content], syntactically right, of no use to us */
	SMTP_HOST_INVALID, /* text that is neither */
};

struct smtp_host {
	enum smtp_host_kind kind;
	str text; /* slice of the input; without a final dot, with the brackets of a literal */
	bool underscore;      /* a domain with '_' in it */
	bool utf8;            /* a domain with U-labels */
	const char *why;      /* INVALID: what is wrong, else NULL */
	unsigned char ip[16]; /* IPV4: 4 bytes, IPV6: 16 bytes, network order */
};

/*
 * Reads the whole of s as a domain or, where it begins with '[', an address literal. Returns *out's
 * kind: INVALID leaves text = s, and `why` says what is wrong. Empty s gives SMTP_HOST_NONE.
 * Non-ASCII labels must be valid UTF-8 and need `allow_utf8`.
 */
enum smtp_host_kind smtp_host_parse(str s, bool allow_utf8, struct smtp_host *out);

/* An IPv4 (dotted quad, no leading zeros) or IPv6 address in text, without brackets or tag. Writes
 * 4 or 16 bytes and returns that number, or returns 0. */
size_t smtp_ip_parse(str s, unsigned char out[16]);
