/*
 * record.c: the decision record of a message that was judged: what `postern why` tells. Each text
 * is cut so that the whole stays within JUDGE_RECORD_MAX; if it does not all the same, it comes
 * without what the checks saw, and with the decision.
 */
#include "base/clock.h"
#include "base/json.h"
#include "filter/check.h"
#include "mail/header.h"
#include "mail/word.h"

enum {
	RECIPIENTS_MAX = 50, /* that are listed; all are counted */
	TEXT_MAX = 300,
	SHORT_MAX = 100,
	STEPS_MAX = 20,
	ARC_LISTED_MAX = 5,
	LISTED_MAX = 30, /* results of lists, of envelope and message each */
};

static void put_client(const struct judge_facts *f, const struct envelope_result *e, struct json *j)
{
	char ip[IP_TEXT_SIZE] = "";
	if (!f->no_client)
		ip_format(&f->client, ip);
	str name = f->client_name.n              ? f->client_name
		   : e->rdns.result == RDNS_PASS ? e->rdns.name
						 : STR_EMPTY;
	json_object(j, "client");
	json_str(j, "ip", str_from_z(ip));
	json_i64(j, "port", f->port);
	json_str_max(j, "name", name, TEXT_MAX);
	json_str_max(j, "helo", f->helo, TEXT_MAX);
	json_str_max(j, "tls", f->tls, SHORT_MAX);
	json_end(j);
}

static void put_recipients(const struct judge_message *m, struct json *j)
{
	json_array(j, "recipients");
	for (size_t i = 0; i < MIN(m->recipient_count, (size_t)RECIPIENTS_MAX); i++)
		json_str_max(j, NULL, m->recipients[i], TEXT_MAX);
	json_end(j);
	if (m->recipient_count > RECIPIENTS_MAX)
		json_i64(j, "recipient_count", (int64_t)m->recipient_count);
}

/* A field of the header, as a person reads it. */
static void put_field(const char *key, str header, str name, struct json *j)
{
	struct header_field field;
	struct buf text CLEANUP(buf_done) = BUF_INIT(64 * 1024);
	if (header_find(header, name, &field))
		word_decode(&text, str_first(field.value, 2000));
	json_str_max(j, key, buf_str(&text), TEXT_MAX);
}

/* ── What the checks saw ──────────────────────────────────────────────────────────────────── */

static void put_rdns(const struct rdns_outcome *r, struct json *j)
{
	json_object(j, "rdns");
	json_str(j, "result", str_from_z(rdns_result_name(r->result)));
	json_str_max(j, "name", r->name, TEXT_MAX);
	json_str_max(j, "why", r->why, TEXT_MAX);
	json_end(j);
	json_object(j, "helo");
	json_str(j, "result", str_from_z(helo_result_name(r->helo)));
	json_str(j, "syntax", str_from_z(helo_syntax_name(r->syntax)));
	json_end(j);
}

static void put_steps(const struct spf_outcome *s, struct json *j)
{
	json_array(j, "steps");
	for (size_t i = 0; i < MIN(s->step_count, (size_t)STEPS_MAX); i++) {
		json_object(j, NULL);
		json_str_max(j, "domain", s->steps[i].domain, SHORT_MAX);
		json_str_max(j, "term", s->steps[i].term, SHORT_MAX);
		json_str_max(j, "what", s->steps[i].what, SHORT_MAX);
		json_end(j);
	}
	json_end(j);
}

static void put_spf(const char *key, const struct spf_outcome *s, struct json *j)
{
	json_object(j, key);
	json_str(j, "result", str_from_z(spf_result_name(s->result)));
	json_str_max(j, "domain", s->domain, TEXT_MAX);
	json_str_max(j, "record", s->record, TEXT_MAX);
	json_str_max(j, "mechanism", s->mechanism, TEXT_MAX);
	if (s->problem.n)
		json_str_max(j, "problem", s->problem, TEXT_MAX);
	if (s->worthless)
		json_str_max(j, "worthless", s->worthless_term, SHORT_MAX);
	put_steps(s, j);
	json_end(j);
}

