#include "mail/css.h"

#include "base/buf.h"

#include <stdlib.h>

enum { DECLARATION_MAX = 4096, KEY_MAX = 128, SELECTORS_MAX = 16 };

/* Without comments: in `scratch` where there are any. */
static str without_comments(str text, struct buf *scratch)
{
	if (str_find(text, STR("/*")) < 0)
		return text;
	while (text.n) {
		ptrdiff_t start = str_find(text, STR("/*"));
		buf_add(scratch, start < 0 ? text : str_first(text, (size_t)start));
		if (start < 0)
			break;
		text = str_skip(text, (size_t)start + 2);
		ptrdiff_t end = str_find(text, STR("*/"));
		text = end < 0 ? STR_EMPTY : str_skip(text, (size_t)end + 2);
	}
	return buf_str(scratch);
}

/* Digits, perhaps with a sign and a point, in hundredths; *rest is moved behind them. */
static bool read_number(str *rest, int64_t *out)
{
	str s = *rest;
	bool minus = s.n && s.p[0] == '-';
	if (s.n && (s.p[0] == '-' || s.p[0] == '+'))
		s = str_skip(s, 1);
	int64_t value = 0, unit = 100;
	bool digits = false, point = false;
	for (; s.n && (ascii_is_digit(s.p[0]) || (s.p[0] == '.' && !point)); s = str_skip(s, 1)) {
		if (s.p[0] == '.') {
			point = true;
			continue;
		}
		digits = true;
		unit = point ? unit / 10 : unit;
		value = point ? value + (s.p[0] - '0') * unit : value * 10 + (s.p[0] - '0') * 100;
		value = MIN(value, (int64_t)CSS_LENGTH_MAX);
	}
	*rest = s;
	*out = minus ? -value : value;
	return digits;
}

static const struct {
	char unit[4];
	bool relative;
	int percent; /* of a pixel, or of a per cent by a hundred */
} units[] = {
	{ "px", false, 100 },
	{ "pt", false, 133 },
	{ "pc", false, 1600 },
	{ "in", false, 9600 },
	{ "cm", false, 3780 },
	{ "mm", false, 378 },
	{ "rem", false, 1600 },
	{ "em", true, 10000 },
	{ "ex", true, 5000 },
	{ "%", true, 100 },
	{ "vw", false, 600 },
	{ "vh", false, 600 },
};

bool css_length(str value, int32_t *out, bool *out_relative)
{
	int64_t number, percent = 100;
	value = str_trim(value);
	if (!read_number(&value, &number))
		return false;
	value = str_trim(value);
	*out_relative = false;
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		str unit = str_from_z(units[i].unit);
		if (str_starts_nocase(value, unit) &&
			(value.n == unit.n || !ascii_is_alpha(value.p[unit.n]))) {
			percent = units[i].percent;
			*out_relative = units[i].relative;
		}
	}
	int64_t length = number * percent / 100;
	*out = (int32_t)MAX(MIN(length, (int64_t)CSS_LENGTH_MAX), -(int64_t)CSS_LENGTH_MAX);
	return true;
}

