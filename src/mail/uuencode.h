/*
 * uuencode.h: files that stand uuencoded in a text (POSIX uuencode). Inside of mail/.
 */
#pragma once

#include "base/buf.h"

struct uuencoded {
	str name;
	str lines; /* between "begin" and "end" */
};

/* The next "begin MODE NAME" … "end" in *rest, which is moved behind it. Without an "end", the
 * lines go on as long as they are such. */
bool uuencode_find(str *rest, struct uuencoded *out);

/* Appends what the lines encode: at most three quarters of them. */
void uuencode_decode(str lines, struct buf *out);
