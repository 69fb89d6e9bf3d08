#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "mail/check.h"
#include "mail/mime.h"

#include "base/buf.h"

/* The tree as type/subtype'body' for leaves, (…) around the parts of a multipart, <…> around a
 * message. Line ends are shown as $. */
static void show(struct buf *out, const struct mime_tree *t)
{
	uint32_t open = MIME_NONE;
	for (uint32_t i = 0; i <= t->n; i++) {
		uint32_t parent = i < t->n ? t->parts[i].parent : MIME_NONE;
		for (; open != parent; open = t->parts[open].parent)
			buf_add_char(out, t->parts[open].kind == MIME_MESSAGE ? '>' : ')');
		if (i == t->n)
			break;
		const struct mime_part *p = &t->parts[i];
		buf_add(out, p->number > 1 ? STR(" ") : STR(""));
		buf_printf(out, "%.*s/%.*s", STR_ARG(p->type), STR_ARG(p->subtype));
		if (p->kind == MIME_LEAF) {
			buf_printf(out, "'%.*s'", STR_ARG(p->body));
			continue;
		}
		buf_add_char(out, p->kind == MIME_MESSAGE ? '<' : '(');
		open = i;
	}
	for (size_t i = 0; i < out->n; i++)
		out->p[i] = out->p[i] == '\n' ? '$' : out->p[i];
}

#define MIXED(boundary) "Content-Type: multipart/mixed; boundary=" boundary "\n\n"

