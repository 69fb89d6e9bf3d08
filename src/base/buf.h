/*
 * buf.h: a byte buffer that grows up to a stated maximum.
 *
 * Appending never fails in the middle of a sequence: once something did not fit, the buffer is
 * marked overflowed, further appends do nothing, and the caller checks once at the end.
 *
 * What is nearly always short begins in memory of the caller and takes from the heap only what does
 * not fit there:
 *
 *	char room[256];
 *	struct buf line CLEANUP(buf_done) = BUF_OVER(room, LINE_MAX);
 */
#pragma once

#include "base/str.h"

#include <stdarg.h>

struct buf {
	char *p;         /* owned, or the caller's; NULL while nothing is stored */
	size_t n;        /* bytes stored */
	size_t cap;      /* bytes allocated */
	size_t max;      /* never grows beyond this */
	bool overflowed; /* sticky, until buf_clear() */
	bool borrowed;   /* p is the caller's: it must not be handed on */
};

#define BUF_INIT(maximum) ((struct buf){ .max = (maximum) })
/* The array is no larger than the maximum. */
#define BUF_OVER(array, maximum)                                                                   \
	((struct buf){ .p = (array), .cap = sizeof(array), .max = (maximum), .borrowed = true })

static inline str buf_str(const struct buf *b)
{
	return (str){ b->p ? b->p : "", b->n };
}

void buf_done(struct buf *b);  /* frees; the buffer can be used again */
void buf_clear(struct buf *b); /* empties, keeps the memory */

/* Room for n more bytes at b->p + b->n; the caller then adds what it wrote to b->n. NULL, and
 * overflowed, beyond the maximum. */
char *buf_reserve(struct buf *b, size_t n);

void buf_add(struct buf *b, str s);

static inline void buf_add_char(struct buf *b, char c)
{
	if (b->n < b->cap && !b->overflowed)
		b->p[b->n++] = c;
	else
		buf_add(b, str_from(&c, 1));
}

void buf_add_u64(struct buf *b, uint64_t value); /* in decimal */
void buf_add_i64(struct buf *b, int64_t value);
void buf_printf(struct buf *b, const char *format, ...) PRINTF(2, 3);
void buf_vprintf(struct buf *b, const char *format, va_list args) PRINTF(2, 0);

/* Removes the first n bytes (n <= b->n). */
void buf_consume(struct buf *b, size_t n);
