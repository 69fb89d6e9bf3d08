/*
 * list_answer.c: what the answers mean.
 */
#include "filter/list_health.h"
#include "filter/lists.h"

static unsigned octet(uint32_t address, size_t i)
{
	return address >> (24 - 8 * i) & 255;
}

bool list_reply_matches(const struct config_list_reply *reply, uint32_t answer)
{
	for (size_t i = 0; i < 4; i++)
		if (octet(answer, i) < reply->low[i] || octet(answer, i) > reply->high[i])
			return false;
	return (answer & reply->mask) == reply->mask;
}

void list_batch_begin(struct list_batch *b)
{
	if (!b->access || b->begun == b->n)
		return;
	const struct list_asker *asker = &b->access->asker;
	b->deadline = asker->now(asker->context) + b->config->filter.lists_timeout;
	asker->begin(asker->context, b);
	b->begun = b->n;
}

static str address_text(uint32_t address, struct arena *a)
{
	return arena_printf(a, "%u.%u.%u.%u", octet(address, 0), octet(address, 1),
		octet(address, 2), octet(address, 3));
}

static struct list_result *new_result(
	const struct list_question *q, struct arena *a, struct list_results *out)
{
	if (out->n == out->max) {
		out->truncated = true;
		return NULL;
	}
	struct list_result *r = &out->items[out->n++];
	*r = (struct list_result){ .list = arena_str(a, q->list->name),
		.label = STR_EMPTY,
		.of = q->of,
		.thing = arena_str(a, q->thing),
		.answer = STR_EMPTY,
		.text = STR_EMPTY,
		.why = STR_EMPTY,
		.took = q->took };
	return r;
}

static void take_reply(const struct list_question *q, const struct config_list_reply *reply,
	struct arena *a, struct list_result *r)
{
	bool received = q->of == CONFIG_OF_RECEIVED;
	r->label = arena_printf(a, "%.*s%s%.*s%s", STR_ARG(q->list->name), reply->name.n ? "_" : "",
		STR_ARG(reply->name), received ? "_RECEIVED" : "");
	r->text = reply->text.n ? arena_str(a, reply->text) : STR_EMPTY;
	r->score = received ? reply->received_score : reply->score;
}

/* The first answer that has this meaning; answer_count: none. */
static size_t answer_with(const struct list_question *q, const struct config_list_reply *reply)
{
	size_t i = 0;
	while (i < q->answer_count && !list_reply_matches(reply, q->answers[i]))
		i++;
	return i;
}

/* Each reply once, in the order of the configuration: that of the answers changes from one to the
 * next. An answer that is none of them has no label. */
static void take_answers(const struct list_question *q, struct arena *a, struct list_results *out)
{
	bool known[LIST_ANSWERS_MAX] = { false };
	for (size_t k = 0; k < q->list->reply_count; k++) {
		const struct config_list_reply *reply = &q->list->replies[k];
		for (size_t i = 0; i < q->answer_count; i++)
			known[i] |= list_reply_matches(reply, q->answers[i]);
		size_t first = answer_with(q, reply);
		struct list_result *r = first < q->answer_count ? new_result(q, a, out) : NULL;
		if (!r)
			continue;
		r->answer = address_text(q->answers[first], a);
		take_reply(q, reply, a, r);
	}
	for (size_t i = 0; i < q->answer_count; i++) {
		struct list_result *r = known[i] ? NULL : new_result(q, a, out);
		if (r)
			r->answer = address_text(q->answers[i], a);
	}
}

static void take_question(const struct list_question *q, struct arena *a, struct list_results *out)
{
	struct list_result *r;
	if (dns_failed(q->status)) {
		if ((r = new_result(q, a, out)))
			r->why = STR("no answer");
		return;
	}
	for (size_t i = 0; i < q->answer_count; i++) {
		const char *fault = list_answer_fault(q->list, q->answers[i]);
		if (!fault)
			continue;
		if ((r = new_result(q, a, out))) {
			r->answer = address_text(q->answers[i], a);
			r->why = str_from_z(fault);
		}
		return;
	}
	if (q->status == DNS_FOUND)
		take_answers(q, a, out);
	else if (q->of & CONFIG_OF_CLIENT)
		(void)new_result(q, a, out);
}

void list_batch_finish(struct list_batch *b, struct arena *a, struct list_results *out)
{
	*out = (struct list_results){ 0 };
	if (!b->access || b->n == 0)
		return;
	list_batch_begin(b);
	const struct list_asker *asker = &b->access->asker;
	asker->finish(asker->context, b);
	int64_t now = asker->now(asker->context);
	out->max = MIN(b->n * LIST_ANSWERS_MAX, (size_t)LIST_RESULTS_MAX);
	out->items = arena_array(a, struct list_result, out->max);
	out->asked = (unsigned)b->n;
	out->truncated = b->truncated;
	for (size_t i = 0; i < b->n; i++) {
		lists_saw(b->access->lists, b->items[i].list, &b->items[i], now);
		take_question(&b->items[i], a, out);
	}
}