static void put_dkim(const struct dkim_outcome *d, struct json *j)
{
	json_array(j, "dkim");
	for (size_t i = 0; i < d->n; i++) {
		const struct dkim_signature *s = &d->signatures[i];
		json_object(j, NULL);
		json_str(j, "result", str_from_z(dkim_result_name(s->result)));
		json_str_max(j, "domain", s->domain, TEXT_MAX);
		json_str_max(j, "selector", s->selector, SHORT_MAX);
		json_str_max(j, "identity", s->identity, TEXT_MAX);
		json_str_max(j, "algorithm", s->algorithm, SHORT_MAX);
		json_str_max(j, "canonicalization", s->canonicalization, SHORT_MAX);
		json_i64(j, "bits", s->key_bits);
		if (s->reason.n)
			json_str_max(j, "why", s->reason, TEXT_MAX);
		json_bool(j, "body_matches", s->body_matches);
		json_bool(j, "header_matches", s->header_matches);
		json_end(j);
	}
	json_end(j);
}

static void put_arc(const struct judgement *judgement, struct json *j)
{
	const struct arc_outcome *arc = &judgement->arc;
	json_object(j, "arc");
	json_str(j, "result", str_from_z(arc_result_name(arc->result)));
	if (arc->reason.n)
		json_str_max(j, "why", arc->reason, TEXT_MAX);
	json_array(j, "sealers");
	for (size_t i = 0; i < MIN(arc->n, (size_t)ARC_LISTED_MAX); i++)
		json_str_max(j, NULL, arc->sets[i].domain, SHORT_MAX);
	json_end(j);
	if (judgement->sealed.n)
		json_str_max(j, "sealed", judgement->sealed, TEXT_MAX);
	if (judgement->unsealed.n)
		json_str_max(j, "not_sealed", judgement->unsealed, TEXT_MAX);
	json_end(j);
}

static void put_dmarc(const struct dmarc_outcome *d, struct json *j)
{
	json_object(j, "dmarc");
	json_str(j, "result", str_from_z(dmarc_result_name(d->result)));
	json_str_max(j, "domain", d->author_domain, TEXT_MAX);
	json_str_max(j, "organization", d->organization, TEXT_MAX);
	json_str_max(j, "policy_domain", d->policy_domain, TEXT_MAX);
	json_str_max(j, "record", d->record, TEXT_MAX);
	json_str(j, "policy", str_from_z(dmarc_policy_name(d->published)));
	json_str(j, "applied", str_from_z(dmarc_policy_name(d->applied)));
	json_bool(j, "spf_aligned", d->spf_aligned);
	json_bool(j, "dkim_aligned", d->dkim_aligned);
	json_str_max(j, "why", d->reason, TEXT_MAX);
	json_end(j);
}

static void put_auth(const struct judgement *j, struct json *out)
{
	const struct envelope_result *e = j->envelope;
	json_object(out, "auth");
	if (!e->no_client) {
		put_rdns(&e->rdns, out);
		put_spf("spf", &e->spf, out);
	}
	if (e->has_spf_helo && j->facts->sender.n)
		put_spf("spf_helo", &e->spf_helo, out);
	if (j->has_dkim)
		put_dkim(&j->dkim, out);
	if (j->has_arc)
		put_arc(j, out);
	if (j->has_dmarc)
		put_dmarc(&j->dmarc, out);
	json_end(out);
}

/* ── Lists in the DNS ─────────────────────────────────────────────────────────────────────── */

static void put_of(unsigned of, struct json *j)
{
	struct buf text CLEANUP(buf_done) = BUF_INIT(200);
	for (size_t bit = 0; bit < CONFIG_OF_COUNT; bit++)
		if (of & 1U << bit)
			buf_printf(&text, "%s%s", text.n ? " " : "",
				config_list_of_name((enum config_list_of)(1U << bit)));
	json_str(j, "of", buf_str(&text));
}

static void put_list_results(const struct list_results *results, struct json *j)
{
	for (size_t i = 0; i < MIN(results->n, (size_t)LISTED_MAX); i++) {
		const struct list_result *r = &results->items[i];
		json_object(j, NULL);
		json_str(j, "list", r->list);
		put_of(r->of, j);
		json_str_max(j, "asked", r->thing, SHORT_MAX);
		json_str(j, "answer", r->answer);
		if (r->label.n) {
			json_str(j, "name", r->label);
			json_decimal(j, "score", r->score);
		}
		if (r->why.n)
			json_str_max(j, "why", r->why, TEXT_MAX);
		json_decimal(j, "ms", (double)r->took / (double)NSEC_PER_MSEC);
		json_end(j);
	}
}

