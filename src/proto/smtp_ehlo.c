#include "proto/smtp_ehlo.h"
#include "proto/smtp_reply.h"

enum { TEXT_MAX = 4096 };

static const char *const keywords[SMTP_EXTENSION_COUNT] = {
#define SMTP_EXTENSION(id, keyword) keyword,
#include "proto/smtp_extension.def"
#undef SMTP_EXTENSION
};

/* What is announced only together with a value. */
static bool is_left_out(const struct smtp_ehlo *ehlo, unsigned index)
{
	return (index == SMTP_EXTENSION_INDEX_AUTH && ehlo->auth.n == 0) ||
	       (index == SMTP_EXTENSION_INDEX_LIMITS && !ehlo->limit_rcpt && !ehlo->limit_mail);
}

static void add_value(const struct smtp_ehlo *ehlo, unsigned index, struct buf *text)
{
	if (index == SMTP_EXTENSION_INDEX_SIZE && ehlo->size)
		buf_printf(text, " %llu", (unsigned long long)ehlo->size);
	if (index == SMTP_EXTENSION_INDEX_AUTH) {
		buf_add_char(text, ' ');
		buf_add(text, ehlo->auth);
	}
	if (index == SMTP_EXTENSION_INDEX_LIMITS && ehlo->limit_mail)
		buf_printf(text, " MAILMAX=%u", ehlo->limit_mail);
	if (index == SMTP_EXTENSION_INDEX_LIMITS && ehlo->limit_rcpt)
		buf_printf(text, " RCPTMAX=%u", ehlo->limit_rcpt);
	if (index == SMTP_EXTENSION_INDEX_XCLIENT)
		buf_add(text, STR(" NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT"));
}

/* A peer's name in the greeting must not begin a line of its own. */
static void add_one_line(str s, struct buf *text)
{
	for (size_t i = 0; i < s.n; i++)
		buf_add_char(text, s.p[i] == '\n' ? '?' : s.p[i]);
}

void smtp_ehlo_format(const struct smtp_ehlo *ehlo, struct buf *out)
{
	CLEANUP(buf_done) struct buf text = BUF_INIT(TEXT_MAX);
	buf_add(&text, ehlo->hostname);
	if (ehlo->greeting.n) {
		buf_add_char(&text, ' ');
		add_one_line(str_first(ehlo->greeting, 300), &text);
	}
	for (unsigned i = 0; i < SMTP_EXTENSION_COUNT; i++) {
		if (!(ehlo->extensions & 1u << i) || is_left_out(ehlo, i))
			continue;
		buf_add_char(&text, '\n');
		buf_add(&text, str_from_z(keywords[i]));
		add_value(ehlo, i, &text);
	}
	ASSERT(!text.overflowed); /* all of it is ours or cut */
	smtp_reply_format(&(struct smtp_reply){ .code = 250, .text = buf_str(&text) }, out);
}