static const struct {
	char name[16];
	int32_t value;
} colors[] = {
	{ "white", 0xffffff },
	{ "black", 0x000000 },
	{ "transparent", CSS_TRANSPARENT },
	{ "none", CSS_TRANSPARENT },
	{ "red", 0xff0000 },
	{ "green", 0x008000 },
	{ "blue", 0x0000ff },
	{ "yellow", 0xffff00 },
	{ "gray", 0x808080 },
	{ "grey", 0x808080 },
	{ "silver", 0xc0c0c0 },
	{ "maroon", 0x800000 },
	{ "purple", 0x800080 },
	{ "fuchsia", 0xff00ff },
	{ "magenta", 0xff00ff },
	{ "lime", 0x00ff00 },
	{ "olive", 0x808000 },
	{ "navy", 0x000080 },
	{ "teal", 0x008080 },
	{ "aqua", 0x00ffff },
	{ "cyan", 0x00ffff },
	{ "orange", 0xffa500 },
	{ "whitesmoke", 0xf5f5f5 },
	{ "snow", 0xfffafa },
	{ "ivory", 0xfffff0 },
	{ "ghostwhite", 0xf8f8ff },
	{ "floralwhite", 0xfffaf0 },
	{ "azure", 0xf0ffff },
	{ "mintcream", 0xf5fffa },
	{ "lightgray", 0xd3d3d3 },
	{ "lightgrey", 0xd3d3d3 },
	{ "darkgray", 0xa9a9a9 },
	{ "darkblue", 0x00008b },
	{ "darkred", 0x8b0000 },
	{ "darkgreen", 0x006400 },
	{ "pink", 0xffc0cb },
	{ "brown", 0xa52a2a },
	{ "gold", 0xffd700 },
	{ "beige", 0xf5f5dc },
	{ "lightblue", 0xadd8e6 },
	{ "lightyellow", 0xffffe0 },
	{ "gainsboro", 0xdcdcdc },
};

/* #rgb, #rrggbb, #rgba, #rrggbbaa, and six digits alone, as in <font color=ffffff>. */
static int32_t hex_color(str digits)
{
	int32_t value = 0;
	bool brief = digits.n == 3 || digits.n == 4;
	if (!brief && digits.n != 6 && digits.n != 8)
		return CSS_UNKNOWN;
	for (size_t i = 0; i < digits.n; i++)
		if (ascii_hex(digits.p[i]) < 0)
			return CSS_UNKNOWN;
	if ((digits.n == 4 && digits.p[3] == '0') || (digits.n == 8 && digits.p[6] == '0'))
		return CSS_TRANSPARENT;
	for (size_t i = 0; i < (brief ? 3u : 6u); i++)
		value = brief ? value << 8 | ascii_hex(digits.p[i]) * 17
			      : value << 4 | ascii_hex(digits.p[i]);
	return value;
}

/* What stands in rgb(…) or rgba(…). */
static int32_t rgb_color(str s)
{
	int32_t value = 0;
	for (int i = 0; i < 4; i++) {
		while (s.n && str_find_char(STR(" \t\r\n,/"), s.p[0]) >= 0)
			s = str_skip(s, 1);
		int64_t n;
		if (!read_number(&s, &n))
			return i == 3 ? value : CSS_UNKNOWN;
		if (i == 3)
			return n <= 5 ? CSS_TRANSPARENT : value;
		bool percent = s.n && s.p[0] == '%';
		n = percent ? n * 255 / 10000 : n / 100;
		s = str_skip(s, percent);
		value = value << 8 | (int32_t)MAX(MIN(n, (int64_t)255), (int64_t)0);
	}
	return value;
}

int32_t css_color(str value)
{
	value = str_trim(value);
	if (str_starts_nocase(value, STR("rgb"))) {
		ptrdiff_t open = str_find_char(value, '(');
		return open < 0 ? CSS_UNKNOWN : rgb_color(str_skip(value, (size_t)open + 1));
	}
	for (size_t i = 0; i < ARRAY_LEN(colors); i++)
		if (str_equal_nocase(value, str_from_z(colors[i].name)))
			return colors[i].value;
	return hex_color(str_starts(value, STR("#")) ? str_skip(value, 1) : value);
}

static void set_value(struct css_style *s, enum css_property p, int32_t value, bool relative)
{
	s->value[p] = value;
	s->set |= 1u << p;
	s->relative = (s->relative & ~(1u << p)) | (uint32_t)relative << p;
}

