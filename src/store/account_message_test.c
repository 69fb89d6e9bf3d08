#include "store/account_testing.h"

#include "store/db.h"

#include <errno.h>

static const struct uid_range all[] = { { 1, UINT32_MAX } };

static struct account_messages list(struct account *a, const char *mailbox)
{
	struct err err;
	struct account_messages m = { 0 };
	assert_ok(account_messages(a, testing_mailbox(a, mailbox).id, all, 1, &m, &err), &err);
	return m;
}

/* ---- delivery and bodies ---- */

struct content {
	str prefix;
	testing_byte_fn *byte; /* of what follows it */
};

static char expected_byte(const struct content *c, size_t i)
{
	return i < c->prefix.n ? c->prefix.p[i] : c->byte(i - c->prefix.n);
}

static void check_range(struct account *a, uint64_t body, const struct content *c, size_t size,
	size_t from, size_t n)
{
	struct err err;
	size_t got = 0;
	char *out = xmalloc(n + 1);
	out[n] = 'z';
	assert_ok(account_body_read(a, body, from, out, n, &got, &err), &err);
	assert_int_equal(got, from < size ? MIN(n, size - from) : 0);
	for (size_t i = 0; i < got; i++)
		if (out[i] != expected_byte(c, from + i))
			fail_msg("byte %zu of %zu differs", from + i, size);
	assert_int_equal(out[n], 'z');
	free(out);
}

static void check_written(struct account *a, uint64_t body, const struct content *c, size_t size)
{
	struct err err;
	int fd = memfd_create("body", MFD_CLOEXEC);
	assert_ok(account_body_write(a, body, fd, &err), &err);
	struct stat st;
	fstat(fd, &st);
	assert_int_equal(st.st_size, size);
	const char *map = size ? mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0) : NULL;
	for (size_t i = 0; i < size; i++)
		if (map[i] != expected_byte(c, i))
			fail_msg("byte %zu of %zu differs", i, size);
	close(fd);
}

/* A delivery of n bytes of fd, the first of which (at most `in_memory`) are already in *map. */
static struct account_delivery partly_in_memory(
	str prefix, int fd, size_t n, size_t in_memory, void **map)
{
	*map = n ? mmap(NULL, n, PROT_READ, MAP_SHARED, fd, 0) : NULL;
	in_memory = MIN(n, in_memory);
	struct account_delivery d = testing_delivery(prefix, fd, n - in_memory);
	d.memory = str_from(*map, in_memory);
	d.body_offset = in_memory;
	return d;
}

static void check_bodies(void **state, testing_byte_fn *byte, size_t in_memory)
{
	enum { C = ACCOUNT_CHUNK_SIZE };
	static const size_t sizes[] = { 0, 1, 100, C - 6, C - 5, C - 4, C, 2 * C - 5, 2 * C,
		3 * C + 17 };
	struct err err;
	uint64_t modseq, size;
	struct account *a = testing_open(state, ACCOUNT_CREATE);
	struct content content = { STR("trace"), byte };
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		int fd = testing_spool_of(byte, sizes[i]);
		size_t n = content.prefix.n + sizes[i];
		void *map;
		struct account_delivery d =
			partly_in_memory(content.prefix, fd, sizes[i], in_memory, &map);
		assert_ok(account_deliver(a, &d, 1, TESTING_NOW, &modseq, &err), &err);
		munmap(map, sizes[i]);
		close(fd);
		assert_ok(account_body_size(a, d.out_body, &size, &err), &err);
		assert_int_equal(size, n);
		check_range(a, d.out_body, &content, n, 0, n + 1);
		static const size_t edges[] = { 0, 1, 5, C - 1, C, C + 1, 2 * C, 4 * C };
		for (size_t k = 0; k < ARRAY_LEN(edges); k++)
			for (size_t length = 0; length <= C + 1; length = length * 300 + 1)
				check_range(a, d.out_body, &content, n, edges[k], length);
		check_written(a, d.out_body, &content, n);
	}
	size_t got;
	char c;
	assert_int_equal(account_body_read(a, 999, 0, &c, 1, &got, &err), -ENOENT);
	testing_verify(a);
	account_close(a);
}

