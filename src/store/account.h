/*
 * account.h: one account's mail: mailboxes, messages, flags, bodies. One file, accounts/ID.db.
 *
 * Any number of handles, in any number of processes, may be open on the same account; each is used
 * by one thread at a time and every call blocks. A call that changes something is one transaction:
 * on return of 0 it is on stable storage, on failure nothing of it happened.
 *
 * Change numbers (modseq, RFC 7162) are counted for the whole account: each changing call takes
 * one, gives it to all messages that it touched, and returns it, so that the caller can tell other
 * sessions; 0 means that nothing changed. Times are seconds since 1970, UTC.
 *
 * Failure: negative errno and a sentence, as in db.h, and
 *	-ENOENT	   no such account, mailbox or body
 *	-EEXIST	   a mailbox of that name is there already
 *	-EINVAL	   not a valid mailbox name, keyword or move
 *	-EPERM	   not allowed by the protocol (deleting INBOX, …)
 *	-E2BIG	   a limit below was reached
 *	-EOVERFLOW the mailbox has used up its 2^32 - 1 uids
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#define ACCOUNT_MAILBOXES_MAX 10000
#define ACCOUNT_MAILBOX_NAME_MAX 1000 /* bytes, all levels */
#define ACCOUNT_MAILBOX_LEVEL_MAX 255 /* bytes of one level */
#define ACCOUNT_SUBSCRIPTIONS_MAX 20000
#define ACCOUNT_KEYWORDS_MAX 256 /* distinct names in an account */
#define ACCOUNT_KEYWORD_NAME_MAX 128
#define ACCOUNT_CHUNK_SIZE 262144      /* bodies are stored in pieces of this size, some packed */
#define ACCOUNT_MESSAGE_MAX UINT32_MAX /* bytes */

struct account;

/* ---- the account ---- */

enum account_open_flags {
	ACCOUNT_CREATE = 1,    /* make it, with the default mailboxes, where it is not there */
	ACCOUNT_READ_ONLY = 2, /* nothing is ever written; -EROFS where an upgrade is due */
	ACCOUNT_CHECKPOINT_APART = 4, /* DB_CHECKPOINT_APART: see account_log_is_long() */
};

/* Opens data_dir/accounts/ID.db. `now` dates what is created. The default mailboxes are INBOX,
 * Drafts, Sent, Junk, Trash and Archive, all subscribed, with their special uses. */
int account_open(const char *data_dir, uint64_t id, unsigned flags, int64_t now,
	struct account **out, struct err *err) MUST_USE;
void account_close(struct account *a); /* NULL is fine */

/* Whether a message is there that begins with `prefix` (at most ACCOUNT_CHUNK_SIZE bytes of it are
 * compared), and has this size and envelope. It reads all bodies' rows: for tools. */
int account_has_message(struct account *a, uint64_t size, str envelope, str prefix, bool *out,
	struct err *err) MUST_USE;

/* Deletes the account's files. No handle may be open on it, here or elsewhere. */
int account_remove(const char *data_dir, uint64_t id, struct err *err) MUST_USE;

uint64_t account_id(const struct account *a);
struct db *account_db(struct account *a); /* for the other stores that live in the same file */

/* db_log_is_long() and db_checkpoint() of its file; the second one of these by a handle of its own.
 */
bool account_log_is_long(const struct account *a);
int account_checkpoint_apart(const char *data_dir, uint64_t id, struct err *err) MUST_USE;
int account_checkpoint(struct account *a, struct err *err) MUST_USE;

/* Gives back memory of a handle that will be idle for a while. */
void account_release_memory(struct account *a);

/* A number that differs after any change, by anyone. Microseconds; for polling. */
int account_version(struct account *a, uint64_t *out, struct err *err) MUST_USE;

/* ---- mailboxes ---- */

