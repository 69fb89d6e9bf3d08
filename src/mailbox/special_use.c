#include "mailbox/special_use.h"

static const unsigned bits_of_uses[SPECIAL_USE_COUNT] = {
	[SPECIAL_USE_NONE] = 0,
	[SPECIAL_USE_ARCHIVE] = IMAP_USE_ARCHIVE,
	[SPECIAL_USE_DRAFTS] = IMAP_USE_DRAFTS,
	[SPECIAL_USE_JUNK] = IMAP_USE_JUNK,
	[SPECIAL_USE_SENT] = IMAP_USE_SENT,
	[SPECIAL_USE_TRASH] = IMAP_USE_TRASH,
	[SPECIAL_USE_ALL] = IMAP_USE_ALL,
	[SPECIAL_USE_FLAGGED] = IMAP_USE_FLAGGED,
};

bool special_use_of(unsigned bits, enum account_special_use *out)
{
	for (size_t i = 0; i < ARRAY_LEN(bits_of_uses); i++) {
		if (bits_of_uses[i] != bits)
			continue;
		*out = (enum account_special_use)i;
		return true;
	}
	return false;
}

unsigned special_use_bit(enum account_special_use use)
{
	return bits_of_uses[use];
}
