#include "mailauth/dmarc.h"

#include "base/buf.h"
#include "mail/address.h"
#include "mail/header.h"
#include "mailauth/dmarc_internal.h"
#include "mailauth/domain.h"

enum {
	/* Of each question, and of those that are not asked any more, the name, the record and what
	 * is said of it; it holds the authors' and signers' names by far. */
	CHECK_ARENA_MAX =
		(DMARC_QUESTIONS_MAX + DMARC_AUTHORS_MAX * 16) * (DMARC_RECORD_MAX + 1024),
	HOSTS_READ_MAX = 4 * DMARC_AUTHORS_MAX,
	REASON_MAX = 600,
};

struct authors {
	str domains[DMARC_AUTHORS_MAX];
	size_t n;
	unsigned read;       /* hosts that were looked at closely */
	bool more, nameless; /* an address without a usable domain name */
	bool any;            /* there is something in From: an address, a group */
};

struct check {
	const struct dmarc_query *query;
	struct arena *arena; /* of the check, freed at its end */
	struct dmarc_lookup lookup;
};

/* ---- authors ---- */

static bool is_known(const struct authors *authors, str host)
{
	for (size_t i = 0; i < authors->n; i++)
		if (str_equal_nocase(authors->domains[i], host))
			return true;
	return false;
}

/* Tens of thousands of authors cost little: what is known is not copied, and spellings in Unicode
 * and broken names have an end, too. */
static void add_author(struct authors *out, str host, struct arena *a)
{
	str domain;
	if (is_known(out, host))
		return;
	if (++out->read > HOSTS_READ_MAX)
		out->more = true;
	else if (!domain_ascii(host, a, &domain))
		out->nameless = true;
	else if (is_known(out, domain))
		return;
	else if (out->n == DMARC_AUTHORS_MAX)
		out->more = true;
	else
		out->domains[out->n++] = domain;
}

static void read_authors(str from, struct arena *a, struct authors *out)
{
	struct arena scratch CLEANUP(arena_done) =
		ARENA_INIT(2 * from.n + 128 + ADDRESS_LIST_MAX * sizeof(struct address));
	struct address_list list = address_parse(&scratch, from, ADDRESS_LIST_MAX);
	*out = (struct authors){ .any = list.n > 0 };
	for (size_t i = 0; i < list.n && !out->more; i++)
		if (list.list[i].kind == ADDRESS_MAILBOX)
			add_author(out, list.list[i].host, a);
	out->more |= list.truncated;
}

/* ---- alignment (RFC 9989 §4.4) ---- */

/* Whether the identifier aligns with the author's domain. False, with *failed set, where the DNS
 * does not tell. */
static bool aligns(
	struct check *c, str identifier, bool strict, const struct dmarc_outcome *out, bool *failed)
{
	if (str_equal(identifier, out->author_domain))
		return true;
	if (strict)
		return false;
	if (out->organization.n == 0) {
		*failed = true;
		return false;
	}
	/* An organizational domain is always above its members, so nothing else needs a walk. */
	if (!domain_is_within(identifier, out->organization))
		return false;
	str organization;
	if (!dmarc_organization(&c->lookup, identifier, &organization)) {
		*failed = true;
		return false;
	}
	return str_equal(organization, out->organization);
}

/* An identifier that could not be checked matters only if it would align. */
static void check_temporary(
	struct check *c, str identifier, bool strict, const struct dmarc_outcome *out, bool *failed)
{
	str domain;
	if (domain_ascii(identifier, c->arena, &domain))
		*failed |= aligns(c, domain, strict, out, failed);
}

static void check_spf(struct check *c, struct dmarc_outcome *out, struct buf *why, bool *failed)
{
	const struct spf_outcome *spf = c->query->spf;
	str domain;
	if (!spf || spf->result == SPF_NONE) {
		buf_add(why, STR("no SPF"));
	} else if (spf->result != SPF_PASS) {
		buf_printf(why, "SPF %s", spf_result_name(spf->result));
		if (spf->result == SPF_TEMPERROR)
			check_temporary(c, spf->domain, out->strict_spf, out, failed);
	} else if (!domain_ascii(spf->domain, c->arena, &domain)) {
		buf_add(why, STR("SPF passes for no domain name"));
	} else {
		out->spf_aligned = aligns(c, domain, out->strict_spf, out, failed);
		if (!out->spf_aligned)
			buf_printf(why, "SPF passes for %.*s, which does not align%s",
				STR_ARG(domain), out->strict_spf ? " (aspf=s)" : "");
	}
}