static void test_bodies(void **state)
{
	check_bodies(state, testing_noise, 0);
}

static void test_bodies_in_memory(void **state)
{
	check_bodies(state, testing_noise, SIZE_MAX);
}

static void test_bodies_partly_in_memory(void **state)
{
	check_bodies(state, testing_noise, ACCOUNT_CHUNK_SIZE - 20);
}

static void test_packed_bodies(void **state)
{
	check_bodies(state, testing_byte, 0);
}

/* Bodies in a file of version 1 are read as they are, those that come later are packed. */
static void test_bodies_of_version_1(void **state)
{
	enum { SIZE = 300000 };
	struct content plain = { STR("old"), testing_noise }, packed = { STR("new"), testing_byte };
	struct err err;
	uint64_t modseq;
	struct account *a = testing_open(state, ACCOUNT_CREATE), *reader;
	int fd = testing_spool_of(plain.byte, SIZE);
	struct account_delivery before = testing_delivery(plain.prefix, fd, SIZE);
	assert_ok(account_deliver(a, &before, 1, TESTING_NOW, &modseq, &err), &err);
	close(fd);
	assert_ok(db_script(account_db(a),
			  "ALTER TABLE body_chunk DROP COLUMN unpacked;"
			  "UPDATE schema_version SET version = 1",
			  &err),
		&err);
	account_close(a);
	assert_int_equal(
		account_open(*state, 7, ACCOUNT_READ_ONLY, TESTING_NOW, &reader, &err), -EROFS);

	a = testing_open(state, 0);
	fd = testing_spool_of(packed.byte, SIZE);
	struct account_delivery after = testing_delivery(packed.prefix, fd, SIZE);
	assert_ok(account_deliver(a, &after, 1, TESTING_NOW, &modseq, &err), &err);
	close(fd);
	check_range(a, before.out_body, &plain, 3 + SIZE, 0, SIZE + 10);
	check_written(a, before.out_body, &plain, 3 + SIZE);
	check_range(a, after.out_body, &packed, 3 + SIZE, 0, SIZE + 10);
	testing_verify(a);
	account_close(a);
}

/* A packed piece that was damaged is never read as something else. */
static void test_damaged_piece(void **state)
{
	static const char *const damage[] = {
		"UPDATE body_chunk SET data = substr(data, 1, LENGTH(data) - 1)",
		"UPDATE body_chunk SET data = zeroblob(LENGTH(data))",
		"UPDATE body_chunk SET unpacked = unpacked - 1",
		"UPDATE body_chunk SET unpacked = 262145",
		"UPDATE body_chunk SET unpacked = -1",
		"UPDATE body_chunk SET unpacked = NULL",
	};
	enum { SIZE = 100000 };
	int fd = testing_spool(SIZE);
	for (size_t i = 0; i < ARRAY_LEN(damage); i++) {
		struct err err;
		uint64_t modseq;
		char *out = xmalloc(SIZE);
		size_t got;
		struct account *a = testing_open(state, ACCOUNT_CREATE);
		struct account_delivery d = testing_delivery(STR_EMPTY, fd, SIZE);
		assert_ok(account_deliver(a, &d, 1, TESTING_NOW, &modseq, &err), &err);
		assert_ok(db_script(account_db(a), damage[i], &err), &err);
		assert_int_equal(
			account_body_read(a, d.out_body, 0, out, SIZE, &got, &err), -EUCLEAN);
		int spool = memfd_create("body", MFD_CLOEXEC);
		assert_int_equal(account_body_write(a, d.out_body, spool, &err), -EUCLEAN);
		close(spool);
		account_close(a);
		assert_ok(account_remove(*state, 7, &err), &err);
		free(out);
	}
	close(fd);
}

static void test_empty_message(void **state)
{
	struct err err;
	struct account *a = testing_open(state, ACCOUNT_CREATE);
	testing_append(a, "INBOX", 0, STR_EMPTY);
	struct account_messages m = list(a, "INBOX");
	assert_int_equal(m.v[0].size, 0);
	check_range(a, m.v[0].body, &(struct content){ 0 }, 0, 0, 10);
	check_written(a, m.v[0].body, &(struct content){ 0 }, 0);
	account_messages_done(&m);
	struct account_expunged e;
	assert_ok(account_expunge(a, testing_mailbox(a, "INBOX").id, all, 1, true, &e, &err), &err);
	account_expunged_done(&e);
	testing_verify(a);
	account_close(a);
}

