#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "main/why_story.h"

static str account_name(void *context, uint64_t id)
{
	return id == 1 ? STR("alice@example.test") : STR_EMPTY;
}

static const struct why_names names = { account_name, NULL };

static void tell(const char *json, const char *deliveries, struct buf *out)
{
	struct why w;
	const struct record record = {
		.time = 1700000000, .json = str_from_z(json), .deliveries = str_from_z(deliveries)
	};
	why_read(&record, &w);
	why_story(&w, &names, out);
	why_row(&w, out);
	why_free(&w);
}

static const char whole[] =
	"{\"id\":\"K7\",\"time\":1700000000,\"door\":\"smtp\",\"client\":{\"ip\":\"192.0.2.1\","
	"\"port\":3,\"name\":\"m.x\",\"helo\":\"h.x\",\"tls\":\"TLSv1.3\"},\"sender\":\"a@b\","
	"\"recipients\":[\"c@d\",\"e@f\"],\"message_id\":\"<1@b>\",\"from\":\"A <a@b>\","
	"\"subject\":\"Hi\",\"size\":12,\"auth\":{\"spf\":{\"result\":\"softfail\",\"domain\":"
	"\"b\"},"
	"\"dkim\":[{\"result\":\"pass\",\"bits\":2048},{\"result\":\"odd\"}]},\"local\":["
	"{\"list\":\"block\",\"subject\":\"192.0.2.0/24\",\"for\":\"\",\"of\":\"client\",\"found\":"
	"\"192.0.2.1\",\"counts\":true,\"comment\":\"why\"},{\"list\":\"allow\",\"subject\":\"b\","
	"\"for\":\"e@f\",\"of\":\"sender\",\"found\":\"a@b\",\"counts\":false}],\"findings\":["
	"{\"name\":\"SMALL\",\"score\":0.5,\"mode\":\"score\"},"
	"{\"name\":\"BIG\",\"score\":-4.25,\"mode\":\"score\",\"evidence\":\"e\",\"source\":\"s\"},"
	"{\"name\":\"SEEN\",\"score\":2,\"mode\":\"observe\"}],"
	"\"pivot\":{\"findings\":[\"SMALL\",\"TINY\"],\"action\":\"accept\"},"
	"\"checks\":[{\"name\":\"spf\",\"ms\":1},{\"name\":\"dkim\",\"skipped\":true},"
	"{\"name\":\"arc\",\"skipped\":true}],\"score\":5.5,"
	"\"thresholds\":{\"junk\":5,\"reject\":15,\"of\":\"e@f\"},\"action\":\"junk\",\"why\":"
	"\"w\","
	"\"reply\":\"250 2.0.0 Ok\",\"destinations\":[{\"recipient\":\"c@d\",\"action\":\"accept\","
	"\"score\":5.5,\"junk_at\":6,\"reject_at\":15,\"own\":true,\"why\":\"\"},{\"recipient\":"
	"\"e@f\","
	"\"action\":\"junk\",\"score\":105.5,\"junk_at\":5,\"reject_at\":15,\"own\":false,\"why\":"
	"\"blocked\"}]}";

static void the_whole_story(void **state)
{
	static const char expected[] =
		"K7, 2023-11-14 22:13:20 UTC\n"
		"  from        a@b\n"
		"              client 192.0.2.1 (m.x), which called itself h.x, by smtp, TLSv1.3\n"
		"  to          c@d, e@f\n"
		"  message     \"Hi\", From: A <a@b>, Message-ID <1@b>, 12 bytes\n"
		"  SPF         softfail: the domain doubts that this client may send for it; "
		"domain "
		"b\n"
		"  DKIM        passes; bits 2048\n"
		"  DKIM        odd\n"
		"  blocked     192.0.2.0/24, for all: client 192.0.2.1 (why)\n"
		"  allowed     b, for e@f: sender a@b; does not count: nothing shows that it is "
		"the one\n"
		"  findings\n"
		"      -4.25  BIG: e [s]\n"
		"      +2.00  SEEN (observed, not counted)\n"
		"      +0.50  SMALL\n"
		"  score       5.50; junk from 5.00 on; rejected from 15.00 on (thresholds of "
		"e@f)\n"
		"  decision    junk: w\n"
		"  decided by  SMALL, TINY; without them: accept\n"
		"  not run     dkim, arc: they could have changed nothing\n"
		"  reply       250 2.0.0 Ok\n"
		"  for         c@d: accept (scores 5.50; its own thresholds: junk from 6.00 on, "
		"rejected from 15.00 on)\n"
		"  for         e@f: junk: blocked (scores 105.50; thresholds of all: junk from "
		"5.00 on, rejected from 15.00 on)\n"
		"  delivered   account 1 (alice@example.test), Junk, UID 3\n"
		"  failed      account 4: No space left on device\n";
	struct buf out = BUF_INIT(10000);
	tell(whole,
		"[{\"account\":1,\"mailbox\":2,\"name\":\"Junk\",\"uid\":3,\"result\":0},"
		"{\"account\":4,\"result\":28}]",
		&out);
	buf_add_char(&out, '\0');
	assert_true(str_starts(buf_str(&out), str_from_z(expected)));
	assert_string_equal(out.p + sizeof expected - 1,
		"2023-11-14 22:13:20  K7          junk          5.50  a@b                          "
		"  "
		" "
		"c@d                             (+1) Hi\n");
	buf_done(&out);
}

