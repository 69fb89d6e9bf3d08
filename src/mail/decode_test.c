/* transfer.h, charset.h, word.h and param.h. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "mail/charset.h"
#include "mail/param.h"
#include "mail/transfer.h"
#include "mail/word.h"

#include "base/utf8.h"

static void assert_text(str got, str expected, str of)
{
	if (!str_equal(got, expected))
		print_message("'%.*s' gives '%.*s', not '%.*s'\n", STR_ARG(of), STR_ARG(got),
			STR_ARG(expected));
	assert_true(str_equal(got, expected));
}

#define T(encoded, plain)                                                                          \
	{                                                                                          \
		{ encoded, sizeof(encoded) - 1 },                                                  \
		{                                                                                  \
			plain, sizeof(plain) - 1                                                   \
		}                                                                                  \
	}

static const struct pair {
	str in, out;
} base64[] = {
	T("", ""),
	T("YQ==", "a"),
	T("YWI=", "ab"),
	T("YWJj", "abc"),
	T("YW\r\nJj\r\n", "abc"),
	T("Y W!J*j", "abc"),
	T("YQ", "a"),
	T("YWI", "ab"),
	T("Y", ""),
	T("YQ==YWI=YWJj", "aababc"),
	T("====", ""),
	T("Y===YQ==", "a"),
	T("/+8A", "\xff\xef\0"),
	T("\xff\xfe\0YQ==", "a"),
};

static const struct pair quoted_printable[] = {
	T("", ""),
	T("a=3Db", "a=b"),
	T("a=3db", "a=b"),
	T("a=\r\nb", "ab"),
	T("a=\nb", "ab"),
	T("a= \t\r\nb", "ab"),
	T("a  \r\nb\t\nc ", "a\r\nb\nc"),
	T("a b", "a b"),
	T("a=20\r\n", "a \r\n"),
	T("a=", "a"),
	T("a=4", "a=4"),
	T("a=xb", "a=xb"),
	T("a=4xb", "a=4xb"),
	T("a==41", "a=A"),
	T("a= b", "a=b"),
	T("a=\rb", "ab"),
	T("=C3=BC\xc3\xbc\0", "\xc3\xbc\xc3\xbc\0"),
};

/* All at once, and at every split point in two pieces, and one byte at a time. */
static void check_transfer(enum transfer_encoding encoding, str in, str expected)
{
	struct buf out CLEANUP(buf_done) = BUF_INIT(10000);
	struct transfer t;
	for (size_t split = 0; split <= in.n; split++) {
		buf_clear(&out);
		transfer_init(&t, encoding);
		transfer_feed(&t, str_first(in, split), &out);
		transfer_feed(&t, str_skip(in, split), &out);
		transfer_finish(&t, &out);
		assert_text(buf_str(&out), expected, in);
	}
	buf_clear(&out);
	transfer_init(&t, encoding);
	for (size_t i = 0; i < in.n; i++)
		transfer_feed(&t, str_from(in.p + i, 1), &out);
	transfer_finish(&t, &out);
	assert_text(buf_str(&out), expected, in);
}

static void test_transfer(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(base64); i++)
		check_transfer(TRANSFER_BASE64, base64[i].in, base64[i].out);
	for (size_t i = 0; i < ARRAY_LEN(quoted_printable); i++)
		check_transfer(
			TRANSFER_QUOTED_PRINTABLE, quoted_printable[i].in, quoted_printable[i].out);
	check_transfer(TRANSFER_IDENTITY, STR("a=\r\nYQ=="), STR("a=\r\nYQ=="));
}

static void test_transfer_holds_long_white_space(void **state)
{
	struct buf in CLEANUP(buf_done) = BUF_INIT(10000), out CLEANUP(buf_done) = BUF_INIT(10000);
	for (int i = 0; i < 1000; i++)
		buf_add_char(&in, ' ');
	buf_add_char(&in, 'x');
	transfer_decode(TRANSFER_QUOTED_PRINTABLE, buf_str(&in), &out);
	assert_true(str_equal(buf_str(&in), buf_str(&out)));
}

