#include "mail/cfb.h"

#include "base/utf8.h"

enum { HEADER = 512, ENTRY = 128, MINI_SECTOR = 64, MINI_CUTOFF = 4096, IN_HEADER = 109 };

/* Higher numbers are no sectors, but ends and holes. */
#define SECTOR_MAX 0xfffffffaU

static uint32_t le16(str s, size_t at)
{
	const unsigned char *p = (const unsigned char *)s.p;
	return at > s.n || s.n - at < 2 ? 0 : (uint32_t)p[at] | (uint32_t)p[at + 1] << 8;
}

/* Beyond the end: no sector. */
static uint32_t le32(str s, size_t at)
{
	return at > s.n || s.n - at < 4 ? UINT32_MAX : le16(s, at) | le16(s, at + 2) << 16;
}

static size_t sectors_n(const struct cfb *c)
{
	return c->file.n / c->sector + 1;
}

/* The header is in place of a sector before the first one. */
static str sector_at(const struct cfb *c, uint32_t number)
{
	uint64_t at = ((uint64_t)number + 1) * c->sector;
	return number > SECTOR_MAX || at >= c->file.n
		       ? STR_EMPTY
		       : str_first(str_skip(c->file, (size_t)at), c->sector);
}

static uint32_t next_sector(const struct cfb *c, uint32_t number)
{
	size_t per = c->sector / 4, which = number / per;
	if (which >= c->fat.n / sizeof(uint32_t))
		return UINT32_MAX;
	uint32_t sector = ((const uint32_t *)(const void *)c->fat.p)[which];
	return le32(sector_at(c, sector), number % per * 4);
}

static void add_fat_sector(struct cfb *c, uint32_t number)
{
	if (number <= SECTOR_MAX && c->fat.n / sizeof number < sectors_n(c))
		buf_add(&c->fat, str_from(&number, sizeof number));
}

/* The first 109 sectors of the table stand in the header, others in a chain of their own. */
static void read_fat(struct cfb *c)
{
	for (size_t i = 0; i < IN_HEADER; i++)
		add_fat_sector(c, le32(c->file, 76 + i * 4));
	uint32_t number = le32(c->file, 68);
	for (size_t steps = 0; number <= SECTOR_MAX && steps < sectors_n(c); steps++) {
		str s = sector_at(c, number);
		for (size_t i = 0; i + 4 < s.n; i += 4)
			add_fat_sector(c, le32(s, i));
		number = le32(s, c->sector - 4);
	}
}

static void read_chain(struct cfb *c, uint32_t start, uint64_t max, struct buf *out)
{
	size_t steps = 0;
	for (uint32_t at = start; at <= SECTOR_MAX && max; at = next_sector(c, at)) {
		str s = str_first(sector_at(c, at), (size_t)MIN(max, (uint64_t)c->sector));
		if (s.n == 0 || ++steps > sectors_n(c)) {
			c->damaged = true;
			break;
		}
		buf_add(out, s);
		max -= s.n;
	}
}

static void read_mini_chain(struct cfb *c, uint32_t start, uint64_t max, struct buf *out)
{
	size_t steps = 0;
	str table = buf_str(&c->mini_table), mini = buf_str(&c->mini);
	for (uint32_t at = start; at <= SECTOR_MAX && max; at = le32(table, (size_t)at * 4)) {
		str s = str_first(str_skip(mini, (size_t)at * MINI_SECTOR),
			(size_t)MIN(max, (uint64_t)MINI_SECTOR));
		if (s.n == 0 || ++steps > mini.n / MINI_SECTOR + 1) {
			c->damaged = true;
			break;
		}
		buf_add(out, s);
		max -= s.n;
	}
}

bool cfb_open(struct cfb *c, str file)
{
	*c = (struct cfb){ .file = file,
		.fat = BUF_INIT(file.n + HEADER),
		.directory = BUF_INIT(CFB_ENTRIES_MAX * ENTRY),
		.mini_table = BUF_INIT(CFB_MINI_MAX / MINI_SECTOR * 4),
		.mini = BUF_INIT(CFB_MINI_MAX) };
	uint32_t shift = le16(file, 30);
	if (file.n < HEADER || !str_starts(file, STR("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")) ||
		(shift != 9 && shift != 12))
		return false;
	c->sector = (size_t)1 << shift;
	read_fat(c);
	read_chain(c, le32(file, 48), c->directory.max, &c->directory);
	read_chain(c, le32(file, 60), c->mini_table.max, &c->mini_table);
	size_t at = 0;
	struct cfb_entry root;
	if (cfb_next(c, &at, &root) && root.kind == CFB_ROOT)
		read_chain(c, root.start, MIN(root.size, (uint64_t)CFB_MINI_MAX), &c->mini);
	return true;
}

void cfb_done(struct cfb *c)
{
	buf_done(&c->fat);
	buf_done(&c->directory);
	buf_done(&c->mini_table);
	buf_done(&c->mini);
}

static void decode_name(str raw, struct cfb_entry *e)
{
	struct buf b CLEANUP(buf_done) = BUF_INIT(CFB_NAME_MAX);
	uint32_t n = le16(raw, 64);
	for (uint32_t i = 0; i + 2 < MIN(n, 64U); i += 2)
		utf8_encode(&b, le16(raw, i));
	e->name_n = b.n;
	if (b.n)
		memcpy(e->name, b.p, b.n);
}

bool cfb_next(const struct cfb *c, size_t *at, struct cfb_entry *out)
{
	for (; (*at + 1) * ENTRY <= c->directory.n; ++*at) {
		str raw = str_first(str_skip(buf_str(&c->directory), *at * ENTRY), ENTRY);
		unsigned char kind = (unsigned char)raw.p[66];
		if (kind != CFB_STORAGE && kind != CFB_STREAM && kind != CFB_ROOT)
			continue;
		*out = (struct cfb_entry){ .kind = (enum cfb_kind)kind,
			.class_id = str_first(str_skip(raw, 80), 16),
			.start = le32(raw, 116),
			/* The upper half is rubbish in small sectors' files. */
			.size = le32(raw, 120) };
		decode_name(raw, out);
		++*at;
		return true;
	}
	return false;
}

void cfb_read(struct cfb *c, const struct cfb_entry *e, size_t max, struct buf *out)
{
	uint64_t n = MIN(e->size, (uint64_t)max);
	if (e->size < MINI_CUTOFF)
		read_mini_chain(c, e->start, n, out);
	else
		read_chain(c, e->start, n, out);
}
