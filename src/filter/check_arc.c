/*
 * check_arc.c: the chain of those who forwarded the message. Whether its word counts is for
 * check_dmarc.c to say.
 */
#include "filter/check.h"

/* The pass over the body is that of DKIM, whose check comes before. */
static void begin(struct judgement *j)
{
	j->arc_verifier =
		arc_verifier_new_beside(j->dkim_verifier, j->header, j->message->received);
	arc_verifier_use_keys(j->arc_verifier, j->message->keys);
	if (j->message->seal)
		j->arc_sealer =
			arc_sealer_new_beside(j->dkim_verifier, j->header, j->message->seal);
}

static void end(struct judgement *j)
{
	arc_verifier_finish(j->arc_verifier, j->dns, j->arena, &j->arc);
	j->has_arc = true;
}

static void report(struct judgement *j)
{
	static const enum finding_name by_result[] = {
		[ARC_NONE] = FINDING_ARC_NONE,
		[ARC_PASS] = FINDING_ARC_PASS,
		[ARC_FAIL] = FINDING_ARC_FAIL,
		[ARC_TEMPERROR] = FINDING_ARC_TEMPERROR,
	};
	str last = j->arc.n ? j->arc.sets[j->arc.n - 1].domain : STR_EMPTY;
	str detail = j->arc.result == ARC_PASS ? last : j->arc.reason;
	judgement_find(j, by_result[j->arc.result], "%.*s", STR_ARG(detail));
}

static void done(struct judgement *j)
{
	arc_verifier_free(j->arc_verifier);
	arc_sealer_free(j->arc_sealer);
}

const struct check check_arc = { .name = "arc",
	.stage = CHECK_MESSAGE,
	.cost = CHECK_COSTLY,
	.begin = begin,
	.end = end,
	.report = report,
	.done = done };
