/*
 * Conversations: what the client says, and exactly what it is told. Each is then repeated one byte
 * at a time, at every split point, and cancelled at every wait.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "mailbox/session_testing.h"

#define CAPABILITIES                                                                               \
	"CAPABILITY IMAP4rev1 ID LITERAL+ SASL-IR IDLE NAMESPACE UIDPLUS UNSELECT ENABLE "         \
	"CONDSTORE SPECIAL-USE CREATE-SPECIAL-USE CHILDREN MOVE LIST-EXTENDED LIST-STATUS "        \
	"STATUS=SIZE ESEARCH"
#define BEFORE_LOGIN CAPABILITIES " AUTH=PLAIN AUTH=SCRAM-SHA-256"
#define GREETING "* OK [" BEFORE_LOGIN "] mx.here.test Postern is ready\r\n"
#define LOGIN "l LOGIN alice@here.test secret\r\n"
#define LOGGED_IN "l OK [" CAPABILITIES "] Logged in\r\n"
#define WRONG " NO [AUTHENTICATIONFAILED] Wrong user name or password\r\n"
#define SYSTEM_FLAGS "\\Answered \\Flagged \\Deleted \\Seen \\Draft"
#define FLAGS                                                                                      \
	"* FLAGS (" SYSTEM_FLAGS ")\r\n"                                                           \
	"* OK [PERMANENTFLAGS (" SYSTEM_FLAGS " \\*)] Flags that can be stored\r\n"
#define FLAGS_READ_ONLY                                                                            \
	"* FLAGS (" SYSTEM_FLAGS ")\r\n* OK [PERMANENTFLAGS ()] Flags that can be stored\r\n"
#define INBOX(recent)                                                                              \
	"* 3 EXISTS\r\n* " recent " RECENT\r\n* OK [UNSEEN 1] The first unseen message\r\n"        \
	"* OK [UIDVALIDITY 1700000000] UIDs are valid\r\n"                                         \
	"* OK [UIDNEXT 5] The next UID, at least\r\n* OK [HIGHESTMODSEQ 6] The last change\r\n"
#define SELECT "s SELECT INBOX\r\n"
#define SELECTED FLAGS INBOX("3") "s OK [READ-WRITE] Opened\r\n"
#define CLOSED "* OK [CLOSED] The mailbox before is closed\r\n"
#define GONE "* BYE The selected mailbox was deleted\r\n"
#define HAS_NONE "(\\HasNoChildren"
#define DEFAULT_LIST                                                                               \
	"* LIST " HAS_NONE ") \"/\" \"INBOX\"\r\n* LIST " HAS_NONE " \\Archive) \"/\" \"Archive\"" \
	"\r\n* LIST " HAS_NONE " \\Drafts) \"/\" \"Drafts\"\r\n* LIST " HAS_NONE                   \
	" \\Junk) \"/\" \"Junk\"\r\n* LIST " HAS_NONE                                              \
	" \\Sent) \"/\" \"Sent\"\r\n* LIST " HAS_NONE " \\Trash) \"/\" \"Trash\"\r\n"

struct step {
	const char *say, *told;
};

struct conversation {
	const char *name;
	struct step steps[24];
	account_fn *news;
	unsigned news_at;
	void (*prepare)(struct testing_world *w);
};

/* ── News ─────────────────────────────────────────────────────────────────────────────────── */

static int deleted_message_comes(struct account *a, void *arg, struct err *err)
{
	return testing_deliver(a, "INBOX", MESSAGE_DELETED, STR("Subject: new\r\n\r\n"), err);
}

static int box_is_made(struct account *a, void *arg, struct err *err)
{
	struct account_mailbox made;
	return account_mailbox_create(a, STR("Box"), SPECIAL_USE_NONE, TESTING_WALL, &made, err);
}

static int junk_is_deleted(struct account *a, void *arg, struct err *err)
{
	return account_mailbox_delete(a, STR("Junk"), err);
}

/* A name of the same mailbox with another UIDVALIDITY. */
static int junk_is_replaced(struct account *a, void *arg, struct err *err)
{
	struct account_mailbox made;
	int rc = account_mailbox_create(
		a, STR("Junk/below"), SPECIAL_USE_NONE, TESTING_WALL, &made, err);
	if (rc == 0)
		rc = account_mailbox_delete(a, STR("Junk"), err);
	return rc < 0 ? rc
		      : account_mailbox_create(
				a, STR("Junk"), SPECIAL_USE_NONE, TESTING_WALL + 9, &made, err);
}

static void stranger(struct testing_world *w)
{
	assert_true(ip_parse(STR("192.0.2.1"), &w->client));
}

static void no_directory(struct testing_world *w)
{
	w->directory_fails = -ECONNRESET;
}

