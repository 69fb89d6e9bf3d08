/* Any bytes: what is found lies within them. */
#include "store/record_fields.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void assert_within(str s, const uint8_t *data, size_t size)
{
	const char *begin = (const char *)data;
	ASSERT(s.n == 0 || (s.p >= begin && s.p + s.n <= begin + size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct record_fields f;
	record_fields(str_from(data, size), &f);
	const str all[] = { f.id, f.message_id, f.sender, f.client, f.action };
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		assert_within(all[i], data, size);
	return 0;
}
