/*
 * account.c: postern account: the people who have mail here.
 */
#include "directory/login.h"
#include "main/cli.h"
#include "main/main.h"
#include "main/secret.h"
#include "main/tool.h"
#include "store/account.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

struct accounts {
	struct tool tool;
	bool from_stdin, generate; /* where a password comes from */
	bool delete_mail;
	const char *junk_at, *reject_at;
};

static int fail(int error, str address, const struct err *err)
{
	if (error == -EEXIST)
		return cli_error("%.*s is there already, as an account or alias", STR_ARG(address));
	if (error == -ENOENT)
		return cli_error(
			"there is no account %.*s; see: postern account list", STR_ARG(address));
	return cli_err(err);
}

/* As secret_get(). */
static int get_secret(const struct accounts *a, const char *whose, struct secret *out)
{
	return secret_get(a->from_stdin ? SECRET_STDIN
			  : a->generate ? SECRET_GENERATE
					: SECRET_ASK,
		whose, out);
}

static int add_checked(struct accounts *a, str address, const char *password)
{
	struct err err;
	uint64_t id;
	int r = directory_account_add(a->tool.store, address, a->tool.now, &id, &err);
	if (r)
		return fail(r, address, &err);
	r = login_set_password(a->tool.store, id, str_from_z(password), a->tool.now, &err);
	if (r == 0)
		return EXIT_DONE;
	cli_err(&err);
	if (directory_account_remove(a->tool.store, address, &id, &err))
		cli_err(&err);
	return EXIT_FAILED;
}

/* Before anybody is asked for a password. */
static int refuse_existing(struct accounts *a, str address)
{
	struct directory_account account;
	struct err err;
	int r = directory_account_find(a->tool.store, address, &a->tool.arena, &account, &err);
	if (r == 0)
		return fail(-EEXIST, address, &err);
	return r == -ENOENT ? EXIT_DONE : cli_err(&err);
}

static int add(void *context, int argc, char **argv)
{
	struct accounts *a = context;
	struct secret secret;
	str address;
	if (!tool_address(&a->tool, argv[0], &address) || !tool_is_local(&a->tool, address) ||
		refuse_existing(a, address) != EXIT_DONE ||
		get_secret(a, argv[0], &secret) != EXIT_DONE)
		return EXIT_FAILED;
	int status = add_checked(a, address, secret.text);
	if (status == EXIT_DONE)
		printf("%.*s added\n", STR_ARG(address));
	else
		secret.generated = false;
	secret_show_and_wipe(&secret);
	return status;
}

static int passwd(void *context, int argc, char **argv)
{
	struct accounts *a = context;
	struct directory_account account;
	struct secret secret;
	struct err err;
	str address;
	if (!tool_address(&a->tool, argv[0], &address))
		return EXIT_FAILED;
	int r = directory_account_find(a->tool.store, address, &a->tool.arena, &account, &err);
	if (r)
		return fail(r, address, &err);
	if (get_secret(a, argv[0], &secret) != EXIT_DONE)
		return EXIT_FAILED;
	r = login_set_password(
		a->tool.store, account.id, str_from_z(secret.text), a->tool.now, &err);
	secret.generated &= r == 0;
	if (r == 0)
		printf("%.*s has a new password\n", STR_ARG(address));
	secret_show_and_wipe(&secret);
	return r ? cli_err(&err) : EXIT_DONE;
}

static int tell_of_mail(const struct accounts *a, uint64_t id)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof path, "%s/accounts/%llu.db", a->tool.config->data_dir.p,
		(unsigned long long)id);
	if (n < PATH_MAX && access(path, F_OK) == 0)
		printf("The mail is still in %s\n", path);
	return EXIT_DONE;
}

static int remove_person(void *context, int argc, char **argv)
{
	struct accounts *a = context;
	struct err err;
	uint64_t id;
	str address;
	if (!tool_address(&a->tool, argv[0], &address))
		return EXIT_FAILED;
	int r = directory_account_remove(a->tool.store, address, &id, &err);
	if (r)
		return fail(r, address, &err);
	printf("%.*s removed\n", STR_ARG(address));
	if (!a->delete_mail)
		return tell_of_mail(a, id);
	r = account_remove(a->tool.config->data_dir.p, id, &err);
	return r && r != -ENOENT ? cli_err(&err) : EXIT_DONE;
}