static void quiet(struct testing_world *w)
{
	w->quiet = true;
}

static void full(struct testing_world *w)
{
	w->admission = MAILBOX_FULL;
}

/* ── The conversations ────────────────────────────────────────────────────────────────────── */

static const struct conversation conversations[] = {
	{ "before the login",
		{ { "a CAPABILITY\r\n", "* " BEFORE_LOGIN "\r\na OK That is what can be done\r\n" },
			{ "b NOOP\r\n", "b OK Done\r\n" },
			{ "c SELECT INBOX\r\n", "c BAD Log in first\r\n" },
			{ "d STARTTLS\r\n", "d NO TLS is not available\r\n" },
			{ "e ID (\"name\" \"x\")\r\n",
				"* ID (\"name\" \"Postern\" \"version\" \"" POSTERN_VERSION
				"\")\r\ne OK Pleased to meet you\r\n" },
			{ "f WHAT\r\n",
				"f BAD expected a command that is known here at byte 3\r\n" },
			{ "\r\n", "* BAD expected a tag at byte 1\r\n" },
			{ "g LOGIN {8193}\r\n", "g NO [TOOBIG] The literal is too large\r\n" },
			{ "h LOGIN {5}\r\nalice {3+}\r\nfoo\r\n", "+ Go on\r\nh" WRONG },
			{ "i APPEND INBOX {5}\r\n", "i BAD Log in first\r\n" },
			{ LOGIN, LOGGED_IN },
			{ "j LOGIN a b\r\n", "j BAD You are logged in already\r\n" },
			{ "k FETCH 1 UID\r\n", "k BAD Select a mailbox first\r\n" },
			{ "m LOGOUT\r\nn NOOP\r\n", "* BYE Goodbye\r\nm OK Logged out\r\n" } } },
	{ "a plain login", { { "a AUTHENTICATE PLAIN\r\n", "+ \r\n" },
				   { "AGFsaWNlQGhlcmUudGVzdABzZWNyZXQ=\r\n",
					   "a OK [" CAPABILITIES "] Logged in\r\n" } } },
	{ "a plain login at once",
		{ { "a AUTHENTICATE PLAIN =\r\n",
			  "a BAD This is not what the mechanism expects\r\n" },
			{ "b AUTHENTICATE PLAIN AGFsaWNlQGhlcmUudGVzdAB3cm9uZw==\r\n", "b" WRONG },
			{ "c AUTHENTICATE PLAIN "
			  "Ym9iQGhlcmUudGVzdABhbGljZUBoZXJlLnRlc3QAc2VjcmV0\r\n",
				"c" WRONG },
			{ "d AUTHENTICATE PLAIN\r\n*\r\n",
				"+ \r\nd BAD Authentication cancelled\r\n" },
			{ "e AUTHENTICATE GSSAPI\r\n",
				"e NO That mechanism is not offered here\r\n" },
			{ "f AUTHENTICATE PLAIN "
			  "YWxpY2VAaGVyZS50ZXN0AGFsaWNlQGhlcmUudGVzdABzZWNyZXQ=\r\n",
				"f OK [" CAPABILITIES "] Logged in\r\n" } } },
	{ "scram that fails",
		{ { "a AUTHENTICATE SCRAM-SHA-256 cD10bHMtZXhwb3J0ZXIsLG49YWxpY2Uscj1hYmM=\r\n",
			  "a BAD Channel binding is not offered\r\n" },
			{ "b AUTHENTICATE SCRAM-SHA-256 biwsbj1hbGljZQ==\r\n",
				"b BAD This is not what the mechanism expects\r\n" },
			{ "c AUTHENTICATE SCRAM-SHA-256 bixhPWJvYixuPWFsaWNlLHI9YWJj\r\n",
				"c" WRONG } } },
	{ "too many wrong passwords",
		{ { "a LOGIN a b\r\n", "a" WRONG }, { "b LOGIN a b\r\n", "b" WRONG },
			{ "c LOGIN a b\r\n", "c" WRONG }, { "d LOGIN a b\r\n", "d" WRONG },
			{ "e LOGIN a b\r\nf NOOP\r\n",
				"e" WRONG "* BYE Too many failed logins\r\n" } } },
	{ "nobody knows",
		{ { LOGIN, "l NO [UNAVAILABLE] Logging in is not possible now, try again "
			   "later\r\n" },
			{ "a AUTHENTICATE SCRAM-SHA-256 biwsbj1hbGljZSxyPWFiYw==\r\n",
				"a NO [UNAVAILABLE] Logging in is not possible now, try again "
				"later\r\n" } },
		.prepare = no_directory },
	{ "select", { { LOGIN, LOGGED_IN }, { SELECT, SELECTED },
			    { "a EXAMINE inbox\r\n",
				    CLOSED FLAGS_READ_ONLY INBOX(
					    "0") "a OK [READ-ONLY] Opened to read\r\n" },
			    { "b EXPUNGE\r\n",
				    "b NO The mailbox was opened to read only (EXAMINE)\r\n" },
			    { "c CLOSE\r\n", "c OK Closed\r\n" },
			    { "d CHECK\r\n", "d BAD Select a mailbox first\r\n" },
			    { SELECT, FLAGS INBOX("0") "s OK [READ-WRITE] Opened\r\n" },
			    { "e SELECT None\r\n",
				    CLOSED "e NO [NONEXISTENT] There is no such mailbox\r\n" },
			    { "f UNSELECT\r\n", "f BAD Select a mailbox first\r\n" },
			    { "g SELECT {5+}\r\nINBOX (CONDSTORE)\r\n",
				    FLAGS INBOX("0") "g OK [READ-WRITE] Opened\r\n" },
			    { "h STORE 1:2 +FLAGS (\\Deleted)\r\n",
				    "* 1 FETCH (FLAGS (\\Deleted) MODSEQ (7))\r\n"
				    "* 2 FETCH (FLAGS (\\Deleted) MODSEQ (7))\r\n"
				    "h OK STORE completed\r\n" },
			    { "i UID EXPUNGE 2:3,9\r\n", "* 2 EXPUNGE\r\ni OK Expunged\r\n" },
			    { "j EXPUNGE\r\n", "* 1 EXPUNGE\r\nj OK Expunged\r\n" },
			    { "k STORE 1 +FLAGS.SILENT (\\Deleted)\r\n",
				    "* 1 FETCH (MODSEQ (10))\r\nk OK STORE completed\r\n" },
			    { "m CLOSE\r\n", "m OK Closed\r\n" },
			    { "n STATUS INBOX (MESSAGES UIDNEXT)\r\n",
				    "* STATUS \"INBOX\" (MESSAGES 0 UIDNEXT 5)\r\n"
				    "n OK That is how it stands\r\n" } } },
	{ "mailboxes",
		{ { LOGIN, LOGGED_IN },
			{ "a LIST \"\" *\r\nb LIST \"\" \"\"\r\n",
				DEFAULT_LIST "a OK Listed\r\n* LIST (\\Noselect) \"/\" \"\"\r\n"
					     "b OK Listed\r\n" },
			{ "c CREATE a/b/\r\n", "c OK Created\r\n" },
			{ "d CREATE A (USE (\\All))\r\n", "d OK Created\r\n" },
			{ "e CREATE B (USE (\\All))\r\n",
				"e NO [USEATTR] Another mailbox has that special use already\r\n" },
			{ "f CREATE a\r\n", "f NO [ALREADYEXISTS] There is a mailbox of that name "
					    "already\r\n" },
			{ "g LIST a (% %/b)\r\n",
				"* LIST (\\HasChildren) \"/\" \"a\"\r\n"
				"* LIST (\\HasNoChildren) \"/\" \"a/b\"\r\ng OK Listed\r\n" },
			{ "h SUBSCRIBE x/y\r\n", "h OK Subscribed\r\n" },
			{ "i LSUB \"\" x%\r\nj LSUB \"\" x*\r\n",
				"* LSUB (\\Noselect) \"/\" \"x\"\r\ni OK Listed\r\n"
				"* LSUB () \"/\" \"x/y\"\r\nj OK Listed\r\n" },
			{ "k LIST (SUBSCRIBED RECURSIVEMATCH) \"\" (x% A%)\r\n",
				"* LIST (\\HasNoChildren \\Subscribed \\Archive) \"/\" "
				"\"Archive\"\r\n"
				"* LIST (\\NonExistent) \"/\" \"x\" (\"CHILDINFO\" "
				"(\"SUBSCRIBED\"))\r\nk OK Listed\r\n" },
			{ "l LIST (SPECIAL-USE) \"\" A* RETURN (STATUS (MESSAGES RECENT))\r\n",
				"* LIST (\\HasNoChildren \\All) \"/\" \"A\"\r\n"
				"* STATUS \"A\" (MESSAGES 0 RECENT 0)\r\n"
				"* LIST (\\HasNoChildren \\Archive) \"/\" \"Archive\"\r\n"
				"* STATUS \"Archive\" (MESSAGES 0 RECENT 0)\r\nl OK Listed\r\n" },
			{ "m UNSUBSCRIBE x/y\r\nn LSUB \"\" x*\r\n",
				"m OK Not subscribed any more\r\nn OK Listed\r\n" },
			{ "m SUBSCRIBE x/y\r\nm SUBSCRIBE x\r\nm LSUB \"\" x*\r\n",
				"m OK Subscribed\r\nm OK Subscribed\r\n"
				"* LSUB () \"/\" \"x\"\r\n* LSUB () \"/\" \"x/y\"\r\n"
				"m OK Listed\r\n" },
			{ "o RENAME a c/d\r\np LIST \"\" c*\r\n",
				"o OK Renamed\r\n* LIST (\\HasChildren) \"/\" \"c\"\r\n"
				"* LIST (\\HasChildren) \"/\" \"c/d\"\r\n"
				"* LIST (\\HasNoChildren) \"/\" \"c/d/b\"\r\np OK Listed\r\n" },
			{ "q DELETE c/d\r\n", "q OK Deleted\r\n" },
			{ "r SELECT c/d\r\n",
				"r NO [CANNOT] This is only a name with mailboxes below it\r\n" },
			{ "s DELETE INBOX\r\n", "s NO [CANNOT] INBOX cannot be deleted\r\n" },
			{ "t STATUS INBOX (RECENT UNSEEN SIZE HIGHESTMODSEQ)\r\n",
				"* STATUS \"INBOX\" (RECENT 3 UNSEEN 2 SIZE 72 HIGHESTMODSEQ 6)\r\n"
				"t OK That is how it stands\r\n" },
			{ "u SELECT Junk\r\n",
				FLAGS "* 0 EXISTS\r\n* 0 RECENT\r\n"
				      "* OK [UIDVALIDITY 1700000003] UIDs are valid\r\n"
				      "* OK [UIDNEXT 1] The next UID, at least\r\n"
				      "* OK [HIGHESTMODSEQ 1] The last change\r\n"
				      "u OK [READ-WRITE] Opened\r\n" },
			{ "v DELETE Junk\r\nw CHECK\r\n",
				"* OK [CLOSED] The selected mailbox was deleted\r\nv OK Deleted\r\n"
				"w BAD Select a mailbox first\r\n" } } },
	{ "others", { { LOGIN, LOGGED_IN },
			    { "a NAMESPACE\r\n", "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n"
						 "a OK All mailboxes are your own\r\n" },
			    { "b ENABLE X CONDSTORE\r\n",
				    "* ENABLED CONDSTORE\r\nb OK Enabled what is known here\r\n" },
			    { "c ENABLE CONDSTORE\r\n",
				    "* ENABLED CONDSTORE\r\nc OK Enabled what is known here\r\n" },
			    { "d IDLE\r\nDONE\r\n", "+ Say DONE\r\nd OK Idled\r\n" },
			    { "e IDLE\r\nSTOP\r\n", "+ Say DONE\r\ne BAD Expected DONE\r\n" },
			    { "f STATUS {1048577+}\r\n",
				    "f BAD [TOOBIG] The literal is too large\r\n"
				    "* BYE What follows a refused literal cannot be told from "
				    "commands\r\n" } } },
	{ "news while idle",
		{ { LOGIN, LOGGED_IN }, { SELECT, SELECTED },
			{ "a IDLE\r\n", "+ Say DONE\r\n* 1 EXPUNGE\r\n* 3 EXISTS\r\n* 3 RECENT\r\n"
					"* FLAGS (" SYSTEM_FLAGS " $Work)\r\n"
					"* OK [PERMANENTFLAGS (" SYSTEM_FLAGS
					" $Work \\*)] Flags that can be stored\r\n"
					"* 1 FETCH (UID 3 FLAGS (\\Flagged \\Recent $Work))\r\n" },
			{ "DONE\r\n", "a OK Idled\r\n" } },
		.news = testing_much_happens, .news_at = 4 },
	{ "what the client does not know of is left alone",
		{ { LOGIN, LOGGED_IN },
			{ "s EXAMINE INBOX\r\n",
				FLAGS_READ_ONLY INBOX("3") "s OK [READ-ONLY] Opened to read\r\n" },
			{ SELECT, CLOSED SELECTED },
			{ "a UID EXPUNGE 1:100\r\nb EXPUNGE\r\n",
				"a OK Expunged\r\nb OK Expunged\r\n" },
			{ "c UID FETCH 9:* UID\r\n",
				"* 4 EXISTS\r\n* 4 RECENT\r\n* 4 FETCH (UID 5)\r\n"
				"c OK FETCH completed\r\n" },
			{ "d EXPUNGE\r\n", "* 4 EXPUNGE\r\nd OK Expunged\r\n" } },
		.news = deleted_message_comes, .news_at = 4, .prepare = quiet },
	{ "expunges have to wait",
		{ { LOGIN, LOGGED_IN }, { SELECT, SELECTED },
			{ "a FETCH 3:2 UID\r\n",
				"* 4 EXISTS\r\n* 4 RECENT\r\n* FLAGS (" SYSTEM_FLAGS " $Work)\r\n"
				"* OK [PERMANENTFLAGS (" SYSTEM_FLAGS
				" $Work \\*)] Flags that can be stored\r\n"
				"* 2 FETCH (UID 3 FLAGS (\\Flagged \\Recent $Work))\r\n"
				"* 2 FETCH (UID 3)\r\n* 3 FETCH (UID 4)\r\na OK FETCH "
				"completed\r\n" },
			{ "b SEARCH ALL\r\n", "* SEARCH 2 3 4\r\nb OK SEARCH completed\r\n" },
			{ "c UID FETCH 5 UID\r\n",
				"* 4 FETCH (UID 5)\r\n* 1 EXPUNGE\r\nc OK FETCH completed\r\n" },
			{ "d FETCH 4 UID\r\n", "d BAD There are fewer messages\r\n" } },
		.news = testing_much_happens, .news_at = 3 },
	{ "a silent STORE is no cover for what others did",
		{ { LOGIN, LOGGED_IN }, { SELECT, SELECTED },
			{ "a STORE 2 +FLAGS.SILENT (\\Seen)\r\n",
				"* FLAGS (" SYSTEM_FLAGS " $Work)\r\n"
				"* OK [PERMANENTFLAGS (" SYSTEM_FLAGS
				" $Work \\*)] Flags that can be stored\r\n"
				"* 2 FETCH (FLAGS (\\Flagged \\Seen \\Recent $Work))\r\n"
				"a OK STORE completed\r\n" },
			{ "b STORE 2 +FLAGS.SILENT (\\Answered)\r\n", "b OK STORE completed\r\n" },
			{ "c NOOP\r\n",
				"* 1 EXPUNGE\r\n* 3 EXISTS\r\n* 3 RECENT\r\nc OK Done\r\n" },
			{ "d STORE 1 -FLAGS.SILENT (\\Seen)\r\ne NOOP\r\n",
				"d OK STORE completed\r\ne OK Done\r\n" } },
		.news = testing_much_happens, .news_at = 3, .prepare = quiet },
	{ "modseqs are wanted in the selected mailbox",
		{ { LOGIN, LOGGED_IN }, { SELECT, SELECTED },
			{ "a SEARCH MODSEQ 5\r\n", "* OK [HIGHESTMODSEQ 6] The last change\r\n"
						   "* SEARCH 3 (MODSEQ 5)\r\n"
						   "a OK SEARCH completed\r\n" },
			{ "b ENABLE CONDSTORE\r\n",
				"* ENABLED CONDSTORE\r\nb OK Enabled what is known here\r\n" } } },
	{ "a SELECT that fails leaves none selected",
		{ { LOGIN, LOGGED_IN }, { SELECT, SELECTED },
			{ "a SELECT \"\"\r\nb CHECK\r\n",
				CLOSED "a NO [CANNOT] mailbox name is empty\r\n"
				       "b BAD Select a mailbox first\r\n" },
			{ SELECT, FLAGS INBOX("0") "s OK [READ-WRITE] Opened\r\n" },
			{ "c EXAMINE INBOX (X)\r\nd CHECK\r\n",
				CLOSED "c BAD expected CONDSTORE at byte 18\r\n"
				       "d BAD Select a mailbox first\r\n" },
			{ SELECT, FLAGS INBOX("0") "s OK [READ-WRITE] Opened\r\n" },
			{ "e STATUS \"\" (MESSAGES)\r\nf CHECK\r\n",
				"e NO [CANNOT] mailbox name is empty\r\nf OK Done\r\n" } } },
	{ "a refused message that comes nevertheless",
		{ { LOGIN, LOGGED_IN },
			{ "a APPEND INBOX (\\Foo) {9+}\r\nb LOGOUT\n\r\n",
				"a BAD expected \\Seen, \\Answered, \\Flagged, \\Deleted, \\Draft "
				"or "
				"a keyword at byte 17\r\n" },
			{ "c APPEND &x {9+}\r\nd LOGOUT\n {2+}\r\n",
				"c NO [CANNOT] mailbox name is not valid modified UTF-7\r\n"
				"* BYE What follows a refused literal cannot be told from "
				"commands\r\n" } } },
	{ "a refused message that is far too large",
		{ { LOGIN, LOGGED_IN },
			{ "a APPEND &x {262144+}\r\n",
				"a NO [CANNOT] mailbox name is not valid modified UTF-7\r\n"
				"* BYE The message is far too large\r\n" } } },
	{ "deleted while selected",
		{ { LOGIN, LOGGED_IN },
			{ "s EXAMINE Junk\r\n",
				FLAGS_READ_ONLY "* 0 EXISTS\r\n* 0 RECENT\r\n"
						"* OK [UIDVALIDITY 1700000003] UIDs are valid\r\n"
						"* OK [UIDNEXT 1] The next UID, at least\r\n"
						"* OK [HIGHESTMODSEQ 1] The last change\r\n"
						"s OK [READ-ONLY] Opened to read\r\n" },
			{ "a NOOP\r\nb NOOP\r\n", "a OK Done\r\n" GONE } },
		.news = junk_is_deleted, .news_at = 3 },
	{ "replaced while selected",
		{ { LOGIN, LOGGED_IN },
			{ "s EXAMINE Junk\r\n",
				FLAGS_READ_ONLY "* 0 EXISTS\r\n* 0 RECENT\r\n"
						"* OK [UIDVALIDITY 1700000003] UIDs are valid\r\n"
						"* OK [UIDNEXT 1] The next UID, at least\r\n"
						"* OK [HIGHESTMODSEQ 1] The last change\r\n"
						"s OK [READ-ONLY] Opened to read\r\n" },
			{ "a IDLE\r\n", "+ Say DONE\r\na NO There is nothing to wait for any "
					"more\r\n" GONE } },
		.news = junk_is_replaced, .news_at = 4 },
	{ "news without a mailbox",
		{ { LOGIN, LOGGED_IN }, { "a IDLE\r\n", "+ Say DONE\r\n" },
			{ "DONE\r\n", "a OK Idled\r\n" },
			{ "b LIST \"\" Box\r\n",
				"* LIST (\\HasNoChildren) \"/\" \"Box\"\r\nb OK Listed\r\n" } },
		.news = box_is_made, .news_at = 3 },
};

