/*
 * session_testing.h: a world for one SMTP or LMTP session in tests and fuzzers: a directory of a
 * few addresses, a delivery that keeps what it gets, and faults on request.
 *
 *   alice@here.test         account 1; +detail is handed on; also postmaster
 *   bob@here.test           account 2
 *   both@here.test          accounts 1 and 2
 *   grün@here.test          account 3
 *   large@here.test         accounts 1 to 1000
 *   broken@here.test        an alias that leads nowhere
 *   away@here.test          the directory does not answer
 */
#pragma once

#include "io/task_sync.h"
#include "smtpd/session.h"

#include "directory/directory.h"
#include "filter/judge.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { TESTING_WALL = 1700000000, TESTING_PORT = 40000 };

struct testing_world {
	struct smtpd_world world;
	struct smtpd_counts counts;
	struct random_stock random;
	unsigned refused;            /* records of messages that were not taken */
	const struct config *parsed; /* what config points into */
	struct config config;        /* a copy, for tests to change */
	struct ip client;
	struct log_sink sink;
	struct log log;
	enum smtpd_admission admission;

	/* The n-th call of open_spool, find or commit fails so; 0: none does. */
	unsigned calls, fail_at;
	int fail_with;
	unsigned idle_calls, shut_down_at;  /* the n-th call of idle(), 0: never */
	uint64_t results[4];                /* of the first destinations of each commit */
	struct filter_envelope_reply early; /* of the filter, with its domain's code */
	struct filter_judge_reply verdict;
	uint64_t blocked;          /* what bob refuses the sender for; he has a junk_at of 4 */
	int quarantine_fails;      /* -errno */
	bool shunned;              /* what is known of the message before it is judged */
	_Atomic uint64_t suspects; /* the processes' */

	/* What happened. */
	unsigned commits; /* messages that were stored */
	unsigned judged, junk;
	unsigned found_spam, found_ham; /* of the filter's finding, as delivery was told */
	unsigned failures;              /* that were told of, and count for each message */
	unsigned recalled;              /* questions whether there were any */
	bool client_known;              /* of the last message, to the filter */
	unsigned quarantined, copies, forgiven;
	struct buf records;  /* of what was delivered or kept */
	char digests[2][32]; /* of the last two failures */
	unsigned entered, left;
	struct ip last_entered;
	struct buf delivered; /* for each commit "1 2+detail\n" and the body */
	struct buf traces;
	char id[16]; /* of the last commit */
};

static inline bool testing_fails(struct testing_world *w)
{
	return ++w->calls == w->fail_at;
}

/* A wait at which the task can be cancelled. */
static inline int testing_wait(struct task *t)
{
	task_wake(t);
	return task_suspend(t, NEVER);
}

/* ── The directory ────────────────────────────────────────────────────────────────────────── */

static inline void testing_answer(
	struct arena *a, uint64_t first, size_t n, str detail, struct directory_find_reply *out)
{
	uint64_t *accounts = arena_array(a, uint64_t, n);
	str *details = arena_array(a, str, n);
	for (size_t i = 0; i < n; i++) {
		accounts[i] = first + i;
		details[i] = detail;
	}
	out->answer = DIRECTORY_DELIVER;
	out->accounts = (struct ipc_u64s){ accounts, n };
	out->details = (struct ipc_strs){ details, n };
}

