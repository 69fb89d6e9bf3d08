/*
 * auth_json.c: postern auth for programs: everything that is known.
 */
#include "main/auth.h"

#include "base/json.h"

static void put_word(struct json *j, const char *name, const char *word)
{
	json_str(j, name, str_from_z(word));
}

static void put_envelope(struct json *j, const struct auth_report *r)
{
	char ip[IP_TEXT_SIZE];
	json_object(j, "envelope");
	if (r->came.has_client) {
		json_str(j, "ip", str_from(ip, ip_format(&r->came.client, ip)));
		json_str(j, "ip_source", r->came.client_source);
		json_str(j, "helo", r->came.helo);
		json_str(j, "helo_source", r->came.helo_source);
	}
	if (r->came.has_sender) {
		json_str(j, "sender", r->came.sender);
		json_str(j, "sender_source", r->came.sender_source);
	}
	json_end(j);
}

static void put_rdns(struct json *j, const struct rdns_outcome *rdns)
{
	json_object(j, "rdns");
	put_word(j, "result", rdns_result_name(rdns->result));
	json_str(j, "name", rdns->name);
	put_word(j, "helo", helo_result_name(rdns->helo));
	put_word(j, "helo_syntax", helo_syntax_name(rdns->syntax));
	json_bool(j, "helo_is_name", rdns->helo_is_name);
	json_str(j, "why", rdns->why);
	json_end(j);
}

static void put_step(struct json *j, const struct spf_step *step)
{
	json_object(j, NULL);
	json_str(j, "domain", step->domain);
	json_str(j, "term", step->term);
	json_str(j, "what", step->what);
	json_end(j);
}

static void put_spf(struct json *j, const char *name, const struct spf_outcome *spf)
{
	json_object(j, name);
	put_word(j, "result", spf_result_name(spf->result));
	json_str(j, "domain", spf->domain);
	json_str(j, "record", spf->record);
	json_str(j, "mechanism", spf->mechanism);
	json_str(j, "mechanism_domain", spf->mechanism_domain);
	json_str(j, "explanation", spf->explanation);
	json_str(j, "problem", spf->problem);
	json_bool(j, "worthless", spf->worthless);
	json_str(j, "worthless_term", spf->worthless_term);
	json_i64(j, "lookups", spf->lookups);
	json_i64(j, "void_lookups", spf->void_lookups);
	json_array(j, "steps");
	for (size_t i = 0; i < spf->step_count; i++)
		put_step(j, &spf->steps[i]);
	json_end(j);
	json_end(j);
}

/* The names, as h= has them, of which the header has fewer or more than are signed. */
static void put_names(struct json *j, const char *name, const struct auth_signed_name *names,
	size_t n, bool (*which)(const struct auth_signed_name *name))
{
	json_array(j, name);
	for (size_t i = 0; i < n; i++)
		if (which(&names[i]))
			json_str(j, NULL, names[i].name);
	json_end(j);
}

static void put_signature(
	struct json *j, const struct auth_report *r, const struct dkim_signature *s)
{
	struct auth_signed_name names[AUTH_SIGNED_NAMES_MAX];
	size_t n = auth_signed_names(r, s->signed_fields, names);
	json_object(j, NULL);
	put_word(j, "result", dkim_result_name(s->result));
	json_str(j, "domain", s->domain);
	json_str(j, "selector", s->selector);
	json_str(j, "identity", s->identity);
	json_str(j, "algorithm", s->algorithm);
	json_str(j, "canonicalization", s->canonicalization);
	json_str(j, "signed_fields", s->signed_fields);
	put_names(j, "signed_but_missing", names, n, auth_signed_is_missing);
	put_names(j, "present_beyond_signed", names, n, auth_signed_is_exceeded);
	json_str(j, "signature_start", s->signature_start);
	json_str(j, "reason", s->reason);
	json_i64(j, "key_bits", s->key_bits);
	json_bool(j, "weak_key", s->weak_key);
	json_bool(j, "testing", s->testing);
	if (s->has_length) {
		json_i64(j, "length", (int64_t)MIN(s->length, INT64_MAX));
		json_i64(j, "unsigned_bytes", (int64_t)MIN(s->unsigned_bytes, INT64_MAX));
	}
	json_bool(j, "body_matches", s->body_matches);
	json_bool(j, "header_matches", s->header_matches);
	json_str(j, "header_changed", r->changed[s - r->dkim.signatures]);
	json_str(j, "body_hash_expected", s->body_hash_expected);
	json_str(j, "body_hash_found", s->body_hash_found);
	json_str(j, "key_record", s->key_record);
	if (s->timestamp)
		json_i64(j, "timestamp", s->timestamp);
	if (s->expiration)
		json_i64(j, "expiration", s->expiration);
	json_bool(j, "author_signed", s->author_signed);
	json_end(j);
}

