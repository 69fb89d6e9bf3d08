/*
 * The mechanisms (RFC 7208 §5), and what they let pass.
 */
#include "mailauth/spf_internal.h"

enum { V4_OFFSET = 96 };

enum spf_match spf_count_term(struct spf_check *c, const struct spf_term *term)
{
	if (c->out->lookups == SPF_TERMS_MAX)
		return spf_stop(c, SPF_PERMERROR, term->text, "more than %d terms that ask the DNS",
			SPF_TERMS_MAX);
	c->out->lookups++;
	return SPF_NO_MATCH;
}

static enum spf_match count_void(struct spf_check *c, const struct spf_term *term)
{
	if (++c->out->void_lookups > SPF_VOID_MAX)
		return spf_stop(c, SPF_PERMERROR, term->text, "more than %d look-ups found nothing",
			SPF_VOID_MAX);
	return SPF_NO_MATCH;
}

static bool is_four(const struct spf_check *c)
{
	return ip_is_v4(&c->query->client);
}

static enum dns_type address_type(const struct spf_check *c)
{
	return is_four(c) ? DNS_TYPE_A : DNS_TYPE_AAAA;
}

static void cover(const struct spf_check *c, struct spf_frame *f, const struct spf_term *term,
	const struct ip *ip)
{
	bool four = is_four(c);
	spf_cover_network(&f->cover, four, ip, four ? term->bits4 : term->bits6,
		term->result == SPF_PASS, term->text);
}

static bool same_prefix(const struct ip *a, const struct ip *b, unsigned bits)
{
	unsigned bytes = bits / 8, rest = bits % 8;
	if (memcmp(a->bytes, b->bytes, bytes) != 0)
		return false;
	return !rest || (a->bytes[bytes] ^ b->bytes[bytes]) >> (8 - rest) == 0;
}

/* Whether the client is in the network of the term's size around ip, which is of its family. */
static bool in_network(struct spf_check *c, const struct spf_term *term, const struct ip *ip)
{
	cover(c, c->top, term, ip);
	return same_prefix(ip, &c->query->client,
		is_four(c) ? (unsigned)term->bits4 + V4_OFFSET : term->bits6);
}

/* Whether the client is among the addresses. All of them are looked at: for what they cover. */
static bool among(struct spf_check *c, const struct spf_term *term, const struct dns_answer *answer)
{
	bool found = false;
	for (size_t i = 0; i < answer->n; i++)
		found |= in_network(c, term, &answer->records[i].ip);
	return found;
}

static enum spf_match temporary(struct spf_check *c, const struct spf_term *term,
	enum dns_type type, str name, const struct dns_answer *answer)
{
	return spf_stop(c, SPF_TEMPERROR, term->text, "%s %.*s: %s %.*s",
		type == DNS_TYPE_MX  ? "MX"
		: type == DNS_TYPE_A ? "A"
				     : "AAAA",
		STR_ARG(name), dns_status_name(answer->status), STR_ARG(answer->why));
}

static enum spf_match match_a(struct spf_check *c, const struct spf_term *term)
{
	struct arena scratch CLEANUP(arena_done) = ARENA_INIT(SPF_ANSWER_MAX);
	enum dns_type type = term->kind == SPF_TERM_EXISTS ? DNS_TYPE_A : address_type(c);
	str name = spf_target(c, term->domain);
	struct dns_answer answer;
	spf_ask(c, type, name, &scratch, &answer);
	if (dns_failed(answer.status))
		return temporary(c, term, type, name, &answer);
	bool match = term->kind == SPF_TERM_EXISTS ? answer.n > 0 : among(c, term, &answer);
	spf_step(c, c->top->domain, term->text, "%s %.*s: %zu addresses, %s",
		type == DNS_TYPE_A ? "A" : "AAAA", STR_ARG(name), answer.n,
		match ? "match" : "no match");
	if (match && term->kind == SPF_TERM_EXISTS && !spf_macro_uses(term->domain, STR("ipv")))
		spf_cover_all(&c->top->cover, term->result == SPF_PASS, term->text);
	if (match)
		return SPF_MATCH;
	return answer.n ? SPF_NO_MATCH : count_void(c, term);
}

