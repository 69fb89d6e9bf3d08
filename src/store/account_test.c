#include "store/account_testing.h"

#include <errno.h>

enum { ARENA = 1 << 24 };

/* ---- the account ---- */

static void test_create(void **state)
{
	static const struct {
		const char *name;
		enum account_special_use use;
	} expected[] = {
		{ "INBOX", SPECIAL_USE_NONE },
		{ "Archive", SPECIAL_USE_ARCHIVE },
		{ "Drafts", SPECIAL_USE_DRAFTS },
		{ "Junk", SPECIAL_USE_JUNK },
		{ "Sent", SPECIAL_USE_SENT },
		{ "Trash", SPECIAL_USE_TRASH },
	};
	struct err err;
	struct account *a = NULL;
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(ARENA);
	assert_int_equal(account_open(*state, 7, 0, TESTING_NOW, &a, &err), -ENOENT);
	a = testing_open(state, ACCOUNT_CREATE);
	struct account *again = testing_open(state, ACCOUNT_CREATE);
	struct account_mailbox *list;
	size_t n;
	assert_ok(account_mailbox_list(again, &arena, &list, &n, &err), &err);
	assert_int_equal(n, ARRAY_LEN(expected));
	for (size_t i = 0; i < n; i++) {
		assert_true(str_equal(list[i].name, str_from_z(expected[i].name)));
		assert_int_equal(list[i].special_use, expected[i].use);
		assert_true(list[i].subscribed && !list[i].noselect && !list[i].has_children);
		assert_int_equal(list[i].uidnext, 1);
		assert_true(list[i].uidvalidity >= TESTING_NOW);
	}
	testing_verify(a);
	account_close(again);
	account_close(a);
	assert_ok(account_remove(*state, 7, &err), &err);
	assert_int_equal(account_open(*state, 7, 0, TESTING_NOW, &a, &err), -ENOENT);
	assert_int_equal(account_remove(*state, 7, &err), -ENOENT);
}

static void test_wrong_file(void **state)
{
	char from[600], to[600];
	struct err err;
	struct account *a = testing_open(state, ACCOUNT_CREATE), *b;
	account_close(a);
	snprintf(from, sizeof from, "%s/accounts/7.db", (char *)*state);
	snprintf(to, sizeof to, "%s/accounts/8.db", (char *)*state);
	assert_int_equal(rename(from, to), 0);
	assert_int_equal(account_open(*state, 8, 0, TESTING_NOW, &b, &err), -EUCLEAN);
	assert_non_null(strstr(err.text, "8"));
}

static void test_read_only(void **state)
{
	struct err err;
	uint64_t modseq;
	struct account *a = testing_open(state, ACCOUNT_CREATE);
	struct account *reader = testing_open(state, ACCOUNT_READ_ONLY);
	testing_append(a, "INBOX", 0, STR("x"));
	assert_int_equal(testing_mailbox(reader, "INBOX").messages, 1);
	struct account_delivery d = testing_delivery(STR("x"), -1, 0);
	assert_int_equal(account_deliver(reader, &d, 1, TESTING_NOW, &modseq, &err), -EROFS);
	testing_verify(reader);
	account_close(reader);
	account_close(a);
}

/* ---- mailboxes ---- */

static void test_names(void **state)
{
	char level[300], all[1100];
	memset(level, 'x', sizeof level);
	memset(all, 'y', sizeof all);
	for (size_t i = 200; i < sizeof all; i += 201)
		all[i] = '/';
	const struct {
		str name;
		bool valid;
	} cases[] = {
		{ STR("a"), true },
		{ STR("a/b c/\xc3\xa4"), true },
		{ STR(""), false },
		{ STR("/a"), false },
		{ STR("a/"), false },
		{ STR("a//b"), false },
		{ STR("a\r\nb"), false },
		{ STR("a\177"), false },
		{ STR("a\xc2\x85"), false },
		{ STR("a\xff"), false },
		{ STR("a\0b"), false },
		{ { level, 255 }, true },
		{ { level, 256 }, false },
		{ { all, 1000 }, true },
		{ { all, 1001 }, false },
	};
	struct err err;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(account_mailbox_name_valid(cases[i].name, &err), cases[i].valid);
}

