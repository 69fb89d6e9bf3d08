/*
 * ipc_fields.c: the kinds of fields, to and from bytes. All integers are 8 bytes in this machine's
 * order: both ends are the same program on the same machine.
 */
#include "io/ipc.h"

void ipc_put_u64(struct ipc_writer *w, uint64_t v)
{
	buf_add(&w->bytes, str_from(&v, sizeof v));
}

void ipc_put_i64(struct ipc_writer *w, int64_t v)
{
	ipc_put_u64(w, (uint64_t)v);
}

void ipc_put_bool(struct ipc_writer *w, bool v)
{
	ipc_put_u64(w, v);
}

void ipc_put_str(struct ipc_writer *w, str v)
{
	ipc_put_u64(w, v.n);
	buf_add(&w->bytes, v);
}

void ipc_put_strs(struct ipc_writer *w, struct ipc_strs v)
{
	ipc_put_u64(w, v.n);
	for (size_t i = 0; i < v.n; i++)
		ipc_put_str(w, v.v[i]);
}

void ipc_put_u64s(struct ipc_writer *w, struct ipc_u64s v)
{
	ipc_put_u64(w, v.n);
	buf_add(&w->bytes, str_from(v.v, v.n * sizeof *v.v));
}

void ipc_put_fd(struct ipc_writer *w, int v)
{
	ipc_put_bool(w, v >= 0);
	if (v < 0)
		return;
	if (w->fd_count == IPC_FDS_MAX)
		w->bytes.overflowed = true;
	else
		w->fds[w->fd_count++] = v;
}

uint64_t ipc_get_u64(struct ipc_reader *r)
{
	uint64_t v = 0;
	if (r->bad || r->bytes.n < sizeof v) {
		r->bad = true;
		return 0;
	}
	memcpy(&v, r->bytes.p, sizeof v);
	r->bytes = str_skip(r->bytes, sizeof v);
	return v;
}

int64_t ipc_get_i64(struct ipc_reader *r)
{
	return (int64_t)ipc_get_u64(r);
}

bool ipc_get_bool(struct ipc_reader *r)
{
	uint64_t v = ipc_get_u64(r);
	r->bad |= v > 1;
	return v == 1;
}

/* How many elements of at least `size` bytes follow; no more than the frame can hold, so that a
 * count alone cannot ask for memory. */
static size_t get_count(struct ipc_reader *r, size_t size)
{
	uint64_t n = ipc_get_u64(r);
	if (n > r->bytes.n / size) {
		r->bad = true;
		return 0;
	}
	return n;
}

static void *take_room(struct ipc_reader *r, size_t n)
{
	void *p = r->bad ? NULL : arena_try(r->arena, n);
	r->bad |= p == NULL;
	return p;
}

str ipc_get_str(struct ipc_reader *r)
{
	size_t n = get_count(r, 1);
	str s = str_first(r->bytes, n);
	r->bytes = str_skip(r->bytes, n);
	if (n == 0 || r->stays)
		return n ? s : STR_EMPTY;
	char *p = take_room(r, n);
	return p ? str_from(memcpy(p, s.p, n), n) : STR_EMPTY;
}

struct ipc_strs ipc_get_strs(struct ipc_reader *r)
{
	size_t n = get_count(r, sizeof(uint64_t));
	str *v = take_room(r, n * sizeof *v);
	for (size_t i = 0; v && i < n; i++)
		v[i] = ipc_get_str(r);
	return (struct ipc_strs){ v, r->bad ? 0 : n };
}

struct ipc_u64s ipc_get_u64s(struct ipc_reader *r)
{
	size_t n = get_count(r, sizeof(uint64_t));
	uint64_t *v = take_room(r, n * sizeof *v);
	if (!v)
		return (struct ipc_u64s){ 0 };
	memcpy(v, r->bytes.p, n * sizeof *v);
	r->bytes = str_skip(r->bytes, n * sizeof *v);
	return (struct ipc_u64s){ v, n };
}

int ipc_get_fd(struct ipc_reader *r)
{
	if (!ipc_get_bool(r) || r->bad)
		return -1;
	for (size_t i = 0; i < r->fd_count; i++) {
		int fd = r->fds[i];
		if (fd < 0)
			continue;
		r->fds[i] = -1;
		return fd;
	}
	r->bad = true;
	return -1;
}
