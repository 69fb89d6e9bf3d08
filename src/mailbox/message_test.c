/*
 * FETCH, STORE, COPY, MOVE, SEARCH and APPEND in whole sessions over memory, on a real account.
 */
#include "mailbox/message_testing.h"

#include <errno.h>
#include <ftw.h>

#define SELECT "s SELECT INBOX\r\n"

#define HEADER_1                                                                                   \
	"From: Anna <anna@here.test>\r\nTo: bob@here.test\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=" \
	"\r\nDate: Fri, 21 Nov 1997 23:30:00 -0600\r\n\r\n"
#define MESSAGE_1 HEADER_1 "first line\r\nsecond line\r\n"

#define PART_1 "one\r\n"
#define PART_2 "MSd0bw0K\r\n"
#define MESSAGE_2                                                                                  \
	"From: carl@here.test\r\nSubject: parts\r\nMIME-Version: 1.0\r\n"                          \
	"Content-Type: multipart/mixed; boundary=x\r\n\r\n"                                        \
	"--x\r\nContent-Type: text/plain\r\n\r\n" PART_1                                           \
	"\r\n--x\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n" PART_2   \
	"\r\n--x--\r\n"

#define assert_has(text, part)                                                                     \
	do {                                                                                       \
		if (!strstr(text, part))                                                           \
			fail_msg("%s\nis not in:\n%s", part, text);                                \
	} while (0)
#define assert_lacks(text, part)                                                                   \
	do {                                                                                       \
		if (strstr(text, part))                                                            \
			fail_msg("%s\nis in:\n%s", part, text);                                    \
	} while (0)

static size_t count(const char *text, const char *part)
{
	size_t n = 0;
	for (; (text = strstr(text, part)); text += strlen(part))
		n++;
	return n;
}

static void open_post(struct post *p, void **state)
{
	post_init(p, *state);
	post_put(p, "INBOX", 0, STR(MESSAGE_1));
	post_put(p, "INBOX", MESSAGE_FLAGGED, STR(MESSAGE_2));
}

/* A message of n bytes with a short header; the bytes to be freed. */
static str large_message(size_t n)
{
	static const char header[] = "Subject: large\r\nContent-Type: text/plain\r\n\r\n";
	char *p = xmalloc(n);
	for (size_t i = 0; i < n; i++)
		p[i] = i % 64 == 62 ? '\r' : i % 64 == 63 ? '\n' : (char)('a' + i / 64 % 26);
	memcpy(p, header, sizeof header - 1);
	return str_from(p, n);
}

/* ── FETCH ────────────────────────────────────────────────────────────────────────────────── */

static void test_fetch_items(void **state)
{
	struct post p CLEANUP(post_done);
	open_post(&p, state);
	const char *out = post_talk(&p, SELECT
		"1 FETCH 1:* (FLAGS INTERNALDATE RFC822.SIZE)\r\n"
		"2 UID FETCH 2 ENVELOPE\r\n3 FETCH 2 (BODY BODYSTRUCTURE)\r\n4 FETCH 3 FLAGS\r\n"
		"5 UID FETCH 7:9 FLAGS\r\n6 FETCH 2,1,2:1 UID\r\n");
	assert_has(out, "* 1 FETCH (FLAGS (\\Recent) INTERNALDATE \"13-Sep-2020 12:26:40 +0000\" "
			"RFC822.SIZE 152)\r\n");
	assert_has(out, "* 2 FETCH (FLAGS (\\Flagged \\Recent) INTERNALDATE");
	assert_has(out,
		"1 OK FETCH completed\r\n* 2 FETCH (UID 2 ENVELOPE (NIL \"parts\" ((NIL NIL "
		"\"carl\" \"here.test\"))");
	assert_has(out, "* 2 FETCH (BODY ((\"text\" \"plain\"");
	assert_has(out, " BODYSTRUCTURE ((\"text\" \"plain\"");
	assert_has(out, "4 BAD");
	assert_has(
		out, "\r\n5 OK FETCH completed\r\n* 1 FETCH (UID 1)\r\n* 2 FETCH (UID 2)\r\n6 OK");
}

