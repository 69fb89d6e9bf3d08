/*
 * alias.c: postern alias: addresses that stand for others. "@example.org" stands for the domain's
 * catch-all.
 */
#include "main/cli.h"
#include "main/main.h"
#include "main/tool.h"

#include <errno.h>
#include <stdio.h>

static int fail(int error, str address, const struct err *err)
{
	if (error == -EEXIST)
		return cli_error(
			"%.*s is an account, or has this target already", STR_ARG(address));
	if (error == -ENOENT)
		return cli_error(
			"there is no such alias %.*s; see: postern alias list", STR_ARG(address));
	if (error == -E2BIG)
		return cli_error("%.*s: an alias has at most %d targets", STR_ARG(address),
			DIRECTORY_ALIAS_TARGETS_MAX);
	return cli_err(err);
}

static int set_catch_all(struct tool *t, const char *at_domain, const char *target)
{
	struct err err;
	str domain, address = STR_EMPTY;
	if (!tool_domain(t, at_domain + 1, &domain) ||
		(target && (!tool_address(t, target, &address) || !tool_is_local(t, address))))
		return EXIT_FAILED;
	int r = directory_domain_set_catch_all(t->store, domain, address, &err);
	if (r == -ENOENT)
		return cli_error(
			"there is no domain %.*s; see: postern domain list", STR_ARG(domain));
	if (r)
		return cli_err(&err);
	printf("@%.*s %s\n", STR_ARG(domain), target ? "added" : "removed");
	if (target)
		tool_warn_unknown(t, address);
	return EXIT_DONE;
}

static int add(void *context, int argc, char **argv)
{
	struct tool *t = context;
	struct err err;
	str address, targets[DIRECTORY_ALIAS_TARGETS_MAX];
	size_t n = 0;
	if (argv[0][0] == '@') {
		if (argc > 2)
			return cli_error(
				"a catch-all has one target; give it an alias with several");
		return set_catch_all(t, argv[0], argv[1]);
	}
	if (!tool_address(t, argv[0], &address) || !tool_is_local(t, address))
		return EXIT_FAILED;
	if (argc - 1 > DIRECTORY_ALIAS_TARGETS_MAX)
		return fail(-E2BIG, address, NULL);
	for (int i = 1; i < argc; i++)
		if (!tool_address(t, argv[i], &targets[n]) || !tool_is_local(t, targets[n++]))
			return EXIT_FAILED;
	int r = directory_alias_add(t->store, address, targets, n, &err);
	if (r)
		return fail(r, address, &err);
	printf("%.*s added\n", STR_ARG(address));
	for (size_t i = 0; i < n; i++)
		tool_warn_unknown(t, targets[i]);
	return EXIT_DONE;
}

static int remove_alias(void *context, int argc, char **argv)
{
	struct tool *t = context;
	struct err err;
	str address, target = STR_EMPTY;
	if (argv[0][0] == '@')
		return set_catch_all(t, argv[0], NULL);
	if (!tool_address(t, argv[0], &address) || (argc > 1 && !tool_address(t, argv[1], &target)))
		return EXIT_FAILED;
	int r = directory_alias_remove(t->store, address, target, &err);
	if (r)
		return fail(r, address, &err);
	printf("%.*s%s%.*s removed\n", STR_ARG(address), target.n ? " to " : "", STR_ARG(target));
	return EXIT_DONE;
}

static void print_row(struct buf *out, str address, str target, bool json)
{
	if (!json) {
		buf_printf(out, "%-32.*s  %.*s\n", STR_ARG(address), STR_ARG(target));
		return;
	}
	buf_printf(out, "%s{\"address\":", out->n > 1 ? ",\n " : "");
	cli_json_string(out, address);
	buf_printf(out, ",\"target\":");
	cli_json_string(out, target);
	buf_printf(out, "}");
}

static int print_catch_alls(struct tool *t, str only, struct buf *out, struct err *err)
{
	struct directory_domain *domains;
	size_t n;
	int r = directory_domain_list(t->store, &t->arena, &domains, &n, err);
	for (size_t i = 0; r == 0 && i < n; i++) {
		const struct directory_domain *d = &domains[i];
		if (d->catch_all.n && (only.n == 0 || str_equal(only, d->name)))
			print_row(out, arena_printf(&t->arena, "@%.*s", STR_ARG(d->name)),
				d->catch_all, t->json);
	}
	return r;
}

static int list(void *context, int argc, char **argv)
{
	struct tool *t = context;
	struct directory_alias *aliases;
	size_t n;
	struct err err;
	str domain = STR_EMPTY;
	if (argc && !tool_domain(t, argv[0], &domain))
		return EXIT_FAILED;
	struct buf out = BUF_INIT(SIZE_MAX / 2);
	buf_printf(&out, t->json ? "[" : "");
	int r = directory_alias_list(t->store, domain, &t->arena, &aliases, &n, &err);
	for (size_t i = 0; r == 0 && i < n; i++)
		print_row(&out, aliases[i].address, aliases[i].target, t->json);
	if (r == 0)
		r = print_catch_alls(t, domain, &out, &err);
	buf_printf(&out, t->json ? "]\n" : "");
	int status = r ? cli_err(&err) : cli_print(&out);
	buf_done(&out);
	return status;
}

int main_alias(int argc, char **argv)
{
	static const struct cli_action actions[] = {
		{ "add", 2, -1, add },
		{ "list", 0, 1, list },
		{ "remove", 1, 2, remove_alias },
	};
	struct tool tool = { 0 };
	const struct cli_option options[] = { CLI_CONFIG_OPTION(tool.config_path),
		CLI_JSON_OPTION(tool.json) };
	const struct cli_command command = {
		.usage = "alias add ADDRESS TARGET…\n"
			 "alias add @DOMAIN TARGET\n"
			 "alias list [DOMAIN] [--json]\n"
			 "alias remove ADDRESS [TARGET]",
		.help = "Addresses that stand for one or more others of this server. @DOMAIN is "
			"the\n"
			"catch-all: what no account or alias of the domain takes.",
		.options = options,
		.option_count = ARRAY_LEN(options),
		.least = 1,
		.most = -1,
		.actions = actions,
		.action_count = ARRAY_LEN(actions),
	};
	return tool_act(&tool, &command, &tool, argc, argv);
}
