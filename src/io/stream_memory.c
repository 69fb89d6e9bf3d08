/*
 * stream_memory.c: a peer made of memory, for sessions in unit tests and fuzzers.
 */
#include "io/stream_internal.h"

#include <errno.h>
#include <stdlib.h>

struct memory_peer {
	str input;
	size_t piece, left;          /* left: what may still be read before the next wait */
	int64_t pause;               /* before each piece */
	bool silent;                 /* at the end of its input it says nothing more, but stays */
	struct buf output, *collect; /* collect: where output goes; its own, or the caller's */
};

static ssize_t memory_read(struct stream *s, void *p, size_t n, enum watch_direction *wants)
{
	struct memory_peer *m = s->memory;
	*wants = WATCH_READ;
	if (m->input.n == 0 && !m->silent)
		return 0;
	if (m->left == 0 || m->input.n == 0)
		return -EAGAIN;
	n = MIN(n, MIN(m->left, m->input.n));
	memcpy(p, m->input.p, n);
	m->input = str_skip(m->input, n);
	m->left -= n;
	return (ssize_t)n;
}

static ssize_t memory_write(
	struct stream *s, const void *p, size_t n, enum watch_direction *wants UNUSED)
{
	struct buf *out = s->memory->collect;
	buf_add(out, str_from(p, n));
	return out->overflowed ? -ENOSPC : (ssize_t)n;
}

/* The next piece arrives; without a pause the task only counts that it waited. */
static int memory_wait(struct task *t, struct stream *s, enum watch_direction d UNUSED,
	const struct event *also, int64_t deadline)
{
	if (also && also->set)
		return -EINTR;
	struct memory_peer *m = s->memory;
	if ((m->input.n == 0 && m->silent) || deadline < task_deadline(t, m->pause))
		return task_suspend(t, deadline);
	m->left = m->piece;
	if (m->pause)
		return task_sleep(t, m->pause);
	task_wake(t);
	return task_suspend(t, NEVER);
}

static void memory_close(struct stream *s)
{
	buf_done(&s->memory->output);
	free(s->memory);
}

const struct transport memory_transport = {
	.read = memory_read,
	.write = memory_write,
	.wait = memory_wait,
	.close = memory_close,
};

int stream_open_memory(struct task *t UNUSED, str input, size_t piece, struct stream **out)
{
	struct stream *s = xcalloc(1, sizeof *s);
	*s = (struct stream){ .transport = &memory_transport,
		.fd = -1,
		.memory = xcalloc(1, sizeof *s->memory),
		.out = BUF_INIT(128 * 1024),
		.write_timeout = NEVER };
	*s->memory = (struct memory_peer){ .input = input,
		.piece = piece ? piece : SIZE_MAX,
		.output = BUF_INIT(256 * 1024 * 1024) };
	s->memory->collect = &s->memory->output;
	*out = s;
	return 0;
}

str stream_memory_output(const struct stream *s)
{
	return buf_str(s->memory->collect);
}

void stream_memory_collect(struct stream *s, struct buf *out)
{
	s->memory->collect = out;
}

void stream_memory_silent(struct stream *s)
{
	s->memory->silent = true;
}

void stream_memory_pause(struct stream *s, int64_t pause)
{
	s->memory->pause = pause;
}