/* "background: #fff url(x) no-repeat": an image hides what the colour would tell. */
static void set_background(struct css_style *s, str value)
{
	if (str_find_char(value, '(') >= 0 && !str_starts_nocase(value, STR("rgb"))) {
		set_value(s, CSS_BACKGROUND, CSS_UNKNOWN, false);
		return;
	}
	ptrdiff_t end = str_starts_nocase(value, STR("rgb")) ? str_find_char(value, ')')
							     : str_find_any(value, STR(" \t\r\n"));
	str first = end < 0 ? value : str_first(value, (size_t)end + (value.p[end] == ')'));
	set_value(s, CSS_BACKGROUND, css_color(first), false);
}

static bool has_word(str value, str word)
{
	return str_find_nocase(value, word) >= 0;
}

static void set_length(struct css_style *s, enum css_property p, str value, bool least)
{
	int32_t length;
	bool relative;
	if (!css_length(value, &length, &relative))
		return;
	if (least && css_has(s, p) && s->value[p] <= length)
		return;
	set_value(s, p, length, relative);
}

static void set_clip(struct css_style *s, str value)
{
	bool none = has_word(value, STR("rect(0")) || has_word(value, STR("rect(1px")) ||
		    has_word(value, STR("inset(50%")) || has_word(value, STR("inset(100%")) ||
		    has_word(value, STR("scale(0)"));
	if (none)
		set_value(s, CSS_CLIP, 1, false);
}

enum form { WORD, LENGTH, LEAST, HUNDREDTHS, COLOR, BACKGROUND, CLIP, FONT };

static const struct {
	char name[20];
	enum css_property property;
	enum form form;
	const char *word, *other; /* those that make it 1 */
} properties[] = {
	{ "display", CSS_DISPLAY, WORD, "none", "" },
	{ "visibility", CSS_VISIBILITY, WORD, "hidden", "collapse" },
	{ "position", CSS_POSITION, WORD, "absolute", "fixed" },
	{ "overflow", CSS_OVERFLOW, WORD, "hidden", "clip" },
	{ "font-size", CSS_FONT_SIZE, LENGTH, "", "" },
	{ "font", CSS_FONT_SIZE, FONT, "", "" },
	{ "opacity", CSS_OPACITY, HUNDREDTHS, "", "" },
	{ "color", CSS_COLOR, COLOR, "", "" },
	{ "background", CSS_BACKGROUND, BACKGROUND, "", "" },
	{ "background-color", CSS_BACKGROUND, BACKGROUND, "", "" },
	{ "background-image", CSS_BACKGROUND, BACKGROUND, "", "" },
	{ "left", CSS_OFFSET, LEAST, "", "" },
	{ "top", CSS_OFFSET, LEAST, "", "" },
	{ "right", CSS_OFFSET, LEAST, "", "" },
	{ "bottom", CSS_OFFSET, LEAST, "", "" },
	{ "margin-left", CSS_OFFSET, LEAST, "", "" },
	{ "margin-top", CSS_OFFSET, LEAST, "", "" },
	{ "text-indent", CSS_INDENT, LENGTH, "", "" },
	{ "height", CSS_HEIGHT, LEAST, "", "" },
	{ "max-height", CSS_HEIGHT, LEAST, "", "" },
	{ "width", CSS_WIDTH, LEAST, "", "" },
	{ "max-width", CSS_WIDTH, LEAST, "", "" },
	{ "clip", CSS_CLIP, CLIP, "", "" },
	{ "clip-path", CSS_CLIP, CLIP, "", "" },
	{ "transform", CSS_CLIP, CLIP, "", "" },
};

/* "font: bold 12px/14px Arial": the first length. */
static void set_font(struct css_style *s, str value)
{
	str word;
	for (bool more = true; more;) {
		str line_height;
		more = str_cut(value, ' ', &word, &value);
		str_cut(word, '/', &word, &line_height);
		if (word.n > 1 && ascii_is_digit(word.p[0]) && ascii_is_alpha(word.p[word.n - 1])) {
			set_length(s, CSS_FONT_SIZE, word, false);
			return;
		}
	}
}

