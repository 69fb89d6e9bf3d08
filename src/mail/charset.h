/*
 * charset.h: text in any charset to UTF-8.
 *
 * The result is always valid UTF-8. Where the charset is unknown, missing or US-ASCII, sequences
 * that are valid UTF-8 are taken as such, and other bytes as windows-1252. Labels mean what mail
 * readers take them for: ISO-8859-1 is windows-1252, GB2312 is GB18030, and so on (WHATWG
 * Encoding).
 */
#pragma once

#include "base/buf.h"

struct charset; /* the converter of one text */

/* Never NULL. `name` as in a charset parameter. */
struct charset *charset_new(str name) MUST_USE;
void charset_free(struct charset *c);
void charset_free_pointer(struct charset **c); /* for CLEANUP() */

/* Appends the text so far; characters may be split over pieces. */
void charset_feed(struct charset *c, str in, struct buf *out);
/* Appends what is left at the end of the text; the converter can then be used for another. */
void charset_finish(struct charset *c, struct buf *out);

/* All at once. */
void charset_to_utf8(str name, str in, struct buf *out);
