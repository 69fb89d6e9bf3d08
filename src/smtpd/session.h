/*
 * session.h: one SMTP or LMTP session (RFC 5321, RFC 2033), from greeting to goodbye.
 *
 * A session is one task that reads top to bottom. What it needs from the world is passed in, so
 * that the same code runs over a socket in the smtpd process and over memory in tests.
 */
#pragma once

#include "base/config.h"
#include "base/random.h"
#include "delivery/delivery_calls.h"
#include "directory/directory_calls.h"
#include "filter/filter_calls.h"
#include "io/stream.h"
#include "smtpd/counts.h"

enum smtpd_protocol { SMTPD_SMTP, SMTPD_LMTP };

enum smtpd_admission { SMTPD_WELCOME, SMTPD_FULL, SMTPD_CLIENT_FULL };

struct smtpd_world {
	const struct config *config; /* stands for the whole session */
	struct tls_context *tls;     /* NULL: STARTTLS is not offered */
	struct directory_calls directory;
	struct delivery_calls delivery;
	struct filter_calls filter;
	struct smtpd_counts *counts;
	/* Of all processes: how many messages are known over which a filter has failed, as delivery
	 * said last; NULL: that is not kept. */
	_Atomic uint64_t *suspects;
	struct random_stock *random; /* of the process, for ids */
	size_t *memory; /* left in the process for large messages: incoming.h; NULL: none */
	/* A new, empty file without a name for a message; or -errno. */
	int (*open_spool)(void *context);
	/* Counts the client in, once its address is known; counted out by leave(). */
	enum smtpd_admission (*admit)(void *context, const struct ip *client);
	void (*leave)(void *context, const struct ip *client);
	/* The session waits for a command with no transaction open, or no longer does. -ECANCELED:
	 * the server is shutting down. */
	int (*idle)(void *context, bool idle);
	void *context;
};

/* Runs the session, which takes the stream and closes it. Waits. */
void smtpd_session(struct task *t, const struct smtpd_world *world, struct stream *stream,
	enum smtpd_protocol protocol, const struct ip *client, uint16_t port);
