/*
 * init.c: postern init: from nothing to a server that works. The configuration is written last, so
 * that where it is there, all the rest is.
 */
#include "base/clock.h"
#include "directory/login.h"
#include "directory/domain.h"
#include "main/certificate.h"
#include "main/cli.h"
#include "main/main.h"
#include "main/secret.h"
#include "store/directory_store.h"
#include "supervisor/users.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct init {
	/* As given. */
	const char *dir, *domain_text, *account_text, *hostname_text;
	const char *smtp, *imap, *imaps;
	bool local, from_stdin;
	/* As meant. */
	struct arena arena;
	str domain, account, hostname;
	char path[PATH_MAX], data[PATH_MAX], tls[PATH_MAX];
	const struct config *config; /* owned */
};

static int path_under(char out[static PATH_MAX], const char *dir, const char *name)
{
	if (snprintf(out, PATH_MAX, "%s/%s", dir, name) >= PATH_MAX)
		return cli_error("%s: the path is too long", dir);
	return EXIT_DONE;
}

static int resolve_account(struct init *in)
{
	const char *given = in->account_text ? in->account_text : "postmaster";
	str local, address = str_from_z(given);
	char domain[DOMAIN_TEXT_SIZE];
	if (str_find_char(address, '@') < 0)
		address = arena_printf(&in->arena, "%s@%.*s", given, STR_ARG(in->domain));
	if (!mailbox_split(address, &in->arena, &local, domain))
		return cli_error("\"%s\" is not an address, as alice@example.org", given);
	if (!str_equal(str_from_z(domain), in->domain))
		return cli_error("%s is not in the domain %.*s", given, STR_ARG(in->domain));
	in->account = mailbox_text(local, in->domain, &in->arena);
	return EXIT_DONE;
}

static int resolve_names(struct init *in)
{
	char domain[DOMAIN_TEXT_SIZE], hostname[DOMAIN_TEXT_SIZE];
	if (!in->dir || !in->domain_text)
		return cli_error(
			"init needs --dir DIR and --domain DOMAIN; see: postern init --help");
	if (!domain_normalize(str_from_z(in->domain_text), domain))
		return cli_error("\"%s\" is not a domain, as example.org", in->domain_text);
	in->domain = arena_str(&in->arena, str_from_z(domain));
	const char *host = in->hostname_text ? in->hostname_text
					     : arena_printf(&in->arena, "mail.%s", domain).p;
	if (!domain_normalize(str_from_z(host), hostname))
		return cli_error("\"%s\" is not the name of a host, as mx1.example.org", host);
	in->hostname = arena_str(&in->arena, str_from_z(hostname));
	if (path_under(in->path, in->dir, "postern.conf") ||
		path_under(in->data, in->dir, "data") || path_under(in->tls, in->data, "tls"))
		return EXIT_FAILED;
	return resolve_account(in);
}

/* ---- the configuration ---- */

static void write_head(const struct init *in, struct buf *out)
{
	buf_printf(out,
		"# Postern. Every key and its default: postern.conf(5), or postern check "
		"--defaults.\n"
		"# Whether this file is right: postern check -c %s\n"
		"# A running server takes changes on SIGHUP.\n"
		"\n"
		"# The full name of this server. It should resolve to its address, and back.\n"
		"hostname = \"%s\";\n"
		"\n"
		"# Where everything is kept; relative to this file.\n"
		"data_dir = \"data\";\n",
		in->path, in->hostname.p);
}

static void write_services(str smtp, str imap, str imaps, struct buf *out)
{
	buf_printf(out,
		"\n"
		"# Mail from other servers.\n"
		"smtp: {\n"
		"\tlisten = [ %.*s ];\n"
		"\tmax_message_size = \"50M\";\n"
		"};\n"
		"\n"
		"# Reading mail: IMAP with STARTTLS, and with TLS from the first byte.\n"
		"imap: {\n"
		"\tlisten = [ %.*s ];\n"
		"\tlisten_tls = [ %.*s ];\n"
		"};\n"
		"\n"
		"# Self-signed; put a real one here, and send SIGHUP. Relative to data_dir.\n"
		"tls: {\n"
		"\tcertificate = \"tls/cert.pem\";\n"
		"\tkey = \"tls/key.pem\";\n"
		"};\n",
		STR_ARG(smtp), STR_ARG(imap), STR_ARG(imaps));
}

/* A comma-separated list of listen addresses, as a list of the configuration. */
static str listen_list(struct init *in, const char *given, const char *local, const char *usual)
{
	str rest = str_from_z(given ? given : in->local ? local : usual), item;
	str list = STR_EMPTY;
	while (rest.n) {
		str_cut(rest, ',', &item, &rest);
		list = arena_printf(&in->arena, "%.*s%s\"%.*s\"", STR_ARG(list), list.n ? ", " : "",
			STR_ARG(str_trim(item)));
	}
	return list;
}

/* The text, checked as the server will check it. */
static int config_text(struct init *in, struct buf *out)
{
	str smtp = listen_list(in, in->smtp, "127.0.0.1:2525", "[::]:25");
	str imap = listen_list(in, in->imap, "127.0.0.1:2143", "[::]:143");
	str imaps = listen_list(in, in->imaps, "127.0.0.1:2993", "[::]:993");
	write_head(in, out);
	write_services(smtp, imap, imaps, out);
	/* As the server will see it once the file is there. */
	char base[PATH_MAX];
	struct err err;
	if (!realpath(in->dir, base))
		return cli_error("%s: %s", in->dir, strerrordesc_np(errno));
	in->config = config_parse(buf_str(out), str_from_z(in->path), str_from_z(base), &err);
	return in->config ? EXIT_DONE : cli_err(&err);
}

