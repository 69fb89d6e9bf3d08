#include "mailauth/dkim_field.h"

#include "base/base64.h"
#include "mailauth/dkim_bytes.h"
#include "mailauth/dkim_tags.h"

/* Of the fields that are signed: most have room without growing. */
enum { USUAL_SIZE = 2048 };

bool dkim_name_valid(str s)
{
	size_t label = 0;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '.') {
			if (label == 0)
				return false;
			label = 0;
		} else if ((!ascii_is_alnum(s.p[i]) && s.p[i] != '-' && s.p[i] != '_') ||
			   ++label > 63) {
			return false;
		}
	}
	return label && s.n <= 253;
}

static str get(const struct dkim_tags *tags, str name)
{
	const struct dkim_tag *tag = dkim_tags_find(tags, name);
	return tag ? tag->value : STR_EMPTY;
}

/* A time of up to 12 digits (§3.5). False where the tag is there and is none. */
static bool get_time(const struct dkim_tags *tags, str name, int64_t *out)
{
	const struct dkim_tag *tag = dkim_tags_find(tags, name);
	uint64_t value;
	if (!tag)
		return true;
	if (!str_to_u64(tag->value, UINT64_C(999999999999), &value))
		return false;
	*out = (int64_t)value;
	return true;
}

static bool parse_algorithm(struct dkim_field *f)
{
	f->algorithm_id = str_equal(f->algorithm, STR("ed25519-sha256")) ? DKIM_ED25519_SHA256
									 : DKIM_RSA_SHA256;
	return f->algorithm_id == DKIM_ED25519_SHA256 || str_equal(f->algorithm, STR("rsa-sha256"));
}

static bool parse_one_canon(str s, enum dkim_canon *out)
{
	*out = str_equal(s, STR("relaxed")) ? DKIM_RELAXED : DKIM_SIMPLE;
	return *out == DKIM_RELAXED || str_equal(s, STR("simple"));
}

static bool parse_canon(struct dkim_field *f, const struct dkim_tags *tags)
{
	str header, body;
	if (!dkim_tags_find(tags, STR("c"))) {
		f->canon = STR("simple/simple");
		return true;
	}
	f->canon = get(tags, STR("c"));
	if (!str_cut(f->canon, '/', &header, &body))
		body = STR("simple");
	return parse_one_canon(header, &f->header_canon) && parse_one_canon(body, &f->body_canon);
}

static bool names_have(str names, str wanted)
{
	while (names.n) {
		str name;
		(void)str_cut(names, ':', &name, &names);
		if (str_equal_nocase(str_trim(name), wanted))
			return true;
	}
	return false;
}

/* i= is in d= or below it. */
static bool identity_valid(const struct dkim_field *f)
{
	ptrdiff_t at = str_find_last_char(f->identity, '@');
	if (at < 0)
		return false;
	str host = str_skip(f->identity, (size_t)at + 1);
	if (!str_ends_nocase(host, f->domain))
		return false;
	return host.n == f->domain.n || host.p[host.n - f->domain.n - 1] == '.';
}

bool dkim_field_decode(struct buf *out, str s)
{
	struct buf text CLEANUP(buf_done) = BUF_INIT(2 * out->max + 4);
	size_t most = MIN(s.n, text.max);
	char *p = buf_reserve(&text, most);
	if (p)
		text.n = bytes_squeeze(p, most, s);
	if (text.n == text.max)
		return false;
	return base64_decode(out, buf_str(&text)) && !out->overflowed;
}

static const char *parse_body_hash(struct dkim_field *f)
{
	char decoded[128];
	struct buf hash = { .p = decoded, .cap = sizeof decoded, .max = sizeof decoded };
	if (f->body_hash.n == 0)
		return "no bh=";
	if (!dkim_field_decode(&hash, f->body_hash))
		return "bh= is not base64 of a hash";
	if (hash.n != DKIM_HASH_SIZE)
		return "bh= does not have the length of a SHA-256 hash";
	memcpy(f->expected, decoded, DKIM_HASH_SIZE);
	return NULL;
}