static void prepare(struct testing_world *w, const struct conversation *c)
{
	w->news = c->news;
	w->news_at = c->news_at;
	if (c->prepare)
		c->prepare(w);
}

static void concatenate(const struct conversation *c, struct buf *input, struct buf *expected)
{
	buf_add(expected, STR(GREETING));
	for (size_t i = 0; i < ARRAY_LEN(c->steps) && c->steps[i].say; i++) {
		buf_add(input, str_from_z(c->steps[i].say));
		buf_add(expected, str_from_z(c->steps[i].told));
	}
}

/* Runs it with these pieces and compares. */
static unsigned converse(struct testing_world *w, const struct conversation *c, str input,
	size_t piece, str expected)
{
	struct testing_run r = { .input = input, .piece = piece };
	testing_session(w, &r);
	if (!str_equal(buf_str(&r.output), expected)) {
		/* cmocka cuts long messages. */
		fprintf(stderr, "%.*s\ninstead of:\n%.*s\n", STR_ARG(buf_str(&r.output)),
			STR_ARG(expected));
		fail_msg("%s, in pieces of %zu", c->name, piece);
	}
	buf_done(&r.output);
	return r.waits;
}

/* Whatever was said before, a cancelled session says goodbye and ends. */
static void cancel_everywhere(
	struct testing_world *w, const struct conversation *c, str input, unsigned waits)
{
	for (unsigned i = 1; i <= waits; i++) {
		struct testing_run r = { .input = input, .piece = 16, .cancel_at = i };
		testing_session(w, &r);
		str out = buf_str(&r.output);
		bool ended = str_find(out, STR("* BYE ")) >= 0;
		if (!ended && i < waits)
			fail_msg("%s, cancelled at wait %u:\n%.*s", c->name, i, STR_ARG(out));
		buf_done(&r.output);
	}
}

