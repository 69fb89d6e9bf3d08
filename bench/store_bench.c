/*
 * store_bench.c: what the account store costs, one thread, one account.
 *
 *	store_bench [DIRECTORY [MESSAGES [BYTES [BATCH]]]]
 *
 * delivers MESSAGES of BYTES in transactions of BATCH, then reads them as an IMAP session would.
 * DIRECTORY (default: a new one below the working directory, removed at the end) must be on a disk
 * whose fsync means something. Times are of this machine only; compare within one run.
 */
#include "store/account.h"

#include "base/clock.h"
#include "base/random.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

struct stopwatch {
	int64_t wall, cpu;
};

static int64_t cpu_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return SECONDS(t.tv_sec) + t.tv_nsec;
}

static struct stopwatch start(void)
{
	return (struct stopwatch){ clock_monotonic(), cpu_now() };
}

static void stop(struct stopwatch w, const char *what, size_t n)
{
	double wall = (double)(clock_monotonic() - w.wall) / 1e6;
	double cpu = (double)(cpu_now() - w.cpu) / 1e6;
	printf("%-36s %8.1f ms  %8.1f ms CPU  %9.0f/s  %7.2f us CPU each\n", what, wall, cpu,
		(double)n / (wall / 1e3), cpu * 1e3 / (double)n);
}

static void must(int r, const struct err *err)
{
	if (r >= 0)
		return;
	fprintf(stderr, "store_bench: %s\n", err->text);
	exit(1);
}

static const char envelope[] =
	"(\"Mon, 7 Feb 1994 21:52:25 -0800 (PST)\" \"Quarterly figures and the plan for the next "
	"release\" ((\"Terry Gray\" NIL \"gray\" \"cac.example\")) ((\"Terry Gray\" NIL \"gray\" "
	"\"cac.example\")) ((\"Terry Gray\" NIL \"gray\" \"cac.example\")) ((NIL NIL \"imap\" "
	"\"cac.example\")) ((NIL NIL \"minutes\" \"CNRI.example\")(\"John Klensin\" NIL "
	"\"KLENSIN\" "
	"\"MIT.example\")) NIL NIL \"<B27397-0100000@cac.example>\")";
static const char bodystructure[] =
	"((\"TEXT\" \"PLAIN\" (\"CHARSET\" \"UTF-8\") NIL NIL \"QUOTED-PRINTABLE\" 1152 23 NIL NIL "
	"NIL NIL)(\"TEXT\" \"HTML\" (\"CHARSET\" \"UTF-8\") NIL NIL \"QUOTED-PRINTABLE\" 2852 73 "
	"NIL "
	"NIL NIL NIL) \"ALTERNATIVE\" (\"BOUNDARY\" \"----=_Part_5_123456.7890\") NIL NIL NIL)";

static int spool(size_t size)
{
	int fd = memfd_create("spool", MFD_CLOEXEC);
	char *bytes = xmalloc(size);
	random_bytes(bytes, size);
	if (fd < 0 || write(fd, bytes, size) != (ssize_t)size)
		abort();
	free(bytes);
	return fd;
}

static void deliver(struct account *a, size_t messages, size_t size, size_t batch)
{
	struct err err;
	char prefix[300];
	memset(prefix, 'x', sizeof prefix);
	int fd = spool(size);
	struct account_delivery *items = xcalloc(batch, sizeof *items);
	for (size_t done = 0; done < messages; done += batch) {
		for (size_t i = 0; i < batch; i++)
			items[i] = (struct account_delivery){ .prefix = str_from(
								      prefix, sizeof prefix),
				.internaldate = 1000000000,
				.fd = fd,
				.body_size = size,
				.summary = { str_from_z(envelope), str_from_z(bodystructure),
					str_from_z(bodystructure), 1 } };
		uint64_t modseq;
		must(account_deliver(a, items, batch, 1000000000, &modseq, &err), &err);
	}
	free(items);
	close(fd);
}

static int add_length(void *arg, size_t index, const struct account_summary *s)
{
	*(size_t *)arg += s->envelope.n;
	return 0;
}

static void read_back(struct account *a, uint64_t inbox)
{
	struct err err;
	struct account_messages all;
	struct stopwatch w = start();
	must(account_messages(a, inbox, &UID_RANGE_ALL, 1, &all, &err), &err);
	stop(w, "list flags of all", all.n);

	uint64_t *bodies = xcalloc(all.n, sizeof *bodies);
	for (size_t i = 0; i < all.n; i++)
		bodies[i] = all.v[i].body;
	size_t bytes = 0;
	w = start();
	must(account_summaries(a, bodies, all.n, add_length, &bytes, &err), &err);
	stop(w, "envelopes of all", all.n);

	char *buffer = xmalloc(1 << 20);
	w = start();
	for (size_t i = 0; i < all.n; i++)
		must(account_body_read(a, bodies[i], 0, buffer, 1 << 20, &bytes, &err), &err);
	stop(w, "bodies of all", all.n);
	free(buffer);
	free(bodies);

	struct account_changes c;
	w = start();
	must(account_changes(a, inbox, 1, 1, &c, &err), &err);
	stop(w, "changes since the beginning", c.changed.n);
	account_changes_done(&c);
	account_messages_done(&all);
}

