#include "mail/inspect_internal.h"

#include "base/utf8.h"

/*
 * Types by first bytes. libmagic knows many more, but takes milliseconds where this takes none
 * (text costs it 10 ms, most of it regular expressions), and what matters most is told by few
 * bytes.
 */
static const struct {
	uint32_t at;
	uint8_t n;
	const char *bytes;
	const char *type;
	enum inspect_class class;
} signatures[] = {
	{ 0, 2, "MZ", "application/vnd.microsoft.portable-executable", INSPECT_EXECUTABLE },
	{ 0, 4,
		"\x7f"
		"ELF",
		"application/x-executable", INSPECT_EXECUTABLE },
	{ 0, 4, "\xcf\xfa\xed\xfe", "application/x-mach-binary", INSPECT_EXECUTABLE },
	{ 0, 4, "\xce\xfa\xed\xfe", "application/x-mach-binary", INSPECT_EXECUTABLE },
	{ 0, 4, "\xca\xfe\xba\xbe", "application/java-vm", INSPECT_EXECUTABLE },
	{ 0, 4, "dex\n", "application/vnd.android.dex", INSPECT_EXECUTABLE },
	{ 0, 3, "FWS", "application/x-shockwave-flash", INSPECT_EXECUTABLE },
	{ 0, 3, "CWS", "application/x-shockwave-flash", INSPECT_EXECUTABLE },
	{ 0, 3, "ZWS", "application/x-shockwave-flash", INSPECT_EXECUTABLE },
	{ 0, 8, "ITSF\x03\0\0\0", "application/vnd.ms-htmlhelp", INSPECT_EXECUTABLE },
	{ 0, 8, "!<arch>\n", "application/x-archive", INSPECT_ARCHIVE },
	{ 0, 4, "\xed\xab\xee\xdb", "application/x-rpm", INSPECT_EXECUTABLE },
	{ 0, 8, "\x4c\0\0\0\x01\x14\x02\0", "application/x-ms-shortcut", INSPECT_SHORTCUT },
	{ 0, 4, "#@~^", "text/vbscript.encode", INSPECT_SCRIPT },
	{ 0, 8, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage", INSPECT_OFFICE },
	{ 0, 16, "\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3",
		"application/onenote", INSPECT_OFFICE },
	{ 0, 4, "{\\rt", "text/rtf", INSPECT_OFFICE },
	{ 0, 4, "\x78\x9f\x3e\x22", "application/ms-tnef", INSPECT_MESSAGE },
	{ 0, 4, "PK\x03\x04", "application/zip", INSPECT_ARCHIVE },
	{ 0, 4, "PK\x05\x06", "application/zip", INSPECT_ARCHIVE },
	{ 0, 8, "PK00PK\x03\x04", "application/zip", INSPECT_ARCHIVE },
	{ 0, 8, "PK\x07\x08PK\x03\x04", "application/zip", INSPECT_ARCHIVE },
	{ 0, 7, "Rar!\x1a\x07\0", "application/vnd.rar", INSPECT_ARCHIVE },
	{ 0, 8, "Rar!\x1a\x07\x01\0", "application/vnd.rar", INSPECT_ARCHIVE },
	{ 0, 6, "7z\xbc\xaf\x27\x1c", "application/x-7z-compressed", INSPECT_ARCHIVE },
	{ 0, 8, "MSCF\0\0\0\0", "application/vnd.ms-cab-compressed", INSPECT_ARCHIVE },
	{ 0, 3, "\x1f\x8b\x08", "application/gzip", INSPECT_ARCHIVE },
	{ 4, 6, "1AY&SY", "application/x-bzip2", INSPECT_ARCHIVE },
	{ 0, 6,
		"\xfd"
		"7zXZ\0",
		"application/x-xz", INSPECT_ARCHIVE },
	{ 0, 4, "\x28\xb5\x2f\xfd", "application/zstd", INSPECT_ARCHIVE },
	{ 0, 4, "\x04\x22\x4d\x18", "application/x-lz4", INSPECT_ARCHIVE },
	{ 0, 4, "LZIP", "application/x-lzip", INSPECT_ARCHIVE },
	{ 0, 3, "\x1f\x9d\x90", "application/x-compress", INSPECT_ARCHIVE },
	{ 0, 2, "\x60\xea", "application/x-arj", INSPECT_ARCHIVE },
	{ 7, 7, "**ACE**", "application/x-ace-compressed", INSPECT_ARCHIVE },
	{ 2, 3, "-lh", "application/x-lzh-compressed", INSPECT_ARCHIVE },
	{ 2, 3, "-lz", "application/x-lzh-compressed", INSPECT_ARCHIVE },
	{ 0, 6, "070701", "application/x-cpio", INSPECT_ARCHIVE },
	{ 0, 6, "070702", "application/x-cpio", INSPECT_ARCHIVE },
	{ 0, 6, "070707", "application/x-cpio", INSPECT_ARCHIVE },
	{ 257, 5, "ustar", "application/x-tar", INSPECT_ARCHIVE },
	{ 0, 8, "MSWIM\0\0\0", "application/x-ms-wim", INSPECT_DISK_IMAGE },
	{ 0, 8, "conectix", "application/x-vhd", INSPECT_DISK_IMAGE },
	{ 0, 8, "vhdxfile", "application/x-vhdx", INSPECT_DISK_IMAGE },
	{ 0, 4, "KDMV", "application/x-vmdk", INSPECT_DISK_IMAGE },
	{ 0, 4, "QFI\xfb", "application/x-qemu-disk", INSPECT_DISK_IMAGE },
	{ 0x8001, 5, "CD001", "application/x-iso9660-image", INSPECT_DISK_IMAGE },
	{ 0x8001, 5, "BEA01", "application/x-udf-image", INSPECT_DISK_IMAGE },
	{ 0, 8, "\x89PNG\r\n\x1a\n", "image/png", INSPECT_IMAGE },
	{ 0, 3, "\xff\xd8\xff", "image/jpeg", INSPECT_IMAGE },
	{ 0, 6, "GIF87a", "image/gif", INSPECT_IMAGE },
	{ 0, 6, "GIF89a", "image/gif", INSPECT_IMAGE },
	{ 0, 4, "II*\0", "image/tiff", INSPECT_IMAGE },
	{ 0, 4, "MM\0*", "image/tiff", INSPECT_IMAGE },
	{ 8, 4, "WEBP", "image/webp", INSPECT_IMAGE },
	{ 8, 4, "WAVE", "audio/x-wav", INSPECT_MEDIA },
	{ 0, 3, "ID3", "audio/mpeg", INSPECT_MEDIA },
	{ 0, 4, "OggS", "application/ogg", INSPECT_MEDIA },
	{ 4, 8, "ftypheic", "image/heic", INSPECT_IMAGE },
	{ 4, 8, "ftypavif", "image/avif", INSPECT_IMAGE },
	{ 4, 4, "ftyp", "video/mp4", INSPECT_MEDIA },
};

static struct inspect_type by_signature(str s)
{
	for (size_t i = 0; i < ARRAY_LEN(signatures); i++) {
		str rest = str_skip(s, signatures[i].at);
		if (str_starts(rest, str_from(signatures[i].bytes, signatures[i].n)))
			return (struct inspect_type){ signatures[i].type, signatures[i].class };
	}
	return (struct inspect_type){ NULL, INSPECT_OTHER };
}

/* A FAT or NTFS boot sector, or a partition table. */
static bool is_raw_disk(str s)
{
	if (s.n < 512 || memcmp(s.p + 510, "\x55\xaa", 2) != 0)
		return false;
	str jump = str_first(s, 3);
	bool boots = (jump.p[0] == '\xeb' && jump.p[2] == '\x90') || jump.p[0] == '\xe9';
	return boots && (str_starts(str_skip(s, 3), STR("NTFS")) ||
				str_starts(str_skip(s, 54), STR("FAT")) ||
				str_starts(str_skip(s, 82), STR("FAT")) ||
				str_starts(str_skip(s, 3), STR("EXFAT")));
}

bool inspect_is_text(str s)
{
	s = str_first(s, INSPECT_HEAD);
	bool wide = str_starts(s, STR("\xff\xfe")) || str_starts(s, STR("\xfe\xff"));
	size_t odd = 0;
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c == 0 && !wide)
			return false;
		odd += c && c < ' ' && c != '\t' && c != '\r' && c != '\n' && c != '\f' && c != 27;
	}
	return s.n && odd * 100 <= s.n;
}