static void test_batch(void **state)
{
	struct err err;
	uint64_t modseq;
	struct account *a = testing_open(state, ACCOUNT_CREATE);
	struct account_delivery d[6];
	int fd = testing_spool(300);
	for (size_t i = 0; i < ARRAY_LEN(d); i++)
		d[i] = testing_delivery(STR("p"), fd, 100);
	d[1].special_use = SPECIAL_USE_JUNK;
	d[2].name = STR("inbox");
	d[2].flags = MESSAGE_SEEN | MESSAGE_DELETED | 0x8000;
	d[3].mailbox = 12345;
	d[3].or_inbox = true;
	d[4].name = STR("Archive");
	d[5].body_offset = 150;
	assert_ok(account_deliver(a, d, ARRAY_LEN(d), TESTING_NOW, &modseq, &err), &err);
	struct account_mailbox inbox = testing_mailbox(a, "INBOX");
	static const uint32_t uids[] = { 1, 1, 2, 3, 1, 4 };
	for (size_t i = 0; i < ARRAY_LEN(d); i++)
		assert_int_equal(d[i].out_uid, uids[i]);
	assert_int_equal(d[1].out_mailbox, testing_mailbox(a, "Junk").id);
	assert_int_equal(d[4].out_uidvalidity, testing_mailbox(a, "Archive").uidvalidity);
	assert_true(inbox.messages == 4 && inbox.unseen == 3 && inbox.deleted == 1);
	assert_true(inbox.uidnext == 5 && inbox.size == 404 && inbox.highestmodseq == modseq);
	struct account_messages m = list(a, "INBOX");
	assert_int_equal(m.n, 4);
	assert_int_equal(m.v[1].flags, MESSAGE_SEEN | MESSAGE_DELETED);
	assert_int_equal(m.v[1].modseq, modseq);
	assert_int_equal(m.v[0].savedate, TESTING_NOW);
	assert_int_equal(m.v[0].internaldate, TESTING_NOW - 10);
	char c;
	size_t got;
	assert_ok(account_body_read(a, d[5].out_body, 1, &c, 1, &got, &err), &err);
	assert_int_equal(c, testing_byte(150));
	account_messages_done(&m);

	/* All or nothing: one that has no mailbox, one whose spool is short. */
	d[3].or_inbox = false;
	assert_int_equal(account_deliver(a, d, ARRAY_LEN(d), TESTING_NOW, &modseq, &err), -ENOENT);
	d[3].or_inbox = true;
	d[5].body_offset = 201;
	assert_int_equal(account_deliver(a, d, ARRAY_LEN(d), TESTING_NOW, &modseq, &err), -EIO);
	struct account_mailbox after = testing_mailbox(a, "INBOX");
	assert_memory_equal(&after, &inbox, sizeof after);
	d[0].body_size = UINT64_MAX;
	assert_int_equal(account_deliver(a, d, 1, TESTING_NOW, &modseq, &err), -EFBIG);
	testing_verify(a);
	close(fd);
	account_close(a);
}

static int collect(void *arg, size_t index, const struct account_summary *s)
{
	assert_true(str_equal(s->envelope, STR("(envelope)")) && str_equal(s->body, STR("(body)")));
	assert_true(str_equal(s->bodystructure, STR("(bodystructure)")) && s->date == 5);
	*(unsigned *)arg |= 1u << index;
	return index == 3 ? -ECANCELED : 0;
}

static void test_summaries(void **state)
{
	struct err err;
	struct account *a = testing_open(state, ACCOUNT_CREATE);
	testing_append(a, "INBOX", 0, STR("x"));
	struct account_messages m = list(a, "INBOX");
	uint64_t body = m.v[0].body, bodies[] = { body, 777, body, body, body };
	unsigned seen = 0;
	assert_ok(account_summaries(a, bodies, 3, collect, &seen, &err), &err);
	assert_int_equal(seen, 5);
	assert_int_equal(account_summaries(a, bodies, 5, collect, &seen, &err), -ECANCELED);
	assert_int_equal(seen, 13);
	assert_int_equal(testing_append(a, "INBOX", 0, STR("y")), 2);
	account_messages_done(&m);
	account_close(a);
}

