/*
 * json.h: writing JSON (RFC 8259) into a buffer, on one line, for decision records and --json.
 *
 *     struct json j = JSON_INIT(&out);
 *     json_object(&j, NULL);
 *     json_str(&j, "id", id);
 *     json_array(&j, "recipients");
 *     for (…)
 *             json_str(&j, NULL, recipient);
 *     json_end(&j);
 *     json_end(&j);
 *     if (!json_done(&j)) …
 *
 * Every value takes a name, which stands in an object and is NULL in an array and at the top. Names
 * are literals of ours, plain ASCII. Names that do not fit their place, an end too many and nesting
 * beyond JSON_DEPTH_MAX are bugs (ASSERT).
 *
 * Values may be anything that a peer sent: what comes out is valid JSON in valid UTF-8. Each byte
 * that is not UTF-8, and NUL (which many readers refuse), becomes U+FFFD.
 *
 * The size is bounded by the buffer's maximum; what did not fit is not JSON: see json_done().
 */
#pragma once

#include "base/buf.h"

#define JSON_DEPTH_MAX 32

struct json {
	struct buf *out;
	unsigned depth;
	uint32_t filled, arrays; /* one bit a level: something stands in it; it is an array */
	bool complete;           /* the value at the top was written */
};

#define JSON_INIT(buffer) ((struct json){ .out = (buffer) })

/* Begin an object or an array, to be ended by json_end(). */
void json_object(struct json *j, const char *name);
void json_array(struct json *j, const char *name);
void json_end(struct json *j);

void json_str(struct json *j, const char *name, str value);
/* At most the first `max` bytes of it, cut between characters, with "…" behind what was cut. */
void json_str_max(struct json *j, const char *name, str value, size_t max);
void json_i64(struct json *j, const char *name, int64_t value);
void json_bool(struct json *j, const char *name, bool value);
void json_null(struct json *j, const char *name);

/* With two digits after the point: 2.50. Beyond ±10^15 it is cut off there; what is no number
 * becomes null. */
void json_decimal(struct json *j, const char *name, double value);

/* A value that is JSON already, as this module wrote it. */
void json_raw(struct json *j, const char *name, str value);

/* One whole value was written, and nothing of it is missing. */
bool json_done(const struct json *j) MUST_USE;
