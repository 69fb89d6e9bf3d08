/*
 * pack_test.c: what is packed comes back whole, and nothing else does.
 */
#include "store/pack.h"

#include "base/random.h"
#include "store/account.h"
#include "store/store_testing.h"

#include <stdlib.h>
#include <string.h>

enum { SIZE = ACCOUNT_CHUNK_SIZE };

struct rooms {
	char in[SIZE], packed[SIZE], out[SIZE];
};

static void fill_text(char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = "From here to there and back again.\r\n"[(i + i / 1000) % 36];
}

static const size_t sizes[] = { 8 * 1024, 8 * 1024 + 1, 100000, SIZE - 1, SIZE };

static void test_text(void **state)
{
	struct rooms *r = xmalloc(sizeof *r);
	struct packer *p = packer_new();
	fill_text(r->in, SIZE);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		size_t n = packer_pack(p, str_from(r->in, sizes[i]), r->packed);
		assert_true(n > 0 && n < sizes[i] / 2);
		memset(r->out, 0, SIZE);
		assert_true(unpack(str_from(r->packed, n), r->out, sizes[i]));
		assert_memory_equal(r->out, r->in, sizes[i]);
	}
	packer_free(p);
	free(r);
}

static void test_not_worth_it(void **state)
{
	struct rooms *r = xmalloc(sizeof *r);
	struct packer *p = packer_new();
	fill_text(r->in, SIZE);
	assert_int_equal(packer_pack(p, STR_EMPTY, r->packed), 0);
	assert_int_equal(packer_pack(p, str_from(r->in, 8 * 1024 - 1), r->packed), 0);
	random_bytes(r->in, SIZE);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		assert_int_equal(packer_pack(p, str_from(r->in, sizes[i]), r->packed), 0);
	packer_free(p);
	free(r);
}

/* Cut short, of another size, or with any one byte changed. */
static void test_damage(void **state)
{
	struct rooms *r = xmalloc(sizeof *r);
	struct packer *p = packer_new();
	enum { N = 20000 };
	fill_text(r->in, N);
	size_t n = packer_pack(p, str_from(r->in, N), r->packed);
	assert_true(n > 0);
	for (size_t i = 0; i < n; i++) {
		assert_false(unpack(str_from(r->packed, i), r->out, N));
		r->packed[i] ^= 0x40;
		if (unpack(str_from(r->packed, n), r->out, N))
			assert_memory_equal(r->out, r->in, N);
		r->packed[i] ^= 0x40;
	}
	assert_false(unpack(str_from(r->packed, n), r->out, N - 1));
	assert_false(unpack(str_from(r->packed, n), r->out, N + 1));
	assert_false(unpack(str_from(r->in, N), r->out, N));
	packer_free(p);
	free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_not_worth_it),
		cmocka_unit_test(test_damage),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
