/*
 * html_tag.c: what a tag adds to the page: links, images, forms, counts.
 */
#include "mail/html_internal.h"

static const struct {
	char name[12];
	enum html_tag tag;
} tags[] = { { "a", HTML_TAG_A }, { "area", HTML_TAG_AREA }, { "head", HTML_TAG_ASIDE },
	{ "template", HTML_TAG_ASIDE }, { "noframes", HTML_TAG_ASIDE }, { "base", HTML_TAG_BASE },
	{ "p", HTML_TAG_BLOCK }, { "div", HTML_TAG_BLOCK }, { "tr", HTML_TAG_BLOCK },
	{ "ul", HTML_TAG_BLOCK }, { "ol", HTML_TAG_BLOCK }, { "li", HTML_TAG_BLOCK },
	{ "h1", HTML_TAG_BLOCK }, { "h2", HTML_TAG_BLOCK }, { "h3", HTML_TAG_BLOCK },
	{ "h4", HTML_TAG_BLOCK }, { "h5", HTML_TAG_BLOCK }, { "h6", HTML_TAG_BLOCK },
	{ "center", HTML_TAG_BLOCK }, { "pre", HTML_TAG_BLOCK }, { "blockquote", HTML_TAG_BLOCK },
	{ "hr", HTML_TAG_BLOCK }, { "dl", HTML_TAG_BLOCK }, { "dt", HTML_TAG_BLOCK },
	{ "dd", HTML_TAG_BLOCK }, { "address", HTML_TAG_BLOCK }, { "fieldset", HTML_TAG_BLOCK },
	{ "section", HTML_TAG_BLOCK }, { "article", HTML_TAG_BLOCK }, { "header", HTML_TAG_BLOCK },
	{ "footer", HTML_TAG_BLOCK }, { "main", HTML_TAG_BLOCK }, { "nav", HTML_TAG_BLOCK },
	{ "body", HTML_TAG_BODY }, { "br", HTML_TAG_BR }, { "td", HTML_TAG_CELL },
	{ "th", HTML_TAG_CELL }, { "option", HTML_TAG_CELL }, { "font", HTML_TAG_FONT },
	{ "form", HTML_TAG_FORM }, { "iframe", HTML_TAG_FRAME }, { "frame", HTML_TAG_FRAME },
	{ "img", HTML_TAG_IMAGE }, { "image", HTML_TAG_IMAGE }, { "input", HTML_TAG_INPUT },
	{ "button", HTML_TAG_INPUT }, { "meta", HTML_TAG_META }, { "script", HTML_TAG_SCRIPT },
	{ "style", HTML_TAG_STYLE }, { "table", HTML_TAG_TABLE }, { "title", HTML_TAG_TITLE } };

enum html_tag html_tag_of(str name)
{
	for (size_t i = 0; i < ARRAY_LEN(tags); i++)
		if (name.n && tags[i].name[0] == ascii_lower(name.p[0]) &&
			str_equal_nocase(name, str_from_z(tags[i].name)))
			return tags[i].tag;
	return HTML_TAG_OTHER;
}

str html_attribute(const xmlChar **a, const char *name)
{
	for (; a && a[0]; a += 2)
		if (str_equal_nocase(str_from_z((const char *)a[0]), str_from_z(name)))
			return str_from_z((const char *)a[1]);
	return (str){ 0 };
}

bool html_has_attribute(const xmlChar **a, const char *name)
{
	for (; a && a[0]; a += 2)
		if (str_equal_nocase(str_from_z((const char *)a[0]), str_from_z(name)))
			return true;
	return false;
}

str html_keep(struct html_reader *r, str s)
{
	char *p = s.n ? arena_try(r->arena, s.n) : NULL;
	if (!p) {
		r->out->truncated = r->out->truncated || s.n;
		return STR_EMPTY;
	}
	memcpy(p, s.p, s.n);
	return str_from(p, s.n);
}

size_t html_add_link(struct html_reader *r, enum html_link_kind kind, str target)
{
	target = str_trim(target);
	if (target.n == 0)
		return 0;
	size_t n = r->links.n / sizeof(struct html_link);
	if (n >= HTML_LINKS_MAX || target.n > HTML_TARGET_MAX)
		r->out->truncated = true;
	if (n >= HTML_LINKS_MAX)
		return 0;
	struct html_link link = { .kind = kind,
		.target = html_keep(r, str_first(target, HTML_TARGET_MAX)),
		.hidden = html_hiding(html_look_of(r)) != 0 };
	buf_add(&r->links, str_from(&link, sizeof link));
	return n + 1;
}

struct html_link *html_link_at(struct html_reader *r, size_t number)
{
	return (struct html_link *)(void *)r->links.p + number - 1;
}

