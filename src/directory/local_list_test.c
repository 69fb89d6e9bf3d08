#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "directory/local_list_testing.h"

#include <errno.h>
#include <stdlib.h>

enum { NOW = TESTING_LISTED };

static int setup(void **state)
{
	struct testing_lists *f = *state = xcalloc(1, sizeof *f);
	testing_lists_init(f, "example.org");
	return 0;
}

static int teardown(void **state)
{
	testing_lists_done(*state);
	free(*state);
	return 0;
}

/* ── What people write ────────────────────────────────────────────────────────────────────── */

static void subjects(void **state)
{
	static const struct {
		const char *text;
		int error;
		enum directory_subject kind;
		unsigned width;
		const char *subject; /* or what is wrong */
	} rows[] = {
		{ "192.0.2.1", 0, DIRECTORY_IP, 128, "192.0.2.1" },
		{ "192.0.2.1/32", 0, DIRECTORY_IP, 128, "192.0.2.1" },
		{ "192.0.2.0/24", 0, DIRECTORY_IP, 120, "192.0.2.0/24" },
		{ "10.0.0.0/8", 0, DIRECTORY_IP, 104, "10.0.0.0/8" },
		{ "::ffff:192.0.2.1", 0, DIRECTORY_IP, 128, "192.0.2.1" },
		{ "::ffff:192.0.2.0/120", 0, DIRECTORY_IP, 120, "192.0.2.0/24" },
		{ "2001:DB8::/32", 0, DIRECTORY_IP, 32, "2001:db8::/32" },
		{ "2001:db8::1", 0, DIRECTORY_IP, 128, "2001:db8::1" },
		{ "0.0.0.0/0", -E2BIG, DIRECTORY_IP, 96, "0.0.0.0/0" },
		{ "12.0.0.0/7", -E2BIG, DIRECTORY_IP, 103, "12.0.0.0/7" },
		{ "::/0", -E2BIG, DIRECTORY_IP, 0, "::/0" },
		{ "2000::/3", -E2BIG, DIRECTORY_IP, 3, "2000::/3" },
		{ "192.0.2.1/24", -EINVAL, 0, 0, "did you mean \"192.0.2.0/24\"" },
		{ "192.0.2.0/33", -EINVAL, 0, 0, "prefix length" },
		{ "192.0.2", -EINVAL, 0, 0, "not an IP address" },
		{ "192.0.2.256", -EINVAL, 0, 0, "not an IP address" },
		{ "example.org/24", -EINVAL, 0, 0, "not an IP address" },
		{ "News@Example.ORG", 0, DIRECTORY_ADDRESS, 0, "news@example.org" },
		{ "a@b\xc3\xbc"
		  "cher.example",
			0, DIRECTORY_ADDRESS, 0, "a@xn--bcher-kva.example" },
		{ "\"A b\"@example.org", 0, DIRECTORY_ADDRESS, 0, "\"a b\"@example.org" },
		{ "\"plain\"@example.org", 0, DIRECTORY_ADDRESS, 0, "plain@example.org" },
		{ "a@[192.0.2.1]", -EINVAL, 0, 0, "not an address" },
		{ "a b@example.org", -EINVAL, 0, 0, "not an address" },
		{ "Example.ORG.", 0, DIRECTORY_DOMAIN, 2, "example.org" },
		{ "a.b.example.org", 0, DIRECTORY_DOMAIN, 4, "a.b.example.org" },
		{ "1.example", 0, DIRECTORY_DOMAIN, 2, "1.example" },
		{ "org", -E2BIG, DIRECTORY_DOMAIN, 1, "org" },
		{ "*.example.org", -EINVAL, 0, 0, "write example.org, which is the domain and" },
		{ ".example.org", -EINVAL, 0, 0, "write example.org" },
		{ "@example.org", -EINVAL, 0, 0, "write example.org" },
		{ "exa mple.org", -EINVAL, 0, 0, "is not an IP address" },
		{ "", -EINVAL, 0, 0, "is not an IP address" },
	};
	struct testing_lists *f = *state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct directory_entry e = { 0 };
		struct err err = { "" };
		int rc = local_subject_parse(str_from_z(rows[i].text), &f->arena, &e, &err);
		if (rc != rows[i].error)
			fail_msg("%s: %d %s", rows[i].text, rc, err.text);
		if (rc == -EINVAL && !strstr(err.text, rows[i].subject))
			fail_msg("%s: %s", rows[i].text, err.text);
		if (rc == -EINVAL)
			continue;
		if (e.kind != rows[i].kind || e.width != rows[i].width ||
			!str_equal(e.subject, str_from_z(rows[i].subject)))
			fail_msg("%s: kind %d, width %u, %.*s", rows[i].text, (int)e.kind, e.width,
				STR_ARG(e.subject));
	}
}

