/*
 * session_read.c: from the stream to a parsed command: lines and literals, within limits.
 *
 * A refused literal that the client waits with ("{n}") is not sent, so that the session goes on.
 * One that follows at once ("{n+}") would be read as commands: the session ends, save where it is
 * the message of an APPEND, which is read and thrown away.
 */
#include "mailbox/session_internal.h"

#include <errno.h>

enum {
	SKIP_MAX = 1024 * 1024, /* of an over-long line that is read to its end */
	TAIL_SIZE = 32,         /* holds any announcement of a literal, with CRLF */
	/* A client that sends far more than what is taken is not worth reading. */
	READ_ON_FACTOR = 4,
};

static str without_crlf(str line)
{
	line.n -= str_ends(line, STR("\n"));
	line.n -= str_ends(line, STR("\r"));
	return line;
}

int64_t mailbox_deadline(const struct session *s)
{
	return s->state == IMAP_STATE_NOT_AUTHENTICATED
		       ? s->login_deadline
		       : task_deadline(s->task, s->world->config->imap.idle_timeout);
}

int mailbox_read_line(struct session *s, str *out)
{
	int rc = stream_line(s->task, s->stream, MAILBOX_LINE_MAX, mailbox_deadline(s), out);
	if (rc == 0)
		*out = without_crlf(*out);
	return rc;
}

/* The first line of a command: here the session is idle. */
static int read_first_line(struct session *s, str *out)
{
	const struct mailbox_world *w = s->world;
	int rc = w->idle(w->context, true);
	if (rc < 0)
		return rc;
	rc = mailbox_read_line(s, out);
	int still = w->idle(w->context, false);
	return rc ? rc : still;
}

/* ── Refusing ─────────────────────────────────────────────────────────────────────────────── */

static int refuse(struct session *s, enum imap_status status, str code, const char *text)
{
	struct buf wire CLEANUP(buf_done) = BUF_INIT(4096);
	imap_format_reply(&wire, str_from_z(s->tag), status, code, str_from_z(text));
	mailbox_put(s, &wire);
	s->errors += status == IMAP_BAD;
	return 1;
}

static int refuse_syntax(struct session *s, const struct imap_error *error)
{
	struct buf wire CLEANUP(buf_done) = BUF_INIT(4096);
	if (error->of_select)
		view_leave(s);
	imap_format_error(&wire, error);
	mailbox_put(s, &wire);
	s->errors += error->kind == IMAP_ERROR_SYNTAX;
	return 1;
}

static void end_after_nonsync(struct session *s, enum imap_literal_kind kind)
{
	if (kind != IMAP_LITERAL_SYNC)
		s->bye = "What follows a refused literal cannot be told from commands";
}

static int refuse_literal(struct session *s, enum imap_literal_kind kind)
{
	end_after_nonsync(s, kind);
	return refuse(s, kind == IMAP_LITERAL_SYNC ? IMAP_NO : IMAP_BAD, STR("TOOBIG"),
		"The literal is too large");
}

/* Keeps the last bytes of what passes. */
struct tail {
	char bytes[TAIL_SIZE];
	size_t n;
};

static void tail_add(struct tail *t, str s)
{
	if (s.n >= TAIL_SIZE) {
		t->n = 0;
		s = str_skip(s, s.n - TAIL_SIZE);
	}
	size_t keep = MIN(t->n, TAIL_SIZE - s.n);
	memmove(t->bytes, t->bytes + t->n - keep, keep);
	memcpy(t->bytes + keep, s.p, s.n);
	t->n = keep + s.n;
}

/* Reads to the end of a line that is too long. */
static int skip_line(struct session *s, struct tail *tail)
{
	int64_t deadline = mailbox_deadline(s);
	for (size_t skipped = 0; skipped <= SKIP_MAX;) {
		str have;
		int rc = stream_peek(s->task, s->stream, deadline, &have);
		if (rc < 0)
			return rc;
		ptrdiff_t lf = str_find_char(have, '\n');
		have.n = lf < 0 ? have.n : (size_t)lf + 1;
		tail_add(tail, have);
		skipped += have.n;
		stream_consume(s->stream, have.n);
		if (lf >= 0)
			return 0;
	}
	return -EMSGSIZE;
}

static void keep_tag(struct session *s, str line)
{
	str tag = imap_command_tag(str_first(line, IMAP_MAX_TAG + 1));
	if (!str_copy_z(tag, s->tag, sizeof s->tag))
		s->tag[0] = '\0';
}

static int refuse_long_line(struct session *s)
{
	str have;
	if (s->command.n == 0 && stream_peek(s->task, s->stream, mailbox_deadline(s), &have) == 0)
		keep_tag(s, have);
	struct tail tail = { .n = 0 };
	int rc = skip_line(s, &tail);
	if (rc < 0)
		return rc;
	uint64_t size;
	enum imap_literal_kind kind =
		imap_literal_at_end(without_crlf(str_from(tail.bytes, tail.n)), &size);
	if (kind != IMAP_LITERAL_NONE)
		end_after_nonsync(s, kind);
	return refuse(s, IMAP_BAD, STR("TOOBIG"), "The line is too long");
}

