/*
 * spf_internal.h: the state of one SPF check, between spf.c (identity, outcome), spf_eval.c (the
 * records) and spf_match.c (the mechanisms).
 */
#pragma once

#include "mailauth/spf_cover.h"
#include "mailauth/spf_macro.h"
#include "mailauth/spf_record.h"

enum {
	SPF_RECORD_MAX = 65535,         /* RDATA cannot be longer */
	SPF_WORK_MAX = 2 * 1024 * 1024, /* records of 12 domains, frames, names */
	SPF_ANSWER_MAX = 1024 * 1024,   /* one answer; it is freed before the next question */
};

/* A record in evaluation. The stack of them is a list, since "include" nests as deep as there are
 * terms that ask. A redirect takes the place of the record that it stands in. */
struct spf_frame {
	struct spf_frame *up; /* the record with the include, NULL: none */
	str domain;
	struct spf_record record;
	str rest;                /* terms to come */
	struct spf_term include; /* which the frame above this one is evaluated for */
	struct spf_cover cover;
};

enum spf_name_state { SPF_NAME_UNTRIED, SPF_NAME_VALID, SPF_NAME_INVALID };

/* The names of the client's address (§5.5), asked for once. */
struct spf_names {
	bool asked;
	size_t n;
	str name[SPF_NAMES_MAX];
	enum spf_name_state state[SPF_NAMES_MAX];
};

struct spf_check {
	const struct dns *dns;
	const struct spf_query *query;
	struct arena *a;   /* the caller's, for the outcome */
	struct arena work; /* ours */
	struct spf_outcome *out;
	struct spf_macros macros;
	struct spf_frame *top;
	struct spf_names names;
	bool last_question_asked; /* but for names of the client */
	unsigned mx_questions;    /* of out->questions: addresses of MX hosts */
	int64_t deadline;         /* INT64_MAX: none */
	struct spf_step *steps;
};

enum spf_match {
	SPF_MATCH,
	SPF_NO_MATCH,
	SPF_ENTER, /* a record of another domain is to be evaluated first */
	SPF_STOP,  /* out->result says how it ends, out->problem why */
};

/* A copy for the outcome: cut after max, in printable ASCII. */
str spf_shown(struct spf_check *c, str s, size_t max);
void spf_step(struct spf_check *c, str domain, str term, const char *format, ...) PRINTF(4, 5);
/* Ends the check with an error, found in the record of top. */
enum spf_match spf_stop(struct spf_check *c, enum spf_result result, str term, const char *format,
	...) PRINTF(4, 5);

/* A name that cannot be asked for does not exist. Over time: temporary. */
void spf_ask(
	struct spf_check *c, enum dns_type type, str name, struct arena *a, struct dns_answer *out);
/* The name that a domain-spec of the top frame stands for; of an empty one: the frame's domain. */
str spf_target(struct spf_check *c, str spec);

/* spf_match.c: whether a mechanism of the top frame matches. */
enum spf_match spf_match(struct spf_check *c, const struct spf_term *term);
/* Counts a term that asks the DNS. SPF_STOP beyond the limit, else SPF_NO_MATCH. */
enum spf_match spf_count_term(struct spf_check *c, const struct spf_term *term);
/* What the terms that were not evaluated would let pass, as far as no question is needed. */
void spf_cover_rest(struct spf_check *c, struct spf_frame *f);

/* spf_eval.c: sets result, mechanism, worthless. */
void spf_evaluate(struct spf_check *c);