static void test_transfer_names(void **state)
{
	assert_int_equal(transfer_encoding_from(STR(" BASE64 ")), TRANSFER_BASE64);
	assert_int_equal(
		transfer_encoding_from(STR("(x) quoted-Printable;")), TRANSFER_QUOTED_PRINTABLE);
	assert_int_equal(transfer_encoding_from(STR("8bit")), TRANSFER_IDENTITY);
	assert_int_equal(transfer_encoding_from((str){ 0 }), TRANSFER_IDENTITY);
}

static const struct {
	const char *charset;
	struct pair text;
} charsets[] = {
	{ "utf-8", T("a\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80",
			   "a\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80") },
	{ "UTF8", T("a\xff"
		    "b\xc3",
			  "a\xef\xbf\xbd"
			  "b\xef\xbf\xbd") },
	{ "utf-8", T("\xed\xa0\x80\xc0\x80",
			   "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd") },
	{ "iso-8859-1", T("\xfc\x80\xc3\xbc", "\xc3\xbc\xe2\x82\xac\xc3\x83\xc2\xbc") },
	{ "windows-1252", T("\x93x\x94", "\xe2\x80\x9cx\xe2\x80\x9d") },
	{ "us-ascii", T("a\xc3\xbc\xfc", "a\xc3\xbc\xc3\xbc") },
	{ "", T("\xc3\xbc\xfc\xe2\x82", "\xc3\xbc\xc3\xbc\xc3\xa2\xe2\x80\x9a") },
	{ "x-unknown", T("\xc3\xbc\xfc", "\xc3\xbc\xc3\xbc") },
	{ "../../etc/passwd", T("\xfc", "\xc3\xbc") },
	{ "utf-8,swaplfnl", T("\xfc", "\xc3\xbc") },
	{ "koi8-r", T("\xf0\xd2", "\xd0\x9f\xd1\x80") },
	{ "iso-8859-2", T("\xb1", "\xc4\x85") },
	{ "iso-8859-15", T("\xa4", "\xe2\x82\xac") },
	{ "gb2312", T("\xc4\xe3\xba\xc3", "\xe4\xbd\xa0\xe5\xa5\xbd") },
	{ "big5", T("\xa7\x41", "\xe4\xbd\xa0") },
	{ "Shift_JIS", T("\x82\xa0", "\xe3\x81\x82") },
	{ "iso-2022-jp", T("\x1b$B$\"\x1b(Ba", "\xe3\x81\x82"
					       "a") },
	{ "euc-kr", T("\xb0\xa1", "\xea\xb0\x80") },
	{ "ks_c_5601-1987", T("\xb0\xa1", "\xea\xb0\x80") },
	{ "utf-7", T("a+AOQ-b", "a\xc3\xa4"
				"b") },
	{ "utf-16be", T("\0a\xd8\x3d\xde\x00", "a\xf0\x9f\x98\x80") },
	{ "gb18030", T("\x94\x39\xda\x33", "\xf0\x9f\x92\xa9") },
};

static void test_charsets(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(charsets); i++) {
		str in = charsets[i].text.in;
		struct buf out CLEANUP(buf_done) = BUF_INIT(10000);
		struct charset *c CLEANUP(charset_free_pointer) =
			charset_new(str_from_z(charsets[i].charset));
		for (size_t split = 0; split <= in.n; split++) {
			buf_clear(&out);
			charset_feed(c, str_first(in, split), &out);
			charset_feed(c, str_skip(in, split), &out);
			charset_finish(c, &out);
			assert_text(buf_str(&out), charsets[i].text.out,
				str_from_z(charsets[i].charset));
		}
		buf_clear(&out);
		for (size_t j = 0; j < in.n; j++)
			charset_feed(c, str_from(in.p + j, 1), &out);
		charset_finish(c, &out);
		assert_text(buf_str(&out), charsets[i].text.out, str_from_z(charsets[i].charset));
	}
}

