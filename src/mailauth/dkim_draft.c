#include "mailauth/dkim_sign_internal.h"

#include "base/base64.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

enum { LINE_MAX_WANTED = 76, TEXT_MAX = 1 << 20 };

void dkim_draft_begin(struct dkim_draft *d, str name)
{
	*d = (struct dkim_draft){ .text = BUF_INIT(TEXT_MAX), .first = true };
	buf_add(&d->text, name);
	buf_add_char(&d->text, ':');
}

void dkim_draft_done(struct dkim_draft *d)
{
	buf_done(&d->text);
}

static void fold(struct dkim_draft *d)
{
	buf_add(&d->text, STR("\r\n "));
	d->line = d->text.n;
}

/* Space for so many characters, on this line or a new one. */
static void separate(struct dkim_draft *d, size_t n)
{
	if (!d->first)
		buf_add_char(&d->text, ';');
	if (d->text.n - d->line + 2 + n > LINE_MAX_WANTED && !d->first)
		fold(d);
	else
		buf_add_char(&d->text, ' ');
	d->first = false;
}

void dkim_draft_tag(struct dkim_draft *d, str name, str value)
{
	separate(d, name.n + 1 + value.n);
	buf_add(&d->text, name);
	buf_add_char(&d->text, '=');
	buf_add(&d->text, value);
}

void dkim_draft_time(struct dkim_draft *d, str name, int64_t value)
{
	if (value <= 0)
		return;
	struct buf number CLEANUP(buf_done) = BUF_INIT(32);
	buf_add_u64(&number, (uint64_t)value);
	dkim_draft_tag(d, name, buf_str(&number));
}

void dkim_draft_list(struct dkim_draft *d, str name, str list)
{
	separate(d, name.n + 1 + MIN(list.n, LINE_MAX_WANTED - 4));
	buf_add(&d->text, name);
	buf_add_char(&d->text, '=');
	for (bool first = true; list.n; first = false) {
		str item;
		(void)str_cut(list, ':', &item, &list);
		if (!first)
			buf_add_char(&d->text, ':');
		if (!first && d->text.n - d->line + item.n + 2 > LINE_MAX_WANTED)
			fold(d);
		buf_add(&d->text, item);
	}
}

void dkim_draft_b(struct dkim_draft *d)
{
	dkim_draft_tag(d, STR("b"), STR_EMPTY);
	d->b = d->text.n;
}

struct header_field dkim_draft_field(const struct dkim_draft *d)
{
	str raw = buf_str(&d->text);
	size_t colon = (size_t)str_find_char(raw, ':');
	return (struct header_field){
		.name = str_first(raw, colon), .value = str_skip(raw, colon + 1), .raw = raw
	};
}

static bool sign_rsa(EVP_PKEY *key, const unsigned char *hash, unsigned char *out, size_t *n)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	bool good = c && EVP_PKEY_sign_init(c) > 0 &&
		    EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PADDING) > 0 &&
		    EVP_PKEY_CTX_set_signature_md(c, EVP_sha256()) > 0 &&
		    EVP_PKEY_sign(c, out, n, hash, DKIM_HASH_SIZE) > 0;
	EVP_PKEY_CTX_free(c);
	return good;
}

static bool sign_ed25519(EVP_PKEY *key, const unsigned char *hash, unsigned char *out, size_t *n)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool good = c && EVP_DigestSignInit(c, NULL, NULL, NULL, key) > 0 &&
		    EVP_DigestSign(c, out, n, hash, DKIM_HASH_SIZE) > 0;
	EVP_MD_CTX_free(c);
	return good;
}

bool dkim_draft_sign(const struct dkim_draft *d, EVP_PKEY *key,
	const unsigned char hash[DKIM_HASH_SIZE], struct buf *out, struct err *err)
{
	unsigned char signature[DKIM_SIGNATURE_MAX];
	size_t n = sizeof signature;
	bool rsa = EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA;
	bool good =
		rsa ? sign_rsa(key, hash, signature, &n) : sign_ed25519(key, hash, signature, &n);
	ERR_clear_error();
	if (!good || d->text.overflowed) {
		(void)err_set(err, EINVAL, "%s",
			good ? "the signature's field is too long" : "the key does not sign");
		return false;
	}
	struct buf text CLEANUP(buf_done) = BUF_INIT(4 * DKIM_SIGNATURE_MAX);
	base64_encode(&text, str_from(signature, n));
	buf_add(out, str_first(buf_str(&d->text), d->b));
	for (str rest = buf_str(&text); rest.n; rest = str_skip(rest, LINE_MAX_WANTED - 4)) {
		buf_add(out, STR("\r\n "));
		buf_add(out, str_first(rest, LINE_MAX_WANTED - 4));
	}
	buf_add(out, str_skip(buf_str(&d->text), d->b));
	buf_add(out, STR("\r\n"));
	return true;
}
