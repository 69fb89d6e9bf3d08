/*
 * session.h: one IMAP session (RFC 3501), from greeting to goodbye.
 *
 * A session is one task that reads top to bottom. What it needs from the world is passed in, so
 * that the same code runs over a socket in the mailbox process and over memory in tests.
 */
#pragma once

#include "base/config.h"
#include "delivery/delivery_calls.h"
#include "directory/directory_calls.h"
#include "io/stream.h"
#include "mailbox/counts.h"
#include "mailbox/watch.h"
#include "store/account_pool.h"

enum mailbox_admission { MAILBOX_WELCOME, MAILBOX_FULL, MAILBOX_CLIENT_FULL };

struct mailbox_world {
	const struct config *config; /* stands for the whole session */
	struct tls_context *tls;     /* NULL: no TLS */
	struct directory_calls directory;
	struct delivery_calls delivery; /* delivery_announce() */
	struct mailbox_counts *counts;
	struct account_pool *accounts;
	struct account_watch *watch; /* which sessions have which account open, in this process */
	/* A new, empty file without a name for a message; or -errno. */
	int (*open_spool)(void *context);
	enum mailbox_admission (*admit)(void *context, const struct ip *client);
	void (*leave)(void *context, const struct ip *client);
	/* The session waits for a command, or no longer does. -ECANCELED: the server is shutting
	 * down. */
	int (*idle)(void *context, bool idle);
	void *context;
};

/* Runs the session, which takes the stream and closes it. implicit_tls: TLS from the first byte.
 * Waits. */
void mailbox_session(struct task *t, const struct mailbox_world *world, struct stream *stream,
	bool implicit_tls, const struct ip *client, uint16_t port);
