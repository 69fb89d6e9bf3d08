#include "main/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

PRINTF(2, 0) static void message(const char *prefix, const char *format, va_list args)
{
	fprintf(stderr, "postern: %s", prefix);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
}

int cli_error(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	message("", format, args);
	va_end(args);
	return EXIT_FAILED;
}

void cli_warning(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	message("warning: ", format, args);
	va_end(args);
}

int cli_err(const struct err *err)
{
	return cli_error("%s", err->text);
}

static void print_help(const struct cli_command *c)
{
	str lines = str_from_z(c->usage), line;
	for (const char *head = "usage:"; lines.n; head = "      ") {
		str_cut(lines, '\n', &line, &lines);
		printf("%s postern %.*s\n", head, STR_ARG(line));
	}
	printf("\n%s\n\n", c->help);
	for (size_t i = 0; i < c->option_count; i++) {
		const struct cli_option *o = &c->options[i];
		char name[80], letter[] = "    ";
		if (o->letter)
			snprintf(letter, sizeof letter, "-%c, ", o->letter);
		snprintf(name, sizeof name, "%s--%s%s%s", letter, o->name, o->value ? " " : "",
			o->value ? o->placeholder : "");
		printf("  %-28s %s\n", name, o->help);
	}
	printf("  %-28s %s\n", "-h, --help", "this text");
}

/* "--name", "--name=value", "-c", "-cvalue"; *out_inline is the value within the word, or NULL. */
static const struct cli_option *find_option(
	const struct cli_command *c, const char *word, const char **out_inline)
{
	*out_inline = NULL;
	for (size_t i = 0; i < c->option_count; i++) {
		const struct cli_option *o = &c->options[i];
		size_t n = strlen(o->name);
		if (word[1] == '-' && strncmp(word + 2, o->name, n) == 0 &&
			(word[2 + n] == '\0' || word[2 + n] == '=')) {
			*out_inline = word[2 + n] ? word + 3 + n : NULL;
			return o;
		}
		if (word[1] != '-' && o->letter && word[1] == o->letter) {
			*out_inline = word[2] ? word + 2 : NULL;
			return o;
		}
	}
	return NULL;
}

static str verb_of(const struct cli_command *c)
{
	str verb, rest;
	str_cut(str_from_z(c->usage), ' ', &verb, &rest);
	return verb;
}

static int usage_error(const struct cli_command *c, const char *what, const char *word)
{
	str verb = verb_of(c);
	cli_error("%s%s; see: postern %.*s --help", word, what, STR_ARG(verb));
	return -1;
}

/* Sets the option in argv[*i]; takes the next word as its value where it needs one. */
static int set_option(const struct cli_command *c, int argc, char **argv, int *i)
{
	const char *value;
	const struct cli_option *o = find_option(c, argv[*i], &value);
	if (!o)
		return usage_error(c, ": no such option", argv[*i]);
	if (o->flag) {
		if (value)
			return usage_error(c, ": takes no value", argv[*i]);
		*o->flag = true;
		return 0;
	}
	if (!value && *i + 1 >= argc)
		return usage_error(c, ": a value is missing", argv[*i]);
	value = value ? value : argv[++*i];
	if (o->value)
		*o->value = value;
	else if (o->values->n == CLI_VALUES_MAX)
		return usage_error(c, ": given too often", argv[*i]);
	else
		o->values->v[o->values->n++] = value;
	return 0;
}

/* "disable|enable" has both. */
static bool has_word(str words, const char *action)
{
	str word;
	for (bool more = true; more;) {
		more = str_cut(words, '|', &word, &words);
		if (str_equal(word, str_from_z(action)))
			return true;
	}
	return false;
}

/* The line of the usage that is about this action. */
static str usage_of(const struct cli_command *c, const char *action)
{
	str line, verb, words, rest = str_from_z(c->usage);
	for (bool more = true; more;) {
		more = str_cut(rest, '\n', &line, &rest);
		str_cut(line, ' ', &verb, &words);
		str_cut(words, ' ', &words, &verb);
		if (has_word(words, action))
			return line;
	}
	return line;
}

static int name_actions(const struct cli_command *c, const char *word)
{
	str verb = verb_of(c);
	struct buf names = BUF_INIT(256);
	for (size_t i = 0; i < c->action_count; i++)
		buf_printf(&names, "%s%s", i ? ", " : "", c->actions[i].name);
	cli_error("%.*s%s%s: write one of %.*s", STR_ARG(verb), *word ? " " : "", word,
		STR_ARG(buf_str(&names)));
	buf_done(&names);
	return EXIT_FAILED;
}

