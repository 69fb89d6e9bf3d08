/*
 * list_testing.h: lists over a table of DNS answers, for tests and fuzzers: questions are asked one
 * after the other when their answers are waited for.
 */
#pragma once

#include "filter/list_health.h"
#include "mailauth/dns.h"

struct testing_lists {
	struct lists *lists;
	const struct dns *dns;
	struct list_access access;
	unsigned asked;
	int64_t later; /* added to the clock */
};

static inline void testing_lists_begin(void *context, struct list_batch *b)
{
}

static inline void testing_lists_finish(void *context, struct list_batch *b)
{
	struct testing_lists *l = context;
	for (size_t i = 0; i < b->n; i++) {
		struct arena arena CLEANUP(arena_done) = ARENA_INIT(64 * 1024);
		struct list_question *q = &b->items[i];
		struct dns_answer answer;
		l->asked++;
		dns_lookup(l->dns, DNS_TYPE_A, q->name, &arena, &answer);
		q->status = answer.status;
		for (size_t k = 0; k < answer.n && k < LIST_ANSWERS_MAX; k++) {
			const unsigned char *p = &answer.records[k].ip.bytes[12];
			q->answers[q->answer_count++] = (uint32_t)p[0] << 24 |
							(uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 |
							p[3];
		}
	}
}

static inline int64_t testing_lists_now(void *context)
{
	const struct testing_lists *l = context;
	return (l->dns->now ? l->dns->now(l->dns->context) : 0) + l->later;
}

/* With the lists of that configuration, checked once. */
static inline void testing_lists_init(
	struct testing_lists *l, const struct dns *dns, const struct config *config)
{
	static const struct log no_log;
	*l = (struct testing_lists){ .lists = lists_new(&no_log, NULL), .dns = dns };
	l->access = (struct list_access){ l->lists,
		{ testing_lists_begin, testing_lists_finish, testing_lists_now, l } };
	lists_configure(l->lists, config);
	lists_check(l->lists, &l->access.asker);
	l->asked = 0;
}

static inline void testing_lists_done(struct testing_lists *l)
{
	lists_free(l->lists);
}
