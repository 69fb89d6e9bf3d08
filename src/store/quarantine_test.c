#include "store/store_testing.h"

#include "store/fault_vfs.c"
#include "store/db.h"
#include "store/quarantine.h"

#include <errno.h>
#include <sys/mman.h>

enum { NOW = 1700000000, LARGE = 700 * 1000 };

struct scene {
	const char *dir;
	struct quarantine *q;
	struct err err;
	struct arena arena;
	char large[LARGE];
};

static const struct quarantine_limits no_limits = { 0, UINT64_MAX };

static void begin(struct scene *s, void **state)
{
	char path[600];
	memset(s, 0, sizeof *s);
	s->dir = *state;
	s->arena = ARENA_INIT(16 * 1024 * 1024);
	snprintf(path, sizeof path, "%s/quarantine", s->dir);
	assert_int_equal(mkdir(path, 0770), 0);
	/* Half of it can be packed. */
	unsigned seed = 1;
	for (size_t i = 0; i < LARGE; i++)
		s->large[i] =
			i < LARGE / 2 ? 'x' : (char)((seed = seed * 1103515245 + 12345) >> 16);
	assert_ok(quarantine_open(s->dir, QUARANTINE_CREATE, &s->q, &s->err), &s->err);
}

static void end(struct scene *s)
{
	quarantine_close(s->q);
	arena_done(&s->arena);
}

static struct quarantine_item item_of(const char *id, int64_t time, size_t size)
{
	static const str recipients[] = { { "alice@here.test", 15 }, { "bob+x@here.test", 15 } };
	static const uint64_t accounts[] = { 1, 2 };
	static const str details[] = { { "", 0 }, { "x", 1 } };
	return (struct quarantine_item){ .id = str_from_z(id),
		.time = time,
		.reason = STR("it scores 9"),
		.sender = STR("a@away.test"),
		.client = STR("192.0.2.1"),
		.recipients = recipients,
		.recipient_count = 2,
		.accounts = accounts,
		.details = details,
		.account_count = 2,
		.trace = STR("Received: x\r\n"),
		.size = size,
		.received = time - 1,
		.summary = { STR("(e)"), STR("(b)"), STR("(s)"), 17 } };
}

static int add(struct scene *s, const char *id, int64_t time, size_t size,
	const struct quarantine_limits *limits)
{
	struct quarantine_item item = item_of(id, time, size);
	struct quarantine_body body = { .content = str_from(s->large, size), .fd = -1 };
	return quarantine_add(s->q, &item, &body, limits, &s->err);
}

static bool put_id(void *arg, const struct quarantine_item *item)
{
	struct buf *out = arg;
	buf_printf(out, "%.*s(%zu) ", STR_ARG(item->id), item->recipient_count);
	return true;
}

static void assert_list(struct scene *s, const char *wanted)
{
	struct buf out CLEANUP(buf_done) = BUF_INIT(4096);
	assert_ok(quarantine_list(s->q, put_id, &out, &s->err), &s->err);
	if (!str_equal(buf_str(&out), str_from_z(wanted)))
		fail_msg("wanted %s, got %.*s", wanted, STR_ARG(buf_str(&out)));
}

static void count(void *arg, str problem)
{
	++*(unsigned *)arg;
}

static unsigned problems(struct scene *s)
{
	unsigned n = 0;
	assert_ok(quarantine_verify(s->q, count, &n, &s->err), &s->err);
	return n;
}

static void assert_body(struct scene *s, const char *id, size_t size)
{
	int fd CLEANUP(close_fd) = memfd_create("body", MFD_CLOEXEC);
	assert_ok(quarantine_write_body(s->q, str_from_z(id), fd, &s->err), &s->err);
	assert_int_equal(lseek(fd, 0, SEEK_END), size);
	char *got = xmalloc(size + 1);
	assert_int_equal(pread(fd, got, size, 0), size);
	assert_memory_equal(got, s->large, size);
	free(got);
}

/* ── Tests ────────────────────────────────────────────────────────────────────────────────── */

