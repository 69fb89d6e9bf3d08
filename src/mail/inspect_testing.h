/*
 * inspect_testing.h: archives and compound files for tests, made on the spot.
 */
#pragma once

#include "base/buf.h"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include <stdlib.h>

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
	for (size_t i = 0; i < n; i++)
		buf_add_char(b, c);
}

/* ── Compound files: a table of one sector, each stream in sectors of 512, never in small ones ──
 */

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

/* Files without content are storages. Streams are padded to 4096 bytes, so that none is small. */
static inline struct buf testing_cfb(
	const char *root_class, const struct testing_file *files, size_t n)
{
	struct buf b = BUF_INIT(TESTING_MAX), fat CLEANUP(buf_done) = BUF_INIT(512);
	uint32_t directory = (uint32_t)(n + 1 + 3) / 4, next = 1 + directory;
	buf_add(&b, STR("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"));
	testing_fill(&b, 16, 0);
	testing_le(&b, 0x3e, 2);
	testing_le(&b, 3, 2);
	testing_le(&b, 0xfffe, 2);
	testing_le(&b, 9, 2);
	testing_le(&b, 6, 2);
	testing_fill(&b, 10, 0);
	testing_le(&b, 1, 4); /* sectors of the table */
	testing_le(&b, 1, 4); /* the directory's first sector */
	testing_le(&b, 0, 4);
	testing_le(&b, 4096, 4);
	testing_le(&b, 0xfffffffe, 4);
	testing_le(&b, 0, 4);
	testing_le(&b, 0xfffffffe, 4);
	testing_le(&b, 0, 4);
	testing_le(&b, 0, 4); /* the table is sector 0 */
	testing_fill(&b, 108 * 4, '\xff');
	testing_le(&fat, 0xfffffffd, 4);
	for (uint32_t i = 1; i <= directory; i++)
		testing_le(&fat, i == directory ? 0xfffffffe : i + 1, 4);
	struct buf streams CLEANUP(buf_done) = BUF_INIT(TESTING_MAX);
	struct buf entries CLEANUP(buf_done) = BUF_INIT(TESTING_MAX);
	testing_cfb_entry(&entries, "Root Entry", 5, root_class, 0xfffffffe, 0);
	for (size_t i = 0; i < n; i++) {
		bool storage = files[i].content.n == 0;
		size_t size = MAX(files[i].content.n, (size_t)4096);
		testing_cfb_entry(&entries, files[i].name, storage ? 1 : 2, NULL,
			storage ? 0 : next, storage ? 0 : size);
		if (storage)
			continue;
		buf_add(&streams, files[i].content);
		testing_fill(&streams, (size + 511) / 512 * 512 - files[i].content.n, 0);
		for (size_t j = 512; j < size; j += 512)
			testing_le(&fat, ++next, 4);
		testing_le(&fat, 0xfffffffe, 4);
		next++;
	}
	testing_fill(&fat, 512 - fat.n, '\xff');
	testing_fill(&entries, directory * 512 - entries.n, 0);
	ASSERT(!fat.overflowed);
	buf_add(&b, buf_str(&fat));
	buf_add(&b, buf_str(&entries));
	buf_add(&b, buf_str(&streams));
	return b;
}
