#include "mail/inspect_internal.h"

#include "base/utf8.h"

#include <lzma.h>
#include <stdlib.h>

/*
 * 7z: its list of files is read by ourselves, because libarchive believes what it says about its
 * own size: 100 bytes may claim a hundred million files. Files are unpacked by libarchive where
 * this list is sound and small, and their dictionaries too; otherwise they are only listed.
 */

enum {
	SIGNATURE_HEADER = 32,
	HEADER_MAX = 4 * 1024 * 1024,
	FILES_MAX = 50000,
	FOLDERS_MAX = 10000,
	CODERS_MAX = 16,
	DICTIONARY_MAX = 64 * 1024 * 1024,
};

enum property {
	END = 0,
	HEADER = 1,
	ARCHIVE_PROPERTIES = 2,
	ADDITIONAL_STREAMS = 3,
	MAIN_STREAMS = 4,
	FILES = 5,
	PACK_INFO = 6,
	FOLDER_INFO = 7,
	SUBSTREAMS = 8,
	SIZE = 9,
	DIGEST = 10,
	FOLDER = 11,
	UNPACK_SIZE = 12,
	STREAM_COUNT = 13,
	EMPTY_STREAM = 14,
	EMPTY_FILE = 15,
	NAMES = 17,
	ENCODED_HEADER = 23,
};

#define CODER_COPY 0x00
#define CODER_LZMA 0x030101
#define CODER_LZMA2 0x21
#define CODER_PPMD 0x030401
#define CODER_AES 0x06f10701

struct folder {
	uint32_t outs;     /* streams that its coders make */
	uint32_t main_out; /* the one that is its content */
	uint64_t coder;    /* the first one */
	str properties;    /* of that */
	uint64_t size;
	uint32_t streams; /* files in it */
	bool encrypted, heavy, digest;
};

struct sevenzip {
	struct inspect_scan *scan;
	struct inspect_item *item;
	str rest;
	bool bad;              /* sticky: whatever is read is zero */
	struct buf folders;    /* of struct folder */
	struct buf sizes;      /* of uint64_t: files' in the order of folders */
	uint64_t pack_at;      /* behind the first header */
	uint64_t first_packed; /* the first packed stream's size */
	bool heavy;            /* something takes more memory than it may */
};

static unsigned char byte(struct sevenzip *z)
{
	unsigned char c = z->rest.n ? (unsigned char)z->rest.p[0] : 0;
	z->bad = z->bad || !z->rest.n;
	z->rest = str_skip(z->rest, 1);
	return c;
}

/* The leading ones of the first byte say how many bytes follow. */
static uint64_t number(struct sevenzip *z)
{
	unsigned first = byte(z), mask = 0x80;
	uint64_t value = 0;
	for (unsigned i = 0; i < 8; i++, mask >>= 1) {
		if (!(first & mask))
			return value | (uint64_t)(first & (mask - 1)) << (8 * i);
		value |= (uint64_t)byte(z) << (8 * i);
	}
	return value;
}

/* What has more than max cannot be sound, or is not worth it. */
static uint32_t count(struct sevenzip *z, uint32_t max)
{
	uint64_t n = number(z);
	z->bad = z->bad || n > max;
	return z->bad ? 0 : (uint32_t)n;
}

static str bytes(struct sevenzip *z, uint64_t n)
{
	z->bad = z->bad || n > z->rest.n;
	str s = z->bad ? STR_EMPTY : str_first(z->rest, (size_t)n);
	z->rest = str_skip(z->rest, s.n);
	return s;
}

static void expect(struct sevenzip *z, enum property p)
{
	if (byte(z) != p)
		z->bad = true;
}

static struct folder *folder_at(struct sevenzip *z, size_t i)
{
	return (struct folder *)(void *)z->folders.p + i;
}

static size_t folders_n(const struct sevenzip *z)
{
	return z->folders.n / sizeof(struct folder);
}

/* ── Streams ── */

/* Bits for n things; all are set where the first byte is not 0. Counts those that are. */
static str read_bits(struct sevenzip *z, size_t n, bool optional)
{
	return optional && byte(z) ? STR_EMPTY : bytes(z, (n + 7) / 8);
}

static bool bit(str bits, size_t i)
{
	return !bits.n || (i / 8 < bits.n && (unsigned char)bits.p[i / 8] >> (7 - i % 8) & 1);
}