static void test_conversations(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(conversations); i++) {
		const struct conversation *c = &conversations[i];
		struct testing_world w;
		struct buf input = BUF_INIT(65536), expected = BUF_INIT(65536);
		testing_init(&w);
		prepare(&w, c);
		concatenate(c, &input, &expected);
		converse(&w, c, buf_str(&input), 0, buf_str(&expected));
		for (size_t piece = 1; piece < input.n; piece++)
			converse(&w, c, buf_str(&input), piece, buf_str(&expected));
		unsigned waits = converse(&w, c, buf_str(&input), 16, buf_str(&expected));
		cancel_everywhere(&w, c, buf_str(&input), waits);
		buf_done(&input);
		buf_done(&expected);
		testing_done(&w);
	}
}

/* ── Limits and ends ──────────────────────────────────────────────────────────────────────── */

static void run(struct testing_world *w, struct testing_run *r, const char *input)
{
	r->input = str_from_z(input);
	testing_session(w, r);
	buf_add_char(&r->output, '\0');
}

static void test_refusals(void **state)
{
	static const struct {
		void (*prepare)(struct testing_world *w);
		const char *input, *output;
	} table[] = {
		{ stranger, LOGIN "b AUTHENTICATE PLAIN\r\n",
			"* OK [" CAPABILITIES " LOGINDISABLED] mx.here.test Postern is ready\r\n"
			"l NO [PRIVACYREQUIRED] Log in over TLS only: use STARTTLS, or the port "
			"for IMAP over TLS\r\n"
			"b NO [PRIVACYREQUIRED] Log in over TLS only: use STARTTLS, or the port "
			"for IMAP over TLS\r\n" },
		{ full, "a NOOP\r\n", "* BYE [LIMIT] Too many connections, try later\r\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct testing_world w;
		struct testing_run r = { .piece = 0 };
		testing_init(&w);
		table[i].prepare(&w);
		run(&w, &r, table[i].input);
		assert_string_equal(r.output.p, table[i].output);
		buf_done(&r.output);
		testing_done(&w);
	}
}

static void test_timeouts(void **state)
{
	static const struct {
		const char *input, *end;
		int64_t seconds;
	} table[] = {
		{ "", "* BYE No login for too long\r\n", 60 },
		{ "a LOGIN {3}\r\n", "* BYE No login for too long\r\n", 60 },
		{ "a LOGIN a b\r\n", "* BYE No login for too long\r\n", 60 },
		{ "a AUTHENTICATE PLAIN\r\n", "* BYE No login for too long\r\n", 60 },
		{ LOGIN, "* BYE No command for too long\r\n", 1800 },
		{ LOGIN SELECT "a SELECT {3}\r\nab", "* BYE No command for too long\r\n", 1800 },
		{ LOGIN SELECT "a IDLE\r\n",
			"* OK Still here\r\n* OK Still here\r\n* BYE No command for too long\r\n",
			1800 },
		{ LOGIN SELECT "a IDLE\r\nDON", "* BYE No command for too long\r\n", 1800 },
	};
	struct testing_world w;
	testing_init(&w);
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct testing_run r = { .silent = true };
		run(&w, &r, table[i].input);
		str out = str_from(r.output.p, r.output.n - 1);
		if (!str_ends(out, str_from_z(table[i].end)))
			fail_msg("%s:\n%s", table[i].input, r.output.p);
		assert_in_range(r.took / NSEC_PER_SEC, table[i].seconds, table[i].seconds + 5);
		buf_done(&r.output);
	}
	testing_done(&w);
}

