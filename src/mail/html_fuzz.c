/* Any text: links lie in what is visible, and all is text. */

#include "mail/html.h"

#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool inside(str inner, str outer)
{
	return inner.n == 0 || (inner.p >= outer.p && inner.p + inner.n <= outer.p + outer.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = ARENA_INIT(16 * 1024 * 1024);
	struct html h;
	html_read(&arena, str_from(data, size), &h);
	ASSERT(h.links_n <= HTML_LINKS_MAX && h.images_n <= HTML_IMAGES_MAX);
	for (size_t i = 0; i < h.links_n; i++)
		ASSERT(inside(h.links[i].text, h.visible));
	if (utf8_valid(str_from(data, size)))
		ASSERT(utf8_valid(h.visible) && utf8_valid(h.invisible));
	arena_done(&arena);
	return 0;
}
