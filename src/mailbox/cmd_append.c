/*
 * cmd_append.c: APPEND (RFC 3501 §6.3.11, RFC 4315 §3, RFC 7888).
 *
 * The command comes here parsed up to the announcement of the message, which is read from the
 * stream: a small one into memory, others into a spool file. It is stored byte for byte. What is
 * refused before it was sent ("{n}") is not sent; what comes nevertheless ("{n+}") is read and
 * thrown away.
 */
#include "mail/summary.h"
#include "mailbox/message_text.h"
#include "mailbox/session_internal.h"

#include <errno.h>
#include <unistd.h>

enum {
	IN_MEMORY_MAX = 64 * 1024,
};

struct appending {
	struct session *s;
	const struct imap_append *what;
	int64_t now;
	struct buf memory; /* the message, or */
	int fd;            /* the spool file with it; owned, -1: none */
	bool has_nul;
	int error; /* why it could not be spooled, -errno */
	struct arena arena;
	struct mail_summary summary;
	struct account_delivery delivery;
	uint64_t modseq;
};

static void appending_done(struct appending *x)
{
	buf_done(&x->memory);
	close_fd(&x->fd);
	arena_done(&x->arena);
}

/* ── Reading the message ──────────────────────────────────────────────────────────────────── */

static void write_spool(struct appending *x, str bytes)
{
	while (bytes.n && x->error == 0) {
		ssize_t n = write(x->fd, bytes.p, bytes.n);
		if (n > 0)
			bytes = str_skip(bytes, (size_t)n);
		else if (n == 0 || errno != EINTR)
			x->error = n == 0 ? -EIO : -errno;
	}
}

static void keep(void *arg, str bytes)
{
	struct appending *x = arg;
	x->has_nul = x->has_nul || memchr(bytes.p, 0, bytes.n);
	if (x->has_nul)
		return;
	if (x->fd >= 0)
		write_spool(x, bytes);
	else
		buf_add(&x->memory, bytes);
}

/* The end of the command. *out_ok: that is all there is. */
static int read_end(struct session *s, bool *out_ok)
{
	struct imap_append_message next;
	struct imap_error error;
	str line;
	int rc = mailbox_read_line(s, &line);
	if (rc < 0)
		return rc;
	enum imap_append_more more = imap_append_next(line, &s->arena, &next, &error);
	*out_ok = more == IMAP_APPEND_DONE;
	uint64_t size;
	if (!*out_ok && imap_literal_at_end(line, &size) == IMAP_LITERAL_NONSYNC)
		s->bye = "What follows a refused literal cannot be told from commands";
	return 0;
}

/* ── Refusing ─────────────────────────────────────────────────────────────────────────────── */

static struct imap_reply refuse(
	struct session *s, const struct imap_append *what, struct imap_reply reply)
{
	int rc = what->message.nonsync ? mailbox_skip_message(s, what->message.size) : 0;
	return rc < 0 ? mailbox_lost(s, rc) : reply;
}

static struct imap_reply failure(struct session *s, int rc, const struct err *err)
{
	struct imap_reply reply = mailbox_failure(s, rc, err);
	if (rc == -ENOENT)
		reply.code = STR("TRYCREATE");
	return reply;
}

static int find_target(struct account *a, void *arg, struct err *err)
{
	const str *name = arg;
	struct account_mailbox target;
	int r = account_mailbox_find(a, *name, &target, err);
	return r == 0 && target.noselect ? err_set(err, ENOENT, "there is no such mailbox") : r;
}

static bool open_spool(struct appending *x)
{
	const struct mailbox_world *w = x->s->world;
	x->memory = BUF_INIT(IN_MEMORY_MAX);
	if (x->what->message.size <= IN_MEMORY_MAX)
		return true;
	x->fd = w->open_spool(w->context);
	if (x->fd < 0)
		log_error(&x->s->log, "no spool file can be made",
			F_Z("error", strerrordesc_np(-x->fd)));
	return x->fd >= 0;
}

/* What forbids the message before it was seen. False: nothing. */
static bool refused(struct appending *x, struct imap_reply *out)
{
	const struct imap_append_message *m = &x->what->message;
	str name = x->what->mailbox;
	struct err err = { 0 };
	if (m->size > x->s->world->config->smtp.max_message_size) {
		*out = (struct imap_reply){ IMAP_NO, STR("TOOBIG"),
			STR("The message is too large") };
		return true;
	}
	if (m->size == 0) {
		*out = imap_reply(IMAP_NO, STR("The message is empty"));
		return true;
	}
	/* One whose message is on its way already hears it at the end. */
	int rc = m->nonsync ? 0 : mailbox_run(x->s, find_target, &name, &err);
	if (rc < 0)
		*out = failure(x->s, rc, &err);
	else if (!open_spool(x))
		*out = (struct imap_reply){ IMAP_NO, STR("UNAVAILABLE"),
			STR("The message cannot be taken now, try again later") };
	else
		return false;
	return true;
}

