/*
 * imap_bits.h: sets of names on the wire as bits in memory, for this directory only.
 */
#pragma once

#include "base/buf.h"

struct imap_bit_name {
	const char *name; /* NULL ends a table */
	unsigned bit;
};

/* The bit (or bits) of a name in any case, or 0. */
unsigned imap_bits_find(const struct imap_bit_name *table, str name);

/* The names of the bits that are set, separated by spaces. *separate says whether a space has to
 * go before the first one, and is true after something was written. */
void imap_bits_names(
	struct buf *b, const struct imap_bit_name *table, unsigned bits, bool *separate);

extern const struct imap_bit_name imap_flag_table[];        /* enum imap_flag */
extern const struct imap_bit_name imap_special_use_table[]; /* enum imap_special_use */
extern const struct imap_bit_name imap_attribute_table[];   /* enum imap_mailbox_attribute */
extern const struct imap_bit_name imap_status_item_names[]; /* enum imap_status_item */
