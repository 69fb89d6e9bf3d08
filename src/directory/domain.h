/*
 * domain.h: the one form in which names are stored and compared. Domains: lower-case A-labels
 * (RFC 5890; non-transitional UTS #46 processing of U-labels), no final dot.
 */
#pragma once

#include "base/arena.h"

enum { DOMAIN_TEXT_SIZE = 256 };

/* Writes the normal form with a closing NUL. False on what is no domain by the rules of
 * proto/smtp_host.h once its labels are A-labels, and on address literals. */
bool domain_normalize(str domain, char out[static DOMAIN_TEXT_SIZE]) MUST_USE;

/* Takes local@domain apart, as people and configuration write it: quoting undone, its case left
 * alone; *out_local may lie in the arena. False on what is no address, or one whose domain is a
 * literal. */
bool mailbox_split(str address, struct arena *arena, str *out_local,
	char out_domain[static DOMAIN_TEXT_SIZE]) MUST_USE;

/* The text of an address as the store has it: quoted only where it must be. In the arena. */
str mailbox_text(str local, str domain, struct arena *arena);
