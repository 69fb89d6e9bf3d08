/*
 * What clamd says, and what others say that stand behind its socket.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "antivirus/clamd_answer.h"

#define MD5 "44d88612fea8a8f36de82e1278abb02f"
#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

#define SAY(text)                                                                                  \
	{                                                                                          \
		text, sizeof(text) - 1                                                             \
	}

static const struct {
	str said; /* and then the connection ends */
	enum clamd_kind kind;
	const char *text;
} rows[] = {
	{ SAY("stream: OK\0"), CLAMD_CLEAN, "" },
	{ SAY("fd[10]: OK\0"), CLAMD_CLEAN, "" },
	{ SAY("stream: Eicar-Signature FOUND\0"), CLAMD_INFECTED, "Eicar-Signature" },
	{ SAY("fd[0]: Win.Test.EICAR_HDB-1 FOUND\0"), CLAMD_INFECTED, "Win.Test.EICAR_HDB-1" },
	{ SAY("fd[4294967295]: A FOUND FOUND\0"), CLAMD_INFECTED, "A FOUND" },
	{ SAY("stream: ERROR FOUND\0"), CLAMD_INFECTED, "ERROR" },
	{ SAY("stream: Eicar(" MD5 ":68) FOUND\0"), CLAMD_INFECTED, "Eicar" },
	{ SAY("stream: Eicar(" MD5 ":x) FOUND\0"), CLAMD_INFECTED, "Eicar(" MD5 ":x)" },
	{ SAY("stream: Eicar(abc:68) FOUND\0"), CLAMD_INFECTED, "Eicar(abc:68)" },
	{ SAY("stream: (" MD5 ":68) FOUND\0"), CLAMD_INFECTED, "(" MD5 ":68)" },
	{ SAY("stream: a\r\x1b[31m\xff\"b FOUND\0"), CLAMD_INFECTED, "a??[31m??b" },
	{ SAY("stream: " HUNDRED HUNDRED " FOUND\0"), CLAMD_INFECTED,
		HUNDRED TEN TEN TEN TEN TEN "012345..." },
	{ SAY("stream: Heuristics.Encrypted.Zip FOUND\0"), CLAMD_UNSCANNABLE,
		"Heuristics.Encrypted.Zip" },
	{ SAY("fd[7]: Heuristics.Limits.Exceeded.MaxFileSize(" MD5 ":9) FOUND\0"),
		CLAMD_UNSCANNABLE, "Heuristics.Limits.Exceeded.MaxFileSize" },
	{ SAY("INSTREAM size limit exceeded. ERROR\0"), CLAMD_UNSCANNABLE,
		"INSTREAM size limit exceeded." },
	{ SAY("stream: Time limit reached ERROR\0"), CLAMD_UNSCANNABLE, "Time limit reached" },
	{ SAY("stream: Can't create temporary file ERROR\0"), CLAMD_ERROR,
		"Can't create temporary file" },
	{ SAY("fd[3]: Can't allocate memory ERROR\0"), CLAMD_ERROR, "Can't allocate memory" },
	{ SAY("Command invalid inside IDSESSION. ERROR\0"), CLAMD_ERROR,
		"Command invalid inside IDSESSION." },
	{ SAY("COMMAND READ TIMED OUT\n"), CLAMD_ERROR, "COMMAND READ TIMED OUT" },
	{ SAY("No file descriptor received. ERROR\0"), CLAMD_REFUSED,
		"No file descriptor received." },
	{ SAY("fd[9]: Not a regular file. ERROR\0"), CLAMD_REFUSED, "Not a regular file." },
	{ SAY("UNKNOWN COMMAND\0"), CLAMD_REFUSED, "UNKNOWN COMMAND" },
	{ SAY("PONG\0"), CLAMD_PONG, "" },
	/* hung up */
	{ SAY(""), CLAMD_CLOSED, "it hung up without an answer" },
	{ SAY("stream: OK"), CLAMD_CLOSED, "it hung up in the middle of its answer" },
	{ SAY("str"), CLAMD_CLOSED, "it hung up in the middle of its answer" },
	{ SAY("fd[1"), CLAMD_CLOSED, "it hung up in the middle of its answer" },
	{ SAY("PON"), CLAMD_CLOSED, "it hung up in the middle of its answer" },
	/* others */
	{ SAY("stream: OK\n"), CLAMD_WRONG, "stream: OK\\x0a" },
	{ SAY("stream:OK\0"), CLAMD_WRONG, "stream:OK" },
	{ SAY("stream: ok\0"), CLAMD_WRONG, "stream: ok" },
	{ SAY("stream: OK OK\0"), CLAMD_WRONG, "stream: OK OK" },
	{ SAY("stream: \0"), CLAMD_WRONG, "stream: " },
	{ SAY("stream: FOUND\0"), CLAMD_WRONG, "stream: FOUND" },
	{ SAY("stream:  FOUND\0"), CLAMD_WRONG, "stream:  FOUND" },
	{ SAY("Eicar FOUND\0"), CLAMD_WRONG, "Eicar FOUND" },
	{ SAY("OK\0"), CLAMD_WRONG, "OK" },
	{ SAY(" ERROR\0"), CLAMD_WRONG, " ERROR" },
	{ SAY("fd[]: OK\0"), CLAMD_WRONG, "fd[]: OK" },
	{ SAY("fd[x]: OK\0"), CLAMD_WRONG, "fd[x]: OK" },
	{ SAY("fd[12345678901]: OK\0"), CLAMD_WRONG, "fd[12345678901]: OK" },
	{ SAY("\0"), CLAMD_WRONG, "" },
	{ SAY("PONG\n"), CLAMD_WRONG, "PONG\\x0a" },
	{ SAY("HTTP/1.1 400 Bad Request\r\nServer: x\r\n"), CLAMD_WRONG,
		"HTTP/1.1 400 Bad Request\\x0d\\x0a" },
	{ SAY("HTTP/1.0 500 INTERNAL SERVER ERROR\r\n"), CLAMD_WRONG,
		"HTTP/1.0 500 INTERNAL SERVER ERR..." },
	{ SAY("220 mx.example.org ESMTP\r\n"), CLAMD_WRONG, "220 mx.example.org ESMTP\\x0d\\x0a" },
	{ SAY("\x15\x03\x01"), CLAMD_WRONG, "\\x15\\x03\\x01" },
	{ SAY("-ERR \"\\\r\n"), CLAMD_WRONG, "-ERR \\x22\\x5c\\x0d\\x0a" },
	{ SAY("\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f"
	      "\x90\x91\x92\x93\x94\x95\x96\x97\x98\x99\x9a\x9b\x9c\x9d\x9e\x9f\xa0"),
		CLAMD_WRONG,
		"\\x80\\x81\\x82\\x83\\x84\\x85\\x86\\x87\\x88\\x89\\x8a\\x8b\\x8c\\x8d\\x8e\\x8f"
		"\\x90\\x91\\x92\\x93\\x94\\x95\\x96\\x97\\x98\\x99\\x9a\\x9b\\x9c\\x9d\\x9e\\x9f"
		"..." },
};

