#include "mail/inspect_internal.h"

/*
 * ZIPs that are something else: Office Open XML (ECMA-376 part 2), OpenDocument, programs of Java
 * and Android, Windows' packages. What is active in them is told by names of entries and by
 * relations.
 */

enum { FIELD_MAX = 256 };

enum {
	P_CONTENT_TYPES = 1 << 0,
	P_WORD = 1 << 1,
	P_EXCEL = 1 << 2,
	P_POWERPOINT = 1 << 3,
	P_VISIO = 1 << 4,
	P_OPENDOCUMENT = 1 << 5,
	P_JAVA = 1 << 6,
	P_ANDROID = 1 << 7,
	P_APPX = 1 << 8,
	P_XPS = 1 << 9,
	P_EPUB = 1 << 10,
	P_BINARY_WORKBOOK = 1 << 11,
};

/* Beginnings and ends of entries' names. */
static const struct {
	const char *start, *end;
	uint32_t seen, flags;
} names[] = {
	{ "[Content_Types].xml", "", P_CONTENT_TYPES, 0 },
	{ "word/document", "", P_WORD, 0 },
	{ "xl/workbook", "", P_EXCEL, 0 },
	{ "xl/workbook.bin", "", P_BINARY_WORKBOOK, 0 },
	{ "ppt/presentation", "", P_POWERPOINT, 0 },
	{ "visio/document", "", P_VISIO, 0 },
	{ "META-INF/MANIFEST.MF", "", P_JAVA, 0 },
	{ "", ".class", P_JAVA, 0 },
	{ "AndroidManifest.xml", "", P_ANDROID, 0 },
	{ "AppxManifest.xml", "", P_APPX, 0 },
	{ "AppxMetadata/", "", P_APPX, 0 },
	{ "FixedDocSeq.fdseq", "", P_XPS, 0 },
	{ "FixedDocumentSequence.fdseq", "", P_XPS, 0 },
	{ "word/", "vbaProject.bin", 0, INSPECT_MACROS },
	{ "xl/", "vbaProject.bin", 0, INSPECT_MACROS },
	{ "ppt/", "vbaProject.bin", 0, INSPECT_MACROS },
	{ "visio/", "vbaProject.bin", 0, INSPECT_MACROS },
	{ "xl/macrosheets/", "", 0, INSPECT_MACROS_XLM },
	{ "word/embeddings/", "", 0, INSPECT_EMBEDDED },
	{ "xl/embeddings/", "", 0, INSPECT_EMBEDDED },
	{ "ppt/embeddings/", "", 0, INSPECT_EMBEDDED },
	{ "word/activeX/", "", 0, INSPECT_ACTIVEX },
	{ "xl/activeX/", "", 0, INSPECT_ACTIVEX },
	{ "ppt/activeX/", "", 0, INSPECT_ACTIVEX },
	{ "Basic/", "", 0, INSPECT_MACROS },
	{ "Scripts/", "", 0, INSPECT_MACROS },
	{ "Object ", "", 0, INSPECT_EMBEDDED },
};

void inspect_package_name(struct inspect_package *p, struct inspect_item *item, str path)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_starts_nocase(path, str_from_z(names[i].start)) &&
			str_ends_nocase(path, str_from_z(names[i].end))) {
			p->seen |= names[i].seen;
			p->flags |= names[i].flags;
		}
}

bool inspect_package_wants(const struct inspect_package *p, str path)
{
	return str_ends_nocase(path, STR(".rels")) || str_equal(path, STR("mimetype")) ||
	       str_equal_nocase(path, STR("META-INF/manifest.xml")) ||
	       str_equal_nocase(path, STR("word/document.xml")) ||
	       str_starts_nocase(path, STR("xl/externalLinks/externalLink")) ||
	       (p->seen & P_OPENDOCUMENT && str_equal(path, STR("content.xml")));
}

/* ── Text of XML ── */

/* The value of an attribute of one tag. */
static str attribute(str tag, str name)
{
	for (str rest = tag;;) {
		ptrdiff_t at = str_find(rest, name);
		if (at < 0)
			return STR_EMPTY;
		bool starts = at > 0 && ascii_is_space(rest.p[at - 1]);
		rest = str_trim(str_skip(rest, (size_t)at + name.n));
		if (!starts || !rest.n || rest.p[0] != '=')
			continue;
		rest = str_trim(str_skip(rest, 1));
		if (!rest.n || (rest.p[0] != '"' && rest.p[0] != '\''))
			return STR_EMPTY;
		str value, behind;
		str_cut(str_skip(rest, 1), rest.p[0], &value, &behind);
		return value;
	}
}

/* Whether a link of that type only leads there when somebody clicks it. */
static bool is_hyperlink(str type)
{
	return str_ends(type, STR("/hyperlink"));
}

/* Entities that stand in URIs. */
static str undo_entities(struct arena *a, str s)
{
	if (str_find_char(s, '&') < 0)
		return s;
	char *p = arena_try(a, s.n);
	size_t n = 0;
	while (p && s.n) {
		p[n++] = s.p[0];
		size_t skip = str_starts(s, STR("&amp;")) ? 5 : 1;
		s = str_skip(s, skip);
	}
	return p ? str_from(p, n) : STR_EMPTY;
}

