#include "filter/list_health.h"

#include "base/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct lists {
	const struct log *log;
	struct event *changed;
	const struct config *config;                /* a reference; NULL before the first */
	struct list_health items[CONFIG_LISTS_MAX]; /* in the order of config->filter.lists */
	size_t n;
};

struct lists *lists_new(const struct log *log, struct event *changed)
{
	struct lists *l = xcalloc(1, sizeof *l);
	l->log = log;
	l->changed = changed;
	return l;
}

static void forget(struct lists *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->items[i].suffix);
	l->n = 0;
}

void lists_free(struct lists *l)
{
	if (!l)
		return;
	forget(l);
	config_unref(l->config);
	free(l);
}

/* Or l->n. */
static size_t place_of(const struct lists *l, str suffix)
{
	size_t i = 0;
	while (i < l->n && !str_equal(str_from_z(l->items[i].suffix), suffix))
		i++;
	return i;
}

static struct list_health *find(struct lists *l, str suffix)
{
	size_t i = place_of(l, suffix);
	return i < l->n ? &l->items[i] : NULL;
}

const struct list_health *lists_health(const struct lists *l, const struct config_list *list)
{
	size_t i = place_of(l, list->suffix);
	return i < l->n ? &l->items[i] : NULL;
}

void lists_configure(struct lists *l, const struct config *config)
{
	const struct config_lists *next = &config->filter.lists;
	struct lists *old = xmalloc(sizeof *old); /* too large for the stack of a task */
	*old = *l;
	for (size_t i = 0; i < next->n; i++) {
		const struct list_health *known = find(old, next->items[i].suffix);
		l->items[i] = known ? *known : (struct list_health){ 0 };
		l->items[i].suffix = str_dup_z(next->items[i].suffix);
		if (l->items[i].state == LIST_BROKEN)
			l->items[i].tries = 0, l->items[i].check_at = 0;
	}
	l->n = next->n;
	l->config = config_ref(config);
	forget(old);
	config_unref(old->config);
	free(old);
	if (l->changed)
		event_set(l->changed);
}

/* ── What an answer says ──────────────────────────────────────────────────────────────────── */

/* Codes that Spamhaus began with, and others follow: none of them is a listing. */
static const struct {
	uint32_t answer;
	const char *why;
} errors[] = {
	{ 0x7ffffffc, "it says that its name is mistyped (127.255.255.252): correct the zone" },
	{ 0x7ffffffa, "it says that the key is not valid, or blocked (127.255.255.250)" },
	{ 0x7ffffffe, "it does not answer public resolvers (127.255.255.254): leave "
		      "resolver.forward empty, "
		      "or ask with a key of your own" },
	{ 0x7fffffff, "it got too many questions from here (127.255.255.255): ask who runs it for "
		      "a key" },
	{ 0x7f000001, "it refuses to answer (127.0.0.1): leave resolver.forward empty, or ask who "
		      "runs it "
		      "for a key" },
};

const char *list_answer_fault(const struct config_list *list, uint32_t answer)
{
	for (size_t i = 0; i < ARRAY_LEN(errors); i++)
		if (errors[i].answer == answer)
			return errors[i].why;
	if (answer >> 8 == 0x7fffff)
		return "it answers with an error (127.255.255.x): who runs it says which";
	if (answer >> 24 != 127)
		return "it answers with addresses that no list has: its zone may have another "
		       "owner now";
	for (size_t i = 0; i < list->reply_count; i++)
		if (list->replies[i].refusal && list_reply_matches(&list->replies[i], answer))
			return "it refuses to answer: ask who runs it for a key";
	return NULL;
}

static const char *fault_of(const struct list_question *q)
{
	for (size_t i = 0; i < q->answer_count; i++) {
		const char *fault = list_answer_fault(q->list, q->answers[i]);
		if (fault)
			return fault;
	}
	return NULL;
}

