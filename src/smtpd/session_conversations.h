/*
 * session_conversations.h: for session_test.c: what clients say, and exactly what they are told.
 * A reply that is NULL is one that other tests look at: any one reply.
 */
#pragma once

#include "smtpd/session_testing.h"

#define GREETING "220 mx.here.test ESMTP Postern\r\n"
#define EXTENSIONS                                                                                 \
	"250-PIPELINING\r\n250-SIZE 65536\r\n250-8BITMIME\r\n250-CHUNKING\r\n250-DSN\r\n"          \
	"250-SMTPUTF8\r\n250-LIMITS RCPTMAX=1000\r\n250 ENHANCEDSTATUSCODES\r\n"
#define EHLO "250-mx.here.test greets client.test\r\n" EXTENSIONS
#define BYE "221 2.0.0 mx.here.test closing the connection\r\n"
#define SENDER "250 2.1.0 Sender ok\r\n"
#define RECIPIENT "250 2.1.5 Recipient ok\r\n"
#define GO "354 End with a line that has only a dot\r\n"
#define ACCEPTED "250 2.0.0 Ok: accepted as ID\r\n"
#define OK "250 2.0.0 Ok\r\n"
#define NOT_NOW "451 4.3.0 Cannot store this message now, try again later (ID)\r\n"

#define HELP_FOR_ALL                                                                               \
	"214-2.0.0 MAIL FROM:<sender> [parameters]\r\n"                                            \
	"214-2.0.0 RCPT TO:<recipient> [parameters]\r\n214-2.0.0 DATA\r\n"                         \
	"214-2.0.0 BDAT size [LAST]\r\n214-2.0.0 RSET\r\n214-2.0.0 NOOP [text]\r\n"                \
	"214-2.0.0 VRFY user\r\n214-2.0.0 HELP [command]\r\n"

struct step {
	const char *say, *told;
};

struct conversation {
	const char *name;
	enum smtpd_protocol protocol;
	struct step steps[24];
	const char *delivered;
	void (*prepare)(struct testing_world *w);
};

/* ── Settings ─────────────────────────────────────────────────────────────────────────────── */

static void two_recipients(struct testing_world *w)
{
	w->config.smtp.max_recipients = 2;
}

static void three_errors(struct testing_world *w)
{
	w->config.smtp.max_errors = 3;
}

static void few_hops(struct testing_world *w)
{
	w->config.smtp.max_hops = 2;
}

static void small_messages(struct testing_world *w)
{
	w->config.smtp.max_message_size = 8;
}

static void normalize(struct testing_world *w)
{
	w->config.smtp.bare_newline = CONFIG_BARE_NEWLINE_NORMALIZE;
}

static void reject(struct testing_world *w)
{
	w->config.smtp.bare_newline = CONFIG_BARE_NEWLINE_REJECT;
}

static void full(struct testing_world *w)
{
	w->admission = SMTPD_FULL;
}

static void client_full(struct testing_world *w)
{
	w->admission = SMTPD_CLIENT_FULL;
}

static void second_destination_fails(struct testing_world *w)
{
	w->results[1] = ENOSPC;
}

static void shut_down_in_the_middle(struct testing_world *w)
{
	w->shut_down_at = 3;
}

static const struct ip_network client_network = { { { [10] = 0xff, 0xff, 192, 0, 2, 1 } }, 128 };

static void behind_proxy(struct testing_world *w)
{
	w->config.smtp.proxy_from = (struct ip_networks){ &client_network, 1 };
}

static void with_xclient(struct testing_world *w)
{
	w->config.smtp.xclient_from = (struct ip_networks){ &client_network, 1 };
}

/* ── Conversations ────────────────────────────────────────────────────────────────────────── */

