/*
 * attachment.h: names of attachments as a reader's program would use and show them (RFC 2183,
 * 2231), and what is odd about them.
 */
#pragma once

#include "mail/mime.h"

#include "base/arena.h"

enum { ATTACHMENT_NAME_MAX = 1024 };

enum attachment_flag {
	ATTACHMENT_PATH = 1 << 0,      /* the name had folders before it */
	ATTACHMENT_TRAILING = 1 << 1,  /* dots or spaces at its end */
	ATTACHMENT_OVERRIDE = 1 << 2,  /* characters that turn the direction of writing */
	ATTACHMENT_INVISIBLE = 1 << 3, /* control or zero-width characters */
	ATTACHMENT_DOUBLE = 1 << 4,  /* a program behind what looks like a document: "x.pdf.exe" */
	ATTACHMENT_PADDED = 1 << 5,  /* many spaces before the extension */
	ATTACHMENT_LONG = 1 << 6,    /* longer than ATTACHMENT_NAME_MAX */
	ATTACHMENT_DIFFERS = 1 << 7, /* filename and name are not the same */
};

struct attachment_name {
	str name;      /* UTF-8, without what the flags say */
	str extension; /* lower case, without its dot; empty where there is none */
	uint32_t flags;
};

/* The name that its headers give the part: filename, else name. Empty where there is none. */
struct attachment_name attachment_name(struct arena *a, const struct mime_part *p);

/* The same for a name from elsewhere, such as an archive's entry. */
struct attachment_name attachment_name_clean(struct arena *a, str name);
