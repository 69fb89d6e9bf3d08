#include "mail/inspect_internal.h"

#include <stdlib.h>

/*
 * winmail.dat, what Outlook makes of a message ([MS-OXTNEF]): its attachments, messages that are
 * attached in the same way, and its body, which Outlook shows in place of the one that others see.
 * Checksums are not looked at, as Outlook is lenient too.
 */

enum {
	LEVEL_MESSAGE = 1,
	LEVEL_ATTACHMENT = 2,
	/* Attributes. */
	ATTACH_BEGIN = 0x00069002, /* attAttachRenddata: of a new attachment */
	ATTACH_TITLE = 0x00018010,
	ATTACH_DATA = 0x0006800f,
	ATTACH_PROPERTIES = 0x00069005,
	MESSAGE_PROPERTIES = 0x00069003,
	/* Properties of MAPI ([MS-OXPROPS]). */
	PROPERTY_NAMED = 0x8000, /* from here on */
	PROPERTY_RTF = 0x1009,
	PROPERTY_HTML = 0x1013,
	PROPERTY_DATA = 0x3701,
	PROPERTY_FILENAME = 0x3704,
	PROPERTY_LONG_FILENAME = 0x3707,
	/* Their types. */
	TYPE_OBJECT = 0x000d,
	TYPE_STRING8 = 0x001e,
	TYPE_UNICODE = 0x001f,
	TYPE_BINARY = 0x0102,
	TYPE_MULTIPLE = 0x1000,
	INTERFACE_SIZE = 16, /* before an object */

	HEADER_SIZE = 6,    /* signature and key */
	ATTRIBUTE_SIZE = 9, /* level, id, length */
	CHECKSUM_SIZE = 2,
	NAME_BYTES_MAX = 4 * ATTACHMENT_NAME_MAX,
	RTF_MAX = 2 * 1024 * 1024,
};

struct tnef {
	struct inspect_scan *scan;
	struct inspect_item *item;
	/* The attachment so far; slices of the item. */
	bool any;
	str title, filename, content;
	bool unicode; /* the file name */
};

struct property {
	uint32_t type, id;
	str value; /* the first one, of several */
};

static void add_content(struct tnef *f, str name, str content, char *owned)
{
	bool look = inspect_add_entry(f->scan, f->item, name, true, content.n) &&
		    inspect_entry_head(f->scan, f->item, str_first(content, INSPECT_HEAD));
	if (look)
		inspect_add_item(f->scan, f->item, content, owned);
	else
		free(owned);
}

static void begin_attachment(struct tnef *f)
{
	f->any = f->unicode = false;
	f->title = f->filename = f->content = STR_EMPTY;
}

static void end_attachment(struct tnef *f)
{
	struct buf name CLEANUP(buf_done) = BUF_INIT(NAME_BYTES_MAX);
	str raw = str_first(f->filename.n ? f->filename : f->title, NAME_BYTES_MAX / 2), rest;
	if (f->unicode)
		(void)!inspect_utf16(&raw, &name);
	else
		str_cut(raw, '\0', &raw, &rest);
	if (f->any)
		add_content(f, f->unicode ? buf_str(&name) : raw, f->content, NULL);
	begin_attachment(f);
}

/* ── Properties ── */

static str take(str *s, uint64_t n)
{
	str taken = str_first(*s, (size_t)MIN(n, (uint64_t)s->n));
	*s = str_skip(*s, taken.n);
	return taken;
}

static uint32_t take_le32(str *s)
{
	return inspect_le32(take(s, 4), 0);
}

static str take_padded(str *s, uint32_t n)
{
	str value = take(s, n);
	(void)take(s, (0 - n) & 3);
	return value;
}

/* Bytes of a value whose type has no length; 0 where it is unknown. */
static uint32_t fixed_size(uint32_t type)
{
	switch (type & ~(uint32_t)TYPE_MULTIPLE) {
	case 0x0002: /* 16 bits, padded */
	case 0x0003:
	case 0x0004:
	case 0x000a:
	case 0x000b:
		return 4;
	case 0x0005:
	case 0x0006:
	case 0x0007:
	case 0x0014:
	case 0x0040:
		return 8;
	case 0x0048:
		return 16;
	default:
		return 0;
	}
}

static bool has_length(uint32_t type)
{
	type &= ~(uint32_t)TYPE_MULTIPLE;
	return type == TYPE_STRING8 || type == TYPE_UNICODE || type == TYPE_BINARY ||
	       type == TYPE_OBJECT;
}

static void skip_property_name(str *s)
{
	(void)take(s, INTERFACE_SIZE);
	bool text = take_le32(s) != 0;
	uint32_t n = take_le32(s);
	if (text)
		(void)take_padded(s, n);
}

/* False where it makes no sense: what follows cannot be found. */
static bool take_property(str *s, struct property *out)
{
	uint32_t tag = take_le32(s);
	*out = (struct property){ .type = tag & 0xffff, .id = tag >> 16, .value = STR_EMPTY };
	if (out->id >= PROPERTY_NAMED)
		skip_property_name(s);
	bool sized = has_length(out->type);
	uint32_t fixed = fixed_size(out->type);
	if (!sized && !fixed)
		return false;
	uint32_t n = sized || (out->type & TYPE_MULTIPLE) ? take_le32(s) : 1;
	for (uint32_t i = 0; i < n && s->n; i++) {
		str value = take_padded(s, sized ? take_le32(s) : fixed);
		if (i == 0)
			out->value = value;
	}
	return true;
}

