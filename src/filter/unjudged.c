#include "filter/unjudged.h"

#include "filter/check.h"
#include "io/task.h"
#include "mail/header.h"

#include <openssl/evp.h>

enum { BLOCK = 1024 * 1024, CUTS_MAX = 1000 };

/* ── The digest ───────────────────────────────────────────────────────────────────────────── */

static bool is_of_the_author(str name)
{
	static const str names[] = { { "From", 4 }, { "To", 2 }, { "Cc", 2 }, { "Date", 4 },
		{ "Subject", 7 }, { "Message-ID", 10 } };
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_equal_nocase(name, names[i]))
			return true;
	return false;
}

static void add(EVP_MD_CTX *md, str bytes)
{
	ASSERT(EVP_DigestUpdate(md, bytes.p, bytes.n));
}

void unjudged_digest(struct task *t, str message, unsigned char out[static UNJUDGED_DIGEST])
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	ASSERT(md && EVP_DigestInit_ex(md, EVP_sha256(), NULL));
	struct header_field field;
	bool any = false;
	for (size_t at = 0; header_next(message, &at, &field);) {
		if (!is_of_the_author(field.name))
			continue;
		add(md, field.raw);
		any = true;
	}
	/* One that has nothing of its author is known by all that it has. */
	str body = any ? str_skip(message, header_length(message)) : message;
	while (body.n) {
		str block = str_first(body, BLOCK);
		add(md, block);
		body = str_skip(body, block.n);
		if (body.n)
			(void)!task_yield(t);
	}
	ASSERT(EVP_DigestFinal_ex(md, out, NULL));
	EVP_MD_CTX_free(md);
}

/* ── The verdict ──────────────────────────────────────────────────────────────────────────── */

static bool is_opinion(str name)
{
	return str_equal_nocase(name, STR("Authentication-Results")) ||
	       str_starts_nocase(name, STR("X-Spam-")) ||
	       str_equal_nocase(name, STR("X-Virus-Status"));
}

/* Stretches in order; neighbours are one. */
static void find_cuts(struct judgement *j)
{
	struct header_field field;
	j->cuts = arena_array(j->arena, struct auth_span, CUTS_MAX);
	for (size_t at = 0; header_next(j->header, &at, &field) && !j->cut_too_far;) {
		if (!is_opinion(field.name))
			continue;
		size_t end = field.offset + field.raw.n;
		struct auth_span *last = j->cut_count ? &j->cuts[j->cut_count - 1] : NULL;
		bool joined = last && last->offset + last->n == field.offset;
		j->cut_too_far = end > JUDGE_CUT_MAX || (!joined && j->cut_count == CUTS_MAX);
		if (joined)
			last->n += field.raw.n;
		else if (!j->cut_too_far)
			j->cuts[j->cut_count++] = (struct auth_span){ field.offset, field.raw.n };
	}
}

void unjudged_verdict(const struct config *config, const struct judge_facts *facts, str message,
	str why, struct arena *a, struct verdict *out)
{
	const struct config_domain *own = config_domain_find(config, facts->domain);
	/* Of connection and envelope nothing is known either. */
	static const struct envelope_result nothing = { .no_client = true };
	struct judgement j = { .arena = a,
		.config = config,
		.auth = own ? &own->auth : &config->auth,
		.rules = own ? &own->filter : &config->filter,
		.antivirus = own ? &own->antivirus : &config->antivirus,
		.facts = facts,
		.header = str_first(message, header_length(message)),
		.envelope = &nothing,
		.set = STR_EMPTY,
		.dns_failed = STR_EMPTY };
	j.junk_at = j.rules->junk_at;
	j.reject_at = j.rules->reject_at;
	findings_init(&j.findings, &j.rules->findings, a);
	j.findings.source = "smtpd";
	finding_add(&j.findings, FINDING_FILTER_FAILED, why);
	find_cuts(&j);
	judgement_decide(&j, out);
	out->why = out->why.n ? out->why : why;
	out->client_name = out->record = STR_EMPTY;
	out->findings = findings_main(&j.findings, 1, a);
	out->name_count = findings_names(&j.findings, a, &out->names);
	out->cuts = j.cuts;
	out->cut_count = j.cut_too_far ? 0 : j.cut_count;
	str fields = judgement_fields(&j, a);
	out->fields = arena_join(a, fields, judgement_spam_fields(&j, out, a));
}
