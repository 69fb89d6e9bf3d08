/*
 * html.h: what HTML in mail shows, what it hides, and where it leads. Tags are read by libxml2, so
 * as tolerantly as browsers do; no entity of a document's own is expanded, and nothing is loaded.
 *
 * Hidden is text that a reader does not see by the styles it has: display, visibility, a font of
 * two pixels or less, opacity, a colour like the background, a place off the screen, a negative
 * indent, a box without height or width whose overflow is hidden, a clip, the `hidden` attribute.
 * Styles are those of css.h, of style attributes and of HTML 3.2's attributes.
 *
 * Texts are UTF-8; runs of white space are one space, blocks and lines end with a line feed, cells
 * of tables are separated by spaces.
 *
 * Any bytes are accepted. Time is linear in the text's size: elements nested deeper than
 * HTML_DEPTH_MAX have the style of the last one above; tags with more than HTML_WORDS_MAX words
 * or HTML_TAG_MAX bytes are dropped. Beyond any of the limits, `truncated` is set.
 */
#pragma once

#include "base/arena.h"

enum {
	HTML_INPUT_MAX = 4 * 1024 * 1024, /* what is read of the document */
	HTML_TEXT_MAX = 1024 * 1024,      /* of each of visible and invisible */
	HTML_ASIDE_MAX = 64 * 1024,       /* of each of title, comments and scripts */
	HTML_DEPTH_MAX = 256,
	HTML_LINKS_MAX = 2000,
	HTML_IMAGES_MAX = 1000,
	HTML_WORDS_MAX = 2000,
	HTML_TAG_MAX = 128 * 1024,      /* less what is inlined in base64 */
	HTML_TARGET_MAX = HTML_TAG_MAX, /* longer targets are cut */
};

enum html_link_kind {
	HTML_LINK_A,
	HTML_LINK_AREA,
	HTML_LINK_FORM,  /* action, formaction */
	HTML_LINK_IMAGE, /* img, input, background, VML */
	HTML_LINK_BASE,
	HTML_LINK_REFRESH,
	HTML_LINK_CSS, /* url() in a style */
	HTML_LINK_SCRIPT,
	HTML_LINK_OTHER, /* link, iframe, embed, object, audio, video, … */
};

struct html_link {
	enum html_link_kind kind;
	str target;  /* as written, entities undone */
	str text;    /* what is seen of it: a part of `visible` */
	bool image;  /* an image is in it */
	bool hidden; /* it begins where text is hidden */
};

struct html_image {
	str source, alt;
	int32_t width, height; /* in pixels; -1 where not stated */
	bool linked;
};

enum html_hiding {
	HTML_HIDDEN_DISPLAY = 1 << 0,
	HTML_HIDDEN_VISIBILITY = 1 << 1,
	HTML_HIDDEN_FONT = 1 << 2,
	HTML_HIDDEN_OPACITY = 1 << 3,
	HTML_HIDDEN_COLOR = 1 << 4,
	HTML_HIDDEN_OFFSCREEN = 1 << 5,
	HTML_HIDDEN_INDENT = 1 << 6,
	HTML_HIDDEN_BOX = 1 << 7,
	HTML_HIDDEN_CLIP = 1 << 8,
	HTML_HIDDEN_ATTRIBUTE = 1 << 9,
};

struct html {
	str visible, invisible, title, comments, scripts; /* in the arena */
	str base;                                         /* empty where there is none */
	struct html_link *links;                          /* in the arena */
	size_t links_n;
	struct html_image *images; /* in the arena */
	size_t images_n;
	uint32_t hiding; /* by what text is hidden */
	uint32_t tags, tables, forms, inputs, passwords, hidden_inputs, script_tags, frames;
	uint32_t handlers; /* onclick= and the like */
	uint32_t comment_n;
	bool truncated;
};

void html_read(struct arena *a, str text, struct html *out);
