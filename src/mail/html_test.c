#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "mail/css.h"
#include "mail/html.h"

#include "base/buf.h"
#include "base/utf8.h"

enum { ARENA_MAX = 32 * 1024 * 1024 };

/* "visible|invisible" */
static const struct {
	const char *html, *text;
} texts[] = {
	{ "", "|" },
	{ "plain text", "plain text|" },
	{ "<p>one</p><p>two<br>three</p>", "one\ntwo\nthree|" },
	{ "  a \n\t b&nbsp;&nbsp;c  ", "a b c|" },
	{ "<b>a</b>b <i> c</i>", "ab c|" },
	{ "<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc|" },
	{ "<head><title>t</title></head><body>b</body>", "b|" },
	{ "<script>var x='<b>';</script>a<style>b{}</style>", "a|" },
	{ "a<!-- c -->b", "ab|" },
	{ "&lt;b&gt;&eacute;&#8364;&bogus;", "<b>\xc3\xa9\xe2\x82\xac&bogus;|" },
	/* Unclosed and misnested. */
	{ "<div><b>a<i>b</div>c", "ab\nc|" },
	/* The text is UTF-8 whatever it says of itself. */
	{ "<meta http-equiv=content-type content='text/html; charset=koi8-r'>\xc3\xa9",
		"\xc3\xa9|" },
	{ "<meta charset=utf-16>\xc3\xa9", "\xc3\xa9|" },
	{ "a<", "a|" },
	{ "</x>a", "a|" },
	{ "<!DOCTYPE html></x>a", "a|" },
	{ "a</html>b</HTML ></body>c", "abc|" },
	{ "</p></div>a", "a|" },
	/* Hiding, each way. */
	{ "a<div style='display:none'>b<p>c</p></div>d", "a\nd|b\nc" },
	{ "a<span style=\"DISPLAY : NONE !important\">b</span>", "a|b" },
	{ "a<span style='display:/**/none'>b</span>", "a|b" },
	{ "<span style='visibility:hidden'>a<b style='visibility:visible'>b</b></span>", "b|a" },
	{ "<span style='font-size:0'>a</span>b", "b|a" },
	{ "<span style='font-size:1px'>a</span>b", "b|a" },
	{ "<span style='font:0px/0 Arial'>a</span>b", "b|a" },
	{ "<span style='font-size:10%'>a</span>b", "b|a" },
	{ "<span style='font-size:0'><b style='font-size:12px'>a</b></span>", "a|" },
	{ "<span style='opacity:0'>a</span><span style='opacity:.9'>b</span>", "b|a" },
	{ "<span style='color:#fff'>a</span>b", "b|a" },
	{ "<font color=white>a</font>b", "b|a" },
	{ "<font color=#fdfefe>a</font>b", "b|a" },
	{ "<span style='color:rgba(0,0,0,0)'>a</span>b", "b|a" },
	{ "<td bgcolor=navy><font color=white>a</font></td>", "a|" },
	{ "<td bgcolor='#000080'><span style='color:rgb(0,0,128)'>a</span></td>", "|a" },
	{ "<div style='background:url(x)'><font color=white>a</font></div>", "a|" },
	{ "<body bgcolor=black text=white>a<font color=black>b</font></body>", "a|b" },
	{ "<div style='position:absolute;left:-9999px'>a</div>b", "b|a" },
	{ "<div style='text-indent:-5000px'>a</div>b", "b|a" },
	{ "<div style='max-height:0;overflow:hidden'>a</div>b", "b|a" },
	{ "<div style='height:0'>a</div>b", "a\nb|" },
	{ "<div style='position:absolute;clip:rect(0,0,0,0)'>a</div>b", "b|a" },
	{ "<p hidden>a</p>b", "b|a" },
	/* Sheets. */
	{ "<style>.x{display:none}</style><p class='y x'>a</p>b", "b|a" },
	{ "<p id=q>a</p>b<style>#q{display:none}</style>", "b|a" },
	{ "<style>i{display:none}</style><i>a</i>b", "b|a" },
	{ "<style>i.x, b.x {display:none}</style><i>a</i><b class=x>b</b>", "a|b" },
	{ "<style>.x{display:none}</style><p class=x style='display:block'>a</p>", "a|" },
	{ "<style>.x{display:none!important}</style><p class=x style='display:block'>a</p>", "|a" },
	{ "<style>@media print{.x{display:none}} .y{display:none}</style>"
	  "<i class=x>a</i><b class=y>b</b>",
		"a|b" },
	{ "<style>@import 'x'; .y{display:none}</style><b class=y>b</b>", "|b" },
	{ "<!--[if mso]><style>.x{display:none}</style><![endif]--><b class=x>b</b>", "b|" },
	{ "<style>.c .b{background:blue}</style><b class=b style='color:#fff'>a</b>", "a|" },
	{ "<style><!-- .x{display:none} --></style><b class=x>b</b>", "|b" },
};

