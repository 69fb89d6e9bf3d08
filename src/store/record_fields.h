/*
 * record_fields.h: what a decision record is found by, read off its JSON as base/json.h wrote it.
 *
 * A scan, not a parser: it is run for each message. What is not there, or not as expected, is empty
 * or 0. Texts stay as they are in the JSON, escapes included, and point into it.
 */
#pragma once

#include "base/str.h"

struct record_fields {
	str id, message_id, sender, client, action;
	int64_t score; /* in hundredths */
};

void record_fields(str json, struct record_fields *out);

/* A Message-ID as it is compared: without its angle brackets. */
str record_message_id(str s);
