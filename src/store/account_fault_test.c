/*
 * account_fault_test.c: what is left when the disk fails or the process dies.
 */
#include "store/account_testing.h"

#include "store/fault_vfs.c"

#include <signal.h>
#include <sys/wait.h>

/* ---- the n-th operation fails, for all n ---- */

static const struct {
	unsigned operations;
	enum fault_kind kind;
	bool lasting;
} faults[] = {
	{ FAULT_WRITE | FAULT_SYNC | FAULT_TRUNCATE | FAULT_OPEN, FAULT_KIND_EIO, false },
	{ FAULT_WRITE | FAULT_SYNC | FAULT_TRUNCATE | FAULT_OPEN, FAULT_KIND_EIO, true },
	{ FAULT_WRITE, FAULT_KIND_FULL, false },
	{ FAULT_WRITE, FAULT_KIND_FULL, true },
	{ FAULT_WRITE, FAULT_KIND_SHORT, false },
	{ FAULT_WRITE, FAULT_KIND_SHORT, true },
	{ FAULT_SYNC, FAULT_KIND_EIO, false },
	{ FAULT_SYNC, FAULT_KIND_EIO, true },
	{ FAULT_READ, FAULT_KIND_EIO, true },
};

static void arm(struct fault_vfs *f, size_t fault, long n)
{
	fault_vfs_arm(f, faults[fault].operations, faults[fault].kind, faults[fault].lasting, n);
}

enum { BATCH = 5 };

static int deliver(struct account *a, int fd, size_t size, struct err *err)
{
	struct account_delivery d[BATCH];
	uint64_t modseq;
	for (size_t i = 0; i < BATCH; i++)
		d[i] = testing_delivery(STR("trace"), fd, size);
	d[1].special_use = SPECIAL_USE_JUNK;
	return account_deliver(a, d, BATCH, TESTING_NOW, &modseq, err);
}

static void check_counts(struct account *a, unsigned batches)
{
	struct account_mailbox inbox = testing_mailbox(a, "INBOX"),
			       junk = testing_mailbox(a, "Junk");
	assert_int_equal(inbox.messages, batches * (BATCH - 1));
	assert_int_equal(junk.messages, batches);
}

static bool is_disk_error(int r)
{
	return r == -EIO || r == -ENOSPC;
}

/* One delivery whose n-th operation fails, then one that must work. False once n is beyond the last
 * operation of the delivery. */
static bool deliver_with_fault(
	void **state, struct fault_vfs *f, size_t fault, long n, int fd, size_t size)
{
	struct err err = { 0 };
	struct account *a = testing_open(state, ACCOUNT_CREATE);
	assert_ok(deliver(a, fd, size, &err), &err);
	arm(f, fault, n);
	int r = deliver(a, fd, size, &err);
	bool failed = f->failed > 0;
	fault_vfs_disarm(f);
	/* Success with a failure inside: in a checkpoint, which is tried again later. */
	assert_true(r == 0 || (failed && is_disk_error(r) && err.text[0]));
	unsigned batches = r == 0 ? 2 : 1;
	check_counts(a, batches);
	assert_ok(deliver(a, fd, size, &err), &err);
	check_counts(a, ++batches);
	testing_verify(a);
	account_close(a);
	a = testing_open(state, 0);
	check_counts(a, batches);
	testing_verify(a);
	account_close(a);
	assert_ok(account_remove(*state, 7, &err), &err);
	return failed;
}

static void test_deliver(void **state)
{
	struct fault_vfs *f = fault_vfs_installed();
	int fd = testing_spool(4096);
	for (size_t fault = 0; fault < ARRAY_LEN(faults); fault++) {
		long n = 0;
		while (deliver_with_fault(state, f, fault, n, fd, 4096))
			n++;
		assert_true(n > 0 || faults[fault].operations == FAULT_READ);
	}
	close(fd);
}

/* Larger than the cache and with a checkpoint at the end; some of the operations only. */
static void deliver_large(void **state, testing_byte_fn *byte)
{
	enum { SIZE = 1 << 20 };
	struct fault_vfs *f = fault_vfs_installed();
	int fd = testing_spool_of(byte, SIZE);
	for (size_t fault = 0; fault < ARRAY_LEN(faults); fault++) {
		long n = 0;
		while (deliver_with_fault(state, f, fault, n, fd, SIZE))
			n += faults[fault].operations == FAULT_SYNC ? 1 : 1 + n;
	}
	close(fd);
}