static const struct {
	const char *message, *tree;
} tables[] = {
	{ "", "text/plain''" },
	{ "\n", "text/plain''" },
	{ "body?", "text/plain''" },
	{ "A: b\n\nbody\n", "text/plain'body$'" },
	{ "Content-Type: TEXT/Html\n\nx", "TEXT/Html'x'" },
	{ "Content-Type: text\n\nx", "text/plain'x'" },
	{ "Content-Type: nonsense\n\nx", "text/plain'x'" },
	{ "Content-Type: /x\n\nx", "text/plain'x'" },
	{ "Content-Type:\n\nx", "text/plain'x'" },
	{ "Content-Type: (a (nested) comment) text (b) / html (c); x=y\n\nx", "text/html'x'" },
	{ "Content-Type: a/b\nContent-Type: c/d\n\nx", "a/b'x'" },
	{ MIXED("b") "pre\n--b\n\none\n--b\n\ntwo\n--b--\npost\n",
		"multipart/mixed(text/plain'one' text/plain'two')" },
	{ MIXED("b") "--b\n\none\n\n--b \t\n\ntwo\n--b-- \n",
		"multipart/mixed(text/plain'one$' text/plain'two')" },
	/* No final delimiter; none at all; no boundary; an empty one; only the final one. */
	{ MIXED("b") "--b\n\none\n", "multipart/mixed(text/plain'one$')" },
	{ MIXED("b") "one\ntwo\n", "multipart/mixed(text/plain'one$two$')" },
	{ MIXED("\"\"") "--\n\none\n----\n", "multipart/mixed(text/plain'--$$one$----$')" },
	{ "Content-Type: multipart/mixed\n\n--b\n\nx", "multipart/mixed(text/plain'--b$$x')" },
	{ MIXED("b") "pre\n--b--\npost", "multipart/mixed(text/plain'')" },
	{ "Content-Type: multipart/mixed; boundary=b", "multipart/mixed(text/plain'')" },
	{ MIXED("b"), "multipart/mixed(text/plain'')" },
	/* Empty parts, parts without header, without body, without an empty line. */
	{ MIXED("b") "--b\n--b\n\n--b\n\n\n--b--",
		"multipart/mixed(text/plain'' text/plain'' text/plain'')" },
	{ MIXED("b") "--b\nContent-Type: x/y\n--b--", "multipart/mixed(x/y'')" },
	{ MIXED("b") "--b\nContent-Type: x/y\n\n--b--", "multipart/mixed(x/y'')" },
	{ MIXED("b") "--b", "multipart/mixed(text/plain'')" },
	{ MIXED("b") "--b\nno header\n--b--", "multipart/mixed(text/plain'')" },
	/* Boundaries that begin alike; that look like a final one; quoted ones. */
	{ MIXED("b") "--b\nContent-Type: multipart/x; "
		     "boundary=bb\n\n--bb\n\none\n--bb--\n--b\n\ntwo\n--b--",
		"multipart/mixed(multipart/x(text/plain'one') text/plain'two')" },
	{ MIXED("bb") "--bb\nContent-Type: multipart/x; "
		      "boundary=b\n\n--b\n\none\n--b--\n--bb\n\ntwo\n--bb--",
		"multipart/mixed(multipart/x(text/plain'one') text/plain'two')" },
	{ MIXED("b--") "--b--\n\none\n--b----", "multipart/mixed(text/plain'one')" },
	{ MIXED("b") "--b\n\n--bx\n --b\n-b\n--b--", "multipart/mixed(text/plain'--bx$ --b$-b')" },
	{ MIXED("\"a b \"") "--a b\n\none\n--a b--", "multipart/mixed(text/plain'one')" },
	{ MIXED("\"a\\\"\\b\"") "--a\"b\n\none\n--a\"b--", "multipart/mixed(text/plain'one')" },
	{ MIXED("\n a/b=c") "--a/b=c\n\none\n--a/b=c--", "multipart/mixed(text/plain'one')" },
	{ MIXED("b") "--b\n\n--b--\n--b\n\nepilogue", "multipart/mixed(text/plain'')" },
	/* Boundaries as RFC 2231 writes parameters; a plain one goes first. */
	{ "Content-Type: multipart/mixed; boundary*=us-ascii''a%20b\n\n--a b\n\none\n--a b--",
		"multipart/mixed(text/plain'one')" },
	{ "Content-Type: multipart/mixed; boundary*1=y; boundary*0=\"x\"\n\n--xy\n\none\n--xy--",
		"multipart/mixed(text/plain'one')" },
	{ "Content-Type: multipart/mixed; boundary=a; boundary*=''b\n\n--b\n--a\n\none\n--a--",
		"multipart/mixed(text/plain'one')" },
	{ "Content-Type: multipart/mixed; boundary*=\n\n--\n", "multipart/mixed(text/plain'--$')" },
	/* The same boundary twice; an outer delimiter ends what is inside. */
	{ MIXED("b") "--b\nContent-Type: multipart/x; "
		     "boundary=b\n\n--b\n\none\n--b--\n--b\n\ntwo\n--b--",
		"multipart/mixed(multipart/x(text/plain'one') text/plain'two')" },
	{ MIXED("a") "--a\nContent-Type: multipart/x; boundary=b\n\n--b\n\none\n--a\n\ntwo\n--a--",
		"multipart/mixed(multipart/x(text/plain'one') text/plain'two')" },
	{ MIXED("a") "--a\nContent-Type: multipart/x; boundary=b\n\n--b\n--a--",
		"multipart/mixed(multipart/x(text/plain''))" },
	/* Messages in messages. */
	{ "Content-Type: message/rfc822\n\nA: b\n\nbody", "message/rfc822<text/plain'body'>" },
	{ "Content-Type: message/global\n\nA: b\n\nbody", "message/global<text/plain'body'>" },
	{ "Content-Type: message/rfc822\n", "message/rfc822<text/plain''>" },
	{ "Content-Type: message/partial\n\nx", "message/partial'x'" },
	{ MIXED("b") "--b\nContent-Type: message/rfc822\n\n" MIXED("c") "--c\n\none\n--b--",
		"multipart/mixed(message/rfc822<multipart/mixed(text/plain'one')>)" },
	{ MIXED("b") "--b\nContent-Type: message/rfc822\n\nA: b\n--b--",
		"multipart/mixed(message/rfc822<text/plain''>)" },
	{ "Content-Type: multipart/digest; boundary=b\n\n--b\n\nA: b\n\none\n--b\nContent-Type: "
	  "a/b\n\n--b--",
		"multipart/digest(message/rfc822<text/plain'one'> a/b'')" },
	{ "Content-Type: multipart/digest; boundary=b\n\n--b\n--b--",
		"multipart/digest(message/rfc822<text/plain''>)" },
};

