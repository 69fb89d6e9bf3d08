/* Any list is read within the promised memory, and its groups are paired. */

#include "mail/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(str value, size_t max)
{
	struct arena arena = ARENA_INIT(2 * value.n + 64 + (max + 1) * sizeof(struct address));
	struct address_list list = address_parse(&arena, value, max);
	ASSERT(list.n <= max);
	bool in_group = false;
	size_t text = 0;
	for (size_t i = 0; i < list.n; i++) {
		const struct address *a = &list.list[i];
		ASSERT(a->kind != ADDRESS_GROUP_START || !in_group);
		ASSERT(a->kind != ADDRESS_GROUP_END || in_group);
		if (a->kind != ADDRESS_MAILBOX)
			in_group = a->kind == ADDRESS_GROUP_START;
		text += a->name.n + a->adl.n + a->mailbox.n + a->host.n;
	}
	ASSERT(!in_group && text <= 2 * value.n);
	arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check(str_from(data, size), ADDRESS_LIST_MAX);
	check(str_from(data, size), 4);
	return 0;
}
