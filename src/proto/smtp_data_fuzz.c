/*
 * The transform, fed at random splits, against a slow reference that sees the whole at once and
 * knows one thing: the end is the first CRLF.CRLF, a line is what stands between two CRLF.
 */
#include "proto/smtp_data.h"
#include "proto/smtp_trace_scan.h"
#include "base/buf.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct expected {
	struct buf out;
	size_t taken;
	uint64_t cr, lf, max_line;
	bool eight_bit, nul;
};

static void reference_byte(struct expected *e, char c, bool normalize, uint64_t *column)
{
	str s = str_from(&c, 1);
	e->cr += c == '\r';
	e->lf += c == '\n';
	e->nul = e->nul || c == 0;
	e->eight_bit = e->eight_bit || (c & 0x80);
	if (normalize && c == '\r')
		s = STR(" ");
	if (normalize && c == '\n') {
		s = STR("\r\n");
		*column = 0;
	} else {
		(*column)++;
	}
	e->max_line = MAX(e->max_line, *column);
	buf_add(&e->out, s);
}

static void reference(struct expected *e, str in, bool dots, bool normalize)
{
	str rest = in;
	while (rest.n) {
		ptrdiff_t end = str_find(rest, STR("\r\n"));
		str line = end < 0 ? rest : str_first(rest, (size_t)end);
		rest = str_skip(rest, end < 0 ? rest.n : line.n + 2);
		if (dots && end >= 0 && str_equal(line, STR(".")))
			break;
		uint64_t column = 0;
		for (size_t i = dots && line.n && line.p[0] == '.'; i < line.n; i++)
			reference_byte(e, line.p[i], normalize, &column);
		if (end >= 0)
			buf_add(&e->out, STR("\r\n"));
	}
	e->taken = in.n - rest.n;
}

static unsigned next_random(unsigned *seed)
{
	*seed = *seed * 1103515245 + 12345;
	return *seed >> 16;
}

static size_t piece_size(unsigned *seed, size_t left)
{
	unsigned kind = next_random(seed) % 4;
	size_t n = kind == 0 ? 1
			     : 1 + next_random(seed) % (kind == 1          ? 4u
							       : kind == 2 ? 40u
									   : 4000u);
	return MIN(n, left);
}

/* Returns how much of `in` was consumed. */
static size_t run(
	struct smtp_data *d, struct smtp_trace_scan *scan, str in, unsigned seed, struct buf *out)
{
	size_t at = 0;
	while (at < in.n && !d->ended) {
		size_t n = piece_size(&seed, in.n - at);
		CLEANUP(free_pointer) char *exact = xmalloc(n);
		memcpy(exact, in.p + at, n);
		str part = str_from(exact, n), span;
		while (smtp_data_next(d, &part, &span)) {
			ASSERT(span.n > 0);
			buf_add(out, span);
			smtp_trace_scan_feed(scan, span);
		}
		ASSERT(d->ended || part.n == 0);
		at += n - part.n;
	}
	if (d->framing == SMTP_FRAMING_CHUNK) {
		str span = smtp_data_finish(d);
		buf_add(out, span);
		smtp_trace_scan_feed(scan, span);
	}
	return at;
}

static void check_scan(const struct smtp_trace_scan *scan, str message)
{
	struct smtp_trace_scan whole;
	smtp_trace_scan_init(&whole);
	smtp_trace_scan_feed(&whole, message);
	ASSERT(memcmp(scan->count, whole.count, sizeof whole.count) == 0);
	ASSERT(scan->header_ended == whole.header_ended);
	ASSERT(scan->header_bytes == whole.header_bytes && whole.header_bytes <= message.n);
}

static void check(str in, bool dots, enum smtp_bare_policy policy, unsigned seed)
{
	struct expected e = { .out = BUF_INIT(1 << 24) };
	CLEANUP(buf_done) struct buf out = BUF_INIT(1 << 24);
	struct smtp_data d;
	struct smtp_trace_scan scan;
	reference(&e, in, dots, policy == SMTP_BARE_NORMALIZE);
	smtp_data_init(&d, dots ? SMTP_FRAMING_DOT : SMTP_FRAMING_CHUNK, policy);
	smtp_trace_scan_init(&scan);
	size_t taken = run(&d, &scan, in, seed, &out);
	ASSERT(d.ended && taken == e.taken && d.taken == taken);
	ASSERT(str_equal(buf_str(&out), buf_str(&e.out)) && d.bytes == out.n);
	ASSERT(d.cr.count == e.cr && d.lf.count == e.lf);
	ASSERT(d.eight_bit == e.eight_bit && d.nul == e.nul && d.max_line == e.max_line);
	ASSERT(d.cr.count == 0 || in.p[d.cr.offset] == '\r');
	ASSERT(d.lf.count == 0 || in.p[d.lf.offset] == '\n');
	bool at_start = out.n == 0 || str_ends(buf_str(&out), STR("\r\n"));
	ASSERT(smtp_data_at_line_start(&d) == at_start);
	check_scan(&scan, buf_str(&out));
	buf_done(&e.out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	bool dots = data[0] & 1;
	CLEANUP(buf_done) struct buf in = BUF_INIT(1 << 24);
	buf_add(&in, str_from(data + 2, size - 2));
	if (dots)
		buf_add(&in, STR("\r\n.\r\nQUIT\r\n"));
	for (int policy = SMTP_BARE_REFUSE; policy <= SMTP_BARE_KEEP; policy++)
		check(buf_str(&in), dots, (enum smtp_bare_policy)policy, data[1]);
	return 0;
}
