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

struct smtp_reply smtpd_help(struct smtpd_session *s, const struct smtp_command *command)
{
	struct buf text CLEANUP(buf_done) = BUF_INIT(2048);
	buf_printf(&text, "Postern %s. Commands:", POSTERN_VERSION);
	for (int verb = SMTP_VERB_UNKNOWN + 1; verb < SMTP_VERB_NOT_SMTP; verb++)
		buf_printf(&text, "\n%s", smtp_verb_usage((enum smtp_verb)verb));
	return smtpd_say(s, 214, 2, 0, 0, "%.*s", STR_ARG(buf_str(&text)));
}

struct smtp_reply smtpd_quit(struct smtpd_session *s, const struct smtp_command *command)
{
	s->over = s->quit = true;
	return smtp_reply(221, 2, 0, 0,
		arena_join(&s->arena, s->world->config->hostname, STR(" closing the connection")));
}
