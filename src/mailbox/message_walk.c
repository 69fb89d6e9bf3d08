#include "mailbox/message_walk.h"

size_t view_index(const struct view *v, uint32_t uid)
{
	size_t low = 0, high = v->n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (v->uids[middle] < uid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool view_index_forward(const struct view *v, uint32_t uid, size_t *index)
{
	while (*index < v->n && v->uids[*index] < uid)
		++*index;
	return *index < v->n && v->uids[*index] == uid;
}

/* The parsed command stays as it is: resolving works on a copy. */
bool message_walk_set(
	struct session *s, const struct imap_set *set, bool uid, struct message_walk *out)
{
	struct imap_set copy = { .n = set->n };
	copy.ranges = arena_try(&s->arena, set->n * sizeof *copy.ranges);
	struct uid_range *ranges;
	size_t count;
	if (!copy.ranges)
		return false;
	memcpy(copy.ranges, set->ranges, set->n * sizeof *copy.ranges);
	if (!view_resolve(s, &copy, uid, &ranges, &count))
		return false;
	*out = (struct message_walk){ .view = &s->view, .ranges = ranges, .range_count = count };
	return true;
}

struct message_walk message_walk_all(const struct view *v)
{
	static const struct uid_range all = { 1, UINT32_MAX };
	return (struct message_walk){ .view = v, .ranges = &all, .range_count = 1 };
}

void message_walk_return(struct message_walk *w, size_t index)
{
	w->index = index;
	uint32_t uid = w->view->uids[index];
	while (w->range && w->ranges[w->range - 1].last >= uid)
		w->range--;
}

/* Ranges between which the view has nothing become one. */
static void add(struct message_batch *b, const struct view *v, size_t from, size_t n)
{
	if (b->count == 0)
		b->index = from;
	b->count += n;
	struct uid_range *last = b->range_count ? &b->ranges[b->range_count - 1] : NULL;
	if (last && from > 0 && last->last == v->uids[from - 1])
		last->last = v->uids[from + n - 1];
	else
		b->ranges[b->range_count++] =
			(struct uid_range){ v->uids[from], v->uids[from + n - 1] };
}

bool message_walk_next(struct message_walk *w, size_t max, struct message_batch *out)
{
	const struct view *v = w->view;
	ASSERT(max <= MESSAGE_BATCH_MAX);
	out->range_count = out->count = 0;
	while (w->range < w->range_count && w->index < v->n && out->count < max) {
		const struct uid_range *r = &w->ranges[w->range];
		if (v->uids[w->index] < r->first)
			w->index = view_index(v, r->first);
		size_t from = w->index, room = max - out->count;
		while (w->index < v->n && w->index - from < room && v->uids[w->index] <= r->last)
			w->index++;
		if (w->index > from)
			add(out, v, from, w->index - from);
		if (w->index == v->n || v->uids[w->index] > r->last)
			w->range++;
	}
	return out->count > 0;
}
