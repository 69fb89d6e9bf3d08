#include "mail/html.h"

#include "mail/css.h"

#include "base/buf.h"

#include <libxml/HTMLparser.h>

/*
 * libxml2 is fed in pieces, because two of its ways are not linear, and both can be seen between
 * pieces: an end tag looks for its start through all open elements, so that stack is cut; and an
 * attribute is compared with all others of its tag, so a tag that has more words than anybody
 * writes is dropped from its buffer. The styles are on a stack of our own.
 */
enum { PIECE = 2048, CLASSES_MAX = 16, TINY_FONT = 200, FAR_AWAY = -20000, WHITE = 0xffffff };

/* What text of an element looks like. */
struct look {
	uint32_t hidden; /* for good: enum html_hiding */
	bool invisible;  /* by visibility, which an inner element can undo */
	bool aside;      /* in <head>, <template>, …: no text of the page at all */
	int32_t font, color, background, indent;
};

struct element {
	char name[12];
	struct look look;
	size_t link; /* the one it is, counted from 1 */
	bool block;
};

enum gap { GAP_NONE, GAP_SPACE, GAP_LINE };

struct text {
	struct buf bytes;
	enum gap gap; /* to be written before what comes next */
};

struct reader {
	struct html *out;
	struct arena *arena;
	htmlParserCtxtPtr parser;
	struct css_sheet sheet;
	struct text visible, invisible, title, comments, scripts;
	struct buf links, images; /* of struct html_link, html_image; texts are offsets so far */
	struct element stack[HTML_DEPTH_MAX];
	size_t depth;
	size_t link;   /* the open one, from 1 */
	bool skipping; /* up to the end of a tag that was dropped */
	size_t words;  /* of the tag that is being held */
	uint32_t raw;  /* in <script>, <style> or <title>: R_… */
};

enum { R_NONE, R_SCRIPT, R_STYLE, R_TITLE };

static struct look *look(struct reader *r)
{
	return &r->stack[r->depth - 1].look;
}

static str keep(struct reader *r, str s)
{
	char *p = s.n ? arena_try(r->arena, s.n) : NULL;
	if (!p) {
		r->out->truncated = r->out->truncated || s.n;
		return STR_EMPTY;
	}
	memcpy(p, s.p, s.n);
	return str_from(p, s.n);
}

/* White space at the beginning of s, a no-break space too. */
static size_t space_at(str s)
{
	if (s.n && (ascii_is_space(s.p[0]) || s.p[0] == '\f'))
		return 1;
	return s.n > 1 && s.p[0] == '\xc2' && s.p[1] == '\xa0' ? 2 : 0;
}

static void want_gap(struct text *t, enum gap gap)
{
	if (t->bytes.n)
		t->gap = MAX(t->gap, gap);
}

static void add_text(struct text *t, str s)
{
	while (s.n && !t->bytes.overflowed) {
		size_t n = space_at(s);
		if (n) {
			want_gap(t, GAP_SPACE);
			s = str_skip(s, n);
			continue;
		}
		while (n < s.n && !space_at(str_skip(s, n)))
			n++;
		if (t->gap != GAP_NONE)
			buf_add_char(&t->bytes, t->gap == GAP_LINE ? '\n' : ' ');
		t->gap = GAP_NONE;
		buf_add(&t->bytes, str_first(s, n));
		s = str_skip(s, n);
	}
}

static bool blank(str s)
{
	for (size_t n; (n = space_at(s)) != 0;)
		s = str_skip(s, n);
	return s.n == 0;
}

static bool alike(int32_t a, int32_t b)
{
	if (a < 0 || b < 0)
		return a == CSS_TRANSPARENT;
	int32_t apart = 0;
	for (int shift = 0; shift < 24; shift += 8) {
		int32_t d = (a >> shift & 255) - (b >> shift & 255);
		apart += d < 0 ? -d : d;
	}
	return apart <= 12;
}