static void explain_dkim(
	struct check *c, const struct dmarc_outcome *out, size_t passed, str last, struct buf *why)
{
	buf_add(why, why->n ? STR("; ") : STR_EMPTY);
	if (!c->query->dkim || c->query->dkim->n == 0)
		buf_add(why, STR("no DKIM signature"));
	else if (passed == 0)
		buf_add(why, STR("no DKIM signature that passes"));
	else
		buf_printf(why, "DKIM passes for %.*s%s, which does not align%s", STR_ARG(last),
			passed > 1 ? " and others" : "", out->strict_dkim ? " (adkim=s)" : "");
}

static void check_dkim(struct check *c, struct dmarc_outcome *out, struct buf *why, bool *failed)
{
	const struct dkim_outcome *dkim = c->query->dkim;
	size_t passed = 0;
	str domain, last = STR_EMPTY;
	for (size_t i = 0; dkim && i < dkim->n && !out->dkim_aligned; i++) {
		const struct dkim_signature *s = &dkim->signatures[i];
		if (s->result == DKIM_TEMPERROR)
			check_temporary(c, s->domain, out->strict_dkim, out, failed);
		if (s->result != DKIM_PASS || !domain_ascii(s->domain, c->arena, &domain))
			continue;
		passed++;
		last = domain;
		out->dkim_aligned = aligns(c, domain, out->strict_dkim, out, failed);
		if (out->dkim_aligned)
			out->dkim_domain = domain;
	}
	if (!out->dkim_aligned)
		explain_dkim(c, out, passed, last, why);
}

/* ---- policy ---- */

static bool choose_policy(struct check *c, const struct dmarc_node *node, struct dmarc_outcome *out)
{
	const struct dmarc_record *record = &node->record;
	out->published = record->p;
	out->tag = "p";
	if (str_equal(node->name, out->author_domain))
		return true;
	bool exists = true;
	if (record->has_np && record->np != record->sp &&
		!dmarc_domain_exists(&c->lookup, out->author_domain, &exists))
		return false;
	out->published = exists ? record->sp : record->np;
	out->tag = !exists ? "np" : record->has_sp ? "sp" : "p";
	return true;
}

static void apply_policy(const struct dmarc_query *query, const struct dmarc_record *record,
	struct dmarc_outcome *out)
{
	out->testing = record->test || query->sample >= record->percent;
	out->applied = out->published;
	if (out->testing && out->applied > DMARC_POLICY_NONE)
		out->applied = (enum dmarc_policy)(out->applied - 1);
}

static void temporary(struct check *c, struct dmarc_outcome *out)
{
	out->result = DMARC_TEMPERROR;
	out->reason = c->lookup.failure;
}

static void decide(struct check *c, const struct dmarc_node *node, struct dmarc_outcome *out)
{
	struct buf why CLEANUP(buf_done) = BUF_INIT(REASON_MAX);
	bool failed = false;
	bool known = choose_policy(c, node, out);
	check_spf(c, out, &why, &failed);
	check_dkim(c, out, &why, &failed);
	if (out->spf_aligned || out->dkim_aligned) {
		out->result = DMARC_PASS;
		return;
	}
	out->reason = arena_str(c->arena, buf_str(&why));
	if (failed || !known) {
		out->result = DMARC_TEMPERROR;
		if (c->lookup.failure.n)
			out->reason = c->lookup.failure;
		return;
	}
	out->result = DMARC_FAIL;
	apply_policy(c->query, &node->record, out);
}

static struct dmarc_outcome outcome_init(void)
{
	return (struct dmarc_outcome){
		.author_domain = STR_EMPTY,
		.organization = STR_EMPTY,
		.policy_domain = STR_EMPTY,
		.record = STR_EMPTY,
		.dkim_domain = STR_EMPTY,
		.problem = STR_EMPTY,
		.reason = STR_EMPTY,
		.tag = "",
	};
}

