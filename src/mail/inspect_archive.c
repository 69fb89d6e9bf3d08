#include "mail/inspect_internal.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>

/*
 * Archives by libarchive, from memory. Enabled are only formats whose memory is bounded by their
 * input or by a few MiB, and only filters that libarchive does itself: for others it would start
 * programs. Streams that are merely compressed are undone alone, into memory of ours, before
 * anything else looks at them: so what is unpacked is always counted.
 *
 * Passing over an entry costs nothing in a ZIP. In others libarchive may have to unpack what is
 * passed over, unseen and uncounted: there each entry is read to its end, for as long as there is
 * something left to spend.
 */

enum { BLOCK = 64 * 1024, RETRIES_MAX = 100, PART_MAX = 1024 * 1024 };

/* One at a time: of filters in a row, what the inner ones make would not be counted. */
static const struct supported {
	const char *type;
	int (*support)(struct archive *);
} filters[] = {
	{ "application/gzip", archive_read_support_filter_gzip },
	{ "application/x-bzip2", archive_read_support_filter_bzip2 },
	{ "application/x-xz", archive_read_support_filter_xz },
	{ "application/x-lzip", archive_read_support_filter_lzip },
	{ "application/zstd", archive_read_support_filter_zstd },
	{ "application/x-lz4", archive_read_support_filter_lz4 },
	{ "application/x-compress", archive_read_support_filter_compress },
}, formats[] = {
	{ "application/zip", archive_read_support_format_zip_seekable },
	{ "application/vnd.rar", archive_read_support_format_rar },
	{ "application/vnd.rar", archive_read_support_format_rar5 },
	{ "application/vnd.ms-cab-compressed", archive_read_support_format_cab },
	{ "application/x-lzh-compressed", archive_read_support_format_lha },
	{ "application/x-cpio", archive_read_support_format_cpio },
	{ "application/x-7z-compressed", archive_read_support_format_7zip },
};

static void support(
	struct archive *a, const struct supported *list, size_t n, const struct inspect_item *item)
{
	for (size_t i = 0; i < n; i++)
		if (inspect_is(item, list[i].type))
			list[i].support(a);
}

bool inspect_archive_works(void)
{
	struct archive *a = archive_read_new();
	bool works = a != NULL;
	for (size_t i = 0; works && i < ARRAY_LEN(formats); i++)
		works = formats[i].support(a) == ARCHIVE_OK;
	/* ARCHIVE_WARN is how it says that it would start a program. */
	for (size_t i = 0; works && i < ARRAY_LEN(filters); i++)
		works = filters[i].support(a) == ARCHIVE_OK;
	archive_read_free(a);
	return works;
}

static void close_archive(struct archive **a)
{
	archive_read_free(*a);
}

/* Reads up to n bytes; false at a failure. What is read is spent. */
static bool read_some(struct inspect_scan *s, struct inspect_item *item, struct archive *a, char *p,
	size_t n, size_t *out_n)
{
	size_t done = 0;
	la_ssize_t got = 1;
	n = MIN(n, s->left);
	while (done < n && (got = archive_read_data(a, p + done, n - done)) > 0)
		done += (size_t)got;
	*out_n = done;
	(void)inspect_spend(s, item, done);
	return got >= 0;
}

/* Reads on behind what is in p: into memory that becomes *out_p. */
static bool read_rest(struct inspect_scan *s, struct inspect_item *item, struct archive *a,
	str head, size_t max, struct buf *out)
{
	bool fine = true;
	*out = BUF_INIT(max + BLOCK);
	buf_add(out, head);
	for (size_t n = 1; n && fine && out->n < max && s->left;) {
		char *p = buf_reserve(out, BLOCK);
		fine = p && read_some(s, item, a, p, BLOCK, &n);
		out->n += n;
	}
	if (out->n >= max || !s->left)
		item->flags |= INSPECT_TRUNCATED;
	return fine;
}

