#include "mail/mail.h"

#include "mail/mail_internal.h"
#include "mail/param.h"
#include "mail/transfer.h"
#include "mail/uuencode.h"
#include "mail/word.h"

#include "base/utf8.h"

str mail_keep(struct mail *m, str s)
{
	char *p = s.n ? arena_try(m->arena, s.n) : NULL;
	if (!p) {
		m->truncated = m->truncated || s.n;
		return STR_EMPTY;
	}
	return str_from(memcpy(p, s.p, s.n), s.n);
}

bool mail_header(const struct mail *m, str name, struct header_field *out)
{
	return header_find(m->tree.parts[0].header, name, out);
}

str mail_decode_value(struct mail *m, str value)
{
	struct buf b CLEANUP(buf_done) = BUF_INIT(4 * MAIL_FIELD_MAX);
	m->truncated = m->truncated || value.n > MAIL_FIELD_MAX;
	word_decode(&b, str_first(value, MAIL_FIELD_MAX));
	return mail_keep(m, buf_str(&b));
}

/* No encoding of MIME's, and yet old programs write it and new ones read it. */
static bool is_uuencode(str encoding)
{
	static const char *const names[] = { "x-uuencode", "uuencode", "x-uue", "uue" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_equal_nocase(encoding, str_from_z(names[i])))
			return true;
	return false;
}

str mail_decoded(struct mail *m, uint32_t part)
{
	const struct mime_part *p = &m->tree.parts[part];
	str *slot = &m->decoded[part];
	if (slot->p)
		return *slot;
	enum transfer_encoding encoding = transfer_encoding_from(p->encoding);
	str rest = p->body;
	struct uuencoded file;
	bool uuencoded =
		p->kind == MIME_LEAF && is_uuencode(p->encoding) && uuencode_find(&rest, &file);
	if ((encoding == TRANSFER_IDENTITY && !uuencoded) || p->kind != MIME_LEAF)
		return *slot = p->body;
	struct buf b CLEANUP(buf_done) = BUF_INIT(SIZE_MAX);
	if (uuencoded)
		uuencode_decode(file.lines, &b);
	else
		transfer_decode(encoding, p->body, &b);
	return *slot = mail_keep(m, buf_str(&b));
}

str mail_attachment_content(struct mail *m, const struct mail_attachment *a)
{
	if (!a->uuencoded.p)
		return mail_decoded(m, a->part);
	struct buf b CLEANUP(buf_done) = BUF_INIT(SIZE_MAX);
	uuencode_decode(a->uuencoded, &b);
	return mail_keep(m, buf_str(&b));
}

static struct address_list addresses(struct mail *m, const char *name)
{
	struct header_field field;
	struct address_list none = { 0 };
	if (!mail_header(m, str_from_z(name), &field))
		return none;
	m->truncated = m->truncated || field.value.n > MAIL_FIELD_MAX;
	struct address_list list =
		address_parse(m->arena, str_first(field.value, MAIL_FIELD_MAX), MAIL_ADDRESSES_MAX);
	m->truncated = m->truncated || list.truncated;
	return list;
}

static void read_header(struct mail *m)
{
	struct header_field field;
	m->subject = m->message_id = STR_EMPTY;
	if (mail_header(m, STR("Subject"), &field))
		m->subject = mail_decode_value(m, field.value);
	if (mail_header(m, STR("Message-ID"), &field))
		m->message_id = mail_decode_value(m, field.value);
	if (mail_header(m, STR("Date"), &field))
		m->has_date = date_parse(str_first(field.value, MAIL_FIELD_MAX), &m->date);
	m->from = addresses(m, "From");
	m->sender = addresses(m, "Sender");
	m->reply_to = addresses(m, "Reply-To");
	m->to = addresses(m, "To");
	m->cc = addresses(m, "Cc");
	uri_set_add_text(&m->uris, m->subject, URI_IN_HEADER);
}

static bool has_name(const struct mime_part *p)
{
	struct param param;
	return param_find(p->disposition_params, STR("filename"), &param) ||
	       param_find(p->disposition_params, STR("filename*"), &param) ||
	       param_find(p->disposition_params, STR("filename*0"), &param) ||
	       param_find(p->disposition_params, STR("filename*0*"), &param) ||
	       param_find(p->type_params, STR("name"), &param) ||
	       param_find(p->type_params, STR("name*"), &param) ||
	       param_find(p->type_params, STR("name*0"), &param) ||
	       param_find(p->type_params, STR("name*0*"), &param);
}

/* All that is no text to be read at once. */
static bool is_attachment(const struct mime_part *p)
{
	bool text = mime_is(p, STR("text"), STR("plain")) || mime_is(p, STR("text"), STR("html"));
	return p->kind == MIME_LEAF &&
	       (!text || has_name(p) || str_equal_nocase(p->disposition, STR("attachment")));
}

static str declared_type(struct mail *m, const struct mime_part *p)
{
	char *z = arena_try(m->arena, p->type.n + p->subtype.n + 1);
	if (!z)
		return STR_EMPTY;
	for (size_t i = 0; i < p->type.n; i++)
		z[i] = ascii_lower(p->type.p[i]);
	z[p->type.n] = '/';
	for (size_t i = 0; i < p->subtype.n; i++)
		z[p->type.n + 1 + i] = ascii_lower(p->subtype.p[i]);
	return str_from(z, p->type.n + p->subtype.n + 1);
}

/* False where there can be no more. */
static bool has_room(struct mail *m)
{
	if (m->attachments_n < m->attachments_room)
		return true;
	size_t room = MIN(MAX(2 * m->attachments_room, (size_t)8), (size_t)MAIL_ATTACHMENTS_MAX);
	if (room == m->attachments_room)
		return false;
	struct mail_attachment *more = arena_try(m->arena, room * sizeof *more);
	if (!more)
		return false;
	if (m->attachments_n)
		memcpy(more, m->attachments, m->attachments_n * sizeof *more);
	m->attachments = more;
	m->attachments_room = room;
	return true;
}

void mail_add_attachment(struct mail *m, struct mail_attachment a)
{
	if (has_room(m))
		m->attachments[m->attachments_n++] = a;
	else
		m->truncated = true;
}

static void read_attachments(struct mail *m)
{
	for (uint32_t i = 0; i < m->tree.n; i++) {
		const struct mime_part *p = &m->tree.parts[i];
		if (!is_attachment(p))
			continue;
		struct mail_attachment a = {
			.part = i,
			.name = attachment_name(m->arena, p),
			.declared = declared_type(m, p),
			.inlined = p->id.n || str_equal_nocase(p->disposition, STR("inline")),
		};
		mail_add_attachment(m, a);
	}
}

void mail_read(struct arena *a, str message, struct mail *out)
{
	*out = (struct mail){ .message = message, .arena = a };
	mime_parse(message, MIME_LIMITS, &out->tree);
	uri_set_init(&out->uris, a);
	out->decoded = xcalloc(out->tree.n, sizeof *out->decoded);
	out->texts = arena_try(a, MAIL_TEXTS_MAX * sizeof *out->texts);
	out->truncated = out->tree.truncated;
	read_header(out);
	read_attachments(out);
	if (out->texts)
		mail_read_texts(out);
	mail_read_shape(out);
	out->truncated = out->truncated || !out->texts || out->uris.truncated;
}

void mail_done(struct mail *m)
{
	mime_done(&m->tree);
	uri_set_done(&m->uris);
	free_pointer(&m->decoded);
	*m = (struct mail){ 0 };
}