/* RFC 6154. Stored as these numbers. */
enum account_special_use {
	SPECIAL_USE_NONE,
	SPECIAL_USE_ARCHIVE,
	SPECIAL_USE_DRAFTS,
	SPECIAL_USE_JUNK,
	SPECIAL_USE_SENT,
	SPECIAL_USE_TRASH,
	SPECIAL_USE_ALL,
	SPECIAL_USE_FLAGGED,
	SPECIAL_USE_COUNT,
};

struct account_mailbox {
	uint64_t id; /* never used again, not even after deletion */
	str name;    /* UTF-8, levels separated by '/'; set by account_mailbox_list() only */
	enum account_special_use special_use;
	bool noselect;     /* only a level of the hierarchy: no messages */
	bool subscribed;   /* set by account_mailbox_list() only */
	bool has_children; /* set by account_mailbox_list() only */
	uint32_t uidvalidity, uidnext;
	uint32_t recent_uid; /* messages from this uid on have been shown to no session yet */
	uint64_t highestmodseq;
	uint64_t messages, unseen, deleted, size; /* counts; bytes of all messages */
};

/* Valid UTF-8 without control characters, no empty level, within the limits above. False writes a
 * sentence for the client. */
bool account_mailbox_name_valid(str name, struct err *err) MUST_USE;

/* All of them, ordered by name (bytes), INBOX first; array and names in the arena (about 120 bytes
 * and the name each; -E2BIG where it has no room). */
int account_mailbox_list(struct account *a, struct arena *arena, struct account_mailbox **out,
	size_t *out_count, struct err *err) MUST_USE;

/* By name (INBOX in any case); by id; by special use. Includes what STATUS asks for. */
int account_mailbox_find(
	struct account *a, str name, struct account_mailbox *out, struct err *err) MUST_USE;
int account_mailbox_get(
	struct account *a, uint64_t id, struct account_mailbox *out, struct err *err) MUST_USE;
int account_mailbox_find_special(struct account *a, enum account_special_use use,
	struct account_mailbox *out, struct err *err) MUST_USE;

/* CREATE (RFC 3501 §6.3.3): also makes the missing levels above; one '/' at the end is ignored; a
 * \Noselect name becomes a mailbox. special_use (RFC 6154 §3) must not be taken: -EEXIST. */
int account_mailbox_create(struct account *a, str name, enum account_special_use use, int64_t now,
	struct account_mailbox *out, struct err *err) MUST_USE;

/* DELETE (§6.3.4) with all messages. A mailbox that has children stays as a \Noselect name; one
 * that is \Noselect already and has children is refused with -EPERM, INBOX too. */
int account_mailbox_delete(struct account *a, str name, struct err *err) MUST_USE;

/* RENAME (§6.3.5): children move along, missing levels above the new name are made, subscriptions
 * stay as they are. INBOX: its messages move to the new mailbox, it stays, so do its children. */
int account_mailbox_rename(
	struct account *a, str from, str to, int64_t now, struct err *err) MUST_USE;

/* Any valid name can be subscribed, whether there is a mailbox or not (§6.3.6). */
int account_subscribe(struct account *a, str name, bool subscribed, struct err *err) MUST_USE;
int account_subscriptions(struct account *a, struct arena *arena, str **out, size_t *out_count,
	struct err *err) MUST_USE;

/* \Recent (RFC 3501 §2.3.2): the first uid that no session has claimed yet; from there to uidnext
 * everything is recent. Claiming (SELECT, or news in a selected mailbox; not EXAMINE) makes them
 * the caller's. *out_uidnext is the end of the range. */
int account_recent(struct account *a, uint64_t mailbox, bool claim, uint32_t *out_first,
	uint32_t *out_uidnext, struct err *err) MUST_USE;
/* Number of messages from that uid on (STATUS RECENT). */
int account_recent_count(
	struct account *a, uint64_t mailbox, uint64_t *out, struct err *err) MUST_USE;

/* ---- keywords ---- */

/* A set of keyword ids (bits 0 … 255). Ids are never given to another name. */
struct account_keywords {
	uint64_t bits[ACCOUNT_KEYWORDS_MAX / 64];
};