/* ── Storing ──────────────────────────────────────────────────────────────────────────────── */

/* On a thread. */
static void summarise(void *arg)
{
	struct appending *x = arg;
	str text = { 0 };
	if (x->fd >= 0)
		x->error = message_map(x->fd, x->what->message.size, &text);
	if (x->error == 0)
		mail_summary_stored(&x->arena, x->fd < 0 ? buf_str(&x->memory) : text, &x->summary);
	message_unmap(text);
}

static void fill_delivery(struct appending *x)
{
	const struct imap_append_message *m = &x->what->message;
	int64_t internaldate = m->has_date ? m->date.seconds : x->now;
	x->delivery = (struct account_delivery){
		.name = x->what->mailbox,
		.flags = m->flags.system & IMAP_FLAGS_SETTABLE,
		.internaldate = internaldate,
		.memory = x->fd < 0 ? buf_str(&x->memory) : STR_EMPTY,
		.fd = x->fd,
		.body_size = x->fd < 0 ? 0 : m->size,
		.summary = { .envelope = x->summary.envelope,
			.body = x->summary.body,
			.bodystructure = x->summary.bodystructure,
			.date = x->summary.date_valid ? x->summary.date.seconds : internaldate },
	};
}

static int deliver(struct account *a, void *arg, struct err *err)
{
	struct appending *x = arg;
	const struct imap_flags *flags = &x->what->message.flags;
	str name = x->what->mailbox;
	int r = find_target(a, &name, err);
	if (r == 0 && flags->keyword_count)
		r = account_keywords_find(
			a, flags->keywords, flags->keyword_count, true, &x->delivery.keywords, err);
	return r < 0 ? r : account_deliver(a, &x->delivery, 1, x->now, &x->modseq, err);
}

static int store(struct appending *x, struct err *err)
{
	if (x->error == 0)
		task_offload(x->s->task, summarise, x);
	if (x->error)
		return err_errno(err, -x->error, "a message could not be spooled");
	fill_delivery(x);
	return mailbox_run(x->s, deliver, x, err);
}

static struct imap_reply stored(struct appending *x)
{
	struct session *s = x->s;
	struct buf code CLEANUP(buf_done) = BUF_INIT(256);
	mailbox_changed(s);
	/* RFC 3501 §6.3.11: where it is the selected mailbox, the client hears of it at once. */
	if (s->view.selected && x->delivery.out_mailbox == s->view.mailbox)
		event_set(&s->watcher.news);
	imap_code_appenduid(&code, x->delivery.out_uidvalidity, &x->delivery.out_uid, 1);
	return (struct imap_reply){ IMAP_OK, arena_str(&s->arena, buf_str(&code)),
		STR("APPEND completed") };
}

/* The message is here. */
static struct imap_reply take(struct appending *x, bool complete)
{
	struct err err = { 0 };
	if (!complete)
		return imap_reply(IMAP_BAD, STR("Append one message at a time"));
	if (x->has_nul)
		return (struct imap_reply){ IMAP_NO, STR("CANNOT"),
			STR("The message holds a NUL byte") };
	int rc = store(x, &err);
	if (rc == 0)
		return stored(x);
	if (x->error)
		log_error(&x->s->log, err.text, F_Z("error", strerrordesc_np(-rc)));
	return failure(x->s, rc, &err);
}

struct imap_reply cmd_append(struct session *s, const struct imap_command *c)
{
	struct appending x CLEANUP(appending_done) = { .s = s,
		.what = &c->append,
		.now = task_wall(s->task) / NSEC_PER_SEC,
		.fd = -1,
		.arena = ARENA_INIT(2 * SUMMARY_ARENA_MAX) };
	struct imap_reply reply;
	bool complete = false;
	if (refused(&x, &reply))
		return refuse(s, &c->append, reply);
	if (!c->append.message.nonsync)
		stream_put(s->task, s->stream, STR("+ Send the message\r\n"));
	int rc = mailbox_read_message(s, c->append.message.size, keep, &x);
	if (rc == 0)
		rc = read_end(s, &complete);
	return rc < 0 ? mailbox_lost(s, rc) : take(&x, complete);
}