static void check_author(struct check *c, str domain, struct dmarc_outcome *out)
{
	const struct dmarc_node *node;
	*out = outcome_init();
	out->author_domain = domain;
	c->lookup.failure = STR_EMPTY;
	if (!dmarc_policy_find(&c->lookup, domain, &node)) {
		temporary(c, out);
		return;
	}
	if (!node) {
		out->reason = STR("no DMARC record");
		out->organization = domain;
		return;
	}
	out->policy_domain = node->name;
	out->record = node->text;
	out->problem = node->record.problem;
	out->strict_spf = node->record.strict_spf;
	out->strict_dkim = node->record.strict_dkim;
	if (!node->record.usable) {
		out->result = DMARC_PERMERROR;
		out->reason = arena_printf(
			c->arena, "the record cannot be used (%.*s)", STR_ARG(out->problem));
		return;
	}
	if (!dmarc_organization(&c->lookup, domain, &out->organization))
		out->organization = STR_EMPTY;
	decide(c, node, out);
}

/* ---- several authors ---- */

static unsigned strictness(const struct dmarc_outcome *o)
{
	switch (o->result) {
	case DMARC_PASS:
		return 0;
	case DMARC_NONE:
		return 1;
	case DMARC_PERMERROR:
		return 2;
	case DMARC_FAIL:
		return o->applied == DMARC_POLICY_NONE ? 3 : 4 + (unsigned)o->applied;
	case DMARC_TEMPERROR:
		return 4;
	}
	return 0;
}

static void take_stricter(struct dmarc_outcome *strictest, const struct dmarc_outcome *other)
{
	if (strictness(other) > strictness(strictest))
		*strictest = *other;
}

static struct dmarc_outcome refuse(const char *reason)
{
	struct dmarc_outcome out = outcome_init();
	out.result = DMARC_PERMERROR;
	out.reason = str_from_z(reason);
	return out;
}

static void check_all(struct check *c, const struct authors *authors, struct dmarc_outcome *out)
{
	*out = outcome_init();
	out->reason = STR("From names no author, only an empty group");
	if (!authors->any)
		*out = refuse("no author in From");
	for (size_t i = 0; i < authors->n; i++) {
		struct dmarc_outcome one;
		check_author(c, authors->domains[i], &one);
		if (i == 0)
			*out = one;
		else
			take_stricter(out, &one);
	}
	struct dmarc_outcome refused = refuse(
		authors->more ? "too many authors in From" : "an author without a domain name");
	if (authors->more || authors->nameless)
		take_stricter(out, &refused);
	out->authors = authors->n;
	out->questions = c->lookup.questions;
}

static void keep(struct dmarc_outcome *out, struct arena *a)
{
	str *const texts[] = { &out->author_domain, &out->organization, &out->policy_domain,
		&out->record, &out->dkim_domain, &out->problem, &out->reason };
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		*texts[i] = arena_str(a, *texts[i]);
}

void dmarc_check(const struct dns *dns, const struct dmarc_query *query, struct arena *a,
	struct dmarc_outcome *out)
{
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(CHECK_ARENA_MAX);
	struct check c = { .query = query,
		.arena = &arena,
		.lookup = { .dns = dns,
			.method = query->method,
			.arena = &arena,
			.failure = STR_EMPTY } };
	struct authors authors;
	read_authors(query->from, &arena, &authors);
	check_all(&c, &authors, out);
	keep(out, a);
}

str dmarc_from(str header, struct arena *a)
{
	struct header_field field;
	str joined = STR_EMPTY;
	size_t fields = 0, total = 0, n = 0;
	for (size_t at = 0; header_next(header, &at, &field);) {
		if (!str_equal_nocase(field.name, STR("From")))
			continue;
		joined = field.value;
		total += field.value.n + 2;
		fields++;
	}
	if (fields < 2)
		return joined;
	char *text = arena_array(a, char, total);
	for (size_t at = 0; header_next(header, &at, &field);) {
		if (!str_equal_nocase(field.name, STR("From")))
			continue;
		memcpy(text + n, ", ", n ? 2 : 0);
		n += n ? 2 : 0;
		memcpy(text + n, field.value.p, field.value.n);
		n += field.value.n;
	}
	return str_from(text, n);
}

const char *dmarc_result_name(enum dmarc_result result)
{
	static const char *const names[] = { "none", "pass", "fail", "temperror", "permerror" };
	return names[result];
}
