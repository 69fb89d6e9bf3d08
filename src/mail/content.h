/*
 * content.h: the Content- fields of a part's header (RFC 2045, 2183, 3282, 2557, 1864). Inside of
 * mail/.
 */
#pragma once

#include "mail/mime.h"

/* Sets type, subtype, type_params, encoding, id, description, md5, language, location, disposition
 * and disposition_params from p->header. in_digest: the default type is message/rfc822. A type that
 * cannot be read is text/plain (RFC 2045 §5.2). Of fields that occur twice, the first one counts.
 */
void content_read(struct mime_part *p, bool in_digest);
