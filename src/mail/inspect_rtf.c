#include "mail/inspect_internal.h"

/* RTF: control words for objects, wherever they stand. Nothing nests for us, so nothing can be
 * hidden by nesting. */

enum { READ_MAX = 8 * 1024 * 1024, WORD_MAX = 32, TARGETS_MAX = 1000 };

static const struct {
	const char *word;
	uint32_t flags;
} words[] = {
	{ "object", INSPECT_EMBEDDED },
	{ "objdata", INSPECT_EMBEDDED },
	{ "objemb", INSPECT_EMBEDDED },
	{ "objocx", INSPECT_ACTIVEX },
	{ "objupdate", INSPECT_UPDATES },
	{ "objautlink", INSPECT_UPDATES | INSPECT_EXTERNAL },
	{ "objlink", INSPECT_EXTERNAL },
	{ "objhtml", INSPECT_EXTERNAL },
};

static str word_at(str s)
{
	size_t n = 0;
	while (n < s.n && n < WORD_MAX && ascii_is_alpha(s.p[n]))
		n++;
	return str_first(s, n);
}

/* Up to the end of the group or of a quoted string. */
static str argument(str s)
{
	s = str_trim(str_first(s, INSPECT_URI_LENGTH_MAX));
	ptrdiff_t end = str_find_any(str_skip(s, s.n && s.p[0] == '"'), STR("\"{}\r\n"));
	return str_first(str_skip(s, s.n && s.p[0] == '"'), end < 0 ? s.n : (size_t)end);
}

static void read_word(
	struct inspect_scan *s, struct inspect_item *item, str word, str rest, size_t *targets)
{
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (str_equal_nocase(word, str_from_z(words[i].word)))
			item->flags |= words[i].flags;
	if (str_equal_nocase(word, STR("template")) && ++*targets <= TARGETS_MAX) {
		str target = argument(rest);
		bool remote =
			str_find(target, STR("://")) >= 0 || str_starts(target, STR("\\\\\\\\"));
		item->flags |= remote ? INSPECT_TEMPLATE : 0;
		if (remote)
			inspect_add_uri(s, item, target);
	}
}

static void read_fields(struct inspect_scan *s, struct inspect_item *item, str text)
{
	static const struct {
		const char *name;
		uint32_t flags;
	} fields[] = { { "HYPERLINK ", 0 }, { "INCLUDEPICTURE ", INSPECT_EXTERNAL },
		{ "INCLUDETEXT ", INSPECT_EXTERNAL } };
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		str name = str_from_z(fields[i].name);
		str rest = text;
		size_t targets = 0;
		for (ptrdiff_t at; ++targets <= TARGETS_MAX && (at = str_find(rest, name)) >= 0;) {
			rest = str_skip(rest, (size_t)at + name.n);
			str target = argument(rest);
			if (str_find(target, STR("://")) < 0)
				continue;
			item->flags |= fields[i].flags;
			inspect_add_uri(s, item, target);
		}
	}
}

void inspect_rtf(struct inspect_scan *s, struct inspect_item *item)
{
	str text = str_first(item->content, READ_MAX);
	if (text.n < item->content.n)
		item->flags |= INSPECT_TRUNCATED;
	read_fields(s, item, text);
	size_t targets = 0;
	for (str rest = text;;) {
		ptrdiff_t at = str_find_char(rest, '\\');
		if (at < 0)
			break;
		rest = str_skip(rest, (size_t)at + 1);
		str word = word_at(rest);
		rest = str_skip(rest, word.n);
		read_word(s, item, word, rest, &targets);
	}
	if (str_find_nocase(text, STR("equation.3")) >= 0 ||
		str_find_nocase(text, STR("4571756174696f6e2e33")) >= 0 ||
		str_find_nocase(text, STR("02ce020000000000c0")) >= 0)
		item->flags |= INSPECT_EQUATION;
	if (str_find(text, STR("DDEAUTO")) >= 0 || str_find(text, STR("\\fldinst DDE")) >= 0)
		item->flags |= INSPECT_DDE;
}
