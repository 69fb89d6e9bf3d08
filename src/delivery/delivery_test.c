/*
 * Delivery over the real store, in a folder of its own. What runs within tasks checks with ASSERT:
 * cmocka cannot leave their stacks.
 */
#include "store/store_testing.h"

#include "delivery/delivery.h"
#include "store/account.h"
#include "store/records.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>

static const struct log no_log;

/* ── A stage: one delivery, and commits that come at the same time ────────────────────────── */

enum { COMMITS_MAX = 64, DESTINATIONS_MAX = 4 };

struct order {
	uint64_t accounts[DESTINATIONS_MAX];
	const char *details[DESTINATIONS_MAX];
	size_t n;
	const char *body;
	uint64_t missing; /* bytes that the spool lacks */
	bool differs;     /* every second destination: into Junk, and with a field of its own */
	bool small;       /* in the call itself */
	int result;
	uint64_t results[DESTINATIONS_MAX];
};

struct stage {
	const char *dir;
	struct loop *loop;
	struct delivery *delivery;
	struct order orders[COMMITS_MAX];
	size_t count, left, next;
	/* What the watchers heard, in order. */
	uint64_t heard[64];
	size_t heard_count;
	struct event news;
	void (*then)(struct task *t, struct stage *s); /* after the commits */
};

static void deliver(struct task *t, struct stage *s, struct order *o)
{
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(1024 * 1024);
	static const str fields[] = { { "A: 1\r\n", 6 }, { "B: 2\r\n", 6 } };
	str details[DESTINATIONS_MAX], body = str_from_z(o->body), finding = STR("SPF_FAIL");
	uint64_t second[DESTINATIONS_MAX];
	int fd CLEANUP(close_fd) = memfd_create("spool", MFD_CLOEXEC);
	ASSERT(pwrite(fd, body.p, body.n, 0) == (ssize_t)body.n);
	for (size_t i = 0; i < o->n; i++)
		details[i] = str_from_z(o->details[i]);
	for (size_t i = 0; i < o->n; i++)
		second[i] = i % 2;
	struct delivery_calls calls = { &delivery_functions, s->delivery };
	struct delivery_commit_request in = { .id = STR("0123456789"),
		.trace = STR("Received: x\r\n"),
		.message = fd,
		.size = body.n + o->missing,
		.received = 1700000000,
		.accounts = { o->accounts, o->n },
		.details = { details, o->n },
		.envelope = STR("(e)"),
		.body = STR("(b)"),
		.bodystructure = STR("(s)"),
		.record = STR("{\"id\":\"0123456789\"}"),
		.judged = true,
		.findings = { &finding, 1 } };
	struct delivery_commit_reply out = { 0 };
	if (o->differs) {
		in.junk = in.own = (struct ipc_u64s){ second, o->n };
		in.own_fields = (struct ipc_strs){ fields, 2 };
		in.front = STR("From: a\r\n");
	}
	if (o->small) {
		in.content = body;
		in.message = -1;
	}
	o->result = delivery_commit(t, &calls, &in, &arena, &out);
	if (o->result)
		return;
	ASSERT(out.results.n == o->n);
	memcpy(o->results, out.results.v, o->n * sizeof *out.results.v);
}

static void run_order(struct task *t, void *arg)
{
	struct stage *s = arg;
	deliver(t, s, &s->orders[s->next++]);
	if (--s->left)
		return;
	if (s->then)
		s->then(t, s);
	loop_stop(s->loop);
}

static void begin(struct stage *s, void **state, size_t max_batch)
{
	*s = (struct stage){ .dir = *state, .loop = loop_new(&no_log) };
	s->delivery = delivery_new(s->loop, &no_log, str_from_z(s->dir), max_batch);
}

static void run(struct stage *s)
{
	s->left = s->count;
	s->next = 0;
	for (size_t i = 0; i < s->count; i++)
		assert_int_equal(task_start(s->loop, run_order, s, NULL), 0);
	loop_run(s->loop);
}

static void end(struct stage *s)
{
	loop_finish(s->loop);
	delivery_free(s->delivery);
	loop_free(s->loop);
}

static struct order *add(struct stage *s, uint64_t account, const char *body)
{
	struct order *o = &s->orders[s->count++];
	*o = (struct order){ .accounts = { account }, .details = { "" }, .n = 1, .body = body };
	return o;
}

static void add_place(struct order *o, uint64_t account, const char *detail)
{
	o->accounts[o->n] = account;
	o->details[o->n++] = detail;
}

/* ── Looking ──────────────────────────────────────────────────────────────────────────────── */

struct look {
	struct account *account;
	struct account_messages messages;
};

