#include "mail/inspect_internal.h"

#include <zlib.h>

/*
 * PDF (ISO 32000-1) by its names, wherever they stand: readers repair whatever is broken, so
 * nothing here depends on structure. Passed over are only the bytes of streams, and of those not
 * the object streams, which hold objects again, nor streams that are not packed as they say.
 */

enum {
	NAME_MAX_LENGTH = 64,
	STREAM_MAX = 2 * 1024 * 1024,
	DICTIONARY_MAX = 4096,
	LINKS_MAX = 4 * INSPECT_URIS_MAX
};

struct pdf {
	struct inspect_scan *scan;
	struct inspect_item *item;
	size_t links; /* that were read: each may be long, and hold others */
};

static const struct {
	const char *name;
	uint32_t flags;
} names[] = {
	{ "JavaScript", INSPECT_JAVASCRIPT },
	{ "JS", INSPECT_JAVASCRIPT },
	{ "OpenAction", INSPECT_OPEN_ACTION },
	{ "AA", INSPECT_OPEN_ACTION },
	{ "Launch", INSPECT_LAUNCH },
	{ "GoToR", INSPECT_EXTERNAL },
	{ "GoToE", INSPECT_EMBEDDED },
	{ "EmbeddedFile", INSPECT_EMBEDDED },
	{ "EmbeddedFiles", INSPECT_EMBEDDED },
	{ "RichMedia", INSPECT_EMBEDDED },
	{ "SubmitForm", INSPECT_SUBMIT },
	{ "ImportData", INSPECT_SUBMIT },
	{ "XFA", INSPECT_XFA },
	{ "Encrypt", INSPECT_ENCRYPTED },
};

static bool is_white(char c)
{
	return ascii_is_space(c) || c == '\f' || c == '\0';
}

static bool ends_name(char c)
{
	return is_white(c) || strchr("()<>[]{}/%", c);
}

/* Behind the slash; *rest is moved to what follows. #xx is undone. */
static str read_name(str *rest, char *out, bool *out_escaped)
{
	size_t n = 0, at = 0;
	str s = *rest;
	*out_escaped = false;
	for (; at < s.n && !ends_name(s.p[at]); at++) {
		char c = s.p[at];
		if (c == '#' && at + 2 < s.n && ascii_hex(s.p[at + 1]) >= 0 &&
			ascii_hex(s.p[at + 2]) >= 0) {
			c = (char)(ascii_hex(s.p[at + 1]) << 4 | ascii_hex(s.p[at + 2]));
			*out_escaped = true;
			at += 2;
		}
		if (n < NAME_MAX_LENGTH)
			out[n++] = c;
	}
	*rest = str_skip(s, at);
	return str_from(out, n);
}

static str skip_white(str s)
{
	while (s.n && is_white(s.p[0]))
		s = str_skip(s, 1);
	return s;
}

static char escape_of(char c)
{
	static const char from[] = "nrtbf", to[] = "\n\r\t\b\f";
	const char *at = c ? strchr(from, c) : NULL;
	return at ? to[at - from] : c;
}

/* One to three octal digits, at *i. */
static char octal(str s, size_t *i)
{
	unsigned value = 0;
	size_t end = MIN(*i + 3, s.n);
	for (; *i < end && s.p[*i] >= '0' && s.p[*i] <= '7'; ++*i)
		value = value << 3 | (unsigned)(s.p[*i] - '0');
	--*i;
	return (char)value;
}

/* "(…)" with its escapes undone. */
static void read_literal(str s, struct buf *out)
{
	unsigned depth = 0;
	for (size_t i = 0; i < s.n && !out->overflowed; i++) {
		char c = s.p[i];
		if (c == '(' && depth++ == 0)
			continue;
		if (c == ')' && --depth == 0)
			break;
		if (c == '\\' && i + 1 < s.n) {
			c = s.p[++i];
			if (c == '\n' || c == '\r')
				continue;
			c = c >= '0' && c <= '7' ? octal(s, &i) : escape_of(c);
		}
		buf_add_char(out, c);
	}
}

static void read_hex(str s, struct buf *out)
{
	int high = -1;
	for (size_t i = 1; i < s.n && s.p[i] != '>' && !out->overflowed; i++) {
		int digit = ascii_hex(s.p[i]);
		if (digit < 0)
			continue;
		if (high >= 0)
			buf_add_char(out, (char)(high << 4 | digit));
		high = high >= 0 ? -1 : digit;
	}
}

static void read_uri(struct pdf *p, str rest)
{
	struct buf b CLEANUP(buf_done) = BUF_INIT(INSPECT_URI_LENGTH_MAX + 1);
	if (++p->links > LINKS_MAX) {
		p->item->flags |= INSPECT_TRUNCATED;
		return;
	}
	rest = skip_white(str_first(rest, 2 * INSPECT_URI_LENGTH_MAX));
	if (str_starts(rest, STR("(")))
		read_literal(rest, &b);
	else if (str_starts(rest, STR("<")) && !str_starts(rest, STR("<<")))
		read_hex(rest, &b);
	inspect_add_uri(p->scan, p->item, buf_str(&b));
}

