#include "mail/mail_internal.h"

#include "mail/charset.h"
#include "mail/param.h"
#include "mail/uuencode.h"

#include "base/utf8.h"

static const enum uri_where link_where[] = {
	[HTML_LINK_A] = URI_IN_LINK,
	[HTML_LINK_AREA] = URI_IN_LINK,
	[HTML_LINK_FORM] = URI_IN_FORM,
	[HTML_LINK_IMAGE] = URI_IN_IMAGE,
	[HTML_LINK_BASE] = URI_IN_OTHER,
	[HTML_LINK_REFRESH] = URI_IN_LINK,
	[HTML_LINK_CSS] = URI_IN_OTHER,
	[HTML_LINK_SCRIPT] = URI_IN_OTHER,
	[HTML_LINK_OTHER] = URI_IN_OTHER,
};

/* ASCII, in a charset that has no shifts; or UTF-8. */
static bool needs_nothing(str charset, str bytes)
{
	static const char *const plain[] = { "us-ascii", "utf-8", "iso-8859-", "windows-125",
		"koi8-", "gb2312", "gbk", "gb18030", "big5", "euc-" };
	if (str_equal_nocase(charset, STR("utf-8")))
		return utf8_valid(bytes);
	for (size_t i = 0; i < ARRAY_LEN(plain); i++)
		if (str_starts_nocase(charset, str_from_z(plain[i])))
			return ascii_only(bytes);
	return false;
}

/* In UTF-8; the message's own bytes where they are that already. */
static str to_utf8(struct mail *m, const struct mime_part *p, str bytes, struct mail_text *t)
{
	struct buf label CLEANUP(buf_done) = BUF_INIT(1024);
	struct buf b CLEANUP(buf_done) = BUF_INIT(MAIL_TEXT_MAX);
	param_decode(&label, p->type_params, STR("charset"));
	if (bytes.n > MAIL_TEXT_MAX)
		m->truncated = true;
	bytes = str_first(bytes, MAIL_TEXT_MAX);
	t->charset = charset_guess(buf_str(&label), bytes, t->html);
	t->charset.charset = mail_keep(m, t->charset.charset);
	bytes = str_skip(bytes, t->charset.skip);
	if (needs_nothing(t->charset.charset, bytes))
		return bytes;
	charset_to_utf8(t->charset.charset, bytes, &b);
	m->truncated = m->truncated || b.overflowed;
	return mail_keep(m, buf_str(&b));
}

static void add_links(struct mail *m, const struct html *h)
{
	for (size_t i = 0; i < h->links_n; i++) {
		const struct html_link *link = &h->links[i];
		uri_set_add(&m->uris, link->target,
			link->kind == HTML_LINK_BASE ? STR_EMPTY : h->base, link->text,
			link_where[link->kind]);
	}
}

static void read_html(struct mail *m, struct mail_text *t)
{
	struct html *h = arena_try(m->arena, sizeof *h);
	if (!h) {
		m->truncated = true;
		return;
	}
	html_read(m->arena, t->source, h);
	t->document = h;
	t->visible = h->visible;
	t->invisible = h->invisible;
	m->truncated = m->truncated || h->truncated;
	add_links(m, h);
	uri_set_add_text(&m->uris, h->visible, URI_IN_TEXT);
	uri_set_add_text(&m->uris, h->invisible, URI_IN_HIDDEN_TEXT);
}

static void find_uuencoded(struct mail *m, uint32_t part, str bytes)
{
	struct uuencoded u;
	while (uuencode_find(&bytes, &u) && m->attachments_n < MAIL_ATTACHMENTS_MAX)
		mail_add_attachment(m, (struct mail_attachment){ .part = part,
					       .name = attachment_name_clean(m->arena, u.name),
					       .declared = STR("application/octet-stream"),
					       .uuencoded = u.lines });
}

static bool is_attached(const struct mail *m, uint32_t part)
{
	for (size_t i = 0; i < m->attachments_n; i++)
		if (m->attachments[i].part == part && !m->attachments[i].uuencoded.p)
			return true;
	return false;
}

static size_t read_text(struct mail *m, uint32_t part, bool html)
{
	const struct mime_part *p = &m->tree.parts[part];
	struct mail_text *t = &m->texts[m->texts_n++];
	*t = (struct mail_text){ .part = part,
		.html = html,
		.attached = is_attached(m, part),
		.visible = STR_EMPTY,
		.invisible = STR_EMPTY };
	str bytes = mail_decoded(m, part);
	t->source = to_utf8(m, p, bytes, t);
	if (html) {
		read_html(m, t);
		return t->source.n;
	}
	t->visible = t->source;
	find_uuencoded(m, part, str_first(bytes, MAIL_TEXT_MAX));
	uri_set_add_text(&m->uris, t->visible, URI_IN_TEXT);
	return t->source.n;
}

void mail_read_texts(struct mail *m)
{
	size_t total = 0;
	for (uint32_t i = 0; i < m->tree.n; i++) {
		const struct mime_part *p = &m->tree.parts[i];
		bool html = mime_is(p, STR("text"), STR("html")) ||
			    mime_is(p, STR("application"), STR("xhtml+xml"));
		if (p->kind != MIME_LEAF || (!html && !mime_is(p, STR("text"), STR("plain"))))
			continue;
		if (m->texts_n == MAIL_TEXTS_MAX || total > MAIL_TEXT_TOTAL_MAX) {
			m->truncated = true;
			return;
		}
		total += read_text(m, i, html);
	}
}