/* The hosts of an MX in their order, until one matches. */
static enum spf_match match_hosts(
	struct spf_check *c, const struct spf_term *term, const struct dns_answer *hosts)
{
	bool any = false, match = false;
	enum dns_type type = address_type(c);
	for (size_t i = 0; i < hosts->n && !match; i++) {
		struct arena scratch CLEANUP(arena_done) = ARENA_INIT(SPF_ANSWER_MAX);
		struct dns_answer answer;
		unsigned before = c->out->questions;
		spf_ask(c, type, hosts->records[i].name, &scratch, &answer);
		c->mx_questions += c->out->questions - before;
		if (dns_failed(answer.status))
			return temporary(c, term, type, hosts->records[i].name, &answer);
		any |= answer.n > 0;
		match = among(c, term, &answer);
	}
	spf_step(c, c->top->domain, term->text, "%zu MX hosts, %s", hosts->n,
		match ? "match" : "no match");
	if (match)
		return SPF_MATCH;
	return any ? SPF_NO_MATCH : count_void(c, term);
}

static enum spf_match match_mx(struct spf_check *c, const struct spf_term *term)
{
	struct arena scratch CLEANUP(arena_done) = ARENA_INIT(SPF_ANSWER_MAX);
	str name = spf_target(c, term->domain);
	struct dns_answer hosts;
	spf_ask(c, DNS_TYPE_MX, name, &scratch, &hosts);
	if (dns_failed(hosts.status))
		return temporary(c, term, DNS_TYPE_MX, name, &hosts);
	if (hosts.n > SPF_MX_MAX)
		return spf_stop(c, SPF_PERMERROR, term->text, "more than %d MX hosts", SPF_MX_MAX);
	return match_hosts(c, term, &hosts);
}

/* How many terms may still ask, at most: an include or a redirect can bring as many as are left. */
static unsigned terms_to_come(const struct spf_check *c)
{
	unsigned n = 0, left = SPF_TERMS_MAX - c->out->lookups;
	for (const struct spf_frame *f = c->top; f; f = f->up) {
		struct spf_term term;
		for (str rest = f->rest; n < left && spf_term_next(&rest, &term);) {
			if (term.kind == SPF_TERM_INCLUDE)
				return left;
			n += term.kind == SPF_TERM_A || term.kind == SPF_TERM_MX ||
			     term.kind == SPF_TERM_PTR || term.kind == SPF_TERM_EXISTS;
		}
		if (f->record.redirect.n)
			return left;
	}
	return MIN(n, left);
}

/* How many questions are left for names of the client: all but those that the record may need:
 * for this term, for those to come, and for the explanation. */
static unsigned questions_for_names(const struct spf_check *c)
{
	unsigned asked = c->out->questions - c->mx_questions;
	unsigned kept = c->last_question_asked ? 0 : terms_to_come(c) + 2;
	return SPF_QUESTIONS_MAX > asked + kept ? SPF_QUESTIONS_MAX - asked - kept : 0;
}

/* An error here means "no names" (§5.5). */
static void ask_names(struct spf_check *c)
{
	struct spf_names *names = &c->names;
	if (names->asked || !questions_for_names(c))
		return;
	names->asked = true;
	struct arena scratch CLEANUP(arena_done) = ARENA_INIT(SPF_ANSWER_MAX);
	struct dns_answer answer;
	str reverse = dns_reverse_name(&c->query->client, STR_EMPTY, &c->work);
	spf_ask(c, DNS_TYPE_PTR, reverse, &scratch, &answer);
	for (size_t i = 0; i < answer.n && names->n < SPF_NAMES_MAX; i++) {
		str name = answer.records[i].name;
		if (dns_name_is_askable(name))
			names->name[names->n++] = arena_str(&c->work, name);
	}
}

