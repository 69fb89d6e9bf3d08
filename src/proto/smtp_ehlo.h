/*
 * smtp_ehlo.h: the service extensions, and the EHLO/LHLO reply that announces them (RFC 5321
 * §4.1.1.1). The same set of bits tells smtp_command_parse() which parameters are known.
 */
#pragma once

#include "base/buf.h"

enum smtp_extension_index {
#define SMTP_EXTENSION(id, keyword) SMTP_EXTENSION_INDEX_##id,
#include "proto/smtp_extension.def"
#undef SMTP_EXTENSION
	SMTP_EXTENSION_COUNT
};

enum smtp_extension {
#define SMTP_EXTENSION(id, keyword) SMTP_EXT_##id = 1 << SMTP_EXTENSION_INDEX_##id,
#include "proto/smtp_extension.def"
#undef SMTP_EXTENSION
};

struct smtp_ehlo {
	str hostname; /* ours */
	str greeting; /* behind the host name, e.g. "greets client.example"; may be empty and may
			 quote the peer: it is sanitised as reply text is */
	unsigned extensions; /* SMTP_EXT_ bits */
	uint64_t size;       /* SIZE; 0 announces no maximum */
	str auth; /* AUTH mechanisms, separated by blanks; AUTH is left out where empty */
	unsigned limit_rcpt; /* LIMITS RCPTMAX=; 0 leaves it out */
	unsigned limit_mail; /* LIMITS MAILMAX=; 0 leaves it out */
};

/* Appends the whole 250 reply; LIMITS without any limit is left out. */
void smtp_ehlo_format(const struct smtp_ehlo *ehlo, struct buf *out);
