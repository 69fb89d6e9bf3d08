/*
 * counts_declare.h: what a process counts, from its table: struct COUNTS, whose fields are what
 * code increments, and COUNTS_json(), which writes them into an object. Included with COUNTS and
 * COUNTS_TABLE defined; no include guard, it serves many tables.
 *
 *     COUNT(name, what it counts)
 */
#include "base/json.h"

#define COUNTS_JOIN_(a, b) a##b
#define COUNTS_JOIN(a, b) COUNTS_JOIN_(a, b)

struct COUNTS {
#define COUNT(name, text) uint64_t name;
#include COUNTS_TABLE
#undef COUNT
};

static inline void COUNTS_JOIN(COUNTS, _json)(const struct COUNTS *c, struct json *j)
{
#define COUNT(name, text) json_i64(j, #name, (int64_t)c->name);
#include COUNTS_TABLE
#undef COUNT
}

#undef COUNTS
#undef COUNTS_TABLE