static void skip_digests(struct sevenzip *z, size_t n)
{
	str bits = read_bits(z, n, true);
	size_t set = 0;
	for (size_t i = 0; i < n && !z->bad; i++)
		set += bit(bits, i);
	(void)bytes(z, set * 4);
}

static void read_pack_info(struct sevenzip *z)
{
	z->pack_at = number(z);
	uint32_t n = count(z, FOLDERS_MAX);
	for (unsigned char p; !z->bad && (p = byte(z)) != END;) {
		if (p == SIZE)
			for (uint32_t i = 0; i < n && !z->bad; i++) {
				uint64_t size = number(z);
				z->first_packed = i ? z->first_packed : size;
			}
		else if (p == DIGEST)
			skip_digests(z, n);
		else
			z->bad = true;
	}
}

static bool is_heavy(uint64_t coder, str properties)
{
	unsigned char bits = properties.n ? (unsigned char)properties.p[0] : 0;
	if (coder == CODER_LZMA || coder == CODER_PPMD)
		return inspect_le32(properties, 1) > DICTIONARY_MAX;
	/* 2 or 3, shifted: 64 MiB is 28. */
	return coder == CODER_LZMA2 && bits > 28;
}

static void read_coder(struct sevenzip *z, struct folder *f, uint32_t *ins)
{
	unsigned char flags = byte(z);
	uint64_t id = 0;
	str raw = bytes(z, flags & 15);
	for (size_t i = 0; i < raw.n; i++)
		id = id << 8 | (unsigned char)raw.p[i];
	bool complex = flags & 0x10;
	*ins += complex ? count(z, CODERS_MAX) : 1;
	bool first = f->outs == 0;
	f->outs += complex ? count(z, CODERS_MAX) : 1;
	str properties = flags & 0x20 ? bytes(z, number(z)) : STR_EMPTY;
	f->encrypted = f->encrypted || id == CODER_AES;
	f->heavy = f->heavy || is_heavy(id, properties);
	if (first) {
		f->coder = id;
		f->properties = properties;
	}
}

static void read_folder(struct sevenzip *z, struct folder *f)
{
	uint32_t ins = 0, coders = count(z, CODERS_MAX);
	uint64_t bound = 0;
	for (uint32_t i = 0; i < coders && !z->bad; i++)
		read_coder(z, f, &ins);
	z->bad = z->bad || f->outs == 0 || f->outs > CODERS_MAX || ins > 2 * CODERS_MAX;
	for (uint32_t i = 1; i < f->outs && !z->bad; i++) {
		(void)number(z);
		bound |= (uint64_t)1 << count(z, CODERS_MAX);
	}
	z->bad = z->bad || ins + 1 < f->outs;
	uint32_t packed = z->bad ? 0 : ins + 1 - f->outs;
	for (uint32_t i = 0; packed > 1 && i < packed && !z->bad; i++)
		(void)number(z);
	while (f->main_out + 1 < f->outs && bound >> f->main_out & 1)
		f->main_out++;
	z->heavy = z->heavy || f->heavy;
}

static void read_folders(struct sevenzip *z)
{
	expect(z, FOLDER);
	uint32_t n = count(z, FOLDERS_MAX);
	z->bad = z->bad || byte(z) != 0;
	for (uint32_t i = 0; i < n && !z->bad; i++) {
		struct folder f = { .streams = 1 };
		read_folder(z, &f);
		buf_add(&z->folders, str_from(&f, sizeof f));
	}
	expect(z, UNPACK_SIZE);
	for (size_t i = 0; i < folders_n(z) && !z->bad; i++)
		for (uint32_t j = 0; j < folder_at(z, i)->outs; j++) {
			uint64_t size = number(z);
			if (j == folder_at(z, i)->main_out)
				folder_at(z, i)->size = size;
		}
	for (unsigned char p; !z->bad && (p = byte(z)) != END;) {
		z->bad = p != DIGEST;
		str bits = read_bits(z, folders_n(z), true);
		size_t set = 0;
		for (size_t i = 0; i < folders_n(z) && !z->bad; i++) {
			folder_at(z, i)->digest = bit(bits, i);
			set += bit(bits, i);
		}
		(void)bytes(z, set * 4);
	}
}

static void add_size(struct sevenzip *z, uint64_t size)
{
	buf_add(&z->sizes, str_from(&size, sizeof size));
}

