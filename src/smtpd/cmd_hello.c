/*
 * cmd_hello.c: who the client is: EHLO, HELO, LHLO (RFC 5321 §4.1.1.1, RFC 2033 §4.1), STARTTLS
 * (RFC 3207), XCLIENT (Postfix XCLIENT_README), and the PROXY header before it all.
 */
#include "proto/proxy.h"
#include "smtpd/session_internal.h"

#include <errno.h>
#include <stdlib.h>

static struct smtp_reply wrong_hello(struct smtpd_session *s)
{
	return s->protocol == SMTPD_LMTP
		       ? smtpd_say(s, 500, 5, 5, 1, "This is LMTP: say LHLO")
		       : smtpd_say(s, 500, 5, 5, 1, "This is SMTP: say EHLO or HELO");
}

static void put_extensions(struct smtpd_session *s)
{
	const struct config *config = s->world->config;
	struct smtp_ehlo ehlo = {
		.hostname = config->hostname,
		.greeting =
			arena_printf(&s->arena, "greets %.*s", STR_ARG(str_first(s->helo, 255))),
		.extensions = smtpd_extensions(s),
		.size = config->smtp.max_message_size,
		.limit_rcpt = (unsigned)config->smtp.max_recipients,
	};
	struct buf wire CLEANUP(buf_done) = BUF_INIT(8192);
	smtp_ehlo_format(&ehlo, &wire);
	stream_put(s->task, s->stream, buf_str(&wire));
}

struct smtp_reply smtpd_hello(struct smtpd_session *s, const struct smtp_command *command)
{
	if ((command->verb == SMTP_VERB_LHLO) != (s->protocol == SMTPD_LMTP))
		return wrong_hello(s);
	smtpd_start_over(s);
	s->helo_text = str_dup_z(command->host.text);
	s->helo = str_from(s->helo_text, command->host.text.n);
	s->extended = command->verb != SMTP_VERB_HELO;
	if (s->extended) {
		put_extensions(s);
		return (struct smtp_reply){ 0 }; /* is written already */
	}
	return smtp_reply(250, 0, 0, 0, s->world->config->hostname);
}

struct smtp_reply smtpd_starttls(struct smtpd_session *s, const struct smtp_command *command)
{
	if (stream_is_tls(s->stream))
		return smtpd_say(s, 503, 5, 5, 1, "TLS is active already");
	if (!(smtpd_extensions(s) & SMTP_EXT_STARTTLS))
		return smtpd_say(s, 454, 4, 7, 0, "TLS is not available");
	struct smtp_reply go = smtpd_say(s, 220, 2, 0, 0, "Start TLS now");
	smtpd_put_reply(s, &go);
	int64_t deadline = task_deadline(s->task, s->world->config->smtp.command_timeout);
	/* Throws away what came in plain behind the command. */
	int rc = stream_start_tls(s->task, s->stream, s->world->tls, deadline);
	if (rc < 0) {
		log_info(&s->log, "TLS handshake failed",
			F_Z("error", stream_tls_failure(s->stream, rc)));
		s->over = true;
	}
	s->world->counts->tls += rc == 0;
	smtpd_start_over(s);
	return (struct smtp_reply){ 0 };
}

struct smtp_reply smtpd_auth(struct smtpd_session *s, const struct smtp_command *command)
{
	return smtpd_say(s, 502, 5, 5, 1,
		"AUTH is not offered here: this port takes mail for local "
		"mailboxes");
}

/* ── XCLIENT ──────────────────────────────────────────────────────────────────────────────── */

static void become(struct smtpd_session *s, const struct ip *client, uint16_t port)
{
	s->client = *client;
	s->client_unknown = false;
	s->port = port;
	ip_format(&s->client, s->client_text);
	s->fields[1] = F_Z("client", s->client_text);
}

/* The front end does not know who it is: its own address says nothing of the mail that it brings,
 * and counts for limits alone. */
static void become_unknown(struct smtpd_session *s, uint16_t port)
{
	s->client_unknown = true;
	s->port = port;
	(void)!str_copy_z(STR("unknown"), s->client_text, sizeof s->client_text);
	s->fields[1] = F_Z("client", s->client_text);
}