static struct look look(const struct stage *s, uint64_t account, const char *mailbox)
{
	struct look l = { 0 };
	struct err err = { "" };
	struct account_mailbox m;
	struct uid_range all = UID_RANGE_ALL;
	assert_ok(account_open(s->dir, account, 0, 1700000000, &l.account, &err), &err);
	assert_ok(account_mailbox_find(l.account, str_from_z(mailbox), &m, &err), &err);
	assert_ok(account_messages(l.account, m.id, &all, 1, &l.messages, &err), &err);
	return l;
}

static void look_done(struct look *l)
{
	account_messages_done(&l->messages);
	account_close(l->account);
}

static size_t count(const struct stage *s, uint64_t account, const char *mailbox)
{
	struct look l = look(s, account, mailbox);
	size_t n = l.messages.n;
	look_done(&l);
	return n;
}

static void assert_body(const struct look *l, size_t index, const char *expected)
{
	char bytes[256];
	size_t n;
	struct err err = { "" };
	assert_ok(account_body_read(
			  l->account, l->messages.v[index].body, 0, bytes, sizeof bytes, &n, &err),
		&err);
	assert_true(str_equal(str_from(bytes, n), str_from_z(expected)));
}

/* ── Writing ──────────────────────────────────────────────────────────────────────────────── */

static void messages_that_come_together_share_a_commit(void **state)
{
	struct stage s;
	begin(&s, state, 16);
	for (int i = 0; i < 48; i++)
		add(&s, 1, i % 2 ? "odd\r\n" : "even\r\n");
	run(&s);
	struct delivery_counts counted = *delivery_counted(s.delivery);
	end(&s);
	for (size_t i = 0; i < s.count; i++) {
		assert_int_equal(s.orders[i].result, 0);
		assert_int_equal(s.orders[i].results[0], 0);
	}
	/* One change number a transaction (account.h). */
	struct look l = look(&s, 1, "INBOX");
	size_t batches = 0, size = 0;
	assert_int_equal(l.messages.n, 48);
	for (size_t i = 0; i < 48; i++) {
		bool first = i == 0 || l.messages.v[i].modseq != l.messages.v[i - 1].modseq;
		batches += first;
		size = first ? 1 : size + 1;
		assert_true(size <= 16);
		assert_body(&l, i, i % 2 ? "Received: x\r\nodd\r\n" : "Received: x\r\neven\r\n");
	}
	assert_in_range(batches, 3, 6);
	assert_int_equal(counted.messages, 48);
	assert_int_equal(counted.failed, 0);
	assert_int_equal(counted.batches, batches);
	assert_int_equal(counted.largest_batch, 16);
	look_done(&l);
}

static void each_destination_gets_it(void **state)
{
	struct stage s;
	begin(&s, state, 100);
	struct order *o = add(&s, 1, "x\r\n");
	add_place(o, 2, "Archive");
	add_place(o, 1, "Archive");
	add_place(o, 3, "no such mailbox");
	run(&s);
	end(&s);
	assert_int_equal(o->result, 0);
	for (size_t i = 0; i < o->n; i++)
		assert_int_equal(o->results[i], 0);
	assert_int_equal(count(&s, 1, "INBOX"), 1);
	assert_int_equal(count(&s, 1, "Archive"), 1);
	assert_int_equal(count(&s, 2, "INBOX"), 0);
	assert_int_equal(count(&s, 2, "Archive"), 1);
	assert_int_equal(count(&s, 3, "INBOX"), 1);
}