static inline int testing_find(struct task *t, void *self, const struct directory_find_request *in,
	struct arena *a, struct directory_find_reply *out)
{
	static const struct {
		str local;
		uint64_t first;
		size_t n;
	} known[] = {
		{ { "alice", 5 }, 1, 1 },
		{ { "bob", 3 }, 2, 1 },
		{ { "both", 4 }, 1, 2 },
		{ { "gr\xc3\xbcn", 5 }, 3, 1 },
		{ { "large", 5 }, 1, 1000 },
	};
	struct testing_world *w = self;
	int rc = testing_wait(t);
	if (rc == 0 && testing_fails(w))
		rc = w->fail_with;
	if (rc < 0)
		return rc;
	*out = (struct directory_find_reply){ .answer = DIRECTORY_NOT_LOCAL, .why = STR_EMPTY };
	if (str_equal_nocase(in->address, STR("postmaster")))
		testing_answer(a, 1, 1, STR_EMPTY, out);
	ptrdiff_t at = str_find_last_char(in->address, '@');
	if (at < 0 || !str_equal_nocase(str_skip(in->address, (size_t)at + 1), STR("here.test")))
		return 0;
	str local, detail;
	str_cut(str_first(in->address, (size_t)at), '+', &local, &detail);
	out->answer = DIRECTORY_UNKNOWN;
	if (str_equal(local, STR("broken")))
		out->answer = DIRECTORY_BROKEN;
	if (str_equal(local, STR("away")))
		return -ECONNRESET;
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (str_equal_nocase(local, known[i].local))
			testing_answer(a, known[i].first, known[i].n, arena_str(a, detail), out);
	if (str_equal(local, STR("bob")) && in->lists) {
		static const uint64_t junk_at[] = { 400 }, reject_at[] = { 0 };
		out->blocked = w->blocked;
		out->subject = out->owner = out->comment = STR("secret");
		out->junk_at = (struct ipc_u64s){ junk_at, 1 };
		out->reject_at = (struct ipc_u64s){ reject_at, 1 };
	}
	return 0;
}

/* ── Delivery ─────────────────────────────────────────────────────────────────────────────── */

static inline void testing_keep(struct testing_world *w, const struct delivery_commit_request *in)
{
	for (size_t i = 0; i < in->accounts.n; i++) {
		str detail = in->details.v[i];
		buf_printf(&w->delivered, "%s%llu%s%.*s", i ? " " : "",
			(unsigned long long)in->accounts.v[i], detail.n ? "+" : "",
			STR_ARG(detail));
	}
	buf_add_char(&w->delivered, '\n');
	char *p = buf_reserve(&w->delivered, in->size);
	if (in->message < 0) {
		ASSERT(in->content.n == in->size);
		memcpy(p, in->content.p, in->size);
	} else {
		ASSERT(in->content.n == 0);
		ASSERT(pread(in->message, p, in->size, (off_t)in->offset) == (ssize_t)in->size);
		ASSERT(lseek(in->message, 0, SEEK_END) == (off_t)(in->offset + in->size));
	}
	w->delivered.n += in->size;
	buf_add(&w->traces, in->trace);
	for (size_t i = 0; i < in->own.n; i++)
		buf_printf(&w->traces, "%llu: %.*s", (unsigned long long)in->accounts.v[i],
			STR_ARG(in->own_fields.v[in->own.v[i]]));
	buf_add(&w->traces, in->front);
	for (size_t i = 0; i < in->junk.n; i++)
		w->junk += in->junk.v[i] != 0;
	w->forgiven += in->forgiven.n == 32;
	buf_add(&w->records, in->record);
	w->commits++;
}

/* Every destination is asked of, once. */
static inline void testing_check(const struct delivery_commit_request *in)
{
	ASSERT(in->accounts.n > 0 && in->details.n == in->accounts.n && in->id.n >= 8);
	ASSERT(in->junk.n == in->accounts.n);
	for (size_t i = 0; i < in->accounts.n; i++)
		for (size_t j = 0; j < i && in->accounts.n < 100; j++)
			ASSERT(in->accounts.v[i] != in->accounts.v[j] ||
				!str_equal(in->details.v[i], in->details.v[j]));
	ASSERT(str_starts(in->envelope, STR("(")) && str_ends(in->bodystructure, STR(")")));
	ASSERT(str_starts(in->body, STR("(")));
	ASSERT(str_starts(in->trace, STR("Return-Path: <")));
	ASSERT(str_find(in->trace, in->id) > 0);
	ASSERT(str_find(in->record, in->id) > 0);
}

