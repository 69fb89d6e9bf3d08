/*
 * incoming.h: a message on its way in: from the wire to a spool file, checked as it passes.
 *
 * Up to INCOMING_MEMORY bytes it stays in memory, and travels to delivery within the call; a file,
 * even a memfd, costs more than all else that a small message needs. Larger ones, up to
 * INCOMING_LARGE bytes, do so while the process has memory left for them.
 *
 * Whatever goes wrong, the message is read to its end, because only there can it be refused; from
 * then on its bytes are dropped.
 */
#pragma once

#include "base/buf.h"
#include "proto/smtp_data.h"
#include "proto/smtp_trace_scan.h"

struct incoming {
	bool open;
	int fd;        /* owned; -1: all of it is in memory yet */
	uint64_t max;  /* bytes that a message may have */
	uint64_t size; /* bytes that it has, also those beyond max */
	int error;     /* why the spool file could not be written, -errno */
	struct smtp_data data;
	struct smtp_trace_scan trace;
	struct buf unwritten;
	size_t *memory;                   /* as given to incoming_open() */
	int (*open_spool)(void *context); /* a new file without a name, or -errno */
	void *context;
};

enum { INCOMING_MEMORY = 64 * 1024, INCOMING_LARGE = 256 * 1024 };

/* memory: what is left for messages beyond INCOMING_MEMORY, each of which takes INCOMING_LARGE
 * until it is closed or has a file; NULL: nothing. A struct of zeros is one that is not open. */
void incoming_open(struct incoming *in, uint64_t max, enum smtp_framing framing,
	enum smtp_bare_policy policy, size_t *memory, int (*open_spool)(void *context),
	void *context);
void incoming_close(struct incoming *in);

/* Takes from the front of *bytes what belongs to the message: all of it, or up to the end of DATA
 * (in->data.ended). */
void incoming_feed(struct incoming *in, str *bytes);
/* The last chunk of BDAT was fed. */
void incoming_finish_chunks(struct incoming *in);

/* All of it is in in->unwritten, and there is no file. */
static inline bool incoming_in_memory(const struct incoming *in)
{
	return in->fd < 0 && in->error == 0;
}

/* Writes the rest to the spool file; 0, or why the message is not whole there (sticky). Nothing to
 * do for one that is in memory. */
int incoming_flush(struct incoming *in);

static inline bool incoming_too_large(const struct incoming *in)
{
	return in->size > in->max;
}
