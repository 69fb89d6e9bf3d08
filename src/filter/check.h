/*
 * check.h: what the checks share: one message under judgement. Inside of filter.
 *
 * To add a check: a file check_NAME.c with a struct check, and a line in checks[] in judge.c. Its
 * findings: lines in rules/findings.def, which also say its modes and scores.
 */
#pragma once

#include "filter/judge.h"
#include "mail/inspect.h"
#include "mail/mail.h"

struct judgement {
	struct task *task;
	struct arena *arena;
	const struct config *config;
	const struct config_auth *auth;
	const struct config_filter *rules;
	const struct config_antivirus *antivirus;
	const struct dns *dns;
	const struct judge_message *message;
	const struct judge_facts *facts;
	str header; /* with its empty line */
	str from;   /* the values of all From fields, joined with ", " */
	struct mail mail;

	const struct envelope_result *envelope;
	struct dkim_verifier *dkim_verifier;
	struct arc_verifier *arc_verifier;
	struct arc_sealer *arc_sealer; /* NULL: it is not sealed */
	struct dkim_outcome dkim;
	struct arc_outcome arc;
	struct dmarc_outcome dmarc;
	bool has_dkim, has_arc, has_dmarc; /* evaluated */
	struct arena inspected;            /* what the inspections are in */
	struct inspection *inspections;    /* of the first attachments, in their order */
	size_t inspection_count;
	struct list_batch list_batch;
	struct list_results lists;

	struct evp_md_ctx_st *digest; /* of the message, where it is to be scanned */
	struct scan_outcome virus;
	bool has_virus; /* it was to be scanned */

	struct local_answer
		local; /* all that fits; of allowed senders those count that are proven */
	bool local_failed;
	const str *authors; /* whom the lists were asked about */
	size_t author_count;

	/* Of those the verdict is made for at the moment (audience.c). */
	const struct local_match *match; /* of a list of our own; NULL: none decides */
	bool allowed;                    /* by such a list */
	bool open; /* refused by one, but the DNS does not tell whether it is allowed */
	double junk_at, reject_at;
	str whose; /* thresholds these are: an address; empty: of all */

	struct findings findings;
	bool may_waive; /* check_allow or check_local has not spoken, and may take penalties back */
	bool exempt;    /* an allow-listed domain, authenticated: no penalty of SPF and DMARC */
	str set;        /* the ARC set to be put before it; empty: none */
	str sealed;     /* "i=2, cv=pass": what that is */
	str unsealed;   /* why there is none; both empty: nobody seals */
	bool arc_trusted; /* a trusted forwarder saw DMARC pass */
	size_t forged;    /* stretches of Authentication-Results in our name */
	struct auth_span *cuts;
	size_t cut_count;
	bool cut_too_far;

	/* What failed in the DNS while the checks ran; the first question. */
	str dns_failed;
};

/* What a check looks at, at most. */
enum check_stage { CHECK_CONNECT, CHECK_ENVELOPE, CHECK_MESSAGE };

/* CHECK_CHEAP ones look at what is there. They have the first word: where that refuses the message
 * for good, the others, which compute much or ask somebody, do not run. */
enum check_cost { CHECK_CHEAP, CHECK_COSTLY };

/* Calls may be NULL. Those of cheap checks: begin and report, one check after the other. Of the
 * others: begin of all, body of all for each piece; then end and report, one check after the other,
 * until nothing can change what is done with the message. */
struct check {
	const char *name;
	enum check_stage stage;
	enum check_cost cost;
	void (*begin)(struct judgement *j);           /* the header is there */
	void (*body)(struct judgement *j, str piece); /* as it comes, in pieces */
	void (*end)(struct judgement *j);             /* asks the DNS */
	void (*report)(struct judgement *j);          /* adds findings */
	void (*done)(struct judgement *j);            /* frees */
};

extern const struct check check_client, check_spf, check_dkim, check_arc, check_dmarc, check_allow,
	check_local, check_results, check_header, check_author, check_bulk, check_uri, check_html,
	check_mime, check_attachment, check_pattern, check_lists, check_virus;