/* ---- flags, keywords, changes ---- */

static struct account_stored store(
	struct account *a, uint64_t mailbox, struct uid_range range, struct account_store change)
{
	struct err err;
	struct account_stored s = { 0 };
	assert_ok(account_store(a, mailbox, &range, 1, &change, &s, &err), &err);
	return s;
}

static void test_store(void **state)
{
	struct account *a = testing_open(state, ACCOUNT_CREATE);
	uint64_t inbox = testing_mailbox(a, "INBOX").id;
	for (int i = 0; i < 4; i++)
		testing_append(a, "INBOX", i == 3 ? MESSAGE_SEEN : 0, STR("x"));
	uint64_t before = testing_mailbox(a, "INBOX").highestmodseq;
	struct account_store add = { .mode = STORE_ADD, .flags = MESSAGE_SEEN | MESSAGE_DELETED };
	struct account_stored s = store(a, inbox, (struct uid_range){ 2, 3 }, add);
	assert_true(s.modseq > before && s.messages.n == 2 && s.failed_count == 0);
	assert_int_equal(s.messages.v[1].flags, MESSAGE_SEEN | MESSAGE_DELETED);
	assert_int_equal(s.messages.v[1].modseq, s.modseq);
	uint64_t first = s.modseq;
	account_stored_done(&s);
	struct account_mailbox m = testing_mailbox(a, "INBOX");
	assert_true(m.unseen == 1 && m.deleted == 2 && m.highestmodseq == first);

	/* What is so already is no change. */
	s = store(a, inbox, (struct uid_range){ 2, 3 }, add);
	assert_true(s.modseq == 0 && s.messages.n == 2 && s.messages.v[0].modseq == first);
	account_stored_done(&s);

	struct account_store set = { .mode = STORE_SET, .flags = MESSAGE_FLAGGED };
	s = store(a, inbox, (struct uid_range){ 1, 4 }, set);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(s.messages.v[i].flags, MESSAGE_FLAGGED);
	uint64_t second = s.modseq;
	account_stored_done(&s);

	/* UNCHANGEDSINCE */
	struct account_store remove_it = { .mode = STORE_REMOVE, .flags = MESSAGE_FLAGGED };
	s = store(a, inbox, (struct uid_range){ 3, 3 }, remove_it);
	account_stored_done(&s);
	remove_it.conditional = true;
	remove_it.unchangedsince = second;
	s = store(a, inbox, (struct uid_range){ 2, 9 }, remove_it);
	assert_true(s.messages.n == 2 && s.failed_count == 1 && s.failed[0] == 3);
	assert_true(s.messages.v[0].uid == 2 && s.messages.v[1].uid == 4);
	account_stored_done(&s);
	m = testing_mailbox(a, "INBOX");
	assert_true(m.unseen == 4 && m.deleted == 0);
	testing_verify(a);
	account_close(a);
}