/* What is listed and what had no answer; of what is not listed the client alone. */
static void put_lists(const struct judgement *j, struct json *out)
{
	const struct list_results *client = &j->envelope->lists, *message = &j->lists;
	if (client->asked + message->asked == 0)
		return;
	json_array(out, "lists");
	put_list_results(client, out);
	put_list_results(message, out);
	json_end(out);
	json_i64(out, "lists_asked", client->asked + message->asked);
	if (client->truncated || message->truncated)
		json_bool(out, "lists_truncated", true);
}

static void put_virus(const struct scan_outcome *v, struct json *j)
{
	json_object(j, "virus");
	json_str(j, "result", str_from_z(scan_result_name(v->result)));
	if (v->signature.n)
		json_str_max(j, "signature", v->signature, TEXT_MAX);
	if (v->why.n)
		json_str_max(j, "why", v->why, TEXT_MAX);
	if (v->server.n)
		json_str_max(j, "server", v->server, TEXT_MAX);
	json_i64(j, "ms", v->took / NSEC_PER_MSEC);
	json_bool(j, "cached", v->cached);
	json_end(j);
}

/* ── Lists of our own ─────────────────────────────────────────────────────────────────────── */

static void put_local(const struct judgement *j, struct json *out)
{
	if (j->local.n == 0)
		return;
	json_array(out, "local");
	for (size_t i = 0; i < MIN(j->local.n, (size_t)LISTED_MAX); i++) {
		const struct local_match *m = &j->local.matches[i];
		const char *what;
		str thing = local_thing(j, m, &what);
		json_object(out, NULL);
		json_str(out, "list", m->list == DIRECTORY_BLOCK ? STR("block") : STR("allow"));
		json_str_max(out, "subject", m->subject, TEXT_MAX);
		json_str_max(out, "for", m->owner, TEXT_MAX);
		json_str(out, "of", str_from_z(what));
		json_str_max(out, "found", thing, TEXT_MAX);
		json_bool(out, "counts", m->counts);
		if (m->comment.n)
			json_str_max(out, "comment", m->comment, TEXT_MAX);
		json_end(out);
	}
	json_end(out);
}

/* Where it is not the same for all, or an account's own thresholds hold. */
static void put_destinations(
	const struct judgement *j, const struct audiences *all, struct json *out)
{
	const struct judge_facts *f = j->facts;
	bool own = all->n > 1 || all->list[0].junk_at || all->list[0].reject_at;
	if (!own || f->destination_count == 0)
		return;
	json_array(out, "destinations");
	for (size_t i = 0; i < MIN(f->destination_count, (size_t)RECIPIENTS_MAX); i++) {
		const struct audience *a = &all->list[all->of[i]];
		json_object(out, NULL);
		json_i64(out, "account", (int64_t)f->destinations[i].account);
		json_str_max(out, "recipient", f->destinations[i].recipient, TEXT_MAX);
		json_str(out, "action", str_from_z(judge_action_name(a->verdict.action)));
		json_decimal(out, "score", a->verdict.score);
		json_decimal(out, "junk_at", a->junk_at ? a->junk_at : j->rules->junk_at);
		json_decimal(out, "reject_at", a->reject_at ? a->reject_at : j->rules->reject_at);
		json_bool(out, "own", a->junk_at || a->reject_at);
		json_str_max(out, "why", a->verdict.why, TEXT_MAX);
		json_end(out);
	}
	json_end(out);
}

/* ── What followed ────────────────────────────────────────────────────────────────────────── */

static void put_findings(const struct findings *f, struct json *j)
{
	static const char *const modes[] = { "off", "observe", "score", "quarantine", "reject" };
	json_array(j, "findings");
	for (size_t i = 0; i < f->n; i++) {
		const struct finding *found = &f->list[i];
		json_object(j, NULL);
		json_str(j, "name", finding_label(found));
		json_decimal(j, "score", found->score);
		json_str(j, "mode", str_from_z(modes[found->mode]));
		json_str_max(j, "evidence", found->evidence, TEXT_MAX);
		json_str(j, "source", str_from_z(found->source));
		json_end(j);
	}
	json_end(j);
}

/* The envelope's share of what these checks took. */
static int64_t envelope_took(const struct envelope_result *e, const struct check *check)
{
	return check == &check_client  ? e->took[0]
	       : check == &check_spf   ? e->took[1]
	       : check == &check_lists ? e->took[2]
				       : 0;
}

