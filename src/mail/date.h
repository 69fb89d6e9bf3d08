/*
 * date.h: date and time of a message (RFC 5322 §3.3, obsolete forms of §4.3).
 */
#pragma once

#include "base/buf.h"

struct mail_date {
	int64_t seconds; /* since 1970, UTC */
	int zone;        /* minutes east of UTC; 0 where none or an unknown one was given */
};

/* Reads the value of a Date field, or what stands after the last semicolon of a Received field.
 * Tolerates a missing day name, seconds or zone, years of two and three digits, named zones,
 * comments, "22-Aug-2002", and the order of ctime(). A time that cannot be read is midnight. False
 * where there is no day, month and year (1900 to 9999) that exist; *out is untouched. */
bool date_parse(str value, struct mail_date *out) MUST_USE;

/* Appends as "Fri, 21 Nov 1997 09:55:06 -0600"; a year from 0 to 9999, a zone of less than 100
 * hours. */
void date_format(struct buf *b, struct mail_date date);
