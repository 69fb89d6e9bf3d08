/*
 * tls_testing.h: the other side of TLS for tests: throw-away certificates, and a client on a thread
 * of its own that speaks blockingly over one end of a socket pair.
 */
#pragma once

#include "base/buf.h"
#include "io/tls.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

struct testing_certificate {
	struct buf certificate, key; /* PEM */
};

static inline void testing_take_pem(BIO *bio, struct buf *out)
{
	char *p;
	long n = BIO_get_mem_data(bio, &p);
	*out = BUF_INIT(64 * 1024);
	buf_add(out, str_from(p, (size_t)n));
	BIO_free(bio);
}

/* rsa_bits 0: a key on the curve P-256. Self-signed. */
static inline struct testing_certificate testing_certificate_new(unsigned rsa_bits)
{
	struct testing_certificate c;
	EVP_PKEY *key = rsa_bits ? EVP_RSA_gen(rsa_bits) : EVP_EC_gen("P-256");
	X509 *x = X509_new();
	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_NAME *name = X509_get_subject_name(x);
	const unsigned char *host = (const unsigned char *)"mx.here.test";
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, host, -1, -1, 0);
	X509_set_issuer_name(x, name);
	X509_set_pubkey(x, key);
	ASSERT(X509_sign(x, key, EVP_sha256()) > 0);
	BIO *one = BIO_new(BIO_s_mem()), *two = BIO_new(BIO_s_mem());
	ASSERT(PEM_write_bio_X509(one, x) == 1);
	ASSERT(PEM_write_bio_PrivateKey(two, key, NULL, NULL, 0, NULL, NULL) == 1);
	testing_take_pem(one, &c.certificate);
	testing_take_pem(two, &c.key);
	X509_free(x);
	EVP_PKEY_free(key);
	return c;
}

static inline void testing_certificate_done(struct testing_certificate *c)
{
	buf_done(&c->certificate);
	buf_done(&c->key);
}

static inline struct tls_context *testing_tls_context(
	const struct testing_certificate *c, enum tls_version minimum)
{
	struct err err = { "" };
	struct tls_context *context = NULL;
	ASSERT(tls_context_new(
		       buf_str(&c->certificate), buf_str(&c->key), minimum, &context, &err) == 0);
	return context;
}

/* ── The client ───────────────────────────────────────────────────────────────────────────── */

struct testing_client {
	int fd;              /* its end of the pair; closed by testing_client_join() */
	size_t piece;        /* writes at most so many bytes at a time; 0: all */
	int version;         /* TLS1_3_VERSION; 0: whatever is best */
	const char *ciphers; /* one of either kind; NULL: the defaults */
	const char *groups;
	void (*act)(struct testing_client *c); /* on the thread */
	void *arg;
	pthread_t thread;
	SSL *ssl; /* NULL until testing_client_handshake() */
};

static inline void testing_client_send(struct testing_client *c, str bytes)
{
	while (bytes.n) {
		size_t n = c->piece ? MIN(c->piece, bytes.n) : bytes.n;
		ssize_t sent = send(c->fd, bytes.p, n, MSG_NOSIGNAL);
		if (sent <= 0)
			return;
		bytes = str_skip(bytes, (size_t)sent);
	}
}

/* What the session made goes out; then, if it wants some, more comes in. False at the end. */
static inline bool testing_client_pump(struct testing_client *c, bool more)
{
	char *p, bytes[4096];
	long n = BIO_get_mem_data(SSL_get_wbio(c->ssl), &p);
	testing_client_send(c, str_from(p, (size_t)n));
	BIO_reset(SSL_get_wbio(c->ssl));
	if (!more)
		return true;
	ssize_t got = recv(c->fd, bytes, sizeof bytes, 0);
	return got > 0 && BIO_write(SSL_get_rbio(c->ssl), bytes, (int)got) == got;
}

/* 1, or what SSL said. */
static inline bool testing_client_handshake(struct testing_client *c)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	if (c->version) {
		SSL_CTX_set_min_proto_version(ctx, c->version);
		SSL_CTX_set_max_proto_version(ctx, c->version);
	}
	if (c->ciphers && strncmp(c->ciphers, "TLS_", 4) == 0)
		ASSERT(SSL_CTX_set_ciphersuites(ctx, c->ciphers) == 1);
	else if (c->ciphers)
		ASSERT(SSL_CTX_set_cipher_list(ctx, c->ciphers) == 1);
	if (c->groups)
		ASSERT(SSL_CTX_ctrl(ctx, SSL_CTRL_SET_GROUPS_LIST, 0,
			       (void *)(uintptr_t)c->groups) == 1); /* takes a char * */
	c->ssl = SSL_new(ctx);
	SSL_CTX_free(ctx);
	SSL_set_bio(c->ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	int rc;
	while ((rc = SSL_connect(c->ssl)) != 1) {
		bool more = SSL_get_error(c->ssl, rc) == SSL_ERROR_WANT_READ;
		if (!testing_client_pump(c, more) || !more)
			return false;
	}
	return testing_client_pump(c, false);
}

static inline void testing_client_write(struct testing_client *c, str bytes)
{
	if (!c->ssl) {
		testing_client_send(c, bytes);
		return;
	}
	ASSERT(SSL_write(c->ssl, bytes.p, (int)bytes.n) == (int)bytes.n);
	testing_client_pump(c, false);
}

/* Appends what comes, until there are n bytes in all or the end; false at the end. */
static inline bool testing_client_read(struct testing_client *c, struct buf *out, size_t n)
{
	char bytes[4096];
	while (out->n < n) {
		ssize_t got = c->ssl ? SSL_read(c->ssl, bytes, sizeof bytes)
				     : recv(c->fd, bytes, sizeof bytes, 0);
		if (got > 0)
			buf_add(out, str_from(bytes, (size_t)got));
		else if (!c->ssl || SSL_get_error(c->ssl, (int)got) != SSL_ERROR_WANT_READ ||
			 !testing_client_pump(c, true))
			return false;
	}
	return true;
}

/* Until what has come ends so. */
static inline bool testing_client_await(struct testing_client *c, struct buf *out, const char *end)
{
	while (!str_ends(buf_str(out), str_from_z(end)))
		if (!testing_client_read(c, out, out->n + 1))
			return false;
	return true;
}

static inline void *testing_client_main(void *arg)
{
	struct testing_client *c = arg;
	c->act(c);
	shutdown(c->fd, SHUT_RDWR);
	ERR_clear_error();
	return NULL;
}

/* Starts it; the server's end of the pair. */
static inline int testing_client_start(struct testing_client *c)
{
	int pair[2];
	ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	c->fd = pair[0];
	ASSERT(pthread_create(&c->thread, NULL, testing_client_main, c) == 0);
	ASSERT(fcntl(pair[1], F_SETFL, O_RDWR | O_NONBLOCK) == 0);
	return pair[1];
}

static inline void testing_client_join(struct testing_client *c)
{
	pthread_join(c->thread, NULL);
	SSL_free(c->ssl);
	close(c->fd);
}
