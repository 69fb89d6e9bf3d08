/*
 * auth_text.c: postern auth for people. Whatever the message and the DNS hold, nothing of it gets
 * to the terminal as it is: see put_text().
 */
#include "main/auth.h"

#include "base/utf8.h"

#include <stdio.h>

enum { TEXT_MAX = 1000 };

/* What is not printable becomes "?"; long text is cut. */
static void put_text(struct buf *out, str s)
{
	bool cut = s.n > TEXT_MAX;
	s = str_first(s, TEXT_MAX);
	while (s.n) {
		uint32_t c = (unsigned char)s.p[0];
		size_t n = c < 128 ? 1 : utf8_decode(s, &c);
		bool plain = n && !utf8_is_control(c) && !utf8_is_unseen(c) && c != 0x2028 &&
			     c != 0x2029;
		if (plain)
			buf_add(out, str_first(s, n));
		else if (c != '\r' && c != '\n')
			buf_add_char(out, '?');
		s = str_skip(s, MAX(n, 1));
	}
	if (cut)
		buf_add(out, STR("…"));
}

/* "method      result  whose", above what there is to say about it. */
static void put_head(struct buf *out, const char *what, const char *result, str whose)
{
	buf_printf(out, "\n%-12s %s", what, result);
	if (whose.n)
		buf_add(out, STR("  "));
	put_text(out, whose);
	buf_add_char(out, '\n');
}

static void put_line(struct buf *out, const char *label, str text)
{
	if (text.n == 0)
		return;
	buf_printf(out, "  %-10s ", label);
	put_text(out, text);
	buf_add_char(out, '\n');
}

static void put_origin(struct buf *out, const char *label, str text, str source)
{
	buf_printf(out, "%-12s ", label);
	put_text(out, text);
	if (source.n)
		buf_printf(out, "  (%.*s)", STR_ARG(source));
	buf_add_char(out, '\n');
}

static void put_envelope(struct buf *out, const struct auth_report *r)
{
	char ip[IP_TEXT_SIZE];
	if (!r->came.has_client) {
		buf_add(out,
			STR("client       not known: no --ip, and no Received field names one; "
			    "without it there is no SPF and no reverse DNS\n"));
	} else {
		put_origin(out, "client", str_from(ip, ip_format(&r->came.client, ip)),
			r->came.client_source);
		put_origin(out, "HELO", r->came.helo.n ? r->came.helo : STR("not known"),
			r->came.helo_source);
	}
	if (!r->came.has_sender)
		buf_add(out, STR("sender       not known: no --from, and no Return-Path\n"));
	else
		put_origin(out, "sender", r->came.sender.n ? r->came.sender : STR("<> (a bounce)"),
			r->came.sender_source);
}

static void put_rdns(struct buf *out, const struct auth_report *r)
{
	put_head(out, "Reverse DNS", rdns_result_name(r->rdns.result), r->rdns.name);
	put_line(out, "why", r->rdns.why);
	if (r->came.helo.n)
		buf_printf(out, "  %-10s %s, syntax: %s%s\n", "HELO",
			helo_result_name(r->rdns.helo), helo_syntax_name(r->rdns.syntax),
			r->rdns.helo_is_name ? ", the name of the client" : "");
}

static void put_step(struct buf *out, const char *label, const struct spf_step *step)
{
	buf_printf(out, "  %-10s ", label);
	put_text(out, step->domain);
	if (step->term.n)
		buf_add(out, STR("  "));
	put_text(out, step->term);
	buf_add(out, STR(": "));
	put_text(out, step->what);
	buf_add_char(out, '\n');
}

