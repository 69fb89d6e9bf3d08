/*
 * audience.c: one message, and several who get it. An account has lists and thresholds of its own,
 * and so has a domain; destinations for which the same holds are one audience, and get one verdict.
 *
 * But the sender gets one reply. So the message is refused where all refuse it, and kept aside
 * where nobody would take it; where only some would not, it goes to their Junk. What is put off for
 * one is put off for all: it comes again.
 */
#include "filter/check.h"

enum {
	/* Beyond that, others have the thresholds of all; then only what lists say makes a
	 * difference, and there are at most as many more as kinds of entries. */
	AUDIENCES_BY_THRESHOLD = 32,
	AUDIENCES_MAX = AUDIENCES_BY_THRESHOLD + 16,
};

static bool same_match(const struct local_match *a, const struct local_match *b)
{
	return a == b || (a && b && a->list == b->list && a->kind == b->kind);
}

static bool same_lists(const struct audience *a, const struct audience *b)
{
	return same_match(a->match, b->match) && !a->unproven == !b->unproven;
}

static size_t find_audience(const struct audiences *all, const struct audience *like)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct audience *a = &all->list[i];
		if (a->junk_at == like->junk_at && a->reject_at == like->reject_at &&
			same_lists(a, like))
			return i;
	}
	return all->n;
}

static size_t add_audience(struct audiences *all, struct audience own)
{
	size_t at = find_audience(all, &own);
	if (at == all->n && at >= AUDIENCES_BY_THRESHOLD) {
		own.junk_at = own.reject_at = 0;
		at = find_audience(all, &own);
	}
	if (at == all->n) {
		ASSERT(all->n < AUDIENCES_MAX);
		all->list[all->n++] = own;
	}
	return at;
}

static void make_audiences(struct judgement *j, struct arena *a, struct audiences *out)
{
	const struct envelope_result *e = j->envelope;
	*out = (struct audiences){ .list = arena_array(a, struct audience, AUDIENCES_MAX),
		.of = arena_array(a, size_t, e->reader_count) };
	for (size_t i = 0; i < e->reader_count; i++) {
		struct audience own = { .match = local_decide(&j->local, &e->readers[i]),
			.unproven = local_unproven(j, &e->readers[i]),
			.first = i };
		if (i < j->facts->destination_count) {
			own.junk_at = j->facts->destinations[i].junk_at;
			own.reject_at = j->facts->destinations[i].reject_at;
		}
		out->of[i] = add_audience(out, own);
	}
}

static void decide_for(struct judgement *j, struct audience *who, struct arena *a)
{
	j->junk_at = who->junk_at ? who->junk_at : j->rules->junk_at;
	j->reject_at = who->reject_at ? who->reject_at : j->rules->reject_at;
	j->whose = who->junk_at || who->reject_at ? j->facts->destinations[who->first].recipient
						  : STR_EMPTY;
	local_apply(j, who);
	judgement_decide(j, &who->verdict);
	who->fields = judgement_spam_fields(j, &who->verdict, a);
}

/* Each without the findings of the one before. */
static void decide_apart(struct judgement *j, struct audiences *all, struct arena *a)
{
	size_t n = j->findings.n;
	struct finding *kept = arena_array(j->arena, struct finding, n + 1);
	memcpy(kept, j->findings.list, n * sizeof *kept);
	for (size_t i = 0; i < all->n; i++) {
		memcpy(j->findings.list, kept, n * sizeof *kept);
		j->findings.n = n;
		decide_for(j, &all->list[i], a);
	}
	/* The record has those of all. */
	memcpy(j->findings.list, kept, n * sizeof *kept);
	j->findings.n = n;
	for (size_t i = 0; i < all->n; i++)
		local_apply(j, &all->list[i]);
	j->junk_at = j->rules->junk_at;
	j->reject_at = j->rules->reject_at;
	j->whose = STR_EMPTY;
}

static size_t count(const struct audiences *all, enum judge_action action)
{
	size_t n = 0;
	for (size_t i = 0; i < all->n; i++)
		n += all->list[i].verdict.action == action;
	return n;
}

static const struct audience *first_with(const struct audiences *all, enum judge_action action)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->list[i].verdict.action == action)
			return &all->list[i];
	return NULL;
}

/* Who would refuse it, or keep it aside, gets it into Junk, since others take it. */
static void soften(struct audiences *all, struct arena *a)
{
	for (size_t i = 0; i < all->n; i++) {
		struct verdict *v = &all->list[i].verdict;
		if (v->action != JUDGE_REJECT && v->action != JUDGE_QUARANTINE)
			continue;
		v->why = arena_printf(a, "%s, but for others who take it: %.*s",
			v->action == JUDGE_REJECT ? "refused" : "kept aside", STR_ARG(v->why));
		v->action = JUDGE_JUNK;
		v->reply = (struct judge_reply){ .text = STR_EMPTY };
	}
}

static void merge(struct audiences *all, struct arena *a, struct verdict *out)
{
	const struct audience *later = first_with(all, JUDGE_TEMPFAIL);
	const struct audience *aside = first_with(all, JUDGE_QUARANTINE);
	size_t refusals = count(all, JUDGE_REJECT);
	if (later || refusals == all->n) {
		*out = later ? later->verdict : all->list[0].verdict;
		return;
	}
	if (aside && refusals + count(all, JUDGE_QUARANTINE) == all->n) {
		*out = aside->verdict;
		return;
	}
	soften(all, a);
	const struct audience *best = first_with(all, JUDGE_ACCEPT);
	best = best ? best : &all->list[0];
	*out = best->verdict;
	if (count(all, best->verdict.action) != all->n)
		out->why = STR("it is not the same for all");
}

static void tell_apart(const struct judgement *j, const struct audiences *all, struct arena *a,
	struct verdict *out)
{
	size_t n = j->envelope->reader_count;
	uint64_t *actions = arena_array(a, uint64_t, n), *own = arena_array(a, uint64_t, n);
	str *fields = arena_array(a, str, all->n);
	for (size_t i = 0; i < n; i++) {
		actions[i] = all->list[all->of[i]].verdict.action;
		own[i] = all->of[i];
	}
	for (size_t i = 0; i < all->n; i++)
		fields[i] = all->list[i].fields;
	out->actions = actions;
	out->own = own;
	out->own_fields = fields;
	out->own_count = all->n;
}

void judgement_decide_all(
	struct judgement *j, struct arena *a, struct audiences *out_audiences, struct verdict *out)
{
	struct audiences all;
	make_audiences(j, a, &all);
	if (all.n == 1)
		decide_for(j, &all.list[0], a);
	else
		decide_apart(j, &all, a);
	merge(&all, a, out);
	out->without = all.n == 1 ? judgement_pivot(j, out->action) : out->action;
	if (all.n > 1 && out->action != JUDGE_QUARANTINE)
		tell_apart(j, &all, a, out);
	*out_audiences = all;
}