static void read_z(struct arena *a, const char *html, struct html *out)
{
	html_read(a, str_from_z(html), out);
}

static void test_texts(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct arena arena CLEANUP(arena_done) = ARENA_INIT(ARENA_MAX);
		struct html h;
		read_z(&arena, texts[i].html, &h);
		str both =
			arena_printf(&arena, "%.*s|%.*s", STR_ARG(h.visible), STR_ARG(h.invisible));
		if (!str_equal(both, str_from_z(texts[i].text)))
			fail_msg("%s: %.*s", texts[i].html, STR_ARG(both));
	}
}

static const char link_kinds[] = "abfiBRcso";

/* Each link as a letter for its kind, its target, and its text in brackets. */
static const struct {
	const char *html, *links;
} links[] = {
	{ "<a href='http://a/'>one <b>two</b></a>", "a http://a/ [one two]" },
	{ "x <a href=a> b </a> y", "a a [b]" },
	{ "<a href=a><img src=i></a>", "a a []i i []" },
	{ "<a name=x>b</a>", "" },
	{ "<a href=a>b<a href=c>d</a>", "a a [b]a c [d]" },
	{ "<a href='a&amp;b'>c", "a a&b [c]" },
	{ "<a href=a><span style='display:none'>b</span>c</a>", "a a [c]" },
	{ "<map><area href=a></map><form action=f><input type=image src=i></form>",
		"b a []f f []i i []" },
	{ "<base href=b><meta http-equiv=Refresh content=\"0; URL='r'\">", "B b []R r []" },
	{ "<p style=\"background:url('u')\">x</p><style>a{b:url(v)}</style>", "c v []c u []" },
	{ "<script src=s></script><iframe src=o></iframe><td background=g>", "s s []o o []i g []" },
	{ "<A HREF=\"h\nt\">x</A>", "a h\nt [x]" },
};

static void test_links(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(links); i++) {
		struct arena arena CLEANUP(arena_done) = ARENA_INIT(ARENA_MAX);
		struct buf b CLEANUP(buf_done) = BUF_INIT(10000);
		struct html h;
		read_z(&arena, links[i].html, &h);
		for (size_t k = 0; k < h.links_n; k++)
			buf_printf(&b, "%c %.*s [%.*s]", link_kinds[h.links[k].kind],
				STR_ARG(h.links[k].target), STR_ARG(h.links[k].text));
		if (!str_equal(buf_str(&b), str_from_z(links[i].links)))
			fail_msg("%s: %.*s", links[i].html, STR_ARG(buf_str(&b)));
	}
}

static void test_shape(void **state)
{
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(ARENA_MAX);
	struct html h;
	read_z(&arena,
		"<title>t</title><form><input type=password><input type=hidden></form><!--c-->"
		"<a href=x><img src=i alt=A width=1 style='height:2px'></a><table></table>"
		"<script>s</script><iframe></iframe><p onclick='x'>",
		&h);
	assert_true(str_equal(h.title, STR("t")));
	assert_true(str_equal(h.comments, STR("c")));
	assert_true(str_equal(h.scripts, STR("s")));
	assert_int_equal(h.forms, 1);
	assert_int_equal(h.inputs, 2);
	assert_int_equal(h.passwords, 1);
	assert_int_equal(h.hidden_inputs, 1);
	assert_int_equal(h.tables, 1);
	assert_int_equal(h.frames, 1);
	assert_int_equal(h.script_tags, 1);
	assert_int_equal(h.handlers, 1);
	assert_int_equal(h.images_n, 1);
	assert_int_equal(h.images[0].width, 1);
	assert_int_equal(h.images[0].height, 2);
	assert_true(h.images[0].linked && h.links[0].image);
	assert_true(str_equal(h.images[0].alt, STR("A")));
	assert_false(h.truncated);
}

static void test_reasons(void **state)
{
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(ARENA_MAX);
	struct html h;
	read_z(&arena, "<p hidden> </p><b style='opacity:0'>x</b>", &h);
	assert_int_equal(h.hiding, HTML_HIDDEN_OPACITY);
}

static void test_every_prefix(void **state)
{
	static const char whole[] = "<style>.x{display:none;b:url(u)}</style><a href=\"&#x41;\" "
				    "class=x>\xc3\xa9</a><!-- c --><img src=i width=3>&eacute;";
	for (size_t n = 0; n < sizeof whole; n++) {
		struct arena arena CLEANUP(arena_done) = ARENA_INIT(ARENA_MAX);
		char *copy CLEANUP(free_pointer) = str_dup_z(str_from(whole, n));
		struct html h;
		html_read(&arena, str_from(copy, n), &h);
		assert_true(h.links_n <= 3);
	}
}

