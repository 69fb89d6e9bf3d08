/*
 * smtp_syntax.h: what is wrong with a command or an address, as a value that says where, and why in
 * words fit for a reply.
 */
#pragma once

#include "base/str.h"

enum smtp_syntax_kind {
#define SMTP_SYNTAX(id, code, klass, subject, detail) SMTP_SYNTAX_##id,
#include "proto/smtp_syntax.def"
#undef SMTP_SYNTAX
};

struct smtp_syntax {
	enum smtp_syntax_kind kind; /* SMTP_SYNTAX_OK (0) where nothing is wrong */
	size_t at;                  /* offset in the line, or in the address parsed alone */
	const char *why;            /* a constant ASCII sentence without a full stop; NULL for OK */
};

/* Fills *out and returns false, so that a failure can be one line. */
static inline bool smtp_syntax_fail(
	struct smtp_syntax *out, enum smtp_syntax_kind kind, size_t at, const char *why)
{
	*out = (struct smtp_syntax){ kind, at, why };
	return false;
}
