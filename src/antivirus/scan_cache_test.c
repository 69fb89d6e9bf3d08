#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "antivirus/scan_cache.h"

static char digests[16][SCAN_DIGEST_SIZE];

static str digest(unsigned n)
{
	digests[n][0] = (char)n;
	return str_from(digests[n], SCAN_DIGEST_SIZE);
}

static void assert_known(struct scan_cache *c, unsigned n, int64_t now, const char *signature)
{
	str found;
	bool known = scan_cache_get(c, digest(n), now, &found);
	if (known != (signature != NULL) || (known && !str_equal(found, str_from_z(signature))))
		fail_msg("%u at %lld: %d %.*s", n, (long long)now, known, known ? (int)found.n : 0,
			known ? found.p : "");
}

static void clean_and_infected(void **state)
{
	struct scan_cache *c = scan_cache_new();
	scan_cache_limit(c, 4, 100);
	assert_known(c, 1, 0, NULL);
	scan_cache_put(c, digest(1), 0, STR_EMPTY);
	scan_cache_put(c, digest(2), 0, STR("Eicar"));
	assert_known(c, 1, 0, "");
	assert_known(c, 2, 0, "Eicar");
	assert_known(c, 3, 0, NULL);
	scan_cache_put(c, digest(1), 1, STR("Now-Known"));
	assert_known(c, 1, 1, "Now-Known");
	assert_int_equal(scan_cache_count(c), 2);
	scan_cache_free(c);
	scan_cache_free(NULL);
}

static void they_expire(void **state)
{
	struct scan_cache *c = scan_cache_new();
	scan_cache_limit(c, 4, 100);
	scan_cache_put(c, digest(1), 0, STR_EMPTY);
	scan_cache_put(c, digest(2), 50, STR_EMPTY);
	assert_known(c, 1, 99, "");
	assert_known(c, 1, 100, NULL);
	assert_int_equal(scan_cache_count(c), 1);
	assert_known(c, 2, 149, "");
	/* One that came again lives from then on. */
	scan_cache_put(c, digest(2), 149, STR_EMPTY);
	assert_known(c, 2, 248, "");
	assert_known(c, 2, 249, NULL);
	scan_cache_free(c);
}

static void they_are_bounded(void **state)
{
	struct scan_cache *c = scan_cache_new();
	scan_cache_limit(c, 3, 100);
	for (unsigned i = 0; i < 3; i++)
		scan_cache_put(c, digest(i), i, STR_EMPTY);
	scan_cache_put(c, digest(0), 3, STR_EMPTY); /* no longer the oldest */
	for (unsigned i = 3; i < 5; i++)
		scan_cache_put(c, digest(i), i, STR_EMPTY);
	assert_int_equal(scan_cache_count(c), 3);
	static const bool known[] = { true, false, false, true, true };
	for (unsigned i = 0; i < 5; i++)
		assert_known(c, i, 5, known[i] ? "" : NULL);
	scan_cache_limit(c, 2, 100);
	assert_int_equal(scan_cache_count(c), 0);
	scan_cache_free(c);
}

static void none_are_kept(void **state)
{
	struct scan_cache *c = scan_cache_new();
	scan_cache_put(c, digest(1), 0, STR_EMPTY);
	scan_cache_limit(c, 0, 100);
	scan_cache_put(c, digest(1), 0, STR_EMPTY);
	scan_cache_limit(c, 10, 0);
	scan_cache_put(c, digest(1), 0, STR_EMPTY);
	scan_cache_limit(c, 10, 100);
	scan_cache_put(c, STR_EMPTY, 0, STR_EMPTY); /* a message without a digest */
	assert_int_equal(scan_cache_count(c), 0);
	assert_known(c, 1, 0, NULL);
	scan_cache_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clean_and_infected),
		cmocka_unit_test(they_expire),
		cmocka_unit_test(they_are_bounded),
		cmocka_unit_test(none_are_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