/* The last file of a folder gets what is left. */
static void split_folders(struct sevenzip *z, bool stated)
{
	for (size_t i = 0; i < folders_n(z) && !z->bad; i++) {
		uint64_t left = folder_at(z, i)->size;
		for (uint32_t j = 1; j < folder_at(z, i)->streams && !z->bad; j++) {
			uint64_t size = stated ? number(z) : 0;
			z->bad = z->bad || size > left;
			left -= size;
			add_size(z, size);
		}
		if (folder_at(z, i)->streams)
			add_size(z, left);
	}
}

static void read_substreams(struct sevenzip *z)
{
	unsigned char p = byte(z);
	if (p == STREAM_COUNT) {
		uint32_t all = 0;
		for (size_t i = 0; i < folders_n(z) && !z->bad; i++) {
			folder_at(z, i)->streams = count(z, FILES_MAX);
			all += folder_at(z, i)->streams;
			z->bad = z->bad || all > FILES_MAX;
		}
		p = byte(z);
	}
	split_folders(z, p == SIZE);
	if (p == SIZE)
		p = byte(z);
	size_t digests = 0;
	for (size_t i = 0; i < folders_n(z) && !z->bad; i++) {
		const struct folder *f = folder_at(z, i);
		digests += f->streams == 1 && f->digest ? 0 : f->streams;
	}
	if (p == DIGEST) {
		skip_digests(z, digests);
		p = byte(z);
	}
	z->bad = z->bad || p != END;
}

static void read_streams(struct sevenzip *z)
{
	bool split = false;
	for (unsigned char p; !z->bad && (p = byte(z)) != END;) {
		if (p == PACK_INFO) {
			read_pack_info(z);
		} else if (p == FOLDER_INFO && !z->folders.n) {
			read_folders(z);
		} else if (p == SUBSTREAMS && !split) {
			read_substreams(z);
			split = true;
		} else {
			z->bad = true;
		}
	}
	if (!split)
		split_folders(z, false);
}

/* ── The header ── */

/* Unpacks a packed header: into memory that is *out's. */
static bool unpack_header(struct sevenzip *z, struct buf *out)
{
	const struct folder *f = folder_at(z, 0);
	str packed = str_skip(z->item->content, SIGNATURE_HEADER);
	packed = z->pack_at > packed.n ? STR_EMPTY : str_skip(packed, (size_t)z->pack_at);
	packed = str_first(packed, (size_t)MIN(z->first_packed, (uint64_t)packed.n));
	if (f->outs != 1 || f->size > HEADER_MAX || f->heavy ||
		!inspect_spend(z->scan, z->item, f->size))
		return false;
	if (f->coder == CODER_COPY) {
		buf_add(out, packed);
		return true;
	}
	lzma_filter filters[2] = { { .id = f->coder == CODER_LZMA ? LZMA_FILTER_LZMA1
								  : LZMA_FILTER_LZMA2 },
		{ .id = LZMA_VLI_UNKNOWN } };
	if ((f->coder != CODER_LZMA && f->coder != CODER_LZMA2) ||
		lzma_properties_decode(&filters[0], NULL, (const uint8_t *)f->properties.p,
			f->properties.n) != LZMA_OK)
		return false;
	lzma_stream stream = LZMA_STREAM_INIT;
	char *at = f->size ? buf_reserve(out, (size_t)f->size) : NULL;
	if (at && lzma_raw_decoder(&stream, filters) == LZMA_OK) {
		stream.next_in = (const uint8_t *)packed.p;
		stream.avail_in = packed.n;
		stream.next_out = (uint8_t *)at;
		stream.avail_out = (size_t)f->size;
		if (lzma_code(&stream, LZMA_RUN) <= LZMA_STREAM_END)
			out->n += (size_t)f->size - stream.avail_out;
	}
	lzma_end(&stream);
	free(filters[0].options);
	return out->n == f->size;
}

struct files {
	uint32_t n;
	str names, empty, no_folder; /* bits; p is NULL where there are none */
};

static bool read_file_properties(struct sevenzip *z, struct files *f)
{
	f->n = count(z, FILES_MAX);
	size_t empties = 0;
	for (unsigned char p; !z->bad && (p = byte(z)) != END;) {
		str data = bytes(z, number(z));
		if (p == NAMES && data.n)
			f->names = str_skip(data, 1);
		else if (p == EMPTY_STREAM)
			f->empty = data;
		else if (p == EMPTY_FILE)
			f->no_folder = data;
	}
	for (uint32_t i = 0; f->empty.p && i < f->n && !z->bad; i++)
		empties += bit(f->empty, i);
	z->bad = z->bad || (f->empty.p && f->empty.n < (f->n + 7) / 8) || !f->names.p ||
		 f->n - empties != z->sizes.n / sizeof(uint64_t);
	return !z->bad;
}

