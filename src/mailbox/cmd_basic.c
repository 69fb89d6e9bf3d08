/*
 * cmd_basic.c: CAPABILITY NOOP CHECK LOGOUT (RFC 3501 §6.1, §6.4.1), ID (RFC 2971), ENABLE
 * (RFC 5161), NAMESPACE (RFC 2342).
 */
#include "mailbox/session_internal.h"

#include "mailbox/auth.h"

void put_capabilities(const struct session *s, struct buf *out)
{
	buf_add(out, STR("CAPABILITY IMAP4rev1 ID LITERAL+ SASL-IR IDLE NAMESPACE UIDPLUS UNSELECT "
			 "ENABLE CONDSTORE SPECIAL-USE CREATE-SPECIAL-USE CHILDREN MOVE "
			 "LIST-EXTENDED LIST-STATUS STATUS=SIZE ESEARCH"));
	if (s->state != IMAP_STATE_NOT_AUTHENTICATED)
		return;
	if (may_start_tls(s))
		buf_add(out, STR(" STARTTLS"));
	buf_add(out, may_log_in(s) ? STR(" AUTH=PLAIN AUTH=SCRAM-SHA-256") : STR(" LOGINDISABLED"));
}

struct imap_reply cmd_capability(struct session *s, const struct imap_command *c)
{
	struct buf wire CLEANUP(buf_done) = BUF_INIT(4096);
	buf_add(&wire, STR("* "));
	put_capabilities(s, &wire);
	buf_add(&wire, STR("\r\n"));
	mailbox_put(s, &wire);
	return imap_reply(IMAP_OK, STR("That is what can be done"));
}

struct imap_reply cmd_noop(struct session *s, const struct imap_command *c)
{
	struct err err = { "" };
	int rc = view_sync(s, true, true);
	return rc < 0 ? mailbox_failure(s, rc, &err) : imap_reply(IMAP_OK, STR("Done"));
}

struct imap_reply cmd_logout(struct session *s, const struct imap_command *c)
{
	mailbox_put_untagged(s, IMAP_BYE, STR_EMPTY, STR("Goodbye"));
	s->over = true;
	s->logged_out = true;
	return imap_reply(IMAP_OK, STR("Logged out"));
}

static void log_client(struct session *s, const struct imap_id *id)
{
	str name = STR_EMPTY, version = STR_EMPTY;
	for (size_t i = 0; i < id->count; i++) {
		if (str_equal_nocase(id->pairs[i].field, STR("name")))
			name = id->pairs[i].value;
		if (str_equal_nocase(id->pairs[i].field, STR("version")))
			version = id->pairs[i].value;
	}
	log_debug(&s->log, "client program", F_STR("name", name), F_STR("version", version));
}

struct imap_reply cmd_id(struct session *s, const struct imap_command *c)
{
	log_client(s, &c->id_params);
	stream_put(s->task, s->stream,
		STR("* ID (\"name\" \"Postern\" \"version\" \"" POSTERN_VERSION "\")\r\n"));
	return imap_reply(IMAP_OK, STR("Pleased to meet you"));
}

void mailbox_enable_condstore(struct session *s)
{
	struct buf code CLEANUP(buf_done) = BUF_INIT(256);
	bool before = s->condstore;
	s->condstore = true;
	if (before || !s->view.selected)
		return;
	imap_code_number(&code, STR("HIGHESTMODSEQ"), s->view.highestmodseq);
	mailbox_put_untagged(s, IMAP_OK, buf_str(&code), STR("The last change"));
}

/* What was enabled already is told again: who has used CONDSTORE before and is told nothing might
 * think that it is not there. */
struct imap_reply cmd_enable(struct session *s, const struct imap_command *c)
{
	bool condstore = false;
	for (size_t i = 0; i < c->enable.count; i++)
		condstore |= str_equal_nocase(c->enable.capabilities[i], STR("CONDSTORE"));
	if (condstore)
		mailbox_enable_condstore(s);
	stream_put(s->task, s->stream,
		condstore ? STR("* ENABLED CONDSTORE\r\n") : STR("* ENABLED\r\n"));
	return imap_reply(IMAP_OK, STR("Enabled what is known here"));
}

struct imap_reply cmd_namespace(struct session *s, const struct imap_command *c)
{
	stream_put(s->task, s->stream, STR("* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n"));
	return imap_reply(IMAP_OK, STR("All mailboxes are your own"));
}