static void test_shutdown(void **state)
{
	static const char *const inputs[] = { "", LOGIN, LOGIN SELECT, LOGIN SELECT "a IDLE\r\n" };
	struct testing_world w;
	testing_init(&w);
	for (size_t i = 0; i < ARRAY_LEN(inputs); i++) {
		struct testing_run r = { .silent = true };
		w.shut_down_at = (unsigned)i + 1;
		run(&w, &r, inputs[i]);
		str out = str_from(r.output.p, r.output.n - 1);
		assert_true(str_ends(
			out, STR("* BYE The server is shutting down, come back later\r\n")));
		buf_done(&r.output);
	}
	testing_done(&w);
}

/* n times c, with these around it. */
static void long_input(struct buf *b, const char *before, char c, size_t n, const char *after)
{
	buf_add(b, str_from_z(before));
	memset(buf_reserve(b, n), c, n);
	b->n += n;
	buf_add(b, str_from_z(after));
	buf_add_char(b, '\0');
}

/* Two bytes a second. */
static void test_a_message_that_trickles(void **state)
{
	static const char slow[] = "* BYE The message comes too slowly\r\n";
	static const struct {
		const char *command, *end;
		int64_t rate;
	} table[] = {
		{ LOGIN "a APPEND INBOX {20000+}\r\n", slow, 3 },
		{ LOGIN "a APPEND INBOX {20000+}\r\n", "] APPEND completed\r\n", 2 },
		{ LOGIN "a APPEND INBOX {20000+}\r\n", "] APPEND completed\r\n", 0 },
		{ LOGIN "a APPEND &x {20000+}\r\n", slow, 3 },
	};
	struct testing_world w;
	testing_init(&w);
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct testing_run r = { .piece = 100, .pause = SECONDS(50) };
		struct buf input CLEANUP(buf_done) = BUF_INIT(64 * 1024);
		w.config.smtp.min_data_rate = table[i].rate;
		long_input(&input, table[i].command, 'x', 20000, "\r\n");
		run(&w, &r, input.p);
		str out = str_from(r.output.p, r.output.n - 1);
		if (!str_ends(out, str_from_z(table[i].end)))
			fail_msg("row %zu:\n%s", i, r.output.p);
		assert_true(table[i].end == slow || r.took > SECONDS(20000 / 2));
		buf_done(&r.output);
	}
	testing_done(&w);
}

