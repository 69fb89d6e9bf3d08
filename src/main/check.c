/*
 * check.c: postern check: what can be known about a configuration without serving it. Errors keep
 * the server from working; warnings do not.
 */
#include "base/clock.h"
#include "main/certificate.h"
#include "main/cli.h"
#include "main/lint.h"
#include "main/main.h"
#include "resolver/resolver.h"
#include "store/directory_store.h"
#include "supervisor/seal_key.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

struct check {
	const struct config *config;
	const char *path;
	bool json, strict;
	struct buf out;
	unsigned errors, warnings;
};

static void add_finding(struct check *c, bool is_error, unsigned line, str text)
{
	const char *level = is_error ? "error" : "warning";
	unsigned before = c->errors + c->warnings;
	c->errors += is_error;
	c->warnings += !is_error;
	if (!c->json) {
		buf_printf(&c->out, "%s%.*s\n", is_error ? "" : "warning: ", STR_ARG(text));
		return;
	}
	buf_printf(&c->out, "%s{\"level\":\"%s\",\"text\":", before ? ",\n " : "", level);
	cli_json_string(&c->out, text);
	if (line)
		buf_printf(&c->out, ",\"line\":%u", line);
	buf_add_char(&c->out, '}');
}

static void finding(struct check *c, bool is_error, const char *format, ...) PRINTF(3, 4);

static void finding(struct check *c, bool is_error, const char *format, ...)
{
	struct buf text = BUF_INIT(8192);
	va_list args;
	buf_printf(&text, "%s: ", c->path);
	va_start(args, format);
	buf_vprintf(&text, format, args);
	va_end(args);
	add_finding(c, is_error, 0, buf_str(&text));
	buf_done(&text);
}

static void check_one_directory(struct check *c, const char *path)
{
	struct stat st;
	if (stat(path, &st))
		finding(c, true, "%s: %s; postern init makes it", path, strerrordesc_np(errno));
	else if (!S_ISDIR(st.st_mode))
		finding(c, true, "%s is not a directory", path);
	else if (access(path, R_OK | W_OK | X_OK))
		finding(c, true, "%s cannot be written by this user", path);
	else if (st.st_mode & 06)
		finding(c, false, "%s is open to every user of this machine: chmod o-rw %s", path,
			path);
}

static void check_directories(struct check *c)
{
	static const char *const names[] = { "accounts", "spool" };
	check_one_directory(c, c->config->data_dir.p);
	for (size_t i = 0; i < ARRAY_LEN(names) && !c->errors; i++) {
		char path[PATH_MAX];
		if (snprintf(path, sizeof path, "%s/%s", c->config->data_dir.p, names[i]) <
			PATH_MAX)
			check_one_directory(c, path);
	}
}

static void check_store(struct check *c)
{
	struct directory_store *store;
	struct directory_account *accounts;
	struct arena arena = ARENA_INIT(1024 * 1024 * 1024);
	size_t n;
	struct err err;
	int r = directory_store_open(c->config->data_dir.p, false, &store, &err);
	if (r) {
		finding(c, true, "%s",
			r == -ENOENT ? "there is no directory.db; postern init makes it"
				     : err.text);
		return;
	}
	if (directory_account_list(store, STR_EMPTY, &arena, &accounts, &n, &err))
		finding(c, true, "%s", err.text);
	else if (n == 0)
		finding(c, false, "there is no account yet: postern account add ADDRESS");
	arena_done(&arena);
	directory_store_close(store);
}

static void check_dates(struct check *c, const struct certificate_facts *facts)
{
	int64_t now = clock_wall() / NSEC_PER_SEC, days = (facts->not_after - now) / 86400;
	const char *path = c->config->tls.certificate.p;
	if (facts->not_after < now)
		finding(c, true, "tls.certificate: %s has expired", path);
	else if (facts->not_before > now)
		finding(c, true, "tls.certificate: %s is not valid yet", path);
	else if (days < 14)
		finding(c, false, "tls.certificate: %s expires in %d days", path, (int)days);
}

