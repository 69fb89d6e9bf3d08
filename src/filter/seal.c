/*
 * seal.c: the ARC set of a message that is taken (RFC 8617 §5.1), into the quarantine, too: whoever
 * releases it does not judge it again. What it says are the results that our Authentication-Results
 * has. Nothing fails for want of it: whoever gets the message from those to whom it is forwarded
 * knows less then.
 */
#include "filter/check.h"

enum { RESULTS_MAX = 128 * 1024, SET_MAX = 384 * 1024 };

/* The value of the field, which is the whole text. */
static str value_of(str text)
{
	struct header_field field = { .value = STR_EMPTY };
	size_t at = 0;
	(void)header_next(text, &at, &field);
	return field.value;
}

void judgement_seal(struct judgement *j, struct verdict *verdict)
{
	static const char *const cv[] = {
		[ARC_NONE] = "none", [ARC_PASS] = "pass", [ARC_FAIL] = "fail"
	};
	bool taken = verdict->action != JUDGE_REJECT && verdict->action != JUDGE_TEMPFAIL;
	j->set = j->sealed = j->unsealed = STR_EMPTY;
	if (!taken)
		return;
	if (!j->arc_sealer) {
		j->unsealed = verdict->unsealed = j->message->unsealed;
		return;
	}
	struct buf results CLEANUP(buf_done) = BUF_INIT(RESULTS_MAX);
	struct buf set CLEANUP(buf_done) = BUF_INIT(SET_MAX);
	struct err err = { "" };
	judgement_results(j, &results);
	bool good =
		arc_sealer_finish(j->arc_sealer, &j->arc, value_of(buf_str(&results)), &set, &err);
	if (good && !set.overflowed) {
		const struct dkim_signing *how = j->message->seal;
		j->set = arena_str(j->arena, buf_str(&set));
		j->sealed = arena_printf(j->arena, "i=%u, cv=%s, by %.*s, selector %.*s",
			arc_sealer_instance(j->arc_sealer), cv[j->arc.result], STR_ARG(how->domain),
			STR_ARG(how->selector));
		return;
	}
	j->unsealed = arena_str(j->arena, str_from_z(good ? "the set is too large" : err.text));
	if (arc_sealer_may(j->arc_sealer, &j->arc))
		verdict->unsealed = j->unsealed;
}
