/*
 * uri_host.h: the host of a URI as browsers read it (WHATWG URL §3). Inside of mail/.
 */
#pragma once

#include "mail/uri.h"

#include "base/buf.h"

/* Appends s without what is not seen, full-width characters and ideographic dots as ASCII; adds to
 * *flags what was found. */
void uri_unmask(struct buf *out, str s, uint32_t *flags);

/* Appends with percent-encoding undone, once; true where there was any. */
bool uri_percent_decode(struct buf *out, str s);

/* The host in its one form, at most URI_HOST_MAX bytes, written to out; the flags say what it is.
 * False where nothing is left of it. */
bool uri_host(struct buf *out, str host, uint32_t *flags);

/* Is the last label of the name a usual top-level domain? Strict: and no file name's ending. */
bool uri_known_tld(str host, bool strict);

/* Appends s with "[.]", "(dot)" and the like as dots. */
void uri_defang(struct buf *out, str s, uint32_t *flags);

/* True for a scheme of the web as it is written, "hxxp" included. */
bool uri_is_web_scheme(str s);
