/*
 * inspect_testing.h: archives and compound files for tests, made on the spot.
 */
#pragma once

#include "base/buf.h"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include <stdlib.h>
#include <zlib.h>

enum { TESTING_MAX = 64 * 1024 * 1024 };

struct testing_file {
	const char *name;
	str content;
};

static inline la_ssize_t testing_write(struct archive *a, void *out, const void *p, size_t n)
{
	buf_add(out, str_from(p, n));
	return (la_ssize_t)n;
}

/* An archive by libarchive: format as archive_write_set_format_by_name() knows it, "raw" too. */
static inline struct buf testing_archive(const char *format, const char *filter,
	const char *options, const struct testing_file *files, size_t n)
{
	struct buf out = BUF_INIT(TESTING_MAX);
	locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0), before = uselocale(utf8);
	struct archive *a = archive_write_new();
	ASSERT(archive_write_set_format_by_name(a, format) == ARCHIVE_OK);
	if (filter)
		ASSERT(archive_write_add_filter_by_name(a, filter) == ARCHIVE_OK);
	if (options)
		ASSERT(archive_write_set_options(a, options) == ARCHIVE_OK);
	archive_write_set_passphrase(a, "secret");
	archive_write_set_bytes_per_block(a, 0);
	ASSERT(archive_write_open(a, &out, NULL, testing_write, NULL) == ARCHIVE_OK);
	for (size_t i = 0; i < n; i++) {
		struct archive_entry *e = archive_entry_new();
		archive_entry_set_pathname(e, files[i].name);
		archive_entry_set_size(e, (la_int64_t)files[i].content.n);
		archive_entry_set_filetype(e, AE_IFREG);
		archive_entry_set_perm(e, 0644);
		ASSERT(archive_write_header(a, e) >= ARCHIVE_WARN);
		if (files[i].content.n)
			ASSERT(archive_write_data(a, files[i].content.p, files[i].content.n) >= 0);
		archive_entry_free(e);
	}
	ASSERT(archive_write_close(a) == ARCHIVE_OK);
	archive_write_free(a);
	uselocale(before);
	freelocale(utf8);
	return out;
}

static inline void testing_le(struct buf *b, uint64_t value, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		buf_add_char(b, (char)(value >> (8 * i)));
}

static inline void testing_fill(struct buf *b, size_t n, char c)
{
	char *p = n ? buf_reserve(b, n) : NULL;
	if (p) {
		memset(p, c, n);
		b->n += n;
	}
}

/* ── winmail.dat ── */

static inline void testing_tnef_attribute(struct buf *b, int level, uint32_t id, str data)
{
	uint32_t sum = 0;
	for (size_t i = 0; i < data.n; i++)
		sum += (unsigned char)data.p[i];
	testing_le(b, (uint64_t)level, 1);
	testing_le(b, id, 4);
	testing_le(b, data.n, 4);
	buf_add(b, data);
	testing_le(b, sum & 0xffff, 2);
}

/* A property with one value of variable length. */
static inline void testing_tnef_property(struct buf *b, uint32_t type, uint32_t id, str value)
{
	testing_le(b, type | id << 16, 4);
	testing_le(b, 1, 4);
	testing_le(b, value.n, 4);
	buf_add(b, value);
	testing_fill(b, (0 - value.n) & 3, 0);
}

static inline void testing_tnef_begin(struct buf *b)
{
	testing_le(b, 0x223e9f78, 4);
	testing_le(b, 1, 2);
	testing_tnef_attribute(b, 1, 0x00089006, STR("\0\0\1\0"));
}

static inline void testing_tnef_attachment(struct buf *b, const char *title, str content)
{
	testing_tnef_attribute(b, 2, 0x00069002, STR("\1\0\xff\xff\xff\xff\0\0\0\0\0\0\0\0"));
	testing_tnef_attribute(b, 2, 0x00018010, str_from(title, strlen(title) + 1));
	testing_tnef_attribute(b, 2, 0x0006800f, content);
}

/* ── RAR, which libarchive only reads: files are stored ── */

static inline void testing_rar4_block(struct buf *b, struct buf *head)
{
	testing_le(b, crc32(0, (const Bytef *)head->p, (uInt)head->n) & 0xffff, 2);
	buf_add(b, buf_str(head));
	buf_done(head);
}