/* Cut anywhere, or of other types than expected, it is still told. */
static void what_is_kept_is_told(void **state)
{
	static const struct {
		const char *record, *told;
	} rows[] = {
		{ "{\"id\":\"K7\",\"action\":\"quarantine\"}",
			"\n  quarantine  held there: postern quarantine show K7, release K7\n" },
		{ "{\"id\":\"K7\",\"action\":\"junk\",\"kept\":true}",
			"\n  quarantine  a copy is there: postern quarantine show K7, remove "
			"K7\n" },
		{ "{\"id\":\"K7\",\"action\":\"junk\",\"kept\":false}",
			"\n  quarantine  a copy could not be kept there" },
		{ "{\"score\":1,\"thresholds\":{\"quarantine\":4,\"defer\":5}}",
			"\n  score       1.00; quarantine from 4.00 on; deferred from 5.00 on\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf out = BUF_INIT(10000);
		tell(rows[i].record, "", &out);
		assert_true(str_find(buf_str(&out), str_from_z(rows[i].told)) > 0);
		buf_done(&out);
	}
	struct buf out = BUF_INIT(10000);
	tell("{\"action\":\"junk\",\"kept\":\"x\"}", "", &out);
	assert_true(str_find(buf_str(&out), STR("quarantine")) < 0);
	buf_done(&out);
}

static void odd_records_are_told(void **state)
{
	static const char *const odd[] = {
		"[]", "1", "{}",
		"{\"id\":1,\"client\":[],\"auth\":[1],"
		"\"findings\":{\"a\":1},\"recipients\":[1,null]}",
		"{\"auth\":{\"spf\":[[{}]],\"dkim\":{\"result\":\"pass\"}},\"findings\":[1,[],{}]}"
	};
	struct buf out = BUF_INIT(1000000);
	for (size_t i = 0; i < ARRAY_LEN(odd); i++)
		tell(odd[i], odd[i], &out);
	for (size_t n = 0; n < sizeof whole - 1; n++) {
		char *cut = str_dup_z(str_from(whole, n));
		tell(cut, "[{}]", &out);
		free_pointer(&cut);
	}
	assert_true(str_find(buf_str(&out), STR("cannot be read")) > 0);
	buf_done(&out);
}

static void nothing_reaches_the_terminal(void **state)
{
	static const struct {
		const char *in, *out;
	} texts[] = {
		{ "plain \xc3\xbc", "plain \xc3\xbc" },
		{ "a\x1b[31mb\r\n\x7f", "a?[31mb???" },
		{ "\xc2\x9b"
		  "31m",
			"?31m" },
		{ "a\xe2\x80\xae"
		  "b\xe2\x81\xa6",
			"a?b?" },
		{ "\xff\xc3", "??" },
	};
	struct buf out = BUF_INIT(1000);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		buf_clear(&out);
		why_text(&out, str_from_z(texts[i].in), 100);
		assert_true(str_equal(buf_str(&out), str_from_z(texts[i].out)));
	}
	buf_clear(&out);
	why_text(&out, STR("ab\xc3\xbc"), 3);
	assert_true(str_equal(buf_str(&out), STR("ab\xe2\x80\xa6")));
	buf_done(&out);
}

static void who_it_is_from_and_to(void **state)
{
	struct why w;
	const struct record record = { .json = str_from_z(whole), .deliveries = STR_EMPTY };
	why_read(&record, &w);
	assert_true(why_matches(&w, STR_EMPTY, STR_EMPTY));
	assert_true(why_matches(&w, STR("A@B"), STR("E@f")));
	assert_false(why_matches(&w, STR("x@b"), STR_EMPTY));
	assert_false(why_matches(&w, STR_EMPTY, STR("a@b")));
	why_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_whole_story),
		cmocka_unit_test(what_is_kept_is_told),
		cmocka_unit_test(odd_records_are_told),
		cmocka_unit_test(nothing_reaches_the_terminal),
		cmocka_unit_test(who_it_is_from_and_to),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
