/*
 * check_allow.c: auth.allow_domains, a list with two sides: mail of these domains is exempt from
 * what SPF and DMARC would count against it, if anything shows that it is theirs (it was forwarded,
 * say, and its DKIM signature held); and mail that only claims to be theirs counts as worse.
 */
#include "filter/check.h"
#include "mailauth/domain.h"

static const enum finding_name penalties[] = {
	FINDING_SPF_FAIL,
	FINDING_SPF_SOFTFAIL,
	FINDING_SPF_PERMERROR,
	FINDING_SPF_HELO_FAIL,
	FINDING_SPF_HELO_SOFTFAIL,
	FINDING_DMARC_FAIL,
	FINDING_DMARC_QUARANTINE,
	FINDING_DMARC_REJECT,
};

/* What shows that the message comes from that domain; NULL: nothing does. */
static const char *authenticated(const struct judgement *j, str domain)
{
	const struct envelope_result *e = j->envelope;
	for (size_t i = 0; i < j->dkim.n; i++)
		if (j->dkim.signatures[i].result == DKIM_PASS &&
			domain_is_within(j->dkim.signatures[i].domain, domain))
			return "DKIM";
	if (e->spf.result == SPF_PASS && !e->spf.worthless &&
		domain_is_within(e->spf.domain, domain))
		return "SPF";
	if (e->rdns.result == RDNS_PASS && domain_is_within(e->rdns.name, domain))
		return "reverse DNS";
	return NULL;
}

/* Something that could have shown it had no answer. */
static bool undecided(const struct judgement *j)
{
	for (size_t i = 0; i < j->dkim.n; i++)
		if (j->dkim.signatures[i].result == DKIM_TEMPERROR)
			return true;
	return j->envelope->spf.result == SPF_TEMPERROR ||
	       j->envelope->rdns.result == RDNS_TEMPERROR;
}

static void report(struct judgement *j)
{
	const struct config_names *list = &j->auth->allow_domains;
	str domain;
	j->may_waive = local_may_fit(j->envelope);
	if (!names_contain(list, j->dmarc.author_domain, &domain) &&
		!(j->facts->sender.n && names_contain(list, j->envelope->spf.domain, &domain)))
		return;
	const char *by = authenticated(j, domain);
	if (!by && !undecided(j))
		judgement_find(j, FINDING_ALLOW_FAILED, "%.*s", STR_ARG(domain));
	if (!by)
		return;
	j->exempt = true;
	judgement_find(j, FINDING_ALLOW_AUTHENTICATED, "%.*s, by %s", STR_ARG(domain), by);
	for (size_t i = 0; i < ARRAY_LEN(penalties); i++)
		finding_waive(&j->findings, penalties[i], "an allow-listed domain, authenticated");
}

const struct check check_allow = {
	.name = "allow", .stage = CHECK_MESSAGE, .cost = CHECK_COSTLY, .report = report
};
