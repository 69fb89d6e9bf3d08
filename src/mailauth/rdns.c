#include "mailauth/rdns.h"

enum { ANSWER_MAX = 1024 * 1024, NAMES_MEMORY = RDNS_NAMES_MAX * (DNS_NAME_MAX + 16) + 1024 };

struct names {
	str name[RDNS_NAMES_MAX];
	size_t n;
};

struct rdns_state {
	const struct dns *dns;
	const struct ip *client;
	int64_t deadline;
};

static void ask(const struct rdns_state *s, enum dns_type type, str name, struct arena *a,
	struct dns_answer *out)
{
	*out = (struct dns_answer){ .status = DNS_NXDOMAIN, .why = STR_EMPTY };
	if (!dns_name_is_askable(name))
		return;
	out->status = DNS_TEMPORARY;
	if (!s->dns->now || s->dns->now(s->dns->context) <= s->deadline)
		dns_lookup(s->dns, type, name, a, out);
}

/* Whether the name has the client's address: HELO_PASS, HELO_OTHER, … */
static enum helo_result resolve(const struct rdns_state *s, enum dns_type type, str name)
{
	struct arena scratch CLEANUP(arena_done) = ARENA_INIT(ANSWER_MAX);
	struct dns_answer answer;
	ask(s, type, name, &scratch, &answer);
	if (dns_failed(answer.status))
		return HELO_TEMPERROR;
	for (size_t i = 0; i < answer.n; i++) {
		if (ip_equal(&answer.records[i].ip, s->client))
			return HELO_PASS;
	}
	return answer.n ? HELO_OTHER : HELO_UNKNOWN;
}

static enum dns_type own_type(const struct rdns_state *s)
{
	return ip_is_v4(s->client) ? DNS_TYPE_A : DNS_TYPE_AAAA;
}

/* A name without addresses of the client's family may have others. */
static enum helo_result resolve_helo(const struct rdns_state *s, str helo)
{
	enum helo_result result = resolve(s, own_type(s), helo);
	if (result != HELO_UNKNOWN)
		return result;
	return resolve(s, own_type(s) == DNS_TYPE_A ? DNS_TYPE_AAAA : DNS_TYPE_A, helo);
}

static str lower(str s, struct arena *a)
{
	char *out = arena_alloc(a, s.n + 1);
	for (size_t i = 0; i < s.n; i++)
		out[i] = ascii_lower(s.p[i]);
	return str_from(out, s.n);
}

/* The names of the address, the one that HELO said first. */
static enum dns_status collect(
	const struct rdns_state *s, str helo, struct arena *a, struct names *out)
{
	struct arena scratch CLEANUP(arena_done) = ARENA_INIT(ANSWER_MAX);
	struct dns_answer answer;
	ask(s, DNS_TYPE_PTR, dns_reverse_name(s->client, STR_EMPTY, a), &scratch, &answer);
	out->n = 0;
	for (size_t i = 0; i < answer.n; i++) {
		str name = answer.records[i].name;
		if (!dns_name_is_askable(name) || (out->n && str_equal_nocase(name, out->name[0])))
			continue;
		if (str_equal_nocase(name, helo) && out->n) {
			if (out->n < RDNS_NAMES_MAX)
				out->name[out->n++] = out->name[0];
			out->name[0] = lower(name, a);
		} else if (out->n < RDNS_NAMES_MAX) {
			out->name[out->n++] = lower(name, a);
		}
	}
	return answer.status;
}

static enum rdns_result confirm(
	const struct rdns_state *s, const struct names *names, str *out_name)
{
	enum rdns_result result = RDNS_FAIL;
	for (size_t i = 0; i < names->n; i++) {
		enum helo_result one = resolve(s, own_type(s), names->name[i]);
		if (one == HELO_PASS) {
			*out_name = names->name[i];
			return RDNS_PASS;
		}
		if (one == HELO_TEMPERROR)
			result = RDNS_TEMPERROR;
	}
	return result;
}

static void check_names(
	const struct rdns_state *s, str helo, struct arena *a, struct rdns_outcome *out)
{
	struct arena work CLEANUP(arena_done) = ARENA_INIT(NAMES_MEMORY);
	struct names names;
	enum dns_status status = collect(s, helo, &work, &names);
	str name = names.n ? names.name[0] : STR_EMPTY;
	if (dns_failed(status))
		out->result = RDNS_TEMPERROR;
	else if (status != DNS_FOUND)
		out->result = RDNS_NONE;
	else
		out->result = confirm(s, &names, &name);
	out->name = arena_str(a, name);
}

