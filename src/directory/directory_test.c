#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "directory/directory.h"
#include "store/directory_store.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct fixture {
	char dir[64];
	struct directory *d;
	struct directory_store *store; /* of d */
	struct arena arena;
};

static void add_domain(struct fixture *f, const char *name, const char *catch_all, int64_t now)
{
	struct err err = { "" };
	if (directory_domain_add(f->store, str_from_z(name), str_from_z(catch_all), now, &err))
		fail_msg("%s", err.text);
}

static uint64_t add_account(struct fixture *f, const char *address)
{
	struct err err = { "" };
	uint64_t id = 0;
	if (directory_account_add(f->store, str_from_z(address), 1, &id, &err))
		fail_msg("%s: %s", address, err.text);
	return id;
}

static void add_alias(struct fixture *f, const char *address, const char *target)
{
	struct err err = { "" };
	str one = str_from_z(target);
	if (directory_alias_add(f->store, str_from_z(address), &one, 1, &err))
		fail_msg("%s: %s", address, err.text);
}

/* alice is 1, bob 2, carol 3, "odd name" 4, a%b 5, info+fixed 6. */
static void populate(struct fixture *f)
{
	add_domain(f, "example.org", "", 10);
	add_domain(f, "catch.example", "bob@example.org", 20);
	add_domain(f, "empty.example", "", 30);
	static const char *const accounts[] = { "alice@example.org", "bob@example.org",
		"carol@catch.example", "\"odd name\"@example.org", "a%b@example.org",
		"alice+fixed@example.org" };
	for (size_t i = 0; i < ARRAY_LEN(accounts); i++)
		assert_int_equal(add_account(f, accounts[i]), i + 1);
	static const char *const aliases[][2] = {
		{ "team@example.org", "alice@example.org" },
		{ "team@example.org", "bob@example.org" },
		{ "all@example.org", "team@example.org" },
		{ "all@example.org", "carol@catch.example" },
		{ "all@example.org", "Alice@Example.org" },
		{ "loop1@example.org", "loop2@example.org" },
		{ "loop2@example.org", "loop1@example.org" },
		{ "loop3@example.org", "loop3@example.org" },
		{ "loop3@example.org", "bob@example.org" },
		{ "grow@example.org", "grow+x@example.org" },
		{ "gone@example.org", "nobody@example.org" },
		{ "half@example.org", "nobody@example.org" },
		{ "half@example.org", "alice@example.org" },
		{ "out@example.org", "someone@elsewhere.example" },
		{ "lists@example.org", "bob+lists@example.org" },
		{ "plain@example.org", "bob@example.org" },
		{ "caught@example.org", "whoever@catch.example" },
		{ "twice@example.org", "alice+x@example.org" },
		{ "twice@example.org", "alice@example.org" },
	};
	for (size_t i = 0; i < ARRAY_LEN(aliases); i++)
		add_alias(f, aliases[i][0], aliases[i][1]);
}

static int open_fixture(struct fixture *f)
{
	struct directory_store *store;
	struct err err = { "" };
	strcpy(f->dir, "/tmp/postern-directory-XXXXXX");
	f->arena = ARENA_INIT(16 * 1024 * 1024);
	if (!mkdtemp(f->dir) || directory_store_open(f->dir, true, &store, &err)) {
		fprintf(stderr, "%s\n", err.text);
		return -1;
	}
	directory_store_close(store);
	if (directory_open(f->dir, STR("+"), &f->d, &err))
		return -1;
	f->store = directory_store_of(f->d);
	return 0;
}

static int setup_empty(void **state)
{
	struct fixture *f = xcalloc(1, sizeof *f);
	*state = f;
	return open_fixture(f);
}

static int setup(void **state)
{
	int r = setup_empty(state);
	if (r == 0)
		populate(*state);
	return r;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	directory_close(f->d);
	arena_done(&f->arena);
	DIR *dir = opendir(f->dir);
	for (struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir)) {
		char path[400];
		snprintf(path, sizeof path, "%s/%s", f->dir, e->d_name);
		unlink(path);
	}
	if (dir)
		closedir(dir);
	rmdir(f->dir);
	free(f);
	return 0;
}

