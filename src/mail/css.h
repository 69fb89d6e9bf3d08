/*
 * css.h: of style sheets (CSS 2.1) what hides text and what loads things. Inside of mail/.
 *
 * Understood are declarations, and rules whose selector is a tag, a class, an id, or a tag with a
 * class. Of other selectors only a background is kept, as "unknown". Rules of @media and other
 * at-rules are passed over. Time is linear in the text.
 */
#pragma once

#include "base/map.h"

enum { CSS_RULES_MAX = 500, CSS_TEXT_MAX = 256 * 1024 };

enum css_property {
	CSS_DISPLAY,    /* 1: none */
	CSS_VISIBILITY, /* 1: hidden or collapse */
	CSS_FONT_SIZE,  /* a length */
	CSS_OPACITY,    /* in hundredths */
	CSS_COLOR,      /* a colour */
	CSS_BACKGROUND, /* a colour */
	CSS_POSITION,   /* 1: absolute or fixed */
	CSS_OFFSET,     /* a length: of left, top, right, bottom and margins the lowest */
	CSS_INDENT,     /* a length */
	CSS_HEIGHT,     /* a length: of height and max-height the lesser */
	CSS_WIDTH,      /* a length: of width and max-width the lesser */
	CSS_OVERFLOW,   /* 1: hidden */
	CSS_CLIP,       /* 1: to nothing */
	CSS_PROPERTIES,
};

/* Lengths are hundredths of a pixel; relative ones (em, %) are hundredths of a per cent, and set
 * the property's bit in `relative`. Colours are 0xRRGGBB, or: */
enum { CSS_TRANSPARENT = -1, CSS_UNKNOWN = -2, CSS_LENGTH_MAX = 100000000 };

struct css_style {
	int32_t value[CSS_PROPERTIES];
	uint32_t set, important, relative; /* bits by property */
};

static inline bool css_has(const struct css_style *s, enum css_property p)
{
	return s->set & 1u << p;
}

/* Adds "a: b; c: d !important"; later ones win. */
void css_declarations(struct css_style *s, str text);

/* Adds what `over` sets, save for what is important in s and is not in `over`. */
void css_merge(struct css_style *s, const struct css_style *over);

int32_t css_color(str value);
/* As CSS_HEIGHT: "0", "12px", "50%". False where it is none. */
bool css_length(str value, int32_t *out, bool *out_relative);

struct css_sheet {
	struct map rules; /* "tag", ".class", "#id", "tag.class", lower case → struct css_style */
};
void css_sheet_init(struct css_sheet *s);
void css_sheet_done(struct css_sheet *s);
void css_sheet_add(struct css_sheet *s, str text);
/* Merges the rule for that key, if there is one. */
void css_sheet_apply(const struct css_sheet *s, str key, struct css_style *out);

/* The next url(…) in the text, without its quotes. */
bool css_next_url(str *rest, str *out);
