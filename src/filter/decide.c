/*
 * decide.c: from findings and policies to the verdict.
 *
 * Scores are added and compared with the thresholds. Beside them stand the policies of auth, which
 * decide by themselves: what DMARC asks for, SPF, the DNS; and findings of mode reject. Of all that
 * is asked for the strongest counts: refuse, try again, quarantine, Junk, accept.
 */
#include "filter/check.h"

static void demand(struct verdict *out, enum judge_action action, struct judge_reply reply)
{
	static const int strength[] = { [JUDGE_ACCEPT] = 0,
		[JUDGE_JUNK] = 1,
		[JUDGE_QUARANTINE] = 2,
		[JUDGE_TEMPFAIL] = 3,
		[JUDGE_REJECT] = 4 };
	if (strength[action] <= strength[out->action])
		return;
	out->action = action;
	out->why = reply.text;
	out->reply = reply.code ? reply : (struct judge_reply){ .text = STR_EMPTY };
}

static struct judge_reply sentence(str text)
{
	return (struct judge_reply){ .text = text };
}

/* ── Scores ───────────────────────────────────────────────────────────────────────────────── */

/* A threshold of 0 is none. */
static bool reaches(double score, double threshold)
{
	return threshold > 0 && score >= threshold;
}

static void by_score(struct judgement *j, struct verdict *out)
{
	double score = findings_score(&j->findings);
	out->score = score;
	if (score >= j->rules->reject_at)
		demand(out, JUDGE_REJECT,
			(struct judge_reply){ 550, 5, 7, 1,
				arena_printf(j->arena,
					"This message looks like spam: it scores %.1f, and %.1f is "
					"refused",
					score, j->rules->reject_at) });
	else if (reaches(score, j->rules->defer_at))
		demand(out, JUDGE_TEMPFAIL,
			(struct judge_reply){ 451, 4, 7, 1,
				STR("This message is not taken now. Try again later") });
	else if (reaches(score, j->rules->quarantine_at))
		demand(out, JUDGE_QUARANTINE,
			sentence(arena_printf(j->arena, "it scores %.1f, and %.1f is quarantine",
				score, j->rules->quarantine_at)));
	else if (score >= j->rules->junk_at)
		demand(out, JUDGE_JUNK,
			sentence(arena_printf(j->arena, "it scores %.1f, and %.1f is Junk", score,
				j->rules->junk_at)));
}

static void by_mode(struct judgement *j, struct verdict *out)
{
	for (size_t i = 0; i < j->findings.n; i++) {
		const struct finding *f = &j->findings.list[i];
		const struct finding_info *info = &finding_infos[f->name];
		if (f->mode == CONFIG_MODE_REJECT)
			demand(out, JUDGE_REJECT,
				(struct judge_reply){ 550, 5, 7, 1,
					arena_printf(j->arena, "%s (%.*s: %.*s)", info->text,
						STR_ARG(finding_label(f)), STR_ARG(f->evidence)) });
		else if (f->mode == CONFIG_MODE_QUARANTINE)
			demand(out, JUDGE_QUARANTINE,
				sentence(arena_printf(j->arena, "%s (%.*s: %.*s)", info->text,
					STR_ARG(finding_label(f)), STR_ARG(f->evidence))));
	}
}

/* ── Policies ─────────────────────────────────────────────────────────────────────────────── */

static struct judge_reply spf_refusal(
	const struct judge_facts *facts, const struct spf_outcome *spf, struct arena *a)
{
	char client[IP_TEXT_SIZE];
	ip_format(&facts->client, client);
	str text =
		arena_printf(a, "The SPF record of %.*s does not let %s send for it (%.*s)%s%.*s",
			STR_ARG(spf->domain), client, STR_ARG(str_first(spf->mechanism, 100)),
			spf->explanation.n ? ". It explains: " : "",
			STR_ARG(str_first(spf->explanation, 200)));
	return (struct judge_reply){ 550, 5, 7, 23, text };
}

static void by_spf(struct judgement *j, struct verdict *out)
{
	if (j->auth->spf_fail == CONFIG_SPF_FAIL_REJECT && !j->exempt && !j->arc_trusted &&
		j->envelope->spf.result == SPF_FAIL)
		demand(out, JUDGE_REJECT, spf_refusal(j->facts, &j->envelope->spf, j->arena));
}

static struct judge_reply dmarc_refusal(const struct dmarc_outcome *d, struct arena *a)
{
	str text = arena_printf(a,
		"The DMARC policy of %.*s (%s=%s) asks to refuse this message: %.*s",
		STR_ARG(d->policy_domain), d->tag, dmarc_policy_name(d->published),
		STR_ARG(str_first(d->reason, 300)));
	return (struct judge_reply){ 550, 5, 7, 1, text };
}