static struct directory_route resolve(struct fixture *f, const char *address)
{
	struct directory_route route = { 0 };
	struct err err = { "" };
	if (directory_resolve(f->d, str_from_z(address), &f->arena, &route, &err))
		fail_msg("%s: %s", address, err.text);
	return route;
}

/* "1,2:detail": what a route comes to. */
static void describe(const struct directory_route *route, char *out, size_t size)
{
	static const char *const answers[] = { "not local", "unknown", "", "broken" };
	int n = snprintf(out, size, "%s", answers[route->answer]);
	if (route->answer != DIRECTORY_DELIVER)
		return;
	for (size_t i = 0; i < route->n; i++)
		n += snprintf(out + n, size - (size_t)n, "%s%u%s%.*s", i ? "," : "",
			(unsigned)route->to[i].account, route->to[i].detail.n ? ":" : "",
			STR_ARG(route->to[i].detail));
}

static void check(struct fixture *f, const char *const rows[][2], size_t n)
{
	/* Twice: the second time from the cache. */
	for (size_t i = 0; i < 2 * n; i++) {
		struct directory_route route = resolve(f, rows[i % n][0]);
		char text[4096];
		describe(&route, text, sizeof text);
		if (strcmp(text, rows[i % n][1]) != 0)
			fail_msg("%s: expected \"%s\", got \"%s\"", rows[i % n][0], rows[i % n][1],
				text);
	}
}

static void test_resolution(void **state)
{
	static const char *const rows[][2] = {
		{ "alice@example.org", "1" },
		{ "ALICE@EXAMPLE.ORG", "1" },
		{ "alice@example.org.", "1" },
		{ "\"alice\"@example.org", "1" },
		{ "\"odd name\"@example.org", "4" },
		{ "nobody@example.org", "unknown" },
		{ "alice@elsewhere.example", "not local" },
		{ "alice@sub.example.org", "not local" },
		{ "alice@org", "not local" },
		/* details */
		{ "alice+Books@example.org", "1:Books" },
		{ "alice+@example.org", "1" },
		{ "alice+a+b@example.org", "1:a+b" },
		{ "alice+fixed@example.org", "6" },
		{ "alice+fixed+x@example.org", "1:fixed+x" },
		{ "+alice@example.org", "unknown" },
		{ "nobody+alice@example.org", "unknown" },
		/* aliases */
		{ "team@example.org", "1,2" },
		{ "Team@example.org", "1,2" },
		{ "team+x@example.org", "1:x,2:x" },
		{ "all@example.org", "1,3,2" },
		{ "lists@example.org", "2:lists" },
		{ "lists+mine@example.org", "2:lists" },
		{ "plain+mine@example.org", "2:mine" },
		{ "twice@example.org", "1:x" },
		{ "loop1@example.org", "broken" },
		{ "loop3@example.org", "2" },
		{ "grow@example.org", "broken" },
		{ "gone@example.org", "broken" },
		{ "half@example.org", "1" },
		{ "out@example.org", "broken" },
		{ "caught@example.org", "2" },
		/* catch-all */
		{ "carol@catch.example", "3" },
		{ "carol+x@catch.example", "3:x" },
		{ "whoever@catch.example", "2" },
		{ "whoever+x@catch.example", "2" },
	};
	check(*state, rows, ARRAY_LEN(rows));
}

