/*
 * tls.h: TLS for the server's side of streams, by OpenSSL.
 *
 * A context is built once from a certificate chain and a key and shared by all connections that
 * started while it was current; a reload makes a new one.
 */
#pragma once

#include "base/err.h"

struct tls_context;

enum tls_version { TLS_1_2, TLS_1_3 };

/* From PEM text. The context has one reference, the caller's. -EINVAL with a reason where the text
 * is not a certificate and its key. */
int tls_context_new(str certificate_pem, str key_pem, enum tls_version minimum,
	struct tls_context **out, struct err *err) MUST_USE;
struct tls_context *tls_context_ref(struct tls_context *c);
void tls_context_unref(struct tls_context *c); /* NULL is fine */
