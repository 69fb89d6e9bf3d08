#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "mail/uri.h"

#include "base/buf.h"

static void show(struct buf *b, const struct uri *u)
{
	buf_printf(b, "%.*s|%.*s|%.*s|%u|%.*s|%.*s", STR_ARG(u->scheme), STR_ARG(u->userinfo),
		STR_ARG(u->host), u->port, STR_ARG(u->path), STR_ARG(u->query));
}

static const struct {
	const char *raw, *base, *parts; /* scheme|userinfo|host|port|path|query */
	uint32_t flags;
} uris[] = {
	{ "http://Example.COM/a?b=c#d", "", "http||example.com|0|/a|b=c", 0 },
	{ "HTTPS://u:p@h.example:8443/", "", "https|u:p|h.example|8443|/|",
		URI_USERINFO | URI_PORT },
	{ "http://h.example:80", "", "http||h.example|80||", 0 },
	{ "ftp://h.example/%41%zz", "", "ftp||h.example|0|/A%zz|", 0 },
	{ "http:h.example", "", "http||h.example|0||", 0 },
	{ "http:\\\\h.example\\x", "", "http||h.example|0|\\x|", URI_BACKSLASH },
	{ "http:///h.example", "", "http||h.example|0||", 0 },
	{ " http://h.exa\n\tmple/ ", "", "http||h.example|0|/|", URI_SPACE },
	{ "//h.example/x", "", "http||h.example|0|/x|", URI_NO_SCHEME },
	{ "www.h.example", "", "http||www.h.example|0||", URI_NO_SCHEME },
	{ "h.com/x", "", "http||h.com|0|/x|", URI_NO_SCHEME },
	{ "h.com:81/x", "", "http||h.com|81|/x|", URI_NO_SCHEME | URI_PORT },
	{ "mailto:a%2Bb@Example.com?subject=x", "", "mailto|a+b|example.com|0||subject=x", 0 },
	{ "javascript:alert(1)", "", "javascript|||0|alert(1)|", 0 },
	{ "CID:x@y", "", "cid|||0|x@y|", 0 },
	/* Relative ones. */
	{ "x.html", "http://h.example/a/b", "http||h.example|0|/a/x.html|", 0 },
	{ "/x", "https://h.example/a/b?c", "https||h.example|0|/x|", 0 },
	{ "x", "http://h.example", "http||h.example|0|/x|", 0 },
	/* Addresses in all forms. */
	{ "http://127.0.0.1/", "", "http||127.0.0.1|0|/|", URI_IPV4 },
	{ "http://2130706433/", "", "http||127.0.0.1|0|/|", URI_IPV4 | URI_IPV4_ODD },
	{ "http://0x7f.1/", "", "http||127.0.0.1|0|/|", URI_IPV4 | URI_IPV4_ODD },
	{ "http://0177.0.0.01/", "", "http||127.0.0.1|0|/|", URI_IPV4 | URI_IPV4_ODD },
	{ "http://0x7f000001/", "", "http||127.0.0.1|0|/|", URI_IPV4 | URI_IPV4_ODD },
	{ "http://4294967296/", "", "http||4294967296|0|/|", 0 },
	{ "http://1.2.3.256/", "", "http||1.2.3.256|0|/|", 0 },
	{ "http://[2001:DB8::1]:81/", "", "http||2001:db8::1|81|/|", URI_IPV6 | URI_PORT },
	{ "http://[::ffff:1.2.3.4]/", "", "http||1.2.3.4|0|/|", URI_IPV4 | URI_IPV4_ODD },
	/* Disguises. */
	{ "hxxps://h.example", "", "https||h.example|0||", URI_HXXP },
	{ "http://h[.]example", "", "http||h.example|0||", URI_DEFANGED },
	{ "http://h(dot)example/x", "", "http||h.example|0|/x|", URI_DEFANGED },
	{ "http://h\xc2\xad\xe2\x80\x8b.example", "", "http||h.example|0||", URI_INVISIBLE },
	{ "http://\xef\xbd\x88\xe3\x80\x82"
	  "example\xef\xbc\x8f",
		"", "http||h.example|0|/|", URI_FULLWIDTH },
	{ "http://%68.example", "", "http||h.example|0||", URI_PERCENT_HOST },
	{ "http://b\xc3\xbc"
	  "cher.example",
		"", "http||xn--bcher-kva.example|0||", URI_PUNYCODE },
	{ "http://xn--bcher-kva.example.", "", "http||xn--bcher-kva.example|0||", URI_PUNYCODE },
	/* The last @ counts, and what stands before a backslash or question mark. */
	{ "http://good.example@evil.example/", "", "http|good.example|evil.example|0|/|",
		URI_USERINFO },
	{ "http://a@b@evil.example", "", "http|a@b|evil.example|0||", URI_USERINFO },
	{ "http://evil.example\\@good.example", "", "http||evil.example|0|\\@good.example|",
		URI_BACKSLASH },
	{ "http://evil.example?@good.example", "", "http||evil.example|0||@good.example", 0 },
	{ "http://h..example/", "", "http||h..example|0|/|", URI_BAD_HOST },
	/* None. */
	{ "", "", NULL, 0 },
	{ "#x", "", NULL, 0 },
	{ "x.html", "", NULL, 0 },
	{ "http://", "", NULL, 0 },
	{ "http://.../", "", NULL, 0 }, /* all dots: read beyond its end elsewhere */
	{ "http:// /", "", NULL, 0 },
};