/* By the central directory, that is. */
static bool passes_free(const struct inspect_item *item)
{
	return inspect_is(item, "application/x-cpio") ||
	       inspect_is(item, "application/x-lzh-compressed") ||
	       (inspect_is(item, "application/zip") && !item->streamed);
}

static void drain(struct inspect_scan *s, struct inspect_item *item, struct archive *a)
{
	char *scratch = xmalloc(BLOCK);
	for (size_t n = 1; n;)
		if (!read_some(s, item, a, scratch, BLOCK, &n))
			break;
	if (!s->left)
		item->flags |= INSPECT_TRUNCATED;
	free(scratch);
}

static void read_entry(struct inspect_scan *s, struct inspect_item *item, struct archive *a,
	struct inspect_package *package, str path)
{
	char head[INSPECT_HEAD];
	size_t n;
	struct inspect_entry *e = (struct inspect_entry *)(void *)(s->entries.p + s->entries.n) - 1;
	if (!read_some(s, item, a, head, sizeof head, &n)) {
		e->flags |= INSPECT_UNREADABLE;
		return;
	}
	bool look = inspect_entry_head(s, item, str_from(head, n));
	bool part = package && inspect_package_wants(package, path);
	if (!look && !part)
		return;
	struct buf content;
	size_t max = look ? INSPECT_ITEM_MAX : PART_MAX;
	if (!read_rest(s, item, a, str_from(head, n), max, &content))
		e->flags |= INSPECT_UNREADABLE;
	if (part)
		inspect_package_part(s, item, package, path, buf_str(&content));
	if (look)
		inspect_add_item(s, item, buf_str(&content), content.p);
	else
		buf_done(&content);
}

static str path_of(struct archive_entry *e)
{
	const char *path = archive_entry_pathname(e);
	return str_from_z(path ? path : archive_entry_pathname_utf8(e));
}

/* False where there is no use in going on. */
static bool list_entry(struct inspect_scan *s, struct inspect_item *item, struct archive *a,
	struct archive_entry *e, struct inspect_package *package)
{
	str path = path_of(e);
	if (package)
		inspect_package_name(package, item, path);
	if (archive_entry_filetype(e) == AE_IFDIR)
		return true;
	bool sized = archive_entry_size_is_set(e);
	uint64_t size = sized ? (uint64_t)MAX(archive_entry_size(e), (la_int64_t)0) : 0;
	struct inspect_entry *entry = inspect_add_entry(s, item, path, sized, size);
	if (!entry)
		return false;
	if (archive_entry_is_encrypted(e)) {
		entry->flags |= INSPECT_ENCRYPTED;
		item->flags |= INSPECT_ENCRYPTED;
		return true;
	}
	read_entry(s, item, a, package, path);
	if (!passes_free(item))
		drain(s, item, a);
	return s->left || passes_free(item);
}

/* Passed-over entries count too: with what they claim to become, as in bombs of overlapping files.
 */
static void judge_ratio(struct inspect_scan *s, struct inspect_item *item, uint64_t unpacked)
{
	if (unpacked >= INSPECT_ITEM_MAX && unpacked / INSPECT_RATIO_MAX > item->content.n)
		item->flags |= INSPECT_BOMB;
}

static uint64_t add_capped(uint64_t a, uint64_t b)
{
	return b > UINT64_MAX - a ? UINT64_MAX : a + b;
}

static uint64_t rar_number(str *s)
{
	uint64_t value = 0;
	for (unsigned i = 0; i < 9 && s->n; i++) {
		unsigned char c = (unsigned char)s->p[0];
		*s = str_skip(*s, 1);
		value |= (uint64_t)(c & 0x7f) << (7 * i);
		if (!(c & 0x80))
			break;
	}
	return value;
}

/* libarchive tells that as it tells damage. */
static bool is_rar_with_encrypted_names(const struct inspect_item *item)
{
	str s = item->content;
	if (!inspect_is(item, "application/vnd.rar"))
		return false;
	if (s.n < 12)
		return false;
	if (s.p[6] == 0)
		return s.p[9] == 0x73 && inspect_le16(s, 10) & 0x80;
	s = str_skip(s, 12);
	(void)rar_number(&s);
	return rar_number(&s) == 4;
}

