/*
 * smtp_data.h: message content as it comes in by DATA or BDAT, turned into the bytes to store.
 *
 * A line begins after CRLF and nowhere else, so only CRLF "." CRLF ends DATA (RFC 5321 §4.1.1.4),
 * only a dot after CRLF is unstuffed, and no mixture of bare CR and LF can end a message early:
 * what one server takes for text can never be commands to this one ("SMTP smuggling", SEC Consult,
 * December 2023). What to do with bare CR and LF otherwise is the policy.
 */
#pragma once

#include "base/str.h"

enum smtp_framing {
	SMTP_FRAMING_DOT,   /* DATA: dots are unstuffed, CRLF.CRLF ends it */
	SMTP_FRAMING_CHUNK, /* BDAT: the session counts; call smtp_data_finish() after the last one
			     */
};

enum smtp_bare_policy {
	SMTP_BARE_REFUSE,    /* passed through and reported: read to the end, then refuse */
	SMTP_BARE_NORMALIZE, /* bare LF becomes CRLF, bare CR a space */
	SMTP_BARE_KEEP,      /* passed through: BODY=BINARYMIME */
};

struct smtp_bare {
	uint64_t count;
	uint64_t offset; /* of the first one, in bytes as they came over the wire */
	uint64_t line;   /* of the first one; lines end in CRLF and count from 1 */
};

/* The caller may read every field; only the functions write. */
struct smtp_data {
	enum smtp_framing framing;
	enum smtp_bare_policy policy;
	int state;
	bool ended;        /* the end was seen: what is left of the input are commands */
	bool eight_bit;    /* a byte above 127 */
	bool nul;          /* a NUL byte */
	uint64_t taken;    /* wire bytes consumed, with dots and end mark */
	uint64_t bytes;    /* message bytes given out */
	uint64_t line;     /* number of the line that comes next, from 1 */
	uint64_t column;   /* bytes of the line so far */
	uint64_t max_line; /* longest line given out, without its CRLF */
	struct smtp_bare cr, lf;
};

void smtp_data_init(struct smtp_data *d, enum smtp_framing framing, enum smtp_bare_policy policy);

/*
 * Consumes from the front of *in and gives the next bytes of the message, never none, in *out_span:
 * a slice of *in, or a constant; in ordinary mail one span an input. False where there is no more:
 **in is empty, or the end was reached (d->ended; *in is then what follows, pipelined commands).
 *
 *	while (smtp_data_next(&d, &in, &span))
 *		write(span);
 */
bool smtp_data_next(struct smtp_data *d, str *in, str *out_span) MUST_USE;

/* The end of the message after the last chunk: gives the bytes still held back (at most one), or an
 * empty span, and sets d->ended. For SMTP_FRAMING_CHUNK only. */
str smtp_data_finish(struct smtp_data *d);

/* True where the policy is REFUSE and a bare CR or LF came by. */
bool smtp_data_refused(const struct smtp_data *d);

/* True where what was given out so far is empty or ends in a line end. */
bool smtp_data_at_line_start(const struct smtp_data *d);
