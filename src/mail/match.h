/*
 * match.h: substring search for IMAP SEARCH (RFC 3501 §6.4.4), in text as people read it: encoded
 * words, transfer encodings and charsets undone, without regard to case (Unicode simple case
 * folding).
 *
 * Bodies are searched in pieces; memory does not grow with the message.
 */
#pragma once

#include "base/buf.h"
#include "mail/mime.h"

enum { MATCH_NEEDLE_MAX = 4096 };

struct match; /* a needle, ready for any number of messages */

/* The needle is UTF-8; an empty one is found everywhere. NULL where it is not valid UTF-8 or longer
 * than MATCH_NEEDLE_MAX. */
struct match *match_new(str needle) MUST_USE;
void match_free(struct match *m);

/* In text that is UTF-8 already. */
bool match_in_text(struct match *m, str text);

/* HEADER: in any field of that name; an empty needle asks whether there is one. Also FROM, TO, CC,
 * BCC and SUBJECT. `header` is a header block or a whole message. */
bool match_in_field(struct match *m, str header, str name);

/* In any field, name included. */
bool match_in_header(struct match *m, str header);

/* BODY: in text/ parts, and in the header of every part but the message's own. TEXT is this or
 * match_in_header(). */
bool match_in_body(struct match *m, const struct mime_tree *tree);
