#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "mail/inspect.h"
#include "mail/attachment.h"
#include "mail/inspect_testing.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <seccomp.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct fixture {
	struct inspector *inspector;
	struct arena arena;
	struct inspection out;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof *f);
	struct err err;
	f->arena = ARENA_INIT(INSPECT_ARENA_MAX);
	f->inspector = inspector_new(&err);
	assert_non_null(f->inspector);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	arena_done(&f->arena);
	inspector_free(f->inspector);
	free(f);
	return 0;
}

static const struct inspection *look(struct fixture *f, str content, const char *name)
{
	arena_done(&f->arena);
	inspect(f->inspector, &f->arena, content, str_from_z(name), STR_EMPTY, &f->out);
	return &f->out;
}

static void assert_str(str s, const char *expected)
{
	if (!str_equal(s, str_from_z(expected)))
		fail_msg("\"%.*s\", not \"%s\"", STR_ARG(s), expected);
}

static const struct inspect_entry *entry(const struct inspection *i, const char *name)
{
	for (size_t j = 0; j < i->entries_n; j++)
		if (str_equal(i->entries[j].name, str_from_z(name)))
			return &i->entries[j];
	fail_msg("no %s among %zu", name, i->entries_n);
	return NULL;
}

/* A constant slice. */
#define S(literal)                                                                                 \
	{                                                                                          \
		literal, sizeof literal - 1                                                        \
	}
#define PE "MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0\xb8\0\0\0\0\0\0\0\x40\0\0\0\0\0\0\0\0\0\0\0"

/* ── Types ── */

static const struct {
	const char *name;
	str content;
	const char *type;
	enum inspect_class class, named;
} types[] = {
	{ "a.exe", S(PE), "application/vnd.microsoft.portable-executable", INSPECT_EXECUTABLE,
		INSPECT_EXECUTABLE },
	{ "invoice.pdf", S(PE), "application/vnd.microsoft.portable-executable", INSPECT_EXECUTABLE,
		INSPECT_PDF },
	{ "a.txt", S("MZ is how my name begins\n"), "text/plain", INSPECT_TEXT, INSPECT_TEXT },
	{ "a.js", S("var a = 1;\n"), "text/plain", INSPECT_SCRIPT, INSPECT_SCRIPT },
	{ "a.pdf", S("junk\n%PDF-1.4\n"), "application/pdf", INSPECT_PDF, INSPECT_PDF },
	{ "a.lnk", S("\x4c\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0"), "application/x-ms-shortcut",
		INSPECT_SHORTCUT, INSPECT_SHORTCUT },
	{ "a.url", S("[InternetShortcut]\r\nURL=http://a.example/\r\n"), "application/x-mswinurl",
		INSPECT_SHORTCUT, INSPECT_SHORTCUT },
	{ "a.html", S("<!DOCTYPE html><p>hi"), "text/html", INSPECT_HTML, INSPECT_HTML },
	{ "a.hta", S("<html><script>x</script>"), "application/hta", INSPECT_SCRIPT,
		INSPECT_SCRIPT },
	{ "a.txt", S("<html><HTA:APPLICATION id=a>"), "application/hta", INSPECT_SCRIPT,
		INSPECT_TEXT },
	{ "a.vbe", S("#@~^CgAAAA==x"), "text/vbscript.encode", INSPECT_SCRIPT, INSPECT_SCRIPT },
	{ "a", S("#!/bin/sh\nls\n"), "text/x-shellscript", INSPECT_SCRIPT, INSPECT_OTHER },
	{ "a.png", S("\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), "image/png", INSPECT_IMAGE, INSPECT_IMAGE },
	{ "a.vhd", S("conectix\0\0\0\2"), "application/x-vhd", INSPECT_DISK_IMAGE,
		INSPECT_DISK_IMAGE },
	{ "a.eml", S("From: a@a.example\r\nSubject: x\r\n\r\nhi\r\n"), "message/rfc822",
		INSPECT_MESSAGE, INSPECT_MESSAGE },
	{ "a.svg", S("<svg xmlns='x'><circle/></svg>"), "image/svg+xml", INSPECT_IMAGE,
		INSPECT_HTML },
	{ "a.svg", S("<svg onload='x()'></svg>"), "image/svg+xml", INSPECT_HTML, INSPECT_HTML },
	{ "a.xml", S("\xff\xfe<\0?\0x\0m\0l\0 \0v\0?\0>\0"), "text/xml", INSPECT_TEXT,
		INSPECT_TEXT },
	{ "a.settingcontent-ms", S("<?xml version='1.0'?><PCSettings>"),
		"application/x-settingcontent", INSPECT_SHORTCUT, INSPECT_SHORTCUT },
	{ "a.ace", S("0123456**ACE**abcdefghijk"), "application/x-ace-compressed", INSPECT_ARCHIVE,
		INSPECT_ARCHIVE },
	{ "", S(""), "application/x-empty", INSPECT_OTHER, INSPECT_OTHER },
	{ "a.asc", S("-----BEGIN PGP SIGNATURE-----\n\n"), "application/pgp-signature",
		INSPECT_OTHER, INSPECT_TEXT },
	/* Known to libmagic alone. */
	{ "a.wasm", S("\0asm\1\0\0\0\1\4\1\x60\0\0"), "application/wasm", INSPECT_OTHER,
		INSPECT_OTHER },
};

static void test_types(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		const struct inspection *o = look(*state, types[i].content, types[i].name);
		print_message("# %s %.*s\n", types[i].name, STR_ARG(o->type));
		assert_str(o->type, types[i].type);
		assert_int_equal(o->class, types[i].class);
		assert_int_equal(o->named, types[i].named);
	}
}

/* What is told does not depend on what lies behind the slice; no prefix is read beyond its end. */
static void check_prefixes(struct fixture *f, str content, const char *name)
{
	size_t step = MAX(content.n / 100, (size_t)1);
	for (size_t n = 0; n <= content.n; n += step) {
		char *exact = xmalloc(n + 1);
		memcpy(exact, content.p, n);
		look(f, str_from(exact, n), name);
		free(exact);
	}
}

/* ── Archives ── */

static const struct testing_file files[] = {
	{ "readme.txt", S("hello\n") },
	{ "sub/invoice.pdf.exe", S(PE) },
	{ "b\xc3\xa4r.txt", S("hello\n") },
	{ "../../evil.sh", S("#!/bin/sh\n") },
};

static const struct {
	const char *format, *filter, *options, *type;
} archives[] = {
	{ "zip", NULL, "zip:compression=store", "application/zip" },
	{ "zip", NULL, "zip:compression=deflate", "application/zip" },
	{ "7zip", NULL, "7zip:compression=lzma1", "application/x-7z-compressed" },
	{ "7zip", NULL, "7zip:compression=lzma2", "application/x-7z-compressed" },
	{ "7zip", NULL, "7zip:compression=ppmd", "application/x-7z-compressed" },
	{ "7zip", NULL, "7zip:compression=store", "application/x-7z-compressed" },
	{ "ustar", NULL, NULL, "application/x-tar" },
	{ "pax", NULL, NULL, "application/x-tar" },
	{ "gnutar", NULL, NULL, "application/x-tar" },
	{ "newc", NULL, NULL, "application/x-cpio" },
};

static void check_files(const struct inspection *o)
{
	assert_int_equal(o->entries_n, 4);
	assert_str(o->entries[0].name, "readme.txt");
	assert_true(o->entries[0].sized && o->entries[0].size == 6);
	assert_int_equal(o->entries[0].class, INSPECT_TEXT);
	const struct inspect_entry *e = entry(o, "invoice.pdf.exe");
	assert_int_equal(e->class, INSPECT_EXECUTABLE);
	assert_int_equal(e->odd, ATTACHMENT_DOUBLE);
	assert_str(e->extension, "exe");
	assert_int_equal(entry(o, "b\xc3\xa4r.txt")->odd, 0);
	assert_int_equal(entry(o, "evil.sh")->odd, ATTACHMENT_PATH);
	assert_int_equal(entry(o, "evil.sh")->class, INSPECT_SCRIPT);
	assert_int_equal(o->flags, 0);
}

static void test_archives(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(archives); i++) {
		print_message("# %s %s\n", archives[i].format, archives[i].options);
		struct buf b CLEANUP(buf_done) = testing_archive(archives[i].format,
			archives[i].filter, archives[i].options, files, ARRAY_LEN(files));
		const struct inspection *o = look(*state, buf_str(&b), "a");
		assert_str(o->type, archives[i].type);
		assert_int_equal(o->class, INSPECT_ARCHIVE);
		check_files(o);
		check_prefixes(*state, buf_str(&b), "a");
	}
}