static void check_certificate(struct check *c)
{
	const struct config *config = c->config;
	struct certificate_facts facts;
	struct err err;
	struct stat st;
	if (certificate_look(config->tls.certificate.p, config->tls.key.p, config->hostname.p,
		    &facts, &err)) {
		finding(c, true, "tls: %s", err.text);
		return;
	}
	if (!facts.key_matches)
		finding(c, true, "tls: the key %s is not that of the certificate %s",
			config->tls.key.p, config->tls.certificate.p);
	if (!facts.names_host)
		finding(c, false, "tls.certificate: %s does not name %s", config->tls.certificate.p,
			config->hostname.p);
	if (stat(config->tls.key.p, &st) == 0 && st.st_mode & 077)
		finding(c, false, "tls.key: %s can be read by others: chmod 600 %s",
			config->tls.key.p, config->tls.key.p);
	check_dates(c, &facts);
}

/* Whether the address could be bound now: a taken or forbidden port is told, and no more, since the
 * server may be running, or be given its sockets. */
static void check_endpoint(struct check *c, const char *key, const struct endpoint *e)
{
	int family = e->address.any.sa_family, on = 1;
	if (family == AF_UNIX)
		return;
	CLEANUP(close_fd) int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		finding(c, false, "%s: %.*s: %s", key, STR_ARG(e->text), strerrordesc_np(errno));
		return;
	}
	int v6_only = e->v6_only;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof v6_only);
	if (bind(fd, &e->address.any, e->size) == 0)
		return;
	const char *advice = errno == EACCES ? "; start as root or from the service manager"
			     : errno == EADDRINUSE
				     ? "; it is served already, by this or another server"
				     : "";
	finding(c, false, "%s: %.*s: %s%s", key, STR_ARG(e->text), strerrordesc_np(errno), advice);
}

static void check_endpoints(struct check *c, const char *key, const struct endpoints *list)
{
	for (size_t i = 0; i < list->n; i++)
		check_endpoint(c, key, &list->items[i]);
}

/* Who can pretend to be any client, as far as the lists say so, is nobody far away. */
static void check_trust(struct check *c, const char *key, const struct ip_networks *list)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct ip_network *n = &list->items[i];
		bool v4 = ip_is_v4(&n->base) && n->bits >= 96;
		if (n->bits < (v4 ? 96 + 8 : 16))
			finding(c, false,
				"%s: a large part of the Internet may say that it is another "
				"client, and pass every check of who that is",
				key);
	}
}

static void check_exposure(struct check *c)
{
	const struct config *config = c->config;
	for (size_t i = 0; i < config->imap.plaintext_login_from.n; i++) {
		const struct ip_network *n = &config->imap.plaintext_login_from.items[i];
		bool loopback = ip_is_loopback(&n->base) && n->bits >= 104;
		if (!loopback)
			finding(c, false,
				"imap.plaintext_login_from: passwords from beyond this machine "
				"can be read on their way");
	}
	check_trust(c, "smtp.xclient_from", &config->smtp.xclient_from);
	check_trust(c, "smtp.proxy_from", &config->smtp.proxy_from);
	for (size_t i = 0; i < config->lmtp.listen.n; i++)
		if (!endpoint_is_local(&config->lmtp.listen.items[i]))
			finding(c, false,
				"lmtp.listen: %.*s takes mail from anybody who reaches it",
				STR_ARG(config->lmtp.listen.items[i].text));
	if (config->smtp.listen.n + config->lmtp.listen.n == 0)
		finding(c, false, "no mail can come in: smtp.listen and lmtp.listen are empty");
}

/* ── What it hardly means ─────────────────────────────────────────────────────────────────── */

static void add_lint(void *arg, unsigned line, str text)
{
	struct check *c = arg;
	struct buf whole CLEANUP(buf_done) = BUF_INIT(32 * 1024);
	buf_printf(&whole, "%s:", c->path);
	if (line)
		buf_printf(&whole, "%u:", line);
	buf_printf(&whole, " %.*s", STR_ARG(text));
	add_finding(c, false, line, buf_str(&whole));
}

/* What was counted tells which lists are good for nothing; where it cannot be read, nothing does.
 */
static void check_counts(struct check *c)
{
	struct stats_findings all;
	struct err err;
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(16 * 1024 * 1024);
	int64_t today = clock_wall() / NSEC_PER_SEC / 86400;
	if (stats_findings_read(c->config, today - LINT_DAYS + 1, &arena, &all, &err) == 0)
		lint_counts(c->config, &all, add_lint, c);
}

