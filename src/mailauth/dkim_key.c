#include "mailauth/dkim_key.h"

#include "mailauth/dkim_field.h"
#include "mailauth/dkim_tags.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>

enum { KEY_TEXT_MAX = 4096, DER_MAX = 2048, ED25519_SIZE = 32 };

/* Whether a list "a:b" holds the word. */
static bool list_has(str list, str word)
{
	while (list.n) {
		str item;
		(void)str_cut(list, ':', &item, &list);
		if (str_equal(str_trim(item), word))
			return true;
	}
	return false;
}

static str value_of(const struct dkim_tags *tags, str name, str otherwise)
{
	const struct dkim_tag *tag = dkim_tags_find(tags, name);
	return tag ? tag->value : otherwise;
}

const char *dkim_key_record_parse(str s, struct dkim_key_record *out)
{
	struct dkim_tags tags;
	if (s.n > DKIM_RECORD_MAX)
		return "key record too long";
	const char *wrong = dkim_tags_parse(s, &tags);
	if (wrong)
		return "malformed key record";
	const struct dkim_tag *version = dkim_tags_find(&tags, STR("v"));
	if (version && (version != &tags.list[0] || !str_equal(version->value, STR("DKIM1"))))
		return "not a DKIM1 key record";
	const struct dkim_tag *key = dkim_tags_find(&tags, STR("p"));
	if (!key)
		return "key record without p=";
	str kind = value_of(&tags, STR("k"), STR("rsa"));
	if (!str_equal(kind, STR("rsa")) && !str_equal(kind, STR("ed25519")))
		return "unknown type of key";
	if (!list_has(value_of(&tags, STR("h"), STR("sha256")), STR("sha256")))
		return "key does not allow sha256";
	str services = value_of(&tags, STR("s"), STR("*"));
	if (!list_has(services, STR("*")) && !list_has(services, STR("email")))
		return "key is not for email";
	if (key->value.n == 0)
		return "key revoked";
	str flags = value_of(&tags, STR("t"), STR_EMPTY);
	*out = (struct dkim_key_record){
		.algorithm = kind.n == 3 ? DKIM_RSA_SHA256 : DKIM_ED25519_SHA256,
		.key = key->value,
		.testing = list_has(flags, STR("y")),
		.strict = list_has(flags, STR("s")),
	};
	return NULL;
}

/* The content of the element that s begins with, and s behind it. */
static bool open_element(str *s, int wanted, str *out)
{
	enum { INDEFINITE_OR_ERROR = 0x81 };
	const unsigned char *p = (const unsigned char *)s->p;
	long n;
	int tag, class;
	int form = ASN1_get_object(&p, &n, &tag, &class, (long)s->n);
	if (form & INDEFINITE_OR_ERROR || tag != wanted || class != V_ASN1_UNIVERSAL)
		return false;
	*out = str_from(p, (size_t)n);
	*s = str_skip(*s, (size_t)((const char *)p - s->p) + out->n);
	return true;
}

/* The RSAPublicKey in a SubjectPublicKeyInfo; empty: there is none, or it is unusual. */
static str rsa_in_info(str der)
{
	/* rsaEncryption, without parameters */
	static const unsigned char rsa[] = { 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01,
		0x01, 0x01, 0x05, 0x00 };
	str info, algorithm, bits;
	bool good = open_element(&der, V_ASN1_SEQUENCE, &info) &&
		    open_element(&info, V_ASN1_SEQUENCE, &algorithm) &&
		    str_equal(algorithm, str_from(rsa, sizeof rsa)) &&
		    open_element(&info, V_ASN1_BIT_STRING, &bits) && bits.n && bits.p[0] == 0;
	return good ? str_skip(bits, 1) : STR_EMPTY;
}

/* SubjectPublicKeyInfo, as everybody has it, or the RSAPublicKey that the RFC names. OpenSSL takes
 * ten times as long for the former, so that it gets what is not taken apart here. */
