#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "mail/guess.h"

static const char russian[] = "\xd3\xe2\xe0\xe6\xe0\xe5\xec\xfb\xe5 \xe3\xee\xf1\xef\xee\xe4\xe0, "
			      "\xef\xf0\xe8\xe3\xeb\xe0\xf8\xe0\xe5\xec \xe2\xe0\xf1 \xed\xe0 "
			      "\xf1\xe5\xec\xe8\xed\xe0\xf0 \xef\xee \xed\xe0\xeb\xee\xe3\xe0\xec";

static const struct {
	const char *label, *text, *charset;
	bool html;
	enum guess_from from;
} guesses[] = {
	{ "utf-8", "\xc3\xa9", "utf-8", false, GUESS_LABEL },
	{ "utf-8", "abc", "utf-8", false, GUESS_LABEL },
	{ "iso-8859-1", "caf\xe9", "iso-8859-1", false, GUESS_LABEL },
	{ "iso-8859-1", "caf\xc3\xa9", "utf-8", false, GUESS_UTF8 },
	{ "", "caf\xc3\xa9", "utf-8", false, GUESS_UTF8 },
	{ "us-ascii", "caf\xc3\xa9", "utf-8", false, GUESS_UTF8 },
	{ "nonsense", "caf\xc3\xa9", "utf-8", false, GUESS_UTF8 },
	{ "../../x", "abc", "us-ascii", false, GUESS_DEFAULT },
	{ "", "abc", "us-ascii", false, GUESS_DEFAULT },
	{ "big5", "caf\xc3\xa9", "big5", false, GUESS_LABEL },
	{ "utf-8", "\xef\xbb\xbfx", "utf-8", false, GUESS_BOM },
	{ "iso-8859-1", "\xff\xfex", "utf-16le", false, GUESS_BOM },
	{ "utf-7", "+ADw-", "utf-7", false, GUESS_LABEL },
	{ "utf-7", "+ADw-script+AD4-", "us-ascii", true, GUESS_DEFAULT },
	{ "", "<meta charset=utf-7>+ADw-", "us-ascii", true, GUESS_DEFAULT },
	{ "", "<meta charset=\"koi8-r\">\xd0", "koi8-r", true, GUESS_META },
	{ "", "charset=koi8-r>", "us-ascii", false, GUESS_DEFAULT },
	{ "", russian, "windows-1251", false, GUESS_DETECTED },
	{ "utf-8", russian, "windows-1251", false, GUESS_DETECTED },
	{ "", "\x1b$B$3$s$K$A$O\x1b(B \x1b$B@$3&\x1b(B \x1b$B$3$s$K$A$O\x1b(B", "ISO-2022-JP",
		false, GUESS_DETECTED },
};

static void test_guesses(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(guesses); i++) {
		struct guess g = charset_guess(
			str_from_z(guesses[i].label), str_from_z(guesses[i].text), guesses[i].html);
		if (!str_equal(g.charset, str_from_z(guesses[i].charset)) ||
			g.from != guesses[i].from)
			fail_msg("%zu: %.*s by %d", i, STR_ARG(g.charset), g.from);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_guesses) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
