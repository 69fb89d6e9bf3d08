#include "main/certificate.h"

#include "base/buf.h"
#include "base/ip.h"
#include "base/random.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <unistd.h>

enum { DAYS = 3652 };

#define OWNER(type)                                                                                \
	static void type##_done(type **p)                                                          \
	{                                                                                          \
		type##_free(*p);                                                                   \
	}
OWNER(X509)
OWNER(EVP_PKEY)
#undef OWNER

static int failed(struct err *err, const char *what)
{
	unsigned long code = ERR_peek_last_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;
	ERR_clear_error();
	return err_set(err, EINVAL, "%s%s%s", what, reason ? ": " : "", reason ? reason : "");
}

/* "DNS:mx.example.org,IP:127.0.0.1" */
static void alternative_names(const str *names, size_t count, struct buf *out)
{
	for (size_t i = 0; i < count; i++) {
		struct ip ip;
		buf_printf(out, "%s%s:%.*s", i ? "," : "", ip_parse(names[i], &ip) ? "IP" : "DNS",
			STR_ARG(names[i]));
	}
	buf_add_char(out, '\0');
}

static bool add_extension(X509 *x, int nid, const char *value)
{
	X509V3_CTX context;
	X509V3_set_ctx(&context, x, x, NULL, NULL, 0);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	bool added = e && X509_add_ext(x, e, -1) == 1;
	X509_EXTENSION_free(e);
	return added;
}

static bool add_extensions(X509 *x, const str *names, size_t count)
{
	struct buf alternatives = BUF_INIT(4096);
	alternative_names(names, count, &alternatives);
	bool added = !alternatives.overflowed &&
		     add_extension(x, NID_subject_alt_name, alternatives.p) &&
		     add_extension(x, NID_basic_constraints, "critical,CA:FALSE") &&
		     add_extension(x, NID_key_usage, "critical,digitalSignature") &&
		     add_extension(x, NID_ext_key_usage, "serverAuth") &&
		     add_extension(x, NID_subject_key_identifier, "hash");
	buf_done(&alternatives);
	return added;
}

static bool set_serial(X509 *x)
{
	/* 126 random bits: positive, and not zero for as long as that matters. */
	unsigned char bytes[16];
	random_bytes(bytes, sizeof bytes);
	bytes[0] = (bytes[0] & 0x3f) | 0x40;
	BIGNUM *n = BN_bin2bn(bytes, sizeof bytes, NULL);
	bool set = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x));
	BN_free(n);
	return set;
}

static bool fill(X509 *x, EVP_PKEY *key, const str *names, size_t count)
{
	X509_NAME *subject = X509_get_subject_name(x);
	const void *common = names[0].p;
	/* A common name has at most 64 characters; the alternative names are what counts. */
	return X509_set_version(x, X509_VERSION_3) && set_serial(x) &&
	       X509_gmtime_adj(X509_getm_notBefore(x), -3600) &&
	       X509_time_adj_ex(X509_getm_notAfter(x), DAYS, 0, NULL) && X509_set_pubkey(x, key) &&
	       (names[0].n > 64 || X509_NAME_add_entry_by_NID(subject, NID_commonName,
					   MBSTRING_UTF8, common, (int)names[0].n, -1, 0)) &&
	       X509_set_issuer_name(x, subject) && add_extensions(x, names, count) &&
	       X509_sign(x, key, EVP_sha256()) > 0;
}

/* A new file; x or key is what goes into it. */
static int write_pem(const char *path, mode_t mode, X509 *x, EVP_PKEY *key, struct err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0)
		return err_errno(err, errno, "cannot make %s", path);
	FILE *f = fdopen(fd, "w");
	ASSERT(f != NULL);
	int done =
		x ? PEM_write_X509(f, x) : PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
	int r = 0;
	if (done != 1 || fflush(f) || fsync(fd))
		r = err_errno(err, errno ? errno : EIO, "cannot write %s", path);
	fclose(f);
	return r;
}

int certificate_make(const char *certificate_path, const char *key_path, const str *names,
	size_t count, struct err *err)
{
	CLEANUP(EVP_PKEY_done) EVP_PKEY *key = EVP_EC_gen("P-256");
	CLEANUP(X509_done) X509 *x = X509_new();
	if (!key || !x || !fill(x, key, names, count))
		return failed(err, "cannot make a certificate");
	int r = write_pem(key_path, 0600, NULL, key, err);
	return r ? r : write_pem(certificate_path, 0644, x, NULL, err);
}

/* Nobody is asked: the server could not ask either. */
static int no_password(char *p, int size, int writing, void *encrypted)
{
	*(bool *)encrypted = true;
	return -1;
}

static int read_pem(const char *path, X509 **out_x, EVP_PKEY **out_key, struct err *err)
{
	bool encrypted = false;
	FILE *f = fopen(path, "re");
	if (!f)
		return err_errno(err, errno, "cannot read %s", path);
	if (out_x)
		*out_x = PEM_read_X509(f, NULL, NULL, NULL);
	else
		*out_key = PEM_read_PrivateKey(f, NULL, no_password, &encrypted);
	fclose(f);
	if (out_x ? *out_x != NULL : *out_key != NULL)
		return 0;
	struct err detail;
	if (encrypted)
		return err_set(err, EINVAL,
			"%s is encrypted; without its password: openssl pkey -in %s -out NEW-FILE",
			path, path);
	failed(&detail, out_x ? "no certificate in PEM" : "no private key in PEM");
	return err_set(err, EINVAL, "%s: %.300s", path, detail.text);
}

static int64_t seconds_of(const ASN1_TIME *time)
{
	struct tm tm;
	return ASN1_TIME_to_tm(time, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

int certificate_look(const char *certificate_path, const char *key_path, const char *hostname,
	struct certificate_facts *out, struct err *err)
{
	CLEANUP(X509_done) X509 *x = NULL;
	CLEANUP(EVP_PKEY_done) EVP_PKEY *key = NULL;
	int r = read_pem(certificate_path, &x, NULL, err);
	if (r == 0)
		r = read_pem(key_path, NULL, &key, err);
	if (r)
		return r;
	*out = (struct certificate_facts){
		.key_matches = X509_check_private_key(x, key) == 1,
		.names_host = X509_check_host(x, hostname, 0, 0, NULL) == 1,
		.not_before = seconds_of(X509_get0_notBefore(x)),
		.not_after = seconds_of(X509_get0_notAfter(x)),
		.self_signed =
			X509_NAME_cmp(X509_get_subject_name(x), X509_get_issuer_name(x)) == 0,
	};
	ERR_clear_error();
	return 0;
}
