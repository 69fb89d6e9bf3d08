/*
 * list_health.h: whether the lists in the DNS work. Each is asked about what must be listed and
 * what must not (RFC 5782 §5): when it is new, every filter.lists_check, and after it has answered
 * with an error. A list that is broken counts for nothing until it passes again.
 *
 *                 passes                      fails; an error in an answer; no answers
 *     UNCHECKED ─────────▶ WORKING ──────────────────────────────────────▶ BROKEN
 *         │                   ▲                 passes                       │ │ fails: later
 *         │ fails             └──────────────────────────────────────────────┘ ▼
 *         └──────────────────────────────────────────────────────────────▶ BROKEN
 *
 * One struct lists a process; in no other thread. Does not wait but in lists_check().
 */
#pragma once

#include "base/json.h"
#include "filter/lists.h"
#include "io/task.h"

enum list_state { LIST_UNCHECKED, LIST_WORKING, LIST_BROKEN };

struct list_health {
	char *suffix; /* which list; owned */
	enum list_state state;
	char why[200];     /* BROKEN: for a person */
	unsigned failures; /* questions in a row without an answer */
	unsigned tries;    /* checks in a row that failed */
	int64_t check_at;
	int64_t changed_at; /* when it got into this state */
	/* Questions about messages since it was first configured, the answers that were listings,
	 * those that did not come in time, and how long all took. */
	uint64_t questions, hits, unanswered;
	int64_t took;
};

enum { LIST_FAILURES_MAX = 3 };

/* `changed` is set when a check has become due earlier; may be NULL. Both must outlive it. */
struct lists *lists_new(const struct log *log, struct event *changed) MUST_USE;
void lists_free(struct lists *l); /* NULL is fine */

/* By this configuration from now on. What is known of lists that stay, stays; those that are new,
 * and those that are broken, are due. */
void lists_configure(struct lists *l, const struct config *config);

/* NULL: a list that is not in the current configuration. */
const struct list_health *lists_health(const struct lists *l, const struct config_list *list);

/* What an answer says about its list. */
void lists_saw(struct lists *l, const struct config_list *list, const struct list_question *q,
	int64_t now);

/* Why an answer is none: "it refuses questions …"; NULL: it is one. */
const char *list_answer_fault(const struct config_list *list, uint32_t answer);

/* When the next check is due; NEVER. */
int64_t lists_next_check(const struct lists *l);

/* Checks all that are due. Waits as the asker does. */
void lists_check(struct lists *l, const struct list_asker *asker);

/* Writes the array "lists": how each is, and what it was asked. now: of the lists' clock; wall: the
 * same in seconds since 1970. */
void lists_stats(const struct lists *l, int64_t now, int64_t wall, struct json *j);