static void test_postmaster(void **state)
{
	static const char *const rows[][2] = {
		{ "postmaster", "1" },
		{ "PostMaster", "1" },
		{ "postmaster@example.org", "1" },
		{ "POSTMASTER@example.org", "1" },
		{ "postmaster+x@example.org", "1" },
		{ "postmaster@catch.example", "2" },
		{ "postmaster@empty.example", "1" },
		{ "postmaster@elsewhere.example", "not local" },
		{ "abuse", "not local" },
	};
	check(*state, rows, ARRAY_LEN(rows));
	struct fixture *f = *state;
	add_alias(f, "postmaster@example.org", "bob@example.org");
	static const char *const named[][2] = {
		{ "postmaster", "2" },
		{ "postmaster@example.org", "2" },
		{ "postmaster+x@example.org", "2:x" },
		{ "postmaster@empty.example", "1" },
	};
	check(f, named, ARRAY_LEN(named));
	/* An alias that leads nowhere is no excuse. */
	add_alias(f, "postmaster@empty.example", "nobody@example.org");
	check(f, rows + 6, 1);
}

static void test_nothing_relays(void **state)
{
	static const char *const rows[][2] = {
		{ "user%elsewhere.example@example.org", "unknown" },
		{ "alice%elsewhere.example@example.org", "unknown" },
		{ "elsewhere.example!user@example.org", "unknown" },
		{ "example.org!alice@example.org", "unknown" },
		{ "\"user@elsewhere.example\"@example.org", "unknown" },
		{ "\"alice@example.org\"@example.org", "unknown" },
		{ "\"@elsewhere.example:user\"@example.org", "unknown" },
		{ "user@elsewhere.example@example.org", "not local" },
		{ "@example.org:user@elsewhere.example", "not local" },
		{ "@example.org,@elsewhere.example:alice@example.org", "not local" },
		{ "alice@example.org@elsewhere.example", "not local" },
		{ "alice%example.org@elsewhere.example", "not local" },
		{ "alice@[127.0.0.1]", "not local" },
		{ "alice@[IPv6:::1]", "not local" },
		{ "postmaster@[127.0.0.1]", "not local" },
		{ "alice@127.0.0.1", "not local" },
		{ "alice", "not local" },
		{ "alice@", "not local" },
		{ "@example.org", "not local" },
		{ "", "not local" },
		{ "@", "not local" },
		{ "alice@example.org\n", "not local" },
		{ "alice@example.org,bob@example.org", "not local" },
		{ "alice @example.org", "not local" },
		{ "\"alice@example.org", "not local" },
		{ "\"alice\\\"@example.org", "not local" },
		/* A catch-all is for mistyped names, not for these. */
		{ "\"user@elsewhere.example\"@catch.example", "unknown" },
		/* Kept by us all the same: these are local, whatever they look like. */
		{ "a%b@example.org", "5" },
		{ "alice+x%elsewhere.example@example.org", "1:x%elsewhere.example" },
		{ "user%elsewhere.example@catch.example", "2" },
	};
	check(*state, rows, ARRAY_LEN(rows));
	struct fixture *f = *state;
	struct directory_route route;
	struct err err;
	const str nul = STR("alice\0@example.org");
	assert_int_equal(directory_resolve(f->d, nul, &f->arena, &route, &err), 0);
	assert_int_equal(route.answer, DIRECTORY_NOT_LOCAL);
	char longest[5000];
	memset(longest, 'a', sizeof longest);
	memcpy(longest + sizeof longest - 12, "@example.org", 12);
	assert_int_equal(
		directory_resolve(f->d, str_from(longest, sizeof longest), &f->arena, &route, &err),
		0);
	assert_true(route.answer == DIRECTORY_NOT_LOCAL || route.answer == DIRECTORY_UNKNOWN);
}