static void test_parse(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(uris); i++) {
		struct arena arena CLEANUP(arena_done) = ARENA_INIT(100000);
		struct buf b CLEANUP(buf_done) = BUF_INIT(10000);
		struct uri u;
		bool good =
			uri_parse(&arena, str_from_z(uris[i].raw), str_from_z(uris[i].base), &u);
		if (good)
			show(&b, &u);
		if (!str_equal(buf_str(&b), str_from_z(uris[i].parts)) ||
			(good && u.flags != uris[i].flags))
			fail_msg("%s: %.*s, flags %x", uris[i].raw, STR_ARG(buf_str(&b)),
				good ? u.flags : 0);
	}
}

/* scheme://host+path of each, and in front ~ where it is nested. */
static const struct {
	const char *text, *found;
} texts[] = {
	{ "see http://a.example/x. And (https://b.example/y(z)), ok",
		"http://a.example/x https://b.example/y(z) " },
	{ "<http://a.example/x>\"https://b.example\"", "http://a.example/x https://b.example " },
	{ "www.a.example, WWW.B.com! example.com; x.org/y?z",
		"http://www.a.example http://www.b.com http://example.com http://x.org/y " },
	{ "end.Next i.e. file.py main.c 3.14 a..com x.sh readme.md", "" },
	{ "x.py/y", "http://x.py/y " },
	{ "write a.b+c@example.com, or mailto:d@e.example",
		"mailto://example.com mailto://e.example " },
	{ "a@b user@localhost @example.com", "" },
	{ "hxxp://a[.]example/ b[.]com c(dot)com", "http://a.example/ http://b.com http://c.com " },
	{ "go to example dot com now; my dot dot x", "http://example.com " },
	{ "www dot evil [dot] net", "http://www.evil.net " },
	{ "ex\xe2\x80\x8b"
	  "ample.com \xef\xbd\x85\xef\xbd\x98.com",
		"http://example.com http://ex.com " },
	{ "\xe8\xaf\xb7http://a.com/x\xe6\x9f\xa5 \xe8http://b.com\xe6\x9f\xa5",
		"http://a.com/x http://b.com " },
	{ "http://r.example/?u=http%3A%2F%2Fe.example%2Fp&x=1",
		"http://r.example/ ~http://e.example/p " },
	{ "http://r.example/https://e.example/",
		"http://r.example/https://e.example/ ~https://e.example/ " },
	{ "http://r.example/?u=http%253A%252F%252Fe.example",
		"http://r.example/ ~http://e.example " },
	{ "http://r.example/?u=aHR0cDovL2UuZXhhbXBsZS8", "http://r.example/ ~http://e.example/ " },
	{ "http:\\\\a.example\\b http:/c.example", "http://a.example\\b http://c.example " },
	{ "http://a.example http://A.example http://a.example", "http://a.example " },
	{ "note:this http: https:// ://x", "" },
};

static void show_set(struct buf *b, const struct uri_set *s)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct uri *u = &s->list[i].uri;
		buf_printf(b, "%s%.*s://%.*s%.*s ", s->list[i].parent ? "~" : "",
			STR_ARG(u->scheme), STR_ARG(u->host), STR_ARG(u->path));
	}
}

static void test_texts(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct arena arena CLEANUP(arena_done) = ARENA_INIT(100000);
		struct buf b CLEANUP(buf_done) = BUF_INIT(10000);
		struct uri_set set CLEANUP(uri_set_done);
		uri_set_init(&set, &arena);
		uri_set_add_text(&set, str_from_z(texts[i].text), URI_IN_TEXT);
		show_set(&b, &set);
		if (!str_equal(buf_str(&b), str_from_z(texts[i].found)))
			fail_msg("%s: %.*s", texts[i].text, STR_ARG(buf_str(&b)));
	}
}

