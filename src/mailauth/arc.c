#include "mailauth/arc.h"

#include "mailauth/arc_internal.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

struct set {
	bool has_results, has_message, has_seal;
	struct header_field results_field;
	str results; /* without "i=N;" */
	struct dkim_field message, seal;
	int body_number;                    /* of message; -1: not asked for */
	unsigned char hash[DKIM_HASH_SIZE]; /* that the seal signs */
	enum dkim_result message_result, seal_result;
};

struct arc_verifier {
	str header;
	int64_t now;
	struct dkim_body *body;
	bool own_body;
	struct dkim_keys *keys;
	struct set sets[ARC_SETS_MAX];
	unsigned n;        /* the highest instance */
	const char *wrong; /* with the structure; NULL: nothing */
	unsigned where;    /* in which set; 0: unknown */
};

static void fail(struct arc_verifier *v, unsigned where, const char *wrong)
{
	if (v->wrong)
		return;
	v->wrong = wrong;
	v->where = where;
}

/* "i=N;" and what follows it (RFC 8617 §4.1.1). 0: it does not begin so. */
static uint64_t results_instance(str value, str *out_rest)
{
	str tag, name, number;
	uint64_t instance;
	if (!str_cut(value, ';', &tag, out_rest) || !str_cut(tag, '=', &name, &number) ||
		!str_equal(str_trim(name), STR("i")) ||
		!str_to_u64(str_trim(number), INT32_MAX, &instance))
		return 0;
	return instance;
}

/* The set of that instance; NULL where there can be none. */
static struct set *set_of(struct arc_verifier *v, uint64_t instance)
{
	if (instance == 0 || instance > ARC_SETS_MAX) {
		fail(v, 0, instance ? "more than 50 sets" : "field without an instance");
		return NULL;
	}
	v->n = MAX(v->n, (unsigned)instance);
	return &v->sets[instance - 1];
}

static void add_results(struct arc_verifier *v, const struct header_field *field)
{
	str rest;
	uint64_t instance = results_instance(field->value, &rest);
	struct set *set = set_of(v, instance);
	if (!set)
		return;
	if (set->has_results)
		fail(v, (unsigned)instance, "ARC-Authentication-Results twice");
	set->has_results = true;
	set->results_field = *field;
	set->results = str_trim(rest);
}

static void add_signature(
	struct arc_verifier *v, const struct header_field *field, enum dkim_field_kind kind)
{
	struct dkim_field f;
	dkim_field_parse(field, kind, &f);
	struct set *set = set_of(v, f.instance);
	if (!set)
		return;
	bool seal = kind == DKIM_FIELD_ARC_SEAL;
	bool *has = seal ? &set->has_seal : &set->has_message;
	if (*has)
		fail(v, (unsigned)f.instance,
			seal ? "ARC-Seal twice" : "ARC-Message-Signature twice");
	*has = true;
	*(seal ? &set->seal : &set->message) = f;
}

static void collect(struct arc_verifier *v)
{
	struct header_field field;
	for (size_t at = 0; header_next(v->header, &at, &field);) {
		if (!str_starts_nocase(field.name, STR("ARC-")))
			continue;
		if (str_equal_nocase(field.name, STR("ARC-Authentication-Results")))
			add_results(v, &field);
		else if (str_equal_nocase(field.name, STR("ARC-Message-Signature")))
			add_signature(v, &field, DKIM_FIELD_ARC_MESSAGE);
		else if (str_equal_nocase(field.name, STR("ARC-Seal")))
			add_signature(v, &field, DKIM_FIELD_ARC_SEAL);
	}
}

static const char *check_set(const struct set *set, bool first)
{
	if (!set->has_results)
		return "no ARC-Authentication-Results";
	if (!set->has_message)
		return "no ARC-Message-Signature";
	if (!set->has_seal)
		return "no ARC-Seal";
	if (set->seal.wrong)
		return set->seal.wrong;
	if (str_equal(set->seal.cv, STR("fail")))
		return "its seal says cv=fail";
	if (!str_equal(set->seal.cv, first ? STR("none") : STR("pass")))
		return first ? "cv= of the first seal is not none" : "cv= is not pass";
	return NULL;
}