static void by_dmarc(struct judgement *j, struct verdict *out)
{
	const struct dmarc_outcome *d = &j->dmarc;
	int honour = j->auth->honour_dmarc;
	if (!j->has_dmarc || d->result != DMARC_FAIL || j->exempt || j->arc_trusted ||
		d->applied == DMARC_POLICY_NONE || honour == CONFIG_DMARC_SCORE)
		return;
	if (d->applied == DMARC_POLICY_REJECT && honour == CONFIG_DMARC_REJECT)
		demand(out, JUDGE_REJECT, dmarc_refusal(d, j->arena));
	else
		demand(out, JUDGE_JUNK,
			sentence(arena_printf(j->arena,
				"the DMARC policy of %.*s (%s=%s) asks for it: %.*s",
				STR_ARG(d->policy_domain), d->tag, dmarc_policy_name(d->published),
				STR_ARG(str_first(d->reason, 300)))));
}

static bool dkim_is_open(const struct judgement *j)
{
	for (size_t i = 0; i < j->dkim.n; i++)
		if (j->dkim.signatures[i].result == DKIM_TEMPERROR)
			return true;
	return false;
}

/* Where DMARC has passed, nothing that is open could make the message any better. */
static void by_dns(struct judgement *j, struct verdict *out)
{
	bool open = j->envelope->spf.result == SPF_TEMPERROR || dkim_is_open(j) ||
		    j->dmarc.result == DMARC_TEMPERROR;
	if (j->auth->dns_failure != CONFIG_DNS_FAILURE_TEMPFAIL || !open ||
		(j->has_dmarc && j->dmarc.result == DMARC_PASS))
		return;
	str failed = j->dns_failed.n ? j->dns_failed : j->envelope->dns_failed;
	demand(out, JUDGE_TEMPFAIL,
		(struct judge_reply){ 451, 4, 4, 3,
			arena_printf(j->arena,
				"The sender cannot be verified now: the DNS does not answer%s%.*s. "
				"Try again later",
				failed.n ? " for " : "", STR_ARG(failed)) });
}

static void by_virus(struct judgement *j, struct verdict *out)
{
	const struct scan_outcome *v = &j->virus;
	if (!j->has_virus)
		return;
	if (v->result == SCAN_INFECTED && j->antivirus->infected == CONFIG_INFECTED_REJECT)
		demand(out, JUDGE_REJECT,
			(struct judge_reply){ 550, 5, 7, 1,
				arena_printf(j->arena, "This message has a virus: %.*s",
					STR_ARG(v->signature)) });
	else if (v->result == SCAN_INFECTED)
		demand(out,
			j->antivirus->infected == CONFIG_INFECTED_QUARANTINE ? JUDGE_QUARANTINE
									     : JUDGE_JUNK,
			sentence(arena_printf(
				j->arena, "it has a virus: %.*s", STR_ARG(v->signature))));
	else if (v->result == SCAN_FAILED &&
		 j->antivirus->unavailable == CONFIG_UNAVAILABLE_TEMPFAIL)
		demand(out, JUDGE_TEMPFAIL,
			(struct judge_reply){ 451, 4, 7, 1,
				STR("This message cannot be scanned for viruses now. Try again "
				    "later") });
}

static void by_header(struct judgement *j, struct verdict *out)
{
	if (j->cut_too_far)
		demand(out, JUDGE_REJECT,
			(struct judge_reply){ 550, 5, 6, 0,
				STR("The header is too large, and has Authentication-Results in "
				    "our name or X-Spam fields") });
}

void judgement_decide(struct judgement *j, struct verdict *out)
{
	by_virus(j, out);
	by_header(j, out);
	by_dmarc(j, out);
	by_spf(j, out);
	by_mode(j, out);
	by_dns(j, out);
	by_score(j, out);
}

/* ── Before the message ───────────────────────────────────────────────────────────────────── */

struct judge_reply judge_early(const struct config *config, const struct judge_facts *facts,
	const struct envelope_result *envelope, struct arena *a)
{
	const struct config_domain *own = config_domain_find(config, facts->domain);
	const struct config_auth *auth = own ? &own->auth : &config->auth;
	bool open = envelope->spf.result != SPF_FAIL || auth->spf_fail != CONFIG_SPF_FAIL_REJECT;
	/* What may speak for the message is in the message. */
	if (open || auth->allow_domains.n || auth->arc_trusted.n)
		return (struct judge_reply){ .text = STR_EMPTY };
	return spf_refusal(facts, &envelope->spf, a);
}

const char *judge_action_name(enum judge_action action)
{
	static const char *const names[] = { "accept", "junk", "reject", "defer", "quarantine" };
	return names[action];
}