static void test_large_deliver(void **state)
{
	deliver_large(state, testing_noise);
}

static void test_packed_deliver(void **state)
{
	deliver_large(state, testing_byte);
}

/* A checkpoint beside commits: what fails in it is nobody's loss, and the next one makes it good.
 */
static void test_checkpoint(void **state)
{
	enum { SIZE = 1 << 20 };
	struct fault_vfs *f = fault_vfs_installed();
	struct err err;
	int fd = testing_spool_of(testing_noise, SIZE);
	for (size_t fault = 0; fault < ARRAY_LEN(faults); fault++) {
		bool failed = true;
		for (long n = 0; failed; n += 1 + n) {
			struct account *a =
				testing_open(state, ACCOUNT_CREATE | ACCOUNT_CHECKPOINT_APART);
			assert_ok(deliver(a, fd, SIZE, &err), &err);
			assert_true(account_log_is_long(a));
			arm(f, fault, n);
			int r = account_checkpoint_apart(*state, 7, &err);
			failed = f->failed > 0;
			fault_vfs_disarm(f);
			assert_true(failed ? r == 0 || is_disk_error(r) : r == 0);
			assert_ok(deliver(a, fd, 4096, &err), &err);
			assert_ok(account_checkpoint(a, &err), &err);
			check_counts(a, 2);
			testing_verify(a);
			account_close(a);
			assert_ok(account_remove(*state, 7, &err), &err);
		}
	}
	close(fd);
}

/* It flushes far more often than the two times that SQLite does by itself. */
static void test_checkpoint_is_paced(void **state)
{
	enum { SIZE = 1 << 20, PAGES = 1000, FLUSHES = PAGES / 64 };
	struct fault_vfs *f = fault_vfs_installed();
	struct err err;
	int fd = testing_spool_of(testing_noise, SIZE);
	struct account *a = testing_open(state, ACCOUNT_CREATE | ACCOUNT_CHECKPOINT_APART);
	assert_ok(deliver(a, fd, SIZE, &err), &err);
	fault_vfs_arm(f, FAULT_SYNC, FAULT_KIND_EIO, false, FLUSHES);
	assert_int_equal(account_checkpoint_apart(*state, 7, &err), -EIO);
	assert_int_equal(f->failed, 1);
	fault_vfs_disarm(f);
	assert_ok(account_checkpoint_apart(*state, 7, &err), &err);
	check_counts(a, 1);
	testing_verify(a);
	account_close(a);
	close(fd);
}

/* Every failure while an account is made leaves something that the next attempt completes. */
static void test_create(void **state)
{
	struct fault_vfs *f = fault_vfs_installed();
	struct err err;
	for (size_t fault = 0; fault < ARRAY_LEN(faults); fault++) {
		bool failed = true;
		for (long n = 0; failed; n++) {
			struct account *a = NULL;
			arm(f, fault, n);
			int r = account_open(*state, 7, ACCOUNT_CREATE, TESTING_NOW, &a, &err);
			failed = f->failed > 0;
			fault_vfs_disarm(f);
			assert_true(r == 0 || failed);
			if (r == 0)
				account_close(a);
			a = testing_open(state, ACCOUNT_CREATE);
			check_counts(a, 0);
			testing_verify(a);
			account_close(a);
			assert_ok(account_remove(*state, 7, &err), &err);
		}
	}
}

/* The other changes: each fails at every operation without a trace, then works. */
static int do_store(struct account *a, struct err *err)
{
	struct account_store add = { .mode = STORE_ADD, .flags = MESSAGE_DELETED };
	struct account_stored s;
	int r = account_store(a, testing_mailbox(a, "INBOX").id, &UID_RANGE_ALL, 1, &add, &s, err);
	if (r == 0)
		account_stored_done(&s);
	return r;
}

static int do_transfer(struct account *a, bool move, struct err *err)
{
	struct account_copied c;
	int r = (move ? account_move : account_copy)(a, testing_mailbox(a, "INBOX").id,
		&UID_RANGE_ALL, 1, testing_mailbox(a, "Trash").id, 1, &c, err);
	if (r == 0)
		account_copied_done(&c);
	return r;
}

static int do_copy(struct account *a, struct err *err)
{
	return do_transfer(a, false, err);
}

static int do_move(struct account *a, struct err *err)
{
	return do_transfer(a, true, err);
}