/* ── Look-ups ─────────────────────────────────────────────────────────────────────────────── */

static struct local_answer ask(
	struct testing_lists *f, const char *client, const char *sender, const char *from)
{
	static const str scopes[] = { { "", 0 }, { "example.org", 11 }, { "#1", 2 } };
	struct err err = { "" };
	struct ip ip;
	str senders[] = { str_from_z(sender), str_from_z(from) };
	if (client)
		assert_true(ip_parse(str_from_z(client), &ip));
	struct local_query q = { .client = client ? &ip : NULL,
		.senders = senders,
		.sender_count = from ? 2 : 1,
		.scopes = scopes,
		.scope_count = 3,
		.now = NOW };
	struct local_answer answer;
	if (local_lists_find(f->lists, &q, &f->arena, &answer, &err))
		fail_msg("%s", err.text);
	return answer;
}

static void matches(void **state)
{
	static const struct {
		const char *entry, *client, *sender;
		bool is;
	} rows[] = {
		{ "-192.0.2.1", "192.0.2.1", "", true },
		{ "-192.0.2.1", "::ffff:192.0.2.1", "", true },
		{ "-192.0.2.1", "192.0.2.2", "", false },
		{ "-192.0.2.0/25", "192.0.2.127", "", true },
		{ "-192.0.2.0/25", "192.0.2.128", "", false },
		{ "-192.0.2.128/25", "192.0.2.127", "", false },
		{ "-192.0.2.4/31", "192.0.2.5", "", true },
		{ "-192.0.2.4/31", "192.0.2.6", "", false },
		{ "-0.0.0.0/0", "203.0.113.9", "", true },
		{ "-0.0.0.0/0", "2001:db8::1", "", false },
		{ "-::/0", "203.0.113.9", "", true },
		{ "-::/0", "2001:db8::1", "", true },
		{ "-2001:db8::/33", "2001:db8:7fff::1", "", true },
		{ "-2001:db8::/33", "2001:db8:8000::1", "", false },
		{ "-192.0.2.1", NULL, "a@192.0.2.1", false },
		{ "-a@away.test", NULL, "A@AWAY.test", true },
		{ "-a@away.test", NULL, "a+b@away.test", false },
		{ "-a@away.test", NULL, "a@sub.away.test", false },
		{ "-a@away.test", NULL, "\"a\"@away.test", true },
		{ "-away.test", NULL, "a@away.test", true },
		{ "-away.test", NULL, "a@x.y.away.test", true },
		{ "-away.test", NULL, "a@faraway.test", false },
		{ "-away.test", NULL, "a@away.test.example", false },
		{ "-away.test", NULL, "away.test@elsewhere.test", false },
		{ "-x.away.test", NULL, "a@away.test", false },
		{ "-away.test", NULL, "no address (x@away.test", true },
		{ "-away.test", NULL, "", false },
		{ "-away.test", NULL, "@", false },
		{ "-xn--bcher-kva.example", NULL,
			"a@b\xc3\xbc"
			"cher.example",
			true },
		{ "example.org-away.test", NULL, "a@away.test", true },
		{ "#1-away.test", NULL, "a@away.test", true },
		{ "#2-away.test", NULL, "a@away.test", false },
	};
	struct testing_lists *f = *state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		testing_lists_put(f, rows[i].entry);
		struct local_answer a = ask(f, rows[i].client, rows[i].sender, NULL);
		if (a.n != rows[i].is)
			fail_msg("%s, %s %s: %zu matches", rows[i].entry,
				rows[i].client ? rows[i].client : "", rows[i].sender, a.n);
		if (a.n)
			assert_true(str_equal(a.matches[0].comment, STR("secret")));
		testing_lists_empty(f);
	}
}

static void things_and_owners(void **state)
{
	struct testing_lists *f = *state;
	testing_lists_put(f, "#1-192.0.2.1");
	testing_lists_put(f, "example.org-away.test");
	testing_lists_put(f, "+a@from.test");
	struct local_answer a = ask(f, "192.0.2.1", "b@x.away.test", "a@from.test");
	assert_int_equal(a.n, 3);
	assert_true(a.matches[0].thing == 2 && a.matches[0].list == DIRECTORY_ALLOW);
	assert_true(!a.matches[0].counts && a.matches[0].owner.n == 0);
	assert_true(a.matches[1].thing == 1 && a.matches[1].counts);
	assert_true(str_equal(a.matches[1].subject, STR("away.test")));
	assert_true(a.matches[2].thing == 0 && a.matches[2].counts);
	assert_true(str_equal(a.matches[2].owner, STR("alice@example.org")));
	assert_int_equal(a.waiting_count, 1);
}

