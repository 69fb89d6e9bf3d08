#include "mailbox/session_internal.h"

#include <errno.h>
#include <stdlib.h>

#define ANNOUNCE_ARENA 1024

/* ── Saying ───────────────────────────────────────────────────────────────────────────────── */

void mailbox_put(struct session *s, const struct buf *b)
{
	ASSERT(!b->overflowed);
	stream_put(s->task, s->stream, buf_str(b));
}

static void put_reply(struct session *s, str tag, enum imap_status status, str code, str text)
{
	struct buf wire CLEANUP(buf_done) = BUF_INIT(SIZE_MAX);
	imap_format_reply(&wire, tag, status, code, text);
	mailbox_put(s, &wire);
}

void mailbox_put_untagged(struct session *s, enum imap_status status, str code, str text)
{
	put_reply(s, STR_EMPTY, status, code, text);
}

/* ── Store ────────────────────────────────────────────────────────────────────────────────── */

/* What was asked for cannot be, while the store itself is well. */
static bool is_refusal(int rc)
{
	return rc == -ENOENT || rc == -EEXIST || rc == -EINVAL || rc == -EPERM || rc == -E2BIG ||
	       rc == -EOVERFLOW;
}

int mailbox_run(struct session *s, account_fn *fn, void *arg, struct err *err)
{
	err->text[0] = '\0';
	int rc = account_pool_run(s->task, s->world->accounts, s->account, fn, arg, err);
	if (rc < 0 && rc != -ECANCELED && !is_refusal(rc))
		log_error(&s->log, "an account could not be used", F_INT("account", s->account),
			F_Z("error", strerrordesc_np(-rc)), F_Z("detail", err->text));
	return rc;
}

/* The store's sentence, beginning with a capital. */
static str sentence(struct session *s, const struct err *err)
{
	size_t n = strlen(err->text);
	char *text = n ? arena_try(&s->arena, n) : NULL;
	if (!text)
		return STR("This cannot be done");
	memcpy(text, err->text, n);
	text[0] = ascii_upper(text[0]);
	return str_from(text, n);
}

struct imap_reply mailbox_failure(struct session *s, int rc, const struct err *err)
{
	static const struct {
		int rc;
		const char *code, *text; /* text NULL: the store's */
	} table[] = {
		{ -ENOENT, "NONEXISTENT", NULL },
		{ -EEXIST, "ALREADYEXISTS", NULL },
		{ -EINVAL, "CANNOT", NULL },
		{ -EPERM, "CANNOT", NULL },
		{ -E2BIG, "LIMIT", NULL },
		{ -EOVERFLOW, "LIMIT", NULL },
		{ -EDQUOT, "OVERQUOTA", "There is no room left for this account" },
		{ -EUCLEAN, "SERVERBUG", "The account's file is damaged" },
		{ -EBADMSG, "SERVERBUG", "The account's file is damaged" },
	};
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (table[i].rc == rc)
			return (struct imap_reply){ IMAP_NO, str_from_z(table[i].code),
				table[i].text ? str_from_z(table[i].text) : sentence(s, err) };
	return (struct imap_reply){ IMAP_NO, STR("UNAVAILABLE"),
		STR("The account cannot be used now, try again later") };
}

struct imap_reply mailbox_gone(struct session *s, bool well)
{
	event_set(&s->watcher.news);
	return (struct imap_reply){ well ? IMAP_OK : IMAP_NO, STR("EXPUNGEISSUED"),
		STR("Some of the messages are gone") };
}

void mailbox_changed(struct session *s)
{
	account_watch_changed(s->world->watch, s->account, &s->watcher);
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(ANNOUNCE_ARENA);
	struct delivery_announce_request in = { .account = s->account };
	struct delivery_announce_reply out;
	/* Others hear of it the next time they look, or when delivery is back. */
	int rc = delivery_announce(s->task, &s->world->delivery, &in, &arena, &out);
	if (rc < 0)
		log_debug(&s->log, "a change could not be announced",
			F_Z("error", strerrordesc_np(-rc)));
}

/* ── Commands ─────────────────────────────────────────────────────────────────────────────── */