static EVP_PKEY *decode_rsa(str der)
{
	str inner = rsa_in_info(der);
	const unsigned char *p = (const unsigned char *)(inner.n ? inner.p : der.p);
	EVP_PKEY *key = d2i_PublicKey(EVP_PKEY_RSA, NULL, &p, (long)(inner.n ? inner.n : der.n));
	if (key)
		return key;
	p = (const unsigned char *)der.p;
	key = d2i_PUBKEY(NULL, &p, (long)der.n);
	if (key && EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA)
		return key;
	EVP_PKEY_free(key);
	return NULL;
}

static EVP_PKEY_CTX *rsa_context(EVP_PKEY *key)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	if (c && EVP_PKEY_verify_init(c) > 0 &&
		EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PADDING) > 0 &&
		EVP_PKEY_CTX_set_signature_md(c, EVP_sha256()) > 0)
		return c;
	EVP_PKEY_CTX_free(c);
	return NULL;
}

static EVP_PKEY *decode(const struct dkim_key_record *record, str der, const char **out_wrong)
{
	EVP_PKEY *key = NULL;
	*out_wrong = "malformed key";
	if (record->algorithm == DKIM_RSA_SHA256)
		key = decode_rsa(der);
	else if (der.n == ED25519_SIZE)
		key = EVP_PKEY_new_raw_public_key(
			EVP_PKEY_ED25519, NULL, (const unsigned char *)der.p, der.n);
	if (key && EVP_PKEY_get_bits(key) > DKIM_KEY_BITS_MAX) {
		*out_wrong = "key too large";
		EVP_PKEY_free(key);
		key = NULL;
	}
	return key;
}

struct dkim_key *dkim_key_decode(const struct dkim_key_record *record, const char **out_wrong)
{
	if (record->key.n > KEY_TEXT_MAX) {
		*out_wrong = "key too large";
		return NULL;
	}
	struct buf der CLEANUP(buf_done) = BUF_INIT(KEY_TEXT_MAX);
	if (!dkim_field_decode(&der, record->key)) {
		*out_wrong = "key is not base64";
		return NULL;
	}
	EVP_PKEY *pkey = decode(record, buf_str(&der), out_wrong);
	EVP_PKEY_CTX *rsa = pkey && record->algorithm == DKIM_RSA_SHA256 ? rsa_context(pkey) : NULL;
	ERR_clear_error();
	if (!pkey || (record->algorithm == DKIM_RSA_SHA256 && !rsa)) {
		EVP_PKEY_free(pkey);
		return NULL;
	}
	struct dkim_key *key = xcalloc(1, sizeof *key);
	*key = (struct dkim_key){ .pkey = pkey,
		.rsa = rsa,
		.bits = (unsigned)EVP_PKEY_get_bits(pkey),
		.signature_size = (size_t)EVP_PKEY_get_size(pkey),
		.record = *record };
	key->record.key = STR_EMPTY;
	return key;
}

void dkim_key_free(struct dkim_key *key)
{
	if (!key)
		return;
	EVP_PKEY_CTX_free(key->rsa);
	EVP_PKEY_free(key->pkey);
	free(key);
}

/* RFC 8463 §3: the hash is what is signed. */
static bool verify_ed25519(EVP_PKEY *key, str signature, const unsigned char hash[DKIM_HASH_SIZE])
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool good = c && EVP_DigestVerifyInit(c, NULL, NULL, NULL, key) > 0 &&
		    EVP_DigestVerify(c, (const unsigned char *)signature.p, signature.n, hash,
			    DKIM_HASH_SIZE) == 1;
	EVP_MD_CTX_free(c);
	return good;
}

bool dkim_key_verify(
	const struct dkim_key *key, str signature, const unsigned char hash[DKIM_HASH_SIZE])
{
	if (signature.n != key->signature_size)
		return false;
	const unsigned char *p = (const unsigned char *)signature.p;
	bool good = key->rsa ? EVP_PKEY_verify(key->rsa, p, signature.n, hash, DKIM_HASH_SIZE) == 1
			     : verify_ed25519(key->pkey, signature, hash);
	if (!good)
		ERR_clear_error();
	return good;
}

