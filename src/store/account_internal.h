/*
 * account_internal.h: what the account_*.c files share. Functions here work inside a transaction
 * that their caller began.
 */
#pragma once

#include "store/account.h"
#include "store/db.h"

struct account {
	struct db *db; /* owned */
	uint64_t id;
};

/* Commits after r >= 0, rolls back otherwise; the result of the whole. */
int account_end(struct account *a, int r, struct err *err);

/* The next change number. */
int account_next_modseq(struct account *a, uint64_t *out, struct err *err);

/* A number from one of the account's counters that never goes back. */
int account_next_mailbox(struct account *a, uint64_t *out, struct err *err);
int account_next_uidvalidity(struct account *a, int64_t now, uint32_t *out, struct err *err);

/* ---- mailboxes ---- */

/* Differences to the counters of a mailbox. */
struct mailbox_tally {
	int64_t messages, unseen, deleted, size;
};

/* Counts a message with these flags in (sign 1) or out (sign -1). */
void mailbox_tally_add(struct mailbox_tally *t, uint32_t flags, uint32_t size, int sign);

/* Takes `count` uids, beginning with *out_uid, for new messages of this change. -ENOENT where there
 * is no such mailbox or it is \Noselect. */
int mailbox_append(struct account *a, uint64_t mailbox, uint64_t modseq, uint32_t count,
	const struct mailbox_tally *tally, uint32_t *out_uid, uint32_t *out_uidvalidity,
	struct err *err);

/* Notes that messages that were there have changed or vanished. */
int mailbox_touch(struct account *a, uint64_t mailbox, uint64_t modseq,
	const struct mailbox_tally *tally, struct err *err);

/* The name as it is stored: a first level that spells INBOX in any case becomes "INBOX". buffer has
 * ACCOUNT_MAILBOX_NAME_MAX bytes; -EINVAL where the name is not valid. */
int mailbox_name(str name, char *buffer, str *out, struct err *err);

/* Makes a row; the name is canonical and its parent is there. */
int mailbox_insert(struct account *a, str name, enum account_special_use use, int64_t now,
	uint64_t *out_id, struct err *err);

/* ---- messages ---- */

int message_list(struct account *a, uint64_t mailbox, const struct uid_range *set, size_t count,
	struct account_messages *out, struct err *err);
/* Adds to `list` the row that stands in the statement: the columns MESSAGE_COLUMNS. */
#define MESSAGE_COLUMNS "uid, flags, modseq, body, internaldate, savedate, size, keywords"
void message_read(struct db_statement *st, struct account_messages *list);
int message_insert(
	struct account *a, uint64_t mailbox, const struct account_message *m, struct err *err);

/* Deletes the row and remembers that the uid vanished; the body is not touched. */
int message_vanish(
	struct account *a, uint64_t mailbox, uint32_t uid, uint64_t modseq, struct err *err);

/* Moves or copies all of `messages`; *out gets arrays even where there is nothing to do. */
int message_transfer(struct account *a, uint64_t from, const struct account_messages *messages,
	uint64_t to, int64_t now, bool move, struct account_copied *out, struct err *err);

/* The set as it is stored: bytes of bits, lowest first, without zero bytes at the end. */
struct db_value keywords_value(const struct account_keywords *k, unsigned char *buffer);
struct account_keywords keywords_from(str bytes);

/* ---- bodies ---- */

/* The content of the piece in columns `data` and `unpacked`. It stands until the next step, or
 * until another one is unpacked into *room, which is made when it is needed and the caller's to
 * free. */
int body_piece(
	struct db_statement *st, int data, int unpacked, char **room, str *out, struct err *err);

int body_share(struct account *a, uint64_t body, struct err *err);
/* One message less refers to it; the last one takes it along. */
int body_release(struct account *a, uint64_t body, struct err *err);