/* Whether the sender and the author (from) are who they say is told by the row. */
static void what_decides(void **state)
{
	static const struct {
		const char *entries; /* apart by spaces */
		bool authentic;
		char late, early; /* '-' blocked, '+' allowed, ' ' neither */
	} rows[] = {
		{ "-192.0.2.1", true, '-', '-' },
		{ "-192.0.2.1 +192.0.2.0/24", true, '+', ' ' },
		{ "-192.0.2.0/24 +192.0.2.1", false, '+', ' ' },
		{ "+192.0.2.1", false, '+', ' ' },
		{ "-s@away.test", true, '-', '-' },
		{ "-away.test", true, '-', '-' },
		{ "-from.test", true, '-', '-' }, /* here From is known early, too */
		/* An allowed sender counts where it is the one. */
		{ "-away.test +s@away.test", true, '+', ' ' },
		{ "-away.test +s@away.test", false, '-', ' ' },
		{ "-192.0.2.1 +from.test", true, '+', ' ' },
		{ "-192.0.2.1 +from.test", false, '-', ' ' },
		/* What blocks many waits for the author; what blocks one does not. */
		{ "-192.0.2.1 +other.test", true, '-', ' ' },
		{ "-away.test +x@other.test", true, '-', ' ' },
		{ "-s@away.test +x@other.test", true, '-', '-' },
		{ "-192.0.2.1 +203.0.113.0/24", true, '-', '-' },
		/* The narrower scope decides. */
		{ "-away.test example.org+away.test", true, '+', ' ' },
		{ "example.org-away.test +away.test", true, '-', '-' },
		{ "#1-away.test example.org+away.test", true, '-', '-' },
		{ "example.org-away.test #1+away.test", true, '+', ' ' },
		{ "#1-away.test #1+192.0.2.1", true, '+', ' ' },
		{ "#1+192.0.2.1 -192.0.2.1", true, '+', ' ' },
		{ "-192.0.2.1 #1+x@other.test", true, '-', ' ' },
		{ "#1-192.0.2.1 +x@other.test", true, '-', '-' },
		{ "#1+away.test -192.0.2.1", false, '-', ' ' },
		{ "#2-192.0.2.1 #2-away.test", true, ' ', ' ' },
	};
	static const struct local_reader alice = { { "#1", 2 }, { "example.org", 11 } };
	struct testing_lists *f = *state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		testing_lists_put(f, rows[i].entries);
		struct local_answer a = ask(f, "192.0.2.1", "s@away.test", "a@from.test");
		const struct local_match *early = local_decide_early(&a, &alice);
		for (size_t k = 0; k < a.n; k++)
			a.matches[k].counts |= rows[i].authentic;
		const struct local_match *late = local_decide(&a, &alice);
		char got = !late ? ' ' : late->list == DIRECTORY_BLOCK ? '-' : '+';
		if (got != rows[i].late || (early ? '-' : ' ') != rows[i].early)
			fail_msg("%s: late '%c', early '%c'", rows[i].entries, got,
				early ? '-' : ' ');
		testing_lists_empty(f);
	}
}

static void expiry(void **state)
{
	struct testing_lists *f = *state;
	struct err err = { "" };
	struct directory_entry e = testing_entry(f, STR("-192.0.2.1"));
	size_t n;
	for (int64_t expires = NOW - 1; expires <= NOW + 1; expires++) {
		e.expires = expires;
		assert_int_equal(directory_entries_add(f->store, &e, 1, &n, &err), 0);
		assert_int_equal(ask(f, "192.0.2.1", "", NULL).n, expires > NOW);
		assert_int_equal(directory_entries_expire(f->store, NOW, &n, &err), 0);
		assert_int_equal(n, expires <= NOW);
	}
	uint64_t before, after;
	assert_int_equal(directory_store_version(f->store, &before, &err), 0);
	assert_int_equal(directory_entries_expire(f->store, NOW, &n, &err), 0);
	assert_int_equal(directory_store_version(f->store, &after, &err), 0);
	assert_true(before == after); /* nothing to do: nothing to reload */
}