static void test_fetch_sections(void **state)
{
	struct post p CLEANUP(post_done);
	open_post(&p, state);
	const char *out = post_talk(&p, SELECT
		"1 FETCH 1 BODY.PEEK[]\r\n2 FETCH 1 (BODY.PEEK[HEADER.FIELDS (subject to)])\r\n"
		"3 FETCH 2 (BODY.PEEK[1] BODY.PEEK[2] BODY.PEEK[2.MIME] BODY.PEEK[3])\r\n"
		"4 FETCH 1 BODY.PEEK[TEXT]<6.7>\r\n5 FETCH 1 BODY.PEEK[TEXT]<100.5>\r\n"
		"6 FETCH 1 RFC822.HEADER\r\n7 FETCH 1 BODY.PEEK[]<0.4>\r\n");
	assert_has(out, "* 1 FETCH (BODY[] {152}\r\n" MESSAGE_1 ")\r\n1 OK");
	assert_has(out, "* 1 FETCH (BODY[HEADER.FIELDS (subject to)] {59}\r\nTo: bob@here.test\r\n"
			"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\n)\r\n2 OK");
	assert_has(out,
		"* 2 FETCH (BODY[1] {5}\r\n" PART_1 " BODY[2] {10}\r\n" PART_2
		" BODY[2.MIME] {62}\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: "
		"base64\r\n\r\n BODY[3] NIL)\r\n3 OK");
	assert_has(out, "* 1 FETCH (BODY[TEXT]<6> {7}\r\nline\r\ns)\r\n4 OK");
	assert_has(out, "* 1 FETCH (BODY[TEXT]<100> \"\")\r\n5 OK");
	assert_has(out, "* 1 FETCH (RFC822.HEADER {127}\r\n" HEADER_1 ")\r\n6 OK");
	assert_has(out, "* 1 FETCH (BODY[]<0> {4}\r\nFrom)\r\n7 OK");
	assert_lacks(out, "\\Seen \\Recent");
	assert_int_equal(p.announced, 0);
}

static void test_fetch_sets_seen(void **state)
{
	struct post p CLEANUP(post_done);
	open_post(&p, state);
	const char *out = post_talk(&p, SELECT "1 FETCH 1:2 (BODY[TEXT]<0.1>)\r\n2 FETCH 1 "
					       "BODY[]\r\n3 NOOP\r\n4 FETCH 1 FLAGS\r\n");
	assert_has(out, "* 1 FETCH (FLAGS (\\Seen \\Recent) BODY[TEXT]<0> {1}\r\nf)\r\n");
	assert_has(out, "* 2 FETCH (FLAGS (\\Flagged \\Seen \\Recent) BODY[TEXT]<0> {1}\r\n-)\r\n");
	assert_has(out, "1 OK FETCH completed\r\n* 1 FETCH (BODY[] {152}");
	assert_has(out, "2 OK FETCH completed\r\n3 OK");
	assert_has(out, "* 1 FETCH (FLAGS (\\Seen \\Recent))\r\n4 OK");
	assert_int_equal(p.announced, 1);
	out = post_talk(&p, "s EXAMINE INBOX\r\n0 STORE 1 FLAGS ()\r\n1 FETCH 1 BODY[]\r\n");
	assert_has(out, "0 NO [READ-ONLY]");
	assert_has(out, "* 1 FETCH (BODY[] {152}");
}

