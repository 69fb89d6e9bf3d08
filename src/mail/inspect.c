#include "mail/inspect_internal.h"

#include "base/utf8.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

/* What libmagic sees. Its time grows with that only a little, but it does. */
enum { MAGIC_BYTES = 16 * 1024, PENDING_MAX = INSPECT_ENTRIES_MAX + 1 };

/* ── The inspector ── */

/* No COMPRESS: it would start programs. The rest is what readers of our own do better. */
#define MAGIC_FLAGS                                                                                \
	(MAGIC_MIME_TYPE | MAGIC_ERROR | MAGIC_NO_CHECK_COMPRESS | MAGIC_NO_CHECK_CDF |            \
		MAGIC_NO_CHECK_ELF | MAGIC_NO_CHECK_TOKENS | MAGIC_NO_CHECK_JSON |                 \
		MAGIC_NO_CHECK_CSV | MAGIC_NO_CHECK_TAR | MAGIC_NO_CHECK_ENCODING |                \
		MAGIC_NO_CHECK_TEXT)

struct inspector *inspector_new(struct err *err)
{
	struct inspector *in = xcalloc(1, sizeof *in);
	pthread_mutex_init(&in->lock, NULL);
	/* libarchive makes local times of what archives say, and without TZ glibc then looks at
	 * /etc/localtime every time: a call that no sandbox without files lets through. */
	(void)setenv("TZ", "UTC0", 0);
	tzset();
	/* For libarchive too: names in UTF-8 without iconv. */
	in->utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	in->magic = magic_open(MAGIC_FLAGS);
	if (!in->magic || magic_load(in->magic, NULL) != 0)
		err_set(err, ENOENT, "libmagic: %s",
			in->magic ? magic_error(in->magic) : "out of memory");
	else if (!inspect_archive_works())
		err_set(err, ENOTSUP, "libarchive lacks a decompressor");
	else
		return in;
	inspector_free(in);
	return NULL;
}

void inspector_free(struct inspector *in)
{
	if (!in)
		return;
	if (in->magic)
		magic_close(in->magic);
	if (in->utf8)
		freelocale(in->utf8);
	pthread_mutex_destroy(&in->lock);
	free(in);
}

/* ── What readers add ── */

uint16_t inspect_le16(str s, size_t at)
{
	const unsigned char *p = (const unsigned char *)s.p + at;
	return at > s.n || s.n - at < 2 ? 0 : (uint16_t)(p[0] | p[1] << 8);
}

uint32_t inspect_le32(str s, size_t at)
{
	return inspect_le16(s, at) | (uint32_t)inspect_le16(s, at + 2) << 16;
}

uint64_t inspect_le64(str s, size_t at)
{
	return inspect_le32(s, at) | (uint64_t)inspect_le32(s, at + 4) << 32;
}

bool inspect_utf16(str *s, struct buf *out)
{
	for (uint32_t c; s->n >= 2;) {
		c = inspect_le16(*s, 0);
		*s = str_skip(*s, 2);
		if (!c)
			return true;
		if ((c & 0xfc00) == 0xd800 && (inspect_le16(*s, 0) & 0xfc00) == 0xdc00) {
			c = 0x10000 + ((c & 0x3ff) << 10 | (inspect_le16(*s, 0) & 0x3ff));
			*s = str_skip(*s, 2);
		}
		utf8_encode(out, c);
	}
	return false;
}

static str keep(struct inspect_scan *s, struct inspect_item *in, str text)
{
	char *p = text.n ? arena_try(s->arena, text.n) : NULL;
	if (text.n && !p)
		in->flags |= INSPECT_TRUNCATED;
	if (!p)
		return STR_EMPTY;
	memcpy(p, text.p, text.n);
	return str_from(p, text.n);
}

/* Leads out of the folder that it is unpacked into. */
static bool leads_out(str path)
{
	if (path.n && (path.p[0] == '/' || path.p[0] == '\\'))
		return true;
	if (path.n > 1 && ascii_is_alpha(path.p[0]) && path.p[1] == ':')
		return true;
	for (str rest = path; rest.n;) {
		ptrdiff_t at = str_find_any(rest, STR("/\\"));
		if (str_equal(at < 0 ? rest : str_first(rest, (size_t)at), STR("..")))
			return true;
		rest = at < 0 ? STR_EMPTY : str_skip(rest, (size_t)at + 1);
	}
	return false;
}

static struct inspect_entry *last_entry(struct inspect_scan *s)
{
	return (struct inspect_entry *)(void *)(s->entries.p + s->entries.n) - 1;
}

uint32_t inspect_entry_index(const struct inspect_scan *s)
{
	return (uint32_t)(s->entries.n / sizeof(struct inspect_entry));
}

