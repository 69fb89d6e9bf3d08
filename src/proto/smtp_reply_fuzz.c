/* Any text becomes a reply whose every line parses, with the same code and status; any line parses
 * or does not. */
#include "proto/smtp_reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_line(const struct smtp_reply *reply, str line, bool last)
{
	struct smtp_reply_line parsed;
	bool utf8 = reply->utf8;
	ASSERT(line.n <= SMTP_REPLY_LINE_MAX && str_ends(line, STR("\r\n")));
	ASSERT(smtp_reply_line_parse(line, &parsed));
	ASSERT(parsed.code == reply->code && parsed.last == last);
	if (reply->status.klass) {
		ASSERT(parsed.status.klass == reply->status.klass);
		ASSERT(parsed.status.subject == reply->status.subject);
		ASSERT(parsed.status.detail == reply->status.detail);
	}
	for (size_t i = 0; i + 2 < line.n; i++) {
		unsigned char c = (unsigned char)line.p[i];
		ASSERT(c >= 32 && c != 127 && (utf8 || c < 127));
	}
}

static void check_format(const struct smtp_reply *reply)
{
	CLEANUP(buf_done) struct buf out = BUF_INIT(1 << 24);
	smtp_reply_format(reply, &out);
	ASSERT(!out.overflowed && out.n > 0);
	str rest = buf_str(&out);
	while (rest.n) {
		size_t n = (size_t)str_find_char(rest, '\n') + 1;
		ASSERT(n > 0);
		check_line(reply, str_first(rest, n), n == rest.n);
		rest = str_skip(rest, n);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	str text = str_from(data + 2, size - 2);
	struct smtp_reply_line parsed = { .code = -1 };
	if (smtp_reply_line_parse(text, &parsed))
		ASSERT(parsed.code >= 200 && parsed.code <= 599 && parsed.text.n <= text.n);
	else
		ASSERT(parsed.code == -1);
	struct smtp_reply reply = { .code = 200 + data[0] % 4 * 100 + data[1] % 60, .text = text };
	reply.utf8 = data[0] & 0x10;
	if ((data[0] & 0x20) && reply.code / 100 != 3)
		reply.status = (struct smtp_status){ (uint8_t)(reply.code / 100), data[1],
			(uint16_t)(data[1] * 3) };
	check_format(&reply);
	return 0;
}
