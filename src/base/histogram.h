/*
 * histogram.h: how long something takes, in buckets that are a quarter of an octave wide: from the
 * sums of several processes, quantiles that are at most a quarter too high. Up to half a day.
 */
#pragma once

#include "base/base.h"

struct json;

enum { HISTOGRAM_BUCKETS = 4 * 35 };

struct histogram {
	uint64_t count;
	uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *h, int64_t nanoseconds);

/* What takes less than so many microseconds, and not less than the bucket before, is in bucket i.
 */
uint64_t histogram_limit(size_t i);

/* Adds `count` to the bucket with that limit. False: there is none. */
bool histogram_merge(struct histogram *h, uint64_t limit, uint64_t count) MUST_USE;

/* The limit, in microseconds, that so many of 1000 stay below; 0: nothing was counted. */
uint64_t histogram_quantile(const struct histogram *h, unsigned permille);

/* [[limit, count], …] of the buckets that have some. */
void histogram_json(struct json *j, const char *name, const struct histogram *h);
