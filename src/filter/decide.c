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

static struct verdict undecided(void)
{
	return (struct verdict){
		.action = JUDGE_ACCEPT, .why = STR_EMPTY, .reply = { .text = STR_EMPTY }
	};
}

static struct judge_reply sentence(str text)
{
	return (struct judge_reply){ .text = text };
}

/* ── Scores ───────────────────────────────────────────────────────────────────────────────── */

static str whose(const struct judgement *j)
{
	return j->whose.n ? arena_printf(j->arena, " for %.*s", STR_ARG(j->whose)) : STR_EMPTY;
}

/* A threshold of 0 is none. */
static bool reaches(double score, double threshold)
{
	return threshold > 0 && score >= threshold;
}

static void by_score(struct judgement *j, struct verdict *out)
{
	double score = findings_score(&j->findings);
	out->score = score;
	if (score >= j->reject_at)
		demand(out, JUDGE_REJECT,
			(struct judge_reply){ 550, 5, 7, 1,
				arena_printf(j->arena,
					"This message looks like spam: it scores %.1f, and %.1f is "
					"refused",
					score, j->reject_at) });
	else if (reaches(score, j->rules->defer_at))
		demand(out, JUDGE_TEMPFAIL,
			(struct judge_reply){ 451, 4, 7, 1,
				STR("This message is not taken now. Try again later") });
	else if (reaches(score, j->rules->quarantine_at))
		demand(out, JUDGE_QUARANTINE,
			sentence(arena_printf(j->arena, "it scores %.1f, and %.1f is quarantine",
				score, j->rules->quarantine_at)));
	else if (score >= j->junk_at)
		demand(out, JUDGE_JUNK,
			sentence(arena_printf(j->arena, "it scores %.1f, and %.1f is Junk%.*s",
				score, j->junk_at, STR_ARG(whose(j)))));
}

/* Who is allowed here may be broken into: what is attached is refused all the same. */
static bool is_of_content(const struct finding *f)
{
	return strcmp(f->source, check_attachment.name) == 0 ||
	       strcmp(f->source, check_pattern.name) == 0 ||
	       strcmp(f->source, check_virus.name) == 0;
}

static bool is_allowed(const struct judgement *j)
{
	return j->allowed && !finding_is_absent(&j->findings, local_finding(j->match));
}

