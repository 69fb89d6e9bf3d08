/*
 * random.h: unpredictable bytes from the kernel. Never fails and does not wait once the machine
 * has started.
 */
#pragma once

#include "base/base.h"

void random_bytes(void *out, size_t n);

/* The same from a stock, for a few bytes at a time and often: one system call for many of them.
 * Begins zeroed. It must not be there twice: not copied, and not carried across fork(). */
struct random_stock {
	unsigned char bytes[512];
	size_t left; /* at the end of bytes[] */
};
void random_take(struct random_stock *s, void *out, size_t n);
