#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "mail/inspect.h"
#include "mail/attachment.h"
#include "mail/inspect_testing.h"

#include <stdio.h>

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
	size_t step = MAX(content.n / 300, (size_t)1);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_archives),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
