/*
 * stream.h: buffered bytes to and from a peer: a socket, TLS over it, or memory in tests.
 *
 * Output is collected and written before the next wait for input (so that pipelined commands are
 * answered together), when much has been collected, or by stream_flush(). Reading calls return
 * slices of the stream's own buffer, valid until the next call on that stream. While a stream waits
 * with nothing buffered it holds no buffer at all.
 *
 * Errors, for reads and writes: 0 or more on success, else -ETIMEDOUT, -ECANCELED, -EPIPE (the peer
 * is gone; also the end of its bytes where more were asked for), -EMSGSIZE (a line beyond its
 * limit), -EPROTO (TLS), or what the socket said. Write errors are sticky: later calls repeat them.
 */
#pragma once

#include "base/buf.h"
#include "io/task.h"
#include "io/tls.h"

struct stream;

/* Takes the descriptor: a connected, non-blocking socket that has no copies. -ENOMEM, or as
 * epoll_ctl. */
int stream_open(struct loop *l, int fd, struct stream **out) MUST_USE;

/* A peer made of memory: `input` comes in pieces of at most `piece` bytes (0: all at once), a wait
 * between each two; then the end. What the session writes is collected for stream_memory_output().
 */
int stream_open_memory(struct task *t, str input, size_t piece, struct stream **out) MUST_USE;
str stream_memory_output(const struct stream *s);
/* From now on that goes to *out, which outlives the stream: for sessions that close theirs. */
void stream_memory_collect(struct stream *s, struct buf *out);
/* After its input the peer says nothing more, instead of hanging up: waits end by their deadline.
 */
void stream_memory_silent(struct stream *s);
/* Each piece comes so long after the wait for it began. */
void stream_memory_pause(struct stream *s, int64_t pause);

/* Drops what was not flushed. NULL is fine. */
void stream_close(struct stream *s);
/* Flushes, says goodbye (TLS close_notify), and closes. Where the peer may still be sending (it did
 * not say goodbye itself), reads that away for at most a few seconds: closing over unread bytes
 * sends a reset, which can overtake our last words. */
void stream_finish(struct task *t, struct stream *s, bool peer_is_done);

/* How long a flush may take; default five minutes. */
void stream_set_write_timeout(struct stream *s, int64_t timeout);

/* The next line with its LF, at most max bytes. Where the line is longer: -EMSGSIZE, nothing
 * consumed. At the end of input: -EPIPE, even if a part of a line came before it. */
int stream_line(struct task *t, struct stream *s, size_t max, int64_t deadline, str *out) MUST_USE;

/* Throws away input up to and including the next LF, at most max bytes of it: -EMSGSIZE beyond. */
int stream_skip_line(struct task *t, struct stream *s, size_t max, int64_t deadline) MUST_USE;

/* At least one byte of what comes next, without consuming; then any part of it consumed. */
int stream_peek(struct task *t, struct stream *s, int64_t deadline, str *out) MUST_USE;
/* The same, until at least `least` bytes stand there (least <= 64 KiB). */
int stream_peek_least(
	struct task *t, struct stream *s, size_t least, int64_t deadline, str *out) MUST_USE;
void stream_consume(struct stream *s, size_t n);

/* Of a message that is on its way: how long was waited for it; the bytes that have come, which who
 * consumes them counts. */
struct stream_pace {
	int64_t waited;
	uint64_t received;
};

/* As stream_peek(), for a message that must not trickle in: the next bytes within `timeout`, and
 * all that is waited at most `timeout` longer than what has come takes at `rate` bytes a second (0:
 * that is not looked at); -ETIME where it is longer. */
int stream_peek_paced(struct task *t, struct stream *s, int64_t timeout, int64_t rate,
	struct stream_pace *pace, str *out) MUST_USE;

/* Bytes that came and were not consumed yet; and forget them (before TLS starts). */
size_t stream_buffered(const struct stream *s);
void stream_discard_input(struct stream *s);

/* Waits, after flushing, until input stands there or the event is set (it stays set): -EINTR for
 * the event. For IDLE, and for sessions that must hear of a shutdown. */
int stream_wait(struct task *t, struct stream *s, struct event *event, int64_t deadline) MUST_USE;

/* Collects; flushes when more than 32 KiB have been collected. */
int stream_put(struct task *t, struct stream *s, str bytes);
int stream_printf(struct task *t, struct stream *s, const char *format, ...) PRINTF(3, 4);
int stream_flush(struct task *t, struct stream *s);

/* The server's side of a TLS handshake; input that was buffered is thrown away first (RFC 3207
 * §4.2). What the peer negotiated, for the Received field: "TLSv1.3", "TLS_AES_256_GCM_SHA384". */
int stream_start_tls(
	struct task *t, struct stream *s, struct tls_context *context, int64_t deadline) MUST_USE;
bool stream_is_tls(const struct stream *s);
/* Why the handshake failed that returned rc: "no shared cipher", or what the errno says. */
const char *stream_tls_failure(const struct stream *s, int rc);
const char *stream_tls_version(const struct stream *s);
const char *stream_tls_cipher(const struct stream *s);
int stream_tls_bits(const struct stream *s);
