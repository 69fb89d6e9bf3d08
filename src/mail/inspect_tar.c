#include "mail/inspect_internal.h"

/*
 * Tar (POSIX ustar, GNU, pax), by ourselves: its entries lie there as they are, and libarchive
 * keeps as much memory for the map of a sparse file as the file claims to have holes.
 */

enum { RECORD = 512, LONG_NAME_MAX = 64 * 1024 };

struct tar {
	str rest;
	str long_name; /* for the next entry; p is NULL where there is none */
	bool damaged;
};

/* Octal digits, or base 256 where the first bit is set. */
static uint64_t number(str field)
{
	uint64_t value = 0;
	if (field.n && (unsigned char)field.p[0] & 0x80) {
		for (size_t i = 1; i < field.n; i++)
			value = value << 8 | (unsigned char)field.p[i];
		return value;
	}
	for (size_t i = 0; i < field.n; i++)
		if (field.p[i] >= '0' && field.p[i] <= '7')
			value = value << 3 | (uint64_t)(field.p[i] - '0');
		else if (field.p[i] != ' ')
			break;
	return value;
}

static bool checks(str header)
{
	uint32_t sum = 0;
	for (size_t i = 0; i < RECORD; i++)
		sum += i >= 148 && i < 156 ? ' ' : (unsigned char)header.p[i];
	return sum == number(str_first(str_skip(header, 148), 8));
}

static str until_nul(str s)
{
	ptrdiff_t end = str_find_char(s, '\0');
	return end < 0 ? s : str_first(s, (size_t)end);
}

/* The last "path" among "LENGTH KEY=VALUE\n". */
static str pax_path(str records)
{
	str path = { NULL, 0 }, line;
	while (records.n) {
		ptrdiff_t space = str_find_char(str_first(records, 20), ' ');
		uint64_t n;
		if (space <= 0 || !str_to_u64(str_first(records, (size_t)space), records.n, &n) ||
			n <= (uint64_t)space + 1)
			break;
		line = str_skip(str_first(records, n - 1), (size_t)space + 1);
		if (str_starts(line, STR("path=")))
			path = str_skip(line, 5);
		records = str_skip(records, n);
	}
	return path;
}

/* One header and what follows it; false at the end. */
static bool next(struct tar *t, str *out_name, char *out_kind, uint64_t *out_size, str *out_content)
{
	if (t->rest.n < RECORD || t->rest.p[0] == '\0')
		return false;
	str header = str_first(t->rest, RECORD);
	if (!checks(header)) {
		t->damaged = true;
		return false;
	}
	*out_size = number(str_first(str_skip(header, 124), 12));
	*out_kind = header.p[156];
	*out_name = until_nul(str_first(header, 100));
	t->rest = str_skip(t->rest, RECORD);
	*out_content = str_first(t->rest, MIN(*out_size, (uint64_t)t->rest.n));
	t->damaged = t->damaged || out_content->n < *out_size;
	t->rest = str_skip(t->rest, (out_content->n + RECORD - 1) / RECORD * RECORD);
	return true;
}

static bool add(
	struct inspect_scan *s, struct inspect_item *item, str name, uint64_t size, str content)
{
	if (!inspect_add_entry(s, item, name, true, size))
		return false;
	if (inspect_entry_head(s, item, str_first(content, INSPECT_HEAD)))
		inspect_add_item(s, item, content, NULL);
	return true;
}

void inspect_tar(struct inspect_scan *s, struct inspect_item *item)
{
	struct tar t = { .rest = item->content };
	str name, content;
	char kind;
	for (uint64_t size; next(&t, &name, &kind, &size, &content);) {
		if (kind == 'L' || kind == 'x') {
			str whole = str_first(content, LONG_NAME_MAX);
			t.long_name = kind == 'L' ? until_nul(whole) : pax_path(whole);
			continue;
		}
		if (kind == 'g' || kind == 'K' || kind == 'V')
			continue;
		if (t.long_name.p)
			name = t.long_name;
		t.long_name = (str){ NULL, 0 };
		if (kind != '5' && !add(s, item, name, size, content))
			break;
	}
	if (t.damaged)
		item->flags |= INSPECT_UNREADABLE;
}
