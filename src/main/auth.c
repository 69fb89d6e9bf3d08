/*
 * auth.c: postern auth: SPF, DKIM, ARC, DMARC and reverse DNS of a message, with every step.
 */
#include "main/auth.h"

#include "mail/header.h"
#include "main/cli.h"
#include "main/input.h"
#include "main/main.h"
#include "main/own_roles.h"

#include <stdlib.h>
#include <time.h>

enum { OUTPUT_MAX = 256 * 1024 * 1024 };

struct options {
	struct given_options given;
	const char *dns, *config;
	bool json, list;
};

struct job {
	const struct options *options;
	const struct config *config;
	str message;
	struct arena *arena;
	struct auth_report *report;
};

/* Keeps what was asked, on the way to the resolver. */
struct kept {
	struct dns dns;
	const struct dns *inner;
	struct auth_report *report;
	struct arena *arena;
	size_t room;
};

static void kept_lookup(
	void *context, enum dns_type type, str name, struct arena *a, struct dns_answer *out)
{
	struct kept *k = context;
	struct auth_report *r = k->report;
	dns_lookup(k->inner, type, name, a, out);
	if (r->lookup_count == k->room) {
		k->room = k->room ? 2 * k->room : 64;
		r->lookups = xrealloc(r->lookups, k->room * sizeof *r->lookups);
	}
	r->lookups[r->lookup_count++] = (struct auth_lookup){ .type = type,
		.status = out->status,
		.secure = out->secure,
		.name = arena_str(k->arena, name),
		.why = arena_str(k->arena, out->why) };
}