static void test_mailbox_create(void **state)
{
	struct err err;
	struct account_mailbox m, parent;
	struct account *a = testing_open(state, ACCOUNT_CREATE);
	assert_ok(account_mailbox_create(a, STR("a/b/c/"), 0, TESTING_NOW, &m, &err), &err);
	parent = testing_mailbox(a, "a/b");
	assert_false(parent.noselect);
	assert_int_not_equal(parent.uidvalidity, m.uidvalidity);
	assert_int_equal(testing_mailbox(a, "inBOX").id, testing_mailbox(a, "INBOX").id);
	assert_int_equal(account_mailbox_create(a, STR("a/b"), 0, TESTING_NOW, &m, &err), -EEXIST);
	assert_int_equal(
		account_mailbox_create(a, STR("inbox"), 0, TESTING_NOW, &m, &err), -EEXIST);
	assert_int_equal(account_mailbox_create(a, STR("x//y"), 0, TESTING_NOW, &m, &err), -EINVAL);
	assert_ok(account_mailbox_create(a, STR("inbox/sub"), 0, TESTING_NOW, &m, &err), &err);
	assert_int_equal(testing_mailbox(a, "INBOX/sub").id, m.id);
	assert_int_equal(
		account_mailbox_create(a, STR("J2"), SPECIAL_USE_JUNK, TESTING_NOW, &m, &err),
		-EEXIST);
	assert_ok(account_mailbox_create(a, STR("Every"), SPECIAL_USE_ALL, TESTING_NOW, &m, &err),
		&err);
	assert_int_equal(m.special_use, SPECIAL_USE_ALL);
	assert_int_equal(account_mailbox_find(a, STR("A"), &m, &err), -ENOENT);
	testing_verify(a);
	account_close(a);
}

static void test_mailbox_delete(void **state)
{
	struct err err;
	struct account_mailbox m;
	struct account *a = testing_open(state, ACCOUNT_CREATE);
	assert_ok(account_mailbox_create(a, STR("a/b"), 0, TESTING_NOW, &m, &err), &err);
	uint32_t uidvalidity = testing_mailbox(a, "a").uidvalidity;
	testing_append(a, "a", 0, STR("one"));
	testing_append(a, "a/b", 0, STR("two"));
	assert_int_equal(account_mailbox_delete(a, STR("Inbox"), &err), -EPERM);
	assert_int_equal(account_mailbox_delete(a, STR("nope"), &err), -ENOENT);

	assert_ok(account_mailbox_delete(a, STR("a"), &err), &err);
	m = testing_mailbox(a, "a");
	assert_true(m.noselect && m.messages == 0);
	testing_verify(a);
	uint64_t modseq;
	struct account_delivery d = testing_delivery(STR("x"), -1, 0);
	d.mailbox = m.id;
	assert_int_equal(account_deliver(a, &d, 1, TESTING_NOW, &modseq, &err), -ENOENT);
	assert_int_equal(account_mailbox_delete(a, STR("a"), &err), -EPERM);
	assert_ok(account_mailbox_create(a, STR("a"), 0, TESTING_NOW, &m, &err), &err);
	assert_true(!m.noselect && m.uidvalidity > uidvalidity && m.uidnext == 1);
	assert_int_equal(testing_append(a, "a", 0, STR("again")), 1);

	assert_ok(account_mailbox_delete(a, STR("a/b"), &err), &err);
	assert_ok(account_mailbox_delete(a, STR("a"), &err), &err);
	assert_int_equal(account_mailbox_find(a, STR("a"), &m, &err), -ENOENT);
	testing_verify(a);
	account_close(a);
}