struct inspect_entry *inspect_add_entry(
	struct inspect_scan *s, struct inspect_item *in, str path, bool sized, uint64_t size)
{
	if (inspect_entry_index(s) >= INSPECT_ENTRIES_MAX || in->depth >= INSPECT_DEPTH_MAX) {
		in->flags |= in->depth >= INSPECT_DEPTH_MAX ? INSPECT_TOO_DEEP : INSPECT_TRUNCATED;
		return NULL;
	}
	struct attachment_name name = attachment_name_clean(s->arena, path);
	struct inspect_entry e = { .name = name.name,
		.extension = name.extension,
		.odd = name.flags & ~(uint32_t)ATTACHMENT_PATH,
		.parent = in->entry,
		.depth = in->depth,
		.sized = sized,
		.size = sized ? size : 0,
		.type = STR_EMPTY,
		.class = INSPECT_OTHER,
		.named = inspect_class_of_extension(name.extension) };
	if (leads_out(path))
		e.odd |= ATTACHMENT_PATH;
	buf_add(&s->entries, str_from(&e, sizeof e));
	return last_entry(s);
}

static bool worth_a_look(struct inspect_type type)
{
	return type.class == INSPECT_ARCHIVE || type.class == INSPECT_OFFICE ||
	       type.class == INSPECT_PDF || type.class == INSPECT_DISK_IMAGE ||
	       type.class == INSPECT_HTML ||
	       (type.type && (strcmp(type.type, "image/svg+xml") == 0 ||
				     strcmp(type.type, "application/ms-tnef") == 0));
}

bool inspect_entry_head(struct inspect_scan *s, struct inspect_item *in, str head)
{
	struct inspect_entry *e = last_entry(s);
	struct inspect_type type = inspect_type_named(inspect_type_of(head, false), e->extension);
	if (type.type)
		e->type = str_from_z(type.type);
	e->class = type.class;
	if (!worth_a_look(type))
		return false;
	if (in->depth + 1 < INSPECT_DEPTH_MAX)
		return true;
	/* People forward what was forwarded to them; they do not pack what is packed four times. */
	if (type.class == INSPECT_MESSAGE)
		in->flags |= INSPECT_TRUNCATED;
	if (type.class == INSPECT_ARCHIVE || type.class == INSPECT_DISK_IMAGE)
		in->flags |= INSPECT_TOO_DEEP;
	return type.class != INSPECT_ARCHIVE && type.class != INSPECT_DISK_IMAGE &&
	       type.class != INSPECT_MESSAGE;
}

void inspect_add_item(struct inspect_scan *s, struct inspect_item *in, str content, char *owned)
{
	struct inspect_entry *e = last_entry(s);
	struct inspect_item item = { .content = content,
		.owned = owned,
		.entry = inspect_entry_index(s),
		.depth = in->depth + 1,
		.extension = e->extension };
	buf_add(&s->items, str_from(&item, sizeof item));
	/* Entries of it may be slices of these bytes, and outlive its pass. */
	if (owned)
		buf_add(&s->kept, str_from(&owned, sizeof owned));
}

void inspect_add_uri(struct inspect_scan *s, struct inspect_item *in, str uri)
{
	uri = str_trim(uri);
	size_t n = s->uris.n / sizeof(str);
	str last = n ? ((const str *)(const void *)s->uris.p)[n - 1] : STR_EMPTY;
	if (!uri.n || str_equal(uri, last))
		return;
	in->flags |= INSPECT_LINKS;
	if (n >= INSPECT_URIS_MAX || uri.n > INSPECT_URI_LENGTH_MAX)
		in->flags |= INSPECT_TRUNCATED;
	str kept = n < INSPECT_URIS_MAX ? keep(s, in, str_first(uri, INSPECT_URI_LENGTH_MAX))
					: STR_EMPTY;
	if (kept.n)
		buf_add(&s->uris, str_from(&kept, sizeof kept));
}

bool inspect_spend(struct inspect_scan *s, struct inspect_item *in, uint64_t n)
{
	uint64_t spent = MIN(n, s->left);
	s->left -= spent;
	if (spent < n)
		in->flags |= INSPECT_TRUNCATED;
	return spent == n;
}

void inspect_set_type(struct inspect_item *item, const char *type, enum inspect_class class)
{
	item->type = (struct inspect_type){ type, class };
}

/* ── One pass ── */

static const struct {
	const char *type;
	void (*read)(struct inspect_scan *s, struct inspect_item *item);
} readers[] = {
	{ "application/zip", inspect_archive },
	{ "application/vnd.rar", inspect_archive },
	{ "application/vnd.ms-cab-compressed", inspect_archive },
	{ "application/x-lzh-compressed", inspect_archive },
	{ "application/x-cpio", inspect_archive },
	{ "application/x-7z-compressed", inspect_sevenzip },
	{ "application/x-tar", inspect_tar },
	{ "application/x-iso9660-image", inspect_iso },
	{ "application/gzip", inspect_compressed },
	{ "application/x-bzip2", inspect_compressed },
	{ "application/x-xz", inspect_compressed },
	{ "application/zstd", inspect_compressed },
	{ "application/x-lz4", inspect_compressed },
	{ "application/x-lzip", inspect_compressed },
	{ "application/x-compress", inspect_compressed },
	{ "application/x-ole-storage", inspect_ole },
	{ "text/rtf", inspect_rtf },
	{ "application/onenote", inspect_onenote },
	{ "application/ms-tnef", inspect_tnef },
	{ "application/pdf", inspect_pdf },
	{ "text/html", inspect_markup },
	{ "image/svg+xml", inspect_markup },
};

