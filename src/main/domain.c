/*
 * domain.c: postern domain: the domains that mail is taken for.
 */
#include "main/cli.h"
#include "main/main.h"
#include "main/tool.h"

#include <errno.h>
#include <stdio.h>

static int fail(int error, str domain, const struct err *err)
{
	if (error == -EEXIST)
		return cli_error("%.*s is there already", STR_ARG(domain));
	if (error == -ENOENT)
		return cli_error(
			"there is no domain %.*s; see: postern domain list", STR_ARG(domain));
	if (error == -ENOTEMPTY)
		return cli_error(
			"%.*s still has accounts or aliases; remove these first", STR_ARG(domain));
	return cli_err(err);
}

static int add(void *context, int argc, char **argv)
{
	struct tool *t = context;
	struct err err;
	str domain, catch_all = STR_EMPTY;
	if (!tool_domain(t, argv[0], &domain) ||
		(argc > 1 && !tool_address(t, argv[1], &catch_all)))
		return EXIT_FAILED;
	if (argc > 1 && !str_equal(tool_domain_of(catch_all), domain) &&
		!tool_is_local(t, catch_all))
		return EXIT_FAILED;
	int r = directory_domain_add(t->store, domain, catch_all, t->now, &err);
	if (r)
		return fail(r, domain, &err);
	printf("%.*s added\n", STR_ARG(domain));
	return EXIT_DONE;
}

static int catch_all(void *context, int argc, char **argv)
{
	struct tool *t = context;
	struct err err;
	str domain, address = STR_EMPTY;
	if (!tool_domain(t, argv[0], &domain) || (argc > 1 && !tool_address(t, argv[1], &address)))
		return EXIT_FAILED;
	if (argc > 1 && !tool_is_local(t, address))
		return EXIT_FAILED;
	int r = directory_domain_set_catch_all(t->store, domain, address, &err);
	if (r)
		return fail(r, domain, &err);
	if (address.n == 0) {
		printf("%.*s has no catch-all\n", STR_ARG(domain));
		return EXIT_DONE;
	}
	printf("%.*s takes what nobody else has in %.*s\n", STR_ARG(address), STR_ARG(domain));
	tool_warn_unknown(t, address);
	return EXIT_DONE;
}

static int remove_domain(void *context, int argc, char **argv)
{
	struct tool *t = context;
	struct err err;
	str domain;
	if (!tool_domain(t, argv[0], &domain))
		return EXIT_FAILED;
	int r = directory_domain_remove(t->store, domain, &err);
	if (r)
		return fail(r, domain, &err);
	printf("%.*s removed\n", STR_ARG(domain));
	return EXIT_DONE;
}

static void print_row(struct buf *out, const struct directory_domain *d, bool json, bool first)
{
	if (!json) {
		buf_printf(out, "%.*s%s%.*s\n", STR_ARG(d->name),
			d->catch_all.n ? "  catch-all: " : "", STR_ARG(d->catch_all));
		return;
	}
	buf_printf(out, "%s{\"domain\":", first ? "" : ",\n ");
	cli_json_string(out, d->name);
	buf_printf(out, ",\"catch_all\":");
	if (d->catch_all.n)
		cli_json_string(out, d->catch_all);
	else
		buf_printf(out, "null");
	buf_printf(out, ",\"created\":%lld}", (long long)d->created);
}

static int list(void *context, int argc, char **argv)
{
	struct tool *t = context;
	struct directory_domain *domains;
	size_t n;
	struct err err;
	if (directory_domain_list(t->store, &t->arena, &domains, &n, &err))
		return cli_err(&err);
	struct buf out = BUF_INIT(SIZE_MAX / 2);
	buf_printf(&out, t->json ? "[" : "");
	for (size_t i = 0; i < n; i++)
		print_row(&out, &domains[i], t->json, i == 0);
	buf_printf(&out, t->json ? "]\n" : "");
	int status = cli_print(&out);
	buf_done(&out);
	return status;
}

int main_domain(int argc, char **argv)
{
	static const struct cli_action actions[] = {
		{ "add", 1, 2, add },
		{ "list", 0, 0, list },
		{ "remove", 1, 1, remove_domain },
		{ "catch-all", 1, 2, catch_all },
	};
	struct tool tool = { 0 };
	const struct cli_option options[] = { CLI_CONFIG_OPTION(tool.config_path),
		CLI_JSON_OPTION(tool.json) };
	const struct cli_command command = {
		.usage = "domain add DOMAIN [CATCH-ALL]\n"
			 "domain list [--json]\n"
			 "domain remove DOMAIN\n"
			 "domain catch-all DOMAIN [ADDRESS]",
		.help = "The domains that mail is taken for. The catch-all address takes what no\n"
			"account or alias of the domain does; without ADDRESS there is none.",
		.options = options,
		.option_count = ARRAY_LEN(options),
		.least = 1,
		.most = -1,
		.actions = actions,
		.action_count = ARRAY_LEN(actions),
	};
	return tool_act(&tool, &command, &tool, argc, argv);
}
