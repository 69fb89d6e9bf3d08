#include "store/store_testing.h"

#include "store/db.h"
#include "store/directory_store.h"

#include <errno.h>

enum { ARENA = 1 << 20 };

static struct directory_store *open_store(void **state)
{
	struct directory_store *s = NULL;
	struct err err;
	assert_ok(directory_store_open(*state, true, &s, &err), &err);
	return s;
}

static struct directory_store *with_domain(void **state)
{
	struct err err;
	struct directory_store *s = open_store(state);
	assert_ok(directory_domain_add(s, STR("Example.TEST"), STR_EMPTY, 7, &err), &err);
	return s;
}

static void test_domains(void **state)
{
	struct err err;
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(ARENA);
	struct directory_store *s = NULL;
	assert_int_equal(directory_store_open(*state, false, &s, &err), -ENOENT);
	s = with_domain(state);
	struct directory_domain d, *list;
	size_t n;
	assert_int_equal(directory_domain_add(s, STR("example.test"), STR_EMPTY, 8, &err), -EEXIST);
	assert_ok(directory_domain_add(s, STR("a.test"), STR("All@example.test"), 8, &err), &err);
	static const char *const bad[] = { "", "a b", "a@b", "a\nb", "a\177" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(
			directory_domain_add(s, str_from_z(bad[i]), STR_EMPTY, 8, &err), -EINVAL);
	assert_ok(directory_domain_find(s, STR("EXAMPLE.test"), &arena, &d, &err), &err);
	assert_true(str_equal(d.name, STR("example.test")) && d.created == 7 && d.catch_all.n == 0);
	assert_ok(directory_domain_list(s, &arena, &list, &n, &err), &err);
	assert_int_equal(n, 2);
	assert_true(str_equal(list[0].catch_all, STR("All@example.test")));
	assert_ok(directory_domain_set_catch_all(s, STR("a.test"), STR_EMPTY, &err), &err);
	assert_ok(directory_domain_find(s, STR("a.test"), &arena, &d, &err), &err);
	assert_int_equal(d.catch_all.n, 0);
	assert_ok(directory_domain_remove(s, STR("a.test"), &err), &err);
	assert_int_equal(directory_domain_remove(s, STR("a.test"), &err), -ENOENT);
	assert_int_equal(directory_domain_find(s, STR("a.test"), &arena, &d, &err), -ENOENT);
	struct arena tiny CLEANUP(arena_done) = ARENA_INIT(8);
	assert_int_equal(directory_domain_list(s, &tiny, &list, &n, &err), -E2BIG);
	directory_store_close(s);
}

static void test_accounts(void **state)
{
	struct err err;
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(ARENA);
	struct directory_store *s = with_domain(state);
	uint64_t alice, bob, id;
	assert_ok(directory_account_add(s, STR("Alice@EXAMPLE.test"), 9, &alice, &err), &err);
	assert_int_equal(
		directory_account_add(s, STR("aLICE@example.test"), 9, &id, &err), -EEXIST);
	assert_int_equal(directory_account_add(s, STR("a@other.test"), 9, &id, &err), -ENOENT);
	assert_int_equal(directory_account_add(s, STR("@example.test"), 9, &id, &err), -EINVAL);
	assert_int_equal(directory_account_add(s, STR("x\ny@example.test"), 9, &id, &err), -EINVAL);
	assert_int_equal(directory_domain_remove(s, STR("example.test"), &err), -ENOTEMPTY);

	struct directory_account a, *list;
	size_t n;
	assert_ok(directory_account_find(s, STR("ALICE@example.TEST"), &arena, &a, &err), &err);
	assert_true(a.id == alice && str_equal(a.address, STR("Alice@example.test")));
	assert_ok(directory_account_disable(s, STR("alice@example.test"), true, &err), &err);
	assert_ok(directory_account_get(s, alice, &arena, &a, &err), &err);
	assert_true(a.disabled && a.created == 9);

	/* An id is never given again. */
	assert_ok(directory_account_remove(s, STR("alice@example.test"), &id, &err), &err);
	assert_int_equal(id, alice);
	assert_int_equal(
		directory_account_find(s, STR("alice@example.test"), &arena, &a, &err), -ENOENT);
	assert_ok(directory_account_add(s, STR("bob@example.test"), 9, &bob, &err), &err);
	assert_true(bob > alice);
	assert_ok(directory_account_list(s, STR("example.test"), &arena, &list, &n, &err), &err);
	assert_int_equal(n, 1);
	assert_ok(directory_account_list(s, STR("other.test"), &arena, &list, &n, &err), &err);
	assert_int_equal(n, 0);
	directory_store_close(s);
}

static void test_aliases(void **state)
{
	struct err err;
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(ARENA);
	struct directory_store *s = with_domain(state);
	uint64_t id;
	str two[] = { STR("Bob@Else.TEST"), STR("alice@example.test") }, *targets;
	size_t n;
	struct directory_alias *list;
	assert_ok(directory_account_add(s, STR("alice@example.test"), 1, &id, &err), &err);
	assert_ok(directory_alias_add(s, STR("Team@example.test"), two, 2, &err), &err);
	assert_int_equal(directory_alias_add(s, STR("team@example.test"), two, 1, &err), -EEXIST);
	assert_int_equal(directory_alias_add(s, STR("alice@example.test"), two, 1, &err), -EEXIST);
	assert_int_equal(directory_alias_add(s, STR("x@other.test"), two, 1, &err), -ENOENT);
	assert_int_equal(directory_account_add(s, STR("team@example.test"), 1, &id, &err), -EEXIST);
	assert_ok(directory_alias_find(s, STR("TEAM@example.test"), &arena, &targets, &n, &err),
		&err);
	assert_int_equal(n, 2);
	assert_true(str_equal(targets[0], STR("Bob@else.test")));
	assert_ok(directory_alias_list(s, STR_EMPTY, &arena, &list, &n, &err), &err);
	assert_int_equal(n, 2);
	assert_true(str_equal(list[0].address, STR("team@example.test")));

	assert_ok(directory_alias_remove(s, STR("team@example.test"), STR("bob@else.test"), &err),
		&err);
	assert_int_equal(
		directory_alias_remove(s, STR("team@example.test"), STR("bob@else.test"), &err),
		-ENOENT);
	assert_int_equal(directory_domain_remove(s, STR("example.test"), &err), -ENOTEMPTY);
	assert_ok(directory_alias_remove(s, STR("team@example.test"), STR_EMPTY, &err), &err);
	assert_int_equal(
		directory_alias_find(s, STR("team@example.test"), &arena, &targets, &n, &err),
		-ENOENT);
	directory_store_close(s);
}

/* More than the limit in one call leaves nothing behind. */
static void test_alias_limit(void **state)
{
	struct err err;
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(ARENA);
	struct directory_store *s = with_domain(state);
	str *targets = arena_array(&arena, str, DIRECTORY_ALIAS_TARGETS_MAX + 1), *found;
	size_t n;
	for (size_t i = 0; i <= DIRECTORY_ALIAS_TARGETS_MAX; i++)
		targets[i] = arena_printf(&arena, "t%zu@example.test", i);
	assert_int_equal(directory_alias_add(s, STR("l@example.test"), targets,
				 DIRECTORY_ALIAS_TARGETS_MAX + 1, &err),
		-E2BIG);
	assert_int_equal(
		directory_alias_find(s, STR("l@example.test"), &arena, &found, &n, &err), -ENOENT);
	assert_ok(directory_alias_add(
			  s, STR("l@example.test"), targets, DIRECTORY_ALIAS_TARGETS_MAX, &err),
		&err);
	assert_ok(directory_alias_find(s, STR("l@example.test"), &arena, &found, &n, &err), &err);
	assert_int_equal(n, DIRECTORY_ALIAS_TARGETS_MAX);
	directory_store_close(s);
}

static void test_credentials(void **state)
{
	struct err err;
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(ARENA);
	struct directory_store *s = with_domain(state);
	uint64_t id;
	size_t n;
	struct directory_credential *got;
	struct directory_credential both[] = {
		{ DIRECTORY_SCHEME_SCRAM_SHA_256, STR_EMPTY, STR("salt/4096/a/b") },
		{ DIRECTORY_SCHEME_CRYPT, STR_EMPTY, STR("$y$hash") },
	};
	assert_ok(directory_account_add(s, STR("alice@example.test"), 1, &id, &err), &err);
	assert_ok(directory_credentials_get(s, id, &arena, &got, &n, &err), &err);
	assert_int_equal(n, 0);
	assert_ok(directory_credentials_set(s, id, STR_EMPTY, both, 2, 1, &err), &err);
	assert_ok(directory_credentials_set(s, id, STR("phone"), both, 1, 1, &err), &err);
	assert_ok(directory_credentials_set(s, id, STR_EMPTY, both + 1, 1, 1, &err), &err);
	assert_ok(directory_credentials_get(s, id, &arena, &got, &n, &err), &err);
	assert_int_equal(n, 2);
	assert_true(got[0].scheme == DIRECTORY_SCHEME_CRYPT && got[0].name.n == 0);
	assert_true(str_equal(got[1].name, STR("phone")));
	assert_true(str_equal(got[1].value, STR("salt/4096/a/b")));
	assert_int_equal(
		directory_credentials_set(s, id + 1, STR_EMPTY, both, 2, 1, &err), -ENOENT);
	both[0].value = STR_EMPTY;
	assert_int_equal(directory_credentials_set(s, id, STR_EMPTY, both, 2, 1, &err), -EINVAL);
	assert_ok(directory_account_remove(s, STR("alice@example.test"), &id, &err), &err);
	assert_ok(directory_credentials_get(s, id, &arena, &got, &n, &err), &err);
	assert_int_equal(n, 0);
	directory_store_close(s);
}

static void test_version(void **state)
{
	struct err err;
	struct directory_store *s = with_domain(state), *other = open_store(state);
	uint64_t a, b;
	assert_ok(directory_store_version(s, &a, &err), &err);
	assert_ok(directory_domain_add(other, STR("b.test"), STR_EMPTY, 1, &err), &err);
	assert_ok(directory_store_version(s, &b, &err), &err);
	assert_int_not_equal(a, b);
	assert_ok(directory_store_version(s, &a, &err), &err);
	assert_int_equal(a, b);
	directory_store_close(other);
	directory_store_close(s);
}

/* What a file of version 1 has stays; it has no thresholds and no lists. */
static void test_version_1(void **state)
{
	struct err err;
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(ARENA);
	struct directory_store *s = with_domain(state);
	uint64_t id;
	char path[256];
	assert_ok(directory_account_add(s, STR("a@example.test"), 9, &id, &err), &err);
	directory_store_close(s);
	snprintf(path, sizeof path, "%s/directory.db", (char *)*state);
	struct db *db;
	assert_ok(db_open(path, 0, &db, &err), &err);
	assert_ok(db_script(db,
			  "DROP TABLE entry; ALTER TABLE account DROP COLUMN junk_at;"
			  "ALTER TABLE account DROP COLUMN reject_at;"
			  "UPDATE schema_version SET version = 1",
			  &err),
		&err);
	db_close(db);
	s = open_store(state);
	struct directory_account a;
	assert_ok(directory_account_find(s, STR("a@example.test"), &arena, &a, &err), &err);
	assert_true(a.id == id && a.created == 9 && a.junk_at == 0 && a.reject_at == 0);
	assert_ok(directory_account_set_thresholds(s, STR("a@example.test"), 400, 0, &err), &err);
	assert_ok(directory_account_get(s, id, &arena, &a, &err), &err);
	assert_true(a.junk_at == 400 && a.reject_at == 0);
	directory_store_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		store_test(test_domains),
		store_test(test_accounts),
		store_test(test_aliases),
		store_test(test_alias_limit),
		store_test(test_credentials),
		store_test(test_version),
		store_test(test_version_1),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
