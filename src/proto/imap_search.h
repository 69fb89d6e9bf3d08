/*
 * imap_search.h: a SEARCH program (RFC 3501 §6.4.4; RETURN RFC 4731; MODSEQ RFC 7162) as a flat
 * tree, and its evaluation.
 *
 * The keys stand in prefix order: AND, OR and NOT are followed by their operands. `size` counts a
 * key with all its operands, so keys[i + keys[i].size] is its next sibling. keys[0] is always an
 * AND over what the client wrote.
 */
#pragma once

#include "proto/imap_set.h"

enum { IMAP_SEARCH_MAX_KEYS = 1000, IMAP_SEARCH_MAX_DEPTH = 64 };

enum imap_search_kind {
	IMAP_SEARCH_AND,   /* any number of operands, also none (true) */
	IMAP_SEARCH_OR,    /* two */
	IMAP_SEARCH_NOT,   /* one */
	IMAP_SEARCH_ALL,   /* from here on: leaves */
	IMAP_SEARCH_FLAGS, /* .flags: (message's & mask) == value; ANSWERED … UNSEEN, NEW, OLD */
	IMAP_SEARCH_KEYWORD,  /* .keyword */
	IMAP_SEARCH_SEQUENCE, /* .set, of message numbers */
	IMAP_SEARCH_UID,      /* .set, of UIDs */
	IMAP_SEARCH_HEADER, /* .header; FROM x is HEADER From x, SUBJECT x is HEADER Subject x … */
	IMAP_SEARCH_BODY,   /* .text, in the bodies of the parts */
	IMAP_SEARCH_TEXT,   /* .text, in header and body */
	IMAP_SEARCH_DATE,   /* .date */
	IMAP_SEARCH_LARGER,  /* .number, bytes */
	IMAP_SEARCH_SMALLER, /* .number, bytes */
	IMAP_SEARCH_MODSEQ,  /* .number: modseq >= it */
};

struct imap_search_key {
	enum imap_search_kind kind;
	uint16_t size; /* keys, this one included */
	union {
		struct {
			unsigned mask, value; /* enum imap_flag */
		} flags;
		struct {
			str name;
			bool set; /* false: UNKEYWORD */
		} keyword;
		struct imap_set set; /* as written: resolve before evaluating */
		struct {
			str field; /* as the client wrote it, or From, To, Cc, Bcc, Subject */
			str text;  /* UTF-8; empty: the field exists */
		} header;
		str text; /* UTF-8 */
		struct {
			int order;   /* -1 before, 0 on, 1 since (the same day or later) */
			bool sent;   /* of the Date field, not the internal date */
			int32_t day; /* since 1970-01-01 */
		} date;
		uint64_t number;
	};
};

enum imap_search_return {
	IMAP_RETURN_MIN = 1,
	IMAP_RETURN_MAX = 2,
	IMAP_RETURN_ALL = 4,
	IMAP_RETURN_COUNT = 8,
};

struct imap_search {
	struct imap_search_key *keys;
	size_t key_count;
	bool extended;    /* had RETURN: answer with ESEARCH */
	unsigned returns; /* enum imap_search_return; RETURN () is ALL */
	bool has_modseq;  /* a MODSEQ key: the answer carries the highest modseq found */
};

/* Says whether a message meets a leaf: 1 or 0, or a negative errno that ends the evaluation. */
typedef int imap_search_leaf(void *context, const struct imap_search_key *leaf);

/* Evaluates from left to right and only as far as needed: 1, 0 or the errno. No recursion. */
int imap_search_match(const struct imap_search *search, imap_search_leaf *leaf, void *context);
