/*
 * session_internal.h: the state of a session, and what its commands share.
 *
 * Each command has one function, cmd_NAME(), in the file of its group; session.c has the table. It
 * writes its untagged responses to s->stream as it goes, and returns the one tagged
 * reply. Arguments are already parsed and the state checked.
 *
 * The store is reached with mailbox_run(): a plain function that runs on a thread with the account
 * open. What the view of the selected mailbox says is what the client knows; view_sync() brings
 * both up to date.
 */
#pragma once

#include "mailbox/session.h"
#include "proto/imap_command.h"
#include "proto/imap_format.h"

enum {
	MAILBOX_LINE_MAX = 64 * 1024,
	MAILBOX_LITERAL_MAX = 1024 * 1024, /* of all literals of a command together, but APPEND's */
	MAILBOX_PREAUTH_LITERAL_MAX = 8 * 1024,
	MAILBOX_COMMAND_ARENA = 8 * 1024 * 1024,
	MAILBOX_ERRORS_MAX = 20, /* BAD commands in a row */
	MAILBOX_LOGIN_FAILURES_MAX = 5,
	VIEW_OWN = 8,
};

/* The one tagged reply. */
struct imap_reply {
	enum imap_status status;
	str code; /* in the command's arena; empty: none */
	str text;
};

static inline struct imap_reply imap_reply(enum imap_status status, str text)
{
	return (struct imap_reply){ status, STR_EMPTY, text };
}

/* The selected mailbox as this client knows it: uids[i] is message number i + 1. */
struct view {
	bool selected, read_only;
	uint64_t mailbox;
	uint32_t uidvalidity;
	uint32_t *uids; /* owned, ascending */
	size_t n, cap;
	uint32_t uidnext;         /* all messages below are known */
	uint64_t highestmodseq;   /* all changes up to it are known */
	struct uid_range *recent; /* \Recent here; owned, ascending */
	size_t recent_count;
	uint32_t *vanished; /* still in uids, but gone: not told yet; owned, ascending */
	size_t vanished_count;
	uint64_t own[VIEW_OWN]; /* changes of ours that the client knows: view_told() */
	unsigned own_next;
	uint32_t first_unseen; /* message number when it was selected; 0: none */
	size_t keyword_count;  /* the client was told of so many (FLAGS) */
};

struct session {
	struct task *task;
	const struct mailbox_world *world;
	struct stream *stream;
	struct ip client;
	uint16_t port;
	char client_text[IP_TEXT_SIZE];
	struct log log;
	struct log_field fields[2]; /* client, user */
	struct arena arena;         /* of the current command */
	struct buf command;         /* its bytes; what was parsed points into them */
	char tag[IMAP_MAX_TAG + 1];
	enum imap_state state;
	uint64_t account; /* once authenticated */
	char *user;       /* its address; owned */
	struct watcher watcher;
	struct view view;
	bool condstore; /* the client knows MODSEQ: it goes with each FETCH of FLAGS */
	unsigned errors, login_failures;
	bool over;       /* ends after this command's reply */
	bool logged_out; /* the client has said goodbye */
	bool replied;    /* the tagged reply was written already (STARTTLS) */
	int lost; /* why the session cannot go on, -errno: ends without a reply, but with BYE */
	const char *bye; /* ends with this, after the reply; NULL: it was said */
	int64_t login_deadline;
};

/* Writes what b holds. Errors stick to the stream. */
void mailbox_put(struct session *s, const struct buf *b);
/* "* OK [code] text" and the like. */
void mailbox_put_untagged(struct session *s, enum imap_status status, str code, str text);
/* Until when the client has to send what is expected of it now. */
int64_t mailbox_deadline(const struct session *s);
/* A line within a command, without its CRLF; an over-long one is -EMSGSIZE. */
int mailbox_read_line(struct session *s, str *out) MUST_USE;
/* The client has shown that it knows modseqs (RFC 7162 §3.1); the first time it is told what all
 * that it knows of the selected mailbox is worth. */
void mailbox_enable_condstore(struct session *s);
/* For a command that read from the stream and got this failure (as in io/stream.h): the session
 * ends, with a BYE where the client may still listen. What is returned is not sent. */
struct imap_reply mailbox_lost(struct session *s, int rc);

/* ── Reading (session_read.c) ─────────────────────────────────────────────────────────────── */

/* Reads the next command: 0, and it stands in *out; 1 where it was refused, with its reply; or as
 * stream.h. Of APPEND, all before the message was read. */
int mailbox_read_command(struct session *s, struct imap_command *out) MUST_USE;
/* The message of an APPEND, of so many bytes: hands its pieces to take() (NULL: to nobody). 0 or as
 * stream.h. */
