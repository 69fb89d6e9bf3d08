#include "mailauth/dkim.h"

#include "mailauth/dkim_field.h"

#include <stdlib.h>

struct dkim_verifier {
	struct dkim_header *header; /* owned */
	struct dkim_body *body;     /* owned */
	struct dkim_keys *keys;
	int64_t now;
	size_t n;
	bool more, finished;
	struct dkim_field fields[DKIM_SIGNATURES_MAX]; /* n of them are filled in */
	int body_numbers[DKIM_SIGNATURES_MAX];
};

static void add(struct dkim_verifier *v, const struct header_field *field)
{
	struct dkim_field *f = &v->fields[v->n];
	dkim_field_parse(field, DKIM_FIELD_SIGNATURE, f);
	if (!f->wrong) {
		v->body_numbers[v->n] = dkim_body_want(v->body, f->body_canon, f->length);
		ASSERT(v->body_numbers[v->n] >= 0);
	}
	v->n++;
}

struct dkim_verifier *dkim_verifier_new(str header, int64_t now)
{
	struct dkim_verifier *v = xmalloc(sizeof *v);
	memset(v, 0, offsetof(struct dkim_verifier, fields));
	v->now = now;
	v->body = dkim_body_new();
	v->header = dkim_header_new(header);
	struct header_field field;
	for (size_t i = 0; !v->more && dkim_header_field(v->header, i, &field); i++) {
		if (!str_equal_nocase(field.name, STR("DKIM-Signature")))
			continue;
		if (v->n == DKIM_SIGNATURES_MAX)
			v->more = true;
		else
			add(v, &field);
	}
	return v;
}

void dkim_verifier_use_keys(struct dkim_verifier *v, struct dkim_keys *keys)
{
	v->keys = keys;
	if (keys)
		dkim_body_use_sha256(v->body, dkim_keys_sha256(keys));
}

struct dkim_body *dkim_verifier_body(struct dkim_verifier *v)
{
	return v->body;
}

void dkim_verifier_feed(struct dkim_verifier *v, str body)
{
	dkim_body_feed(v->body, body);
}

void dkim_verifier_finish(
	struct dkim_verifier *v, const struct dns *dns, struct arena *a, struct dkim_outcome *out)
{
	ASSERT(!v->finished);
	v->finished = true;
	dkim_body_finish(v->body);
	struct dkim_signature *list = v->n ? arena_try(a, v->n * sizeof *list) : NULL;
	*out = (struct dkim_outcome){
		.signatures = list, .n = list ? v->n : 0, .more = v->more || (v->n && !list)
	};
	for (size_t i = 0; i < out->n; i++)
		dkim_field_verify(&v->fields[i], v->header, v->body, v->body_numbers[i], dns,
			v->keys, v->now, a, &list[i]);
}

void dkim_verifier_free(struct dkim_verifier *v)
{
	if (!v)
		return;
	dkim_header_free(v->header);
	dkim_body_free(v->body);
	free(v);
}

const char *dkim_result_name(enum dkim_result result)
{
	static const char *const names[] = { "none", "pass", "fail", "policy", "neutral",
		"temperror", "permerror" };
	return names[result];
}
