#include "mailauth/auth_results.h"

#include "base/utf8.h"
#include "mailauth/domain.h"
#include "mailauth/field.h"

#include <stdio.h>

enum { SIGNATURE_START_MAX = 16, COMMENT_MAX = FIELD_TEXT_MAX };

/* The words of RFC 8601 §2.7. An address without a name is a permanent error there (§2.7.3). */
static const char *iprev_word(enum rdns_result result)
{
	switch (result) {
	case RDNS_PASS:
		return "iprev=pass";
	case RDNS_FAIL:
		return "iprev=fail";
	case RDNS_NONE:
		return "iprev=permerror";
	case RDNS_TEMPERROR:
		return "iprev=temperror";
	}
	return "iprev=temperror";
}

static void write_result(struct field *f, const char *method, const char *result)
{
	char word[64];
	field_semicolon(f, true);
	snprintf(word, sizeof word, "%s=%s", method, result);
	field_word(f, word);
}

/* As an A-label where the header holds no UTF-8. */
static void write_domain(struct field *f, const char *name, str domain)
{
	struct arena a CLEANUP(arena_done) = ARENA_INIT(2 * (DOMAIN_NAME_MAX + 1));
	str ascii;
	if (!f->utf8 && !ascii_only(domain) && domain_ascii(domain, &a, &ascii))
		domain = ascii;
	field_value(f, name, domain, AUTH_TEXT_MAX);
}

/* local@domain or @domain, the domain as above. */
static void write_address(struct field *f, const char *name, str address)
{
	struct arena a CLEANUP(arena_done) = ARENA_INIT(2 * (DOMAIN_NAME_MAX + 1));
	struct buf text CLEANUP(buf_done) = BUF_INIT(2 * AUTH_TEXT_MAX + DOMAIN_NAME_MAX);
	ptrdiff_t at = str_find_last_char(address, '@');
	str ascii;
	if (at >= 0 && !f->utf8 && !ascii_only(address) &&
		domain_ascii(str_skip(address, (size_t)at + 1), &a, &ascii)) {
		buf_add(&text, str_first(str_first(address, (size_t)at), AUTH_TEXT_MAX));
		buf_add_char(&text, '@');
		buf_add(&text, ascii);
		address = buf_str(&text);
	}
	field_value(f, name, address, AUTH_TEXT_MAX);
}

static str client_text(const struct ip *ip, char text[static IP_TEXT_SIZE])
{
	return str_from(text, ip_format(ip, text));
}

static void write_rdns(struct field *f, const struct auth_results *r)
{
	char ip[IP_TEXT_SIZE];
	field_semicolon(f, true);
	field_word(f, iprev_word(r->rdns->result));
	field_comment(f, r->rdns->result == RDNS_PASS ? r->rdns->name : r->rdns->why, COMMENT_MAX);
	field_value(f, "policy.iprev", client_text(&r->client, ip), IP_TEXT_SIZE);
}

static void spf_comment(struct buf *text, const struct spf_outcome *spf)
{
	if (spf->problem.n)
		buf_add(text, str_first(spf->problem, AUTH_TEXT_MAX));
	else if (spf->record.n == 0)
		buf_printf(text, "%.*s publishes no SPF record",
			STR_ARG(str_first(spf->domain, AUTH_TEXT_MAX)));
	else if (spf->mechanism.n)
		buf_printf(text, "%.*s: %.*s",
			STR_ARG(str_first(
				spf->mechanism_domain.n ? spf->mechanism_domain : spf->domain,
				DOMAIN_NAME_MAX)),
			STR_ARG(str_first(spf->mechanism, 120)));
	if (spf->worthless)
		buf_printf(text, "%sworthless, the record passes everyone", text->n ? "; " : "");
}

static void write_spf(struct field *f, const struct auth_results *r, const struct spf_outcome *spf)
{
	struct buf text CLEANUP(buf_done) = BUF_INIT(COMMENT_MAX);
	write_result(f, "spf", spf_result_name(spf->result));
	spf_comment(&text, spf);
	field_comment(f, buf_str(&text), COMMENT_MAX);
	if (spf->identity == SPF_HELO || r->sender.n == 0)
		write_domain(f, "smtp.helo", r->helo);
	else
		write_address(f, "smtp.mailfrom", r->sender);
}

static void dkim_comment(struct buf *text, const struct dkim_signature *s)
{
	if (s->reason.n)
		buf_printf(text, "%.*s; ", STR_ARG(str_first(s->reason, AUTH_TEXT_MAX)));
	if (s->key_bits)
		buf_printf(text, "%u-bit key%s; ", s->key_bits, s->weak_key ? ", weak" : "");
	if (s->testing)
		buf_add(text, STR("testing; "));
	if (s->has_length)
		buf_printf(text, "l=%llu leaves %llu bytes unsigned; ",
			(unsigned long long)s->length, (unsigned long long)s->unsigned_bytes);
	if (text->n >= 2)
		text->n -= 2;
}

static void write_signature(struct field *f, const struct dkim_signature *s)
{
	struct buf text CLEANUP(buf_done) = BUF_INIT(COMMENT_MAX);
	write_result(f, "dkim", dkim_result_name(s->result));
	dkim_comment(&text, s);
	field_comment(f, buf_str(&text), COMMENT_MAX);
	if (s->domain.n)
		write_domain(f, "header.d", s->domain);
	if (s->identity.n)
		write_address(f, "header.i", s->identity);
	if (s->selector.n)
		write_domain(f, "header.s", s->selector);
	if (s->algorithm.n)
		field_value(f, "header.a", s->algorithm, AUTH_TEXT_MAX);
	if (s->signature_start.n)
		field_value(f, "header.b", s->signature_start, SIGNATURE_START_MAX);
}