static command_fn *const functions[IMAP_COMMAND_COUNT] = {
	[IMAP_COMMAND_CAPABILITY] = cmd_capability,
	[IMAP_COMMAND_NOOP] = cmd_noop,
	[IMAP_COMMAND_LOGOUT] = cmd_logout,
	[IMAP_COMMAND_ID] = cmd_id,
	[IMAP_COMMAND_STARTTLS] = cmd_starttls,
	[IMAP_COMMAND_AUTHENTICATE] = cmd_authenticate,
	[IMAP_COMMAND_LOGIN] = cmd_login,
	[IMAP_COMMAND_ENABLE] = cmd_enable,
	[IMAP_COMMAND_SELECT] = cmd_select,
	[IMAP_COMMAND_EXAMINE] = cmd_select,
	[IMAP_COMMAND_CREATE] = cmd_create,
	[IMAP_COMMAND_DELETE] = cmd_delete,
	[IMAP_COMMAND_RENAME] = cmd_rename,
	[IMAP_COMMAND_SUBSCRIBE] = cmd_subscribe,
	[IMAP_COMMAND_UNSUBSCRIBE] = cmd_unsubscribe,
	[IMAP_COMMAND_LIST] = cmd_list,
	[IMAP_COMMAND_LSUB] = cmd_lsub,
	[IMAP_COMMAND_STATUS] = cmd_status,
	[IMAP_COMMAND_NAMESPACE] = cmd_namespace,
	[IMAP_COMMAND_APPEND] = cmd_append,
	[IMAP_COMMAND_IDLE] = cmd_idle,
	[IMAP_COMMAND_CHECK] = cmd_noop,
	[IMAP_COMMAND_CLOSE] = cmd_close,
	[IMAP_COMMAND_UNSELECT] = cmd_unselect,
	[IMAP_COMMAND_EXPUNGE] = cmd_expunge,
	[IMAP_COMMAND_SEARCH] = cmd_search,
	[IMAP_COMMAND_FETCH] = cmd_fetch,
	[IMAP_COMMAND_STORE] = cmd_store,
	[IMAP_COMMAND_COPY] = cmd_copy,
	[IMAP_COMMAND_MOVE] = cmd_move,
};

struct imap_reply mailbox_lost(struct session *s, int rc)
{
	s->lost = rc;
	s->over = true;
	return imap_reply(IMAP_NO, STR("The session ends"));
}

static struct imap_reply wrong_state(struct session *s, const struct imap_command *c)
{
	if (c->id == IMAP_COMMAND_APPEND && c->append.message.nonsync)
		s->bye = "What follows a refused literal cannot be told from commands";
	if (s->state == IMAP_STATE_NOT_AUTHENTICATED)
		return imap_reply(IMAP_BAD, STR("Log in first"));
	if (imap_command_states(c->id) == IMAP_STATE_NOT_AUTHENTICATED)
		return imap_reply(IMAP_BAD, STR("You are logged in already"));
	return imap_reply(IMAP_BAD, STR("Select a mailbox first"));
}

static bool set_has_star(const struct imap_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		if (set->ranges[i].first == 0 || set->ranges[i].last == 0)
			return true;
	return false;
}

/* Whether the command must see what arrived this very moment, although nobody has told us yet:
 * clients poll with "UID FETCH 123:*" and SEARCH. */
static bool wants_latest(const struct imap_command *c)
{
	return c->id == IMAP_COMMAND_SEARCH ||
	       (c->id == IMAP_COMMAND_FETCH && c->uid && set_has_star(&c->fetch.set));
}

/* RFC 3501 §7.4.1: in these, the client counts on its message numbers. */
static bool may_expunge(const struct imap_command *c)
{
	return c->uid || (c->id != IMAP_COMMAND_FETCH && c->id != IMAP_COMMAND_STORE &&
				 c->id != IMAP_COMMAND_SEARCH);
}

/* A failure was logged, and what was not told now is told later. */
static void sync_view(struct session *s, bool expunges, bool force)
{
	if (view_sync(s, expunges, force) < 0)
		event_set(&s->watcher.news);
}

static struct imap_reply run_command(struct session *s, const struct imap_command *c)
{
	s->world->counts->commands++;
	if (!(imap_command_states(c->id) & (unsigned)s->state))
		return wrong_state(s, c);
	/* No expunges here: the numbers in the command were chosen before. */
	if (imap_command_states(c->id) == IMAP_STATE_SELECTED)
		sync_view(s, false, wants_latest(c));
	struct imap_reply reply = functions[c->id](s, c);
	if (!s->lost)
		sync_view(s, may_expunge(c), false);
	return reply;
}

static void answer(struct session *s, const struct imap_command *c)
{
	struct imap_reply reply = run_command(s, c);
	if (s->lost || s->replied)
		return;
	s->errors = reply.status == IMAP_BAD ? s->errors + 1 : 0;
	put_reply(s, str_from_z(s->tag), reply.status, reply.code, reply.text);
}

/* Frees what belonged to a command. Before the login it may have held a password. */
static void forget_command(struct session *s)
{
	if (s->command.p)
		explicit_bzero(s->command.p, s->command.n);
	buf_done(&s->command);
	arena_done(&s->arena);
	s->replied = false;
}