static int too_few(const struct cli_command *c)
{
	str usage, rest;
	str_cut(str_from_z(c->usage), '\n', &usage, &rest);
	if (c->action_count)
		name_actions(c, "");
	else
		cli_error("something is missing; usage: postern %.*s", STR_ARG(usage));
	return -1;
}

int cli_parse(const struct cli_command *c, int argc, char **argv, int *out_exit)
{
	int words = 0;
	bool options = true;
	*out_exit = EXIT_FAILED;
	for (int i = 1; i < argc; i++) {
		char *word = argv[i];
		if (options && strcmp(word, "--") == 0) {
			options = false;
		} else if (options && (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)) {
			print_help(c);
			*out_exit = EXIT_DONE;
			return -1;
		} else if (options && word[0] == '-' && word[1]) {
			if (set_option(c, argc, argv, &i))
				return -1;
		} else {
			argv[words++] = word;
		}
	}
	if (words < c->least)
		return too_few(c);
	if (c->most >= 0 && words > c->most)
		return usage_error(c, ": one word too many", argv[c->most]);
	return words;
}

int cli_act(const struct cli_command *c, void *context, int argc, char **argv)
{
	str verb = verb_of(c);
	for (size_t i = 0; i < c->action_count; i++) {
		const struct cli_action *a = &c->actions[i];
		if (strcmp(a->name, argv[0]) != 0)
			continue;
		if (argc - 1 < a->least || (a->most >= 0 && argc - 1 > a->most))
			return cli_error("%.*s %s: too %s words; usage: postern %.*s",
				STR_ARG(verb), a->name, argc - 1 < a->least ? "few" : "many",
				STR_ARG(usage_of(c, a->name)));
		return a->run(context, argc - 1, argv + 1);
	}
	return name_actions(c, argv[0]);
}

/* NULL: there is none. */
static const char *find_config(const char *given)
{
	static const char *const places[] = { "./postern.conf", "/etc/postern/postern.conf" };
	const char *environment = getenv("POSTERN_CONFIG");
	if (given)
		return given;
	if (environment && *environment)
		return environment;
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (access(places[i], F_OK) == 0)
			return places[i];
	return NULL;
}

const char *cli_config_path(const char *given)
{
	const char *path = find_config(given);
	if (!path)
		cli_error("there is no postern.conf here nor in /etc/postern; name one with "
			  "-c FILE, or make one: postern init --dir DIR --domain DOMAIN");
	return path;
}

static const struct config *load(const char *path)
{
	struct err err;
	const struct config *config = config_load(path, &err);
	if (!config)
		cli_err(&err);
	return config;
}

const struct config *cli_config(const char *given)
{
	const char *path = cli_config_path(given);
	return path ? load(path) : NULL;
}

const struct config *cli_config_or_defaults(const char *given)
{
	struct err err;
	const char *path = find_config(given);
	if (path)
		return load(path);
	const struct config *config =
		config_parse(STR("hostname = \"localhost\";"), STR("defaults"), STR("/"), &err);
	ASSERT(config);
	return config;
}

void cli_config_unref(const struct config **config)
{
	config_unref(*config);
}

bool cli_duration(const char *text, int64_t *out_seconds)
{
	static const struct {
		char unit;
		int64_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 }, { 'w', 604800 } };
	str s = str_from_z(text);
	uint64_t value;
	for (size_t i = 0; s.n && i < ARRAY_LEN(units); i++) {
		if (s.p[s.n - 1] != units[i].unit ||
			!str_to_u64(str_first(s, s.n - 1), 1000000, &value))
			continue;
		*out_seconds = (int64_t)value * units[i].seconds;
		return true;
	}
	return false;
}

void cli_json_string(struct buf *out, str s)
{
	buf_add_char(out, '"');
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c == '"' || c == '\\')
			buf_printf(out, "\\%c", c);
		else if (c < ' ' || c == 127)
			buf_printf(out, "\\u%04x", c);
		else
			buf_add_char(out, (char)c);
	}
	buf_add_char(out, '"');
}

int cli_print(const struct buf *out)
{
	bool whole = fwrite(buf_str(out).p, 1, out->n, stdout) == out->n && fflush(stdout) == 0;
	if (out->overflowed)
		return cli_error("the list is too long to be printed");
	return whole ? EXIT_DONE : cli_error("cannot write: %s", strerrordesc_np(errno));
}
