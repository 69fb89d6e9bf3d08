/*
 * serve.c: postern serve: the supervisor, and through it every role.
 */
#include "main/cli.h"
#include "main/main.h"
#include "supervisor/supervisor.h"

int main_serve(int argc, char **argv)
{
	const char *given = NULL;
	const struct cli_option options[] = { CLI_CONFIG_OPTION(given) };
	const struct cli_command command = {
		.usage = "serve [-c FILE]",
		.help = "Runs the server in the foreground, and logs to standard error. SIGTERM "
			"ends it\n"
			"after what is in flight; SIGHUP takes over a changed configuration.",
		.options = options,
		.option_count = ARRAY_LEN(options),
	};
	int status;
	if (cli_parse(&command, argc, argv, &status) < 0)
		return status;
	const char *path = cli_config_path(given);
	const struct config *config = path ? cli_config(path) : NULL;
	return config ? supervisor_run(config, path) : EXIT_FAILED;
}
