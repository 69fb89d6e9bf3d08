/*
 * ipc_channel.h: frames with descriptors over one socket; what both ends of a call stand on.
 */
#pragma once

#include "io/ipc.h"

enum { IPC_REPLY = 0xffff };

struct ipc_frame {
	uint16_t call; /* or IPC_REPLY */
	uint64_t sequence;
	str payload; /* valid during the callback */
	int fds[IPC_FDS_MAX];
	size_t fd_count; /* the callback sets those to -1 that it takes; the others are closed */
};

struct ipc_channel;

struct ipc_channel_owner {
	void (*frame)(void *owner, struct ipc_frame *f); /* false protocol: ipc_channel_break() */
	/* The peer is gone or broke the protocol: no more frames. The channel lives on until
	 * ipc_channel_free(). */
	void (*broken)(void *owner);
};

/* Takes fd. */
int ipc_channel_new(struct loop *l, int fd, const struct ipc_channel_owner *callbacks, void *owner,
	struct ipc_channel **out) MUST_USE;
/* Queues a frame; it is written before the loop waits. Consumes writer's bytes, and copies its
 * descriptors. -EMSGSIZE where the writer overflowed, -ECONNRESET where the channel is broken. */
int ipc_channel_send(struct ipc_channel *c, uint16_t call, uint64_t sequence,
	struct ipc_writer *writer) MUST_USE;
/* Stops reading for good and drops what was queued; broken() is called soon if it was not. */
void ipc_channel_break(struct ipc_channel *c);
/* Only once broken() was called. */
void ipc_channel_free(struct ipc_channel *c);