/* Without a byte order mark and white space; UTF-16 as far as it is ASCII: into `ascii`. */
static str text_start(str s, char *ascii, size_t size)
{
	if (str_starts(s, STR("\xef\xbb\xbf")))
		s = str_skip(s, 3);
	bool little = str_starts(s, STR("\xff\xfe")), big = str_starts(s, STR("\xfe\xff"));
	if (little || big) {
		size_t n = 0;
		for (size_t i = 2 + (big ? 1 : 0); i < s.n && n < size; i += 2)
			ascii[n++] = s.p[i];
		s = str_from(ascii, n);
	}
	return str_trim(s);
}

static bool is_header_line(str s)
{
	static const char *const first[] = { "return-path:", "received:", "from:", "date:",
		"subject:", "message-id:", "mime-version:", "delivered-to:", "to:",
		"dkim-signature:", "x-mozilla-status:", "from " };
	for (size_t i = 0; i < ARRAY_LEN(first); i++)
		if (str_starts_nocase(s, str_from_z(first[i])))
			return str_find_nocase(s, STR("\nsubject:")) >= 0 ||
			       str_find_nocase(s, STR("\nfrom:")) >= 0 ||
			       str_find_nocase(s, STR("\nreceived:")) >= 0;
	return false;
}

static const struct {
	const char *start, *type;
	enum inspect_class class;
} openings[] = {
	{ "#!", "text/x-shellscript", INSPECT_SCRIPT },
	{ "[InternetShortcut]", "application/x-mswinurl", INSPECT_SHORTCUT },
	{ "[{000214A0-0000-0000-C000-000000000046}]", "application/x-mswinurl", INSPECT_SHORTCUT },
	{ "[Desktop Entry]", "application/x-desktop", INSPECT_SHORTCUT },
	{ "Windows Registry Editor", "text/x-ms-regedit", INSPECT_SCRIPT },
	{ "REGEDIT4", "text/x-ms-regedit", INSPECT_SCRIPT },
	{ "@echo off", "text/x-msdos-batch", INSPECT_SCRIPT },
	{ "<?php", "text/x-php", INSPECT_SCRIPT },
	{ "<job", "text/x-wsf", INSPECT_SCRIPT },
	{ "<package", "text/x-wsf", INSPECT_SCRIPT },
	{ "<!doctype html", "text/html", INSPECT_HTML },
	{ "<svg", "image/svg+xml", INSPECT_IMAGE },
	{ "<html", "text/html", INSPECT_HTML },
	{ "<head", "text/html", INSPECT_HTML },
	{ "<body", "text/html", INSPECT_HTML },
	{ "<script", "text/html", INSPECT_HTML },
	{ "<meta", "text/html", INSPECT_HTML },
	{ "<title", "text/html", INSPECT_HTML },
	{ "<iframe", "text/html", INSPECT_HTML },
	{ "BEGIN:VCALENDAR", "text/calendar", INSPECT_TEXT },
	{ "BEGIN:VCARD", "text/vcard", INSPECT_TEXT },
	{ "-----BEGIN PGP SIGNATURE", "application/pgp-signature", INSPECT_OTHER },
	{ "-----BEGIN PGP PUBLIC KEY", "application/pgp-keys", INSPECT_OTHER },
	{ "-----BEGIN PGP MESSAGE", "application/pgp-encrypted", INSPECT_OTHER },
};