/* Why text here is not seen; 0 where it is. */
static uint32_t hiding(const struct look *l)
{
	uint32_t why = l->hidden;
	why |= l->invisible ? HTML_HIDDEN_VISIBILITY : 0;
	why |= l->font <= TINY_FONT ? HTML_HIDDEN_FONT : 0;
	why |= alike(l->color, l->background) ? HTML_HIDDEN_COLOR : 0;
	return why;
}

static void on_text(void *user, const xmlChar *p, int n)
{
	struct reader *r = user;
	str s = str_from(p, (size_t)n);
	if (r->raw == R_SCRIPT || r->raw == R_TITLE) {
		add_text(r->raw == R_SCRIPT ? &r->scripts : &r->title, s);
		return;
	}
	if (r->raw == R_STYLE || look(r)->aside)
		return;
	uint32_t why = hiding(look(r));
	if (why && !blank(s))
		r->out->hiding |= why;
	/* White space between two texts separates them wherever it stands. */
	if (why && blank(s))
		want_gap(&r->visible, GAP_SPACE);
	add_text(why ? &r->invisible : &r->visible, s);
}

static void on_comment(void *user, const xmlChar *p)
{
	struct reader *r = user;
	r->out->comment_n++;
	add_text(&r->comments, str_from_z((const char *)p));
	want_gap(&r->comments, GAP_LINE);
}

static str attribute(const xmlChar **a, const char *name)
{
	for (; a && a[0]; a += 2)
		if (str_equal_nocase(str_from_z((const char *)a[0]), str_from_z(name)))
			return str_from_z((const char *)a[1]);
	return (str){ 0 };
}

static bool has_attribute(const xmlChar **a, const char *name)
{
	for (; a && a[0]; a += 2)
		if (str_equal_nocase(str_from_z((const char *)a[0]), str_from_z(name)))
			return true;
	return false;
}

/* Returns its number from 1, or 0. */
static size_t add_link(struct reader *r, enum html_link_kind kind, str target)
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
		.target = keep(r, str_first(target, HTML_TARGET_MAX)),
		.hidden = hiding(look(r)) != 0 };
	buf_add(&r->links, str_from(&link, sizeof link));
	return n + 1;
}

static struct html_link *link_at(struct reader *r, size_t number)
{
	return (struct html_link *)(void *)r->links.p + number - 1;
}

static void add_css_links(struct reader *r, str css)
{
	str url;
	while (css_next_url(&css, &url))
		add_link(r, HTML_LINK_CSS, url);
}

static int32_t pixels(str value, const struct css_style *s, enum css_property p)
{
	int32_t length;
	bool relative;
	if (value.p && css_length(value, &length, &relative) && !relative)
		return length / 100;
	return css_has(s, p) && !(s->relative & 1u << p) ? s->value[p] / 100 : -1;
}

static void add_image(struct reader *r, const xmlChar **a, const struct css_style *style)
{
	str source = attribute(a, "src");
	if (r->link)
		link_at(r, r->link)->image = true;
	add_link(r, HTML_LINK_IMAGE, source.p ? source : STR_EMPTY);
	if (r->images.n / sizeof(struct html_image) >= HTML_IMAGES_MAX) {
		r->out->truncated = true;
		return;
	}
	struct html_image image = {
		.source = keep(r, str_first(source, HTML_TARGET_MAX)),
		.alt = keep(r, str_first(attribute(a, "alt"), HTML_TARGET_MAX)),
		.width = pixels(attribute(a, "width"), style, CSS_WIDTH),
		.height = pixels(attribute(a, "height"), style, CSS_HEIGHT),
		.linked = r->link != 0,
	};
	buf_add(&r->images, str_from(&image, sizeof image));
}

static void add_input(struct reader *r, const xmlChar **a)
{
	str type = attribute(a, "type");
	r->out->inputs++;
	r->out->passwords += str_equal_nocase(type, STR("password"));
	r->out->hidden_inputs += str_equal_nocase(type, STR("hidden"));
	add_link(r, HTML_LINK_FORM, attribute(a, "formaction"));
	add_link(r, HTML_LINK_IMAGE, attribute(a, "src"));
}

