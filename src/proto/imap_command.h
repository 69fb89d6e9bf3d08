/*
 * imap_command.h: one IMAP command, from its bytes to a typed struct (RFC 3501 §6 and §9, and the
 * extensions named at each command in imap_commands.def).
 *
 * How a session reads a command. It reads a line (CRLF removed) and appends it to what it collects;
 * while imap_literal_at_end() announces a literal, it checks its own limits, sends "+ " unless
 * the literal is non-synchronizing, appends CRLF and the literal's bytes, and reads the next line.
 * Then imap_command_parse() takes everything in one go.
 *
 * APPEND's message is never collected. Where imap_is_append(collected), call imap_command_parse()
 * already at the announcement: it succeeds if this literal is the message, says IMAP_ERROR_LITERAL
 * if it is the mailbox name (collect it and go on), and else has found a mistake. After the
 * message's bytes, imap_append_next() parses the rest of the line (RFC 3502).
 *
 * A literal that is refused while it was announced as non-synchronizing comes nevertheless: its
 * bytes and the rest of its line have to be read and thrown away before the next command.
 *
 * All slices point into the bytes given or into the arena. Nothing recurses, every list is
 * bounded, and what does not fit the arena is refused like a syntax error.
 */
#pragma once

#include "base/arena.h"
#include "proto/imap_date.h"
#include "proto/imap_fetch.h"
#include "proto/imap_flags.h"
#include "proto/imap_search.h"
#include "proto/imap_set.h"

enum {
	IMAP_MAX_TAG = 128,
	IMAP_MAX_MAILBOX = 1024, /* bytes of a mailbox name in UTF-8 */
	IMAP_MAX_ID_PAIRS = 30,  /* RFC 2971 §3.3 */
	IMAP_MAX_ID_FIELD = 30,
	IMAP_MAX_ID_VALUE = 1024,
	IMAP_MAX_ENABLE = 32,
	IMAP_MAX_PATTERNS = 32,
};

/* The states in which a command is allowed; also the state of a session. */
enum imap_state {
	IMAP_STATE_NOT_AUTHENTICATED = 1,
	IMAP_STATE_AUTHENTICATED = 2,
	IMAP_STATE_SELECTED = 4,
};

enum imap_command_id {
#define IMAP_COMMAND(id, states, uid, arguments) IMAP_COMMAND_##id,
#include "proto/imap_commands.def"
#undef IMAP_COMMAND
	IMAP_COMMAND_COUNT
};

const char *imap_command_name(enum imap_command_id id);
unsigned imap_command_states(enum imap_command_id id); /* enum imap_state */

/* ---- Arguments ---- */

struct imap_id_pair {
	str field, value;
	bool nil; /* the value was NIL */
};

struct imap_id { /* RFC 2971; ID NIL has no pairs */
	const struct imap_id_pair *pairs;
	size_t count;
};

struct imap_authenticate {
	str mechanism;
	bool has_initial; /* SASL-IR, RFC 4959 */
	str initial;      /* in base64; "=" is an empty response */
};

struct imap_login {
	str user, password; /* any bytes but NUL */
};

struct imap_enable { /* RFC 5161 */
	const str *capabilities;
	size_t count;
};

/* SELECT EXAMINE CREATE DELETE SUBSCRIBE UNSUBSCRIBE RENAME STATUS. Mailbox names are UTF-8 without
 * control characters, not empty; INBOX in any case becomes "INBOX". */
struct imap_mailbox {
	str name;
	str new_name;         /* RENAME */
	bool condstore;       /* SELECT, EXAMINE: (CONDSTORE) */
	bool has_use;         /* CREATE: USE was given */
	unsigned special_use; /* CREATE: enum imap_special_use */
	bool unknown_use;     /* CREATE: an attribute that nobody knows: NO [USEATTR] */
	unsigned items;       /* STATUS: enum imap_status_item */
};

enum imap_status_item {
	IMAP_STATUS_MESSAGES = 1,
	IMAP_STATUS_RECENT = 2,
	IMAP_STATUS_UIDNEXT = 4,
	IMAP_STATUS_UIDVALIDITY = 8,
	IMAP_STATUS_UNSEEN = 16,
	IMAP_STATUS_DELETED = 32,        /* RFC 9051 */
	IMAP_STATUS_SIZE = 64,           /* RFC 8438 */
	IMAP_STATUS_HIGHESTMODSEQ = 128, /* RFC 7162 */
};

enum imap_list_select { /* RFC 5258 §3.1, RFC 6154 §5.2 */
	IMAP_LIST_SELECT_SUBSCRIBED = 1,
	IMAP_LIST_SELECT_REMOTE = 2,
	IMAP_LIST_SELECT_RECURSIVEMATCH = 4,
	IMAP_LIST_SELECT_SPECIAL_USE = 8,
};