static void read_relation(
	struct inspect_scan *s, struct inspect_item *item, struct inspect_package *p, str tag)
{
	if (!str_equal_nocase(attribute(tag, STR("TargetMode")), STR("External")))
		return;
	str type = attribute(tag, STR("Type"));
	inspect_add_uri(s, item, undo_entities(s->arena, attribute(tag, STR("Target"))));
	if (str_ends(type, STR("/attachedTemplate")))
		p->flags |= INSPECT_TEMPLATE;
	else if (!is_hyperlink(type))
		p->flags |= INSPECT_EXTERNAL;
}

static void read_relations(
	struct inspect_scan *s, struct inspect_item *item, struct inspect_package *p, str text)
{
	for (ptrdiff_t at; (at = str_find(text, STR("Relationship"))) >= 0;) {
		str tag;
		str_cut(str_skip(text, (size_t)at + 12), '>', &tag, &text);
		read_relation(s, item, p, tag);
	}
}

/* DDE in Word's fields, which may be split over several elements: the word itself is whole. */
static bool has_dde_field(str text)
{
	for (ptrdiff_t at; (at = str_find(text, STR("instrText"))) >= 0;) {
		str value, behind;
		text = str_skip(text, (size_t)at + 9);
		/* Nobody writes a longer one before the first word of it. */
		str_cut(str_first(text, FIELD_MAX), '<', &value, &behind);
		ptrdiff_t close = str_find_char(value, '>');
		if (str_starts_nocase(str_trim(str_skip(value, (size_t)(close + 1))), STR("DDE")))
			return true;
	}
	return false;
}

/* OpenDocument's own type is its first entry, stored. */
static void read_mimetype(struct inspect_item *item, struct inspect_package *p, str text)
{
	static const char *const known[] = { "application/vnd.oasis.opendocument.text",
		"application/vnd.oasis.opendocument.spreadsheet",
		"application/vnd.oasis.opendocument.presentation",
		"application/vnd.oasis.opendocument.graphics" };
	p->type = "application/vnd.oasis.opendocument";
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (str_starts(text, str_from_z(known[i])))
			p->type = known[i];
	if (str_starts(text, STR("application/vnd.oasis.opendocument")))
		p->seen |= P_OPENDOCUMENT;
	else if (str_starts(text, STR("application/epub+zip")))
		p->seen |= P_EPUB;
}

void inspect_package_part(struct inspect_scan *s, struct inspect_item *item,
	struct inspect_package *p, str path, str text)
{
	if (str_equal(path, STR("mimetype")))
		read_mimetype(item, p, text);
	else if (str_ends_nocase(path, STR(".rels")))
		read_relations(s, item, p, text);
	else if (str_ends_nocase(path, STR("manifest.xml")) &&
		 str_find(text, STR("encryption-data")) >= 0)
		p->flags |= INSPECT_ENCRYPTED;
	else if (str_ends(path, STR("content.xml")) &&
		 str_find(text, STR("script:event-listener")) >= 0)
		p->flags |= INSPECT_MACROS_AUTO;
	else if (has_dde_field(text) || str_find(text, STR("<ddeLink")) >= 0)
		p->flags |= INSPECT_DDE;
}

static const struct {
	uint32_t seen;
	const char *type;
	enum inspect_class class;
} kinds[] = {
	{ P_CONTENT_TYPES | P_BINARY_WORKBOOK,
		"application/vnd.ms-excel.sheet.binary.macroEnabled.12", INSPECT_OFFICE },
	{ P_CONTENT_TYPES | P_WORD,
		"application/vnd.openxmlformats-officedocument.wordprocessingml.document",
		INSPECT_OFFICE },
	{ P_CONTENT_TYPES | P_EXCEL,
		"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
		INSPECT_OFFICE },
	{ P_CONTENT_TYPES | P_POWERPOINT,
		"application/vnd.openxmlformats-officedocument.presentationml.presentation",
		INSPECT_OFFICE },
	{ P_CONTENT_TYPES | P_VISIO, "application/vnd.ms-visio.drawing", INSPECT_OFFICE },
	{ P_XPS, "application/vnd.ms-xpsdocument", INSPECT_OFFICE },
	{ P_OPENDOCUMENT, NULL, INSPECT_OFFICE },
	{ P_EPUB, "application/epub+zip", INSPECT_OTHER },
	{ P_ANDROID, "application/vnd.android.package-archive", INSPECT_EXECUTABLE },
	{ P_APPX, "application/vnd.ms-appx", INSPECT_EXECUTABLE },
	{ P_JAVA, "application/java-archive", INSPECT_EXECUTABLE },
};

void inspect_package_end(struct inspect_package *p, struct inspect_item *item)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if ((p->seen & kinds[i].seen) == kinds[i].seen) {
			inspect_set_type(
				item, kinds[i].type ? kinds[i].type : p->type, kinds[i].class);
			break;
		}
	/* In other ZIPs such names mean nothing. */
	if (item->type.class == INSPECT_OFFICE)
		item->flags |= p->flags;
}
