#include "base/arena.h"

#include <stdarg.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>

/* Chunks double from 512 bytes to 64 KiB: an idle session costs little, a busy one few calls. */
enum { CHUNK_FIRST = 512, CHUNK_LARGEST = 65536 };

struct arena_chunk {
	struct arena_chunk *next;
	size_t size, used; /* of bytes[] */
	alignas(max_align_t) char bytes[];
};

void arena_done(struct arena *a)
{
	while (a->chunks) {
		struct arena_chunk *next = a->chunks->next;
		free(a->chunks);
		a->chunks = next;
	}
	a->used = 0;
}

/* As arena_try(), not cleared. */
static void *take(struct arena *a, size_t n)
{
	if (n > a->max || a->used > a->max - n)
		return NULL;
	n = (n + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	struct arena_chunk *c = a->chunks;
	if (!c || c->size - c->used < n) {
		size_t size = c ? MIN(c->size * 2, (size_t)CHUNK_LARGEST) : CHUNK_FIRST;
		size = MAX(size, n);
		c = xmalloc(sizeof *c + size);
		*c = (struct arena_chunk){ .next = a->chunks, .size = size };
		a->chunks = c;
	}
	void *p = c->bytes + c->used;
	c->used += n;
	a->used += n;
	return p;
}

void *arena_try(struct arena *a, size_t n)
{
	void *p = take(a, n);
	return p ? memset(p, 0, n) : NULL;
}

static char *take_text(struct arena *a, size_t n)
{
	char *p = take(a, n + 1);
	ASSERT(p != NULL);
	p[n] = '\0';
	return p;
}

void *arena_alloc(struct arena *a, size_t n)
{
	void *p = arena_try(a, n);
	ASSERT(p != NULL);
	return p;
}

char *arena_str_z(struct arena *a, str s)
{
	char *z = take_text(a, s.n);
	if (s.n)
		memcpy(z, s.p, s.n);
	return z;
}

str arena_str(struct arena *a, str s)
{
	return s.n ? str_from(arena_str_z(a, s), s.n) : STR_EMPTY;
}

str arena_lower(struct arena *a, str s)
{
	char *p = take_text(a, s.n);
	for (size_t i = 0; i < s.n; i++)
		p[i] = ascii_lower(s.p[i]);
	return str_from(p, s.n);
}

str arena_join(struct arena *a, str head, str tail)
{
	char *p = take_text(a, head.n + tail.n);
	if (head.n)
		memcpy(p, head.p, head.n);
	if (tail.n)
		memcpy(p + head.n, tail.p, tail.n);
	return str_from(p, head.n + tail.n);
}

str arena_printf(struct arena *a, const char *format, ...)
{
	va_list args, again;
	va_start(args, format);
	va_copy(again, args);
	int n = vsnprintf(NULL, 0, format, args);
	ASSERT(n >= 0);
	char *z = take_text(a, (size_t)n);
	vsnprintf(z, (size_t)n + 1, format, again);
	va_end(again);
	va_end(args);
	return str_from(z, (size_t)n);
}