static void what_is_kept_comes_back(void **state)
{
	static const size_t sizes[] = { 0, 1, ACCOUNT_CHUNK_SIZE, ACCOUNT_CHUNK_SIZE + 1, LARGE };
	struct scene s;
	begin(&s, state);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		char id[] = { 'A', (char)('0' + i), '\0' };
		assert_ok(add(&s, id, NOW, sizes[i], &no_limits), &s.err);
		assert_body(&s, id, sizes[i]);
	}
	/* From a file, from some place on. */
	struct quarantine_item file = item_of("FILE", NOW, 1000);
	file.copy = true;
	int fd CLEANUP(close_fd) = memfd_create("spool", MFD_CLOEXEC);
	assert_int_equal(pwrite(fd, s.large, 1000, 77), 1000);
	struct quarantine_body body = { .fd = fd, .offset = 77 };
	assert_ok(quarantine_add(s.q, &file, &body, &no_limits, &s.err), &s.err);
	assert_body(&s, "FILE", 1000);
	file.id = STR("MORE");
	file.size = 1001;
	assert_int_equal(quarantine_add(s.q, &file, &body, &no_limits, &s.err), -EIO);

	quarantine_close(s.q);
	assert_ok(quarantine_open(s.dir, QUARANTINE_READ_ONLY, &s.q, &s.err), &s.err);
	struct quarantine_item got;
	assert_ok(quarantine_find(s.q, STR("FILE"), &s.arena, &got, &s.err), &s.err);
	assert_true(got.copy && got.time == NOW && got.received == NOW - 1 && got.size == 1000);
	assert_true(str_equal(got.trace, STR("Received: x\r\n")));
	assert_true(str_equal(got.sender, STR("a@away.test")));
	assert_true(str_equal(got.client, STR("192.0.2.1")));
	assert_true(str_equal(got.reason, STR("it scores 9")));
	assert_true(str_equal(got.summary.envelope, STR("(e)")));
	assert_true(str_equal(got.summary.body, STR("(b)")));
	assert_true(str_equal(got.summary.bodystructure, STR("(s)")));
	assert_int_equal(got.summary.date, 17);
	assert_int_equal(got.account_count, 2);
	assert_true(got.accounts[0] == 1 && got.accounts[1] == 2);
	assert_true(str_equal(got.details[1], STR("x")));
	assert_int_equal(got.recipient_count, 2);
	assert_true(str_equal(got.recipients[1], STR("bob+x@here.test")));
	assert_list(&s, "FILE(2) A4(2) A3(2) A2(2) A1(2) A0(2) ");
	assert_int_equal(quarantine_find(s.q, STR("A"), &s.arena, &got, &s.err), -ENOENT);
	assert_int_equal(problems(&s), 0);
	end(&s);
}

static void an_id_is_there_once(void **state)
{
	struct scene s;
	begin(&s, state);
	assert_ok(add(&s, "A", NOW, 10, &no_limits), &s.err);
	assert_int_equal(add(&s, "A", NOW, 20, &no_limits), -EEXIST);
	assert_body(&s, "A", 10);
	assert_ok(quarantine_remove(s.q, STR("A"), &s.err), &s.err);
	assert_int_equal(quarantine_remove(s.q, STR("A"), &s.err), -ENOENT);
	assert_list(&s, "");
	assert_int_equal(problems(&s), 0);
	end(&s);
}

static void old_ones_make_room_new_ones_do_not(void **state)
{
	struct quarantine_limits limits = { 0, 3 * LARGE / 2 };
	struct scene s;
	begin(&s, state);
	assert_ok(add(&s, "OLD", NOW - 100, LARGE, &limits), &s.err);
	assert_ok(add(&s, "MID", NOW - 50, LARGE, &limits), &s.err);
	assert_int_equal(add(&s, "NEW", NOW, LARGE, &limits), -ENOSPC);
	assert_true(str_find(str_from_z(s.err.text), STR("max_size")) > 0);
	assert_list(&s, "MID(2) OLD(2) ");
	limits.before = NOW - 99;
	assert_ok(add(&s, "NEW", NOW, LARGE, &limits), &s.err);
	assert_list(&s, "NEW(2) MID(2) ");
	assert_int_equal(add(&s, "NIX", NOW, LARGE, &limits), -ENOSPC);
	/* What has expired goes also where nothing comes. */
	size_t removed = 0;
	assert_ok(quarantine_expire(s.q, NOW, 10, &removed, &s.err), &s.err);
	assert_int_equal(removed, 1);
	assert_list(&s, "NEW(2) ");
	assert_ok(quarantine_expire(s.q, NOW, 10, &removed, &s.err), &s.err);
	assert_int_equal(removed, 0);
	assert_int_equal(problems(&s), 0);
	end(&s);
}

