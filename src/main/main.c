/*
 * main.c: the table of verbs. To add one: a file main/VERB.c, a prototype in main.h, a line here.
 */
#include "main/main.h"

#include "main/cli.h"
#include "main/message.h"

#include <stdio.h>

struct verb {
	const char *name;
	const char *help; /* NULL: not for people */
	int (*run)(int argc, char **argv);
};

static int main_help(int argc, char **argv);
static int main_version(int argc, char **argv);

static const struct verb verbs[] = {
	{ "init", "write a working configuration, a certificate and a first account", main_init },
	{ "check", "tell whether the configuration is right", main_check },
	{ "serve", "run the server", main_serve },
	{ "domain", "domains that mail is taken for: add, list, remove, catch-all", main_domain },
	{ "account", "people: add, list, remove, passwd, enable, disable, set, show",
		main_account },
	{ "alias", "addresses that stand for others: add, list, remove", main_alias },
	{ "block", "mail that is refused, by IP, sender or domain: add, list, remove", main_block },
	{ "allow", "mail that is taken all the same: add, list, remove", main_allow },
	{ "auth", "what SPF, DKIM, ARC and DMARC say about a message", main_auth },
	{ "scan", "judge messages in files, directories, mboxes, as the server would", main_scan },
	{ "dns", "ask the DNS as the server would: lookup", main_dns },
	{ "dkim-key", "make the key that seals mail, and print its record for the DNS",
		main_dkim_key },
	{ "verify", "check that everything stored is whole", main_verify },
	{ "why", "tell what was decided about a message, and why", main_why },
	{ "stats", "show how the server does, and how often each finding is made", main_stats },
	{ "quarantine", "messages that were kept aside: list, show, release, remove",
		main_quarantine },
	{ "message", "show what the mail parser makes of a file", main_message },
	{ "role", NULL, main_role },
	{ "version", "print the version", main_version },
	{ "help", "print this, or what is to be known about a verb", main_help },
};

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

static int unknown_verb(const char *name)
{
	struct buf names = BUF_INIT(1024);
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (verbs[i].help)
			buf_printf(&names, "%s%s", names.n ? ", " : "", verbs[i].name);
	if (name[0] == '-')
		cli_error("%s: the verb comes first, as in: postern check -c FILE", name);
	else
		cli_error("\"%s\" is nothing that postern does; it knows: %.*s", name,
			STR_ARG(buf_str(&names)));
	buf_done(&names);
	return EXIT_FAILED;
}

static int main_help(int argc, char **argv)
{
	const struct verb *verb = argc > 1 ? find_verb(argv[1]) : NULL;
	if (argc > 1 && !verb)
		return unknown_verb(argv[1]);
	if (verb && verb->run != main_help && verb->run != main_version) {
		char help[] = "--help";
		char *words[] = { argv[1], help, NULL };
		return verb->run(2, words);
	}
	printf("Postern, a mail server.\n\nusage: postern VERB [OPTION…] [ARGUMENT…]\n\n");
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (verbs[i].help)
			printf("  %-10s %s\n", verbs[i].name, verbs[i].help);
	printf("\nOf each verb: postern VERB --help. The manual: postern(1), postern.conf(5).\n"
	       "Exit status: 0 done; 1 something is not as it should be; 2 could not be done.\n");
	return EXIT_DONE;
}

static int main_version(int argc, char **argv)
{
	printf("postern %s\n", POSTERN_VERSION);
	return EXIT_DONE;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		main_help(1, argv);
		return EXIT_FAILED;
	}
	const char *name = argv[1];
	if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
		name = "version";
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
		name = "help";
	const struct verb *verb = find_verb(name);
	int status = verb ? verb->run(argc - 1, argv + 1) : unknown_verb(name);
	/* Whoever reads it must not take half of it for all. */
	bool written = !ferror(stdout) && fflush(stdout) == 0;
	return written || status == EXIT_FAILED ? status : cli_error("cannot write what was found");
}