static int64_t kept_now(void *context)
{
	const struct kept *k = context;
	return k->inner->now(k->inner->context);
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

static void check_spf(const struct dns *dns, struct arena *a, struct auth_report *r)
{
	struct spf_query query = { .identity = SPF_MAILFROM,
		.client = r->came.client,
		.helo = r->came.helo,
		.sender = r->came.sender,
		.receiver = r->receiver,
		.time = time(NULL) };
	r->has_spf = r->came.has_sender && (r->came.sender.n || r->came.helo.n);
	if (r->has_spf)
		spf_check(dns, &query, a, &r->spf);
	query.identity = SPF_HELO;
	r->has_spf_helo = r->came.helo.n > 0;
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

/* inner: what is asked again is not told again. */
static void find_changes(const struct dns *inner, struct arena *a, struct auth_report *r)
{
	for (size_t i = 0; i < r->dkim.n; i++) {
		const struct dkim_signature *s = &r->dkim.signatures[i];
		if (s->result == DKIM_FAIL && s->key_bits && !s->header_matches)
			r->changed[i] = auth_changed(inner, r, i, a);
	}
}

/* As long as the server would wait, once for what is known of the envelope, once for the message.
 */
static void allow_time(const struct job *j, struct own_roles *roles)
{
	roles->asker.deadline = task_deadline(roles->t, j->config->filter.timeout);
}

static int check(struct own_roles *roles, void *arg)
{
	struct job *j = arg;
	struct auth_report *r = j->report;
	struct dns inner = resolver_dns(&roles->asker);
	struct kept kept = { .inner = &inner, .report = r, .arena = j->arena };
	kept.dns = (struct dns){ .lookup = kept_lookup, .now = kept_now, .context = &kept };
	allow_time(j, roles);
	if (r->came.has_client) {
		rdns_check(&kept.dns, &r->came.client, r->came.helo, j->arena, &r->rdns);
		check_spf(&kept.dns, j->arena, r);
	}
	allow_time(j, roles);
	check_signatures(&kept.dns, j->arena, str_skip(j->message, r->header.n), r);
	find_changes(&inner, j->arena, r);
	struct dmarc_query query = { .method = j->options->list ? DMARC_PUBLIC_SUFFIX
								: DMARC_TREE_WALK,
		.from = dmarc_from(r->header, j->arena),
		.spf = r->has_spf ? &r->spf : NULL,
		.dkim = &r->dkim };
	dmarc_check(&kept.dns, &query, j->arena, &r->dmarc);
	return EXIT_DONE;
}

const char *auth_lookup_dnssec(const struct auth_lookup *l)
{
	return l->status == DNS_BOGUS       ? "bogus"
	       : l->status == DNS_TEMPORARY ? "unknown"
	       : l->secure                  ? "secure"
					    : "insecure";
}

size_t auth_signed_names(const struct auth_report *r, str list,
	struct auth_signed_name out[static AUTH_SIGNED_NAMES_MAX])
{
	size_t n = 0;
	str name;
	while (list.n) {
		(void)str_cut(list, ':', &name, &list);
		name = str_trim(name);
		size_t i = 0;
		while (i < n && !str_equal_nocase(out[i].name, name))
			i++;
		if (i == AUTH_SIGNED_NAMES_MAX)
			break;
		if (i == n && name.n)
			out[n++] = (struct auth_signed_name){ name, 0,
				dkim_header_count(r->fields, name) };
		if (i < n)
			out[i].in_list++;
	}
	return n;
}

const char *auth_arc_part(enum dkim_result result)
{
	return result == DKIM_NONE ? "not checked" : dkim_result_name(result);
}

void auth_field(const struct auth_report *r, struct buf *out)
{
	const struct auth_results results = { .authserv_id = r->receiver,
		.client = r->came.client,
		.helo = r->came.helo,
		.sender = r->came.sender,
		.rdns = r->came.has_client ? &r->rdns : NULL,
		.spf = r->has_spf ? &r->spf : NULL,
		.spf_helo = r->has_spf_helo ? &r->spf_helo : NULL,
		.dkim = &r->dkim,
		.arc = &r->arc,
		.dmarc = &r->dmarc };
	auth_results_format(&results, out);
}

static int check_and_print(struct job *j, str file)
{
	struct buf out CLEANUP(buf_done) = BUF_INIT(OUTPUT_MAX);
	struct auth_report *r = j->report;
	j->message = without_from_line(file);
	r->header = str_first(j->message, header_length(j->message));
	r->fields = dkim_header_new(r->header);
	given_trace(&r->came, r->header);
	int status = own_roles_run(j->config, false, check, j);
	if (status != EXIT_DONE)
		return status;
	(j->options->json ? auth_json : auth_text)(r, &out);
	status = cli_print(&out);
	return status == EXIT_DONE && r->dmarc.result == DMARC_FAIL ? EXIT_NO : status;
}

/* --dns: that server is asked for everything, and believed. */
static int take_server(const struct options *o, struct config *config, struct dns_server *server)
{
	struct err err;
	if (!o->dns)
		return EXIT_DONE;
	if (dns_server_parse(str_from_z(o->dns), false, server, &err) < 0)
		return cli_error("--dns: %s", err.text);
	config->resolver.forward = (struct dns_servers){ server, 1 };
	config->resolver.stub.n = 0;
	config->resolver.dnssec = false;
	return EXIT_DONE;
}

static int run(const struct options *o, const char *path)
{
	const struct config *loaded CLEANUP(cli_config_unref) = cli_config_or_defaults(o->config);
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(SIZE_MAX);
	struct dns_server server;
	if (!loaded)
		return EXIT_FAILED;
	struct config config = *loaded;
	struct auth_report r = { .file = path, .receiver = config.hostname };
	struct job job = { .options = o, .config = &config, .report = &r, .arena = &arena };
	struct input input = { .text = STR_EMPTY };
	int status = given_take(&o->given, &r.came);
	if (status == EXIT_DONE)
		status = take_server(o, &config, &server);
	r.validating = config.resolver.dnssec;
	if (status == EXIT_DONE)
		status = input_open(path, &input);
	if (status == EXIT_DONE)
		status = check_and_print(&job, input.text);
	input_close(&input);
	dkim_header_free(r.fields);
	free(r.lookups);
	return status;
}

int main_auth(int argc, char **argv)
{
	struct options o = { 0 };
	const struct cli_option options[] = {
		GIVEN_OPTIONS(o.given),
		{ .name = "dns",
			.placeholder = "SERVER",
			.help = "ask this server (ADDRESS or ADDRESS:PORT), not as in "
				"the configuration, and do not validate",
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
			"The DNS is asked as the server would; without a configuration, from the "
			"root.\n"
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