static bool is_xml_opening(str s)
{
	return str_starts_nocase(s, STR("<?xml")) || str_starts(s, STR("<!--")) ||
	       str_starts_nocase(s, STR("<!doctype"));
}

static struct inspect_type type_of_xml(str s)
{
	static const struct {
		const char *mark, *type;
		enum inspect_class class;
	} roots[] = { { "<hta:application", "application/hta", INSPECT_SCRIPT },
		{ "progid=\"Word.Document\"", "application/msword", INSPECT_OFFICE },
		{ "progid=\"Excel.Sheet\"", "application/vnd.ms-excel", INSPECT_OFFICE },
		{ "<svg", "image/svg+xml", INSPECT_IMAGE }, { "<html", "text/html", INSPECT_HTML },
		{ "<scriptlet", "text/scriptlet", INSPECT_SCRIPT },
		{ "<job", "text/x-wsf", INSPECT_SCRIPT },
		{ "<libraryDescription", "application/windows-library+xml", INSPECT_SHORTCUT },
		{ "<PCSettings", "application/x-settingcontent", INSPECT_SHORTCUT } };
	for (size_t i = 0; i < ARRAY_LEN(roots); i++)
		if (str_find_nocase(s, str_from_z(roots[i].mark)) >= 0)
			return (struct inspect_type){ roots[i].type, roots[i].class };
	return (struct inspect_type){ "text/xml", INSPECT_TEXT };
}

