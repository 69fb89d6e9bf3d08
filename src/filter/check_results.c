/*
 * check_results.c: fields from outside that pretend to be ours, to be cut out: Authentication-
 * Results (RFC 8601 §5; hostname is ours even where auth.authserv_id is another name), and
 * X-Spam-… and X-Virus-Status, which say what somebody else thought of the message.
 */
#include "filter/check.h"

/* Stretches in order, without room between them where they touch. */
struct spans {
	struct auth_span *list;
	size_t n;
};

static void add_span(struct spans *s, struct auth_span span)
{
	struct auth_span *last = s->n ? &s->list[s->n - 1] : NULL;
	if (last && last->offset + last->n == span.offset)
		last->n += span.n;
	else
		s->list[s->n++] = span;
}

/* Fields of verdicts: those from outside are not believed. */
static bool is_ours(str name)
{
	return str_starts_nocase(name, STR("X-Spam-")) ||
	       str_equal_nocase(name, STR("X-Virus-Status"));
}

static size_t count_fields(str header)
{
	struct header_field field;
	size_t n = 0;
	for (size_t at = 0; header_next(header, &at, &field);)
		n += is_ours(field.name);
	return n;
}

/* The forged results, with the fields that are ours in between. */
static struct spans merge(str header, const struct auth_span *results, size_t n, struct arena *a)
{
	struct spans all = { .list = arena_array(a, struct auth_span, n + count_fields(header)) };
	struct header_field field;
	size_t next = 0;
	for (size_t at = 0; header_next(header, &at, &field);) {
		while (next < n && results[next].offset < field.offset)
			add_span(&all, results[next++]);
		if (is_ours(field.name))
			add_span(&all, (struct auth_span){ field.offset, field.raw.n });
	}
	while (next < n)
		add_span(&all, results[next++]);
	return all;
}

static void begin(struct judgement *j)
{
	str ids[] = { j->config->hostname, j->auth->authserv_id };
	struct auth_span *forged;
	j->forged = auth_results_find_forged(
		j->header, ids, j->auth->authserv_id.n ? 2 : 1, j->arena, &forged);
	struct spans all = merge(j->header, forged, j->forged, j->arena);
	j->cuts = all.list;
	j->cut_count = all.n;
	j->cut_too_far =
		all.n && all.list[all.n - 1].offset + all.list[all.n - 1].n > JUDGE_CUT_MAX;
}

static void report(struct judgement *j)
{
	if (j->forged)
		judgement_find(j, FINDING_RESULTS_FORGED, "%zu removed", j->forged);
}

const struct check check_results = { .name = "results",
	.stage = CHECK_MESSAGE,
	.cost = CHECK_CHEAP,
	.begin = begin,
	.report = report };