static int do_expunge(struct account *a, struct err *err)
{
	struct account_expunged e;
	int r = account_expunge(
		a, testing_mailbox(a, "INBOX").id, &UID_RANGE_ALL, 1, true, &e, err);
	if (r == 0)
		account_expunged_done(&e);
	return r;
}

static int do_rename(struct account *a, struct err *err)
{
	return account_mailbox_rename(a, STR("INBOX"), STR("x/y"), 1, err);
}

static int do_delete(struct account *a, struct err *err)
{
	return account_mailbox_delete(a, STR("Junk"), err);
}

static void change_with_faults(void **state, struct fault_vfs *f, int fd,
	int (*change)(struct account *a, struct err *err))
{
	bool failed = true;
	struct err err = { 0 };
	for (long n = 0; failed; n++) {
		struct account *a = testing_open(state, ACCOUNT_CREATE);
		assert_ok(deliver(a, fd, 100, &err), &err);
		fault_vfs_arm(f, FAULT_WRITE | FAULT_SYNC, FAULT_KIND_SHORT, true, n);
		int r = change(a, &err);
		failed = f->failed > 0;
		fault_vfs_disarm(f);
		assert_int_equal(r < 0, failed);
		if (failed)
			check_counts(a, 1);
		testing_verify(a);
		if (failed)
			assert_ok(change(a, &err), &err);
		testing_verify(a);
		account_close(a);
		assert_ok(account_remove(*state, 7, &err), &err);
	}
}

static void test_changes(void **state)
{
	static int (*const changes[])(struct account *, struct err *) = { do_store, do_copy,
		do_move, do_expunge, do_rename, do_delete };
	struct fault_vfs *f = fault_vfs_installed();
	int fd = testing_spool(100);
	for (size_t i = 0; i < ARRAY_LEN(changes); i++)
		change_with_faults(state, f, fd, changes[i]);
	close(fd);
}

/* ---- the process dies ---- */

/* Delivers, flags, moves and expunges until it is killed; tells each delivery that was promised. */
static _Noreturn void work(const char *dir, int fd, int pipe_fd, uint32_t worker)
{
	struct account *a;
	uint64_t inbox = 0;
	if (account_open(dir, 7, ACCOUNT_CREATE, TESTING_NOW, &a, NULL) < 0)
		_exit(1);
	for (uint32_t i = 0;; i++) {
		struct account_delivery d =
			testing_delivery(STR("trace"), fd, i % 7 ? 3000 : 300000);
		uint64_t modseq;
		if (account_deliver(a, &d, 1, TESTING_NOW, &modseq, NULL) < 0 ||
			write(pipe_fd, &d.out_uid, sizeof d.out_uid) != sizeof d.out_uid)
			_exit(1);
		inbox = d.out_mailbox;
		struct uid_range own = { d.out_uid, d.out_uid };
		struct account_copied c;
		struct account_expunged e;
		struct account_mailbox trash;
		if (worker == 0 || account_mailbox_find(a, STR("Trash"), &trash, NULL) < 0)
			continue;
		if (account_copy(a, inbox, &own, 1, trash.id, 1, &c, NULL) < 0 ||
			account_expunge(a, trash.id, &UID_RANGE_ALL, 1, true, &e, NULL) < 0)
			_exit(1);
		account_copied_done(&c);
		account_expunged_done(&e);
	}
}

static size_t run_until_killed(const char *dir, int fd, size_t acknowledged, uint32_t *uids)
{
	int ends[2];
	pid_t pids[3];
	assert_int_equal(pipe(ends), 0);
	for (uint32_t i = 0; i < ARRAY_LEN(pids); i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			work(dir, fd, ends[1], i);
	}
	close(ends[1]);
	size_t n = 0;
	while (n < acknowledged && read(ends[0], &uids[n], sizeof *uids) == sizeof *uids)
		n++;
	assert_int_equal(n, acknowledged);
	for (size_t i = 0; i < ARRAY_LEN(pids); i++)
		kill(pids[i], SIGKILL);
	while (n < 4000 && read(ends[0], &uids[n], sizeof *uids) == sizeof *uids)
		n++;
	for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
		int status;
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_true(WIFSIGNALED(status));
	}
	close(ends[0]);
	return n;
}

static void check_present(struct account *a, const uint32_t *uids, size_t n)
{
	struct err err;
	struct account_messages m = { 0 };
	assert_ok(account_messages(a, testing_mailbox(a, "INBOX").id, &UID_RANGE_ALL, 1, &m, &err),
		&err);
	for (size_t i = 0; i < n; i++) {
		bool found = false;
		for (size_t k = 0; k < m.n; k++)
			found = found || m.v[k].uid == uids[i];
		if (!found)
			fail_msg("uid %u was acknowledged and is lost", uids[i]);
	}
	account_messages_done(&m);
}

