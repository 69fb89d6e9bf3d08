/*
 * smtp_reply.h: SMTP and LMTP replies as values, their wire form (RFC 5321 §4.2) with enhanced
 * status codes (RFC 2034, RFC 3463), and the parsing of a reply line that a server sent.
 */
#pragma once

#include "base/buf.h"

enum { SMTP_REPLY_LINE_MAX = 512 }; /* with code and CRLF, RFC 5321 §4.5.3.1.5 */

/* 5.1.1 is { 5, 1, 1 }; klass 0 means that there is none. */
struct smtp_status {
	uint8_t klass; /* 2, 4 or 5 */
	uint16_t subject;
	uint16_t detail;
};

struct smtp_reply {
	int code; /* 200 to 599 */
	struct smtp_status status;
	str text;  /* borrowed; '\n' (or CRLF) begins another line of the reply */
	bool utf8; /* the client asked for SMTPUTF8: valid UTF-8 in the text stays */
};

/* smtp_reply(550, 5, 1, 1, STR("No such mailbox here")) */
static inline struct smtp_reply smtp_reply(
	int code, uint8_t klass, uint16_t subject, uint16_t detail, str text)
{
	return (struct smtp_reply){ code, { klass, subject, detail }, text, false };
}

static inline bool smtp_reply_is_success(const struct smtp_reply *r)
{
	return r->code < 400;
}

static inline bool smtp_reply_is_temporary(const struct smtp_reply *r)
{
	return r->code >= 400 && r->code < 500;
}

/*
 * Appends the reply. Code and status stand on every line. Whatever is in the text, no line is
 * longer than SMTP_REPLY_LINE_MAX (long ones are continued at a space, never inside a UTF-8
 * character), a tab becomes a space, and any other control character, and 8-bit bytes unless `utf8`
 * and valid, become
 * '?': text can quote what a peer sent.
 */
void smtp_reply_format(const struct smtp_reply *reply, struct buf *out);

struct smtp_reply_line {
	int code;
	struct smtp_status status; /* klass 0 where absent or not of the code's class */
	bool last;                 /* false for "250-" */
	str text;                  /* a slice of the line, after code and status */
};

/*
 * Parses one line, with or without its CRLF or LF. A code is three digits, the first 2 to 5,
 * followed by a space, a hyphen or the end. False, *out untouched, on anything else, also where a
 * CR, LF or NUL stands inside.
 */
bool smtp_reply_line_parse(str line, struct smtp_reply_line *out) MUST_USE;
