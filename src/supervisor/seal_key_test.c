#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "supervisor/seal_key.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/postern-seal-XXXXXX";

static int begin(void **state)
{
	return mkdtemp(directory) ? 0 : -1;
}

static int end(void **state)
{
	char path[200];
	snprintf(path, sizeof path, "%s/key.pem", directory);
	(void)!unlink(path);
	return rmdir(directory);
}

static void write_key(EVP_PKEY *pkey, mode_t mode)
{
	char path[200];
	snprintf(path, sizeof path, "%s/key.pem", directory);
	(void)!unlink(path);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	if (pkey)
		assert_true(PEM_write_PrivateKey(f, pkey, NULL, NULL, 0, NULL, NULL));
	fclose(f);
	assert_int_equal(chmod(path, mode), 0);
	EVP_PKEY_free(pkey);
}

/* What is said of such a key; empty: it is taken. */
static void expect(const char *arc, const char *wanted)
{
	struct err err = { "" };
	struct buf text CLEANUP(buf_done) = BUF_INIT(4096), pem;
	buf_printf(&text, "hostname = \"mx.here.test\";\ndata_dir = \"%s\";\narc: {\n%s\n};\n",
		directory, arc);
	const struct config *config =
		config_parse(buf_str(&text), STR("test.conf"), STR("/"), &err);
	assert_non_null(config);
	int rc = seal_key_load(config, &pem, &err);
	assert_string_equal(err.text, wanted);
	assert_int_equal(rc < 0, *wanted != 0);
	assert_int_equal(pem.n > 0, config->arc.seal && !*wanted);
	pem_wipe(&pem);
	config_unref(config);
}

#define ON "seal = true; selector = \"s1\";\n\nkey = \"key.pem\";"

static void test_keys(void **state)
{
	char wanted[400];
	expect("key = \"key.pem\";", "");
	snprintf(wanted, sizeof wanted,
		"test.conf:6: arc.key: %s/key.pem: No such file or directory", directory);
	expect(ON, wanted);
	write_key(EVP_RSA_gen(1024), 0600);
	snprintf(wanted, sizeof wanted,
		"test.conf:6: arc.key: %s/key.pem: too weak: RSA below 2048 bits", directory);
	expect(ON, wanted);
	write_key(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"), 0600);
	snprintf(wanted, sizeof wanted,
		"test.conf:6: arc.key: %s/key.pem: the key is neither RSA nor Ed25519", directory);
	expect(ON, wanted);
	write_key(NULL, 0600);
	snprintf(wanted, sizeof wanted,
		"test.conf:6: arc.key: %s/key.pem: not an unencrypted private key in PEM",
		directory);
	expect(ON, wanted);
	write_key(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), 0600);
	expect(ON, "");
	expect("seal = true;\nkey = \"key.pem\"; domain = \"a..b\";",
		"test.conf:5: arc.domain: not a domain");
	expect("seal = true; key = \"key.pem\"; selector = \"a b\";",
		"test.conf:4: arc.selector: not a selector: labels of letters, digits and hyphens");
	write_key(EVP_RSA_gen(2048), 0600);
	expect(ON, "");
}

static void test_mode(void **state)
{
	struct err err;
	struct buf text CLEANUP(buf_done) = BUF_INIT(4096);
	buf_printf(&text, "hostname = \"a.b\"; data_dir = \"%s\"; arc: { key = \"key.pem\"; };",
		directory);
	const struct config *config =
		config_parse(buf_str(&text), STR("test.conf"), STR("/"), &err);
	write_key(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), 0600);
	assert_false(seal_key_is_open(config));
	write_key(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), 0640);
	assert_true(seal_key_is_open(config));
	config_unref(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_mode),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