static inline int testing_commit(struct task *t, void *self,
	const struct delivery_commit_request *in, struct arena *a,
	struct delivery_commit_reply *out)
{
	struct testing_world *w = self;
	testing_check(in);
	int rc = testing_wait(t);
	if (rc == 0 && testing_fails(w))
		rc = w->fail_with;
	if (rc < 0)
		return rc;
	uint64_t *results = arena_array(a, uint64_t, in->accounts.n);
	for (size_t i = 0; i < MIN(in->accounts.n, ARRAY_LEN(w->results)); i++)
		results[i] = w->results[i];
	out->results = (struct ipc_u64s){ results, in->accounts.n };
	out->suspects = w->failures;
	(void)!str_copy_z(in->id, w->id, sizeof w->id);
	ASSERT(in->findings.n <= in->judged);
	bool junk = false;
	for (size_t i = 0; i < in->junk.n; i++)
		junk |= in->junk.v[i] != 0;
	*(junk ? &w->found_spam : &w->found_ham) += in->judged;
	testing_keep(w, in);
	return testing_wait(t); /* it may be stored, and the answer not arrive */
}

static inline int testing_quarantine(struct task *t, void *self,
	const struct delivery_quarantine_request *in, struct arena *a,
	struct delivery_quarantine_reply *out)
{
	struct testing_world *w = self;
	ASSERT(in->accounts.n > 0 && in->details.n == in->accounts.n && in->recipients.n > 0);
	ASSERT(str_starts(in->trace, STR("Return-Path: <")) && str_find(in->trace, in->id) > 0);
	ASSERT(in->reason.n && in->client.n && str_starts(in->envelope, STR("(")));
	ASSERT(in->message >= 0 || in->content.n == in->size);
	ASSERT(in->copy ? in->record.n == 0 : str_find(in->record, in->id) > 0);
	int rc = testing_wait(t);
	if (rc == 0)
		rc = w->quarantine_fails;
	if (rc < 0)
		return rc;
	w->quarantined += !in->copy;
	w->copies += in->copy;
	buf_add(&w->records, in->record);
	return testing_wait(t);
}

static inline int testing_failed(struct task *t, void *self,
	const struct delivery_failed_request *in, struct arena *a,
	struct delivery_failed_reply *out)
{
	struct testing_world *w = self;
	int rc = testing_wait(t);
	if (rc < 0)
		return rc;
	ASSERT(in->digest.n == sizeof w->digests[0] && in->id.n == 10);
	memcpy(w->digests[0], w->digests[1], sizeof w->digests[0]);
	memcpy(w->digests[1], in->digest.p, sizeof w->digests[1]);
	*out = (struct delivery_failed_reply){
		.count = ++w->failures, .first = STR("AAAAAAAAAA"), .suspects = 1
	};
	return 0;
}

static inline int testing_suspect(struct task *t, void *self,
	const struct delivery_suspect_request *in, struct arena *a,
	struct delivery_suspect_reply *out)
{
	struct testing_world *w = self;
	ASSERT(in->digest.n == sizeof w->digests[0]);
	w->recalled++;
	*out = (struct delivery_suspect_reply){ .count = w->failures,
		.shunned = w->shunned,
		.first = STR("AAAAAAAAAA"),
		.suspects = w->suspects };
	return testing_wait(t);
}

static inline int testing_record(struct task *t, void *self,
	const struct delivery_record_request *in, struct arena *a,
	struct delivery_record_reply *out)
{
	struct testing_world *w = self;
	ASSERT(in->record.n ? str_starts(in->record, STR("{\"id\":\"")) &&
				      str_ends(in->record, STR("}"))
			    : in->judged);
	w->refused += in->record.n > 0;
	w->found_spam += in->judged && in->findings.n == 1;
	return 0;
}

/* ── The filter ───────────────────────────────────────────────────────────────────────────── */

static inline void testing_check_facts(struct testing_world *w, str id, str client, str helo)
{
	ASSERT(id.n == 10 && helo.n && (client.n == 0 || client.n == sizeof w->client.bytes));
	w->client_known = client.n > 0;
}

