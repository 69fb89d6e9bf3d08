/*
 * address.h: address lists (RFC 5322 §3.4, with the obsolete syntax of §4.4 and UTF-8 of RFC 6532).
 *
 * Broken input gives the best reading there is, never an error: words before a bare address are its
 * name, a word without "@" is an address with an empty host, several are a name whose address is
 * empty, what is not closed ends with the text.
 */
#pragma once

#include "base/arena.h"

enum { ADDRESS_LIST_MAX = 10000 };

enum address_kind {
	ADDRESS_MAILBOX,
	ADDRESS_GROUP_START, /* only name is set */
	ADDRESS_GROUP_END,
};

/* Quoting, comments and folding are undone; encoded words are left as they are (see word.h). */
struct address {
	enum address_kind kind;
	str name;    /* display name, or else the comment behind the address; empty if neither */
	str adl;     /* obsolete source route, "@a,@b"; empty if none */
	str mailbox; /* local part */
	str host;    /* domain, or domain literal with its brackets; empty if missing */
};

struct address_list {
	struct address *list; /* in the arena */
	size_t n;
	bool truncated; /* there was more than max, or than the arena had room for */
};

/* Reads the value of a From, To, … field. Group starts and ends are always paired, and each counts
 * as one entry. Uses at most 2 * value.n + 72 * entries bytes of the arena. */
struct address_list address_parse(struct arena *a, str value, size_t max);