void html_add_css_links(struct html_reader *r, str css)
{
	str url;
	while (css_next_url(&css, &url))
		html_add_link(r, HTML_LINK_CSS, url);
}

static int32_t pixels(str value, const struct css_style *s, enum css_property p)
{
	int32_t length;
	bool relative;
	if (value.p && css_length(value, &length, &relative) && !relative)
		return length / 100;
	return css_has(s, p) && !(s->relative & 1u << p) ? s->value[p] / 100 : -1;
}

static void add_image(struct html_reader *r, const xmlChar **a, const struct css_style *style)
{
	str source = html_attribute(a, "src");
	if (r->link)
		html_link_at(r, r->link)->image = true;
	html_add_link(r, HTML_LINK_IMAGE, source.p ? source : STR_EMPTY);
	if (r->images.n / sizeof(struct html_image) >= HTML_IMAGES_MAX) {
		r->out->truncated = true;
		return;
	}
	struct html_image image = {
		.source = html_keep(r, str_first(source, HTML_TARGET_MAX)),
		.alt = html_keep(r, str_first(html_attribute(a, "alt"), HTML_TARGET_MAX)),
		.width = pixels(html_attribute(a, "width"), style, CSS_WIDTH),
		.height = pixels(html_attribute(a, "height"), style, CSS_HEIGHT),
		.linked = r->link != 0,
	};
	buf_add(&r->images, str_from(&image, sizeof image));
}

static void add_input(struct html_reader *r, const xmlChar **a)
{
	str type = html_attribute(a, "type");
	r->out->inputs++;
	r->out->passwords += str_equal_nocase(type, STR("password"));
	r->out->hidden_inputs += str_equal_nocase(type, STR("hidden"));
	html_add_link(r, HTML_LINK_FORM, html_attribute(a, "formaction"));
	html_add_link(r, HTML_LINK_IMAGE, html_attribute(a, "src"));
}

/* "5; url='https://…'" */
static void add_refresh(struct html_reader *r, const xmlChar **a)
{
	if (!str_equal_nocase(str_trim(html_attribute(a, "http-equiv")), STR("refresh")))
		return;
	str content = html_attribute(a, "content");
	ptrdiff_t at = str_find_char(content, '=');
	if (at < 0)
		return;
	str url = str_trim(str_skip(content, (size_t)at + 1));
	if (url.n && (url.p[0] == '"' || url.p[0] == '\'')) {
		char quote = url.p[0];
		str_cut(str_skip(url, 1), quote, &url, &content);
	}
	html_add_link(r, HTML_LINK_REFRESH, url);
}

static void add_base(struct html_reader *r, const xmlChar **a)
{
	size_t n = html_add_link(r, HTML_LINK_BASE, html_attribute(a, "href"));
	if (n && !r->out->base.n)
		r->out->base = html_link_at(r, n)->target;
}

static void count_handlers(struct html_reader *r, const xmlChar **a)
{
	for (; a && a[0]; a += 2)
		r->out->handlers +=
			a[1] && str_starts_nocase(str_from_z((const char *)a[0]), STR("on"));
}

void html_take_tag(struct html_reader *r, enum html_tag tag, const xmlChar **a,
	struct html_element *e, const struct css_style *style)
{
	switch (tag) {
	case HTML_TAG_A:
		e->link = r->link = html_add_link(r, HTML_LINK_A, html_attribute(a, "href"));
		if (e->link)
			html_link_at(r, e->link)->text.n = r->visible.bytes.n;
		break;
	case HTML_TAG_AREA:
		html_add_link(r, HTML_LINK_AREA, html_attribute(a, "href"));
		break;
	case HTML_TAG_BASE:
		add_base(r, a);
		break;
	case HTML_TAG_FORM:
		r->out->forms++;
		html_add_link(r, HTML_LINK_FORM, html_attribute(a, "action"));
		break;
	case HTML_TAG_IMAGE:
		add_image(r, a, style);
		break;
	case HTML_TAG_INPUT:
		add_input(r, a);
		break;
	case HTML_TAG_META:
		add_refresh(r, a);
		break;
	case HTML_TAG_SCRIPT:
		r->out->script_tags++;
		html_add_link(r, HTML_LINK_SCRIPT, html_attribute(a, "src"));
		break;
	default:
		r->out->tables += tag == HTML_TAG_TABLE;
		r->out->frames += tag == HTML_TAG_FRAME;
		html_add_link(r, HTML_LINK_OTHER, html_attribute(a, "src"));
		html_add_link(r, HTML_LINK_OTHER, html_attribute(a, "href"));
		html_add_link(r, HTML_LINK_OTHER, html_attribute(a, "data"));
	}
	html_add_link(r, HTML_LINK_IMAGE, html_attribute(a, "background"));
	html_add_css_links(r, html_attribute(a, "style"));
	count_handlers(r, a);
}
