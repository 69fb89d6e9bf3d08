/*
 * cmd_mailbox.c: CREATE DELETE RENAME SUBSCRIBE UNSUBSCRIBE (RFC 3501 §6.3.3–7), CREATE with USE
 * (RFC 6154 §3).
 */
#include "mailbox/session_internal.h"
#include "mailbox/special_use.h"

#include <errno.h>

struct mailbox_job {
	str name, new_name;
	enum account_special_use use;
	bool subscribed;
	int64_t now;
	uint64_t id; /* of what was deleted */
	bool taken;  /* the special use, not the name */
};

static struct mailbox_job job_of(struct session *s, const struct imap_command *c)
{
	return (struct mailbox_job){ .name = c->mailbox.name,
		.new_name = c->mailbox.new_name,
		.now = task_wall(s->task) / NSEC_PER_SEC };
}

/* Runs it and, where it changed what other sessions show, tells them. */
static struct imap_reply change(
	struct session *s, account_fn *fn, struct mailbox_job *job, bool announce, str done)
{
	struct err err;
	int rc = mailbox_run(s, fn, job, &err);
	if (rc < 0)
		return mailbox_failure(s, rc, &err);
	if (announce)
		mailbox_changed(s);
	return imap_reply(IMAP_OK, done);
}

/* ── CREATE ───────────────────────────────────────────────────────────────────────────────── */

static int create(struct account *a, void *arg, struct err *err)
{
	struct mailbox_job *j = arg;
	struct account_mailbox made, there;
	int rc = account_mailbox_create(a, j->name, j->use, j->now, &made, err);
	if (rc == -EEXIST && j->use != SPECIAL_USE_NONE)
		j->taken = account_mailbox_find(a, j->name, &there, NULL) == -ENOENT;
	return rc;
}

struct imap_reply cmd_create(struct session *s, const struct imap_command *c)
{
	struct mailbox_job job = job_of(s, c);
	if (c->mailbox.unknown_use || !special_use_of(c->mailbox.special_use, &job.use))
		return (struct imap_reply){ IMAP_NO, STR("USEATTR"),
			STR("A mailbox can have one of \\All \\Archive \\Drafts \\Flagged \\Junk "
			    "\\Sent \\Trash") };
	struct imap_reply reply = change(s, create, &job, false, STR("Created"));
	if (job.taken)
		reply.code = STR("USEATTR");
	return reply;
}

/* ── DELETE ───────────────────────────────────────────────────────────────────────────────── */

static int delete (struct account *a, void *arg, struct err *err)
{
	struct mailbox_job *j = arg;
	struct account_mailbox m;
	int rc = account_mailbox_find(a, j->name, &m, err);
	if (rc == 0)
		rc = account_mailbox_delete(a, j->name, err);
	if (rc == 0)
		j->id = m.id;
	return rc;
}

struct imap_reply cmd_delete(struct session *s, const struct imap_command *c)
{
	struct mailbox_job job = job_of(s, c);
	struct imap_reply reply = change(s, delete, &job, true, STR("Deleted"));
	if (reply.status == IMAP_OK && s->view.selected && s->view.mailbox == job.id) {
		view_close(s);
		mailbox_put_untagged(
			s, IMAP_OK, STR("CLOSED"), STR("The selected mailbox was deleted"));
	}
	return reply;
}

/* ── The others ───────────────────────────────────────────────────────────────────────────── */

static int rename_mailbox(struct account *a, void *arg, struct err *err)
{
	struct mailbox_job *j = arg;
	return account_mailbox_rename(a, j->name, j->new_name, j->now, err);
}

static str without_last_slash(str name)
{
	name.n -= name.n > 1 && name.p[name.n - 1] == '/';
	return name;
}

struct imap_reply cmd_rename(struct session *s, const struct imap_command *c)
{
	struct mailbox_job job = job_of(s, c);
	job.new_name = without_last_slash(job.new_name);
	return change(s, rename_mailbox, &job, true, STR("Renamed"));
}

static int subscribe(struct account *a, void *arg, struct err *err)
{
	struct mailbox_job *j = arg;
	return account_subscribe(a, j->name, j->subscribed, err);
}

struct imap_reply cmd_subscribe(struct session *s, const struct imap_command *c)
{
	struct mailbox_job job = job_of(s, c);
	job.name = without_last_slash(job.name);
	job.subscribed = true;
	return change(s, subscribe, &job, false, STR("Subscribed"));
}

struct imap_reply cmd_unsubscribe(struct session *s, const struct imap_command *c)
{
	struct mailbox_job job = job_of(s, c);
	job.name = without_last_slash(job.name);
	return change(s, subscribe, &job, false, STR("Not subscribed any more"));
}
