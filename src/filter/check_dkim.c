/*
 * check_dkim.c: the DKIM signatures.
 */
#include "filter/check.h"

static void begin(struct judgement *j)
{
	j->dkim_verifier = dkim_verifier_new(j->header, j->message->received);
	dkim_verifier_use_keys(j->dkim_verifier, j->message->keys);
}

static void body(struct judgement *j, str piece)
{
	dkim_verifier_feed(j->dkim_verifier, piece);
}

static void end(struct judgement *j)
{
	dkim_verifier_finish(j->dkim_verifier, j->dns, j->arena, &j->dkim);
	j->has_dkim = true;
}

static void report_valid(struct judgement *j, const struct dkim_signature *s)
{
	if (s->weak_key)
		judgement_find(
			j, FINDING_DKIM_WEAK_KEY, "%.*s: %u bits", STR_ARG(s->domain), s->key_bits);
	if (s->has_length)
		judgement_find(j, FINDING_DKIM_LENGTH, "%.*s: l=%llu", STR_ARG(s->domain),
			(unsigned long long)s->length);
	if (s->has_length && s->unsigned_bytes)
		judgement_find(j, FINDING_DKIM_APPENDED, "%.*s: %llu bytes", STR_ARG(s->domain),
			(unsigned long long)s->unsigned_bytes);
}

static void report(struct judgement *j)
{
	static const enum finding_name by_result[] = {
		[DKIM_NONE] = FINDING_DKIM_NONE,
		[DKIM_PASS] = FINDING_DKIM_VALID,
		[DKIM_FAIL] = FINDING_DKIM_FAIL,
		[DKIM_POLICY] = FINDING_DKIM_POLICY,
		[DKIM_NEUTRAL] = FINDING_DKIM_NEUTRAL,
		[DKIM_TEMPERROR] = FINDING_DKIM_TEMPERROR,
		[DKIM_PERMERROR] = FINDING_DKIM_PERMERROR,
	};
	if (j->dkim.n == 0)
		judgement_find(j, FINDING_DKIM_NONE, "no signature");
	for (size_t i = 0; i < j->dkim.n; i++) {
		const struct dkim_signature *s = &j->dkim.signatures[i];
		judgement_find(j, by_result[s->result], "%.*s, selector %.*s%s%.*s",
			STR_ARG(s->domain), STR_ARG(s->selector), s->reason.n ? ": " : "",
			STR_ARG(s->reason));
		if (s->result == DKIM_PASS)
			report_valid(j, s);
		if (s->testing)
			judgement_find(j, FINDING_DKIM_TESTING, "%.*s", STR_ARG(s->domain));
	}
	if (j->dkim.more)
		judgement_find(j, FINDING_DKIM_MANY, "more than %d", DKIM_SIGNATURES_MAX);
}

static void done(struct judgement *j)
{
	dkim_verifier_free(j->dkim_verifier);
}

const struct check check_dkim = { "dkim", CHECK_MESSAGE, CHECK_COSTLY, begin, body, end, report,
	done };
