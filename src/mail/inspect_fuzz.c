/* Any bytes, under a name that makes text a script: what comes out is within the limits. */

#include "mail/inspect.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One for all runs: loading takes longer than a run. */
static struct inspector *inspector(void)
{
	static struct inspector *one;
	if (!one)
		one = inspector_new(NULL);
	ASSERT(one);
	return one;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = ARENA_INIT(INSPECT_ARENA_MAX);
	struct inspection out;
	inspect(inspector(), &arena, str_from(data, size), STR("a.js"), STR("text/plain"), &out);
	ASSERT(out.type.n && out.class < INSPECT_CLASSES);
	ASSERT(out.entries_n <= INSPECT_ENTRIES_MAX && out.uris_n <= INSPECT_URIS_MAX);
	ASSERT(out.unpacked <= INSPECT_UNPACKED_MAX);
	for (size_t i = 0; i < out.entries_n; i++) {
		const struct inspect_entry *e = &out.entries[i];
		ASSERT(e->parent <= i && e->depth < INSPECT_DEPTH_MAX);
		ASSERT(e->parent == 0 || out.entries[e->parent - 1].depth + 1 == e->depth);
	}
	arena_done(&arena);
	return 0;
}