/* What signatures of DKIM and ARC have in common. */
static const char *parse_common(struct dkim_field *f, const struct dkim_tags *tags)
{
	if (str_equal(f->algorithm, STR("rsa-sha1")))
		return "a=rsa-sha1 is not accepted (RFC 8301)";
	if (!parse_algorithm(f))
		return f->algorithm.n ? "unknown a=" : "no a=";
	if (str_trim(f->b).n == 0)
		return "no b=";
	if (!dkim_name_valid(f->domain))
		return f->domain.n ? "d= is not a domain" : "no d=";
	if (!dkim_name_valid(f->selector))
		return f->selector.n ? "s= is not a selector" : "no s=";
	if (!get_time(tags, STR("t"), &f->timestamp))
		return "t= is not a time";
	return NULL;
}

static const char *parse_length(struct dkim_field *f, const struct dkim_tags *tags)
{
	const struct dkim_tag *length = dkim_tags_find(tags, STR("l"));
	f->has_length = length;
	f->length = DKIM_BODY_WHOLE;
	if (length && !str_to_u64(length->value, DKIM_BODY_WHOLE - 1, &f->length))
		return "l= is not a number";
	return NULL;
}

/* Over a message: DKIM-Signature and ARC-Message-Signature. */
static const char *parse_message(struct dkim_field *f, const struct dkim_tags *tags)
{
	if (!parse_canon(f, tags))
		return "unknown c=";
	const char *wrong = parse_body_hash(f);
	if (wrong)
		return wrong;
	wrong = parse_length(f, tags);
	if (wrong)
		return wrong;
	if (!dkim_tags_find(tags, STR("h")))
		return "no h=";
	if (!get_time(tags, STR("x"), &f->expiration))
		return "x= is not a time";
	if (f->expiration && f->timestamp && f->expiration <= f->timestamp)
		return "x= is not after t=";
	const struct dkim_tag *query = dkim_tags_find(tags, STR("q"));
	if (query && !names_have(query->value, STR("dns/txt")))
		return "unknown q=";
	return NULL;
}

static const char *parse_signature(struct dkim_field *f, const struct dkim_tags *tags)
{
	if (!str_equal(get(tags, STR("v")), STR("1")))
		return "v= is not 1";
	if (!f->author_signed)
		return "h= does not have From";
	if (dkim_tags_find(tags, STR("i"))) {
		f->identity = get(tags, STR("i"));
		if (!identity_valid(f))
			return "i= is not in d=";
	}
	return NULL;
}

static const char *parse_arc(
	struct dkim_field *f, const struct dkim_tags *tags, enum dkim_field_kind kind)
{
	if (!f->instance)
		return "i= is not an instance";
	if (kind == DKIM_FIELD_ARC_SEAL && dkim_tags_find(tags, STR("h")))
		return "seal with h=";
	if (kind == DKIM_FIELD_ARC_MESSAGE && names_have(f->names, STR("arc-seal")))
		return "h= has ARC-Seal";
	return NULL;
}

void dkim_field_parse(
	const struct header_field *field, enum dkim_field_kind kind, struct dkim_field *out)
{
	struct dkim_tags tags;
	*out = (struct dkim_field){ .field = *field, .header_canon = DKIM_SIMPLE };
	out->wrong = dkim_tags_parse(field->value, &tags);
	if (kind == DKIM_FIELD_ARC_SEAL)
		out->header_canon = DKIM_RELAXED;
	const struct dkim_tag *b = dkim_tags_find(&tags, STR("b"));
	out->b = b ? b->span : STR_EMPTY;
	out->algorithm = get(&tags, STR("a"));
	out->domain = get(&tags, STR("d"));
	out->selector = get(&tags, STR("s"));
	out->names = get(&tags, STR("h"));
	out->body_hash = get(&tags, STR("bh"));
	out->cv = get(&tags, STR("cv"));
	out->author_signed = names_have(out->names, STR("from"));
	if (kind != DKIM_FIELD_SIGNATURE &&
		!str_to_u64(get(&tags, STR("i")), INT32_MAX, &out->instance))
		out->instance = 0;
	if (!out->wrong)
		out->wrong = parse_common(out, &tags);
	if (!out->wrong && kind != DKIM_FIELD_ARC_SEAL)
		out->wrong = parse_message(out, &tags);
	if (!out->wrong)
		out->wrong = kind == DKIM_FIELD_SIGNATURE ? parse_signature(out, &tags)
							  : parse_arc(out, &tags, kind);
}

void dkim_field_hash(const struct dkim_field *f, struct dkim_header *h, struct dkim_body *body,
	unsigned char out[DKIM_HASH_SIZE])
{
	struct buf b CLEANUP(buf_done) = BUF_INIT(SIZE_MAX);
	(void)buf_reserve(&b, USUAL_SIZE);
	dkim_header_select(h, &b, f->header_canon, f->names);
	dkim_header_canonical(&b, f->header_canon, &f->field, f->b, false);
	dkim_body_hash_text(body, buf_str(&b), out);
}

