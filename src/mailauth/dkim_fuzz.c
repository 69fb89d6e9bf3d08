/* Any message and key record: a result within the arena, the same however the body is cut; and what
 * is signed verifies. */

#include "mailauth/dkim_fuzz_dns.h"
#include "mailauth/dkim_sign.h"

#include "mail/header.h"

enum { WORK_MAX = 256 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void verify(const struct dns *dns, str header, str body, size_t split, struct arena *a,
	struct dkim_outcome *out)
{
	struct dkim_verifier *v = dkim_verifier_new(header, 1000);
	dkim_verifier_feed(v, str_first(body, split));
	dkim_verifier_feed(v, str_skip(body, split));
	dkim_verifier_finish(v, dns, a, out);
	dkim_verifier_free(v);
	ASSERT(out->n <= DKIM_SIGNATURES_MAX);
	for (size_t i = 0; i < out->n; i++) {
		const struct dkim_signature *s = &out->signatures[i];
		ASSERT((s->result == DKIM_PASS) == (s->reason.n == 0));
		ASSERT(s->result != DKIM_PASS || (s->body_matches && s->header_matches));
	}
}

static void sign(struct fuzz_dns *f, str header, str body)
{
	struct dkim_signing how = { .domain = STR("fuzz.example"),
		.selector = STR("s"),
		.key = dkim_private_key_signs(f->key),
		.simple_header = f->mood & 1,
		.simple_body = f->mood & 2 };
	struct arena a CLEANUP(arena_done) = ARENA_INIT(8 << 20);
	struct buf out CLEANUP(buf_done) = BUF_INIT(4 << 20);
	struct err err = { 0 };
	struct dkim_signer *s = dkim_signer_new(header, &how);
	dkim_signer_feed(s, body);
	bool good = dkim_signer_finish(s, &out, &err);
	dkim_signer_free(s);
	if (!good)
		return;
	/* A line that continues nothing would continue the signature. */
	if (header.p[0] == ' ' || header.p[0] == '\t')
		return;
	buf_add(&out, header);
	struct dkim_outcome outcome;
	verify(&f->dns, buf_str(&out), body, body.n / 3, &a, &outcome);
	ASSERT(outcome.n >= 1 && outcome.signatures[0].result == DKIM_PASS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_dns f;
	str message = str_from(data, size);
	fuzz_dns_init(&f, &message);
	str header = str_first(message, header_length(message));
	str body = str_skip(message, header.n);
	struct arena a CLEANUP(arena_done) = ARENA_INIT(WORK_MAX);
	struct arena b CLEANUP(arena_done) = ARENA_INIT(f.mood ? WORK_MAX : 1000);
	struct dkim_outcome whole, cut;
	verify(&f.dns, header, body, 0, &a, &whole);
	verify(&f.dns, header, body, body.n / 2, &b, &cut);
	for (size_t i = 0; f.mood && i < whole.n; i++)
		ASSERT(cut.n == whole.n && cut.signatures[i].result == whole.signatures[i].result);
	sign(&f, header, body);
	fuzz_dns_done(&f);
	return 0;
}
