/*
 * tally.h: how often each finding was made, until that is written (records_count()).
 */
#pragma once

#include "base/map.h"
#include "store/records.h"

struct tally {
	struct map counts; /* of struct finding_count by name, owned */
};

void tally_init(struct tally *t);
void tally_done(struct tally *t);

/* Counts one message that was judged, and what was found in it. Names that can be none, and those
 * beyond FINDING_NAMES_MAX, are left out. */
void tally_add(struct tally *t, const str *names, size_t n, bool spam);

/* Adds what `from` has, and empties that. */
void tally_merge(struct tally *into, struct tally *from);

/* At most `max` of its counts, in no order; how many. Their names stand until it changes. */
size_t tally_list(const struct tally *t, struct finding_count *out, size_t max);
