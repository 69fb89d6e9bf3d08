#include "smtpd/session_internal.h"

#include <errno.h>
#include <stdlib.h>

/* ── Replies ──────────────────────────────────────────────────────────────────────────────── */

struct smtp_reply smtpd_say(struct smtpd_session *s, int code, int klass, int subject, int detail,
	const char *format, ...)
{
	char room[256];
	struct buf text CLEANUP(buf_done) = BUF_OVER(room, 4096);
	va_list args;
	va_start(args, format);
	buf_vprintf(&text, format, args);
	va_end(args);
	struct smtp_reply reply = smtp_reply(code, (uint8_t)klass, (uint16_t)subject,
		(uint16_t)detail, arena_str(&s->arena, buf_str(&text)));
	reply.utf8 = s->transaction.utf8;
	return reply;
}

/* Not part of smtpd_session(): the room would stand on the stack while that waits. */
__attribute__((noinline)) void smtpd_put_reply(
	struct smtpd_session *s, const struct smtp_reply *reply)
{
	char room[SMTP_REPLY_LINE_MAX];
	struct buf wire CLEANUP(buf_done) = BUF_OVER(room, 64 * 1024);
	smtp_reply_format(reply, &wire);
	stream_put(s->task, s->stream, buf_str(&wire));
}

/* ── State ────────────────────────────────────────────────────────────────────────────────── */

void smtpd_reset(struct smtpd_session *s)
{
	struct smtpd_transaction *x = &s->transaction;
	incoming_close(&x->incoming);
	arena_done(&x->arena);
	*x = (struct smtpd_transaction){ .arena = ARENA_INIT(SMTPD_TRANSACTION_ARENA) };
	x->last = &x->recipients;
}

void smtpd_start_over(struct smtpd_session *s)
{
	smtpd_reset(s);
	free(s->helo_text);
	s->helo_text = NULL;
	s->helo = STR_EMPTY;
	s->extended = false;
}

/* DSN's parameters are checked and taken; who asks for a notice of success (RFC 3461 §5.2.3) gets
 * none as long as nothing here sends mail. */
unsigned smtpd_extensions(const struct smtpd_session *s)
{
	const struct config *config = s->world->config;
	unsigned set = SMTP_EXT_PIPELINING | SMTP_EXT_SIZE | SMTP_EXT_8BITMIME | SMTP_EXT_CHUNKING |
		       SMTP_EXT_DSN | SMTP_EXT_SMTPUTF8 | SMTP_EXT_LIMITS |
		       SMTP_EXT_ENHANCEDSTATUSCODES;
	if (s->world->tls && config->smtp.starttls && !stream_is_tls(s->stream))
		set |= SMTP_EXT_STARTTLS;
	if (ip_networks_contain(&config->smtp.xclient_from, &s->client))
		set |= SMTP_EXT_XCLIENT;
	return set;
}

/* ── Commands ─────────────────────────────────────────────────────────────────────────────── */

static smtpd_command_fn *const commands[SMTP_VERB_COUNT] = {
	[SMTP_VERB_EHLO] = smtpd_hello,
	[SMTP_VERB_HELO] = smtpd_hello,
	[SMTP_VERB_LHLO] = smtpd_hello,
	[SMTP_VERB_MAIL] = smtpd_mail,
	[SMTP_VERB_RCPT] = smtpd_rcpt,
	[SMTP_VERB_DATA] = smtpd_data,
	[SMTP_VERB_BDAT] = smtpd_bdat,
	[SMTP_VERB_RSET] = smtpd_rset,
	[SMTP_VERB_NOOP] = smtpd_noop,
	[SMTP_VERB_VRFY] = smtpd_vrfy,
	[SMTP_VERB_EXPN] = smtpd_expn,
	[SMTP_VERB_HELP] = smtpd_help,
	[SMTP_VERB_QUIT] = smtpd_quit,
	[SMTP_VERB_STARTTLS] = smtpd_starttls,
	[SMTP_VERB_AUTH] = smtpd_auth,
	[SMTP_VERB_XCLIENT] = smtpd_xclient,
};

static void log_refusal(
	struct smtpd_session *s, const struct smtp_command *command, const struct smtp_reply *reply)
{
	const struct log *log = s->transaction.open ? &s->transaction.log : &s->log;
	log_info(log, "refused", F_STR("command", command->word),
		F_STR("argument", command->verb == SMTP_VERB_AUTH ? STR_EMPTY : command->argument),
		F_INT("code", reply->code), F_STR("reason", reply->text));
}

/* Answers one line. */
static void answer(struct smtpd_session *s, str line)
{
	struct smtp_parse_options options = {
		.extensions = smtpd_extensions(s),
		.utf8 = s->transaction.utf8,
		.allow_bare_lf =
			s->world->config->smtp.bare_newline == CONFIG_BARE_NEWLINE_NORMALIZE,
	};
	struct smtp_command command;
	bool good = smtp_command_parse(line, &options, &s->arena, &command);
	smtpd_command_fn *function = commands[command.verb];
	struct smtp_reply reply =
		good && function ? function(s, &command) : smtp_command_refusal(&command);
	if (!good && command.verb == SMTP_VERB_BDAT)
		s->over = true; /* what follows is a chunk of unknown size, not commands */
	if (command.verb == SMTP_VERB_NOT_SMTP)
		s->over = true;
	if (!smtp_reply_is_success(&reply)) {
		/* What cannot be done now is not the client's error: nor is one recipient too many.
		 */
		s->errors += !smtp_reply_is_temporary(&reply);
		log_refusal(s, &command, &reply);
	}
	if (reply.code)
		smtpd_put_reply(s, &reply);
}