static inline int testing_envelope(struct task *t, void *self,
	const struct filter_envelope_request *in, struct arena *a,
	struct filter_envelope_reply *out)
{
	struct testing_world *w = self;
	testing_check_facts(w, in->id, in->client, in->helo);
	int rc = testing_wait(t);
	if (rc == 0 && testing_fails(w))
		rc = w->fail_with;
	if (rc == 0)
		*out = w->early;
	return rc;
}

static inline int testing_judge(struct task *t, void *self, const struct filter_judge_request *in,
	struct arena *a, struct filter_judge_reply *out)
{
	struct testing_world *w = self;
	testing_check_facts(w, in->id, in->client, in->helo);
	ASSERT(in->recipients.n && in->accounts.n);
	ASSERT(in->of.n == in->accounts.n && in->junk_at.n == in->accounts.n);
	for (size_t i = 0; i < in->accounts.n; i++) {
		ASSERT(in->of.v[i] < in->recipients.n);
		if (str_equal(in->recipients.v[in->of.v[i]], STR("bob@here.test")))
			ASSERT(in->accounts.v[i] == 2 && in->junk_at.v[i] == 400);
	}
	ASSERT(in->message < 0 ? in->content.n == in->size : in->content.n == 0);
	ASSERT(in->message < 0 || lseek(in->message, 0, SEEK_END) == (off_t)in->size);
	int rc = testing_wait(t);
	if (rc == 0 && testing_fails(w))
		rc = w->fail_with;
	if (rc == 0)
		*out = w->verdict;
	static const str finding = { "TESTING", 7 };
	out->names = (struct ipc_strs){ &finding, 1 };
	if (rc == 0)
		out->record = arena_printf(a, "{\"id\":\"%.*s\",\"judged\":true}", STR_ARG(in->id));
	w->judged += rc == 0;
	return rc;
}

/* ── The rest ─────────────────────────────────────────────────────────────────────────────── */

static inline int testing_spool(void *context)
{
	struct testing_world *w = context;
	if (testing_fails(w))
		return w->fail_with;
	return memfd_create("spool", MFD_CLOEXEC);
}

static inline enum smtpd_admission testing_admit(void *context, const struct ip *client)
{
	struct testing_world *w = context;
	w->last_entered = *client;
	w->entered += w->admission == SMTPD_WELCOME;
	return w->admission;
}

static inline void testing_leave(void *context, const struct ip *client)
{
	struct testing_world *w = context;
	ASSERT(ip_equal(client, &w->last_entered));
	w->left++;
}

static inline int testing_idle(void *context, bool idle)
{
	struct testing_world *w = context;
	return ++w->idle_calls == w->shut_down_at && idle ? -ECANCELED : 0;
}

/* Logs everything, to nowhere: so that what is logged is also read. */
static inline void testing_init(struct testing_world *w)
{
	static const struct directory_ops directory = { .find = testing_find };
	static const struct delivery_ops delivery = { .commit = testing_commit,
		.record = testing_record,
		.quarantine = testing_quarantine,
		.failed = testing_failed,
		.suspect = testing_suspect };
	static const struct filter_ops filter = { .envelope = testing_envelope,
		.judge = testing_judge };
	struct err err;
	*w = (struct testing_world){
		.parsed = config_parse(
			STR("hostname = \"mx.here.test\"; smtp: { max_message_size = \"64K\"; };"),
			STR("test.conf"), STR("/"), &err),
		.sink = { .fd = open("/dev/null", O_WRONLY | O_CLOEXEC), .level = LOG_LEVEL_DEBUG },
		.delivered = BUF_INIT(64 * 1024 * 1024),
		.traces = BUF_INIT(1024 * 1024),
		.records = BUF_INIT(16 * 1024 * 1024),
		.fail_with = -ECONNRESET,
	};
	ASSERT(w->parsed && ip_parse(STR("192.0.2.1"), &w->client));
	w->config = *w->parsed;
	w->log.sink = &w->sink;
	w->world = (struct smtpd_world){ .config = &w->config,
		.counts = &w->counts,
		.random = &w->random,
		.directory = { &directory, w },
		.delivery = { &delivery, w },
		.filter = { &filter, w },
		.suspects = &w->suspects,
		.open_spool = testing_spool,
		.admit = testing_admit,
		.leave = testing_leave,
		.idle = testing_idle,
		.context = w };
}