static void test_rar(void **state)
{
	struct buf four CLEANUP(buf_done) = testing_rar4(0, 0, files, ARRAY_LEN(files));
	struct buf solid CLEANUP(buf_done) = testing_rar4(8, 0, files, ARRAY_LEN(files));
	struct buf five CLEANUP(buf_done) = testing_rar5(false, files, ARRAY_LEN(files));
	const struct buf *const all[] = { &four, &solid, &five };
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		const struct inspection *o = look(*state, buf_str(all[i]), "a.rar");
		assert_str(o->type, "application/vnd.rar");
		check_files(o);
		check_prefixes(*state, buf_str(all[i]), "a");
	}
}

static void test_encrypted(void **state)
{
	struct buf zip CLEANUP(buf_done) =
		testing_archive("zip", NULL, "zip:encryption=zipcrypt", files, ARRAY_LEN(files));
	const struct inspection *o = look(*state, buf_str(&zip), "a.zip");
	assert_int_equal(o->flags, INSPECT_ENCRYPTED);
	assert_int_equal(o->entries_n, 4);
	assert_int_equal(entry(o, "invoice.pdf.exe")->flags, INSPECT_ENCRYPTED);
	assert_int_equal(entry(o, "invoice.pdf.exe")->named, INSPECT_EXECUTABLE);
	struct buf four CLEANUP(buf_done) = testing_rar4(0, 4, files, ARRAY_LEN(files));
	o = look(*state, buf_str(&four), "a.rar");
	assert_int_equal(o->flags, INSPECT_ENCRYPTED);
	assert_int_equal(o->entries_n, 4);
	struct buf hidden CLEANUP(buf_done) = testing_rar4(0x80, 0, files, ARRAY_LEN(files));
	o = look(*state, buf_str(&hidden), "a.rar");
	assert_int_equal(o->flags, INSPECT_ENCRYPTED | INSPECT_NAMES_ENCRYPTED);
	struct buf five CLEANUP(buf_done) = testing_rar5(true, NULL, 0);
	o = look(*state, buf_str(&five), "a.rar");
	assert_int_equal(o->flags, INSPECT_ENCRYPTED | INSPECT_NAMES_ENCRYPTED);
}

/* Packs what is in *b into a format, under that name, and puts the result in its place. */
static void wrap(struct buf *b, const char *format, const char *filter, const char *name)
{
	struct buf inner = *b;
	struct testing_file file = { name, buf_str(&inner) };
	*b = testing_archive(format, filter, NULL, &file, 1);
	buf_done(&inner);
}

static void test_nested(void **state)
{
	struct buf b CLEANUP(buf_done) =
		testing_archive("7zip", NULL, NULL, files, ARRAY_LEN(files));
	wrap(&b, "pax", NULL, "inner.7z");
	wrap(&b, "zip", NULL, "middle.tar");
	const struct inspection *o = look(*state, buf_str(&b), "outer.zip");
	assert_int_equal(o->entries_n, 6);
	const struct inspect_entry *e = entry(o, "invoice.pdf.exe");
	assert_int_equal(e->class, INSPECT_EXECUTABLE);
	assert_int_equal(e->depth, 2);
	assert_str(o->entries[e->parent - 1].name, "inner.7z");
	assert_str(o->entries[o->entries[e->parent - 1].parent - 1].name, "middle.tar");
	assert_int_equal(o->flags | o->inside, 0);
	check_prefixes(*state, buf_str(&b), "a");
	wrap(&b, "zip", NULL, "zipped.zip");
	o = look(*state, buf_str(&b), "outer.zip");
	assert_int_equal(o->entries_n, 3);
	assert_int_equal(o->inside, INSPECT_TOO_DEEP);
}

static void test_compressed(void **state)
{
	static const struct {
		const char *filter, *type;
	} list[] = { { "gzip", "application/gzip" }, { "bzip2", "application/x-bzip2" },
		{ "xz", "application/x-xz" }, { "zstd", "application/zstd" },
		{ "lz4", "application/x-lz4" }, { "lzip", "application/x-lzip" },
		{ "compress", "application/x-compress" } };
	struct buf tar CLEANUP(buf_done) =
		testing_archive("pax", NULL, NULL, files, ARRAY_LEN(files));
	for (size_t i = 0; i < ARRAY_LEN(list); i++) {
		struct testing_file file = { "x", buf_str(&tar) };
		struct buf b CLEANUP(buf_done) =
			testing_archive("raw", list[i].filter, NULL, &file, 1);
		const struct inspection *o = look(*state, buf_str(&b), "a.tar.z");
		assert_str(o->type, list[i].type);
		assert_int_equal(o->entries_n, 5);
		assert_str(o->entries[0].name, "a.tar");
		assert_int_equal(entry(o, "invoice.pdf.exe")->depth, 1);
		assert_int_equal(o->flags | o->inside, 0);
		check_prefixes(*state, buf_str(&b), "a");
	}
}

