/*
 * The verbs as they are typed, in one directory that is made anew for each test: exit status and
 * what is printed.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/str.h"
#include "directory/login.h"
#include "main/main.h"
#include "store/directory_store.h"
#include "store/records.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
	char dir[64], config[96], data[96];
	char out[65536]; /* what the last verb printed, to both */
	int saved[3];
};

enum { WORDS_MAX = 16 };

static void redirect(struct fixture *f, const char *input)
{
	fflush(stdout);
	fflush(stderr);
	FILE *in = tmpfile(), *out = tmpfile();
	assert_true(in && out);
	fputs(input, in);
	rewind(in);
	for (int fd = 0; fd < 3; fd++) {
		f->saved[fd] = dup(fd);
		dup2(fileno(fd ? out : in), fd);
	}
	fclose(in);
	fclose(out);
}

static void restore(struct fixture *f)
{
	fflush(stdout);
	fflush(stderr);
	ssize_t n = pread(STDOUT_FILENO, f->out, sizeof f->out - 1, 0);
	f->out[n > 0 ? n : 0] = '\0';
	for (int fd = 0; fd < 3; fd++) {
		dup2(f->saved[fd], fd);
		close(f->saved[fd]);
	}
}

/* Runs "VERB WORD …" with these words and this standard input. */
static int run(
	struct fixture *f, int (*verb)(int, char **), const char *input, const char *const *words)
{
	static const struct {
		int (*run)(int, char **);
		const char *name;
	} names[] = { { main_init, "init" }, { main_check, "check" }, { main_domain, "domain" },
		{ main_account, "account" }, { main_alias, "alias" }, { main_verify, "verify" },
		{ main_why, "why" }, { main_block, "block" }, { main_allow, "allow" } };
	char copies[WORDS_MAX][128], *argv[WORDS_MAX + 1];
	int argc = 1;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (names[i].run == verb)
			strcpy(copies[0], names[i].name);
	for (; words[argc - 1]; argc++) {
		assert_true(argc < WORDS_MAX);
		assert_true(
			str_copy_z(str_from_z(words[argc - 1]), copies[argc], sizeof copies[0]));
	}
	for (int i = 0; i < argc; i++)
		argv[i] = copies[i];
	argv[argc] = NULL;
	redirect(f, input);
	int status = verb(argc, argv);
	restore(f);
	return status;
}

#define RUN(f, verb, input, ...)                                                                   \
	run((f), main_##verb, (input), (const char *const[]){ __VA_ARGS__, NULL })

static void expect_(struct fixture *f, int status, int expected, const char *said, int line)
{
	if (status != expected || !strstr(f->out, said))
		fail_msg("line %d: exit %d, expected %d and \"%s\"; printed: %s", line, status,
			expected, said, f->out);
}
#define EXPECT(f, expected, said, verb, ...)                                                       \
	expect_((f), RUN((f), verb, "", "-c", (f)->config, __VA_ARGS__), (expected), (said),       \
		__LINE__)

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof *f);
	*state = f;
	strcpy(f->dir, "/tmp/postern-verbs-XXXXXX");
	if (!mkdtemp(f->dir) || chmod(f->dir, 0755) < 0)
		return -1;
	snprintf(f->config, sizeof f->config, "%s/postern.conf", f->dir);
	snprintf(f->data, sizeof f->data, "%s/data", f->dir);
	return 0;
}

