/*
 * transfer.h: content transfer encodings undone (RFC 2045 §6), fed in pieces of any size.
 *
 * As tolerant as mail readers are: base64 skips what is not in its alphabet and goes on after
 * padding; in quoted-printable, "=" before anything unexpected stands for itself.
 */
#pragma once

#include "base/buf.h"

enum transfer_encoding {
	TRANSFER_IDENTITY, /* 7bit, 8bit, binary, and every unknown name */
	TRANSFER_BASE64,
	TRANSFER_QUOTED_PRINTABLE,
};

struct transfer {
	enum transfer_encoding encoding;
	uint32_t bits;  /* base64: what has come of the current four characters */
	unsigned count; /* base64: how many have come; quoted-printable: state */
	char held[256]; /* quoted-printable: white space that may be the end of a line */
	size_t held_n;
};

/* From the value of Content-Transfer-Encoding. */
enum transfer_encoding transfer_encoding_from(str name);

void transfer_init(struct transfer *t, enum transfer_encoding encoding);
/* Appends what `in` encodes: never more than in.n + sizeof t->held bytes. */
void transfer_feed(struct transfer *t, str in, struct buf *out);
/* Appends what was held back, at the end of the input. */
void transfer_finish(struct transfer *t, struct buf *out);

/* All at once. */
void transfer_decode(enum transfer_encoding encoding, str in, struct buf *out);