int mailbox_read_message(
	struct session *s, uint64_t left, void (*take)(void *arg, str bytes), void *arg)
{
	const struct config *config = s->world->config;
	struct stream_pace pace = { 0 };
	while (left) {
		str have;
		int rc = stream_peek_paced(s->task, s->stream, config->imap.idle_timeout,
			config->smtp.min_data_rate, &pace, &have);
		if (rc < 0)
			return rc;
		have = str_first(have, left);
		if (take)
			take(arg, have);
		left -= have.n;
		pace.received += have.n;
		stream_consume(s->stream, have.n);
	}
	return 0;
}

int mailbox_skip_message(struct session *s, uint64_t size)
{
	str line;
	if (size / READ_ON_FACTOR >= s->world->config->smtp.max_message_size) {
		s->bye = "The message is far too large";
		return 0;
	}
	int rc = mailbox_read_message(s, size, NULL, NULL);
	if (rc == 0)
		rc = mailbox_read_line(s, &line);
	if (rc == 0 && imap_literal_at_end(line, &size) == IMAP_LITERAL_NONSYNC)
		end_after_nonsync(s, IMAP_LITERAL_NONSYNC);
	return rc;
}

/* ── Reading ──────────────────────────────────────────────────────────────────────────────── */

static int read_literal(struct session *s, enum imap_literal_kind kind, uint64_t size)
{
	if (kind == IMAP_LITERAL_SYNC)
		stream_put(s->task, s->stream, STR("+ Go on\r\n"));
	buf_add(&s->command, STR("\r\n"));
	int64_t deadline = mailbox_deadline(s);
	while (size) {
		str have;
		int rc = stream_peek(s->task, s->stream, deadline, &have);
		if (rc < 0)
			return rc;
		have = str_first(have, size);
		buf_add(&s->command, have);
		size -= have.n;
		stream_consume(s->stream, have.n);
	}
	return 0;
}

/* 0 with *out, 1 if refused. */
static int parse(struct session *s, struct imap_command *out)
{
	struct imap_error error;
	if (imap_command_parse(buf_str(&s->command), &s->arena, out, &error))
		return 0;
	return refuse_syntax(s, &error);
}

/* At the announcement of a literal of APPEND. 2: it is not the message yet. */
static int parse_append(
	struct session *s, enum imap_literal_kind kind, uint64_t size, struct imap_command *out)
{
	struct imap_error error;
	int rc = 0;
	if (imap_command_parse(buf_str(&s->command), &s->arena, out, &error))
		return 0;
	if (error.kind == IMAP_ERROR_LITERAL)
		return 2;
	if (kind == IMAP_LITERAL_NONSYNC && s->state != IMAP_STATE_NOT_AUTHENTICATED)
		rc = mailbox_skip_message(s, size);
	else
		end_after_nonsync(s, kind);
	return rc < 0 ? rc : refuse_syntax(s, &error);
}

/* Takes a line, and the literal that it announces. 2: more belongs to the command. */
static int take_line(struct session *s, str line, uint64_t *room, struct imap_command *out)
{
	uint64_t size = 0;
	buf_add(&s->command, line);
	if (s->command.overflowed) {
		s->bye = "The command is too long";
		return refuse(s, IMAP_BAD, STR("TOOBIG"), "The command is too long");
	}
	enum imap_literal_kind kind = imap_literal_at_end(line, &size);
	if (kind == IMAP_LITERAL_NONE)
		return parse(s, out);
	if (kind == IMAP_LITERAL_INVALID)
		return refuse_literal(s, kind);
	int rc = imap_is_append(buf_str(&s->command)) ? parse_append(s, kind, size, out) : 2;
	if (rc != 2)
		return rc;
	if (size > *room)
		return refuse_literal(s, kind);
	*room -= size;
	rc = read_literal(s, kind, size);
	return rc < 0 ? rc : 2;
}

int mailbox_read_command(struct session *s, struct imap_command *out)
{
	uint64_t room = s->state == IMAP_STATE_NOT_AUTHENTICATED ? MAILBOX_PREAUTH_LITERAL_MAX
								 : MAILBOX_LITERAL_MAX;
	str line;
	s->tag[0] = '\0';
	int rc = read_first_line(s, &line);
	if (rc == 0)
		keep_tag(s, line);
	while (rc == 0) {
		rc = take_line(s, line, &room, out);
		if (rc != 2)
			return rc;
		rc = mailbox_read_line(s, &line);
	}
	return rc == -EMSGSIZE ? refuse_long_line(s) : rc;
}