static inline bool account_keywords_has(const struct account_keywords *k, unsigned id)
{
	return k->bits[id / 64] >> (id % 64) & 1;
}

/* An IMAP atom of at most ACCOUNT_KEYWORD_NAME_MAX characters that does not begin with '\'. */
bool account_keyword_valid(str name) MUST_USE;

/* The ids of these names (compared without regard to case), adding them to *set. Unknown ones are
 * created, or, with create false, left out. */
int account_keywords_find(struct account *a, const str *names, size_t count, bool create,
	struct account_keywords *set, struct err *err) MUST_USE;

/* All names, in the arena; out[id] is the name of id. */
int account_keywords_list(struct account *a, struct arena *arena, str **out, size_t *out_count,
	struct err *err) MUST_USE;

/* ---- messages ---- */

enum account_flag {
	MESSAGE_SEEN = 1,
	MESSAGE_ANSWERED = 2,
	MESSAGE_FLAGGED = 4,
	MESSAGE_DELETED = 8,
	MESSAGE_DRAFT = 16,
};
#define MESSAGE_FLAGS_ALL 31u

struct account_message {
	uint32_t uid;
	uint32_t flags; /* enum account_flag */
	uint64_t modseq;
	uint64_t body; /* for account_summaries() and account_body_*() */
	int64_t internaldate, savedate;
	uint32_t size; /* bytes */
	struct account_keywords keywords;
};

struct account_messages {
	struct account_message *v; /* owned, ordered by uid */
	size_t n;
};

void account_messages_done(struct account_messages *m);

/* Uids, both ends included. A set is an array of these, ascending and without overlaps. */
struct uid_range {
	uint32_t first, last;
};
#define UID_RANGE_ALL ((struct uid_range){ 1, UINT32_MAX })

/* What the body says of itself, in the form that FETCH sends (RFC 3501 §7.4.2), made once at
 * delivery. */
struct account_summary {
	str envelope, body, bodystructure; /* "(…)" */
	int64_t date;                      /* of the Date field, or the internal date */
};

struct account_delivery {
	/* Where to: the mailbox with this id; or if 0, with this special use; or if that is none,
	 * of this name; empty: INBOX. */
	uint64_t mailbox;
	enum account_special_use special_use;
	str name;
	bool or_inbox; /* where that mailbox is not there (any more), use INBOX; else -ENOENT */

	uint32_t flags;
	struct account_keywords keywords;
	int64_t internaldate;

	/* What is stored, one behind the other. */
	str prefix; /* the trace fields */
	str front;  /* of the message, where that is not as it came */
	str memory; /* the message, where it is in memory */
	int fd;     /* where not: body_size bytes from body_offset on, read with pread() */
	uint64_t body_offset;
	uint64_t body_size;             /* 0: fd is not used */
	struct account_summary summary; /* of all of it together */

	/* Results. */
	uint64_t out_mailbox;
	bool out_inbox; /* no other was asked for, or it was not there */
	uint32_t out_uidvalidity, out_uid;
	uint64_t out_body;
};

/* Adds all messages in one transaction, that is with one fsync, or none of them. Uids of the same
 * mailbox ascend in the order given. A body that is shorter than it should be is -EIO. */
int account_deliver(struct account *a, struct account_delivery *batch, size_t count, int64_t now,
	uint64_t *out_modseq, struct err *err) MUST_USE;

/* Messages within the set, ordered by uid; *out is overwritten, to be freed by the caller. */
int account_messages(struct account *a, uint64_t mailbox, const struct uid_range *set, size_t count,
	struct account_messages *out, struct err *err) MUST_USE;

/* What happened since the caller last looked, when highestmodseq and uidnext were these (0 and 1:
 * everything). Where only new messages have arrived this reads just those. */
struct account_changes {
	struct account_messages changed; /* new ones, and those whose flags changed */
	uint32_t *vanished;              /* owned; uids below since_uidnext, ascending */
	size_t vanished_count;
	struct account_mailbox mailbox; /* as of the same instant */
};

