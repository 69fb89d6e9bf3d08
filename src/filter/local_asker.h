/*
 * local_asker.h: our own lists, as the directory knows them, for one call of the filter.
 */
#pragma once

#include "directory/directory_calls.h"
#include "filter/judge.h"

struct local_asker {
	struct task *t;
	const struct directory_calls *calls;
};

/* Both must outlive the source. -EBADMSG for an answer that cannot be one. */
struct local_source local_source_over(struct local_asker *asker);
