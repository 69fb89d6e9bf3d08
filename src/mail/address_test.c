#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "mail/address.h"

#include "base/buf.h"

/* Each address as name|adl|mailbox|host; a group as {name and }. */
static void show(struct buf *out, const struct address_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct address *a = &list->list[i];
		buf_add(out, out->n ? STR(" / ") : STR(""));
		if (a->kind == ADDRESS_MAILBOX)
			buf_printf(out, "%.*s|%.*s|%.*s|%.*s", STR_ARG(a->name), STR_ARG(a->adl),
				STR_ARG(a->mailbox), STR_ARG(a->host));
		else if (a->kind == ADDRESS_GROUP_START)
			buf_printf(out, "{%.*s", STR_ARG(a->name));
		else
			buf_add_char(out, '}');
	}
}

static const struct {
	const char *value, *expected;
} tables[] = {
	{ "", "" },
	{ " \r\n ", "" },
	{ "a@b", "||a|b" },
	{ "<a@b>", "||a|b" },
	{ "A B <a@b>", "A B||a|b" },
	{ "A B<a@b>", "A B||a|b" },
	{ "\"B, A\" <a@b>, c@d", "B, A||a|b / ||c|d" },
	{ "\"a \\\"q\\\" \\\\\" <a@b>", "a \"q\" \\||a|b" },
	{ "a@b (Full Name)", "Full Name||a|b" },
	{ "(before) a@b", "before||a|b" },
	{ "a@b (one (two \\) (three)))", "one (two ) (three))||a|b" },
	{ "A (comment) B <a@b>", "A B||a|b" },
	{ "J. R. Ewing <a@b>", "J. R. Ewing||a|b" },
	{ "a . b @ c . d", "||a.b|c.d" },
	{ "a.\r\n b@c", "||a.b|c" },
	{ "\"a b\"@c", "||a b|c" },
	{ "\"a\".b@c", "||a.b|c" },
	{ "a@[127.0.0.1]", "||a|[127.0.0.1]" },
	{ "a@[IPv6:::1]", "||a|[IPv6:::1]" },
	{ "<@x,@y:a@b>", "|@x,@y|a|b" },
	{ "R <@x , @y : a@b>", "R|@x,@y|a|b" },
	{ "G: a@b, C <c@d>;, e@f", "{G / ||a|b / C||c|d / } / ||e|f" },
	{ "undisclosed-recipients:;", "{undisclosed-recipients / }" },
	{ "\"A G\": ;", "{A G / }" },
	{ "G: a@b", "{G / ||a|b / }" },
	{ "a:b:c;", "{a / ||b| / }" },
	{ "a;b", "||a| / ||b|" },
	{ "a@b; c@d", "||a|b / ||c|d" },
	{ ",,a@b,,", "||a|b" },
	{ "=?utf-8?q?J=C3=BCrgen?= <a@b>", "=?utf-8?q?J=C3=BCrgen?=||a|b" },
	{ "J\xc3\xbcrgen <j\xc3\xbc@b\xc3\xbc.test>", "J\xc3\xbcrgen||j\xc3\xbc|b\xc3\xbc.test" },
	{ "just words", "just words|||" },
	{ "one", "||one|" },
	{ "John a@b", "John||a|b" },
	{ "a@b <a@b>", "||a|b" },
	{ "A <a@b", "A||a|b" },
	{ "A <>", "A|||" },
	{ "<>", "" },
	{ "A <a b@c>", "A||b|c" },
	{ "A <<a@b>>", "A||a|b" },
	{ "\"not closed <a@b>", "||not closed <a@b>|" },
	{ "(not closed a@b", "" },
	{ "a@b) c", "||a|b" },
	{ "@", "" },
	{ "@b", "|||b" },
	{ "a@", "||a|" },
	{ "[list] <a@b>", "[list]||a|b" },
	{ "\"A\nB\" <a@b>", "AB||a|b" },
};

static void parse(str value, size_t max, struct buf *out)
{
	struct arena arena CLEANUP(arena_done) =
		ARENA_INIT(2 * value.n + 64 + (value.n + 3) * 2 * sizeof(struct address));
	struct address_list list = address_parse(&arena, value, max);
	assert_true(list.n <= max);
	assert_true(list.truncated || max == ADDRESS_LIST_MAX);
	show(out, &list);
}

static void test_lists(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		struct buf out CLEANUP(buf_done) = BUF_INIT(1000);
		parse(str_from_z(tables[i].value), ADDRESS_LIST_MAX, &out);
		buf_add_char(&out, '\0');
		if (strcmp(out.p, tables[i].expected) != 0)
			print_message("of '%s'\n", tables[i].value);
		assert_string_equal(out.p, tables[i].expected);
	}
}

static void test_every_prefix(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		str value = str_from_z(tables[i].value);
		for (size_t n = 0; n <= value.n; n++) {
			struct buf out CLEANUP(buf_done) = BUF_INIT(1000);
			char *exact = str_dup_z(str_first(value, n)); /* for the sanitizer */
			parse(str_from(exact, n), ADDRESS_LIST_MAX, &out);
			free_pointer(&exact);
		}
	}
}

static void test_count_is_bounded(void **state)
{
	struct buf out CLEANUP(buf_done) = BUF_INIT(1000);
	parse(STR("a, b, c, d"), 2, &out);
	assert_memory_equal(out.p, "||a| / ||b|", out.n);
	buf_clear(&out);
	parse(STR("a, g: b, c, d;"), 4, &out);
	assert_memory_equal(out.p, "||a| / {g / ||b| / }", out.n);
	buf_clear(&out);
	parse(STR("a, b, g: c;"), 3, &out);
	assert_memory_equal(out.p, "||a| / ||b|", out.n);
	buf_clear(&out);
	parse(STR("a"), 0, &out);
	assert_int_equal(out.n, 0);
}

static void test_many_groups_fit(void **state)
{
	struct buf value CLEANUP(buf_done) = BUF_INIT(10000),
			 out CLEANUP(buf_done) = BUF_INIT(10000);
	for (int i = 0; i < 100; i++)
		buf_add(&value, STR("x:y;"));
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(100000);
	struct address_list list = address_parse(&arena, buf_str(&value), ADDRESS_LIST_MAX);
	assert_int_equal(list.n, 300);
	assert_false(list.truncated);
}

static void test_deep_comments(void **state)
{
	struct buf value CLEANUP(buf_done) = BUF_INIT(2000000);
	for (int i = 0; i < 1000000; i++)
		buf_add_char(&value, '(');
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(4000000);
	assert_int_equal(address_parse(&arena, buf_str(&value), ADDRESS_LIST_MAX).n, 0);
}

static void test_routes_are_linear(void **state)
{
	struct buf value CLEANUP(buf_done) = BUF_INIT(8000000);
	for (int i = 0; i < 1000000; i++)
		buf_add(&value, STR("<@a,"));
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(16000000);
	assert_true(address_parse(&arena, buf_str(&value), ADDRESS_LIST_MAX).truncated);
}

static void test_no_room(void **state)
{
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(100);
	struct address_list list = address_parse(&arena, STR("a@b, c@d"), ADDRESS_LIST_MAX);
	assert_true(list.truncated);
	assert_int_equal(list.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_every_prefix),
		cmocka_unit_test(test_count_is_bounded),
		cmocka_unit_test(test_many_groups_fit),
		cmocka_unit_test(test_deep_comments),
		cmocka_unit_test(test_routes_are_linear),
		cmocka_unit_test(test_no_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