static void parse_and_show(str message, struct mime_limits limits, struct buf *out)
{
	struct mime_tree tree CLEANUP(mime_done);
	mime_parse(message, limits, &tree);
	const char *wrong = check_tree(&tree);
	if (wrong)
		print_message("%s in '%.*s'\n", wrong, STR_ARG(message));
	assert_null(wrong);
	show(out, &tree);
}

static void assert_tree(str message, struct mime_limits limits, const char *expected)
{
	struct buf out CLEANUP(buf_done) = BUF_INIT(10000);
	parse_and_show(message, limits, &out);
	if (!str_equal(buf_str(&out), str_from_z(expected)))
		print_message("'%.*s'\nis %.*s\nnot %s\n", STR_ARG(message), STR_ARG(buf_str(&out)),
			expected);
	assert_true(str_equal(buf_str(&out), str_from_z(expected)));
}

static void test_trees(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(tables); i++)
		assert_tree(str_from_z(tables[i].message), MIME_LIMITS, tables[i].tree);
}

/* The same messages with CRLF give the same trees. */
static void test_trees_with_crlf(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		struct buf crlf CLEANUP(buf_done) = BUF_INIT(10000),
				out CLEANUP(buf_done) = BUF_INIT(10000);
		for (const char *p = tables[i].message; *p; p++)
			buf_add(&crlf, *p == '\n' ? STR("\r\n") : str_from(p, 1));
		parse_and_show(buf_str(&crlf), MIME_LIMITS, &out);
		size_t n = 0;
		for (size_t j = 0; j < out.n; j++)
			if (out.p[j] != '\r')
				out.p[n++] = out.p[j];
		assert_true(str_equal(str_from(out.p, n), str_from_z(tables[i].tree)));
	}
}

static void test_every_prefix(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		str message = str_from_z(tables[i].message);
		for (size_t n = 0; n <= message.n; n++) {
			struct buf out CLEANUP(buf_done) = BUF_INIT(10000);
			char *exact = str_dup_z(str_first(message, n));
			parse_and_show(str_from(exact, n), MIME_LIMITS, &out);
			free_pointer(&exact);
		}
	}
}

static void test_limits(void **state)
{
	str message =
		STR(MIXED("a") "--a\nContent-Type: multipart/x; boundary=b\n\n--b\n\none\n--b--\n"
			       "--a\n\ntwo\n--a--\n");
	assert_tree(message, MIME_LIMITS,
		"multipart/mixed(multipart/x(text/plain'one') text/plain'two')");
	assert_tree(message, (struct mime_limits){ 2, 100 },
		"multipart/mixed(application/octet-stream'--b$$one$--b--' text/plain'two')");
	assert_tree(message, (struct mime_limits){ 64, 3 },
		"multipart/mixed(multipart/x(text/plain'one'))");
	assert_tree(message, (struct mime_limits){ 64, 2 },
		"multipart/mixed(application/octet-stream'--b$$one$--b--$--a$$two$--a--$')");
	/* A part that closing adds counts. */
	assert_tree(STR(MIXED("a") "--a\nContent-Type: multipart/x\n\nx\n--a\n\ny"),
		(struct mime_limits){ 64, 3 },
		"multipart/mixed(multipart/x(text/plain'x$--a$$y'))");
	assert_tree(message, (struct mime_limits){ 1, 100 },
		"application/octet-stream'--a$Content-Type: multipart/x; "
		"boundary=b$$--b$$one$--b--$"
		"--a$$two$--a--$'");
}

