/*
 * cmd_select.c: SELECT EXAMINE CLOSE EXPUNGE (RFC 3501 §6.3.1–2, §6.4.2–3), UNSELECT (RFC 3691),
 * UID EXPUNGE (RFC 4315), IDLE (RFC 2177).
 */
#include "mailbox/session_internal.h"

#include <errno.h>

/* An IDLE in which nothing happens says something so often: gateways forget silent connections, and
 * a client that is gone is noticed. */
#define KEEPALIVE SECONDS(240)

/* ── SELECT ───────────────────────────────────────────────────────────────────────────────── */

struct keywords_job {
	struct arena *arena;
	str *names;
	size_t count;
};

static int list_keywords(struct account *a, void *arg, struct err *err)
{
	struct keywords_job *j = arg;
	return account_keywords_list(a, j->arena, &j->names, &j->count, err);
}

static void add_code(struct buf *wire, str name, uint64_t number, str text)
{
	struct buf code CLEANUP(buf_done) = BUF_INIT(256);
	imap_code_number(&code, name, number);
	imap_format_reply(wire, STR_EMPTY, IMAP_OK, buf_str(&code), text);
}

static void put_selected(struct session *s, const struct account_mailbox *m)
{
	const struct view *v = &s->view;
	struct buf wire CLEANUP(buf_done) = BUF_INIT(16384);
	imap_format_number(&wire, (uint32_t)v->n, STR("EXISTS"));
	imap_format_number(&wire, view_recent_count(v), STR("RECENT"));
	if (v->first_unseen)
		add_code(&wire, STR("UNSEEN"), v->first_unseen, STR("The first unseen message"));
	add_code(&wire, STR("UIDVALIDITY"), v->uidvalidity, STR("UIDs are valid"));
	add_code(&wire, STR("UIDNEXT"), m->uidnext, STR("The next UID, at least"));
	add_code(&wire, STR("HIGHESTMODSEQ"), m->highestmodseq, STR("The last change"));
	mailbox_put(s, &wire);
}

struct imap_reply cmd_select(struct session *s, const struct imap_command *c)
{
	bool read_only = c->id == IMAP_COMMAND_EXAMINE;
	struct account_mailbox mailbox;
	struct keywords_job keywords = { .arena = &s->arena };
	struct err err;
	/* Even if it fails, no mailbox is selected then. */
	view_leave(s);
	int rc = view_open(s, c->mailbox.name, read_only, &mailbox, &err);
	if (rc == 0)
		rc = mailbox_run(s, list_keywords, &keywords, &err);
	if (rc < 0) {
		view_close(s);
		return mailbox_failure(s, rc, &err);
	}
	s->condstore |= c->mailbox.condstore;
	view_put_keywords(s, keywords.names, keywords.count);
	put_selected(s, &mailbox);
	return read_only ? (struct imap_reply){ IMAP_OK, STR("READ-ONLY"), STR("Opened to read") }
			 : (struct imap_reply){ IMAP_OK, STR("READ-WRITE"), STR("Opened") };
}

/* ── EXPUNGE, CLOSE ───────────────────────────────────────────────────────────────────────── */

struct expunge_job {
	uint64_t mailbox;
	const struct uid_range *ranges;
	size_t count;
	struct account_expunged expunged;
};

static int run_expunge(struct account *a, void *arg, struct err *err)
{
	struct expunge_job *j = arg;
	return account_expunge(a, j->mailbox, j->ranges, j->count, false, &j->expunged, err);
}

/* Those of the ranges that have \Deleted; tells the client, unless `silent`. */
static int expunge(struct session *s, const struct uid_range *ranges, size_t count, bool silent,
	struct err *err)
{
	struct expunge_job job = { .mailbox = s->view.mailbox, .ranges = ranges, .count = count };
	int rc = mailbox_run(s, run_expunge, &job, err);
	if (rc < 0)
		return rc;
	if (job.expunged.n) {
		if (!silent)
			view_expunge(s, job.expunged.uids, job.expunged.n);
		mailbox_changed(s);
	}
	account_expunged_done(&job.expunged);
	return 0;
}

struct imap_reply cmd_expunge(struct session *s, const struct imap_command *c)
{
	struct uid_range all = { 1, s->view.uidnext - 1 }, *ranges = &all;
	size_t count = all.last ? 1 : 0;
	struct err err;
	if (s->view.read_only)
		return imap_reply(IMAP_NO, STR("The mailbox was opened to read only (EXAMINE)"));
	if (c->uid) {
		struct imap_set set = c->expunge.set;
		if (!view_resolve(s, &set, true, &ranges, &count))
			return imap_reply(IMAP_BAD, STR("That set is too large"));
	}
	int rc = count ? expunge(s, ranges, count, false, &err) : 0;
	return rc < 0 ? mailbox_failure(s, rc, &err) : imap_reply(IMAP_OK, STR("Expunged"));
}

/* RFC 3501 §6.4.2: no EXPUNGE responses, no error where the mailbox is read-only. */
struct imap_reply cmd_close(struct session *s, const struct imap_command *c)
{
	struct uid_range all = { 1, s->view.uidnext - 1 };
	struct err err;
	int rc = s->view.read_only || !all.last ? 0 : expunge(s, &all, 1, true, &err);
	if (rc < 0 && rc != -ENOENT)
		return mailbox_failure(s, rc, &err);
	view_close(s);
	return imap_reply(IMAP_OK, STR("Closed"));
}

struct imap_reply cmd_unselect(struct session *s, const struct imap_command *c)
{
	view_close(s);
	return imap_reply(IMAP_OK, STR("Closed, nothing expunged"));
}

/* ── IDLE ─────────────────────────────────────────────────────────────────────────────────── */

/* Waits for input or news. -EINTR: news. Nothing of the command is kept meanwhile. */
static int wait_for_something(struct session *s, int64_t end)
{
	const struct mailbox_world *w = s->world;
	arena_done(&s->arena);
	buf_done(&s->command);
	int rc = w->idle(w->context, true);
	if (rc < 0)
		return rc;
	int64_t deadline = MIN(end, task_deadline(s->task, KEEPALIVE));
	rc = stream_wait(s->task, s->stream, &s->watcher.news, deadline);
	int still = w->idle(w->context, false);
	if (rc == -ETIMEDOUT && task_now(s->task) < end) {
		mailbox_put_untagged(s, IMAP_OK, STR_EMPTY, STR("Still here"));
		rc = -EINTR;
	}
	return rc ? rc : still;
}

/* Tells the news until the client sends something. */
static int idle(struct session *s)
{
	int64_t end = mailbox_deadline(s);
	int rc = -EINTR;
	while (rc == -EINTR) {
		/* A failure was logged; the next keepalive looks again. */
		s->watcher.news.set = false;
		(void)!view_sync(s, true, true);
		if (s->bye)
			return 0;
		rc = wait_for_something(s, end);
	}
	return rc;
}

struct imap_reply cmd_idle(struct session *s, const struct imap_command *c)
{
	stream_put(s->task, s->stream, STR("+ Say DONE\r\n"));
	int rc = idle(s);
	if (rc < 0)
		return mailbox_lost(s, rc);
	if (s->bye)
		return imap_reply(IMAP_NO, STR("There is nothing to wait for any more"));
	str line;
	rc = mailbox_read_line(s, &line);
	if (rc < 0)
		return mailbox_lost(s, rc);
	return str_equal_nocase(line, STR("DONE")) ? imap_reply(IMAP_OK, STR("Idled"))
						   : imap_reply(IMAP_BAD, STR("Expected DONE"));
}