/* ── From one state to the next ───────────────────────────────────────────────────────────── */

static const struct config_list *list_of(const struct lists *l, const struct list_health *h)
{
	return &l->config->filter.lists.items[h - l->items];
}

/* Tried again after a tenth of the interval, doubled each time, up to the whole. */
static int64_t retry_delay(const struct lists *l, unsigned tries)
{
	int64_t interval = l->config->filter.lists_check, delay = interval / 10;
	for (unsigned i = 1; i < tries && delay < interval; i++)
		delay *= 2;
	return MIN(delay, interval);
}

static void broken(struct lists *l, struct list_health *h, const char *why, int64_t now)
{
	const struct config_list *list = list_of(l, h);
	bool news = h->state != LIST_BROKEN;
	h->tries++;
	h->changed_at = news ? now : h->changed_at;
	h->state = LIST_BROKEN;
	h->check_at = now + retry_delay(l, h->tries);
	snprintf(h->why, sizeof h->why, "%s", why);
	if (news)
		log_warning(l->log, "a list is broken, it counts for nothing until it works again",
			F_STR("list", list->name), F_STR("zone", list->zone), F_Z("why", h->why));
}

static void works(struct lists *l, struct list_health *h, int64_t now)
{
	const struct config_list *list = list_of(l, h);
	h->changed_at = h->state == LIST_WORKING ? h->changed_at : now;
	if (h->state == LIST_BROKEN)
		log_info(l->log, "a list works again", F_STR("list", list->name),
			F_STR("zone", list->zone));
	else if (h->state == LIST_UNCHECKED)
		log_debug(l->log, "a list works", F_STR("list", list->name),
			F_STR("zone", list->zone));
	h->state = LIST_WORKING;
	h->why[0] = '\0';
	h->tries = h->failures = 0;
	h->check_at = now + l->config->filter.lists_check;
}

static void count(struct list_health *h, const struct list_question *q, const char *fault)
{
	h->questions++;
	h->hits += !fault && q->status == DNS_FOUND;
	h->unanswered += dns_failed(q->status);
	h->took += q->took;
}

void lists_saw(
	struct lists *l, const struct config_list *list, const struct list_question *q, int64_t now)
{
	struct list_health *h = find(l, list->suffix);
	const char *fault = fault_of(q);
	if (h)
		count(h, q, fault);
	if (!h || h->state != LIST_WORKING)
		return; /* a check will tell */
	if (fault) {
		broken(l, h, fault, now);
	} else if (!dns_failed(q->status)) {
		h->failures = 0;
	} else if (++h->failures == LIST_FAILURES_MAX) {
		h->failures = 0;
		broken(l, h, "it does not answer", now);
	}
	if (h->state == LIST_BROKEN && l->changed)
		event_set(l->changed);
}

/* ── Checks ───────────────────────────────────────────────────────────────────────────────── */

int64_t lists_next_check(const struct lists *l)
{
	int64_t next = NEVER;
	for (size_t i = 0; i < l->n; i++)
		next = MIN(next, l->items[i].check_at);
	return next;
}

/* The name of a test entry; empty: there is none. */
static str test_name(const struct config_list *list, bool listed, struct arena *a)
{
	str own = listed ? list->listed : list->unlisted;
	bool names = list->kinds & (CONFIG_LIST_DOMAIN | CONFIG_LIST_HOST);
	if (own.n == 0 && !names && list->kinds & (CONFIG_LIST_IPV4 | CONFIG_LIST_IPV6))
		own = listed ? STR("2.0.0.127") : STR("1.0.0.127");
	else if (own.n == 0 && names)
		own = listed ? STR("test") : STR("invalid");
	return own.n ? arena_printf(a, "%.*s.%.*s", STR_ARG(own), STR_ARG(list->suffix))
		     : STR_EMPTY;
}

/* `of` tells the two tests of a list apart. */
enum { TEST_LISTED = 1, TEST_UNLISTED = 2 };

