#include "mail/mail_internal.h"

#include "mail/param.h"
#include "mail/transfer.h"

#include "base/utf8.h"

enum { LINE_MAX_OCTETS = 998 };

/* RFC 5322 §3.6 */
static const char *const single[] = { "Date", "From", "Sender", "Reply-To", "To", "Cc", "Bcc",
	"Message-ID", "In-Reply-To", "References", "Subject", "Content-Type", "MIME-Version",
	"Content-Transfer-Encoding", "Content-Disposition" };

static uint32_t header_defects(str header)
{
	uint32_t defects = 0, seen = 0;
	struct header_field f;
	size_t at = 0;
	for (size_t before = 0; header_next(header, &at, &f); before = at) {
		/* An mbox's first line is no defect of the message. */
		if (f.name.n == 0 && !(before == 0 && str_starts(f.raw, STR("From "))))
			defects |= MAIL_STRAY_LINE;
		for (uint32_t i = 0; i < ARRAY_LEN(single); i++) {
			if (!str_equal_nocase(f.name, str_from_z(single[i])))
				continue;
			defects |= seen & 1u << i ? MAIL_REPEATED_FIELD : 0;
			seen |= 1u << i;
		}
	}
	defects |= seen & 1u << 1 ? 0 : MAIL_NO_FROM;
	defects |= at == header.n ? MAIL_NO_CLOSING : 0;
	defects |= ascii_only(header) ? 0 : MAIL_EIGHT_BIT_HEADER;
	for (size_t i = 0; i < header.n; i++)
		if (header.p[i] == '\r' && (i + 1 == header.n || header.p[i + 1] != '\n'))
			defects |= MAIL_BARE_CR;
	return defects;
}

static bool has_long_line(str s)
{
	while (s.n > LINE_MAX_OCTETS) {
		ptrdiff_t end = str_find_char(s, '\n');
		size_t n = end < 0 ? s.n : (size_t)end;
		if (n > LINE_MAX_OCTETS + 1)
			return true;
		s = str_skip(s, n + 1);
	}
	return false;
}

static void count_charset(struct mail_shape *shape, const struct mime_part *p)
{
	struct param param;
	if (!param_find(p->type_params, STR("charset"), &param) || param.value.n == 0)
		return;
	for (size_t i = 0; i < shape->charsets_n; i++)
		if (str_equal_nocase(shape->charsets[i], param.value))
			return;
	if (shape->charsets_n < MAIL_CHARSETS_MAX)
		shape->charsets[shape->charsets_n++] = param.value;
}

static void count_encoding(struct mail_shape *shape, const struct mime_part *p)
{
	static const char *const known[] = { "7bit", "8bit", "binary", "base64",
		"quoted-printable" };
	bool usual = p->encoding.n == 0;
	size_t i = 0;
	for (; !usual && i < ARRAY_LEN(known); i++)
		usual = str_equal_nocase(p->encoding, str_from_z(known[i]));
	enum transfer_encoding e = transfer_encoding_from(p->encoding);
	if (!usual || (p->kind != MIME_LEAF && e != TRANSFER_IDENTITY))
		shape->defects |= MAIL_ODD_ENCODING;
	if (p->kind != MIME_LEAF)
		return;
	shape->base64 += e == TRANSFER_BASE64;
	shape->quoted_printable += e == TRANSFER_QUOTED_PRINTABLE;
	shape->eight_bit += e == TRANSFER_IDENTITY && !ascii_only(p->body);
}

static void count_part(struct mail *m, const struct mime_part *p)
{
	struct mail_shape *shape = &m->shape;
	shape->depth = MAX(shape->depth, p->depth);
	shape->multiparts += p->kind == MIME_MULTIPART;
	shape->messages += p->kind == MIME_MESSAGE;
	shape->images += p->kind == MIME_LEAF && mime_is(p, STR("image"), STR_EMPTY);
	/* A part that nothing delimits is one that the parser made up. */
	bool made_up = p->kind == MIME_MULTIPART && m->tree.parts[p->first_child].header.n == 0 &&
		       m->tree.parts[p->first_child].body.n == p->body.n;
	if (made_up)
		shape->defects |= MAIL_NO_BOUNDARY;
	count_charset(shape, p);
	count_encoding(shape, p);
}

static void count_text(struct mail *m, const struct mail_text *t)
{
	struct mail_shape *shape = &m->shape;
	shape->plain += !t->html;
	shape->html += t->html;
	*(t->html ? &shape->html_length : &shape->plain_length) += t->source.n;
	shape->visible_length += t->visible.n;
	shape->invisible_length += t->invisible.n;
	struct param label;
	bool labelled = param_find(m->tree.parts[t->part].type_params, STR("charset"), &label);
	bool other = t->charset.from == GUESS_UTF8 || t->charset.from == GUESS_DETECTED;
	if (labelled && other)
		shape->defects |= MAIL_WRONG_CHARSET;
}

void mail_read_shape(struct mail *m)
{
	struct mail_shape *shape = &m->shape;
	shape->parts = m->tree.n;
	shape->attachments = (uint32_t)m->attachments_n;
	shape->defects = header_defects(m->tree.parts[0].header);
	shape->defects |= m->has_date ? 0 : MAIL_NO_DATE;
	shape->defects |= str_find_char(m->message, '\0') >= 0 ? MAIL_NUL : 0;
	shape->defects |= has_long_line(m->message) ? MAIL_LONG_LINE : 0;
	for (uint32_t i = 0; i < m->tree.n; i++)
		count_part(m, &m->tree.parts[i]);
	for (size_t i = 0; i < m->texts_n; i++)
		count_text(m, &m->texts[i]);
}