static void test_fetch_large(void **state)
{
	struct post p CLEANUP(post_done);
	open_post(&p, state);
	str text = large_message(3000000);
	post_put(&p, "INBOX", 0, text);
	post_put(&p, "INBOX", 0, STR(MESSAGE_1));
	const char *out = post_talk(&p, SELECT "1 FETCH 2:4 BODY[]\r\n");
	const char *at = strstr(out, "* 3 FETCH (FLAGS (\\Seen \\Recent) BODY[] {3000000}\r\n");
	assert_non_null(at);
	at = strchr(at, '\n') + 1;
	assert_memory_equal(at, text.p, text.n);
	assert_has(
		at + text.n, ")\r\n* 4 FETCH (FLAGS (\\Seen \\Recent) BODY[] {152}\r\n" MESSAGE_1);
	out = post_talk(&p,
		SELECT "1 UID FETCH 3 BODY[]<2999990.100>\r\n2 FETCH 3 BODY[]<3000001.5>\r\n"
		       "3 FETCH 3 (BODY[HEADER] BODY[TEXT] BODY[2])\r\n4 FETCH 3 BODY[HEADER]\r\n"
		       "5 FETCH 3 (BODY[1]<600000.3> ENVELOPE)\r\n");
	assert_has(out, "* 3 FETCH (UID 3 BODY[]<2999990> {10}\r\n");
	assert_has(out, "* 3 FETCH (BODY[]<3000001> \"\")\r\n2 OK");
	assert_has(out,
		"* 3 FETCH (BODY[HEADER] {44}\r\nSubject: large\r\nContent-Type: text/plain\r\n"
		"\r\n BODY[TEXT] {2999956}\r\n");
	assert_has(out, " BODY[2] NIL)\r\n3 OK");
	assert_has(out, "* 3 FETCH (BODY[HEADER] {44}\r\nSubject: large\r\nContent-Type: "
			"text/plain\r\n\r\n)\r\n4 OK");
	assert_has(out, "* 3 FETCH (ENVELOPE (NIL \"large\"");
	assert_has(out, " BODY[1]<600000> {3}\r\n");
	p.spool_error = -ENOSPC;
	out = post_talk(&p, SELECT "1 FETCH 2:3 BODY.PEEK[1]<0.3>\r\n2 NOOP\r\n");
	assert_has(out, "* 2 FETCH (BODY[1]<0> {3}\r\none)\r\n");
	assert_has(out, "\r\n1 NO [UNAVAILABLE]");
	assert_has(out, "2 OK");
	free((void *)(uintptr_t)text.p);
}

/* More than a batch of each kind, in an order that is not the mailbox's. */
static void test_fetch_many(void **state)
{
	struct post p CLEANUP(post_done);
	struct buf script CLEANUP(buf_done) = BUF_INIT(1024 * 1024);
	post_init(&p, *state);
	enum { MANY = 1300 };
	buf_printf(&script, "s SELECT INBOX\r\n");
	for (unsigned i = 0; i < MANY; i++)
		buf_printf(&script, "a APPEND INBOX {17+}\r\nSubject: %04u\r\n\r\n\r\n", i);
	buf_printf(&script,
		"b NOOP\r\n1 FETCH 1:* (UID ENVELOPE)\r\n2 FETCH 1300:2 BODY[HEADER]\r\n"
		"3 UID FETCH 1,5:1000,1100:* FLAGS\r\n");
	const char *out = post_talk_bytes(&p, buf_str(&script), 0);
	assert_int_equal(count(out, "a OK [APPENDUID"), MANY);
	assert_int_equal(count(out, " ENVELOPE (NIL \""), MANY);
	assert_has(out, "* 1300 FETCH (UID 1300 ENVELOPE (NIL \"1299\"");
	assert_int_equal(count(out, ") BODY[HEADER] {17}\r\nSubject: "), MANY - 1);
	assert_has(out, "* 1300 FETCH (FLAGS (\\Seen \\Recent) BODY[HEADER] {17}\r\nSubject: 1299");
	const char *third = strstr(out, "2 OK FETCH");
	assert_non_null(third);
	assert_int_equal(count(third, " FETCH (UID "), 1 + 996 + 201);
}

static int expunge_second(struct account *a, void *arg, struct err *err)
{
	struct account_mailbox m;
	struct account_expunged gone;
	int r = account_mailbox_find(a, STR("INBOX"), &m, err);
	if (r == 0)
		r = account_expunge(a, m.id, &(struct uid_range){ 2, 2 }, 1, true, &gone, err);
	if (r == 0)
		account_expunged_done(&gone);
	return r;
}

static void test_fetch_expunged_elsewhere(void **state)
{
	static const char *const items[] = { "FLAGS", "ENVELOPE", "BODY.PEEK[]",
		"(BODY.PEEK[1] ENVELOPE)" };
	for (size_t i = 0; i < ARRAY_LEN(items); i++) {
		struct post p CLEANUP(post_done);
		struct buf script CLEANUP(buf_done) = BUF_INIT(4096);
		open_post(&p, state);
		post_put(&p, "INBOX", 0, STR(MESSAGE_1));
		buf_printf(&script, SELECT "1 FETCH 1:3 %s\r\n2 UID FETCH 1:3 %s\r\n3 NOOP\r\n",
			items[i], items[i]);
		p.at = 3;
		p.meanwhile = expunge_second;
		const char *out = post_talk_bytes(&p, buf_str(&script), 0);
		assert_has(out, "\r\n1 OK [EXPUNGEISSUED]");
		assert_has(out, "* 3 FETCH (");
		assert_lacks(out, "* 2 FETCH (");
		nftw(*state, testing_remove, 16, FTW_DEPTH | FTW_PHYS);
		char accounts[600];
		snprintf(accounts, sizeof accounts, "%s/accounts", (char *)*state);
		assert_int_equal(mkdir(*state, 0770) | mkdir(accounts, 0770), 0);
	}
}