/* The first `most` characters that are no white space, as far as the arena has room. */
static str squeezed(struct arena *a, str s, size_t most)
{
	char *p = arena_try(a, MIN(s.n, most) + 1);
	return p ? str_from(p, bytes_squeeze(p, MIN(s.n, most), s)) : STR_EMPTY;
}

static str joined(struct arena *a, str head, str tail)
{
	char *p = arena_try(a, head.n + tail.n + 1);
	if (!p)
		return STR_EMPTY;
	memcpy(p, head.p, head.n);
	memcpy(p + head.n, tail.p, tail.n);
	return str_from(p, head.n + tail.n);
}

void dkim_field_report(const struct dkim_field *f, struct arena *a, struct dkim_signature *out)
{
	*out = (struct dkim_signature){
		.result = DKIM_PERMERROR,
		.domain = f->domain,
		.selector = f->selector,
		.identity = f->identity.n ? squeezed(a, f->identity, SIZE_MAX)
					  : joined(a, STR("@"), f->domain),
		.algorithm = f->algorithm,
		.canonicalization = f->canon,
		.signed_fields = squeezed(a, f->names, SIZE_MAX),
		.signature_start = squeezed(a, f->b, 8),
		.reason = str_from_z(f->wrong),
		.has_length = f->has_length,
		.length = f->has_length ? f->length : 0,
		.body_hash_expected = squeezed(a, f->body_hash, SIZE_MAX),
		.body_hash_found = STR_EMPTY,
		.key_record = STR_EMPTY,
		.timestamp = f->timestamp,
		.expiration = f->expiration,
		.author_signed = f->author_signed,
	};
}

static void compare_body(const struct dkim_field *f, const struct dkim_body *body, int number,
	struct arena *a, struct dkim_signature *out)
{
	struct buf found CLEANUP(buf_done) = BUF_INIT(128);
	const unsigned char *hash = dkim_body_hash(body, number);
	if (f->has_length && dkim_body_total(body, number) > f->length)
		out->unsigned_bytes = dkim_body_total(body, number) - f->length;
	if (!hash)
		return;
	base64_encode(&found, str_from(hash, DKIM_HASH_SIZE));
	out->body_hash_found = joined(a, buf_str(&found), STR_EMPTY);
	out->body_matches = memcmp(f->expected, hash, DKIM_HASH_SIZE) == 0;
}

static void decide(struct dkim_signature *out, bool body_long_enough, int64_t now)
{
	bool verified = out->result == DKIM_PASS || out->result == DKIM_POLICY;
	if (!out->body_matches && (verified || out->result == DKIM_FAIL)) {
		out->reason =
			!body_long_enough ? STR("body is shorter than l=")
			: verified
				? STR("body has changed: bh= does not match")
				: STR("body and header have changed: neither bh= nor b= matches");
		out->result = DKIM_FAIL;
	} else if (verified && out->expiration && out->expiration < now) {
		out->result = DKIM_FAIL;
		out->reason = STR("signature has expired (x=)");
	} else if (verified && out->timestamp > now + DKIM_CLOCK_SKEW) {
		out->result = DKIM_FAIL;
		out->reason = STR("signature is from the future (t=)");
	}
}

void dkim_field_verify(const struct dkim_field *f, struct dkim_header *h, struct dkim_body *body,
	int body_number, const struct dns *dns, struct dkim_keys *keys, int64_t now,
	struct arena *a, struct dkim_signature *out)
{
	dkim_field_report(f, a, out);
	if (f->wrong)
		return;
	struct buf signature CLEANUP(buf_done) = BUF_INIT(DKIM_SIGNATURE_MAX);
	compare_body(f, body, body_number, a, out);
	if (!dkim_field_decode(&signature, f->b)) {
		out->reason = STR("b= is not base64 of a signature");
		return;
	}
	struct dkim_question q = {
		.domain = f->domain,
		.selector = f->selector,
		.identity = out->identity,
		.algorithm = f->algorithm_id,
		.signature = buf_str(&signature),
	};
	dkim_field_hash(f, h, body, q.hash);
	dkim_key_ask(dns, keys, &q, a, out);
	decide(out, dkim_body_hash(body, body_number) != NULL, now);
}