static bool label_is_good(str label)
{
	for (size_t i = 0; i < label.n; i++) {
		if (!ascii_is_alnum(label.p[i]) && label.p[i] != '-')
			return false;
	}
	return label.n && label.n <= 63 && label.p[0] != '-' && label.p[label.n - 1] != '-';
}

static enum helo_syntax name_syntax(str helo)
{
	uint64_t number;
	str label, rest = helo;
	size_t labels = 0;
	do {
		(void)str_cut(rest, '.', &label, &rest);
		labels++;
		if (!label_is_good(label))
			return HELO_SYNTAX_INVALID;
	} while (rest.n);
	if (helo.n > DNS_NAME_MAX || helo.p[helo.n - 1] == '.')
		return HELO_SYNTAX_INVALID;
	if (labels == 1)
		return HELO_SYNTAX_SINGLE_LABEL;
	return str_to_u64(label, UINT64_MAX, &number) ? HELO_SYNTAX_INVALID : HELO_SYNTAX_FQDN;
}

static enum helo_syntax literal_syntax(str inside, const struct ip *client)
{
	struct ip ip;
	bool six = str_starts_nocase(inside, STR("IPv6:"));
	str address = str_skip(inside, six ? 5 : 0);
	if (six != (str_find_char(address, ':') >= 0) || !ip_parse(address, &ip))
		return HELO_SYNTAX_INVALID;
	return ip_equal(&ip, client) ? HELO_SYNTAX_LITERAL : HELO_SYNTAX_LITERAL_WRONG;
}

static str without_dot(str name)
{
	return str_first(name, name.n - (name.n > 1 && name.p[name.n - 1] == '.'));
}

enum helo_syntax helo_syntax(str helo, const struct ip *client)
{
	struct ip ip;
	if (helo.n > 2 && helo.p[0] == '[' && helo.p[helo.n - 1] == ']')
		return literal_syntax(str_from(helo.p + 1, helo.n - 2), client);
	helo = without_dot(helo);
	return ip_parse(helo, &ip) ? HELO_SYNTAX_BARE_ADDRESS : name_syntax(helo);
}

static enum helo_result check_helo(
	const struct rdns_state *s, str helo, const struct rdns_outcome *out)
{
	if (out->helo_is_name || out->syntax == HELO_SYNTAX_LITERAL)
		return HELO_PASS;
	return out->syntax == HELO_SYNTAX_FQDN ? resolve_helo(s, helo) : HELO_NOT_ASKED;
}

static str explain(const struct rdns_state *s, const struct rdns_outcome *out, struct arena *a)
{
	static const char *const names[] = {
		[RDNS_PASS] = "leads back to it",
		[RDNS_NONE] = "no name",
		[RDNS_FAIL] = "does not lead back to it",
		[RDNS_TEMPERROR] = "no answer now",
	};
	static const char *const helo[] = {
		[HELO_PASS] = "is the client",
		[HELO_OTHER] = "is another address",
		[HELO_UNKNOWN] = "does not resolve",
		[HELO_TEMPERROR] = "no answer now",
		[HELO_NOT_ASKED] = "not looked up",
	};
	char ip[IP_TEXT_SIZE];
	size_t n = ip_format(s->client, ip);
	return arena_printf(a, "%.*s: %.*s%s%s; HELO (%s) %s", (int)n, ip, STR_ARG(out->name),
		out->name.n ? " " : "", names[out->result], helo_syntax_name(out->syntax),
		helo[out->helo]);
}

void rdns_check(const struct dns *dns, const struct ip *client, str helo, struct arena *a,
	struct rdns_outcome *out)
{
	struct rdns_state s = { .dns = dns, .client = client };
	if (dns->now)
		s.deadline = dns->now(dns->context) + INT64_C(1000000000) * RDNS_SECONDS_MAX;
	*out = (struct rdns_outcome){ .syntax = helo_syntax(helo, client) };
	helo = without_dot(helo);
	check_names(&s, helo, a, out);
	out->helo_is_name = out->result == RDNS_PASS && out->syntax == HELO_SYNTAX_FQDN &&
			    str_equal_nocase(out->name, helo);
	out->helo = check_helo(&s, helo, out);
	out->why = explain(&s, out, a);
}

const char *rdns_result_name(enum rdns_result result)
{
	static const char *const names[] = { "pass", "none", "fail", "temperror" };
	return names[result];
}

const char *helo_result_name(enum helo_result result)
{
	static const char *const names[] = { "pass", "other", "unknown", "temperror", "not-asked" };
	return names[result];
}

const char *helo_syntax_name(enum helo_syntax syntax)
{
	static const char *const names[] = { "fqdn", "literal", "literal-wrong", "bare-address",
		"single-label", "invalid" };
	return names[syntax];
}
