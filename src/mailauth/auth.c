#include "mailauth/auth.h"

#include "mail/header.h"

/* One pass over the body for both. */
static void check_signatures(const struct dns *dns, const struct auth_message *message, str header,
	struct arena *a, struct auth_outcome *out)
{
	struct dkim_verifier *dkim = dkim_verifier_new(header, message->time);
	struct arc_verifier *arc = arc_verifier_new_beside(dkim, header, message->time);
	dkim_verifier_feed(dkim, str_skip(message->text, header.n));
	dkim_verifier_finish(dkim, dns, a, &out->dkim);
	arc_verifier_finish(arc, dns, a, &out->arc);
	arc_verifier_free(arc);
	dkim_verifier_free(dkim);
}

void auth_check(const struct dns *dns, const struct auth_message *message, struct arena *a,
	struct auth_outcome *out)
{
	str header = str_first(message->text, header_length(message->text));
	struct spf_query spf = { .client = message->client,
		.helo = message->helo,
		.sender = message->sender,
		.receiver = message->authserv_id,
		.time = message->time };
	spf_check(dns, &spf, a, &out->spf);
	check_signatures(dns, message, header, a, out);
	struct dmarc_query dmarc = { .from = dmarc_from(header, a),
		.spf = &out->spf,
		.dkim = &out->dkim,
		.sample = message->sample };
	dmarc_check(dns, &dmarc, a, &out->dmarc);
	out->results = (struct auth_results){ .authserv_id = message->authserv_id,
		.client = message->client,
		.helo = message->helo,
		.sender = message->sender,
		.spf = &out->spf,
		.dkim = &out->dkim,
		.arc = &out->arc,
		.dmarc = &out->dmarc };
}