static void set(struct dkim_signature *out, enum dkim_result result, const char *reason)
{
	out->result = result;
	out->reason = str_from_z(reason);
}

static void verify(struct dkim_key *key, const struct dkim_question *q,
	const struct dkim_key_record *record, struct dkim_signature *out)
{
	bool rsa = record->algorithm == DKIM_RSA_SHA256;
	out->key_bits = rsa ? key->bits : 256;
	out->weak_key = rsa && out->key_bits < DKIM_KEY_BITS_GOOD;
	out->testing = record->testing;
	out->header_matches = dkim_key_verify(key, q->signature, q->hash);
	if (q->signature.n != key->signature_size)
		set(out, DKIM_FAIL, "b= does not have the length of the key");
	else if (!out->header_matches)
		set(out, DKIM_FAIL, "header has changed: b= does not verify");
	else if (rsa && out->key_bits < DKIM_KEY_BITS_MIN)
		set(out, DKIM_POLICY, "key too weak: RSA below 1024 bits (RFC 8301)");
	else
		set(out, DKIM_PASS, "");
}

static void decode_and_verify(struct dkim_keys *keys, const struct dkim_question *q,
	const struct dkim_key_record *record, struct dkim_signature *out)
{
	const char *wrong;
	struct dkim_key *key = dkim_key_decode(record, &wrong);
	if (!key) {
		set(out, DKIM_PERMERROR, wrong);
		return;
	}
	verify(key, q, record, out);
	if (keys)
		dkim_keys_add(keys, out->key_record, key);
	else
		dkim_key_free(key);
}

/* One key record. True: the answer is as good as it can get. */
static bool try_record(
	struct dkim_keys *keys, const struct dkim_question *q, str text, struct dkim_signature *out)
{
	struct dkim_key_record record;
	out->key_record = text;
	struct dkim_key *known = keys ? dkim_keys_find(keys, text) : NULL;
	const char *wrong = NULL;
	if (known)
		record = known->record;
	else
		wrong = dkim_key_record_parse(text, &record);
	ptrdiff_t at = str_find_last_char(q->identity, '@');
	str host = str_skip(q->identity, (size_t)(at + 1));
	if (wrong)
		set(out, DKIM_PERMERROR, wrong);
	else if (record.algorithm != q->algorithm)
		set(out, DKIM_PERMERROR, "key is of another type than a=");
	else if (record.strict && !str_equal_nocase(host, q->domain))
		set(out, DKIM_PERMERROR, "key has t=s and i= is not in d= itself");
	else if (known)
		verify(known, q, &record, out);
	else
		decode_and_verify(keys, q, &record, out);
	return out->result == DKIM_PASS;
}

void dkim_key_ask(const struct dns *dns, struct dkim_keys *keys, const struct dkim_question *q,
	struct arena *a, struct dkim_signature *out)
{
	char name[256];
	struct buf b = { .p = name, .cap = sizeof name, .max = sizeof name };
	buf_add(&b, q->selector);
	buf_add(&b, STR("._domainkey."));
	buf_add(&b, q->domain);
	if (b.overflowed || b.n > 253) {
		set(out, DKIM_PERMERROR, "name of the key too long");
		return;
	}
	struct dns_answer answer;
	dns_lookup(dns, DNS_TYPE_TXT, buf_str(&b), a, &answer);
	if (dns_failed(answer.status)) {
		set(out, DKIM_TEMPERROR, "the DNS did not answer for the key");
		return;
	}
	set(out, DKIM_PERMERROR, "no key");
	/* The first record speaks where none verifies, save that it is no key at all. */
	struct dkim_signature first = *out;
	for (size_t i = 0; i < MIN(answer.n, DKIM_RECORDS_MAX); i++) {
		struct dkim_signature tried = *out;
		bool good = try_record(keys, q, answer.records[i].text, &tried);
		if (good || i == 0 || (first.result == DKIM_PERMERROR && !first.key_bits))
			first = tried;
		if (good)
			break;
	}
	*out = first;
}