/* ── Bombs and floods ── */

static void test_bombs(void **state)
{
	struct buf zeros CLEANUP(buf_done) = BUF_INIT(TESTING_MAX);
	testing_fill(&zeros, 20 * 1024 * 1024, 0);
	struct testing_file file = { "zeros", buf_str(&zeros) };
	static const struct {
		const char *format, *filter;
	} list[] = { { "zip", NULL }, { "7zip", NULL }, { "raw", "gzip" }, { "raw", "bzip2" },
		{ "raw", "xz" }, { "raw", "zstd" } };
	for (size_t i = 0; i < ARRAY_LEN(list); i++) {
		struct buf b CLEANUP(buf_done) =
			testing_archive(list[i].format, list[i].filter, NULL, &file, 1);
		const struct inspection *o = look(*state, buf_str(&b), "a");
		print_message(
			"# %s %s: %" PRIu64 "\n", list[i].format, list[i].filter, o->unpacked);
		assert_true(o->flags & INSPECT_BOMB);
		assert_true(o->unpacked <= INSPECT_UNPACKED_MAX);
		/* One bomb inside of an archive. */
		wrap(&b, "zip", NULL, "bomb");
		o = look(*state, buf_str(&b), "a");
		assert_true(o->inside & INSPECT_BOMB);
	}
}

/* Files that share their bytes, each with a header of its own: only what they claim tells. */
static void test_overlapping(void **state)
{
	struct buf zeros CLEANUP(buf_done) = BUF_INIT(TESTING_MAX);
	testing_fill(&zeros, 1024 * 1024, 0);
	struct testing_file file = { "z", buf_str(&zeros) };
	struct buf one CLEANUP(buf_done) = testing_archive("zip", NULL, NULL, &file, 1);
	str s = buf_str(&one);
	size_t directory = (size_t)str_find(s, STR("PK\1\2")),
	       end = (size_t)str_find(s, STR("PK\5\6"));
	enum { COPIES = 500, LOCAL = 31 };
	struct buf b CLEANUP(buf_done) = BUF_INIT(TESTING_MAX);
	for (size_t i = 1; i < COPIES; i++) {
		buf_add(&b, str_first(s, LOCAL - 3));
		buf_add(&b, STR("\0\0z"));
	}
	buf_add(&b, str_first(s, directory));
	size_t start = b.n;
	for (size_t i = 0; i < COPIES; i++) {
		buf_add(&b, str_first(str_skip(s, directory), 42));
		testing_le(&b, i * LOCAL, 4);
		buf_add(&b, str_first(str_skip(s, directory + 46), end - directory - 46));
	}
	size_t n = b.n - start;
	buf_add(&b, STR("PK\5\6\0\0\0\0"));
	testing_le(&b, COPIES, 2);
	testing_le(&b, COPIES, 2);
	testing_le(&b, n, 4);
	testing_le(&b, start, 4);
	testing_le(&b, 0, 2);
	const struct inspection *o = look(*state, buf_str(&b), "a.zip");
	assert_int_equal(o->entries_n, COPIES);
	assert_true(o->flags & INSPECT_BOMB);
}

static void test_many_entries(void **state)
{
	struct testing_file *many = xcalloc(3000, sizeof *many);
	for (size_t i = 0; i < 3000; i++)
		many[i] = (struct testing_file){ "a.txt", STR("x") };
	for (size_t i = 0; i < ARRAY_LEN(archives); i++) {
		struct buf b CLEANUP(buf_done) = testing_archive(
			archives[i].format, archives[i].filter, archives[i].options, many, 3000);
		const struct inspection *o = look(*state, buf_str(&b), "a");
		assert_int_equal(o->entries_n, INSPECT_ENTRIES_MAX);
		assert_true(o->flags & INSPECT_TRUNCATED);
	}
	free(many);
}

/* A hundred bytes that claim fifty million files, folders or coders, or whose numbers have no end.
 */
static void test_claims(void **state)
{
	static const str headers[] = { S("\1\5\xe0\x80\xf0\xfa\2\0\0"),
		S("\1\4\6\0\1\x09\1\0\7\x0b\xe0\x80\xf0\xfa\2\0"),
		S("\1\4\7\x0b\1\0\xe0\x80\xf0\xfa\2"),
		S("\1\5\xff\xff\xff\xff\xff\xff\xff\xff\xff\x11\xff\xff\xff\xff\xff\xff\xff\xff"
		  "\xff"),
		S("\x17\6\0\1\x09\xff\xff\xff\xff\xff\xff\xff\xff\xff\0") };
	for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
		struct buf b CLEANUP(buf_done) = BUF_INIT(1024);
		struct buf start CLEANUP(buf_done) = BUF_INIT(64);
		str h = headers[i];
		buf_add(&b, STR("7z\xbc\xaf\x27\x1c\0\4"));
		testing_le(&start, 0, 8);
		testing_le(&start, h.n, 8);
		testing_le(&start, crc32(0, (const Bytef *)h.p, (uInt)h.n), 4);
		testing_le(&b, crc32(0, (const Bytef *)start.p, (uInt)start.n), 4);
		buf_add(&b, buf_str(&start));
		buf_add(&b, h);
		const struct inspection *o = look(*state, buf_str(&b), "a.7z");
		assert_int_equal(o->flags, INSPECT_UNREADABLE);
		assert_int_equal(o->entries_n, 0);
	}
	struct buf rar CLEANUP(buf_done) = BUF_INIT(1024);
	buf_add(&rar, STR("Rar!\x1a\x07\1\0\0\0\0\0"));
	testing_fill(&rar, 100, '\xff');
	assert_int_equal(look(*state, buf_str(&rar), "a.rar")->flags, INSPECT_UNREADABLE);
	check_prefixes(*state, buf_str(&rar), "a.rar");
}

