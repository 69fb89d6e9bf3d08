#include "mail/html_internal.h"

/*
 * libxml2 is fed in pieces, because two of its ways are not linear, and both can be seen between
 * pieces: an end tag looks for its start through all open elements, so that stack is cut; and an
 * attribute is compared with all others of its tag, so a tag that has more words than anybody
 * writes is dropped from its buffer. The styles are on a stack of our own.
 */
enum { PIECE = 2048, WHITE = 0xffffff };

/* White space at the beginning of s, a no-break space too. */
static size_t space_at(str s)
{
	if (s.n && (ascii_is_space(s.p[0]) || s.p[0] == '\f'))
		return 1;
	return s.n > 1 && s.p[0] == '\xc2' && s.p[1] == '\xa0' ? 2 : 0;
}

static void want_gap(struct html_text *t, enum html_gap gap)
{
	if (t->bytes.n)
		t->gap = MAX(t->gap, gap);
}

static void add_text(struct html_text *t, str s)
{
	while (s.n && !t->bytes.overflowed) {
		size_t n = space_at(s);
		if (n) {
			want_gap(t, HTML_GAP_SPACE);
			s = str_skip(s, n);
			continue;
		}
		while (n < s.n && !space_at(str_skip(s, n)))
			n++;
		if (t->gap != HTML_GAP_NONE)
			buf_add_char(&t->bytes, t->gap == HTML_GAP_LINE ? '\n' : ' ');
		t->gap = HTML_GAP_NONE;
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

static void on_text(void *user, const xmlChar *p, int n)
{
	struct html_reader *r = user;
	str s = str_from(p, (size_t)n);
	if (r->raw == HTML_RAW_SCRIPT || r->raw == HTML_RAW_TITLE) {
		add_text(r->raw == HTML_RAW_SCRIPT ? &r->scripts : &r->title, s);
		return;
	}
	if (r->raw == HTML_RAW_STYLE || html_look_of(r)->aside)
		return;
	uint32_t why = html_hiding(html_look_of(r));
	if (why && !blank(s))
		r->out->hiding |= why;
	/* White space between two texts separates them wherever it stands. */
	if (why && blank(s))
		want_gap(&r->visible, HTML_GAP_SPACE);
	add_text(why ? &r->invisible : &r->visible, s);
}

static void on_comment(void *user, const xmlChar *p)
{
	struct html_reader *r = user;
	r->out->comment_n++;
	add_text(&r->comments, str_from_z((const char *)p));
	want_gap(&r->comments, HTML_GAP_LINE);
}

static void separate(struct html_reader *r, enum html_tag tag)
{
	enum html_gap gap = tag == HTML_TAG_BLOCK || tag == HTML_TAG_BR || tag == HTML_TAG_TABLE ||
					    tag == HTML_TAG_FORM
				    ? HTML_GAP_LINE
			    : tag == HTML_TAG_CELL ? HTML_GAP_SPACE
						   : HTML_GAP_NONE;
	want_gap(&r->visible, gap);
	want_gap(&r->invisible, gap);
}

static void on_start(void *user, const xmlChar *z, const xmlChar **a)
{
	struct html_reader *r = user;
	str name = str_from_z((const char *)z);
	enum html_tag tag = html_tag_of(name);
	struct css_style style = { 0 };
	struct html_element e = { .look = *html_look_of(r) };
	r->out->tags++;
	html_style_of(&r->sheet, name, a, &style);
	html_look_take(&e.look, &style);
	html_look_hide(&e.look, html_has_attribute(a, "hidden"), HTML_HIDDEN_ATTRIBUTE);
	e.look.aside = e.look.aside ? tag != HTML_TAG_BODY : tag == HTML_TAG_ASIDE;
	separate(r, tag);
	html_take_tag(r, tag, a, &e, &style);
	r->raw = tag == HTML_TAG_SCRIPT  ? HTML_RAW_SCRIPT
		 : tag == HTML_TAG_STYLE ? HTML_RAW_STYLE
		 : tag == HTML_TAG_TITLE ? HTML_RAW_TITLE
					 : HTML_RAW_NONE;
	if (tag == HTML_TAG_BODY) /* the page's own look is that of all that comes */
		r->stack[0].look = e.look;
	if (r->depth == HTML_DEPTH_MAX) {
		r->out->truncated = true;
		return;
	}
	if (!str_copy_z(str_first(name, sizeof e.name - 1), e.name, sizeof e.name))
		return;
	r->stack[r->depth++] = e;
}

static void close_link(struct html_reader *r, size_t number)
{
	struct html_link *link = html_link_at(r, number);
	size_t start = link->text.n;
	/* Where it begins with a gap, the gap is no part of it. */
	while (start < r->visible.bytes.n && ascii_is_space(r->visible.bytes.p[start]))
		start++;
	link->text = (str){ (const char *)(uintptr_t)(start + 1), r->visible.bytes.n - start };
	r->link = r->link == number ? 0 : r->link;
}

static void pop(struct html_reader *r)
{
	struct html_element *e = &r->stack[--r->depth];
	if (e->link)
		close_link(r, e->link);
}

static void on_end(void *user, const xmlChar *z)
{
	struct html_reader *r = user;
	str name = str_first(str_from_z((const char *)z), sizeof r->stack[0].name - 1);
	size_t at = r->depth;
	while (at > 1 && !str_equal(str_from_z(r->stack[at - 1].name), name))
		at--;
	while (at > 1 && r->depth >= at)
		pop(r);
	r->raw = HTML_RAW_NONE;
	enum html_tag tag = html_tag_of(name);
	separate(r, tag == HTML_TAG_BR ? HTML_TAG_OTHER : tag);
}

/* Styles may stand behind what they are for: they are read first, those in comments not. */
static void read_sheets(struct html_reader *r, str text)
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
			html_add_css_links(r, str_skip(inside, (size_t)open + 1));
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
static str held_tag(const struct html_reader *r)
{
	const xmlParserInput *in = r->parser->input;
	str held = str_from(in->cur, (size_t)(in->end - in->cur));
	bool tag = held.n > 1 && held.p[0] == '<' && ascii_is_alpha(held.p[1]);
	return tag ? held : STR_EMPTY;
}

/* Looks after the parser when it was fed n bytes. */
static void tame(struct html_reader *r, size_t n)
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

static void feed(struct html_reader *r, str text)
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
static void feed_without_data(struct html_reader *r, str text)
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
static void feed_document(struct html_reader *r, str text)
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

static str finish_text(struct html_reader *r, struct html_text *t)
{
	str s = buf_str(&t->bytes);
	if (t->bytes.overflowed)
		r->out->truncated = true;
	return html_keep(r, s);
}

static void *finish_array(struct html_reader *r, struct buf *b, size_t size, size_t *out_n)
{
	str copy = html_keep(r, buf_str(b));
	*out_n = copy.n / size;
	return copy.n ? (void *)(uintptr_t)copy.p : NULL;
}

static void finish(struct html_reader *r)
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

static void reader_done(struct html_reader *r)
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
	struct html_reader *r CLEANUP(free_pointer) = xcalloc(1, sizeof *r);
	r->out = out;
	r->arena = a;
	r->visible.bytes.max = r->invisible.bytes.max = HTML_TEXT_MAX;
	r->title.bytes.max = r->comments.bytes.max = r->scripts.bytes.max = HTML_ASIDE_MAX;
	r->links.max = r->images.max = SIZE_MAX;
	r->depth = 1;
	r->stack[0].look = (struct html_look){ .font = 1600, .color = 0, .background = WHITE };
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