/* More than one piece of the converter's own. */
static void test_long_text(void **state)
{
	struct buf in CLEANUP(buf_done) = BUF_INIT(100000),
		      out CLEANUP(buf_done) = BUF_INIT(100000);
	for (int i = 0; i < 5001; i++)
		buf_add(&in, STR("\xf0\xd2"));
	charset_to_utf8(STR("koi8-r"), buf_str(&in), &out);
	assert_int_equal(out.n, 5001 * 4);
	assert_true(utf8_valid(buf_str(&out)));
}

static const struct pair words[] = {
	T("", ""),
	T(" plain\r\n text ", "plain text"),
	T("=?utf-8?Q?J=C3=BCrgen_X?=", "J\xc3\xbcrgen X"),
	T("=?ISO-8859-1?q?J=FCrgen?= X", "J\xc3\xbcrgen X"),
	T("=?utf-8?B?SsO8?=", "J\xc3\xbc"),
	T("a =?utf-8?Q?b?= c", "a b c"),
	T("=?utf-8?Q?a?= =?utf-8?Q?b?=", "ab"),
	T("=?utf-8?Q?a?=\r\n =?iso-8859-1?Q?=FC?=", "a\xc3\xbc"),
	T("=?utf-8?Q?a?= b =?utf-8?Q?c?=", "a b c"),
	T("=?utf-8?Q?=C3?= =?utf-8?Q?=BC?=", "\xc3\xbc"),
	T("=?utf-8?B?Sg==?= =?utf-8?B?w7w=?=", "J\xc3\xbc"),
	T("=?utf-8*de?Q?x?=", "x"),
	T("=?utf-8?Q?a b?=", "a b"),
	T("x=?utf-8?Q?a?=y", "xay"),
	T("=?utf-8?Q?a", "=?utf-8?Q?a"),
	T("=?utf-8?X?a?=", "=?utf-8?X?a?="),
	T("=?utf-8?", "=?utf-8?"),
	T("=?", "=?"),
	T("=?"
	  "?Q?a?=",
		"=?"
		"?Q?a?="),
	T("=?utf-8?Q?"
	  "?=",
		""),
	T("=?utf-8?Q?a=0D=0Ab=00?=", "ab "),
	T("=?utf-8?Q?=?=", "="),
	T("=?x-unknown?Q?=FC=C3=BC?=", "\xc3\xbc\xc3\xbc"),
	T("=?iso-2022-jp?B?GyRCJCIbKEI=?=", "\xe3\x81\x82"),
	T("raw \xfc and \xc3\xbc", "raw \xc3\xbc and \xc3\xbc"),
};

static void test_words(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		struct buf out CLEANUP(buf_done) = BUF_INIT(10000);
		word_decode(&out, words[i].in);
		assert_text(buf_str(&out), words[i].out, words[i].in);
		for (size_t n = 0; n < words[i].in.n; n++) {
			buf_clear(&out);
			word_decode(&out, str_first(words[i].in, n));
			assert_true(utf8_valid(buf_str(&out)));
		}
	}
}

static void test_words_are_linear(void **state)
{
	static const char *const floods[] = { "=?a?Q?", "=?", "=?a?Q?x?= ", "=?utf-8?", "?=" };
	for (size_t i = 0; i < ARRAY_LEN(floods); i++) {
		struct buf in CLEANUP(buf_done) = BUF_INIT(10000000);
		struct buf out CLEANUP(buf_done) = BUF_INIT(100000000);
		for (int n = 0; n < 200000; n++)
			buf_add(&in, str_from_z(floods[i]));
		word_decode(&out, buf_str(&in));
		assert_true(utf8_valid(buf_str(&out)));
	}
}

