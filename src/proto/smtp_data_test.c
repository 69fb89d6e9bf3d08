#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "proto/smtp_data.h"
#include "proto/smtp_trace_scan.h"
#include "base/buf.h"

/* NULL as `out`: the message does not end. What stands behind the end is `rest`. */
struct sample {
	const char *in, *out, *rest;
	uint64_t cr, lf;
};

/* With KEEP: bare CR and LF are counted and stay. */
static const struct sample kept[] = {
	{ ".\r\n", "", "", 0, 0 },
	{ "a\r\n.\r\nQUIT\r\n", "a\r\n", "QUIT\r\n", 0, 0 },
	{ "\r\n.\r\n", "\r\n", "", 0, 0 },
	{ "..\r\n.\r\n", ".\r\n", "", 0, 0 },
	{ "...\r\n..a\r\n.b\r\n.\r\n", "..\r\n.a\r\nb\r\n", "", 0, 0 },
	{ "a.\r\n.\r\n", "a.\r\n", "", 0, 0 },
	{ "a\r\n.\r\n.\r\n", "a\r\n", ".\r\n", 0, 0 },
	{ "a\r\r\n.\r\n", "a\r\r\n", "", 1, 0 },
	{ "a\r\n.\r\r\n.\r\n", "a\r\n\r\r\n", "", 1, 0 },
	/* Ends that are none. */
	{ "a\n.\nMAIL", NULL, "", 0, 2 },
	{ "a\n.\r\nMAIL", NULL, "", 0, 1 },
	{ "a\r.\r\nMAIL", NULL, "", 1, 0 },
	{ "a\r.\rMAIL", NULL, "", 2, 0 },
	{ "a\r\n.\nMAIL", NULL, "", 0, 1 },
	{ "a\r\n.\rMAIL", NULL, "", 1, 0 },
	{ "a\n\r.\r\nMAIL", NULL, "", 1, 1 },
	{ "a\r\n.\r.\r\nMAIL", NULL, "", 1, 0 },
	{ "a\n..\r\n.\r\n", "a\n..\r\n", "", 0, 1 },
	{ "a\r\n.\r", NULL, "", 0, 0 },
	{ "a\r\n.", NULL, "", 0, 0 },
	{ "a\r\n", NULL, "", 0, 0 },
	{ "", NULL, "", 0, 0 },
};

/* With NORMALIZE. */
static const struct sample normalized[] = {
	{ "a\nb\r\n.\r\n", "a\r\nb\r\n", "", 0, 1 },
	{ "a\rb\r\n.\r\n", "a b\r\n", "", 1, 0 },
	{ "a\n.\n\r\n.\r\n", "a\r\n.\r\n\r\n", "", 0, 2 },
	{ "a\n.\r\nb\r\n.\r\n", "a\r\n.\r\nb\r\n", "", 0, 1 },
	{ "a\r\n.\nb\r\n.\r\n", "a\r\n\r\nb\r\n", "", 0, 1 },
	{ "a\r.\r\nb\r\n.\r\n", "a .\r\nb\r\n", "", 1, 0 },
	{ "a\r\n.\rb\r\n.\r\n", "a\r\n b\r\n", "", 1, 0 },
	{ "a\r\r\n.\r\n", "a \r\n", "", 1, 0 },
	{ "\r\r\r\n\n\n.\r\n.\r\n", "  \r\n\r\n\r\n.\r\n", "", 2, 2 },
	{ "a\n..\r\n.\r\n", "a\r\n..\r\n", "", 0, 1 },
};

/* Feeds `in` cut into three at the two offsets; returns what is left of it. */
static str feed(struct smtp_data *d, str in, size_t cut1, size_t cut2, struct buf *out)
{
	size_t ends[] = { cut1, cut2, in.n };
	size_t at = 0;
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		str part = str_from(in.p + at, ends[i] - at), span;
		while (smtp_data_next(d, &part, &span)) {
			assert_true(span.n > 0);
			buf_add(out, span);
		}
		at = ends[i] - part.n;
		if (d->ended)
			return str_skip(in, at);
		assert_int_equal(part.n, 0);
	}
	return STR_EMPTY;
}