static void end_after_too_many_errors(struct smtpd_session *s)
{
	if (s->over || s->errors < (unsigned)s->world->config->smtp.max_errors)
		return;
	struct smtp_reply reply =
		smtpd_say(s, 421, 4, 7, 0, "%.*s: too many errors, closing the connection",
			STR_ARG(s->world->config->hostname));
	smtpd_put_reply(s, &reply);
	s->over = true;
}

/* ── The session ──────────────────────────────────────────────────────────────────────────── */

/* The line was longer than any command can be: read past it. */
static int skip_long_line(struct smtpd_session *s)
{
	int64_t deadline = task_deadline(s->task, s->world->config->smtp.command_timeout);
	int rc = stream_skip_line(s->task, s->stream, SMTPD_SKIP_MAX, deadline);
	if (rc < 0)
		return rc;
	struct smtp_reply reply = smtpd_say(
		s, 500, 5, 5, 6, "Line too long: a command has at most %d bytes", SMTPD_LINE_MAX);
	smtpd_put_reply(s, &reply);
	s->errors++;
	return 0;
}

static int next_command(struct smtpd_session *s, str *out_line)
{
	const struct smtpd_world *w = s->world;
	int64_t deadline = task_deadline(s->task, w->config->smtp.command_timeout);
	int rc = w->idle(w->context, !s->transaction.open);
	if (rc == 0)
		rc = stream_line(s->task, s->stream, SMTPD_LINE_MAX, deadline, out_line);
	if (rc == 0)
		rc = w->idle(w->context, false);
	return rc;
}

/* Why the session cannot go on, said to the client where it may still listen. */
static void say_goodbye(struct smtpd_session *s, int rc)
{
	str host = s->world->config->hostname;
	struct smtp_reply reply;
	if (rc == -ETIMEDOUT)
		reply = smtpd_say(s, 421, 4, 4, 2,
			"%.*s: no command for too long, closing the "
			"connection",
			STR_ARG(host));
	else if (rc == -ECANCELED)
		reply = smtpd_say(s, 421, 4, 3, 2, "%.*s: the server is shutting down, try again",
			STR_ARG(host));
	else if (rc == -EMSGSIZE)
		reply = smtpd_say(s, 421, 4, 7, 0, "%.*s: line without end, closing the connection",
			STR_ARG(host));
	else
		return;
	log_info(&s->log, "session ended", F_STR("reason", reply.text));
	smtpd_put_reply(s, &reply);
}

static bool admit(struct smtpd_session *s)
{
	const struct smtpd_world *w = s->world;
	enum smtpd_admission admission = w->admit(w->context, &s->client);
	s->admitted = admission == SMTPD_WELCOME;
	if (s->admitted)
		return true;
	w->counts->turned_away++;
	struct smtp_reply reply = smtpd_say(s, 421, 4, 7, 0,
		"%.*s: too many connections%s, try later", STR_ARG(w->config->hostname),
		admission == SMTPD_FULL ? "" : " from your address");
	log_info(&s->log, "refused", F_STR("reason", reply.text));
	smtpd_put_reply(s, &reply);
	return false;
}

static void greet(struct smtpd_session *s)
{
	str what = s->protocol == SMTPD_LMTP ? STR(" LMTP Postern") : STR(" ESMTP Postern");
	struct smtp_reply reply =
		smtp_reply(220, 0, 0, 0, arena_join(&s->arena, s->world->config->hostname, what));
	smtpd_put_reply(s, &reply);
}

static void converse(struct smtpd_session *s)
{
	while (!s->over) {
		str line;
		arena_done(&s->arena);
		int rc = next_command(s, &line);
		/* A copy: the stream's own bytes are gone when the command reads on. */
		if (rc == 0)
			answer(s, arena_str(&s->arena, line));
		else if (rc == -EMSGSIZE)
			rc = skip_long_line(s);
		if (rc < 0) {
			say_goodbye(s, rc);
			break;
		}
		end_after_too_many_errors(s);
	}
}

void smtpd_session(struct task *t, const struct smtpd_world *world, struct stream *stream,
	enum smtpd_protocol protocol, const struct ip *client, uint16_t port)
{
	struct smtpd_session s = { .task = t,
		.world = world,
		.stream = stream,
		.protocol = protocol,
		.client = *client,
		.port = port,
		.arena = ARENA_INIT(SMTPD_COMMAND_ARENA) };
	ip_format(&s.client, s.client_text);
	s.fields[0] = F_Z("protocol", protocol == SMTPD_LMTP ? "lmtp" : "smtp");
	s.fields[1] = F_Z("client", s.client_text);
	s.log = (struct log){ .parent = task_log(t), .fields = s.fields, .field_count = 2 };
	smtpd_start_over(&s);
	if (smtpd_read_proxy(&s) && admit(&s)) {
		greet(&s);
		converse(&s);
	}
	smtpd_start_over(&s);
	stream_finish(t, stream, s.quit);
	if (s.admitted)
		world->leave(world->context, &s.client);
	free(s.client_name);
	arena_done(&s.arena);
}
