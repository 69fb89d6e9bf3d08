/*
 * check_results.c: Authentication-Results fields from outside that pretend to be ours, to be cut
 * out (RFC 8601 §5). hostname is ours even where auth.authserv_id is another name.
 */
#include "filter/check.h"

static void begin(struct judgement *j)
{
	str ids[] = { j->config->hostname, j->auth->authserv_id };
	struct auth_span *spans;
	struct arena *scratch = j->arena;
	size_t n = auth_results_find_forged(
		j->header, ids, j->auth->authserv_id.n ? 2 : 1, scratch, &spans);
	j->cuts = spans;
	j->cut_count = n;
	j->cut_too_far = n && spans[n - 1].offset + spans[n - 1].n > JUDGE_CUT_MAX;
}

static void report(struct judgement *j)
{
	if (j->cut_count)
		judgement_find(j, FINDING_RESULTS_FORGED, "%zu removed", j->cut_count);
}

const struct check check_results = { .name = "results", .begin = begin, .report = report };
