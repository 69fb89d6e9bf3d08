/*
 * check_spf.c: SPF of the envelope sender, and of the HELO name.
 */
#include "filter/check.h"

static void report_one(struct judgement *j, const struct spf_outcome *spf,
	const enum finding_name by_result[], enum finding_name worthless)
{
	str detail = spf->problem.n ? spf->problem : spf->mechanism;
	judgement_find(j, by_result[spf->result], "%.*s%s%.*s", STR_ARG(spf->domain),
		detail.n ? ": " : "", STR_ARG(detail));
	if (spf->worthless && spf->result == SPF_PASS)
		judgement_find(j, worthless, "%.*s: %.*s", STR_ARG(spf->domain),
			STR_ARG(spf->worthless_term));
}

static void report(struct judgement *j)
{
	static const enum finding_name of_sender[] = {
		[SPF_NONE] = FINDING_SPF_NONE,
		[SPF_NEUTRAL] = FINDING_SPF_NEUTRAL,
		[SPF_PASS] = FINDING_SPF_PASS,
		[SPF_FAIL] = FINDING_SPF_FAIL,
		[SPF_SOFTFAIL] = FINDING_SPF_SOFTFAIL,
		[SPF_TEMPERROR] = FINDING_SPF_TEMPERROR,
		[SPF_PERMERROR] = FINDING_SPF_PERMERROR,
	};
	static const enum finding_name of_helo[] = {
		[SPF_NONE] = FINDING_SPF_HELO_NONE,
		[SPF_NEUTRAL] = FINDING_SPF_HELO_NEUTRAL,
		[SPF_PASS] = FINDING_SPF_HELO_PASS,
		[SPF_FAIL] = FINDING_SPF_HELO_FAIL,
		[SPF_SOFTFAIL] = FINDING_SPF_HELO_SOFTFAIL,
		[SPF_TEMPERROR] = FINDING_SPF_HELO_TEMPERROR,
		[SPF_PERMERROR] = FINDING_SPF_HELO_PERMERROR,
	};
	const struct envelope_result *e = j->envelope;
	if (e->no_client)
		return;
	report_one(j, &e->spf, of_sender, FINDING_SPF_WORTHLESS);
	/* A bounce has been checked by its HELO name already. */
	if (e->has_spf_helo && j->facts->sender.n)
		report_one(j, &e->spf_helo, of_helo, FINDING_SPF_HELO_WORTHLESS);
}

const struct check check_spf = {
	.name = "spf", .stage = CHECK_ENVELOPE, .cost = CHECK_CHEAP, .report = report
};
