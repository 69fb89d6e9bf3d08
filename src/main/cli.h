/*
 * cli.h: what the verbs share: options and help, exit statuses, messages, configuration.
 *
 * Results go to standard output, everything else to standard error. Messages begin with
 * "postern: " and say what to do.
 */
#pragma once

#include "base/buf.h"
#include "base/config.h"
#include "base/err.h"

enum cli_exit {
	EXIT_DONE = 0,   /* done, or the answer is yes */
	EXIT_NO = 1,     /* the answer is no: something was found that is not as it should be */
	EXIT_FAILED = 2, /* could not be done: wrong usage, or the environment failed */
};

/* Of an option that may stand several times. */
enum { CLI_VALUES_MAX = 100 };
struct cli_values {
	const char *v[CLI_VALUES_MAX];
	size_t n;
};

/* One of value, values and flag is set. The placeholder belongs to value and values. */
struct cli_option {
	const char *name; /* without the dashes */
	char letter;      /* '\0': none */
	const char *placeholder;
	const char *help;
	const char **value;
	bool *flag;
	struct cli_values *values;
};

/* A word after the verb that says what to do: postern account ADD. argv[0…argc) are the words after
 * it. */
struct cli_action {
	const char *name;
	int least, most; /* words; most -1: any number */
	int (*run)(void *context, int argc, char **argv);
};

struct cli_command {
	const char *usage; /* one line or more, each what follows "postern " */
	const char *help;  /* sentences */
	const struct cli_option *options;
	size_t option_count;
	int least, most;                  /* of words that are not options; most -1: any number */
	const struct cli_action *actions; /* which the first of the words names; NULL: none */
	size_t action_count;
};

/* Sets the options and moves the other words to argv[0…], in order. Returns their number; or -1
 * where *out_exit is the exit status: --help was asked for and given, or the usage is wrong. */
int cli_parse(const struct cli_command *command, int argc, char **argv, int *out_exit) MUST_USE;

/* Runs the action that argv[0] names, with the words after it. Its status, or EXIT_FAILED, with a
 * message, where there is no such action or it takes more words, or fewer. */
int cli_act(const struct cli_command *command, void *context, int argc, char **argv);

/* "postern: …\n" on standard error. Both return EXIT_FAILED. */
int cli_error(const char *format, ...) PRINTF(1, 2);
int cli_err(const struct err *err);
void cli_warning(const char *format, ...) PRINTF(1, 2);

/* The path of the configuration: `given`, $POSTERN_CONFIG, ./postern.conf or
 * /etc/postern/postern.conf, the first that is set or there. NULL, and a message, without any. */
const char *cli_config_path(const char *given);

/* Loads it; NULL, and a message, where that fails. */
const struct config *cli_config(const char *given);

/* The same; without any, one that holds nothing but defaults, of a host called localhost. */
const struct config *cli_config_or_defaults(const char *given);

#define CLI_CONFIG_OPTION(variable)                                                                \
	{                                                                                          \
		.name = "config", .letter = 'c', .placeholder = "FILE",                            \
		.help = "the configuration (else $POSTERN_CONFIG, ./postern.conf, "                \
			"/etc/postern/postern.conf)",                                              \
		.value = &(variable)                                                               \
	}
#define CLI_JSON_OPTION(variable)                                                                  \
	{                                                                                          \
		.name = "json", .help = "print JSON", .flag = &(variable)                          \
	}

/* "10s", "30m", "2h", "7d", "4w". */
bool cli_duration(const char *text, int64_t *out_seconds) MUST_USE;

/* Appends s as a JSON string. */
void cli_json_string(struct buf *out, str s);

/* Writes to standard output. EXIT_DONE, or EXIT_FAILED where that fails. */
int cli_print(const struct buf *out);

/* For CLEANUP(). */
void cli_config_unref(const struct config **config);
