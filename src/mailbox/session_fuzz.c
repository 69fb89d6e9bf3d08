/*
 * IMAP sessions over memory. The first byte picks how the session begins, the second when something
 * happens behind its back, the third the size of the pieces in which the rest, the client's side,
 * comes.
 *
 * Whatever comes: every response is well-formed, message numbers stay within what the client was
 * told, no descriptor is left open (session_testing.h), and the account stays sound.
 */
#include "mailbox/session_testing.h"
#include "proto/imap_command.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

enum { LOGGED_IN = 1, SELECTED = 2, CONDSTORE = 4, EXAMINED = 8, SILENT = 16, CHECKED = 32 };

/* Made once, for that takes longer than a session. */
static struct testing_world world;

static void remove_world(void)
{
	testing_done(&world);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	testing_init(&world);
	atexit(remove_world);
	return 0;
}

/* ── What the client is told ──────────────────────────────────────────────────────────────── */

/* The next line, through all its literals; what stands outside of them goes to *out. */
static str take_response(str rest, struct buf *out)
{
	str line;
	uint64_t size;
	for (;;) {
		ptrdiff_t lf = str_find_char(rest, '\n');
		ASSERT(lf > 0 && rest.p[lf - 1] == '\r');
		line = str_first(rest, (size_t)lf - 1);
		rest = str_skip(rest, (size_t)lf + 1);
		buf_add(out, line);
		if (imap_literal_at_end(line, &size) == IMAP_LITERAL_NONE)
			return rest;
		ASSERT(size <= rest.n);
		rest = str_skip(rest, size);
	}
}

static void check_text(str line)
{
	for (size_t i = 0; i < line.n; i++)
		ASSERT(line.p[i] >= ' ' && line.p[i] < 127);
}

/* "* 3 EXPUNGE" and the like. */
static void check_number(str line, uint64_t *exists)
{
	str word;
	uint64_t number;
	if (!str_starts(line, STR("* ")))
		return;
	line = str_skip(line, 2);
	str_cut(line, ' ', &word, &line);
	if (!str_to_u64(word, UINT32_MAX, &number))
		return;
	if (str_equal(line, STR("EXISTS")))
		*exists = number;
	else
		ASSERT(number <= *exists);
	if (str_equal(line, STR("EXPUNGE")))
		--*exists;
	if (!str_equal(line, STR("RECENT")) && !str_equal(line, STR("EXISTS")))
		ASSERT(number > 0);
}

static void check_output(str rest)
{
	uint64_t exists = 0;
	while (rest.n) {
		struct buf line CLEANUP(buf_done) = BUF_INIT(SIZE_MAX);
		rest = take_response(rest, &line);
		str text = buf_str(&line);
		check_text(text);
		ASSERT(str_starts(text, STR("* ")) || str_starts(text, STR("+ ")) ||
			imap_command_tag(text).n);
		check_number(text, &exists);
	}
}

/* ── The run ──────────────────────────────────────────────────────────────────────────────── */

static void problem(void *arg, str text)
{
	fprintf(stderr, "%.*s\n", STR_ARG(text));
	++*(int *)arg;
}

static int verify(struct account *a, void *arg, struct err *err)
{
	int problems = 0;
	int rc = account_verify(a, problem, &problems, err);
	ASSERT(problems == 0);
	return rc;
}

static void begin(uint8_t bits, struct buf *input)
{
	if (bits & LOGGED_IN)
		buf_add(input, STR("l LOGIN alice@here.test secret\r\n"));
	if (bits & SELECTED)
		buf_add(input, bits & EXAMINED ? STR("s EXAMINE INBOX") : STR("s SELECT INBOX"));
	if ((bits & SELECTED) && (bits & CONDSTORE))
		buf_add(input, STR(" (CONDSTORE)"));
	if (bits & SELECTED)
		buf_add(input, STR("\r\n"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 3)
		return 0;
	struct buf input CLEANUP(buf_done) = BUF_INIT(SIZE_MAX);
	begin(data[0], &input);
	buf_add(&input, str_from(data + 3, size - 3));
	world.news = testing_much_happens;
	world.news_at = data[1];
	struct testing_run r = {
		.input = buf_str(&input), .piece = data[2], .silent = data[0] & SILENT
	};
	testing_session(&world, &r);
	check_output(buf_str(&r.output));
	buf_done(&r.output);
	if (data[0] & CHECKED)
		testing_do(&world, verify);
	return 0;
}
