/*
 * verify.c: postern verify: that what is stored is whole: the directory, and every account's mail.
 * It only reads, and may run beside the server.
 */
#include "directory/directory.h"
#include "main/cli.h"
#include "main/main.h"
#include "main/tool.h"
#include "store/account.h"
#include "store/db.h"
#include "store/quarantine.h"
#include "store/records.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

struct verify {
	struct tool tool;
	bool progress; /* standard error is a terminal */
	struct buf out;
	const char *subject; /* what is looked at: "directory", an address */
	unsigned problems, checked;
	bool failed; /* something could not be looked at */
};

static void problem(void *arg, str text)
{
	struct verify *v = arg;
	if (v->tool.json) {
		buf_printf(&v->out, "%s{\"subject\":", v->problems ? ",\n  " : "");
		cli_json_string(&v->out, str_from_z(v->subject));
		buf_printf(&v->out, ",\"problem\":");
		cli_json_string(&v->out, text);
		buf_add_char(&v->out, '}');
	} else {
		buf_printf(&v->out, "%s: %.*s\n", v->subject, STR_ARG(text));
	}
	v->problems++;
}

/* What could not be looked at is no better than what is damaged. */
static void failure(struct verify *v, const struct err *err)
{
	problem(v, str_from_z(err->text));
	v->failed = true;
}

static void show_progress(const struct verify *v, size_t done, size_t total)
{
	if (v->progress)
		fprintf(stderr, "\r%zu of %zu accounts %c", done, total,
			done == total ? '\n' : ' ');
}

/* ---- the directory ---- */

static void verify_structure(struct verify *v)
{
	char path[PATH_MAX];
	struct db *db;
	struct err err;
	if (snprintf(path, sizeof path, "%s/directory.db", v->tool.config->data_dir.p) >= PATH_MAX)
		return;
	int r = db_open(path, DB_READ_ONLY, &db, &err);
	if (r == 0) {
		r = db_check(db, problem, v, &err);
		db_close(db);
	}
	if (r)
		failure(v, &err);
}

static void verify_records(struct verify *v)
{
	struct records *records;
	struct err err;
	v->subject = "records";
	int r = records_open(v->tool.config->data_dir.p, RECORDS_READ_ONLY, &records, &err);
	if (r == -ENOENT)
		return; /* none were written yet */
	if (r == 0) {
		r = records_verify(records, problem, v, &err);
		records_close(records);
	}
	if (r)
		failure(v, &err);
}

static void verify_quarantine(struct verify *v)
{
	struct quarantine *quarantine;
	struct err err;
	v->subject = "quarantine";
	int r = quarantine_open(
		v->tool.config->data_dir.p, QUARANTINE_READ_ONLY, &quarantine, &err);
	if (r == -ENOENT)
		return; /* nothing was kept yet */
	if (r == 0) {
		r = quarantine_verify(quarantine, problem, v, &err);
		quarantine_close(quarantine);
	}
	if (r)
		failure(v, &err);
}

/* An alias that reaches nobody is no damage, but its mail is put off again and again. */
static void warn_of_aliases(struct verify *v)
{
	struct tool *t = &v->tool;
	struct directory *d;
	struct directory_alias *aliases;
	size_t n;
	struct err err;
	int r = directory_open(
		t->config->data_dir.p, t->config->directory.detail_separator, &d, &err);
	if (r) {
		failure(v, &err);
		return;
	}
	r = directory_alias_list(t->store, STR_EMPTY, &t->arena, &aliases, &n, &err);
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct directory_route route;
		if (i && str_equal(aliases[i].address, aliases[i - 1].address))
			continue;
		r = directory_resolve(d, aliases[i].address, &t->arena, &route, &err);
		if (r == 0 && route.why.n)
			cli_warning("alias %.*s: %.*s", STR_ARG(aliases[i].address),
				STR_ARG(route.why));
	}
	directory_close(d);
	if (r)
		failure(v, &err);
}

/* ---- accounts ---- */