int account_changes(struct account *a, uint64_t mailbox, uint64_t since_modseq,
	uint32_t since_uidnext, struct account_changes *out, struct err *err) MUST_USE;
void account_changes_done(struct account_changes *c);

/* Calls fn for each body in turn with slices that stand until it returns; no body is read. Bodies
 * that are gone are left out. fn returns 0, or a negative errno, which ends and is returned. */
int account_summaries(struct account *a, const uint64_t *bodies, size_t count,
	int (*fn)(void *arg, size_t index, const struct account_summary *summary), void *arg,
	struct err *err) MUST_USE;

/* ---- bodies: immutable, shared by copies within the account; -ENOENT once the last is gone ----
 */

int account_body_size(struct account *a, uint64_t body, uint64_t *out, struct err *err) MUST_USE;

/* Reads up to n bytes from offset on; *out_n is less only at the end of the body. */
int account_body_read(struct account *a, uint64_t body, uint64_t offset, void *out, size_t n,
	size_t *out_n, struct err *err) MUST_USE;

/* Writes all of it to fd with pwrite() from offset 0 on (a memfd or O_TMPFILE, to be mapped). */
int account_body_write(struct account *a, uint64_t body, int fd, struct err *err) MUST_USE;

/* ---- changing messages ---- */

enum account_store_mode { STORE_SET, STORE_ADD, STORE_REMOVE };

struct account_store {
	enum account_store_mode mode;
	uint32_t flags;
	struct account_keywords keywords;
	bool conditional; /* UNCHANGEDSINCE (RFC 7162 §3.1.3) */
	uint64_t unchangedsince;
};

/* Messages as they now are, also those that had these flags already (their modseq is unchanged). A
 * message that failed UNCHANGEDSINCE is not in it, its uid is in *failed (owned by the caller,
 * free()). */
struct account_stored {
	struct account_messages messages;
	uint64_t *before; /* the modseq of each before this; owned */
	uint32_t *failed;
	size_t failed_count;
	uint64_t modseq;
};

int account_store(struct account *a, uint64_t mailbox, const struct uid_range *set, size_t count,
	const struct account_store *change, struct account_stored *out, struct err *err) MUST_USE;
void account_stored_done(struct account_stored *s);

/* COPYUID (RFC 4315): from[i] became to[i]; both ascend. */
struct account_copied {
	uint32_t *from, *to; /* owned */
	size_t n;
	uint32_t uidvalidity; /* of the target */
	uint64_t modseq;
};

/* COPY and MOVE (RFC 6851) of the messages in the set that are there. Flags, keywords and internal
 * dates are kept. Moving into the same mailbox gives new uids. */
int account_copy(struct account *a, uint64_t from, const struct uid_range *set, size_t count,
	uint64_t to, int64_t now, struct account_copied *out, struct err *err) MUST_USE;
int account_move(struct account *a, uint64_t from, const struct uid_range *set, size_t count,
	uint64_t to, int64_t now, struct account_copied *out, struct err *err) MUST_USE;
void account_copied_done(struct account_copied *c);

/* Removes those of the set that have \Deleted (EXPUNGE, UID EXPUNGE), or, with `any`, all of the
 * set (POP3 QUIT). */
struct account_expunged {
	uint32_t *uids; /* owned, ascending */
	size_t n;
	uint64_t modseq;
};

int account_expunge(struct account *a, uint64_t mailbox, const struct uid_range *set, size_t count,
	bool any, struct account_expunged *out, struct err *err) MUST_USE;
void account_expunged_done(struct account_expunged *e);

/* ---- checking ---- */

/* Calls fn with a sentence for each thing that is not as it must be: the file's own structure, uids
 * and change numbers in range, counters right, every body there, whole, referred to as often as it
 * says, and summarised. Returns 0 when it could look at everything, sound or not. */
int account_verify(
	struct account *a, void (*fn)(void *arg, str problem), void *arg, struct err *err) MUST_USE;