enum imap_list_return { /* RFC 5258 §3.2, RFC 5819 */
	IMAP_LIST_RETURN_SUBSCRIBED = 1,
	IMAP_LIST_RETURN_CHILDREN = 2,
	IMAP_LIST_RETURN_SPECIAL_USE = 4,
	IMAP_LIST_RETURN_STATUS = 8,
};

struct imap_list {           /* LIST and LSUB */
	str reference;       /* UTF-8, may be empty */
	const str *patterns; /* UTF-8, with % and *; may be empty strings */
	size_t pattern_count;
	bool extended;         /* a selection list, several patterns, or RETURN was given */
	unsigned select;       /* enum imap_list_select */
	unsigned returns;      /* enum imap_list_return */
	unsigned status_items; /* of RETURN (STATUS (…)) */
};

struct imap_append_message {
	struct imap_flags flags;
	bool has_date;
	struct imap_date_time date;
	uint64_t size; /* of the literal that follows */
	bool nonsync;  /* comes without waiting for "+ " (RFC 7888) */
	bool binary;   /* a literal8, RFC 3516 */
};

struct imap_append {
	str mailbox;
	struct imap_append_message message;
};

enum imap_store_mode { IMAP_STORE_REPLACE, IMAP_STORE_ADD, IMAP_STORE_REMOVE };

struct imap_store {
	struct imap_set set;
	enum imap_store_mode mode;
	bool silent;
	struct imap_flags flags;
	bool has_unchanged_since; /* RFC 7162 §3.1.3 */
	uint64_t unchanged_since;
};

struct imap_copy { /* COPY and MOVE */
	struct imap_set set;
	str mailbox;
};

struct imap_expunge {
	struct imap_set set; /* UID EXPUNGE only (RFC 4315) */
};

struct imap_command {
	str tag;
	enum imap_command_id id;
	bool uid; /* preceded by UID: sets are of UIDs */
	union {
		struct imap_id id_params;
		struct imap_authenticate authenticate;
		struct imap_login login;
		struct imap_enable enable;
		struct imap_mailbox mailbox;
		struct imap_list list;
		struct imap_append append;
		struct imap_search search;
		struct imap_fetch fetch;
		struct imap_store store;
		struct imap_copy copy;
		struct imap_expunge expunge;
	};
};

/* ---- Parsing ---- */

enum imap_error_kind {
	IMAP_ERROR_SYNTAX,  /* tag BAD text */
	IMAP_ERROR_NAME,    /* tag NO [CANNOT] text: not a possible mailbox name */
	IMAP_ERROR_CHARSET, /* tag NO [BADCHARSET (US-ASCII UTF-8)] text */
	IMAP_ERROR_LITERAL, /* the bytes end where a literal was announced: more is needed */
};

struct imap_error {
	enum imap_error_kind kind;
	str tag;          /* empty where there is no valid one: answer with "*" */
	const char *text; /* "expected a mailbox name"; a constant */
	size_t at;        /* offset into the bytes */
	bool of_select;   /* of SELECT or EXAMINE: no mailbox is selected any more */
};

/* Parses a whole command; a CRLF at the end is optional. Writes *out and returns true, or writes
 * *out_error. */
bool imap_command_parse(str bytes, struct arena *a, struct imap_command *out,
	struct imap_error *out_error) MUST_USE;

/* The tag of what has been read so far; empty where there is no valid one. */
str imap_command_tag(str bytes);

enum imap_literal_kind {
	IMAP_LITERAL_NONE,    /* the command ends with this line */
	IMAP_LITERAL_SYNC,    /* the client waits for "+ " */
	IMAP_LITERAL_NONSYNC, /* its bytes follow at once (RFC 7888) */
	IMAP_LITERAL_INVALID, /* a size beyond 63 bits: nothing after this line can be trusted */
};

/* What the end of a line (CRLF removed) announces; the size goes to *out_size for SYNC and NONSYNC.
 */
enum imap_literal_kind imap_literal_at_end(str line, uint64_t *out_size);

/* True if the bytes read so far begin an APPEND command. */
bool imap_is_append(str bytes);

enum imap_append_more {
	IMAP_APPEND_DONE,    /* the line is empty: the command is complete */
	IMAP_APPEND_MESSAGE, /* another message was announced (MULTIAPPEND) */
	IMAP_APPEND_BAD,     /* *out_error says why; its tag is empty */
};

/* The line (CRLF removed) after an APPEND message. */
enum imap_append_more imap_append_next(
	str line, struct arena *a, struct imap_append_message *out, struct imap_error *out_error);

/* Whether a LIST pattern (reference and pattern already joined) matches a mailbox name: "*" is any
 * characters, "%" any but the delimiter. Both UTF-8. Case counts, save for a first level INBOX.
 * Time is bounded by the product of the lengths. */
bool imap_list_match(str pattern, str name, char delimiter);
