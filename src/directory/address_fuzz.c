/* Addresses and domains from anybody: what is accepted is stable under writing and reading. */
#include "directory/domain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = ARENA_INIT(1024 * 1024);
	str s = str_from(data, size), local, again;
	char domain[DOMAIN_TEXT_SIZE], second[DOMAIN_TEXT_SIZE];
	if (size < 4096 && mailbox_split(s, &arena, &local, domain)) {
		str text = mailbox_text(local, str_from_z(domain), &arena);
		ASSERT(mailbox_split(text, &arena, &again, second));
		ASSERT(str_equal(local, again) && strcmp(domain, second) == 0);
	}
	if (domain_normalize(s, domain))
		ASSERT(domain_normalize(str_from_z(domain), second) && strcmp(domain, second) == 0);
	arena_done(&arena);
	return 0;
}