static void set_property(struct css_style *s, size_t i, str value)
{
	enum css_property p = properties[i].property;
	int64_t number;
	switch (properties[i].form) {
	case WORD:
		set_value(s, p,
			str_starts_nocase(value, str_from_z(properties[i].word)) ||
				(properties[i].other[0] &&
					str_starts_nocase(value, str_from_z(properties[i].other))),
			false);
		break;
	case LENGTH:
		set_length(s, p, value, false);
		break;
	case LEAST:
		set_length(s, p, value, true);
		break;
	case HUNDREDTHS:
		if (read_number(&value, &number))
			set_value(s, p,
				(int32_t)(number / (value.n && value.p[0] == '%' ? 100 : 1)),
				false);
		break;
	case COLOR:
		set_value(s, p, css_color(value), false);
		break;
	case BACKGROUND:
		set_background(s, value);
		break;
	case CLIP:
		set_clip(s, value);
		break;
	case FONT:
		set_font(s, value);
		break;
	}
}

static void declaration(struct css_style *s, str text)
{
	str name, value;
	if (!str_cut(str_first(text, DECLARATION_MAX), ':', &name, &value))
		return;
	name = str_trim(name);
	value = str_trim(value);
	ptrdiff_t bang = str_find_char(value, '!');
	bool important = bang >= 0 && has_word(value, STR("important"));
	value = str_trim(bang < 0 ? value : str_first(value, (size_t)bang));
	for (size_t i = 0; i < ARRAY_LEN(properties); i++) {
		if (!str_equal_nocase(name, str_from_z(properties[i].name)))
			continue;
		struct css_style one = { 0 };
		/* What takes the least sees what there was. */
		if (properties[i].form == LEAST)
			one = *s;
		one.set &= 1u << properties[i].property;
		set_property(&one, i, value);
		one.important = important ? one.set : one.important & one.set;
		css_merge(s, &one);
	}
}

/* The length up to `end` outside of quotes and parentheses, or of all. */
static size_t until(str s, char end)
{
	char quote = 0;
	int open = 0;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (quote)
			quote = c == quote || c == '\n' ? 0 : quote;
		else if (c == '"' || c == '\'')
			quote = c;
		else if (c == '(' || c == ')')
			open = c == '(' ? open + 1 : MAX(open - 1, 0);
		else if (c == end && !open)
			return i;
	}
	return s.n;
}

void css_declarations(struct css_style *s, str text)
{
	struct buf scratch CLEANUP(buf_done) = BUF_INIT(CSS_TEXT_MAX);
	text = without_comments(str_first(text, CSS_TEXT_MAX), &scratch);
	while (text.n) {
		size_t n = until(text, ';');
		declaration(s, str_first(text, n));
		text = str_skip(text, n + 1);
	}
}

void css_merge(struct css_style *s, const struct css_style *over)
{
	for (unsigned p = 0; p < CSS_PROPERTIES; p++) {
		uint32_t bit = 1u << p;
		if (!(over->set & bit) || (s->important & ~over->important & bit))
			continue;
		s->value[p] = over->value[p];
		s->set |= bit;
		s->relative = (s->relative & ~bit) | (over->relative & bit);
		s->important |= over->important & bit;
	}
}

void css_sheet_init(struct css_sheet *s)
{
	map_init(&s->rules);
}

void css_sheet_done(struct css_sheet *s)
{
	struct map_cursor c = { 0 };
	str key;
	void *style;
	while (map_next(&s->rules, &c, &key, &style))
		free(style);
	map_done(&s->rules);
}

/* Its last part is the element that is styled. */
static str last_part(str selector)
{
	while (true) {
		ptrdiff_t at = str_find_any(selector, STR(" \t\r\n>+~"));
		if (at < 0)
			return selector;
		selector = str_trim(str_skip(selector, (size_t)at + 1));
	}
}