/* flags: 8 solid, 0x80 headers encrypted; file_flags: 4 encrypted. */
static inline struct buf testing_rar4(
	unsigned flags, unsigned file_flags, const struct testing_file *files, size_t n)
{
	struct buf b = BUF_INIT(TESTING_MAX), head = BUF_INIT(1024);
	buf_add(&b, STR("Rar!\x1a\x07\0"));
	buf_add_char(&head, 0x73);
	testing_le(&head, flags, 2);
	testing_le(&head, 13, 2);
	testing_fill(&head, 6, 0);
	testing_rar4_block(&b, &head);
	for (size_t i = 0; i < n; i++) {
		str content = files[i].content;
		buf_add_char(&head, 0x74);
		testing_le(&head, 0x8000 | file_flags, 2);
		testing_le(&head, 32 + strlen(files[i].name), 2);
		testing_le(&head, content.n, 4);
		testing_le(&head, content.n, 4);
		buf_add_char(&head, 3);
		testing_le(&head, crc32(0, (const Bytef *)content.p, (uInt)content.n), 4);
		testing_le(&head, 0, 4);
		buf_add_char(&head, 29);
		buf_add_char(&head, 0x30);
		testing_le(&head, strlen(files[i].name), 2);
		testing_le(&head, 0100644, 4);
		buf_add(&head, str_from_z(files[i].name));
		testing_rar4_block(&b, &head);
		buf_add(&b, content);
	}
	return b;
}

static inline void testing_vint(struct buf *b, uint64_t value)
{
	for (; value > 127; value >>= 7)
		buf_add_char(b, (char)(value | 0x80));
	buf_add_char(b, (char)value);
}

static inline void testing_rar5_block(struct buf *b, struct buf *head)
{
	struct buf sized = BUF_INIT(1024);
	testing_vint(&sized, head->n);
	buf_add(&sized, buf_str(head));
	testing_le(b, crc32(0, (const Bytef *)sized.p, (uInt)sized.n), 4);
	buf_add(b, buf_str(&sized));
	buf_done(&sized);
	buf_done(head);
}

/* With `encrypted`, only an encryption header: the rest would be encrypted. */
static inline struct buf testing_rar5(bool encrypted, const struct testing_file *files, size_t n)
{
	struct buf b = BUF_INIT(TESTING_MAX), head = BUF_INIT(1024);
	buf_add(&b, STR("Rar!\x1a\x07\1\0"));
	buf_add(&head, encrypted ? STR("\4\0\0\0\x0f") : STR("\1\0\0"));
	testing_fill(&head, encrypted ? 16 : 0, 'x');
	testing_rar5_block(&b, &head);
	testing_fill(&b, encrypted ? 64 : 0, 'y');
	for (size_t i = 0; i < n && !encrypted; i++) {
		buf_add(&head, STR("\2\2"));
		testing_vint(&head, files[i].content.n);
		buf_add(&head, STR("\0"));
		testing_vint(&head, files[i].content.n);
		buf_add(&head, STR("\0\0\1"));
		testing_vint(&head, strlen(files[i].name));
		buf_add(&head, str_from_z(files[i].name));
		testing_rar5_block(&b, &head);
		buf_add(&b, files[i].content);
	}
	buf_add(&head, STR("\5\0\0"));
	if (!encrypted)
		testing_rar5_block(&b, &head);
	buf_done(&head);
	return b;
}

/* ── Compound files: one sector for the table, one for that of small streams ── */

static inline void testing_cfb_entry(struct buf *b, const char *name, int kind,
	const char *class_id, uint32_t start, uint64_t size)
{
	size_t n = strlen(name);
	for (size_t i = 0; i < 32; i++)
		testing_le(b, i < n ? (unsigned char)name[i] : 0, 2);
	testing_le(b, (n + 1) * 2, 2);
	buf_add_char(b, (char)kind);
	testing_fill(b, 13, 0);
	for (size_t i = 0; i < 16; i++)
		buf_add_char(b, class_id ? class_id[i] : 0);
	testing_fill(b, 20, 0);
	testing_le(b, start, 4);
	testing_le(b, size, 8);
}

/* Adds content in units of that size, and their chain. Returns where it starts. */
static inline uint32_t testing_cfb_chain(
	struct buf *content, struct buf *table, str s, size_t unit, uint32_t first)
{
	uint32_t start = first + (uint32_t)(content->n / unit), next = start;
	buf_add(content, s);
	testing_fill(content, (unit - content->n % unit) % unit, 0);
	while (++next < first + content->n / unit)
		testing_le(table, next, 4);
	testing_le(table, 0xfffffffe, 4);
	return start;
}

