#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

/* Most buffers live shortly and hold a line or a few. */
enum { CAP_FIRST = 256, PRINT_SHORT = 256 };

void buf_done(struct buf *b)
{
	if (!b->borrowed)
		free(b->p);
	*b = BUF_INIT(b->max);
}

void buf_clear(struct buf *b)
{
	b->n = 0;
	b->overflowed = false;
}

/* Room for n more bytes. False, and overflowed, beyond the maximum. Seldom called: apart, so that
 * the others stay short. */
static __attribute__((noinline)) bool grow(struct buf *b, size_t n)
{
	if (b->overflowed || n > b->max - b->n) {
		b->overflowed = true;
		return false;
	}
	size_t cap = MAX(b->cap * 2, MAX(b->n + n, (size_t)CAP_FIRST));
	b->cap = MIN(cap, b->max);
	if (b->p && !b->borrowed) {
		b->p = xrealloc(b->p, b->cap);
		return true;
	}
	char *p = xmalloc(b->cap);
	if (b->n)
		memcpy(p, b->p, b->n);
	b->p = p;
	b->borrowed = false;
	return true;
}

char *buf_reserve(struct buf *b, size_t n)
{
	if ((b->overflowed || n > b->cap - b->n) && !grow(b, n))
		return NULL;
	return b->p ? b->p + b->n : NULL;
}

void buf_add(struct buf *b, str s)
{
	char *at = s.n ? buf_reserve(b, s.n) : NULL;
	if (!at)
		return;
	memcpy(at, s.p, s.n);
	b->n += s.n;
}

void buf_add_u64(struct buf *b, uint64_t value)
{
	char digits[20];
	size_t at = sizeof digits;
	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	buf_add(b, str_from(digits + at, sizeof digits - at));
}

void buf_add_i64(struct buf *b, int64_t value)
{
	if (value < 0)
		buf_add_char(b, '-');
	buf_add_u64(b, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

void buf_printf(struct buf *b, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	buf_vprintf(b, format, args);
	va_end(args);
}

/* What is short, nearly everything, is formatted once only; what is plain text, not at all. */
void buf_vprintf(struct buf *b, const char *format, va_list args)
{
	if (!strchr(format, '%')) {
		buf_add(b, str_from_z(format));
		return;
	}
	char text[PRINT_SHORT];
	va_list again;
	va_copy(again, args);
	int n = vsnprintf(text, sizeof text, format, args);
	if (n >= 0 && n < PRINT_SHORT) {
		buf_add(b, str_from(text, (size_t)n));
		va_end(again);
		return;
	}
	/* vsnprintf writes a closing NUL, for which room is needed and then not counted. */
	size_t max = b->max;
	b->max = max < SIZE_MAX ? max + 1 : max;
	char *at = n >= 0 ? buf_reserve(b, (size_t)n + 1) : NULL;
	b->max = max;
	b->cap = MIN(b->cap, max);
	if (at) {
		vsnprintf(at, (size_t)n + 1, format, again);
		b->n += (size_t)n;
	}
	va_end(again);
}

void buf_consume(struct buf *b, size_t n)
{
	ASSERT(n <= b->n);
	b->n -= n;
	if (b->n)
		memmove(b->p, b->p + n, b->n);
}