static void test_long_lines(void **state)
{
	static const struct {
		const char *before;
		size_t n;
		const char *after, *end;
	} table[] = {
		{ "a SEARCH ", 65536, "\r\nb NOOP\r\n",
			"a BAD [TOOBIG] The line is too long\r\nb OK Done\r\n" },
		{ "a LOGIN {1}\r\nx", 70000, "\r\nb NOOP\r\n",
			"a BAD [TOOBIG] The line is too long\r\nb OK Done\r\n" },
		{ "a SEARCH ", 70000, " {12+}\r\nb LOGOUT\r\nb NOOP\r\n",
			"a BAD [TOOBIG] The line is too long\r\n* BYE What follows a refused "
			"literal cannot be told from commands\r\n" },
		{ "", 70000, "\r\nb NOOP\r\n",
			"* BAD [TOOBIG] The line is too long\r\nb OK Done\r\n" },
		{ "a SEARCH ", 1200000, "\r\nb NOOP\r\n", "* BYE A line without end\r\n" },
	};
	struct testing_world w;
	testing_init(&w);
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		for (size_t piece = 0; piece < 3; piece++) {
			struct buf input = BUF_INIT(SIZE_MAX);
			struct testing_run r = { .piece = piece * 32767 };
			long_input(&input, table[i].before, 'x', table[i].n, table[i].after);
			run(&w, &r, input.p);
			str out = str_from(r.output.p, r.output.n - 1);
			if (!str_ends(out, str_from_z(table[i].end)))
				fail_msg("%zu: %s", i, r.output.p);
			buf_done(&input);
			buf_done(&r.output);
		}
	}
	testing_done(&w);
}

