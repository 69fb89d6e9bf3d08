/*
 * session_testing.h: a world for one IMAP session in tests and fuzzers: a directory with one
 * account, alice@here.test with the password secret; a real account file, which is the same new one
 * for each session; and what happens behind the session's back, on request.
 */
#pragma once

#include "io/task_sync.h"
#include "mailbox/session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TESTING_WALL = 1700000000, TESTING_ACCOUNT = 7, TESTING_PATH = 256 };

struct testing_world {
	struct mailbox_world world;
	struct mailbox_counts counts;
	const struct config *parsed; /* what config points into */
	struct config config;        /* a copy, for tests to change */
	struct ip client;
	struct log_sink sink;
	struct log log;
	char dir[TESTING_PATH], file[TESTING_PATH + 32];
	struct buf new_account; /* the file's content */
	enum mailbox_admission admission;

	int directory_fails; /* what its calls return */
	/* The n-th wait for a command, LOGIN being 1, or of IDLE: this happens, or the server shuts
	 * down. 0: never. */
	unsigned news_at, shut_down_at;
	account_fn *news;
	bool quiet; /* and nobody tells the session */
	unsigned idle_calls;

	/* What happened. */
	unsigned announced, entered, left;
};

/* A wait at which the task can be cancelled. */
static inline int testing_wait(struct task *t)
{
	task_wake(t);
	return task_suspend(t, NEVER);
}

/* ── The other roles ──────────────────────────────────────────────────────────────────────── */

static inline int testing_login(struct task *t, void *self,
	const struct directory_login_request *in, struct arena *a,
	struct directory_login_reply *out)
{
	struct testing_world *w = self;
	int rc = testing_wait(t);
	if (rc < 0 || w->directory_fails)
		return rc < 0 ? rc : w->directory_fails;
	*out = (struct directory_login_reply){ .ok = str_equal(in->password, STR("secret")) &&
						     str_equal(in->name, STR("alice@here.test")),
		.account = TESTING_ACCOUNT,
		.address = STR("alice@here.test") };
	return 0;
}

static inline int testing_challenge(struct task *t, void *self,
	const struct directory_scram_challenge_request *in, struct arena *a,
	struct directory_scram_challenge_reply *out)
{
	struct testing_world *w = self;
	int rc = testing_wait(t);
	*out = (struct directory_scram_challenge_reply){ .salt = STR("salt"), .iterations = 4096 };
	return rc < 0 ? rc : w->directory_fails;
}

static inline int testing_verify(struct task *t, void *self,
	const struct directory_scram_verify_request *in, struct arena *a,
	struct directory_scram_verify_reply *out)
{
	struct testing_world *w = self;
	int rc = testing_wait(t);
	*out = (struct directory_scram_verify_reply){ .ok = str_equal(in->proof, STR("proof")),
		.account = TESTING_ACCOUNT,
		.address = STR("alice@here.test"),
		.signature = STR("signature") };
	return rc < 0 ? rc : w->directory_fails;
}

static inline int testing_announce(struct task *t, void *self,
	const struct delivery_announce_request *in, struct arena *a,
	struct delivery_announce_reply *out)
{
	struct testing_world *w = self;
	ASSERT(in->account == TESTING_ACCOUNT);
	w->announced++;
	return testing_wait(t);
}

/* ── The account ──────────────────────────────────────────────────────────────────────────── */

static inline int testing_deliver(
	struct account *a, const char *mailbox, unsigned flags, str text, struct err *err)
{
	uint64_t modseq;
	struct account_delivery d = { .name = str_from_z(mailbox),
		.flags = flags,
		.internaldate = TESTING_WALL,
		.prefix = text,
		.fd = -1,
		.summary = { STR("(NIL)"), STR("(NIL)"), STR("(NIL)"), TESTING_WALL } };
	return account_deliver(a, &d, 1, TESTING_WALL, &modseq, err);
}

