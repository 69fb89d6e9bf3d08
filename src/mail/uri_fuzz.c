/* Plain text and one URI: hosts are ASCII or marked, and nesting ends. */

#include "mail/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = ARENA_INIT(4 * 1024 * 1024);
	struct uri_set set;
	str s = str_from(data, size);
	uri_set_init(&set, &arena);
	uri_set_add(&set, s, STR("http://base.example/a/"), STR_EMPTY, URI_IN_LINK);
	uri_set_add(&set, s, STR_EMPTY, STR_EMPTY, URI_IN_LINK);
	uri_set_add_text(&set, s, URI_IN_TEXT);
	ASSERT(set.n <= URI_MAX);
	for (size_t i = 0; i < set.n; i++) {
		const struct uri_found *f = &set.list[i];
		ASSERT(f->where && f->count && f->parent <= i && f->nesting <= URI_NESTING_MAX);
		ASSERT(f->uri.host.n <= URI_HOST_MAX && f->uri.scheme.n);
	}
	uri_set_done(&set);
	arena_done(&arena);
	return 0;
}