/* Junk for some, and header fields that are not those of others. */
static void destinations_may_differ(void **state)
{
	struct stage s;
	begin(&s, state, 100);
	for (int small = 0; small < 2; small++) {
		struct order *o = add(&s, 1, "\r\nx\r\n");
		add_place(o, 2, "Archive");
		add_place(o, 3, "");
		o->differs = true;
		o->small = small;
	}
	run(&s);
	end(&s);
	static const struct {
		uint64_t account;
		const char *mailbox, *content;
	} rows[] = {
		{ 1, "INBOX", "Received: x\r\nA: 1\r\nFrom: a\r\n\r\nx\r\n" },
		{ 2, "Junk", "Received: x\r\nB: 2\r\nFrom: a\r\n\r\nx\r\n" },
		{ 3, "INBOX", "Received: x\r\nA: 1\r\nFrom: a\r\n\r\nx\r\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct look l = look(&s, rows[i].account, rows[i].mailbox);
		assert_int_equal(l.messages.n, 2);
		assert_body(&l, 0, rows[i].content);
		assert_body(&l, 1, rows[i].content);
		look_done(&l);
	}
	assert_int_equal(count(&s, 2, "INBOX"), 0);
	assert_int_equal(count(&s, 2, "Archive"), 0);
}

static void one_bad_message_does_not_keep_others_out(void **state)
{
	struct stage s;
	begin(&s, state, 100);
	for (int i = 0; i < 20; i++)
		add(&s, 1, "x\r\n")->missing = i % 7 == 3;
	run(&s);
	end(&s);
	size_t good = 0;
	for (int i = 0; i < 20; i++) {
		assert_int_equal(s.orders[i].result, 0);
		assert_int_equal(s.orders[i].results[0], i % 7 == 3 ? EIO : 0);
		good += i % 7 != 3;
	}
	assert_int_equal(count(&s, 1, "INBOX"), good);
}

/* One account's file cannot be opened; the others are written all the same. */
static void one_bad_account_does_not_keep_others_out(void **state)
{
	struct stage s;
	char path[600];
	snprintf(path, sizeof path, "%s/accounts/2.db", (const char *)*state);
	assert_int_equal(mkdir(path, 0700), 0);
	begin(&s, state, 100);
	struct order *o = add(&s, 1, "x\r\n");
	add_place(o, 2, "");
	add_place(o, 3, "");
	run(&s);
	assert_int_equal(o->result, 0);
	assert_int_equal(o->results[0], 0);
	assert_true(o->results[1] > 0 && o->results[1] < 4096);
	assert_int_equal(o->results[2], 0);
	/* And once it can be opened, it is. */
	rmdir(path);
	run(&s);
	end(&s);
	assert_int_equal(o->results[1], 0);
	assert_int_equal(count(&s, 2, "INBOX"), 1);
	assert_int_equal(count(&s, 3, "INBOX"), 2);
}

static void bad_requests_are_refused(void **state)
{
	struct stage s;
	begin(&s, state, 100);
	add(&s, 1, "x")->n = 0;
	run(&s);
	assert_int_equal(s.orders[0].result, -EINVAL);
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(1000);
	uint64_t account = 1;
	str detail = STR_EMPTY;
	struct delivery_commit_request in = {
		.message = -1, .size = 1, .accounts = { &account, 1 }, .details = { &detail, 1 }
	};
	struct delivery_commit_reply out;
	assert_int_equal(delivery_functions.commit(NULL, s.delivery, &in, &arena, &out), -EINVAL);
	uint64_t two[] = { 1, 1 };
	in.size = 0;
	in.junk = (struct ipc_u64s){ two, 2 };
	assert_int_equal(delivery_functions.commit(NULL, s.delivery, &in, &arena, &out), -EINVAL);
	in.junk.n = 0;
	in.own = (struct ipc_u64s){ two, 1 };
	assert_int_equal(delivery_functions.commit(NULL, s.delivery, &in, &arena, &out), -EINVAL);
	in.own_fields = (struct ipc_strs){ &detail, 1 };
	assert_int_equal(delivery_functions.commit(NULL, s.delivery, &in, &arena, &out), -EINVAL);
	in.own.n = 0;
	assert_int_equal(delivery_functions.commit(NULL, s.delivery, &in, &arena, &out), -EINVAL);
	in.own_fields.n = 0;
	in.message = 0;
	in.details.n = 0;
	assert_int_equal(delivery_functions.commit(NULL, s.delivery, &in, &arena, &out), -EINVAL);
	end(&s);
}

/* ── Records ──────────────────────────────────────────────────────────────────────────────── */

static struct recorder *keep_records(struct stage *s)
{
	struct recorder *r;
	assert_int_equal(recorder_new(s->loop, &no_log, str_from_z(s->dir), SECONDS(86400),
				 UINT64_C(1) << 30, &r),
		0);
	delivery_keep_records(s->delivery, r);
	return r;
}

static bool expect_deliveries(void *arg, const struct record *record)
{
	const char **expected = arg;
	assert_true(str_equal(record->json, STR("{\"id\":\"0123456789\"}")));
	assert_true(str_equal(record->deliveries, str_from_z(*expected)));
	*expected = NULL;
	return true;
}

static void append_count(void *arg, const struct finding_count *c)
{
	buf_printf(arg, "%.*s %d %d;", STR_ARG(c->name), (int)c->spam, (int)c->ham);
}

static void records_come_with_their_deliveries(void **state)
{
	struct stage s;
	char path[600];
	struct records *records;
	struct err err = { "" };
	snprintf(path, sizeof path, "%s/records", (const char *)*state);
	assert_int_equal(mkdir(path, 0770), 0);
	snprintf(path, sizeof path, "%s/accounts/2.db", (const char *)*state);
	assert_int_equal(mkdir(path, 0700), 0);
	begin(&s, state, 100);
	struct recorder *r = keep_records(&s);
	struct order *o = add(&s, 1, "x\r\n");
	add_place(o, 2, "");
	run(&s);
	end(&s);
	recorder_free(r);
	assert_int_equal(o->results[0], 0);
	char text[200];
	snprintf(text, sizeof text,
		"[{\"account\":1,\"mailbox\":1,\"name\":\"INBOX\",\"uid\":1,\"result\":0},"
		"{\"account\":2,\"mailbox\":0,\"name\":\"\",\"uid\":0,\"result\":%d}]",
		(int)o->results[1]);
	const char *expected = text;
	assert_ok(records_open(s.dir, RECORDS_READ_ONLY, &records, &err), &err);
	assert_ok(records_find(records, &(struct records_query){ .id = STR("0123456789") },
			  expect_deliveries, &expected, &err),
		&err);
	assert_null(expected);
	struct buf counts CLEANUP(buf_done) = BUF_INIT(1000);
	assert_ok(records_counts(records, 0, append_count, &counts, &err), &err);
	assert_true(str_equal(buf_str(&counts), STR(" 0 1;SPF_FAIL 0 1;")));
	records_close(records);
}

/* There is no place for them: the mail is delivered. */
static void a_store_that_fails_stops_no_mail(void **state)
{
	struct stage s;
	begin(&s, state, 100);
	struct recorder *r = keep_records(&s);
	for (int i = 0; i < 20; i++)
		add(&s, 1, "x\r\n");
	run(&s);
	end(&s);
	recorder_free(r);
	assert_int_equal(count(&s, 1, "INBOX"), 20);
}

/* ── Watchers ─────────────────────────────────────────────────────────────────────────────── */

static int changed(struct task *t, void *self, const struct changes_changed_request *in,
	struct arena *a, struct changes_changed_reply *out)
{
	struct stage *s = self;
	ASSERT(s->heard_count < ARRAY_LEN(s->heard));
	s->heard[s->heard_count++] = in->account;
	event_set(&s->news);
	return 0;
}

static void watch(struct stage *s, const char *name)
{
	static const struct changes_ops ops = { changed };
	int pair[2];
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	assert_int_equal(ipc_serve(s->loop, pair[0], &changes_service, &ops, s, NULL), 0);
	assert_int_equal(delivery_watch(s->delivery, str_from_z(name), pair[1]), 0);
}

static void await(struct task *t, struct stage *s, size_t n)
{
	while (s->heard_count < n)
		ASSERT(event_wait(t, &s->news, task_deadline(t, SECONDS(20))) == 0);
}

static size_t times(const struct stage *s, uint64_t account)
{
	size_t n = 0;
	for (size_t i = 0; i < s->heard_count; i++)
		n += s->heard[i] == account;
	return n;
}

/* Both hear of accounts 1 and 4, nobody of 2, where nothing was stored. */
static void two_watchers_hear(struct task *t, struct stage *s)
{
	struct delivery_calls calls = { &delivery_functions, s->delivery };
	struct delivery_announce_request in = { .account = 4 };
	struct delivery_announce_reply out;
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(1000);
	await(t, s, 2);
	ASSERT(times(s, 1) == 2);
	ASSERT(delivery_announce(t, &calls, &in, &arena, &out) == 0);
	await(t, s, 4);
	ASSERT(times(s, 4) == 2 && times(s, 2) == 0);
}

static void watchers_are_told(void **state)
{
	struct stage s;
	begin(&s, state, 100);
	watch(&s, "mailbox.0");
	watch(&s, "mailbox.1");
	add(&s, 2, "x")->missing = 1;
	for (int i = 0; i < 10; i++)
		add(&s, 1, "x\r\n");
	s.then = two_watchers_hear;
	run(&s);
	end(&s);
	assert_int_equal(s.heard_count, 4);
}

static void one_hears(struct task *t, struct stage *s)
{
	await(t, s, 1);
}

static void a_watcher_that_died_is_replaced(void **state)
{
	struct stage s;
	int pair[2];
	begin(&s, state, 100);
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	assert_int_equal(delivery_watch(s.delivery, STR("mailbox.0"), pair[0]), 0);
	close(pair[1]);
	add(&s, 1, "x\r\n");
	run(&s);
	assert_int_equal(s.orders[0].results[0], 0);
	watch(&s, "mailbox.0");
	s.then = one_hears;
	run(&s);
	end(&s);
	assert_true(s.heard_count >= 1 && times(&s, 1) == s.heard_count);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		store_test(messages_that_come_together_share_a_commit),
		store_test(each_destination_gets_it),
		store_test(destinations_may_differ),
		store_test(one_bad_message_does_not_keep_others_out),
		store_test(one_bad_account_does_not_keep_others_out),
		store_test(bad_requests_are_refused),
		store_test(records_come_with_their_deliveries),
		store_test(a_store_that_fails_stops_no_mail),
		store_test(watchers_are_told),
		store_test(a_watcher_that_died_is_replaced),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