static void put_arc(struct json *j, const struct arc_outcome *arc)
{
	json_object(j, "arc");
	put_word(j, "result", arc_result_name(arc->result));
	json_str(j, "reason", arc->reason);
	if (arc->broken)
		json_i64(j, "broken", arc->broken);
	json_i64(j, "oldest_pass", arc->oldest_pass);
	json_array(j, "sets");
	for (size_t i = 0; i < arc->n; i++) {
		json_object(j, NULL);
		json_i64(j, "instance", arc->sets[i].instance);
		json_str(j, "domain", arc->sets[i].domain);
		json_str(j, "selector", arc->sets[i].selector);
		json_str(j, "cv", arc->sets[i].cv);
		json_str(j, "results", arc->sets[i].results);
		put_word(j, "seal", auth_arc_part(arc->sets[i].seal_result));
		put_word(j, "message_signature", auth_arc_part(arc->sets[i].message_result));
		json_end(j);
	}
	json_end(j);
	json_end(j);
}

static void put_dmarc(struct json *j, const struct dmarc_outcome *dmarc)
{
	json_object(j, "dmarc");
	put_word(j, "result", dmarc_result_name(dmarc->result));
	json_str(j, "author_domain", dmarc->author_domain);
	json_str(j, "organization", dmarc->organization);
	json_str(j, "policy_domain", dmarc->policy_domain);
	json_str(j, "record", dmarc->record);
	if (dmarc->tag[0]) {
		put_word(j, "published", dmarc_policy_name(dmarc->published));
		put_word(j, "tag", dmarc->tag);
	}
	if (dmarc->result == DMARC_FAIL)
		put_word(j, "applied", dmarc_policy_name(dmarc->applied));
	json_bool(j, "testing", dmarc->testing);
	json_bool(j, "strict_spf", dmarc->strict_spf);
	json_bool(j, "strict_dkim", dmarc->strict_dkim);
	json_bool(j, "spf_aligned", dmarc->spf_aligned);
	json_bool(j, "dkim_aligned", dmarc->dkim_aligned);
	json_str(j, "dkim_domain", dmarc->dkim_domain);
	json_i64(j, "authors", (int64_t)dmarc->authors);
	json_str(j, "problem", dmarc->problem);
	json_str(j, "reason", dmarc->reason);
	json_end(j);
}

static void put_lookups(struct json *j, const struct auth_report *r)
{
	json_array(j, "lookups");
	for (size_t i = 0; i < r->lookup_count; i++) {
		const struct auth_lookup *l = &r->lookups[i];
		json_object(j, NULL);
		put_word(j, "type", dns_type_name(l->type));
		json_str(j, "name", l->name);
		put_word(j, "status", dns_status_name(l->status));
		put_word(j, "dnssec", auth_lookup_dnssec(l));
		json_str(j, "why", l->why);
		json_end(j);
	}
	json_end(j);
}

void auth_json(const struct auth_report *r, struct buf *out)
{
	struct json j = JSON_INIT(out);
	struct buf field CLEANUP(buf_done) = BUF_INIT(64 * 1024);
	auth_field(r, &field);
	json_object(&j, NULL);
	put_word(&j, "file", r->file);
	put_envelope(&j, r);
	if (r->came.has_client)
		put_rdns(&j, &r->rdns);
	if (r->has_spf)
		put_spf(&j, "spf", &r->spf);
	if (r->has_spf_helo)
		put_spf(&j, "spf_helo", &r->spf_helo);
	json_array(&j, "dkim");
	for (size_t i = 0; i < r->dkim.n; i++)
		put_signature(&j, r, &r->dkim.signatures[i]);
	json_end(&j);
	json_bool(&j, "dkim_more", r->dkim.more);
	put_arc(&j, &r->arc);
	put_dmarc(&j, &r->dmarc);
	json_str(&j, "authentication_results", buf_str(&field));
	json_bool(&j, "validating", r->validating);
	put_lookups(&j, r);
	json_end(&j);
	buf_add_char(out, '\n');
}