static void put_spf(struct buf *out, const char *what, const struct spf_outcome *spf)
{
	put_head(out, what, spf_result_name(spf->result), spf->domain);
	put_line(out, "record", spf->record.n ? spf->record : STR("none"));
	if (spf->mechanism.n) {
		buf_printf(out, "  %-10s ", "matched");
		put_text(out, spf->mechanism);
		if (spf->mechanism_domain.n) {
			buf_add(out, STR(" in the record of "));
			put_text(out, spf->mechanism_domain);
		}
		buf_add_char(out, '\n');
	}
	put_line(out, "problem", spf->problem);
	put_line(out, "they say", spf->explanation);
	if (spf->worthless)
		put_line(out, "worthless", spf->worthless_term);
	for (size_t i = 0; i < spf->step_count; i++)
		put_step(out, i ? "" : "steps", &spf->steps[i]);
	buf_printf(out, "  %-10s %u of 10 terms that ask the DNS, %u void\n", "look-ups",
		spf->lookups, spf->void_lookups);
}

/* "of Bcc, X: …": names of which the header has fewer, or more, than are signed. */
static void put_names(struct buf *out, const struct auth_signed_name *names, size_t n,
	bool (*which)(const struct auth_signed_name *name), const char *what)
{
	size_t found = 0;
	for (size_t i = 0; i < n; i++) {
		if (!which(&names[i]))
			continue;
		if (found)
			buf_add(out, STR(", "));
		else
			buf_printf(out, "  %-10s %s: ", "", what);
		put_text(out, names[i].name);
		found++;
	}
	if (found)
		buf_add_char(out, '\n');
}

/* Which field has changed cannot be known: only the hash of all of them is signed. */
static void put_fields(struct buf *out, const struct auth_report *r, const struct dkim_signature *s)
{
	struct auth_signed_name names[AUTH_SIGNED_NAMES_MAX];
	size_t n = auth_signed_names(r, s->signed_fields, names);
	put_line(out, "signed", s->signed_fields);
	if (!s->author_signed && n)
		put_line(out, "", STR("From is not signed"));
	put_names(out, names, n, auth_signed_is_missing, "signed as absent, or removed since");
	put_names(out, names, n, auth_signed_is_exceeded, "there are more than are signed");
}

static void put_body(struct buf *out, const struct dkim_signature *s)
{
	if (s->body_hash_found.n == 0)
		return;
	buf_printf(out, "  %-10s ", "body");
	buf_add(out, s->body_matches ? STR("as signed, ") : STR("changed: bh= says "));
	put_text(out, s->body_hash_expected);
	if (!s->body_matches) {
		buf_add(out, STR(", the body has "));
		put_text(out, s->body_hash_found);
	}
	buf_add_char(out, '\n');
	if (s->has_length)
		buf_printf(out, "  %-10s l=%llu: %llu bytes behind it are not signed\n", "",
			(unsigned long long)s->length, (unsigned long long)s->unsigned_bytes);
}

static void put_key(struct buf *out, const struct dkim_signature *s)
{
	if (s->key_bits)
		buf_printf(out, "  %-10s %u bits%s%s\n", "key", s->key_bits,
			s->weak_key ? ", weak" : "", s->testing ? ", testing (t=y)" : "");
	put_line(out, s->key_bits ? "" : "key", s->key_record);
}

static void put_signature(
	struct buf *out, const struct auth_report *r, const struct dkim_signature *s)
{
	put_head(out, "DKIM", dkim_result_name(s->result), s->domain);
	put_line(out, "selector", s->selector);
	put_line(out, "why", s->reason);
	put_line(out, "identity", s->identity);
	put_line(out, "algorithm", s->algorithm);
	put_line(out, "form", s->canonicalization);
	put_fields(out, r, s);
	put_body(out, s);
	str changed = r->changed[s - r->dkim.signatures];
	if (s->key_bits)
		put_line(out, "header",
			s->header_matches ? STR("as signed")
			: changed.n       ? changed
					  : STR("one of the signed fields has changed, or the key "
						      "is another"));
	put_key(out, s);
}

static void put_dkim(struct buf *out, const struct auth_report *r)
{
	if (r->dkim.n == 0)
		buf_add(out, STR("\nDKIM         none\n"));
	for (size_t i = 0; i < r->dkim.n; i++)
		put_signature(out, r, &r->dkim.signatures[i]);
	if (r->dkim.more)
		buf_printf(out,
			"\n  there are more than %d signatures; the others were not looked at\n",
			DKIM_SIGNATURES_MAX);
}

