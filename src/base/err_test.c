#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/err.h"

#include <errno.h>

static void it_returns_the_error(void **state)
{
	struct err err;
	assert_int_equal(err_set(&err, EINVAL, "line %d", 3), -EINVAL);
	assert_string_equal(err.text, "line 3");
	assert_int_equal(err_errno(&err, ENOENT, "%s", "file"), -ENOENT);
	assert_string_equal(err.text, "file: No such file or directory");
	assert_int_equal(err_errno(&err, 4000, "odd"), -4000);
	assert_string_equal(err.text, "odd: unknown error");
	assert_int_equal(err_set(NULL, EIO, "nobody asks"), -EIO);
	assert_int_equal(err_errno(NULL, EIO, "nobody asks"), -EIO);
}

static void long_texts_are_cut(void **state)
{
	struct err err;
	for (int n = (int)sizeof err.text - 40; n < (int)sizeof err.text + 3; n++) {
		assert_int_equal(err_errno(&err, EIO, "%0*d", n, 0), -EIO);
		size_t full = (size_t)n + strlen(": Input/output error");
		assert_int_equal(strlen(err.text), MIN(full, sizeof err.text - 1));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_returns_the_error),
		cmocka_unit_test(long_texts_are_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
