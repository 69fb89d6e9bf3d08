/* From and the DNS are the fuzzer's: the first line is From, the second whose SPF and DKIM pass,
 * the others answer questions in turn. */

#include "mailauth/dmarc.h"

#include "mailauth/domain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct answers {
	str text, rest;
	unsigned questions;
};

static void lookup(
	void *context, enum dns_type type, str name, struct arena *a, struct dns_answer *out)
{
	struct answers *answers = context;
	str line, status;
	*out = (struct dns_answer){ .status = DNS_NXDOMAIN, .why = STR_EMPTY };
	answers->questions++;
	if (answers->rest.n == 0)
		return;
	(void)str_cut(answers->rest, '\n', &line, &answers->rest);
	status = str_first(line, 1);
	if (status.n && status.p[0] >= '0' && status.p[0] <= '4')
		out->status = (enum dns_status)(status.p[0] - '0');
	out->n = out->status == DNS_FOUND ? 1 + (line.n > 1 && line.p[1] == '2') : 0;
	struct dns_record *records = arena_array(a, struct dns_record, 2);
	records[0].text = records[1].text = str_skip(line, 2);
	out->records = records;
}

static void check_record(str text)
{
	struct arena a = ARENA_INIT(16 * 1024);
	struct dmarc_record r;
	if (dmarc_record_parse(text, &a, &r))
		ASSERT(r.percent <= 100 && (r.usable || r.problem.n) &&
			r.p <= DMARC_POLICY_REJECT && r.np <= DMARC_POLICY_REJECT);
	arena_done(&a);
}

static void check_mail(str from, str domain, str rest, enum dmarc_method method)
{
	struct answers answers = { .rest = rest };
	struct dns dns = { .lookup = lookup, .context = &answers };
	struct spf_outcome spf = { .result = SPF_PASS, .domain = domain };
	struct dkim_signature signature = { .result = DKIM_PASS, .domain = domain };
	struct dkim_outcome dkim = { .signatures = &signature, .n = 1 };
	struct dmarc_query query = { .method = method, .from = from, .spf = &spf, .dkim = &dkim };
	struct arena a = ARENA_INIT(8 * 1024);
	struct dmarc_outcome out;
	dmarc_check(&dns, &query, &a, &out);
	ASSERT(out.questions == answers.questions && out.questions <= DMARC_QUESTIONS_MAX);
	ASSERT(out.authors <= DMARC_AUTHORS_MAX);
	str name = STR_EMPTY;
	if (out.result == DMARC_PASS) {
		ASSERT(domain_ascii(domain, &a, &name) &&
			domain_is_within(out.author_domain, out.organization) &&
			(out.spf_aligned || out.dkim_aligned));
	}
	if (out.result == DMARC_FAIL)
		ASSERT(out.applied <= out.published && out.reason.n);
	arena_done(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str input = str_from(data, size), from, domain;
	check_record(input);
	(void)str_cut(input, '\n', &from, &input);
	(void)str_cut(input, '\n', &domain, &input);
	check_mail(from, domain, input, DMARC_TREE_WALK);
	check_mail(from, domain, input, DMARC_PUBLIC_SUFFIX);
	return 0;
}
