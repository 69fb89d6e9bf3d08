/*
 * judge.h: the judgement of one message: checks look at connection, envelope and message and add
 * findings; scores and policies make a verdict of them.
 *
 *     judge_envelope() ──▶ struct envelope_result ──▶ judge_message() ──▶ struct verdict
 *     before the message is transferred             when it is all there
 *
 * The message is never changed here: the verdict says what to put before it and what to cut out.
 * Look-ups go through the caller's struct dns, and together take no longer than filter.timeout;
 * what was not answered by then counts as temporary. The scanner takes its own time.
 */
#pragma once

#include "antivirus/scanner.h"
#include "directory/local_list.h"
#include "filter/finding.h"
#include "filter/lists.h"
#include "mailauth/auth_results.h"
#include "mailauth/dkim_sign.h"

struct task;
struct inspector;

enum {
	/* A field that must be cut out may end so far behind the start: delivery gets the header up
	 * to there within the call. */
	JUDGE_CUT_MAX = 1024 * 1024,
	JUDGE_RECORD_MAX = 64 * 1024,
	/* What the caller's arena needs for a verdict. */
	JUDGE_ARENA_MAX = 4 * 1024 * 1024,
};

/* Where a message goes that is taken. */
struct judge_destination {
	uint64_t account;          /* 0: not known */
	str recipient;             /* the address that led there */
	double junk_at, reject_at; /* the account's own; 0: as filter has it */
};

/* Who knows what stands in our own lists. May wait; negative errno: it is not known now. */
struct local_source {
	int (*find)(void *context, const struct local_query *query, struct arena *a,
		struct local_answer *out);
	void *context;
};

/* What is known before the message comes. */
struct judge_facts {
	str id;
	str door;       /* "smtp", "scan" */
	bool no_client; /* it is not known who brought it: nothing is said about who did */
	struct ip client;
	uint16_t port;
	str client_name; /* as somebody trusted gave it (XCLIENT), else empty */
	str helo;
	str sender; /* of MAIL FROM; empty: the null path */
	bool utf8;  /* SMTPUTF8 */
	str tls;    /* "TLSv1.3", or empty */
	str domain; /* of the recipients: whose rules hold; empty: those of nobody in particular */
	const struct judge_destination *destinations; /* none: somebody of that domain */
	size_t destination_count;
	const struct local_source *local; /* NULL: no lists of our own */
};

struct judge_message {
	struct judge_facts facts;
	const str *recipients;
	size_t recipient_count;
	str content;
	int64_t received;                /* seconds since 1970 */
	struct dkim_keys *keys;          /* decoded before; NULL: none are kept */
	const struct list_access *lists; /* NULL: none is asked */
	struct inspector *inspector;     /* NULL: attachments are judged by their names alone */
	const struct scanner *scanner;   /* NULL: it is not scanned for viruses */
	const struct dkim_signing *seal; /* who seals it where it is taken; NULL: nobody */
	str unsealed;                    /* why nobody does, although somebody should; else empty */
};

enum judge_action {
	JUDGE_ACCEPT,
	JUDGE_JUNK,
	JUDGE_REJECT,
	JUDGE_TEMPFAIL,
	JUDGE_QUARANTINE, /* it is taken, and kept aside for whoever runs the server */
	JUDGE_ACTION_COUNT,
};

/* A reply to be given; code 0: none. */
struct judge_reply {
	unsigned code, klass, subject, detail;
	str text;
};

struct verdict {
	enum judge_action action;
	struct judge_reply reply; /* for JUDGE_REJECT and JUDGE_TEMPFAIL */
	double score;
	enum judge_action without; /* the pivotal findings: what would be done then */
	str why;                   /* a sentence, for the record and the log */
	str findings;              /* the main ones, for the log */
	const str *names;          /* of all findings, each once */
	size_t name_count;
	str client_name;              /* confirmed by reverse DNS; else empty */
	str fields;                   /* to put before the message */
	const struct auth_span *cuts; /* of the message's header, in order */
	size_t cut_count;
	str unsealed; /* why it was not sealed, where it should have been; else empty */
	str record;   /* JSON */
	/* Where it is not the same for all: what becomes of it for each destination, and which of
	 * these fields belong before it there; else there are none. A message that is refused is
	 * refused for all. */
	const uint64_t *actions, *own; /* enum judge_action; indices into own_fields */
	const str *own_fields;
	size_t own_count;
};

/* What connection and envelope gave. */
struct envelope_result {
	struct rdns_outcome rdns;
	struct spf_outcome spf, spf_helo;
	bool no_client;            /* nothing is known: SPF is "none", the rest is empty */
	bool has_spf_helo;         /* else the HELO name is none that could have a policy */
	struct list_results lists; /* about the client */
	const struct local_reader *readers; /* the destinations; at least one */
	size_t reader_count;
	struct local_answer local; /* about client and sender */
	bool local_failed;
	int64_t took[3]; /* nanoseconds: reverse DNS and HELO, SPF, lists beyond that */
	str dns_failed;  /* the first question that got no answer; empty: none */
};

/* What ENVELOPE_ARENA_MAX bytes of an arena hold. Slices of the facts are copied. Waits as the
 * look-ups do. */
enum { ENVELOPE_ARENA_MAX = 2 * 1024 * 1024 };
void judge_envelope(const struct config *config, const struct dns *dns,
	const struct list_access *lists, const struct judge_facts *facts, struct arena *a,
	struct envelope_result *out);

/* Why the message need not be transferred at all; code 0: it may come. */
struct judge_reply judge_early(const struct config *config, const struct judge_facts *facts,
	const struct envelope_result *envelope, struct arena *a);

/* envelope: of the same facts. t: yielded to others between the blocks of a large message. */
void judge_message(struct task *t, const struct config *config, const struct dns *dns,
	const struct judge_message *message, const struct envelope_result *envelope,
	struct arena *a, struct verdict *out);

const char *judge_action_name(enum judge_action action);
