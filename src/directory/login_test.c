#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "directory/login.h"
#include "store/directory_store.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
	char dir[64];
	struct directory_store *store;
	struct login_secret secret;
	struct arena arena;
	uint64_t alice, bob;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof *f);
	struct err err = { "" };
	*state = f;
	strcpy(f->dir, "/tmp/postern-login-XXXXXX");
	f->arena = ARENA_INIT(1024 * 1024);
	bool made =
		mkdtemp(f->dir) && !directory_store_open(f->dir, true, &f->store, &err) &&
		!login_secret_load(f->dir, &f->secret, &err) &&
		!directory_domain_add(f->store, STR("example.org"), STR_EMPTY, 1, &err) &&
		!directory_account_add(f->store, STR("alice@example.org"), 1, &f->alice, &err) &&
		!directory_account_add(f->store, STR("bob@example.org"), 1, &f->bob, &err) &&
		!login_set_password(f->store, f->alice, STR("correct horse"), 1, &err) &&
		!login_set_password(f->store, f->bob, STR("battery"), 1, &err) &&
		!directory_account_disable(f->store, STR("bob@example.org"), true, &err);
	if (!made)
		fprintf(stderr, "%s\n", err.text);
	return made ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	directory_store_close(f->store);
	arena_done(&f->arena);
	static const char *const names[] = { "directory.db", "directory.db-wal", "directory.db-shm",
		"directory.secret" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char path[128];
		snprintf(path, sizeof path, "%s/%s", f->dir, names[i]);
		unlink(path);
	}
	rmdir(f->dir);
	free(f);
	return 0;
}

static struct login find(struct fixture *f, const char *name)
{
	struct login l;
	struct err err = { "" };
	if (login_find(f->store, &f->secret, str_from_z(name), &f->arena, &l, &err))
		fail_msg("%s: %s", name, err.text);
	return l;
}

static void test_password(void **state)
{
	static const struct {
		const char *name, *password;
		bool fits;
	} rows[] = {
		{ "alice@example.org", "correct horse", true },
		{ "ALICE@Example.Org", "correct horse", true },
		{ "alice@example.org", "Correct horse", false },
		{ "alice@example.org", "", false },
		{ "bob@example.org", "battery", false }, /* disabled */
		{ "nobody@example.org", "correct horse", false },
		{ "alice", "correct horse", false },
		{ "alice+x@example.org", "correct horse", false },
		{ "", "correct horse", false },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct login l = find(*state, rows[i].name);
		if (login_check_password(&l, str_from_z(rows[i].password)) != rows[i].fits)
			fail_msg("%s, %s", rows[i].name, rows[i].password);
		login_wipe(&l);
	}
}

static void hmac(const void *key, const char *data, unsigned char out[32])
{
	unsigned n = 32;
	const void *bytes = data;
	HMAC(EVP_sha256(), key, 32, bytes, strlen(data), out, &n);
}

/* What a client computes (RFC 5802 §3). */
static void prove(const struct scram_verifier *v, const char *password, const char *message,
	unsigned char proof[32])
{
	unsigned char salted[32], client[32], stored[32], signature[32];
	PKCS5_PBKDF2_HMAC(password, -1, v->salt, (int)v->salt_size, (int)v->iterations,
		EVP_sha256(), sizeof salted, salted);
	hmac(salted, "Client Key", client);
	SHA256(client, sizeof client, stored);
	hmac(stored, message, signature);
	for (int i = 0; i < 32; i++)
		proof[i] = client[i] ^ signature[i];
}

static void test_scram(void **state)
{
	unsigned char proof[32], signature[32];
	struct login l = find(*state, "Alice@example.org");
	prove(&l.scram, "correct horse", "message", proof);
	assert_true(login_check_scram(&l, STR("message"), str_from(proof, 32), signature));
	assert_false(login_check_scram(&l, STR("other"), str_from(proof, 32), signature));
	prove(&l.scram, "wrong", "message", proof);
	assert_false(login_check_scram(&l, STR("message"), str_from(proof, 32), signature));
	l = find(*state, "bob@example.org");
	prove(&l.scram, "battery", "message", proof);
	assert_false(login_check_scram(&l, STR("message"), str_from(proof, 32), signature));
}

static void test_unknown_is_not_shown(void **state)
{
	struct fixture *f = *state;
	struct login known = find(f, "alice@example.org"), again = find(f, "ALICE@example.org");
	struct login unknown = find(f, "eve@example.org"), same = find(f, "EVE@Example.org");
	struct login other = find(f, "mallory@example.org"), disabled = find(f, "bob@example.org");
	assert_int_equal(known.scram.salt_size, unknown.scram.salt_size);
	assert_int_equal(known.scram.iterations, unknown.scram.iterations);
	assert_memory_equal(known.scram.salt, again.scram.salt, 16);
	assert_memory_equal(unknown.scram.salt, same.scram.salt, 16);
	assert_memory_not_equal(unknown.scram.salt, other.scram.salt, 16);
	assert_int_equal(disabled.account, 0);
	/* The secret outlives the process. */
	struct login_secret secret;
	struct err err;
	assert_int_equal(login_secret_load(f->dir, &secret, &err), 0);
	assert_memory_equal(&secret, &f->secret, sizeof secret);
}

static void test_damaged_credentials_fail_closed(void **state)
{
	struct fixture *f = *state;
	struct err err;
	const struct directory_credential broken[] = {
		{ DIRECTORY_SCHEME_CRYPT, STR_EMPTY, STR("correct horse") },
		{ DIRECTORY_SCHEME_SCRAM_SHA_256, STR_EMPTY, STR("SCRAM-SHA-256$nonsense") },
	};
	assert_int_equal(
		directory_credentials_set(f->store, f->alice, STR_EMPTY, broken, 2, 1, &err), 0);
	struct login l = find(f, "alice@example.org");
	assert_int_equal(l.account, f->alice);
	assert_false(login_check_password(&l, STR("correct horse")));
	unsigned char proof[32] = { 0 }, signature[32];
	assert_false(login_check_scram(&l, STR("message"), str_from(proof, 32), signature));
	assert_int_equal(
		directory_credentials_set(f->store, f->alice, STR_EMPTY, NULL, 0, 1, &err), 0);
	l = find(f, "alice@example.org");
	assert_false(login_check_password(&l, STR("correct horse")));
	assert_false(login_check_password(&l, STR("")));
}

static void test_secret_file(void **state)
{
	struct fixture *f = *state;
	char path[128];
	struct stat st;
	snprintf(path, sizeof path, "%s/directory.secret", f->dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 32);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(truncate(path, 5), 0);
	struct login_secret secret;
	struct err err = { "" };
	assert_int_equal(login_secret_load(f->dir, &secret, &err), -EUCLEAN);
	assert_non_null(strstr(err.text, "damaged"));
	assert_true(login_secret_load("/nonexistent", &secret, &err) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_password, setup, teardown),
		cmocka_unit_test_setup_teardown(test_scram, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unknown_is_not_shown, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_damaged_credentials_fail_closed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_secret_file, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