static const struct conversation conversations[] = {
	{ "one message", SMTPD_SMTP,
		{ { "", GREETING }, { "EHLO client.test\r\n", EHLO },
			{ "MAIL FROM:<a@away.test> SIZE=20 BODY=8BITMIME\r\n", SENDER },
			{ "RCPT TO:<alice+x@here.test>\r\n", RECIPIENT }, { "DATA\r\n", GO },
			{ "Subject: x\r\n\r\n..dot\r\n.\r\n", ACCEPTED }, { "QUIT\r\n", BYE } },
		"1+x\nSubject: x\r\n\r\n.dot\r\n", NULL },
	{ "two messages, two recipients with a common account", SMTPD_SMTP,
		{ { "", GREETING }, { "HELO client.test\r\n", "250 mx.here.test\r\n" },
			{ "MAIL FROM:<>\r\n", SENDER },
			{ "RCPT TO:<both@here.test>\r\n", RECIPIENT },
			{ "RCPT TO:<bob@here.test>\r\n", RECIPIENT }, { "DATA\r\n", GO },
			{ ".\r\n", ACCEPTED }, { "MAIL FROM:<b@away.test>\r\n", SENDER },
			{ "rcpt to:<Postmaster>\r\n", RECIPIENT }, { "data\r\n", GO },
			{ "x\r\n.\r\n", ACCEPTED }, { "quit\r\n", BYE } },
		"1 2\n1\nx\r\n", NULL },
	{ "commands out of turn", SMTPD_SMTP,
		{ { "", GREETING },
			{ "MAIL FROM:<a@away.test>\r\n", "503 5.5.1 Say EHLO or HELO first\r\n" },
			{ "RCPT TO:<bob@here.test>\r\n",
				"503 5.5.1 Give the sender first, with MAIL\r\n" },
			{ "DATA\r\n", "503 5.5.1 Give sender and recipients first\r\n" },
			{ "EHLO client.test\r\n", EHLO }, { "MAIL FROM:<a@away.test>\r\n", SENDER },
			{ "MAIL FROM:<a@away.test>\r\n",
				"503 5.5.1 The sender was given already\r\n" },
			{ "DATA\r\n", "554 5.5.1 No valid recipients\r\n" }, { "RSET\r\n", OK },
			{ "RCPT TO:<bob@here.test>\r\n",
				"503 5.5.1 Give the sender first, with MAIL\r\n" },
			{ "MAIL FROM:<a@away.test>\r\n", SENDER }, { "EHLO client.test\r\n", EHLO },
			{ "DATA\r\n", "503 5.5.1 Give sender and recipients first\r\n" },
			{ "BDAT 3 LAST\r\nabc", "503 5.5.1 Give sender and recipients first\r\n" },
			{ "LHLO client.test\r\n", "500 5.5.1 This is SMTP: say EHLO or HELO\r\n" },
			{ "QUIT\r\n", BYE } },
		"", NULL },
	{ "recipients that are refused", SMTPD_SMTP,
		{ { "", GREETING }, { "EHLO client.test\r\n", EHLO },
			{ "MAIL FROM:<a@away.test>\r\n", SENDER },
			{ "RCPT TO:<nobody@here.test>\r\n",
				"550 5.1.1 No such mailbox here: nobody@here.test\r\n" },
			{ "RCPT TO:<x@other.test>\r\n",
				"550 5.7.1 Relaying denied: mail for other.test is not taken here, "
				"and this server sends to others for nobody\r\n" },
			{ "RCPT TO:<@here.test:x@other.test>\r\n",
				"550 5.7.1 Relaying denied: mail for other.test is not taken here, "
				"and this server sends to others for nobody\r\n" },
			{ "RCPT TO:<x%other.test@here.test>\r\n",
				"550 5.1.1 No such mailbox here: x%other.test@here.test\r\n" },
			{ "RCPT TO:<\"x@other.test\"@here.test>\r\n",
				"550 5.1.1 No such mailbox here: \"x@other.test\"@here.test\r\n" },
			{ "RCPT TO:<other.test!x@here.test>\r\n",
				"550 5.1.1 No such mailbox here: other.test!x@here.test\r\n" },
			{ "RCPT TO:<x@[192.0.2.7]>\r\n",
				"550 5.7.1 Relaying denied: mail for [192.0.2.7] is not taken "
				"here, "
				"and this server sends to others for nobody\r\n" },
			{ "RCPT TO:<broken@here.test>\r\n",
				"451 4.3.5 This address is misconfigured at the moment, try again "
				"later\r\n" },
			{ "RCPT TO:<away@here.test>\r\n",
				"451 4.3.0 Cannot look up this address now, try again\r\n" },
			{ "RCPT TO:<>\r\n", NULL }, { "RCPT bob@here.test\r\n", NULL },
			{ "DATA\r\n", "554 5.5.1 No valid recipients\r\n" }, { "QUIT\r\n", BYE } },
		"", NULL },
	{ "what cannot be parsed", SMTPD_SMTP,
		{ { "", GREETING }, { "EHLO client.test\r\n", EHLO },
			{ "\r\n", "500 5.5.2 an empty line is not a command\r\n" },
			{ "WHAT now\r\n", "500 5.5.1 that is not a command known here\r\n" },
			{ "NOOP\n", "500 5.5.2 a bare LF; lines end in CRLF\r\n" },
			{ "NO\rOP\r\n", "500 5.5.2 a bare CR; lines end in CRLF\r\n" },
			{ "EHLO\r\n", NULL }, { "MAIL\r\n", NULL },
			{ "MAIL FROM:<a@away.test> FOO=1\r\n", NULL },
			{ "MAIL FROM:<a@away.test> SIZE=x\r\n", NULL }, { "RSET x\r\n", NULL },
			{ "MAIL FROM:<\xc3\xa4@away.test>\r\n", NULL }, { "QUIT\r\n", BYE } },
		"", NULL },
	{ "the other commands", SMTPD_SMTP,
		{ { "", GREETING }, { "NOOP\r\n", OK }, { "NOOP whatever\r\n", OK },
			{ "VRFY alice\r\n",
				"252 2.5.0 Addresses are not verified; send mail and see\r\n" },
			{ "EXPN list\r\n", "502 5.5.1 Lists are not expanded\r\n" },
			{ "AUTH PLAIN AGEAYg==\r\n", "502 5.5.1 AUTH is not offered here: this "
						     "port takes mail for local "
						     "mailboxes\r\n" },
			{ "STARTTLS\r\n", "454 4.7.0 TLS is not available\r\n" },
			{ "XCLIENT ADDR=192.0.2.9\r\n", "550 5.7.0 XCLIENT is not for you\r\n" },
			{ "HELP\r\n", "214-2.0.0 Postern " POSTERN_VERSION
				      ". Commands:\r\n214-2.0.0 EHLO domain\r\n214-2.0.0 HELO "
				      "domain\r\n" HELP_FOR_ALL "214 2.0.0 QUIT\r\n" },
			{ "QUIT\r\n", BYE }, { "NOOP\r\n", "" } },
		"", NULL },
	{ "the limit on recipients", SMTPD_SMTP,
		{ { "", GREETING }, { "EHLO client.test\r\n", NULL },
			{ "MAIL FROM:<a@away.test>\r\n", SENDER },
			{ "RCPT TO:<alice@here.test>\r\n", RECIPIENT },
			{ "RCPT TO:<alice+2@here.test>\r\n", RECIPIENT },
			{ "RCPT TO:<bob@here.test>\r\n",
				"452 4.5.3 Too many recipients: send the rest in another "
				"message\r\n" },
			{ "DATA\r\n", GO }, { "x\r\n.\r\n", ACCEPTED }, { "QUIT\r\n", BYE } },
		"1 1+2\nx\r\n", two_recipients },
	{ "the limit on errors", SMTPD_SMTP,
		{ { "", GREETING }, { "FOO\r\n", NULL }, { "FOO\r\n", NULL }, { "NOOP\r\n", OK },
			{ "FOO\r\n", "500 5.5.1 that is not a command known here\r\n"
				     "421 4.7.0 mx.here.test: too many errors, closing the "
				     "connection\r\n" },
			{ "NOOP\r\n", "" } },
		"", three_errors },
	{ "errors before a message that is taken", SMTPD_SMTP,
		{ { "", GREETING }, { "HELO client.test\r\n", NULL }, { "FOO\r\n", NULL },
			{ "MAIL FROM:<a@away.test>\r\n", SENDER },
			{ "RCPT TO:<nobody@here.test>\r\n", NULL },
			{ "RCPT TO:<alice@here.test>\r\n", RECIPIENT }, { "DATA\r\n", GO },
			{ "x\r\n.\r\n", ACCEPTED }, { "FOO\r\n", NULL }, { "FOO\r\n", NULL },
			{ "FOO\r\n", "500 5.5.1 that is not a command known here\r\n"
				     "421 4.7.0 mx.here.test: too many errors, closing the "
				     "connection\r\n" } },
		"1\nx\r\n", three_errors },
	{ "sizes", SMTPD_SMTP,
		{ { "", GREETING }, { "EHLO client.test\r\n", NULL },
			{ "MAIL FROM:<a@away.test> SIZE=9\r\n",
				"552 5.3.4 Message too large: at most 8 bytes are taken\r\n" },
			{ "MAIL FROM:<a@away.test> SIZE=8\r\n", SENDER },
			{ "RCPT TO:<alice@here.test>\r\n", RECIPIENT }, { "DATA\r\n", GO },
			{ "1234567\r\n.\r\n",
				"552 5.3.4 Message too large: at most 8 bytes are taken (ID)\r\n" },
			{ "RCPT TO:<alice@here.test>\r\n",
				"503 5.5.1 Give the sender first, with MAIL\r\n" },
			{ "MAIL FROM:<a@away.test>\r\n", SENDER },
			{ "RCPT TO:<alice@here.test>\r\n", RECIPIENT }, { "DATA\r\n", GO },
			{ "123456\r\n.\r\n", ACCEPTED }, { "MAIL FROM:<a@away.test>\r\n", SENDER },
			{ "RCPT TO:<alice@here.test>\r\n", RECIPIENT },
			{ "BDAT 9 LAST\r\n123456789",
				"552 5.3.4 Message too large: at most 8 bytes are taken (ID)\r\n" },
			{ "BDAT 32\r\n",
				"552 5.3.4 Message far too large, closing the connection\r\n" },
			{ "NOOP\r\n", "" } },
		"1\n123456\r\n", small_messages },
	{ "chunks that are too large together", SMTPD_LMTP,
		{ { "", NULL }, { "LHLO client.test\r\n", NULL },
			{ "MAIL FROM:<a@away.test>\r\n", SENDER },
			{ "RCPT TO:<alice@here.test>\r\n", RECIPIENT },
			{ "RCPT TO:<bob@here.test>\r\n", RECIPIENT },
			{ "BDAT 8\r\n12345678", "250 2.0.0 8 bytes taken\r\n" },
			{ "BDAT 1\r\n9",
				"552 5.3.4 Message too large: at most 8 bytes are taken (ID)\r\n" },
			{ "BDAT 4 LAST\r\nQUIT", "503 5.5.1 Give sender and recipients first\r\n" },
			{ "QUIT\r\n", BYE } },
		"", small_messages },
	{ "far too large while it comes", SMTPD_SMTP,
		{ { "", GREETING }, { "HELO client.test\r\n", NULL },
			{ "MAIL FROM:<a@away.test>\r\n", SENDER },
			{ "RCPT TO:<alice@here.test>\r\n", RECIPIENT }, { "DATA\r\n", GO },
			{ "123456789012345678901234567890\r\n",
				"552 5.3.4 Message far too large, closing the connection\r\n" } },
		"", small_messages },
	{ "a loop", SMTPD_SMTP,
		{ { "", GREETING }, { "HELO client.test\r\n", NULL },
			{ "MAIL FROM:<a@away.test>\r\n", SENDER },
			{ "RCPT TO:<alice@here.test>\r\n", RECIPIENT }, { "DATA\r\n", GO },
			{ "Received: 1\r\nreceived: 2\r\nRECEIVED: 3\r\n\r\n.\r\n",
				"554 5.4.6 Mail loop: the message has passed 3 servers "
				"already (ID)\r\n" },
			{ "MAIL FROM:<a@away.test>\r\n", SENDER },
			{ "RCPT TO:<alice@here.test>\r\n", RECIPIENT }, { "DATA\r\n", GO },
			{ "Received: 1\r\nReceived: 2\r\n\r\nReceived: 3\r\n.\r\n", ACCEPTED },
			{ "QUIT\r\n", BYE } },
		"1\nReceived: 1\r\nReceived: 2\r\n\r\nReceived: 3\r\n", few_hops },
	{ "chunks", SMTPD_SMTP,
		{ { "", GREETING }, { "EHLO client.test\r\n", EHLO },
			{ "MAIL FROM:<a@away.test>\r\n", SENDER },
			{ "BDAT 4\r\nQUIT", "554 5.5.1 No valid recipients\r\n" },
			{ "MAIL FROM:<a@away.test>\r\n", SENDER },
			{ "RCPT TO:<both@here.test>\r\n", RECIPIENT },
			{ "BDAT 5\r\na: b\r", "250 2.0.0 5 bytes taken\r\n" },
			{ "DATA\r\n", "503 5.5.1 DATA cannot be mixed with BDAT\r\n" },
			{ "MAIL FROM:<a@away.test>\r\n",
				"503 5.5.1 The sender was given already\r\n" },
			{ "RCPT TO:<bob@here.test>\r\n",
				"503 5.5.1 The message has begun already\r\n" },
			{ "BDAT 6\r\n\n\r\n.\r\n", "250 2.0.0 6 bytes taken\r\n" },
			{ "BDAT 0 LAST\r\n", ACCEPTED }, { "BDAT x\r\n", NULL },
			{ "NOOP\r\n", "" } },
		"1 2\na: b\r\n\r\n.\r\n", NULL },
	{ "chunks that are taken back", SMTPD_SMTP,
		{ { "", GREETING }, { "EHLO client.test\r\n", EHLO },
			{ "MAIL FROM:<a@away.test>\r\n", SENDER },
			{ "RCPT TO:<alice@here.test>\r\n", RECIPIENT },
			{ "BDAT 5\r\n12345", "250 2.0.0 5 bytes taken\r\n" }, { "RSET\r\n", OK },
			{ "MAIL FROM:<a@away.test>\r\n", SENDER },
			{ "RCPT TO:<alice@here.test>\r\n", RECIPIENT },
			{ "BDAT 3 LAST\r\nab\r",
				"550 5.6.0 Line 1 has a bare CR: lines of a message must end in CR "
				"LF (ID)\r\n" },
			{ "QUIT\r\n", BYE } },
		"", NULL },
	{ "bare newlines are refused", SMTPD_SMTP,
		{ { "", GREETING }, { "HELO client.test\r\n", NULL },
			{ "MAIL FROM:<a@away.test>\r\n", SENDER },
			{ "RCPT TO:<alice@here.test>\r\n", RECIPIENT }, { "DATA\r\n", GO },
			{ "x\r\ny\nz\n.\nMAIL "
			  "FROM:<evil@away.test>\n\n.\r\n\r.\r\r\n.\r\r\n.\nx\r\n.\r\n",
				"550 5.6.0 Line 2 has a bare LF: lines of a message must end in CR "
				"LF (ID)\r\n" },
			{ "NOOP\r\n", OK } },
		"", NULL },
	{ "bare newlines are normalized", SMTPD_SMTP,
		{ { "", GREETING }, { "HELO client.test\n", NULL },
			{ "MAIL FROM:<a@away.test>\n", SENDER },
			{ "RCPT TO:<alice@here.test>\n", RECIPIENT }, { "DATA\r\n", GO },
			{ "x\n.\n.\r\ny\rz\r\n.\r\n", ACCEPTED }, { "QUIT\r\n", BYE } },
		"1\nx\r\n.\r\n.\r\ny z\r\n", normalize },
	{ "bare newlines end the session", SMTPD_SMTP,
		{ { "", GREETING }, { "HELO client.test\r\n", NULL },
			{ "MAIL FROM:<a@away.test>\r\n", SENDER },
			{ "RCPT TO:<alice@here.test>\r\n", RECIPIENT }, { "DATA\r\n", GO },
			{ "x\n.\r\n\r\n.\r\n",
				"550 5.6.0 Line 1 has a bare LF: lines of a message must end in CR "
				"LF (ID)\r\n" },
			{ "NOOP\r\n", "" } },
		"", reject },
	{ "non-ASCII addresses", SMTPD_SMTP,
		{ { "", GREETING }, { "EHLO client.test\r\n", EHLO },
			{ "MAIL FROM:<\xc3\xa4@away.test> SMTPUTF8\r\n", SENDER },
			{ "RCPT TO:<\xc3\xb6@here.test>\r\n",
				"550 5.1.1 No such mailbox here: \xc3\xb6@here.test\r\n" },
			{ "RCPT TO:<gr\xc3\xbcn@here.test>\r\n", RECIPIENT }, { "DATA\r\n", GO },
			{ "x\r\n.\r\n", ACCEPTED }, { "MAIL FROM:<a@away.test>\r\n", SENDER },
			{ "RCPT TO:<gr\xc3\xbcn@here.test>\r\n", NULL }, { "QUIT\r\n", BYE } },
		"3\nx\r\n", NULL },
	{ "not SMTP at all", SMTPD_SMTP,
		{ { "", GREETING },
			{ "GET / HTTP/1.1\r\n", "500 5.5.1 this is a mail server, not HTTP\r\n" },
			{ "Host: x\r\n", "" } },
		"", NULL },
	{ "the server is full", SMTPD_SMTP,
		{ { "", "421 4.7.0 mx.here.test: too many connections, try later\r\n" },
			{ "EHLO client.test\r\n", "" } },
		"", full },
	{ "the client is full", SMTPD_SMTP,
		{ { "", "421 4.7.0 mx.here.test: too many connections from your address, try "
			"later\r\n" },
			{ "EHLO client.test\r\n", "" } },
		"", client_full },
	{ "the server shuts down", SMTPD_SMTP,
		{ { "", GREETING },
			{ "HELO client.test\r\n",
				"250 mx.here.test\r\n421 4.3.2 mx.here.test: the server is "
				"shutting down, try again\r\n" },
			{ "NOOP\r\n", "" } },
		"", shut_down_in_the_middle },
	{ "one of two destinations fails", SMTPD_SMTP,
		{ { "", GREETING }, { "EHLO client.test\r\n", EHLO },
			{ "MAIL FROM:<a@away.test>\r\n", SENDER },
			{ "RCPT TO:<both@here.test>\r\n", RECIPIENT }, { "DATA\r\n", GO },
			{ "x\r\n.\r\n", "452 4.3.1 No space left for this message, try again later "
					"(ID)\r\n" },
			{ "QUIT\r\n", BYE } },
		"1 2\nx\r\n", second_destination_fails },
	{ "LMTP: a reply for each recipient", SMTPD_LMTP,
		{ { "", "220 mx.here.test LMTP Postern\r\n" },
			{ "EHLO client.test\r\n", "500 5.5.1 This is LMTP: say LHLO\r\n" },
			{ "MAIL FROM:<a@away.test>\r\n", "503 5.5.1 Say LHLO first\r\n" },
			{ "LHLO client.test\r\n", EHLO }, { "MAIL FROM:<a@away.test>\r\n", SENDER },
			{ "DATA\r\n", "503 5.5.1 No valid recipients\r\n" },
			{ "RCPT TO:<alice@here.test>\r\n", RECIPIENT },
			{ "RCPT TO:<bob@here.test>\r\n", RECIPIENT },
			{ "RCPT TO:<nobody@here.test>\r\n", NULL },
			{ "RCPT TO:<alice@here.test>\r\n", RECIPIENT }, { "DATA\r\n", GO },
			{ "x\r\n.\r\n", ACCEPTED "452 4.3.1 No space left for this message, try "
						 "again later (ID)\r\n" ACCEPTED },
			{ "MAIL FROM:<a@away.test>\r\n", SENDER },
			{ "RCPT TO:<both@here.test>\r\n", RECIPIENT },
			{ "RCPT TO:<alice@here.test>\r\n", RECIPIENT },
			{ "BDAT 2\r\nx\r", "250 2.0.0 2 bytes taken\r\n" },
			{ "BDAT 1 LAST\r\n\n", "452 4.3.1 No space left for this message, try "
					       "again later (ID)\r\n" ACCEPTED },
			{ "QUIT\r\n", BYE } },
		"1 2\nx\r\n1 2\nx\r\n", second_destination_fails },
	{ "LMTP: a refusal for each recipient", SMTPD_LMTP,
		{ { "", "220 mx.here.test LMTP Postern\r\n" }, { "LHLO client.test\r\n", EHLO },
			{ "MAIL FROM:<a@away.test>\r\n", SENDER },
			{ "RCPT TO:<alice@here.test>\r\n", RECIPIENT },
			{ "RCPT TO:<bob@here.test>\r\n", RECIPIENT }, { "DATA\r\n", GO },
			{ "x\ny\r\n.\r\n",
				"550 5.6.0 Line 1 has a bare LF: lines of a message must end in CR "
				"LF (ID)\r\n550 5.6.0 Line 1 has a bare LF: lines of a message "
				"must end "
				"in CR LF (ID)\r\n" },
			{ "QUIT\r\n", BYE } },
		"", NULL },
	{ "PROXY version 1", SMTPD_SMTP,
		{ { "PROXY TCP4 198.51.100.7 192.0.2.1 1234 25\r\n", GREETING },
			{ "EHLO client.test\r\n", EHLO }, { "QUIT\r\n", BYE } },
		"", behind_proxy },
	{ "no PROXY header where there should be one", SMTPD_SMTP,
		{ { "EHLO client.test\r\n",
			  "421 4.7.0 mx.here.test: expected a PROXY header first: no PROXY "
			  "header\r\n" },
			{ "QUIT\r\n", "" } },
		"", behind_proxy },
	{ "XCLIENT over LMTP", SMTPD_LMTP,
		{ { "", "220 mx.here.test LMTP Postern\r\n" }, { "LHLO client.test\r\n", NULL },
			{ "XCLIENT ADDR=198.51.100.7 HELO=other.test PROTO=LMTP\r\n",
				"220 mx.here.test LMTP Postern\r\n" },
			{ "MAIL FROM:<a@away.test>\r\n", SENDER }, { "QUIT\r\n", BYE } },
		"", with_xclient },
	{ "help over LMTP, for who may use XCLIENT", SMTPD_LMTP,
		{ { "", NULL },
			{ "HELP\r\n",
				"214-2.0.0 Postern " POSTERN_VERSION
				". Commands:\r\n214-2.0.0 LHLO domain\r\n" HELP_FOR_ALL
				"214-2.0.0 QUIT\r\n214 2.0.0 XCLIENT attribute=value ...\r\n" },
			{ "QUIT\r\n", BYE } },
		"", with_xclient },
	{ "XCLIENT", SMTPD_SMTP,
		{ { "", GREETING },
			{ "XCLIENT NAME=new.test ADDR=198.51.100.7 HELO=other.test PROTO=ESMTP\r\n",
				GREETING },
			{ "MAIL FROM:<a@away.test>\r\n", SENDER },
			{ "RCPT TO:<alice@here.test>\r\n", RECIPIENT }, { "DATA\r\n", GO },
			{ "x\r\n.\r\n", ACCEPTED },
			{ "XCLIENT NAME=new.test\r\n", "550 5.7.0 XCLIENT is not for you\r\n" },
			{ "QUIT\r\n", BYE } },
		"1\nx\r\n", with_xclient },
	{ "XCLIENT within a transaction", SMTPD_SMTP,
		{ { "", GREETING }, { "HELO client.test\r\n", NULL },
			{ "MAIL FROM:<a@away.test>\r\n", SENDER },
			{ "XCLIENT NAME=new.test\r\n",
				"503 5.5.1 XCLIENT within a mail transaction\r\n" },
			{ "RSET\r\n", OK }, { "XCLIENT NAME=new.test\r\n", GREETING },
			{ "MAIL FROM:<a@away.test>\r\n", "503 5.5.1 Say EHLO or HELO first\r\n" },
			{ "QUIT\r\n", BYE } },
		"", with_xclient },
};