/* "5; url='https://…'" */
static void add_refresh(struct reader *r, const xmlChar **a)
{
	if (!str_equal_nocase(str_trim(attribute(a, "http-equiv")), STR("refresh")))
		return;
	str content = attribute(a, "content");
	ptrdiff_t at = str_find_char(content, '=');
	if (at < 0)
		return;
	str url = str_trim(str_skip(content, (size_t)at + 1));
	if (url.n && (url.p[0] == '"' || url.p[0] == '\'')) {
		char quote = url.p[0];
		str_cut(str_skip(url, 1), quote, &url, &content);
	}
	add_link(r, HTML_LINK_REFRESH, url);
}

static void add_base(struct reader *r, const xmlChar **a)
{
	size_t n = add_link(r, HTML_LINK_BASE, attribute(a, "href"));
	if (n && !r->out->base.n)
		r->out->base = link_at(r, n)->target;
}

enum tag {
	T_OTHER,
	T_A,
	T_AREA,
	T_ASIDE, /* its text is none of the page */
	T_BASE,
	T_BLOCK,
	T_BODY,
	T_BR,
	T_CELL,
	T_FONT,
	T_FORM,
	T_FRAME,
	T_IMAGE,
	T_INPUT,
	T_META,
	T_SCRIPT,
	T_STYLE,
	T_TABLE,
	T_TITLE,
};

static const struct {
	char name[12];
	enum tag tag;
} tags[] = { { "a", T_A }, { "area", T_AREA }, { "head", T_ASIDE }, { "template", T_ASIDE },
	{ "noframes", T_ASIDE }, { "base", T_BASE }, { "p", T_BLOCK }, { "div", T_BLOCK },
	{ "tr", T_BLOCK }, { "ul", T_BLOCK }, { "ol", T_BLOCK }, { "li", T_BLOCK },
	{ "h1", T_BLOCK }, { "h2", T_BLOCK }, { "h3", T_BLOCK }, { "h4", T_BLOCK },
	{ "h5", T_BLOCK }, { "h6", T_BLOCK }, { "center", T_BLOCK }, { "pre", T_BLOCK },
	{ "blockquote", T_BLOCK }, { "hr", T_BLOCK }, { "dl", T_BLOCK }, { "dt", T_BLOCK },
	{ "dd", T_BLOCK }, { "address", T_BLOCK }, { "fieldset", T_BLOCK }, { "section", T_BLOCK },
	{ "article", T_BLOCK }, { "header", T_BLOCK }, { "footer", T_BLOCK }, { "main", T_BLOCK },
	{ "nav", T_BLOCK }, { "body", T_BODY }, { "br", T_BR }, { "td", T_CELL }, { "th", T_CELL },
	{ "option", T_CELL }, { "font", T_FONT }, { "form", T_FORM }, { "iframe", T_FRAME },
	{ "frame", T_FRAME }, { "img", T_IMAGE }, { "image", T_IMAGE }, { "input", T_INPUT },
	{ "button", T_INPUT }, { "meta", T_META }, { "script", T_SCRIPT }, { "style", T_STYLE },
	{ "table", T_TABLE }, { "title", T_TITLE } };

static enum tag tag_of(str name)
{
	for (size_t i = 0; i < ARRAY_LEN(tags); i++)
		if (name.n && tags[i].name[0] == ascii_lower(name.p[0]) &&
			str_equal_nocase(name, str_from_z(tags[i].name)))
			return tags[i].tag;
	return T_OTHER;
}