static void put_runs(
	const struct judgement *j, const struct check_run *runs, size_t n, struct json *out)
{
	static const char *const stages[] = { "connect", "envelope", "message" };
	json_array(out, "checks");
	for (size_t i = 0; i < n; i++) {
		const struct check *check = runs[i].check;
		int64_t took = runs[i].took + envelope_took(j->envelope, check);
		json_object(out, NULL);
		json_str(out, "name", str_from_z(check->name));
		json_str(out, "stage", str_from_z(stages[check->stage]));
		if (runs[i].skipped)
			json_bool(out, "skipped", true);
		else
			json_decimal(out, "ms", (double)took / (double)NSEC_PER_MSEC);
		json_end(out);
	}
	json_end(out);
}

static void put_decision(const struct judgement *j, const struct verdict *v, struct json *out)
{
	json_decimal(out, "score", v->score);
	json_object(out, "thresholds");
	json_decimal(out, "junk", j->junk_at);
	if (j->rules->quarantine_at > 0)
		json_decimal(out, "quarantine", j->rules->quarantine_at);
	if (j->rules->defer_at > 0)
		json_decimal(out, "defer", j->rules->defer_at);
	json_decimal(out, "reject", j->reject_at);
	if (j->whose.n)
		json_str_max(out, "of", j->whose, TEXT_MAX);
	json_end(out);
	json_str(out, "action", str_from_z(judge_action_name(v->action)));
	json_str_max(out, "why", v->why, 2 * TEXT_MAX);
	if (!v->reply.code)
		return;
	struct buf reply CLEANUP(buf_done) = BUF_INIT(4096);
	buf_printf(&reply, "%u %u.%u.%u %.*s", v->reply.code, v->reply.klass, v->reply.subject,
		v->reply.detail, STR_ARG(str_first(v->reply.text, 2 * TEXT_MAX)));
	json_str(out, "reply", buf_str(&reply));
}

static void put_head(const struct judgement *j, struct json *out)
{
	const struct judge_facts *f = j->facts;
	json_str_max(out, "id", f->id, SHORT_MAX);
	json_i64(out, "time", j->message->received);
	json_str_max(out, "door", f->door, SHORT_MAX);
	put_client(f, j->envelope, out);
	json_str_max(out, "sender", f->sender, TEXT_MAX);
	put_recipients(j->message, out);
	put_field("message_id", j->header, STR("Message-ID"), out);
	put_field("from", j->header, STR("From"), out);
	put_field("subject", j->header, STR("Subject"), out);
	json_i64(out, "size", (int64_t)j->message->content.n);
}

/* The fewest findings without which something else would have been done. */
static void put_pivot(const struct findings *f, const struct verdict *v, struct json *j)
{
	if (v->without == v->action)
		return;
	json_object(j, "pivot");
	json_array(j, "findings");
	for (size_t i = 0; i < f->n; i++)
		if (f->list[i].pivotal)
			json_str(j, NULL, finding_label(&f->list[i]));
	json_end(j);
	json_str(j, "action", str_from_z(judge_action_name(v->without)));
	json_end(j);
}

static bool write_record(const struct judgement *j, const struct verdict *v,
	const struct audiences *audiences, const struct check_run *runs, size_t n, bool whole,
	struct buf *text)
{
	struct json out = JSON_INIT(text);
	json_object(&out, NULL);
	if (whole) {
		put_head(j, &out);
		put_auth(j, &out);
		put_lists(j, &out);
		if (j->has_virus)
			put_virus(&j->virus, &out);
		put_local(j, &out);
		put_findings(&j->findings, &out);
		put_pivot(&j->findings, v, &out);
		put_destinations(j, audiences, &out);
		put_runs(j, runs, n, &out);
	} else {
		json_str_max(&out, "id", j->facts->id, SHORT_MAX);
		json_i64(&out, "time", j->message->received);
		json_str_max(&out, "sender", j->facts->sender, TEXT_MAX);
	}
	put_decision(j, v, &out);
	json_end(&out);
	return json_done(&out);
}

str judgement_record(const struct judgement *j, const struct verdict *verdict,
	const struct audiences *audiences, const struct check_run *runs, size_t run_count,
	struct arena *a)
{
	struct buf text CLEANUP(buf_done) = BUF_INIT(JUDGE_RECORD_MAX);
	if (!write_record(j, verdict, audiences, runs, run_count, true, &text)) {
		buf_clear(&text);
		bool fits = write_record(j, verdict, audiences, runs, run_count, false, &text);
		ASSERT(fits);
	}
	return arena_str(a, buf_str(&text));
}
