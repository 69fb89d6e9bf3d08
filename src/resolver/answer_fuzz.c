/* Messages with any content; the first byte chooses the type. What is found has the form that
 * dns_record_parse() takes, but for names that are no text. */
#include "resolver/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a CLEANUP(arena_done) = ARENA_INIT(2 * 1024 * 1024);
	struct answer answer;
	if (size == 0)
		return 0;
	enum dns_type type = (enum dns_type)(data[0] % 64);
	answer_parse(str_from(data + 1, size - 1), type, &a, &answer);
	ASSERT((answer.status == DNS_FOUND) == (answer.n > 0));
	ASSERT((answer.status == DNS_TEMPORARY) == (*answer.why != '\0'));
	size_t bytes = 0;
	for (size_t i = 0; i < answer.n; i++)
		bytes += answer.rdata[i].n;
	ASSERT(answer.n <= ANSWER_RECORDS_MAX && bytes <= 2 * ANSWER_BYTES_MAX);
	return 0;
}