static void test_reasons(void **state)
{
	struct fixture *f = *state;
	static const char *const rows[][2] = {
		{ "gone@example.org", "nobody@example.org is not an account or alias" },
		{ "half@example.org", "nobody@example.org is not an account or alias" },
		{ "out@example.org", "someone@elsewhere.example is in a domain that is not local" },
		{ "loop1@example.org", "the alias leads only to itself" },
		{ "nobody@example.org", "" },
		{ "team@example.org", "" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct directory_route route = resolve(f, rows[i][0]);
		if (!str_equal(route.why, str_from_z(rows[i][1])))
			fail_msg("%s: \"%.*s\"", rows[i][0], STR_ARG(route.why));
	}
}

/* What the cache holds is forgotten with any change, by this handle or another one. */
static void test_changes_are_seen(void **state)
{
	struct fixture *f = *state;
	struct err err;
	uint64_t id;
	assert_int_equal(resolve(f, "alice@example.org").answer, DIRECTORY_DELIVER);
	struct directory_store *other;
	assert_int_equal(directory_store_open(f->dir, false, &other, &err), 0);
	assert_int_equal(directory_account_remove(other, STR("alice@example.org"), &id, &err), 0);
	assert_int_equal(resolve(f, "alice@example.org").answer, DIRECTORY_UNKNOWN);
	directory_store_close(other);
	assert_int_equal(resolve(f, "team@example.org").n, 1);
	add_account(f, "alice@example.org");
	struct directory_route route = resolve(f, "alice@example.org");
	assert_int_equal(route.to[0].account, 7);
}

static void test_without_separator(void **state)
{
	struct fixture *f = *state;
	struct directory *d;
	struct directory_route route;
	struct err err;
	assert_int_equal(directory_open(f->dir, STR_EMPTY, &d, &err), 0);
	assert_int_equal(
		directory_resolve(d, STR("alice+x@example.org"), &f->arena, &route, &err), 0);
	assert_int_equal(route.answer, DIRECTORY_UNKNOWN);
	directory_close(d);
	assert_int_equal(directory_open(f->dir, STR("-"), &d, &err), 0);
	assert_int_equal(
		directory_resolve(d, STR("alice-x@example.org"), &f->arena, &route, &err), 0);
	assert_int_equal(route.answer, DIRECTORY_DELIVER);
	assert_true(str_equal(route.to[0].detail, STR("x")));
	directory_close(d);
}

static void test_empty(void **state)
{
	static const char *const rows[][2] = {
		{ "postmaster", "broken" },
		{ "alice@example.org", "not local" },
	};
	check(*state, rows, ARRAY_LEN(rows));
	add_domain(*state, "example.org", "", 1);
	static const char *const still[][2] = {
		{ "postmaster", "broken" },
		{ "postmaster@example.org", "broken" },
		{ "alice@example.org", "unknown" },
	};
	check(*state, still, ARRAY_LEN(still));
}

static void test_large_alias(void **state)
{
	struct fixture *f = *state;
	struct err err = { "" };
	add_domain(f, "example.org", "", 1);
	for (int list = 0; list < 2; list++) {
		str targets[600];
		for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
			targets[i] = arena_printf(&f->arena, "u%d-%zu@example.org", list, i);
			uint64_t id;
			if (directory_account_add(f->store, targets[i], 1, &id, &err))
				fail_msg("%s", err.text);
		}
		str name = arena_printf(&f->arena, "list%d@example.org", list);
		if (directory_alias_add(f->store, name, targets, ARRAY_LEN(targets), &err))
			fail_msg("%s", err.text);
		assert_int_equal(resolve(f, name.p).n, 600);
		add_alias(f, "both@example.org", name.p);
	}
	struct directory_route route = resolve(f, "both@example.org");
	assert_int_equal(route.answer, DIRECTORY_BROKEN);
	assert_true(str_equal(route.why, STR("the alias stands for too many addresses")));
	/* An arena without room is a failure of the moment, not of the address. */
	struct arena tiny = ARENA_INIT(1000);
	assert_true(directory_resolve(f->d, STR("list0@example.org"), &tiny, &route, &err) < 0);
	arena_done(&tiny);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_resolution, setup, teardown),
		cmocka_unit_test_setup_teardown(test_postmaster, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing_relays, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reasons, setup, teardown),
		cmocka_unit_test_setup_teardown(test_changes_are_seen, setup, teardown),
		cmocka_unit_test_setup_teardown(test_without_separator, setup, teardown),
		cmocka_unit_test_setup_teardown(test_empty, setup_empty, teardown),
		cmocka_unit_test_setup_teardown(test_large_alias, setup_empty, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
