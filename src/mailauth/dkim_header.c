#include "mailauth/dkim_header.h"

#include "base/map.h"
#include "base/random.h"
#include "mailauth/dkim_bytes.h"

#include <stdlib.h>

#define NONE UINT32_MAX

/* So few cost little if all their names collide: no secret is needed. */
enum { FEW = 64 };

struct entry {
	uint32_t at; /* of the field in the header, which begins with its name */
	uint32_t n, name_n, value_at, value_n;
	uint32_t above; /* the next one of the same name, upward */
};

struct slot {
	uint32_t last; /* the lowest field of this name; NONE: the slot is free */
	uint32_t count;
	uint32_t next;  /* of the selection under way */
	uint32_t round; /* which selection that is */
};

struct dkim_header {
	str header;
	struct entry *entries; /* owned */
	uint32_t n;
	struct slot *slots; /* owned; a power of two */
	size_t slot_count;
	uint32_t round;
	uint64_t seed[2];
};

static str name_at(const struct dkim_header *h, uint32_t index)
{
	return str_first(str_skip(h->header, h->entries[index].at), h->entries[index].name_n);
}

static struct header_field field_at(const struct dkim_header *h, uint32_t index)
{
	const struct entry *entry = &h->entries[index];
	str raw = str_first(str_skip(h->header, entry->at), entry->n);
	return (struct header_field){
		.name = name_at(h, index),
		.value = str_first(str_skip(raw, entry->value_at), entry->value_n),
		.raw = raw,
		.offset = entry->at,
	};
}

bool dkim_header_field(const struct dkim_header *h, size_t index, struct header_field *out)
{
	if (index < h->n)
		*out = field_at(h, (uint32_t)index);
	return index < h->n;
}

/* Without regard to case. Names that a message has differ in their length or in a letter at an end
 * or in the middle, but for a few. */
static uint64_t hash_few(str name)
{
	enum { ONE = 0x9e37, TWO = 0x79b9, THREE = 0x7f4b };
	if (name.n == 0)
		return 0;
	uint64_t first = (unsigned char)ascii_lower(name.p[0]);
	uint64_t middle = (unsigned char)ascii_lower(name.p[name.n / 2]);
	uint64_t last = (unsigned char)ascii_lower(name.p[name.n - 1]);
	uint64_t hash = name.n + first * ONE + middle * TWO + last * THREE;
	return hash ^ hash >> 8;
}

/* All of it, without regard to case, keyed. */
static uint64_t hash_many(const struct dkim_header *h, str name)
{
	char lower[64];
	uint64_t seed[2] = { h->seed[0], h->seed[1] };
	do {
		str piece = str_first(name, sizeof lower);
		for (size_t i = 0; i < piece.n; i++)
			lower[i] = ascii_lower(piece.p[i]);
		seed[0] ^= map_hash(seed, str_from(lower, piece.n));
		name = str_skip(name, piece.n);
	} while (name.n);
	return seed[0];
}

/* Mostly the case is the same too. */
static bool same_name(str a, str b)
{
	return str_equal(a, b) || str_equal_nocase(a, b);
}

/* The slot of the name, or the free one where it would be. */
static struct slot *find(const struct dkim_header *h, str name)
{
	uint64_t hash = h->n > FEW ? hash_many(h, name) : hash_few(name);
	for (size_t i = hash;; i++) {
		struct slot *slot = &h->slots[i & (h->slot_count - 1)];
		if (slot->last == NONE || same_name(name_at(h, slot->last), name))
			return slot;
	}
}

static void list_fields(struct dkim_header *h)
{
	size_t cap = 0;
	struct header_field field;
	for (size_t at = 0; header_next(h->header, &at, &field);) {
		if (field.name.n == 0)
			continue;
		if (h->n == cap) {
			cap = cap ? cap * 2 : 32;
			h->entries = xrealloc(h->entries, cap * sizeof *h->entries);
		}
		h->entries[h->n++] = (struct entry){
			.at = (uint32_t)field.offset,
			.n = (uint32_t)field.raw.n,
			.name_n = (uint32_t)field.name.n,
			.value_at = (uint32_t)(field.value.p - field.raw.p),
			.value_n = (uint32_t)field.value.n,
			.above = NONE,
		};
	}
}

struct dkim_header *dkim_header_new(str header)
{
	struct dkim_header *h = xcalloc(1, sizeof *h);
	h->header = str_first(header, DKIM_HEADER_MAX);
	list_fields(h);
	if (h->n > FEW)
		random_bytes(h->seed, sizeof h->seed);
	h->slot_count = 16;
	while (h->slot_count < 2 * (size_t)h->n)
		h->slot_count *= 2;
	h->slots = xmalloc(h->slot_count * sizeof *h->slots);
	for (size_t i = 0; i < h->slot_count; i++)
		h->slots[i] = (struct slot){ .last = NONE };
	for (uint32_t i = 0; i < h->n; i++) {
		struct slot *slot = find(h, name_at(h, i));
		h->entries[i].above = slot->last;
		slot->last = i;
		slot->count++;
	}
	return h;
}