/* The rules of the sheets, in the order of how much they say; then its own style. */
static void read_style(struct reader *r, str name, const xmlChar **a, struct css_style *s)
{
	static const struct {
		const char *attribute;
		const char *property;
	} old[] = { { "bgcolor", "background" }, { "color", "color" }, { "text", "color" } };
	struct buf text CLEANUP(buf_done) = BUF_INIT(CSS_TEXT_MAX);
	for (size_t i = 0; a && i < ARRAY_LEN(old); i++) {
		str value = attribute(a, old[i].attribute);
		if (value.n && value.n < 64)
			buf_printf(&text, "%s:%.*s;", old[i].property, STR_ARG(value));
	}
	if (has_attribute(a, "background"))
		buf_add(&text, STR("background:url()"));
	css_declarations(s, buf_str(&text));
	css_sheet_apply(&r->sheet, name, s);
	str classes = attribute(a, "class"), class;
	for (int i = 0; classes.n && i < CLASSES_MAX; i++) {
		classes = str_trim(classes);
		ptrdiff_t end = str_find_any(classes, STR(" \t\r\n"));
		class = end < 0 ? classes : str_first(classes, (size_t)end);
		classes = str_skip(classes, class.n);
		buf_clear(&text);
		buf_printf(&text, "%.*s.", STR_ARG(str_first(name, 12)));
		buf_add(&text, str_first(class, 128));
		css_sheet_apply(&r->sheet, str_skip(buf_str(&text), MIN(name.n, (size_t)12)), s);
		css_sheet_apply(&r->sheet, buf_str(&text), s);
	}
	str id = attribute(a, "id");
	buf_clear(&text);
	buf_add_char(&text, '#');
	buf_add(&text, str_first(id, 128));
	if (id.n)
		css_sheet_apply(&r->sheet, buf_str(&text), s);
	css_declarations(s, attribute(a, "style"));
}

static bool zero(const struct css_style *s, enum css_property p)
{
	return css_has(s, p) && s->value[p] <= 100 && s->value[p] >= 0;
}

static void hide(struct look *l, bool condition, enum html_hiding why)
{
	l->hidden |= condition ? why : 0;
}

static void take_style(struct look *l, const struct css_style *s)
{
	const int32_t *v = s->value;
	if (css_has(s, CSS_VISIBILITY))
		l->invisible = v[CSS_VISIBILITY];
	if (css_has(s, CSS_FONT_SIZE))
		l->font = s->relative & 1u << CSS_FONT_SIZE
				  ? (int32_t)((int64_t)l->font * v[CSS_FONT_SIZE] / 10000)
				  : v[CSS_FONT_SIZE];
	if (css_has(s, CSS_COLOR))
		l->color = v[CSS_COLOR];
	if (css_has(s, CSS_BACKGROUND) && v[CSS_BACKGROUND] != CSS_TRANSPARENT)
		l->background = v[CSS_BACKGROUND];
	hide(l, css_has(s, CSS_DISPLAY) && v[CSS_DISPLAY], HTML_HIDDEN_DISPLAY);
	hide(l, css_has(s, CSS_OPACITY) && v[CSS_OPACITY] <= 5, HTML_HIDDEN_OPACITY);
	hide(l, css_has(s, CSS_OFFSET) && v[CSS_OFFSET] <= FAR_AWAY, HTML_HIDDEN_OFFSCREEN);
	hide(l, css_has(s, CSS_INDENT) && v[CSS_INDENT] <= FAR_AWAY, HTML_HIDDEN_INDENT);
	hide(l, css_has(s, CSS_CLIP) && v[CSS_CLIP], HTML_HIDDEN_CLIP);
	hide(l,
		css_has(s, CSS_OVERFLOW) && v[CSS_OVERFLOW] &&
			(zero(s, CSS_HEIGHT) || zero(s, CSS_WIDTH)),
		HTML_HIDDEN_BOX);
}

static void take_links(struct reader *r, enum tag tag, const xmlChar **a, struct element *e,
	const struct css_style *style)
{
	switch (tag) {
	case T_A:
		e->link = r->link = add_link(r, HTML_LINK_A, attribute(a, "href"));
		if (e->link)
			link_at(r, e->link)->text.n = r->visible.bytes.n;
		break;
	case T_AREA:
		add_link(r, HTML_LINK_AREA, attribute(a, "href"));
		break;
	case T_BASE:
		add_base(r, a);
		break;
	case T_FORM:
		r->out->forms++;
		add_link(r, HTML_LINK_FORM, attribute(a, "action"));
		break;
	case T_IMAGE:
		add_image(r, a, style);
		break;
	case T_INPUT:
		add_input(r, a);
		break;
	case T_META:
		add_refresh(r, a);
		break;
	case T_SCRIPT:
		r->out->script_tags++;
		add_link(r, HTML_LINK_SCRIPT, attribute(a, "src"));
		break;
	default:
		r->out->tables += tag == T_TABLE;
		r->out->frames += tag == T_FRAME;
		add_link(r, HTML_LINK_OTHER, attribute(a, "src"));
		add_link(r, HTML_LINK_OTHER, attribute(a, "href"));
		add_link(r, HTML_LINK_OTHER, attribute(a, "data"));
	}
	add_link(r, HTML_LINK_IMAGE, attribute(a, "background"));
	add_css_links(r, attribute(a, "style"));
}

