#include "smtpd/incoming.h"

#include <errno.h>
#include <unistd.h>

void incoming_open(struct incoming *in, uint64_t max, enum smtp_framing framing,
	enum smtp_bare_policy policy, size_t *memory, int (*open_spool)(void *context),
	void *context)
{
	*in = (struct incoming){ .open = true,
		.fd = -1,
		.max = max,
		.unwritten = BUF_INIT(INCOMING_MEMORY),
		.memory = memory,
		.open_spool = open_spool,
		.context = context };
	smtp_data_init(&in->data, framing, policy);
	smtp_trace_scan_init(&in->trace);
}

static bool is_large(const struct incoming *in)
{
	return in->unwritten.max > INCOMING_MEMORY;
}

/* Frees what is in memory, and gives back what was taken for it. */
static void leave_memory(struct incoming *in)
{
	buf_done(&in->unwritten);
	if (is_large(in))
		*in->memory += INCOMING_LARGE;
	in->unwritten.max = INCOMING_MEMORY;
}

void incoming_close(struct incoming *in)
{
	if (!in->open)
		return;
	close_fd(&in->fd);
	leave_memory(in);
	in->open = false;
}

static void take_fd(struct incoming *in, int fd)
{
	if (fd < 0)
		in->error = fd;
	else
		in->fd = fd;
}

static void write_all(struct incoming *in, str bytes)
{
	while (bytes.n && in->error == 0) {
		ssize_t n = write(in->fd, bytes.p, bytes.n);
		if (n > 0)
			bytes = str_skip(bytes, (size_t)n);
		else if (n == 0 || errno != EINTR)
			in->error = n == 0 ? -EIO : -errno;
	}
}

int incoming_flush(struct incoming *in)
{
	if (in->fd < 0)
		return in->error;
	write_all(in, buf_str(&in->unwritten));
	buf_clear(&in->unwritten);
	return in->error;
}

/* The memory is full: on into a file. */
static void spill(struct incoming *in)
{
	if (in->fd < 0)
		take_fd(in, in->open_spool(in->context));
	write_all(in, buf_str(&in->unwritten));
	buf_clear(&in->unwritten);
	if (is_large(in))
		leave_memory(in);
}

/* Whether n more bytes fit into the memory, which is enlarged if it may be. */
static bool has_room(struct incoming *in, size_t n)
{
	size_t size = in->unwritten.n + n;
	if (size <= in->unwritten.max)
		return true;
	if (in->fd >= 0 || is_large(in) || size > INCOMING_LARGE || !in->memory ||
		*in->memory < INCOMING_LARGE)
		return false;
	*in->memory -= INCOMING_LARGE;
	in->unwritten.max = INCOMING_LARGE;
	return true;
}

static void keep(struct incoming *in, str span)
{
	in->size += span.n;
	if (!in->trace.header_ended)
		smtp_trace_scan_feed(&in->trace, span);
	if (incoming_too_large(in) || in->error)
		return;
	if (!has_room(in, span.n))
		spill(in);
	if (span.n > in->unwritten.max)
		write_all(in, span);
	else
		buf_add(&in->unwritten, span);
}

void incoming_feed(struct incoming *in, str *bytes)
{
	str span;
	while (smtp_data_next(&in->data, bytes, &span))
		keep(in, span);
}

void incoming_finish_chunks(struct incoming *in)
{
	keep(in, smtp_data_finish(&in->data));
}
