/*
 * auth.c: postern auth: SPF, DKIM, ARC, DMARC and reverse DNS of a message, with every step.
 */
#include "main/auth.h"

#include "mail/header.h"
#include "main/cli.h"
#include "main/main.h"
#include "mailauth/dns_system.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

enum { MESSAGE_MAX = 1 << 30, READ_SIZE = 256 * 1024, OUTPUT_MAX = 256 * 1024 * 1024 };

struct options {
	const char *ip, *helo, *from, *dns, *config;
	bool json, list;
};

/* Counts questions on the way to the resolver. */
struct counted {
	struct dns dns;
	const struct dns *inner;
	unsigned questions;
};

static void counted_lookup(
	void *context, enum dns_type type, str name, struct arena *a, struct dns_answer *out)
{
	struct counted *c = context;
	c->questions++;
	dns_lookup(c->inner, type, name, a, out);
}

static int64_t counted_now(void *context)
{
	const struct counted *c = context;
	return c->inner->now(c->inner->context);
}

static void counted_init(struct counted *c, const struct dns *inner)
{
	*c = (struct counted){ .inner = inner };
	c->dns = (struct dns){
		.lookup = counted_lookup, .now = inner->now ? counted_now : NULL, .context = c
	};
}

static int read_all(const char *path, struct buf *out)
{
	bool standard = strcmp(path, "-") == 0;
	int opened CLEANUP(close_fd) = standard ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	int fd = standard ? STDIN_FILENO : opened;
	if (fd < 0)
		return cli_error("cannot read %s: %s", path, strerrordesc_np(errno));
	for (;;) {
		char *room = buf_reserve(out, READ_SIZE);
		if (!room)
			return cli_error("%s is too large: more than %d bytes", path, MESSAGE_MAX);
		ssize_t n = read(fd, room, READ_SIZE);
		if (n < 0 && errno != EINTR)
			return cli_error("cannot read %s: %s", path, strerrordesc_np(errno));
		if (n == 0)
			return EXIT_DONE;
		out->n += n > 0 ? (size_t)n : 0;
	}
}

/* Without the "From " line of an mbox. */
static str without_from_line(str message)
{
	if (!str_starts(message, STR("From ")))
		return message;
	str line;
	(void)str_cut(message, '\n', &line, &message);
	return message;
}

static int take_options(const struct options *o, struct auth_report *r)
{
	if (o->ip && !ip_parse(str_from_z(o->ip), &r->client))
		return cli_error(
			"--ip: \"%s\" is no address; for example 192.0.2.1 or 2001:db8::1", o->ip);
	if (o->ip) {
		r->has_client = true;
		r->client_source = STR("as given");
	}
	if (o->helo) {
		r->helo = str_from_z(o->helo);
		r->helo_source = STR("as given");
	}
	if (o->from) {
		str from = str_from_z(o->from);
		if (str_starts(from, STR("<")) && str_ends(from, STR(">")))
			from = str_first(str_skip(from, 1), from.n - 2);
		r->sender = from;
		r->has_sender = true;
		r->sender_source = STR("as given");
	}
	return EXIT_DONE;
}

static void check_spf(const struct dns *dns, struct arena *a, struct auth_report *r)
{
	struct spf_query query = { .identity = SPF_MAILFROM,
		.client = r->client,
		.helo = r->helo,
		.sender = r->sender,
		.receiver = r->receiver,
		.time = time(NULL) };
	r->has_spf = r->has_sender && (r->sender.n || r->helo.n);
	if (r->has_spf)
		spf_check(dns, &query, a, &r->spf);
	query.identity = SPF_HELO;
	r->has_spf_helo = r->helo.n > 0;
	if (r->has_spf_helo)
		spf_check(dns, &query, a, &r->spf_helo);
}

static void check_signatures(
	const struct dns *dns, struct arena *a, str body, struct auth_report *r)
{
	struct dkim_verifier *dkim = dkim_verifier_new(r->header, time(NULL));
	dkim_verifier_feed(dkim, body);
	dkim_verifier_finish(dkim, dns, a, &r->dkim);
	dkim_verifier_free(dkim);
	struct arc_verifier *arc = arc_verifier_new(r->header, time(NULL));
	arc_verifier_feed(arc, body);
	arc_verifier_finish(arc, dns, a, &r->arc);
	arc_verifier_free(arc);
}