static void add_test(struct list_batch *b, const struct config_list *list, unsigned test)
{
	str name = test_name(list, test == TEST_LISTED, b->arena);
	if (name.n && dns_name_is_askable(name))
		b->items[b->n++] = (struct list_question){ .list = list,
			.of = test,
			.thing = STR_EMPTY,
			.name = name,
			.status = DNS_TEMPORARY };
}

/* What is wrong with the answers to the tests; NULL: nothing. */
static const char *verdict(const struct list_question *listed, const struct list_question *unlisted)
{
	const char *fault = listed ? fault_of(listed) : NULL;
	if (!fault && unlisted)
		fault = fault_of(unlisted);
	if (fault)
		return fault;
	if ((listed && dns_failed(listed->status)) || (unlisted && dns_failed(unlisted->status)))
		return "it does not answer";
	if (unlisted && unlisted->status == DNS_FOUND)
		return "it lists what must not be listed: it may have been closed";
	if (listed && listed->status != DNS_FOUND)
		return "its test entry is not listed: it may have been closed, or the zone is not "
		       "its name";
	return NULL;
}

/* Checks what stands in the batch: one or two questions for each list, in their order. */
static void take_verdicts(struct lists *l, const struct list_batch *b, int64_t now)
{
	for (size_t i = 0; i < b->n;) {
		const struct list_question *q = &b->items[i], *listed = NULL, *unlisted = NULL;
		struct list_health *h = find(l, q->list->suffix);
		for (; i < b->n && b->items[i].list == q->list; i++)
			*(b->items[i].of == TEST_LISTED ? &listed : &unlisted) = &b->items[i];
		const char *why = verdict(listed, unlisted);
		if (h && why)
			broken(l, h, why, now);
		else if (h)
			works(l, h, now);
	}
}

void lists_check(struct lists *l, const struct list_asker *asker)
{
	struct arena arena CLEANUP(arena_done) = ARENA_INIT(256 * 1024);
	const struct config *config = config_ref(l->config);
	struct list_access access = { l, *asker };
	struct list_batch b;
	list_batch_init(&b, &access, config, &arena);
	int64_t now = asker->now(asker->context);
	for (size_t i = 0; i < l->n; i++) {
		struct list_health *h = &l->items[i];
		const struct config_list *list = &config->filter.lists.items[i];
		if (h->check_at > now)
			continue;
		size_t before = b.n;
		add_test(&b, list, TEST_LISTED);
		add_test(&b, list, TEST_UNLISTED);
		if (b.n == before)
			works(l, h, now); /* nothing to be tested by */
	}
	if (b.n) {
		list_batch_begin(&b);
		asker->finish(asker->context, &b);
		take_verdicts(l, &b, asker->now(asker->context));
	}
	config_unref(config);
}

/* ── How they are ─────────────────────────────────────────────────────────────────────────── */

void lists_stats(const struct lists *l, int64_t now, int64_t wall, struct json *j)
{
	static const char *const states[] = { "unchecked", "working", "broken" };
	json_array(j, "lists");
	for (size_t i = 0; i < l->n; i++) {
		const struct list_health *h = &l->items[i];
		const struct config_list *list = list_of(l, h);
		json_object(j, NULL);
		json_str(j, "name", list->name);
		json_str(j, "zone", list->zone);
		json_str(j, "state", str_from_z(states[h->state]));
		if (h->state != LIST_UNCHECKED)
			json_i64(j, "since", wall - (now - h->changed_at) / NSEC_PER_SEC);
		if (h->state == LIST_BROKEN)
			json_str(j, "why", str_from_z(h->why));
		json_i64(j, "questions", (int64_t)h->questions);
		json_i64(j, "hits", (int64_t)h->hits);
		json_i64(j, "unanswered", (int64_t)h->unanswered);
		json_i64(j, "took_us", h->took / 1000);
		json_end(j);
	}
	json_end(j);
}