static void check(size_t row, const struct clamd_reader *r, size_t split)
{
	struct clamd_answer answer;
	clamd_understand(r, &answer);
	if (answer.kind != rows[row].kind || strcmp(answer.text, rows[row].text) != 0)
		fail_msg("row %zu, split at %zu: kind %d, \"%s\"", row, split, answer.kind,
			answer.text);
}

static void answers_at_each_split(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		str said = rows[i].said;
		for (size_t split = 0; split <= said.n; split++) {
			struct clamd_reader r = { .n = 0 };
			bool first = clamd_read(&r, str_first(said, split));
			bool second = clamd_read(&r, str_skip(said, split));
			bool whole = str_find_any(said, STR("\0\n")) >= 0;
			assert_int_equal(second, whole);
			assert_true(whole || !first);
			check(i, &r, split);
		}
		struct clamd_reader r = { .n = 0 };
		for (size_t k = 0; k < said.n; k++)
			(void)clamd_read(&r, str_first(str_skip(said, k), 1));
		check(i, &r, said.n + 1);
	}
}

static void nothing_counts_behind_the_end(void **state)
{
	struct clamd_reader r = { .n = 0 };
	struct clamd_answer answer;
	assert_true(clamd_read(&r, STR("stream: OK\0stream: Eicar FOUND\0")));
	assert_true(clamd_read(&r, STR("x")));
	clamd_understand(&r, &answer);
	assert_int_equal(answer.kind, CLAMD_CLEAN);
}

static void an_answer_without_end_is_none(void **state)
{
	struct clamd_reader r = { .n = 0 };
	struct clamd_answer answer;
	assert_false(clamd_read(&r, STR("stream: ")));
	size_t n = r.n;
	while (!clamd_read(&r, STR("y")))
		n++;
	assert_int_equal(n, CLAMD_ANSWER_MAX - 1);
	assert_int_equal(r.n, CLAMD_ANSWER_MAX);
	assert_true(clamd_read(&r, STR(" FOUND\0")));
	clamd_understand(&r, &answer);
	assert_int_equal(answer.kind, CLAMD_WRONG);
	assert_string_equal(answer.text, "stream: yyyyyyyyyyyyyyyyyyyyyyyy...");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_at_each_split),
		cmocka_unit_test(nothing_counts_behind_the_end),
		cmocka_unit_test(an_answer_without_end_is_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
