/*
 * imap_fetch.h: what a FETCH asks for (RFC 3501 §6.4.5; CHANGEDSINCE and MODSEQ RFC 7162).
 */
#pragma once

#include "proto/imap_set.h"

enum { IMAP_MAX_SECTIONS = 128, IMAP_MAX_PART_DEPTH = 100, IMAP_MAX_HEADER_FIELDS = 512 };

/* Items without a section. The macros ALL, FAST and FULL are expanded. */
enum imap_fetch_item {
	IMAP_FETCH_FLAGS = 1,
	IMAP_FETCH_INTERNALDATE = 2,
	IMAP_FETCH_RFC822_SIZE = 4,
	IMAP_FETCH_ENVELOPE = 8,
	IMAP_FETCH_BODY = 16, /* the structure without its extension data */
	IMAP_FETCH_BODYSTRUCTURE = 32,
	IMAP_FETCH_UID = 64,
	IMAP_FETCH_MODSEQ = 128,
};

/* How the client named a section, which is how the response has to name it. */
enum imap_section_style {
	IMAP_SECTION_STYLE_BODY,          /* BODY[…] and BODY.PEEK[…] */
	IMAP_SECTION_STYLE_RFC822,        /* = BODY[] */
	IMAP_SECTION_STYLE_RFC822_HEADER, /* = BODY.PEEK[HEADER] */
	IMAP_SECTION_STYLE_RFC822_TEXT,   /* = BODY[TEXT] */
};

enum imap_section_text {
	IMAP_SECTION_ALL, /* nothing: the whole message, or the part's body */
	IMAP_SECTION_HEADER,
	IMAP_SECTION_HEADER_FIELDS,
	IMAP_SECTION_HEADER_FIELDS_NOT,
	IMAP_SECTION_TEXT,
	IMAP_SECTION_MIME, /* only with a part */
};

struct imap_section {
	enum imap_section_style style;
	enum imap_section_text text;
	bool peek;            /* does not set \Seen */
	const uint32_t *part; /* part numbers from the outside in; none is the message itself */
	size_t part_count;
	const str *fields; /* of the two HEADER_FIELDS kinds; as sent, any case */
	size_t field_count;
	bool partial;            /* <offset.length> */
	uint64_t offset, length; /* length > 0 */
};

struct imap_fetch {
	struct imap_set set;
	unsigned items; /* enum imap_fetch_item */
	const struct imap_section *sections;
	size_t section_count;
	bool has_changed_since; /* then items includes MODSEQ */
	uint64_t changed_since;
};

/* The name in a FETCH response: "BODY[1.HEADER.FIELDS (From To)]<0>", "RFC822.TEXT". Field names
 * that are not atoms come out quoted or as literals. */
void imap_section_format(struct buf *b, const struct imap_section *section);
