/*
 * session_internal.h: the state of a session, and what its commands share.
 *
 *              EHLO/HELO/LHLO        MAIL            RCPT            DATA, BDAT … LAST
 *   (greeted) ───────────────▶ idle ──────▶ sender ──────▶ recipients ────────────────▶ idle
 *        ▲                      ▲             │               │  ▲ │
 *        └── STARTTLS, XCLIENT ─┴──── RSET, EHLO, refusal ────┘  └─┘ RCPT, BDAT
 *
 * Each command has one function, which checks in this order: is it its turn, is it well-formed, is
 * it within limits, is it allowed; and returns the one reply.
 */
#pragma once

#include "filter/unjudged.h"
#include "proto/smtp_command.h"
#include "smtpd/incoming.h"
#include "smtpd/session.h"

enum {
	SMTPD_LINE_MAX = 4096,        /* of a command, with CRLF */
	SMTPD_SKIP_MAX = 1024 * 1024, /* of an over-long line that is read to its end */
	SMTPD_COMMAND_ARENA = 32 * 1024,
	SMTPD_TRANSACTION_ARENA = 16 * 1024 * 1024,
	SMTPD_ID_SIZE = 10,
};

struct smtpd_recipient {
	struct smtpd_recipient *next;
	str address;         /* as it will stand in the Received field */
	size_t first, count; /* its destinations, in smtpd_transaction.targets */
};

/* Where a recipient leads: an account and a place in it. Two recipients may lead to the same. */
struct smtpd_destination {
	uint64_t account;
	str detail;
	uint64_t junk_at, reject_at; /* the account's own, in hundredths; 0: none */
	size_t recipient;            /* the first that leads here, from 0 */
};

/* What is known of a message over which a filter has failed. */
struct smtpd_doubt {
	char digest[UNJUDGED_DIGEST];
	bool has_digest;
	uint64_t count; /* of failures */
	bool shunned;   /* no filter gets it */
	str first;      /* its id at the first one; in the arena of the message */
};

/* From MAIL to the end of the message. */
struct smtpd_transaction {
	struct arena arena;
	char id[SMTPD_ID_SIZE + 1];
	struct log log; /* the session's, with the id */
	struct log_field fields[2];
	bool open; /* MAIL was accepted */
	bool utf8;
	str sender; /* "" for the null path */
	struct smtpd_recipient *recipients, **last;
	size_t recipient_count;
	struct smtpd_destination *destinations; /* in the arena */
	size_t destination_count, destination_cap;
	size_t *targets; /* indices into destinations, of all recipients in turn; in the arena */
	size_t target_count, target_cap;
	const struct config_domain *rules; /* of the recipients' domain; NULL: those for all */
	bool chunking;                     /* BDAT was used: DATA is out of place */
	struct incoming incoming;
	struct stream_pace pace; /* of the message */
	struct smtpd_doubt doubt;
};

struct smtpd_session {
	struct task *task;
	const struct smtpd_world *world;
	struct stream *stream;
	enum smtpd_protocol protocol;
	struct ip client;
	bool client_unknown; /* XCLIENT said so: `client` is the front end */
	uint16_t port;
	char client_text[IP_TEXT_SIZE]; /* or "unknown" */
	bool admitted;
	struct log log;
	struct log_field fields[2];
	struct arena arena; /* of the current command: its parse, its reply's text */

	str helo; /* "" until EHLO, HELO or LHLO; owned (helo_text) */
	char *helo_text;
	char *client_name; /* owned; from XCLIENT, else NULL */
	bool extended;     /* EHLO or LHLO */
	unsigned errors;
	bool over; /* the session ends after the reply to this command */
	bool quit; /* the client said so */
	struct smtpd_transaction transaction;
};

/* A reply whose text is made as by printf, in the command's arena. */
struct smtp_reply smtpd_say(struct smtpd_session *s, int code, int klass, int subject, int detail,
	const char *format, ...) PRINTF(6, 7);
/* Writes a reply. Errors stick to the stream. */
void smtpd_put_reply(struct smtpd_session *s, const struct smtp_reply *reply);

/* The client's address, as the calls of other roles take it: empty where it is not known. */
str smtpd_client(const struct smtpd_session *s);
/* The extensions that are announced, and whose parameters are known. */
unsigned smtpd_extensions(const struct smtpd_session *s);

