#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/log.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* Writes one event and reads the line back. */
static str line(char *out, size_t size, struct log_sink sink, enum log_level level, str value)
{
	struct log_field role = F_Z("role", "smtpd"), id = F_STR("id", STR("7K2M9QXA"));
	sink.fd = memfd_create("log", MFD_CLOEXEC);
	struct log root = { .sink = &sink, .fields = &role, .field_count = 1 };
	struct log message = { .parent = &root, .fields = &id, .field_count = 1 };
	LOG_AT_(&message, level, "accepted", F_STR("value", value), F_INT("size", -4096));
	ssize_t n = pread(sink.fd, out, size, 0);
	close(sink.fd);
	assert_true(n >= 0);
	return str_from(out, (size_t)n);
}

static void text(void **state)
{
	static const struct {
		str value;
		const char *written;
	} cases[] = { { { "plain-_.:/@+,*<>[]", 18 }, "plain-_.:/@+,*<>[]" }, { { "", 0 }, "\"\"" },
		{ { "two words", 9 }, "\"two words\"" }, { { "a=b", 3 }, "\"a=b\"" },
		{ { "a\"\\", 3 }, "\"a\\\"\\\\\"" },
		{ { "x\nid=forged", 11 }, "\"x\\u000aid=forged\"" },
		{ { "\x1b[0m\0", 5 }, "\"\\u001b[0m\\u0000\"" },
		{ { "\xc3\xa4", 2 }, "\"\xc3\xa4\"" }, { { "\xff\xc3", 2 }, "\"\\ufffd\\ufffd\"" },
		{ { "\xc2\x85\x7f", 3 }, "\"\\u0085\\u007f\"" } };
	struct log_sink sink = { .level = LOG_LEVEL_INFO };
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char got[4096], wanted[256] = "accepted role=smtpd id=7K2M9QXA value=";
		strcat(wanted, cases[i].written);
		strcat(wanted, " size=-4096\n");
		str out = line(got, sizeof got, sink, LOG_LEVEL_INFO, cases[i].value);
		if (!str_equal(out, str_from_z(wanted)))
			fail_msg("%.*s", STR_ARG(out));
	}
}

static void levels_and_priorities(void **state)
{
	static const char *const plain[] = { "error: accepted ", "warning: accepted ",
		"accepted " };
	static const char *const journal[] = { "<3>accepted ", "<4>accepted ", "<6>accepted " };
	char got[4096];
	struct log_sink sink = { .level = LOG_LEVEL_INFO };
	for (int level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_INFO; level++) {
		sink.priorities = false;
		str out = line(got, sizeof got, sink, (enum log_level)level, STR("x"));
		assert_true(str_starts(out, str_from_z(plain[level])));
		sink.priorities = true;
		out = line(got, sizeof got, sink, (enum log_level)level, STR("x"));
		assert_true(str_starts(out, str_from_z(journal[level])));
	}
	assert_int_equal(line(got, sizeof got, sink, LOG_LEVEL_DEBUG, STR("x")).n, 0);
	struct log nowhere = { 0 };
	log_error(&nowhere, "not written", F_INT("x", 1));
}

static void json(void **state)
{
	char got[4096];
	struct log_sink sink = { .json = true, .level = LOG_LEVEL_DEBUG };
	str out = line(got, sizeof got, sink, LOG_LEVEL_WARNING, STR("a\"\n"));
	ptrdiff_t at = str_find(out, STR("\"level\""));
	assert_true(str_starts(out, STR("{\"time\":\"20")) && at > 0);
	assert_true(str_equal(str_skip(out, (size_t)at),
		STR("\"level\":\"warning\",\"event\":\"accepted\",\"role\":\"smtpd\","
		    "\"id\":\"7K2M9QXA\",\"value\":\"a\\\"\\u000a\",\"size\":-4096}\n")));
}

static void long_values_are_cut(void **state)
{
	char got[20000];
	char *many = xmalloc(100000);
	struct log_sink sink = { .level = LOG_LEVEL_INFO };
	memset(many, 'x', 100000);
	str out = line(got, sizeof got, sink, LOG_LEVEL_INFO, str_from(many, 100000));
	assert_in_range(out.n, 512, 1000);
	assert_true(str_ends(out, STR(" size=-4096\n")));
	memset(many, 1, 100000); /* each becomes six */
	out = line(got, sizeof got, sink, LOG_LEVEL_INFO, str_from(many, 100000));
	assert_in_range(out.n, 3072, 4000);
	assert_true(str_ends(out, STR(" size=-4096\n")));
	free(many);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text),
		cmocka_unit_test(levels_and_priorities),
		cmocka_unit_test(json),
		cmocka_unit_test(long_values_are_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