/* A ZIP that lost its directory is still read by some. */
static void test_cut_zip(void **state)
{
	struct buf b CLEANUP(buf_done) =
		testing_archive("zip", NULL, NULL, files, ARRAY_LEN(files));
	ptrdiff_t directory = str_find(buf_str(&b), STR("PK\1\2"));
	const struct inspection *o =
		look(*state, str_first(buf_str(&b), (size_t)directory), "a.zip");
	assert_int_equal(o->entries_n, 4);
	assert_true(o->flags & INSPECT_UNREADABLE);
}

/* ── ISO 9660 ── */

static void test_iso(void **state)
{
	static const char *const options[] = { "iso9660:joliet", "iso9660:!joliet" };
	struct buf zip CLEANUP(buf_done) =
		testing_archive("zip", NULL, NULL, files, ARRAY_LEN(files));
	const struct testing_file inside[] = { { "DOCUMENT.LNK", S("\x4c\0\0\0\x01\x14\x02\0\0") },
		{ "SUB/SETUP.EXE", S(PE) }, { "SUB/A.ZIP", buf_str(&zip) } };
	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		struct buf b CLEANUP(buf_done) =
			testing_archive("iso9660", NULL, options[i], inside, ARRAY_LEN(inside));
		const struct inspection *o = look(*state, buf_str(&b), "a.img");
		assert_str(o->type, "application/x-iso9660-image");
		assert_int_equal(o->class, INSPECT_DISK_IMAGE);
		assert_int_equal(o->entries_n, 3 + ARRAY_LEN(files));
		assert_int_equal(entry(o, "DOCUMENT.LNK")->class, INSPECT_SHORTCUT);
		assert_int_equal(entry(o, "SETUP.EXE")->class, INSPECT_EXECUTABLE);
		assert_int_equal(entry(o, "invoice.pdf.exe")->depth, 1);
		check_prefixes(*state, buf_str(&b), "a");
	}
}

/* ── Office ── */

static const char auto_source[] = "Attribute VB_Name = \"M\"\r\n' Auto\r\nSub ";

static void test_ole(void **state)
{
	size_t offset = strlen(strstr(auto_source, "Auto\r"));
	struct buf runs CLEANUP(buf_done) =
		testing_vba(auto_source, offset, 4, "Open()\r\nEnd Sub\r\n");
	struct buf waits CLEANUP(buf_done) = testing_vba(auto_source, offset, 4, "Sum()\r\n");
	struct buf large CLEANUP(buf_done) = BUF_INIT(10000);
	testing_fill(&large, 5000, 'p');
	buf_add(&large, buf_str(&runs));
	struct buf workbook CLEANUP(buf_done) = BUF_INIT(10000);
	buf_add(&workbook, STR("\x09\x08\x02\0\0\6\x85\0\x08\0\0\0\0\0\1\1\1\0"));
	buf_add(&workbook, STR("\x18\0\x10\0\x20\0\0\1\0\0\0\0\0\0\0\0\0\0\0\1\x0a\0\0\0"));
	struct buf locked CLEANUP(buf_done) = BUF_INIT(10000);
	buf_add(&locked, STR("\x09\x08\x02\0\0\6\x2f\0\x02\0\0\0\x0a\0\0\0"));
	struct buf native CLEANUP(buf_done) = BUF_INIT(10000);
	buf_add(&native,
		STR("\0\0\0\0\2\0report.pdf.exe\0C:\\x\\report.pdf.exe\0\0\0\3\0\4\0\0\0C:\\x"));
	testing_le(&native, sizeof PE - 1, 4);
	buf_add(&native, (str)S(PE));
	const struct {
		struct testing_file files[4];
		const char *root, *type;
		enum inspect_class class;
		uint32_t flags;
	} list[] = {
		{ { { "WordDocument", STR("\xec\xa5\xc1\0\0\0\0\0\0\0\0\0\0") } }, NULL,
			"application/msword", INSPECT_OFFICE, 0 },
		{ { { "WordDocument", STR("\xec\xa5\xc1\0\0\0\0\0\0\0\0\1\0") } }, NULL,
			"application/msword", INSPECT_OFFICE, INSPECT_ENCRYPTED },
		{ { { "WordDocument", STR("\xec\xa5\xc1\0\0") }, { "Macros", STR_EMPTY },
			  { "VBA", STR_EMPTY }, { "M", buf_str(&runs) } },
			NULL, "application/msword", INSPECT_OFFICE,
			INSPECT_MACROS | INSPECT_MACROS_AUTO },
		{ { { "Workbook", STR("\x09\x08\0\0") }, { "VBA", STR_EMPTY },
			  { "M", buf_str(&large) } },
			NULL, "application/vnd.ms-excel", INSPECT_OFFICE,
			INSPECT_MACROS | INSPECT_MACROS_AUTO },
		{ { { "VBA", STR_EMPTY }, { "M", buf_str(&waits) } }, NULL,
			"application/x-ole-storage", INSPECT_OFFICE, INSPECT_MACROS },
		{ { { "Workbook", buf_str(&workbook) } }, NULL, "application/vnd.ms-excel",
			INSPECT_OFFICE, INSPECT_MACROS_XLM | INSPECT_MACROS_AUTO },
		{ { { "Workbook", buf_str(&locked) } }, NULL, "application/vnd.ms-excel",
			INSPECT_OFFICE, INSPECT_ENCRYPTED },
		{ { { "EncryptedPackage", STR("xxxx") }, { "EncryptionInfo", STR("x") } }, NULL,
			"application/encrypted", INSPECT_OFFICE, INSPECT_ENCRYPTED },
		{ { { "\1Ole10Native", buf_str(&native) } }, NULL, "application/x-ole-storage",
			INSPECT_OFFICE, INSPECT_EMBEDDED },
		{ { { "Equation Native", STR("x") } }, NULL, "application/x-ole-storage",
			INSPECT_OFFICE, INSPECT_EQUATION },
		{ { { "x", STR("x") } }, "\x84\x10\x0c\0\0\0\0\0\xc0\0\0\0\0\0\0\x46",
			"application/x-msi", INSPECT_EXECUTABLE, 0 },
		{ { { "__properties_version1.0", STR("x") } }, NULL, "application/vnd.ms-outlook",
			INSPECT_MESSAGE, 0 },
	};
	for (size_t i = 0; i < ARRAY_LEN(list); i++) {
		size_t n = 0;
		while (n < 4 && list[i].files[n].name)
			n++;
		struct buf b CLEANUP(buf_done) = testing_cfb(list[i].root, list[i].files, n);
		const struct inspection *o = look(*state, buf_str(&b), "a.doc");
		print_message("# %zu %.*s\n", i, STR_ARG(o->type));
		assert_str(o->type, list[i].type);
		assert_int_equal(o->class, list[i].class);
		assert_int_equal(o->flags, list[i].flags);
		if (o->entries_n)
			assert_int_equal(entry(o, "report.pdf.exe")->class, INSPECT_EXECUTABLE);
		check_prefixes(*state, buf_str(&b), "a");
		/* In a ZIP, the same. */
		wrap(&b, "zip", NULL, "a.doc");
		o = look(*state, buf_str(&b), "a.zip");
		assert_int_equal(o->entries[0].class, list[i].class);
		assert_int_equal(o->inside, list[i].flags);
	}
}

