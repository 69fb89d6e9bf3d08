#include "proto/imap_flags.h"

#include "proto/imap_bits.h"
#include "proto/imap_lex.h"

const struct imap_bit_name imap_flag_table[] = {
	{ "\\Answered", IMAP_FLAG_ANSWERED },
	{ "\\Flagged", IMAP_FLAG_FLAGGED },
	{ "\\Deleted", IMAP_FLAG_DELETED },
	{ "\\Seen", IMAP_FLAG_SEEN },
	{ "\\Draft", IMAP_FLAG_DRAFT },
	{ "\\Recent", IMAP_FLAG_RECENT },
	{ NULL, 0 },
};

const struct imap_bit_name imap_special_use_table[] = {
	{ "\\All", IMAP_USE_ALL },
	{ "\\Archive", IMAP_USE_ARCHIVE },
	{ "\\Drafts", IMAP_USE_DRAFTS },
	{ "\\Flagged", IMAP_USE_FLAGGED },
	{ "\\Junk", IMAP_USE_JUNK },
	{ "\\Sent", IMAP_USE_SENT },
	{ "\\Trash", IMAP_USE_TRASH },
	{ "\\Important", IMAP_USE_IMPORTANT },
	{ NULL, 0 },
};

const struct imap_bit_name imap_attribute_table[] = {
	{ "\\Noselect", IMAP_MAILBOX_NOSELECT },
	{ "\\NoInferiors", IMAP_MAILBOX_NOINFERIORS },
	{ "\\Marked", IMAP_MAILBOX_MARKED },
	{ "\\Unmarked", IMAP_MAILBOX_UNMARKED },
	{ "\\HasChildren", IMAP_MAILBOX_HASCHILDREN },
	{ "\\HasNoChildren", IMAP_MAILBOX_HASNOCHILDREN },
	{ "\\NonExistent", IMAP_MAILBOX_NONEXISTENT },
	{ "\\Subscribed", IMAP_MAILBOX_SUBSCRIBED },
	{ NULL, 0 },
};

const struct imap_bit_name imap_status_item_names[] = {
	{ "MESSAGES", IMAP_STATUS_MESSAGES },
	{ "RECENT", IMAP_STATUS_RECENT },
	{ "UIDNEXT", IMAP_STATUS_UIDNEXT },
	{ "UIDVALIDITY", IMAP_STATUS_UIDVALIDITY },
	{ "UNSEEN", IMAP_STATUS_UNSEEN },
	{ "DELETED", IMAP_STATUS_DELETED },
	{ "SIZE", IMAP_STATUS_SIZE },
	{ "HIGHESTMODSEQ", IMAP_STATUS_HIGHESTMODSEQ },
	{ NULL, 0 },
};

unsigned imap_bits_find(const struct imap_bit_name *table, str name)
{
	for (; table->name; table++)
		if (str_equal_nocase(str_from_z(table->name), name))
			return table->bit;
	return 0;
}

void imap_bits_names(
	struct buf *b, const struct imap_bit_name *table, unsigned bits, bool *separate)
{
	for (; table->name; table++) {
		if (!(bits & table->bit))
			continue;
		if (*separate)
			buf_add_char(b, ' ');
		buf_add(b, str_from_z(table->name));
		*separate = true;
	}
}

unsigned imap_flag_find(str name)
{
	return imap_bits_find(imap_flag_table, name);
}

unsigned imap_special_use_find(str name)
{
	return imap_bits_find(imap_special_use_table, name);
}

bool imap_keyword_valid(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!imap_is_atom_char(s.p[i]))
			return false;
	return s.n > 0 && s.n <= IMAP_MAX_KEYWORD_SIZE;
}