struct releasing {
	int result;
	unsigned calls;
};

static int release(
	struct quarantine *q, const struct quarantine_item *item, void *arg, struct err *err)
{
	struct releasing *r = arg;
	int fd CLEANUP(close_fd) = memfd_create("body", MFD_CLOEXEC);
	r->calls++;
	assert_int_equal(quarantine_write_body(q, item->id, fd, err), 0);
	assert_int_equal(lseek(fd, 0, SEEK_END), item->size);
	return r->result;
}

static void released_and_gone(void **state)
{
	struct scene s;
	begin(&s, state);
	assert_ok(add(&s, "A", NOW, 10, &no_limits), &s.err);
	struct releasing r = { .result = -EIO };
	int rc = quarantine_release(s.q, STR("A"), &s.arena, release, &r, &s.err);
	assert_int_equal(rc, -EIO);
	assert_list(&s, "A(2) ");
	r.result = 0;
	rc = quarantine_release(s.q, STR("A"), &s.arena, release, &r, &s.err);
	assert_int_equal(rc, 0);
	assert_list(&s, "");
	rc = quarantine_release(s.q, STR("A"), &s.arena, release, &r, &s.err);
	assert_int_equal(rc, -ENOENT);
	assert_int_equal(r.calls, 2);
	end(&s);
}

static void damage_is_found(void **state)
{
	struct scene s;
	begin(&s, state);
	assert_ok(add(&s, "A", NOW, LARGE, &no_limits), &s.err);
	assert_ok(add(&s, "B", NOW, LARGE, &no_limits), &s.err);
	quarantine_close(s.q);
	char path[600];
	snprintf(path, sizeof path, "%s/quarantine/quarantine.db", s.dir);
	struct db *db;
	assert_ok(db_open(path, 0, &db, &s.err), &s.err);
	assert_ok(db_script(db, "DELETE FROM piece WHERE item = 1 AND n = 1", &s.err), &s.err);
	db_close(db);
	assert_ok(quarantine_open(s.dir, 0, &s.q, &s.err), &s.err);
	assert_int_equal(problems(&s), 1);
	int fd CLEANUP(close_fd) = memfd_create("body", MFD_CLOEXEC);
	assert_int_equal(quarantine_write_body(s.q, STR("A"), fd, &s.err), -EUCLEAN);
	assert_body(&s, "B", LARGE);
	assert_ok(quarantine_remove(s.q, STR("A"), &s.err), &s.err);
	assert_int_equal(problems(&s), 0);
	end(&s);
}

/* Whatever fails: it is there, whole, or it is not; and afterwards all works. */
static void each_write_fails(void **state)
{
	static const enum fault_kind kinds[] = { FAULT_KIND_EIO, FAULT_KIND_FULL,
		FAULT_KIND_SHORT };
	struct fault_vfs *faults = fault_vfs_installed();
	struct scene s;
	begin(&s, state);
	unsigned made = 0, failures = 0;
	for (size_t kind = 0; kind < ARRAY_LEN(kinds); kind++)
		for (long n = 0, missed = 0; missed < 3; n++) {
			char id[48];
			snprintf(id, sizeof id, "I%zuN%ld", kind, n);
			fault_vfs_arm(faults, FAULT_WRITE | FAULT_SYNC, kinds[kind], false, n);
			int rc = add(&s, id, NOW, LARGE, &no_limits);
			fault_vfs_disarm(faults);
			missed = faults->failed ? 0 : missed + 1;
			failures += rc < 0;
			if (rc == 0) {
				made++;
				assert_body(&s, id, LARGE);
				rc = quarantine_remove(s.q, str_from_z(id), &s.err);
				assert_ok(rc, &s.err);
			}
			assert_list(&s, "");
			assert_int_equal(problems(&s), 0);
		}
	assert_true(made && failures);
	end(&s);
}

int main(void)
{
	static struct fault_vfs faults;
	fault_vfs_install(&faults);
	const struct CMUnitTest tests[] = {
		store_test(what_is_kept_comes_back),
		store_test(an_id_is_there_once),
		store_test(old_ones_make_room_new_ones_do_not),
		store_test(released_and_gone),
		store_test(damage_is_found),
		store_test(each_write_fails),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
