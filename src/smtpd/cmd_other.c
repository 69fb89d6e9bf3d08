/*
 * cmd_other.c: RSET NOOP VRFY EXPN HELP QUIT.
 */
#include "smtpd/session_internal.h"

struct smtp_reply smtpd_rset(struct smtpd_session *s, const struct smtp_command *command)
{
	smtpd_reset(s);
	return smtpd_say(s, 250, 2, 0, 0, "Ok");
}

struct smtp_reply smtpd_noop(struct smtpd_session *s, const struct smtp_command *command)
{
	return smtpd_say(s, 250, 2, 0, 0, "Ok");
}

/* Who exists is told to senders who are about to send, at RCPT, and to nobody else. */
struct smtp_reply smtpd_vrfy(struct smtpd_session *s, const struct smtp_command *command)
{
	return smtpd_say(s, 252, 2, 5, 0, "Addresses are not verified; send mail and see");
}

struct smtp_reply smtpd_expn(struct smtpd_session *s, const struct smtp_command *command)
{
	return smtpd_say(s, 502, 5, 5, 1, "Lists are not expanded");
}

/* What this client can use now. */
static bool is_of_use(const struct smtpd_session *s, enum smtp_verb verb)
{
	switch (verb) {
	case SMTP_VERB_EHLO:
	case SMTP_VERB_HELO:
		return s->protocol == SMTPD_SMTP;
	case SMTP_VERB_LHLO:
		return s->protocol == SMTPD_LMTP;
	case SMTP_VERB_STARTTLS:
		return smtpd_extensions(s) & SMTP_EXT_STARTTLS;
	case SMTP_VERB_XCLIENT:
		return smtpd_extensions(s) & SMTP_EXT_XCLIENT;
	case SMTP_VERB_AUTH:
	case SMTP_VERB_EXPN:
		return false;
	default:
		return true;
	}
}

struct smtp_reply smtpd_help(struct smtpd_session *s, const struct smtp_command *command)
{
	struct buf text CLEANUP(buf_done) = BUF_INIT(2048);
	buf_printf(&text, "Postern %s. Commands:", POSTERN_VERSION);
	for (int verb = SMTP_VERB_UNKNOWN + 1; verb < SMTP_VERB_NOT_SMTP; verb++)
		if (is_of_use(s, (enum smtp_verb)verb))
			buf_printf(&text, "\n%s", smtp_verb_usage((enum smtp_verb)verb));
	return smtpd_say(s, 214, 2, 0, 0, "%.*s", STR_ARG(buf_str(&text)));
}

struct smtp_reply smtpd_quit(struct smtpd_session *s, const struct smtp_command *command)
{
	s->over = s->quit = true;
	return smtp_reply(221, 2, 0, 0,
		arena_join(&s->arena, s->world->config->hostname, STR(" closing the connection")));
}
