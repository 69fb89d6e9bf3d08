#include "mail/inspect_internal.h"

/* HTML and SVG: whether they have scripts. Everything else about HTML tells html.h. */

enum { READ_MAX = 1024 * 1024 };

void inspect_markup(struct inspect_scan *s, struct inspect_item *item)
{
	static const char *const marks[] = { "<script", "javascript:", "onload", "onerror",
		"onbegin" };
	str text = str_first(item->content, READ_MAX);
	for (size_t i = 0; i < ARRAY_LEN(marks); i++)
		if (str_find_nocase(text, str_from_z(marks[i])) >= 0)
			item->flags |= INSPECT_JAVASCRIPT;
	if (item->flags & INSPECT_JAVASCRIPT && item->type.class == INSPECT_IMAGE)
		item->type.class = INSPECT_HTML;
}