static void test_many_literals(void **state)
{
	struct testing_world w;
	struct testing_run r = { .piece = 0 };
	struct buf input = BUF_INIT(SIZE_MAX);
	testing_init(&w);
	buf_add(&input, STR(LOGIN "a SEARCH"));
	for (int i = 0; i < 200000; i++)
		buf_add(&input, STR(" SUBJECT {0+}\r\n"));
	buf_add(&input, STR("\r\n"));
	buf_add_char(&input, '\0');
	run(&w, &r, input.p);
	assert_non_null(strstr(r.output.p, "a BAD [TOOBIG] The command is too long\r\n* BYE "));
	buf_done(&input);
	buf_done(&r.output);
	testing_done(&w);
}

static void test_literals_together(void **state)
{
	struct testing_world w;
	struct testing_run r = { .piece = 0 };
	struct buf input = BUF_INIT(SIZE_MAX);
	testing_init(&w);
	long_input(&input, "a LOGIN {8000+}\r\n", 'x', 8000, " {193}\r\nb NOOP\r\n");
	run(&w, &r, input.p);
	assert_non_null(strstr(r.output.p, "a NO [TOOBIG] The literal is too large\r\nb OK Done"));
	buf_done(&input);
	buf_done(&r.output);
	testing_done(&w);
}