static void add_rule(struct css_sheet *s, str selector, const struct css_style *style)
{
	selector = str_trim(selector);
	str part = last_part(selector);
	bool simple = part.n == selector.n && str_find_any(part, STR(":[*")) < 0;
	struct css_style backdrop = { .set = 1u << CSS_BACKGROUND };
	backdrop.value[CSS_BACKGROUND] = CSS_UNKNOWN;
	if (!simple && !css_has(style, CSS_BACKGROUND))
		return;
	part = str_first(
		part, (size_t)(str_find_any(part, STR(":[")) < 0 ? (ptrdiff_t)part.n
								 : str_find_any(part, STR(":["))));
	if (part.n == 0 || part.n > KEY_MAX)
		return;
	char key[KEY_MAX];
	for (size_t i = 0; i < part.n; i++)
		key[i] = ascii_lower(part.p[i]);
	str k = str_from(key, part.n);
	struct css_style *there = map_get(&s->rules, k);
	if (!there) {
		if (s->rules.n >= CSS_RULES_MAX)
			return;
		there = xcalloc(1, sizeof *there);
		map_put(&s->rules, k, there);
	}
	css_merge(there, simple ? style : &backdrop);
}

static void rule(struct css_sheet *s, str selectors, str body)
{
	struct css_style style = { 0 };
	css_declarations(&style, body);
	str selector;
	bool more = style.set != 0;
	for (int i = 0; more && i < SELECTORS_MAX; i++) {
		more = str_cut(selectors, ',', &selector, &selectors);
		add_rule(s, selector, &style);
	}
}

/* Behind the closing brace that belongs to the one before s. */
static size_t block_length(str s)
{
	size_t open = 1, i = 0;
	for (; i < s.n && open; i++)
		open += s.p[i] == '{' ? 1 : s.p[i] == '}' ? (size_t)-1 : 0;
	return i;
}

void css_sheet_add(struct css_sheet *s, str text)
{
	struct buf scratch CLEANUP(buf_done) = BUF_INIT(CSS_TEXT_MAX);
	text = without_comments(str_first(text, CSS_TEXT_MAX), &scratch);
	while ((text = str_trim(text)).n) {
		if (str_starts(text, STR("<!--")) || str_starts(text, STR("-->"))) {
			text = str_skip(text, text.p[0] == '<' ? 4 : 3);
			continue;
		}
		bool at_rule = text.p[0] == '@';
		ptrdiff_t brace = str_find_any(text, at_rule ? STR("{;") : STR("{"));
		if (brace >= 0 && text.p[brace] == ';') {
			text = str_skip(text, (size_t)brace + 1);
			continue;
		}
		if (brace < 0)
			return;
		str rest = str_skip(text, (size_t)brace + 1);
		size_t n = block_length(rest);
		if (!at_rule)
			rule(s, str_first(text, (size_t)brace), str_first(rest, n ? n - 1 : 0));
		text = str_skip(rest, n);
	}
}

void css_sheet_apply(const struct css_sheet *s, str key, struct css_style *out)
{
	char lower[KEY_MAX];
	if (key.n == 0 || key.n > KEY_MAX)
		return;
	for (size_t i = 0; i < key.n; i++)
		lower[i] = ascii_lower(key.p[i]);
	const struct css_style *style = map_get(&s->rules, str_from(lower, key.n));
	if (style)
		css_merge(out, style);
}

bool css_next_url(str *rest, str *out)
{
	ptrdiff_t at;
	while ((at = str_find_nocase(*rest, STR("url("))) >= 0) {
		*rest = str_skip(*rest, (size_t)at + 4);
		ptrdiff_t end = str_find_char(*rest, ')');
		if (end < 0)
			break;
		str url = str_trim(str_first(*rest, (size_t)end));
		*rest = str_skip(*rest, (size_t)end + 1);
		if (url.n >= 2 && (url.p[0] == '"' || url.p[0] == '\''))
			url = str_trim(str_first(str_skip(url, 1), url.n - 2));
		*out = url;
		if (url.n)
			return true;
	}
	*rest = STR_EMPTY;
	return false;
}