/* What comes to so much, n times, and then visible text. */
static void repeated(const char *first, const char *again, size_t n, const char *last,
	struct arena *arena, struct html *out)
{
	struct buf b CLEANUP(buf_done) = BUF_INIT(2 * HTML_INPUT_MAX);
	buf_add(&b, str_from_z(first));
	for (size_t i = 0; i < n; i++)
		buf_add(&b, str_from_z(again));
	buf_add(&b, str_from_z(last));
	html_read(arena, buf_str(&b), out);
}

/* From the changelogs of others: what made their parsers recurse or run without end. */
static void test_floods(void **state)
{
	static const struct {
		const char *first, *again, *last;
		size_t n;
		bool truncated, seen;
	} floods[] = {
		{ "", "<div>", "seen", 200000, true, true },    /* deep nesting */
		{ "", "<b></i>", "seen", 200000, true, true },  /* end tags of nothing */
		{ "", "<!---->", "seen", 200000, false, true }, /* comments in a row */
		{ "<!--", "a b ", "-->seen", 100000, true, true },
		{ "", "<!--", "seen", 200000, false, false }, /* and not closed */
		{ "", "&amp;&", "seen", 200000, false, true },
		{ "", "<a href=x>", "seen", 100000, true, true },
		{ "<a x='", "x", "'>seen", 1000000, true, true }, /* one long attribute */
		{ "<style>", "@a;", "</style>seen", 100000, false, true },
		{ "<style>", ".a{", "</style>seen", 50000, false, true },
		{ "<style>", ".a,", "{}</style>seen", 50000, false, true },
		{ "<p style='", "a:b;", "'>seen", 50000, true, true },
		{ "<img src='data:image/png;base64,", "AAAA\n", "'>seen", 100000, false, true },
	};
	for (size_t i = 0; i < ARRAY_LEN(floods); i++) {
		struct arena arena CLEANUP(arena_done) = ARENA_INIT(ARENA_MAX);
		struct html h;
		repeated(floods[i].first, floods[i].again, floods[i].n, floods[i].last, &arena, &h);
		bool seen = str_ends(h.visible, STR("seen"));
		if (seen != floods[i].seen || h.truncated != floods[i].truncated)
			fail_msg("%zu: seen %d truncated %d", i, seen, h.truncated);
		assert_true(h.links_n <= HTML_LINKS_MAX && arena.used <= ARENA_MAX);
	}
}

/* Wherever the text is cut into the pieces that the parser is fed. */
static void test_every_offset(void **state)
{
	static const char tag[] = "<a href='x?a=\"b\"' title=\"c'd > e\">seen</a><!-- > -->";
	for (size_t n = 1980; n < 2060; n++) {
		struct arena arena CLEANUP(arena_done) = ARENA_INIT(ARENA_MAX);
		struct buf b CLEANUP(buf_done) = BUF_INIT(HTML_INPUT_MAX);
		while (b.n < n)
			buf_add_char(&b, 'x');
		buf_add(&b, STR("y "));
		buf_add(&b, str_from_z(tag));
		for (int i = 0; i < 5000; i++)
			buf_add(&b, STR(" word"));
		struct html h;
		html_read(&arena, buf_str(&b), &h);
		assert_false(h.truncated);
		assert_int_equal(h.links_n, 1);
		assert_true(str_equal(h.links[0].target, STR("x?a=\"b\"")));
		assert_true(str_equal(h.links[0].text, STR("seen")));
		assert_int_equal(h.visible.n, n + 2 + 4 + 5000 * 5);
	}
}

/* Each attribute is compared with those before: 300,000 of them are 4.5e10 comparisons. */
static void test_attribute_flood(void **state)
{
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(ARENA_MAX);
	struct buf b CLEANUP(buf_done) = BUF_INIT(HTML_INPUT_MAX);
	buf_add(&b, STR("<a "));
	for (int i = 0; i < 300000; i++)
		buf_printf(&b, "a%d ", i);
	buf_add(&b, STR("><p>seen"));
	struct html h;
	html_read(&arena, buf_str(&b), &h);
	assert_true(h.truncated);
	assert_true(str_ends(h.visible, STR("seen")));
}

static void test_no_room(void **state)
{
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(64);
	struct html h;
	read_z(&arena, "<a href=http://a.long.target/>and a text that is much longer than that</a>",
		&h);
	assert_true(h.truncated);
	assert_int_equal(h.visible.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_shape),
		cmocka_unit_test(test_reasons),
		cmocka_unit_test(test_every_prefix),
		cmocka_unit_test(test_every_offset),
		cmocka_unit_test(test_floods),
		cmocka_unit_test(test_attribute_flood),
		cmocka_unit_test(test_no_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