static void look_at_name(struct pdf *p, str name, bool escaped, str rest)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_equal(name, str_from_z(names[i].name)))
			p->item->flags |= names[i].flags | (escaped ? INSPECT_ESCAPED : 0);
	if (str_equal(name, STR("URI")))
		read_uri(p, rest);
}

static void look_at_names(struct pdf *p, str s)
{
	char space[NAME_MAX_LENGTH];
	for (ptrdiff_t at; (at = str_find_char(s, '/')) >= 0;) {
		bool escaped;
		s = str_skip(s, (size_t)at + 1);
		str name = read_name(&s, space, &escaped);
		look_at_name(p, name, escaped, s);
	}
}

/* ── Streams ── */

static bool has_name(str dictionary, const char *name)
{
	char space[NAME_MAX_LENGTH];
	for (ptrdiff_t at; (at = str_find_char(dictionary, '/')) >= 0;) {
		bool escaped;
		dictionary = str_skip(dictionary, (size_t)at + 1);
		if (str_equal(read_name(&dictionary, space, &escaped), str_from_z(name)))
			return true;
	}
	return false;
}

/* What is left where it is damaged is taken too. False where it is not packed at all. */
static bool unpack(struct pdf *p, str packed, struct buf *out)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)packed.p, .avail_in = (uInt)packed.n };
	if (inflateInit(&z) != Z_OK)
		return false;
	int rc = Z_OK;
	while (rc == Z_OK) {
		size_t room = MIN((size_t)16384, out->max - out->n);
		char *at = room ? buf_reserve(out, room) : NULL;
		if (!at || !inspect_spend(p->scan, p->item, room)) {
			p->item->flags |= INSPECT_TRUNCATED;
			break;
		}
		z.next_out = (Bytef *)at;
		z.avail_out = (uInt)room;
		rc = inflate(&z, Z_NO_FLUSH);
		out->n += room - z.avail_out;
	}
	inflateEnd(&z);
	return out->n > 0;
}

static void read_stream(struct pdf *p, str dictionary, str body)
{
	struct buf b CLEANUP(buf_done) = BUF_INIT(STREAM_MAX);
	bool objects = has_name(dictionary, "ObjStm");
	bool flate = has_name(dictionary, "FlateDecode") || has_name(dictionary, "Fl");
	bool other = !flate && (has_name(dictionary, "Filter") || has_name(dictionary, "F"));
	if (other || (flate && !objects && str_starts(body, STR("x"))))
		return;
	while (body.n && (body.p[0] == '\r' || body.p[0] == '\n'))
		body = str_skip(body, 1);
	if (flate && unpack(p, body, &b))
		look_at_names(p, buf_str(&b));
	else
		look_at_names(p, body);
}

/* The dictionary that ends before s[at]: from "obj" on. */
static str dictionary_before(str s, size_t at)
{
	str before = str_first(s, at);
	before = str_skip(before, before.n > DICTIONARY_MAX ? before.n - DICTIONARY_MAX : 0);
	str found = before;
	for (ptrdiff_t obj; (obj = str_find(found, STR("obj"))) >= 0;)
		found = str_skip(found, (size_t)obj + 3);
	return found;
}

/* "stream" behind ">>" and before the end of a line; -1 where there is none. */
static ptrdiff_t find_stream(str s)
{
	size_t from = 0;
	for (ptrdiff_t at; (at = str_find(str_skip(s, from), STR("stream"))) >= 0;) {
		size_t start = from + (size_t)at, end = start + 6;
		size_t before = start;
		while (before && is_white(s.p[before - 1]))
			before--;
		if (before && s.p[before - 1] == '>' && end < s.n &&
			(s.p[end] == '\r' || s.p[end] == '\n' || s.p[end] == ' '))
			return (ptrdiff_t)start;
		from = end;
	}
	return -1;
}

void inspect_pdf(struct inspect_scan *s, struct inspect_item *item)
{
	struct pdf p = { .scan = s, .item = item };
	for (str rest = item->content; rest.n;) {
		ptrdiff_t at = find_stream(rest);
		str plain = str_first(rest, at < 0 ? rest.n : (size_t)at);
		look_at_names(&p, plain);
		if (at < 0)
			break;
		str body = str_skip(rest, plain.n + 6);
		ptrdiff_t end = str_find(body, STR("endstream"));
		size_t n = end < 0 ? body.n : (size_t)end;
		read_stream(&p, dictionary_before(rest, plain.n), str_first(body, n));
		rest = str_skip(body, n + (end < 0 ? 0 : 9));
	}
}