static void test_kill(void **state)
{
	static uint32_t const rounds[] = { 1, 2, 3, 5, 17, 40, 8, 61, 33, 90 };
	uint32_t *uids = xcalloc(4000, sizeof *uids);
	int packed = testing_spool(300000), plain = testing_spool_of(testing_noise, 300000);
	for (size_t i = 0; i < ARRAY_LEN(rounds); i++) {
		size_t n = run_until_killed(*state, i % 2 ? packed : plain, rounds[i], uids);
		struct account *a = testing_open(state, 0);
		check_present(a, uids, n);
		testing_verify(a);
		account_close(a);
	}
	close(packed);
	close(plain);
	free(uids);
}

/* False: it got through before the n-th operation. */
static bool create_until_crash(const char *dir, int fd, long n)
{
	pid_t pid = fork();
	if (pid == 0) {
		struct account *a;
		fault_vfs_arm(fault_vfs_installed(), ~0u, FAULT_KIND_CRASH, false, n);
		int r = account_open(dir, 7, ACCOUNT_CREATE, TESTING_NOW, &a, NULL);
		_exit(r == 0 && deliver(a, fd, 100, NULL) == 0 ? 0 : 1);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == FAULT_CRASHED);
	return WEXITSTATUS(status) == FAULT_CRASHED;
}

/* Whoever comes first afterwards, a tool that only reads or the server, is not refused. */
static void check_after_crash(void **state, bool read_first)
{
	struct err err;
	struct account *a;
	int r = -ENOENT;
	if (read_first)
		r = account_open(*state, 7, ACCOUNT_READ_ONLY, TESTING_NOW, &a, &err);
	if (r == 0) {
		testing_verify(a);
		account_close(a);
	} else if (r != -ENOENT) {
		assert_ok(r, &err);
	}
	a = testing_open(state, ACCOUNT_CREATE);
	testing_verify(a);
	account_close(a);
	a = testing_open(state, ACCOUNT_READ_ONLY);
	testing_verify(a);
	account_close(a);
	assert_ok(account_remove(*state, 7, &err), &err);
}

static void test_killed_while_it_is_made(void **state)
{
	int fd = testing_spool(100);
	for (int read_first = 0; read_first < 2; read_first++) {
		long n = 0;
		while (create_until_crash(*state, fd, n++))
			check_after_crash(state, read_first);
		assert_true(n > 20);
		check_after_crash(state, read_first);
	}
	close(fd);
}

/* ---- several processes ---- */

static void test_processes(void **state)
{
	enum { PROCESSES = 4, EACH = 25 };
	pid_t pids[PROCESSES];
	int fd = testing_spool(100);
	for (int i = 0; i < PROCESSES; i++) {
		pids[i] = fork();
		if (pids[i] > 0)
			continue;
		struct account *a;
		int r = account_open(*state, 7, ACCOUNT_CREATE, TESTING_NOW, &a, NULL);
		for (int k = 0; r == 0 && k < EACH; k++)
			r = deliver(a, fd, 100, NULL);
		_exit(r == 0 ? 0 : 1);
	}
	for (int i = 0; i < PROCESSES; i++) {
		int status;
		waitpid(pids[i], &status, 0);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	struct account *a = testing_open(state, 0);
	check_counts(a, PROCESSES * EACH);
	assert_int_equal(testing_mailbox(a, "INBOX").uidnext, PROCESSES * EACH * (BATCH - 1) + 1);
	testing_verify(a);
	account_close(a);
	close(fd);
}

static int teardown(void **state)
{
	fault_vfs_disarm(fault_vfs_installed());
	return testing_teardown(state);
}

#define fault_test(fn) cmocka_unit_test_setup_teardown(fn, testing_setup, teardown)

int main(void)
{
	static struct fault_vfs f; /* SQLite keeps it */
	fault_vfs_install(&f);
	const struct CMUnitTest tests[] = {
		fault_test(test_deliver),
		fault_test(test_large_deliver),
		fault_test(test_packed_deliver),
		fault_test(test_checkpoint),
		fault_test(test_checkpoint_is_paced),
		fault_test(test_create),
		fault_test(test_changes),
		fault_test(test_kill),
		fault_test(test_killed_while_it_is_made),
		fault_test(test_processes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
