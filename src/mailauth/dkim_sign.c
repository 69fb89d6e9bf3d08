#include "mailauth/dkim_sign_internal.h"

#include "base/base64.h"

#include <errno.h>
#include <stdlib.h>

struct dkim_signer {
	struct dkim_signing how;
	struct dkim_header *header; /* owned */
	struct dkim_body *body;     /* owned */
	int body_number;
};

str dkim_signing_algorithm(const struct dkim_signing *how)
{
	return how->key.algorithm == DKIM_RSA_SHA256 ? STR("rsa-sha256") : STR("ed25519-sha256");
}

/* Printable ASCII without ";" and space. */
static bool plain(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= ' ' || (unsigned char)s.p[i] > '~' || s.p[i] == ';')
			return false;
	return true;
}

bool dkim_signing_valid(const struct dkim_signing *how, struct err *err)
{
	const char *wrong = NULL;
	if (!how->domain.n || !how->selector.n || how->domain.n + how->selector.n > 241)
		wrong = "domain or selector is missing or too long";
	if (!wrong && (!plain(how->domain) || !plain(how->selector) || !plain(how->identity) ||
			      !plain(how->fields) || !plain(how->oversign)))
		wrong = "a name has characters that cannot stand in a signature";
	if (wrong)
		(void)err_set(err, EINVAL, "%s", wrong);
	return !wrong;
}

static bool list_has(str list, str wanted)
{
	while (list.n) {
		str item;
		(void)str_cut(list, ':', &item, &list);
		if (str_equal_nocase(item, wanted))
			return true;
	}
	return false;
}

bool dkim_signing_names(
	const struct dkim_header *h, str fields, str oversign, struct buf *out, struct err *err)
{
	while (fields.n) {
		str name;
		(void)str_cut(fields, ':', &name, &fields);
		size_t count = dkim_header_count(h, name);
		if (count > DKIM_SIGN_OCCURRENCES_MAX) {
			(void)err_set(
				err, EINVAL, "too many fields %.*s", (int)MIN(name.n, 64), name.p);
			return false;
		}
		count += list_has(oversign, name);
		for (; count && name.n; count--) {
			if (out->n)
				buf_add_char(out, ':');
			buf_add(out, name);
		}
	}
	return true;
}

struct dkim_signer *dkim_signer_new(str header, const struct dkim_signing *how)
{
	struct dkim_signer *s = xcalloc(1, sizeof *s);
	s->how = *how;
	s->header = dkim_header_new(header);
	s->body = dkim_body_new();
	s->body_number = dkim_body_want(
		s->body, how->simple_body ? DKIM_SIMPLE : DKIM_RELAXED, DKIM_BODY_WHOLE);
	return s;
}

void dkim_signer_feed(struct dkim_signer *s, str body)
{
	dkim_body_feed(s->body, body);
}

str dkim_signing_canon(const struct dkim_signing *how)
{
	static const char *const names[2][2] = { { "relaxed/relaxed", "relaxed/simple" },
		{ "simple/relaxed", "simple/simple" } };
	return str_from_z(names[how->simple_header][how->simple_body]);
}

static void write_draft(struct dkim_signer *s, str names, struct dkim_draft *d)
{
	const struct dkim_signing *how = &s->how;
	struct buf hash CLEANUP(buf_done) = BUF_INIT(64);
	base64_encode(&hash, str_from(dkim_body_hash(s->body, s->body_number), DKIM_HASH_SIZE));
	dkim_draft_begin(d, STR("DKIM-Signature"));
	dkim_draft_tag(d, STR("v"), STR("1"));
	dkim_draft_tag(d, STR("a"), dkim_signing_algorithm(how));
	dkim_draft_tag(d, STR("c"), dkim_signing_canon(how));
	dkim_draft_tag(d, STR("d"), how->domain);
	dkim_draft_tag(d, STR("s"), how->selector);
	if (how->identity.n)
		dkim_draft_tag(d, STR("i"), how->identity);
	dkim_draft_time(d, STR("t"), how->time);
	dkim_draft_time(d, STR("x"), how->expiration);
	dkim_draft_list(d, STR("h"), names);
	dkim_draft_tag(d, STR("bh"), buf_str(&hash));
	dkim_draft_b(d);
}

bool dkim_draft_finish(const struct dkim_draft *d, const struct dkim_signing *how,
	struct dkim_header *h, struct dkim_body *body, str names, enum dkim_field_kind kind,
	struct buf *out, struct err *err)
{
	unsigned char hash[DKIM_HASH_SIZE];
	struct dkim_field f = {
		.field = dkim_draft_field(d),
		.b = STR_EMPTY,
		.names = names,
		.header_canon = how->simple_header ? DKIM_SIMPLE : DKIM_RELAXED,
	};
	dkim_field_hash(&f, h, body, hash);
	size_t start = out->n, at = 0;
	if (!dkim_draft_sign(d, &how->key, hash, out, err))
		return false;
	struct header_field field = { 0 };
	if (!out->overflowed && header_next(str_skip(buf_str(out), start), &at, &field)) {
		dkim_field_parse(&field, kind, &f);
		if (!f.wrong)
			return true;
	}
	(void)err_set(err, EINVAL, "the signature would be malformed: %s",
		f.wrong ? f.wrong : "too long");
	out->n = MIN(out->n, start);
	return false;
}

bool dkim_signer_finish(struct dkim_signer *s, struct buf *out, struct err *err)
{
	const struct dkim_signing *how = &s->how;
	str fields = how->fields.n ? how->fields : STR(DKIM_SIGN_FIELDS);
	str oversign = how->oversign.n ? how->oversign : STR(DKIM_OVERSIGN_FIELDS);
	struct buf names CLEANUP(buf_done) = BUF_INIT(1 << 20);
	dkim_body_finish(s->body);
	if (!dkim_signing_valid(how, err))
		return false;
	if (dkim_header_count(s->header, STR("From")) == 0) {
		(void)err_set(
			err, EINVAL, "a message without From cannot be signed (RFC 6376 §5.4)");
		return false;
	}
	if (!list_has(fields, STR("From")) &&
		!dkim_signing_names(s->header, STR("From"), oversign, &names, err))
		return false;
	if (!dkim_signing_names(s->header, fields, oversign, &names, err))
		return false;
	struct dkim_draft d;
	write_draft(s, buf_str(&names), &d);
	bool good = dkim_draft_finish(
		&d, how, s->header, s->body, buf_str(&names), DKIM_FIELD_SIGNATURE, out, err);
	dkim_draft_done(&d);
	return good;
}

void dkim_signer_free(struct dkim_signer *s)
{
	if (!s)
		return;
	dkim_header_free(s->header);
	dkim_body_free(s->body);
	free(s);
}