static struct inspect_type type_of_text(str s)
{
	char ascii[1024];
	s = text_start(str_first(s, INSPECT_HEAD), ascii, sizeof ascii);
	if (str_find_nocase(s, STR("<hta:application")) >= 0)
		return (struct inspect_type){ "application/hta", INSPECT_SCRIPT };
	for (size_t i = 0; i < ARRAY_LEN(openings); i++)
		if (str_starts_nocase(s, str_from_z(openings[i].start)))
			return (struct inspect_type){ openings[i].type, openings[i].class };
	if (is_header_line(s))
		return (struct inspect_type){ "message/rfc822", INSPECT_MESSAGE };
	if (is_xml_opening(s))
		return type_of_xml(s);
	return (struct inspect_type){ "text/plain", INSPECT_TEXT };
}

struct inspect_type inspect_type_of(str s, bool whole)
{
	struct inspect_type t = by_signature(s);
	/* Universal binaries of macOS have the number of architectures there, classes a version. */
	if (t.type && str_starts(s, STR("\xca\xfe\xba\xbe")) && inspect_le32(s, 4) >> 24 < 40 &&
		inspect_le16(s, 4) == 0)
		t.type = "application/x-mach-binary";
	/* "MZ" or "CWS" may begin a text. */
	if (t.type && t.class == INSPECT_EXECUTABLE && inspect_is_text(s))
		return type_of_text(s);
	/* What comes before the mark of a PDF does not matter to readers. */
	if (str_find(str_first(s, 1024), STR("%PDF-")) >= 0 &&
		(!t.type || t.class != INSPECT_ARCHIVE))
		return (struct inspect_type){ "application/pdf", INSPECT_PDF };
	if (t.type)
		return t;
	if (is_raw_disk(s))
		return (struct inspect_type){ "application/x-raw-disk-image", INSPECT_DISK_IMAGE };
	if (whole && s.n >= 512 && str_starts(str_skip(s, s.n - 512), STR("conectix")))
		return (struct inspect_type){ "application/x-vhd", INSPECT_DISK_IMAGE };
	if (inspect_is_text(s))
		return type_of_text(s);
	return (struct inspect_type){ NULL, INSPECT_OTHER };
}

struct inspect_type inspect_type_named(struct inspect_type type, str extension)
{
	enum inspect_class named = inspect_class_of_extension(extension);
	bool plain = type.class == INSPECT_TEXT || type.class == INSPECT_HTML;
	if (plain && str_equal(extension, STR("hta")))
		return (struct inspect_type){ "application/hta", INSPECT_SCRIPT };
	if (type.class == INSPECT_TEXT &&
		(named == INSPECT_SCRIPT || named == INSPECT_SHORTCUT || named == INSPECT_HTML))
		type.class = named;
	return type;
}

/* ── What names and headers promise ── */

