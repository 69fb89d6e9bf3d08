#include "io/tls.h"

#include "io/stream_internal.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdlib.h>

struct tls_context {
	SSL_CTX *ssl;
	unsigned refs;
};

/* Says what OpenSSL said last, and empties its queue. */
static int openssl_error(struct err *err, const char *doing)
{
	const char *why = ERR_reason_error_string(ERR_peek_last_error());
	ERR_clear_error();
	return err_set(err, EINVAL, "%s: %s", doing, why ? why : "unknown error");
}

static int load_chain(SSL_CTX *ctx, str pem, struct err *err)
{
	BIO *bio = BIO_new_mem_buf(pem.p, (int)MIN(pem.n, (size_t)1024 * 1024));
	X509 *leaf = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL);
	int rc = 0;
	if (!leaf || SSL_CTX_use_certificate(ctx, leaf) != 1)
		rc = openssl_error(err, "no certificate in the certificate file");
	X509_free(leaf);
	while (rc == 0) {
		X509 *next = PEM_read_bio_X509(bio, NULL, NULL, NULL);
		if (!next)
			break;
		SSL_CTX_add0_chain_cert(ctx, next); /* now the context's */
	}
	ERR_clear_error(); /* the end of the file is one */
	BIO_free(bio);
	return rc;
}

/* Nobody is asked: OpenSSL would, at the terminal that the server was started from. */
static int no_password(char *p, int size, int writing, void *encrypted)
{
	*(bool *)encrypted = true;
	return -1;
}

static int load_key(SSL_CTX *ctx, str pem, struct err *err)
{
	BIO *bio = BIO_new_mem_buf(pem.p, (int)MIN(pem.n, (size_t)1024 * 1024));
	bool encrypted = false;
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_password, &encrypted);
	int rc = 0;
	if (encrypted)
		rc = openssl_error(err, "the private key in the key file is encrypted");
	else if (!key || SSL_CTX_use_PrivateKey(ctx, key) != 1)
		rc = openssl_error(err, "no usable private key in the key file");
	else if (SSL_CTX_check_private_key(ctx) != 1)
		rc = openssl_error(err, "the private key does not belong to the certificate");
	EVP_PKEY_free(key);
	BIO_free(bio);
	return rc;
}

int tls_context_new(str certificate_pem, str key_pem, enum tls_version minimum,
	struct tls_context **out, struct err *err)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	if (!ctx)
		return openssl_error(err, "OpenSSL");
	SSL_CTX_set_min_proto_version(ctx, minimum == TLS_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
	/* An idle connection holds no buffers; a mail client comes back seldom enough that resumed
	 * sessions are not worth their memory and their ticket keys. */
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
					 SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ctx, 0);
	int rc = load_chain(ctx, certificate_pem, err);
	if (rc == 0)
		rc = load_key(ctx, key_pem, err);
	if (rc < 0) {
		SSL_CTX_free(ctx);
		return rc;
	}
	*out = xmalloc(sizeof **out);
	**out = (struct tls_context){ .ssl = ctx, .refs = 1 };
	return 0;
}

struct tls_context *tls_context_ref(struct tls_context *c)
{
	c->refs++;
	return c;
}

void tls_context_unref(struct tls_context *c)
{
	if (!c || --c->refs)
		return;
	SSL_CTX_free(c->ssl);
	free(c);
}

/* ── The transport ────────────────────────────────────────────────────────────────────────── */

/* What a failed SSL call means: -EAGAIN with the direction it wants, 0 at the end, or an error. */
static int ssl_result(struct stream *s, int rc, enum watch_direction *wants)
{
	int saved = errno;
	int kind = SSL_get_error(s->tls, rc);
	if (kind == SSL_ERROR_SSL)
		s->tls_failure = ERR_reason_error_string(ERR_peek_last_error());
	ERR_clear_error();
	*wants = kind == SSL_ERROR_WANT_WRITE ? WATCH_WRITE : WATCH_READ;
	switch (kind) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return -EAGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_SYSCALL:
		return saved ? -saved : -EPIPE;
	default:
		return -EPROTO;
	}
}

static ssize_t tls_read(struct stream *s, void *p, size_t n, enum watch_direction *wants)
{
	errno = 0;
	int got = SSL_read(s->tls, p, (int)MIN(n, (size_t)INT32_MAX));
	return got > 0 ? got : ssl_result(s, got, wants);
}

static ssize_t tls_write(struct stream *s, const void *p, size_t n, enum watch_direction *wants)
{
	errno = 0;
	int put = SSL_write(s->tls, p, (int)MIN(n, (size_t)INT32_MAX));
	if (put > 0)
		return put;
	int rc = ssl_result(s, put, wants);
	return rc ? rc : -EPIPE;
}

static int tls_wait(struct task *t, struct stream *s, enum watch_direction d,
	const struct event *also, int64_t deadline)
{
	return watch_wait(t, &s->watch, d, also, deadline);
}

static void tls_goodbye(struct stream *s)
{
	SSL_shutdown(s->tls);
	ERR_clear_error();
}

static void tls_linger(struct task *t, struct stream *s, int64_t deadline)
{
	socket_transport.linger(t, s, deadline);
}

static void tls_close(struct stream *s)
{
	SSL_free(s->tls);
	socket_transport.close(s);
}

const struct transport tls_transport = {
	.read = tls_read,
	.write = tls_write,
	.wait = tls_wait,
	.goodbye = tls_goodbye,
	.linger = tls_linger,
	.close = tls_close,
};

int stream_start_tls(
	struct task *t, struct stream *s, struct tls_context *context, int64_t deadline)
{
	int rc = stream_flush(t, s);
	if (rc < 0)
		return rc;
	ASSERT(s->transport == &socket_transport);
	stream_discard_input(s);
	s->drained = false;
	SSL *ssl = SSL_new(context->ssl);
	if (!ssl || SSL_set_fd(ssl, s->fd) != 1) {
		SSL_free(ssl);
		return -ENOMEM;
	}
	s->tls = ssl;
	s->transport = &tls_transport;
	for (;;) {
		enum watch_direction wants;
		errno = 0;
		rc = SSL_accept(ssl);
		if (rc == 1)
			return 0;
		rc = ssl_result(s, rc, &wants);
		if (rc == 0)
			rc = -EPIPE;
		if (rc == -EAGAIN)
			rc = watch_wait(t, &s->watch, wants, NULL, deadline);
		if (rc < 0)
			break;
	}
	s->write_error = rc; /* a half-made session carries nothing more */
	return rc;
}

bool stream_is_tls(const struct stream *s)
{
	return s->tls != NULL;
}

const char *stream_tls_failure(const struct stream *s, int rc)
{
	return rc == -EPROTO && s->tls_failure ? s->tls_failure : strerrordesc_np(-rc);
}

const char *stream_tls_version(const struct stream *s)
{
	return s->tls ? SSL_get_version(s->tls) : "";
}

const char *stream_tls_cipher(const struct stream *s)
{
	return s->tls ? SSL_get_cipher_name(s->tls) : "";
}

int stream_tls_bits(const struct stream *s)
{
	return s->tls ? SSL_get_cipher_bits(s->tls, NULL) : 0;
}
