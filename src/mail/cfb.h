/*
 * cfb.h: compound files ([MS-CFB]), the file systems in old Office documents, MSI, MSG and macro
 * projects. Read-only, from memory, bounded: chains may be cyclic, sizes and sectors may lie.
 */
#pragma once

#include "base/buf.h"

enum { CFB_ENTRIES_MAX = 4096, CFB_NAME_MAX = 96, CFB_MINI_MAX = 4 * 1024 * 1024 };

enum cfb_kind { CFB_STORAGE = 1, CFB_STREAM = 2, CFB_ROOT = 5 };

struct cfb_entry {
	char name[CFB_NAME_MAX]; /* UTF-8; control characters as they are */
	size_t name_n;
	enum cfb_kind kind;
	str class_id; /* 16 bytes */
	uint32_t start;
	uint64_t size;
};

struct cfb {
	str file;
	size_t sector;         /* bytes */
	struct buf fat;        /* owned: of uint32_t, the sectors that the table is in */
	struct buf directory;  /* owned */
	struct buf mini_table; /* owned */
	struct buf mini;       /* owned: the stream that small ones are in */
	bool damaged;
};

/* False where it is none. What can be read of it is read; cfb_done() either way. */
bool cfb_open(struct cfb *c, str file) MUST_USE;
void cfb_done(struct cfb *c);

/* In the order of the directory: storages and streams alike, without their tree. False at the end.
 */
bool cfb_next(const struct cfb *c, size_t *at, struct cfb_entry *out) MUST_USE;

/* Appends what there is of a stream, up to max bytes. */
void cfb_read(struct cfb *c, const struct cfb_entry *e, size_t max, struct buf *out);