static int setup_made(void **state)
{
	setup(state);
	struct fixture *f = *state;
	int status = RUN(f, init, "correct horse\n", "--dir", f->dir, "--domain", "Example.ORG",
		"--account", "alice", "--password-stdin", "--local");
	if (status)
		fprintf(stderr, "%s\n", f->out);
	return status;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	return remove(path);
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	nftw(f->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(f);
	return 0;
}

static bool password_fits(struct fixture *f, const char *address, const char *password)
{
	struct directory_store *store;
	struct login_secret secret;
	struct login login;
	struct err err;
	struct arena arena = ARENA_INIT(65536);
	assert_int_equal(directory_store_open(f->data, false, &store, &err), 0);
	assert_int_equal(login_secret_load(f->data, &secret, &err), 0);
	assert_int_equal(login_find(store, &secret, str_from_z(address), &arena, &login, &err), 0);
	bool fits = login_check_password(&login, str_from_z(password));
	directory_store_close(store);
	arena_done(&arena);
	return fits;
}

static void test_init(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	char key[128];
	assert_true(password_fits(f, "alice@example.org", "correct horse"));
	assert_null(strstr(f->out, "correct horse"));
	snprintf(key, sizeof key, "%s/tls/key.pem", f->data);
	assert_int_equal(stat(key, &st), 0);
	assert_int_equal(st.st_mode & 077, 0);
	EXPECT(f, 0, "postmaster@example.org            alice@example.org", alias, "list");
	EXPECT(f, 0, "good", check, "--");
	EXPECT(f, 0, "all whole", verify, "--");
	/* Nothing is overwritten. */
	int status = RUN(f, init, "", "--dir", f->dir, "--domain", "example.org");
	expect_(f, status, 2, "postern.conf is there already", __LINE__);
	unlink(f->config);
	status = RUN(f, init, "", "--dir", f->dir, "--domain", "example.org");
	expect_(f, status, 2, "data is there already", __LINE__);
	assert_true(password_fits(f, "alice@example.org", "correct horse"));
}

static void test_init_generates(void **state)
{
	struct fixture *f = *state;
	int status = RUN(f, init, "", "--dir", f->dir, "--domain", "example.org");
	expect_(f, status, 0, "account: postmaster@example.org", __LINE__);
	const char *password = strstr(f->out, "(shown only this once): ");
	assert_non_null(password);
	char copy[64];
	assert_true(str_copy_z(str_first(str_from_z(password + 24), 23), copy, sizeof copy));
	assert_true(password_fits(f, "postmaster@example.org", copy));
	/* As it comes: ports below 1024, which may or may not be there for us. */
	EXPECT(f, 0, "good", check, "--");
}

static void test_init_refuses(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *option, *value, *said;
	} rows[] = {
		{ "--domain", "no domain", "is not a domain" },
		{ "--account", "alice@elsewhere.example", "is not in the domain" },
		{ "--account", "a@b@example.org", "is not an address" },
		{ "--hostname", "-x", "is not the name of a host" },
		{ "--smtp", "localhost:25", "not a listen address" },
		{ "--imap", "127.0.0.1:25,127.0.0.1:25", "cannot both be served" },
		{ "--nonsense", "x", "no such option" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int status = RUN(f, init, "password\n", "--dir", f->dir, "--domain", "example.org",
			"--password-stdin", rows[i].option, rows[i].value);
		expect_(f, status, 2, rows[i].said, __LINE__);
		assert_int_not_equal(access(f->data, F_OK), 0);
	}
	int status = RUN(f, init, "\n", "--dir", f->dir, "--domain", "a.b", "--password-stdin");
	expect_(f, status, 2, "password is empty", __LINE__);
	status = RUN(f, init, "", "--dir", f->dir);
	expect_(f, status, 2, "needs --dir DIR and --domain", __LINE__);
}

static void test_accounts(void **state)
{
	struct fixture *f = *state;
	int status = RUN(f, account, "secret word\nrest", "add", "-c", f->config, "Bob@Example.org",
		"--password-stdin");
	expect_(f, status, 0, "Bob@example.org added", __LINE__);
	assert_true(password_fits(f, "bob@example.org", "secret word"));
	EXPECT(f, 2, "is there already", account, "add", "bob@example.org");
	EXPECT(f, 2, "is there already", account, "add", "postmaster@example.org");
	EXPECT(f, 2, "is not a domain of this server", account, "add", "bob@elsewhere.example");
	EXPECT(f, 2, "is not an address", account, "add", "bob");
	EXPECT(f, 2, "account add: too few words; usage: postern account add ADDRESS\n", account,
		"add");
	EXPECT(f, 2, "usage: postern account disable|enable ADDRESS\n", account, "enable");
	EXPECT(f, 2, "write one of add, list", account, "ad", "x");
	EXPECT(f, 2, "account: write one of add, list", account, "--json");
	EXPECT(f, 0, "\"address\":\"Bob@example.org\",\"id\":2,", account, "list", "--json");
	EXPECT(f, 0, "may not log in", account, "disable", "bob@example.org");
	assert_false(password_fits(f, "bob@example.org", "secret word"));
	EXPECT(f, 0, "disabled", account, "list", "example.org");
	EXPECT(f, 0, "may log in", account, "enable", "bob@example.org");
	status = RUN(f, account, "other\r\n", "-c", f->config, "passwd", "bob@example.org",
		"--password-stdin");
	expect_(f, status, 0, "has a new password", __LINE__);
	assert_false(password_fits(f, "bob@example.org", "secret word"));
	assert_true(password_fits(f, "bob@example.org", "other"));
	EXPECT(f, 0, "has a new password", account, "passwd", "bob@example.org", "--generate");
	assert_false(password_fits(f, "bob@example.org", "other"));
	status = RUN(f, account, "bad\x01\n", "-c", f->config, "passwd", "bob@example.org",
		"--password-stdin");
	expect_(f, status, 2, "control character", __LINE__);
	EXPECT(f, 0, "removed", account, "remove", "bob@example.org", "--delete-mail");
	EXPECT(f, 2, "there is no account", account, "remove", "bob@example.org");
	EXPECT(f, 2, "there is no account", account, "passwd", "bob@example.org");
}

static void test_domains_and_aliases(void **state)
{
	struct fixture *f = *state;
	EXPECT(f, 0, "xn--bcher-kva.example added", domain, "add",
		"B\xc3\xbc"
		"cher.example");
	EXPECT(f, 2, "is there already", domain, "add", "xn--bcher-kva.example");
	EXPECT(f, 2, "is not a domain", domain, "add", "[127.0.0.1]");
	EXPECT(f, 2, "there is no domain", domain, "remove", "nowhere.example");
	EXPECT(f, 2, "still has accounts", domain, "remove", "example.org");
	EXPECT(f, 0, "team@xn--bcher-kva.example added", alias, "add", "team@xn--bcher-kva.example",
		"alice@example.org", "postmaster@example.org");
	EXPECT(f, 2, "has this target already", alias, "add", "team@xn--bcher-kva.example",
		"alice@example.org");
	EXPECT(f, 2, "is an account", alias, "add", "alice@example.org", "postmaster@example.org");
	EXPECT(f, 2, "is not a domain of this server", alias, "add", "x@example.org",
		"x@elsewhere.example");
	EXPECT(f, 0, "@example.org added", alias, "add", "@example.org", "alice@example.org");
	EXPECT(f, 0, "{\"address\":\"@example.org\",\"target\":\"alice@example.org\"}]", alias,
		"list", "--json");
	EXPECT(f, 0, "catch-all: alice@example.org", domain, "list");
	EXPECT(f, 0, "removed", alias, "remove", "@example.org");
	EXPECT(f, 0, "has no catch-all", domain, "catch-all", "example.org");
	EXPECT(f, 0, "to alice@example.org removed", alias, "remove", "team@xn--bcher-kva.example",
		"alice@example.org");
	EXPECT(f, 0, "removed", alias, "remove", "team@xn--bcher-kva.example");
	EXPECT(f, 2, "no such alias", alias, "remove", "team@xn--bcher-kva.example");
	EXPECT(f, 0, "removed", domain, "remove", "xn--bcher-kva.example");
}

static void test_block_and_allow(void **state)
{
	struct fixture *f = *state;
	EXPECT(f, 0, "192.0.2.0/24 blocked for all", block, "add", "192.0.2.0/24", "--expires",
		"7d", "--comment", "a \"bad\" net");
	EXPECT(f, 0, "was there already, and is changed", block, "add", "192.0.2.0/24", "--comment",
		"a worse net");
	EXPECT(f, 0, "# a worse net", block, "list");
	EXPECT(f, 2, "did you mean \"192.0.2.0/24\"", block, "add", "192.0.2.1/24");
	EXPECT(f, 2, "0.0.0.0/0 is a large part of the Internet; if that is meant, add --force",
		block, "add", "0.0.0.0/0");
	EXPECT(f, 2, "top-level domain", block, "add", "org");
	EXPECT(f, 0, "org blocked for all", block, "add", "org", "--force");
	EXPECT(f, 2, "is not an IP address", block, "add", "what is this");
	EXPECT(f, 2, "is missing", block, "add");
	EXPECT(f, 2, "no account nobody@example.org", block, "add", "a@away.test", "--for",
		"nobody@example.org");
	EXPECT(f, 2, "is not a domain of this server", block, "add", "a@away.test", "--for",
		"away.test");
	EXPECT(f, 2, "--expires takes a time", block, "add", "a@away.test", "--expires", "soon");
	EXPECT(f, 2, "--expires takes a time", block, "add", "a@away.test", "--expires", "0d");
	EXPECT(f, 0, "a@away.test blocked for alice@example.org", block, "add", "A@Away.test",
		"--for", "Alice@Example.org");
	EXPECT(f, 0, "away.test allowed for example.org", allow, "add", "Away.TEST", "--for",
		"example.org");
	EXPECT(f, 0,
		"\"subject\":\"a@away.test\",\"kind\":\"address\",\"for\":\"alice@"
		"example.org\",\"comment\":\"\"",
		block, "list", "--json");
	EXPECT(f, 0, "\"expires\":null}]", allow, "list", "--for", "example.org", "--json");
	EXPECT(f, 0, "[]", allow, "list", "--for", "alice@example.org", "--json");
	EXPECT(f, 2, "is not in the list, for all; see: postern block list", block, "remove",
		"a@away.test");
	EXPECT(f, 0, "a@away.test removed for alice@example.org", block, "remove", "a@away.test",
		"--for", "alice@example.org");
	EXPECT(f, 0, "org removed", block, "remove", "org");
}

static void test_lists_from_files(void **state)
{
	struct fixture *f = *state;
	const char *good = "# a list\n\n192.0.2.0/24\n  away.test # spam\033[2J\n2001:db8::/32\r\n";
	const char *bad = "192.0.2.1\n192.0.2.1/8\nwhat is this\n";
	const char *const from_stdin[] = { "-c", f->config, "add", "--file", "-", NULL };
	const char *const again[] = { "-c", f->config, "add", "--file", "-", "--comment", "x",
		"--expires", "1h", NULL };
	const char *const back[] = { "-c", f->config, "remove", "--file", "-", NULL };
	assert_int_equal(run(f, main_block, bad, from_stdin), 2);
	assert_non_null(strstr(f->out, "line 2: "));
	assert_non_null(strstr(f->out, "line 3: "));
	EXPECT(f, 0, "[]", block, "list", "--json");
	assert_int_equal(run(f, main_block, good, from_stdin), 0);
	assert_non_null(strstr(f->out, "3 added, 0 were there already, for all"));
	assert_int_equal(run(f, main_block, good, again), 0);
	assert_non_null(strstr(f->out, "0 added, 3 were there already"));
	EXPECT(f, 0, "# spam?[2J", block, "list");
	assert_non_null(strstr(f->out, "  # x"));
	assert_int_equal(run(f, main_block, bad, back), 2);
	assert_int_equal(run(f, main_block, "192.0.2.0/24\n192.0.2.1\n", back), 2);
	assert_int_equal(run(f, main_block, good, back), 0);
	assert_non_null(strstr(f->out, "3 removed for all"));
	EXPECT(f, 2, "No such file", block, "add", "--file", "/nowhere/at/all");
	EXPECT(f, 2, "not both", block, "add", "a.test", "--file", "-");
}

static void test_thresholds(void **state)
{
	static const char *const bad[] = { "0", "0.01", "1000.5", "-1", "x", "1.", "1.234", "" };
	struct fixture *f = *state;
	EXPECT(f, 0, "junk_at     5.00  (of the configuration)", account, "show",
		"alice@example.org");
	EXPECT(f, 2, "give --junk-at", account, "set", "alice@example.org");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		EXPECT(f, 2, "takes a number", account, "set", "alice@example.org", "--junk-at",
			bad[i]);
	EXPECT(f, 2, "no account", account, "set", "nobody@example.org", "--junk-at", "4");
	EXPECT(f, 0, "is changed", account, "set", "alice@example.org", "--junk-at", "4.5");
	EXPECT(f, 0, "is changed", account, "set", "alice@example.org", "--reject-at", "10.05");
	EXPECT(f, 0, "junk_at     4.50\n  reject_at   10.05\n", account, "show",
		"alice@example.org");
	EXPECT(f, 0, "\"junk_at\":4.50,\"junk_at_own\":true,\"reject_at\":10.05", account, "show",
		"alice@example.org", "--json");
	EXPECT(f, 0, "has the thresholds of all", account, "reset", "alice@example.org");
	EXPECT(f, 0, "\"junk_at\":5.00,\"junk_at_own\":false", account, "show", "alice@example.org",
		"--json");
}

static void write_config(struct fixture *f, const char *text)
{
	FILE *c = fopen(f->config, "w");
	assert_non_null(c);
	fputs(text, c);
	fclose(c);
}

static void test_check(void **state)
{
	struct fixture *f = *state;
	write_config(f, "hostname = \"mail.example.org\";\nsmpt: { };\nlog: { level = \"x\"; };\n");
	EXPECT(f, 1, "postern.conf:2: unknown key \"smpt\"; did you mean \"smtp\"?", check, "--");
	EXPECT(f, 1, "postern.conf:3: log.level", check, "--");
	EXPECT(f, 1, "[{\"level\":\"error\",\"text\":\"", check, "--json");
	write_config(f, "hostname = \"other.example.org\"; data_dir = \"data\";\n"
			"tls: { certificate = \"tls/cert.pem\"; key = \"tls/key.pem\"; };\n"
			"smtp: { listen = [ \"127.0.0.1:0\" ]; };\n");
	EXPECT(f, 1, "the port is not a number from 1 to 65535", check, "--");
	write_config(f, "hostname = \"other.example.org\"; data_dir = \"data\";\n"
			"tls: { certificate = \"tls/cert.pem\"; key = \"tls/key.pem\"; };\n"
			"smtp: { listen = [ ]; };\n"
			"imap: { plaintext_login_from = [ \"10.0.0.0/8\" ]; };\n");
	EXPECT(f, 0, "does not name other.example.org", check, "--");
	EXPECT(f, 0, "no mail can come in", check, "--");
	EXPECT(f, 0, "can be read on their way", check, "--");
	write_config(f,
		"\xef\xbb\xbfhostname = \"mail.example.org\"; data_dir = \"data\";\n"
		"tls: { certificate = \"tls/cert.pem\"; key = \"tls/key.pem\"; };\n"
		"smtp: { listen = [ ]; xclient_from = [ \"0.0.0.0/0\", \"10.0.0.0/8\" ]; };\n"
		"resolver: { trust_anchor = \"postern.conf\"; };\n");
	EXPECT(f, 0, "smtp.xclient_from: a large part of the Internet may say", check, "--");
	assert_null(strstr(f->out, "resolver."));
	write_config(f, "hostname = \"mail.example.org\"; data_dir = \"data\";\n"
			"tls: { certificate = \"tls/cert.pem\"; key = \"tls/key.pem\"; };\n"
			"smtp: { listen = [ ]; proxy_from = [ \"10.0.0.0/8\", \"fd00::/16\" ]; };\n"
			"resolver: { trust_anchor = \"tls/cert.pem\"; };\n");
	EXPECT(f, 1, "cert.pem:1: no DNSKEY or DS record", check, "--");
	assert_null(strstr(f->out, "a large part of the Internet"));
	write_config(f, "hostname = \"mail.example.org\"; data_dir = \"data\";\n");
	EXPECT(f, 1, "tls/fullchain.pem", check, "--");
	write_config(f, "hostname = \"mail.example.org\"; data_dir = \"nowhere\";\n");
	EXPECT(f, 1, "nowhere: No such file", check, "--");
	expect_(f, RUN(f, check, "", "--defaults"), 0, "max_message_size = \"50M\";", __LINE__);
	expect_(f, RUN(f, check, "", "--manual"), 0, ".TH POSTERN.CONF 5", __LINE__);
	unlink(f->config);
	EXPECT(f, 1, "cannot be read: No such file", check, "--");
}

/* A slip in a target is told; that it is to come soon is allowed. */
static void targets_that_are_not_there(void **state)
{
	struct fixture *f = *state;
	const char *told = "warning: nobody@example.org leads to no account yet";
	EXPECT(f, 0, told, alias, "add", "sales@example.org", "alice@example.org",
		"nobody@example.org");
	EXPECT(f, 0, told, domain, "catch-all", "example.org", "nobody@example.org");
	EXPECT(f, 0, told, alias, "add", "@example.org", "nobody@example.org");
	EXPECT(f, 0, "added", alias, "add", "info@example.org", "sales@example.org");
	assert_null(strstr(f->out, "warning"));
	EXPECT(f, 0, "alice@example.org takes", domain, "catch-all", "example.org",
		"alice@example.org");
	assert_null(strstr(f->out, "warning"));
}

static void test_verify(void **state)
{
	struct fixture *f = *state;
	EXPECT(f, 0, "0 accounts with mail", verify, "alice@example.org");
	EXPECT(f, 2, "there is no account", verify, "bob@example.org");
	EXPECT(f, 0, "{\"problems\":[],", verify, "--json");
	char path[128];
	snprintf(path, sizeof path, "%s/accounts/1.db", f->data);
	FILE *db = fopen(path, "w");
	assert_non_null(db);
	for (int i = 0; i < 4096; i++)
		fputs("not a database ", db);
	fclose(db);
	assert_int_not_equal(RUN(f, verify, "", "-c", f->config), 0);
	assert_non_null(strstr(f->out, "alice@example.org: "));
	assert_int_not_equal(RUN(f, verify, "", "-c", f->config, "--json"), 0);
	assert_non_null(strstr(f->out, "{\"subject\":\"alice@example.org\",\"problem\":\""));
}

/* Without records, with wrong words, with a file that is none. */
static void why_says_what_is_wrong(void **state)
{
	struct fixture *f = *state;
	char path[160];
	EXPECT(f, 2, "give an id or a Message-ID", why, "--json");
	EXPECT(f, 2, "give an id or a Message-ID", why, "ABC", "--last", "1");
	EXPECT(f, 2, "--last takes a number", why, "--last", "0");
	EXPECT(f, 2, "--since takes a time", why, "--since", "soon");
	EXPECT(f, 2, "no records were kept yet", why, "ABC");
	snprintf(path, sizeof path, "%s/records/records.db", f->data);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs("this is no database, although it is longer than a page's head of 100 bytes, "
	      "which is where a database says what it is",
		file);
	fclose(file);
	EXPECT(f, 2, "records.db", why, "ABC");
	EXPECT(f, 2, "records", verify, "--json");
}

static void why_tells(void **state)
{
	struct fixture *f = *state;
	struct records *r;
	struct err err;
	const struct record all[] = {
		{ 1700000000,
			STR("{\"id\":\"AB00000001\",\"message_id\":\"<1@x>\",\"sender\":\"s@x\","
			    "\"recipients\":[\"alice@example.org\"],\"action\":\"junk\"}"),
			STR("[{\"account\":1,\"mailbox\":1,\"uid\":7,\"result\":0}]") },
		{ 1700000001,
			STR("{\"id\":\"AB00000002\",\"message_id\":\"<1@x>\",\"action\":"
			    "\"reject\"}"),
			STR_EMPTY },
	};
	assert_int_equal(records_open(f->data, RECORDS_CREATE, &r, &err), 0);
	assert_int_equal(records_write(r, all, 2, INT64_C(1700000000000000), &err), 0);
	records_close(r);
	EXPECT(f, 0, "account 1 (alice@example.org), mailbox 1, UID 7", why, "ab00000001");
	EXPECT(f, 0, "decision    reject", why, "AB00000002");
	EXPECT(f, 1, "beginning of several ids", why, "AB");
	EXPECT(f, 1, "nothing is known", why, "AC");
	EXPECT(f, 0, "AB00000002, 2023", why, "<1@x>");
	assert_true(strstr(f->out, "AB00000001") > strstr(f->out, "AB00000002"));
	EXPECT(f, 0, "\"action\":\"junk\",\"deliveries\":[{\"account\":1", why, "AB00000001",
		"--json");
	EXPECT(f, 0, "AB00000002", why, "--last", "1");
	assert_null(strstr(f->out, "AB00000001"));
	EXPECT(f, 0, "AB00000001", why, "--from", "S@x", "--to", "alice@example.org");
	EXPECT(f, 1, "", why, "--since", "1h");
	EXPECT(f, 0, "\"problems\":[]", verify, "--json");
}

int main(void)
{
	unsetenv("POSTERN_CONFIG");
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(why_says_what_is_wrong, setup_made, teardown),
		cmocka_unit_test_setup_teardown(why_tells, setup_made, teardown),
		cmocka_unit_test_setup_teardown(test_init, setup_made, teardown),
		cmocka_unit_test_setup_teardown(test_init_generates, setup, teardown),
		cmocka_unit_test_setup_teardown(test_init_refuses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_accounts, setup_made, teardown),
		cmocka_unit_test_setup_teardown(test_domains_and_aliases, setup_made, teardown),
		cmocka_unit_test_setup_teardown(test_block_and_allow, setup_made, teardown),
		cmocka_unit_test_setup_teardown(test_lists_from_files, setup_made, teardown),
		cmocka_unit_test_setup_teardown(test_thresholds, setup_made, teardown),
		cmocka_unit_test_setup_teardown(test_check, setup_made, teardown),
		cmocka_unit_test_setup_teardown(targets_that_are_not_there, setup_made, teardown),
		cmocka_unit_test_setup_teardown(test_verify, setup_made, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
