#include "delivery/tally.h"

#include <stdlib.h>

void tally_init(struct tally *t)
{
	map_init(&t->counts);
}

void tally_done(struct tally *t)
{
	struct map_cursor cursor = { 0 };
	str name;
	void *count;
	while (map_next(&t->counts, &cursor, &name, &count))
		free(count);
	map_done(&t->counts);
}

static bool is_name(str s)
{
	bool good = s.n <= FINDING_NAME_MAX;
	for (size_t i = 0; i < s.n && good; i++)
		good = (unsigned)(s.p[i] - 'A') < 26 || ascii_is_digit(s.p[i]) || s.p[i] == '_';
	return good;
}

static void count(struct tally *t, str name, uint64_t spam, uint64_t ham)
{
	struct finding_count *c = map_get(&t->counts, name);
	if (!c && t->counts.n >= FINDING_NAMES_MAX)
		return;
	if (!c) {
		c = xcalloc(1, sizeof *c);
		map_put(&t->counts, name, c);
	}
	c->spam += spam;
	c->ham += ham;
}

void tally_add(struct tally *t, const str *names, size_t n, bool spam)
{
	count(t, STR_EMPTY, spam, !spam);
	for (size_t i = 0; i < n; i++)
		if (names[i].n && is_name(names[i]))
			count(t, names[i], spam, !spam);
}

void tally_merge(struct tally *into, struct tally *from)
{
	struct map_cursor cursor = { 0 };
	str name;
	void *value;
	while (map_next(&from->counts, &cursor, &name, &value)) {
		const struct finding_count *c = value;
		count(into, name, c->spam, c->ham);
	}
	tally_done(from);
	tally_init(from);
}

size_t tally_list(const struct tally *t, struct finding_count *out, size_t max)
{
	struct map_cursor cursor = { 0 };
	str name;
	void *value;
	size_t n = 0;
	while (n < max && map_next(&t->counts, &cursor, &name, &value)) {
		out[n] = *(const struct finding_count *)value;
		out[n++].name = name;
	}
	return n;
}