static struct ip ip_of(const unsigned char *bytes, bool v4)
{
	struct ip ip = { { 0 } };
	if (v4) {
		ip.bytes[10] = ip.bytes[11] = 0xff;
		memcpy(ip.bytes + 12, bytes, 4);
	} else {
		memcpy(ip.bytes, bytes, 16);
	}
	return ip;
}

struct smtp_reply smtpd_xclient(struct smtpd_session *s, const struct smtp_command *command)
{
	const struct smtp_xclient *x = &command->xclient;
	if (!ip_networks_contain(&s->world->config->smtp.xclient_from, &s->client))
		return smtpd_say(s, 550, 5, 7, 0, "XCLIENT is not for you");
	if (s->transaction.open)
		return smtpd_say(s, 503, 5, 5, 1, "XCLIENT within a mail transaction");
	struct ip before = s->client;
	enum smtp_xclient_state address = x->attribute[SMTP_XCLIENT_ADDR].state;
	if (address == SMTP_XCLIENT_VALUE) {
		struct ip client = ip_of(x->address.ip, x->address.n == 4);
		become(s, &client, x->port);
	} else if (address != SMTP_XCLIENT_ABSENT) {
		become_unknown(s, x->port);
	}
	if (x->attribute[SMTP_XCLIENT_NAME].state != SMTP_XCLIENT_ABSENT) {
		free(s->client_name);
		s->client_name = x->attribute[SMTP_XCLIENT_NAME].state == SMTP_XCLIENT_VALUE
					 ? str_dup_z(x->attribute[SMTP_XCLIENT_NAME].value)
					 : NULL;
	}
	smtpd_start_over(s);
	if (x->attribute[SMTP_XCLIENT_HELO].state == SMTP_XCLIENT_VALUE) {
		str helo = x->attribute[SMTP_XCLIENT_HELO].value;
		s->helo_text = str_dup_z(helo);
		s->helo = str_from(s->helo_text, helo.n);
		s->extended =
			!str_equal_nocase(x->attribute[SMTP_XCLIENT_PROTO].value, STR("SMTP"));
	}
	/* Counted as the client that it stands for. */
	s->world->leave(s->world->context, &before);
	s->admitted = s->world->admit(s->world->context, &s->client) == SMTPD_WELCOME;
	if (!s->admitted) {
		s->over = true;
		return smtpd_say(
			s, 421, 4, 7, 0, "Too many connections from this client, try later");
	}
	return smtpd_say(s, 220, 0, 0, 0, "%.*s %s Postern", STR_ARG(s->world->config->hostname),
		s->protocol == SMTPD_LMTP ? "LMTP" : "ESMTP");
}

/* ── PROXY ────────────────────────────────────────────────────────────────────────────────── */

/* rc: 0, or why no more was read; who has hung up is told nothing. */
static void refuse_proxy(struct smtpd_session *s, int rc, const char *why)
{
	log_warning(&s->log, "refused: a client in smtp.proxy_from without a PROXY header",
		F_Z("reason", why));
	if (rc < 0 && rc != -ETIMEDOUT)
		return;
	struct smtp_reply no = smtpd_say(s, 421, 4, 7, 0, "%.*s: expected a PROXY header first: %s",
		STR_ARG(s->world->config->hostname), why);
	smtpd_put_reply(s, &no);
}

bool smtpd_read_proxy(struct smtpd_session *s)
{
	const struct config *config = s->world->config;
	if (s->protocol != SMTPD_SMTP || !ip_networks_contain(&config->smtp.proxy_from, &s->client))
		return true;
	int64_t deadline = task_deadline(s->task, config->smtp.command_timeout);
	struct proxy_header header;
	size_t used;
	const char *why = "no header came";
	str in = STR_EMPTY;
	enum proxy_result result = PROXY_MORE;
	int rc = 0;
	while (result == PROXY_MORE && rc == 0) {
		rc = stream_peek_least(s->task, s->stream, in.n + 1, deadline, &in);
		if (rc == 0)
			result = proxy_parse(in, &header, &used, &why);
	}
	if (result != PROXY_DONE) {
		refuse_proxy(s, rc, why);
		return false;
	}
	stream_consume(s->stream, used);
	if (header.family == PROXY_IPV4 || header.family == PROXY_IPV6) {
		struct ip client = ip_of(header.source, header.family == PROXY_IPV4);
		become(s, &client, header.source_port);
	}
	return true;
}
