/*
 * fields.c: what the verdict says in the message's header: Authentication-Results (RFC 8601), and
 * X-Spam-Flag, X-Spam-Score and X-Spam-Status in SpamAssassin's form, which the rules of mail
 * programs and Sieve scripts look for; and X-Virus-Status of what is infected or was not scanned.
 * The ARC set, where there is one, stands above them.
 */
#include "filter/check.h"
#include "mailauth/auth_results.h"

enum { FIELDS_MAX = 768 * 1024, LINE_MAX_LENGTH = 76 };

static struct auth_results results_of(const struct judgement *j)
{
	const struct envelope_result *e = j->envelope;
	return (struct auth_results){
		.authserv_id = j->auth->authserv_id.n ? j->auth->authserv_id : j->config->hostname,
		.client = j->facts->client,
		.helo = j->facts->helo,
		.sender = j->facts->sender,
		.utf8 = j->facts->utf8,
		.rdns = e->no_client ? NULL : &e->rdns,
		.spf = e->no_client ? NULL : &e->spf,
		.spf_helo = e->has_spf_helo && j->facts->sender.n ? &e->spf_helo : NULL,
		.dkim = j->has_dkim ? &j->dkim : NULL,
		.arc = j->has_arc ? &j->arc : NULL,
		.dmarc = j->has_dmarc ? &j->dmarc : NULL,
	};
}

void judgement_results(const struct judgement *j, struct buf *text)
{
	struct auth_results results = results_of(j);
	auth_results_format(&results, text);
}

static void add_received_spf(const struct judgement *j, struct buf *text)
{
	const struct envelope_result *e = j->envelope;
	struct auth_results results = results_of(j);
	if (j->auth->received_spf && !e->no_client)
		received_spf_format(&results, text);
}

/* "A,B,C", folded after commas. */
static void add_tests(const struct findings *f, struct buf *text)
{
	size_t line = text->n, n = 0;
	for (size_t i = 0; i < f->n; i++) {
		const struct finding *found = &f->list[i];
		str label = finding_label(found);
		if (found->mode == CONFIG_MODE_OBSERVE || found->score == 0)
			continue;
		if (n++)
			buf_add_char(text, ',');
		if (n > 1 && text->n - line + label.n > LINE_MAX_LENGTH) {
			line = text->n;
			buf_add(text, STR("\r\n\t"));
		}
		buf_add(text, label);
	}
	if (n == 0)
		buf_add(text, STR("none"));
}

static void add_spam(const struct judgement *j, const struct verdict *v, struct buf *text)
{
	/* What was in quarantine is read after somebody has found it good. */
	bool spam = v->action != JUDGE_ACCEPT && v->action != JUDGE_QUARANTINE;
	if (spam)
		buf_add(text, STR("X-Spam-Flag: YES\r\n"));
	buf_printf(text, "X-Spam-Score: %.1f\r\n", v->score);
	buf_printf(text,
		"X-Spam-Status: %s, score=%.1f required=%.1f\r\n\ttests=", spam ? "Yes" : "No",
		v->score, j->junk_at);
	add_tests(&j->findings, text);
	buf_add(text, STR("\r\n\tautolearn=no version=Postern\r\n"));
}

/* Of a message that is clean this says nothing: anybody can claim that. */
static void add_virus(const struct judgement *j, struct buf *text)
{
	const struct scan_outcome *v = &j->virus;
	bool accepted =
		v->result == SCAN_FAILED && j->antivirus->unavailable == CONFIG_UNAVAILABLE_ACCEPT;
	if (!j->has_virus || v->result == SCAN_CLEAN || accepted)
		return;
	str what = str_first(v->result == SCAN_INFECTED ? v->signature : v->why, 200);
	buf_printf(text, "X-Virus-Status: %s; ",
		v->result == SCAN_INFECTED ? "Infected" : "Not scanned");
	for (size_t i = 0; i < what.n; i++)
		buf_add_char(text, what.p[i] >= ' ' && what.p[i] < 127 ? what.p[i] : '?');
	buf_add(text, STR("\r\n"));
}

str judgement_spam_fields(const struct judgement *j, const struct verdict *verdict, struct arena *a)
{
	struct buf text CLEANUP(buf_done) = BUF_INIT(FIELDS_MAX);
	add_spam(j, verdict, &text);
	ASSERT(!text.overflowed);
	return arena_str(a, buf_str(&text));
}

str judgement_fields(const struct judgement *j, struct arena *a)
{
	struct buf text CLEANUP(buf_done) = BUF_INIT(FIELDS_MAX);
	buf_add(&text, j->set);
	judgement_results(j, &text);
	add_received_spf(j, &text);
	add_virus(j, &text);
	ASSERT(!text.overflowed);
	return arena_str(a, buf_str(&text));
}