/* What is gone and still has a number. */
static void test_expunged_elsewhere(void **state)
{
	struct post p CLEANUP(post_done);
	open_post(&p, state);
	p.at = 3;
	p.meanwhile = expunge_second;
	const char *out = post_talk(&p, SELECT
		"1 FETCH 2 FLAGS\r\n2 STORE 2 +FLAGS (\\Seen)\r\n3 STORE 2 +FLAGS.SILENT "
		"(\\Seen)\r\n"
		"4 STORE 1:2 +FLAGS (\\Seen)\r\n5 COPY 2 Junk\r\n6 COPY 1:2 Junk\r\n7 FETCH 1:2 "
		"UID\r\n"
		"8 FETCH 2 FLAGS (CHANGEDSINCE 1)\r\n9 UID COPY 2 Junk\r\n10 MOVE 2 Junk\r\n");
	assert_has(out, "\r\n1 NO [EXPUNGEISSUED]");
	assert_has(out, "\r\n2 NO [EXPUNGEISSUED]");
	assert_has(out, "\r\n3 OK [EXPUNGEISSUED]");
	assert_has(out, "* 1 FETCH (FLAGS (\\Seen \\Recent))\r\n4 OK [EXPUNGEISSUED]");
	assert_has(out, "\r\n5 NO [EXPUNGEISSUED]");
	assert_has(out, "* 2 EXPUNGE\r\n5 NO");
	assert_has(out, "\r\n6 BAD");
	assert_has(out, "\r\n9 OK COPY");
}

/* What becomes too much only with its sections is sent like a large message, and those behind it in
 * the batch, \Seen already, still say so. */
static void test_fetch_many_sections(void **state)
{
	struct post p CLEANUP(post_done);
	struct buf script CLEANUP(buf_done) = BUF_INIT(4096);
	post_init(&p, *state);
	str text = large_message(80000);
	for (unsigned i = 0; i < 3; i++)
		post_put(&p, "INBOX", 0, text);
	buf_printf(&script, SELECT "1 FETCH 1:* (BODY[]");
	for (unsigned i = 0; i < 30; i++)
		buf_printf(&script, " BODY[TEXT]");
	buf_printf(&script, ")\r\n2 FETCH 1:* (BODY[] ENVELOPE)\r\n");
	const char *out = post_talk_bytes(&p, buf_str(&script), 0);
	assert_int_equal(
		count(out, " FETCH (FLAGS (\\Seen \\Recent) BODY[] {80000}\r\nSubject"), 3);
	assert_int_equal(count(out, " BODY[TEXT] {79956}\r\n"), 90);
	assert_int_equal(count(out, " FETCH (ENVELOPE (NIL \"large\""), 3);
	assert_int_equal(p.announced, 1);
	free((void *)(uintptr_t)text.p);
}

static void test_fetch_large_expunged_elsewhere(void **state)
{
	struct post p CLEANUP(post_done);
	post_init(&p, *state);
	str text = large_message(1500000);
	post_put(&p, "INBOX", 0, STR(MESSAGE_1));
	post_put(&p, "INBOX", 0, text);
	p.at_spool = expunge_second;
	const char *out = post_talk(&p, SELECT "1 UID FETCH 1:2 BODY.PEEK[1]<0.5>\r\n2 NOOP\r\n");
	assert_has(out,
		"* 1 FETCH (UID 1 BODY[1]<0> {5}\r\nfirst)\r\n* 2 EXPUNGE\r\n1 OK [EXPUNGEISSUED]");
	free((void *)(uintptr_t)text.p);
}

