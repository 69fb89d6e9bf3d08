/*
 * store_testing.h: what the tests of the stores share: a folder for one test, gone afterwards. In
 * memory where possible: no test here needs a disk, and thousands of fsyncs take their time.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"

/* Fails the test with the error's own sentence. */
#define assert_ok(call, err)                                                                       \
	do {                                                                                       \
		int result_ = (call);                                                              \
		if (result_ < 0)                                                                   \
			fail_msg("%s: %d %s", #call, result_, (err)->text);                        \
	} while (0)

static inline int testing_remove(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	return remove(path);
}

static inline int testing_setup(void **state)
{
	const char *base = getenv("TMPDIR");
	if (!base)
		base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : P_tmpdir;
	char path[512], accounts[600];
	snprintf(path, sizeof path, "%s/postern-store.XXXXXX", base);
	if (!mkdtemp(path))
		return -1;
	snprintf(accounts, sizeof accounts, "%s/accounts", path);
	*state = str_dup_z(str_from_z(path));
	return mkdir(accounts, 0770);
}

static inline int testing_teardown(void **state)
{
	nftw(*state, testing_remove, 16, FTW_DEPTH | FTW_PHYS);
	free(*state);
	return 0;
}

#define store_test(fn) cmocka_unit_test_setup_teardown(fn, testing_setup, testing_teardown)