static void list_entries(struct inspect_scan *s, struct inspect_item *item, struct archive *a,
	struct inspect_package *package)
{
	uint64_t claimed = 0;
	struct archive_entry *e;
	for (int rc, retries = 0; (rc = archive_read_next_header(a, &e)) != ARCHIVE_EOF;) {
		if (rc == ARCHIVE_RETRY && ++retries < RETRIES_MAX)
			continue;
		if (rc < ARCHIVE_WARN) {
			item->flags |= INSPECT_UNREADABLE;
			break;
		}
		if (archive_entry_size_is_set(e))
			claimed = add_capped(
				claimed, (uint64_t)MAX(archive_entry_size(e), (la_int64_t)0));
		if (!list_entry(s, item, a, e, package))
			break;
	}
	judge_ratio(s, item, claimed);
}

static void read_archive(struct inspect_scan *s, struct inspect_item *item)
{
	struct archive *a CLEANUP(close_archive) = archive_read_new();
	struct inspect_package package = { 0 };
	bool zip = inspect_is(item, "application/zip");
	if (item->streamed)
		archive_read_support_format_zip_streamable(a);
	else
		support(a, formats, ARRAY_LEN(formats), item);
	if (archive_read_open_memory(a, item->content.p, item->content.n) == ARCHIVE_OK)
		list_entries(s, item, a, zip ? &package : NULL);
	else
		item->flags |= INSPECT_UNREADABLE;
	if (zip)
		inspect_package_end(&package, item);
}

void inspect_archive(struct inspect_scan *s, struct inspect_item *item)
{
	locale_t before = s->inspector->utf8 ? uselocale(s->inspector->utf8) : (locale_t)0;
	uint32_t entries = inspect_entry_index(s);
	if (is_rar_with_encrypted_names(item))
		item->flags |= INSPECT_ENCRYPTED | INSPECT_NAMES_ENCRYPTED;
	else
		read_archive(s, item);
	/* Cut off before its directory, which is at the end: some programs read that too. */
	if (inspect_is(item, "application/zip") && item->flags & INSPECT_UNREADABLE &&
		inspect_entry_index(s) == entries) {
		item->streamed = true;
		read_archive(s, item);
	}
	if (before)
		uselocale(before);
}

/* ── One compressed stream ── */

/* "x.tar.gz" holds "x.tar", "x.tgz" too. */
static str inner_name(struct inspect_scan *s, struct inspect_item *item)
{
	str name = item->entry
			   ? ((struct inspect_entry *)(void *)s->entries.p)[item->entry - 1].name
			   : s->name;
	ptrdiff_t dot = str_find_last_char(name, '.');
	return dot <= 0 ? name : str_first(name, (size_t)dot);
}

static void read_stream(struct inspect_scan *s, struct inspect_item *item, struct archive *a)
{
	struct buf content;
	if (!inspect_add_entry(s, item, inner_name(s, item), false, 0))
		return;
	if (!read_rest(s, item, a, STR_EMPTY, INSPECT_ITEM_MAX, &content))
		item->flags |= INSPECT_UNREADABLE;
	judge_ratio(s, item, content.n);
	if (inspect_entry_head(s, item, str_first(buf_str(&content), INSPECT_HEAD)))
		inspect_add_item(s, item, buf_str(&content), content.p);
	else
		buf_done(&content);
}

void inspect_compressed(struct inspect_scan *s, struct inspect_item *item)
{
	struct archive *a CLEANUP(close_archive) = archive_read_new();
	struct archive_entry *e;
	support(a, filters, ARRAY_LEN(filters), item);
	archive_read_support_format_raw(a);
	if (archive_read_open_memory(a, item->content.p, item->content.n) == ARCHIVE_OK &&
		archive_read_next_header(a, &e) >= ARCHIVE_WARN && archive_filter_count(a) > 1)
		read_stream(s, item, a);
	else
		item->flags |= INSPECT_UNREADABLE;
}