static void check(const struct dns *inner, const struct options *o, str message, struct arena *a,
	struct auth_report *r)
{
	struct counted counted;
	counted_init(&counted, inner);
	const struct dns *dns = &counted.dns;
	if (r->has_client) {
		rdns_check(dns, &r->client, r->helo, a, &r->rdns);
		check_spf(dns, a, r);
	}
	check_signatures(dns, a, str_skip(message, r->header.n), r);
	struct dmarc_query query = { .method = o->list ? DMARC_PUBLIC_SUFFIX : DMARC_TREE_WALK,
		.from = dmarc_from(r->header, a),
		.spf = r->has_spf ? &r->spf : NULL,
		.dkim = &r->dkim };
	dmarc_check(dns, &query, a, &r->dmarc);
	r->questions = counted.questions;
}

void auth_field(const struct auth_report *r, struct buf *out)
{
	const struct auth_results results = { .authserv_id = r->receiver,
		.client = r->client,
		.helo = r->helo,
		.sender = r->sender,
		.rdns = r->has_client ? &r->rdns : NULL,
		.spf = r->has_spf ? &r->spf : NULL,
		.spf_helo = r->has_spf_helo ? &r->spf_helo : NULL,
		.dkim = &r->dkim,
		.arc = &r->arc,
		.dmarc = &r->dmarc };
	auth_results_format(&results, out);
}

static int report(const struct dns *dns, const struct options *o, const char *path, str receiver)
{
	struct buf file CLEANUP(buf_done) = BUF_INIT(MESSAGE_MAX);
	struct buf out CLEANUP(buf_done) = BUF_INIT(OUTPUT_MAX);
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(SIZE_MAX);
	struct auth_report r = { .file = path, .receiver = receiver };
	int status = take_options(o, &r);
	if (status == EXIT_DONE)
		status = read_all(path, &file);
	if (status != EXIT_DONE)
		return status;
	str message = without_from_line(buf_str(&file));
	r.header = str_first(message, header_length(message));
	auth_trace(&r);
	check(dns, o, message, &arena, &r);
	if (o->json)
		auth_json(&r, &out);
	else
		auth_text(&r, &out);
	status = cli_print(&out);
	return status == EXIT_DONE && r.dmarc.result == DMARC_FAIL ? EXIT_NO : status;
}

static int run(const struct options *o, const char *path)
{
	const struct config *config CLEANUP(cli_config_unref) = NULL;
	struct dns_system system;
	if (o->config && !(config = cli_config(o->config)))
		return EXIT_FAILED;
	int r = dns_system_init(&system, str_from_z(o->dns));
	if (r == -EINVAL)
		return cli_error("--dns: \"%s\" is no IPv4 address, or ADDRESS:PORT", o->dns);
	if (r)
		return cli_error("the resolver cannot be set up: %s", strerrordesc_np(-r));
	int status = report(&system.dns, o, path, config ? config->hostname : STR("localhost"));
	dns_system_done(&system);
	return status;
}

int main_auth(int argc, char **argv)
{
	struct options o = { 0 };
	const struct cli_option options[] = {
		{ .name = "ip",
			.placeholder = "ADDRESS",
			.help = "the client that the message came from",
			.value = &o.ip },
		{ .name = "helo",
			.placeholder = "NAME",
			.help = "what it said in HELO or EHLO",
			.value = &o.helo },
		{ .name = "from",
			.placeholder = "SENDER",
			.help = "the sender of the envelope; \"<>\" for a bounce",
			.value = &o.from },
		{ .name = "dns",
			.placeholder = "SERVER",
			.help = "ask this server (ADDRESS or ADDRESS:PORT), not those of "
				"/etc/resolv.conf",
			.value = &o.dns },
		{ .name = "suffix-list",
			.help = "DMARC finds organizations by the public-suffix list, not by "
				"walking up the DNS",
			.flag = &o.list },
		CLI_CONFIG_OPTION(o.config),
		CLI_JSON_OPTION(o.json),
	};
	const struct cli_command command = {
		.usage = "auth FILE [--ip ADDRESS] [--helo NAME] [--from SENDER] [--json]",
		.help = "Tells what SPF, DKIM, ARC, DMARC and reverse DNS say about a message, "
			"with "
			"every\n"
			"step: records, terms, keys, hashes, alignment, policy. FILE \"-\" is "
			"standard "
			"input.\n"
			"Without --ip, --helo and --from these come from the topmost Received and\n"
			"Return-Path fields. The exit status is 1 where DMARC fails.",
		.options = options,
		.option_count = ARRAY_LEN(options),
		.least = 1,
		.most = 1,
	};
	int status;
	if (cli_parse(&command, argc, argv, &status) < 0)
		return status;
	return run(&o, argv[0]);
}
