/*
 * local_list_testing.h: for tests of lists of our own: a directory with one domain, whose account 1
 * is alice's and 2 is bob's, and short ways to put entries in.
 */
#pragma once

#include "directory/local_list.h"
#include "store/store_testing.h"

#include <errno.h>

enum { TESTING_LISTED = 1000 }; /* when entries are made, seconds since 1970 */

struct testing_lists {
	void *dir;
	struct directory_store *store;
	struct local_lists *lists;
	struct arena arena;
};

static inline void testing_lists_init(struct testing_lists *f, const char *domain)
{
	struct err err;
	uint64_t id;
	assert_int_equal(testing_setup(&f->dir), 0);
	f->arena = ARENA_INIT(256 * 1024 * 1024);
	assert_ok(directory_store_open(f->dir, true, &f->store, &err), &err);
	assert_ok(directory_domain_add(f->store, str_from_z(domain), STR_EMPTY, 1, &err), &err);
	static const char *const names[] = { "alice", "bob" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		str address = arena_printf(&f->arena, "%s@%s", names[i], domain);
		assert_ok(directory_account_add(f->store, address, 1, &id, &err), &err);
		assert_int_equal(id, i + 1);
	}
	f->lists = local_lists_new(f->store);
}

static inline void testing_lists_done(struct testing_lists *f)
{
	local_lists_free(f->lists);
	directory_store_close(f->store);
	arena_done(&f->arena);
	testing_teardown(&f->dir);
}

/* "+subject" allows, "-subject" blocks; before that the scope: "#1-192.0.2.1". */
static inline struct directory_entry testing_entry(struct testing_lists *f, str text)
{
	struct err err;
	size_t sign = (size_t)str_find_any(text, STR("+-"));
	struct directory_entry e = {
		.list = text.p[sign] == '+' ? DIRECTORY_ALLOW : DIRECTORY_BLOCK,
		.scope = str_first(text, sign),
		.comment = STR("secret"),
		.created = TESTING_LISTED,
	};
	int rc = local_subject_parse(str_skip(text, sign + 1), &f->arena, &e, &err);
	if (rc < 0 && rc != -E2BIG)
		fail_msg("%.*s: %s", STR_ARG(text), err.text);
	return e;
}

/* Such entries, apart by spaces. */
static inline void testing_lists_put(struct testing_lists *f, const char *text)
{
	str all = str_from_z(text), one;
	struct err err;
	size_t n;
	while (all.n) {
		str_cut(all, ' ', &one, &all);
		struct directory_entry e = testing_entry(f, one);
		assert_ok(directory_entries_add(f->store, &e, 1, &n, &err), &err);
	}
}

static inline void testing_lists_empty(struct testing_lists *f)
{
	struct err err;
	for (int list = DIRECTORY_BLOCK; list <= DIRECTORY_ALLOW; list++) {
		struct directory_entry *entries;
		size_t n;
		assert_ok(directory_entry_list(f->store, (enum directory_list)list, NULL,
				  TESTING_LISTED, &f->arena, &entries, &n, &err),
			&err);
		assert_ok(directory_entries_remove(f->store, entries, n, &err), &err);
	}
}