static inline void testing_cfb_header(struct buf *b)
{
	buf_add(b, STR("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"));
	testing_fill(b, 16, 0);
	testing_le(b, 0x3e, 2);
	testing_le(b, 3, 2);
	testing_le(b, 0xfffe, 2);
	testing_le(b, 9, 2);
	testing_le(b, 6, 2);
	testing_fill(b, 10, 0);
	testing_le(b, 1, 4); /* sectors of the table */
	testing_le(b, 2, 4); /* the directory's first sector */
	testing_le(b, 0, 4);
	testing_le(b, 4096, 4);
	testing_le(b, 1, 4); /* the table of small ones */
	testing_le(b, 1, 4);
	testing_le(b, 0xfffffffe, 4);
	testing_le(b, 0, 4);
	testing_le(b, 0, 4); /* the table is sector 0 */
	testing_fill(b, 108 * 4, '\xff');
}

/* Files without content are storages. */
static inline struct buf testing_cfb(
	const char *root_class, const struct testing_file *files, size_t n)
{
	struct buf b = BUF_INIT(TESTING_MAX), table = BUF_INIT(512), small = BUF_INIT(512),
		   mini = BUF_INIT(TESTING_MAX), streams = BUF_INIT(TESTING_MAX),
		   entries = BUF_INIT(TESTING_MAX);
	uint32_t directory = (uint32_t)(n + 1 + 3) / 4, first = 2 + directory, starts[64] = { 0 };
	ASSERT(n <= ARRAY_LEN(starts));
	testing_le(&table, 0xfffffffd, 4);
	testing_le(&table, 0xfffffffe, 4);
	for (uint32_t i = 2; i < first; i++)
		testing_le(&table, i + 1 == first ? 0xfffffffe : i + 1, 4);
	for (size_t i = 0; i < n; i++)
		if (files[i].content.n >= 4096)
			starts[i] =
				testing_cfb_chain(&streams, &table, files[i].content, 512, first);
		else if (files[i].content.n)
			starts[i] = testing_cfb_chain(&mini, &small, files[i].content, 64, 0);
	uint32_t mini_start = testing_cfb_chain(&streams, &table, buf_str(&mini), 512, first);
	testing_cfb_entry(&entries, "Root Entry", 5, root_class, mini_start, mini.n);
	for (size_t i = 0; i < n; i++)
		testing_cfb_entry(&entries, files[i].name, files[i].content.n ? 2 : 1, NULL,
			starts[i], files[i].content.n);
	testing_fill(&table, 512 - table.n, '\xff');
	testing_fill(&small, 512 - small.n, '\xff');
	testing_fill(&entries, directory * 512 - entries.n, 0);
	ASSERT(!table.overflowed && !small.overflowed);
	testing_cfb_header(&b);
	struct buf *const parts[] = { &table, &small, &entries, &streams, &mini };
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		if (i < 4)
			buf_add(&b, buf_str(parts[i]));
		buf_done(parts[i]);
	}
	return b;
}

/* ── VBA's compression: literals, and one copy ── */

static inline struct buf testing_vba(
	const char *before, size_t offset, size_t length, const char *after)
{
	struct buf chunk = BUF_INIT(4096), out = BUF_INIT(8192);
	size_t n = strlen(before), all = n + 1 + strlen(after), flags = 0;
	unsigned bits = 4;
	while (((size_t)1 << bits) < n)
		bits++;
	for (size_t i = 0; i < all; i++) {
		if (i % 8 == 0) {
			flags = chunk.n;
			buf_add_char(&chunk, 0);
		}
		if (i == n) {
			chunk.p[flags] |= (char)(1 << i % 8);
			testing_le(&chunk, (offset - 1) << (16 - bits) | (length - 3), 2);
		} else {
			buf_add_char(&chunk, i < n ? before[i] : after[i - n - 1]);
		}
	}
	testing_fill(&out, 100, 'p'); /* what was compiled of it */
	buf_add_char(&out, 1);
	testing_le(&out, 0xb000 | (chunk.n - 1), 2);
	buf_add(&out, buf_str(&chunk));
	buf_done(&chunk);
	return out;
}