/* Chains in circles end. */
static void test_ole_circles(void **state)
{
	struct testing_file file = { "WordDocument", STR("x") };
	struct buf b CLEANUP(buf_done) = testing_cfb(NULL, &file, 1);
	for (size_t i = 512; i < 1024; i += 4)
		memcpy(b.p + i, "\2\0\0\0", 4);
	memcpy(b.p + 68, "\2\0\0\0\1\0\0\0", 8);
	const struct inspection *o = look(*state, buf_str(&b), "a.doc");
	assert_true(o->flags & INSPECT_UNREADABLE);
}

#define RELATION(type, target)                                                                     \
	"<Relationships><Relationship Id=\"1\" Type=\"http://x/relationships/" type "\""           \
	" Target=\"" target "\" TargetMode=\"External\"/></Relationships>"
#define TYPES                                                                                      \
	{                                                                                          \
		"[Content_Types].xml", S("<Types/>")                                               \
	}
#define DOCX                                                                                       \
	{                                                                                          \
		"word/document.xml", S("<w:document/>")                                            \
	}

static const struct {
	struct testing_file files[4];
	const char *type;
	enum inspect_class class;
	uint32_t flags;
	const char *uri;
} packages[] = {
	{ { TYPES, DOCX },
		"application/vnd.openxmlformats-officedocument.wordprocessingml.document",
		INSPECT_OFFICE, 0, NULL },
	{ { TYPES, DOCX, { "word/vbaProject.bin", S("x") } },
		"application/vnd.openxmlformats-officedocument.wordprocessingml.document",
		INSPECT_OFFICE, INSPECT_MACROS, NULL },
	{ { TYPES, DOCX,
		  { "word/_rels/settings.xml.rels",
			  S(RELATION("attachedTemplate",
				  "http://evil.example/a.dotm?x=1&amp;y=2")) } },
		"application/vnd.openxmlformats-officedocument.wordprocessingml.document",
		INSPECT_OFFICE, INSPECT_TEMPLATE | INSPECT_LINKS,
		"http://evil.example/a.dotm?x=1&y=2" },
	{ { TYPES, DOCX,
		  { "word/_rels/document.xml.rels",
			  S(RELATION("hyperlink", "https://a.example/")) } },
		"application/vnd.openxmlformats-officedocument.wordprocessingml.document",
		INSPECT_OFFICE, INSPECT_LINKS, "https://a.example/" },
	{ { TYPES, DOCX,
		  { "word/_rels/document.xml.rels",
			  S(RELATION("oleObject", "mhtml:https://a.example/")) } },
		"application/vnd.openxmlformats-officedocument.wordprocessingml.document",
		INSPECT_OFFICE, INSPECT_EXTERNAL | INSPECT_LINKS, "mhtml:https://a.example/" },
	{ { TYPES, { "word/document.xml",
			   S("<w:instrText xml:space='p'> DDEAUTO c:\\x \"/k\"</w:instrText>") } },
		"application/vnd.openxmlformats-officedocument.wordprocessingml.document",
		INSPECT_OFFICE, INSPECT_DDE, NULL },
	{ { TYPES, { "xl/workbook.xml", S("x") }, { "xl/macrosheets/sheet1.xml", S("x") },
		  { "xl/activeX/activeX1.bin", S("x") } },
		"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", INSPECT_OFFICE,
		INSPECT_MACROS_XLM | INSPECT_ACTIVEX, NULL },
	{ { TYPES, { "xl/workbook.bin", S("x") } },
		"application/vnd.ms-excel.sheet.binary.macroEnabled.12", INSPECT_OFFICE, 0, NULL },
	{ { TYPES, { "ppt/presentation.xml", S("x") }, { "ppt/embeddings/a.bin", S("x") } },
		"application/vnd.openxmlformats-officedocument.presentationml.presentation",
		INSPECT_OFFICE, INSPECT_EMBEDDED, NULL },
	{ { { "mimetype", S("application/vnd.oasis.opendocument.text") },
		  { "Basic/Standard/Module1.xml", S("x") }, { "content.xml", S("<a/>") } },
		"application/vnd.oasis.opendocument.text", INSPECT_OFFICE, INSPECT_MACROS, NULL },
	{ { { "mimetype", S("application/vnd.oasis.opendocument.text") },
		  { "META-INF/manifest.xml", S("<manifest:encryption-data>") } },
		"application/vnd.oasis.opendocument.text", INSPECT_OFFICE, INSPECT_ENCRYPTED,
		NULL },
	{ { { "META-INF/MANIFEST.MF", S("x") }, { "A.class", S("\xca\xfe\xba\xbe\0\0\0\x34") } },
		"application/java-archive", INSPECT_EXECUTABLE, 0, NULL },
	{ { { "word/vbaProject.bin", S("just a folder") } }, "application/zip", INSPECT_ARCHIVE, 0,
		NULL },
};

static void test_packages(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(packages); i++) {
		size_t n = 0;
		while (n < 4 && packages[i].files[n].name)
			n++;
		struct buf b CLEANUP(buf_done) =
			testing_archive("zip", NULL, NULL, packages[i].files, n);
		const struct inspection *o = look(*state, buf_str(&b), "a.docx");
		print_message("# %zu %.*s\n", i, STR_ARG(o->type));
		assert_str(o->type, packages[i].type);
		assert_int_equal(o->class, packages[i].class);
		assert_int_equal(o->flags, packages[i].flags);
		assert_int_equal(o->uris_n, packages[i].uri != NULL);
		if (packages[i].uri)
			assert_str(o->uris[0], packages[i].uri);
		check_prefixes(*state, buf_str(&b), "a");
	}
}

/* ── RTF, OneNote, PDF ── */

