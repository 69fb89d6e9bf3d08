/*
 * SMTP and LMTP sessions over memory. The first byte picks the configuration, the second the size
 * of the pieces in which the rest, the client's side, comes.
 *
 * Whatever comes: every reply is well-formed, no more is accepted than was delivered, no descriptor
 * is left open (session_testing.h).
 */
#include "proto/smtp_reply.h"
#include "smtpd/session_testing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct ip_network client_network = { { { [10] = 0xff, 0xff, 192, 0, 2, 1 } }, 128 };

static void configure(struct testing_world *w, struct testing_run *r, uint8_t bits)
{
	struct ip_networks here = { &client_network, 1 };
	r->protocol = bits & 1 ? SMTPD_LMTP : SMTPD_SMTP;
	w->config.smtp.bare_newline = (bits >> 1) % 3;
	if (bits & 8)
		w->config.smtp.proxy_from = here;
	if (bits & 16)
		w->config.smtp.xclient_from = here;
	if (bits & 32)
		w->config.smtp.max_message_size = 100;
	r->silent = bits & 64;
	if (bits & 128) {
		w->config.smtp.max_recipients = 2;
		w->results[1] = EIO;
	}
}

static void check_replies(str rest)
{
	struct smtp_reply_line line = { .last = true };
	str one;
	while (str_cut(rest, '\n', &one, &rest)) {
		ASSERT(one.n && one.n < SMTP_REPLY_LINE_MAX && one.p[one.n - 1] == '\r');
		one.n--;
		ASSERT(smtp_reply_line_parse(one, &line));
	}
	ASSERT(one.n == 0 && line.last);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	struct testing_world w;
	testing_init(&w);
	struct testing_run r = { .input = str_from(data + 2, size - 2), .piece = data[1] };
	configure(&w, &r, data[0]);
	testing_session(&w, &r);
	check_replies(buf_str(&r.output));
	ASSERT(r.protocol == SMTPD_LMTP || r.accepted <= w.commits);
	buf_done(&r.output);
	testing_done(&w);
	return 0;
}
