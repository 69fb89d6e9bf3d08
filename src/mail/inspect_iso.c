#include "mail/inspect_internal.h"

#include "base/utf8.h"

#include <stdlib.h>

/*
 * ISO 9660 with Joliet (ECMA-119), by ourselves: files lie there as they are, and libarchive
 * expands a folder that others point to as often as they do. Here each sector of folders is read
 * once.
 */

enum { SECTOR = 2048, FOLDERS_MAX = 1000, VOLUMES_MAX = 32 };

struct folder {
	uint32_t sector, size;
};

struct image {
	struct inspect_scan *scan;
	struct inspect_item *item;
	bool joliet;
	struct folder folders[FOLDERS_MAX];
	size_t folders_n;
	size_t budget; /* bytes of folders that may still be read */
};

static str sectors(const struct image *m, uint32_t sector, uint64_t n)
{
	return str_first(str_skip(m->item->content, (size_t)sector * SECTOR), (size_t)n);
}

/* The name in UTF-8, without its version (";1"). */
static str name_of(const struct image *m, str raw, char *out, size_t size)
{
	struct buf b CLEANUP(buf_done) = BUF_INIT(size);
	for (size_t i = 0; m->joliet && i + 1 < raw.n; i += 2)
		utf8_encode(
			&b, (uint32_t)((unsigned char)raw.p[i] << 8 | (unsigned char)raw.p[i + 1]));
	if (!m->joliet)
		buf_add(&b, raw);
	str name = buf_str(&b);
	ptrdiff_t version = str_find_last_char(name, ';');
	name = str_first(name, MIN(version < 0 ? name.n : (size_t)version, size));
	memcpy(out, name.p, name.n);
	return str_from(out, name.n);
}

static void add_folder(struct image *m, uint32_t sector, uint32_t size)
{
	for (size_t i = 0; i < m->folders_n; i++)
		if (m->folders[i].sector == sector)
			return;
	if (m->folders_n == FOLDERS_MAX)
		m->item->flags |= INSPECT_TRUNCATED;
	else
		m->folders[m->folders_n++] = (struct folder){ sector, size };
}

static bool add_file(struct image *m, str name, uint32_t sector, uint32_t size)
{
	str content = sectors(m, sector, size);
	if (!inspect_add_entry(m->scan, m->item, name, true, size))
		return false;
	if (inspect_entry_head(m->scan, m->item, str_first(content, INSPECT_HEAD)))
		inspect_add_item(m->scan, m->item, content, NULL);
	return true;
}

static bool read_record(struct image *m, str record)
{
	uint32_t sector = inspect_le32(record, 2), size = inspect_le32(record, 10);
	bool folder = record.p[25] & 2;
	str raw = str_first(str_skip(record, 33), (unsigned char)record.p[32]);
	/* Itself and the one above. */
	if (raw.n == 1 && (raw.p[0] == 0 || raw.p[0] == 1))
		return true;
	char space[512];
	if (folder)
		add_folder(m, sector, size);
	return folder || add_file(m, name_of(m, raw, space, sizeof space), sector, size);
}

static bool read_folder(struct image *m, struct folder f)
{
	str rest = sectors(m, f.sector, MIN((size_t)f.size, m->budget));
	m->budget -= rest.n;
	while (rest.n) {
		size_t n = (unsigned char)rest.p[0];
		/* Records do not cross sectors: what is left of one is zeros. */
		if (n == 0) {
			size_t left = rest.n % SECTOR;
			rest = str_skip(rest, left ? left : SECTOR);
			continue;
		}
		if (n < 34 || n > rest.n) {
			m->item->flags |= INSPECT_UNREADABLE;
			return true;
		}
		if (!read_record(m, str_first(rest, n)))
			return false;
		rest = str_skip(rest, n);
	}
	return true;
}

/* The root of Joliet's tree, if there is one: that is the one that people see. */
static bool find_root(struct image *m, struct folder *out)
{
	bool found = false;
	for (uint32_t i = 0; i < VOLUMES_MAX; i++) {
		str v = sectors(m, 16 + i, SECTOR);
		if (v.n < SECTOR || !str_starts(str_skip(v, 1), STR("CD001")) || v.p[0] == '\xff')
			break;
		bool joliet = v.p[0] == 2 && str_starts(str_skip(v, 88), STR("%/"));
		if (v.p[0] != 1 && !joliet)
			continue;
		*out = (struct folder){ inspect_le32(v, 156 + 2), inspect_le32(v, 156 + 10) };
		m->joliet = joliet;
		found = true;
		if (joliet)
			break;
	}
	return found;
}

void inspect_iso(struct inspect_scan *s, struct inspect_item *item)
{
	struct image *m = xcalloc(1, sizeof *m);
	*m = (struct image){ .scan = s, .item = item, .budget = item->content.n };
	struct folder root;
	if (find_root(m, &root))
		add_folder(m, root.sector, root.size);
	else
		item->flags |= INSPECT_UNREADABLE;
	for (size_t i = 0; i < m->folders_n; i++)
		if (!read_folder(m, m->folders[i]))
			break;
	free(m);
}