static void test_wrong_passwords_take_time(void **state)
{
	struct testing_world w;
	struct testing_run r = { .piece = 0 };
	testing_init(&w);
	run(&w, &r, "a LOGIN a b\r\na LOGIN a b\r\na LOGIN a b\r\n");
	assert_int_equal(r.took, SECONDS(6));
	buf_done(&r.output);
	testing_done(&w);
}

static void test_errors_in_a_row(void **state)
{
	struct testing_world w;
	struct testing_run r = { .piece = 0 };
	struct buf input = BUF_INIT(65536);
	testing_init(&w);
	for (int i = 1; i <= 40; i++)
		buf_add(&input, i % 20 ? STR("a FOO\r\n") : STR("a NOOP\r\n"));
	buf_add(&input, STR("b LOGOUT\r\n"));
	buf_add_char(&input, '\0');
	run(&w, &r, input.p);
	assert_non_null(strstr(r.output.p, "b OK Logged out\r\n"));
	buf_done(&input);
	buf_done(&r.output);
	testing_done(&w);
}

static void test_too_many_errors(void **state)
{
	struct testing_world w;
	struct testing_run r = { .piece = 0 };
	struct buf input = BUF_INIT(65536);
	testing_init(&w);
	for (int i = 0; i < 25; i++)
		buf_add(&input, STR("GET / HTTP/1.1\r\n"));
	buf_add_char(&input, '\0');
	run(&w, &r, input.p);
	unsigned bad = 0;
	for (const char *p = r.output.p; (p = strstr(p, " BAD ")); p++)
		bad++;
	assert_int_equal(bad, 20);
	assert_non_null(strstr(r.output.p, "* BYE Too many errors\r\n"));
	buf_done(&input);
	buf_done(&r.output);
	testing_done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conversations),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_timeouts),
		cmocka_unit_test(test_a_message_that_trickles),
		cmocka_unit_test(test_shutdown),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_many_literals),
		cmocka_unit_test(test_literals_together),
		cmocka_unit_test(test_wrong_passwords_take_time),
		cmocka_unit_test(test_errors_in_a_row),
		cmocka_unit_test(test_too_many_errors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
