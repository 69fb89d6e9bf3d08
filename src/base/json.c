#include "base/json.h"

#include "base/utf8.h"

#include <math.h>

#define REPLACEMENT STR("\xef\xbf\xbd") /* U+FFFD */
#define DECIMAL_MAX 1e15

/* ── Places ───────────────────────────────────────────────────────────────────────────────── */

static bool in_array(const struct json *j)
{
	return j->depth && (j->arrays >> (j->depth - 1) & 1);
}

/* What stands before a value: a comma, its name. */
static void begin(struct json *j, const char *name)
{
	ASSERT(!j->complete);
	ASSERT((name != NULL) == (j->depth > 0 && !in_array(j)));
	if (j->depth == 0) {
		j->complete = true;
		return;
	}
	uint32_t bit = UINT32_C(1) << (j->depth - 1);
	if (j->filled & bit)
		buf_add_char(j->out, ',');
	j->filled |= bit;
	if (!name)
		return;
	buf_add_char(j->out, '"');
	buf_add(j->out, str_from_z(name));
	buf_add_char(j->out, '"');
	buf_add_char(j->out, ':');
}

static void open(struct json *j, const char *name, bool array)
{
	begin(j, name);
	j->complete = false;
	ASSERT(j->depth < JSON_DEPTH_MAX);
	uint32_t bit = UINT32_C(1) << j->depth++;
	j->filled &= ~bit;
	j->arrays = array ? j->arrays | bit : j->arrays & ~bit;
	buf_add_char(j->out, array ? '[' : '{');
}

void json_object(struct json *j, const char *name)
{
	open(j, name, false);
}

void json_array(struct json *j, const char *name)
{
	open(j, name, true);
}

void json_end(struct json *j)
{
	ASSERT(j->depth > 0);
	buf_add_char(j->out, in_array(j) ? ']' : '}');
	j->depth--;
	j->complete = j->depth == 0;
}

bool json_done(const struct json *j)
{
	return j->complete && !j->out->overflowed;
}

/* ── Values ───────────────────────────────────────────────────────────────────────────────── */

static bool plain(char c)
{
	return (unsigned char)c >= ' ' && (unsigned char)c < 127 && c != '"' && c != '\\';
}

static void add_ascii(struct buf *out, char c)
{
	static const char hex[] = "0123456789abcdef";
	switch (c) {
	case '"':
		buf_add(out, STR("\\\""));
		return;
	case '\\':
		buf_add(out, STR("\\\\"));
		return;
	case '\n':
		buf_add(out, STR("\\n"));
		return;
	case '\r':
		buf_add(out, STR("\\r"));
		return;
	case '\t':
		buf_add(out, STR("\\t"));
		return;
	case '\0':
		buf_add(out, REPLACEMENT);
		return;
	default:
		break;
	}
	char escape[] = { '\\', 'u', '0', '0', hex[(unsigned char)c >> 4], hex[c & 15] };
	buf_add(out, str_from(escape, sizeof escape));
}

/* Terminals obey C1, and let some others turn the direction of text: JSON is read by people too. */
static bool is_obeyed(uint32_t c)
{
	return (c >= 0x80 && c < 0xa0) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069);
}

/* Runs of plain characters, which are nearly everything, are copied whole. */
static void add_text(struct buf *out, str s)
{
	while (s.n) {
		size_t n = 0;
		while (n < s.n && plain(s.p[n]))
			n++;
		buf_add(out, str_first(s, n));
		s = str_skip(s, n);
		if (s.n == 0)
			return;
		uint32_t c;
		n = utf8_decode(s, &c);
		if (n == 1)
			add_ascii(out, s.p[0]);
		else if (n && is_obeyed(c))
			buf_printf(out, "\\u%04x", (unsigned)c);
		else
			buf_add(out, n ? str_first(s, n) : REPLACEMENT);
		s = str_skip(s, MAX(n, (size_t)1));
	}
}

void json_str(struct json *j, const char *name, str value)
{
	json_str_max(j, name, value, SIZE_MAX);
}

/* Goes back from the cut to where a character begins; one has at most three bytes before that. */
static str cut(str s, size_t max)
{
	size_t n = max;
	while (n > 0 && max - n < 3 && ((unsigned char)s.p[n] & 0xc0) == 0x80)
		n--;
	return str_first(s, n);
}

void json_str_max(struct json *j, const char *name, str value, size_t max)
{
	begin(j, name);
	buf_add_char(j->out, '"');
	add_text(j->out, value.n > max ? cut(value, max) : value);
	if (value.n > max)
		buf_add(j->out, STR("…"));
	buf_add_char(j->out, '"');
}

void json_i64(struct json *j, const char *name, int64_t value)
{
	begin(j, name);
	buf_add_i64(j->out, value);
}

void json_bool(struct json *j, const char *name, bool value)
{
	json_raw(j, name, value ? STR("true") : STR("false"));
}

void json_null(struct json *j, const char *name)
{
	json_raw(j, name, STR("null"));
}

void json_decimal(struct json *j, const char *name, double value)
{
	if (isnan(value)) {
		json_null(j, name);
		return;
	}
	begin(j, name);
	double bounded = MAX(-DECIMAL_MAX, MIN(value, DECIMAL_MAX));
	int64_t hundredths = (int64_t)(bounded * 100 + (bounded < 0 ? -0.5 : 0.5));
	uint64_t size = hundredths < 0 ? -(uint64_t)hundredths : (uint64_t)hundredths;
	if (hundredths < 0)
		buf_add_char(j->out, '-');
	buf_add_u64(j->out, size / 100);
	char fraction[] = { '.', (char)('0' + size % 100 / 10), (char)('0' + size % 10) };
	buf_add(j->out, str_from(fraction, sizeof fraction));
}

void json_raw(struct json *j, const char *name, str value)
{
	begin(j, name);
	buf_add(j->out, value);
}
