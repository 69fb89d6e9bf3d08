#include "mailauth/field.h"

#include "base/utf8.h"

enum { FIELD_WIDTH = 77, FIELD_TAB = 8, FIELD_WORD_MAX = 900 };

static void fold(struct field *f)
{
	buf_add(f->out, STR("\r\n\t"));
	f->column = FIELD_TAB;
}

static void put(struct field *f, str word)
{
	/* One column is kept for the semicolon that may follow. */
	if (f->column + 1 + word.n >= FIELD_WIDTH && f->column > FIELD_TAB) {
		fold(f);
	} else if (f->column != FIELD_TAB) {
		buf_add_char(f->out, ' ');
		f->column++;
	}
	buf_add(f->out, word);
	f->column += word.n;
}

void field_begin(struct field *f, struct buf *out, const char *name, bool utf8)
{
	*f = (struct field){ .out = out, .utf8 = utf8 };
	buf_add(out, str_from_z(name));
	buf_add_char(out, ':');
	f->column = strlen(name) + 1;
}

void field_end(struct field *f)
{
	buf_add(f->out, STR("\r\n"));
}

void field_word(struct field *f, const char *word)
{
	put(f, str_from_z(word));
}

void field_semicolon(struct field *f, bool new_line)
{
	buf_add_char(f->out, ';');
	f->column++;
	if (new_line)
		fold(f);
}

/* Cut between characters, not inside of one. */
static str cut(str s, size_t max)
{
	if (s.n <= max)
		return s;
	while (max && ((unsigned char)s.p[max] & 0xc0) == 0x80)
		max--;
	return str_first(s, max);
}

/* No "=?", which some readers take for an encoded word before they read anything else. */
static void add_question_mark(struct buf *b)
{
	buf_add_char(b, b->n && b->p[b->n - 1] == '=' ? '_' : '?');
}

/* Appends one character as far as it may stand in a header; returns how many bytes it had. */
static size_t add_clean(struct buf *b, str rest, bool utf8, const char *escape)
{
	unsigned char c = (unsigned char)rest.p[0];
	uint32_t decoded;
	size_t n = c > 127 && utf8 ? utf8_decode(rest, &decoded) : 0;
	if (n > 0 && decoded >= 0xa0) {
		buf_add(b, str_first(rest, n));
		return n;
	}
	if (c < ' ' || c >= 127 || c == '?') {
		add_question_mark(b);
		return 1;
	}
	if (strchr(escape, c))
		buf_add_char(b, '\\');
	buf_add_char(b, (char)c);
	return 1;
}

static bool is_plain(str s, bool quote_at)
{
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_is_alnum(s.p[i]) && str_find_char(STR("!#$%&'*+-.^_`{|}~@"), s.p[i]) < 0)
			return false;
	/* "@" is no part of a token, only between a local part and a domain, or before one. */
	ptrdiff_t at = str_find_char(s, '@');
	return s.n > 0 &&
	       (at < 0 || (!quote_at && at == str_find_last_char(s, '@') && (size_t)at + 1 < s.n));
}

static void add_value(const struct field *f, struct buf *b, str value, size_t max)
{
	value = cut(value, max);
	if (is_plain(value, f->quote_at)) {
		buf_add(b, value);
		return;
	}
	buf_add_char(b, '"');
	while (value.n)
		value = str_skip(value, add_clean(b, value, f->utf8, "\"\\"));
	buf_add_char(b, '"');
}

void field_value(struct field *f, const char *name, str value, size_t max)
{
	struct buf word CLEANUP(buf_done) = BUF_INIT(FIELD_WORD_MAX);
	buf_printf(&word, "%s=", name);
	add_value(f, &word, value, max);
	ASSERT(!word.overflowed);
	put(f, buf_str(&word));
}

void field_text(struct field *f, str value, size_t max)
{
	struct buf word CLEANUP(buf_done) = BUF_INIT(FIELD_WORD_MAX);
	add_value(f, &word, value, max);
	ASSERT(!word.overflowed);
	put(f, buf_str(&word));
}

void field_comment(struct field *f, str text, size_t max)
{
	struct buf word CLEANUP(buf_done) = BUF_INIT(FIELD_WORD_MAX);
	text = str_trim(cut(text, max));
	if (text.n == 0)
		return;
	buf_add_char(&word, '(');
	while (text.n) {
		if (text.p[0] != ' ') {
			text = str_skip(text, add_clean(&word, text, f->utf8, "()\\"));
			continue;
		}
		put(f, buf_str(&word));
		buf_clear(&word);
		while (text.n && text.p[0] == ' ')
			text = str_skip(text, 1);
	}
	buf_add_char(&word, ')');
	ASSERT(!word.overflowed);
	put(f, buf_str(&word));
}
