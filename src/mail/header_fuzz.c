/* The fields of a header cover it without gaps. */

#include "mail/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str block = str_from(data, size);
	struct header_field f;
	struct buf b = BUF_INIT(SIZE_MAX);
	size_t at = 0;
	for (size_t before = 0; header_next(block, &at, &f); before = at) {
		ASSERT(f.offset == before && f.raw.p == block.p + before);
		ASSERT(at > before && before + f.raw.n == at);
		ASSERT(f.value.p >= f.raw.p && f.value.p + f.value.n <= f.raw.p + f.raw.n);
		header_unfold(&b, f.value);
		struct header_field first;
		ASSERT(!f.name.n || (header_find(block, f.name, &first) && first.offset <= before));
	}
	size_t length = header_length(block);
	ASSERT(length >= at && length <= at + 2 && length <= size);
	ASSERT(str_find_char(buf_str(&b), '\n') < 0);
	buf_done(&b);
	return 0;
}