static void check_rules(struct check *c)
{
	lint_config(c->config, add_lint, c);
	if (c->config->filter.lists.n)
		check_counts(c);
}

static void check_seal_key(struct check *c)
{
	struct buf pem;
	struct err err;
	if (seal_key_load(c->config, &pem, &err) < 0)
		add_finding(c, true, config_line(c->config, STR_EMPTY, "arc.key"),
			str_from_z(err.text));
	else if (pem.n && seal_key_is_open(c->config))
		finding(c, false, "arc.key: %s can be read by others: chmod 600 %s",
			c->config->arc.key.p, c->config->arc.key.p);
	pem_wipe(&pem);
}

/* What libunbound would not take. It asks nothing. */
static void check_resolver(struct check *c)
{
	struct log_sink sink = { .fd = -1 };
	struct log log = { .sink = &sink };
	struct loop *loop = loop_new(&log);
	struct err err;
	struct resolver *r = resolver_new(loop, &log, c->config, &err);
	if (!r)
		finding(c, true, "%s", err.text);
	resolver_free(r);
	loop_finish(loop);
	loop_free(loop);
}

static void check_all(struct check *c)
{
	check_directories(c);
	if (!c->errors)
		check_store(c);
	check_certificate(c);
	check_seal_key(c);
	check_exposure(c);
	check_resolver(c);
	check_rules(c);
	check_endpoints(c, "smtp.listen", &c->config->smtp.listen);
	check_endpoints(c, "lmtp.listen", &c->config->lmtp.listen);
	check_endpoints(c, "imap.listen", &c->config->imap.listen);
	check_endpoints(c, "imap.listen_tls", &c->config->imap.listen_tls);
}

/* The configuration's own errors are findings like the others. */
static void load(struct check *c)
{
	struct buf problems = BUF_INIT(64 * 1024);
	c->config = config_load_all(c->path, &problems);
	str rest = buf_str(&problems), line;
	while (!c->config && rest.n) {
		str_cut(rest, '\n', &line, &rest);
		add_finding(c, true, 0, line);
	}
	buf_done(&problems);
}

static int run(struct check *c)
{
	buf_printf(&c->out, c->json ? "[" : "");
	load(c);
	if (c->config)
		check_all(c);
	if (c->json)
		buf_printf(&c->out, "]\n");
	else if (!c->errors)
		buf_printf(&c->out, "%s: good%s\n", c->path,
			c->warnings ? ", but for the warnings" : "");
	int status = cli_print(&c->out);
	config_unref(c->config);
	unsigned bad = c->errors + (c->strict ? c->warnings : 0);
	return status == EXIT_DONE && bad ? EXIT_NO : status;
}

static int print_document(void (*write)(struct buf *out))
{
	struct buf text = BUF_INIT(1024 * 1024);
	write(&text);
	int status = cli_print(&text);
	buf_done(&text);
	return status;
}

int main_check(int argc, char **argv)
{
	const char *given = NULL;
	bool json = false, strict = false, defaults = false, manual = false;
	const struct cli_option options[] = {
		CLI_CONFIG_OPTION(given),
		CLI_JSON_OPTION(json),
		{ "strict", '\0', NULL, "let warnings count as errors do", NULL, &strict },
		{ "defaults", '\0', NULL, "print a configuration with every key and its default",
			NULL, &defaults },
		{ "manual", '\0', NULL, "print the manual page postern.conf(5)", NULL, &manual },
	};
	const struct cli_command command = {
		.usage = "check [-c FILE] [--json] [--strict]\ncheck --defaults | --manual",
		.help = "Tells whether the configuration is right and what it names is usable. The "
			"exit\n"
			"status is 0 when it is, also with warnings (but for --strict), and 1 when "
			"not.",
		.options = options,
		.option_count = ARRAY_LEN(options),
	};
	int status;
	if (cli_parse(&command, argc, argv, &status) < 0)
		return status;
	if (defaults || manual)
		return print_document(defaults ? config_write_sample : config_write_manual);
	struct check c = { .json = json, .strict = strict, .out = BUF_INIT(1024 * 1024) };
	c.path = cli_config_path(given);
	status = c.path ? run(&c) : EXIT_FAILED;
	buf_done(&c.out);
	return status;
}