/* ── The session ──────────────────────────────────────────────────────────────────────────── */

/* Why the session cannot go on, said to the client where it may still listen. */
static void say_goodbye(struct session *s, int rc)
{
	str text;
	if (rc == -ETIMEDOUT && s->state == IMAP_STATE_NOT_AUTHENTICATED)
		text = STR("No login for too long");
	else if (rc == -ETIMEDOUT)
		text = STR("No command for too long");
	else if (rc == -ETIME)
		text = STR("The message comes too slowly");
	else if (rc == -ECANCELED)
		text = STR("The server is shutting down, come back later");
	else if (rc == -EMSGSIZE)
		text = STR("A line without end");
	else
		return;
	log_info(&s->log, "session ended", F_STR("reason", text));
	mailbox_put_untagged(s, IMAP_BYE, STR_EMPTY, text);
}

static void end_early(struct session *s)
{
	if (!s->bye && s->errors >= MAILBOX_ERRORS_MAX)
		s->bye = "Too many errors";
	if (!s->bye || s->over)
		return;
	log_info(&s->log, "session ended", F_Z("reason", s->bye));
	mailbox_put_untagged(s, IMAP_BYE, STR_EMPTY, str_from_z(s->bye));
	s->over = true;
}

static void converse(struct session *s)
{
	while (!s->over) {
		struct imap_command c;
		int rc = mailbox_read_command(s, &c);
		if (rc == 0)
			answer(s, &c);
		else if (rc < 0)
			mailbox_lost(s, rc);
		if (s->lost)
			say_goodbye(s, s->lost);
		end_early(s);
		forget_command(s);
	}
}

static void greet(struct session *s)
{
	struct buf code CLEANUP(buf_done) = BUF_INIT(1024);
	struct buf wire CLEANUP(buf_done) = BUF_INIT(4096);
	put_capabilities(s, &code);
	imap_format_reply_printf(&wire, STR_EMPTY, IMAP_OK, buf_str(&code), "%.*s Postern is ready",
		STR_ARG(s->world->config->hostname));
	mailbox_put(s, &wire);
}

static bool admit(struct session *s, bool implicit_tls)
{
	const struct mailbox_world *w = s->world;
	enum mailbox_admission admission = w->admit(w->context, &s->client);
	if (admission == MAILBOX_WELCOME)
		return true;
	str text = admission == MAILBOX_FULL ? STR("Too many connections, try later")
					     : STR("Too many connections from your address");
	w->counts->turned_away++;
	log_info(&s->log, "refused", F_STR("reason", text));
	if (!implicit_tls) /* or the client would take it for a part of the handshake */
		mailbox_put_untagged(s, IMAP_BYE, STR("LIMIT"), text);
	return false;
}

static bool start_tls(struct session *s)
{
	if (!s->world->tls) {
		log_error(&s->log, "there is no certificate for TLS", F_INT("port", s->port));
		return false;
	}
	int rc = stream_start_tls(s->task, s->stream, s->world->tls, s->login_deadline);
	if (rc < 0)
		log_info(&s->log, "TLS handshake failed",
			F_Z("error", stream_tls_failure(s->stream, rc)));
	s->world->counts->tls += rc == 0;
	return rc == 0;
}

static void serve(struct session *s, bool implicit_tls)
{
	if (implicit_tls && !start_tls(s))
		return;
	greet(s);
	converse(s);
	view_close(s);
	if (s->account)
		account_watch_remove(s->world->watch, s->account, &s->watcher);
}

void mailbox_session(struct task *t, const struct mailbox_world *world, struct stream *stream,
	bool implicit_tls, const struct ip *client, uint16_t port)
{
	struct session s = { .task = t,
		.world = world,
		.stream = stream,
		.client = *client,
		.port = port,
		.arena = ARENA_INIT(MAILBOX_COMMAND_ARENA),
		.command = BUF_INIT(MAILBOX_LITERAL_MAX + 4 * MAILBOX_LINE_MAX),
		.state = IMAP_STATE_NOT_AUTHENTICATED,
		.login_deadline = task_deadline(t, world->config->imap.preauth_timeout) };
	ip_format(&s.client, s.client_text);
	s.fields[0] = F_Z("client", s.client_text);
	s.log = (struct log){ .parent = task_log(t), .fields = s.fields, .field_count = 1 };
	bool admitted = admit(&s, implicit_tls);
	if (admitted)
		serve(&s, implicit_tls);
	stream_finish(t, stream, s.logged_out);
	if (admitted)
		world->leave(world->context, &s.client);
	free(s.user);
}