static const struct {
	const char *words;
	enum inspect_class class;
} extensions[] = {
	{ "exe scr com pif cpl dll sys ocx msi msp msix msixbundle appx appxbundle appinstaller "
	  "jar class "
	  "apk xapk ipa app dmg pkg deb rpm elf bin run chm xll gadget application msu swf mst drv "
	  "ax",
		INSPECT_EXECUTABLE },
	{ "js jse mjs vbs vbe vb wsf wsh wsc ws sct hta bat cmd ps1 ps1xml ps2 psm1 psd1 psc1 sh "
	  "bash csh "
	  "zsh ksh py pyw pyc pyz rb pl php phtml reg inf ahk au3 scpt applescript command tcl lua "
	  "msc jnlp "
	  "xbap",
		INSPECT_SCRIPT },
	{ "lnk url website webloc desktop library-ms searchconnector-ms search-ms "
	  "settingcontent-ms scf "
	  "theme themepack rdp mad maf mda mde mam",
		INSPECT_SHORTCUT },
	{ "doc docx docm dot dotx dotm xls xlsx xlsm xlsb xlt xltx xltm xlam xla xlw ppt pptx pptm "
	  "pps ppsx "
	  "ppsm pot potx potm ppam ppa sldx sldm rtf odt ods odp odg odf ott ots otp one onepkg "
	  "onetoc2 pub "
	  "vsd vsdx vsdm vss vst mdb accdb accde adp slk iqy oqy wps wpd xps oxps",
		INSPECT_OFFICE },
	{ "pdf fdf xfdf", INSPECT_PDF },
	{ "zip zipx rar r00 r01 7z 001 tar tgz tbz tbz2 txz tzst gz bz2 xz zst lz lzma lz4 z cab "
	  "arj ace lzh "
	  "lha cpio uue uu xxe b64 xar",
		INSPECT_ARCHIVE },
	{ "iso img vhd vhdx vmdk udf cdr nrg mdf wim esd swm ima qcow2 dsk", INSPECT_DISK_IMAGE },
	{ "html htm xhtml xht shtml shtm mht mhtml svg svgz", INSPECT_HTML },
	{ "jpg jpeg jpe jfif png gif bmp dib tif tiff webp heic heif avif ico psd jxl jp2 wmf emf",
		INSPECT_IMAGE },
	{ "mp3 wav ogg oga ogv opus flac m4a aac wma mid midi mp4 m4v mov avi mkv webm wmv mpg "
	  "mpeg 3gp amr",
		INSPECT_MEDIA },
	{ "eml msg mbox emlx", INSPECT_MESSAGE },
	{ "txt text csv tsv log md ics vcf xml json yaml yml ini conf cfg tex asc diff patch c h "
	  "cpp",
		INSPECT_TEXT },
};

/* Whether `word` is one of the words in `list`. */
static bool among(str list, str word)
{
	for (str one; list.n;) {
		str_cut(list, ' ', &one, &list);
		if (str_equal_nocase(one, word))
			return true;
	}
	return false;
}

enum inspect_class inspect_class_of_extension(str extension)
{
	for (size_t i = 0; i < ARRAY_LEN(extensions); i++)
		if (among(str_from_z(extensions[i].words), extension))
			return extensions[i].class;
	return INSPECT_OTHER;
}