static const struct {
	str content;
	const char *name;
	uint32_t flags;
	const char *uri;
} documents[] = {
	{ S("{\\rtf1 plain}"), "a.rtf", 0, NULL },
	{ S("{\\rtf1{\\object\\objemb\\objupdate{\\*\\objdata 0105}}}"), "a.doc",
		INSPECT_EMBEDDED | INSPECT_UPDATES, NULL },
	{ S("{\\rt{\\object{\\*\\objclass Equation.3}}"), "a.doc",
		INSPECT_EMBEDDED | INSPECT_EQUATION, NULL },
	{ S("{\\rtf1{\\*\\template http://evil.example/a}}"), "a.rtf",
		INSPECT_TEMPLATE | INSPECT_LINKS, "http://evil.example/a" },
	{ S("{\\rtf1{\\*\\template Normal.dotm}}"), "a.rtf", 0, NULL },
	{ S("{\\rtf1{\\field{\\*\\fldinst HYPERLINK \"https://a.example/x\"}}}"), "a.rtf",
		INSPECT_LINKS, "https://a.example/x" },
	{ S("%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj"), "a.pdf", 0, NULL },
	{ S("%PDF-1.4\n1 0 obj<</OpenAction<</S/JavaScript/JS(app.alert\\(1\\))>>>>endobj"),
		"a.pdf", INSPECT_OPEN_ACTION | INSPECT_JAVASCRIPT, NULL },
	{ S("%PDF-1.4\n1 0 obj<</AA 3 0 R/S/Java#53cript>>endobj"), "a.pdf",
		INSPECT_OPEN_ACTION | INSPECT_JAVASCRIPT | INSPECT_ESCAPED, NULL },
	{ S("%PDF-1.4\n1 0 obj<</S /Launch /F (cmd.exe)>>"), "a.pdf", INSPECT_LAUNCH, NULL },
	{ S("%PDF-1.4\n1 0 obj<</Names<</EmbeddedFiles 3 0 R>>>>"), "a.pdf", INSPECT_EMBEDDED,
		NULL },
	{ S("%PDF-1.4\ntrailer<</Encrypt 3 0 R>>"), "a.pdf", INSPECT_ENCRYPTED, NULL },
	{ S("%PDF-1.4\n<</S/URI/URI(http://a.example/\\(x\\)\\057y)>>"), "a.pdf", INSPECT_LINKS,
		"http://a.example/(x)/y" },
	{ S("%PDF-1.4\n<</URI <687474703A2F2F612E6578616D706C652F>>>"), "a.pdf", INSPECT_LINKS,
		"http://a.example/" },
	/* What only looks like it: in the bytes of an image; a longer name. */
	{ S("%PDF-1.4\n1 0 obj<</Filter/DCTDecode>>\nstream\n/JS /AA\nendstream"), "a.pdf", 0,
		NULL },
	{ S("%PDF-1.4\n1 0 obj<</AAPL:X 1/JSX 2>>"), "a.pdf", 0, NULL },
	/* A stream that is not packed as it says hides nothing. */
	{ S("%PDF-1.4\n1 0 obj<</Filter/FlateDecode>>\nstream\n/JS\nendstream"), "a.pdf",
		INSPECT_JAVASCRIPT, NULL },
};

static void test_documents(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(documents); i++) {
		const struct inspection *o = look(*state, documents[i].content, documents[i].name);
		print_message("# %zu\n", i);
		assert_int_equal(o->class, o->named == INSPECT_PDF ? INSPECT_PDF : INSPECT_OFFICE);
		assert_int_equal(o->flags, documents[i].flags);
		assert_int_equal(o->uris_n, documents[i].uri != NULL);
		if (documents[i].uri)
			assert_str(o->uris[0], documents[i].uri);
		check_prefixes(*state, documents[i].content, documents[i].name);
	}
}

static void add_object_stream(struct buf *b, str objects)
{
	uLongf n = compressBound((uLong)objects.n);
	char *packed = xmalloc(n);
	assert_int_equal(
		compress((Bytef *)packed, &n, (const Bytef *)objects.p, (uLong)objects.n), Z_OK);
	buf_printf(b,
		"5 0 obj\n<</Type /ObjStm/N 1/First 4/Filter /FlateDecode/Length %zu>>\nstream\r\n",
		(size_t)n);
	buf_add(b, str_from(packed, n));
	buf_add(b, STR("\nendstream\nendobj\n"));
	free(packed);
}

static void test_pdf_object_streams(void **state)
{
	struct buf b CLEANUP(buf_done) = BUF_INIT(TESTING_MAX);
	struct buf zeros CLEANUP(buf_done) = BUF_INIT(TESTING_MAX);
	buf_add(&b, STR("%PDF-1.5\n"));
	add_object_stream(&b, STR("1 0 <</S/URI/URI(http://a.example/)>> <</S/Launch>>"));
	const struct inspection *o = look(*state, buf_str(&b), "a.pdf");
	assert_int_equal(o->flags, INSPECT_LAUNCH | INSPECT_LINKS);
	assert_int_equal(o->uris_n, 1);
	assert_str(o->uris[0], "http://a.example/");
	check_prefixes(*state, buf_str(&b), "a.pdf");
	/* Many that are large: what is unpacked ends. */
	testing_fill(&zeros, 4 * 1024 * 1024, ' ');
	for (size_t i = 0; i < 40; i++)
		add_object_stream(&b, buf_str(&zeros));
	o = look(*state, buf_str(&b), "a.pdf");
	assert_true(o->flags & INSPECT_TRUNCATED);
	assert_true(o->unpacked <= INSPECT_UNPACKED_MAX);
}

static void test_pdf_links(void **state)
{
	struct buf b CLEANUP(buf_done) = BUF_INIT(TESTING_MAX);
	buf_add(&b, STR("%PDF-1.5\n"));
	for (size_t i = 0; i < 2 * INSPECT_URIS_MAX; i++)
		buf_printf(&b, "<</URI(http://a.example/%zu)>>", i);
	const struct inspection *o = look(*state, buf_str(&b), "a.pdf");
	assert_int_equal(o->uris_n, INSPECT_URIS_MAX);
	assert_true(o->flags & INSPECT_TRUNCATED);
}

static void test_onenote(void **state)
{
	struct buf b CLEANUP(buf_done) = BUF_INIT(TESTING_MAX);
	buf_add(&b, STR("\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3"));
	testing_fill(&b, 1000, 0);
	buf_add(&b, STR("\xe7\x16\xe3\xbd\x65\x26\x11\x45\xa4\xc4\x8d\x4d\x0b\x7a\x9e\xac"));
	testing_le(&b, sizeof PE - 1, 8);
	testing_fill(&b, 12, 0);
	buf_add(&b, (str)S(PE));
	const struct inspection *o = look(*state, buf_str(&b), "a.one");
	assert_str(o->type, "application/onenote");
	assert_int_equal(o->flags, INSPECT_EMBEDDED);
	assert_int_equal(o->entries_n, 1);
	assert_int_equal(o->entries[0].class, INSPECT_EXECUTABLE);
	check_prefixes(*state, buf_str(&b), "a.one");
}