static inline void testing_done(struct testing_world *w)
{
	close_fd(&w->sink.fd);
	buf_done(&w->delivered);
	buf_done(&w->traces);
	buf_done(&w->records);
	config_unref(w->parsed);
}

/* ── A run ────────────────────────────────────────────────────────────────────────────────── */

struct testing_run {
	enum smtpd_protocol protocol;
	str input;
	size_t piece;  /* at most so many bytes at a time; 0: all at once */
	int64_t pause; /* before each of them */
	bool silent;   /* the client stays after its input, instead of hanging up */
	unsigned cancel_at;
	struct buf output; /* with "ID" in place of each message's id */
	unsigned waits;
	unsigned accepted; /* replies "250 … accepted as ID" */
};

/* " (0123456789)" at the end of a line: the id of a message that was refused. */
static inline bool testing_is_id(str s)
{
	if (s.n < 15 || s.p[0] != ' ' || s.p[1] != '(' || s.p[12] != ')' || s.p[13] != '\r')
		return false;
	for (size_t i = 2; i < 12; i++)
		if (!ascii_is_digit(s.p[i]) && (s.p[i] < 'A' || s.p[i] > 'Z'))
			return false;
	return true;
}

static inline void testing_hide_refused(str in, struct buf *out)
{
	for (size_t i = 0; i < in.n; i++) {
		if (testing_is_id(str_skip(in, i))) {
			buf_add(out, STR(" (ID)"));
			i += 12;
		} else {
			buf_add_char(out, in.p[i]);
		}
	}
}

/* Ids are random: what is compared has none. */
static inline void testing_hide_ids(struct testing_run *r, str out)
{
	struct buf hidden CLEANUP(buf_done) = BUF_INIT(64 * 1024 * 1024);
	testing_hide_refused(out, &hidden);
	out = buf_str(&hidden);
	str mark = STR("\n250 2.0.0 Ok: accepted as "); /* a whole line: a client may say it, too */
	for (ptrdiff_t at; (at = str_find(out, mark)) >= 0; r->accepted++) {
		size_t n = (size_t)at + mark.n;
		buf_add(&r->output, str_first(out, n));
		buf_add(&r->output, STR("ID"));
		ASSERT(out.n >= n + 12 && out.p[n + 10] == '\r');
		out = str_skip(out, n + 10);
	}
	buf_add(&r->output, out);
}

static inline int testing_lowest_fd(void)
{
	int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
	close(fd);
	return fd;
}

/* Runs a session over memory. Whatever happens, it leaves no descriptor open, has closed none that
 * is not its own, and is counted out as often as in. r->output is the caller's to free. */
static inline void testing_session(struct testing_world *w, struct testing_run *r)
{
	struct task *t = task_sync_new(&(struct task_sync_options){
		.log = &w->log, .wall = SECONDS(TESTING_WALL), .cancel_at_wait = r->cancel_at });
	struct buf out CLEANUP(buf_done) = BUF_INIT(64 * 1024 * 1024);
	struct stream *stream;
	int fd = testing_lowest_fd();
	ASSERT(stream_open_memory(t, r->input, r->piece, &stream) == 0);
	stream_memory_collect(stream, &out);
	stream_memory_pause(stream, r->pause);
	if (r->silent)
		stream_memory_silent(stream);
	smtpd_session(t, &w->world, stream, r->protocol, &w->client, TESTING_PORT);
	ASSERT(testing_lowest_fd() == fd);
	ASSERT(w->entered == w->left);
	r->output = BUF_INIT(64 * 1024 * 1024);
	r->accepted = 0;
	r->waits = task_sync_waits(t);
	testing_hide_ids(r, buf_str(&out));
	task_sync_free(t);
}