static void test_keywords(void **state)
{
	struct err err;
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(1 << 20);
	struct account *a = testing_open(state, ACCOUNT_CREATE);
	struct account_keywords k = { 0 };
	str names[] = { STR("$Junk"), STR("Work"), STR("$junk") }, *known;
	size_t n;
	assert_ok(account_keywords_find(a, names, 3, false, &k, &err), &err);
	assert_int_equal(k.bits[0], 0);
	assert_ok(account_keywords_find(a, names, 3, true, &k, &err), &err);
	assert_int_equal(k.bits[0], 3);
	assert_ok(account_keywords_list(a, &arena, &known, &n, &err), &err);
	assert_true(n == 2 && str_equal(known[0], names[0]) && str_equal(known[1], names[1]));
	static const char *const bad[] = { "", "\\Seen", "a b", "a(", "a]", "a%", "\xc3\xa4",
		"a\"" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(account_keywords_find(
					 a, &(str){ bad[i], strlen(bad[i]) }, 1, true, &k, &err),
			-EINVAL);

	/* As many as there can be, on a message and back. */
	for (unsigned i = 2; i < ACCOUNT_KEYWORDS_MAX; i++) {
		str name = arena_printf(&arena, "k%u", i);
		assert_ok(account_keywords_find(a, &name, 1, true, &k, &err), &err);
		assert_true(account_keywords_has(&k, i));
	}
	assert_int_equal(account_keywords_find(a, &(str){ "more", 4 }, 1, true, &k, &err), -E2BIG);
	testing_append(a, "INBOX", 0, STR("x"));
	uint64_t inbox = testing_mailbox(a, "INBOX").id;
	struct account_store add = { .mode = STORE_ADD, .keywords = k };
	struct account_stored s = store(a, inbox, all[0], add);
	assert_true(s.modseq > 0);
	account_stored_done(&s);
	struct account_store less = { .mode = STORE_REMOVE,
		.keywords.bits = { 1, 0, 0, 1ul << 63 } };
	s = store(a, inbox, all[0], less);
	account_stored_done(&s);
	struct account_messages m = list(a, "INBOX");
	for (unsigned i = 0; i < ACCOUNT_KEYWORDS_MAX; i++)
		assert_int_equal(account_keywords_has(&m.v[0].keywords, i), i != 0 && i != 255);
	account_messages_done(&m);
	account_close(a);
}

static struct account_changes changes(struct account *a, uint64_t modseq, uint32_t uidnext)
{
	struct err err;
	struct account_changes c;
	assert_ok(account_changes(a, testing_mailbox(a, "INBOX").id, modseq, uidnext, &c, &err),
		&err);
	return c;
}

static void test_changes(void **state)
{
	struct err err;
	struct account *a = testing_open(state, ACCOUNT_CREATE);
	uint64_t inbox = testing_mailbox(a, "INBOX").id;
	for (int i = 0; i < 5; i++)
		testing_append(a, "INBOX", 0, STR("x"));
	struct account_changes c = changes(a, 0, 1);
	assert_int_equal(c.changed.n, 5);
	uint64_t modseq = c.mailbox.highestmodseq;
	account_changes_done(&c);
	c = changes(a, modseq, 6);
	assert_true(c.changed.n == 0 && c.vanished_count == 0);
	account_changes_done(&c);

	testing_append(a, "INBOX", 0, STR("new"));
	c = changes(a, modseq, 6);
	assert_true(c.changed.n == 1 && c.changed.v[0].uid == 6 && c.mailbox.uidnext == 7);
	account_changes_done(&c);

	struct account_store add = { .mode = STORE_ADD, .flags = MESSAGE_DELETED };
	struct account_stored s = store(a, inbox, (struct uid_range){ 2, 3 }, add);
	account_stored_done(&s);
	s = store(a, inbox, (struct uid_range){ 6, 6 }, add);
	account_stored_done(&s);
	c = changes(a, modseq, 6);
	assert_true(c.changed.n == 3 && c.changed.v[0].uid == 2 && c.changed.v[2].uid == 6);
	account_changes_done(&c);
	struct account_expunged e;
	assert_ok(account_expunge(
			  a, inbox, (struct uid_range[]){ { 1, 2 }, { 6, 9 } }, 2, false, &e, &err),
		&err);
	assert_true(e.n == 2 && e.uids[0] == 2 && e.uids[1] == 6);
	uint64_t expunged = e.modseq;
	account_expunged_done(&e);

	/* Uid 6 came and went unseen. */
	c = changes(a, modseq, 6);
	assert_true(c.changed.n == 1 && c.changed.v[0].uid == 3);
	assert_true(c.vanished_count == 1 && c.vanished[0] == 2);
	assert_int_equal(c.mailbox.highestmodseq, expunged);
	account_changes_done(&c);
	assert_int_equal(account_changes(a, 99, 0, 1, &c, &err), -ENOENT);
	testing_verify(a);
	account_close(a);
}

/* ---- copy, move, expunge ---- */

static void test_copy_and_move(void **state)
{
	struct err err;
	struct account_copied c;
	struct account *a = testing_open(state, ACCOUNT_CREATE);
	struct account_mailbox inbox = testing_mailbox(a, "INBOX"),
			       trash = testing_mailbox(a, "Trash");
	for (int i = 0; i < 4; i++)
		testing_append(a, "INBOX", i % 2 ? MESSAGE_SEEN : MESSAGE_FLAGGED, STR("text"));
	testing_append(a, "Trash", 0, STR("there"));
	struct uid_range some[] = { { 1, 1 }, { 3, 100 } };
	assert_ok(account_copy(a, inbox.id, some, 2, trash.id, TESTING_NOW + 5, &c, &err), &err);
	assert_true(c.n == 3 && c.uidvalidity == trash.uidvalidity);
	assert_true(c.from[0] == 1 && c.from[1] == 3 && c.from[2] == 4);
	assert_true(c.to[0] == 2 && c.to[2] == 4);
	account_copied_done(&c);
	struct account_messages from = list(a, "INBOX"), to = list(a, "Trash");
	assert_true(from.n == 4 && to.n == 4);
	assert_true(to.v[1].body == from.v[0].body && to.v[1].flags == MESSAGE_FLAGGED);
	assert_true(to.v[1].internaldate == from.v[0].internaldate);
	assert_int_equal(to.v[1].savedate, TESTING_NOW + 5);
	account_messages_done(&from);
	account_messages_done(&to);
	testing_verify(a);

	assert_ok(account_move(a, inbox.id, some, 2, trash.id, TESTING_NOW, &c, &err), &err);
	assert_true(c.n == 3 && c.to[0] == 5);
	account_copied_done(&c);
	assert_int_equal(testing_mailbox(a, "INBOX").messages, 1);
	assert_int_equal(testing_mailbox(a, "Trash").messages, 7);
	struct account_changes gone = changes(a, 1, 5);
	assert_int_equal(gone.vanished_count, 3);
	account_changes_done(&gone);

	assert_ok(account_move(a, trash.id, all, 1, trash.id, TESTING_NOW, &c, &err), &err);
	assert_true(c.n == 7 && c.to[0] == 8);
	account_copied_done(&c);
	assert_int_equal(testing_mailbox(a, "Trash").messages, 7);
	assert_ok(account_copy(a, inbox.id, some, 2, trash.id, 1, &c, &err), &err);
	assert_true(c.n == 0 && c.modseq == 0 && c.uidvalidity == trash.uidvalidity);
	account_copied_done(&c);
	assert_int_equal(account_copy(a, inbox.id, all, 1, 99, 1, &c, &err), -ENOENT);
	assert_int_equal(account_move(a, 99, all, 1, inbox.id, 1, &c, &err), -ENOENT);
	testing_verify(a);
	account_close(a);
}

static void test_body_lives_with_last_copy(void **state)
{
	struct err err;
	struct account_copied c;
	struct account_expunged e;
	struct account *a = testing_open(state, ACCOUNT_CREATE);
	uint64_t inbox = testing_mailbox(a, "INBOX").id, trash = testing_mailbox(a, "Trash").id,
		 size;
	testing_append(a, "INBOX", 0, STR("text"));
	struct account_messages m = list(a, "INBOX");
	uint64_t body = m.v[0].body;
	account_messages_done(&m);
	assert_ok(account_copy(a, inbox, all, 1, trash, 1, &c, &err), &err);
	account_copied_done(&c);
	assert_ok(account_expunge(a, inbox, all, 1, false, &e, &err), &err);
	assert_true(e.n == 0 && e.modseq == 0);
	account_expunged_done(&e);
	assert_ok(account_expunge(a, inbox, all, 1, true, &e, &err), &err);
	account_expunged_done(&e);
	assert_ok(account_body_size(a, body, &size, &err), &err);
	testing_verify(a);
	assert_ok(account_mailbox_delete(a, STR("Trash"), &err), &err);
	assert_int_equal(account_body_size(a, body, &size, &err), -ENOENT);
	testing_verify(a);
	account_close(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		store_test(test_bodies),
		store_test(test_bodies_in_memory),
		store_test(test_bodies_partly_in_memory),
		store_test(test_packed_bodies),
		store_test(test_bodies_of_version_1),
		store_test(test_damaged_piece),
		store_test(test_empty_message),
		store_test(test_batch),
		store_test(test_summaries),
		store_test(test_store),
		store_test(test_keywords),
		store_test(test_changes),
		store_test(test_copy_and_move),
		store_test(test_body_lives_with_last_copy),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