static void count_handlers(struct reader *r, const xmlChar **a)
{
	for (; a && a[0]; a += 2)
		r->out->handlers +=
			a[1] && str_starts_nocase(str_from_z((const char *)a[0]), STR("on"));
}

static void separate(struct reader *r, enum tag tag)
{
	enum gap gap = tag == T_BLOCK || tag == T_BR || tag == T_TABLE || tag == T_FORM ? GAP_LINE
		       : tag == T_CELL                                                  ? GAP_SPACE
											: GAP_NONE;
	want_gap(&r->visible, gap);
	want_gap(&r->invisible, gap);
}

static void on_start(void *user, const xmlChar *z, const xmlChar **a)
{
	struct reader *r = user;
	str name = str_from_z((const char *)z);
	enum tag tag = tag_of(name);
	struct css_style style = { 0 };
	struct element e = { .look = *look(r) };
	r->out->tags++;
	read_style(r, name, a, &style);
	take_style(&e.look, &style);
	hide(&e.look, has_attribute(a, "hidden"), HTML_HIDDEN_ATTRIBUTE);
	e.look.aside = e.look.aside ? tag != T_BODY : tag == T_ASIDE;
	separate(r, tag);
	count_handlers(r, a);
	take_links(r, tag, a, &e, &style);
	r->raw = tag == T_SCRIPT  ? R_SCRIPT
		 : tag == T_STYLE ? R_STYLE
		 : tag == T_TITLE ? R_TITLE
				  : R_NONE;
	if (tag == T_BODY) /* the page's own look is that of all that comes */
		r->stack[0].look = e.look;
	if (r->depth == HTML_DEPTH_MAX) {
		r->out->truncated = true;
		return;
	}
	if (!str_copy_z(str_first(name, sizeof e.name - 1), e.name, sizeof e.name))
		return;
	r->stack[r->depth++] = e;
}

static void close_link(struct reader *r, size_t number)
{
	struct html_link *link = link_at(r, number);
	size_t start = link->text.n;
	/* Where it begins with a gap, the gap is no part of it. */
	while (start < r->visible.bytes.n && ascii_is_space(r->visible.bytes.p[start]))
		start++;
	link->text = (str){ (const char *)(uintptr_t)(start + 1), r->visible.bytes.n - start };
	r->link = r->link == number ? 0 : r->link;
}

static void pop(struct reader *r)
{
	struct element *e = &r->stack[--r->depth];
	if (e->link)
		close_link(r, e->link);
}

static void on_end(void *user, const xmlChar *z)
{
	struct reader *r = user;
	str name = str_first(str_from_z((const char *)z), sizeof r->stack[0].name - 1);
	size_t at = r->depth;
	while (at > 1 && !str_equal(str_from_z(r->stack[at - 1].name), name))
		at--;
	while (at > 1 && r->depth >= at)
		pop(r);
	r->raw = R_NONE;
	enum tag tag = tag_of(name);
	separate(r, tag == T_BR ? T_OTHER : tag);
}