/* Whether the name leads back to the client. */
static bool name_is_valid(struct spf_check *c, size_t i)
{
	struct spf_names *names = &c->names;
	if (names->state[i] == SPF_NAME_UNTRIED && questions_for_names(c)) {
		struct arena scratch CLEANUP(arena_done) = ARENA_INIT(SPF_ANSWER_MAX);
		struct dns_answer answer;
		spf_ask(c, address_type(c), names->name[i], &scratch, &answer);
		names->state[i] = SPF_NAME_INVALID;
		for (size_t k = 0; k < answer.n; k++) {
			if (ip_equal(&answer.records[k].ip, &c->query->client))
				names->state[i] = SPF_NAME_VALID;
		}
	}
	return names->state[i] == SPF_NAME_VALID;
}

enum relation { SAME, BELOW, ANY };

static bool is_related(str name, str domain, enum relation relation)
{
	if (relation == SAME)
		return str_equal_nocase(name, domain);
	bool below = name.n > domain.n && name.p[name.n - domain.n - 1] == '.' &&
		     str_ends_nocase(name, domain);
	return relation == ANY || below;
}

/* The first valid name of the client that is the domain, or below it, or any. */
static str valid_name(struct spf_check *c, str domain, enum relation last)
{
	ask_names(c);
	for (unsigned relation = SAME; relation <= last; relation++) {
		for (size_t i = 0; i < c->names.n; i++) {
			str name = c->names.name[i];
			if (is_related(name, domain, relation) && name_is_valid(c, i))
				return name;
		}
	}
	return STR_EMPTY;
}

str spf_target(struct spf_check *c, str spec)
{
	c->macros.domain = c->top->domain;
	if (!spec.n)
		return c->top->domain;
	if (spf_macro_uses(spec, STR("p")))
		c->macros.validated = valid_name(c, c->top->domain, ANY);
	return spf_macro_domain(spec, &c->macros, &c->work);
}

static enum spf_match match_ptr(struct spf_check *c, const struct spf_term *term)
{
	str target = spf_target(c, term->domain);
	str name = valid_name(c, target, BELOW);
	spf_step(c, c->top->domain, term->text, "%zu names of the client, %s%.*s", c->names.n,
		name.n ? "match: " : "no match", STR_ARG(name));
	return name.n ? SPF_MATCH : SPF_NO_MATCH;
}

static enum spf_match match_network(struct spf_check *c, const struct spf_term *term)
{
	bool six = term->kind == SPF_TERM_IP6;
	/* An IPv4 client matches ip4 only, whatever ip6 writes as a mapped address (§5). */
	if (six == is_four(c) || !in_network(c, term, &term->ip))
		return SPF_NO_MATCH;
	return SPF_MATCH;
}

static enum spf_match matched(struct spf_check *c, const struct spf_term *term, enum spf_match m)
{
	if (m == SPF_MATCH)
		spf_step(c, c->top->domain, term->text, "match");
	return m;
}

enum spf_match spf_match(struct spf_check *c, const struct spf_term *term)
{
	if (term->kind == SPF_TERM_ALL) {
		spf_cover_all(&c->top->cover, term->result == SPF_PASS, term->text);
		return matched(c, term, SPF_MATCH);
	}
	if (term->kind == SPF_TERM_IP4 || term->kind == SPF_TERM_IP6)
		return matched(c, term, match_network(c, term));
	if (spf_count_term(c, term) == SPF_STOP)
		return SPF_STOP;
	switch (term->kind) {
	case SPF_TERM_A:
	case SPF_TERM_EXISTS:
		return match_a(c, term);
	case SPF_TERM_MX:
		return match_mx(c, term);
	case SPF_TERM_PTR:
		return match_ptr(c, term);
	default:
		ASSERT(term->kind == SPF_TERM_INCLUDE);
		return SPF_ENTER;
	}
}

void spf_cover_rest(struct spf_check *c, struct spf_frame *f)
{
	struct spf_term term;
	enum spf_kind network = is_four(c) ? SPF_TERM_IP4 : SPF_TERM_IP6;
	while (spf_term_next(&f->rest, &term)) {
		if (term.kind == SPF_TERM_ALL)
			spf_cover_all(&f->cover, term.result == SPF_PASS, term.text);
		else if (term.kind == network)
			cover(c, f, &term, &term.ip);
	}
}