static void by_mode(struct judgement *j, struct verdict *out)
{
	for (size_t i = 0; i < j->findings.n; i++) {
		const struct finding *f = &j->findings.list[i];
		const struct finding_info *info = &finding_infos[f->name];
		if (f->absent || (is_allowed(j) && !is_of_content(f)))
			continue;
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
		j->envelope->spf.result == SPF_FAIL &&
		!finding_is_absent(&j->findings, FINDING_SPF_FAIL))
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

static bool dmarc_is_absent(const struct judgement *j)
{
	return finding_is_absent(&j->findings, FINDING_DMARC_REJECT) ||
	       finding_is_absent(&j->findings, FINDING_DMARC_QUARANTINE);
}

static void by_dmarc(struct judgement *j, struct verdict *out)
{
	const struct dmarc_outcome *d = &j->dmarc;
	int honour = j->auth->honour_dmarc;
	if (!j->has_dmarc || dmarc_is_absent(j) || d->result != DMARC_FAIL || j->exempt ||
		j->arc_trusted || d->applied == DMARC_POLICY_NONE || honour == CONFIG_DMARC_SCORE)
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
		(j->has_dmarc && j->dmarc.result == DMARC_PASS) ||
		finding_is_absent(&j->findings, FINDING_DNS_FAILURE))
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
	if (!j->has_virus || finding_is_absent(&j->findings, FINDING_VIRUS_INFECTED) ||
		finding_is_absent(&j->findings, FINDING_VIRUS_FAILED))
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

/* Without the lists nobody can say whom they let in and whom not. */
static void by_local(struct judgement *j, struct verdict *out)
{
	const struct local_match *m = j->match;
	if (j->local_failed || j->open)
		demand(out, JUDGE_TEMPFAIL,
			(struct judge_reply){ 451, 4, 4, 3,
				STR("The sender cannot be verified now. Try again later") });
	else if (m && m->list == DIRECTORY_BLOCK &&
		 !finding_is_absent(&j->findings, local_finding(m)) &&
		 finding_mode(&j->rules->findings, local_finding(m)) == CONFIG_MODE_REJECT)
		demand(out, JUDGE_REJECT, local_refusal(j, m));
}

static void by_header(struct judgement *j, struct verdict *out)
{
	if (j->cut_too_far)
		demand(out, JUDGE_REJECT,
			(struct judge_reply){ 550, 5, 6, 0,
				STR("The header is too large, and has Authentication-Results in "
				    "our name or X-Spam fields") });
}

/* What decides by itself, whatever the score. */
static void by_policies(struct judgement *j, struct verdict *out)
{
	by_virus(j, out);
	by_header(j, out);
	by_local(j, out);
	if (!is_allowed(j)) {
		by_dmarc(j, out);
		by_spf(j, out);
		by_dns(j, out);
	}
	by_mode(j, out);
}

void judgement_decide(struct judgement *j, struct verdict *out)
{
	*out = undecided();
	by_policies(j, out);
	by_score(j, out);
}

/* ── Whether it is worth going on ─────────────────────────────────────────────────────────── */

/* The most that lists in the DNS could say for a message. */
static double best_of_lists(const struct config_lists *lists)
{
	double sum = 0;
	for (size_t i = 0; i < lists->n; i++)
		for (size_t k = 0; k < lists->items[i].reply_count; k++)
			sum += MIN(lists->items[i].replies[k].score, 0.0);
	return sum;
}

static double highest_reject_at(const struct judgement *j)
{
	double highest = j->rules->reject_at;
	for (size_t i = 0; i < j->facts->destination_count; i++)
		highest = MAX(highest, j->facts->destinations[i].reject_at);
	return highest;
}

bool judgement_is_settled(struct judgement *j)
{
	/* Where a list of our own has an entry that fits, it may be another one for each. */
	if (j->may_waive || j->local.n || j->local_failed)
		return false;
	struct verdict sofar = undecided();
	by_policies(j, &sofar);
	double listed = j->message->lists ? best_of_lists(&j->config->filter.lists) : 0;
	return sofar.action == JUDGE_REJECT ||
	       findings_least(&j->findings, listed) >= highest_reject_at(j);
}

/* ── What it hung on ──────────────────────────────────────────────────────────────────────── */

/* Those that pull towards the action, heaviest first; those that decide by themselves before all
 * others. */
static double pull(const struct finding *f, enum judge_action action)
{
	static const double by_itself = 1e6;
	double weight = action == JUDGE_ACCEPT ? -finding_weight(f) : finding_weight(f);
	bool alone = f->mode >= CONFIG_MODE_QUARANTINE || f->name == FINDING_DMARC_REJECT ||
		     f->name == FINDING_DMARC_QUARANTINE || f->name == FINDING_SPF_FAIL ||
		     f->name == FINDING_VIRUS_INFECTED || f->name == FINDING_VIRUS_FAILED ||
		     f->name == FINDING_DNS_FAILURE;
	return alone && action != JUDGE_ACCEPT ? by_itself + weight : weight;
}

static struct finding *strongest_present(struct judgement *j, enum judge_action action)
{
	struct finding *best = NULL;
	for (size_t i = 0; i < j->findings.n; i++) {
		struct finding *f = &j->findings.list[i];
		double p = pull(f, action);
		if (!f->absent && p > 0 && (!best || p > pull(best, action)))
			best = f;
	}
	return best;
}

static enum judge_action action_now(struct judgement *j)
{
	struct verdict without;
	judgement_decide(j, &without);
	return without.action;
}

/* Takes away until something else is done with the message, then gives back what was taken
 * needlessly. What stays away is the answer. */
enum judge_action judgement_pivot(struct judgement *j, enum judge_action action)
{
	enum judge_action other = action;
	for (struct finding *f; other == action && (f = strongest_present(j, action));) {
		f->absent = true;
		other = action_now(j);
	}
	for (size_t i = 0; i < j->findings.n; i++) {
		struct finding *f = &j->findings.list[i];
		if (!f->absent)
			continue;
		f->absent = false;
		f->pivotal = other != action && action_now(j) == action;
		f->absent = f->pivotal;
	}
	other = action_now(j);
	for (size_t i = 0; i < j->findings.n; i++)
		j->findings.list[i].absent = false;
	return other;
}

/* ── Before the message ───────────────────────────────────────────────────────────────────── */

struct judge_reply judge_early(const struct config *config, const struct judge_facts *facts,
	const struct envelope_result *envelope, struct arena *a)
{
	const struct config_domain *own = config_domain_find(config, facts->domain);
	const struct config_auth *auth = own ? &own->auth : &config->auth;
	struct judge_reply blocked =
		local_early(own ? &own->filter : &config->filter, facts, envelope, a);
	if (blocked.code)
		return blocked;
	bool open = envelope->spf.result != SPF_FAIL || auth->spf_fail != CONFIG_SPF_FAIL_REJECT;
	/* What may speak for the message is in the message. */
	if (open || auth->allow_domains.n || auth->arc_trusted.n || local_may_allow(envelope))
		return (struct judge_reply){ .text = STR_EMPTY };
	return spf_refusal(facts, &envelope->spf, a);
}

const char *judge_action_name(enum judge_action action)
{
	static const char *const names[] = { "accept", "junk", "reject", "defer", "quarantine" };
	return names[action];
}