static void put_arc_set(struct buf *out, const struct arc_set *set)
{
	char label[16];
	snprintf(label, sizeof label, "set %u", set->instance);
	buf_printf(out, "  %-10s sealed by ", label);
	put_text(out, set->domain);
	buf_add(out, STR(", cv="));
	put_text(out, set->cv);
	buf_printf(out, "; seal: %s, message signature: %s\n", auth_arc_part(set->seal_result),
		auth_arc_part(set->message_result));
	put_line(out, "", set->results);
}

static void put_arc(struct buf *out, const struct arc_outcome *arc)
{
	put_head(out, "ARC", arc_result_name(arc->result), STR_EMPTY);
	put_line(out, "why", arc->reason);
	if (arc->result == ARC_PASS && arc->oldest_pass)
		buf_printf(out, "  %-10s since set %u; older message signatures do not match\n",
			"unchanged", arc->oldest_pass);
	for (size_t i = 0; i < arc->n; i++)
		put_arc_set(out, &arc->sets[i]);
}

static void put_alignment(struct buf *out, const struct dmarc_outcome *dmarc)
{
	buf_printf(out, "  %-10s SPF %s%s, DKIM %s%s", "alignment",
		dmarc->strict_spf ? "(strict) " : "", dmarc->spf_aligned ? "aligns" : "no",
		dmarc->strict_dkim ? "(strict) " : "", dmarc->dkim_aligned ? "aligns" : "no");
	if (dmarc->dkim_aligned) {
		buf_add(out, STR(": "));
		put_text(out, dmarc->dkim_domain);
	}
	buf_add_char(out, '\n');
}

static void put_policy(struct buf *out, const struct dmarc_outcome *dmarc)
{
	buf_printf(out, "  %-10s %s (%s= at ", "policy", dmarc_policy_name(dmarc->published),
		dmarc->tag);
	put_text(out, dmarc->policy_domain);
	buf_add(out, STR(")"));
	if (dmarc->result == DMARC_FAIL)
		buf_printf(out, "; to be applied: %s%s", dmarc_policy_name(dmarc->applied),
			dmarc->testing ? ", one step less, since the domain is testing" : "");
	buf_add_char(out, '\n');
}

static void put_dmarc(struct buf *out, const struct dmarc_outcome *dmarc)
{
	put_head(out, "DMARC", dmarc_result_name(dmarc->result), dmarc->author_domain);
	put_line(out, "why", dmarc->reason);
	if (dmarc->authors > 1)
		buf_printf(out, "  %-10s %zu domains in From; this one decided\n", "authors",
			dmarc->authors);
	put_line(out, "record", dmarc->record);
	put_line(out, "problem", dmarc->problem);
	if (dmarc->record.n == 0)
		return;
	put_line(out, "belongs to", dmarc->organization);
	put_alignment(out, dmarc);
	if (dmarc->tag[0])
		put_policy(out, dmarc);
}

static void put_lookups(struct buf *out, const struct auth_report *r)
{
	buf_printf(out, "\nDNS          %zu questions%s\n", r->lookup_count,
		r->validating ? "" : ", without validation");
	for (size_t i = 0; i < r->lookup_count; i++) {
		const struct auth_lookup *l = &r->lookups[i];
		buf_printf(out, "  %-10s ", dns_type_name(l->type));
		put_text(out, l->name);
		buf_printf(out, ": %s", dns_status_name(l->status));
		if (r->validating && !dns_failed(l->status))
			buf_printf(out, ", %s", auth_lookup_dnssec(l));
		if (l->why.n)
			buf_add(out, STR(": "));
		put_text(out, l->why);
		buf_add_char(out, '\n');
	}
}

void auth_text(const struct auth_report *r, struct buf *out)
{
	put_envelope(out, r);
	if (r->came.has_client)
		put_rdns(out, r);
	if (r->has_spf)
		put_spf(out, "SPF", &r->spf);
	if (r->has_spf_helo)
		put_spf(out, "SPF of HELO", &r->spf_helo);
	put_dkim(out, r);
	put_arc(out, &r->arc);
	put_dmarc(out, &r->dmarc);
	put_lookups(out, r);
}
