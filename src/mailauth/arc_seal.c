#include "mailauth/arc_internal.h"
#include "mailauth/dkim_sign_internal.h"

#include "base/base64.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>

enum { SET_MAX = 4 << 20 };

struct arc_sealer {
	struct dkim_signing how;
	struct dkim_header *header; /* owned */
	struct arc_verifier *chain; /* owned: the sets that came */
	struct dkim_body *body;
	bool own_body;
	int body_number;
};

static struct arc_sealer *sealer_new(
	str header, const struct dkim_signing *how, struct dkim_body *shared)
{
	struct arc_sealer *s = xcalloc(1, sizeof *s);
	s->how = *how;
	s->header = dkim_header_new(header);
	s->chain = arc_verifier_new(header, how->time);
	s->own_body = !shared;
	s->body = shared ? shared : dkim_body_new();
	s->body_number = dkim_body_want(
		s->body, how->simple_body ? DKIM_SIMPLE : DKIM_RELAXED, DKIM_BODY_WHOLE);
	ASSERT(s->body_number >= 0);
	return s;
}

struct arc_sealer *arc_sealer_new(str header, const struct dkim_signing *how)
{
	return sealer_new(header, how, NULL);
}

struct arc_sealer *arc_sealer_new_beside(
	struct dkim_verifier *v, str header, const struct dkim_signing *how)
{
	return sealer_new(header, how, dkim_verifier_body(v));
}

void arc_sealer_feed(struct arc_sealer *s, str body)
{
	ASSERT(s->own_body);
	dkim_body_feed(s->body, body);
}

/* One field, whatever it holds: line ends only where it is folded. */
static bool results_valid(str results)
{
	for (size_t i = 0; i < results.n; i++) {
		unsigned char c = (unsigned char)results.p[i];
		bool folded =
			i + 1 < results.n && (results.p[i + 1] == ' ' || results.p[i + 1] == '\t');
		if (c == '\n' ? !folded
			      : c == 0 || (c == '\r' &&
						  (i + 1 == results.n || results.p[i + 1] != '\n')))
			return false;
	}
	return results.n > 0;
}

/* NULL: nothing speaks against it. */
static const char *against(const struct arc_sealer *s, const struct arc_outcome *chain)
{
	if (arc_instances(s->chain) >= ARC_SETS_MAX)
		return "the chain is full";
	if (chain->result == ARC_TEMPERROR)
		return "the chain could not be evaluated";
	if (chain->n && str_equal(chain->sets[chain->n - 1].cv, STR("fail")))
		return "the chain has failed before";
	if (chain->result != ARC_FAIL &&
		(!arc_well_formed(s->chain) || chain->n != arc_instances(s->chain)))
		return "this is the outcome of another chain";
	return NULL;
}

unsigned arc_sealer_instance(const struct arc_sealer *s)
{
	return arc_instances(s->chain) + 1;
}

bool arc_sealer_may(const struct arc_sealer *s, const struct arc_outcome *chain)
{
	return !against(s, chain);
}

static bool may_seal(
	const struct arc_sealer *s, const struct arc_outcome *chain, str results, struct err *err)
{
	const char *wrong = against(s, chain);
	if (!wrong && !results_valid(results))
		wrong = "malformed results";
	if (wrong)
		(void)err_set(err, EINVAL, "%s", wrong);
	return !wrong && dkim_signing_valid(&s->how, err);
}

static bool write_message_signature(
	struct arc_sealer *s, str instance, struct buf *out, struct err *err)
{
	const struct dkim_signing *how = &s->how;
	struct buf hash CLEANUP(buf_done) = BUF_INIT(64);
	struct buf names CLEANUP(buf_done) = BUF_INIT(1 << 20);
	str fields = how->fields.n ? how->fields : STR(DKIM_SIGN_FIELDS);
	if (!dkim_signing_names(s->header, fields, how->oversign, &names, err))
		return false;
	base64_encode(&hash, str_from(dkim_body_hash(s->body, s->body_number), DKIM_HASH_SIZE));
	struct dkim_draft d;
	dkim_draft_begin(&d, STR("ARC-Message-Signature"));
	dkim_draft_tag(&d, STR("a"), dkim_signing_algorithm(how));
	dkim_draft_b(&d);
	dkim_draft_tag(&d, STR("bh"), buf_str(&hash));
	dkim_draft_tag(&d, STR("c"), dkim_signing_canon(how));
	dkim_draft_tag(&d, STR("d"), how->domain);
	dkim_draft_list(&d, STR("h"), buf_str(&names));
	dkim_draft_tag(&d, STR("i"), instance);
	dkim_draft_tag(&d, STR("s"), how->selector);
	dkim_draft_time(&d, STR("t"), how->time);
	bool good = dkim_draft_finish(
		&d, how, s->header, s->body, buf_str(&names), DKIM_FIELD_ARC_MESSAGE, out, err);
	dkim_draft_done(&d);
	return good;
}

