/* Any HELO and any names in the DNS: three results within the promised memory and questions. */

#include "mailauth/dns_testing.h"
#include "mailauth/rdns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct source {
	str rest;
	unsigned questions;
	uint8_t mood;
};

static void lookup(
	void *context, enum dns_type type, str name, struct arena *a, struct dns_answer *out)
{
	struct source *s = context;
	ASSERT(dns_name_is_askable(name));
	s->questions++;
	unsigned choice = (unsigned)(s->mood * s->questions + name.n) % 11;
	*out = (struct dns_answer){ .status = DNS_FOUND, .why = STR_EMPTY };
	size_t n = type == DNS_TYPE_PTR ? choice * 3 : choice % 3;
	struct dns_record *records = n ? arena_try(a, n * sizeof *records) : NULL;
	if (choice < 4 || !records) {
		out->status = (enum dns_status)(DNS_NODATA + choice % 4);
		return;
	}
	out->records = records;
	for (; out->n < n; out->n++) {
		struct dns_record *r = &records[out->n];
		(void)str_cut(s->rest, '\n', &r->name, &s->rest);
		ASSERT(ip_parse(choice % 2 ? STR("192.0.2.1") : STR("2001:db8::1"), &r->ip));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str text = str_from(data, size), mood, helo;
	(void)str_cut(text, '\n', &mood, &text);
	(void)str_cut(text, '\n', &helo, &text);
	struct source s = { .rest = text, .mood = mood.n ? (uint8_t)mood.p[0] : 0 };
	struct dns dns = { .lookup = lookup, .context = &s };
	struct ip ip;
	ASSERT(ip_parse(s.mood & 32 ? STR("2001:db8::1") : STR("192.0.2.1"), &ip));
	struct arena a CLEANUP(arena_done) = ARENA_INIT(RDNS_ARENA_MAX);
	struct rdns_outcome out;
	rdns_check(&dns, &ip, helo, &a, &out);
	ASSERT(s.questions <= 1 + RDNS_NAMES_MAX + 2);
	ASSERT(out.result != RDNS_PASS || out.name.n);
	ASSERT(!out.helo_is_name || out.helo == HELO_PASS);
	ASSERT((out.helo == HELO_NOT_ASKED) ==
		(out.syntax != HELO_SYNTAX_FQDN && out.syntax != HELO_SYNTAX_LITERAL));
	ASSERT(out.why.n);
	return 0;
}
