/*
 * stream_internal.h: the transports under a stream; for stream.c, tls.c and stream_memory.c.
 */
#pragma once

#include "base/buf.h"
#include "io/stream.h"

#include <sys/types.h>

/* read and write never wait: -EAGAIN, with *wants set to the direction to wait for. */
struct transport {
	ssize_t (*read)(struct stream *s, void *p, size_t n, enum watch_direction *wants);
	ssize_t (*write)(struct stream *s, const void *p, size_t n, enum watch_direction *wants);
	int (*wait)(struct task *t, struct stream *s, enum watch_direction d,
		const struct event *also, int64_t deadline);
	/* May be NULL: says that nothing more comes; reads until the peer hangs up. */
	void (*goodbye)(struct stream *s);
	void (*linger)(struct task *t, struct stream *s, int64_t deadline);
	void (*close)(struct stream *s);
};

struct stream {
	const struct transport *transport;
	struct watch watch;      /* sockets and TLS */
	int fd;                  /* owned; -1 for memory */
	void *tls;               /* SSL *, owned */
	const char *tls_failure; /* of the handshake, in OpenSSL's words; NULL: none are known */
	struct memory_peer *memory;
	char *in; /* owned; NULL while nothing is buffered */
	size_t in_start, in_end, in_cap;
	struct buf out;
	int write_error;
	bool drained;   /* the last read took all there was: wait before the next one */
	bool ended;     /* the peer's last byte was read */
	bool finishing; /* what is written now is the last */
	int64_t write_timeout;
	struct event *interrupt; /* of stream_wait() */
};

extern const struct transport socket_transport, tls_transport, memory_transport;