/* Forgets the transaction. */
void smtpd_reset(struct smtpd_session *s);
/* Forgets also who the client said it was: after STARTTLS and XCLIENT. */
void smtpd_start_over(struct smtpd_session *s);

/* The decision record of a message that is taken unjudged, into *out (empty where it does not fit);
 * envelope: of its summary. verdict: NULL, or one of smtpd_judge_failed(). kept: a copy is in the
 * quarantine. */
enum { SMTPD_RECORD_MAX = 256 * 1024 };
void smtpd_record_accepted(struct smtpd_session *s, const struct filter_judge_reply *verdict,
	bool kept, str envelope, struct buf *out);
/* The reply with the id behind its text, for whoever asks about it. */
struct smtp_reply smtpd_with_id(struct smtpd_session *s, const struct smtp_reply *reply);
/* Hands over the record of a message that this reply refuses or puts off. Waits. */
void smtpd_record_refused(struct smtpd_session *s, const struct smtp_reply *reply);
/* The same of one recipient that is not taken; found: may name an entry of its lists, or NULL. */
void smtpd_record_recipient(struct smtpd_session *s, str address, const struct smtp_reply *reply,
	const struct directory_find_reply *found);

/* Counts a message that was answered so. */
void smtpd_count_message(struct smtpd_session *s, int code);

/* Whether mail of this session is judged. */
bool smtpd_filters(const struct smtpd_session *s);
/* Whether the rules for this recipient are those for the ones before: a message has one verdict.
 * The first one's are kept. */
bool smtpd_rules_fit(struct smtpd_session *s, str address);
/* Whether this recipient is refused for its own lists, by the rules of its domain. */
bool smtpd_blocked(
	const struct smtpd_session *s, str address, const struct directory_find_reply *found);
/* Why the message need not come (the record is handed over already); code 0: it may. Waits. */
struct smtp_reply smtpd_ask_early(struct smtpd_session *s);
/* Their addresses, in the arena. */
struct ipc_strs smtpd_recipients(struct smtpd_transaction *x, struct arena *a);
/* The verdict, checked and logged, in the arena. The message was flushed to its file. Waits. */
int smtpd_judge(struct smtpd_session *s, struct arena *a, struct filter_judge_reply *out);
/* The reply where there is no verdict. */
struct smtp_reply smtpd_unjudged(struct smtpd_session *s, int rc);

/* Fills the transaction's doubt with what is known of the message: nothing, as long as no filter
 * has failed over any. Waits. */
void smtpd_recall(struct smtpd_session *s, struct arena *a);
/* Whether that result of smtpd_judge() means that a filter had the message, and failed over it. */
bool smtpd_filter_failed(int rc);
/* Tells of that failure, of a call that began then (task_now()); the doubt counts it. Waits. */
void smtpd_tell_failure(struct smtpd_session *s, struct arena *a, int64_t began);
/* The verdict where it is not to be judged any more; without a record. Negative errno where the
 * message cannot be read. */
int smtpd_judge_failed(struct smtpd_session *s, struct arena *a, struct filter_judge_reply *out);
/* The whole message, in memory or mapped: to be given back. Negative errno. */
int smtpd_view(struct incoming *in, str *out);
void smtpd_unview(const struct incoming *in, str view);

/* Hands the message over to delivery, or to the quarantine. verdict: NULL, or one that takes it.
 * *out_results: of each destination. */
int smtpd_hand_over(struct smtpd_session *s, const struct filter_judge_reply *verdict,
	struct arena *a, struct ipc_u64s *out_results) MUST_USE;
/* The reply of a verdict that refuses; hands over its record. Waits. */
struct smtp_reply smtpd_refuse_judged(struct smtpd_session *s, const struct filter_judge_reply *v);
/* Appends the front of the message without what is cut out; behind *out_offset all of it stays. */
int smtpd_cut(const struct incoming *in, const struct ipc_u64s *cuts, struct buf *out,
	uint64_t *out_offset);

/* A PROXY header, where the client is one that sends them. False: the session is over. */
bool smtpd_read_proxy(struct smtpd_session *s);

typedef struct smtp_reply smtpd_command_fn(
	struct smtpd_session *s, const struct smtp_command *command);
smtpd_command_fn smtpd_hello, smtpd_mail, smtpd_rcpt, smtpd_data, smtpd_bdat, smtpd_rset,
	smtpd_noop, smtpd_vrfy, smtpd_expn, smtpd_help, smtpd_quit, smtpd_starttls, smtpd_auth,
	smtpd_xclient;