static void read_item(struct inspect_scan *s, struct inspect_item *item)
{
	for (size_t i = 0; i < ARRAY_LEN(readers); i++)
		if (inspect_is(item, readers[i].type)) {
			readers[i].read(s, item);
			return;
		}
	/* Archives and images of disks that nobody here can open. */
	if (item->type.class == INSPECT_ARCHIVE || item->type.class == INSPECT_DISK_IMAGE)
		item->flags |= INSPECT_UNREADABLE;
}

/* What is more than its own bytes can say is told to the entry, or to the attachment. */
static void conclude(struct inspect_scan *s, const struct inspect_item *item)
{
	str type = str_from_z(item->type.type);
	if (item->entry) {
		struct inspect_entry *e =
			(struct inspect_entry *)(void *)s->entries.p + (item->entry - 1);
		e->flags |= item->flags;
		e->class = item->type.class;
		e->type = type;
	} else {
		s->out->flags |= item->flags;
		s->out->class = item->type.class;
		s->out->type = type;
	}
}

static struct inspect_item *item_at(struct inspect_scan *s, size_t i)
{
	return (struct inspect_item *)(void *)s->items.p + i;
}

/* The queue grows while it is read: items are copied out of it. */
static void read_items(struct inspect_scan *s)
{
	for (size_t i = 0; i < s->items.n / sizeof(struct inspect_item); i++) {
		struct inspect_item item = *item_at(s, i);
		item.type = inspect_type_named(inspect_type_of(item.content, true), item.extension);
		read_item(s, &item);
		conclude(s, &item);
	}
	char **kept = (char **)(void *)s->kept.p;
	for (size_t i = 0; i < s->kept.n / sizeof *kept; i++)
		free(kept[i]);
}

/* ── The whole ── */

static void *to_arena(struct arena *a, const struct buf *b)
{
	char *p = b->n ? arena_try(a, b->n) : NULL;
	return p ? memcpy(p, b->p, b->n) : NULL;
}

static void take_lists(struct inspect_scan *s)
{
	struct inspection *out = s->out;
	out->entries = to_arena(s->arena, &s->entries);
	out->entries_n = out->entries ? inspect_entry_index(s) : 0;
	out->uris = to_arena(s->arena, &s->uris);
	out->uris_n = out->uris ? s->uris.n / sizeof(str) : 0;
	if ((s->entries.n && !out->entries) || (s->uris.n && !out->uris))
		out->flags |= INSPECT_TRUNCATED;
	for (size_t i = 0; i < out->entries_n; i++)
		out->inside |= out->entries[i].flags;
	out->unpacked = INSPECT_UNPACKED_MAX - s->left;
}

/* libmagic's name for what no table of ours knows. */
static void ask_magic(struct inspect_scan *s, str content)
{
	struct inspector *in = s->inspector;
	pthread_mutex_lock(&in->lock);
	const char *type = magic_buffer(in->magic, content.p, MIN(content.n, (size_t)MAGIC_BYTES));
	char *copy = type ? arena_try(s->arena, strlen(type) + 1) : NULL;
	if (copy)
		strcpy(copy, type);
	pthread_mutex_unlock(&in->lock);
	s->out->type =
		copy && strchr(copy, '/') ? str_from_z(copy) : STR("application/octet-stream");
	s->out->class = inspect_class_of_type(s->out->type);
}

void inspect(struct inspector *in, struct arena *a, str content, str name, str declared,
	struct inspection *out)
{
	*out = (struct inspection){ .type = STR("application/octet-stream") };
	struct attachment_name clean = attachment_name_clean(a, name);
	struct inspect_scan s = { .inspector = in,
		.arena = a,
		.out = out,
		.name = clean.name,
		.left = INSPECT_UNPACKED_MAX,
		.entries = BUF_INIT(INSPECT_ENTRIES_MAX * sizeof(struct inspect_entry)),
		.uris = BUF_INIT(INSPECT_URIS_MAX * sizeof(str)),
		.items = BUF_INIT(PENDING_MAX * sizeof(struct inspect_item)),
		.kept = BUF_INIT(PENDING_MAX * sizeof(char *)) };
	struct inspect_item item = { .content = content, .extension = clean.extension };
	buf_add(&s.items, str_from(&item, sizeof item));
	read_items(&s);
	if (out->type.n == 0)
		ask_magic(&s, content);
	out->named = inspect_class_of_extension(clean.extension);
	out->declared = inspect_class_of_type(declared);
	take_lists(&s);
	buf_done(&s.entries);
	buf_done(&s.uris);
	buf_done(&s.items);
	buf_done(&s.kept);
}