static void write_dkim(struct field *f, const struct dkim_outcome *dkim)
{
	if (dkim->n == 0)
		write_result(f, "dkim", "none");
	for (size_t i = 0; i < dkim->n; i++)
		write_signature(f, &dkim->signatures[i]);
}

/* RFC 8617 §10.2: header.oldest-pass. */
static void write_arc(struct field *f, const struct auth_results *r)
{
	char ip[IP_TEXT_SIZE], number[16];
	const struct arc_outcome *arc = r->arc;
	struct buf text CLEANUP(buf_done) = BUF_INIT(COMMENT_MAX);
	write_result(f, "arc", arc_result_name(arc->result));
	if (arc->result == ARC_NONE)
		return;
	if (arc->n)
		buf_printf(&text, "i=%zu sealed by %.*s", arc->n,
			STR_ARG(str_first(arc->sets[arc->n - 1].domain, DOMAIN_NAME_MAX)));
	if (arc->reason.n)
		buf_printf(&text, "%s%.*s", text.n ? ": " : "",
			STR_ARG(str_first(arc->reason, AUTH_TEXT_MAX)));
	field_comment(f, buf_str(&text), COMMENT_MAX);
	if (!ip_equal(&r->client, &(struct ip){ { 0 } }))
		field_value(f, "smtp.remote-ip", client_text(&r->client, ip), IP_TEXT_SIZE);
	if (arc->result == ARC_PASS) {
		snprintf(number, sizeof number, "%u", arc->oldest_pass);
		field_value(f, "header.oldest-pass", str_from_z(number), sizeof number);
	}
}

static void dmarc_comment(struct buf *text, const struct dmarc_outcome *dmarc)
{
	if (dmarc->tag[0])
		buf_printf(text, "%s=%s at %.*s%s%s", dmarc->tag,
			dmarc_policy_name(dmarc->published),
			STR_ARG(str_first(dmarc->policy_domain, DOMAIN_NAME_MAX)),
			dmarc->testing ? ", testing" : "", dmarc->reason.n ? ": " : "");
	buf_add(text, str_first(dmarc->reason, AUTH_TEXT_MAX));
}

static void write_dmarc(struct field *f, const struct dmarc_outcome *dmarc)
{
	struct buf text CLEANUP(buf_done) = BUF_INIT(COMMENT_MAX);
	write_result(f, "dmarc", dmarc_result_name(dmarc->result));
	dmarc_comment(&text, dmarc);
	field_comment(f, buf_str(&text), COMMENT_MAX);
	if (dmarc->author_domain.n)
		write_domain(f, "header.from", dmarc->author_domain);
	if (dmarc->result == DMARC_FAIL)
		field_value(f, "policy.dmarc", str_from_z(dmarc_policy_name(dmarc->applied)),
			AUTH_TEXT_MAX);
}

void auth_results_format(const struct auth_results *r, struct buf *out)
{
	struct field f;
	field_begin(&f, out, "Authentication-Results", r->utf8);
	field_text(&f, r->authserv_id, AUTH_TEXT_MAX);
	if (r->rdns)
		write_rdns(&f, r);
	if (r->spf)
		write_spf(&f, r, r->spf);
	if (r->spf_helo)
		write_spf(&f, r, r->spf_helo);
	if (r->dkim)
		write_dkim(&f, r->dkim);
	if (r->arc)
		write_arc(&f, r);
	if (r->dmarc)
		write_dmarc(&f, r->dmarc);
	if (!r->rdns && !r->spf && !r->spf_helo && !r->dkim && !r->arc && !r->dmarc) {
		field_semicolon(&f, false);
		field_word(&f, "none");
	}
	field_end(&f);
}

void received_spf_format(const struct auth_results *r, struct buf *out)
{
	const struct spf_outcome *spf = r->spf ? r->spf : r->spf_helo;
	char ip[IP_TEXT_SIZE];
	struct field f;
	if (!spf)
		return;
	struct buf text CLEANUP(buf_done) = BUF_INIT(COMMENT_MAX);
	buf_printf(&text, "%.*s: ", STR_ARG(str_first(r->authserv_id, DOMAIN_NAME_MAX)));
	spf_comment(&text, spf);
	field_begin(&f, out, "Received-SPF", r->utf8);
	f.quote_at = true;
	field_word(&f, spf_result_name(spf->result));
	field_comment(&f, buf_str(&text), COMMENT_MAX);
	write_domain(&f, "receiver", r->authserv_id);
	field_semicolon(&f, false);
	field_value(&f, "client-ip", client_text(&r->client, ip), IP_TEXT_SIZE);
	field_semicolon(&f, false);
	write_address(&f, "envelope-from", r->sender);
	field_semicolon(&f, false);
	write_domain(&f, "helo", r->helo);
	field_semicolon(&f, false);
	field_word(&f, spf->identity == SPF_HELO ? "identity=helo" : "identity=mailfrom");
	if (spf->mechanism.n) {
		field_semicolon(&f, false);
		field_value(&f, "mechanism", spf->mechanism, AUTH_TEXT_MAX);
	}
	if (spf->problem.n) {
		field_semicolon(&f, false);
		field_value(&f, "problem", spf->problem, AUTH_TEXT_MAX);
	}
	field_end(&f);
}