int mailbox_read_message(
	struct session *s, uint64_t left, void (*take)(void *arg, str bytes), void *arg) MUST_USE;
/* The message of a refused APPEND that comes nevertheless ("{n+}"), and the rest of the command, to
 * nowhere: 0 or as stream.h. One that is far too large is not read: the session ends (s->bye). */
int mailbox_skip_message(struct session *s, uint64_t size) MUST_USE;

/* ── Store ────────────────────────────────────────────────────────────────────────────────── */

/* Runs fn(account, arg, err) on a thread. A failure that is the environment's is logged here. */
int mailbox_run(struct session *s, account_fn *fn, void *arg, struct err *err) MUST_USE;
/* The reply for what mailbox_run() returned: NONEXISTENT, ALREADYEXISTS, CANNOT, OVERQUOTA, LIMIT,
 * SERVERBUG/UNAVAILABLE (RFC 5530); the text is err's where it is for users. */
struct imap_reply mailbox_failure(struct session *s, int rc, const struct err *err);
/* The reply where messages that the client named by their numbers are gone, of which it then hears as
 * soon as it may. well: what else was to be done is done. */
struct imap_reply mailbox_gone(struct session *s, bool well);
/* The account was changed by this session: tells the other sessions, here and in other processes.
 */
void mailbox_changed(struct session *s);

/* ── The view (view.c, view_sync.c) ───────────────────────────────────────────────────────── */

int view_open(struct session *s, str name, bool read_only, struct account_mailbox *out_mailbox,
	struct err *err) MUST_USE;
void view_close(struct session *s); /* forgets the selected mailbox; deletes nothing */
void view_leave(struct session *s); /* for a SELECT: the same, and tells where there was one */
/* Tells the client what happened in the selected mailbox since the last time: EXISTS, RECENT, FETCH
 * with flags, and, where allowed, EXPUNGE (not during FETCH, STORE, SEARCH: RFC 3501 §7.4.1).
 * Cheap where nothing did, unless `force`d to look at the store. */
int view_sync(struct session *s, bool expunges, bool force) MUST_USE;
/* The number of a uid, from 1; 0: not in the view. */
uint32_t view_number(const struct view *v, uint32_t uid);
/* The messages that a set of numbers or of UIDs names, as ranges of uids in the command's arena,
 * ascending. False: a message number beyond the end (BAD). */
bool view_resolve(struct session *s, struct imap_set *set, bool uid, struct uid_range **out,
	size_t *out_count) MUST_USE;
bool view_is_recent(const struct view *v, uint32_t uid);
uint32_t view_recent_count(const struct view *v);
/* This session made that change of flags, and its client knows (it was sent, or asked for silence):
 * view_sync() will not tell. */
void view_told(struct view *v, uint64_t modseq);
bool view_was_told(const struct view *v, uint64_t modseq);
/* Removes these uids from the view and writes the EXPUNGE responses. */
void view_expunge(struct session *s, const uint32_t *uids, size_t count);

/* FLAGS and PERMANENTFLAGS: when selected, and when a keyword is new. */
void view_put_keywords(struct session *s, const str *keywords, size_t count);
/* "* 3 FETCH (UID 7 FLAGS (\Seen))", with MODSEQ where the client knows it; keyword names by id. */
void put_flags(struct session *s, const struct account_message *m, const str *keywords,
	size_t keyword_count, bool with_uid);

/* ── Commands ─────────────────────────────────────────────────────────────────────────────── */

typedef struct imap_reply command_fn(struct session *s, const struct imap_command *c);

command_fn cmd_capability, cmd_noop, cmd_logout, cmd_id, cmd_enable,
	cmd_namespace;                                                         /* cmd_basic.c */
command_fn cmd_starttls, cmd_login, cmd_authenticate;                          /* cmd_auth.c */
command_fn cmd_select, cmd_close, cmd_unselect, cmd_expunge, cmd_idle;         /* cmd_select.c */
command_fn cmd_create, cmd_delete, cmd_rename, cmd_subscribe, cmd_unsubscribe; /* cmd_mailbox.c */
command_fn cmd_list, cmd_lsub, cmd_status;                                     /* cmd_list.c */
command_fn cmd_fetch, cmd_store, cmd_copy, cmd_move; /* cmd_fetch.c cmd_store.c cmd_copy.c */
command_fn cmd_search;                               /* cmd_search.c */
/* APPEND reads its own literal: the command is parsed up to the announcement (cmd_append.c). */
command_fn cmd_append;

/* The capabilities in the present state, for CAPABILITY, the greeting and OK codes. */
void put_capabilities(const struct session *s, struct buf *out);