/* RFC 8617 §5.2, steps 1 to 3. */
static void check_structure(struct arc_verifier *v)
{
	for (unsigned i = 1; i <= v->n && !v->wrong; i++) {
		const char *wrong = check_set(&v->sets[i - 1], i == 1);
		if (wrong)
			fail(v, i, wrong);
	}
	if (v->n && !v->wrong && v->sets[v->n - 1].message.wrong)
		fail(v, v->n, v->sets[v->n - 1].message.wrong);
}

static struct arc_verifier *verifier_new(str header, int64_t now, struct dkim_body *shared)
{
	struct arc_verifier *v = xcalloc(1, sizeof *v);
	v->header = str_first(header, DKIM_HEADER_MAX);
	v->now = now;
	v->own_body = !shared;
	v->body = shared ? shared : dkim_body_new();
	collect(v);
	check_structure(v);
	for (unsigned i = v->wrong ? 0 : v->n; i-- > 0;) {
		const struct dkim_field *f = &v->sets[i].message;
		v->sets[i].body_number =
			f->wrong ? -1 : dkim_body_want(v->body, f->body_canon, f->length);
	}
	return v;
}

struct arc_verifier *arc_verifier_new(str header, int64_t now)
{
	return verifier_new(header, now, NULL);
}

struct arc_verifier *arc_verifier_new_beside(struct dkim_verifier *dkim, str header, int64_t now)
{
	return verifier_new(header, now, dkim_verifier_body(dkim));
}

void arc_verifier_use_keys(struct arc_verifier *v, struct dkim_keys *keys)
{
	v->keys = keys;
	if (keys && v->own_body)
		dkim_body_use_sha256(v->body, dkim_keys_sha256(keys));
}

void arc_verifier_feed(struct arc_verifier *v, str body)
{
	ASSERT(v->own_body);
	dkim_body_feed(v->body, body);
}

void arc_digest_field(EVP_MD_CTX *md, const struct header_field *field, str cut, bool line_end)
{
	struct buf b CLEANUP(buf_done) = BUF_INIT(SIZE_MAX);
	dkim_header_canonical(&b, DKIM_RELAXED, field, cut, line_end);
	ASSERT(EVP_DigestUpdate(md, b.p, b.n));
}

unsigned arc_instances(const struct arc_verifier *v)
{
	return v->n;
}

bool arc_well_formed(const struct arc_verifier *v)
{
	return !v->wrong;
}

void arc_digest_sets(const struct arc_verifier *v, EVP_MD_CTX *md)
{
	ASSERT(!v->wrong);
	for (unsigned i = 0; i < v->n; i++) {
		arc_digest_field(md, &v->sets[i].results_field, STR_EMPTY, true);
		arc_digest_field(md, &v->sets[i].message.field, STR_EMPTY, true);
		arc_digest_field(md, &v->sets[i].seal.field, STR_EMPTY, true);
	}
}

/* A seal signs all sets up to its own (RFC 8617 §5.1.1): the state of one hash is copied at each.
 */
static void hash_seals(struct arc_verifier *v)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new(), *copy = EVP_MD_CTX_new();
	ASSERT(md && copy && EVP_DigestInit_ex(md, EVP_sha256(), NULL));
	for (unsigned i = 0; i < v->n; i++) {
		struct set *set = &v->sets[i];
		arc_digest_field(md, &set->results_field, STR_EMPTY, true);
		arc_digest_field(md, &set->message.field, STR_EMPTY, true);
		ASSERT(EVP_MD_CTX_copy_ex(copy, md));
		arc_digest_field(copy, &set->seal.field, set->seal.b, false);
		ASSERT(EVP_DigestFinal_ex(copy, set->hash, NULL));
		arc_digest_field(md, &set->seal.field, STR_EMPTY, true);
	}
	EVP_MD_CTX_free(md);
	EVP_MD_CTX_free(copy);
}

/* False: it does not pass, and *out says so. */
static bool passes(struct arena *a, const struct dkim_signature *s, unsigned instance,
	const char *what, struct arc_outcome *out)
{
	if (s->result == DKIM_PASS)
		return true;
	char *text = arena_try(a, 256);
	out->broken = instance;
	out->result = s->result == DKIM_TEMPERROR ? ARC_TEMPERROR : ARC_FAIL;
	int n = text ? snprintf(text, 256, "%s %u: %.*s", what, instance,
			       (int)MIN(s->reason.n, 160), s->reason.p)
		     : 0;
	out->reason = str_from(text ? text : "", (size_t)n);
	return false;
}