static void digest_text(EVP_MD_CTX *md, str text)
{
	struct header_field field = { 0 };
	size_t at = 0;
	ASSERT(header_next(text, &at, &field) && at == text.n);
	arc_digest_field(md, &field, STR_EMPTY, true);
}

/* A chain that failed is sealed as if there were only this set (RFC 8617 §5.1.2). */
static void hash_seal(const struct arc_sealer *s, bool failed, str results, str message,
	const struct dkim_draft *d, unsigned char hash[DKIM_HASH_SIZE])
{
	struct header_field field = dkim_draft_field(d);
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	ASSERT(md && EVP_DigestInit_ex(md, EVP_sha256(), NULL));
	if (!failed)
		arc_digest_sets(s->chain, md);
	digest_text(md, results);
	digest_text(md, message);
	arc_digest_field(md, &field, STR_EMPTY, false);
	ASSERT(EVP_DigestFinal_ex(md, hash, NULL));
	EVP_MD_CTX_free(md);
}

static bool write_seal(const struct arc_sealer *s, str cv, str instance, str results, str message,
	struct buf *out, struct err *err)
{
	unsigned char hash[DKIM_HASH_SIZE];
	struct dkim_draft d;
	dkim_draft_begin(&d, STR("ARC-Seal"));
	dkim_draft_tag(&d, STR("a"), dkim_signing_algorithm(&s->how));
	dkim_draft_b(&d);
	dkim_draft_tag(&d, STR("cv"), cv);
	dkim_draft_tag(&d, STR("d"), s->how.domain);
	dkim_draft_tag(&d, STR("i"), instance);
	dkim_draft_tag(&d, STR("s"), s->how.selector);
	dkim_draft_time(&d, STR("t"), s->how.time);
	hash_seal(s, str_equal(cv, STR("fail")), results, message, &d, hash);
	bool good = dkim_draft_sign(&d, &s->how.key, hash, out, err);
	dkim_draft_done(&d);
	return good;
}

bool arc_sealer_finish(struct arc_sealer *s, const struct arc_outcome *chain, str results,
	struct buf *out, struct err *err)
{
	dkim_body_finish(s->body);
	results = str_trim(results);
	if (!may_seal(s, chain, results, err))
		return false;
	str cv = chain->result == ARC_NONE   ? STR("none")
		 : chain->result == ARC_PASS ? STR("pass")
					     : STR("fail");
	struct buf number CLEANUP(buf_done) = BUF_INIT(16);
	struct buf aar CLEANUP(buf_done) = BUF_INIT(SET_MAX);
	struct buf message CLEANUP(buf_done) = BUF_INIT(SET_MAX);
	buf_add_u64(&number, arc_sealer_instance(s));
	buf_add(&aar, STR("ARC-Authentication-Results: i="));
	buf_add(&aar, buf_str(&number));
	buf_add(&aar, STR("; "));
	buf_add(&aar, results);
	buf_add(&aar, STR("\r\n"));
	if (aar.overflowed) {
		(void)err_set(err, EINVAL, "results too long");
		return false;
	}
	if (!write_message_signature(s, buf_str(&number), &message, err) ||
		!write_seal(s, cv, buf_str(&number), buf_str(&aar), buf_str(&message), out, err))
		return false;
	buf_add(out, buf_str(&message));
	buf_add(out, buf_str(&aar));
	return true;
}

void arc_sealer_free(struct arc_sealer *s)
{
	if (!s)
		return;
	dkim_header_free(s->header);
	arc_verifier_free(s->chain);
	if (s->own_body)
		dkim_body_free(s->body);
	free(s);
}
