/*
 * arena.h: memory that is freed all at once: one arena a connection, transaction or message.
 *
 * An arena has a maximum. What a peer can make grow asks with arena_try() and handles NULL; what
 * is bounded elsewhere uses arena_alloc(), which asserts.
 */
#pragma once

#include "base/str.h"

struct arena_chunk;

struct arena {
	struct arena_chunk *chunks; /* newest first, owned */
	size_t used;                /* bytes handed out, for the limit */
	size_t max;
};

#define ARENA_INIT(maximum) ((struct arena){ .max = (maximum) })

void arena_done(struct arena *a); /* frees everything; the arena can be used again */

/* Zeroed, aligned for any type. */
void *arena_try(struct arena *a, size_t n) MUST_USE;   /* NULL beyond the maximum */
void *arena_alloc(struct arena *a, size_t n) MUST_USE; /* asserts that it fits */

#define arena_new(a, type) ((type *)arena_alloc((a), sizeof(type)))
#define arena_array(a, type, count) ((type *)arena_alloc((a), sizeof(type) * (count)))

/* Copies; the second one also adds a closing NUL. Assert that they fit. */
str arena_str(struct arena *a, str s);
char *arena_str_z(struct arena *a, str s);

/* A copy in ASCII lower case. */
str arena_lower(struct arena *a, str s);

/* A copy of both, one behind the other. */
str arena_join(struct arena *a, str head, str tail);

/* As sprintf. */
str arena_printf(struct arena *a, const char *format, ...) PRINTF(2, 3);
