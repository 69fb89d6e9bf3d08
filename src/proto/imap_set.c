#include "proto/imap_set.h"

#include <stdlib.h>

/* A number that is not 0, or "*" as 0; cuts it off *s. */
static bool take_number(str *s, uint32_t *out)
{
	size_t n = 0;
	while (n < s->n && ascii_is_digit(s->p[n]))
		n++;
	uint64_t value = 0;
	bool star = n == 0 && s->n && s->p[0] == '*';
	if (!star && (!str_to_u64(str_first(*s, n), UINT32_MAX, &value) || value == 0))
		return false;
	*s = str_skip(*s, star ? 1 : n);
	*out = (uint32_t)value;
	return true;
}

static bool take_range(str *s, struct imap_range *out)
{
	if (!take_number(s, &out->first))
		return false;
	out->last = out->first;
	if (s->n == 0 || s->p[0] != ':')
		return true;
	*s = str_skip(*s, 1);
	return take_number(s, &out->last);
}

bool imap_set_parse(str s, struct arena *a, struct imap_set *out)
{
	size_t count = 1;
	for (size_t i = 0; i < s.n; i++)
		count += s.p[i] == ',';
	if (s.n == 0 || count > IMAP_SET_MAX_RANGES)
		return false;
	struct imap_range *ranges = arena_try(a, count * sizeof *ranges);
	if (!ranges)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (!take_range(&s, &ranges[i]))
			return false;
		if (i + 1 < count && (s.n == 0 || s.p[0] != ','))
			return false;
		s = str_skip(s, i + 1 < count);
	}
	if (s.n)
		return false;
	*out = (struct imap_set){ ranges, count };
	return true;
}

static int by_first(const void *a, const void *b)
{
	const struct imap_range *x = a, *y = b;
	return (x->first > y->first) - (x->first < y->first);
}

/* Replaces "*" and puts the ends in order. False if there is nothing in the range. */
static bool resolve_range(struct imap_range *r, uint32_t largest)
{
	uint32_t a = r->first ? r->first : largest;
	uint32_t b = r->last ? r->last : largest;
	*r = (struct imap_range){ MIN(a, b), MAX(a, b) };
	return r->first > 0;
}

void imap_set_resolve(struct imap_set *set, uint32_t largest)
{
	size_t n = 0;
	for (size_t i = 0; i < set->n; i++) {
		struct imap_range r = set->ranges[i];
		if (resolve_range(&r, largest))
			set->ranges[n++] = r;
	}
	if (n > 1)
		qsort(set->ranges, n, sizeof *set->ranges, by_first);
	size_t merged = 0;
	for (size_t i = 0; i < n; i++) {
		struct imap_range r = set->ranges[i];
		struct imap_range *last = merged ? &set->ranges[merged - 1] : NULL;
		if (last && (r.first <= last->last || r.first - 1 == last->last))
			last->last = MAX(last->last, r.last);
		else
			set->ranges[merged++] = r;
	}
	set->n = merged;
}

bool imap_set_contains(const struct imap_set *set, uint32_t number)
{
	size_t low = 0, high = set->n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (set->ranges[middle].last < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low < set->n && set->ranges[low].first <= number;
}

uint64_t imap_set_count(const struct imap_set *set)
{
	uint64_t count = 0;
	for (size_t i = 0; i < set->n; i++)
		count += (uint64_t)set->ranges[i].last - set->ranges[i].first + 1;
	return count;
}

uint32_t imap_set_last(const struct imap_set *set)
{
	return set->n ? set->ranges[set->n - 1].last : 0;
}

static void add_number(struct buf *b, uint32_t number)
{
	if (number)
		buf_add_u64(b, number);
	else
		buf_add_char(b, '*');
}

static void add_range(struct buf *b, bool separate, uint32_t first, uint32_t last)
{
	if (separate)
		buf_add_char(b, ',');
	add_number(b, first);
	if (first == last)
		return;
	buf_add_char(b, ':');
	add_number(b, last);
}

void imap_set_format(struct buf *b, const struct imap_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		add_range(b, i > 0, set->ranges[i].first, set->ranges[i].last);
}

void imap_set_writer_add(struct imap_set_writer *w, uint32_t number)
{
	ASSERT(number > 0);
	if (w->first && number - 1 == w->last) {
		w->last = number;
		return;
	}
	imap_set_writer_end(w);
	w->first = w->last = number;
}

void imap_set_writer_end(struct imap_set_writer *w)
{
	if (!w->first)
		return;
	add_range(w->b, w->separate, w->first, w->last);
	w->separate = true;
	w->first = 0;
}