static void test_mailbox_rename(void **state)
{
	struct err err;
	struct account_mailbox m;
	struct account *a = testing_open(state, ACCOUNT_CREATE);
	assert_ok(account_mailbox_create(a, STR("a/b/c"), 0, TESTING_NOW, &m, &err), &err);
	assert_ok(account_mailbox_create(a, STR("a-b"), 0, TESTING_NOW, &m, &err), &err);
	assert_ok(account_mailbox_create(a, STR("a0"), 0, TESTING_NOW, &m, &err), &err);
	uint64_t b = testing_mailbox(a, "a/b").id, c = testing_mailbox(a, "a/b/c").id;
	testing_append(a, "a/b/c", 0, STR("x"));
	assert_int_equal(account_mailbox_rename(a, STR("a"), STR("a/x"), 1, &err), -EINVAL);
	assert_int_equal(account_mailbox_rename(a, STR("a"), STR("a-b"), 1, &err), -EEXIST);
	assert_int_equal(account_mailbox_rename(a, STR("a"), STR("a"), 1, &err), -EEXIST);
	assert_int_equal(account_mailbox_rename(a, STR("no"), STR("z"), 1, &err), -ENOENT);
	assert_int_equal(account_mailbox_rename(a, STR("a"), STR("z/"), 1, &err), -EINVAL);
	assert_ok(account_mailbox_rename(a, STR("a"), STR("new/\xc3\xa4"), 1, &err), &err);
	assert_int_equal(testing_mailbox(a, "new/\xc3\xa4/b").id, b);
	assert_int_equal(testing_mailbox(a, "new/\xc3\xa4/b/c").id, c);
	assert_int_equal(testing_mailbox(a, "new/\xc3\xa4/b/c").messages, 1);
	assert_int_equal(account_mailbox_find(a, STR("a"), &m, &err), -ENOENT);
	testing_mailbox(a, "new");
	testing_mailbox(a, "a-b");
	testing_mailbox(a, "a0");
	char level[250];
	str longest = { level, sizeof level };
	memset(level, 'l', sizeof level);
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(ARENA);
	str name = arena_printf(&arena, "%.*s/%.*s/%.*s/%.*s", STR_ARG(longest), STR_ARG(longest),
		STR_ARG(longest), 245, level);
	assert_int_equal(account_mailbox_rename(a, STR("new"), name, 1, &err), -EINVAL);
	assert_int_equal(testing_mailbox(a, "new/\xc3\xa4/b").id, b);
	testing_verify(a);
	account_close(a);
}

static void test_inbox_rename(void **state)
{
	struct err err;
	struct account_mailbox m;
	struct account *a = testing_open(state, ACCOUNT_CREATE);
	assert_ok(account_mailbox_create(a, STR("INBOX/kid"), 0, TESTING_NOW, &m, &err), &err);
	testing_append(a, "INBOX", MESSAGE_SEEN, STR("one"));
	testing_append(a, "INBOX", 0, STR("two"));
	uint64_t inbox = testing_mailbox(a, "INBOX").id;
	assert_ok(account_mailbox_rename(a, STR("inbox"), STR("old/mail"), 1, &err), &err);
	assert_int_equal(testing_mailbox(a, "INBOX").id, inbox);
	assert_int_equal(testing_mailbox(a, "INBOX").messages, 0);
	assert_int_equal(testing_mailbox(a, "INBOX").uidnext, 3);
	m = testing_mailbox(a, "old/mail");
	assert_true(m.messages == 2 && m.unseen == 1);
	testing_mailbox(a, "INBOX/kid");
	assert_ok(account_mailbox_rename(a, STR("INBOX"), STR("INBOX/empty"), 1, &err), &err);
	testing_verify(a);
	account_close(a);
}

