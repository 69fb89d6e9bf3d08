/*
 * imap_date.h: IMAP's dates (RFC 3501 §9: date, date-time), in the proleptic Gregorian calendar.
 */
#pragma once

#include "base/buf.h"

struct imap_date_time {
	int64_t seconds;  /* since 1970-01-01 00:00:00 UTC */
	int zone_minutes; /* east of UTC; what the writer's clock showed, within a day */
};

/* A date-text, "1-Feb-1994" or "01-Feb-1994", as days since 1970-01-01. */
bool imap_date_parse(str s, int32_t *out_day) MUST_USE;

/* A date-time without its quotes: " 1-Feb-1994 21:52:25 -0800". */
bool imap_date_time_parse(str s, struct imap_date_time *out) MUST_USE;

/* The date-time in quotes, as INTERNALDATE has it. Years beyond 1..9999 are clamped. */
void imap_date_time_format(struct buf *b, struct imap_date_time t);

/* The day that the writer's calendar showed, which is what SEARCH ON, SINCE and BEFORE compare. */
int32_t imap_date_time_day(struct imap_date_time t);
