/*
 * why_text.h: what a stranger wrote, for a terminal.
 */
#pragma once

#include "base/buf.h"

/* Appends at most `max` bytes of s, made safe. */
void why_text(struct buf *out, str s, size_t max);
