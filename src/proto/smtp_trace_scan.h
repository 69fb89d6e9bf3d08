/*
 * smtp_trace_scan.h: looks at the header section of a message as it passes by, without keeping it:
 * the number of Received fields (loop detection, RFC 5321 §6.3) and of the few others that a server
 * may have to add or refuse. Fed with what smtp_data gives out, at any split.
 *
 * The header ends at the first empty line. CRLF and LF both end a line. Names match without regard
 * to case, also with blanks before the colon (RFC 5322 §4.5).
 */
#pragma once

#include "base/str.h"

#define SMTP_TRACE_FIELDS(X)                                                                       \
	X(RECEIVED, "received")                                                                    \
	X(RETURN_PATH, "return-path")                                                              \
	X(DELIVERED_TO, "delivered-to")                                                            \
	X(FROM, "from")                                                                            \
	X(DATE, "date")                                                                            \
	X(MESSAGE_ID, "message-id")

enum smtp_trace_field {
#define X(id, name) SMTP_TRACE_##id,
	SMTP_TRACE_FIELDS(X)
#undef X
		SMTP_TRACE_FIELD_COUNT
};

struct smtp_trace_scan {
	unsigned count[SMTP_TRACE_FIELD_COUNT];
	uint64_t header_bytes; /* with the empty line, once it has come */
	bool header_ended;
	bool eight_bit; /* a byte above 127 in the header: needs SMTPUTF8, strictly */
	/* private */
	int state;
	uint8_t name_n;
	char name[16];
};

void smtp_trace_scan_init(struct smtp_trace_scan *scan);
void smtp_trace_scan_feed(struct smtp_trace_scan *scan, str span);