/* However a session ends, what it held is freed (which the sanitizer sees). */
static void test_cancelled(void **state)
{
	struct post p CLEANUP(post_done);
	struct buf script CLEANUP(buf_done) = BUF_INIT(1024 * 1024);
	open_post(&p, state);
	str text = large_message(70000);
	buf_printf(&script, SELECT "1 APPEND INBOX (\\Seen) {%zu}\r\n", text.n);
	buf_add(&script, text);
	buf_printf(&script, "\r\n2 FETCH 1:* (ENVELOPE BODY[1])\r\n3 SEARCH TEXT second\r\n"
			    "4 STORE 1 +FLAGS (\\Flagged)\r\n5 MOVE 1 Archive\r\n");
	unsigned waits = 1;
	for (p.cancel_at = 0; p.cancel_at <= waits; p.cancel_at++) {
		const char *out = post_talk_bytes(&p, buf_str(&script), 5000);
		waits = MAX(waits, p.waits);
		assert_true(p.cancel_at > 0 || strstr(out, "5 OK"));
	}
	assert_true(waits > 10);
	free((void *)(uintptr_t)text.p);
}

static void test_condstore(void **state)
{
	struct post p CLEANUP(post_done);
	open_post(&p, state);
	const char *out = post_talk(&p,
		SELECT "1 FETCH 1:* (FLAGS) (CHANGEDSINCE 2)\r\n2 FETCH 1 FLAGS\r\n"
		       "3 STORE 2 (UNCHANGEDSINCE 2) +FLAGS (\\Answered)\r\n"
		       "4 UID STORE 1:2 (UNCHANGEDSINCE 3) +FLAGS.SILENT (\\Answered)\r\n"
		       "5 STORE 1 +FLAGS.SILENT (\\Answered)\r\n6 SEARCH MODSEQ 4\r\n");
	assert_has(out, "s OK");
	assert_has(out, "* 2 FETCH (FLAGS (\\Flagged \\Recent) MODSEQ (3))\r\n1 OK");
	assert_lacks(out, "* 1 FETCH (FLAGS (\\Recent) MODSEQ (2))\r\n1 OK");
	assert_has(out, "* 1 FETCH (FLAGS (\\Recent) MODSEQ (2))\r\n2 OK");
	assert_has(out, "2 OK FETCH completed\r\n3 OK [MODIFIED 2]");
	assert_has(
		out, "* 1 FETCH (UID 1 MODSEQ (4))\r\n* 2 FETCH (UID 2 MODSEQ (4))\r\n4 OK STORE");
	assert_has(out, "* 1 FETCH (MODSEQ (4))\r\n5 OK");
	assert_has(out, "* SEARCH 1 2 (MODSEQ 4)\r\n6 OK");
}

/* ── STORE ────────────────────────────────────────────────────────────────────────────────── */

static void test_store(void **state)
{
	struct post p CLEANUP(post_done);
	open_post(&p, state);
	const char *out = post_talk(&p, SELECT
		"1 STORE 1:2 +FLAGS (\\Seen $Later)\r\n2 UID STORE 2 -FLAGS \\Flagged\r\n"
		"3 STORE 2 FLAGS.SILENT (\\Deleted)\r\n4 NOOP\r\n5 FETCH 1:2 FLAGS\r\n"
		"6 STORE 3 FLAGS ()\r\n7 UID STORE 9 FLAGS ()\r\n8 STORE 1 -FLAGS (none)\r\n");
	assert_has(out, "$Later");
	assert_has(out, "* 1 FETCH (FLAGS (\\Seen \\Recent $Later))\r\n");
	assert_has(out, "* 2 FETCH (FLAGS (\\Flagged \\Seen \\Recent $Later))\r\n1 OK");
	assert_has(out, "* 2 FETCH (UID 2 FLAGS (\\Seen \\Recent $Later))\r\n2 OK");
	assert_has(out, "2 OK STORE completed\r\n3 OK STORE completed\r\n4 OK");
	assert_has(out, "* 2 FETCH (FLAGS (\\Deleted \\Recent))\r\n5 OK");
	assert_has(out, "6 BAD");
	assert_has(out, "7 OK");
	assert_has(out, "* 1 FETCH (FLAGS (\\Seen \\Recent $Later))\r\n8 OK");
	assert_int_equal(p.announced, 3);
}