/* Styles may stand behind what they are for: they are read first, those in comments not. */
static void read_sheets(struct reader *r, str text)
{
	ptrdiff_t at;
	while ((at = str_find_char(text, '<')) >= 0) {
		text = str_skip(text, (size_t)at);
		bool comment = str_starts(text, STR("<!--"));
		bool style = str_starts_nocase(text, STR("<style"));
		if (!comment && !style) {
			text = str_skip(text, 1);
			continue;
		}
		ptrdiff_t end = comment ? str_find(text, STR("-->"))
					: str_find_nocase(text, STR("</style"));
		str inside = end < 0 ? text : str_first(text, (size_t)end);
		text = str_skip(text, MAX(inside.n, (size_t)1));
		ptrdiff_t open = style ? str_find_char(inside, '>') : -1;
		if (open >= 0) {
			css_sheet_add(&r->sheet, str_skip(inside, (size_t)open + 1));
			add_css_links(r, str_skip(inside, (size_t)open + 1));
		}
	}
}

static size_t count_words(str s)
{
	size_t words = 0;
	for (size_t i = 0; i < s.n; i++)
		words += ascii_is_space(s.p[i]) || s.p[i] == '/' || s.p[i] == '"' || s.p[i] == '\'';
	return words;
}

/* The tag that the parser waits for the end of; empty where there is none. */
static str held_tag(const struct reader *r)
{
	const xmlParserInput *in = r->parser->input;
	str held = str_from(in->cur, (size_t)(in->end - in->cur));
	bool tag = held.n > 1 && held.p[0] == '<' && ascii_is_alpha(held.p[1]);
	return tag ? held : STR_EMPTY;
}

/* Looks after the parser when it was fed n bytes. */
static void tame(struct reader *r, size_t n)
{
	htmlParserCtxtPtr parser = r->parser;
	str held = held_tag(r);
	r->words =
		held.n > n ? r->words + count_words(str_skip(held, held.n - n)) : count_words(held);
	if (r->words > HTML_WORDS_MAX || held.n > HTML_TAG_MAX) {
		parser->input->cur = parser->input->end;
		r->skipping = r->out->truncated = true;
		r->words = 0;
	}
	/* It would go on looking for the end where it left off, and takes a quote that closes for
	 * one that opens (2.9.14). */
	if (held.n)
		parser->checkIndex = 0;
	if (parser->nameNr > HTML_DEPTH_MAX) { /* the innermost stays: it may be a script */
		parser->nameNr = HTML_DEPTH_MAX;
		parser->nameTab[HTML_DEPTH_MAX - 1] = parser->name;
	}
}

/* The length of the picture at the beginning of s, in base64; 0 where it is none. */
static size_t inline_data(str s)
{
	size_t n = 0;
	if (!str_starts_nocase(s, STR("base64,")))
		return 0;
	for (n = 7; n < s.n; n++)
		if (!ascii_is_alnum(s.p[n]) && str_find_char(STR("+/=\r\n"), s.p[n]) < 0)
			break;
	return n;
}

static void feed(struct reader *r, str text)
{
	while (text.n) {
		ptrdiff_t end = r->skipping ? str_find_char(text, '>') : -1;
		str piece = r->skipping ? text : str_first(text, PIECE);
		if (end >= 0)
			piece = str_first(text, (size_t)end + 1);
		text = str_skip(text, piece.n);
		if (r->skipping) {
			r->skipping = end < 0;
			continue;
		}
		htmlParseChunk(r->parser, piece.p, (int)piece.n, 0);
		tame(r, piece.n);
	}
}

/* All but the insides of inlined pictures, which nobody looks at. */
static void feed_without_data(struct reader *r, str text)
{
	for (ptrdiff_t at; (at = str_find(text, STR(";base64,"))) >= 0;) {
		feed(r, str_first(text, (size_t)at + 8));
		text = str_skip(text, (size_t)at + 1);
		size_t n = inline_data(text);
		text = str_skip(text, n > 1024 ? n : MIN(text.n, (size_t)7));
	}
	feed(r, text);
}

/* The next "</html" or "</body". */
static ptrdiff_t find_page_end(str text)
{
	ptrdiff_t at = 0;
	for (ptrdiff_t next; (next = str_find(str_skip(text, (size_t)at), STR("</"))) >= 0;
		at += 2) {
		at += next;
		str tag = str_skip(text, (size_t)at + 2);
		if (str_starts_nocase(tag, STR("html")) || str_starts_nocase(tag, STR("body")))
			return at;
	}
	return -1;
}

