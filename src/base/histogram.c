#include "base/histogram.h"

#include "base/json.h"

/* 0, 1, 2, 3, then four buckets an octave: the two bits below the highest one tell which. */
static size_t bucket_of(uint64_t us)
{
	if (us < 4)
		return (size_t)us;
	unsigned octave = 63 - (unsigned)__builtin_clzll(us);
	size_t i = 4 * (size_t)(octave - 1) + (us >> (octave - 2) & 3);
	return MIN(i, (size_t)HISTOGRAM_BUCKETS - 1);
}

uint64_t histogram_limit(size_t i)
{
	ASSERT(i < HISTOGRAM_BUCKETS);
	return i < 4 ? i + 1 : (uint64_t)(4 + i % 4 + 1) << (i / 4 - 1);
}

void histogram_add(struct histogram *h, int64_t nanoseconds)
{
	h->count++;
	h->buckets[bucket_of((uint64_t)MAX(nanoseconds, INT64_C(0)) / 1000)]++;
}

bool histogram_merge(struct histogram *h, uint64_t limit, uint64_t count)
{
	size_t i = limit ? bucket_of(limit - 1) : 0;
	if (histogram_limit(i) != limit)
		return false;
	h->count += count;
	h->buckets[i] += count;
	return true;
}

uint64_t histogram_quantile(const struct histogram *h, unsigned permille)
{
	uint64_t below = 0, rank = h->count / 1000 * permille + h->count % 1000 * permille / 1000;
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		below += h->buckets[i];
		if (below > rank || (below && below == h->count))
			return histogram_limit(i);
	}
	return 0;
}

void histogram_json(struct json *j, const char *name, const struct histogram *h)
{
	json_array(j, name);
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		if (h->buckets[i] == 0)
			continue;
		json_array(j, NULL);
		json_i64(j, NULL, (int64_t)histogram_limit(i));
		json_i64(j, NULL, (int64_t)h->buckets[i]);
		json_end(j);
	}
	json_end(j);
}