static void change(struct account *a, uint64_t inbox)
{
	struct err err;
	struct account_store seen = { .mode = STORE_ADD, .flags = MESSAGE_SEEN };
	struct account_stored stored;
	struct stopwatch w = start();
	for (uint32_t uid = 1; uid <= 200; uid++) {
		must(account_store(
			     a, inbox, &(struct uid_range){ uid, uid }, 1, &seen, &stored, &err),
			&err);
		account_stored_done(&stored);
	}
	stop(w, "one flag, one message, 200 times", 200);
	w = start();
	must(account_store(a, inbox, &UID_RANGE_ALL, 1, &seen, &stored, &err), &err);
	stop(w, "one flag, all messages", stored.messages.n);
	account_stored_done(&stored);

	struct account_mailbox archive;
	struct account_copied copied;
	struct account_expunged expunged;
	must(account_mailbox_find(a, STR("Archive"), &archive, &err), &err);
	w = start();
	must(account_copy(a, inbox, &UID_RANGE_ALL, 1, archive.id, 1, &copied, &err), &err);
	stop(w, "copy all", copied.n);
	account_copied_done(&copied);
	w = start();
	must(account_expunge(a, archive.id, &UID_RANGE_ALL, 1, true, &expunged, &err), &err);
	stop(w, "expunge the copies", expunged.n);
	account_expunged_done(&expunged);
	w = start();
	must(account_expunge(a, inbox, &UID_RANGE_ALL, 1, true, &expunged, &err), &err);
	stop(w, "expunge all", expunged.n);
	account_expunged_done(&expunged);
}

static void print_problem(void *arg, str problem)
{
	fprintf(stderr, "store_bench: %.*s\n", STR_ARG(problem));
	*(int *)arg = 1;
}

static size_t argument(int argc, char **argv, int i, size_t otherwise)
{
	uint64_t value = otherwise;
	if (i < argc && !str_to_u64(str_from_z(argv[i]), 1000000000, &value))
		exit(2);
	return (size_t)value;
}

static void print_size(const char *dir)
{
	char path[4096];
	struct stat db = { 0 }, wal = { 0 };
	snprintf(path, sizeof path, "%s/accounts/1.db", dir);
	stat(path, &db);
	snprintf(path, sizeof path, "%s/accounts/1.db-wal", dir);
	stat(path, &wal);
	printf("file %.1f MiB, log %.1f MiB\n", (double)db.st_size / 1048576,
		(double)wal.st_size / 1048576);
}

static int run(const char *dir, size_t messages, size_t size, size_t batch)
{
	struct err err;
	struct account *a;
	struct account_mailbox inbox;
	struct stopwatch w = start();
	must(account_open(dir, 1, ACCOUNT_CREATE, 1000000000, &a, &err), &err);
	stop(w, "create the account", 1);
	account_close(a);
	w = start();
	must(account_open(dir, 1, 0, 0, &a, &err), &err);
	must(account_mailbox_find(a, STR("INBOX"), &inbox, &err), &err);
	stop(w, "open it", 1);
	deliver(a, batch, size, batch);
	w = start();
	deliver(a, messages, size, batch);
	stop(w, "deliver", messages);
	print_size(dir);
	read_back(a, inbox.id);
	int failed = 0;
	w = start();
	must(account_verify(a, print_problem, &failed, &err), &err);
	stop(w, "verify", messages);
	change(a, inbox.id);
	must(account_verify(a, print_problem, &failed, &err), &err);
	account_close(a);
	must(account_remove(dir, 1, &err), &err);
	return failed;
}

int main(int argc, char **argv)
{
	char own[] = "store_bench.XXXXXX", accounts[4096];
	const char *dir = argc > 1 ? argv[1] : mkdtemp(own);
	if (!dir)
		return 1;
	snprintf(accounts, sizeof accounts, "%s/accounts", dir);
	if (mkdir(accounts, 0770) < 0 && errno != EEXIST)
		return 1;
	size_t messages = argument(argc, argv, 2, 20000), size = argument(argc, argv, 3, 4096);
	size_t batch = argument(argc, argv, 4, 16);
	printf("%zu messages of %zu bytes, %zu a transaction\n", messages, size, batch);
	int failed = run(dir, messages, size, MAX(batch, (size_t)1));
	rmdir(accounts);
	if (argc <= 1)
		rmdir(dir);
	return failed;
}
