#include "proto/smtp_trace_scan.h"

#include "base/utf8.h"

enum {
	LINE_START,
	LINE_START_CR, /* a CR there: LF makes it the empty line */
	NAME,          /* collecting a field name */
	NAME_BLANK,    /* blanks behind it */
	REST,          /* to the end of the line */
};

static const char *const fields[SMTP_TRACE_FIELD_COUNT] = {
#define X(id, name) name,
	SMTP_TRACE_FIELDS(X)
#undef X
};

void smtp_trace_scan_init(struct smtp_trace_scan *scan)
{
	*scan = (struct smtp_trace_scan){ .state = LINE_START };
}

static int count_field(struct smtp_trace_scan *scan)
{
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (str_equal(str_from(scan->name, scan->name_n), str_from_z(fields[i])))
			scan->count[i]++;
	return REST;
}

static int add_to_name(struct smtp_trace_scan *scan, char c)
{
	if (scan->name_n == sizeof scan->name)
		return REST;
	scan->name[scan->name_n++] = ascii_lower(c);
	return NAME;
}

static int step(struct smtp_trace_scan *scan, char c)
{
	if (c == '\n') {
		scan->header_ended = scan->state == LINE_START || scan->state == LINE_START_CR;
		return LINE_START;
	}
	switch (scan->state) {
	case LINE_START:
		/* The blank that begins a continuation line is in no field's name. */
		scan->name_n = 0;
		return c == '\r' ? LINE_START_CR : add_to_name(scan, c);
	case NAME:
		if (c == ' ' || c == '\t')
			return NAME_BLANK;
		return c == ':' ? count_field(scan) : add_to_name(scan, c);
	case NAME_BLANK:
		if (c == ' ' || c == '\t')
			return NAME_BLANK;
		return c == ':' ? count_field(scan) : REST;
	default:
		return REST;
	}
}

/* To the end of a line of which nothing more is asked. */
static size_t pass_rest(struct smtp_trace_scan *scan, str s)
{
	ptrdiff_t lf = str_find_char(s, '\n');
	str rest = lf < 0 ? s : str_first(s, (size_t)lf);
	scan->eight_bit = scan->eight_bit || !ascii_only(rest);
	return rest.n;
}

static size_t pass_char(struct smtp_trace_scan *scan, char c)
{
	scan->eight_bit = scan->eight_bit || (c & 0x80);
	scan->state = step(scan, c);
	return 1;
}

void smtp_trace_scan_feed(struct smtp_trace_scan *scan, str span)
{
	while (span.n && !scan->header_ended) {
		char c = span.p[0];
		bool skips = scan->state == REST && c != '\n';
		size_t n = skips ? pass_rest(scan, span) : pass_char(scan, c);
		scan->header_bytes += n;
		span = str_skip(span, n);
	}
}
