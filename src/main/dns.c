/*
 * dns.c: postern dns lookup: what the DNS says, as the server would see it.
 *
 * Names are converted to A-labels here (IDNA 2008, RFC 5891); inside there are no others.
 */
#include "base/utf8.h"
#include "main/cli.h"
#include "main/main.h"
#include "main/own_roles.h"

#include <idn2.h>

enum { ARENA_MAX = 8 * 1024 * 1024, OUTPUT_MAX = 32 * 1024 * 1024 };

struct dns_verb {
	const struct config *config;
	bool json;
	struct arena arena;
	enum dns_type type;
	str name;
	struct buf out;
};

/* ── What is asked ────────────────────────────────────────────────────────────────────────── */

static bool is_ascii(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] > 127)
			return false;
	return true;
}

/* False with a message. */
static bool to_ascii(struct dns_verb *v, const char *given, str *out)
{
	str name = str_from_z(given);
	struct ip ip;
	if (v->type == DNS_TYPE_PTR && ip_parse(name, &ip)) {
		*out = dns_reverse_name(&ip, STR_EMPTY, &v->arena);
		return true;
	}
	if (!is_ascii(name)) {
		char *ascii;
		int rc = idn2_to_ascii_8z(given, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
		if (rc != IDN2_OK) {
			cli_error("\"%s\" is not a name in the DNS: %s", given, idn2_strerror(rc));
			return false;
		}
		name = arena_str(&v->arena, str_from_z(ascii));
		idn2_free(ascii);
	}
	if (str_ends(name, STR(".")))
		name.n--;
	if (name.n && !dns_name_is_askable(name)) {
		cli_error("\"%s\" is not a name in the DNS, as example.org", given);
		return false;
	}
	*out = name;
	return true;
}

/* ── What is printed ──────────────────────────────────────────────────────────────────────── */

/* As in a zone file: whatever the bytes are, nothing happens to the terminal. */
static void put_text(struct buf *out, str text)
{
	buf_add_char(out, '"');
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];
		if (c == '"' || c == '\\')
			buf_printf(out, "\\%c", c);
		else if (c < ' ' || c > 126)
			buf_printf(out, "\\%03u", c);
		else
			buf_add_char(out, (char)c);
	}
	buf_add_char(out, '"');
}

static void put_json_text(struct buf *out, str text)
{
	if (utf8_valid(text)) {
		cli_json_string(out, text);
		return;
	}
	/* Not UTF-8: each byte as the character of its number. */
	buf_add_char(out, '"');
	for (size_t i = 0; i < text.n; i++)
		buf_printf(out, "\\u%04x", (unsigned char)text.p[i]);
	buf_add_char(out, '"');
}

static void put_hex(struct buf *out, str bytes)
{
	for (size_t i = 0; i < bytes.n; i++)
		buf_printf(out, "%02x", (unsigned char)bytes.p[i]);
}

static void print_record(struct dns_verb *v, const struct dns_record *r)
{
	char ip[IP_TEXT_SIZE];
	struct buf *out = &v->out;
	buf_printf(out, "  ");
	switch (v->type) {
	case DNS_TYPE_A:
	case DNS_TYPE_AAAA:
		ip_format(&r->ip, ip);
		buf_printf(out, "%s", ip);
		break;
	case DNS_TYPE_MX:
		buf_printf(out, "%u %.*s.", r->priority, STR_ARG(r->name));
		break;
	case DNS_TYPE_TXT:
		put_text(out, r->text);
		break;
	case DNS_TYPE_SRV:
		buf_printf(
			out, "%u %u %u %.*s.", r->priority, r->weight, r->port, STR_ARG(r->name));
		break;
	case DNS_TYPE_TLSA:
		buf_printf(out, "%u %u %u ", r->tlsa[0], r->tlsa[1], r->tlsa[2]);
		put_hex(out, r->text);
		break;
	case DNS_TYPE_SOA:
		buf_printf(out, "%.*s. %.*s. serial %u, minimum %u", STR_ARG(r->name),
			STR_ARG(r->text), r->serial, r->minimum);
		break;
	case DNS_TYPE_NS:
	case DNS_TYPE_CNAME:
	case DNS_TYPE_PTR:
		buf_printf(out, "%.*s.", STR_ARG(r->name));
	}
	buf_add_char(out, '\n');
}

static void print_text(struct dns_verb *v, const struct dns_answer *answer)
{
	bool kept = !dns_failed(answer->status);
	buf_printf(&v->out, "%.*s %s: %s", STR_ARG(v->name), dns_type_name(v->type),
		dns_status_name(answer->status));
	if (kept)
		buf_printf(&v->out, ", %s, TTL %u", answer->secure ? "secure" : "insecure",
			answer->ttl);
	buf_printf(&v->out, "%s%.*s\n", answer->why.n ? ": " : "", STR_ARG(answer->why));
	for (size_t i = 0; i < answer->n; i++)
		print_record(v, &answer->records[i]);
}

static void json_name(struct dns_verb *v, const char *key, str value)
{
	buf_printf(&v->out, "\"%s\":", key);
	cli_json_string(&v->out, value);
}