static void test_subscriptions(void **state)
{
	struct err err;
	struct account_mailbox m, *list;
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(ARENA);
	str *names;
	size_t n;
	struct account *a = testing_open(state, ACCOUNT_CREATE);
	assert_ok(account_mailbox_create(a, STR("p/q"), 0, TESTING_NOW, &m, &err), &err);
	for (int i = 0; i < 2; i++) {
		assert_ok(account_subscribe(a, STR("not/there"), true, &err), &err);
		assert_ok(account_subscribe(a, STR("p"), true, &err), &err);
		assert_ok(account_subscribe(a, STR("inbox"), false, &err), &err);
	}
	assert_int_equal(account_subscribe(a, STR("a//b"), true, &err), -EINVAL);
	assert_ok(account_subscriptions(a, &arena, &names, &n, &err), &err);
	assert_int_equal(n, 7);
	assert_true(str_equal(names[5], STR("not/there")));
	assert_ok(account_mailbox_list(a, &arena, &list, &n, &err), &err);
	assert_int_equal(n, 8);
	assert_false(list[0].subscribed);
	assert_true(list[6].subscribed && list[6].has_children);
	assert_false(list[7].subscribed || list[7].has_children);
	struct arena tiny CLEANUP(arena_done) = ARENA_INIT(100);
	assert_int_equal(account_mailbox_list(a, &tiny, &list, &n, &err), -E2BIG);
	account_close(a);
}

static void test_mailbox_limit(void **state)
{
	struct err err;
	struct account_mailbox m;
	struct account *a = testing_open(state, ACCOUNT_CREATE);
	char name[1000];
	int r = 0, made = 0;
	/* Deep names make many levels at a time. */
	for (int i = 0; r == 0 && i < 30; i++) {
		int n = snprintf(name, sizeof name, "%02d", i);
		for (int k = 0; k < 498; k++)
			n += snprintf(name + n, sizeof name - (size_t)n, "/x");
		r = account_mailbox_create(a, str_from(name, (size_t)n), 0, TESTING_NOW, &m, &err);
		made += r == 0;
	}
	assert_int_equal(r, -E2BIG);
	assert_int_equal(made, (ACCOUNT_MAILBOXES_MAX - 6) / 499);
	assert_ok(account_mailbox_rename(a, STR("00"), STR("zz"), 1, &err), &err);
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(ARENA);
	struct account_mailbox *list;
	size_t n;
	assert_ok(account_mailbox_list(a, &arena, &list, &n, &err), &err);
	assert_int_equal(n, 6 + made * 499);
	account_close(a);
}

static void test_recent(void **state)
{
	struct err err;
	uint32_t first, next;
	uint64_t n;
	struct account *a = testing_open(state, ACCOUNT_CREATE);
	uint64_t inbox = testing_mailbox(a, "INBOX").id;
	testing_append(a, "INBOX", 0, STR("1"));
	testing_append(a, "INBOX", 0, STR("2"));
	assert_ok(account_recent_count(a, inbox, &n, &err), &err);
	assert_int_equal(n, 2);
	assert_ok(account_recent(a, inbox, false, &first, &next, &err), &err);
	assert_true(first == 1 && next == 3);
	assert_ok(account_recent(a, inbox, true, &first, &next, &err), &err);
	assert_true(first == 1 && next == 3);
	assert_ok(account_recent(a, inbox, true, &first, &next, &err), &err);
	assert_true(first == 3 && next == 3);
	assert_ok(account_recent_count(a, inbox, &n, &err), &err);
	assert_int_equal(n, 0);
	testing_append(a, "INBOX", 0, STR("3"));
	assert_ok(account_recent(a, inbox, true, &first, &next, &err), &err);
	assert_true(first == 3 && next == 4);
	assert_int_equal(account_recent(a, 99, true, &first, &next, &err), -ENOENT);
	account_close(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		store_test(test_create),
		store_test(test_wrong_file),
		store_test(test_read_only),
		cmocka_unit_test(test_names),
		store_test(test_mailbox_create),
		store_test(test_mailbox_delete),
		store_test(test_mailbox_rename),
		store_test(test_inbox_rename),
		store_test(test_subscriptions),
		store_test(test_mailbox_limit),
		store_test(test_recent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
