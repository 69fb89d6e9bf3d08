/*
 * message_testing.h: sessions on a real account in a folder of the test, for tests of the message
 * commands. Alice's account has the number 1.
 */
#pragma once

#include "io/task_sync.h"
#include "mail/summary.h"
#include "mailbox/session.h"
#include "store/store_testing.h"

#include <sys/mman.h>

struct post {
	struct mailbox_world world;
	struct mailbox_counts counts;
	const struct config *config;
	struct account_pool *accounts;
	struct account_watch *watch;
	struct buf out;        /* of the last session, NUL-terminated */
	unsigned announced;    /* changes that were told to other processes */
	unsigned commands;     /* that the session has waited for */
	unsigned at;           /* before this one, LOGIN being 1, */
	account_fn *meanwhile; /* this happens: another process at work */
	int spool_error;
	account_fn *at_spool; /* happens when a spool file is asked for */
	unsigned cancel_at;   /* the session is cancelled at this wait; 0: never */
	unsigned waits;       /* of the last session */
	const char *dir;
};

static inline int post_login(struct task *t, void *self, const struct directory_login_request *in,
	struct arena *a, struct directory_login_reply *out)
{
	*out = (struct directory_login_reply){ .ok = true, .account = 1, .address = in->name };
	return 0;
}

static inline int post_announce(struct task *t, void *self,
	const struct delivery_announce_request *in, struct arena *a,
	struct delivery_announce_reply *out)
{
	struct post *p = self;
	p->announced++;
	return 0;
}

static inline enum mailbox_admission post_admit(void *context, const struct ip *client)
{
	return MAILBOX_WELCOME;
}

static inline void post_leave(void *context, const struct ip *client)
{
}

/* Does something on a handle of its own. */
static inline void post_do(struct post *p, account_fn *fn, void *arg)
{
	struct account *a;
	struct err err;
	assert_ok(account_open(p->dir, 1, ACCOUNT_CREATE, 1700000000, &a, &err), &err);
	assert_ok(fn(a, arg, &err), &err);
	account_close(a);
}

static inline int post_spool(void *context)
{
	struct post *p = context;
	if (p->at_spool)
		post_do(p, p->at_spool, p);
	return p->spool_error ? p->spool_error : memfd_create("spool", MFD_CLOEXEC);
}

static inline int post_idle(void *context, bool idle)
{
	struct post *p = context;
	if (idle && ++p->commands == p->at)
		post_do(p, p->meanwhile, p);
	return 0;
}

static inline void post_init(struct post *p, const char *dir)
{
	static const struct directory_ops directory = { .login = post_login };
	static const struct delivery_ops delivery = { .announce = post_announce };
	struct err err;
	*p = (struct post){ .dir = dir, .out = BUF_INIT(256 * 1024 * 1024) };
	p->config = config_parse(STR("hostname = \"mx.here.test\";"
				     "imap: { plaintext_login_from = [ \"127.0.0.1\" ]; };"
				     "smtp: { max_message_size = \"4M\"; };"),
		STR("test.conf"), STR("/"), &err);
	assert_non_null(p->config);
	p->accounts = account_pool_new(str_from_z(dir), 4);
	p->watch = account_watch_new();
	p->world = (struct mailbox_world){ .config = p->config,
		.counts = &p->counts,
		.directory = { &directory, p },
		.delivery = { &delivery, p },
		.accounts = p->accounts,
		.watch = p->watch,
		.open_spool = post_spool,
		.admit = post_admit,
		.leave = post_leave,
		.idle = post_idle,
		.context = p };
}

static inline void post_done(struct post *p)
{
	account_pool_free(p->accounts);
	account_watch_free(p->watch);
	config_unref(p->config);
	buf_done(&p->out);
}

/* Logs in, says the script, in pieces of at most that many bytes (0: at once), and hangs up. */
static inline const char *post_talk_bytes(struct post *p, str script, size_t piece)
{
	struct task *t = task_sync_new(&(struct task_sync_options){
		.wall = SECONDS(1700000000), .cancel_at_wait = p->cancel_at });
	struct buf input CLEANUP(buf_done) = BUF_INIT(256 * 1024 * 1024);
	struct stream *stream;
	struct ip client;
	assert_true(ip_parse(STR("127.0.0.1"), &client));
	buf_add(&input, STR("login LOGIN alice@here.test secret\r\n"));
	buf_add(&input, script);
	p->commands = 0;
	buf_clear(&p->out);
	assert_int_equal(stream_open_memory(t, buf_str(&input), piece, &stream), 0);
	stream_memory_collect(stream, &p->out);
	mailbox_session(t, &p->world, stream, false, &client, 143);
	p->waits = task_sync_waits(t);
	task_sync_free(t);
	buf_add_char(&p->out, '\0');
	p->meanwhile = p->at_spool = NULL;
	p->at = 0;
	return p->out.p;
}

static inline const char *post_talk(struct post *p, const char *script)
{
	return post_talk_bytes(p, str_from_z(script), 0);
}

/* Puts a message into the mailbox, as APPEND would. */
struct post_message {
	const char *mailbox;
	unsigned flags;
	str text;
};

static inline int post_deliver(struct account *a, void *arg, struct err *err)
{
	const struct post_message *m = arg;
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(2 * SUMMARY_ARENA_MAX);
	struct mail_summary s;
	uint64_t modseq;
	mail_summary(&arena, m->text, &s);
	struct account_delivery d = { .name = str_from_z(m->mailbox),
		.flags = m->flags,
		.internaldate = 1600000000,
		.prefix = m->text,
		.fd = -1,
		.summary = { s.envelope, s.body, s.bodystructure,
			s.date_valid ? s.date.seconds : 1600000000 } };
	return account_deliver(a, &d, 1, 1700000000, &modseq, err);
}

static inline void post_put(struct post *p, const char *mailbox, unsigned flags, str text)
{
	post_do(p, post_deliver, &(struct post_message){ mailbox, flags, text });
}