/* On a handle of its own, as another process. */
static inline void testing_do(struct testing_world *w, account_fn *fn)
{
	struct account *a;
	struct err err = { "" };
	int rc = account_open(w->dir, TESTING_ACCOUNT, ACCOUNT_CREATE, TESTING_WALL, &a, &err);
	if (rc == 0) {
		rc = fn(a, w, &err);
		account_close(a);
	}
	if (rc < 0)
		fprintf(stderr, "%s\n", err.text);
	ASSERT(rc == 0 || rc == -E2BIG); /* a session can have used up the keywords */
}

/* What every session finds: in INBOX uids 1 to 4, of which 4 is seen and 2 was expunged. */
static inline int testing_fill(struct account *a, void *arg, struct err *err)
{
	struct account_mailbox inbox;
	struct account_expunged gone = { 0 };
	struct uid_range two = { 2, 2 };
	int rc = account_mailbox_find(a, STR("INBOX"), &inbox, err);
	for (int i = 1; i <= 4 && rc == 0; i++)
		rc = testing_deliver(a, "INBOX", i == 4 ? MESSAGE_SEEN : 0,
			STR("Subject: hello\r\n\r\nbody\r\n"), err);
	if (rc == 0)
		rc = account_expunge(a, inbox.id, &two, 1, true, &gone, err);
	account_expunged_done(&gone);
	return rc;
}

static inline int testing_inbox(struct account *a, uint64_t *out, struct err *err)
{
	struct account_mailbox m = { 0 };
	int rc = account_mailbox_find(a, STR("INBOX"), &m, err);
	*out = m.id;
	return rc;
}

/* 1 goes, 3 gets flags, 5 comes. */
static inline int testing_much_happens(struct account *a, void *arg, struct err *err)
{
	uint64_t inbox;
	struct uid_range one = { 1, 1 }, three = { 3, 3 };
	struct account_expunged gone = { 0 };
	struct account_stored stored = { 0 };
	struct account_store change = { .mode = STORE_ADD, .flags = MESSAGE_FLAGGED };
	int rc = testing_inbox(a, &inbox, err);
	if (rc == 0)
		rc = account_keywords_find(a, &STR("$Work"), 1, true, &change.keywords, err);
	if (rc == 0)
		rc = account_expunge(a, inbox, &one, 1, true, &gone, err);
	if (rc == 0)
		rc = account_store(a, inbox, &three, 1, &change, &stored, err);
	account_expunged_done(&gone);
	account_stored_done(&stored);
	return rc < 0 ? rc : testing_deliver(a, "INBOX", 0, STR("Subject: new\r\n\r\n"), err);
}

static inline void testing_write_file(const char *path, str bytes)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ASSERT(fd >= 0 && write(fd, bytes.p, bytes.n) == (ssize_t)bytes.n);
	close(fd);
}

static inline void testing_read_file(const char *path, struct buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	ASSERT(fd >= 0 && fstat(fd, &st) == 0);
	char *p = buf_reserve(out, (size_t)st.st_size);
	ASSERT(p && read(fd, p, (size_t)st.st_size) == st.st_size);
	out->n += (size_t)st.st_size;
	close(fd);
}

static inline void testing_make_account(struct testing_world *w)
{
	const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : P_tmpdir;
	char accounts[TESTING_PATH + 16];
	snprintf(w->dir, sizeof w->dir, "%s/postern-session.XXXXXX", base);
	ASSERT(mkdtemp(w->dir) != NULL);
	snprintf(accounts, sizeof accounts, "%s/accounts", w->dir);
	ASSERT(mkdir(accounts, 0700) == 0);
	snprintf(w->file, sizeof w->file, "%s/%d.db", accounts, TESTING_ACCOUNT);
	testing_do(w, testing_fill);
	w->new_account = BUF_INIT(16 * 1024 * 1024);
	testing_read_file(w->file, &w->new_account);
}

static inline void testing_remove_account(struct testing_world *w)
{
	char accounts[TESTING_PATH + 16];
	snprintf(accounts, sizeof accounts, "%s/accounts", w->dir);
	unlink(w->file);
	rmdir(accounts);
	rmdir(w->dir);
	buf_done(&w->new_account);
}

/* ── The rest ─────────────────────────────────────────────────────────────────────────────── */

static inline int testing_spool(void *context)
{
	return memfd_create("spool", MFD_CLOEXEC);
}

