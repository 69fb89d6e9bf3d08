/*
 * smtp_trace.h: the trace fields that a server adds: Received and Return-Path (RFC 5321 §4.4).
 *
 * Every slice may hold anything: what could end the field, open a comment or a quote is replaced by
 * '?', and each is cut to a length that keeps lines under 998 bytes. Lines are folded before column
 * 78 where there is a blank to fold at.
 */
#pragma once

#include "base/buf.h"

struct smtp_received {
	str helo;           /* as the client said it; empty is written as "unknown" */
	str client_name;    /* verified reverse name; empty is written as "unknown" */
	str client_address; /* in text, "192.0.2.1" or "2001:db8::1"; empty where there is none (a
			       Unix socket): client_name then stands alone */
	str by;             /* our host name */
	bool extended;      /* EHLO or LHLO, not HELO */
	bool lmtp;
	bool tls;
	bool authenticated;
	bool utf8;       /* SMTPUTF8: UTF-8 in the values stays */
	str tls_version; /* "TLSv1.3" */
	str tls_cipher;  /* "TLS_AES_256_GCM_SHA384" */
	str id;
	str recipient; /* mailbox as smtp_mailbox_format() writes it; empty unless there is exactly
			  one */
	str date;      /* RFC 5322 date-time */
};

/* Appends the field with its CRLF. */
void smtp_received_format(const struct smtp_received *r, struct buf *out);

/* The registered "with" protocol of r: "ESMTPSA", "UTF8LMTPS" … (RFC 3848, RFC 6531 §4.3). */
const char *smtp_received_protocol(const struct smtp_received *r);

/* Appends "Return-Path: <mailbox>" and CRLF; the empty mailbox is the null path. */
void smtp_return_path_format(str mailbox, bool utf8, struct buf *out);
