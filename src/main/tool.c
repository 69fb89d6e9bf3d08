#include "main/tool.h"

#include "base/clock.h"
#include "directory/directory.h"
#include "directory/domain.h"
#include "main/cli.h"

#include <errno.h>

enum { ARENA_MAX = 1024 * 1024 * 1024 };

int tool_open(struct tool *t)
{
	struct err err;
	t->config = cli_config(t->config_path);
	if (!t->config)
		return EXIT_FAILED;
	t->arena = ARENA_INIT(ARENA_MAX);
	t->now = clock_wall() / NSEC_PER_SEC;
	int r = directory_store_open(t->config->data_dir.p, false, &t->store, &err);
	if (r == 0)
		return EXIT_DONE;
	if (r == -ENOENT)
		cli_error("there is no directory in %s; make one: postern init",
			t->config->data_dir.p);
	else
		cli_err(&err);
	tool_close(t);
	return EXIT_FAILED;
}

void tool_close(struct tool *t)
{
	directory_store_close(t->store);
	config_unref(t->config);
	arena_done(&t->arena);
}

int tool_act(
	struct tool *t, const struct cli_command *command, void *context, int argc, char **argv)
{
	int status, words = cli_parse(command, argc, argv, &status);
	if (words < 0 || (status = tool_open(t)) != EXIT_DONE)
		return status;
	status = cli_act(command, context, words, argv);
	tool_close(t);
	return status;
}

bool tool_address(struct tool *t, const char *text, str *out)
{
	str local;
	char domain[DOMAIN_TEXT_SIZE];
	if (!mailbox_split(str_from_z(text), &t->arena, &local, domain)) {
		cli_error("\"%s\" is not an address, as alice@example.org", text);
		return false;
	}
	*out = mailbox_text(local, str_from_z(domain), &t->arena);
	return true;
}

bool tool_domain(struct tool *t, const char *text, str *out)
{
	char domain[DOMAIN_TEXT_SIZE];
	if (!domain_normalize(str_from_z(text), domain)) {
		cli_error("\"%s\" is not a domain, as example.org", text);
		return false;
	}
	*out = arena_str(&t->arena, str_from_z(domain));
	return true;
}

str tool_domain_of(str address)
{
	return str_skip(address, (size_t)(str_find_last_char(address, '@') + 1));
}

bool tool_is_local(struct tool *t, str address)
{
	struct directory_domain domain;
	struct err err;
	str name = tool_domain_of(address);
	int r = directory_domain_find(t->store, name, &t->arena, &domain, &err);
	if (r == -ENOENT)
		cli_error("%.*s is not a domain of this server; first: postern domain add %.*s",
			STR_ARG(name), STR_ARG(name));
	else if (r)
		cli_err(&err);
	return r == 0;
}

void tool_warn_unknown(struct tool *t, str address)
{
	struct directory *d;
	struct directory_route route;
	struct err err;
	if (directory_open(t->config->data_dir.p, t->config->directory.detail_separator, &d, &err) <
		0)
		return;
	if (directory_resolve(d, address, &t->arena, &route, &err) == 0 &&
		route.answer != DIRECTORY_DELIVER)
		cli_warning("%.*s leads to no account yet: mail for it is put off until it does",
			STR_ARG(address));
	directory_close(d);
}

void tool_date(int64_t seconds, char out[static TOOL_DATE_SIZE])
{
	time_t when = (time_t)seconds;
	struct tm tm;
	if (!gmtime_r(&when, &tm) || strftime(out, TOOL_DATE_SIZE, "%Y-%m-%d", &tm) == 0)
		memcpy(out, "?", 2);
}
