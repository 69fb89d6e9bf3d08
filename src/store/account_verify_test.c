/*
 * account_verify_test.c: everything that can be wrong is found, and found by name.
 */
#include "store/account_testing.h"

#include "store/db.h"

#include <errno.h>
#include <fcntl.h>

struct expectation {
	const char *sql;   /* breaks a sound account */
	const char *words; /* of the sentence that must come */
};

/* The account has INBOX (id 1) with messages 1 (body 1, a copy in Trash), 2 (body 2, two pieces),
 * and one that has vanished (uid 3). */
static const struct expectation expectations[] = {
	{ "UPDATE account SET next_mailbox = 3", "was not given out" },
	{ "UPDATE mailbox SET uidvalidity = 4000000000 WHERE id = 1", "was not given out" },
	{ "UPDATE account SET modseq = 2", "modseq is above the account's" },
	{ "UPDATE mailbox SET changed_modseq = modseq + 1 WHERE id = 1", "last change" },
	{ "UPDATE account SET next_body = 2", "body 2: its id" },
	{ "DELETE FROM mailbox WHERE id = 1", "INBOX is missing" },
	{ "DELETE FROM mailbox WHERE id = 1", "mailbox 1, which is not there" },
	{ "UPDATE mailbox SET uidvalidity = (SELECT MAX(uidvalidity) FROM mailbox) WHERE id = 1",
		"two mailboxes" },
	{ "UPDATE mailbox SET noselect = 1 WHERE name = 'Trash'", "which is not there" },
	{ "UPDATE mailbox SET uidnext = 2 WHERE id = 1", "has a uid that was not given out" },
	{ "UPDATE mailbox SET recent_uid = 99 WHERE id = 1", "recent_uid" },
	{ "UPDATE message SET modseq = 99 WHERE uid = 2", "message 2 has a modseq" },
	{ "UPDATE mailbox SET messages = messages + 1 WHERE id = 1", "counters" },
	{ "UPDATE mailbox SET unseen = unseen + 1 WHERE id = 1", "counters" },
	{ "UPDATE mailbox SET deleted = deleted + 1 WHERE id = 2", "counters" },
	{ "UPDATE mailbox SET size = size - 1 WHERE id = 1", "counters" },
	{ "UPDATE vanished SET uid = 1", "uid 1 has vanished" },
	{ "UPDATE vanished SET modseq = 99", "uid 3 has vanished" },
	{ "DELETE FROM body WHERE id = 2", "its body 2 is not there" },
	{ "DELETE FROM body WHERE id = 2", "a piece of body 2 is left over" },
	{ "UPDATE message SET size = 1 WHERE uid = 2", "its size is not that" },
	{ "UPDATE body SET refs = 1 WHERE id = 1", "2 messages refer to it, not 1" },
	{ "UPDATE body SET refs = 0 WHERE id = 2", "referred to by no message" },
	{ "UPDATE body SET envelope = '' WHERE id = 2", "no summary" },
	{ "UPDATE body SET bodystructure = '' WHERE id = 2", "no summary" },
	{ "DELETE FROM body_chunk WHERE body = 2 AND seq = 0", "body 2: its pieces are not" },
	{ "DELETE FROM body_chunk WHERE body = 1", "body 1: its pieces are not" },
	{ "UPDATE body_chunk SET seq = 2 WHERE body = 2 AND seq = 1",
		"body 2: its pieces are not" },
	{ "UPDATE body_chunk SET seq = 1 - seq + 10 WHERE body = 2;"
	  "UPDATE body_chunk SET seq = seq - 10 WHERE body = 2",
		"piece 0 is not full" },
	{ "UPDATE body_chunk SET data = zeroblob(LENGTH(data)) WHERE body = 2 AND seq = 1",
		"body 2: piece 1 is damaged" },
	{ "UPDATE body_chunk SET data = substr(data, 2) WHERE body = 2 AND seq = 0",
		"body 2: piece 0 is damaged" },
	{ "UPDATE body_chunk SET unpacked = 262143 WHERE body = 2 AND seq = 0",
		"body 2: piece 0 is damaged" },
	{ "UPDATE body_chunk SET unpacked = NULL WHERE body = 2 AND seq = 0",
		"body 2: its pieces are not" },
};

static struct account *make(void **state)
{
	struct err err;
	struct account *a = testing_open(state, ACCOUNT_CREATE);
	int fd = testing_spool(300000);
	uint64_t modseq, inbox = testing_mailbox(a, "INBOX").id;
	struct account_delivery d[3];
	for (size_t i = 0; i < ARRAY_LEN(d); i++)
		d[i] = testing_delivery(STR("text"), fd, i == 1 ? 300000 : 0);
	assert_ok(account_deliver(a, d, ARRAY_LEN(d), TESTING_NOW, &modseq, &err), &err);
	close(fd);
	struct account_copied c;
	struct account_expunged e;
	assert_ok(account_copy(a, inbox, (struct uid_range[]){ { 1, 1 } }, 1,
			  testing_mailbox(a, "Trash").id, 1, &c, &err),
		&err);
	account_copied_done(&c);
	assert_ok(account_expunge(a, inbox, (struct uid_range[]){ { 3, 3 } }, 1, true, &e, &err),
		&err);
	account_expunged_done(&e);
	testing_verify(a);
	return a;
}

struct search {
	const char *words;
	int found, all;
};

static void look(void *arg, str problem)
{
	struct search *s = arg;
	s->all++;
	if (s->words && str_find(problem, str_from_z(s->words)) >= 0)
		s->found++;
}

static void test_each(void **state)
{
	struct err err;
	for (size_t i = 0; i < ARRAY_LEN(expectations); i++) {
		struct account *a = make(state);
		struct search s = { .words = expectations[i].words };
		assert_ok(db_script(account_db(a), expectations[i].sql, &err), &err);
		assert_ok(account_verify(a, look, &s, &err), &err);
		if (!s.found)
			fail_msg("after \"%s\" nobody said \"%s\"", expectations[i].sql, s.words);
		account_close(a);
		assert_ok(account_remove(*state, 7, &err), &err);
	}
}

/* Bytes of the file itself overwritten, page after page: always reported or harmless, never more.
 */
static void test_damaged_file(void **state)
{
	char path[600], page[4096];
	struct err err;
	memset(page, 0x55, sizeof page);
	snprintf(path, sizeof path, "%s/accounts/7.db", (char *)*state);
	bool more = true;
	for (off_t at = 0; more; at += 4096) {
		account_close(make(state));
		struct stat st;
		assert_int_equal(stat(path, &st), 0);
		int fd = open(path, O_RDWR);
		assert_int_equal(pwrite(fd, page, sizeof page, at), sizeof page);
		close(fd);
		struct account *a = NULL;
		struct search s = { 0 };
		int r = account_open(*state, 7, 0, TESTING_NOW, &a, &err);
		if (r == 0)
			assert_ok(account_verify(a, look, &s, &err), &err);
		assert_true(r < 0 || s.all > 0 || at >= 16 * 4096);
		account_close(a);
		assert_ok(account_remove(*state, 7, &err), &err);
		more = at + 4096 < st.st_size;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { store_test(test_each), store_test(test_damaged_file) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
