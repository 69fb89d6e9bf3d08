/*
 * dkim_key.c: postern dkim-key: makes the key that seals (arc.key), and prints what the DNS has to
 * say about it.
 */
#include "main/cli.h"
#include "main/main.h"
#include "mailauth/dkim_sign.h"
#include "supervisor/seal_key.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RSA_BITS = 2048, RECORD_MAX = 4096, STRING_MAX = 255 };

/* The directory of the file, where only that is missing. */
static void make_directory(str path)
{
	ptrdiff_t slash = str_find_last_char(path, '/');
	char *directory = str_dup_z(str_first(path, slash > 0 ? (size_t)slash : 0));
	(void)!mkdir(directory, 0700);
	free(directory);
}

static int write_key(const char *path, EVP_PKEY *pkey)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
	if (!f)
		return cli_error("cannot make %s: %s", path, strerrordesc_np(errno));
	bool written = PEM_write_PrivateKey(f, pkey, NULL, NULL, 0, NULL, NULL) == 1 &&
		       fflush(f) == 0 && fsync(fd) == 0;
	fclose(f);
	return written ? EXIT_DONE : cli_error("cannot write %s", path);
}

static int make(const struct config *config, const char *kind)
{
	bool rsa = strcmp(kind, "rsa") == 0;
	if (!rsa && strcmp(kind, "ed25519") != 0)
		return cli_error("\"%s\" is no kind of key: rsa, ed25519", kind);
	EVP_PKEY *pkey = rsa ? EVP_RSA_gen(RSA_BITS) : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	if (!pkey)
		return cli_error("no key could be made");
	make_directory(config->arc.key);
	int status = write_key(config->arc.key.p, pkey);
	EVP_PKEY_free(pkey);
	return status;
}

/* As a zone file has it: in strings of at most 255 characters. */
static void put_record(const struct config *config, str record, struct buf *out)
{
	str domain = config->arc.domain.n ? config->arc.domain : config->hostname;
	buf_printf(out, "%.*s._domainkey.%.*s. IN TXT (", STR_ARG(config->arc.selector),
		STR_ARG(domain));
	for (; record.n; record = str_skip(record, STRING_MAX))
		buf_printf(out, " \"%.*s\"", STR_ARG(str_first(record, STRING_MAX)));
	buf_add(out, STR(" )\n"));
}

static int show(const struct config *config)
{
	struct buf pem CLEANUP(pem_wipe) = BUF_INIT(PEM_MAX);
	struct buf record CLEANUP(buf_done) = BUF_INIT(RECORD_MAX);
	struct buf out CLEANUP(buf_done) = BUF_INIT(2 * RECORD_MAX);
	struct err err = { "" };
	int rc = pem_read(config->arc.key, &pem, &err);
	if (rc == -ENOENT)
		return cli_error("%s; to make one: postern dkim-key --make rsa", err.text);
	if (rc < 0)
		return cli_err(&err);
	struct dkim_private_key *key = dkim_private_key_parse(buf_str(&pem), &err);
	if (!key)
		return cli_error("%s: %s", config->arc.key.p, err.text);
	dkim_private_key_record(key, &record);
	dkim_private_key_free(key);
	put_record(config, buf_str(&record), &out);
	return cli_print(&out);
}

int main_dkim_key(int argc, char **argv)
{
	const char *given = NULL, *kind = NULL;
	const struct cli_option options[] = {
		CLI_CONFIG_OPTION(given),
		{ "make", '\0', "KIND", "make the key: rsa (2048 bits), or ed25519", &kind, NULL },
	};
	const struct cli_command command = {
		.usage = "dkim-key [-c FILE] [--make rsa|ed25519]",
		.help = "Prints the record that the DNS must have for the key that seals "
			"(arc.key), as a "
			"line\n"
			"for a zone file. --make makes the key before; one that is there stays.",
		.options = options,
		.option_count = ARRAY_LEN(options),
	};
	int status;
	if (cli_parse(&command, argc, argv, &status) < 0)
		return status;
	const struct config *config CLEANUP(cli_config_unref) = cli_config(given);
	if (!config)
		return EXIT_FAILED;
	status = kind ? make(config, kind) : EXIT_DONE;
	return status == EXIT_DONE ? show(config) : status;
}
