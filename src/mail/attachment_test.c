#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "mail/attachment.h"

#include "base/buf.h"

static const struct {
	const char *type, *disposition; /* parameters */
	const char *name, *extension;
	uint32_t flags;
} names[] = {
	{ "", "; filename=a.txt", "a.txt", "txt", 0 },
	{ "; name=\"b c.TXT\"", "", "b c.TXT", "txt", 0 },
	{ "; name=a.exe", "; filename=a.txt", "a.txt", "txt", ATTACHMENT_DIFFERS },
	{ "", "; filename*=utf-8''%e2%82%ac.pdf", "\xe2\x82\xac.pdf", "pdf", 0 },
	{ "", "; filename*0=\"a.e\"; filename*1=xe", "a.exe", "exe", 0 },
	{ "", "; filename=\"=?utf-8?B?YS5leGU=?=\"", "a.exe", "exe", 0 },
	{ "", "; filename=\"a.exe . .\"", "a.exe", "exe", ATTACHMENT_TRAILING },
	{ "", "; filename=\"C:\\\\x\\\\a.exe\"", "a.exe", "exe", ATTACHMENT_PATH },
	{ "", "; filename=\"../../etc/passwd\"", "passwd", "", ATTACHMENT_PATH },
	{ "", "; filename*=utf-8''a%e2%80%aetxt.exe", "atxt.exe", "exe", ATTACHMENT_OVERRIDE },
	{ "", "; filename*=utf-8''a.e%e2%80%8bxe%00", "a.exe", "exe", ATTACHMENT_INVISIBLE },
	{ "", "; filename=a.PDF.Exe", "a.PDF.Exe", "exe", ATTACHMENT_DOUBLE },
	{ "", "; filename=\"a.pdf              .exe\"", "a.pdf              .exe", "exe",
		ATTACHMENT_DOUBLE | ATTACHMENT_PADDED },
	{ "", "; filename=a.tar.gz", "a.tar.gz", "gz", 0 },
	{ "", "; filename=.profile", ".profile", "", 0 },
	{ "", "", "", "", 0 },
	{ "", "; filename=\"\"", "", "", 0 },
};

static void test_names(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct arena arena CLEANUP(arena_done) = ARENA_INIT(100000);
		struct mime_part p = { .type_params = str_from_z(names[i].type),
			.disposition_params = str_from_z(names[i].disposition) };
		struct attachment_name n = attachment_name(&arena, &p);
		if (!str_equal(n.name, str_from_z(names[i].name)) || n.flags != names[i].flags ||
			!str_equal(n.extension, str_from_z(names[i].extension)))
			fail_msg("%zu: %.*s, %.*s, %x", i, STR_ARG(n.name), STR_ARG(n.extension),
				n.flags);
	}
}

static void test_long(void **state)
{
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(100000);
	struct buf b CLEANUP(buf_done) = BUF_INIT(100000);
	while (b.n < 5000)
		buf_add(&b, STR("\xc3\xa9"));
	buf_add(&b, STR(".exe"));
	struct attachment_name n = attachment_name_clean(&arena, buf_str(&b));
	assert_int_equal(n.flags, ATTACHMENT_LONG);
	assert_true(n.name.n <= ATTACHMENT_NAME_MAX);
	assert_true(str_equal(n.extension, STR("exe")));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_names),
		cmocka_unit_test(test_long) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
