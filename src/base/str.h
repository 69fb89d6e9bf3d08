/*
 * str.h: slices. A str is a pointer and a length, passed by value, and never owns its bytes. It is
 * not NUL-terminated; the one place where libc needs that is str_copy_z().
 *
 * ASCII only: mail protocols compare without regard to case in ASCII, and no locale is consulted.
 */
#pragma once

#include "base/base.h"

#include <string.h>

typedef struct str {
	const char *p;
	size_t n;
} str;

#define STR(literal) ((str){ "" literal, sizeof(literal) - 1 })
#define STR_EMPTY ((str){ "", 0 })
/* For printf's "%.*s". */
#define STR_ARG(s) (int)(s).n, (s).p

static inline str str_from(const void *p, size_t n)
{
	return (str){ p, n };
}

/* The slice of a NUL-terminated string; NULL gives the empty slice. */
static inline str str_from_z(const char *z)
{
	return z ? (str){ z, strlen(z) } : STR_EMPTY;
}

static inline bool str_equal(str a, str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* The slice from offset `from` (clamped) to the end; the first `n` bytes (clamped). */
static inline str str_skip(str s, size_t from)
{
	from = MIN(from, s.n);
	return (str){ s.p + from, s.n - from };
}

static inline str str_first(str s, size_t n)
{
	return (str){ s.p, MIN(n, s.n) };
}

static inline bool ascii_is_alpha(char c)
{
	return (unsigned)((c | 32) - 'a') < 26;
}

static inline bool ascii_is_digit(char c)
{
	return (unsigned)(c - '0') < 10;
}

static inline bool ascii_is_alnum(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c);
}

static inline bool ascii_is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static inline char ascii_lower(char c)
{
	return (unsigned)(c - 'A') < 26 ? (char)(c | 32) : c;
}

static inline char ascii_upper(char c)
{
	return (unsigned)(c - 'a') < 26 ? (char)(c & ~32) : c;
}

/* The value of a hexadecimal digit, or -1. */
int ascii_hex(char c);

static inline bool str_starts(str s, str prefix)
{
	return s.n >= prefix.n && str_equal(str_first(s, prefix.n), prefix);
}

bool str_starts_nocase(str s, str prefix);
bool str_ends(str s, str suffix);
bool str_ends_nocase(str s, str suffix);
int str_compare(str a, str b); /* byte order, as memcmp */

static inline bool str_equal_nocase(str a, str b)
{
	return a.n == b.n && str_starts_nocase(a, b);
}

/* Index of the first / last c, of the first byte of `set`, of the first `needle`; -1 if none. */
static inline ptrdiff_t str_find_char(str s, char c)
{
	const char *hit = s.n ? (const char *)memchr(s.p, c, s.n) : NULL;
	return hit ? hit - s.p : -1;
}

ptrdiff_t str_find_last_char(str s, char c);
ptrdiff_t str_find_any(str s, str set);
ptrdiff_t str_find(str s, str needle);
ptrdiff_t str_find_nocase(str s, str needle);

/* How many c there are. */
size_t str_count_char(str s, char c);

/* Without the spaces, tabs, CR and LF at both ends. */
str str_trim(str s);

/* Cuts s at the first `sep`: *out_head is what stands before it, *rest what stands after.
 * Returns false, with everything in *out_head and nothing in *rest, where there is none. */
bool str_cut(str s, char sep, str *out_head, str *rest);

/* The whole of s as a decimal number no greater than max; false on anything else. */
bool str_to_u64(str s, uint64_t max, uint64_t *out) MUST_USE;

/* Copies into out[size] with a closing NUL. False (out is then "") where it does not fit or holds
 * a NUL byte. */
bool str_copy_z(str s, char *out, size_t size) MUST_USE;

/* A heap copy with a closing NUL; the caller frees it. */
char *str_dup_z(str s) MUST_USE;
