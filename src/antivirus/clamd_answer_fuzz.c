/*
 * Answers with any content; the first byte chooses the pieces in which they come. However they
 * come, the same is understood, and what is told of it is printable.
 */
#include "antivirus/clamd_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_in_pieces(struct clamd_reader *r, str said, size_t piece)
{
	bool whole = false;
	while (said.n && !whole) {
		whole = clamd_read(r, str_first(said, piece));
		said = str_skip(said, piece);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	struct clamd_reader at_once = { .n = 0 }, pieces = { .n = 0 };
	struct clamd_answer a, b;
	str said = str_from(data + 1, size - 1);
	read_in_pieces(&at_once, said, said.n);
	read_in_pieces(&pieces, said, 1 + data[0] % 64U);
	clamd_understand(&at_once, &a);
	clamd_understand(&pieces, &b);
	ASSERT(a.kind == b.kind && strcmp(a.text, b.text) == 0);
	ASSERT(a.kind < CLAMD_UNREACHABLE && strlen(a.text) < CLAMD_TEXT_SIZE);
	for (const char *p = a.text; *p; p++)
		ASSERT(*p >= ' ' && *p < 127);
	bool told = a.kind == CLAMD_INFECTED || a.kind == CLAMD_UNSCANNABLE ||
		    a.kind == CLAMD_ERROR || a.kind == CLAMD_REFUSED || a.kind == CLAMD_CLOSED;
	ASSERT(!told || *a.text);
	return 0;
}