/* ── winmail.dat ── */

static void test_tnef(void **state)
{
	struct testing_file inside = { "b.scr", S(PE) };
	struct buf zip CLEANUP(buf_done) = testing_archive("zip", NULL, NULL, &inside, 1);
	struct buf b CLEANUP(buf_done) = BUF_INIT(TESTING_MAX);
	testing_tnef_begin(&b);
	testing_tnef_attachment(&b, "INVOIC~1.PDF", (str)S(PE));
	struct buf more CLEANUP(buf_done) = BUF_INIT(TESTING_MAX);
	testing_le(&more, 4, 4);
	testing_le(&more, 0x37050003, 4); /* how it is attached */
	testing_le(&more, 1, 4);
	testing_le(&more, 0x8000001e, 4); /* one that has a name itself */
	testing_fill(&more, 16, 'g');
	testing_le(&more, 1, 4);
	testing_le(&more, 6, 4);
	buf_add(&more, STR("x\0y\0\0\0\0\0"));
	testing_le(&more, 1, 4);
	testing_le(&more, 3, 4);
	buf_add(&more, STR("abc\0"));
	testing_tnef_property(&more, 0x1e, 0x3704, STR("short.exe\0"));
	testing_tnef_property(&more, 0x1f, 0x3707, STR("\xdc\0.\0p\0d\0f\0.\0e\0x\0e\0\0\0"));
	testing_tnef_attribute(&b, 2, 0x00069005, buf_str(&more));
	testing_tnef_attachment(&b, "b.zip", buf_str(&zip));
	const struct inspection *o = look(*state, buf_str(&b), "winmail.dat");
	assert_str(o->type, "application/ms-tnef");
	assert_int_equal(o->class, INSPECT_MESSAGE);
	assert_int_equal(o->flags, 0);
	assert_int_equal(o->entries_n, 3);
	const struct inspect_entry *e = entry(o, "\xc3\x9c.pdf.exe");
	assert_int_equal(e->class, INSPECT_EXECUTABLE);
	assert_true(e->odd & ATTACHMENT_DOUBLE);
	assert_int_equal(entry(o, "b.zip")->class, INSPECT_ARCHIVE);
	assert_int_equal(entry(o, "b.scr")->depth, 1);
	check_prefixes(*state, buf_str(&b), "winmail.dat");
}

/* In one that is attached to another, and so on: as deep as archives. */
static void test_tnef_nested(void **state)
{
	struct buf b CLEANUP(buf_done) = BUF_INIT(TESTING_MAX);
	testing_tnef_begin(&b);
	testing_tnef_attachment(&b, "a.exe", (str)S(PE));
	for (size_t deep = 1; deep <= INSPECT_DEPTH_MAX; deep++) {
		const struct inspection *o = look(*state, buf_str(&b), "winmail.dat");
		assert_int_equal(o->entries_n, deep);
		assert_str(o->entries[deep - 1].name, "a.exe");
		assert_int_equal(o->inside, 0);
		struct buf object CLEANUP(buf_done) = BUF_INIT(TESTING_MAX);
		testing_fill(&object, 16, 'i');
		buf_add(&object, buf_str(&b));
		struct buf more CLEANUP(buf_done) = BUF_INIT(TESTING_MAX);
		testing_le(&more, 1, 4);
		testing_tnef_property(&more, 0x0d, 0x3701, buf_str(&object));
		buf_clear(&b);
		testing_tnef_begin(&b);
		testing_tnef_attribute(&b, 2, 0x00069002, STR("\1\0\0\0"));
		testing_tnef_attribute(&b, 2, 0x00069005, buf_str(&more));
	}
	const struct inspection *o = look(*state, buf_str(&b), "winmail.dat");
	assert_int_equal(o->entries_n, INSPECT_DEPTH_MAX);
	assert_int_equal(o->inside, INSPECT_TRUNCATED);
}

/* The second link has its front from the first one, and all have theirs from the words that every
 * body begins with. */
static void test_tnef_link(void **state)
{
	static const char first[] = "{HYPERLINK \"http://a.example/";
	struct buf rtf CLEANUP(buf_done) = BUF_INIT(TESTING_MAX);
	buf_add(&rtf, STR("\x14\0\0\0\x14\0\0\0LZFu\0\0\0\0"));
	buf_add(&rtf, STR("\x01\x00\x04")); /* six characters from place 0, seven of our own */
	buf_add(&rtf, str_from(first, 7));
	for (size_t i = 7; i < sizeof first - 1; i += 8) {
		str piece = str_first(str_from_z(first + i), 8);
		buf_add_char(&rtf, '\0');
		buf_add(&rtf, piece);
		testing_fill(&rtf, 8 - piece.n, '1');
	}
	buf_add(&rtf, STR("\0\"}     \n"));
	/* Place 213 is behind six of the 207 known ones. */
	buf_add(&rtf, STR("\x03\x0d\x5f\x0e\x6a"
			  "2\"}   "));
	struct buf more CLEANUP(buf_done) = BUF_INIT(TESTING_MAX);
	testing_le(&more, 1, 4);
	testing_tnef_property(&more, 0x102, 0x1009, buf_str(&rtf));
	struct buf b CLEANUP(buf_done) = BUF_INIT(TESTING_MAX);
	testing_tnef_begin(&b);
	testing_tnef_attribute(&b, 1, 0x00069003, buf_str(&more));
	const struct inspection *o = look(*state, buf_str(&b), "winmail.dat");
	assert_int_equal(o->uris_n, 2);
	assert_str(str_first(o->uris[0], 18), "http://a.example/1");
	assert_str(o->uris[1], "http://a.example/2");
}