static void test_store_keyword_limit(void **state)
{
	struct post p CLEANUP(post_done);
	struct buf script CLEANUP(buf_done) = BUF_INIT(65536);
	open_post(&p, state);
	buf_printf(&script, SELECT);
	for (unsigned i = 0; i < 5; i++) {
		buf_printf(&script, "%u STORE 1 +FLAGS.SILENT (", i);
		for (unsigned k = 0; k < 60; k++)
			buf_printf(&script, "%sk%u", k ? " " : "", i * 60 + k);
		buf_printf(&script, ")\r\n");
	}
	const char *out = post_talk_bytes(&p, buf_str(&script), 0);
	assert_has(out, "3 OK STORE");
	assert_has(out, "4 NO [LIMIT]");
}

/* ── COPY and MOVE ────────────────────────────────────────────────────────────────────────── */

static void test_copy(void **state)
{
	struct post p CLEANUP(post_done);
	open_post(&p, state);
	const char *out = post_talk(&p, SELECT
		"1 COPY 1:2 Archive\r\n2 UID COPY 2 Nowhere\r\n3 COPY 1 INBOX\r\n"
		"4 UID COPY 77 Archive\r\n5 SELECT Archive\r\n6 FETCH 1:* (FLAGS BODY.PEEK[])\r\n");
	assert_has(out, "1 OK [COPYUID ");
	assert_has(out, " 1:2 1:2] COPY completed\r\n2 NO [TRYCREATE]");
	assert_has(out, "* 3 EXISTS\r\n* 3 RECENT\r\n3 OK [COPYUID ");
	assert_has(out, "4 OK COPY completed");
	assert_has(out, "* 1 FETCH (FLAGS (\\Recent) BODY[] {152}\r\n" MESSAGE_1 ")");
	assert_has(out, "* 2 FETCH (FLAGS (\\Flagged \\Recent)");
	assert_int_equal(p.announced, 2);
}

static void test_move(void **state)
{
	struct post p CLEANUP(post_done);
	open_post(&p, state);
	post_put(&p, "INBOX", 0, STR(MESSAGE_1));
	const char *out = post_talk(&p,
		SELECT "1 MOVE 1,3 Archive\r\n2 FETCH 1:* UID\r\n3 UID MOVE 2 Nowhere\r\n"
		       "4 UID MOVE 2 INBOX\r\n5 EXAMINE Archive\r\n6 MOVE 1 INBOX\r\n");
	const char *code = strstr(out, "* OK [COPYUID ");
	assert_non_null(code);
	assert_has(code, " 1,3 1:2] Moved\r\n* 1 EXPUNGE\r\n* 2 EXPUNGE\r\n1 OK MOVE completed\r\n"
			 "* 1 FETCH (UID 2)\r\n2 OK");
	assert_has(out, "3 NO [TRYCREATE]");
	assert_has(out, " 2 4] Moved\r\n* 1 EXPUNGE\r\n* 1 EXISTS\r\n");
	assert_has(out, "6 NO [READ-ONLY]");
}

/* ── SEARCH ───────────────────────────────────────────────────────────────────────────────── */

