/*
 * special_use.h: special uses (RFC 6154) on the wire and in the store.
 */
#pragma once

#include "proto/imap_flags.h"
#include "store/account.h"

/* At most one bit of enum imap_special_use: false for more, and for uses that the store does not
 * know. */
bool special_use_of(unsigned bits, enum account_special_use *out) MUST_USE;
unsigned special_use_bit(enum account_special_use use);
