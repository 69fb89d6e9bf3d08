/*
 * imap_flags.h: message flags, special-use attributes (RFC 6154), mailbox attributes: names on the
 * wire and bits in memory.
 */
#pragma once

#include "base/buf.h"

enum imap_flag {
	IMAP_FLAG_SEEN = 1,
	IMAP_FLAG_ANSWERED = 2,
	IMAP_FLAG_FLAGGED = 4,
	IMAP_FLAG_DELETED = 8,
	IMAP_FLAG_DRAFT = 16,
	IMAP_FLAG_RECENT = 32, /* the session's own; a client cannot set it */
	IMAP_FLAGS_SETTABLE = 31,
};

enum { IMAP_MAX_KEYWORDS = 128, IMAP_MAX_KEYWORD_SIZE = 128 };

/* What a client names in STORE or APPEND: each keyword once, regardless of case. */
struct imap_flags {
	unsigned system;     /* enum imap_flag */
	const str *keywords; /* valid atoms, without a backslash */
	size_t keyword_count;
};

enum imap_special_use {
	IMAP_USE_ALL = 1,
	IMAP_USE_ARCHIVE = 2,
	IMAP_USE_DRAFTS = 4,
	IMAP_USE_FLAGGED = 8,
	IMAP_USE_JUNK = 16,
	IMAP_USE_SENT = 32,
	IMAP_USE_TRASH = 64,
	IMAP_USE_IMPORTANT = 128, /* RFC 8457 */
};

enum imap_mailbox_attribute {
	IMAP_MAILBOX_NOSELECT = 1,
	IMAP_MAILBOX_NOINFERIORS = 2,
	IMAP_MAILBOX_MARKED = 4,
	IMAP_MAILBOX_UNMARKED = 8,
	IMAP_MAILBOX_HASCHILDREN = 16, /* RFC 3348 */
	IMAP_MAILBOX_HASNOCHILDREN = 32,
	IMAP_MAILBOX_NONEXISTENT = 64, /* RFC 5258 */
	IMAP_MAILBOX_SUBSCRIBED = 128,
};

/* The bit of a name with its backslash, in any case ("\seen"); 0 if it is none. */
unsigned imap_flag_find(str name);
unsigned imap_special_use_find(str name);

/* True if s can be a keyword: an atom of at most IMAP_MAX_KEYWORD_SIZE bytes. */
bool imap_keyword_valid(str s);