static void test_search(void **state)
{
	static const struct {
		const char *keys, *answer;
	} table[] = {
		{ "ALL", "* SEARCH 1 2 3" },
		{ "2:*", "* SEARCH 2 3" },
		{ "UID 3", "* SEARCH 3" },
		{ "NOT 1", "* SEARCH 2 3" },
		{ "FLAGGED", "* SEARCH 2" },
		{ "UNFLAGGED", "* SEARCH 1 3" },
		{ "OR FLAGGED 1", "* SEARCH 1 2" },
		{ "KEYWORD $Later", "* SEARCH 2" },
		{ "UNKEYWORD $later", "* SEARCH 1 3" },
		{ "KEYWORD none", "* SEARCH" },
		{ "FROM anna", "* SEARCH 1" },
		{ "CHARSET UTF-8 SUBJECT {6+}\r\ngr\xc3\xbc\xc3\x9f", "* SEARCH 1" },
		{ "HEADER MIME-Version \"\"", "* SEARCH 2" },
		{ "BODY second", "* SEARCH 1" },
		{ "BODY anna", "* SEARCH" },
		{ "TEXT anna", "* SEARCH 1" },
		{ "BODY 1'to", "* SEARCH 2" },
		{ "BODY \"zzz\" UNFLAGGED", "* SEARCH 3" },
		{ "LARGER 2000", "* SEARCH 3" },
		{ "SMALLER 152", "* SEARCH" },
		{ "SMALLER 153", "* SEARCH 1" },
		{ "ON 13-Sep-2020", "* SEARCH 1 2 3" },
		{ "BEFORE 13-Sep-2020", "* SEARCH" },
		{ "SINCE 14-Sep-2020", "* SEARCH" },
		{ "SENTON 21-Nov-1997", "* SEARCH 1" }, /* in UTC it was the day after */
		{ "SENTON 22-Nov-1997", "* SEARCH" },
		{ "SENTBEFORE 22-Nov-1997", "* SEARCH 1" },
		{ "SENTSINCE 1-Jan-2000", "* SEARCH 2 3" },
		{ "RETURN (MIN MAX COUNT) ALL", "* ESEARCH (TAG \"x\") MIN 1 MAX 3 COUNT 3" },
		{ "RETURN () 1:2", "* ESEARCH (TAG \"x\") ALL 1:2" },
		{ "RETURN (COUNT) KEYWORD none", "* ESEARCH (TAG \"x\") COUNT 0" },
		{ "RETURN (MIN) MODSEQ 1", "* ESEARCH (TAG \"x\") MIN 1 MODSEQ 2" },
	};
	struct post p CLEANUP(post_done);
	struct buf script CLEANUP(buf_done) = BUF_INIT(65536);
	open_post(&p, state);
	str text = large_message(3000000);
	post_put(&p, "INBOX", 0, text);
	post_talk(&p, SELECT "1 STORE 2 +FLAGS ($Later)\r\n");
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		buf_clear(&script);
		buf_printf(&script, SELECT "x SEARCH %s\r\n", table[i].keys);
		const char *out = post_talk_bytes(&p, buf_str(&script), 0);
		buf_clear(&script);
		buf_printf(&script, "\r\n%s\r\nx OK SEARCH completed\r\n", table[i].answer);
		buf_add_char(&script, '\0');
		if (!strstr(out, script.p))
			fail_msg("%s: not %s but %s", table[i].keys, table[i].answer, out);
	}
	free((void *)(uintptr_t)text.p);
}

static void test_uid_search(void **state)
{
	struct post p CLEANUP(post_done);
	open_post(&p, state);
	const char *out = post_talk(&p,
		SELECT "1 UID MOVE 1 INBOX\r\n2 UID SEARCH ALL\r\n3 SEARCH ALL\r\n"
		       "4 UID SEARCH RETURN (ALL) FROM anna\r\n5 UID SEARCH TEXT {3}\r\none\r\n");
	assert_has(out, "* SEARCH 2 3\r\n2 OK");
	assert_has(out, "* SEARCH 1 2\r\n3 OK");
	assert_has(out, "* ESEARCH (TAG \"4\") UID ALL 3\r\n4 OK");
	assert_has(out, "* SEARCH 2\r\n5 OK");
}

static void test_search_expunged_elsewhere(void **state)
{
	struct post p CLEANUP(post_done);
	open_post(&p, state);
	p.at = 3;
	p.meanwhile = expunge_second;
	const char *out = post_talk(&p, SELECT "1 SEARCH TEXT a\r\n2 NOOP\r\n");
	assert_has(out, "* SEARCH 1\r\n1 OK");
	assert_has(out, "* 2 EXPUNGE\r\n2 OK");
}

/* ── APPEND ───────────────────────────────────────────────────────────────────────────────── */