/* What somebody else does to the file is seen at the next look-up. */
static void changes_are_seen(void **state)
{
	struct testing_lists *f = *state;
	struct err err = { "" };
	struct directory_store *other;
	struct directory_entry e = testing_entry(f, STR("-192.0.2.0/24"));
	size_t n;
	bool any;
	const str server = STR_EMPTY;
	assert_int_equal(directory_store_open(f->dir, false, &other, &err), 0);
	assert_int_equal(ask(f, "192.0.2.1", "", NULL).n, 0);
	assert_int_equal(local_lists_any(f->lists, &server, 1, &any, &err), 0);
	assert_false(any);
	assert_int_equal(directory_entries_add(other, &e, 1, &n, &err), 0);
	assert_int_equal(ask(f, "192.0.2.1", "", NULL).n, 1);
	assert_int_equal(local_lists_any(f->lists, &server, 1, &any, &err), 0);
	assert_true(any);
	assert_int_equal(directory_entries_remove(other, &e, 1, &err), 0);
	assert_int_equal(directory_entries_remove(other, &e, 1, &err), -ENOENT);
	assert_int_equal(ask(f, "192.0.2.1", "", NULL).n, 0);
	directory_store_close(other);
}

/* With whom it goes, an entry goes; and comes back to nobody else. */
static void scopes_end(void **state)
{
	struct testing_lists *f = *state;
	struct err err = { "" };
	struct directory_entry *entries, e = testing_entry(f, STR("#9-192.0.2.1"));
	size_t n;
	uint64_t id;
	assert_int_equal(directory_entries_add(f->store, &e, 1, &n, &err), -ENOENT);
	e.scope = STR("other.test");
	assert_int_equal(directory_entries_add(f->store, &e, 1, &n, &err), -ENOENT);
	testing_lists_put(f, "#1-192.0.2.1");
	testing_lists_put(f, "#2-192.0.2.1");
	testing_lists_put(f, "-192.0.2.1");
	assert_int_equal(
		directory_account_remove(f->store, STR("alice@example.org"), &id, &err), 0);
	assert_int_equal(directory_entry_list(f->store, DIRECTORY_BLOCK, NULL, NOW, &f->arena,
				 &entries, &n, &err),
		0);
	assert_int_equal(n, 2);
	testing_lists_put(f, "example.org-192.0.2.1");
	assert_int_equal(directory_account_remove(f->store, STR("bob@example.org"), &id, &err), 0);
	assert_int_equal(directory_domain_remove(f->store, STR("example.org"), &err), 0);
	assert_int_equal(directory_entry_list(f->store, DIRECTORY_BLOCK, NULL, NOW, &f->arena,
				 &entries, &n, &err),
		0);
	assert_int_equal(n, 1);
}

/* All or nothing; and a second time they are changed, not added. */
static void many_at_once(void **state)
{
	enum { N = 100000 };
	struct testing_lists *f = *state;
	struct err err = { "" };
	struct directory_entry *entries = xcalloc(N + 1, sizeof *entries);
	size_t n;
	for (unsigned i = 0; i < N; i++) {
		entries[i] = (struct directory_entry){
			.list = DIRECTORY_BLOCK, .scope = STR_EMPTY, .comment = STR_EMPTY
		};
		str text = i % 2 ? arena_printf(
					   &f->arena, "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255)
				 : arena_printf(
					   &f->arena, "11.%u.%u.0/24", i >> 9 & 255, i >> 1 & 255);
		assert_int_equal(local_subject_parse(text, &f->arena, &entries[i], &err), 0);
	}
	entries[N] = entries[0];
	entries[N].scope = STR("#99");
	assert_int_equal(directory_entries_add(f->store, entries, N + 1, &n, &err), -ENOENT);
	assert_int_equal(ask(f, "10.0.0.1", "", NULL).n, 0);
	assert_int_equal(directory_entries_add(f->store, entries, N, &n, &err), 0);
	assert_int_equal(n, N);
	assert_int_equal(ask(f, "10.0.0.1", "", NULL).n, 1);
	assert_int_equal(ask(f, "10.0.0.2", "", NULL).n, 0);
	assert_int_equal(ask(f, "11.0.7.200", "", NULL).n, 1);
	assert_int_equal(ask(f, "12.0.7.200", "", NULL).n, 0);
	assert_int_equal(directory_entries_add(f->store, entries, 10, &n, &err), 0);
	assert_int_equal(n, 0);
	free(entries);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = { T(subjects), T(matches), T(things_and_owners),
		T(what_decides), T(expiry), T(changes_are_seen), T(scopes_end), T(many_at_once) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
