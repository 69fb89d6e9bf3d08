#include "mail/inspect_internal.h"

#include "mail/cfb.h"

/*
 * What uses compound files: Office up to 2003, encrypted documents and macro projects of later
 * ones, MSI, MSG. By names of streams, and by what is in the few that matter ([MS-OVBA], [MS-XLS],
 * [MS-DOC], [MS-OLEDS]).
 */

enum { STREAM_MAX = 2 * 1024 * 1024, SOURCE_MAX = 1024 * 1024, CHUNK = 4096 };

struct ole {
	struct inspect_scan *scan;
	struct inspect_item *item;
	struct cfb file;
};

static const struct {
	const char *name;
	const char *type; /* NULL: says nothing about that */
	enum inspect_class class;
	uint32_t flags;
} names[] = {
	{ "WordDocument", "application/msword", INSPECT_OFFICE, 0 },
	{ "Workbook", "application/vnd.ms-excel", INSPECT_OFFICE, 0 },
	{ "Book", "application/vnd.ms-excel", INSPECT_OFFICE, 0 },
	{ "PowerPoint Document", "application/vnd.ms-powerpoint", INSPECT_OFFICE, 0 },
	{ "VisioDocument", "application/vnd.visio", INSPECT_OFFICE, 0 },
	{ "Quill", "application/x-mspublisher", INSPECT_OFFICE, 0 },
	{ "__properties_version1.0", "application/vnd.ms-outlook", INSPECT_MESSAGE, 0 },
	{ "EncryptedPackage", "application/encrypted", INSPECT_OFFICE, INSPECT_ENCRYPTED },
	{ "_VBA_PROJECT", NULL, INSPECT_OTHER, INSPECT_MACROS },
	{ "_VBA_PROJECT_CUR", NULL, INSPECT_OTHER, INSPECT_MACROS },
	{ "VBA", NULL, INSPECT_OTHER, INSPECT_MACROS },
	{ "\1Ole10Native", NULL, INSPECT_OTHER, INSPECT_EMBEDDED },
	{ "Package", NULL, INSPECT_OTHER, INSPECT_EMBEDDED },
	{ "ObjectPool", NULL, INSPECT_OTHER, 0 },
	{ "\3OCXNAME", NULL, INSPECT_OTHER, INSPECT_ACTIVEX },
	{ "Equation Native", NULL, INSPECT_OTHER, INSPECT_EQUATION },
};

static str name_of(const struct cfb_entry *e)
{
	return str_from(e->name, e->name_n);
}

static bool is_named(const struct cfb_entry *e, const char *name)
{
	return str_equal_nocase(name_of(e), str_from_z(name));
}

/* The class of a storage whose objects the equation editor opens: {0002CE02-…}. */
static bool is_equation(str class_id)
{
	return str_starts(class_id, STR("\x02\xce\x02\x00\x00\x00\x00\x00\xc0"));
}

/* {000C1084-…} and its brothers: installers, transforms, patches. */
static bool is_installer(str class_id)
{
	return class_id.n == 16 && (unsigned char)class_id.p[1] == 0x10 &&
	       str_starts(str_skip(class_id, 2), STR("\x0c\x00\x00\x00\x00\x00\xc0")) &&
	       (unsigned char)class_id.p[0] >= 0x82 && (unsigned char)class_id.p[0] <= 0x86;
}

static void look_at_name(struct ole *o, const struct cfb_entry *e)
{
	if (e->kind == CFB_ROOT && is_installer(e->class_id))
		inspect_set_type(o->item, "application/x-msi", INSPECT_EXECUTABLE);
	if (is_equation(e->class_id))
		o->item->flags |= INSPECT_EQUATION;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (e->kind != CFB_ROOT && is_named(e, names[i].name)) {
			o->item->flags |= names[i].flags;
			if (names[i].type && inspect_is(o->item, "application/x-ole-storage"))
				inspect_set_type(o->item, names[i].type, names[i].class);
		}
}

static bool read_stream(struct ole *o, const struct cfb_entry *e, size_t max, struct buf *out)
{
	*out = BUF_INIT(max);
	if (!inspect_spend(o->scan, o->item, MIN(e->size, (uint64_t)max)))
		return false;
	cfb_read(&o->file, e, max, out);
	return out->n > 0;
}

/* ── VBA ([MS-OVBA] 2.4.1) ── */

static void copy_token(struct buf *out, size_t chunk_start, uint32_t token)
{
	size_t done = out->n - chunk_start;
	unsigned bits = 4;
	while (((size_t)1 << bits) < done)
		bits++;
	size_t length = (token & (0xffffU >> bits)) + 3, offset = (token >> (16 - bits)) + 1;
	for (; offset <= done && length; length--)
		buf_add_char(out, out->p[out->n - offset]);
}

static void unpack_chunk(str chunk, struct buf *out)
{
	size_t start = out->n;
	while (chunk.n && !out->overflowed && out->n - start < CHUNK) {
		unsigned flags = (unsigned char)chunk.p[0];
		chunk = str_skip(chunk, 1);
		for (unsigned bit = 0; bit < 8 && chunk.n; bit++) {
			bool copy = flags >> bit & 1;
			if (copy)
				copy_token(out, start, inspect_le16(chunk, 0));
			else
				buf_add_char(out, chunk.p[0]);
			chunk = str_skip(chunk, copy ? 2 : 1);
		}
	}
}

static void unpack_source(str s, struct buf *out)
{
	s = str_skip(s, 1);
	while (s.n > 2 && !out->overflowed) {
		uint32_t header = inspect_le16(s, 0);
		str chunk = str_first(str_skip(s, 2), (header & 0xfff) + 1);
		if (header & 0x8000)
			unpack_chunk(chunk, out);
		else
			buf_add(out, chunk);
		s = str_skip(s, 2 + chunk.n);
	}
}