static void test_append(void **state)
{
	struct post p CLEANUP(post_done);
	post_init(&p, *state);
	const char *script = SELECT
		"1 APPEND INBOX (\\Seen $Mine) \" 1-Feb-1994 21:52:25 -0800\" {152}\r\n" MESSAGE_1
		"\r\n2 FETCH 1 (FLAGS INTERNALDATE ENVELOPE BODY.PEEK[])\r\n"
		"3 APPEND Archive {3+}\r\na\nb\r\n4 APPEND {7}\r\nNowhere {3}\r\n"
		"5 APPEND Nowhere {3+}\r\nabc\r\n6 APPEND INBOX {0}\r\n"
		"7 APPEND INBOX {9999999}\r\n8 NOOP\r\n9 SELECT Archive\r\n10 FETCH 1 "
		"BODY.PEEK[]\r\n";
	for (size_t piece = 0; piece < 3; piece++) {
		const char *out = post_talk_bytes(&p, str_from_z(script), piece);
		assert_has(out, "+ Send the message\r\n");
		assert_has(out, " EXISTS\r\n");
		assert_has(out, "1 OK [APPENDUID ");
		assert_has(out, "* 1 FETCH (FLAGS (\\Seen ");
		assert_has(out,
			"$Mine) INTERNALDATE \" 2-Feb-1994 05:52:25 +0000\" ENVELOPE (\"Fri, 21 "
			"Nov 1997 23:30:00 -0600\"");
		assert_has(out, " BODY[] {152}\r\n" MESSAGE_1 ")\r\n2 OK");
		assert_has(out, "3 OK [APPENDUID ");
		assert_has(out, "4 NO [TRYCREATE]");
		assert_has(out, "5 NO [TRYCREATE]");
		assert_has(out, "6 NO");
		assert_has(out, "7 NO [TOOBIG]");
		assert_has(out, "8 OK");
		assert_has(out, "* 1 FETCH (BODY[] {3}\r\na\nb)\r\n10 OK");
	}
}

static void test_append_large(void **state)
{
	struct post p CLEANUP(post_done);
	struct buf script CLEANUP(buf_done) = BUF_INIT(64 * 1024 * 1024);
	post_init(&p, *state);
	str text = large_message(3000000);
	buf_printf(&script, SELECT "1 APPEND INBOX {%zu}\r\n", text.n);
	buf_add(&script, text);
	buf_printf(&script, "\r\n2 FETCH 1 BODY[]\r\n3 APPEND INBOX {5000000+}\r\n");
	str too_large = large_message(5000000);
	buf_add(&script, too_large);
	buf_printf(&script, "\r\n4 NOOP\r\n");
	const char *out = post_talk_bytes(&p, buf_str(&script), 0);
	assert_has(out, "1 OK [APPENDUID ");
	const char *at = strstr(out, "BODY[] {3000000}\r\n");
	assert_non_null(at);
	assert_memory_equal(strchr(at, '\n') + 1, text.p, text.n);
	assert_has(at + text.n, "3 NO [TOOBIG]");
	assert_has(at + text.n, "4 OK");
	p.spool_error = -ENOSPC;
	buf_clear(&script);
	buf_printf(&script, "1 APPEND INBOX {%zu+}\r\n", text.n);
	buf_add(&script, text);
	buf_printf(&script, "\r\n2 NOOP\r\n");
	out = post_talk_bytes(&p, buf_str(&script), 0);
	assert_has(out, "1 NO [UNAVAILABLE]");
	assert_has(out, "2 OK");
	free((void *)(uintptr_t)text.p);
	free((void *)(uintptr_t)too_large.p);
}

static void test_append_refuses(void **state)
{
	struct post p CLEANUP(post_done);
	post_init(&p, *state);
	const char *out = post_talk_bytes(&p,
		STR("1 APPEND INBOX {3}\r\na\0b\r\n2 APPEND INBOX {3}\r\nabc INBOX\r\n"
		    "3 APPEND INBOX {3}\r\nabc {3}\r\n4 STATUS INBOX (MESSAGES)\r\n"
		    "5 APPEND INBOX {99999999+}\r\nx\r\n6 NOOP\r\n"),
		0);
	assert_has(out, "1 NO [CANNOT]");
	assert_has(out, "2 BAD");
	assert_has(out, "3 BAD");
	assert_has(out, "(MESSAGES 0)");
	assert_has(out, "5 NO [TOOBIG]");
	assert_has(out, "* BYE");
	assert_lacks(out, "6 OK");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		store_test(test_fetch_items),
		store_test(test_fetch_sections),
		store_test(test_fetch_sets_seen),
		store_test(test_fetch_large),
		store_test(test_fetch_many),
		store_test(test_fetch_expunged_elsewhere),
		store_test(test_expunged_elsewhere),
		store_test(test_fetch_many_sections),
		store_test(test_fetch_large_expunged_elsewhere),
		store_test(test_cancelled),
		store_test(test_condstore),
		store_test(test_store),
		store_test(test_store_keyword_limit),
		store_test(test_copy),
		store_test(test_move),
		store_test(test_search),
		store_test(test_uid_search),
		store_test(test_search_expunged_elsewhere),
		store_test(test_append),
		store_test(test_append_large),
		store_test(test_append_refuses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