static const struct {
	const char *params, *list; /* name=value|… after param_text */
} params[] = {
	{ "", "" },
	{ ";", "" },
	{ "; a=b", "a=b|" },
	{ ";a=b;c=d", "a=b|c=d|" },
	{ "; a = \"b;c\" ; d=e", "a=b;c|d=e|" },
	{ "; a=\"x\\\"y\\\\\"", "a=x\"y\\|" },
	{ "; a=b (comment); c=d", "a=b|c=d|" },
	{ "; (c) a (c) = (c) b", "a=b|" },
	{ " a=b c=d", "a=b|c=d|" },
	{ "; a=my file.txt; b=c", "a=my file.txt|b=c|" },
	{ "; a=b/c?d", "a=b/c?d|" },
	{ "; junk; a=b", "a=b|" },
	{ ";;; = ; =x; a=b", "a=b|" },
	{ "; a=", "a=|" },
	{ "; a=; b=c", "a=|b=c|" },
	{ "; a=\"not closed", "a=not closed|" },
	{ ";\r\n\ta=b;\r\n c=\"d\r\n e\"", "a=b|c=d e|" },
	{ "; a=b\r\n c=d", "a=b|c=d|" },
	{ "; name*0*=x''a; name*1=b", "name*0*=x''a|name*1=b|" },
};

static void test_params(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(params); i++) {
		struct buf out CLEANUP(buf_done) = BUF_INIT(10000);
		str rest = str_from_z(params[i].params);
		for (struct param p; param_next(&rest, &p);) {
			buf_add(&out, p.name);
			buf_add_char(&out, '=');
			param_text(&out, &p);
			buf_add_char(&out, '|');
		}
		assert_text(
			buf_str(&out), str_from_z(params[i].list), str_from_z(params[i].params));
	}
}

static const struct {
	const char *params, *name; /* NULL: not there */
} names[] = {
	{ "; a=b", NULL },
	{ "; name=b", "b" },
	{ "; NAME=\"b c\"", "b c" },
	{ "; name*=utf-8'de'J%C3%BCrgen", "J\xc3\xbcrgen" },
	{ "; name*=iso-8859-1''J%FCrgen%", "J\xc3\xbcrgen%" },
	{ "; name*0=a; name*1=b; name*2=c", "abc" },
	{ "; name*2=c; name*0=a; name*1=b", "abc" },
	{ "; name*0*=utf-8''%C3; name*1*=%BC; name*2=%20", "\xc3\xbc%20" },
	{ "; name*0=a; name*2=c", "a" },
	{ "; name*1=b", NULL },
	{ "; name=plain; name*=utf-8''better", "better" },
	{ "; name*=no-quotes%41", "no-quotesA" },
	{ "; name*=''", "" },
	{ "; name*99999999999999999999=x; name=y", "y" },
	{ "; name=\"=?utf-8?B?SsO8?=\"", "J\xc3\xbc" },
	{ "; name*0=a; name*0=b", "a" },
};

static void test_param_decode(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct buf out CLEANUP(buf_done) = BUF_INIT(10000);
		bool found = param_decode(&out, str_from_z(names[i].params), STR("name"));
		assert_int_equal(found, names[i].name != NULL);
		assert_text(buf_str(&out), str_from_z(names[i].name), str_from_z(names[i].params));
	}
}

static void test_param_flood(void **state)
{
	struct buf in CLEANUP(buf_done) = BUF_INIT(10000000),
		      out CLEANUP(buf_done) = BUF_INIT(100000);
	for (int i = 0; i < 200000; i++)
		buf_printf(&in, "; name*%d*=x", i % 50);
	assert_true(param_decode(&out, buf_str(&in), STR("name")));
	assert_int_equal(out.n, 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_transfer),
		cmocka_unit_test(test_transfer_holds_long_white_space),
		cmocka_unit_test(test_transfer_names),
		cmocka_unit_test(test_charsets),
		cmocka_unit_test(test_long_text),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_words_are_linear),
		cmocka_unit_test(test_params),
		cmocka_unit_test(test_param_decode),
		cmocka_unit_test(test_param_flood),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
