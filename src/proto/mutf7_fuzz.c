/*
 * Modified UTF-7 has one form for each name: what decodes encodes to the same bytes, and what
 * encodes decodes to the same name.
 */
#include "proto/mutf7.h"

#include "base/utf8.h"

static void check_decode(str in)
{
	struct buf name CLEANUP(buf_done) = BUF_INIT(1 << 20);
	struct buf wire CLEANUP(buf_done) = BUF_INIT(1 << 20);
	if (!mutf7_decode(&name, in))
		return;
	ASSERT(utf8_valid(buf_str(&name)));
	ASSERT(mutf7_encode(&wire, buf_str(&name)));
	ASSERT(str_equal(buf_str(&wire), in));
}

static void check_encode(str in)
{
	struct buf name CLEANUP(buf_done) = BUF_INIT(1 << 20);
	struct buf wire CLEANUP(buf_done) = BUF_INIT(1 << 20);
	bool ok = mutf7_encode(&wire, in);
	ASSERT(ok == utf8_valid(in));
	if (!ok)
		return;
	ASSERT(mutf7_decode(&name, buf_str(&wire)));
	ASSERT(str_equal(buf_str(&name), in));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_decode(str_from(data, size));
	check_encode(str_from(data, size));
	return 0;
}