static void verify_message(struct arc_verifier *v, struct dkim_header *h, unsigned i,
	const struct dns *dns, struct arena *a, struct dkim_signature *out)
{
	const struct set *set = &v->sets[i];
	*out = (struct dkim_signature){ .result = DKIM_PERMERROR, .reason = STR_EMPTY };
	if (set->body_number >= 0)
		dkim_field_verify(
			&set->message, h, v->body, set->body_number, dns, v->keys, v->now, a, out);
}

static void verify_seal(const struct arc_verifier *v, unsigned i, const struct dns *dns,
	struct arena *a, struct dkim_signature *out)
{
	const struct set *set = &v->sets[i];
	struct buf signature CLEANUP(buf_done) = BUF_INIT(DKIM_SIGNATURE_MAX);
	*out = (struct dkim_signature){ .result = DKIM_PERMERROR,
		.reason = STR("b= is not base64 of a signature") };
	if (!dkim_field_decode(&signature, set->seal.b))
		return;
	struct dkim_question q = {
		.domain = set->seal.domain,
		.selector = set->seal.selector,
		.identity = set->seal.domain,
		.algorithm = set->seal.algorithm_id,
		.signature = buf_str(&signature),
	};
	memcpy(q.hash, set->hash, sizeof q.hash);
	dkim_key_ask(dns, v->keys, &q, a, out);
}

/* RFC 8617 §5.2, steps 4 to 6; what comes last in it is done last here: the oldest signature that
 * holds is of interest only for a chain that passes. */
static void verify_chain(struct arc_verifier *v, struct dkim_header *h, const struct dns *dns,
	struct arena *a, struct arc_outcome *out)
{
	struct dkim_signature s;
	verify_message(v, h, v->n - 1, dns, a, &s);
	v->sets[v->n - 1].message_result = s.result;
	if (!passes(a, &s, v->n, "message signature", out))
		return;
	hash_seals(v);
	for (unsigned i = v->n; i-- > 0;) {
		verify_seal(v, i, dns, a, &s);
		v->sets[i].seal_result = s.result;
		if (!passes(a, &s, i + 1, "seal", out))
			return;
	}
	out->result = ARC_PASS;
	for (unsigned i = v->n - 1; i-- > 0 && !out->oldest_pass;) {
		verify_message(v, h, i, dns, a, &s);
		v->sets[i].message_result = s.result;
		if (s.result != DKIM_PASS)
			out->oldest_pass = i + 2;
	}
}

static struct arc_set *list_sets(
	const struct arc_verifier *v, struct arena *a, struct arc_outcome *out)
{
	unsigned n = 0;
	while (n < v->n && v->sets[n].has_results && v->sets[n].has_message && v->sets[n].has_seal)
		n++;
	struct arc_set *list = n ? arena_try(a, n * sizeof *list) : NULL;
	for (unsigned i = 0; list && i < n; i++) {
		const struct dkim_field *seal = &v->sets[i].seal;
		list[i] = (struct arc_set){ .instance = i + 1,
			.domain = seal->domain,
			.selector = seal->selector,
			.results = v->sets[i].results,
			.cv = seal->cv };
	}
	out->sets = list;
	out->n = list ? n : 0;
	return list;
}

void arc_verifier_finish(
	struct arc_verifier *v, const struct dns *dns, struct arena *a, struct arc_outcome *out)
{
	*out = (struct arc_outcome){ .result = ARC_NONE, .reason = STR_EMPTY };
	dkim_body_finish(v->body);
	struct arc_set *list = list_sets(v, a, out);
	if (v->wrong) {
		struct dkim_signature s = { .result = DKIM_PERMERROR,
			.reason = str_from_z(v->wrong) };
		(void)passes(a, &s, v->where, "set", out);
	} else if (v->n) {
		struct dkim_header *h = dkim_header_new(v->header);
		verify_chain(v, h, dns, a, out);
		dkim_header_free(h);
	}
	for (size_t i = 0; i < out->n; i++) {
		list[i].message_result = v->sets[i].message_result;
		list[i].seal_result = v->sets[i].seal_result;
	}
}

void arc_verifier_free(struct arc_verifier *v)
{
	if (!v)
		return;
	if (v->own_body)
		dkim_body_free(v->body);
	free(v);
}

const char *arc_result_name(enum arc_result result)
{
	static const char *const names[] = { "none", "pass", "fail", "temperror" };
	return names[result];
}