static bool runs_by_itself(str source)
{
	static const char *const events[] = { "autoopen", "auto_open", "autoexec", "autoclose",
		"auto_close", "autonew", "autoexit", "document_open", "documentopen",
		"document_close", "document_new", "workbook_open", "workbook_activate",
		"workbook_beforeclose", "workbook_close", "workbook_deactivate",
		"document_beforeclose", "slideshowbegin", "onslideshowpagechange", "_layout(",
		"_mousemove(", "_painted(", "inkpicture1_" };
	for (size_t i = 0; i < ARRAY_LEN(events); i++)
		if (str_find_nocase(source, str_from_z(events[i])) >= 0)
			return true;
	return false;
}

/* A module: its source is packed, behind what was made of it, and begins "Attribute VB_Name". */
static void read_module(struct ole *o, str stream)
{
	ptrdiff_t at = str_find(stream, STR("\0Attribut"));
	if (at < 3)
		return;
	o->item->flags |= INSPECT_MACROS;
	struct buf source CLEANUP(buf_done) = BUF_INIT(SOURCE_MAX);
	unpack_source(str_skip(stream, (size_t)at - 3), &source);
	/* It is searched many times. */
	if (!inspect_spend(o->scan, o->item, 8 * source.n))
		return;
	if (runs_by_itself(buf_str(&source)))
		o->item->flags |= INSPECT_MACROS_AUTO;
}

/* ── Excel ── */

enum { BIFF_EOF = 0x0a, BIFF_NAME = 0x18, BIFF_FILEPASS = 0x2f, BIFF_BOUNDSHEET = 0x85 };

static void read_workbook(struct ole *o, str s)
{
	while (s.n >= 4) {
		uint32_t kind = inspect_le16(s, 0), n = inspect_le16(s, 2);
		str record = str_first(str_skip(s, 4), n);
		if (kind == BIFF_EOF)
			break;
		if (kind == BIFF_FILEPASS)
			o->item->flags |= INSPECT_ENCRYPTED;
		if (kind == BIFF_BOUNDSHEET && record.n > 5 && record.p[5] == 1)
			o->item->flags |= INSPECT_MACROS_XLM;
		/* The built-in names 1 and 2: Auto_Open, Auto_Close. */
		if (kind == BIFF_NAME && inspect_le16(record, 0) & 0x20 && record.n > 15 &&
			(record.p[15] == 1 || record.p[15] == 2))
			o->item->flags |= INSPECT_MACROS_AUTO;
		s = str_skip(s, 4 + (size_t)n);
	}
}

static void read_word(struct ole *o, str s)
{
	if (inspect_le16(s, 10) & 0x100)
		o->item->flags |= INSPECT_ENCRYPTED;
	if (str_find(s, STR("\x13"
			    "DDE")) >= 0 ||
		str_find(s, STR("\x13 DDE")) >= 0)
		o->item->flags |= INSPECT_DDE;
}

/* ── What is embedded ── */

static str cut_z(str *s)
{
	str head, rest;
	str_cut(*s, '\0', &head, &rest);
	*s = rest;
	return head;
}

static void add_file(struct ole *o, str name, str content)
{
	if (!inspect_add_entry(o->scan, o->item, name, true, content.n) ||
		!inspect_entry_head(o->scan, o->item, str_first(content, INSPECT_HEAD)) ||
		!inspect_spend(o->scan, o->item, content.n))
		return;
	char *copy = xmalloc(content.n);
	memcpy(copy, content.p, content.n);
	inspect_add_item(o->scan, o->item, str_from(copy, content.n), copy);
}

/* A file that the packager wrapped: label, path, path of a copy, content. */
static void read_native(struct ole *o, str s)
{
	s = str_skip(s, 6);
	str label = cut_z(&s), path = cut_z(&s);
	uint32_t skip = inspect_le32(s, 4);
	s = str_skip(s, (size_t)8 + skip);
	add_file(o, label.n ? label : path, str_first(str_skip(s, 4), inspect_le32(s, 0)));
}

static bool is_attachment_data(const struct cfb_entry *e)
{
	return str_starts_nocase(name_of(e), STR("__substg1.0_37010102"));
}

static void look_inside(struct ole *o, const struct cfb_entry *e)
{
	struct buf b CLEANUP(buf_done) = BUF_INIT(0);
	bool embeds = is_named(e, "Package") || is_attachment_data(e);
	bool native = is_named(e, "\1Ole10Native");
	if (e->kind != CFB_STREAM ||
		!read_stream(o, e, embeds || native ? INSPECT_ITEM_MAX : STREAM_MAX, &b))
		return;
	str s = buf_str(&b);
	if (native)
		read_native(o, s);
	else if (embeds)
		add_file(o, STR_EMPTY, s);
	else if (is_named(e, "Workbook") || is_named(e, "Book"))
		read_workbook(o, s);
	else if (is_named(e, "WordDocument"))
		read_word(o, s);
	else
		read_module(o, s);
}

void inspect_ole(struct inspect_scan *s, struct inspect_item *item)
{
	struct ole o = { .scan = s, .item = item };
	struct cfb_entry e;
	if (!cfb_open(&o.file, item->content))
		item->flags |= INSPECT_UNREADABLE;
	for (size_t at = 0; cfb_next(&o.file, &at, &e);) {
		look_at_name(&o, &e);
		look_inside(&o, &e);
	}
	if (o.file.damaged)
		item->flags |= INSPECT_UNREADABLE;
	cfb_done(&o.file);
}