/* ── The body ([MS-OXRTFCP]) ── */

enum { RTF_HEADER = 16, RTF_WINDOW = 4096 };

static const char rtf_window[] =
	"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern "
	"\\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0"
	"\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx";

/* A reference is to a place in a ring, in which all that was unpacked is behind the words above. To
 * the place that is written next: the end. */
static bool copy_reference(struct buf *out, uint32_t reference)
{
	size_t start = sizeof rtf_window - 1;
	size_t back = (start + out->n - (reference >> 4)) % RTF_WINDOW;
	for (size_t n = (reference & 15) + 2; back && n && !out->overflowed; n--) {
		size_t written = start + out->n;
		char c = ' ';
		if (back <= written)
			c = written - back < start ? rtf_window[written - back]
						   : out->p[out->n - back];
		buf_add_char(out, c);
	}
	return back && !out->overflowed;
}

static void unpack_rtf(str packed, struct buf *out)
{
	for (bool more = true; more && packed.n > 1;) {
		unsigned flags = (unsigned char)packed.p[0];
		packed = str_skip(packed, 1);
		for (unsigned bit = 0; bit < 8 && more && packed.n; bit++) {
			bool reference = flags >> bit & 1;
			if (reference)
				more = packed.n > 1 &&
				       copy_reference(
					       out, (uint32_t)((unsigned char)packed.p[0] << 8 |
							       (unsigned char)packed.p[1]));
			else
				buf_add_char(out, packed.p[0]);
			packed = str_skip(packed, reference ? 2 : 1);
		}
		more &= !out->overflowed;
	}
}

static void add_rtf(struct tnef *f, str value)
{
	str packed = str_skip(value, RTF_HEADER);
	if (str_equal(str_first(str_skip(value, 8), 4), STR("MELA"))) {
		add_content(f, STR_EMPTY, packed, NULL);
		return;
	}
	/* A byte of flags and eight references of two bytes make 8 * 17. */
	struct buf text = BUF_INIT(RTF_MAX);
	if (inspect_spend(f->scan, f->item, MIN((uint64_t)packed.n * 8, (uint64_t)RTF_MAX)))
		unpack_rtf(packed, &text);
	if (text.overflowed)
		f->item->flags |= INSPECT_TRUNCATED;
	if (text.n)
		add_content(f, STR_EMPTY, str_from(text.p, text.n), text.p);
	else
		buf_done(&text);
}

/* ── Attributes ── */

static void read_property(struct tnef *f, uint32_t level, const struct property *p)
{
	bool name = p->type == TYPE_STRING8 || p->type == TYPE_UNICODE;
	if (level == LEVEL_MESSAGE && p->id == PROPERTY_RTF && p->type == TYPE_BINARY)
		add_rtf(f, p->value);
	else if (level == LEVEL_MESSAGE && p->id == PROPERTY_HTML)
		add_content(f, STR_EMPTY, p->value, NULL);
	else if (level == LEVEL_ATTACHMENT && p->id == PROPERTY_DATA)
		f->content = str_skip(p->value, p->type == TYPE_OBJECT ? INTERFACE_SIZE : 0);
	else if (name && level == LEVEL_ATTACHMENT &&
		 (p->id == PROPERTY_LONG_FILENAME ||
			 (p->id == PROPERTY_FILENAME && !f->filename.n))) {
		f->filename = p->value;
		f->unicode = p->type == TYPE_UNICODE;
	}
}

static void read_properties(struct tnef *f, uint32_t level, str data)
{
	struct property p;
	uint32_t n = take_le32(&data);
	for (uint32_t i = 0; i < n && data.n; i++) {
		if (!take_property(&data, &p)) {
			f->item->flags |= INSPECT_UNREADABLE;
			return;
		}
		read_property(f, level, &p);
	}
}

static void read_attribute(struct tnef *f, uint32_t level, uint32_t id, str data)
{
	if (id == ATTACH_BEGIN)
		end_attachment(f);
	f->any |= level == LEVEL_ATTACHMENT;
	if (id == ATTACH_TITLE)
		f->title = data;
	else if (id == ATTACH_DATA)
		f->content = data;
	else if (id == ATTACH_PROPERTIES || id == MESSAGE_PROPERTIES)
		read_properties(f, level, data);
}

void inspect_tnef(struct inspect_scan *s, struct inspect_item *item)
{
	struct tnef f = { .scan = s, .item = item };
	begin_attachment(&f);
	str rest = str_skip(item->content, HEADER_SIZE);
	while (rest.n) {
		uint32_t level = (unsigned char)rest.p[0], n = inspect_le32(rest, 5);
		str data = str_first(str_skip(rest, ATTRIBUTE_SIZE), n);
		bool bad = level != LEVEL_MESSAGE && level != LEVEL_ATTACHMENT;
		if (bad || data.n < n)
			item->flags |= INSPECT_UNREADABLE;
		if (bad)
			break;
		read_attribute(&f, level, inspect_le32(rest, 1), data);
		rest = str_skip(rest, ATTRIBUTE_SIZE + data.n + CHECKSUM_SIZE);
	}
	end_attachment(&f);
}
