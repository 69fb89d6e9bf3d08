/*
 * why_story.h: a decision record, told to someone at a terminal.
 *
 * Records are data of peers in the end: whatever is in the JSON, and even if it is none, a text
 * comes out, bounded, in valid UTF-8 and without anything that a terminal would obey.
 */
#pragma once

#include "main/why_text.h"
#include "store/records.h"

#include "base/buf.h"

#include <jansson.h>

/* The record and its deliveries, read; done with why_free(). */
struct why {
	int64_t time;
	json_t *record, *deliveries; /* NULL where they cannot be read */
};
void why_read(const struct record *record, struct why *out);
void why_free(struct why *w);

/* The address of an account, in memory of the callee; empty where it is not known. */
struct why_names {
	str (*account)(void *context, uint64_t id);
	void *context;
};

void why_story(const struct why *w, const struct why_names *names, struct buf *out);

/* One line: time, id, action, score, from, to, subject. */
void why_row(const struct why *w, struct buf *out);

/* Whether it is from, or to, that address: in the envelope or, for the sender, the header. Upper
 * and lower case are the same. Empty: anyone. */
bool why_matches(const struct why *w, str from, str to);
