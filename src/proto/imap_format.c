/*
 * Strings, names and flags. The safety of everything that the server says rests on the first
 * three functions.
 */
#include "proto/imap_format.h"

#include "base/utf8.h"
#include "proto/imap_bits.h"
#include "proto/imap_lex.h"
#include "proto/mutf7.h"

enum { QUOTED_MAX = 512 };

static bool fits_quoted(str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c == '\r' || c == '\n' || c == '\0' || c > 126)
			return false;
	}
	return s.n <= QUOTED_MAX;
}

static void add_quoted(struct buf *b, str s)
{
	buf_add_char(b, '"');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			buf_add_char(b, '\\');
		buf_add_char(b, s.p[i]);
	}
	buf_add_char(b, '"');
}

static void add_literal(struct buf *b, str s)
{
	imap_format_literal_head(b, s.n);
	for (ptrdiff_t nul; (nul = str_find_char(s, '\0')) >= 0; s = str_skip(s, (size_t)nul + 1)) {
		buf_add(b, str_first(s, (size_t)nul));
		buf_add_char(b, '?');
	}
	buf_add(b, s);
}

void imap_format_string(struct buf *b, str s)
{
	if (fits_quoted(s))
		add_quoted(b, s);
	else
		add_literal(b, s);
}

void imap_format_nstring(struct buf *b, str s)
{
	if (s.p)
		imap_format_string(b, s);
	else
		buf_add(b, STR("NIL"));
}

static bool is_atom(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!imap_is_atom_char(s.p[i]))
			return false;
	return s.n > 0 && !str_equal_nocase(s, STR("NIL"));
}

void imap_format_astring(struct buf *b, str s)
{
	if (is_atom(s))
		buf_add(b, s);
	else
		imap_format_string(b, s);
}

void imap_format_literal_head(struct buf *b, uint64_t n)
{
	buf_add_char(b, '{');
	buf_add_u64(b, n);
	buf_add(b, STR("}\r\n"));
}

/* Appends s with "?" for each byte that is not part of valid UTF-8. */
static void add_repaired(struct buf *b, str s)
{
	uint32_t c;
	for (size_t n; s.n; s = str_skip(s, MAX(n, (size_t)1))) {
		n = utf8_decode(s, &c);
		buf_add(b, n ? str_first(s, n) : STR("?"));
	}
}

void imap_format_mailbox(struct buf *b, str name)
{
	struct buf wire CLEANUP(buf_done) = BUF_INIT(SIZE_MAX);
	if (!mutf7_encode(&wire, name)) {
		struct buf repaired CLEANUP(buf_done) = BUF_INIT(SIZE_MAX);
		add_repaired(&repaired, name);
		buf_clear(&wire);
		ASSERT(mutf7_encode(&wire, buf_str(&repaired)));
	}
	/* Modified UTF-7 is printable ASCII, so a quoted string can always hold it. */
	add_quoted(b, buf_str(&wire));
}

static void add_keywords(struct buf *b, const str *keywords, size_t keyword_count, bool *separate)
{
	for (size_t i = 0; i < keyword_count; i++) {
		if (!imap_keyword_valid(keywords[i]))
			continue;
		if (*separate)
			buf_add_char(b, ' ');
		buf_add(b, keywords[i]);
		*separate = true;
	}
}

static void add_flags(
	struct buf *b, unsigned flags, const str *keywords, size_t keyword_count, bool more)
{
	bool separate = false;
	buf_add_char(b, '(');
	imap_bits_names(b, imap_flag_table, flags, &separate);
	add_keywords(b, keywords, keyword_count, &separate);
	if (more)
		buf_add(b, separate ? STR(" \\*") : STR("\\*"));
	buf_add_char(b, ')');
}

void imap_format_flags(struct buf *b, unsigned flags, const str *keywords, size_t keyword_count)
{
	add_flags(b, flags, keywords, keyword_count, false);
}

void imap_code_permanentflags(
	struct buf *b, unsigned flags, const str *keywords, size_t keyword_count, bool more)
{
	buf_add(b, STR("PERMANENTFLAGS "));
	add_flags(b, flags, keywords, keyword_count, more);
}

static void add_set(struct buf *b, const uint32_t *numbers, size_t count)
{
	struct imap_set_writer w = IMAP_SET_WRITER(b);
	for (size_t i = 0; i < count; i++)
		imap_set_writer_add(&w, numbers[i]);
	imap_set_writer_end(&w);
}

void imap_code_appenduid(struct buf *b, uint32_t uidvalidity, const uint32_t *uids, size_t count)
{
	buf_printf(b, "APPENDUID %u ", (unsigned)uidvalidity);
	add_set(b, uids, count);
}

void imap_code_copyuid(
	struct buf *b, uint32_t uidvalidity, const uint32_t *from, const uint32_t *to, size_t count)
{
	buf_printf(b, "COPYUID %u ", (unsigned)uidvalidity);
	add_set(b, from, count);
	buf_add_char(b, ' ');
	add_set(b, to, count);
}

void imap_code_modified(struct buf *b, const uint32_t *numbers, size_t count)
{
	buf_add(b, STR("MODIFIED "));
	add_set(b, numbers, count);
}

void imap_code_number(struct buf *b, str name, uint64_t number)
{
	buf_add(b, name);
	buf_add_char(b, ' ');
	buf_add_u64(b, number);
}