static void verify_account(struct verify *v, const struct directory_account *a)
{
	struct account *mail;
	struct err err;
	v->subject = arena_str_z(&v->tool.arena, a->address);
	int r = account_open(
		v->tool.config->data_dir.p, a->id, ACCOUNT_READ_ONLY, v->tool.now, &mail, &err);
	if (r == -ENOENT)
		return; /* nobody has written to it yet */
	/* Unused since an upgrade of the program: brought up to date, as the server would do it. */
	if (r == -EROFS)
		r = account_open(v->tool.config->data_dir.p, a->id, 0, v->tool.now, &mail, &err);
	if (r == 0) {
		r = account_verify(mail, problem, v, &err);
		account_close(mail);
		v->checked++;
	}
	if (r)
		failure(v, &err);
}

static void verify_listed(struct verify *v)
{
	struct directory_account *accounts;
	size_t n;
	struct err err;
	if (directory_account_list(v->tool.store, STR_EMPTY, &v->tool.arena, &accounts, &n, &err)) {
		failure(v, &err);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		verify_account(v, &accounts[i]);
		show_progress(v, i + 1, n);
	}
}

static int verify_named(struct verify *v, int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		struct directory_account account;
		struct err err;
		str address;
		if (!tool_address(&v->tool, argv[i], &address))
			return EXIT_FAILED;
		int r = directory_account_find(
			v->tool.store, address, &v->tool.arena, &account, &err);
		if (r == -ENOENT)
			return cli_error(
				"there is no account %s; see: postern account list", argv[i]);
		if (r)
			return cli_err(&err);
		verify_account(v, &account);
		show_progress(v, (size_t)i + 1, (size_t)argc);
	}
	return EXIT_DONE;
}

/* Mail of accounts that are no longer there is no damage, but worth knowing. */
static void find_orphans(struct verify *v)
{
	char path[PATH_MAX];
	if (snprintf(path, sizeof path, "%s/accounts", v->tool.config->data_dir.p) >= PATH_MAX)
		return;
	DIR *dir = opendir(path);
	for (struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir)) {
		str name = str_from_z(e->d_name);
		struct directory_account account;
		struct err err;
		uint64_t id;
		if (str_ends(name, STR(".db")) &&
			str_to_u64(str_first(name, name.n - 3), UINT64_MAX, &id) &&
			directory_account_get(v->tool.store, id, &v->tool.arena, &account, &err) ==
				-ENOENT)
			cli_warning("%s/%s belongs to no account any more", path, e->d_name);
	}
	if (dir)
		closedir(dir);
}

static int run(struct verify *v, int argc, char **argv)
{
	int status = EXIT_DONE;
	v->progress = isatty(STDERR_FILENO) && !v->tool.json;
	buf_printf(&v->out, v->tool.json ? "{\"problems\":[" : "");
	if (argc == 0) {
		v->subject = "directory";
		verify_structure(v);
		warn_of_aliases(v);
		verify_records(v);
		verify_quarantine(v);
		verify_listed(v);
		find_orphans(v);
	} else {
		status = verify_named(v, argc, argv);
	}
	if (status != EXIT_DONE)
		return status;
	if (v->tool.json)
		buf_printf(&v->out, "],\n \"accounts\":%u}\n", v->checked);
	else if (v->problems == 0)
		buf_printf(&v->out, "%s%u accounts with mail: all whole\n",
			argc ? "" : "the directory and ", v->checked);
	status = cli_print(&v->out);
	if (status != EXIT_DONE)
		return status;
	return v->failed ? EXIT_FAILED : v->problems ? EXIT_NO : EXIT_DONE;
}

int main_verify(int argc, char **argv)
{
	struct verify v = { .out = BUF_INIT(64 * 1024 * 1024) };
	const struct cli_option options[] = { CLI_CONFIG_OPTION(v.tool.config_path),
		CLI_JSON_OPTION(v.tool.json) };
	const struct cli_command command = {
		.usage = "verify [ACCOUNT…] [--json]",
		.help = "Checks that the directory and every account's mail, or that of the named "
			"ones,\n"
			"are whole. The exit status is 0 when they are, 1 when something is "
			"damaged, 2\n"
			"when something could not be read. It may run beside the server.",
		.options = options,
		.option_count = ARRAY_LEN(options),
		.most = -1,
	};
	int status;
	int words = cli_parse(&command, argc, argv, &status);
	if (words < 0 || (status = tool_open(&v.tool)) != EXIT_DONE)
		return status;
	status = run(&v, words, argv);
	buf_done(&v.out);
	tool_close(&v.tool);
	return status;
}