/* The example of [MS-OXRTFCP] 4.1.1 and 4.1.2: a run that overlaps itself, and the end's mark. */
static void test_tnef_body(void **state)
{
	static const str packed[] = {
		S("\x2d\0\0\0\x2b\0\0\0LZFu\xf1\xc5\xc7\xa7\x03\0\x0a\0rcpg125B2\x0a\xf3 hel"
		  "\x09\0 bw\x05\xb0ld}\x0a\x80\x0f\xa0"),
		S("\x1a\0\0\0\x1c\0\0\0LZFu\xe2\xd4\x4b\x51\x41\0\x04 WXYZ\x0d\x6e}\x01\x0e\xb0"),
	};
	for (size_t i = 0; i < ARRAY_LEN(packed); i++) {
		struct buf more CLEANUP(buf_done) = BUF_INIT(TESTING_MAX);
		testing_le(&more, 1, 4);
		testing_tnef_property(&more, 0x102, 0x1009, packed[i]);
		struct buf b CLEANUP(buf_done) = BUF_INIT(TESTING_MAX);
		testing_tnef_begin(&b);
		testing_tnef_attribute(&b, 1, 0x00069003, buf_str(&more));
		const struct inspection *o = look(*state, buf_str(&b), "winmail.dat");
		assert_int_equal(o->entries_n, 1);
		assert_str(o->entries[0].type, "text/rtf");
		assert_int_equal(o->entries[0].size, i == 0 ? 0x2b : 0x1c);
		check_prefixes(*state, buf_str(&b), "winmail.dat");
	}
}

/* ── Where it runs ── */

enum { STACK = 1024 * 1024, STACK_NEEDED_MAX = 96 * 1024 };

struct on_thread {
	struct fixture *fixture;
	str content;
};

static void *look_on_thread(void *arg)
{
	struct on_thread *o = arg;
	look(o->fixture, o->content, "a");
	return NULL;
}

/* Bytes of stack that it touches: above, all is as it was painted. */
static size_t stack_used(struct fixture *f, str content)
{
	char *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(stack, MAP_FAILED);
	memset(stack, 0xa5, STACK);
	struct on_thread arg = { f, content };
	pthread_attr_t attributes;
	pthread_t thread;
	pthread_attr_init(&attributes);
	assert_int_equal(pthread_attr_setstack(&attributes, stack, STACK), 0);
	assert_int_equal(pthread_create(&thread, &attributes, look_on_thread, &arg), 0);
	pthread_join(thread, NULL);
	pthread_attr_destroy(&attributes);
	size_t untouched = 0;
	while (untouched < STACK && (unsigned char)stack[untouched] == 0xa5)
		untouched++;
	munmap(stack, STACK);
	return STACK - untouched;
}

static void test_stack(void **state)
{
	size_t most = 0;
	for (size_t i = 0; i < ARRAY_LEN(archives); i++) {
		struct buf b CLEANUP(buf_done) = testing_archive(archives[i].format,
			archives[i].filter, archives[i].options, files, ARRAY_LEN(files));
		wrap(&b, "pax", NULL, "inner");
		wrap(&b, "zip", NULL, "middle");
		most = MAX(most, stack_used(*state, buf_str(&b)));
	}
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		most = MAX(most, stack_used(*state, types[i].content));
	/* Binary, and long: all of libmagic's patterns are tried. */
	struct buf b CLEANUP(buf_done) = BUF_INIT(TESTING_MAX);
	for (size_t i = 0; i < 32768; i++)
		buf_add_char(&b, (char)(i * i * 2654435761u >> 13));
	most = MAX(most, stack_used(*state, buf_str(&b)));
	print_message("# %zu bytes of stack\n", most);
	assert_true(most < STACK_NEEDED_MAX);
}

/* No file is opened, no program is run; what iconv looks for is not there. */
static void forbid_files(void)
{
	static const int calls[] = { SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(fork),
		SCMP_SYS(vfork), SCMP_SYS(clone), SCMP_SYS(clone3), SCMP_SYS(open), SCMP_SYS(stat),
		SCMP_SYS(lstat), SCMP_SYS(newfstatat), SCMP_SYS(statx), SCMP_SYS(access),
		SCMP_SYS(faccessat), SCMP_SYS(readlink), SCMP_SYS(getcwd), SCMP_SYS(socket),
		SCMP_SYS(getdents64), SCMP_SYS(unlink), SCMP_SYS(mkdir), SCMP_SYS(pipe2) };
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	assert_non_null(filter);
	for (size_t i = 0; i < ARRAY_LEN(calls); i++)
		assert_int_equal(seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, calls[i], 0), 0);
	assert_int_equal(seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOENT), SCMP_SYS(openat), 0), 0);
	assert_int_equal(seccomp_load(filter), 0);
	seccomp_release(filter);
}

static void look_at_all(struct fixture *f, const struct buf *made)
{
	for (size_t i = 0; i < ARRAY_LEN(archives); i++)
		check_files(look(f, buf_str(&made[i]), "a"));
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		assert_str(look(f, types[i].content, types[i].name)->type, types[i].type);
}

static void test_sandbox(void **state)
{
	struct buf made[ARRAY_LEN(archives)];
	for (size_t i = 0; i < ARRAY_LEN(archives); i++)
		made[i] = testing_archive(archives[i].format, archives[i].filter,
			archives[i].options, files, ARRAY_LEN(files));
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		forbid_files();
		look_at_all(*state, made);
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	for (size_t i = 0; i < ARRAY_LEN(archives); i++)
		buf_done(&made[i]);
}

/* Several threads, one inspector. */
static void *look_often(void *arg)
{
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(INSPECT_ARENA_MAX);
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		struct inspection out;
		inspect(arg, &arena, types[i].content, str_from_z(types[i].name), STR_EMPTY, &out);
		assert_str(out.type, types[i].type);
	}
	return NULL;
}

static void test_threads(void **state)
{
	struct fixture *f = *state;
	pthread_t threads[4];
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, look_often, f->inspector), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_archives),
		cmocka_unit_test(test_rar),
		cmocka_unit_test(test_encrypted),
		cmocka_unit_test(test_nested),
		cmocka_unit_test(test_compressed),
		cmocka_unit_test(test_bombs),
		cmocka_unit_test(test_overlapping),
		cmocka_unit_test(test_many_entries),
		cmocka_unit_test(test_claims),
		cmocka_unit_test(test_cut_zip),
		cmocka_unit_test(test_iso),
		cmocka_unit_test(test_ole),
		cmocka_unit_test(test_ole_circles),
		cmocka_unit_test(test_packages),
		cmocka_unit_test(test_documents),
		cmocka_unit_test(test_pdf_object_streams),
		cmocka_unit_test(test_pdf_links),
		cmocka_unit_test(test_onenote),
		cmocka_unit_test(test_tnef),
		cmocka_unit_test(test_tnef_nested),
		cmocka_unit_test(test_tnef_link),
		cmocka_unit_test(test_tnef_body),
		cmocka_unit_test(test_stack),
		cmocka_unit_test(test_sandbox),
		cmocka_unit_test(test_threads),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
