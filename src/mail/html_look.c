/*
 * html_look.c: what text of an element looks like, and why it is not seen.
 */
#include "mail/html_internal.h"

enum { CLASSES_MAX = 16, TINY_FONT = 200, FAR_AWAY = -20000 };

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

uint32_t html_hiding(const struct html_look *l)
{
	uint32_t why = l->hidden;
	why |= l->invisible ? HTML_HIDDEN_VISIBILITY : 0;
	why |= l->font <= TINY_FONT ? HTML_HIDDEN_FONT : 0;
	why |= alike(l->color, l->background) ? HTML_HIDDEN_COLOR : 0;
	return why;
}

void html_style_of(const struct css_sheet *sheet, str name, const xmlChar **a, struct css_style *s)
{
	static const struct {
		const char *attribute;
		const char *property;
	} old[] = { { "bgcolor", "background" }, { "color", "color" }, { "text", "color" } };
	struct buf text CLEANUP(buf_done) = BUF_INIT(CSS_TEXT_MAX);
	for (size_t i = 0; a && i < ARRAY_LEN(old); i++) {
		str value = html_attribute(a, old[i].attribute);
		if (value.n && value.n < 64)
			buf_printf(&text, "%s:%.*s;", old[i].property, STR_ARG(value));
	}
	if (html_has_attribute(a, "background"))
		buf_add(&text, STR("background:url()"));
	css_declarations(s, buf_str(&text));
	css_sheet_apply(sheet, name, s);
	str classes = html_attribute(a, "class"), class;
	for (int i = 0; classes.n && i < CLASSES_MAX; i++) {
		classes = str_trim(classes);
		ptrdiff_t end = str_find_any(classes, STR(" \t\r\n"));
		class = end < 0 ? classes : str_first(classes, (size_t)end);
		classes = str_skip(classes, class.n);
		buf_clear(&text);
		buf_printf(&text, "%.*s.", STR_ARG(str_first(name, 12)));
		buf_add(&text, str_first(class, 128));
		css_sheet_apply(sheet, str_skip(buf_str(&text), MIN(name.n, (size_t)12)), s);
		css_sheet_apply(sheet, buf_str(&text), s);
	}
	str id = html_attribute(a, "id");
	buf_clear(&text);
	buf_add_char(&text, '#');
	buf_add(&text, str_first(id, 128));
	if (id.n)
		css_sheet_apply(sheet, buf_str(&text), s);
	css_declarations(s, html_attribute(a, "style"));
}

static bool zero(const struct css_style *s, enum css_property p)
{
	return css_has(s, p) && s->value[p] <= 100 && s->value[p] >= 0;
}

void html_look_hide(struct html_look *l, bool condition, enum html_hiding why)
{
	l->hidden |= condition ? why : 0;
}

void html_look_take(struct html_look *l, const struct css_style *s)
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
	html_look_hide(l, css_has(s, CSS_DISPLAY) && v[CSS_DISPLAY], HTML_HIDDEN_DISPLAY);
	html_look_hide(l, css_has(s, CSS_OPACITY) && v[CSS_OPACITY] <= 5, HTML_HIDDEN_OPACITY);
	html_look_hide(
		l, css_has(s, CSS_OFFSET) && v[CSS_OFFSET] <= FAR_AWAY, HTML_HIDDEN_OFFSCREEN);
	html_look_hide(l, css_has(s, CSS_INDENT) && v[CSS_INDENT] <= FAR_AWAY, HTML_HIDDEN_INDENT);
	html_look_hide(l, css_has(s, CSS_CLIP) && v[CSS_CLIP], HTML_HIDDEN_CLIP);
	html_look_hide(l,
		css_has(s, CSS_OVERFLOW) && v[CSS_OVERFLOW] &&
			(zero(s, CSS_HEIGHT) || zero(s, CSS_WIDTH)),
		HTML_HIDDEN_BOX);
}
