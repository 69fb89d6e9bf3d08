#include "mail/attachment.h"

#include "mail/param.h"

#include "base/utf8.h"

/* What Windows and others run when it is opened. */
static const char *const programs[] = { "exe", "scr", "com", "pif", "bat", "cmd", "js", "jse",
	"vbs", "vbe", "wsf", "wsh", "hta", "msi", "msp", "cpl", "jar", "lnk", "ps1", "reg", "dll",
	"iso", "img", "vhd", "vhdx", "one", "chm", "apk", "appx", "gadget", "url", "sct", "inf",
	"html", "htm", "shtml", "svg", "xll", "application" };
static const char *const documents[] = { "pdf", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "txt",
	"rtf", "jpg", "jpeg", "png", "gif", "bmp", "mp3", "mp4", "avi", "zip", "rar", "csv", "xml",
	"odt", "ods", "htm", "html", "wav", "eml", "tif", "tiff" };

static bool among(const char *const *list, size_t n, str word)
{
	for (size_t i = 0; i < n; i++)
		if (str_equal_nocase(word, str_from_z(list[i])))
			return true;
	return false;
}

static bool is_override(uint32_t c)
{
	return (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x200e ||
	       c == 0x200f;
}

static void add_seen(struct buf *out, str s, uint32_t *flags)
{
	while (s.n) {
		uint32_t c = 0;
		size_t n = utf8_decode(s, &c);
		if (n == 0)
			utf8_encode(out, 0xfffd);
		else if (is_override(c))
			*flags |= ATTACHMENT_OVERRIDE;
		else if (utf8_is_unseen(c) || utf8_is_control(c))
			*flags |= ATTACHMENT_INVISIBLE;
		else
			buf_add(out, str_first(s, n));
		s = str_skip(s, MAX(n, (size_t)1));
	}
}

static str base_name(str s, uint32_t *flags)
{
	for (ptrdiff_t at; (at = str_find_any(s, STR("/\\"))) >= 0;) {
		*flags |= ATTACHMENT_PATH;
		s = str_skip(s, (size_t)at + 1);
	}
	return s;
}

static str extension_of(str name)
{
	ptrdiff_t dot = str_find_last_char(name, '.');
	return dot <= 0 ? STR_EMPTY : str_skip(name, (size_t)dot + 1);
}

/* Windows drops dots and spaces at the end: "x.exe. ." is a program. */
static str without_trailing(str s, uint32_t *flags)
{
	while (s.n && (s.p[s.n - 1] == '.' || s.p[s.n - 1] == ' ')) {
		*flags |= ATTACHMENT_TRAILING;
		s.n--;
	}
	return s;
}

static str first_utf8(str s, size_t n)
{
	if (s.n <= n)
		return s;
	while (n && ((unsigned char)s.p[n] & 0xc0) == 0x80)
		n--;
	return str_first(s, n);
}

static str copy(struct arena *a, str s, bool lower)
{
	char *p = s.n ? arena_try(a, s.n) : NULL;
	if (!p)
		return STR_EMPTY;
	for (size_t i = 0; i < s.n; i++)
		p[i] = lower ? ascii_lower(s.p[i]) : s.p[i];
	return str_from(p, s.n);
}

struct attachment_name attachment_name_clean(struct arena *a, str name)
{
	struct attachment_name out = { .flags =
					       name.n > ATTACHMENT_NAME_MAX ? ATTACHMENT_LONG : 0 };
	struct buf seen CLEANUP(buf_done) = BUF_INIT(4 * ATTACHMENT_NAME_MAX);
	/* The end is what says how it is opened. */
	if (name.n > ATTACHMENT_NAME_MAX) {
		name = str_skip(name, name.n - ATTACHMENT_NAME_MAX);
		while (name.n && ((unsigned char)name.p[0] & 0xc0) == 0x80)
			name = str_skip(name, 1);
	}
	add_seen(&seen, name, &out.flags);
	str s = without_trailing(str_trim(buf_str(&seen)), &out.flags);
	s = base_name(s, &out.flags);
	str extension = extension_of(s);
	str before = extension.n ? str_first(s, s.n - extension.n - 1) : STR_EMPTY;
	str tight = str_trim(before);
	if (before.n - tight.n >= 8)
		out.flags |= ATTACHMENT_PADDED;
	if (among(programs, ARRAY_LEN(programs), extension) &&
		among(documents, ARRAY_LEN(documents), extension_of(tight)))
		out.flags |= ATTACHMENT_DOUBLE;
	out.name = copy(a, first_utf8(s, ATTACHMENT_NAME_MAX), false);
	out.extension = copy(a, str_trim(extension), true);
	return out;
}

struct attachment_name attachment_name(struct arena *a, const struct mime_part *p)
{
	struct buf file CLEANUP(buf_done) = BUF_INIT(64 * ATTACHMENT_NAME_MAX);
	struct buf name CLEANUP(buf_done) = BUF_INIT(64 * ATTACHMENT_NAME_MAX);
	bool has_file = param_decode(&file, p->disposition_params, STR("filename"));
	bool has_name = param_decode(&name, p->type_params, STR("name"));
	struct attachment_name out = attachment_name_clean(a, buf_str(has_file ? &file : &name));
	if (has_file && has_name && !str_equal(buf_str(&file), buf_str(&name)))
		out.flags |= ATTACHMENT_DIFFERS;
	return out;
}