static inline enum mailbox_admission testing_admit(void *context, const struct ip *client)
{
	struct testing_world *w = context;
	w->entered += w->admission == MAILBOX_WELCOME;
	return w->admission;
}

static inline void testing_leave(void *context, const struct ip *client)
{
	struct testing_world *w = context;
	ASSERT(ip_equal(client, &w->client));
	w->left++;
}

static inline int testing_idle(void *context, bool idle)
{
	struct testing_world *w = context;
	if (!idle)
		return 0;
	w->idle_calls++;
	if (w->idle_calls == w->news_at) {
		testing_do(w, w->news);
		if (!w->quiet)
			account_watch_changed(w->world.watch, TESTING_ACCOUNT, NULL);
	}
	return w->idle_calls == w->shut_down_at ? -ECANCELED : 0;
}

/* Logs everything, to nowhere: so that what is logged is also read. */
static inline void testing_init(struct testing_world *w)
{
	static const struct directory_ops directory = { .login = testing_login,
		.scram_challenge = testing_challenge,
		.scram_verify = testing_verify };
	static const struct delivery_ops delivery = { .announce = testing_announce };
	struct err err;
	*w = (struct testing_world){
		.parsed = config_parse(STR("hostname = \"mx.here.test\";"
					   "imap: { plaintext_login_from = [ \"127.0.0.1\" ]; };"
					   "smtp: { max_message_size = \"64K\"; };"),
			STR("test.conf"), STR("/"), &err),
		.sink = { .fd = open("/dev/null", O_WRONLY | O_CLOEXEC), .level = LOG_LEVEL_DEBUG },
	};
	ASSERT(w->parsed && ip_parse(STR("127.0.0.1"), &w->client));
	w->config = *w->parsed;
	w->log.sink = &w->sink;
	testing_make_account(w);
	w->world = (struct mailbox_world){ .config = &w->config,
		.counts = &w->counts,
		.directory = { &directory, w },
		.delivery = { &delivery, w },
		.open_spool = testing_spool,
		.admit = testing_admit,
		.leave = testing_leave,
		.idle = testing_idle,
		.context = w };
}

static inline void testing_done(struct testing_world *w)
{
	testing_remove_account(w);
	close_fd(&w->sink.fd);
	config_unref(w->parsed);
}

/* ── A run ────────────────────────────────────────────────────────────────────────────────── */

struct testing_run {
	str input;
	size_t piece;  /* at most so many bytes at a time; 0: all at once */
	int64_t pause; /* before each of them */
	bool silent;   /* the client stays after its input, instead of hanging up */
	unsigned cancel_at;
	struct buf output;
	unsigned waits;
	int64_t took; /* until the session ended, by the task's clock */
};

static inline int testing_lowest_fd(void)
{
	int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
	close(fd);
	return fd;
}

/* Runs a session over memory on a new account. Whatever happens, it leaves no descriptor open and
 * no watcher behind, and is counted out as often as in. r->output is the caller's to free. */
static inline void testing_session(struct testing_world *w, struct testing_run *r)
{
	struct task *t = task_sync_new(&(struct task_sync_options){
		.log = &w->log, .wall = SECONDS(TESTING_WALL), .cancel_at_wait = r->cancel_at });
	struct stream *stream;
	int64_t start = task_now(t);
	testing_write_file(w->file, buf_str(&w->new_account));
	w->world.accounts = account_pool_new(str_from_z(w->dir), 1);
	w->world.watch = account_watch_new();
	w->idle_calls = 0;
	int fd = testing_lowest_fd();
	r->output = BUF_INIT(256 * 1024 * 1024);
	ASSERT(stream_open_memory(t, r->input, r->piece, &stream) == 0);
	stream_memory_collect(stream, &r->output);
	stream_memory_pause(stream, r->pause);
	if (r->silent)
		stream_memory_silent(stream);
	mailbox_session(t, &w->world, stream, false, &w->client, 143);
	account_pool_free(w->world.accounts);
	account_watch_free(w->world.watch);
	ASSERT(testing_lowest_fd() == fd);
	ASSERT(w->entered == w->left);
	r->waits = task_sync_waits(t);
	r->took = task_now(t) - start;
	task_sync_free(t);
}