static void list_files(struct sevenzip *z, const struct files *f)
{
	struct buf name CLEANUP(buf_done) = BUF_INIT(4 * ATTACHMENT_NAME_MAX);
	str names = f->names;
	const uint64_t *sizes = (const uint64_t *)(const void *)z->sizes.p;
	size_t stream = 0, empty = 0, folder = 0, in_folder = 0;
	for (uint32_t i = 0; i < f->n && !z->bad; i++) {
		buf_clear(&name);
		z->bad = !inspect_utf16(&names, &name);
		if (f->empty.p && bit(f->empty, i)) {
			bool file = f->no_folder.p && bit(f->no_folder, empty++);
			if (file && !inspect_add_entry(z->scan, z->item, buf_str(&name), true, 0))
				return;
			continue;
		}
		while (in_folder >= folder_at(z, folder)->streams) {
			folder++;
			in_folder = 0;
		}
		struct inspect_entry *e =
			inspect_add_entry(z->scan, z->item, buf_str(&name), true, sizes[stream++]);
		if (!e)
			return;
		e->flags |= folder_at(z, folder)->encrypted ? INSPECT_ENCRYPTED : 0;
		z->item->flags |= e->flags;
		in_folder++;
	}
}

static uint64_t total_size(struct sevenzip *z)
{
	uint64_t total = 0;
	for (size_t i = 0; i < folders_n(z); i++)
		total += MIN(folder_at(z, i)->size, UINT64_MAX - total);
	return total;
}

static void read_header(struct sevenzip *z)
{
	struct files files = { 0 };
	unsigned char p = byte(z);
	if (p == MAIN_STREAMS) {
		read_streams(z);
		p = byte(z);
	}
	if (p != FILES || !read_file_properties(z, &files)) {
		z->item->flags |= p == END && !z->bad ? 0 : INSPECT_UNREADABLE;
		return;
	}
	bool encrypted = false;
	for (size_t i = 0; i < folders_n(z); i++)
		encrypted = encrypted || folder_at(z, i)->encrypted;
	uint64_t total = total_size(z);
	if (total >= INSPECT_ITEM_MAX && total / INSPECT_RATIO_MAX > z->item->content.n)
		z->item->flags |= INSPECT_BOMB;
	if (encrypted || z->heavy || total > z->scan->left || files.n > INSPECT_ENTRIES_MAX) {
		list_files(z, &files);
		z->item->flags |= encrypted ? 0 : INSPECT_TRUNCATED;
		z->item->flags |= z->bad ? INSPECT_UNREADABLE : 0;
	} else {
		inspect_archive(z->scan, z->item);
	}
}

static void forget(struct sevenzip *z)
{
	buf_clear(&z->folders);
	buf_clear(&z->sizes);
	z->heavy = false;
}

static void read_sevenzip(struct sevenzip *z)
{
	struct buf unpacked CLEANUP(buf_done) = BUF_INIT(HEADER_MAX);
	str s = z->item->content;
	uint64_t at = inspect_le64(s, 12), n = inspect_le64(s, 20);
	z->rest = at > s.n ? STR_EMPTY : str_skip(s, SIGNATURE_HEADER + (size_t)at);
	z->rest = str_first(z->rest, (size_t)MIN(n, (uint64_t)HEADER_MAX));
	unsigned char p = byte(z);
	if (p == ENCODED_HEADER) {
		read_streams(z);
		if (z->bad || folders_n(z) != 1) {
			z->item->flags |= INSPECT_UNREADABLE;
			return;
		}
		if (folder_at(z, 0)->encrypted) {
			z->item->flags |= INSPECT_ENCRYPTED | INSPECT_NAMES_ENCRYPTED;
			return;
		}
		z->bad = !unpack_header(z, &unpacked);
		z->rest = buf_str(&unpacked);
		forget(z);
		p = byte(z);
	}
	if (z->bad || p != HEADER)
		z->item->flags |= n ? INSPECT_UNREADABLE : 0;
	else
		read_header(z);
}

void inspect_sevenzip(struct inspect_scan *s, struct inspect_item *item)
{
	struct sevenzip z = { .scan = s,
		.item = item,
		.folders = BUF_INIT(FOLDERS_MAX * sizeof(struct folder)),
		.sizes = BUF_INIT(FILES_MAX * sizeof(uint64_t)) };
	read_sevenzip(&z);
	buf_done(&z.folders);
	buf_done(&z.sizes);
}