/* The domain of the author (of the first one in From), as from domain_ascii(); empty where there is
 * none. */
str judgement_author_domain(const struct judgement *j);

/* Whether DMARC has passed: the author is who it says. */
bool judgement_is_aligned(const struct judgement *j);

/* Whether both belong to one organization, by the public-suffix list. Both as from
 * domain_ascii(). */
bool same_organization(str a, str b);

/* Adds a finding whose evidence is made as by printf. */
void judgement_find(struct judgement *j, enum finding_name name, const char *format, ...)
	PRINTF(3, 4);

/* Whether the name is one of these domains, or below one; that one then is in *out_domain (may be
 * NULL). */
bool names_contain(const struct config_names *names, str name, str *out_domain);

/* Whether the message is refused, whatever else may be found. */
bool judgement_is_settled(struct judgement *j);

/* The verdict that follows from findings and policies: into *out action, reply, score, why. */
void judgement_decide(struct judgement *j, struct verdict *out);

/* Those among the destinations for whom the same holds. */
struct audience {
	const struct local_match *match, *unproven; /* NULL: none */
	double junk_at, reject_at;                  /* 0: as filter has it */
	size_t first;                               /* destination */
	struct verdict verdict;
	str fields;
};
struct audiences {
	struct audience *list;
	size_t n;
	size_t *of; /* of each destination */
};

/* Seals a message that is taken: into j->set, sealed, unsealed. May wait. */
void judgement_seal(struct judgement *j, struct verdict *verdict);

/* Appends our Authentication-Results. */
void judgement_results(const struct judgement *j, struct buf *text);

/* Marks the smallest set of findings whose absence would change the action, as pivotal. Returns
 * what would be done without them; `action` itself where there is no such set. Of one audience. */
enum judge_action judgement_pivot(struct judgement *j, enum judge_action action);

/* Makes them, and a verdict for each; *out is what becomes of the message as a whole. All in `a`.
 */
void judgement_decide_all(
	struct judgement *j, struct arena *a, struct audiences *out_audiences, struct verdict *out);

/* Asks about client and sender; into *out readers and answer. May wait. */
void local_ask(const struct judge_facts *facts, struct arena *a, struct envelope_result *out);
/* What the lists say early (local_decide_early); code 0: nothing that refuses it. */
struct judge_reply local_early(const struct config_filter *rules, const struct judge_facts *facts,
	const struct envelope_result *e, struct arena *a);
/* Whether they may allow the message, for somebody. */
bool local_may_allow(const struct envelope_result *e);
/* Adds the findings of that audience, and sets what j says of it. */
void local_apply(struct judgement *j, const struct audience *audience);
/* What the sender is told who is blocked. */
struct judge_reply local_refusal(const struct judgement *j, const struct local_match *m);
/* An allow entry that fits for a reader, and that nothing proves; NULL: none. */
const struct local_match *local_unproven(
	const struct judgement *j, const struct local_reader *reader);
enum finding_name local_finding(const struct local_match *m);
/* The thing that a match is about: an address, and what that is of the message. */
str local_thing(const struct judgement *j, const struct local_match *m, const char **out_what);

/* The fields to put before the message: Authentication-Results, X-Virus-Status; and X-Spam-…, of
 * the findings and thresholds that j has now. In the arena. */
str judgement_fields(const struct judgement *j, struct arena *a);
str judgement_spam_fields(
	const struct judgement *j, const struct verdict *verdict, struct arena *a);

/* How a check fared. */
struct check_run {
	const struct check *check;
	int64_t took; /* nanoseconds */
	bool skipped; /* nothing that it could find would have changed anything */
};

/* The decision record, at most JUDGE_RECORD_MAX bytes. */
str judgement_record(const struct judgement *j, const struct verdict *verdict,
	const struct audiences *audiences, const struct check_run *runs, size_t run_count,
	struct arena *a);