static int set_disabled(struct accounts *a, const char *text, bool disabled)
{
	struct err err;
	str address;
	if (!tool_address(&a->tool, text, &address))
		return EXIT_FAILED;
	int r = directory_account_disable(a->tool.store, address, disabled, &err);
	if (r)
		return fail(r, address, &err);
	printf("%.*s may %slog in\n", STR_ARG(address), disabled ? "not " : "");
	return EXIT_DONE;
}

static int disable(void *context, int argc, char **argv)
{
	return set_disabled(context, argv[0], true);
}

static int enable(void *context, int argc, char **argv)
{
	return set_disabled(context, argv[0], false);
}

/* ── Thresholds ───────────────────────────────────────────────────────────────────────────── */

/* "4", "4.5", "10.25", as for filter.junk_at: in hundredths. */
static bool threshold(const char *text, int64_t *out)
{
	str whole, part, s = str_from_z(text);
	uint64_t a = 0, b = 0;
	bool has_part = str_cut(s, '.', &whole, &part);
	if (!str_to_u64(whole, 1000, &a) || (has_part && (part.n == 0 || part.n > 2)) ||
		(has_part && !str_to_u64(part, 99, &b)))
		return false;
	int64_t value = (int64_t)(a * 100 + (part.n == 1 && has_part ? b * 10 : b));
	if (value < 10 || value > 100000)
		return false;
	*out = value;
	return true;
}

static int change_thresholds(struct accounts *a, const char *text, bool reset)
{
	struct directory_account account;
	struct err err;
	str address;
	if (!tool_address(&a->tool, text, &address))
		return EXIT_FAILED;
	int r = directory_account_find(a->tool.store, address, &a->tool.arena, &account, &err);
	if (r)
		return fail(r, address, &err);
	if (reset)
		account.junk_at = account.reject_at = 0;
	if (a->junk_at && !threshold(a->junk_at, &account.junk_at))
		return cli_error("--junk-at takes a number from 0.1 to 1000, such as 4.5");
	if (a->reject_at && !threshold(a->reject_at, &account.reject_at))
		return cli_error("--reject-at takes a number from 0.1 to 1000, such as 10");
	r = directory_account_set_thresholds(
		a->tool.store, address, account.junk_at, account.reject_at, &err);
	if (r)
		return fail(r, address, &err);
	printf("%.*s %s\n", STR_ARG(address), reset ? "has the thresholds of all" : "is changed");
	return EXIT_DONE;
}

static int set(void *context, int argc, char **argv)
{
	struct accounts *a = context;
	if (!a->junk_at && !a->reject_at)
		return cli_error("account set: give --junk-at, --reject-at, or both");
	return change_thresholds(a, argv[0], false);
}

static int reset(void *context, int argc, char **argv)
{
	return change_thresholds(context, argv[0], true);
}

static void print_threshold(
	struct buf *out, const char *name, int64_t own, double of_all, const struct tool *t)
{
	double value = own ? (double)own / 100 : of_all;
	if (t->json)
		buf_printf(out, ",\"%s\":%.2f,\"%s_own\":%s", name, value, name,
			own ? "true" : "false");
	else
		buf_printf(out, "  %-11s %.2f%s\n", name, value,
			own ? "" : "  (of the configuration)");
}

/* What holds for the account: its own, else those of its domain. */
static int show(void *context, int argc, char **argv)
{
	struct accounts *a = context;
	struct tool *t = &a->tool;
	struct directory_account account;
	struct err err;
	str address;
	if (!tool_address(t, argv[0], &address))
		return EXIT_FAILED;
	int r = directory_account_find(t->store, address, &t->arena, &account, &err);
	if (r)
		return fail(r, address, &err);
	const struct config_domain *own = config_domain_find(t->config, tool_domain_of(address));
	const struct config_filter *filter = own ? &own->filter : &t->config->filter;
	char date[TOOL_DATE_SIZE];
	tool_date(account.created, date);
	struct buf out = BUF_INIT(64 * 1024);
	if (t->json) {
		buf_printf(&out, "{\"address\":");
		cli_json_string(&out, account.address);
		buf_printf(&out, ",\"id\":%llu,\"created\":%lld,\"disabled\":%s",
			(unsigned long long)account.id, (long long)account.created,
			account.disabled ? "true" : "false");
	} else {
		buf_printf(&out, "%.*s\n  id          %llu\n  since       %s\n  login       %s\n",
			STR_ARG(account.address), (unsigned long long)account.id, date,
			account.disabled ? "disabled" : "enabled");
	}
	print_threshold(&out, "junk_at", account.junk_at, filter->junk_at, t);
	print_threshold(&out, "reject_at", account.reject_at, filter->reject_at, t);
	buf_printf(&out, t->json ? "}\n" : "");
	int status = cli_print(&out);
	buf_done(&out);
	return status;
}

