/*
 * base.h: the few words that every other file uses.
 *
 * ASSERT is always compiled in: a broken invariant ends the process, the supervisor starts a new
 * one, and the peer retries. It is for our own bugs only, never for what a peer sent.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args), nonnull(fmt)))
#define UNUSED __attribute__((unused))
#define CLEANUP(fn) __attribute__((cleanup(fn)))

#define ASSERT(cond) ((cond) ? (void)0 : assert_failed(#cond, __FILE__, __LINE__))

/* Writes "file:line: cond" to standard error and aborts. */
_Noreturn void assert_failed(const char *cond, const char *file, int line);

/* Memory or death: a process that cannot get a few bytes restarts. Sizes that a peer chooses are
 * bounded before they come here. The result is freed with free(). */
void *xmalloc(size_t n) MUST_USE __attribute__((malloc));
void *xcalloc(size_t count, size_t n) MUST_USE __attribute__((malloc));
void *xrealloc(void *p, size_t n) MUST_USE;

/* For CLEANUP(): closes *fd if it is open; frees what *p points to. */
void close_fd(int *fd);
void free_pointer(void *p);