static void json_record(struct dns_verb *v, const struct dns_record *r)
{
	char ip[IP_TEXT_SIZE];
	struct buf *out = &v->out;
	switch (v->type) {
	case DNS_TYPE_A:
	case DNS_TYPE_AAAA:
		json_name(v, "address", str_from(ip, ip_format(&r->ip, ip)));
		break;
	case DNS_TYPE_MX:
		buf_printf(out, "\"priority\":%u,", r->priority);
		json_name(v, "name", r->name);
		break;
	case DNS_TYPE_TXT:
		buf_printf(out, "\"text\":");
		put_json_text(out, r->text);
		break;
	case DNS_TYPE_SRV:
		buf_printf(out, "\"priority\":%u,\"weight\":%u,\"port\":%u,", r->priority,
			r->weight, r->port);
		json_name(v, "name", r->name);
		break;
	case DNS_TYPE_TLSA:
		buf_printf(out, "\"usage\":%u,\"selector\":%u,\"matching\":%u,\"data\":\"",
			r->tlsa[0], r->tlsa[1], r->tlsa[2]);
		put_hex(out, r->text);
		buf_add_char(out, '"');
		break;
	case DNS_TYPE_SOA:
		json_name(v, "name", r->name);
		buf_add_char(out, ',');
		json_name(v, "mailbox", r->text);
		buf_printf(out, ",\"serial\":%u,\"minimum\":%u", r->serial, r->minimum);
		break;
	case DNS_TYPE_NS:
	case DNS_TYPE_CNAME:
	case DNS_TYPE_PTR:
		json_name(v, "name", r->name);
	}
}

static void print_json(struct dns_verb *v, const struct dns_answer *answer)
{
	buf_add_char(&v->out, '{');
	json_name(v, "name", v->name);
	buf_printf(&v->out, ",\"type\":\"%s\",\"status\":\"%s\",\"secure\":%s,\"ttl\":%u,\"why\":",
		dns_type_name(v->type), dns_status_name(answer->status),
		answer->secure ? "true" : "false", answer->ttl);
	put_json_text(&v->out, answer->why);
	buf_printf(&v->out, ",\"records\":[");
	for (size_t i = 0; i < answer->n; i++) {
		buf_printf(&v->out, "%s\n {", i ? "," : "");
		json_record(v, &answer->records[i]);
		buf_add_char(&v->out, '}');
	}
	buf_printf(&v->out, "]}\n");
}

/* ── Asking ───────────────────────────────────────────────────────────────────────────────── */

static int ask(struct own_roles *roles, void *arg)
{
	struct dns_verb *v = arg;
	struct dns dns = resolver_dns(&roles->asker);
	struct dns_answer answer;
	dns_lookup(&dns, v->type, v->name, &v->arena, &answer);
	(v->json ? print_json : print_text)(v, &answer);
	return dns_failed(answer.status)    ? EXIT_FAILED
	       : answer.status == DNS_FOUND ? EXIT_DONE
					    : EXIT_NO;
}

static int run(struct dns_verb *v)
{
	int status = own_roles_run(v->config, false, ask, v);
	int printed = cli_print(&v->out);
	return printed == EXIT_DONE ? status : printed;
}

static int lookup(void *context, int argc, char **argv)
{
	struct dns_verb *v = context;
	v->type = dns_type_parse(str_from_z(argv[0]));
	if (!v->type)
		return cli_error("\"%s\" is not a type that is looked up: A, AAAA, MX, TXT, PTR, "
				 "CNAME, NS, SOA, SRV or TLSA",
			argv[0]);
	return to_ascii(v, argv[1], &v->name) ? run(v) : EXIT_FAILED;
}

int main_dns(int argc, char **argv)
{
	static const struct cli_action actions[] = { { "lookup", 2, 2, lookup } };
	const char *config = NULL;
	bool json = false;
	const struct cli_option options[] = { CLI_CONFIG_OPTION(config), CLI_JSON_OPTION(json) };
	const struct cli_command command = {
		.usage = "dns lookup TYPE NAME [--json]",
		.help = "Asks the DNS as the server would: by its configuration, validating, with "
			"an empty\n"
			"cache. TYPE is A, AAAA, MX, TXT, PTR (of a name or an address), CNAME, "
			"NS, SOA,\n"
			"SRV or TLSA. The exit status is 0 when there are records, 1 when there "
			"are none,\n"
			"2 when there was no answer, or one that does not validate.",
		.options = options,
		.option_count = ARRAY_LEN(options),
		.least = 1,
		.most = -1,
		.actions = actions,
		.action_count = ARRAY_LEN(actions),
	};
	int status;
	int words = cli_parse(&command, argc, argv, &status);
	if (words < 0)
		return status;
	struct dns_verb v = { .json = json, .arena = ARENA_INIT(ARENA_MAX) };
	v.out = BUF_INIT(OUTPUT_MAX);
	v.config = cli_config(config);
	status = v.config ? cli_act(&command, &v, words, argv) : EXIT_FAILED;
	config_unref(v.config);
	buf_done(&v.out);
	arena_done(&v.arena);
	return status;
}
