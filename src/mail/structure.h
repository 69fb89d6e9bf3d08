/*
 * structure.h: ENVELOPE, BODY and BODYSTRUCTURE as IMAP sends them (RFC 3501 and RFC 9051 §7.5.2),
 * from the opening parenthesis to the closing one, without the item's name.
 *
 * The output is valid IMAP whatever the message is: strings are quoted, or literals where they hold
 * bytes above 127; values are unfolded, control characters that no string may hold are dropped, and
 * a value is cut at STRUCTURE_VALUE_MAX bytes. Encoded words and RFC 2231 parameters are the
 * client's to decode. Where the buffer's maximum is reached it is overflowed, and its contents are
 * of no use.
 */
#pragma once

#include "base/buf.h"
#include "mail/mime.h"

enum {
	STRUCTURE_VALUE_MAX = 4096,          /* bytes of one string before quoting */
	STRUCTURE_LIST_MAX = 64 * 1024,      /* bytes after which an address list ends */
	STRUCTURE_ENVELOPE_MAX = 768 * 1024, /* no envelope is larger */
};

/* `header` is a header block or a whole message. An address field that occurs more than once counts
 * as one list; of other fields the first one counts. */
void mail_envelope_format(struct buf *b, str header);

/* BODY, or with `extended` BODYSTRUCTURE. */
void mail_bodystructure_format(struct buf *b, const struct mime_tree *tree, bool extended);
