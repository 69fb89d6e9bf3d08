/*
 * check_dmarc.c: what the author's domain asks for, and the word of forwarders that are trusted
 * (auth.arc_trusted): where one of them saw DMARC pass before it changed the message, the failure
 * that we see does not count.
 */
#include "base/random.h"
#include "filter/check.h"

static void end(struct judgement *j)
{
	unsigned char random[2];
	random_bytes(random, sizeof random);
	struct dmarc_query query = {
		.method = j->auth->organization == CONFIG_PUBLIC_SUFFIX ? DMARC_PUBLIC_SUFFIX
									: DMARC_TREE_WALK,
		.from = j->from,
		.spf = &j->envelope->spf,
		.dkim = j->has_dkim ? &j->dkim : NULL,
		.sample = (random[0] * 256u + random[1]) % 100,
	};
	dmarc_check(j->dns, &query, j->arena, &j->dmarc);
	j->has_dmarc = true;
}

/* The sealer that is believed, or empty. */
static str trusted_sealer(const struct judgement *j)
{
	const struct config_names *trusted = &j->auth->arc_trusted;
	const struct arc_set *set =
		arc_trusted_pass(&j->arc, trusted->items, trusted->n, STR("dmarc"));
	return set ? set->domain : STR_EMPTY;
}

static enum finding_name failure(const struct dmarc_outcome *dmarc)
{
	static const enum finding_name by_policy[] = {
		[DMARC_POLICY_NONE] = FINDING_DMARC_FAIL,
		[DMARC_POLICY_QUARANTINE] = FINDING_DMARC_QUARANTINE,
		[DMARC_POLICY_REJECT] = FINDING_DMARC_REJECT,
	};
	return by_policy[dmarc->applied];
}

static void report(struct judgement *j)
{
	static const enum finding_name by_result[] = {
		[DMARC_NONE] = FINDING_DMARC_NONE,
		[DMARC_PASS] = FINDING_DMARC_PASS,
		[DMARC_TEMPERROR] = FINDING_DMARC_TEMPERROR,
		[DMARC_PERMERROR] = FINDING_DMARC_PERMERROR,
	};
	const struct dmarc_outcome *d = &j->dmarc;
	enum finding_name name = d->result == DMARC_FAIL ? failure(d) : by_result[d->result];
	judgement_find(j, name, "%.*s%s%.*s", STR_ARG(d->author_domain),
		d->author_domain.n && d->reason.n ? ": " : "", STR_ARG(d->reason));
	str sealer = d->result == DMARC_FAIL ? trusted_sealer(j) : STR_EMPTY;
	if (sealer.n == 0)
		return;
	j->arc_trusted = true;
	judgement_find(j, FINDING_ARC_TRUSTED, "%.*s", STR_ARG(sealer));
	finding_waive(&j->findings, name, "a trusted forwarder saw DMARC pass");
}

const struct check check_dmarc = {
	.name = "dmarc", .stage = CHECK_MESSAGE, .cost = CHECK_COSTLY, .end = end, .report = report
};
