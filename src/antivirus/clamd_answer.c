#include "antivirus/clamd_answer.h"

#include <stdio.h>

/* ── Collecting ───────────────────────────────────────────────────────────────────────────── */

/* clamd ends with a NUL; a LF is the end of another service's line. */
static ptrdiff_t end_of(str bytes)
{
	return str_find_any(bytes, STR("\0\n"));
}

bool clamd_read(struct clamd_reader *r, str piece)
{
	str seen = str_from(r->bytes, r->n);
	if (end_of(seen) >= 0)
		return true;
	piece = str_first(piece, sizeof r->bytes - r->n);
	if (piece.n)
		memcpy(r->bytes + r->n, piece.p, piece.n);
	r->n += piece.n;
	return r->n == sizeof r->bytes || end_of(piece) >= 0;
}

/* ── Texts of strangers ───────────────────────────────────────────────────────────────────── */

static bool is_plain(char c)
{
	return c >= ' ' && c < 127 && c != '"' && c != '\\';
}

/* What is not printable becomes a question mark. */
static void say(struct clamd_answer *out, enum clamd_kind kind, str text)
{
	static const char more[] = "...";
	size_t n = MIN(text.n, sizeof out->text - sizeof more);
	out->kind = kind;
	for (size_t i = 0; i < n; i++)
		out->text[i] = is_plain(text.p[i]) ? text.p[i] : '?';
	memcpy(out->text + n, n < text.n ? more : "", n < text.n ? sizeof more : 1);
}

static void say_escaped(struct clamd_answer *out, str bytes)
{
	enum { SHOWN = 32 }; /* four characters each, at most */
	size_t at = 0;
	out->kind = CLAMD_WRONG;
	for (size_t i = 0; i < MIN(bytes.n, (size_t)SHOWN); i++) {
		if (is_plain(bytes.p[i]))
			out->text[at++] = bytes.p[i];
		else
			at += (size_t)sprintf(out->text + at, "\\x%02x", (unsigned char)bytes.p[i]);
	}
	memcpy(out->text + at, bytes.n > SHOWN ? "..." : "", bytes.n > SHOWN ? 4 : 1);
}

/* ── Whole answers ────────────────────────────────────────────────────────────────────────── */

/* Past "stream: " or "fd[10]: ", which stand before what is said about a content. */
static bool skip_subject(str *line)
{
	str rest = *line;
	if (str_starts(rest, STR("stream: "))) {
		*line = str_skip(rest, 8);
		return true;
	}
	if (!str_starts(rest, STR("fd[")))
		return false;
	size_t digits = 0;
	rest = str_skip(rest, 3);
	while (digits < rest.n && ascii_is_digit(rest.p[digits]))
		digits++;
	rest = str_skip(rest, digits);
	if (digits == 0 || digits > 10 || !str_starts(rest, STR("]: ")))
		return false;
	*line = str_skip(rest, 3);
	return true;
}

static bool cut_end(str *line, str end)
{
	if (!str_ends(*line, end))
		return false;
	line->n -= end.n;
	*line = str_trim(*line);
	return true;
}

/* With ExtendedDetectionInfo the digest and the size of what was found stand behind the name:
 * "Eicar-Signature(44d88612fea8a8f36de82e1278abb02f:68)". */
static str without_details(str signature)
{
	ptrdiff_t open = str_find_last_char(signature, '(');
	str inner = str_skip(signature, (size_t)open + 1), digest, size;
	uint64_t number;
	if (open <= 0 || !cut_end(&inner, STR(")")) || !str_cut(inner, ':', &digest, &size) ||
		digest.n != 32 || !str_to_u64(size, UINT64_MAX, &number))
		return signature;
	return str_first(signature, (size_t)open);
}

/* Names of findings that say: there was no looking into it. */
static void understand_found(str signature, struct clamd_answer *out)
{
	static const char *const unscannable[] = { "Heuristics.Encrypted.",
		"Heuristics.Limits.Exceeded" };
	signature = without_details(signature);
	enum clamd_kind kind = CLAMD_INFECTED;
	for (size_t i = 0; i < ARRAY_LEN(unscannable); i++)
		if (str_starts(signature, str_from_z(unscannable[i])))
			kind = CLAMD_UNSCANNABLE;
	say(out, kind, signature);
}

static bool has_one(str text, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_find_nocase(text, str_from_z(words[i])) >= 0)
			return true;
	return false;
}

static void understand_error(str text, struct clamd_answer *out)
{
	static const char *const of_content[] = { "limit exceeded", "limit reached", "exceeded max",
		"bad format", "broken data", "malformed" };
	static const char *const of_command[] = { "file descriptor", "not a regular file",
		"unknown command" };
	if (has_one(text, of_content, ARRAY_LEN(of_content)))
		say(out, CLAMD_UNSCANNABLE, text);
	else if (has_one(text, of_command, ARRAY_LEN(of_command)))
		say(out, CLAMD_REFUSED, text);
	else
		say(out, CLAMD_ERROR, text);
}

static void understand_line(str all, struct clamd_answer *out)
{
	str line = all;
	bool subject = skip_subject(&line);
	if (subject && str_equal(line, STR("OK")))
		say(out, CLAMD_CLEAN, STR_EMPTY);
	else if (subject && cut_end(&line, STR(" FOUND")) && line.n)
		understand_found(line, out);
	else if (cut_end(&line, STR(" ERROR")) && line.n)
		understand_error(line, out);
	else if (str_equal(all, STR("PONG")))
		say(out, CLAMD_PONG, STR_EMPTY);
	else if (str_equal(all, STR("UNKNOWN COMMAND")))
		say(out, CLAMD_REFUSED, all);
	else
		say_escaped(out, all);
}

/* Whether clamd may have begun to say this. */
static bool may_continue(str bytes)
{
	static const char *const begins[] = { "stream: ", "fd[", "PONG", "UNKNOWN COMMAND",
		"INSTREAM size limit exceeded. ERROR" };
	for (size_t i = 0; i < ARRAY_LEN(begins); i++) {
		str begin = str_from_z(begins[i]);
		if (str_starts(begin, bytes) || (i < 2 && str_starts(bytes, begin)))
			return true;
	}
	return false;
}

void clamd_understand(const struct clamd_reader *r, struct clamd_answer *out)
{
	str bytes = str_from(r->bytes, r->n);
	ptrdiff_t end = end_of(bytes);
	str line = end < 0 ? bytes : str_first(bytes, (size_t)end);
	if (end >= 0 && bytes.p[end] == '\0')
		understand_line(line, out);
	else if (end >= 0 && str_equal(line, STR("COMMAND READ TIMED OUT")))
		say(out, CLAMD_ERROR, line); /* said before it knew how we want its answers */
	else if (end >= 0)
		say_escaped(out, str_first(bytes, (size_t)end + 1));
	else if (bytes.n == sizeof r->bytes || !may_continue(bytes))
		say_escaped(out, bytes);
	else
		say(out, CLAMD_CLOSED,
			bytes.n ? STR("it hung up in the middle of its answer")
				: STR("it hung up without an answer"));
}
