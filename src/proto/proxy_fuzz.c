/* PROXY headers: a verdict never changes when more bytes come, and consumes what it says. */
#include "proto/proxy.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum proxy_result before = PROXY_MORE;
	size_t step = size > 256 ? size / 64 : 1;
	for (size_t n = 0;; n = MIN(n + step, size)) {
		CLEANUP(free_pointer) char *exact = xmalloc(n ? n : 1);
		if (n)
			memcpy(exact, data, n);
		struct proxy_header header = { 0 };
		size_t consumed = 0;
		const char *why = NULL;
		enum proxy_result now = proxy_parse(str_from(exact, n), &header, &consumed, &why);
		ASSERT(before == PROXY_MORE || now == before);
		ASSERT((now == PROXY_DONE) == (header.version != 0));
		ASSERT((now == PROXY_MALFORMED) == (why != NULL));
		ASSERT(consumed <= n && (now != PROXY_DONE || consumed >= 15));
		ASSERT(now != PROXY_MORE || n < PROXY_V2_MAX);
		before = now;
		if (n == size)
			return 0;
	}
}
