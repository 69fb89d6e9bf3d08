/*
 * imap_format.h: what the server writes (RFC 3501 §7 and §9).
 *
 * Whatever bytes come in, each function writes exactly the syntax element it is named for: no
 * value can end a line or a string early. Overflow shows in the struct buf.
 */
#pragma once

#include "base/buf.h"
#include "proto/imap_command.h"

/* A quoted string where that is possible (7-bit, no CR or LF, at most 512 bytes), or a literal. A
 * NUL, which neither can hold, is written as "?". */
void imap_format_string(struct buf *b, str s);
/* The same, or NIL for s.p == NULL. */
void imap_format_nstring(struct buf *b, str s);
/* An atom where s is one (and is not NIL), or as imap_format_string. */
void imap_format_astring(struct buf *b, str s);
/* "{n}" and CRLF; the caller sends exactly n bytes after it. */
void imap_format_literal_head(struct buf *b, uint64_t n);

/* A UTF-8 mailbox name, in modified UTF-7, quoted. Bytes that are not UTF-8 become "?". */
void imap_format_mailbox(struct buf *b, str name);

/* "(\Seen $Forwarded)"; keywords that are not valid are left out. */
void imap_format_flags(struct buf *b, unsigned flags, const str *keywords, size_t keyword_count);

/* ---- Whole lines, with their CRLF ---- */

enum imap_status { IMAP_OK, IMAP_NO, IMAP_BAD, IMAP_PREAUTH, IMAP_BYE };

/*
 * A status response: "tag OK [code] text"; an empty tag gives "*", an empty code no brackets. In
 * text, controls and 8-bit bytes become "?" (an empty text becomes "Done"); a code that holds "]"
 * or such bytes is left out whole.
 */
void imap_format_reply(struct buf *b, str tag, enum imap_status status, str code, str text);
void imap_format_reply_printf(struct buf *b, str tag, enum imap_status status, str code,
	const char *format, ...) PRINTF(5, 6);

/* The reply to a command that imap_command_parse() refused, with what was expected and where. Not
 * for IMAP_ERROR_LITERAL. */
void imap_format_error(struct buf *b, const struct imap_error *error);

/* "+ text". */
void imap_format_continue(struct buf *b, str text);

/* "* 172 EXISTS" and the like: EXISTS, RECENT, EXPUNGE. */
void imap_format_number(struct buf *b, uint32_t number, str name);

/* "* LIST (\HasNoChildren) "/" name"; `response` is LIST or LSUB; delimiter 0 is NIL. */
void imap_format_list(struct buf *b, str response, unsigned attributes, unsigned special_use,
	char delimiter, str mailbox);

struct imap_status_values {
	uint64_t messages, recent, uidnext, uidvalidity, unseen, deleted, size, highestmodseq;
};

/* "* STATUS name (MESSAGES 17 …)" with the items asked for (enum imap_status_item). */
void imap_format_status(
	struct buf *b, str mailbox, unsigned items, const struct imap_status_values *values);

/* "* FLAGS (…)", with the five system flags and the mailbox's keywords. */
void imap_format_flags_response(struct buf *b, const str *keywords, size_t keyword_count);

/* The found numbers or UIDs, ascending. modseq is the highest of them, written if not 0. */
void imap_format_search(struct buf *b, const uint32_t *found, size_t count, uint64_t modseq);
/* RFC 4731; returns is enum imap_search_return. */
void imap_format_esearch(struct buf *b, str tag, bool uid, unsigned returns, const uint32_t *found,
	size_t count, uint64_t modseq);

/* ---- Response codes with arguments, for the `code` above ---- */

/* "PERMANENTFLAGS (\Seen … kw \*)": `more` adds \*, new keywords can be made. */
void imap_code_permanentflags(
	struct buf *b, unsigned flags, const str *keywords, size_t keyword_count, bool more);
/* "APPENDUID validity uids" (RFC 4315); uids ascending. */
void imap_code_appenduid(struct buf *b, uint32_t uidvalidity, const uint32_t *uids, size_t count);
/* "COPYUID validity from to"; pairs in the order given. count > 0. */
void imap_code_copyuid(struct buf *b, uint32_t uidvalidity, const uint32_t *from,
	const uint32_t *to, size_t count);
/* "MODIFIED set" (RFC 7162). count > 0. */
void imap_code_modified(struct buf *b, const uint32_t *numbers, size_t count);
/* "UIDNEXT 17" and every other code of one number. */
void imap_code_number(struct buf *b, str name, uint64_t number);
