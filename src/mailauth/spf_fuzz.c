/* Any record, answers and envelope: a result within the promised memory and questions. The first
 * bytes choose the envelope and when answers fail; the rest are records, taken in turn. */

#include "mailauth/dns_testing.h"
#include "mailauth/spf.h"
#include "mailauth/spf_macro.h"
#include "mailauth/spf_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct source {
	str rest; /* lines: what TXT records say, or names */
	str all;
	unsigned questions, addresses;
	uint8_t mood;
	int64_t now;
};

static str next_line(struct source *s)
{
	str line;
	if (!s->rest.n)
		s->rest = s->all;
	(void)str_cut(s->rest, '\n', &line, &s->rest);
	return line;
}

static void make_record(struct source *s, enum dns_type type, struct dns_record *out)
{
	str line = next_line(s);
	*out = (struct dns_record){ .name = line, .text = line };
	if (type == DNS_TYPE_A)
		ASSERT(ip_parse(line.n % 2 ? STR("192.0.2.1") : STR("10.0.0.1"), &out->ip));
	else if (type == DNS_TYPE_AAAA)
		ASSERT(ip_parse(line.n % 2 ? STR("2001:db8::1") : STR("fe80::1"), &out->ip));
}

/* Every byte of a name that is asked for has been checked. */
static void lookup(
	void *context, enum dns_type type, str name, struct arena *a, struct dns_answer *out)
{
	struct source *s = context;
	ASSERT(dns_name_is_askable(name));
	s->questions++;
	s->addresses += type == DNS_TYPE_A || type == DNS_TYPE_AAAA;
	s->now += INT64_C(100000000) * (s->mood & 7);
	unsigned choice = (unsigned)(s->mood * s->questions + name.n) % 23;
	*out = (struct dns_answer){ .why = STR_EMPTY };
	if (choice < 4) {
		out->status = (enum dns_status)(DNS_NODATA + choice);
		return;
	}
	size_t n = type == DNS_TYPE_TXT ? 1 + (choice == 22) : choice % 13;
	struct dns_record *records = n ? arena_try(a, n * sizeof *records) : NULL;
	out->status = records ? DNS_FOUND : DNS_NODATA;
	out->n = records ? n : 0;
	out->records = records;
	for (size_t i = 0; i < out->n; i++)
		make_record(s, type, &records[i]);
}

static int64_t now(void *context)
{
	return ((struct source *)context)->now;
}

static void check_parsers(str text)
{
	struct spf_record record;
	str term;
	if (spf_record_is(text) && !spf_record_parse(text, &record, &term)) {
		struct spf_term one;
		size_t n = 0;
		for (str rest = record.terms; spf_term_next(&rest, &one); n++)
			ASSERT(one.text.n && one.bits4 <= 32 && one.bits6 <= 128);
		ASSERT(n <= text.n);
	}
	struct arena a CLEANUP(arena_done) = ARENA_INIT(4096);
	struct spf_macros m = { .local = text,
		.origin = STR("o.example"),
		.domain = STR("d.example"),
		.validated = STR_EMPTY,
		.helo = text,
		.receiver = text };
	if (!spf_macro_check(text, SPF_MACRO_DOMAIN)) {
		str name = spf_macro_domain(text, &m, &a);
		ASSERT(name.n <= DNS_NAME_MAX + 1);
	}
	if (!spf_macro_check(text, SPF_MACRO_EXPLANATION))
		ASSERT(spf_macro_explanation(text, &m, &a).n <= SPF_EXPLANATION_MAX);
}

static void check_outcome(const struct spf_outcome *out, const struct source *s)
{
	ASSERT(out->questions == s->questions);
	ASSERT(s->questions <= SPF_QUESTIONS_MAX + SPF_TERMS_MAX * SPF_MX_MAX);
	ASSERT(out->lookups <= SPF_TERMS_MAX && out->step_count <= SPF_STEPS_MAX);
	bool error = out->result == SPF_TEMPERROR || out->result == SPF_PERMERROR;
	ASSERT(error == (out->problem.n > 0));
	ASSERT(out->result == SPF_FAIL || !out->explanation.n);
	ASSERT(!out->worthless || (out->worthless_term.n && !error));
	ASSERT((error || out->result == SPF_NONE) == (out->mechanism.n == 0));
	ASSERT(out->record.n || out->result == SPF_NONE || error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str text = str_from(data, size), mood, helo, sender;
	(void)str_cut(text, '\n', &mood, &text);
	(void)str_cut(text, '\n', &helo, &text);
	(void)str_cut(text, '\n', &sender, &text);
	struct source s = { .all = text, .rest = text, .mood = mood.n ? (uint8_t)mood.p[0] : 0 };
	struct dns dns = { .lookup = lookup, .now = s.mood & 8 ? now : NULL, .context = &s };
	struct spf_query query = { .identity = s.mood & 16 ? SPF_HELO : SPF_MAILFROM,
		.helo = helo,
		.sender = sender,
		.receiver = helo,
		.time = (int64_t)size };
	ASSERT(ip_parse(s.mood & 32 ? STR("2001:db8::1") : STR("192.0.2.1"), &query.client));
	struct arena a CLEANUP(arena_done) = ARENA_INIT(SPF_ARENA_MAX);
	struct spf_outcome out;
	spf_check(&dns, &query, &a, &out);
	check_outcome(&out, &s);
	check_parsers(text);
	return 0;
}