static void test_fields(void **state)
{
	struct mime_tree t CLEANUP(mime_done);
	mime_parse(STR("From x\nContent-Type: image/png; name=a\n"
		       "content-transfer-encoding: Base64 (comment)\nContent-ID:  <a@b> \n"
		       "Content-Description: a\n b\nContent-MD5: Q==\nContent-Language: de, en\n"
		       "Content-Location: http://x\nContent-Disposition: inline; filename=\"f\"\n"
		       "Content-Unknown: x\n\nab\ncd"),
		MIME_LIMITS, &t);
	const struct mime_part *p = &t.parts[0];
	assert_true(str_equal(p->encoding, STR("Base64")));
	assert_true(str_equal(p->id, STR("<a@b>")));
	assert_true(str_equal(p->description, STR("a\n b")));
	assert_true(str_equal(p->md5, STR("Q==")));
	assert_true(str_equal(p->language, STR("de, en")));
	assert_true(str_equal(p->location, STR("http://x")));
	assert_true(str_equal(p->disposition, STR("inline")));
	assert_true(str_equal(p->disposition_params, STR("; filename=\"f\"")));
	assert_true(str_equal(p->type_params, STR("; name=a")));
	assert_int_equal(p->lines, 1);
	assert_int_equal(p->body.n, 5);
}

static void test_absent_fields(void **state)
{
	struct mime_tree t CLEANUP(mime_done);
	mime_parse(STR("\n"), MIME_LIMITS, &t);
	const struct mime_part *p = &t.parts[0];
	assert_null(p->encoding.p);
	assert_null(p->id.p);
	assert_null(p->disposition.p);
	assert_int_equal(p->type_params.n, 0);
	assert_int_equal(p->disposition_params.n, 0);
}

static void repeat(struct buf *b, const char *what, int times)
{
	for (int i = 0; i < times; i++)
		buf_add(b, str_from_z(what));
}

/* Hostile sizes: each takes milliseconds where time is linear, and minutes where it is not. */
static void check_hostile(const char *start, const char *repeated, int times, uint32_t parts)
{
	struct buf b CLEANUP(buf_done) = BUF_INIT(64 * 1024 * 1024);
	buf_add(&b, str_from_z(start));
	repeat(&b, repeated, times);
	struct mime_tree t CLEANUP(mime_done);
	mime_parse(buf_str(&b), MIME_LIMITS, &t);
	assert_null(check_tree(&t));
	assert_int_equal(t.n, parts);
}

static void test_hostile_sizes(void **state)
{
	check_hostile(MIXED("b"), "--b\n\n", 1000000, MIME_PARTS_MAX);
	check_hostile("", "Content-Type: message/rfc822\n\n", 100000, MIME_DEPTH_MAX);
	check_hostile("", "Content-Type: multipart/x; boundary=b\n\n--b\n", 100000, MIME_PARTS_MAX);
	check_hostile("", "Content-Type: text/plain\n", 100000, 1);
	check_hostile("Content-Type: text/plain", ";\n a=b", 100000, 1);
	check_hostile("Content-Type: (", "(", 1000000, 1);
	check_hostile(MIXED("b") "--b\n\n", "--\n", 1000000, 2);
	check_hostile(MIXED("b"), "--b\nContent-Type: multipart/x; boundary*=''cc\n\n--cc\n\nx\n",
		3000, 6001);
}

/* 63 open boundaries, and a million lines that could be any of them. */
static void test_many_boundaries(void **state)
{
	struct buf b CLEANUP(buf_done) = BUF_INIT(64 * 1024 * 1024);
	for (int i = 0; i < MIME_DEPTH_MAX - 1; i++)
		buf_printf(&b,
			"Content-Type: multipart/x; boundary=aaaaaaaaaaaa%d\n\n--aaaaaaaaaaaa%d\n",
			i, i);
	buf_add(&b, STR("\n"));
	repeat(&b, "--aaaaaaaaaaaa\n", 1000000);
	struct mime_tree t CLEANUP(mime_done);
	mime_parse(buf_str(&b), MIME_LIMITS, &t);
	assert_null(check_tree(&t));
	assert_int_equal(t.n, MIME_DEPTH_MAX);
	assert_false(t.truncated);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_trees),
		cmocka_unit_test(test_trees_with_crlf),
		cmocka_unit_test(test_every_prefix),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_absent_fields),
		cmocka_unit_test(test_hostile_sizes),
		cmocka_unit_test(test_many_boundaries),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