static void test_set(void **state)
{
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(100000);
	struct uri_set set CLEANUP(uri_set_done);
	uri_set_init(&set, &arena);
	uri_set_add(&set, STR("http://a.example/"), STR_EMPTY, STR("shown"), URI_IN_LINK);
	uri_set_add_text(&set, STR("http://a.example/"), URI_IN_TEXT);
	assert_int_equal(set.n, 1);
	assert_int_equal(set.list[0].count, 2);
	assert_int_equal(set.list[0].where, 1u << URI_IN_LINK | 1u << URI_IN_TEXT);
	assert_true(str_equal(set.list[0].text, STR("shown")));
	uri_set_add_text(&set,
		STR("http://r.example/?http://s.example/?http://t.example/?http://u.example/"
		    "?http://v.example/"),
		URI_IN_TEXT);
	for (size_t i = 0; i < set.n; i++)
		assert_true(set.list[i].nesting <= URI_NESTING_MAX && set.list[i].parent <= i);
}

/* What made others' URL finders multiply or run without end. */
static void test_floods(void **state)
{
	static const struct {
		const char *first, *again;
		size_t max;
	} floods[] = { { "http://", "a@", 1 }, { "http://", "\\", 1 }, { "http://", ".", 1 },
		{ "", "http://", 70 }, { "", "a@b.com ", 1 }, { "", "x dot ", 1 }, { "", "[", 1 },
		{ "http://a.example/?", "http%3A%2F%2Fa.example/?", 80 }, { "", ":", 1 },
		{ "http://a.example/?", "%25", 200 } };
	for (size_t i = 0; i < ARRAY_LEN(floods); i++) {
		struct arena arena CLEANUP(arena_done) = ARENA_INIT(8000000);
		struct buf b CLEANUP(buf_done) = BUF_INIT(8000000);
		struct uri_set set CLEANUP(uri_set_done);
		buf_add(&b, str_from_z(floods[i].first));
		while (b.n < 1000000)
			buf_add(&b, str_from_z(floods[i].again));
		uri_set_init(&set, &arena);
		uri_set_add_text(&set, buf_str(&b), URI_IN_TEXT);
		if (set.n > floods[i].max)
			fail_msg("%s: %zu", floods[i].again, set.n);
		struct uri u;
		if (uri_parse(&arena, buf_str(&b), STR_EMPTY, &u))
			assert_true(u.flags & URI_LONG);
	}
}

/* What may be as long as one likes before a host does not hide it. */
static void test_long_fillings(void **state)
{
	static const struct {
		const char *before, *filling, *after;
	} rows[] = { { "http://", "a", "@evil.example/" }, { "https:", "/", "evil.example/" },
		{ "http:", "\\", "evil.example/" },
		{ "http://good.example@", "a@", "@evil.example/" },
		{ "http://e", "\t", "vil.example/" }, { "http://e", "\r\n", "vil.example/" },
		{ "http://e", "\xe2\x80\x8b", "vil.example/" }, { "//", "x", "@evil.example" },
		{ "http://u", "%2f", "@evil.example/" },
		{ "http://evil.example/", "a", "@good.example/" } };
	static const size_t lengths[] = { 1000, 8000, URI_LENGTH_MAX, 20000, 70000, 300000 };
	for (size_t i = 0; i < ARRAY_LEN(rows) * ARRAY_LEN(lengths); i++) {
		size_t n = lengths[i % ARRAY_LEN(lengths)], row = i / ARRAY_LEN(lengths);
		struct arena arena CLEANUP(arena_done) = ARENA_INIT(1000000);
		struct buf b CLEANUP(buf_done) = BUF_INIT(1000000);
		struct uri u;
		buf_add(&b, str_from_z(rows[row].before));
		while (b.n < n)
			buf_add(&b, str_from_z(rows[row].filling));
		buf_add(&b, str_from_z(rows[row].after));
		if (!uri_parse(&arena, buf_str(&b), STR_EMPTY, &u) ||
			!str_equal(u.host, STR("evil.example")))
			fail_msg("row %zu, %zu bytes", row, n);
		assert_int_equal((u.flags & URI_LONG) != 0, b.n > URI_LENGTH_MAX);
	}
}

static void test_many(void **state)
{
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(8000000);
	struct buf b CLEANUP(buf_done) = BUF_INIT(8000000);
	struct uri_set set CLEANUP(uri_set_done);
	for (int i = 0; i < 3 * URI_MAX; i++)
		buf_printf(&b, "http://h%d.example/ ", i);
	uri_set_init(&set, &arena);
	uri_set_add_text(&set, buf_str(&b), URI_IN_TEXT);
	assert_int_equal(set.n, URI_MAX);
	assert_true(set.truncated);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_floods),
		cmocka_unit_test(test_long_fillings),
		cmocka_unit_test(test_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
