/*
 * unjudged.c: a message over which a filter fails: it died with the message in its hands, or gave
 * no answer in time.
 *
 * Delivery counts failures by what the message is known again by. The first one may be the fault of
 * another message in the same process: it is put off. At the second one it goes on, tagged, and
 * from then on no filter gets it for some hours. As long as no message is known to have failed,
 * which each answer of delivery says, nothing of this costs anything.
 */
#include "smtpd/session_internal.h"

#include <errno.h>

/* Not the failures of our own machine, and not a filter that was not there: nothing was handed to
 * it. But what no filter will ever accept, as it never will. */
bool smtpd_filter_failed(int rc)
{
	return rc == -ECONNRESET || rc == -ETIMEDOUT || rc == -EBADMSG || rc == -EINVAL ||
	       rc == -EMSGSIZE;
}

static str digest_of(struct smtpd_session *s)
{
	struct smtpd_transaction *x = &s->transaction;
	str view;
	if (!x->doubt.has_digest) {
		if (smtpd_view(&x->incoming, &view) < 0)
			return STR_EMPTY;
		unjudged_digest(s->task, view, (unsigned char *)x->doubt.digest);
		smtpd_unview(&x->incoming, view);
		x->doubt.has_digest = true;
	}
	return str_from(x->doubt.digest, sizeof x->doubt.digest);
}

void smtpd_recall(struct smtpd_session *s, struct arena *a)
{
	struct smtpd_doubt *doubt = &s->transaction.doubt;
	if (!s->world->suspects || *s->world->suspects == 0)
		return;
	struct delivery_suspect_request in = { .digest = digest_of(s) };
	struct delivery_suspect_reply out;
	/* Without delivery it cannot be taken anyway. */
	if (delivery_suspect(s->task, &s->world->delivery, &in, a, &out) < 0)
		return;
	doubt->count = out.count;
	doubt->shunned = out.shunned;
	doubt->first = out.first;
	*s->world->suspects = out.suspects;
}

void smtpd_tell_failure(struct smtpd_session *s, struct arena *a, int64_t began)
{
	struct smtpd_doubt *doubt = &s->transaction.doubt;
	struct delivery_failed_request in = {
		.digest = digest_of(s), .id = str_from_z(s->transaction.id), .began = began
	};
	struct delivery_failed_reply out;
	int rc = delivery_failed(s->task, &s->world->delivery, &in, a, &out);
	if (rc < 0) {
		doubt->count = 0;
		log_warning(&s->transaction.log, "a failure of the filter could not be noted",
			F_Z("error", strerrordesc_np(-rc)));
		return;
	}
	doubt->count = out.count;
	doubt->first = out.first;
	if (s->world->suspects)
		*s->world->suspects = out.suspects;
	log_error(&s->transaction.log, "the filter failed over a message",
		F_INT("failures", out.count), F_STR("first", out.first));
}

int smtpd_judge_failed(struct smtpd_session *s, struct arena *a, struct filter_judge_reply *out)
{
	struct smtpd_transaction *x = &s->transaction;
	const struct judge_facts facts = { .id = str_from_z(x->id),
		.client = s->client,
		.helo = s->helo,
		.sender = x->sender,
		.utf8 = x->utf8,
		.domain = x->rules ? x->rules->name : STR_EMPTY };
	struct verdict verdict;
	str view;
	int rc = smtpd_view(&x->incoming, &view);
	if (rc < 0)
		return rc;
	str why = arena_printf(a,
		"the filter failed over this message %llu times, at first as %.*s: it is not "
		"judged",
		(unsigned long long)x->doubt.count, STR_ARG(x->doubt.first));
	unjudged_verdict(s->world->config, &facts, view, why, a, &verdict);
	smtpd_unview(&x->incoming, view);
	verdict.why = why;
	filter_reply(&verdict, 0, a, out);
	log_warning(&x->log, "taken without being judged",
		F_Z("action", judge_action_name(verdict.action)), F_STR("reason", why));
	return 0;
}
