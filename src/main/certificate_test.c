#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"
#include "main/certificate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
	char dir[64], certificate[80], key[80], other[80], other_key[80];
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof *f);
	*state = f;
	strcpy(f->dir, "/tmp/postern-certificate-XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	snprintf(f->certificate, sizeof f->certificate, "%s/c", f->dir);
	snprintf(f->key, sizeof f->key, "%s/k", f->dir);
	snprintf(f->other, sizeof f->other, "%s/c2", f->dir);
	snprintf(f->other_key, sizeof f->other_key, "%s/k2", f->dir);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	unlink(f->certificate);
	unlink(f->key);
	unlink(f->other);
	unlink(f->other_key);
	rmdir(f->dir);
	free(f);
	return 0;
}

static void make(const char *certificate, const char *key)
{
	const str names[] = { STR("mx1.example.org"), STR("example.org"), STR("127.0.0.1"),
		STR("::1") };
	struct err err = { "" };
	if (certificate_make(certificate, key, names, ARRAY_LEN(names), &err))
		fail_msg("%s", err.text);
}

static void test_make(void **state)
{
	struct fixture *f = *state;
	struct certificate_facts facts;
	struct err err;
	struct stat st;
	make(f->certificate, f->key);
	assert_int_equal(stat(f->key, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(
		certificate_look(f->certificate, f->key, "mx1.example.org", &facts, &err), 0);
	assert_true(facts.key_matches && facts.names_host && facts.self_signed);
	int64_t now = clock_wall() / NSEC_PER_SEC, year = 365 * 86400;
	assert_true(facts.not_before < now);
	assert_true(facts.not_after > now + 9 * year && facts.not_after < now + 11 * year);
	assert_int_equal(certificate_look(f->certificate, f->key, "example.org", &facts, &err), 0);
	assert_true(facts.names_host);
	assert_int_equal(
		certificate_look(f->certificate, f->key, "mx2.example.org", &facts, &err), 0);
	assert_false(facts.names_host);
	/* Neither is overwritten. */
	const str name = STR("a.example");
	assert_int_equal(certificate_make(f->certificate, f->key, &name, 1, &err), -EEXIST);
}

static void test_long_name(void **state)
{
	struct fixture *f = *state;
	struct certificate_facts facts;
	struct err err = { "" };
	const char *host = "a-host-with-a-name-that-is-too-long.for-the-common-name-of-a-subject."
			   "example.org";
	const str name = str_from_z(host);
	assert_int_equal(certificate_make(f->certificate, f->key, &name, 1, &err), 0);
	assert_int_equal(certificate_look(f->certificate, f->key, host, &facts, &err), 0);
	assert_true(facts.names_host);
}

static void test_wrong_files(void **state)
{
	struct fixture *f = *state;
	struct certificate_facts facts;
	struct err err;
	make(f->certificate, f->key);
	make(f->other, f->other_key);
	assert_int_equal(certificate_look(f->certificate, f->other_key, "a", &facts, &err), 0);
	assert_false(facts.key_matches);
	assert_int_equal(certificate_look(f->key, f->key, "a", &facts, &err), -EINVAL);
	assert_non_null(strstr(err.text, "no certificate in PEM"));
	assert_int_equal(
		certificate_look(f->certificate, f->certificate, "a", &facts, &err), -EINVAL);
	assert_non_null(strstr(err.text, "no private key in PEM"));
	unlink(f->other);
	assert_int_equal(certificate_look(f->other, f->key, "a", &facts, &err), -ENOENT);
	assert_non_null(strstr(err.text, f->other));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_make, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_name, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wrong_files, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
