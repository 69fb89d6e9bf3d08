#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "mail/header.h"

#define assert_str(s, z) assert_memory_equal_n((s), (z), sizeof(z) - 1)
static void assert_memory_equal_n(str s, const char *z, size_t n)
{
	if (s.n != n || memcmp(s.p, z, n) != 0)
		print_message("'%.*s' is not '%.*s'\n", STR_ARG(s), (int)n, z);
	assert_true(s.n == n && memcmp(s.p, z, n) == 0);
}

/* name=value|... with \n shown as $, \r as %. */
static void list_fields(str block, struct buf *out)
{
	struct header_field f;
	for (size_t at = 0; header_next(block, &at, &f);) {
		assert_ptr_equal(f.raw.p, block.p + f.offset);
		assert_true(f.raw.p + f.raw.n == block.p + at);
		buf_add(out, f.name);
		buf_add_char(out, '=');
		buf_add(out, f.value);
		buf_add_char(out, '|');
	}
	for (size_t i = 0; i < out->n; i++)
		out->p[i] = out->p[i] == '\n' ? '$' : out->p[i] == '\r' ? '%' : out->p[i];
}

static const struct {
	const char *block, *fields;
	size_t length;
} tables[] = {
	{ "", "", 0 },
	{ "\r\nA: b", "", 2 },
	{ "A: b\r\nC:d\r\n\r\nE: f\r\n", "A= b|C=d|", 13 },
	{ "A: b\nC: d\n\nbody", "A= b|C= d|", 11 },
	{ "A: b\r\n c\r\n\td\r\n\r\n", "A= b%$ c%$\td|", 16 },
	{ "A: b\r\n \r\n\r\nx", "A= b%$ |", 11 },
	{ "A: b", "A= b|", 4 },
	{ "A: b\r\n c", "A= b%$ c|", 8 },
	{ "A : b\n\n", "A= b|", 7 },
	{ "From bob@example.test Thu Aug 22 12:36:23 2002\nA: b\n\n",
		"=From bob@example.test Thu Aug 22 12:36:23 2002|A= b|", 53 },
	{ "no colon\nA: b\n\n", "=no colon|A= b|", 15 },
	{ ": no name\nA: b\n", "=: no name|A= b|", 15 },
	{ " begins with space\nA:\n", "= begins with space|A=|", 22 },
	{ "A:b\rC:d\n", "A=b%C:d|", 8 },
};

static void test_fields(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		str block = str_from_z(tables[i].block);
		struct buf out CLEANUP(buf_done) = BUF_INIT(1000);
		list_fields(block, &out);
		assert_memory_equal_n(buf_str(&out), tables[i].fields, strlen(tables[i].fields));
		assert_int_equal(header_length(block), tables[i].length);
	}
}

static void test_every_prefix(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		str block = str_from_z(tables[i].block);
		for (size_t n = 0; n <= block.n; n++) {
			struct buf out CLEANUP(buf_done) = BUF_INIT(1000);
			list_fields(str_first(block, n), &out);
			assert_true(header_length(str_first(block, n)) <= n);
		}
	}
}

static void test_nul_and_eight_bit(void **state)
{
	struct header_field f;
	assert_true(header_find(STR("X\0: 1\nS\xc3\xbc: \0\xff\n"), STR("S\xc3\xbc"), &f));
	assert_str(f.value, " \0\xff");
}

static void test_find(void **state)
{
	struct header_field f;
	str block = STR("Received: 1\nsubject: a\nSUBJECT: b\n\nTo: c\n");
	assert_true(header_find(block, STR("Subject"), &f));
	assert_str(f.value, " a");
	assert_int_equal(f.offset, 12);
	assert_false(header_find(block, STR("To"), &f));
	assert_false(header_find(block, STR(""), &f));
	block = STR("A: 1\n b: in A\n\tb: in A\nba: 2\nb\nB : 3\r\n\r\nc: 4\n");
	assert_true(header_find(block, STR("b"), &f));
	assert_str(f.value, " 3");
	assert_false(header_find(block, STR("c"), &f));
}

static void test_unfold(void **state)
{
	struct buf b CLEANUP(buf_done) = BUF_INIT(100);
	header_unfold(&b, STR(" a\r\n b\n\tc \r\n "));
	assert_str(buf_str(&b), "a b\tc");
	buf_clear(&b);
	header_unfold(&b, STR(""));
	assert_int_equal(b.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_every_prefix),
		cmocka_unit_test(test_nul_and_eight_bit),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_unfold),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