static void check(const struct sample *s, enum smtp_bare_policy policy)
{
	str in = str_from_z(s->in);
	for (size_t i = 0; i <= in.n; i++)
		for (size_t j = i; j <= in.n; j++) {
			struct smtp_data d;
			CLEANUP(buf_done) struct buf out = BUF_INIT(4096);
			smtp_data_init(&d, SMTP_FRAMING_DOT, policy);
			str rest = feed(&d, in, i, j, &out);
			assert_int_equal(d.ended, s->out != NULL);
			assert_int_equal(d.cr.count, s->cr);
			assert_int_equal(d.lf.count, s->lf);
			assert_int_equal(d.bytes, out.n);
			assert_true(str_equal(rest, str_from_z(s->rest)));
			if (s->out)
				assert_true(str_equal(buf_str(&out), str_from_z(s->out)));
			if (s->out)
				assert_true(smtp_data_at_line_start(&d));
			assert_int_equal(d.taken, in.n - rest.n);
		}
}

static void test_kept(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
		print_message("# case %zu\n", i);
		check(&kept[i], SMTP_BARE_KEEP);
		check(&kept[i], SMTP_BARE_REFUSE);
	}
}

static void test_normalized(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(normalized); i++) {
		print_message("# case %zu\n", i);
		check(&normalized[i], SMTP_BARE_NORMALIZE);
	}
	for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
		struct sample s = kept[i];
		if (s.out && (s.cr || s.lf))
			continue;
		check(&s, SMTP_BARE_NORMALIZE);
	}
}

static void test_nul_is_no_end(void **state)
{
	str in = str_from("a\r\n.\0\r\nb\r\n.\r\n", 14), span;
	struct smtp_data d;
	CLEANUP(buf_done) struct buf out = BUF_INIT(4096);
	smtp_data_init(&d, SMTP_FRAMING_DOT, SMTP_BARE_REFUSE);
	while (smtp_data_next(&d, &in, &span))
		buf_add(&out, span);
	assert_true(d.ended && d.nul && !d.eight_bit && !smtp_data_refused(&d));
	assert_true(str_equal(buf_str(&out), str_from("a\r\n\0\r\nb\r\n", 9)));
}

static void test_report(void **state)
{
	str in = STR("one\r\n..two\r\nab\ncd\ref\n\r\n.\r\nNOOP");
	for (size_t i = 0; i <= in.n; i++) {
		struct smtp_data d;
		CLEANUP(buf_done) struct buf out = BUF_INIT(4096);
		smtp_data_init(&d, SMTP_FRAMING_DOT, SMTP_BARE_REFUSE);
		str rest = feed(&d, in, i, i, &out);
		assert_true(smtp_data_refused(&d) && d.ended);
		assert_int_equal(d.lf.offset, 14);
		assert_int_equal(d.lf.line, 3);
		assert_int_equal(d.lf.count, 2);
		assert_int_equal(d.cr.offset, 17);
		assert_int_equal(d.cr.line, 3);
		assert_int_equal(d.max_line, 9);
		assert_true(str_equal(rest, STR("NOOP")));
	}
}

static void test_properties(void **state)
{
	char big[5000];
	memset(big, 'x', sizeof big);
	memcpy(big + sizeof big - 5, "\r\n.\r\n", 5);
	for (size_t cut = 0; cut < sizeof big; cut += 113) {
		struct smtp_data d;
		CLEANUP(buf_done) struct buf out = BUF_INIT(8192);
		smtp_data_init(&d, SMTP_FRAMING_DOT, SMTP_BARE_NORMALIZE);
		big[cut % 4000] = (char)0xe4;
		feed(&d, str_from(big, sizeof big), cut, cut, &out);
		assert_true(d.ended && d.eight_bit && !d.nul);
		assert_int_equal(d.max_line, sizeof big - 5);
		big[cut % 4000] = 'x';
	}
}

/* In ordinary mail one input gives one span that points into it. */
static void test_zero_copy(void **state)
{
	str in = STR("Subject: x\r\n\r\nline\r\nanother.\r\n"), copy = in, span;
	struct smtp_data d;
	smtp_data_init(&d, SMTP_FRAMING_DOT, SMTP_BARE_REFUSE);
	assert_true(smtp_data_next(&d, &in, &span));
	assert_ptr_equal(span.p, copy.p);
	assert_int_equal(span.n, copy.n);
	assert_false(smtp_data_next(&d, &in, &span));
}

