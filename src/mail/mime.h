/*
 * mime.h: the tree of a message's parts (RFC 2045, 2046, 5322), read in one pass, without copying.
 *
 * Any bytes are accepted, and every message has at least one part. All slices point into the
 * message, which has to stay; only defaults ("text", "plain") are static.
 *
 * A multipart in which no part is found gets one of type text/plain without a header: its whole
 * body, or an empty one where it holds nothing but a closing delimiter.
 *
 * The body of message/rfc822 and message/global is a message, whose part is the only child.
 *
 * A delimiter line is "--", the boundary, perhaps "--", perhaps white space, and nothing else. It
 * ends all parts inside of its multipart. The line end before it belongs to it.
 *
 * At the limit of depth, what would have parts becomes a leaf of type application/octet-stream. At
 * the limit of parts the last one goes on to the end of the message.
 *
 * Time is linear in the message's size, memory in the number of parts.
 */
#pragma once

#include "base/str.h"

#define MIME_NONE UINT32_MAX

enum { MIME_DEPTH_MAX = 64, MIME_PARTS_MAX = 10000 };

enum mime_kind {
	MIME_LEAF,
	MIME_MULTIPART, /* has one child or more */
	MIME_MESSAGE,   /* has exactly one child: the message in its body */
};

struct mime_part {
	enum mime_kind kind;
	uint32_t parent, first_child, last_child, next; /* indices into parts[], or MIME_NONE */
	uint32_t number;                                /* among its siblings, from 1 */
	uint32_t depth;                                 /* 0 for the message itself */
	str header;        /* with the closing empty line, where there is one */
	str body;          /* still encoded; body.n are the octets that IMAP speaks of */
	size_t lines;      /* line feeds in the body */
	str type, subtype; /* what the part is treated as; never empty; case as written */
	str type_params;   /* for param.h; empty if none */
	/* Values as written (perhaps folded), white space at the ends removed; p is NULL if absent.
	 */
	str encoding; /* the token only, without comments */
	str id, description, md5, language, location;
	str disposition;        /* the token only */
	str disposition_params; /* for param.h; empty if none */
};

struct mime_tree {
	str message;
	struct mime_part *parts; /* owned; parents before children, in the order of the message */
	uint32_t n;
	bool truncated; /* a limit was reached */
};

struct mime_limits {
	uint32_t depth, parts; /* depth at most MIME_DEPTH_MAX; parts at least 1 */
};
#define MIME_LIMITS ((struct mime_limits){ MIME_DEPTH_MAX, MIME_PARTS_MAX })

void mime_parse(str message, struct mime_limits limits, struct mime_tree *out);
void mime_done(struct mime_tree *t);

/* ASCII case ignored; an empty subtype stands for any. */
bool mime_is(const struct mime_part *p, str type, str subtype);
