/*
 * html_internal.h: the parts of the HTML reader: text, and the taming of the parser (html.c); what
 * a tag adds (html_tag.c); how an element looks (html_look.c).
 */
#pragma once

#include "mail/css.h"
#include "mail/html.h"

#include "base/buf.h"

#include <libxml/HTMLparser.h>

/* What text of an element looks like. */
struct html_look {
	uint32_t hidden; /* for good: enum html_hiding */
	bool invisible;  /* by visibility, which an inner element can undo */
	bool aside;      /* in <head>, <template>, …: no text of the page at all */
	int32_t font, color, background;
};

struct html_element {
	char name[12];
	struct html_look look;
	size_t link; /* the one it is, counted from 1 */
};

enum html_gap { HTML_GAP_NONE, HTML_GAP_SPACE, HTML_GAP_LINE };

struct html_text {
	struct buf bytes;
	enum html_gap gap; /* to be written before what comes next */
};

/* Inside of elements whose text is none of the page's. */
enum html_raw { HTML_RAW_NONE, HTML_RAW_SCRIPT, HTML_RAW_STYLE, HTML_RAW_TITLE };

struct html_reader {
	struct html *out;
	struct arena *arena;
	htmlParserCtxtPtr parser;
	struct css_sheet sheet;
	struct html_text visible, invisible, title, comments, scripts;
	struct buf links, images; /* of struct html_link, html_image; texts are offsets so far */
	struct html_element stack[HTML_DEPTH_MAX];
	size_t depth;
	size_t link;   /* the open one, from 1 */
	bool skipping; /* up to the end of a tag that was dropped */
	size_t words;  /* of the tag that is being held */
	enum html_raw raw;
};

enum html_tag {
	HTML_TAG_OTHER,
	HTML_TAG_A,
	HTML_TAG_AREA,
	HTML_TAG_ASIDE, /* its text is none of the page */
	HTML_TAG_BASE,
	HTML_TAG_BLOCK,
	HTML_TAG_BODY,
	HTML_TAG_BR,
	HTML_TAG_CELL,
	HTML_TAG_FONT,
	HTML_TAG_FORM,
	HTML_TAG_FRAME,
	HTML_TAG_IMAGE,
	HTML_TAG_INPUT,
	HTML_TAG_META,
	HTML_TAG_SCRIPT,
	HTML_TAG_STYLE,
	HTML_TAG_TABLE,
	HTML_TAG_TITLE,
};

/* Of what is open now. */
static inline struct html_look *html_look_of(struct html_reader *r)
{
	return &r->stack[r->depth - 1].look;
}

/* ---- html_tag.c ---- */

/* Attributes as libxml2 gives them. html_attribute(): p is NULL where there is none. */
str html_attribute(const xmlChar **a, const char *name);
bool html_has_attribute(const xmlChar **a, const char *name);

enum html_tag html_tag_of(str name);

/* A copy in the arena; empty, and the result marked as truncated, where there is no room. */
str html_keep(struct html_reader *r, str s);

/* Returns its number from 1, or 0: no target, or too many. */
size_t html_add_link(struct html_reader *r, enum html_link_kind kind, str target);
struct html_link *html_link_at(struct html_reader *r, size_t number);
void html_add_css_links(struct html_reader *r, str css);

/* Links, images, forms and counts of a tag that begins element e. */
void html_take_tag(struct html_reader *r, enum html_tag tag, const xmlChar **a,
	struct html_element *e, const struct css_style *style);

/* ---- html_look.c ---- */

/* Why text that looks like this is not seen (enum html_hiding); 0 where it is. */
uint32_t html_hiding(const struct html_look *l);

/* The rules of the sheets for such an element, in the order of how much they say; then its own
 * style. */
void html_style_of(
	const struct css_sheet *sheet, str name, const xmlChar **a, struct css_style *out);
void html_look_take(struct html_look *l, const struct css_style *s);
void html_look_hide(struct html_look *l, bool condition, enum html_hiding why);