/* ── The list ─────────────────────────────────────────────────────────────────────────────── */

static void print_row(struct buf *out, const struct directory_account *a, bool json, bool first)
{
	char date[TOOL_DATE_SIZE];
	tool_date(a->created, date);
	if (!json) {
		buf_printf(out, "%-32.*s  id %-6llu  since %s%s\n", STR_ARG(a->address),
			(unsigned long long)a->id, date, a->disabled ? "  disabled" : "");
		return;
	}
	buf_printf(out, "%s{\"address\":", first ? "" : ",\n ");
	cli_json_string(out, a->address);
	buf_printf(out, ",\"id\":%llu,\"created\":%lld,\"disabled\":%s}", (unsigned long long)a->id,
		(long long)a->created, a->disabled ? "true" : "false");
}

static int list(void *context, int argc, char **argv)
{
	struct accounts *a = context;
	struct tool *t = &a->tool;
	struct directory_account *accounts;
	size_t n;
	struct err err;
	str domain = STR_EMPTY;
	if (argc && !tool_domain(t, argv[0], &domain))
		return EXIT_FAILED;
	if (directory_account_list(t->store, domain, &t->arena, &accounts, &n, &err))
		return cli_err(&err);
	struct buf out = BUF_INIT(SIZE_MAX / 2);
	buf_printf(&out, t->json ? "[" : "");
	for (size_t i = 0; i < n; i++)
		print_row(&out, &accounts[i], t->json, i == 0);
	buf_printf(&out, t->json ? "]\n" : "");
	int status = cli_print(&out);
	buf_done(&out);
	return status;
}

static const struct cli_action actions[] = {
	{ "add", 1, 1, add },
	{ "list", 0, 1, list },
	{ "remove", 1, 1, remove_person },
	{ "passwd", 1, 1, passwd },
	{ "disable", 1, 1, disable },
	{ "enable", 1, 1, enable },
	{ "set", 1, 1, set },
	{ "show", 1, 1, show },
	{ "reset", 1, 1, reset },
};

int main_account(int argc, char **argv)
{
	struct accounts a = { 0 };
	const struct cli_option options[] = {
		CLI_CONFIG_OPTION(a.tool.config_path),
		CLI_JSON_OPTION(a.tool.json),
		{ .name = "password-stdin",
			.help = "take the password from standard input, one line",
			.flag = &a.from_stdin },
		{ .name = "generate",
			.help = "make up a password and print it, once",
			.flag = &a.generate },
		{ .name = "delete-mail",
			.help = "with remove: also delete all mail",
			.flag = &a.delete_mail },
		{ .name = "junk-at",
			.placeholder = "SCORE",
			.help = "with set: from there on mail goes to this account's Junk",
			.value = &a.junk_at },
		{ .name = "reject-at",
			.placeholder = "SCORE",
			.help = "with set: from there on it is refused",
			.value = &a.reject_at },
	};
	const struct cli_command command = {
		.usage = "account add ADDRESS\n"
			 "account list [DOMAIN] [--json]\n"
			 "account passwd ADDRESS\n"
			 "account disable|enable ADDRESS\n"
			 "account set ADDRESS [--junk-at SCORE] [--reject-at SCORE]\n"
			 "account show ADDRESS [--json]\n"
			 "account reset ADDRESS\n"
			 "account remove ADDRESS [--delete-mail]",
		.help = "The people who have mail here. The password is asked for on a terminal; "
			"without\n"
			"one, or with an empty answer, it is generated and printed once. Someone "
			"who is\n"
			"disabled still gets mail but may not log in.",
		.options = options,
		.option_count = ARRAY_LEN(options),
		.least = 1,
		.most = -1,
		.actions = actions,
		.action_count = ARRAY_LEN(actions),
	};
	return tool_act(&a.tool, &command, &a, argc, argv);
}