/* To the parser a document ends when nothing is open any more, as behind "</html>", or an end tag
 * at the very beginning. Browsers show what follows. */
static void feed_document(struct reader *r, str text)
{
	feed(r, STR("<html>"));
	for (ptrdiff_t at; (at = find_page_end(text)) >= 0;) {
		feed_without_data(r, str_first(text, (size_t)at));
		text = str_skip(text, (size_t)at);
		ptrdiff_t end = str_find_char(text, '>');
		text = str_skip(text, end < 0 ? text.n : (size_t)end + 1);
	}
	feed_without_data(r, text);
	htmlParseChunk(r->parser, "", 0, 1);
}

static str finish_text(struct reader *r, struct text *t)
{
	str s = buf_str(&t->bytes);
	if (t->bytes.overflowed)
		r->out->truncated = true;
	return keep(r, s);
}

static void *finish_array(struct reader *r, struct buf *b, size_t size, size_t *out_n)
{
	str copy = keep(r, buf_str(b));
	*out_n = copy.n / size;
	return copy.n ? (void *)(uintptr_t)copy.p : NULL;
}

static void finish(struct reader *r)
{
	struct html *out = r->out;
	while (r->depth > 1)
		pop(r);
	out->visible = finish_text(r, &r->visible);
	out->invisible = finish_text(r, &r->invisible);
	out->title = finish_text(r, &r->title);
	out->comments = finish_text(r, &r->comments);
	out->scripts = finish_text(r, &r->scripts);
	out->links = finish_array(r, &r->links, sizeof *out->links, &out->links_n);
	out->images = finish_array(r, &r->images, sizeof *out->images, &out->images_n);
	for (size_t i = 0; i < out->links_n; i++) {
		struct html_link *link = &out->links[i];
		uintptr_t start = (uintptr_t)link->text.p;
		link->text =
			start ? str_trim(str_first(str_skip(out->visible, start - 1), link->text.n))
			      : STR_EMPTY;
	}
}

static void reader_done(struct reader *r)
{
	struct buf *const bufs[] = { &r->visible.bytes, &r->invisible.bytes, &r->title.bytes,
		&r->comments.bytes, &r->scripts.bytes, &r->links, &r->images };
	for (size_t i = 0; i < ARRAY_LEN(bufs); i++)
		buf_done(bufs[i]);
	css_sheet_done(&r->sheet);
	htmlFreeParserCtxt(r->parser);
}

void html_read(struct arena *a, str text, struct html *out)
{
	*out = (struct html){ .truncated = text.n > HTML_INPUT_MAX, .base = STR_EMPTY };
	text = str_first(text, HTML_INPUT_MAX);
	struct reader *r CLEANUP(free_pointer) = xcalloc(1, sizeof *r);
	r->out = out;
	r->arena = a;
	r->visible.bytes.max = r->invisible.bytes.max = HTML_TEXT_MAX;
	r->title.bytes.max = r->comments.bytes.max = r->scripts.bytes.max = HTML_ASIDE_MAX;
	r->links.max = r->images.max = SIZE_MAX;
	r->depth = 1;
	r->stack[0].look = (struct look){ .font = 1600, .color = 0, .background = WHITE };
	css_sheet_init(&r->sheet);
	htmlSAXHandler sax = { .startElement = on_start,
		.endElement = on_end,
		.characters = on_text,
		.ignorableWhitespace = on_text,
		.cdataBlock = on_text,
		.comment = on_comment };
	r->parser = htmlCreatePushParserCtxt(&sax, r, "", 0, NULL, XML_CHAR_ENCODING_UTF8);
	ASSERT(r->parser);
	htmlCtxtUseOptions(r->parser, HTML_PARSE_RECOVER | HTML_PARSE_IGNORE_ENC |
					      HTML_PARSE_NONET | HTML_PARSE_NOERROR |
					      HTML_PARSE_NOWARNING);
	read_sheets(r, text);
	feed_document(r, text);
	finish(r);
	reader_done(r);
}
