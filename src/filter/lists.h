/*
 * lists.h: asks lists in the DNS (RFC 5782) about a message: block lists and allow lists of
 * addresses, of domains, of hashes. What is asked where stands in filter.lists.
 *
 *     batch ◀── list_add_…() what is to be asked: each question once, bounded
 *       │ list_batch_begin()     all at once; the caller goes on
 *       │ list_batch_finish()    waits for what is open; filter.lists_timeout at most
 *       ▼
 *     list_results ──▶ findings, the record
 *
 * A list that does not work is asked nothing and counts for nothing: list_health.h. Names that are
 * asked may hold a key; they are never shown.
 */
#pragma once

#include "base/arena.h"
#include "base/config.h"
#include "mailauth/dns.h"

struct lists;

enum {
	LIST_QUESTIONS_MAX = 200, /* of one batch */
	LIST_URI_NAMES_MAX = 30,  /* different names of URIs that are asked about */
	LIST_ANSWERS_MAX = 8,     /* records of one answer that are looked at */
	LIST_RESULTS_MAX = 100,   /* that are kept of one batch */
};

struct list_question {
	const struct config_list *list;
	unsigned of; /* enum config_list_of */
	str thing;   /* what people see: "192.0.2.1" */
	str name;    /* what is asked */
	/* The answer; until it comes: temporary. */
	enum dns_status status;
	uint32_t answers[LIST_ANSWERS_MAX]; /* IPv4, as numbers */
	size_t answer_count;
	int64_t took;
};

struct list_batch;

/* How questions are asked. */
struct list_asker {
	/* Sends those from b->begun on, to be answered by the deadline (of the lists' clock); does
	 * not wait. */
	void (*begin)(void *context, struct list_batch *b);
	/* Waits, and fills in the answers that came. */
	void (*finish)(void *context, struct list_batch *b);
	int64_t (*now)(void *context);
	void *context;
};

/* The lists as one call of the filter has them. */
struct list_access {
	struct lists *lists;
	struct list_asker asker;
};

struct list_batch {
	const struct list_access *access; /* NULL: nothing is asked */
	const struct config *config;
	struct arena *arena;
	struct list_question *items;
	size_t n, begun;
	int64_t deadline;
	str ours;     /* a domain of ours, beside the server's own: not asked about */
	unsigned hop; /* which Received field what is added stands in, from 0 */
	unsigned uri_names;
	bool truncated; /* not all that was there is asked about */
	void *job;      /* the asker's */
};

/* One thing, and one reply that it got. */
struct list_result {
	str list;  /* its name: "ZEN" */
	str label; /* of the finding: "ZEN_SBL"; empty: nothing that counts */
	unsigned of;
	str thing;
	str answer; /* "127.0.0.2"; empty: not listed, or no answer */
	str text;   /* what the reply means */
	str why;    /* why there is no answer, or none that can be used; else empty */
	double score;
	int64_t took;
};

struct list_results {
	struct list_result *items;
	size_t n, max;
	unsigned asked;
	bool truncated;
};

/* Room for LIST_QUESTIONS_MAX questions comes from the arena: it, and the configuration, must
 * outlive the batch. access may be NULL. */
void list_batch_init(struct list_batch *b, const struct list_access *access,
	const struct config *config, struct arena *arena);

/* Add questions to all lists that are asked about such things. Private addresses, those of
 * filter.lists_skip, and what is no name that a domain could have are left out. */
void list_add_ip(struct list_batch *b, enum config_list_of of, const struct ip *ip);
void list_add_name(struct list_batch *b, enum config_list_of of, str name);
/* A mail address; its domain too. */
void list_add_address(struct list_batch *b, enum config_list_of of, str address);

/* May be called again for what was added since: that has filter.lists_timeout of its own, so that
 * what comes late does not count as not answered. */
void list_batch_begin(struct list_batch *b);
/* What came of it, with copies of all texts in `a`; the health of the lists follows. */
void list_batch_finish(struct list_batch *b, struct arena *a, struct list_results *out);

/* Whether an answer (as a number) has that meaning. */
bool list_reply_matches(const struct config_list_reply *reply, uint32_t answer);