static int write_config(struct init *in, const struct buf *text)
{
	CLEANUP(close_fd)
	int fd = open(in->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, text->p, text->n) != (ssize_t)text->n || fsync(fd))
		return cli_error("cannot write %s: %s", in->path, strerrordesc_np(errno));
	return EXIT_DONE;
}

/* ---- the data ---- */

static int make_directory(struct init *in, const char *password, struct err *err)
{
	struct directory_store *store;
	uint64_t id;
	int64_t now = clock_wall() / NSEC_PER_SEC;
	int r = directory_store_open(in->data, true, &store, err);
	if (r)
		return r;
	str postmaster = arena_printf(&in->arena, "postmaster@%.*s", STR_ARG(in->domain));
	r = directory_domain_add(store, in->domain, STR_EMPTY, now, err);
	if (r == 0)
		r = directory_account_add(store, in->account, now, &id, err);
	if (r == 0)
		r = login_set_password(store, id, str_from_z(password), now, err);
	if (r == 0 && !str_equal_nocase(in->account, postmaster))
		r = directory_alias_add(store, postmaster, &in->account, 1, err);
	directory_store_close(store);
	return r;
}

static int make_certificate(struct init *in, struct err *err)
{
	str names[] = { in->hostname, in->domain, STR("localhost"), STR("127.0.0.1"), STR("::1") };
	return certificate_make(in->config->tls.certificate.p, in->config->tls.key.p, names,
		in->local ? ARRAY_LEN(names) : 1, err);
}

static int make_data(struct init *in, const char *password)
{
	struct err err;
	struct login_secret secret;
	if (mkdir(in->data, 0700) || mkdir(in->tls, 0700))
		return cli_error("cannot make %s: %s", in->data, strerrordesc_np(errno));
	int r = make_certificate(in, &err);
	if (r == 0)
		r = make_directory(in, password, &err);
	if (r == 0)
		r = login_secret_load(in->data, &secret, &err);
	if (r == 0)
		r = data_dir_prepare(in->config, &err);
	if (r == 0)
		return EXIT_DONE;
	cli_err(&err);
	return cli_error("%s is left unfinished; remove it before you try again", in->data);
}

/* The directory, if it is not there; and nothing of ours in it. */
static int make_place(const struct init *in)
{
	const char *const paths[] = { in->path, in->data };
	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		if (access(paths[i], F_OK) == 0)
			return cli_error("%s is there already; nothing was changed", paths[i]);
	if (mkdir(in->dir, 0755) && errno != EEXIST)
		return cli_error("cannot make %s: %s", in->dir, strerrordesc_np(errno));
	return EXIT_DONE;
}

/* ---- the verb ---- */

static void print_next_steps(const struct init *in)
{
	printf("\nNext:\n  postern check -c %s\n  postern serve -c %s\n", in->path, in->path);
	if (in->local)
		return;
	printf("and, for mail from elsewhere:\n"
	       "  in the DNS, %s MX 10 %s, with an address that resolves back\n"
	       "  a certificate for %s in place of the self-signed one\n",
		in->domain.p, in->hostname.p, in->hostname.p);
}

static int run(struct init *in)
{
	struct secret secret;
	struct buf text = BUF_INIT(65536);
	int status = resolve_names(in);
	if (status == EXIT_DONE)
		status = make_place(in);
	if (status == EXIT_DONE)
		status = config_text(in, &text);
	if (status == EXIT_DONE)
		status = secret_get(
			in->from_stdin ? SECRET_STDIN : SECRET_ASK, in->account.p, &secret);
	if (status == EXIT_DONE) {
		status = make_data(in, secret.text);
		if (status == EXIT_DONE)
			status = write_config(in, &text);
		if (status == EXIT_DONE)
			printf("%s written\naccount: %s\n", in->path, in->account.p);
		secret.generated &= status == EXIT_DONE;
		secret_show_and_wipe(&secret);
		if (status == EXIT_DONE)
			print_next_steps(in);
	}
	buf_done(&text);
	return status;
}

int main_init(int argc, char **argv)
{
	struct init in = { .arena = ARENA_INIT(1024 * 1024) };
	const struct cli_option options[] = {
		{ "dir", '\0', "DIR", "where to: DIR/postern.conf and DIR/data", &in.dir, NULL },
		{ "domain", '\0', "DOMAIN", "the domain to take mail for", &in.domain_text, NULL },
		{ "account", '\0', "ADDRESS", "the first account (else postmaster@DOMAIN)",
			&in.account_text, NULL },
		{ "hostname", '\0', "NAME", "the name of this server (else mail.DOMAIN)",
			&in.hostname_text, NULL },
		{ "password-stdin", '\0', NULL, "take the password from standard input, one line",
			NULL, &in.from_stdin },
		{ "local", '\0', NULL, "to try it out: listen on 127.0.0.1, ports 2525, 2143, 2993",
			NULL, &in.local },
		{ "smtp", '\0', "ADDRESSES", "listen here, as [::]:25 (comma-separated)", &in.smtp,
			NULL },
		{ "imap", '\0', "ADDRESSES", "the same for IMAP with STARTTLS", &in.imap, NULL },
		{ "imaps", '\0', "ADDRESSES", "the same for IMAP over TLS", &in.imaps, NULL },
	};
	const struct cli_command command = {
		.usage = "init --dir DIR --domain DOMAIN [--account ADDRESS] [OPTION…]",
		.help = "Writes a working configuration, a self-signed certificate and a first "
			"account.\n"
			"Nothing that is there is overwritten.",
		.options = options,
		.option_count = ARRAY_LEN(options),
	};
	int status;
	if (cli_parse(&command, argc, argv, &status) >= 0)
		status = run(&in);
	config_unref(in.config);
	arena_done(&in.arena);
	return status;
}
