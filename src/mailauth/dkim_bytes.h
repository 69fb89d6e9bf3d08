/*
 * dkim_bytes.h: sixteen bytes at a time, for text of which most is plain. Inside of mailauth.
 */
#pragma once

#include "base/str.h"

typedef unsigned char bytes __attribute__((vector_size(16)));

static inline bytes bytes_load(const char *p)
{
	bytes v;
	memcpy(&v, p, sizeof v);
	return v;
}

/* Whether any comparison in it was true. */
static inline bool bytes_any(bytes v)
{
	uint64_t halves[2];
	memcpy(halves, &v, sizeof halves);
	return halves[0] | halves[1];
}

/* Copies s without white space, until that makes `most` bytes; returns how many it made. */
static inline size_t bytes_squeeze(char *out, size_t most, str s)
{
	size_t n = 0;
	for (size_t i = 0; i < s.n && n < most;) {
		if (s.n - i >= sizeof(bytes) && most - n >= sizeof(bytes) &&
			!bytes_any((bytes)(bytes_load(s.p + i) <= ' '))) {
			memcpy(out + n, s.p + i, sizeof(bytes));
			n += sizeof(bytes);
			i += sizeof(bytes);
			continue;
		}
		/* To the next word: a step can begin with it. */
		for (bool word = false; !word && i < s.n && n < most; i++) {
			if (ascii_is_space(s.p[i]))
				word = i + 1 < s.n && !ascii_is_space(s.p[i + 1]);
			else
				out[n++] = s.p[i];
		}
	}
	return n;
}
