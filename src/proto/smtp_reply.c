#include "proto/smtp_reply.h"
#include "base/utf8.h"

/* How many bytes of s go onto one line of at most `max`: up to the last blank that leaves no more,
 * else as many whole characters as fit. */
static size_t fit(str s, size_t max, bool utf8)
{
	if (s.n <= max)
		return s.n;
	ptrdiff_t blank = str_find_last_char(str_first(s, max + 1), ' ');
	if (blank > 0)
		return (size_t)blank;
	while (utf8 && max > 1 && (s.p[max] & 0xc0) == 0x80)
		max--;
	return max;
}

static void add_clean(str s, bool utf8, struct buf *out)
{
	char *at = s.n ? buf_reserve(out, s.n) : NULL;
	if (!at)
		return;
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c == '\t')
			c = ' ';
		else if (c < 32 || c == 127 || (c > 127 && !utf8))
			c = '?';
		at[i] = (char)c;
	}
	out->n += s.n;
}

enum { CODE_MAX = 4, STATUS_MAX = 3 * 5 + 2 }; /* "250-", "5.1.1" */

static char *put_number(char *at, unsigned value)
{
	char digits[10];
	size_t n = 0;
	do
		digits[n++] = (char)('0' + value % 10);
	while (value /= 10);
	while (n)
		*at++ = digits[--n];
	return at;
}

static size_t format_status(struct smtp_status status, char out[STATUS_MAX])
{
	if (status.klass == 0)
		return 0;
	char *at = put_number(out, status.klass);
	*at++ = '.';
	at = put_number(at, status.subject);
	*at++ = '.';
	return (size_t)(put_number(at, status.detail) - out);
}

/* The next line of the text, CRLF or LF removed. */
static str cut_line(str *text)
{
	str line;
	str_cut(*text, '\n', &line, text);
	if (line.n && line.p[line.n - 1] == '\r')
		line.n--;
	return line;
}

struct writer {
	struct buf *out;
	char start[CODE_MAX + STATUS_MAX]; /* of each line: "250-2.1.5" */
	size_t start_n;
	bool utf8;
};

static void write_line(struct writer *w, str text, bool last)
{
	bool status = w->start_n > CODE_MAX;
	bool bare = last && !status && text.n == 0;
	w->start[CODE_MAX - 1] = last ? ' ' : '-';
	buf_add(w->out, str_from(w->start, bare ? CODE_MAX - 1 : w->start_n));
	if (status && text.n)
		buf_add_char(w->out, ' ');
	add_clean(text, w->utf8, w->out);
	buf_add(w->out, STR("\r\n"));
}

void smtp_reply_format(const struct smtp_reply *reply, struct buf *out)
{
	ASSERT(reply->code >= 200 && reply->code <= 599);
	struct writer w = { .out = out, .utf8 = reply->utf8 && utf8_valid(reply->text) };
	put_number(w.start, (unsigned)reply->code);
	w.start_n = CODE_MAX + format_status(reply->status, w.start + CODE_MAX);
	size_t max = SMTP_REPLY_LINE_MAX - w.start_n - strlen(" \r\n");
	str rest = reply->text;
	do {
		str line = cut_line(&rest);
		do {
			str piece = str_first(line, fit(line, max, w.utf8));
			line = str_skip(line, piece.n);
			if (line.n && line.p[0] == ' ')
				line = str_skip(line, 1);
			write_line(&w, piece, line.n == 0 && rest.n == 0);
		} while (line.n);
	} while (rest.n);
}

/* A number of 1 to 3 digits at the start of *s, which is cut off. */
static bool cut_number(str *s, uint16_t *out)
{
	size_t n = 0;
	uint16_t value = 0;
	while (n < s->n && n < 3 && ascii_is_digit(s->p[n]))
		value = (uint16_t)(value * 10 + (s->p[n++] - '0'));
	*s = str_skip(*s, n);
	*out = value;
	return n > 0;
}

static bool cut_dot(str *s)
{
	bool dot = s->n && s->p[0] == '.';
	*s = str_skip(*s, dot);
	return dot;
}

/* Cuts "5.1.1 " off *text if it is there and of the code's class. */
static struct smtp_status cut_status(str *text, int code)
{
	struct smtp_status none = { 0 };
	str s = *text;
	uint16_t klass, subject, detail;
	if (!cut_number(&s, &klass) || !cut_dot(&s) || !cut_number(&s, &subject) || !cut_dot(&s) ||
		!cut_number(&s, &detail))
		return none;
	if (klass != code / 100 || klass == 3 || (s.n && s.p[0] != ' '))
		return none;
	*text = str_skip(s, 1);
	return (struct smtp_status){ (uint8_t)klass, subject, detail };
}

static str without_line_end(str line)
{
	if (line.n && line.p[line.n - 1] == '\n') {
		line.n--;
		if (line.n && line.p[line.n - 1] == '\r')
			line.n--;
	}
	return line;
}

bool smtp_reply_line_parse(str line, struct smtp_reply_line *out)
{
	line = without_line_end(line);
	uint16_t code;
	str rest = line;
	if (!cut_number(&rest, &code) || line.n - rest.n != 3 || code < 200 || code > 599)
		return false;
	if (rest.n && rest.p[0] != ' ' && rest.p[0] != '-')
		return false;
	if (str_find_any(rest, str_from("\r\n\0", 3)) >= 0)
		return false;
	struct smtp_reply_line parsed = { .code = code, .last = rest.n == 0 || rest.p[0] == ' ' };
	parsed.text = str_skip(rest, 1);
	parsed.status = cut_status(&parsed.text, code);
	*out = parsed;
	return true;
}
