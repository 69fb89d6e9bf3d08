/*
 * cmd_copy.c: COPY (RFC 3501 §6.4.7, RFC 4315 §3) and MOVE (RFC 6851), with UID. Each is one
 * transaction.
 */
#include "mailbox/session_internal.h"

#include <errno.h>

struct copying {
	struct session *s;
	str target;
	bool move, uid;
	int64_t now;
	const struct uid_range *ranges;
	size_t range_count;
	bool no_target;
	uint64_t target_id;
	struct account_copied copied; /* owned */
};

static int copy(struct account *a, void *arg, struct err *err)
{
	struct copying *x = arg;
	struct account_mailbox target;
	uint64_t from = x->s->view.mailbox;
	int r = account_mailbox_find(a, x->target, &target, err);
	if (r == 0 && target.noselect)
		r = err_set(err, ENOENT, "there is no such mailbox");
	x->no_target = r == -ENOENT;
	if (r < 0)
		return r;
	x->target_id = target.id;
	return x->move ? account_move(a, from, x->ranges, x->range_count, target.id, x->now,
				 &x->copied, err)
		       : account_copy(a, from, x->ranges, x->range_count, target.id, x->now,
				 &x->copied, err);
}

/* Empty where nothing was copied, or where it has no room. */
static str copyuid(struct copying *x)
{
	struct buf code CLEANUP(buf_done) = BUF_INIT(MAILBOX_COMMAND_ARENA / 4);
	if (x->copied.n == 0)
		return STR_EMPTY;
	imap_code_copyuid(&code, x->copied.uidvalidity, x->copied.from, x->copied.to, x->copied.n);
	char *bytes = code.overflowed ? NULL : arena_try(&x->s->arena, code.n);
	if (!bytes)
		return STR_EMPTY;
	memcpy(bytes, code.p, code.n);
	return str_from(bytes, code.n);
}

/* RFC 6851 §4.3: COPYUID comes before the EXPUNGEs. */
static struct imap_reply tell_moved(struct copying *x)
{
	struct session *s = x->s;
	str code = copyuid(x);
	if (code.n)
		mailbox_put_untagged(s, IMAP_OK, code, STR("Moved"));
	view_expunge(s, x->copied.from, x->copied.n);
	return imap_reply(IMAP_OK, STR("MOVE completed"));
}

static struct imap_reply tell(struct copying *x)
{
	struct session *s = x->s;
	struct imap_reply reply = { IMAP_OK, STR_EMPTY, STR("COPY completed") };
	if (x->move)
		reply = tell_moved(x);
	else
		reply.code = copyuid(x);
	if (x->copied.n)
		mailbox_changed(s);
	/* The new messages in the selected mailbox are shown before the reply. */
	if (x->target_id == s->view.mailbox)
		event_set(&s->watcher.news);
	return reply;
}

static struct imap_reply copy_messages(struct copying *x)
{
	struct err err = { 0 };
	int rc = mailbox_run(x->s, copy, x, &err);
	if (rc < 0) {
		struct imap_reply reply = mailbox_failure(x->s, rc, &err);
		if (x->no_target)
			reply.code = STR("TRYCREATE");
		return reply;
	}
	/* UIDs that are not there are no error. */
	bool gone = !x->uid && x->range_count && x->copied.n == 0;
	struct imap_reply reply = gone ? mailbox_gone(x->s, false) : tell(x);
	account_copied_done(&x->copied);
	return reply;
}

static struct imap_reply start(struct session *s, const struct imap_command *c, bool move)
{
	struct copying x = { .s = s,
		.target = c->copy.mailbox,
		.move = move,
		.uid = c->uid,
		.now = task_wall(s->task) / NSEC_PER_SEC };
	struct imap_set set = c->copy.set;
	struct uid_range *ranges;
	if (!view_resolve(s, &set, c->uid, &ranges, &x.range_count))
		return imap_reply(IMAP_BAD, STR("There are fewer messages"));
	x.ranges = ranges;
	return copy_messages(&x);
}

struct imap_reply cmd_copy(struct session *s, const struct imap_command *c)
{
	return start(s, c, false);
}

struct imap_reply cmd_move(struct session *s, const struct imap_command *c)
{
	if (s->view.read_only)
		return (struct imap_reply){ IMAP_NO, STR("READ-ONLY"),
			STR("The mailbox was opened for reading only") };
	return start(s, c, true);
}