static void test_chunks(void **state)
{
	str in = STR(".\r\n..a\nb\r\n.\r\nc\r");
	for (size_t i = 0; i <= in.n; i++)
		for (size_t j = i; j <= in.n; j++) {
			struct smtp_data keep, normal;
			CLEANUP(buf_done) struct buf out = BUF_INIT(4096);
			smtp_data_init(&keep, SMTP_FRAMING_CHUNK, SMTP_BARE_REFUSE);
			feed(&keep, in, i, j, &out);
			buf_add(&out, smtp_data_finish(&keep));
			assert_true(str_equal(buf_str(&out), in));
			assert_true(smtp_data_refused(&keep) && keep.ended);
			assert_true(keep.cr.count == 1 && keep.cr.offset == in.n - 1);
			assert_true(keep.lf.count == 1 && keep.lf.offset == 6);
			assert_false(smtp_data_at_line_start(&keep));
			buf_clear(&out);
			smtp_data_init(&normal, SMTP_FRAMING_CHUNK, SMTP_BARE_NORMALIZE);
			feed(&normal, in, i, j, &out);
			buf_add(&out, smtp_data_finish(&normal));
			assert_true(str_equal(buf_str(&out), STR(".\r\n..a\r\nb\r\n.\r\nc ")));
		}
}

static void scan_in_two(struct smtp_trace_scan *scan, str in, size_t cut)
{
	smtp_trace_scan_init(scan);
	smtp_trace_scan_feed(scan, str_first(in, cut));
	smtp_trace_scan_feed(scan, str_skip(in, cut));
}

static void test_trace_scan(void **state)
{
	str header = STR("Return-Path: <a@b>\r\n"
			 "Received: from x\r\n\tReceived: folded\r\n"
			 "rEcEiVeD \t: by y\r\n"
			 "Received\r\n : not a field\r\n"
			 "XReceived: no\r\nReceived-SPF: no\r\n"
			 "no colon here\r\n"
			 "A-name-that-is-longer-than-sixteen: received: x\r\n"
			 "Delivered-To: c\r\nFrom: d\r\nDate: e\r\nMessage-ID: <f>\r\n\r\n");
	CLEANUP(buf_done) struct buf message = BUF_INIT(4096);
	buf_add(&message, header);
	buf_add(&message, STR("Received: in the body\r\n\xff\r\n\r\nFrom: x\r\n"));
	for (size_t cut = 0; cut <= message.n; cut++) {
		struct smtp_trace_scan scan;
		scan_in_two(&scan, buf_str(&message), cut);
		assert_int_equal(scan.count[SMTP_TRACE_RECEIVED], 2);
		for (size_t i = 1; i < SMTP_TRACE_FIELD_COUNT; i++)
			assert_int_equal(scan.count[i], 1);
		assert_true(scan.header_ended && !scan.eight_bit);
		assert_int_equal(scan.header_bytes, header.n);
	}
}

static void test_trace_scan_lf(void **state)
{
	str in = STR("Received: a\nReceived: \xc3\xbc\n\nReceived: body\n");
	for (size_t cut = 0; cut <= in.n; cut++) {
		struct smtp_trace_scan scan;
		scan_in_two(&scan, in, cut);
		assert_int_equal(scan.count[SMTP_TRACE_RECEIVED], 2);
		assert_true(scan.header_ended && scan.eight_bit);
	}
	struct smtp_trace_scan scan;
	scan_in_two(&scan, STR("\r\nReceived: x\r\n"), 1);
	assert_true(scan.header_ended && scan.header_bytes == 2);
	scan_in_two(&scan, STR("Received: x\r\n"), 1);
	assert_false(scan.header_ended);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_normalized),
		cmocka_unit_test(test_nul_is_no_end),
		cmocka_unit_test(test_report),
		cmocka_unit_test(test_properties),
		cmocka_unit_test(test_zero_copy),
		cmocka_unit_test(test_chunks),
		cmocka_unit_test(test_trace_scan),
		cmocka_unit_test(test_trace_scan_lf),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
