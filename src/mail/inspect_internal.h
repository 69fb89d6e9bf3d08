/*
 * inspect_internal.h: between the files of inspect. Inside of mail/.
 *
 * What was found is put into a queue of items: the attachment, and what its archives hold that is
 * worth a look inside. Each item is one pass: its type, then the reader of that type, which may add
 * entries, items, URIs and flags. Nothing recurses.
 */
#pragma once

#include "mail/attachment.h"
#include "mail/inspect.h"

#include "base/buf.h"

#include <locale.h>
#include <magic.h>
#include <pthread.h>

enum {
	INSPECT_HEAD = 4096, /* of an entry, what its type is told by */
};

struct inspector {
	magic_t magic;
	pthread_mutex_t lock; /* libmagic's state is one thread's at a time */
	locale_t utf8;        /* (locale_t)0 where there is none */
};

struct inspect_type {
	const char *type; /* NULL: unknown */
	enum inspect_class class;
};

struct inspect_item {
	str content;
	char *owned;    /* NULL for the attachment and for slices of others, which stay */
	uint32_t entry; /* from 1; 0: the attachment */
	uint32_t depth; /* archives around it */
	str extension;
	struct inspect_type type;
	uint32_t flags;
	bool streamed; /* a ZIP that is read without its directory */
};

struct inspect_scan {
	struct inspector *inspector;
	struct arena *arena;
	struct inspection *out;
	str name;           /* of the attachment */
	uint64_t left;      /* bytes that may still be unpacked */
	struct buf entries; /* of struct inspect_entry */
	struct buf uris;    /* of str */
	struct buf items;   /* of struct inspect_item: a queue */
	struct buf kept;    /* of char *: bytes that slices of later items lie in */
};

/* ── inspect.c ── */

/* NULL, and the item is truncated, beyond the limits. It stays until the next one. */
struct inspect_entry *inspect_add_entry(
	struct inspect_scan *s, struct inspect_item *in, str path, bool sized, uint64_t size);
uint32_t inspect_entry_index(const struct inspect_scan *s); /* of the last one, from 1 */

/* Its head is known: type and class. True where its whole content is worth a look. */
bool inspect_entry_head(struct inspect_scan *s, struct inspect_item *in, str head);

/* The last entry's content, for a later pass. `owned` is freed. */
void inspect_add_item(struct inspect_scan *s, struct inspect_item *in, str content, char *owned);

void inspect_add_uri(struct inspect_scan *s, struct inspect_item *in, str uri);

/* Takes n bytes from what may be unpacked; false, and truncated, where there are not so many. */
bool inspect_spend(struct inspect_scan *s, struct inspect_item *in, uint64_t n);

/* Sets the type; only literals. */
void inspect_set_type(struct inspect_item *item, const char *type, enum inspect_class class);

static inline bool inspect_is(const struct inspect_item *item, const char *type)
{
	return item->type.type && strcmp(item->type.type, type) == 0;
}

/* ── inspect_type.c ── */

/* By the first bytes, without libmagic. `whole` where these are all, so that the end counts. */
struct inspect_type inspect_type_of(str content, bool whole);
/* Text whose extension makes a program of it. */
struct inspect_type inspect_type_named(struct inspect_type type, str extension);
bool inspect_is_text(str content);

/* ── Readers ── */
void inspect_archive(struct inspect_scan *s, struct inspect_item *item);    /* libarchive */
void inspect_compressed(struct inspect_scan *s, struct inspect_item *item); /* one stream */
void inspect_sevenzip(struct inspect_scan *s, struct inspect_item *item);
void inspect_tar(struct inspect_scan *s, struct inspect_item *item);
void inspect_iso(struct inspect_scan *s, struct inspect_item *item);
void inspect_ole(struct inspect_scan *s, struct inspect_item *item);
void inspect_rtf(struct inspect_scan *s, struct inspect_item *item);
void inspect_onenote(struct inspect_scan *s, struct inspect_item *item);
void inspect_tnef(struct inspect_scan *s, struct inspect_item *item);
void inspect_pdf(struct inspect_scan *s, struct inspect_item *item);
void inspect_markup(struct inspect_scan *s, struct inspect_item *item); /* HTML, SVG */

/* True where libarchive knows all that is asked of it, without programs. */
bool inspect_archive_works(void);

/* What a ZIP is by its entries' names, and what it holds that is active. */
struct inspect_package {
	uint32_t seen;    /* P_… of inspect_package.c */
	uint32_t flags;   /* enum inspect_flag, if it is a document */
	const char *type; /* as it says itself */
};
void inspect_package_name(struct inspect_package *p, struct inspect_item *item, str path);
/* An entry whose text is to be read for the package's sake. */
bool inspect_package_wants(const struct inspect_package *p, str path);
void inspect_package_part(struct inspect_scan *s, struct inspect_item *item,
	struct inspect_package *p, str path, str text);
void inspect_package_end(struct inspect_package *p, struct inspect_item *item);

/* Little-endian, bounds checked: 0 beyond the end. */
uint16_t inspect_le16(str s, size_t at);
uint32_t inspect_le32(str s, size_t at);
uint64_t inspect_le64(str s, size_t at);
/* Appends UTF-16 up to its NUL, and takes it off *s. False where there is no NUL. */
bool inspect_utf16(str *s, struct buf *out);
