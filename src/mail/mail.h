/*
 * mail.h: a message as checks see it, read once: header, part tree, texts with what hides in them,
 * URIs with where they stand, attachments, and its shape.
 *
 * Any bytes give a result. Nothing is copied that needs no decoding: slices lie in the message or
 * in the arena, and both have to stay. All is bounded, by the limits below and by the arena; where
 * something was left out, `truncated` is set. Time is linear in the message's size.
 *
 * Attachments are decoded when they are asked for. Reads nothing but the message, takes no locks,
 * and needs 16 KiB of stack.
 */
#pragma once

#include "mail/address.h"
#include "mail/attachment.h"
#include "mail/date.h"
#include "mail/guess.h"
#include "mail/header.h"
#include "mail/html.h"
#include "mail/mime.h"
#include "mail/uri.h"

enum {
	MAIL_TEXTS_MAX = 100,
	MAIL_TEXT_MAX = 2 * 1024 * 1024,       /* of one text, decoded */
	MAIL_TEXT_TOTAL_MAX = 8 * 1024 * 1024, /* of all */
	MAIL_ATTACHMENTS_MAX = 1000,
	MAIL_FIELD_MAX = 64 * 1024, /* what of a header field is read */
	MAIL_ADDRESSES_MAX = 1000,  /* of one field */
	MAIL_CHARSETS_MAX = 16,
};

/* Room for what is made of a message of that size. */
#define MAIL_ARENA_MAX(message_size) ((message_size)*4 + 64 * 1024 * 1024)

struct mail_text {
	uint32_t part;
	bool attached; /* stands in an attachment */
	bool html;
	str visible;                 /* UTF-8; of plain text all of it */
	str invisible;               /* of HTML what it hides */
	str source;                  /* UTF-8, with tags */
	const struct html *document; /* NULL for plain text */
	struct guess charset;
};

struct mail_attachment {
	uint32_t part;
	struct attachment_name name;
	str declared;  /* "type/subtype" in lower case */
	bool inlined;  /* has a Content-ID or says that it is inline */
	str uuencoded; /* between "begin" and "end" in a text; p is NULL where it is a part */
};

enum mail_defect {
	MAIL_STRAY_LINE = 1 << 0, /* a line in the header that is no field */
	MAIL_NUL = 1 << 1,
	MAIL_BARE_CR = 1 << 2, /* in the header */
	MAIL_EIGHT_BIT_HEADER = 1 << 3,
	MAIL_REPEATED_FIELD = 1 << 4, /* one that may stand only once */
	MAIL_NO_FROM = 1 << 5,
	MAIL_NO_DATE = 1 << 6,     /* or one that cannot be read */
	MAIL_NO_BOUNDARY = 1 << 7, /* a multipart without, or without parts */
	MAIL_ODD_ENCODING =
		1 << 8, /* an unknown transfer encoding; any but identity for a multipart */
	MAIL_WRONG_CHARSET = 1 << 9,
	MAIL_LONG_LINE = 1 << 10,  /* more than 998 octets */
	MAIL_NO_CLOSING = 1 << 11, /* header without an empty line */
};

struct mail_shape {
	uint32_t parts, depth, multiparts, messages, plain, html, images, attachments;
	uint32_t base64, quoted_printable, eight_bit; /* leaves by encoding */
	size_t plain_length, html_length;             /* of texts, decoded; HTML with its tags */
	size_t visible_length, invisible_length;
	str charsets[MAIL_CHARSETS_MAX]; /* different ones, as labelled */
	size_t charsets_n;
	uint32_t defects; /* enum mail_defect */
};

struct mail {
	str message;
	struct arena *arena;
	struct mime_tree tree; /* owned */
	str *decoded;          /* by part: what mail_decoded() gave; p is NULL before */
	str subject;           /* decoded, in one line */
	str message_id;        /* with its brackets */
	struct address_list from, sender, reply_to, to,
		cc; /* names with encoded words as written */
	bool has_date;
	struct mail_date date;
	struct mail_text *texts; /* in the arena */
	size_t texts_n;
	struct mail_attachment *attachments; /* in the arena */
	size_t attachments_n, attachments_room;
	struct uri_set uris; /* owned */
	struct mail_shape shape;
	bool truncated;
};

void mail_read(struct arena *a, str message, struct mail *out);
void mail_done(struct mail *m);

/* The first field with that name in the message's own header. */
bool mail_header(const struct mail *m, str name, struct header_field *out);

/* A value as people read it, in UTF-8: in the arena; empty where there is no room. */
str mail_decode_value(struct mail *m, str value);

/* What a leaf holds without its transfer encoding; decoded once. */
str mail_decoded(struct mail *m, uint32_t part);
/* What an attachment holds. */
str mail_attachment_content(struct mail *m, const struct mail_attachment *a);