void dkim_header_free(struct dkim_header *h)
{
	if (!h)
		return;
	free(h->entries);
	free(h->slots);
	free(h);
}

/* As it stands, with CRLF for each LF. */
static void put_simple(struct buf *b, str s)
{
	while (s.n) {
		ptrdiff_t end = str_find_char(s, '\n');
		size_t n = end < 0 ? s.n : (size_t)end;
		bool cr = end > 0 && s.p[end - 1] == '\r';
		buf_add(b, str_first(s, n - cr));
		if (end >= 0)
			buf_add(b, STR("\r\n"));
		s = str_skip(s, n + (end >= 0));
	}
}

/* Whether put_piece() copies those bytes as they are; where a space stands before them, they must
 * not begin with one. */
static bool bytes_are_words(const char *p, bool space)
{
	if (space && (unsigned char)*p <= ' ')
		return false;
	bytes c = bytes_load(p), next = bytes_load(p + 1);
	return !bytes_any((bytes)((c <= ' ') & ((c != ' ') | (next <= ' '))));
}

/* The bytes from i to end of s, unfolded, white space as one space, none where *space is set. */
static char *put_piece(char *out, str s, size_t i, size_t end, bool *space)
{
	for (; i < end; i++) {
		char c = s.p[i];
		if ((unsigned char)c > ' ') {
			*out++ = c;
			*space = false;
			continue;
		}
		if (c == '\n' || (c == '\r' && i + 1 < s.n && s.p[i + 1] == '\n'))
			continue;
		bool blank = c == ' ' || c == '\t';
		if (!blank || !*space)
			*out++ = blank ? ' ' : c;
		*space = blank;
	}
	return out;
}

/* None at the start; at the end one space may be left. */
static void put_relaxed(struct buf *b, str s, size_t start)
{
	enum { STEP = sizeof(bytes) };
	char *out = s.n ? buf_reserve(b, s.n) : NULL;
	if (!out)
		return;
	bool space = b->n == start || b->p[b->n - 1] == ' ';
	char *first = out;
	/* Nearly every value begins with one space: the first step is not spoiled by it. */
	size_t begin = space && s.p[0] == ' ';
	for (size_t i = begin; i < s.n; i += STEP) {
		if (s.n - i > STEP && bytes_are_words(s.p + i, space)) {
			memcpy(out, s.p + i, STEP);
			out += STEP;
			space = out[-1] == ' ';
		} else {
			out = put_piece(out, s, i, MIN(i + STEP, s.n), &space);
		}
	}
	b->n += (size_t)(out - first);
}

static void canonical_relaxed(
	struct buf *b, const struct header_field *field, str before, str after)
{
	char *p = buf_reserve(b, field->name.n + 1);
	if (!p)
		return;
	for (size_t i = 0; i < field->name.n; i++)
		p[i] = ascii_lower(field->name.p[i]);
	p[field->name.n] = ':';
	b->n += field->name.n + 1;
	size_t start = b->n;
	put_relaxed(b, before, start);
	put_relaxed(b, after, start);
	if (!b->overflowed && b->n > start && b->p[b->n - 1] == ' ')
		b->n--;
}

void dkim_header_canonical(struct buf *b, enum dkim_canon canon, const struct header_field *field,
	str cut, bool line_end)
{
	str value = field->value;
	str head = str_first(field->raw, (size_t)(value.p - field->raw.p));
	str before = value, after = STR_EMPTY;
	if (cut.n) {
		before = str_first(value, (size_t)(cut.p - value.p));
		after = str_skip(value, before.n + cut.n);
	}
	if (canon == DKIM_RELAXED) {
		canonical_relaxed(b, field, before, after);
	} else {
		put_simple(b, head);
		put_simple(b, before);
		put_simple(b, after);
	}
	if (line_end)
		buf_add(b, STR("\r\n"));
}

void dkim_header_select(struct dkim_header *h, struct buf *b, enum dkim_canon canon, str names)
{
	h->round++;
	while (names.n) {
		str name;
		(void)str_cut(names, ':', &name, &names);
		name = str_trim(name);
		struct slot *slot = find(h, name);
		if (slot->last == NONE)
			continue;
		if (slot->round != h->round) {
			slot->round = h->round;
			slot->next = slot->last;
		}
		if (slot->next == NONE)
			continue;
		struct header_field field = field_at(h, slot->next);
		slot->next = h->entries[slot->next].above;
		dkim_header_canonical(b, canon, &field, STR_EMPTY, true);
	}
}

size_t dkim_header_count(const struct dkim_header *h, str name)
{
	return find(h, name)->count;
}
