/* Any chain: a result within the arena; and a chain that passes, sealed by us, passes again. */

#include "mailauth/dkim_fuzz_dns.h"
#include "mailauth/dkim_sign.h"

#include "mail/header.h"

enum { WORK_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void validate(
	const struct dns *dns, str header, str body, struct arena *a, struct arc_outcome *out)
{
	struct arc_verifier *v = arc_verifier_new(header, 1000);
	arc_verifier_feed(v, str_first(body, body.n / 2));
	arc_verifier_feed(v, str_skip(body, body.n / 2));
	arc_verifier_finish(v, dns, a, out);
	arc_verifier_free(v);
	ASSERT(out->n <= ARC_SETS_MAX && out->oldest_pass <= ARC_SETS_MAX);
	ASSERT(out->result != ARC_PASS || out->reason.n == 0);
	str trusted = STR("fuzz.example");
	const struct arc_set *set = arc_trusted_pass(out, &trusted, 1, STR("dmarc"));
	ASSERT(!set || (out->result == ARC_PASS && str_equal_nocase(set->domain, trusted)));
}

static bool seal(
	struct fuzz_dns *f, str header, str body, const struct arc_outcome *chain, struct buf *out)
{
	struct dkim_signing how = { .domain = STR("fuzz.example"),
		.selector = STR("s"),
		.key = dkim_private_key_signs(f->key) };
	struct err err = { 0 };
	struct arc_sealer *s = arc_sealer_new(header, &how);
	arc_sealer_feed(s, body);
	bool good = arc_sealer_finish(s, chain, STR("fuzz.example; dmarc=pass"), out, &err);
	arc_sealer_free(s);
	buf_add(out, header);
	return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_dns f;
	str message = str_from(data, size);
	fuzz_dns_init(&f, &message);
	str header = str_first(message, header_length(message));
	str body = str_skip(message, header.n);
	struct arena a CLEANUP(arena_done) = ARENA_INIT(8 * WORK_MAX);
	struct buf sealed CLEANUP(buf_done) = BUF_INIT(8 * WORK_MAX);
	struct arc_outcome before, after;
	validate(&f.dns, header, body, &a, &before);
	bool good = seal(&f, header, body, &before, &sealed);
	/* A line that continues nothing would continue the set. */
	if (good && header.n && header.p[0] != ' ' && header.p[0] != '\t') {
		validate(&f.dns, buf_str(&sealed), body, &a, &after);
		bool pass = before.result == ARC_NONE || before.result == ARC_PASS;
		ASSERT((after.result == ARC_PASS) == pass);
	}
	fuzz_dns_done(&f);
	return 0;
}
