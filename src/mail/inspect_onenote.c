#include "mail/inspect_internal.h"

/* OneNote ([MS-ONESTORE] 2.6.13): files lie in it as they are, behind this mark and their length.
 */

#define MARK STR("\xe7\x16\xe3\xbd\x65\x26\x11\x45\xa4\xc4\x8d\x4d\x0b\x7a\x9e\xac")

enum { FILE_HEADER = 36 };

void inspect_onenote(struct inspect_scan *s, struct inspect_item *item)
{
	str rest = item->content;
	for (ptrdiff_t at; (at = str_find(rest, MARK)) >= 0;) {
		rest = str_skip(rest, (size_t)at);
		uint64_t size = inspect_le64(rest, 16);
		rest = str_skip(rest, FILE_HEADER);
		str content = str_first(rest, (size_t)MIN(size, (uint64_t)rest.n));
		item->flags |= INSPECT_EMBEDDED;
		if (!inspect_add_entry(s, item, STR_EMPTY, true, size))
			break;
		if (inspect_entry_head(s, item, str_first(content, INSPECT_HEAD)))
			inspect_add_item(s, item, content, NULL);
		rest = str_skip(rest, content.n);
	}
}