static const struct {
	const char *prefix;
	enum inspect_class class;
} types[] = {
	{ "image/svg", INSPECT_HTML },
	{ "image/", INSPECT_IMAGE },
	{ "audio/", INSPECT_MEDIA },
	{ "video/", INSPECT_MEDIA },
	{ "application/ogg", INSPECT_MEDIA },
	{ "application/pdf", INSPECT_PDF },
	{ "application/x-pdf", INSPECT_PDF },
	{ "message/", INSPECT_MESSAGE },
	{ "application/vnd.ms-outlook", INSPECT_MESSAGE },
	{ "text/html", INSPECT_HTML },
	{ "application/xhtml", INSPECT_HTML },
	{ "text/rtf", INSPECT_OFFICE },
	{ "application/rtf", INSPECT_OFFICE },
	{ "text/javascript", INSPECT_SCRIPT },
	{ "application/javascript", INSPECT_SCRIPT },
	{ "application/x-javascript", INSPECT_SCRIPT },
	{ "text/vbscript", INSPECT_SCRIPT },
	{ "application/hta", INSPECT_SCRIPT },
	{ "text/x-", INSPECT_SCRIPT },
	{ "application/x-sh", INSPECT_SCRIPT },
	{ "application/msword", INSPECT_OFFICE },
	{ "application/vnd.openxmlformats-", INSPECT_OFFICE },
	{ "application/vnd.oasis.opendocument", INSPECT_OFFICE },
	{ "application/vnd.ms-htmlhelp", INSPECT_EXECUTABLE },
	{ "application/vnd.ms-cab", INSPECT_ARCHIVE },
	{ "application/vnd.ms-tnef", INSPECT_MESSAGE },
	{ "application/ms-tnef", INSPECT_MESSAGE },
	{ "application/vnd.ms-", INSPECT_OFFICE },
	{ "application/msexcel", INSPECT_OFFICE },
	{ "application/mspowerpoint", INSPECT_OFFICE },
	{ "application/onenote", INSPECT_OFFICE },
	{ "application/msonenote", INSPECT_OFFICE },
	{ "application/zip", INSPECT_ARCHIVE },
	{ "application/x-zip", INSPECT_ARCHIVE },
	{ "application/vnd.rar", INSPECT_ARCHIVE },
	{ "application/x-rar", INSPECT_ARCHIVE },
	{ "application/x-7z", INSPECT_ARCHIVE },
	{ "application/gzip", INSPECT_ARCHIVE },
	{ "application/x-gzip", INSPECT_ARCHIVE },
	{ "application/zstd", INSPECT_ARCHIVE },
	{ "application/x-bzip", INSPECT_ARCHIVE },
	{ "application/x-xz", INSPECT_ARCHIVE },
	{ "application/x-lz", INSPECT_ARCHIVE },
	{ "application/x-compress", INSPECT_ARCHIVE },
	{ "application/x-tar", INSPECT_ARCHIVE },
	{ "application/x-cpio", INSPECT_ARCHIVE },
	{ "application/x-arj", INSPECT_ARCHIVE },
	{ "application/x-ace", INSPECT_ARCHIVE },
	{ "application/x-archive", INSPECT_ARCHIVE },
	{ "application/x-iso9660", INSPECT_DISK_IMAGE },
	{ "application/x-cd-image", INSPECT_DISK_IMAGE },
	{ "application/x-dosexec", INSPECT_EXECUTABLE },
	{ "application/x-msdownload", INSPECT_EXECUTABLE },
	{ "application/x-msdos-program", INSPECT_EXECUTABLE },
	{ "application/vnd.microsoft.portable-executable", INSPECT_EXECUTABLE },
	{ "application/x-executable", INSPECT_EXECUTABLE },
	{ "application/x-sharedlib", INSPECT_EXECUTABLE },
	{ "application/x-pie-executable", INSPECT_EXECUTABLE },
	{ "application/x-object", INSPECT_EXECUTABLE },
	{ "application/x-mach-binary", INSPECT_EXECUTABLE },
	{ "application/java-archive", INSPECT_EXECUTABLE },
	{ "application/x-java-", INSPECT_EXECUTABLE },
	{ "application/x-msi", INSPECT_EXECUTABLE },
	{ "application/vnd.android", INSPECT_EXECUTABLE },
	{ "application/vnd.debian", INSPECT_EXECUTABLE },
	{ "application/x-rpm", INSPECT_EXECUTABLE },
	{ "application/x-shockwave-flash", INSPECT_EXECUTABLE },
	{ "application/x-ms-shortcut", INSPECT_SHORTCUT },
	{ "application/x-mswinurl", INSPECT_SHORTCUT },
	{ "text/", INSPECT_TEXT },
	{ "application/xml", INSPECT_TEXT },
	{ "application/json", INSPECT_TEXT },
};

enum inspect_class inspect_class_of_type(str type)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (str_starts_nocase(type, str_from_z(types[i].prefix)))
			return types[i].class;
	return INSPECT_OTHER;
}

const char *inspect_class_name(enum inspect_class class)
{
	static const char *const names[INSPECT_CLASSES] = { "other", "executable", "script",
		"shortcut", "office", "pdf", "archive", "disk-image", "html", "image", "media",
		"message", "text" };
	ASSERT(class < INSPECT_CLASSES);
	return names[class];
}

const char *inspect_flag_name(unsigned bit)
{
	static const char *const names[] = { "encrypted", "names-encrypted", "unreadable",
		"truncated", "bomb", "too-deep", "macros", "macros-auto", "macros-xlm", "template",
		"external", "embedded", "activex", "dde", "equation", "updates", "javascript",
		"open-action", "launch", "submit", "xfa", "escaped", "links" };
	return bit < ARRAY_LEN(names) ? names[bit] : NULL;
}
